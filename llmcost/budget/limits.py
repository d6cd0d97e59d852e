"""Limits: what a budget keeps an answer within, how their values are written and printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmcost import units
from llmcost.errors import LlmcostError
from llmcost.terms import SECTIONS, Term

MEDIAN = "p50"
QUANTILES = ("p5", "p10", MEDIAN, "p90", "p95")
LEVELS = ("fail", "warn")
NOTED = ("on", "at", "owner", "reason", "expires")  # said of a budget for all of its limits, or of one
INCREASE, DECREASE, PRICE_AGE = "max_increase", "max_decrease", "max_price_age"
AGE = "price_age"
PERIODS = {"day": units.DAY, "days": units.DAY, "month": units.MONTH, "months": units.MONTH}
# What may be limited: numbers that an answer to a scenario has by name.
LIMITED = {
    term.name: term
    for section, terms in SECTIONS.items()
    if section not in ("Comparison", "Validation", "Check")
    for term in terms
    if term.kind not in ("text", "bool", "date")
}


TOGETHER = {"total_usd_per_month": "usd_per_month"}  # limits on a sum alone, each with the figure that is added up
SUMMED = (*TOGETHER.values(), "usd_per_day", "total_usd", "energy_kwh_per_month", "co2e_kg_per_month", "gpus")


def place(file: str, line: int) -> str:
    r"""A line of a file as a message may hold it, whatever the file is called.

    >>> print(place("llmcost.toml", 7), place("-", 1), place("a\nb.toml", 2))
    llmcost.toml:7 standard input:1 a\nb.toml:2
    """
    return f"{'standard input' if file == '-' else units.shown(file, 200)[1:-1]}:{line}"


class Limit(Struct, frozen=True, kw_only=True):
    """One limit: a figure of a scenario's answer stays below (`upper`) or above its levels, at a quantile.

    `name` is what the file calls it; `key` the figure, empty for the cost of whatever the scenario asks; `relative`
    limits hold the figure's change since the baseline against their levels, as a share.
    """

    budget: str
    name: str
    key: str
    upper: bool = True
    relative: bool = False
    fail: float | None = None
    warn: float | None = None
    on: str | None = None
    at: str = MEDIAN
    owner: str | None = None
    reason: str | None = None
    expires: dt.date | None = None
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """`llmcost.toml:7`, for a message."""
        return place(self.file, self.line)

    @property
    def level(self) -> float:
        """The level that headroom counts from: where it fails, else where it warns."""
        level = self.warn if self.fail is None else self.fail
        assert level is not None
        return level


class Budget(Struct, frozen=True, kw_only=True):
    """Limits on the answers of one scenario, or on the sum over several.

    `scenario` is None where the file itself is the scenario; `scenarios` are those that are added up. `place` is where
    they are named, for a message.
    """

    name: str
    scenario: str | None
    limits: tuple[Limit, ...]
    scenarios: tuple[str, ...] = ()
    place: str = ""


class BudgetFile(Struct, frozen=True, kw_only=True):
    """A file of budgets: what it says for all of them, and itself where it is a scenario."""

    label: str
    budgets: tuple[Budget, ...]
    price_age: Limit | None = None  # on the prices of all its scenarios
    scenario: Mapping[str, Any] | None = None
    as_of: dt.date | None = None
    baseline: str | None = None
    currency: units.Currency | None = None  # that amounts are written and shown in


def amount(term: Term, raw: object) -> float:
    """The value of a limit in the base unit of its key.

    The key has the unit, so a plain number needs none; a text may have it, in any spelling of its kind.

    >>> from llmcost.terms import TERMS
    >>> [amount(TERMS["usd_per_mtok_output"], raw) for raw in (0.6, "$0.60", "0.60", "0.6/Mtok", "$0.0006/ktok")]
    [0.6, 0.6, 0.6, 0.6, 0.6]
    >>> amount(TERMS["usd_per_month"], "$300k/month"), amount(TERMS["crossover_days"], "9mo")
    (300000.0, 273.9375)
    >>> amount(TERMS["mfu"], "40%"), amount(TERMS["duration_seconds"], "30d"), amount(TERMS["gpu_hours"], "2.8M")
    (0.4, 2592000.0, 2800000.0)

    Raises
    ------
    LlmcostError
        Not a quantity of the key's kind.
    """
    kind = units.KINDS[term.kind]
    if not isinstance(raw, str):
        return units.base_value(kind, raw)
    try:
        return units.parse(term.kind, raw)
    except LlmcostError as error:
        for value in (_plain_money(term, raw), _in_period(term, raw), _plain_number(term, raw)):
            if value is not None:
                return units.base_value(kind, value)
        raise error


def _plain_money(term: Term, raw: str) -> float | None:
    """`$0.60` for a price whose denominator is in the key."""
    return _parsed("usd", raw) if units.KINDS[term.kind].money else None


def _plain_number(term: Term, raw: str) -> float | None:
    """`"270"` where a plain 270 is fine."""
    return None if units.KINDS[term.kind].money else _parsed("count", raw) if raw.strip(" 0123456789._") == "" else None


def _in_period(term: Term, raw: str) -> float | None:
    """`$300k/month` for dollars a month, `9mo` for days."""
    seconds = PERIODS.get(term.unit.removeprefix("USD/"))
    if seconds is None:
        return None
    if term.kind == "usd":
        hourly = _parsed("usd_per_hour", raw)
        return None if hourly is None else hourly * seconds / units.HOUR
    duration = _parsed("seconds", raw)
    return None if duration is None else duration / seconds


def _parsed(kind: str, raw: str) -> float | None:
    try:
        return units.parse(kind, raw)
    except LlmcostError:
        return None


def shown(term: Term, value: float | None) -> str:
    """A figure in words.

    >>> from llmcost.terms import TERMS
    >>> shown(TERMS["total_usd"], 1.2e6), shown(TERMS["usd_per_month"], 3e5), shown(TERMS["crossover_days"], 270.0)
    ('$1.20M', '$300k/month', '270 days')
    """
    whole = term.kind == "count" and value is not None and abs(value) < 1e5
    text = units.format("whole" if whole and (value == int(value or 0) or abs(value or 0) >= 100) else term.kind, value)
    if term.kind == "usd":
        return text + term.unit.removeprefix("USD")
    return f"{text} {term.unit}" if term.kind in ("count", "whole", "ratio") and term.unit else text
