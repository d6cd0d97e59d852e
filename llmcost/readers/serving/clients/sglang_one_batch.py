"""SGLang `bench_one_batch`, with a server or without: a batch read and written at once, a JSON object a line, seconds.

Source: github sgl-project/sglang python/sglang/bench_one_batch.py, `latency_test_run_once`.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("batch_size", "input_len", "output_len", "prefill_latency", "total_latency")


def recognises(content: Content) -> bool:
    """Whether it holds such batches."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has(*OWN) for r in found)


def read(content: Content) -> Reading:
    """Every batch."""
    return Reading(SERVING, READER.name, [derive.serving(_batch(r)) for r in content.records])


def _batch(r: Record) -> ServingRow:
    return ServingRow(
        framework="sglang",
        load="static-batch",
        concurrency=r.measured("batch_size"),
        isl=r.measured("input_len"),
        osl=r.measured("output_len"),
        ttft_seconds=r.measured("prefill_latency"),
        latency_seconds=r.measured("total_latency"),
        prefill_tokens_per_second=r.measured("prefill_throughput"),
        decode_tokens_per_second=r.measured("median_decode_throughput"),
    )


READER = Reader("SGLang bench_one_batch", SERVING, recognises, read)
