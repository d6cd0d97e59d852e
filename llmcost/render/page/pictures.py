"""Which chart says most of an answer: curves, bars or points, by what the answer holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from llmcost import units
from llmcost.render import text as words
from llmcost.render.charts import Bar, Bars, charts, swept
from llmcost.render.page import svg
from llmcost.result import Estimate

Row = Mapping[str, Any]
SPEND = "Cumulative spend since launch: dashed and dotted edges are 90 % ranges, the bracket is that of the crossing"
SMALLEST = 0.5  # days that an input moves the crossing by, to be drawn
TORNADO = "What moves the crossing: days between the ends of each input's 90 % range"


def pictures(estimate: Estimate) -> list[tuple[str, Markup]]:
    """The charts of an answer with their titles, the one that is the answer first."""
    return list(by_name(estimate).values())


def by_name(estimate: Estimate) -> dict[str, tuple[str, Markup]]:
    """The same by the names that --plot-kind takes."""
    with units.amounts_in(estimate.currency):
        own = {"curve": (SPEND, spend(estimate)), "tornado": (TORNADO, _tornado(estimate))}
        found = {name: (title, picture) for name, (title, picture) in own.items() if picture is not None}
        return found | {name: (chart.title, svg.draw(chart)) for name, chart in charts(estimate).items()}


def choices(estimate: Estimate) -> list[tuple[str, str, Markup]]:
    """The figures of a sweep that a reader chooses one of: label, title and chart; none where there is one."""
    found = swept.figures(estimate)
    return [(label, chart.title, svg.draw(chart)) for label, chart in found.items()] if len(found) > 1 else []


def spend(estimate: Estimate) -> Markup | None:
    """Both curves of a crossover, up to a third beyond where they meet."""
    rows = [row for row in estimate.arrays.get("curve", []) if row.get("training_usd") is not None]
    if len(rows) < 2:
        return None
    day, of = estimate.result.get("crossover_days"), estimate.ranges.get("crossover_days")
    far = of.p95 if of is not None and of.p95 is not None else day
    until = 1.15 * float(far) if isinstance(far, int | float) and far > 0 else float(rows[-1]["day"])
    rows = [row for row in rows if row["day"] <= until] if until > float(rows[1]["day"]) else rows
    found = [_curve(rows, name, style) for name, style in (("training", "t"), ("inference", "i"))]
    usd = estimate.result.get("crossover_usd")
    crossing = {
        "day": float(day) if isinstance(day, int | float) else None,
        "usd": float(usd) if isinstance(usd, int | float) else None,
        "p5": of.p5 if of else None,
        "p95": of.p95 if of else None,
    }
    return svg.curves(found, crossing, words.clean(estimate.headline), "chart")


def _curve(rows: Sequence[Row], name: str, style: str) -> svg.Curve:
    days, values = [float(row["day"]) for row in rows], [float(row[f"{name}_usd"]) for row in rows]
    label = f"{name} {units.format('usd', values[-1])}"
    if rows[-1].get(f"{name}_p5_usd") is None:
        return svg.Curve(label, style, days, values)
    low, high = ([float(row[f"{name}_{q}_usd"]) for row in rows] for q in ("p5", "p95"))
    return svg.Curve(label, style, days, values, low, high)


def _tornado(estimate: Estimate) -> Markup | None:
    rows = [r for r in estimate.arrays.get("sensitivity", []) if r.get("swing_days")]
    made = [
        Bar(words.input_name(r["input"]), float(r["swing_days"]), _ends(r))
        for r in rows
        if r.get("days_at_low") is not None and r.get("days_at_high") is not None and r["swing_days"] >= SMALLEST
    ]
    return svg.draw(Bars(TORNADO, made[:10], "days")) if made else None


def _ends(row: Row) -> str:
    return f"day {row['days_at_low']:,.0f} to {row['days_at_high']:,.0f}"
