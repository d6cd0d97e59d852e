"""DeepSpeed's timer: `RunningAvgSamplesPerSec=..., CurrSamplesPerSec=...` of the whole job, memory in GB.

Source: github deepspeedai/DeepSpeed deepspeed/utils/timer.py. The command line above it, where it is printed, tells
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
STEP = r"global_step=(\d+)"


def recognises(content: Content) -> bool:
    """Whether the timer's lines are there, and no iterations of Megatron."""
    return "CurrSamplesPerSec=" in content.text and "elapsed time per iteration (ms)" not in content.text


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last line of the timer is cut off.
    """
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


READER = Reader("DeepSpeed timer", TRAINING, recognises, read)
