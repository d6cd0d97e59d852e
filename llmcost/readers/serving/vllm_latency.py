"""`vllm bench latency --output-json`: seconds of one batch from its prompts to its last tokens.

Source: github vllm-project/vllm vllm/benchmarks/latency.py. Neither the batch nor its lengths are in it.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("avg_latency", "latencies", "percentiles")


def recognises(content: Content) -> bool:
    """Whether the names of its JSON are there."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has(*OWN) for r in found)


def read(content: Content) -> Reading:
    """Every run."""
    rows = [
        ServingRow(framework="vllm", load="static-batch", latency_seconds=r.measured("avg_latency"))
        for r in content.records
    ]
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


READER = Reader("vLLM bench latency", SERVING, recognises, read)
