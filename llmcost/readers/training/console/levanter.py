"""Levanter summaries: `throughput/tokens_per_second=...`, rates of the whole job, MFU in per cent.

Source: github stanford-crfm/levanter src/levanter/callbacks.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow

PAIR = re.compile(r"^\s*['\"]?([\w/]+)['\"]?\s*[=:]\s*([-+\d.eE]+)\s*,?\s*$", re.MULTILINE)
TOKENS, EXAMPLES = "throughput/tokens_per_second", "throughput/examples_per_second"


def recognises(content: Content) -> bool:
    """Whether the summary's names are there, outside a block of steps."""
    return TOKENS in content.head and "[step=" not in content.head and "[batch=" not in content.head and bool(
        PAIR.search(content.head)
    )  # fmt: skip


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        No rate in it.
    """
    r = Record(dict(PAIR.findall(content.text)), content.name)
    tokens, examples = r.measured(TOKENS), r.measured(EXAMPLES)
    if tokens is None:
        raise LlmcostError(f"{content.name}: no {TOKENS} in it")
    duration = r.measured("throughput/duration")
    row = TrainingRow(
        framework="levanter",
        steps=r.measured("global_step"),
        seq_len=float(round(tokens / examples)) if examples else None,
        step_seconds=duration,
        step_basis="duration of the last step" if duration else None,
        tokens_per_second=tokens,
        samples_per_second=examples,
        tokens=r.measured("throughput/total_tokens"),
        notes=("rates of the last step told, of the whole job",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("Levanter summary", TRAINING, recognises, read)
