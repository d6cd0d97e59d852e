"""inference-perf reports, of the client and of the server's Prometheus: times in seconds.

Source: github kubernetes-sigs/inference-perf. `time_per_output_token` of the client counts chunks of the stream. The
server's means are since its start, its rates are of the stage: lengths are taken from the rates.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow


def recognises(content: Content) -> bool:
    """Whether a load summary and the successes are there."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has("load_summary") and isinstance(r.value("successes"), dict) for r in found)


def read(content: Content) -> Reading:
    """The stage of each report."""
    rows = [_server(r) if r.has("successes.rate") else _client(r) for r in content.records]
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _client(r: Record) -> ServingRow:
    done = r.part("successes")
    return ServingRow(
        request_rate=r.measured("load_summary.requested_rate"),
        concurrency=r.measured("load_summary.concurrency"),
        isl=done.measured("prompt_len.mean"),
        osl=done.measured("output_len.mean"),
        requests=done.measured("count"),
        duration_seconds=r.measured("load_summary.send_duration"),
        ttft_seconds=done.measured("latency.time_to_first_token.mean"),
        tpot_seconds=done.measured("latency.time_per_output_token.mean"),
        itl_seconds=done.measured("latency.inter_token_latency.mean"),
        latency_seconds=done.measured("latency.request_latency.mean"),
        output_tokens_per_second=done.measured("throughput.output_tokens_per_sec"),
        total_tokens_per_second=done.measured("throughput.total_tokens_per_sec"),
        requests_per_second=done.measured("throughput.requests_per_sec"),
    )


def _server(r: Record) -> ServingRow:
    done = r.part("successes")
    rate = done.measured("rate")
    sent, written = done.measured("prompt_len.rate"), done.measured("output_len.rate")
    hit = done.number("prefix_cache_hit_percent.mean")
    return ServingRow(
        name="server's metrics",
        isl=sent / rate if sent and rate else done.measured("prompt_len.mean"),
        osl=written / rate if written and rate else done.measured("output_len.mean"),
        cached_share=None if hit is None else hit / 100.0,
        requests=done.measured("count"),
        ttft_seconds=done.measured("time_to_first_token.mean"),
        tpot_seconds=done.measured("time_per_output_token.mean"),
        latency_seconds=done.measured("request_latency.mean"),
        output_tokens_per_second=written,
        requests_per_second=rate,
        notes=("lengths: tokens/s over requests/s of the stage; the means are since the server's start",),
    )


READER = Reader("inference-perf report", SERVING, recognises, read)
