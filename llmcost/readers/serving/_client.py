"""Names that the clients of vLLM, SGLang and TensorRT-LLM share in their JSON: one descends from the other."""

from __future__ import annotations

from typing import Any

from llmcost.readers.record import Record
from llmcost.readers.rows import ServingRow

MILLI = 1e-3
ENGINES = {
    "vllm": "vllm", "sglang": "sglang", "sglang-oai": "sglang", "sglang-native": "sglang", "sglang-oai-chat": "sglang",
    "tensorrt-llm": "tensorrt-llm", "trt": "tensorrt-llm", "trtllm": "tensorrt-llm", "vllm-chat": "vllm",
    "llama.cpp": "llama.cpp", "llama-cpp": "llama.cpp",
}  # fmt: skip


def engine(name: str | None) -> str | None:
    """The serving software that a client's backend names; `openai` says nothing of it."""
    return ENGINES.get((name or "").lower())


def rate(value: Any) -> float | None:
    """Requests per second asked for; None where all were sent at once (`inf`) or nothing is said."""
    try:
        asked = float(value)
    except (TypeError, ValueError):
        return None
    return asked if 0 < asked < 1e6 else None


def row(r: Record) -> ServingRow:
    """The figures of one run; means where there are any, else medians."""
    done = r.measured("completed", "num_completed")
    asked, limit = rate(r.value("request_rate")), r.measured("max_concurrency")
    sent = r.measured("num_prompts")
    total_in, total_out = r.measured("total_input_tokens"), r.measured("total_output_tokens")
    notes = _medians(r)
    at_once = asked is None and limit is None and str(r.value("request_rate")).lower() in ("inf", "infinity")
    return ServingRow(
        model=r.text("model_id", "model", "model_name", "tokenizer_id"),
        framework=engine(r.text("backend", "endpoint_type")),
        load="offline" if at_once else None,
        concurrency=limit or ((sent or done) if at_once else None),
        request_rate=asked,
        isl=total_in / done if total_in and done else r.measured("random_input_len", "input_len"),
        osl=total_out / done if total_out and done else r.measured("random_output_len", "output_len"),
        requests=done,
        duration_seconds=r.measured("duration"),
        ttft_seconds=r.measured("mean_ttft_ms", "median_ttft_ms", "p50_ttft_ms", scale=MILLI),
        tpot_seconds=r.measured("mean_tpot_ms", "median_tpot_ms", "p50_tpot_ms", scale=MILLI),
        itl_seconds=r.measured("mean_itl_ms", "median_itl_ms", scale=MILLI),
        latency_seconds=r.measured("mean_e2el_ms", "mean_e2e_latency_ms", scale=MILLI),
        output_tokens_per_second=r.measured("output_throughput"),
        total_tokens_per_second=r.measured("total_token_throughput", "total_throughput"),
        requests_per_second=r.measured("request_throughput"),
        in_flight=r.measured("concurrency"),
        input_tokens=total_in,
        output_tokens=total_out,
        notes=notes,
    )


def _medians(r: Record) -> tuple[str, ...]:
    middle = {n: r.has(f"median_{n}_ms") or r.has(f"p50_{n}_ms") for n in ("ttft", "tpot")}
    names = [n.upper() for n, there in middle.items() if there and not r.has(f"mean_{n}_ms")]
    return (f"{' and '.join(names)}: the median, the file has no mean",) if names else ()
