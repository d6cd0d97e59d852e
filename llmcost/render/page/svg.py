"""Charts of a page as SVG, from the rows of an answer. Colours are classes, so that a page is light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from llmcost import units

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 110, 16, 40
ROW, LABEL, ROOM = 26, 200, 130  # of bars: height, room for names, room for values
MOST_BARS = 24
MOST_POINTS = 400  # of a curve: more than a screen has
Place = Callable[[float], float]


class Bar(NamedTuple):
    """A row of a bar chart: its 90 % interval where it has one."""

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None


def bars(rows: Sequence[Bar], alt: str) -> Markup:
    """Horizontal bars from zero, with whiskers of the 90 % interval."""
    shown = rows[:MOST_BARS]
    top = max((bar.high if bar.high is not None else bar.value) for bar in shown) or 1.0
    room = WIDTH - LABEL - ROOM
    parts = [_text(LABEL - 8, i * ROW + 17, bar.label[:34], "end") for i, bar in enumerate(shown)]
    for i, bar in enumerate(shown):
        y, wide = i * ROW + 5, max(bar.value / top * room, 1.0)
        parts.append(f'<rect class="b" x="{LABEL}" y="{y}" width="{wide:.1f}" height="16" rx="2"/>')
        end = wide
        if bar.low is not None and bar.high is not None:
            low, high = bar.low / top * room, bar.high / top * room
            parts.append(f'<path class="w" d="M{LABEL + low:.1f} {y + 8}H{LABEL + high:.1f}"/>')
            end = max(wide, high)
        parts.append(_text(LABEL + end + 6, i * ROW + 17, bar.text, "start", "v"))
    return _svg(parts, WIDTH, len(shown) * ROW + 6, alt)


class Curve(NamedTuple):
    """A line over time with its 90 % band."""

    name: str
    style: str
    days: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def curves(found: Sequence[Curve], crossing: Mapping[str, float | None], alt: str, ident: str = "") -> Markup:
    """Cumulative spend over days, and where they meet with its range as a bracket on the axis."""
    last = max(curve.days[-1] for curve in found) or 1.0
    top = 1.08 * max(max(curve.values) for curve in found) or 1.0

    def x(day: float) -> float:
        return LEFT + min(max(day / last, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - min(max(value / top, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    parts = _axes(last, top, x, y)
    for curve in found:
        at = _thin(len(curve.days))
        if curve.low is not None and curve.high is not None:
            up = [f"{x(curve.days[i]):.1f} {y(curve.high[i]):.1f}" for i in at]
            down = [f"{x(curve.days[i]):.1f} {y(curve.low[i]):.1f}" for i in reversed(at)]
            parts.append(f'<path class="band {curve.style}" d="M{"L".join((*up, *down))}Z"/>')
        line = "L".join(f"{x(curve.days[i]):.1f} {y(curve.values[i]):.1f}" for i in at)
        parts.append(f'<path class="line {curve.style}" d="M{line}"/>')
        parts.append(_text(WIDTH - RIGHT + 6, y(curve.values[-1]) + 4, curve.name, "start", curve.style))
    day, spend = crossing.get("day"), crossing.get("usd")
    if day is not None and spend is not None and day <= last:
        parts.append(f'<circle class="meet" cx="{x(day):.1f}" cy="{y(spend):.1f}" r="5"/>')
    low, high = crossing.get("p5"), crossing.get("p95")
    if low is not None and low <= last:
        end = x(high) if high is not None else WIDTH - RIGHT
        base = HEIGHT - BOTTOM + 4
        parts.append(
            f'<path class="w" d="M{x(low):.1f} {base - 4}v8M{x(low):.1f} {base}H{end:.1f}M{end:.1f} {base - 4}v8"/>'
        )
    return _svg(parts, WIDTH, HEIGHT, alt, ident)


def points(rows: Iterable[tuple[float, float, str]], across: str, up: str, alt: str) -> Markup:
    """Points on two logarithmic axes, each with its words."""
    shown = [row for row in rows if row[0] > 0 and row[1] > 0]
    xs, ys = [math.log(row[0]) for row in shown], [math.log(row[1]) for row in shown]
    left, wide = min(xs), max(max(xs) - min(xs), 1e-9)
    low, high = min(ys), max(max(ys) - min(ys), 1e-9)
    parts = [
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
        _text(WIDTH - RIGHT, HEIGHT - 8, across, "end", "dim"),
        _text(LEFT - 60, TOP - 2, up, "start", "dim"),
    ]
    for (_, _, words), a, b in zip(shown, xs, ys, strict=True):
        cx = LEFT + 12 + (a - left) / wide * (WIDTH - LEFT - RIGHT - 24)
        cy = HEIGHT - BOTTOM - 12 - (b - low) / high * (HEIGHT - TOP - BOTTOM - 24)
        parts.append(f'<circle class="b" cx="{cx:.1f}" cy="{cy:.1f}" r="5"><title>{escape(words)}</title></circle>')
    for at, pick in ((0, min), (1, max)):
        ends = (pick(row[0] for row in shown), pick(row[1] for row in shown))
        along, above = (
            LEFT + 12 + at * (WIDTH - LEFT - RIGHT - 24),
            HEIGHT - BOTTOM - 8 - at * (HEIGHT - TOP - BOTTOM - 24),
        )
        parts.append(_text(along, HEIGHT - BOTTOM + 16, f"{ends[0]:.3g}", "middle", "dim"))
        parts.append(_text(LEFT - 6, above, f"{ends[1]:.3g}", "end", "dim"))
    return _svg(parts, WIDTH, HEIGHT, alt)


def _axes(last: float, top: float, x: Place, y: Place) -> list[str]:
    parts = []
    for value in ticks(top):
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 6, y(value) + 4, units.format("usd", value) if value else "$0", "end", "dim"))
    month = 365.25 / 12
    for value in ticks(last / month):
        parts.append(_text(x(value * month), HEIGHT - 14, f"{value:g}", "middle", "dim"))
    parts.append(_text(WIDTH - RIGHT + 6, HEIGHT - 14, "months", "start", "dim"))
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    return parts


def ticks(top: float, most: int = 6) -> list[float]:
    """Round numbers from zero to below `top`, at most `most` of them.

    >>> ticks(61.0), ticks(3.4)
    ([0.0, 20.0, 40.0, 60.0], [0.0, 1.0, 2.0, 3.0])
    """
    rough = top / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * m for m in (1, 2, 5, 10, 20) if top / (power * m) < most - 1)
    return [step * i for i in range(int(top / step) + 1)]


def _thin(count: int) -> list[int]:
    """At most so many places of a curve, both ends among them."""
    if count <= MOST_POINTS:
        return list(range(count))
    return [round(i * (count - 1) / (MOST_POINTS - 1)) for i in range(MOST_POINTS)]


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escape(text)}</text>'


def _svg(parts: Iterable[str], width: int, height: int, alt: str, ident: str = "") -> Markup:
    name = f' id="{ident}"' if ident else ""
    body = "".join(parts)
    space = "http://www.w3.org/2000/svg"
    head = f'<svg{name} viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt)}" xmlns="{space}">'
    return Markup(f"{head}<title>{escape(alt)}</title>{body}</svg>")  # every text above is escaped
