"""Cost against speed of several alternatives: what a terminal and a file show of the same points."""

from __future__ import annotations

import math

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.render import Options
from llmcost.render.axis import bounds, log_ticks, tick_label
from llmcost.render.text import clean, trimmed
from llmcost.result import Estimate

WIDTH, WIDEST, NARROWEST = 80, 110, 44
HEIGHT = 16
MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COST, SPEED = "usd_per_mtok_output", "tokens_per_second_per_user_full"


class Front(NamedTuple):
    """One alternative's points, fastest last: (tokens/s per user, USD per Mtok of output, on the common front)."""

    name: str
    points: list[tuple[float, float, bool]]


def fronts(estimate: Estimate) -> list[Front]:
    """The points of a comparison by alternative; empty where there are none."""
    found: dict[str, list[tuple[float, float, bool]]] = {}
    rows = estimate.arrays.get("front") or []
    for row in rows if estimate.command == "compare" else []:
        if row.get(COST) and row.get(SPEED):
            found.setdefault(str(row["name"]), []).append((float(row[SPEED]), float(row[COST]), bool(row["efficient"])))
    return [Front(name, sorted(points)) for name, points in found.items()]


def render(estimate: Estimate, options: Options) -> str:
    """The picture: a letter per alternative, capital on the common front; empty where there is nothing to draw."""
    found = fronts(estimate)[: len(MARKS)]
    width = min(options.width or WIDTH, WIDEST)
    if not found or width < NARROWEST:
        return ""
    speeds, costs = (
        bounds([p[0] for f in found for p in f.points]),
        bounds([p[1] for f in found for p in f.points], "usd"),
    )
    rows = {HEIGHT - 1 - _place(v, costs, HEIGHT): tick_label("usd", v) for v in log_ticks(*costs, "usd")}
    left = max(len(label) for label in rows.values()) + 2
    columns = width - left - 1
    cells = [[" "] * columns for _ in range(HEIGHT)]
    for mark, front in reversed(list(zip(MARKS, found, strict=False))):
        for speed, cost, efficient in front.points:
            x, y = _place(speed, speeds, columns), HEIGHT - 1 - _place(cost, costs, HEIGHT)
            if efficient or not cells[y][x].isupper():
                cells[y][x] = mark if efficient else mark.lower()
    bar, tick, corner, flat, down = "│┤└─┬" if options.unicode else "|++-+"
    lines = [
        " " * left + f" {units.current().sign}/Mtok out against tokens/s a user",
        " " * left + " batches full; capitals: unbeaten",
    ]
    lines += [
        f"{rows.get(y, ''):>{left - 1}} {tick if y in rows else bar}{''.join(row)}" for y, row in enumerate(cells)
    ]
    base, below = [flat] * columns, [" "] * (columns + 8)
    free = 0
    for value in log_ticks(*speeds):
        at, label = _place(value, speeds, columns), f"{value:g}"
        base[at] = down
        start = max(0, min(at - (len(label) - 1) // 2, columns - len(label)))
        if start >= free:
            below[start : start + len(label)] = label
            free = start + len(label) + 1
    lines += [" " * (left - 1) + f" {corner}{''.join(base)}", " " * (left + 1) + "".join(below).rstrip()]
    lines += [f"{' ' * left} {mark} {clean(front.name)}" for mark, front in zip(MARKS, found, strict=False)]
    return trimmed("\n".join(lines) + "\n")


def _place(value: float, span: tuple[float, float], count: int) -> int:
    """The cell of a value on a logarithmic axis."""
    low, high = (math.log(v) for v in span)
    return min(max(int((math.log(value) - low) / max(high - low, 1e-12) * (count - 1) + 0.5), 0), count - 1)
