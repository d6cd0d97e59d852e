"""What an answer must show of its question: inputs, numbers, caveats and steps, each added and never taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import units
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.spread import Spread
from llmcost.keys import KEYS
from llmcost.records import NamedTuple
from llmcost.result import Input, Step, Warning

Number = float | Spread
UNPRICED = "W025"  # the caveat of a rate that nobody quotes
NO_DOLLARS = ": dollars are not given"  # how its message ends


class Origin(NamedTuple):
    """Where a value came from; becomes the origin, source, date and confidence of an `Input`."""

    origin: str
    source: str | None = None
    date: str | None = None
    confidence: str | None = None


class Ledger:
    """Inputs that are shown, numbers that are sampled, caveats, and the steps of the calculation."""

    def __init__(self) -> None:
        self._inputs: dict[str, Input] = {}
        self._numbers: dict[str, Number] = {}
        self._warnings: list[Warning] = []
        self._steps: list[Step] = []

    @property
    def inputs(self) -> dict[str, Input]:
        """Every value that was taken, by the name the user knows it by."""
        return dict(self._inputs)

    @property
    def numbers(self) -> Mapping[str, Number]:
        """What the figures follow from."""
        return self._numbers

    @property
    def warnings(self) -> list[Warning]:
        """Caveats on the answer."""
        return list(self._warnings)

    @property
    def priced(self) -> bool:
        """Whether a rate was found or given; without one dollars are not known."""
        return not self.unpriced

    @property
    def unpriced(self) -> str:
        """Why no rate is known; empty where one is."""
        found = next((caveat.message for caveat in self._warnings if caveat.code == UNPRICED), "")
        return found.removesuffix(NO_DOLLARS)

    @property
    def steps(self) -> list[Step]:
        """The explanation."""
        return list(self._steps)

    def record(self, name: str, value: Any, origin: Origin, unit: str = "") -> None:
        """Show an input under the name the user knows it by."""
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
        self._inputs[name] = Input(shown, unit or unit_of(kind) + per, *origin, p5=p5, p95=p95)

    def keep(self, name: str, value: Number) -> None:
        """A number of the figures that is not shown, or shown already."""
        self._numbers[name] = value

    def sample(self, name: str, value: Number, origin: Origin, unit: str = "") -> Number:
        """A number that is not a key of its own (a predicted MFU, a server factor), shown and sampled alike."""
        self.record(name, value, origin, unit)
        self.keep(name, value)
        return value

    def adopt(self, other: Ledger) -> None:
        """Take over what was noted on a copy of this one."""
        self._inputs.update(other._inputs)
        self._numbers.update(other._numbers)
        self._warnings += [caveat for caveat in other._warnings if caveat not in self._warnings]
        self._steps += other._steps[len(self._steps) :]

    def restore(self, copy: Ledger) -> None:
        """Forget what was noted since a copy was made."""
        self._inputs.clear()
        self._numbers.clear()
        self._inputs.update(copy._inputs)
        self._numbers.update(copy._numbers)
        self._warnings[:], self._steps[:] = copy._warnings, copy._steps

    def step(self, name: str, formula: str, value: Any, unit: str, source: str) -> None:
        """One line of the explanation."""
        self._steps.append(Step(name, formula, value, unit, source))

    def warn(self, code: str, message: str, hint: str = "") -> None:
        """A caveat on the answer; the same one is kept once."""
        caveat = Warning(code, message, hint)
        if caveat not in self._warnings:
            self._warnings.append(caveat)


def as_number(value: Any, kind: str) -> Number:
    """A parsed value as the engine takes it: a float, or a spread of its kind's family."""
    if isinstance(value, units.Between):
        return sp.between(value.low, value.high, units.KINDS[kind].distribution)
    if isinstance(value, units.Triangle):
        return Spread(value.low, value.mode, value.high, "triangular")
    return float(value)


def unit_of(kind: str) -> str:
    """The unit word of a kind in JSON: base units only."""
    return units.KINDS[kind].base if kind in units.KINDS else "name"
