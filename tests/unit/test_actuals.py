"""Actuals: totals of bills to the cent, a curve that begins with them, and what explains the distance to the plan."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from llmcost import api
from llmcost.cli.app import run
from llmcost.errors import LlmcostError
from llmcost.estimate.actuals.spent import spent
from llmcost.scenario import Scenario, Setting
from tests.conftest import Cli

PLAN: dict[str, Any] = {
    "train_cost": "1000",
    "cost_per_request": "0.01",
    "requests": "1000/day",
    "samples": 200,
}  # $10 a day


def bill(folder: Path, days: int, usd: float, more: str = "", head: str = "", first: str = "2026-01-01") -> str:
    """A table of equal days: `more` behind each row, `head` behind the heading."""
    begin = dt.date.fromisoformat(first)
    rows = [f"{begin + dt.timedelta(days=i)},{usd}{more}" for i in range(days)]
    path = folder / "bill.csv"
    path.write_text("\n".join([f"date,cost_usd{head}", *rows]) + "\n")
    return str(path)


def test_the_curve_begins_with_what_was_spent_and_goes_on_at_its_pace(tmp_path: Path) -> None:
    found = api.crossover(**PLAN, actuals=bill(tmp_path, 20, 20.0))
    # 20 days at $20 are $400; the other $600 take 30 days at the measured $20
    assert found.result["crossover_days"] == pytest.approx(50.0)
    assert found.result["crossover_date"] == "2026-02-20"
    assert found.result["actual_usd"] == pytest.approx(400.0)
    assert found.result["planned_usd_to_date"] == pytest.approx(200.0)
    assert found.result["actual_over_plan"] == pytest.approx(1.0)
    assert found.result["burn_usd_per_month"] == pytest.approx(20.0 * 365.25 / 12)
    at = {round(row["day"]): row["inference_usd"] for row in found.arrays["curve"]}
    assert at[10] == pytest.approx(200.0)


def test_a_crossing_of_the_past_is_told_by_the_bills_alone(tmp_path: Path) -> None:
    plan = {**PLAN, "train_cost": "200"}
    assert api.crossover(**plan, actuals=bill(tmp_path, 20, 20.0)).result["crossover_days"] == pytest.approx(10.0)


def test_growth_goes_on_from_the_level_that_was_measured(tmp_path: Path) -> None:
    """A plan that doubles every month, met at twice its spend on every day, overtakes as one of twice the cost."""
    month = 365.25 / 12
    days = [
        10.0 * 2.0 * (2.0 ** ((d + 1) / month) - 2.0 ** (d / month)) * month / 0.6931471805599453 for d in range(30)
    ]
    path = tmp_path / "bill.csv"
    path.write_text(
        "date,cost_usd\n" + "".join(f"{dt.date(2026, 1, 1) + dt.timedelta(days=i)},{d}\n" for i, d in enumerate(days))
    )
    plan = {**PLAN, "growth": "100%/mo"}
    wanted = api.crossover(**{**plan, "cost_per_request": "0.02"}).result["crossover_days"]
    found = api.crossover(**plan, actuals=str(path)).result
    assert found["crossover_days"] == pytest.approx(wanted, rel=1e-9)
    assert found["actual_over_plan"] == pytest.approx(1.0)


def test_what_explains_the_distance(tmp_path: Path) -> None:
    path = bill(tmp_path, 10, 22.5, ",1500", ",requests")
    found = api.crossover(**PLAN, actuals=path)
    rows = {row["input"]: row for row in found.arrays["actuals"]}
    # 1,500 requests a day for 1,000, each at 22.5 / 1500 = $0.015 for $0.01: 1.5 x 1.5 = 2.25
    assert rows["requests"]["usd_ratio"] == pytest.approx(1.5)
    assert rows["usd_per_request"]["actual"] == pytest.approx(0.015)
    assert rows["usd_per_request"]["usd_ratio"] == pytest.approx(1.5)
    assert found.result["actual_over_plan"] == pytest.approx(1.25)
    assert found.result["actual_usd_per_request"] == pytest.approx(0.015)
    served = api.crossover(**PLAN, actuals=path, horizon="30d").result["requests_at_horizon"]
    assert served == pytest.approx(30 * 1500.0)


def test_lengths_are_priced_as_the_plan_prices_them(tmp_path: Path) -> None:
    """GPT-4o at $2.50 in and $10 out per million (openai.com/api/pricing): 2,000 + 100 in place of 1,000 + 100."""
    plan: dict[str, Any] = {
        "train_cost": "1000",
        "api": "openai/gpt-4o",
        "isl": 1000,
        "osl": 100,
        "requests": "1000/day",
        "samples": 1,
    }
    path = bill(tmp_path, 5, 6.0, ",1000,2000000,100000", ",requests,input_tokens,output_tokens")
    rows = {row["input"]: row for row in api.crossover(**plan, actuals=path).arrays["actuals"]}
    assert rows["isl"]["usd_ratio"] == pytest.approx(0.0060 / 0.0035)
    assert rows["requests"]["usd_ratio"] == pytest.approx(1.0)
    assert rows["usd_per_request"]["usd_ratio"] == pytest.approx(1.0)


def test_few_scattered_days_leave_the_pace_uncertain(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("date,cost_usd\n2026-01-01,10\n2026-01-02,30\n2026-01-03,20\n")
    ends = api.crossover(**{**PLAN, "samples": 1000}, actuals=str(path)).ranges["crossover_days"]
    assert ends.p5 is not None
    assert ends.p95 is not None
    assert ends.p95 / ends.p5 > 1.5


def test_the_pace_is_known_by_the_root_of_its_days(tmp_path: Path) -> None:
    """10, 30, 20 and again: mean 20, standard deviation sqrt(400 / 5), of a mean of six days a sixth of its square."""
    path = tmp_path / "bill.csv"
    path.write_text("date,cost_usd\n" + "".join(f"2026-01-0{i + 1},{usd}\n" for i, usd in enumerate([10, 30, 20] * 2)))
    found = spent(Scenario(({"actuals": Setting((str(path),), "flag")},), set()))
    assert found is not None
    assert found.pace_spread == pytest.approx((400 / 5 / 6) ** 0.5 / 20)


def test_months_are_spread_over_their_days(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("month,cost_usd\n2026-01,310\n2026-02,280\n")
    found = api.crossover(**PLAN, actuals=str(path)).result
    assert (found["actual_from"], found["actual_to"]) == ("2026-01-01", "2026-02-28")
    assert found["burn_usd_per_month"] == pytest.approx(10.0 * 365.25 / 12)


def test_charges_before_launch_are_spent_by_launch(tmp_path: Path) -> None:
    found = api.crossover(**PLAN, actuals=bill(tmp_path, 20, 20.0), start="2026-01-11")
    assert found.result["crossover_days"] == pytest.approx(40.0)
    assert "10 days before launch" in " ".join(w.message for w in found.warnings)


FOCUS = """BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ChargeDescription,SubAccountName,Tags
12.34,EUR,2026-03-01 00:00:00,2026-03-02 00:00:00,Amazon Bedrock,Claude input tokens,prod,"{""app"": ""chat""}"
0.01,EUR,2026-03-02 00:00:00,2026-03-03 00:00:00,Amazon Bedrock,Claude output tokens,test,"{""app"": ""search""}"
99.99,EUR,2026-03-01 00:00:00,2026-04-01 00:00:00,Amazon S3,Storage,prod,"{""app"": ""chat""}"
"""


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        ({}, 12.35),
        ({"actuals_tag": "app=chat"}, 112.33),
        ({"actuals_project": "test"}, 0.01),
        ({"actuals_service": "bedrock", "actuals_tag": "app=chat"}, 12.34),
        ({"actuals_service": "S3"}, 99.99),
    ],
)
def test_which_lines_count(wanted: dict[str, Any], total: float, tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(FOCUS)
    found = api.crossover(**PLAN, actuals=str(path), exchange_rate="1.08", **wanted).result
    assert found["actual_amount"] == pytest.approx(total, abs=1e-9)
    assert found["actual_currency"] == "EUR"
    assert found["actual_usd"] == pytest.approx(1.08 * total)


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        (FOCUS, {}, "12.35 EUR in all, and the plan is in USD"),
        (FOCUS, {"exchange_rate": "1.1", "actuals_tag": "app=none"}, "none of its 3 lines has tag 'app=none'"),
        (FOCUS.replace("Bedrock", "EC2").replace("Claude", "m5").replace("tokens", "hours"), {"exchange_rate": "1.1"},
         r"none of its 3 lines \(112.34 EUR\) is of a language model"),
        (FOCUS.replace("0.01,EUR", "0.01,USD"), {}, "amounts in EUR and USD"),
        ("date,cost_usd\n2026-01-01,ten\n", {}, "a number is wanted"),
        ("date,cost\n2026-01-01,10\n", {}, "an amount without a currency"),
        ("date,cost_usd\n2026-01-01\n", {}, "cut off"),
        ("date,cost_usd\n2026-01-01,1\n1026-01-01,1\n", {}, "a date is wrong"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(text)
    with pytest.raises(LlmcostError, match=message) as caught:
        api.crossover(**PLAN, actuals=str(path), **said)
    assert "\n" not in caught.value.message


CALLS = [
    {"request_id": f"r{i}", "startTime": f"2026-01-0{1 + i % 4}T10:00:00Z", "endTime": f"2026-01-0{1 + i % 4}T10:00:02Z",
     "model": "gpt-4o", "prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020, "spend": 0.25,
     "api_key": "sk-secret-key", "user": "alice@example.org", "end_user": "bob",
     "messages": [{"role": "user", "content": "a private prompt"}], "metadata": '{"user_api_key_alias": "alice-laptop"}'}
    for i in range(8)
]  # fmt: skip


def test_calls_of_a_proxy_say_traffic_and_cost_and_nothing_of_anybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spend.json"
    path.write_text(json.dumps(CALLS))
    assert run(["crossover", "--train-cost", "100", "--actuals", str(path), "--json"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)["result"]
    assert found["actual_usd"] == pytest.approx(2.0)
    assert found["actual_requests_per_day"] == pytest.approx(2.0)  # 8 calls on 4 days
    assert found["crossover_days"] == pytest.approx(200.0)  # $0.50 a day
    for private in ("sk-secret", "alice", "bob", "private prompt", "r0"):
        assert private not in text


def test_usage_without_amounts_is_priced_as_published(tmp_path: Path) -> None:
    """On 10 October 2025 gpt-5-mini cost $0.25 in and $2.00 out per million: 124,784 and 154,852 tokens are $0.340900."""
    path = tmp_path / "usage.csv"
    path.write_text(
        "start_time_iso,model,num_model_requests,input_tokens,output_tokens,input_cached_tokens\n"
        "2025-10-10T00:00:00+00:00,gpt-5-mini,11,124784,154852,0\n"
    )
    assert api.crossover(**PLAN, actuals=str(path)).result["actual_usd"] == pytest.approx(0.340900, abs=5e-7)


def test_several_files_behind_one_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = bill(tmp_path, 3, 1.0)
    second = tmp_path / "more.csv"
    second.write_text("date,cost_usd\n2026-01-04,7\n")
    words = ["--train-cost", "100", "--cost-per-request", "0.01", "--requests", "100/day", "--json"]
    assert run(["crossover", *words, "--actuals", first, str(second)]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["actual_usd"] == pytest.approx(10.0)
    with pytest.raises(LlmcostError, match="given twice"):
        run(["crossover", *words, "--actuals", first, first])


def test_a_budget_says_when_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = {"api": "openai/gpt-4o", "isl": 1000, "osl": 100, "requests": "1000/day"}
    lines = [f"{k} = {json.dumps(v)}" for k, v in scenario.items()] + [
        f"actuals = {json.dumps(bill(tmp_path, 10, 5.0))}"
    ]
    (tmp_path / "chat.toml").write_text("\n".join(lines))
    budget = tmp_path / "llmcost.toml"
    budget.write_text(
        '[[budget]]\nscenario = "chat.toml"\nmax_actual_usd = 100\nmax_burn_usd_per_month = "$140/month"\n'
    )
    assert run(["check", str(budget), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    rows: dict[str, Any] = {row["limit"]: row for row in found["rows"]}
    # $50 by 10 January, $5 a day: $100 on 20 January; a month takes 5 x 365.25 / 12 = $152.19
    assert rows["max_actual_usd"]["budget_ends"] == "2026-01-20"
    assert rows["max_actual_usd"]["verdict"] == "ok"
    assert rows["max_burn_usd_per_month"]["estimate"] == pytest.approx(152.1875)
    assert rows["max_burn_usd_per_month"]["verdict"] == "fail"


def test_credits_may_cancel_the_cost(tmp_path: Path) -> None:
    found = api.crossover(**PLAN, actuals=bill(tmp_path, 3, -1.0)).result
    assert found["actual_usd"] == pytest.approx(-3.0)
    assert found["actual_over_plan"] == pytest.approx(-1.1)  # $30 was planned


@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_alternatives_have_no_actuals(command: str, cli: Cli) -> None:
    asked = (command, "--train-cost", "1M", "--cost-per-request", "0.05", "--requests", "1M/day")
    told = cli(*asked, "--vary", "growth=0%/mo,5%/mo", "--actuals", "bill.csv")
    assert told.code == 2
    assert "no such option: --actuals" in told.err
    assert "hint: crossover takes --actuals: llmcost crossover ... --actuals" in told.err
    assert "--actuals" not in cli(command, "--help").out
