"""The grid of a sweep: keys and the values they take, cut into parts of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from llmcost import scenario as sc
from llmcost import units
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import LlmcostError, raise_all
from llmcost.estimate.compare.alternatives import twice
from llmcost.keys import Key, all_keys
from llmcost.records import NamedTuple
from llmcost.scenario import Setting

ROWS = 1 << 17  # of a part at most: its arrays stay in the cache, its bytes in memory
CELLS = 512  # plans of a part at most: some seconds of work
MOST_VALUES = 10_000_000  # of one key
MOST_POINTS = 10**12  # a day of a thousand cores
EXAMPLE = "--vary isl=100..8000:50"
LOG = "log"
COUNTED = ("count", "per_day")  # kinds whose values are whole numbers in the middle of a range


class Axis(NamedTuple):
    """A key and the values it takes, in order."""

    key: Key
    values: tuple[Any, ...] | Array

    @property
    def name(self) -> str:
        """Of the key."""
        return self.key.name

    @property
    def numbers(self) -> bool:
        """Whether its values are plain numbers."""
        return isinstance(self.values, np.ndarray)

    def setting(self, index: int) -> Setting:
        """One of its values, as a scenario holds it."""
        value: Any = self.values[index]
        if self.numbers:
            value = int(value) if self.key.kind.startswith("whole") else float(value)
        return Setting(value, "flag:--vary")


def axes(vary: list[str]) -> list[Axis]:
    """What `--vary` says: `KEY=a..b:N`, `KEY=a..b:N:log` or `KEY=A,B,C`.

    Raises
    ------
    LlmcostError
        All findings at once.
    """
    findings: list[LlmcostError] = []
    found: dict[str, Axis] = {}
    for text in vary:
        try:
            one = _axis(text)
            if one.name in found:
                raise LlmcostError(f"--vary {one.name} is given twice", "give all of its values at once")
            found[one.name] = one
        except LlmcostError as error:
            findings += getattr(error, "findings", [error])
    raise_all(findings)
    return _bounded(list(found.values()))


def axes_of(vary: Mapping[str, str | Iterable[Any]]) -> list[Axis]:
    """The same from Python: a key's values in a list or an array, or as text for `--vary`.

    >>> [axis.values.tolist() for axis in axes_of({"isl": "100..300:3", "osl": [50, 100]})]
    [[100.0, 200.0, 300.0], [50.0, 100.0]]

    Raises
    ------
    LlmcostError
        All findings at once.
    """
    findings: list[LlmcostError] = []
    found: list[Axis] = []
    for name, values in vary.items():
        try:
            found.append(_axis(f"{name}={values}") if isinstance(values, str) else _listed(_key(name), list(values)))
        except LlmcostError as error:
            findings += getattr(error, "findings", [error])
    raise_all(findings)
    return _bounded(found)


def _bounded(found: list[Axis]) -> list[Axis]:
    if not found:
        raise LlmcostError("nothing varies: a sweep takes at least one key", EXAMPLE)
    points = math.prod(len(axis.values) for axis in found)
    if points > MOST_POINTS:
        raise LlmcostError(f"{points:.3g} points: at most {MOST_POINTS:.0e} are swept", "fewer values of a key")
    return found


def _axis(text: str) -> Axis:
    name, _, said = (part.strip() for part in text.partition("="))
    name = name.replace("-", "_")
    if not name or not said:
        raise LlmcostError(f"--vary {units.shown(text)}: expected KEY=a..b:N or KEY=A,B,C", EXAMPLE)
    key = _key(name)
    if ".." in said:
        return Axis(key, _range(key, said))
    return _listed(key, units.split_values(said))


def _key(name: str) -> Key:
    if name not in all_keys():
        raise units.at("--vary", sc.unknown_key(name, "", all_keys()))
    return all_keys()[name]


def _listed(key: Key, said: list[Any]) -> Axis:
    """The values that were named, each once."""
    said = [value.item() if isinstance(value, np.generic) else value for value in said]
    if not said:
        raise LlmcostError(f"--vary {key.name}: no values", f"--vary {key.name}=A,B,C")
    raise_all(twice(f"--vary {key.name}: ", list(map(str, said))))
    values = [_value(key, value) for value in said]
    if not all(isinstance(value, float | int) for value in values):
        return Axis(key, tuple(values))
    return Axis(key, np.array(values, dtype=float))


def _value(key: Key, text: Any) -> Any:
    try:
        return sc.layer({key.name: text}, "flag:--vary")[key.name].value
    except LlmcostError as error:
        raise units.at("--vary", sc.whole_value(key.name, text, error)) from None


def _range(key: Key, said: str) -> Array:
    """N values from a to b, both included: evenly, or by equal ratios with `:log`; whole numbers where a key counts."""
    ends, _, rest = said.partition(":")
    count, _, spacing = rest.partition(":")
    low, high = (part.strip() for part in ends.split("..", 1))
    where = f"--vary {key.name}={units.shown(said)[1:-1]}"
    if not count.isdecimal() or not 2 <= int(count) <= MOST_VALUES or spacing not in ("", LOG):
        raise LlmcostError(
            f"{where}: expected a..b:N, or a..b:N:log, with N from 2 to {MOST_VALUES:,}", f"--vary {key.name}={ends}:50"
        )
    first, last = _ends(key, low, high)
    if not all(isinstance(end, float | int) for end in (first, last)):
        raise LlmcostError(f"{where}: {key.name} is no number: name its values", f"--vary {key.name}=A,B,C")
    if not first < last:
        raise LlmcostError(f"{where}: the first end is not below the last", f"--vary {key.name}={high}..{low}:{count}")
    if spacing == LOG and first <= 0:
        raise LlmcostError(f"{where}: equal ratios start above zero", f"--vary {key.name}={ends}:{count}")
    values = np.geomspace(first, last, int(count)) if spacing == LOG else np.linspace(first, last, int(count))
    values[0], values[-1] = first, last
    if key.kind.startswith("whole") or (key.kind in COUNTED and first >= 1):
        values[1:-1] = np.round(values[1:-1])
        values = values[np.concatenate([[True], np.diff(values) > 0])]
    return values


def _ends(key: Key, low: str, high: str) -> tuple[Any, Any]:
    """Both ends of a range; what a rate is per may stand at the last alone: `1..5/h`."""
    per = high[high.index("/") :] if "/" in high and "/" not in low else ""
    return _value(key, f"{low}{per}"), _value(key, high)


class Part(NamedTuple):
    """Some rows of a grid: plans from one to another, and of each the same box of points."""

    number: int
    first: int  # of the rows
    rows: int
    cells: range
    box: tuple[slice, ...]


class Grid(NamedTuple):
    """Every point: plans first, the later the faster; then the keys that are figured as arrays, the same way."""

    planned: tuple[Axis, ...]
    arrays: tuple[Axis, ...]
    most: int  # rows of a part: every process cuts alike

    @property
    def axes(self) -> tuple[Axis, ...]:
        """In the order of the rows: the last varies fastest."""
        return (*self.planned, *self.arrays)

    @property
    def cells(self) -> int:
        """Plans."""
        return math.prod(len(axis.values) for axis in self.planned)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the points of one plan."""
        return tuple(len(axis.values) for axis in self.arrays)

    @property
    def rows(self) -> int:
        """Points."""
        return self.cells * math.prod(self.shape)

    def cell(self, index: int) -> dict[str, Setting]:
        """What one plan says."""
        found = {}
        for axis in reversed(self.planned):
            index, at = divmod(index, len(axis.values))
            found[axis.name] = axis.setting(at)
        return {axis.name: found[axis.name] for axis in self.planned}

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return self._tiles() * -(-self.cells // self._together())

    def part(self, number: int) -> Part:
        """One part: its place follows from its number alone, so that any machine may make any of them."""
        together, tiles = self._together(), self._tiles()
        group, tile = divmod(number, tiles)
        cells = range(group * together, min((group + 1) * together, self.cells))
        box, before = self._box(tile)
        inside = math.prod(s.stop - s.start for s in box)
        return Part(number, cells.start * math.prod(self.shape) + before, len(cells) * inside, cells, box)

    def every(self, start: int = 0) -> Iterator[Part]:
        """The parts from one on."""
        return (self.part(number) for number in range(start, self.parts))

    def _together(self) -> int:
        """Plans of one part."""
        inside = math.prod(self.shape)
        return 1 if inside > self.most else min(max(self.most // inside, 1), CELLS, self.cells)

    def _cut(self) -> tuple[int, int]:
        """The axis along which the box of a plan is cut, and how many of its values a part has; those before, one."""
        below = 1
        for i in range(len(self.shape) - 1, -1, -1):
            if below * self.shape[i] > self.most:
                return i, max(self.most // below, 1)
            below *= self.shape[i]
        return 0, self.shape[0] if self.shape else 1

    def _tiles(self) -> int:
        if not self.shape:
            return 1
        at, step = self._cut()
        return math.prod(self.shape[:at]) * -(-self.shape[at] // step)

    def _box(self, tile: int) -> tuple[tuple[slice, ...], int]:
        """The box of a tile, and how many points of the plan come before it."""
        if not self.shape:
            return (), 0
        at, step = self._cut()
        outer, along = divmod(tile, -(-self.shape[at] // step))
        start = along * step
        box = [slice(start, min(start + step, self.shape[at])), *(slice(0, n) for n in self.shape[at + 1 :])]
        before, below = start * math.prod(self.shape[at + 1 :]), math.prod(self.shape[at:])
        for size in reversed(self.shape[:at]):
            outer, index = divmod(outer, size)
            box.insert(0, slice(index, index + 1))
            before += index * below
            below *= size
        return tuple(box), before

    def values(self, part: Part) -> dict[str, Array]:
        """The values of the array keys in a part, each along an axis of its own."""
        found = {}
        for i, (axis, cut) in enumerate(zip(self.arrays, part.box, strict=True)):
            shape = [1] * len(self.arrays)
            shape[i] = -1
            assert isinstance(axis.values, np.ndarray)
            found[axis.name] = axis.values[cut].reshape(shape)
        return found
