"""Prices of a question that nobody stated: an engineering range holds them at their medians."""

from __future__ import annotations

from collections.abc import Mapping

from llmcost import units
from llmcost.engine.numeric.spread import Spread, median
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.question import Question
from llmcost.keys import KEYS

OWNING = (  # what an owned hour is made of, besides its power and its load
    "purchase_price", "server_over_chip", "interconnect_share", "hardware_life", "residual_value", "cost_of_capital",
    "facility_cost", "facility_life_years", "maintenance", "operations_staff", "hardware_age", "hardware_price_decline",
    "electricity_price",
)  # fmt: skip
HOURLY = ("price", "reserved_price", "spot_price")


def of(question: Question) -> frozenset[str]:
    """Names of the numbers that are prices of the market: a range that was stated is part of the question.

    An owned hour whose parts hold such a range is stated too.
    """
    stated = {key for key in (*HOURLY, *OWNING) if _ranged(question, key)}
    computed = {key for key in HOURLY if question.owns} if stated & set(OWNING) else set()
    return frozenset({*HOURLY, *OWNING} - stated - computed)


def _ranged(question: Question, key: str) -> bool:
    said = question.scenario.peek(key, question.side) if key in KEYS else None
    return said is not None and isinstance(said.value, units.Between | units.Triangle)


def held(numbers: Mapping[str, Number], names: frozenset[str]) -> dict[str, Number]:
    """The numbers with those at their medians; a side in front of a name (`serve.price`) is not part of it."""
    return {
        tag: median(value) if isinstance(value, Spread) and tag.rpartition(".")[2] in names else value
        for tag, value in numbers.items()
    }
