"""Hugging Face `trainer_state.json`: steps, and at the end of its history the run's summary.

Source: https://huggingface.co/docs/transformers/main_classes/callback#transformers.TrainerState. Entries of the history
carry no clock unless tokens are counted; then `train_runtime` stands in each.
"""

from __future__ import annotations

from itertools import pairwise

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.huggingface import _trainer

REINFORCED = ("completions/mean_length", "completion_length", "reward")


def recognises(content: Content) -> bool:
    """Whether a history and a step count are there."""
    found = content.records if content.looks_like_json else []
    return len(found) == 1 and found[0].has("log_history", "global_step")


def read(content: Content) -> Reading:
    """The run."""
    state = content.records[0]
    history = state.parts("log_history")
    return Reading(TRAINING, READER.name, [derive.training(_run(state, history))])


def _run(state: Record, history: list[Record]) -> TrainingRow:
    ends = [h for h in history if h.has("train_runtime") and h.has("train_samples_per_second")]
    summary = {**(ends[-1].data if ends else {}), **{k: v for k, v in state.data.items() if k != "log_history"}}
    row = _trainer.row(Record(summary, state.where), state.measured("global_step"))
    if len(ends) > 1 and (since := ends[-2].measured("step")) and row.steps and row.run_seconds and since < row.steps:
        note = f"resumed at step {since:.0f}: the last runtime is of the {row.steps - since:.0f} steps after it"
        pace = row.run_seconds / (row.steps - since)
        row = row._replace(run_step_seconds=pace, global_batch=None, notes=(*row.notes, note))
    clock = [(h.number("step"), h.number("train_runtime")) for h in history if h not in ends]
    timed = [(s, t) for s, t in clock if s is not None and t is not None]
    paces = [(t1 - t0) / (s1 - s0) for (s0, t0), (s1, t1) in pairwise(timed) if s1 > s0 and t1 > t0]
    found = _steps.steady(paces)
    notes = row.notes
    if not ends:
        notes = (*notes, "no runtime in the file: step time unknown")
    if any(h.has(name) for h in history for name in REINFORCED):
        row = row._replace(method="rl")
    return row._replace(
        micro_batch=state.measured("train_batch_size"), step_seconds=found.value, step_basis=found.basis, notes=notes
    )


READER = Reader("Trainer state", TRAINING, recognises, read)
