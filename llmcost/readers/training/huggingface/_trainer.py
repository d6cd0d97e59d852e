"""What Hugging Face's Trainer reports at the end of a run, in whichever file: runtime, rounded rates, tokens."""

from __future__ import annotations

import math

from llmcost.readers.record import Record
from llmcost.readers.rows import TrainingRow

DIGITS = 3  # decimals of its rates


def row(r: Record, steps: float | None) -> TrainingRow:
    """A run from its summary; `steps` where something else tells them.

    `train_samples_per_second` and `train_steps_per_second` are of the whole job, `train_tokens_per_second` of one
    process: it is kept only in the note.
    """
    runtime = r.measured("train_runtime")
    samples, pace = r.measured("train_samples_per_second"), r.measured("train_steps_per_second")
    notes = _zeros(r)
    steps = steps or r.measured("global_step", "step")
    whole = runtime / steps if runtime and steps else 1.0 / pace if pace else None
    if not steps and pace:
        notes.append(f"steps/s has {DIGITS} decimals: {1 / pace:.4g} s a step, within {50.0 / pace / 10**DIGITS:.1f} %")
    batch, note = _batch(samples, runtime, steps, pace)
    notes += [note] if note else []
    if own := r.measured("train_tokens_per_second"):
        notes.append(f"train_tokens_per_second {own:g} at the end counts one process, not the job: left out")
    return TrainingRow(
        steps=steps,
        run_seconds=runtime,
        run_step_seconds=whole,
        global_batch=batch,
        run_samples_per_second=samples,
        tokens=r.measured("num_input_tokens_seen", "train_tokens"),
        notes=tuple(notes),
    )


def _zeros(r: Record) -> list[str]:
    names = ("num_input_tokens_seen", "total_flos", "train_tokens_per_second")
    return [f"{n} is 0: not recorded" for n in names if r.value(n) is not None and r.number(n) == 0]


def _batch(
    samples: float | None, runtime: float | None, steps: float | None, pace: float | None
) -> tuple[float | None, str]:
    """Samples of a step from rounded rates: a whole number where only one is within the rounding.

    >>> _batch(0.749, 371992.1593, 8712.0, 0.023)
    (32.0, '')
    >>> round(_batch(0.749, 371992.1593, None, 0.023)[0], 1)
    32.6
    """
    half = 0.5 * 10.0**-DIGITS
    if not samples or not (pace or (runtime and steps)):
        return None, ""
    known = runtime / steps if runtime and steps else None
    long, short = (
        (known, known) if known else (1.0 / max(pace - half, half), 1.0 / (pace + half)) if pace else (0.0, 0.0)
    )
    low, high = (samples - half) * short, (samples + half) * long
    if math.floor(high) - math.ceil(low) == 0:
        return float(math.floor(high)), ""
    about = samples * (known or 1.0 / (pace or 1.0))
    return about, f"about {about:.3g} samples a step, {low:.3g} to {high:.3g} by the rounding of the rates"
