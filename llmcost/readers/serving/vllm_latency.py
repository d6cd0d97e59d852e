"""`vllm bench latency`: seconds of one batch from its prompts to its last tokens; its JSON, or what it prints.

Source: github vllm-project/vllm vllm/benchmarks/latency.py. Neither the batch nor its lengths are in it.
"""

from __future__ import annotations

import re

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("avg_latency", "latencies", "percentiles")
LINE = re.compile(r"^Avg latency: (\S+) seconds$", re.MULTILINE)


def recognises(content: Content) -> bool:
    """Whether the names of its JSON, or its line, are there."""
    if content.looks_like_json:
        return bool(content.records) and all(r.has(*OWN) for r in content.records)
    return LINE.search(content.text) is not None


def read(content: Content) -> Reading:
    """Every run."""
    printed = [Record({"avg_latency": seconds}, content.name) for seconds in LINE.findall(content.text)]
    rows = [
        ServingRow(framework="vllm", load="static-batch", latency_seconds=r.measured("avg_latency"))
        for r in (content.records if content.looks_like_json else printed)
    ]
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


READER = Reader("vLLM bench latency", SERVING, recognises, read)
