"""GuideLLM CSV: a row for each benchmark, names in one line of the heading or in three that belong together.

Source: github vllm-project/guidellm src/guidellm/benchmark/outputs/csv.py (group, field, unit and statistic); up to
0.3 one line such as `Successful Time to first token ms mean`.
"""

from __future__ import annotations

from llmcost.errors import LlmcostError
from llmcost.files import json_of
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

MILLI = 1e-3
GROUPS = ("run info", "benchmark", "timings")  # first cells of the heading of three lines


def recognises(content: Content) -> bool:
    """Whether the heading is one of the tool's."""
    names = content.headings
    grouped = names[:1] == ["run info"] and "request counts" in names
    return grouped or any(name.startswith("successful time to first token") for name in names)


def read(content: Content) -> Reading:
    """Every benchmark.

    Raises
    ------
    LlmcostError
        No row below the heading, or one cut off.
    """
    lines = 3 if content.headings[:1] == ["run info"] else 1
    if len(content.cells) <= lines:
        raise LlmcostError(f"{content.name}: no rows below the heading")
    heads = content.cells[:lines]
    width = max(len(cells) for _, cells in heads)
    names = [" ".join(c[i] for _, c in heads if i < len(c) and c[i]).lower() for i in range(width)]
    rows = []
    for n, cells in content.cells[lines:]:
        if len(cells) < width:
            raise LlmcostError(f"{content.name}: line {n} is cut off: {len(cells)} of {width} cells")
        rows.append(_run(Record(dict(zip(names, cells, strict=False)), f"{content.name}: line {n}")))
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _run(r: Record) -> ServingRow:
    kind = r.text("benchmark strategy", "strategy")
    backend = _inside(r.text("run info backend") or r.text("args"))
    return ServingRow(
        name=kind or r.text("name") or "",
        model=backend.text("model", "backend_model"),
        load={"synchronous": "interactive", "throughput": "offline"}.get(kind or ""),
        concurrency=1.0 if kind == "synchronous" else None,
        isl=r.measured("token metrics successful input tokens mean", "successful prompt token count mean",
                       "token metrics input tokens successful mean"),
        osl=r.measured("token metrics successful output tokens mean", "successful output token count mean",
                       "token metrics output tokens successful mean"),
        requests=r.measured("request counts successful", "successful requests"),
        duration_seconds=r.measured("timings duration sec", "duration"),
        ttft_seconds=r.measured("time to first token successful ms mean", "successful time to first token ms mean",
                                scale=MILLI),
        tpot_seconds=r.measured("inter token latency successful ms mean", "successful inter token latency ms mean",
                                scale=MILLI),
        latency_seconds=r.measured("request latency successful sec mean", "successful request latency mean"),
        output_tokens_per_second=r.measured("token throughput successful output tokens/sec mean",
                                            "successful output tokens per second mean"),
        total_tokens_per_second=r.measured("token throughput successful total tokens/sec mean",
                                           "successful tokens per second mean"),
        requests_per_second=r.measured("server throughput successful requests/sec mean",
                                       "successful requests per second mean"),
        in_flight=r.measured("server throughput successful concurrency mean", "successful request concurrency mean"),
    )  # fmt: skip


def _inside(text: str | None) -> Record:
    """The object that a cell holds as JSON."""
    try:
        data = json_of(text or "{}")
    except ValueError:
        data = {}
    return Record(data if isinstance(data, dict) else {}, "cell")


READER = Reader("GuideLLM CSV", SERVING, recognises, read)
