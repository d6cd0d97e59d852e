"""Ranges of rents: do they hold what a provider asks that they have not seen, and what was paid at the time of a run?"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

from llmcost import api
from llmcost.catalog import Catalog
from llmcost.engine.money.renting import range_of_quotes
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


def test_a_hyperscaler_by_name() -> None:
    """Llama 2: $1.81 at AWS, as Epoch AI's file has it before inflation."""
    assert quotes.rental_quote(CATALOG, "a100-80gb-sxm", "3-year", "aws", dt.date(2023, 7, 18)).rate == 1.81


def test_who_names_a_provider_is_asked_what_that_one_takes_by_the_hour() -> None:
    """Of all who rent, 1,024 cards for weeks are a cluster for a year; a provider's own terms are said, not guessed."""
    asked: dict[str, Any] = {"model": "llama-3.1-8b", "tokens": "1T", "hardware": "h100-sxm", "gpus": 1024}
    terms = [api.train(**asked, **more, samples=1).inputs["commitment"].value for more in ({}, {"provider": "lambda"})]
    assert terms == ["1-year", "on-demand"]


def test_what_a_region_has_no_figure_of_is_said() -> None:
    """presets/regions/australia: no price of electricity. PUE is of a data centre, never of a country: nothing to say."""
    asked: dict[str, Any] = {"model": "llama-3.1-8b", "tokens": "1T", "hardware": "h100-sxm", "gpus": 64}
    said = [w.message for w in api.train(**asked, region="australia", samples=1).warnings if w.code == "W033"]
    assert said == ["electricity price of australia is not known: the default is used"]
