"""AIPerf and genai-perf `profile_export_aiperf.json`: a metric an object, with its unit.

Source: github ai-dynamo/aiperf, JSON exporter; github triton-inference-server/perf_analyzer genai-perf.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving.clients import _units

METRICS = ("time_to_first_token", "inter_token_latency", "request_latency", "output_token_throughput")


def recognises(content: Content) -> bool:
    """Whether metrics stand there as objects with a unit."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(any(r.has(f"{m}.unit") for m in METRICS) for r in found)


def read(content: Content) -> Reading:
    """The run of each object."""
    return Reading(SERVING, READER.name, [derive.serving(run(r)) for r in content.records])


def run(r: Record) -> ServingRow:
    """One run: the average of every metric in base units."""

    def metric(name: str, stat: str = "avg") -> float | None:
        value = r.measured(f"{name}.{stat}")
        return None if value is None else value * _units.factor(r.text(f"{name}.unit"), f"{r.where}: {name}")

    cards = sorted(_found(r.data, "gpu_name"))
    return ServingRow(
        model=_model(r),
        hardware=cards[0] if cards and len(set(cards)) == 1 else None,
        gpus=float(len(cards)) or None,
        concurrency=_load(r, "concurrency"),
        request_rate=_load(r, "request_rate"),
        isl=metric("input_sequence_length"),
        osl=metric("output_sequence_length"),
        requests=metric("request_count"),
        duration_seconds=metric("benchmark_duration"),
        ttft_seconds=metric("time_to_first_token"),
        tpot_seconds=metric("inter_token_latency"),
        itl_seconds=metric("inter_token_latency"),
        latency_seconds=metric("request_latency"),
        output_tokens_per_second=metric("output_token_throughput"),
        total_tokens_per_second=metric("total_token_throughput"),
        requests_per_second=metric("request_throughput"),
    )


def _model(r: Record) -> str | None:
    """Newer files list models, older ones name them at the endpoint."""
    items = r.value("input_config.models.items")
    if isinstance(items, list) and items and isinstance(items[0], dict):
        return Record(items[0], r.where).text("name")
    for path in ("input_config.endpoint.model_names", "input_config.model", "input_config.model_names"):
        names = r.value(path)
        name = names[0] if isinstance(names, list) and names else names
        if isinstance(name, str):
            return name
    return None


def _load(r: Record, name: str) -> float | None:
    phases = r.value("input_config.phases")
    last = [p for p in phases if isinstance(p, dict)][-1:] if isinstance(phases, list) else []
    if last and last[0].get(name) is not None:
        return Record(last[0], f"{r.where}: phases").measured(name)
    return r.measured(f"input_config.loadgen.{name}", f"input_config.perf_analyzer.stimulus.{name}")


def _found(data: Any, key: str) -> Iterator[str]:
    """Every text of that name, wherever it stands."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _found(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from _found(value, key)


READER = Reader("AIPerf JSON", SERVING, recognises, read)
