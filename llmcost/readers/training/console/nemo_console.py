"""NeMo console: `train_step_timing in s`.

Source: https://docs.nvidia.com/nemo-framework/user-guide/latest. The global batch is in samples.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

STEP = r"(?:global_step: |iteration )(\d+)"
TIME = "train_step_timing in s"


def recognises(content: Content) -> bool:
    """Whether steps are timed so."""
    return not content.looks_like_json and TIME in content.head


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last step is cut off.
    """
    records = _console.once(_console.lines(content, rf"iteration \d+|{TIME}", rf"{TIME}[:=] ?[\d.]+"), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with a time in it")
    first = re.search(STEP, records[0].text)
    found = _steps.steady(_console.column(records, TIME), float(first[1]) if first else None)
    row = TrainingRow(
        framework="nemo",
        steps=float(len(records)),
        global_batch=_console.last(records, "global_batch_size"),
        step_seconds=found.value,
        step_basis=found.basis,
        notes=() if found.value else ("the run's first step alone: step time unknown",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("NeMo console", TRAINING, recognises, read)
