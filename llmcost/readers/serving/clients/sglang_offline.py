"""SGLang `bench_offline_throughput --result-filename`: every prompt at once to the engine itself, seconds.

Source: github sgl-project/sglang python/sglang/bench_offline_throughput.py, `measurement_results`.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("successful_requests", "total_latency", "total_input_tokens", "total_output_tokens", "input_throughput")


def recognises(content: Content) -> bool:
    """Whether it holds such runs."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has(*OWN) for r in found)


def read(content: Content) -> Reading:
    """Every run."""
    return Reading(SERVING, READER.name, [derive.serving(_run(r)) for r in content.records])


def _run(r: Record) -> ServingRow:
    sent, sent_in, written = (
        r.measured(n) for n in ("successful_requests", "total_input_tokens", "total_output_tokens")
    )
    return ServingRow(
        framework="sglang",
        load="offline",
        concurrency=sent,
        requests=sent,
        duration_seconds=r.measured("total_latency"),
        isl=sent_in / sent if sent and sent_in else None,
        osl=written / sent if sent and written else None,
        input_tokens=sent_in,
        output_tokens=written,
        output_tokens_per_second=r.measured("output_throughput"),
        total_tokens_per_second=r.measured("total_throughput"),
    )


READER = Reader("SGLang offline throughput", SERVING, recognises, read)
