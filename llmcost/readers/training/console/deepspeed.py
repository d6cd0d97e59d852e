"""DeepSpeed's timer: `RunningAvgSamplesPerSec=..., CurrSamplesPerSec=...` of the whole job, memory in GB.

Source: github deepspeedai/DeepSpeed deepspeed/utils/timer.py; deepspeed/runtime/pipe/engine.py (`steps: N loss: X iter
time (s): T samples/sec: R`). The command line above it, where it is printed, tells
model, batch and ZeRO stage.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

GB = 1e9
PIPELINE = r"steps: \d+ loss.* iter time \(s\): [\d.]+"
STEP = r"(?:global_step=|\] \d+/)(\d+)"


def recognises(content: Content) -> bool:
    """Whether the timer's lines are there, and no iterations of Megatron."""
    timed = "CurrSamplesPerSec=" in content.text or re.search(PIPELINE, content.text) is not None
    return timed and "elapsed time per iteration (" not in content.text


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last line of the timer is cut off.
    """
    if "CurrSamplesPerSec=" not in content.text:
        return Reading(TRAINING, READER.name, [derive.training(_pipeline(content))])
    records = _console.once(_console.lines(content, STEP, r"MaxMemAllocated=[\d.]+GB"), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with its rate in it")
    first = re.search(STEP, records[0].text)
    rate = _steps.steady(_console.column(records, "CurrSamplesPerSec"), float(first[1]) if first else None)
    asked = content.head if "deepspeed" in content.head else ""

    def option(name: str) -> float | None:
        found = re.search(rf"--{name}[ =](\d+)", asked)
        return float(found[1]) if found else None

    model = re.search(r"--model_name_or_path[ =](\S+)", asked)
    micro, limit = option("per_device_train_batch_size"), option("max_seq_len")
    notes = [f"samples/s of the whole job: {rate.basis}"] if rate.value else ["the first step alone: rate unknown"]
    if limit:
        notes.append(f"sequences of at most {limit:.0f} tokens")
    row = TrainingRow(
        model=model[1] if model else None,
        framework="deepspeed",
        micro_batch=micro,
        accumulation=option("gradient_accumulation_steps"),
        steps=float(len(records)),
        samples_per_second=rate.value,
        peak_allocated_bytes=_console.largest(records, "MaxMemAllocated", GB, r"{name}=([\d.]+)"),
        notes=tuple(notes),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _pipeline(content: Content) -> TrainingRow:
    """A run of the pipeline engine, which has a clock of its own."""
    records = _console.once(_console.lines(content, r"steps: \d+ loss", r"samples/sec: [\d.]+"), r"steps: (\d+)")
    first = _console.column(records[:1], "steps")
    found = _steps.steady(_console.column(records, "iter time (s)"), first[0] if first else None)
    return TrainingRow(
        framework="deepspeed",
        steps=float(len(records)),
        step_seconds=found.value,
        step_basis=found.basis,
        samples_per_second=_steps.steady(_console.column(records[found.dropped :], "samples/sec")).value,
        notes=() if found.value else ("the first step alone: step time unknown",),
    )


READER = Reader("DeepSpeed timer", TRAINING, recognises, read)
