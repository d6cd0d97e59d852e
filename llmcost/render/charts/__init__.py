"""The charts of an answer, as what they show; `page.svg` and `plot` draw them. `--plot-kind` takes their names."""

from __future__ import annotations

from collections.abc import Iterator

from llmcost.render.charts import parts, swept, trends
from llmcost.render.charts.kinds import Bar, Bars, Cells, Chart, Lines, Mark, Series
from llmcost.result import Estimate

__all__ = ["NAMES", "Bar", "Bars", "Cells", "Chart", "Lines", "Mark", "Series", "charts"]

# What an answer may have, in the order in which they are shown.
NAMES = {
    "amortisation": trends.amortisation,
    "time": trends.over_time,
    "along": trends.along_an_axis,
    "varied": trends.over_a_key,
    "scaling": trends.scaling,
    "alternatives": parts.alternatives,
    "speed": trends.cost_against_speed,
    "batch": trends.cost_over_batch,
    "load": trends.cost_over_load,
    "step": parts.step,
    "phases": parts.phases,
    "energy": parts.energy,
    "memory": parts.memory,
    "measures": parts.measures,
    "limits": parts.limits,
    "hours": parts.hours,
    "weekdays": parts.weekdays,
    "lengths": parts.lengths,
    "reuse": trends.reuse,
    "calibration": trends.calibration,
    "errors": parts.errors,
    "swept": swept.first,
}


def charts(estimate: Estimate) -> dict[str, Chart]:
    """The charts that this answer has, by name."""
    return dict(_made(estimate))


def _made(estimate: Estimate) -> Iterator[tuple[str, Chart]]:
    for name, make in NAMES.items():
        chart = make(estimate)
        if chart is not None:
            yield name, chart
