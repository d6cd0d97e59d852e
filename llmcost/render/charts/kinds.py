"""Two kinds of chart: bars, and lines with marks. Titles explain every mark, since they are captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.result import Estimate

Row = Mapping[str, Any]

SERIES = 6  # of one chart: as many as colours that are told apart


class Bar(NamedTuple):
    """A row of a bar chart: its 90 % interval where it has one."""

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None


class Bars(NamedTuple):
    """Bars from zero: horizontal, a row each, or upright where they follow each other in time."""

    title: str
    rows: Sequence[Bar]
    across: str
    level: float | None = None  # a line to compare with
    upright: bool = False

    @property
    def alt(self) -> str:
        """The chart in words."""
        return f"{self.title}: " + "; ".join(f"{bar.label} {bar.text}" for bar in self.rows[:12])


class Series(NamedTuple):
    """A line through points, or the points alone; `words` say what each of them is."""

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False
    words: Sequence[str] = ()
    band: Sequence[tuple[float, float]] = ()  # the ends of each point


class Mark(NamedTuple):
    """A place that the answer chose."""

    x: float
    y: float
    label: str


class Lines(NamedTuple):
    """Series over two axes; `x_kind` and `y_kind` are kinds of `units` for the labels of the ticks."""

    title: str
    series: Sequence[Series]
    across: str
    up: str
    x_kind: str = "count"
    y_kind: str = "count"
    x_log: bool = False
    y_log: bool = False
    marks: Sequence[Mark] = ()
    level: float | None = None  # a line to compare with
    key: str = ""  # the scenario key across, where it is one

    @property
    def alt(self) -> str:
        """The chart in words."""
        chosen = "; ".join(mark.label for mark in self.marks)
        return f"{self.title}: {self.up} over {self.across}, {', '.join(s.name for s in self.series)}. {chosen}".strip()


class Cells(NamedTuple):
    """A map: a value at each place of two axes, the rows from below; `say` is a value in words."""

    title: str
    xs: Sequence[float]
    ys: Sequence[str]
    values: Sequence[Sequence[float | None]]
    across: str
    up: str
    of: str
    x_kind: str
    kind: str
    say: Callable[[float], str]

    @property
    def told(self) -> list[tuple[float, int, int]]:
        """Every value with the numbers of its column and row, the least first."""
        found = [(v, x, y) for y, row in enumerate(self.values) for x, v in enumerate(row) if v is not None]
        return sorted(found)

    def place(self, x: int, y: int) -> str:
        """A place in words."""
        return f"{self.across} {units.format(self.x_kind, self.xs[x])}, {self.up} {self.ys[y]}"

    @property
    def alt(self) -> str:
        """The chart in words."""
        (low, *least), (high, *most) = self.told[0], self.told[-1]
        return f"{self.title}: from {self.say(low)} at {self.place(*least)} to {self.say(high)} at {self.place(*most)}"


Chart = Bars | Lines | Cells


def rows_of(estimate: Estimate, name: str) -> Sequence[Row]:
    """The rows of a table of the answer; none where it has no such table."""
    array = estimate.arrays.get(name, [])
    return [row for row in array if isinstance(row, Mapping)] if isinstance(array, list | tuple) else []


def is_number(value: object) -> TypeGuard[float]:
    """Whether it can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_positive(value: object) -> TypeGuard[float]:
    """Whether it can be drawn on a logarithmic axis."""
    return is_number(value) and value > 0


def cost_label(label: str) -> str:
    """A label as what is paid.

    >>> cost_label("per month"), cost_label("total at horizon"), cost_label("output"), cost_label("up front")
    ('cost per month', 'total at horizon', 'cost of output', 'cost up front')
    """
    if label.startswith(("total", "cost")):
        return label
    return f"cost {label}" if label.startswith(("per ", "up ")) else f"cost of {label}"


def once(series: Sequence[Series]) -> list[Series]:
    """The series, those of the same points as one under all of their names."""
    same: dict[tuple[tuple[float, float], ...], list[Series]] = {}
    for one in series:
        same.setdefault(tuple(one.points), []).append(one)
    return [some[0]._replace(name=", ".join(one.name for one in some)) for some in same.values()]
