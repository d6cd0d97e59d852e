"""Ranges of rents: do they hold what a provider asks that they have not seen, and what was paid at the time of a run?"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

from llmcost.catalog import Catalog
from llmcost.engine.money.renting import range_of_quotes
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.money import quotes

CATALOG = Catalog()
USUAL = {row["name"]: float(row["value"]) for row in CATALOG.factors("defaults")}


def _markets() -> Iterator[dict[str, float]]:
    """What each provider asks for an accelerator on a term, where three or more do."""
    table = quotes.price_table(CATALOG, None)
    for hardware, term in table:
        medians = quotes._market(CATALOG, table, hardware, term, None)
        if len(medians) >= 3:
            yield medians


def test_a_provider_left_out_is_inside_the_range_of_the_others() -> None:
    """Nine in ten: the quantiles of the few others hold six in ten. Score of Gneiting and Raftery 2007, on logarithms."""
    inside, scores = [], []
    for medians in _markets():
        for name, asked in medians.items():
            rest = sorted(rate for other, rate in medians.items() if other != name)
            middle = (rest[(len(rest) - 1) // 2] + rest[len(rest) // 2]) / 2.0
            ends = range_of_quotes(rest, middle, USUAL[quotes.PRICES], USUAL["quote_weight"])
            low, high, y = (math.log(x) for x in (*ends, asked))
            inside.append(low <= y <= high)
            scores.append(high - low + 20.0 * (max(low - y, 0.0) + max(y - high, 0.0)))
    assert len(inside) > 60
    assert 0.85 <= sum(inside) / len(inside) <= 0.97
    assert sum(scores) / len(scores) < 2.0


def test_the_usual_spread_is_that_of_the_price_lists() -> None:
    logs = [[math.log(rate) for rate in medians.values()] for medians in _markets()]
    squares = sum((x - sum(of) / len(of)) ** 2 for of in logs for x in of)
    assert abs(math.sqrt(squares / sum(len(of) - 1 for of in logs)) - USUAL[quotes.PRICES]) < 0.02


# Epoch AI's costs by cloud rental (model_costs.csv) over their accelerator-hours, three years' commitment [USD/h]; the
# day is that of publication. PaLM, GLaM and Megatron-Turing came out before the first quote known for their machines.
RENTALS = [
    ("v100-sxm2-32gb", "2020-05-28", 1.221), ("a100-40gb-sxm", "2023-03-15", 1.378), ("tpu-v4", "2023-12-06", 1.454),
    ("a100-80gb-sxm", "2023-07-18", 1.834), ("h100-sxm", "2024-07-23", 4.839), ("a100-80gb-sxm", "2023-02-24", 1.472),
    ("a100-40gb-sxm", "2023-09-06", 1.463), ("a100-80gb-sxm", "2022-05-02", 1.833),
    ("a100-80gb-sxm", "2022-07-11", 1.840), ("h100-sxm", "2024-06-14", 4.848), ("h100-sxm", "2025-02-17", 4.851),
    ("tpu-v3", "2021-12-08", 0.931), ("tpu-v3", "2022-02-10", 0.933), ("a100-80gb-sxm", "2024-02-23", 1.448),
    ("a100-80gb-sxm", "2023-09-28", 1.463), ("tpu-v3", "2021-01-11", 0.936),
]  # fmt: skip


def test_rents_of_published_runs_at_their_time() -> None:
    """Two are outside: clouds asked half of the list prices of the hyperscalers that Epoch AI takes."""
    inside = 0
    for hardware, day, paid in RENTALS:
        rate = quotes.rental_quote(CATALOG, hardware, "3-year", None, dt.date.fromisoformat(day)).rate
        assert isinstance(rate, Spread)
        inside += rate.p5 <= paid <= rate.p95
    assert inside >= 14
    by_name = quotes.rental_quote(CATALOG, "a100-80gb-sxm", "3-year", "aws", dt.date(2023, 7, 18)).rate
    assert by_name == 1.81  # as Epoch AI's file has it for Llama 2, before inflation
