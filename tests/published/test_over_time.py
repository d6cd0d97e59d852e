"""Alternatives over time, by hand: a fleet at a fixed price against tokens whose bill grows with the traffic.

One machine at $1 an hour is $730.50 a month of 365.25/12 days. 1,000 requests a day at $0.0075 (GPT-4o: 1,000 tokens in
at $2.50 and 500 out at $10 a million, openai.com/api/pricing) are $228.28 a month at launch. With growth of 10 % a month,
compounded through it, month m takes 228.28 x 0.1 / ln 1.1 x 1.1^(m - 1) = $239.51 x 1.1^(m - 1): more than the machine from
month 13 on, as 1.1^12 = 3.138 is above 730.5 / 239.51 = 3.050 and 1.1^11 = 2.853 below it. Both have taken the same when
228.28 / ln 1.1 x (1.1^t - 1) = 730.5 t, at t = 21.01 months.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api
from llmcost.errors import LlmcostError
from llmcost.estimate.compare.answer import Table
from llmcost.estimate.compare.ranked import Ranked
from llmcost.estimate.compare.sentence import headline
from tests.conftest import Cli

MONTH = 365.25 / 12
MACHINE: dict[str, Any] = {
    "tokens_per_second": "1M/s", "gpus": 1, "price": "1/h", "hardware": "h100-sxm", "utilization": "50%", "isl": 1000,
    "osl": 500, "requests": "1k/day", "horizon": "5y", "against": ["api:openai/gpt-4o"],
}  # fmt: skip


def test_tokens_now_and_a_machine_from_month_13() -> None:
    found = api.compare(growth="10%/mo", **MACHINE)
    assert found.result["cheaper_from_month"] == 13
    assert found.headline.startswith("Buy tokens (api:openai/gpt-4o) now; h100-sxm is cheaper to run from month 13.")
    pair = found.arrays["pairs"][0]
    assert (pair["cheaper_later"], pair["cheaper_from_month"]) == ("h100-sxm", 13)
    assert pair["break_even_days"] == pytest.approx(21.01 * MONTH, rel=1e-3)


def test_months_add_up_and_show_machines() -> None:
    found = api.compare(growth="10%/mo", by="month", **MACHINE)
    rows = found.arrays["periods"]
    tokens = [row["period_usd"] for row in rows if row["name"] == "api:openai/gpt-4o"]
    assert tokens[:2] == pytest.approx([239.51, 263.46], rel=1e-4)
    machine = [row for row in rows if row["name"] == "h100-sxm"]
    assert {row["gpus"] for row in machine} == {1}
    assert machine[0]["period_usd"] == pytest.approx(730.5)
    totals = {row["name"]: row["total_usd_horizon"] for row in found.arrays["alternatives"]}
    assert sum(tokens) == pytest.approx(totals["api:openai/gpt-4o"])
    assert [row["cheapest"] for row in machine[10:14]] == [False, False, True, True]
    quarters = api.compare(growth="10%/mo", by="quarter", **MACHINE).arrays["periods"]
    assert quarters[1]["period_usd"] == pytest.approx(sum(tokens[:3]))


def test_falling_traffic_turns_it_round() -> None:
    """From 10,000 a day, $2,282.8 a month, less 10 % a month: below the machine once 0.9^(m-1) x 2,167.6 < 730.5, m = 12."""
    found = api.compare(growth="-10%/mo", **{**MACHINE, "requests": "10k/day"})
    assert found.result["cheaper_from_month"] == 12
    assert found.result["cheaper_later"] == "api:openai/gpt-4o"


def test_what_is_spent_up_front_is_told_apart() -> None:
    """$10,000 more at the start is paid back later: 2,395.1 (1.1^t - 1) = 730.5 t + 10,000 at t = 27.3 months, in month 28."""
    base = {k: v for k, v in MACHINE.items() if k != "against"}
    found = api.compare(growth="10%/mo", train_cost="10k", against=["api:openai/gpt-4o"], **base)
    assert "from month 13, and has cost less in all from month 28." in found.headline


COURSES: dict[str, dict[str, Any]] = {
    "falls": {"growth": "-5%/mo"}, "discounted": {"growth": "5%/mo", "discount": "8%/y"},
    "adopted": {"adoption_midpoint": "12mo", "ceiling": "1M/day"}, "cheaper": {"price_decline": "30%/y"},
    "trained again": {"growth": "5%/mo", "retrain_every": "12mo", "train_cost": "1M"},
}  # fmt: skip


@pytest.mark.parametrize("course", COURSES)
def test_every_course_is_compared_and_crossed(course: str) -> None:
    asked = {**MACHINE, **COURSES[course], "against": ["own:"], "purchase_price": "30k", "samples": 20}
    crossed = api.compare(**{**asked, "cross": "requests=500/day..2k/day"})
    assert crossed.result["crossed"] == "requests"


def test_the_order_of_samples_is_not_contradicted() -> None:
    """What costs least at the medians may be the dearer one more often: the sentence names the likely one first."""
    both = [
        Ranked(name, {"usd_per_month": usd}, ratio=usd, probability_cheapest=chance)
        for name, usd, chance in (("a", 1.0, 0.3), ("b", 1.1, 0.7))
    ]
    text = headline(Table([], both, "usd_per_month", both[0], None))
    assert text.startswith("b is the cheapest in 70 % of samples, a in 30 %")


def test_periods_need_traffic(cli: Cli) -> None:
    with pytest.raises(LlmcostError, match="--by needs traffic"):
        api.compare(cost_per_request=1.0, train_cost="1M", vary={"train_cost": ["1M", "2M"]}, by="month")
    done = cli("compare", "--api", "openai/gpt-4o", "--isl", "9", "--osl", "9", "--requests", "9/day",
               "--against", "api:openai/gpt-5", "--by", "week")  # fmt: skip
    assert done.code == 2
    assert "month, quarter" in done.err


def test_the_picture_has_a_letter_for_each(cli: Cli) -> None:
    done = cli(
        "compare", "--api", "openai/gpt-4o", "--isl", "9", "--osl", "9", "--requests", "9/day", "--growth", "9%/mo",
        "--against", "api:openai/gpt-5", "--chart", "--by", "quarter", "--horizon", "1y",
    )  # fmt: skip
    assert done.code == 0
    assert "spend in the month" in done.out
    assert "  B api:openai/gpt-5" in done.out


def test_growth_of_serve_points_to_compare(cli: Cli) -> None:
    done = cli("serve", "--model", "llama-3.1-8b", "--growth", "10%/mo")
    assert done.code == 2
    assert "llmcost compare ... --growth" in done.err
