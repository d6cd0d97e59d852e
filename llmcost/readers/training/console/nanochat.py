"""nanochat and nanoGPT: `dt: 992.59ms | tok/sec: 528,202` of the whole job; `iter N: ... time 123.45ms, mfu`.

Source: github karpathy/nanochat scripts/base_train.py, karpathy/nanoGPT train.py. MFU is against a peak the log does
not name: it is not taken.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

MILLI = 1e-3
STEP = r"(?:step|iter) (\d+)(?:/\d+)?\b"
TIMED = r"(?:dt: [\d.]+ms \| tok/sec: [\d,]+|time [\d.]+ms, mfu)"


def recognises(content: Content) -> bool:
    """Whether steps are timed so."""
    return not content.looks_like_json and re.search(rf"{STEP}.*{TIMED}", content.head) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last step is cut off.
    """
    records = _console.once(_console.lines(content, rf"^{STEP}.*(?:loss)", TIMED), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with its time in it")
    first = re.search(STEP, records[0].text)
    times = [v * MILLI for v in _console.column(records, "", r"(?:dt: |time )([\d.]+){name}ms")]
    step = _steps.steady(times, float(first[1]) if first else None)
    rate = _steps.steady(_console.column(records[step.dropped :], "tok/sec")).value
    row = TrainingRow(
        framework="nanochat" if rate else "nanogpt",
        steps=float(len(records)),
        global_batch_tokens=float(round(rate * step.value / 64.0) * 64) if rate and step.value else None,
        step_seconds=step.value,
        step_basis=step.basis,
        tokens_per_second=rate,
        notes=() if step.value else ("the run's first step alone: step time unknown",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("nanochat log", TRAINING, recognises, read)
