"""Composer and LLM Foundry: a block of figures below `[batch=N/M]`; `device/` rates are of one device.

Source: github mosaicml/composer composer/callbacks/speed_monitor.py and memory_monitor.py (memory in GB).
`batches_per_sec` of a large run has two digits: the step follows from samples and their rate.
"""

from __future__ import annotations

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.console import _blocks

GB = 1e9
STEP = r"\[batch=(\d+)/\d+\]"


def recognises(content: Content) -> bool:
    """Whether blocks of batches are there."""
    return not content.looks_like_json and "[batch=" in content.head and "Train " in content.head


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        No block with a rate or a memory.
    """
    found = [block for _, block in _blocks.blocks(content, STEP)]
    rated = [
        block for block in found if block.has("throughput/samples_per_sec") or block.has("throughput/tokens_per_sec")
    ]
    memory = [
        block for block in found if block.has("memory/peak_reserved_mem") or block.has("memory/peak_allocated_mem")
    ]
    if not rated and not memory:
        raise LlmcostError(f"{content.name}: no batch with a rate or a memory in it")
    return Reading(TRAINING, READER.name, [derive.training(_run(found, rated))])


def _run(found: list[Record], rated: list[Record]) -> TrainingRow:
    def steady(name: str) -> float | None:
        return _steps.steady([v for block in rated if (v := block.measured(name))]).value

    def peak(name: str) -> float | None:
        return max((v for block in found if (v := block.measured(name, scale=GB))), default=None)

    last = found[-1]
    done = last.measured("time/batch")
    samples, tokens = last.measured("time/sample"), last.measured("time/token")
    total, own = steady("throughput/tokens_per_sec"), steady("throughput/device/tokens_per_sec")
    batch, rate = samples / done if samples and done else None, steady("throughput/samples_per_sec")
    return TrainingRow(
        framework="composer",
        gpus=float(round(total / own)) if total and own else None,
        micro_batch=last.measured("trainer/device_train_microbatch_size"),
        steps=done,
        global_batch=batch,
        global_batch_tokens=tokens / done if tokens and done else None,
        step_seconds=batch / rate if batch and rate else None,
        step_basis="samples of a batch / samples per second" if batch and rate else None,
        tokens_per_second=total,
        tokens_per_second_per_gpu=own,
        samples_per_second=rate,
        peak_allocated_bytes=peak("memory/peak_allocated_mem"),
        peak_reserved_bytes=peak("memory/peak_reserved_mem"),
    )


READER = Reader("Composer log", TRAINING, recognises, read)
