"""OLMo and OLMo-core: a block of figures below `[step=N/M]`, rates of one device.

Source: github allenai/OLMo olmo/train.py (memory in MB); allenai/OLMo-core (`throughput/device/TPS`, GiB).
"""

from __future__ import annotations

from itertools import pairwise

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _blocks

MB, GIB = 1e6, 2.0**30
STEP = r"\[step=(\d+)/\d+"
TOKENS, BATCHES = ("throughput/device/tokens_per_second", "throughput/device/TPS"), (
    "throughput/device/batches_per_second", "throughput/device/BPS")  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether blocks of steps with a device's throughput are there."""
    return not content.looks_like_json and "[step=" in content.head and "throughput/" in content.head


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        No step with a rate.
    """
    found = _blocks.blocks(content, STEP)
    rated = [(float(n), block) for n, block in found if block.has(TOKENS[0]) or block.has(TOKENS[1])]
    if not rated:
        raise LlmcostError(f"{content.name}: no step with a rate in it")
    rates = _steps.steady([block.measured(*TOKENS) or 0.0 for _, block in rated], rated[0][0])
    paces = [value for _, block in rated[rates.dropped :] if (value := block.measured(*BATCHES))]
    pace = _steps.steady(paces)
    row = TrainingRow(
        framework="olmo",
        steps=float(len(found)),
        global_batch_tokens=_tokens([(float(n), block) for n, block in found]),
        step_seconds=1.0 / pace.value if pace.value else None,
        step_basis=f"batches/s: {pace.basis}" if pace.value else None,
        tokens_per_second_per_gpu=rates.value,
        peak_allocated_bytes=max((v for _, block in found if (v := _memory(block))), default=None),
        notes=() if rates.value else ("the run's first step alone: rate unknown",),
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _tokens(found: list[tuple[float, Record]]) -> float | None:
    """Tokens of a step: what the count of all of them grows by."""
    counted = [
        (n, total)
        for n, block in found
        if (total := block.number("throughput/total_tokens", "throughput/total tokens"))
    ]
    grown = [(t1 - t0) / (n1 - n0) for (n0, t0), (n1, t1) in pairwise(counted) if n1 > n0]
    return grown[-1] if grown else None


def _memory(block: Record) -> float | None:
    peak = block.measured("System/Peak GPU Memory (MB)", scale=MB)
    return peak or block.measured("system/GPU active mem (GiB)", "system/GPU reserved mem (GiB)", scale=GIB)


READER = Reader("OLMo log", TRAINING, recognises, read)
