"""torchtitan: `tps` is of one device, memory in GiB with its share of the card; ranks print the same step.

Source: github pytorch/torchtitan torchtitan/components/metrics.py.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _console

GIB, TERA = 2.0**30, 1e12
STEP = r"step: +(\d+)"
MEMORY = re.compile(r"memory: +([\d.]+)GiB\(([\d.]+)%\)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def recognises(content: Content) -> bool:
    """Whether a step is followed by memory and tps."""
    return re.search(r"step: +\d+ .*memory: +[\d.]+GiB.*tps: ", COLOUR.sub("", content.head)) is not None


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The last step is cut off.
    """
    lines = _console.lines(content, r"step: *(?:\x1b\[[\d;]*m)? *\d+", r"tps: *(?:\x1b\[[\d;]*m)? *[\d,]+ ")
    plain = [line._replace(text=COLOUR.sub("", line.text)) for line in lines]
    records = _console.once(plain, STEP)
    if not records:
        raise LlmcostError(f"{content.name}: no step with its tps in it")
    first = re.search(STEP, records[0].text)
    rate = _steps.steady(_console.column(records, "tps"), float(first[1]) if first else None)
    memory = [(float(m[1]), float(m[2])) for record in plain if (m := MEMORY.search(record.text))]
    used, share = max(memory, default=(0.0, 0.0))
    row = TrainingRow(
        framework="torchtitan",
        steps=float(len(records)),
        tokens_per_second_per_gpu=rate.value,
        peak_reserved_bytes=used * GIB or None,
        accelerator_bytes=used / share * 100.0 * GIB if share else None,
        flops_per_second_per_gpu=(_steps.steady(_console.column(records, "tflops")).value or 0.0) * TERA or None,
        notes=_notes(rate, len(plain) - len(records)),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _notes(rate: _steps.Steady, repeats: int) -> tuple[str, ...]:
    notes = [] if rate.value else ["the run's first step alone: rate unknown"]
    if rate.value:
        notes.append(f"tokens/s of one device: {rate.basis}")
    if repeats:
        notes.append(f"{repeats} lines repeat a step (one a rank): each step counts once")
    return tuple(notes)


READER = Reader("torchtitan log", TRAINING, recognises, read)
