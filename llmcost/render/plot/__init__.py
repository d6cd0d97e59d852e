"""Figures of an answer for a paper, a slide or a page: SVG, PNG or PDF, same answer same bytes."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmcost import units
from llmcost.errors import LlmcostError, not_of
from llmcost.render.axis import day_text, tick_label, ticks, time_axis
from llmcost.render.charts import charts
from llmcost.render.plot.axes import draw
from llmcost.render.terminal import chart
from llmcost.render.text import clean, in_unit, input_name
from llmcost.result import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Drawing = Callable[[Axes], None]

SUFFIXES = (".svg", ".png", ".pdf")
BARS = 10  # inputs of a tornado
# Okabe and Ito 2008, "Color Universal Design": told apart with any colour vision, and in grey.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TRAINING, INFERENCE, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
# Colours, and dashes of the edges of the intervals, which are told apart without colour too.
CURVES: dict[str, tuple[str, Any]] = {"training": (TRAINING, (0, (6, 3))), "inference": (INFERENCE, (0, (1, 2)))}
FILLED = "inference"  # the one band that is tinted: two would grey each other out
STYLE: Any = {
    "svg.hashsalt": "llmcost", "svg.fonttype": "path", "pdf.fonttype": 42, "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "text.color": INK,
    "text.parse_math": False, "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
}  # fmt: skip
TITLE_COLUMNS, CAPTION_COLUMNS = 78, 100
METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": "llmcost"},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": "llmcost", "Producer": None},
}


def missing() -> LlmcostError | None:
    """Why nothing can be drawn into a file, known before any work is done."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is not None:
        return None
    return LlmcostError(
        "drawing files needs matplotlib, which is not installed",
        "pip install matplotlib; or -o page.html, which has the charts without it",
    )


def plot(estimate: Estimate, path_suffix: str, kind: str | None = None) -> bytes:
    """The figure as the bytes of a file.

    Parameters
    ----------
    estimate : Estimate
        An answer.
    path_suffix : str
        `.svg`, `.png` or `.pdf`.
    kind : str, optional
        `curve`: cumulative training and inference; `tornado`: what moves the crossing; or a name of
        `charts.NAMES`. Without it the chart that says most of the answer.

    Raises
    ------
    LlmcostError
        matplotlib is not installed, the suffix is another one, or the answer has nothing of the kind.
    """
    if path_suffix not in SUFFIXES:
        raise units.at("cannot draw", not_of(path_suffix, SUFFIXES))
    without = missing()
    if without is not None:
        raise without
    with units.amounts_in(estimate.currency):
        return _file(estimate, path_suffix, *_drawing(estimate, kind))


def _file(estimate: Estimate, path_suffix: str, drawing: Drawing, caption: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script the font lacks shows as boxes
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(7.2, 4.2), dpi=200, layout="constrained")
        axes = figure.add_subplot()
        drawing(axes)
        title = textwrap.fill(clean(estimate.headline), TITLE_COLUMNS)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        if caption:
            figure.supxlabel(textwrap.fill(caption, CAPTION_COLUMNS), fontsize=8, color=INK, x=0.01, ha="left")
        out = io.BytesIO()
        figure.savefig(out, format=path_suffix[1:], metadata=METADATA[path_suffix])
    return out.getvalue()


OWN = ("curve", "tornado")  # drawn here: the curves of a crossover


def _drawing(estimate: Estimate, kind: str | None) -> tuple[Drawing, str]:
    """What draws, and the caption that explains its marks where the axes do not."""
    found = charts(estimate)
    if kind in OWN or (kind is None and chart.curve(estimate) is not None):
        return {"curve": _curve, "tornado": _tornado}[kind or "curve"](estimate), ""
    name = kind or next(iter(found), "")
    if name in found:
        return lambda axes: draw(axes, found[name], PALETTE), found[name].title
    has = f"--plot-kind {' or '.join(found)}" if found else "llmcost COMMAND -o page.html shows what there is"
    raise LlmcostError(f"nothing to draw{f': this answer has no {kind}' if kind else ' in this answer'}", has)


def _curve(estimate: Estimate) -> Drawing:
    found = chart.curve(estimate)
    if found is None:
        hint = "llmcost crossover with --requests has a curve, llmcost compare over machines has points"
        raise LlmcostError("nothing to draw: this answer has no curve over time", hint)
    return lambda axes: _draw(axes, found)


