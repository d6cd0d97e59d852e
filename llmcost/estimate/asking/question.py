"""One side of a question while it is being answered: takes values, keeps where each came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from llmcost import spec, units
from llmcost.catalog import Catalog, Found, source_of
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.spread import Spread
from llmcost.errors import LlmcostError, Missing
from llmcost.estimate.asking import published
from llmcost.keys import KEYS, SERVE, TRAIN
from llmcost.result import Input, Step, Warning
from llmcost.scenario import Scenario, Setting

if TYPE_CHECKING:
    from llmcost.estimate.money.owning import Owned
    from llmcost.estimate.serving.techniques import Applied
    from llmcost.estimate.training import answer as train

Number = float | Spread


class Origin(NamedTuple):
    """Where a value came from; becomes the origin, source, date and confidence of an `Input`."""

    origin: str
    source: str | None = None
    date: str | None = None
    confidence: str | None = None


class Factor(NamedTuple):
    """A sourced constant of a calibration preset."""

    value: Number
    origin: Origin


class Question:
    """Values of one side (`train`, `serve`, or both), with everything the answer must show about them.

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
        self.scenario = scenario
        self.catalog = catalog
        self.side = side
        self.alone = alone
        self.inputs: dict[str, Input] = {}
        self.warnings: list[Warning] = []
        self.steps: list[Step] = []
        self.numbers: dict[str, Number] = {}
        self.applied: Applied | None = None  # techniques, once the serving side has taken them
        self.student: train.Plan | None = None  # the run of a distilled model, on the training side
        self.owned: Owned | None = None  # what the price is made of, where the machines are owned

    # what was said

    def given(self, key: str) -> Setting | None:
        """What was said of a key, recorded as an input; None when nothing was."""
        setting = self.scenario.get(key, self.side)
        if setting is not None:
            self.record(key, setting.value, origin_from(setting.origin, setting.source))
        return setting

    def said(self, key: str) -> Any:
        """The bare value of a key, or None."""
        setting = self.given(key)
        return None if setting is None else setting.value

    def number(self, key: str, default: Factor | None = None) -> Number | None:
        """A numeric key as a number or spread, or its sourced default; remembered for sampling."""
        setting = self.given(key)
        if setting is not None:
            value = as_number(setting.value, KEYS[key].kind)
            if key in published.RANGED and setting.origin.partition(":")[0] in ("flag", "file"):
                published.say(self, key, value)
        elif default is not None:
            value = default.value
            self.record(key, value, default.origin)
        else:
            return None
        self.numbers[key] = value
        return value

    def remember(self, name: str, value: Number, origin: Origin, unit: str = "") -> Number:
        """A number that is not a key of its own (a predicted MFU, a server factor), recorded and sampled alike."""
        self.record(name, value, origin, unit)
        self.numbers[name] = value
        return value

    def need(self, key: str, why: str) -> Missing:
        """The error for a key that nothing provides."""
        return Missing(f"missing {KEYS[key].option}: {why}", KEYS[key].next_step)

    @property
    def owns(self) -> bool:
        """Whether the machines are owned."""
        setting = self.scenario.peek("commitment", self.side)
        return setting is not None and setting.value == "owned"

    # what it came from

    def record(self, name: str, value: Any, origin: Origin, unit: str = "") -> None:
        """Note an input under the name the user knows it by."""
        key = KEYS.get(name)
        kind = key.kind if key else unit
        p5, p95, shown = None, None, value
        if isinstance(value, units.Between | units.Triangle):
            value = as_number(value, kind)
        if isinstance(value, Spread):
            p5, p95 = sp.interval(value)
            shown = sp.median(value)
        elif key is not None and kind == "date":
            shown = str(value)
        per = f"/{key.per}" if key and key.per else ""
        self.inputs[name] = Input(shown, unit or unit_of(kind) + per, *origin, p5=p5, p95=p95)

    def step(self, name: str, formula: str, value: Any, unit: str, source: str) -> None:
        """One line of the explanation."""
        self.steps.append(Step(name, formula, value, unit, source))

    def warn(self, code: str, message: str, hint: str = "") -> None:
        """A caveat on the answer; the same one is kept once."""
        caveat = Warning(code, message, hint)
        if caveat not in self.warnings:
            self.warnings.append(caveat)

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
        if found.user and key != "provider":
            self.warn("W001", f"{key} {found.name!r} is your own preset", f"llmcost presets show {found.name}")
        return value, found

    def factor(self, file: str, name: str) -> Factor:
        """A sourced constant from `calibration/FILE.toml`."""
        for row in self.catalog.factors(file):
            if row["name"] == name:
                return as_factor(row)
        raise KeyError(f"calibration/{file}.toml has no factor {name}")


def as_number(value: Any, kind: str) -> Number:
    """A parsed value as the engine takes it: a float, or a spread of its kind's family."""
    if isinstance(value, units.Between):
        return sp.between(value.low, value.high, units.KINDS[kind].distribution)
    if isinstance(value, units.Triangle):
        return Spread(value.low, value.mode, value.high, "triangular")
    return float(value)


def as_factor(row: Mapping[str, Any]) -> Factor:
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


def unit_of(kind: str) -> str:
    """The unit word of a kind in JSON: base units only."""
    return units.KINDS[kind].base if kind in units.KINDS else "name"


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
