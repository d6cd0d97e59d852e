"""AIPerf and genai-perf CSV: tables one below the other, the unit in brackets behind each metric.

Source: github ai-dynamo/aiperf, CSV exporter. Neither the model nor the load is in it; accelerators are where
telemetry was on.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving.clients import _units

NAMED = {  # metrics of which older files leave the unit out: their names have but one
    "request count": "count", "input sequence length": "tokens", "output sequence length": "tokens",
}  # fmt: skip
METRIC = re.compile(r"^(.*?)\s*(?:\(([^()]*)\))?$")


def recognises(content: Content) -> bool:
    """Whether the first column is called a metric and the second is a mean."""
    return content.headings[:2] in (["metric", "avg"], ["statistic", "avg"], ["metric", "value"])


def read(content: Content) -> Reading:
    """The one run of the file.

    Raises
    ------
    LlmcostError
        No latency in it, or a row cut off.
    """
    figures, cards = _tables(content)
    row = _run(figures, f"{content.name}", cards)
    if row.latency_seconds is None and row.ttft_seconds is None:
        raise LlmcostError(f"{content.name}: neither a request latency nor a time to first token in it")
    return Reading(SERVING, READER.name, [derive.serving(row)])


def _tables(content: Content) -> tuple[dict[str, tuple[str, str | None]], dict[str, str]]:
    """Metric -> its mean as written, and its unit; identifier of each accelerator -> its name."""
    figures: dict[str, tuple[str, str | None]] = {}
    cards: dict[str, str] = {}
    heads: list[str] = []
    for n, cells in content.cells:
        if cells[0].lower() in ("metric", "statistic", "endpoint"):
            heads = [c.lower() for c in cells]
            continue
        if len(cells) < min(len(heads), 2) or (len(heads) > 2 and len(cells) < len(heads)):
            raise LlmcostError(f"{content.name}: line {n} is cut off: {len(cells)} of {len(heads)} cells")
        if heads[0] == "endpoint":
            row = dict(zip(heads, cells, strict=False))
            cards[row.get("gpu_uuid") or row.get("gpu_index", "")] = row.get("gpu_name", "")
        elif found := METRIC.match(cells[0]):
            figures.setdefault(found[1].strip().lower(), (cells[1], found[2]))
    return figures, cards


def _run(figures: dict[str, tuple[str, str | None]], where: str, cards: dict[str, str]) -> ServingRow:
    def figure(*names: str) -> float | None:
        for name in names:
            if name in figures:
                text, unit = figures[name]
                value = Record({name: text}, where).measured(name)
                known = unit or NAMED.get(name)
                return None if value is None else value * _units.factor(known, f"{where}: {name}")
        return None

    names = set(cards.values())
    return ServingRow(
        hardware=names.pop() if len(names) == 1 else None,
        gpus=float(len(cards)) or None,
        isl=figure("input sequence length"),
        osl=figure("output sequence length"),
        requests=figure("request count"),
        duration_seconds=figure("benchmark duration"),
        ttft_seconds=figure("time to first token"),
        tpot_seconds=figure("inter token latency"),
        itl_seconds=figure("inter token latency"),
        latency_seconds=figure("request latency"),
        output_tokens_per_second=figure("output token throughput"),
        total_tokens_per_second=figure("total token throughput"),
        requests_per_second=figure("request throughput"),
    )


READER = Reader("AIPerf CSV", SERVING, recognises, read)