def _tornado(estimate: Estimate) -> Drawing:
    """Bars from one end of each input to the other, the widest on top."""
    rows = [row for row in estimate.arrays.get("sensitivity", []) if "days_at_low" in row][:BARS]
    centre = estimate.result.get("crossover_days")
    if not rows or not isinstance(centre, int | float):
        raise LlmcostError(
            "nothing to draw: no uncertain input moves a crossing here", "give ranges: --requests 5M/day..20M/day"
        )

    def draw(axes: Axes) -> None:
        known = [row[k] for row in rows for k in ("days_at_low", "days_at_high") if row[k] is not None]
        span = max(known) - min(known) or 1.0
        never = max(known) + 0.08 * span
        for i, row in enumerate(rows):
            for end, color, hatch in (("low", TRAINING, ""), ("high", INFERENCE, "///")):
                days = row[f"days_at_{end}"]
                at = never if days is None else days
                look: Any = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
                axes.barh(i, at - centre, left=centre, height=0.62, **look)
                label = in_unit(row["unit"], row[end]) + (": never" if days is None else "")
                shift, side = (4, "left") if at >= centre else (-4, "right")
                where: Any = {"xytext": (shift, 0), "textcoords": "offset points", "ha": side, "va": "center"}
                axes.annotate(label, (at, i), fontsize=8, **where)
        axes.plot([centre, centre], [len(rows) - 0.4, -0.45], color=INK, linewidth=1)
        axes.set_yticks(range(len(rows)), [input_name(row["input"]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.9)
        axes.set_xlim(min(known) - 0.28 * span, max(known) + 0.28 * span)
        axes.annotate(day_text(float(centre)), (centre, -0.5), ha="center", va="bottom", fontweight="bold", fontsize=9)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("days after launch; input at its 5 % end (plain), 95 % end (hatched)", fontsize=9)

    return draw


def _draw(axes: Axes, curve: chart.Curve) -> None:
    kind, noun = chart.BASES[curve.basis]
    banded = False
    for name, (color, dashes) in CURVES.items():
        style = "steps-post" if name == "training" else "default"  # training is paid at once
        low, high = curve.band(name)
        if low and high:
            banded, days = True, [day for day, _ in low]
            under, over = ([y for _, y in side] for side in (low, high))
            if name == FILLED:
                axes.fill_between(days, under, over, facecolor=color, alpha=0.1, linewidth=0)
            for side in (under, over):
                axes.plot(days, side, color=color, linewidth=1.2, linestyle=dashes, drawstyle=style)
        points = curve.points(name)
        axes.plot(*zip(*points, strict=True), color=color, linewidth=2, zorder=3, drawstyle=style)
    _name_ends(axes, curve, kind)
    top = 1.08 * curve.top
    axes.set_xlim(0, curve.end)
    axes.set_ylim(0, top)
    _mark(axes, curve, kind)
    levels = ticks(top, 5, kind)
    axes.set_yticks(levels, [tick_label(kind, y) for y in levels])
    at, labels, word = time_axis(curve.end, 10)
    axes.set_xticks(at, labels)
    axes.set_xlabel(f"{word} after launch")
    _span(axes, curve)
    axes.set_ylabel(f"cumulative {noun}" + (", thin edges: 90 % ranges" if banded else ""))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _name_ends(axes: Axes, curve: chart.Curve, kind: str) -> None:
    """Names at the right ends in place of a legend, kept apart."""
    ends = sorted(((curve.points(name)[-1][1], name) for name in ("training", "inference")), reverse=True)
    gap = 0.09 * curve.top
    heights = [ends[0][0], min(ends[1][0], ends[0][0] - gap)]
    for height, (value, name) in zip(heights, ends, strict=True):
        color = CURVES[name][0]
        label = f" {name}\n {units.format(kind, value)}"
        axes.annotate(label, (curve.end, height), color=color, va="center", ha="left", annotation_clip=False)


def _span(axes: Axes, curve: chart.Curve) -> None:
    """The range of the crossing: a bracket over the time axis, and in words below it."""
    ends = curve.ends()
    if ends is None:
        return
    where = axes.get_xaxis_transform()
    look: Any = {"color": INK, "clip_on": False, "zorder": 4, "transform": where}
    axes.plot(ends, [0.02, 0.02], linewidth=2.5, solid_capstyle="butt", **look)
    for day, mark in zip(ends, ("|", ">" if curve.open_ended() else "|"), strict=True):
        axes.plot([day], [0.02], marker=mark, markersize=9, markeredgewidth=2, **look)
    axes.set_xlabel(f"{axes.get_xlabel()}\n|—| {curve.span_text()}")


def _mark(axes: Axes, curve: chart.Curve, kind: str) -> None:
    if curve.crossing is None:
        return
    day, level = curve.crossing
    axes.plot([day, day], [0, level], color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    axes.plot([day], [level], marker="o", markersize=7, color=INK, markeredgecolor="white", zorder=5)
    left = day > 0.4 * curve.end
    axes.annotate(
        f"{day_text(day)}, {units.format(kind, level)}", (day, level),
        xytext=(-8 if left else 10, 10 if left else -14),
        textcoords="offset points", ha="right" if left else "left", fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0}, zorder=6,
    )  # fmt: skip
