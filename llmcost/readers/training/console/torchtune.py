"""torchtune: `Step N | loss:... tokens_per_second_per_gpu:...`, memory in GiB, in older files in bytes.

Source: github meta-pytorch/torchtune torchtune/training/metric_logging.py. Samples of unequal length spread the rate.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

GIB = 2.0**30
IN_BYTES = 1e6  # no accelerator has so many GiB
STEP = r"Step (\d+) \|"


def recognises(content: Content) -> bool:
    """Whether steps tell their rate so."""
    return not content.looks_like_json and re.search(rf"{STEP}.*tokens_per_second", content.text) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last step is cut off.
    """
    records = _console.once(_console.lines(content, STEP, r"tokens_per_second(?:_per_gpu)?:[\d.]+"), STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with its rate in it")
    first = re.search(STEP, records[0].text)
    rates = _console.column(records, "tokens_per_second_per_gpu") or _console.column(records, "tokens_per_second")
    rate = _steps.steady(rates, float(first[1]) if first else None)
    row = TrainingRow(
        framework="torchtune",
        steps=float(len(records)),
        tokens_per_second_per_gpu=rate.value,
        peak_allocated_bytes=_peak(records, "peak_memory_alloc") or _peak(records, "peak_memory_active"),
        peak_reserved_bytes=_peak(records, "peak_memory_reserved"),
        notes=(f"tokens/s of one accelerator: {rate.basis}",)
        if rate.value
        else ("the first step alone: rate unknown",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _peak(records: list[_console.Line], name: str) -> float | None:
    value = _console.largest(records, name, 1.0)
    return None if not value else value if value > IN_BYTES else value * GIB


READER = Reader("torchtune log", TRAINING, recognises, read)
