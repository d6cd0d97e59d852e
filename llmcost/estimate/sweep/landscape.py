"""What the picture of a sweep shows: along one or two of its keys, the cheapest point of each place.

A grid may have more values, and more keys, than a picture has places. Values side by side then share a place, and what
the other keys change there is told as a range. Parts of any size add up, as the summary of a sweep does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array
from llmcost.estimate.sweep.columns import TEXT, Column, Table
from llmcost.estimate.sweep.grid import Axis, Grid, Part
from llmcost.records import NamedTuple, TypedDict

LINES, ROWS, NAMES = 6, 24, 24  # lines of one picture, rows of a map, names that are told apart
ALONE, BESIDE, MAP = 200, 100, 48  # places along a line, along each of several, and across a map
MOST_FIGURES = 16
Places = npt.NDArray[np.intp]


class Place(TypedDict):
    """A place, its cheapest point, and the ends of each figure over all of its points; no ends on a map."""

    at: int
    cost: float
    values: list[float | None]
    least: list[float | None]
    most: list[float | None]


class Figure(TypedDict):
    """A figure at each place, a list for each value of the second key."""

    values: list[list[float | None]]
    least: list[list[float | None]]
    most: list[list[float | None]]


class Picture(TypedDict):
    """What a picture of a sweep draws."""

    across: str
    up: str | None
    xs: list[float | str]
    ys: list[float | str]
    even: bool  # whether the steps across are equal, rather than their ratios
    held: list[str]  # other keys of the sweep
    best: str  # the figure that is least at the point shown of several
    figures: dict[str, Figure]


class View(NamedTuple):
    """The keys of the picture, by their number among the axes, and how many places each has."""

    across: int
    up: int | None
    wide: int
    high: int
    ranged: bool


def view(grid: Grid) -> View | None:
    """Numbers across, the most of them; beside them what has most values of the rest; None where one point is swept."""
    many = sorted(
        (i for i, axis in enumerate(grid.axes) if len(axis.values) > 1), key=lambda i: -len(grid.axes[i].values)
    )
    numbers = [i for i in many if grid.axes[i].numbers]
    across = next(iter(numbers or many), None)
    if across is None:
        return None
    beside = [i for i in many if i != across and (grid.axes[i].numbers or len(grid.axes[i].values) <= NAMES)]
    up = beside[0] if beside and numbers else None
    count, rows = len(grid.axes[across].values), len(grid.axes[up].values) if up is not None else 1
    most = NAMES if not numbers else ALONE if up is None else BESIDE if rows <= LINES else MAP
    wide, high = min(count, most), min(rows, ROWS)
    return View(across, up, wide, high, rows <= LINES and grid.rows > wide * high)


def figures(columns: Sequence[Column]) -> list[str]:
    """The columns that a picture shows one of: numbers that an engine answers with."""
    found = [c.name for c in columns if not c.key and c.kind != TEXT and c.name != "feasible"]
    return found[:MOST_FIGURES]


def of_part(table: Table, grid: Grid, part: Part, best: str) -> list[Place]:
    """The best point of each place that a part has points of: least by the column `best`, else by the first figure."""
    seen, names = view(grid), figures(table.columns)
    if seen is None or not names:
        return []
    every = table.numbers[best if best in table.numbers else names[0]]
    rows = np.flatnonzero((table.numbers["feasible"] == 1.0) & ~np.isnan(every))
    at = _along(grid, part, seen.across, seen.wide)
    if seen.up is not None:
        at = at + seen.wide * _along(grid, part, seen.up, seen.high)
    rows = rows[at[rows] >= 0]
    at, by = at[rows], every[rows]
    least = np.full(seen.wide * seen.high, np.inf)
    np.minimum.at(least, at, by)
    won = np.flatnonzero(by == least[at])
    places, first = np.unique(at[won], return_index=True)
    chosen = rows[won[first]]
    shown = [table.numbers[name] for name in names]
    lows, highs = ([_ends(end, column[rows], at, least.size)[places] for column in shown] if seen.ranged else []
                   for end in (np.fmin, np.fmax))  # fmt: skip
    return [
        Place(at=int(place), cost=float(every[row]),
              values=_told([column[row] for column in shown]), least=_told([one[i] for one in lows]),
              most=_told([one[i] for one in highs]))
        for i, (place, row) in enumerate(zip(places, chosen, strict=True))
    ]  # fmt: skip


def _along(grid: Grid, part: Part, number: int, most: int) -> Places:
    """The place of each row of a part along one axis; below zero where a name has none."""
    count = len(grid.axes[number].values)
    place = np.arange(count) * min(most, count) // count
    if not grid.axes[number].numbers and count > most:
        place = np.where(np.arange(count) < most, np.arange(count), -(ROWS * ALONE))
    planned = len(grid.planned)
    if number < planned:
        below = math.prod(len(axis.values) for axis in grid.planned[number + 1 :])
        return np.repeat(place[np.asarray(part.cells) // below % count], part.rows // len(part.cells))
    below = math.prod(cut.stop - cut.start for cut in part.box[number - planned + 1 :])
    once = np.repeat(place[part.box[number - planned]], below)
    return np.tile(once, part.rows // once.size)


def _ends(end: np.ufunc, values: Array, at: Places, size: int) -> Array:
    found = np.full(size, np.nan)
    end.at(found, at, values)
    return found


def _told(values: Sequence[float]) -> list[float | None]:
    return [None if value != value else float(value) for value in values]


def joined(whole: Sequence[Place], part: Sequence[Place]) -> list[Place]:
    """Two parts as one."""
    found = {place["at"]: place for place in whole}
    for place in part:
        found[place["at"]] = _both(found[place["at"]], place) if place["at"] in found else place
    return list(found.values())


def _both(a: Place, b: Place) -> Place:
    cheaper = b if b["cost"] < a["cost"] else a
    return Place(
        at=a["at"], cost=cheaper["cost"], values=cheaper["values"],
        least=[_one(min, x, y) for x, y in zip(a["least"], b["least"], strict=True)],
        most=[_one(max, x, y) for x, y in zip(a["most"], b["most"], strict=True)],
    )  # fmt: skip


def _one(end: Any, a: float | None, b: float | None) -> float | None:
    told = [x for x in (a, b) if x is not None]
    return end(told) if told else None


def fresh(whole: Sequence[Place], part: Sequence[Place]) -> list[Place]:
    """What a part has to say that was not said before it."""
    before = {place["at"]: place for place in whole}
    return [p for p in part if p["at"] not in before or _both(before[p["at"]], p) != before[p["at"]]]


def picture(grid: Grid, columns: Sequence[Column], places: Sequence[Place], best: str) -> Picture | None:
    """The places of a sweep as rows and columns; None where nothing is drawn."""
    seen = view(grid)
    if seen is None or len(places) < 2:
        return None
    across, up = grid.axes[seen.across], grid.axes[seen.up] if seen.up is not None else None
    known = {place["at"]: place for place in places}

    def laid(key: str, i: int) -> list[list[float | None]]:
        rows: list[Mapping[str, Any] | None] = [known.get(at) for at in range(seen.wide * seen.high)]
        told = [row[key][i] if row and row[key] else None for row in rows]
        return [told[seen.wide * y : seen.wide * (y + 1)] for y in range(seen.high)]

    found = {
        name: Figure(values=laid("values", i), least=laid("least", i), most=laid("most", i))
        for i, name in enumerate(figures(columns))
    }
    return Picture(
        across=across.name, up=None if up is None else up.name, xs=_values(across, seen.wide),
        ys=[] if up is None else _values(up, seen.high), even=_even(across),
        held=[a.name for i, a in enumerate(grid.axes) if i not in (seen.across, seen.up) and len(a.values) > 1],
        best=best if best in found else next(iter(found), ""), figures=found,
    )  # fmt: skip


def _values(axis: Axis, places: int) -> list[float | str]:
    """The value of each place: of several that share one, the middle."""
    count = len(axis.values)
    if not axis.numbers:
        return [", ".join(v) if isinstance(v, tuple) else str(v) for v in axis.values[:places]]
    ends = [-(-i * count // places) for i in range(places + 1)]
    return [float(axis.values[(a + b - 1) // 2]) for a, b in pairwise(ends)]


def _even(axis: Axis) -> bool:
    if not axis.numbers or len(axis.values) < 3:
        return True
    first, *_, last = axis.values
    middle = float(axis.values[len(axis.values) // 2])
    return bool(first <= 0 or abs(middle - (first + last) / 2) < abs(middle - math.sqrt(first * last)))
