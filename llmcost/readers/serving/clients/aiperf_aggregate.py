"""AIPerf over several runs: `profile_export_aiperf_aggregate`, JSON or CSV, and that of a sweep, a row a combination.

Source: github ai-dynamo/aiperf docs/tutorials/multi-run-confidence.md and the page on sweep aggregates: a figure is
named for its metric and statistic (`time_to_first_token_avg`) and has its mean over the runs, and its unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving.clients import aiperf_json

TABLE = ["metric", "mean"]
COMBINATIONS = "per_combination_metrics"


def recognises(content: Content) -> bool:
    """Whether means over runs stand there under names of metrics."""
    found = _records(content)
    return bool(found) and all(any(_known(held) for _, held in _combinations(r)) for r in found)


def read(content: Content) -> Reading:
    """A row for each aggregate, or for each combination of a sweep."""
    rows = [_row(r, asked, metrics) for r in _records(content) for asked, metrics in _combinations(r)]
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _records(content: Content) -> list[Record]:
    """The aggregates; of a table its rows as one, up to what is told of the runs below them."""
    if content.looks_like_json:
        return content.records
    if content.headings[:2] != TABLE or "unit" not in content.headings:
        return []
    heads = content.headings
    metrics = {}
    for n, cells in content.cells[1:]:
        if len(cells) == len(heads):
            metrics[cells[0]] = dict(zip(heads[1:], cells[1:], strict=True))
        elif len(cells) > len(heads[:2]):
            raise LlmcostError(f"{content.name}: line {n} is cut off: {len(cells)} of {len(heads)} cells")
    return [Record({"metrics": metrics}, content.name)]


def _combinations(r: Record) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What was swept, and the metrics, of each combination; of an aggregate there is one."""
    listed = r.value(COMBINATIONS)
    for one in listed if isinstance(listed, list) else [r.data]:
        if isinstance(one, dict) and isinstance(one.get("metrics"), dict):
            asked = one.get("parameters") or one.get("variation_values")
            yield (asked if isinstance(asked, dict) else {}), one["metrics"]


def _known(metrics: dict[str, Any]) -> bool:
    return any(isinstance(metrics.get(f"{m}_avg"), dict) and "mean" in metrics[f"{m}_avg"] for m in aiperf_json.METRICS)


def _row(r: Record, asked: dict[str, Any], metrics: dict[str, Any]) -> ServingRow:
    """The row of a run whose averages are the means over the runs."""
    said: dict[str, Any] = {
        name.removesuffix("_avg"): {"avg": figure.get("mean"), "unit": figure.get("unit")}
        for name, figure in metrics.items()
        if name.endswith("_avg") and isinstance(figure, dict)
    }
    swept = {name.rpartition(".")[2]: value for name, value in asked.items()}
    said["input_config"] = {**r.part("input_config").data, "loadgen": swept} if swept else r.value("input_config")
    row = aiperf_json.run(Record(said, r.where))
    over = r.measured("metadata.num_successful_runs", "num_successful_runs")
    return row._replace(notes=(f"means over {over:.0f} runs",)) if over else row


READER = Reader("AIPerf aggregate", SERVING, recognises, read)
