"""nanotron: numbers with K, M or G behind them, rates of the job and of one GPU.

Source: github huggingface/nanotron src/nanotron/logging. `11.5K` ms has three digits.
"""

from __future__ import annotations

import math
import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

MILLI, TERA = 1e-3, 1e12
STEP = r"iteration: (\d+) / \d+"
TIME = "elapsed_time_per_iteration_ms"


def recognises(content: Content) -> bool:
    """Whether iterations are timed so."""
    return not content.looks_like_json and re.search(rf"{STEP}.*{TIME}: ", content.head) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last iteration is cut off.
    """
    records = _console.once(_console.lines(content, STEP, r"tokens_per_sec_per_gpu: [\d.]+[KMG]? \|"), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no iteration with its rate in it")
    first = re.search(STEP, records[0].text)
    number = float(first[1]) if first else None
    step = _steps.steady([t * MILLI for t in _console.column(records, TIME)], number)
    kept = records[step.dropped :]

    def steady(name: str) -> float | None:
        return _steps.steady(_console.column(kept, name)).value

    total, batch = steady("tokens_per_sec"), steady("global_batch_size")
    tokens = total * step.value if total and step.value else None
    row = TrainingRow(
        framework="nanotron",
        steps=float(len(records)),
        global_batch=batch,
        seq_len=_length(tokens, batch),
        step_seconds=step.value,
        step_basis=step.basis,
        tokens_per_second=total,
        tokens_per_second_per_gpu=steady("tokens_per_sec_per_gpu"),
        flops_per_second_per_gpu=(steady("model_tflops_per_gpu") or 0.0) * TERA or None,
        notes=("numbers of three digits",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _length(tokens: float | None, batch: float | None) -> float | None:
    """Tokens of a sequence: the power of two that three digits leave, if any does."""
    if not tokens or not batch:
        return None
    near = 2.0 ** round(math.log2(tokens / batch))
    return near if abs(tokens / batch / near - 1.0) < 0.02 else None


READER = Reader("nanotron log", TRAINING, recognises, read)
