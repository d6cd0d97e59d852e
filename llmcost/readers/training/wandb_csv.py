"""History of a Weights & Biases run as CSV: `_step`, `_runtime` and the run's own columns.

Source: https://docs.wandb.ai/guides/track/public-api-guide (`run.history()`), and the export of a chart, whose columns
are `RUN - METRIC`. A rate is of one device only where its name says so.
"""

from __future__ import annotations

from itertools import pairwise

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps

MILLI = 1e-3
OWN = ("per_gpu", "/device", "per_device", "device/")
RATES = ("tokens_per_second", "tokens_per_sec", "tokens/s", "tok/sec", "tok_per_sec", "throughput/tokens", "tps")
TIMES = {  # names of a step's time, and the seconds of their unit
    "step_time": None, "step_time_s": 1.0, "step_time_seconds": 1.0, "seconds_per_step": 1.0, "step_time_ms": MILLI,
    "dt": None, "iter_time_ms": MILLI, "train_step_timing in s": 1.0, "iteration-time": 1.0, "time_per_step_s": 1.0,
}  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the run's own columns are there."""
    heads = content.headings
    return "_step" in heads or "_runtime" in heads or (heads[:1] == ["step"] and any(" - " in h for h in heads))


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        No clock and no rate in it, or a step time whose unit is not in its name.
    """
    row = _run(content.table, content.headings, content.name)
    if row.step_seconds is None and row.tokens_per_second is None and row.tokens_per_second_per_gpu is None:
        raise LlmcostError(f"{content.name}: neither a clock (_runtime), a step time nor tokens per second in it")
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _run(table: list[Record], heads: list[str], name: str) -> TrainingRow:
    short = {head: head.rpartition(" - ")[2].rpartition("/")[2] for head in heads}
    rates = [h for h in heads if any(r in h for r in RATES) and not h.endswith(("__min", "__max"))]
    own = next((h for h in rates if any(mark in h for mark in OWN)), None)
    job = next((h for h in rates if not any(mark in h for mark in OWN)), None)
    step = next((h for h in heads if short[h] in TIMES), None)
    counter = next((h for h in ("trainer/global_step", "train/global_step", "_step", "step") if h in heads), None)
    first = table[0].number(counter) if counter else None
    found, basis = _stated(table, step, short, first, name) if step else _clocked(table, counter)
    runtime = [v for r in table if (v := r.number("_runtime")) is not None]

    def steady(head: str | None) -> float | None:
        return _steps.steady([v for r in table if (v := r.measured(head))], first).value if head else None

    return TrainingRow(
        steps=float(len(table)),
        step_seconds=found,
        step_basis=basis,
        run_seconds=runtime[-1] if runtime else None,
        run_step_seconds=_per_step(table, counter, runtime),
        tokens_per_second=steady(job),
        tokens_per_second_per_gpu=steady(own),
        notes=(f"{job}: taken as of the whole job",) if job and own is None else (),
    )


def _stated(
    table: list[Record], head: str, short: dict[str, str], first: float | None, name: str
) -> tuple[float | None, str | None]:
    unit = TIMES[short[head]]
    if unit is None:
        raise LlmcostError(
            f"{name}: {head} has no unit: seconds or milliseconds?", "name the column step_time_s or step_time_ms"
        )
    found = _steps.steady([v * unit for r in table if (v := r.measured(head))], first)
    return found.value, found.basis


def _clocked(table: list[Record], counter: str | None) -> tuple[float | None, str | None]:
    """Seconds of a step by the clock between rows."""
    clock = [(r.number(counter), r.number("_runtime", "_timestamp")) for r in table] if counter else []
    timed = [(s, t) for s, t in clock if s is not None and t is not None]
    found = _steps.steady([(t1 - t0) / (s1 - s0) for (s0, t0), (s1, t1) in pairwise(timed) if s1 > s0 and t1 > t0])
    return found.value, f"median of {found.steps} differences between rows" if found.value else None


def _per_step(table: list[Record], counter: str | None, runtime: list[float]) -> float | None:
    last = table[-1].number(counter) if counter else None
    return runtime[-1] / last if runtime and last else None


READER = Reader("W&B history CSV", TRAINING, recognises, read, rank=5)
