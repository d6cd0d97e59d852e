"""Two kinds of chart: bars, and lines with marks. Titles explain every mark, since they are captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

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


Chart = Bars | Lines


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

    >>> cost_label("per month"), cost_label("total at horizon"), cost_label("cost")
    ('cost per month', 'total at horizon', 'cost')
    """
    return label if label.startswith(("total", "cost")) else f"cost {label}"
