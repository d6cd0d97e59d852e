"""GuideLLM reports, versions 1 and 2: a benchmark for each rate, the successful requests' means.

Source: github vllm-project/guidellm src/guidellm/benchmark/schemas. `time_per_output_token_ms` counts the first token;
`inter_token_latency_ms` leaves it out and is TPOT as everybody else has it; `request_latency` is in seconds.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

MILLI = 1e-3
FIGURES = ("time_to_first_token_ms", "request_latency", "output_tokens_per_second", "requests_per_second")
MODELS = ("config.backend.model", "benchmarker.backend.model", "worker.backend_model", "benchmarker.backend_model")


def recognises(content: Content) -> bool:
    """Whether it holds benchmarks with metrics of that tool."""
    found = content.records if content.looks_like_json else []
    return len(found) == 1 and any(_of_the_tool(item) for item in found[0].data.get("benchmarks") or [])


def _of_the_tool(item: object) -> bool:
    metrics = item.get("metrics") if isinstance(item, dict) else None
    return isinstance(metrics, dict) and any(name in metrics for name in FIGURES)


def read(content: Content) -> Reading:
    """Every benchmark of the report."""
    report = content.records[0]
    model = report.text("config.spec.backend.model", "args.model", "args.backend_kwargs.model")
    rows = [_run(b, model) for b in report.parts("benchmarks")]
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _run(b: Record, model: str | None) -> ServingRow:
    def mean(name: str, scale: float = 1.0) -> float | None:
        return b.measured(f"metrics.{name}.successful.mean", scale=scale)

    kind, streams, rate = _strategy(b)
    return ServingRow(
        name=kind or "",
        model=b.text(*MODELS) or model,
        load={"synchronous": "interactive", "throughput": "offline"}.get(kind or ""),
        concurrency=1.0 if kind == "synchronous" else streams,
        request_rate=rate if kind in ("constant", "poisson", "async", "asynchronous") else None,
        isl=mean("prompt_token_count"),
        osl=mean("output_token_count"),
        requests=b.measured(
            "metrics.request_totals.successful", "request_totals.successful", "run_stats.requests_made.successful"
        ),
        duration_seconds=b.measured("duration") or _between(b),
        ttft_seconds=mean("time_to_first_token_ms", MILLI),
        tpot_seconds=mean("inter_token_latency_ms", MILLI),
        itl_seconds=mean("inter_token_latency_ms", MILLI),
        latency_seconds=mean("request_latency"),
        output_tokens_per_second=mean("output_tokens_per_second"),
        total_tokens_per_second=mean("tokens_per_second"),
        requests_per_second=mean("requests_per_second"),
        in_flight=mean("request_concurrency"),
    )


def _strategy(b: Record) -> tuple[str | None, float | None, float | None]:
    """How requests were sent: the kind, the streams, the rate. Version 1 calls it `args.strategy`."""
    for path in ("config.strategy", "args.strategy", "scheduler.strategy"):
        said = b.part(path)
        if said.data:
            kind = said.text("type_", "kind")
            streams = said.measured("streams") if kind == "concurrent" else None
            limit = said.measured("max_concurrency") if kind == "throughput" else None
            return kind, streams or limit, said.measured("rate")
    return None, None, None


def _between(b: Record) -> float | None:
    start, end = b.number("start_time", "run_stats.start_time"), b.number("end_time", "run_stats.end_time")
    return end - start if start is not None and end is not None and end > start else None


READER = Reader("GuideLLM JSON", SERVING, recognises, read)
