"""The crossover as a picture in the terminal: two curves, their intervals, the crossing with its own range."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.render import Options
from llmcost.render.axis import SOON, day_text, tick_label, ticks, time_axis
from llmcost.render.text import trimmed
from llmcost.result import Estimate, Range

WIDTH, WIDEST, NARROWEST = 80, 110, 44  # of the whole picture: in a pipe, at most, at least
HEIGHT, FEWEST = 15, 12  # rows of the curves, and columns that they need
BASES = {
    "usd": ("usd", "spend"),
    "kwh": ("kwh", "electricity"),
    "co2e_kg": ("kg", "emissions"),
    "flops": ("count", "FLOPs"),
}
BLANK = chr(0x2800)  # a braille cell without dots; cells join by their bits
COLORS = {
    "training": "36", "inference": "35", "training band": "2;36", "inference band": "2;35", "crossing": "1",
    "axis": "2",
}  # fmt: skip
BANDS = {"training": ("╌", "~"), "inference": ("·", ".")}  # edges of the interval, in a terminal of any kind
ROOM = 2.0  # the most that the picture grows so that the upper edge of training is in it

Row = Mapping[str, Any]


class Curve(NamedTuple):
    """What is drawn: a measure, its rows, the crossing where there is one, and the 90 % range of its day."""

    basis: str
    rows: Sequence[Row]
    crossing: tuple[float, float] | None
    top: float
    span: Range | None = None
    start: dt.date | None = None
    priced: bool = False  # whether prices that nobody stated widen the ranges, beside those of the headline

    @property
    def end(self) -> float:
        """The last day."""
        return float(self.rows[-1]["day"])

    def points(self, name: str) -> list[tuple[float, float]]:
        """A column as (day, value) pairs; empty where it is missing."""
        key = f"{name}_{self.basis}"
        return [(float(r["day"]), float(r[key])) for r in self.rows if r.get(key) is not None]

    def band(self, name: str) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The 5 % and the 95 % quantile of a curve; empty where it is certain."""
        return self.points(f"{name}_p5"), self.points(f"{name}_p95")

    def ends(self) -> tuple[float, float] | None:
        """First and last day of the crossing's range inside the picture; an open end is that of the picture."""
        if self.span is None or self.span.p5 is None or self.span.p5 >= self.end:
            return None
        last = math.inf if self.span.p95 is None else self.span.p95
        return max(self.span.p5, 0.0), min(last, self.end)

    def open_ended(self) -> bool:
        """Whether the range of the crossing goes on beyond the picture."""
        return self.span is not None and (self.span.p95 is None or self.span.p95 > self.end)

    def span_text(self, dated: bool = True) -> str:
        """The range of the crossing in words: days, and dates where the launch is dated."""
        assert self.span is not None
        first, last = self.span.p5 or 0.0, self.span.p95
        soon = last is not None and last < SOON
        second = "or later" if last is None else f"to {day_text(last, soon).removeprefix('day ')}"
        text = f"crossing, 90 % range{' with prices' if self.priced else ''}: {day_text(first, soon)} {second}"
        if self.start is None or not dated:
            return text
        days = (d for d in (self.span.p5, self.span.p95) if d is not None)
        return f"{text}, {' to '.join((self.start + dt.timedelta(days=round(d))).isoformat() for d in days)}"

    def at(self, name: str, day: float) -> float:
        """A column's value at a day, between its rows."""
        return interpolated(self.points(name), day)


def render(estimate: Estimate, options: Options) -> str:
    """The picture; empty where there is no curve or no room for one."""
    found = curve(estimate)
    width = min(options.width or WIDTH, WIDEST)
    if found is None or width < NARROWEST:
        return ""
    canvas = Canvas(found, width, options.unicode)
    if canvas.columns < FEWEST:
        return ""
    for name in BANDS:
        canvas.band(name)
    for name in ("training", "inference"):
        canvas.line(name)
    canvas.mark()
    return canvas.text(options.color)


def curve(estimate: Estimate) -> Curve | None:
    """The curve of an answer in the measure it has; None where there is nothing to draw."""
    rows = estimate.arrays.get("curve") or []
    basis = next((b for b in BASES if rows and f"training_{b}" in rows[0] and f"inference_{b}" in rows[0]), None)
    if basis is None or len(rows) < 2 or not rows[-1]["day"] > rows[0]["day"]:
        return None
    top = max(float(r[f"{name}_{basis}"]) for r in rows for name in ("training", "inference"))
    if not (math.isfinite(top) and top > 0):
        return None
    said = estimate.inputs.get("start")
    start = dt.date.fromisoformat(str(said.value)) if said is not None else None
    edge = max(float(r.get(f"training_p95_{basis}") or 0.0) for r in rows)
    top = max(top, edge) if edge <= ROOM * top else top
    priced = "crossover_days" in estimate.ranges_at_price
    bare = Curve(basis, rows, None, top, estimate.ranges.get("crossover_days"), start, priced)
    day = estimate.result.get("crossover_days")
    if not isinstance(day, int | float) or not rows[0]["day"] <= day <= bare.end:
        return bare
    stated = estimate.result.get(f"crossover_{basis}")
    level = float(stated) if isinstance(stated, int | float) else bare.at("training", float(day))
    return bare._replace(crossing=(float(day), level), top=max(bare.top, level))


