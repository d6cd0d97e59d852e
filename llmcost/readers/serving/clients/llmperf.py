"""LLMPerf summaries: one JSON object, times in seconds.

Source: github ray-project/llmperf token_benchmark_ray.py. Its inter-token latency is the latency over the answer's
tokens, the first one included; `results_request_output_throughput` is of one request, `results_mean_output_throughput`
of the system.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

OWN = ("results_ttft_s_mean", "results_end_to_end_latency_s_mean", "results_mean_output_throughput_token_per_s")


def recognises(content: Content) -> bool:
    """Whether the summary's names are there."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(any(r.has(name) for name in OWN) for r in found)


def read(content: Content) -> Reading:
    """Every summary."""
    return Reading(SERVING, READER.name, [derive.serving(_run(r)) for r in content.records])


def _run(r: Record) -> ServingRow:
    per_minute = r.measured("results_num_completed_requests_per_min")
    latency, ttft = r.measured("results_end_to_end_latency_s_mean"), r.measured("results_ttft_s_mean")
    return ServingRow(
        model=r.text("model"),
        concurrency=r.measured("num_concurrent_requests"),
        isl=r.measured("results_number_input_tokens_mean", "mean_input_tokens"),
        osl=r.measured("results_number_output_tokens_mean", "mean_output_tokens"),
        requests=r.measured("results_num_completed_requests"),
        ttft_seconds=ttft,
        itl_seconds=r.measured("results_inter_token_latency_s_mean"),
        latency_seconds=latency,
        output_tokens_per_second=r.measured("results_mean_output_throughput_token_per_s"),
        requests_per_second=per_minute / 60.0 if per_minute else None,
    )


READER = Reader("LLMPerf summary", SERVING, recognises, read)
