"""The figures that unsloth's notebooks print after training: seconds, peak reserved memory in GB and of the card.

Source: https://docs.unsloth.ai, notebooks.
"""

from __future__ import annotations

import re

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow

GB = 1e9


def recognises(content: Content) -> bool:
    """Whether the notebook's sentences are there."""
    return re.search(r"[\d.]{1,20} seconds used for training", content.head) is not None


def read(content: Content) -> Reading:
    """The run: no steps and no tokens are told, so there is no step time."""

    def found(pattern: str) -> float | None:
        match = re.search(pattern, content.text)
        return float(match[1]) if match else None

    peak, share = (
        found(r"Peak reserved memory = ([\d.]+) GB"),
        found(r"Peak reserved memory % of max memory = ([\d.]+)"),
    )
    own = found(r"Peak reserved memory for training = ([\d.]+) GB")
    notes = ["steps are not told: step time unknown"] + ([f"{own:g} GB of it for training"] if own else [])
    row = TrainingRow(
        run_seconds=found(r"([\d.]+) seconds used for training"),
        peak_reserved_bytes=peak * GB if peak else None,
        accelerator_bytes=peak / share * 100.0 * GB if peak and share else None,
        notes=tuple(notes),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("unsloth figures", TRAINING, recognises, read)
