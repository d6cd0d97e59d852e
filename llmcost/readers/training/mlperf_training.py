"""MLPerf Training result files: `:::MLLOG` lines, JSON behind the mark.

Source: https://github.com/mlcommons/logging. `time_ms` is Unix time in ms; `throughput` is samples/s of the whole
system, `max_memory_usage` in GB; the platform's text counts nodes and says nothing of accelerators.
"""

from __future__ import annotations

from typing import Any

from llmcost.errors import LlmcostError
from llmcost.files import json_of
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps

MARK = ":::MLLOG "
MILLI, GB = 1e-3, 1e9
BENCHMARKS = {  # name of the benchmark -> model and method
    "llama2_70b_lora": ("llama-2-70b", "lora"), "llama31_405b": ("llama-3.1-405b", "pretrain"),
    "llama31_8b": ("llama-3.1-8b", "pretrain"), "gpt3": ("gpt-3-175b", "pretrain"),
}  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether such a line is near the beginning."""
    return MARK in content.head


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        A line that is no JSON, a run without an end, or one without rate and step time.
    """
    events = [Record(data, f"{content.name}: line {n}") for n, data in _events(content)]
    row = _run(events, content.name)
    if row.samples_per_second is None and row.step_seconds is None and row.run_seconds is None:
        raise LlmcostError(f"{content.name}: neither a step time, a throughput nor a run in it")
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _events(content: Content) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for n, line in enumerate(content.lines, 1):
        _, mark, text = line.partition(MARK)
        if not mark:
            continue
        try:
            found.append((n, json_of(text)))
        except ValueError:
            cut = " (the file is cut off)" if n == len(content.lines) else ""
            raise LlmcostError(f"{content.name}: line {n} is not JSON behind {MARK.strip()}{cut}") from None
    return [(n, data) for n, data in found if isinstance(data, dict)]


def _run(events: list[Record], where: str) -> TrainingRow:
    def said(key: str) -> Record:
        return next((e for e in events if e.value("key") == key), Record({}, where))

    stats = [Record(e.value("value"), e.where) for e in events
             if e.value("key") == "tracked_stats" and isinstance(e.value("value"), dict)]  # fmt: skip
    start, stop = (said(f"run_{word}").number("time_ms") for word in ("start", "stop"))
    if start is not None and stop is None:
        raise LlmcostError(f"{where}: the run begins and does not end: the file is cut off")
    times = [v for s in stats if (v := s.measured("train_step_time"))]
    rates = [v for s in stats if (v := s.measured("throughput"))]
    step = _steps.steady(times)
    seen = [v for e in events if (v := e.number("metadata.samples_count"))]
    batch = said("global_batch_size").measured("value")
    benchmark = said("submission_benchmark").text("value")
    model, method = BENCHMARKS.get(benchmark or "", (None, None))
    return TrainingRow(
        name=benchmark or "",
        model=model,
        method=method,
        seq_len=said("max_sequence_length").measured("value"),
        global_batch=batch,
        steps=max(seen) / batch if seen and batch else None,
        step_seconds=step.value,
        step_basis=step.basis and step.basis.replace("steps", "stretches").replace("step", "stretch"),
        run_seconds=(stop - start) * MILLI if start is not None and stop is not None else None,
        samples_per_second=_steps.steady(rates).value,
        peak_allocated_bytes=max((v * GB for s in stats if (v := s.measured("max_memory_usage"))), default=None),
        notes=("run_start to run_stop holds the evaluations",) if stop is not None else (),
    )


READER = Reader("MLPerf Training result", TRAINING, recognises, read)
