"""One side of a question while it is being answered: takes values, keeps where each came from."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from llmcost import spec, units
from llmcost.catalog import Catalog, Found, source_of
from llmcost.engine.numeric.spread import Spread, median
from llmcost.errors import LlmcostError, Missing
from llmcost.estimate.asking.ledger import Ledger, Number, Origin, as_number
from llmcost.instances import expanded
from llmcost.keys import KEYS, SERVE, TRAIN
from llmcost.records import FactorRow, NamedTuple
from llmcost.result import Input
from llmcost.scenario import Scenario, Setting

PUBLISHED = "published"  # the calibration with the ranges below
# Keys with a published range, each with the factor that holds it.
RANGED = {"price": "price", "reserved_price": "price", "spot_price": "price", "tokens": "tokens", "mfu": "mfu"}
FAR = 3.0  # a factor beyond either end; a share may not exceed its highest at all


class Factor(NamedTuple):
    """A sourced constant of a calibration preset."""

    value: Number
    origin: Origin


RENTING = ("commitment", "price", "provider", "region", "as_of")  # what who rents may say
OWNED, THERE = "owned", "electricity"  # terms of machines that nobody rents: bought for this, or there already


class Question(Ledger):
    """Values of one side (`train`, `serve`), read from a scenario into a ledger.

    Parameters
    ----------
    scenario : Scenario
        What was said.
    catalog : Catalog
        Where presets are found.
    side : str
        `train` or `serve`: `price` then also means `train_price`.
    alone : bool
        Whether nothing else is asked: where the other side is too, both may take a value, and traffic may be open.
    """

    def __init__(self, scenario: Scenario, catalog: Catalog, side: str, alone: bool = True) -> None:
        super().__init__()
        self.scenario = expanded(scenario, catalog)
        self.catalog = catalog
        self.side = side
        self.alone = alone

    def over(self, layer: Mapping[str, Setting]) -> Question:
        """The same question, and the same ledger, with something said over the rest."""
        other = copy.copy(self)
        other.scenario = self.scenario.over(layer)
        return other

    def apart(self) -> Question:
        """The same question with numbers of its own: what it takes is shown, and not among those that are sampled."""
        other = copy.copy(self)
        other._numbers = {}
        return other

    def aside(self) -> Question:
        """The same question with a copy of the ledger: what it takes and says is for nobody."""
        other = copy.copy(self)
        other._inputs, other._numbers = dict(self._inputs), dict(self._numbers)
        other._warnings, other._steps = list(self._warnings), list(self._steps)
        return other

    # what was said

    def given(self, key: str) -> Setting | None:
        """What was said of a key, recorded as an input; None when nothing was."""
        setting = self.scenario.get(key, self.side)
        if setting is not None:
            self.record(key, setting.value, origin_from(setting.origin, setting.source))
        return setting

    def stated(self, key: str) -> Any:
        """The bare value of a key, or None."""
        setting = self.given(key)
        return None if setting is None else setting.value

    def quantity(self, key: str, default: Factor | None = None) -> Number | None:
        """A numeric key as a number or spread, or its sourced default: shown, and not sampled as it is."""
        setting = self.given(key)
        if setting is not None:
            value = as_number(setting.value, KEYS[key].kind)
            if key in RANGED and setting.origin.partition(":")[0] in ("flag", "file"):
                self._warn_of_far(key, value)
            return value
        if default is None:
            return None
        self.record(key, default.value, default.origin)
        return default.value

    def number(self, key: str, default: Factor | None = None) -> Number | None:
        """A numeric key as a number or spread, or its sourced default; kept for the figures."""
        value = self.quantity(key, default)
        if value is not None:
            self.keep(key, value)
        return value

    def need(self, key: str, why: str) -> Missing:
        """The error for a key that nothing provides."""
        return Missing(f"missing {KEYS[key].option}: {why}", KEYS[key].next_step)

    @property
    def owns(self) -> bool:
        """Whether the machines are owned."""
        setting = self.scenario.peek("commitment", self.side)
        return setting is not None and setting.value in (OWNED, THERE)

    @property
    def rents(self) -> bool:
        """Whether something is said of machines that are rented: of a term, a price, a provider, or of many of them."""
        gpus = self.scenario.peek("gpus", self.side)
        many = gpus is not None and gpus.value != 1
        return many or any(self.scenario.peek(key, self.side) is not None for key in RENTING)

    @property
    def there(self) -> bool:
        """Whether they cost nothing but what they draw."""
        setting = self.scenario.peek("commitment", self.side)
        return setting is not None and setting.value == THERE

    def _warn_of_far(self, key: str, given: Number) -> None:
        """Say where the median of a given value is far outside of its published range; it is never refused."""
        known = self.factor(PUBLISHED, RANGED[key]).value
        assert isinstance(known, Spread)
        kind = KEYS[key].kind
        above = 1.0 if kind == "share" else FAR
        value = median(given)
        if known.p5 / FAR <= value <= known.p95 * above:
            return
        low, high = units.format(kind, known.p5), units.format(kind, known.p95)
        self.warn(
            "W043",
            f"{KEYS[key].option} {units.format(kind, value)} is far outside what has been published: {low} to {high}",
            f"check its unit; llmcost presets show calibration/{PUBLISHED}",
        )

    # presets

    def preset(self, key: str, struct: type[Any]) -> tuple[Any, Found] | None:
        """The preset a key names, with where it was found; None when the key was not said."""
        setting = self.given(key)
        if setting is None:
            return None
        try:
            value, found = self.catalog.load(struct, setting.value)
        except LlmcostError as error:
            where = KEYS[key].option if setting.origin == "flag" else f"{setting.origin.partition(':')[2]}: {key}"
            raise error if getattr(error, "findings", None) else units.at(where, error) from None
        source = source_of(value, "")
        self.record(key, found.name, origin_of(found, source))
        for caveat in found.warnings:
            self.warn(caveat.code, caveat.message, caveat.hint)
        if found.user and key != "provider":
            self.warn("W001", f"{key} {found.name!r} is your own preset", f"llmcost presets show {found.name}")
        return value, found

    def factor(self, file: str, name: str) -> Factor:
        """A sourced constant from `calibration/FILE.toml`."""
        for row in self.catalog.factors(file):
            if row["name"] == name:
                return as_factor(row)
        raise KeyError(f"calibration/{file}.toml has no factor {name}")


def as_factor(row: FactorRow) -> Factor:
    """A `[[factors]]` row as a number with its origin; `low` and `high` are its 5 % and 95 % quantiles."""
    value: Number = float(row["value"])
    if "low" in row and "high" in row:
        value = Spread(float(row["low"]), float(row["value"]), float(row["high"]))
    date = str(row["date"]) if "date" in row else None
    return Factor(value, Origin("default", row.get("address"), date, row.get("confidence")))


def origin_of(found: Found, source: spec.Source | None) -> Origin:
    """The origin of a value read from a preset."""
    return origin_from(found.origin, source)


def origin_from(origin: str, source: spec.Source | None) -> Origin:
    """An origin with what is known of its source."""
    if source is None:
        return Origin(origin)
    return Origin(origin, source.address, source.date.isoformat(), source.confidence)


def labelled(question: Question) -> dict[str, Input]:
    """Inputs of a question with its side in the names of those that either side may have."""
    return {
        name if name in KEYS and not KEYS[name].sided else f"{question.side}_{name}": value
        for name, value in question.inputs.items()
    }


def merged(sides: Iterable[Mapping[str, Input]]) -> dict[str, Input]:
    """Inputs of both sides; what both have alike goes under its own name."""
    every = {name: value for side in sides for name, value in side.items()}
    merged: dict[str, Input] = {}
    for name, value in every.items():
        side, _, rest = name.partition("_")
        twin = {TRAIN: f"{SERVE}_{rest}", SERVE: f"{TRAIN}_{rest}"}.get(side, "")
        merged[rest if every.get(twin) == value else name] = value
    return merged
