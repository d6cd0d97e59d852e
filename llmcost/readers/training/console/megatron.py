"""Megatron-LM, Megatron-Bridge and Megatron-DeepSpeed: `elapsed time per iteration (ms)`, memory of each rank.

Source: github NVIDIA/Megatron-LM megatron/training/training.py (memory in MB) and arguments.py (the table of arguments,
names with dots behind them); NVIDIA-NeMo/Megatron-Bridge (GB); deepspeedai/Megatron-DeepSpeed (seconds). Ranks may
stand on one line with no break between them.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

MILLI, MB, GB, TERA = 1e-3, 1e6, 1e9, 1e12
STEP = r"iteration +(\d+)/ *\d+ \|"
TIMED = r"elapsed time per iteration \((?:ms|s)\): [\d.]+ \|"
TIMES = {"elapsed time per iteration (ms)": MILLI, "elapsed time per iteration (s)": 1.0}
ARGUMENT = re.compile(r"^\s*(\w+) \.{2,} (\S+)\s*$", re.MULTILINE)
MEMORY = re.compile(r"\[Rank \d+\] \(after \d+ iterations\) memory \((?:MB|GB)\)")


def recognises(content: Content) -> bool:
    """Whether iterations or ranks' memory are reported so."""
    found = re.search(rf"{STEP}.*elapsed time per iteration \((?:ms|s)\)", content.text) or MEMORY.search(content.text)
    return not content.looks_like_json and found is not None


def read(content: Content) -> Reading:
    """Every run.

    Raises
    ------
    LlmcostError
        The last iteration is cut off, or nothing is measured.
    """
    found = _console.runs(content, _console.lines(content, r"iteration +\d", TIMED), STEP)
    return Reading(TRAINING, READER.name, [_run(records, text, content.name) for records, text in found])


def _run(records: list[_console.Line], text: str, name: str) -> TrainingRow:
    allocated, reserved = (_peak(text, kind) for kind in ("allocated", "reserved"))
    row = _told(_timed(records), Record(dict(ARGUMENT.findall(text)), f"{name}: arguments"))
    row = row._replace(peak_allocated_bytes=allocated, peak_reserved_bytes=reserved)
    if row.step_seconds is None and not row.notes and row.peak_allocated_bytes is None:
        raise LlmcostError(f"{name}: no iteration and no memory in it")
    return derive.training(row)


def _timed(records: list[_console.Line]) -> TrainingRow:
    if not records:
        return TrainingRow(framework="megatron", notes=("no iteration in the log: step time unknown",))
    times = [t * unit for name, unit in TIMES.items() for t in _console.column(records, name)]
    first = re.search(STEP, records[0].text)
    found = _steps.steady(times, float(first[1]) if first else None)
    kept = records[found.dropped :]
    skipped = sum(_console.column(records, "number of skipped iterations"))
    notes = [] if found.value else ["the run's first iteration alone: step time unknown"]
    if skipped:
        notes.append(f"{skipped:.0f} of {len(records)} iterations were skipped: the loss scale was searched for")
    flops = _console.column(kept, "throughput per GPU (TFLOP/s/GPU)") or _console.column(kept, "TFLOPs")
    tgs = _console.column(kept, "tokens per gpu per second (tgs)")
    samples = _console.column(kept, "samples per second")
    lengths = _console.column(kept, "actual seqlen")
    return TrainingRow(
        framework="megatron",
        steps=float(len(records)),
        global_batch=_console.last(records, "global batch size"),
        seq_len=lengths[-1] if lengths else None,
        step_seconds=found.value,
        step_basis=found.basis,
        tokens_per_second_per_gpu=_steps.steady(tgs).value,
        samples_per_second=_steps.steady(samples).value,
        flops_per_second_per_gpu=(_steps.steady(flops).value or 0.0) * TERA or None,
        notes=tuple(notes),
    )


def _told(row: TrainingRow, said: Record) -> TrainingRow:
    """The run with what the arguments say above it: machine count, layout, lengths."""
    dtype = (said.text("params_dtype") or "").rpartition(".")[2]
    return row._replace(
        gpus=said.measured("world_size"),
        tp=said.measured("tensor_model_parallel_size"),
        pp=said.measured("pipeline_model_parallel_size"),
        cp=said.measured("context_parallel_size"),
        ep=said.measured("expert_model_parallel_size"),
        dtype={"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}.get(dtype),
        seq_len=row.seq_len or said.measured("seq_length"),
        global_batch=row.global_batch or said.measured("global_batch_size"),
        micro_batch=said.measured("micro_batch_size"),
    )


def _peak(text: str, kind: str) -> float | None:
    """Peak of the fullest rank, found wherever a rank's report stands [bytes]."""
    ways = [(rf"mem-max-{kind}-gigabytes: ([\d.]+)", GB), (rf"\| max {kind}: ([\d.]+)", MB)]
    ways += [(r"MaxMemAllocated=([\d.]+)GB", GB)] if kind == "allocated" else []
    for pattern, unit in ways:
        if found := re.findall(pattern, text):
            return max(map(float, found)) * unit
    return None


READER = Reader("Megatron log", TRAINING, recognises, read)
