"""MaxText: `completed step: N, seconds: S`, rates of one device; memory used beside the size of the chip.

Source: github AI-Hypercomputer/maxtext docs/guides/monitoring_and_debugging/understand_logs_and_metrics.md. The first
steps may be far too long or far too short: the host runs ahead of the device.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

GB, BILLION, TERA = 1e9, 1e9, 1e12
STEP = r"completed step: (\d+)"
MEMORY = re.compile(r"Using \(GB\) ([\d.]+) / ([\d.]+)")


def recognises(content: Content) -> bool:
    """Whether steps are completed so."""
    return not content.looks_like_json and re.search(rf"{STEP}, seconds: ", content.text) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last step is cut off.
    """
    records = _console.once(_console.lines(content, STEP, r"(?:Tokens/s/device|TFLOP/s): [\d.]+,"), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with its rate in it")
    first = re.search(STEP, records[0].text)
    step = _steps.steady(_console.column(records, "seconds"), float(first[1]) if first else None)
    kept = records[step.dropped :]
    rates = _console.column(kept, "Tokens/s/device")
    flops = _console.column(kept, "TFLOP/s/device") or _console.column(kept, "TFLOP/s")
    memory = [(float(used), float(size)) for used, size in MEMORY.findall(content.text)]
    params = re.search(r"number parameters: ([\d.]+) billion", content.text)
    row = TrainingRow(
        framework="maxtext",
        params_total=float(params[1]) * BILLION if params else None,
        steps=float(len(records)),
        step_seconds=step.value,
        step_basis=step.basis,
        tokens_per_second_per_gpu=_steps.steady(rates).value,
        flops_per_second_per_gpu=(_steps.steady(flops).value or 0.0) * TERA or None,
        peak_allocated_bytes=max((used * GB for used, _ in memory), default=None),
        accelerator_bytes=max((size * GB for _, size in memory), default=None),
        notes=() if step.value else ("the run's first step alone: step time unknown",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("MaxText log", TRAINING, recognises, read)
