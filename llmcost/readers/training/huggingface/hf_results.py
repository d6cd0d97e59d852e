"""Hugging Face `all_results.json` and `train_results.json`: the run's summary, rates rounded to three decimals.

Source: https://huggingface.co/docs/transformers/main_classes/trainer (save_metrics). Figures of the evaluation stand
beside those of training.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import TRAINING, Reader, Reading
from llmcost.readers.training.huggingface import _trainer


def recognises(content: Content) -> bool:
    """Whether the summary's names are there."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(
        r.has("train_runtime") and (r.has("train_samples_per_second") or r.has("train_steps_per_second"))
        for r in found
    )  # fmt: skip


def read(content: Content) -> Reading:
    """The run."""
    return Reading(TRAINING, READER.name, [derive.training(_trainer.row(r, None)) for r in content.records])


READER = Reader("Trainer results", TRAINING, recognises, read)
