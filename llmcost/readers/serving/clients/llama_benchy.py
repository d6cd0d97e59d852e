"""llama-benchy: a JSON report of a server, tests by length and concurrency; ttfr and e2e_ttft in ms.

Source: github eugr/llama-benchy. `pp_throughput` and `tg_throughput` are of one phase, `tg_req_throughput` of one
request; a whole request's rate follows from its two phases.
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

MILLI = 1e-3


def recognises(content: Content) -> bool:
    """Whether tests of that tool are there."""
    found = content.records if content.looks_like_json else []
    tests = found[0].data.get("benchmarks") if len(found) == 1 else None
    return isinstance(tests, list) and any(isinstance(t, dict) and "tg_throughput" in t for t in tests)


def read(content: Content) -> Reading:
    """Every test."""
    report = content.records[0]
    return Reading(SERVING, READER.name, [_test(t, report.text("model")) for t in report.parts("benchmarks")])


def _test(t: Record, model: str | None) -> ServingRow:
    depth, prompt = t.number("context_size") or 0.0, t.number("prompt_size") or 0.0
    written, users = t.measured("response_size"), t.measured("concurrency") or 1.0
    ttft = t.measured("e2e_ttft.mean", "ttfr.mean", scale=MILLI)
    one, all_of_them = t.measured("tg_req_throughput.mean"), t.measured("tg_throughput.mean")
    speed = one or (all_of_them / users if all_of_them else None)
    tpot = 1.0 / speed if speed else None
    whole = ttft + tpot * (written - 1.0) if ttft and tpot and written else None
    alone = bool(t.value("is_context_prefill_phase")) or not written
    return ServingRow(
        model=model,
        load="prefill-only" if alone else "closed-loop",
        concurrency=users,
        isl=depth + prompt,
        osl=written,
        cached_share=depth / (depth + prompt) if depth and prompt else None,
        ttft_seconds=ttft,
        tpot_seconds=tpot,
        latency_seconds=whole,
        output_tokens_per_second=users * written / whole if whole and written else None,
        prefill_tokens_per_second=t.measured("pp_throughput.mean"),
        decode_tokens_per_second=all_of_them,
        notes=(
            "output tokens/s of whole requests: tokens over TTFT and writing; tg_throughput is of the writing alone",
        ),
    )


READER = Reader("llama-benchy JSON", SERVING, recognises, read)
