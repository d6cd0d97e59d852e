"""Bars and lines of `charts` on the axes of a figure."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from llmcost import units
from llmcost.render.axis import log_ticks, tick_label
from llmcost.render.charts import Bars, Cells, Chart, Lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 8
INK, FAINT, GRID = "#222222", "#8a8a8a", "#e6e6e6"
DASHES = ("-", (0, (6, 3)), (0, (1, 2)), (0, (8, 2, 2, 2)), (0, (3, 3)), (0, (1, 4)))


def draw(axes: Axes, chart: Chart, palette: tuple[str, ...]) -> None:
    """The chart; its title is the caption of the figure."""
    if isinstance(chart, Bars):
        _bars(axes, chart, palette[0])
    elif isinstance(chart, Cells):
        _cells(axes, chart)
    else:
        _lines(axes, chart, palette)
    axes.set_axisbelow(True)


def _bars(axes: Axes, chart: Bars, color: str) -> None:
    rows = chart.rows
    if chart.upright:
        axes.bar(range(len(rows)), [bar.value for bar in rows], width=0.7, color=color)
        few = [i for i in range(len(rows)) if i % 3 == 0 or len(rows) <= MOST_TICKS]
        axes.set_xticks(few, [rows[i].label for i in few])
        axes.set_ylabel(chart.across)
        if chart.level is not None:
            axes.axhline(chart.level, color=INK, linewidth=1.2)
        return
    axes.barh(range(len(rows)), [bar.value for bar in rows], height=0.62, color=color)
    for i, bar in enumerate(rows):
        end = bar.value
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [i, i], color=INK, linewidth=1.2, marker="|", markersize=7)
            end = max(end, bar.high)
        where: Any = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(bar.text, (end, i), fontsize=8, annotation_clip=False, **where)
    axes.set_yticks(range(len(rows)), [bar.label[:40] for bar in rows], fontsize=8 if len(rows) > 12 else 9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(chart.level or 0.0, *(max(bar.value, bar.high or 0.0) for bar in rows)))
    if chart.level is not None:
        axes.axvline(chart.level, color=INK, linewidth=1.2)
    axes.set_xticks([])
    axes.set_xlabel(chart.across)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _cells(axes: Axes, chart: Cells) -> None:
    """A map of shades with its scale beside it; a ring where the value is least."""
    from matplotlib.colors import LogNorm

    (least, x, y), (most, *_) = chart.told[0], chart.told[-1]
    values: Any = [[math.nan if v is None else v for v in row] for row in chart.values]
    norm = LogNorm(least, most) if least > 0 and most / least > 10 else None
    drawn = axes.pcolormesh(values, cmap="Blues", norm=norm, rasterized=True)
    axes.plot([x + 0.5], [y + 0.5], marker="o", markersize=11, markerfacecolor="none", markeredgecolor=INK)
    for axis, named in ((axes.xaxis, [_label(chart.x_kind, v) for v in chart.xs]), (axes.yaxis, chart.ys)):
        few = range(0, len(named), -(-len(named) // MOST_TICKS))
        axis.set_ticks([i + 0.5 for i in few], [named[i] for i in few])
    axes.set_xlabel(chart.across)
    axes.set_ylabel(chart.up)
    assert axes.figure is not None
    axes.figure.colorbar(drawn, ax=axes, label=chart.of, format=lambda value, _: _label(chart.kind, value))


def _lines(axes: Axes, chart: Lines, palette: tuple[str, ...]) -> None:
    for i, one in enumerate(chart.series):
        look: Any = {"color": palette[i % len(palette)], "linewidth": 1.8, "linestyle": DASHES[i % len(DASHES)]}
        if one.dots:
            look |= {"marker": "o", "markersize": 4.5}
        if one.dots and chart.level is not None:
            look |= {"linestyle": "none", "marker": ("o", "s")[i % 2]}
        axes.plot(*zip(*one.points, strict=True), label=one.name, **look)
        if one.band and len(chart.series) == 1:
            under, over = zip(*one.band, strict=True)
            axes.fill_between([x for x, _ in one.points], under, over, color=palette[1], alpha=0.12)
    if chart.level is not None:
        axes.axhline(chart.level, color=FAINT, linewidth=1.2)
    if chart.x_log:
        axes.set_xscale("log")
    if chart.y_log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    for axis, kind, log in ((axes.xaxis, chart.x_kind, chart.x_log), (axes.yaxis, chart.y_kind, chart.y_log)):
        axis.set_major_formatter(partial(_label, kind))
        if log:
            unit = units.shown_unit(kind)
            low, high = sorted(float(end) for end in axis.get_view_interval())
            steps = log_ticks(low, high, kind)
            axis.set_ticks(steps if len(steps) <= MOST_TICKS else [v for v in steps if f"{v / unit:e}"[0] == "1"])
            axis.set_ticks([], minor=True)
    for mark in chart.marks:
        axes.plot([mark.x], [mark.y], marker="o", markersize=11, markerfacecolor="none", markeredgecolor=INK)
        where: Any = {"xytext": (9, 11), "textcoords": "offset points", "zorder": 6}
        behind = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
        axes.annotate(mark.label, (mark.x, mark.y), fontsize=8, bbox=behind, **where)
    axes.set_xlabel(chart.across)
    axes.set_ylabel(chart.up)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=8)


def _label(kind: str, value: float, _: int | None = None) -> str:
    if kind == "share":
        return f"{value:.0%}"
    return tick_label(kind, value) if value > 0 or kind == "usd" else f"{value:g}"
