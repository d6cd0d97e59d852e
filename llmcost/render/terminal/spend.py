"""What alternatives take month by month, and by then: two pictures of the same months for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from llmcost.records import NamedTuple
from llmcost.render import Options
from llmcost.render.axis import tick_label, ticks
from llmcost.render.text import clean, trimmed
from llmcost.result import Estimate

WIDTH, WIDEST, NARROWEST = 80, 110, 44
HEIGHT = 9  # rows of each picture
MARKS = "ABCDEFGH"
PICTURES = (("period_usd", "spend in the month"), ("cumulative_usd", "all spend by then"))


class Line(NamedTuple):
    """An alternative: its name, and (month, value) of each picture."""

    name: str
    points: dict[str, list[tuple[float, float]]]


def lines(estimate: Estimate) -> list[Line]:
    """Alternatives with their months; empty where there are none to draw."""
    found: dict[str, Line] = {}
    for row in estimate.arrays.get("spend") or []:
        line = found.setdefault(str(row["name"]), Line(str(row["name"]), {key: [] for key, _ in PICTURES}))
        for key, _ in PICTURES:
            line.points[key].append((float(row["month"]), float(row[key])))
    return [line for line in found.values() if len(line.points["period_usd"]) > 1]


def render(estimate: Estimate, options: Options) -> str:
    """Both pictures, a letter for each alternative; empty where there is nothing to draw or no room."""
    found = lines(estimate)[: len(MARKS)]
    width = min(options.width or WIDTH, WIDEST)
    if not found or width < NARROWEST:
        return ""
    drawn = [row for key, title in PICTURES for row in _picture(found, key, title, width, options.unicode)]
    names = [f"  {mark} {clean(line.name)}" for mark, line in zip(MARKS, found, strict=False)]
    return trimmed("\n".join([*drawn, *names]) + "\n")


def _picture(found: Sequence[Line], key: str, title: str, width: int, unicode: bool) -> list[str]:
    top = max(value for line in found for _, value in line.points[key]) or 1.0
    last = found[0].points[key][-1][0]
    levels = {HEIGHT - 1 - _row(v, top): tick_label("usd", v) for v in ticks(top, 4, "usd")}
    left = max(len(label) for label in levels.values()) + 2
    columns = width - left - 1
    cells = [[" "] * columns for _ in range(HEIGHT)]
    for mark, line in reversed(list(zip(MARKS, found, strict=False))):
        for x in range(columns):
            month = 1.0 + (last - 1.0) * x / max(columns - 1, 1)
            cells[HEIGHT - 1 - _row(_at(line.points[key], month), top)][x] = mark
    bar, tick, corner, flat = "│┤└─" if unicode else "|++-"
    shown = [f"{levels.get(y, ''):>{left - 1}} {tick if y in levels else bar}{''.join(r)}" for y, r in enumerate(cells)]
    ends = f"{' ' * left} month 1{f'month {last:,.0f}':>{max(columns - 7, 0)}}"
    return [f"{' ' * left} {title}", *shown, f"{' ' * (left - 1)} {corner}{flat * columns}", ends]


def _row(value: float, top: float) -> int:
    return min(max(round(value / top * (HEIGHT - 1)), 0), HEIGHT - 1)


def _at(points: Sequence[tuple[float, float]], month: float) -> float:
    """The value of the month that a place belongs to: months are whole, and have one spend each."""
    return points[min(max(round(month) - 1, 0), len(points) - 1)][1]
