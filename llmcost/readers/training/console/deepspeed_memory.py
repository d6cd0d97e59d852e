"""What DeepSpeed prints of memory and of its clocks: `see_memory_usage`, and the breakdown of a step in ms.

Source: github deepspeedai/DeepSpeed deepspeed/runtime/utils.py (MA, CA: allocated and cached, in GB of 2^30 bytes, the
peaks beside them; Max_CA in whole ones) and deepspeed/utils/timer.py (`time (ms) | fwd: 100.0 | bwd: ... | step: ...`).
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

GIB, MILLI = 2.0**30, 1e-3
MEMORY = r"\bMA [\d.]+ GB +Max_MA [\d.]+ GB"
TIMES = r"time \(ms\) \|"
PARTS = re.compile(r"\b(fwd|forward|bwd|backward|step)(?:_microstep)?: ([\d.]+)")
SIZE = r"\b{name} ([\d.]+) GB"


def recognises(content: Content) -> bool:
    """Whether such lines are there, and no timer that tells rates."""
    found = re.search(MEMORY, content.text) or re.search(rf"{TIMES} *(?:fwd|forward)(?:_microstep)?:", content.text)
    return not content.looks_like_json and found is not None and not _timed(content)


def _timed(content: Content) -> bool:
    """Whether another reader has more of it: rates of a timer, iterations, a profile."""
    others = ("CurrSamplesPerSec=", "elapsed time per iteration (", "Profile Summary at step", "samples/sec:")
    return any(name in content.text for name in others) or "train_runtime" in content.text


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        Its last line is cut off.
    """
    sizes = _console.lines(content, r"\bMA [\d.]", r"Max_CA [\d.]+ GB")
    steps = [seconds for line in _console.lines(content, TIMES, TIMES) if (seconds := _whole(line.text))]
    found = _steps.steady(steps, 1.0)
    cached = [_console.largest(sizes, name, GIB, SIZE) or 0.0 for name in ("CA", "Max_CA")]
    half = 0.5 * GIB  # Max_CA is rounded: where it is no more than that above CA, CA has the digits
    if not sizes and not steps:
        raise LlmcostError(f"{content.name}: no memory and no step in it")
    row = TrainingRow(
        framework="deepspeed",
        steps=float(len(steps)) or None,
        step_seconds=found.value,
        step_basis=found.basis and f"forward, backward and optimizer together: {found.basis}",
        peak_allocated_bytes=_console.largest(sizes, "Max_MA", GIB, SIZE),
        peak_reserved_bytes=(cached[0] if cached[1] <= cached[0] + half else cached[1]) or None,
        notes=() if found.value else ("no step is timed: memory alone",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _whole(text: str) -> float | None:
    """Seconds of a step, of a line that has all three of its parts; micro-batches have lines of their own."""
    parts = {name[:1]: float(ms) for name, ms in PARTS.findall(text) if "_microstep" not in text}
    return sum(parts.values()) * MILLI if len(parts) == 3 else None


READER = Reader("DeepSpeed memory and breakdown", TRAINING, recognises, read)
