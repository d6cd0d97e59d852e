"""LLaMA-Factory settings (YAML): what a log leaves out; nothing measured.

Source: github hiyouga/LLaMA-Factory examples/. The global batch takes the number of accelerators, which is not in it.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow

METHODS = {"lora": "lora", "full": "full", "freeze": "full", "oft": "lora"}
KEY = re.compile(r"^(\w+):[ \t]*(.*?)[ \t]*(?:#.*)?$", re.MULTILINE)


def recognises(content: Content) -> bool:
    """Whether the settings name a model and a method."""
    head = content.head
    return not content.looks_like_json and "finetuning_type:" in head and "model_name_or_path:" in head


def read(content: Content) -> Reading:
    """The settings as a row without a measurement.

    Raises
    ------
    LlmcostError
        Neither length nor batch in it.
    """
    r = Record(dict(KEY.findall(content.text)), content.name)
    bits = r.measured("quantization_bit")
    method = METHODS.get((r.text("finetuning_type") or "").lower())
    micro, times = r.measured("per_device_train_batch_size"), r.measured("gradient_accumulation_steps")
    length = r.measured("cutoff_len")
    if micro is None and length is None:
        raise LlmcostError(f"{content.name}: settings with neither cutoff_len nor per_device_train_batch_size")
    notes = ["settings alone: nothing measured"]
    if micro and times:
        notes.append(f"batch {micro:.0f} x {times:.0f} accumulated on each accelerator")
    row = TrainingRow(
        model=r.text("model_name_or_path"),
        method="qlora" if method == "lora" and bits and bits <= 8 else method,
        dtype="bf16" if r.text("bf16") == "true" else "fp16" if r.text("fp16") == "true" else None,
        seq_len=length,
        micro_batch=micro,
        accumulation=times,
        notes=tuple(notes),
    )
    return Reading(TRAINING, READER.name, [row])


READER = Reader("LLaMA-Factory settings", TRAINING, recognises, read)
