"""Charts of a page as SVG, from the rows of an answer. Colours are classes, so that a page is light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from markupsafe import Markup, escape

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.render.axis import bounds, log_ticks, tick_label
from llmcost.render.charts import Bars, Cells, Chart, Lines

WIDTH, HEIGHT = 720, 360
# Room for letters of 20 units: on a phone a picture is half as wide, and its letters twice as large.
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 16, 52
TICKS, CAPTION = 30, 8  # above the lower edge: the numbers of an axis, and what it counts
ROW, BAR, ROOM = 46, 24, 200  # of bars: height, place of the bar under its name, room for values
LINE = 22  # of names
LETTER = 11  # width of one on a phone, where they are large
PER_LETTER = 7  # width of a letter of a label beside a point
SHORT = 22  # letters of a name that has half a row
MOST_BARS = 24
SEAM = 0.8  # by which a row of a map lies over the next, lest light shine between them
SHADES, LOGARITHMIC = 8, 10.0  # of a map; the ratio from which on its steps are by equal ratios
FEW_BARS = 8  # upright ones that are all named
FILLED = "i"  # the one band that is tinted: two would grey each other out; edges tell the other
MOST_POINTS = 400  # of a curve: more than a screen has
Place = Callable[[float], float]
STYLE, OF_MAPS = (Path(__file__).parent / name for name in ("svg.css", "map.css"))  # of pictures in a page and alone


def draw(chart: Chart) -> Markup:
    """A chart as SVG; its alternative text is the chart in words."""
    if isinstance(chart, Bars):
        return columns(chart) if chart.upright else bars(chart)
    if isinstance(chart, Cells):
        return cells(chart)
    return lines(chart)


def bars(chart: Bars) -> Markup:
    """Horizontal bars from zero, with whiskers of the 90 % interval."""
    shown, level = chart.rows[:MOST_BARS], chart.level
    top = max(level or 0.0, *((bar.high if bar.high is not None else bar.value) for bar in shown)) or 1.0
    room = WIDTH - ROOM
    parts = [_text(0, i * ROW + BAR - 7, bar.label[:56], "start") for i, bar in enumerate(shown)]
    for i, bar in enumerate(shown):
        y, wide = i * ROW + BAR, max(bar.value / top * room, 1.0)
        parts.append(f'<rect class="b" x="0" y="{y}" width="{wide:.1f}" height="16" rx="2"/>')
        end = wide
        if bar.low is not None and bar.high is not None:
            low, high = bar.low / top * room, bar.high / top * room
            parts.append(f'<path class="r" d="M{low:.1f} {y + 8}H{high:.1f}"/>')
            end = max(wide, high)
        parts.append(_text(end + 6, y + 14, bar.text, "start", "v"))
    if level is not None:
        at = level / top * room
        parts.insert(0, f'<path class="w" d="M{at:.1f} 0V{len(shown) * ROW}"/>')
    return _svg(parts, WIDTH, len(shown) * ROW + 6, chart.alt)


def columns(chart: Bars) -> Markup:
    """Upright bars from zero, each named below: every one, or every third where they are many."""
    base, step = HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / len(chart.rows)
    y = scale(0.0, max(chart.level or 0.0, *(bar.value for bar in chart.rows)), False, base, TOP + ROW / 2)
    parts = [_level(y.at(value), f"{value:g}", True) for value in y.ticks]
    for i, bar in enumerate(chart.rows):
        x, top = LEFT + (i + 0.15) * step, y.at(bar.value)
        title = f"<title>{escape(bar.label)}: {escape(bar.text)}</title>"
        size = f'width="{0.7 * step:.1f}" height="{base - top:.1f}"'
        parts.append(f'<rect class="b" x="{x:.1f}" y="{top:.1f}" {size}>{title}</rect>')
        if i % 3 == 0 or len(chart.rows) <= FEW_BARS:
            parts.append(_tick(LEFT + (i + 0.5) * step, bar.label))
    if chart.level is not None:
        parts.append(f'<path class="w" d="M{LEFT} {y.at(chart.level):.1f}H{WIDTH - RIGHT}"/>')
    parts.append(f'<path class="axis" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>')
    parts.append(_text(4, TOP + 4, chart.across, "start", "dim"))
    return _svg(parts, WIDTH, HEIGHT, chart.alt)


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

    highest = max(found, key=lambda curve: curve.values[-1])
    parts = _axes(last, top, x, y)
    for curve in found:
        at = _thin(len(curve.days))
        if curve.low is not None and curve.high is not None:
            if curve.style == FILLED:
                up = [f"{x(curve.days[i]):.1f} {y(curve.high[i]):.1f}" for i in at]
                down = [f"{x(curve.days[i]):.1f} {y(curve.low[i]):.1f}" for i in reversed(at)]
                parts.append(f'<path class="band {curve.style}" d="M{"L".join((*up, *down))}Z"/>')
            for edge in (curve.low, curve.high):
                shown = [f"{x(curve.days[i]):.1f} {y(edge[i]):.1f}" for i in at if edge[i] <= top]
                parts += [f'<path class="edge {curve.style}" d="M{"L".join(shown)}"/>'] if len(shown) > 1 else []
        line = "L".join(f"{x(curve.days[i]):.1f} {y(curve.values[i]):.1f}" for i in at)
        parts.append(f'<path class="line {curve.style}" d="M{line}"/>')
        shift = -10 if curve is highest else 22
        parts.append(_text(WIDTH - RIGHT, y(curve.values[-1]) + shift, curve.name, "end", curve.style))
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


def lines(chart: Lines) -> Markup:
    """Series over two axes, named above by their colour and dashes; a ring is what was chosen."""
    ys = [y for one in chart.series for _, y in one.points] + [mark.y for mark in chart.marks]
    banded = chart.series[0].band if len(chart.series) == 1 else ()
    ys += [end for ends in banded for end in ends]
    ys += [] if chart.level is None else [chart.level]
    names = [one.name for one in chart.series] if len(chart.series) > 1 else []
    beside = 2 if all(len(name) <= SHORT for name in names) else 1
    top = TOP + LINE * math.ceil(len(names) / beside) + 22
    joined = [not (one.dots and chart.level is not None) for one in chart.series]  # else rows of their own
    x = across(chart)
    y = scale(min(ys), max(ys), chart.y_log, HEIGHT - BOTTOM, top, chart.y_kind)
    parts = [
        *_names(names, beside, joined),
        *(_level(y.at(value), _label(chart.y_kind, value), value in y.ticks) for value in y.ticks),
        *(_tick(x.at(value), _label(chart.x_kind, value)) for value in x.ticks),
        f'<path class="axis" d="M{LEFT} {top}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
        _text(WIDTH - RIGHT, HEIGHT - CAPTION, chart.across, "end", "dim"),
        _text(4, top - 8, chart.up, "start", "dim"),
    ]
    if chart.level is not None:
        parts.append(f'<path class="w" d="M{LEFT} {y.at(chart.level):.1f}H{WIDTH - RIGHT}"/>')
    if banded:
        xs = [x.at(place) for place, _ in chart.series[0].points]
        low, high = ([f"{a:.1f} {y.at(ends[i]):.1f}" for a, ends in zip(xs, banded, strict=True)] for i in (0, 1))
        parts.append(f'<path class="band i" d="M{"L".join((*high, *reversed(low)))}Z"/>')
        parts += [f'<path class="edge i" d="M{"L".join(edge)}"/>' for edge in (low, high)]
    for i, one in enumerate(chart.series):
        at = [(x.at(a), y.at(b)) for a, b in one.points]
        if joined[i]:
            parts.append(f'<path class="line s{i}" d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in at)}"/>')
        told = one.words or [""] * len(at)
        for (a, b), words in zip(at, told, strict=True) if one.dots else ():
            title = f"<title>{escape(words)}</title>" if words else ""
            parts.append(f'<circle class="dot s{i}" cx="{a:.1f}" cy="{b:.1f}" r="4">{title}</circle>')
    drawn = [[(x.at(a), y.at(b)) for a, b in one.points] for one in chart.series]
    for mark in chart.marks:
        a, b = x.at(mark.x), y.at(mark.y)
        parts.append(f'<circle class="ring" cx="{a:.1f}" cy="{b:.1f}" r="8"/>')
        side, shift = ("end", -14) if a > WIDTH / 2 else ("start", 14)
        ends = sorted((a, a + math.copysign(PER_LETTER * len(mark.label) + 14, shift)))
        parts.append(_text(a + shift, _clear(drawn, ends, b, top), mark.label, side, "v"))
    return _svg(parts, WIDTH, HEIGHT, chart.alt, style="along" if chart.key else "")


def cells(chart: Cells) -> Markup:
    """A map of shades, each from its value to the next, named above; the ring is where the value is least."""
    rows, wide = len(chart.ys), len(chart.xs)
    top, base = TOP + 2 * LINE + 22, HEIGHT - BOTTOM
    across, high = (WIDTH - LEFT - RIGHT) / wide, (base - top) / rows
    (least, *_), (most, *_) = chart.told[0], chart.told[-1]
    log = least > 0 and most / least > LOGARITHMIC
    shares = [[_share(v, least, most, log) for v in row] for row in chart.values]
    runs: dict[int, list[str]] = {}
    for y, row in enumerate(shares):
        x = 0
        for shade, some in groupby(row, lambda share: None if share is None else min(int(share * SHADES), SHADES - 1)):
            long = len(list(some))
            if shade is not None:
                runs.setdefault(shade, []).append(
                    f"M{LEFT + x * across:.1f} {base - (y + 0.5) * high:.1f}h{long * across:.1f}"
                )
            x += long
    parts = [f'<path class="h h{n}" stroke-width="{high + SEAM:.2f}" d="{"".join(runs[n])}"/>' for n in sorted(runs)]
    step = (WIDTH - LEFT - RIGHT) / SHADES
    parts += [
        f'<path class="h h{n}" stroke-width="14" d="M{LEFT + n * step:.1f} {TOP + 2}h{step:.1f}"/>'
        for n in range(SHADES)
    ]
    for share, side in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        value = least * (most / least) ** share if log else least + share * (most - least)
        parts.append(_text(LEFT + share * (WIDTH - LEFT - RIGHT), TOP + LINE + 6, chart.say(value), side))
    few = max(1, math.ceil(rows * LINE / (base - top)))
    parts += [_text(LEFT - 6, base - (y + 0.5) * high + 4, chart.ys[y], "end", "dim") for y in range(0, rows, few)]
    for i in sorted({round(share * (wide - 1)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)}):
        parts.append(_tick(LEFT + (i + 0.5) * across, _label(chart.x_kind, chart.xs[i])))
    _, x, y = chart.told[0]
    parts.append(
        f'<circle class="ring" cx="{LEFT + (x + 0.5) * across:.1f}" cy="{base - (y + 0.5) * high:.1f}" r="8"/>'
    )
    parts.append(_text(WIDTH - RIGHT, HEIGHT - CAPTION, chart.across, "end", "dim"))
    parts.append(_text(4, top - 8, chart.up, "start", "dim"))
    return _svg(parts, WIDTH, HEIGHT, chart.alt)


def _share(value: float | None, least: float, most: float, log: bool) -> float | None:
    """Where a value is between the ends."""
    if value is None:
        return None
    return math.log(value / least) / math.log(most / least) if log else (value - least) / (most - least)


def _clear(drawn: Sequence[Sequence[tuple[float, float]]], ends: Sequence[float], y: float, top: float) -> float:
    """The height of a label beside a point at `y`: above all lines in its reach or below them, where it is nearer."""
    left, right = ends
    met = [
        b + (c - b) * (min(max(place, a), d) - a) / (d - a or 1.0)
        for line in drawn
        for (a, b), (d, c) in pairwise(sorted(line))
        if a <= right and d >= left
        for place in (max(a, left), min(d, right))
    ]
    above, below = min([y, *met]) - 10, max([y, *met]) + 22
    fits = below <= HEIGHT - BOTTOM - 4
    return below if fits and (above < top + 12 or below - y < y - above) else max(above, top + 12)


def across(chart: Lines) -> Scale:
    """The axis across of a chart."""
    xs = [x for one in chart.series for x, _ in one.points] + [mark.x for mark in chart.marks]
    return scale(min(xs), max(xs), chart.x_log, LEFT, WIDTH - RIGHT, chart.x_kind)


class Scale(NamedTuple):
    """Where values are on an axis, and which ones are named."""

    at: Place
    ticks: Sequence[float]


def scale(low: float, high: float, log: bool, start: float, end: float, kind: str = "") -> Scale:
    """An axis from one place to another: linear from zero, or logarithmic between round steps.

    >>> round(scale(1.0, 100.0, True, 0.0, 200.0).at(10.0)), scale(1.0, 100.0, True, 0.0, 200.0).ticks
    (100, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
    """
    if not log or low <= 0:
        top = high or 1.0
        return Scale(lambda value: start + value / (1.04 * top) * (end - start), ticks(top, kind=kind))
    left, right = bounds([low, high], kind)
    wide, unit = math.log(right / left), units.shown_unit(kind)
    steps = log_ticks(left, right, kind)
    few = steps if len(steps) <= 8 else [v for v in steps if f"{v / unit:e}"[0] == "1"]
    return Scale(lambda value: start + math.log(value / left) / wide * (end - start), few)


def _label(kind: str, value: float) -> str:
    return f"{value:.0%}" if kind == "share" else tick_label(kind, value)


def _tick(x: float, label: str) -> str:
    """A label under an axis, inside the picture."""
    return _text(min(x, WIDTH - LETTER * len(label) / 2), HEIGHT - TICKS, label, "middle", "dim")


def _level(y: float, label: str, named: bool) -> str:
    grid = f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return grid + (_text(LEFT - 6, y + 4, label, "end", "dim") if named else "")


def _names(names: Sequence[str], beside: int, joined: Sequence[bool]) -> list[str]:
    """Swatches with names, so many a row: a line where one joins the points, else a point."""
    parts = []
    for i, name in enumerate(names):
        at, y = LEFT + i % beside * (WIDTH - LEFT - RIGHT) / beside, TOP + LINE * (i // beside)
        line = f'<path class="line s{i}" d="M{at:.0f} {y}h28"/>'
        parts.append(line if joined[i] else f'<circle class="dot s{i}" cx="{at + 14:.0f}" cy="{y}" r="4"/>')
        parts.append(_text(at + 34, y + 6, name[:46], "start"))
    return parts


def _axes(last: float, top: float, x: Place, y: Place) -> list[str]:
    parts = []
    for value in ticks(top, kind="usd"):
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            _text(LEFT - 6, y(value) + 4, units.format("usd", value) if value else tick_label("usd", 0.0), "end", "dim")
        )
    month = 365.25 / 12
    for value in ticks(last / month):
        parts.append(_text(x(value * month), HEIGHT - TICKS, f"{value:g}", "middle", "dim"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - CAPTION, "months", "end", "dim"))
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    return parts


def ticks(top: float, most: int = 6, kind: str = "") -> list[float]:
    """Numbers from zero to below `top`, at most `most` of them; round as shown.

    >>> ticks(61.0), ticks(3.4)
    ([0.0, 20.0, 40.0, 60.0], [0.0, 1.0, 2.0, 3.0])
    """
    unit = units.shown_unit(kind)
    top /= unit
    rough = top / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * m for m in (1, 2, 5, 10, 20) if top / (power * m) < most - 1)
    return [step * i * unit for i in range(int(top / step) + 1)]


def _thin(count: int) -> list[int]:
    """At most so many places of a curve, both ends among them."""
    if count <= MOST_POINTS:
        return list(range(count))
    return [round(i * (count - 1) / (MOST_POINTS - 1)) for i in range(MOST_POINTS)]


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escape(text)}</text>'


def _svg(parts: Iterable[str], width: int, height: int, alt: str, ident: str = "", style: str = "") -> Markup:
    name = f' id="{ident}"' if ident else f' class="{style}"' if style else ""
    body = "".join(parts)
    space = "http://www.w3.org/2000/svg"
    head = f'<svg{name} viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt)}" xmlns="{space}">'
    return Markup(f"{head}<title>{escape(alt)}</title>{body}</svg>")  # every text above is escaped


def standalone(picture: Markup) -> str:
    """A picture of a page as a file of its own: with its style, light."""
    also = OF_MAPS.read_text("utf-8") if '<path class="h ' in picture else ""
    style = f"<style>{STYLE.read_text('utf-8')}{also}</style>"
    return str(picture).replace("<title>", f"{style}<title>", 1)