def interpolated(points: Sequence[tuple[float, float]], x: float) -> float:
    """Linear between points, flat outside them.

    >>> interpolated([(0.0, 0.0), (10.0, 5.0)], 4.0)
    2.0
    """
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[0][1] if x < points[0][0] else points[-1][1]


class Canvas:
    """Character cells with styles: curves below, words on top."""

    def __init__(self, what: Curve, width: int, unicode: bool) -> None:
        self.what = what
        self.width = width
        self.unicode = unicode
        self.kind, self.noun = BASES[what.basis]
        self.levels = ticks(what.top, 5, self.kind)
        self.y_labels = [tick_label(self.kind, v) for v in self.levels]
        self.ends = [
            (name, f"{name} {units.format(self.kind, what.points(name)[-1][1])}") for name in ("training", "inference")
        ]
        self.left = max(len(label) for label in self.y_labels) + 2
        self.columns = width - self.left - 1 - max(len(label) for _, label in self.ends) - 1
        self.cells = [[(" ", "")] * max(self.columns, 0) for _ in range(HEIGHT)]
        self.level: dict[int, int] = {}  # row of training in each column, as drawn

    def column(self, day: float) -> int:
        """The column of a day."""
        return min(int(day / self.what.end * self.columns), self.columns - 1)

    def row(self, value: float) -> int:
        """The row of a value, from the top."""
        return HEIGHT - 1 - min(int(value / (self.what.top * 1.02) * HEIGHT), HEIGHT - 1)

    def line(self, name: str) -> None:
        """A curve."""
        points = self.what.points(name)
        for y, row in enumerate(
            self._braille(points) if self.unicode else self._ascii(points, "-" if name == "training" else "*")
        ):
            for x, char in enumerate(row):
                if char not in (" ", BLANK):
                    old, style = self.cells[y][x]
                    joined = chr(ord(old) | ord(char)) if self.unicode and style in ("training", "inference") else char
                    self.cells[y][x] = (joined, name)
                    if name == "training":
                        self.level[x] = y

    def _braille(self, points: list[tuple[float, float]]) -> list[str]:
        from plotille import Canvas as Dots

        dots = Dots(self.columns, HEIGHT, 0, 0, self.what.end, self.what.top * 1.02)
        for (x0, y0), (x1, y1) in pairwise(points):
            dots.line(x0, y0, x1, y1)
        return str(dots.plot()).split("\n")

    def _ascii(self, points: list[tuple[float, float]], char: str) -> list[str]:
        grid = [[" "] * self.columns for _ in range(HEIGHT)]
        for x in range(self.columns):
            grid[self.row(interpolated(points, (x + 0.5) / self.columns * self.what.end))][x] = char
        return ["".join(row) for row in grid]

    def band(self, name: str) -> None:
        """The edges of the 90 % interval of a curve: two intervals overlap, and a filled one would hide the other."""
        char = BANDS[name][0 if self.unicode else 1]
        for edge in self.what.band(name):
            for x in range(self.columns if edge else 0):
                value = interpolated(edge, (x + 0.5) / self.columns * self.what.end)
                if value <= self.what.top:
                    self.cells[self.row(value)][x] = (char, f"{name} band")

    def mark(self) -> None:
        """The crossing: a dot, a drop line and what it says."""
        if self.what.crossing is None:
            return
        day, level = self.what.crossing
        x = self.column(day)
        y = self.level.get(x, self.row(level))
        for below in range(y + 1, HEIGHT):
            self.cells[below][x] = ("┊" if self.unicode else ":", "axis")
        self.cells[y][x] = ("●" if self.unicode else "O", "crossing")
        at_day = f" {day_text(day)}"
        for label in (f"{at_day}, {units.format(self.kind, level)} ", f"{at_day} "):
            place = self._beside(x, y, len(label))
            if place is not None:
                row, start = place
                self.cells[row][start : start + len(label)] = [(char, "crossing") for char in label]
                return

    def _beside(self, x: int, y: int, length: int) -> tuple[int, int] | None:
        """Where words of that length fit: above and left of the crossing, else below and right of it."""
        if y > 0 and length <= x:
            return y - 1, x - length
        if y + 1 < HEIGHT and x + 1 + length <= self.columns:
            return y + 1, x + 1
        return None

    def text(self, color: bool) -> str:
        """The finished picture, axes and words around it."""
        paint: Callable[[str, str], str] = (
            (lambda s, style: f"\x1b[{COLORS[style]}m{s}\x1b[0m" if style else s) if color else (lambda s, _: s)
        )
        bar, tick, corner, flat, down = "│┤└─┬" if self.unicode else "|++-+"
        named = {
            self.row(value): label for value, label in zip(reversed(self.levels), reversed(self.y_labels), strict=True)
        }
        named.pop(HEIGHT - 1, None)
        ends = self._ends()
        lines = [self._title(paint)]
        for y, row in enumerate(self.cells):
            edge = tick if y in named else bar
            name, label = ends.get(y, ("", ""))
            axis = paint(f"{named.get(y, ''):>{self.left - 1}} {edge}", "axis")
            lines.append((axis + _runs(row, paint) + (" " + paint(label, name) if label else "")).rstrip())
        days, labels, word = time_axis(self.what.end, max(3, min(10, self.columns // 6)))
        base, below = [flat] * self.columns, [" "] * (self.columns + 12)
        for day, label in zip(days, labels, strict=True):
            at = self.column(day)
            base[at] = down
            start = max(0, at - (len(label) - 1) // 2)
            below[start : start + len(label)] = label
        zero = tick_label(self.kind, 0.0)
        below_all = [(char, "axis") for char in f"{zero:>{self.left - 1}} {corner}{''.join(base)}"]
        self._bracket(below_all)
        lines.append(_runs(below_all, paint))
        lines.append(paint(f"{' ' * (self.left + 1)}{''.join(below).rstrip()}  {word}"[: self.width], "axis"))
        if self.what.ends() is not None:
            key = "┣━┫ " if self.unicode else "[=] "
            text = self.what.span_text(len(key + self.what.span_text()) <= self.width)
            indent = " " * max(0, min(self.left + 1, self.width - len(key + text)))
            lines.append(indent + paint(key + text, "crossing"))
        return trimmed("\n".join(lines) + "\n")

    def _bracket(self, axis: list[tuple[str, str]]) -> None:
        """The range of the crossing over the time axis: a bracket, open where it goes on."""
        ends = self.what.ends()
        if ends is None:
            return
        first, last = (self.left + 1 + self.column(day) for day in ends)
        opened, line, tick, closed, further = "┣━┯┫▶" if self.unicode else "[=+]>"
        ticked = [char in "┬+" for char, _ in axis]
        axis[first : last + 1] = [(tick if t else line, "crossing") for t in ticked[first : last + 1]]
        axis[first] = (opened, "crossing")
        axis[last] = (further if self.what.open_ended() else closed, "crossing")
        if self.what.crossing is not None:
            at = self.left + 1 + self.column(self.what.crossing[0])
            axis[at] = ("╋" if self.unicode else "O", "crossing")

    def _title(self, paint: Callable[[str, str], str]) -> str:
        banded = [name for name in BANDS if all(self.what.band(name))]
        note = (" · " if self.unicode else ", ") + "dotted: 90 % range"
        note += (" of each" if len(banded) > 1 else "") + (" with prices" if self.what.priced else "")
        note = note if banded else ""
        indent = " " * (self.left + 1)
        what = next(
            text
            for text in (
                f"cumulative {self.noun} since launch{note}",
                f"{self.noun} since launch{note}",
                f"{self.noun}{note}",
                self.noun,
            )
            if len(indent + text) <= self.width or text == self.noun
        )
        return paint(indent + what, "axis")

    def _ends(self) -> dict[int, tuple[str, str]]:
        """The names of the curves at their last rows, moved apart where they meet."""
        (first, high), (second, low) = sorted(self.ends, key=lambda end: -self.what.points(end[0])[-1][1])
        upper, lower = (self.row(self.what.points(name)[-1][1]) for name in (first, second))
        if upper == lower:
            upper, lower = (upper - 1, lower) if upper > 0 else (upper, lower + 1)
        return {upper: (first, high), lower: (second, low)}


def _runs(row: Sequence[tuple[str, str]], paint: Callable[[str, str], str]) -> str:
    """Cells as text, one colour code per run of a style."""
    parts: list[str] = []
    run, last = "", ""
    for char, style in row:
        if style != last and char != " ":  # a space looks the same in any style
            parts.append(paint(run, last))
            run, last = "", style
        run += char
    return "".join([*parts, paint(run, last)])
