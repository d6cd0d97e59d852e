"""`vllm bench throughput`: every prompt at once to the engine itself; its JSON, or the lines that it prints.

Source: github vllm-project/vllm vllm/benchmarks/throughput.py. `total_num_tokens` counts prompts and answers; only the
printed lines of newer releases tell them apart.
"""

from __future__ import annotations

import re

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("elapsed_time", "num_requests", "total_num_tokens")
LINE = re.compile(
    r"Throughput: (?P<requests>[\d.]+) requests/s, (?P<total>[\d.]+) (?:total )?tokens/s"
    r"(?:, (?P<output>[\d.]+) output tokens/s)?"
)
COUNT = re.compile(r"Total num (prompt|output) tokens: +(\d+)")


def recognises(content: Content) -> bool:
    """Whether the names of its JSON or its line are there."""
    if content.looks_like_json:
        return bool(content.records) and all(r.has(*OWN) for r in content.records)
    return LINE.search(content.text) is not None


def read(content: Content) -> Reading:
    """Every run."""
    rows = [_written(r) for r in content.records] if content.looks_like_json else list(_printed(content.text))
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _written(r: Record) -> ServingRow:
    seconds, sent = r.measured("elapsed_time"), r.measured("num_requests")
    tokens = r.measured("total_num_tokens")
    return ServingRow(
        framework="vllm",
        load="offline",
        concurrency=sent,
        requests=sent,
        duration_seconds=seconds,
        total_tokens_per_second=tokens / seconds if tokens and seconds else None,
    )


def _printed(text: str) -> list[ServingRow]:
    """A run for each line of its throughput; the counts of tokens stand below it."""
    starts = list(LINE.finditer(text))
    rows = []
    for found, end in zip(starts, [*(s.start() for s in starts[1:]), len(text)], strict=True):
        counts = {name: float(n) for name, n in COUNT.findall(text[found.end() : end])}
        rate, output = float(found["requests"]), float(found["output"] or 0.0) or None
        row = ServingRow(framework="vllm", load="offline", requests_per_second=rate, output_tokens_per_second=output,
                         total_tokens_per_second=float(found["total"]))  # fmt: skip
        written = counts.get("output")
        if written and output:
            seconds = written / output
            row = row._replace(duration_seconds=seconds, output_tokens=written, input_tokens=counts.get("prompt"))
            sent = float(round(rate * seconds))
            row = row._replace(requests=sent or None, concurrency=sent or None)
        rows.append(row)
    return rows


READER = Reader("vLLM bench throughput", SERVING, recognises, read)
