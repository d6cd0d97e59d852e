"""LitGPT: `iter time: N ms` of each micro-batch, `Training time`, `Memory used` in GB.

Source: github Lightning-AI/litgpt litgpt/finetune/lora.py. An optimizer step, marked `(step)`, ends every so many
iterations.
"""

from __future__ import annotations

import re
from statistics import median

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training.console import _console

MILLI, GB = 1e-3, 1e9
ITERATION = r"iter (\d+)\b"


def recognises(content: Content) -> bool:
    """Whether iterations are timed so."""
    return not content.looks_like_json and re.search(r"iter \d+ .*iter time: [\d.]+ ms", content.text) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last iteration is cut off.
    """
    records = _console.lines(content, ITERATION, r"iter time: [\d.]+ ms")
    if not records:
        raise LlmcostError(f"{content.name}: no iteration with its time in it")
    times = [t * MILLI for t in _console.column(records, "iter time")]
    ends = sum("(step)" in record.text for record in records)
    whole = re.search(r"Training time: ([\d.]+)\s*s", content.text)
    memory = re.search(r"Memory used: ([\d.]+) GB", content.text)
    length = re.search(r"longest sequence length in the train data is (\d+)", content.text)
    notes = [f"{len(times)} iterations take {sum(times):.2f} s"]
    if ends and ends < len(times):
        notes.append(
            f"a step here is one iteration, a micro-batch: {len(times) / ends:.3g} of them make an optimizer step"
        )
    if length:
        notes.append(f"sequences of at most {length[1]} tokens")
    row = TrainingRow(
        framework="litgpt",
        steps=float(len(records)),
        step_seconds=median(times),
        step_basis=f"median of {len(times)} iterations",
        run_seconds=float(whole[1]) if whole else None,
        peak_allocated_bytes=float(memory[1]) * GB if memory else None,
        notes=tuple(notes),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("LitGPT log", TRAINING, recognises, read)
