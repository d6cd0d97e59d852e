"""LLaMA-Factory `trainer_log.jsonl`: steps and elapsed time as text, whole seconds.

Source: github hiyouga/LLaMA-Factory src/llamafactory/train/callbacks.py, LogCallback. Evaluations stand between, the
last step may come twice, the clock begins anew where the run was resumed, throughput 0.00 is not recorded.
"""

from __future__ import annotations

from itertools import pairwise

from llmcost.errors import LlmcostError, shown
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.huggingface import _clock


def recognises(content: Content) -> bool:
    """Whether lines count steps and tell elapsed time."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has("current_steps", "elapsed_time") for r in found)


def read(content: Content) -> Reading:
    """The run."""
    return Reading(TRAINING, READER.name, [derive.training(_run(content.records))])


def _run(lines: list[Record]) -> TrainingRow:
    clock = [(line.number("current_steps") or 0.0, _elapsed(line)) for line in lines]
    moves = [(s1 - s0, t1 - t0) for (s0, t0), (s1, t1) in pairwise(clock) if s1 > s0 and t1 > t0]
    found = _steps.steady([seconds / steps for steps, seconds in moves])
    last, total = clock[-1][0], lines[-1].measured("total_steps")
    back = [t0 for (_, t0), (_, t1) in pairwise(clock) if t1 < t0]  # the clock began anew: what ran before counts too
    whole = clock[-1][1] + sum(back)
    rates = [v for line in lines if (v := line.measured("throughput"))]
    notes = []
    if any(line.value("throughput") is not None for line in lines) and not rates:
        notes.append("throughput is 0.00: not recorded")
    if back:
        notes.append(f"resumed {len(back)} time{'s' if len(back) > 1 else ''}: the clock began anew")
    if total and last < total:
        notes.append(f"the log ends at step {last:.0f} of {total:.0f}")
    if found.value is None:
        notes.append("one line alone: steady step time unknown")
    return TrainingRow(
        steps=last,
        step_seconds=found.value,
        step_basis=f"median of {found.steps} differences between lines" if found.value else None,
        run_seconds=whole or None,
        run_step_seconds=whole / last if last and whole else None,
        tokens=lines[-1].measured("total_tokens"),
        tokens_per_second=_steps.steady(rates).value,
        notes=tuple(notes),
    )


def _elapsed(line: Record) -> float:
    text = line.value("elapsed_time")
    found = _clock.seconds(text) if isinstance(text, str) else None
    if found is None:
        raise LlmcostError(f"{line.where}: elapsed_time is {shown(text, 30)}, a time such as 4 days, 7:19:52 is wanted")
    return found


READER = Reader("LLaMA-Factory log", TRAINING, recognises, read)
