"""The crossover as a figure for a paper, a slide or a page: SVG, PNG or PDF, same answer same bytes."""

from __future__ import annotations

import io
import textwrap
import warnings
from typing import TYPE_CHECKING, Any

from llmcost import units
from llmcost.errors import LlmcostError
from llmcost.render import chart
from llmcost.render.text import clean
from llmcost.result import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png", ".pdf")
# Okabe and Ito 2008, "Color Universal Design": told apart with any colour vision, and in grey.
TRAINING, INFERENCE, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
STYLE: Any = {
    "svg.hashsalt": "llmcost", "svg.fonttype": "path", "pdf.fonttype": 42, "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "text.color": INK,
    "text.parse_math": False, "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
}  # fmt: skip
TITLE_COLUMNS = 66
METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": "llmcost"},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": "llmcost", "Producer": None},
}


def plot(estimate: Estimate, path_suffix: str) -> bytes:
    """The figure as the bytes of a file.

    Parameters
    ----------
    estimate : Estimate
        An answer with a `curve`.
    path_suffix : str
        `.svg`, `.png` or `.pdf`.

    Raises
    ------
    LlmcostError
        matplotlib is not installed, the suffix is another one, or the answer has no curve.
    """
    if path_suffix not in SUFFIXES:
        raise LlmcostError(f"cannot draw {units.shown(path_suffix)}: one of {', '.join(SUFFIXES)}")
    curve = chart.curve(estimate)
    if curve is None:
        raise LlmcostError(
            "nothing to draw: this answer has no curve over time", "llmcost crossover with --requests has one"
        )
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise LlmcostError(
            "drawing files needs matplotlib, which is not installed", "install llmcost with its extra 'plot'"
        ) from None
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script the font lacks shows as boxes
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(7.2, 4.2), dpi=200, layout="constrained")
        _draw(figure.add_subplot(), curve, clean(estimate.headline))
        out = io.BytesIO()
        figure.savefig(out, format=path_suffix[1:], metadata=METADATA[path_suffix])
    return out.getvalue()


def _draw(axes: Axes, curve: chart.Curve, headline: str) -> None:
    kind, noun = chart.BASES[curve.basis]
    low, high = curve.points("inference_p5"), curve.points("inference_p95")
    if low and high:
        days = [day for day, _ in low]
        axes.fill_between(days, [y for _, y in low], [y for _, y in high], color=INFERENCE, alpha=0.15, linewidth=0)
    for name, color in (("training", TRAINING), ("inference", INFERENCE)):
        points = curve.points(name)
        axes.plot(*zip(*points, strict=True), color=color, linewidth=2, solid_capstyle="round")
    _name_ends(axes, curve, kind)
    top = 1.08 * curve.top
    axes.set_xlim(0, curve.end)
    axes.set_ylim(0, top)
    _mark(axes, curve, kind)
    levels = chart.ticks(top, 5)
    axes.set_yticks(levels, [chart.tick_label(kind, y) for y in levels])
    at, labels, word = chart.time_axis(curve.end, 10)
    axes.set_xticks(at, labels)
    axes.set_xlabel(f"{word} after launch")
    axes.set_ylabel(f"cumulative {noun}" + (", 90 % range shaded" if low and high else ""))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(textwrap.fill(headline, TITLE_COLUMNS), loc="left", fontsize=10, fontweight="bold")


def _name_ends(axes: Axes, curve: chart.Curve, kind: str) -> None:
    """Names at the right ends in place of a legend, kept apart."""
    ends = sorted(((curve.points(name)[-1][1], name) for name in ("training", "inference")), reverse=True)
    gap = 0.09 * curve.top
    heights = [ends[0][0], min(ends[1][0], ends[0][0] - gap)]
    for height, (value, name) in zip(heights, ends, strict=True):
        color = TRAINING if name == "training" else INFERENCE
        label = f" {name}\n {units.format(kind, value)}"
        axes.annotate(label, (curve.end, height), color=color, va="center", ha="left", annotation_clip=False)


def _mark(axes: Axes, curve: chart.Curve, kind: str) -> None:
    if curve.crossing is None:
        return
    day, level = curve.crossing
    axes.plot([day, day], [0, level], color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    axes.plot([day], [level], marker="o", markersize=7, color=INK, markeredgecolor="white", zorder=5)
    left = day > 0.4 * curve.end
    axes.annotate(
        f"day {day:,.0f}, {units.format(kind, level)}", (day, level), xytext=(-8 if left else 10, 10 if left else -14),
        textcoords="offset points", ha="right" if left else "left", fontweight="bold",
    )  # fmt: skip
