"""What we answer: one tree per question, made by `estimate`, printed by `render`.

Everything on screen is in this tree, so everything on screen is in the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

from msgspec import Struct, field, structs

from llmcost.records import TypedDict
from llmcost.units.currency import DOLLARS, Currency

Scalar = float | int | str | bool | None
# Arrays that pictures and sliders alone are made of.
PLACES = "places"  # of a sweep: the cheapest point along its keys
FORMS = "forms"  # of a crossover: closed forms of both curves
AROUND = "around"  # of a crossover: answers with one input moved


def cells(row: Mapping[str, object]) -> dict[str, Scalar]:
    """What a typed row says, as an answer lists it."""
    return cast(dict[str, Scalar], dict(row))


class Range(Struct, frozen=True):
    """Quantiles of an answer; `None` where the quantile is infinite (a crossing that never comes)."""

    p5: float | None
    p50: float | None
    p95: float | None


class Input(Struct, frozen=True, omit_defaults=False):
    """One value that went in: number or name, unit, and where it came from.

    `origin` is `flag`, `file:PATH`, `preset:KIND/NAME`, `user-preset:KIND/NAME`, `default`, `computed` or `estimate`;
    `source` an address, `date` the day it was read, `confidence` vendor, measured, third-party or assumed.
    """

    value: Any
    unit: str
    origin: str
    source: str | None = None
    date: str | None = None
    confidence: str | None = None
    p5: float | None = None
    p95: float | None = None


class CostRow(Struct, frozen=True):
    """quantity x rate = cost."""

    name: str
    quantity: float
    unit: str
    rate_usd: float
    cost_usd: float


class Moved(TypedDict):
    """An input that is not what it was in the baseline."""

    scenario: str
    on: list[str]  # commands it is an input of
    moved: str
    unit: str
    moved_from: Scalar
    moved_to: Scalar
    increase: float | None


class TotalRow(TypedDict):
    """What all answers of a check take together, now and in the baseline."""

    key: str
    on: str
    answers: int
    estimate: float
    baseline: float | None
    increase: float | None


class LimitRow(TypedDict):
    """A limit of a check, what was held against it, and where it does not hold why."""

    verdict: str
    budget: str
    scenario: str
    on: str
    limit: str
    key: str
    unit: str
    at: str
    fail: float | None
    warn: float | None
    estimate: float | None
    p5: float | None
    p95: float | None
    headroom: float | None
    baseline: float | None
    increase: float | None
    message: str | None
    budget_ends: str | None
    largest_cost: str | None
    largest_cost_usd: float | None
    moved: str | None
    moved_from: Scalar
    moved_to: Scalar
    moved_unit: str | None
    file: str
    line: int | None
    owner: str | None
    reason: str | None
    expires: str | None


class Warning(Struct, frozen=True):
    """A caveat on the answer: stable code, what is shaky, what to do next."""

    code: str
    message: str
    hint: str = ""


class Step(Struct, frozen=True):
    """One line of `--explain`: a quantity, its formula with values in it, its value and unit, and the source."""

    name: str
    formula: str
    value: Scalar
    unit: str
    source: str


class Estimate(Struct, frozen=True, kw_only=True):
    """An answer.

    `headline` is the answer in one sentence; `result` scalars by glossary name; `ranges` the 90 % interval of some of
    them; `ranges_at_price` of those that prices widen, with prices that nobody stated at their medians; `arrays` the
    command's own lists (curve, ladder, alternatives, crossings, rows, groups, summary). Amounts are in US dollars;
    `currency` is the one that text shows them in.
    """

    command: str
    headline: str
    result: dict[str, Scalar]
    ranges: dict[str, Range] = field(default_factory=dict)
    ranges_at_price: dict[str, Range] = field(default_factory=dict)
    breakdown: list[CostRow] = field(default_factory=list)
    inputs: dict[str, Input] = field(default_factory=dict)
    warnings: list[Warning] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)
    presets: str = ""
    currency: Currency = DOLLARS
    exit_code: int = 0

    @property
    def engineering(self) -> dict[str, Range]:
        """The 90 % intervals at held prices: what tables print."""
        return {**self.ranges, **self.ranges_at_price}

    @property
    def tables(self) -> dict[str, Any]:
        """The arrays that are read, rather than drawn."""
        return {name: array for name, array in self.arrays.items() if name not in (PLACES, FORMS, AROUND)}

    def shown_in(self, currency: Currency, origin: str) -> Self:
        """The same answer, which says what its amounts are in."""
        if currency == DOLLARS:
            return self
        day = None if currency.date is None else currency.date.isoformat()
        rate = Input(currency.usd, f"USD per {currency.code}", origin, date=day)
        headline, inputs = f"{self.headline} {currency.told}", {**self.inputs, "currency": rate}
        return structs.replace(self, headline=headline, inputs=inputs, currency=currency)
