"""What a run loses to failures, checkpoints, restarts, and to spot machines that are taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Num
from llmcost.engine.numeric.spread import median, product
from llmcost.engine.training import goodput
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Factor, Question, as_factor
from llmcost.estimate.asking.values import TrainingNumbers

LEAST = 0.01  # goodput at which anybody stops a job: figures go no further
SHORTEST = 30.0  # between stops of a job on spot machines, beyond which nothing is computed [s]
BEYOND = 100.0  # restarts in the time between two failures are taken to be no more: e^-100 is useful
MACHINE = 8  # accelerators that are taken away together
SPOT = "spot"
# key -> the number it stands for, and its unit over that of the number
STOPS = {
    "mtbf": ("gpu_hours_per_failure", SECONDS_PER_HOUR),
    "checkpoint_time": ("checkpoint_seconds", 1.0),
    "restart_time": ("restart_seconds", 1.0),
}


def read(question: Question, gpus: int | None, generation: str) -> None:
    """Failures, checkpoints and restarts, by the number of accelerators: said, or as published."""
    if gpus is None:
        factor = question.factor("goodput", "goodput_unknown_size")
        question.sample("goodput", factor.value, factor.origin, "share")
        question.warn("W031", "the run's duration and failures depend on the number of accelerators", "--gpus 1024")
        return
    middle: dict[str, float] = {}
    for key, (name, unit) in STOPS.items():
        factor = question.factor("goodput", name)
        value = question.quantity(key, Factor(product(factor.value, unit), factor.origin))
        assert value is not None
        question.keep(name, product(value, 1.0 / unit))
        middle[key] = median(value)
    question.keep("gpus", float(gpus))
    _refuse_endless(gpus, middle)
    if on_spot(question):
        _read_preemption(question, gpus, generation)


def on_spot(question: Question) -> bool:
    """Whether the machines of the run are rented until somebody pays more."""
    setting = question.scenario.peek("commitment", question.side)
    return (
        setting is not None and setting.value == SPOT and question.stated("commitment") == SPOT
    )  # a key that is taken


def _read_preemption(question: Question, gpus: int, generation: str) -> None:
    """How long a spot machine is held: said, or from traces of such machines."""
    rows = [row for row in question.catalog.factors("spot") if row["name"] == "hours_to_preemption"]
    own = next((row for row in rows if generation in row["generation"]), None)
    factor = as_factor(own or next(row for row in rows if row["generation"] == "any"))
    held = question.number("preemption", Factor(product(factor.value, SECONDS_PER_HOUR), factor.origin))
    assert held is not None
    machines = max(gpus / MACHINE, 1.0)
    job = units.format("seconds", median(held) / machines)
    said = question.scenario.peek("preemption", question.side) is not None
    text = f"spot: a machine is taken away every {units.format('seconds', median(held))}, one of the job every {job}"
    spread = "" if said else "; zones and months differ a hundredfold"
    question.warn("W046", f"{text}, and the job goes back to its last checkpoint{spread}", "--preemption 24h")


def warn_of_given(question: Question) -> None:
    """Say where a goodput is given and spot machines would change it."""
    if on_spot(question):
        question.warn("W046", "spot: the goodput is given, so nothing is added for machines that are taken away", "")


def _refuse_endless(gpus: int, middle: Mapping[str, float]) -> None:
    """Raise for a job that fails so often that next to nothing of its time is useful.

    Raises
    ------
    LlmcostError
        With the job's own time between failures, which is often what was meant.
    """
    every, restart = middle["mtbf"] / gpus, middle["restart_time"]
    if float(_useful(every, middle["checkpoint_time"], restart)) > LEAST:
        return
    fail = f"accelerator{'s fail' if gpus > 1 else ' fails'} every {units.format('seconds', every)}"
    raise LlmcostError(
        f"the run would never end: {gpus:,} {fail}, and a restart takes {units.format('seconds', restart)}",
        f"--mtbf is of one accelerator: a job that fails every 3 h has --mtbf {3 * gpus:,.0f}h".replace(",", ""),
    )


def useful(p: TrainingNumbers) -> Num:
    """Useful time over billed time, from failures, checkpoints and restarts [-]."""
    every = np.maximum(between(p), SHORTEST) if "preemption" in p else between(p)
    return np.maximum(_useful(every, p["checkpoint_seconds"], p["restart_seconds"]), LEAST)


def _useful(every: Num, checkpoint: Num, restart: Num) -> Num:
    return goodput.goodput(np.maximum(every, np.add(checkpoint, restart) / BEYOND), checkpoint, restart)


def between(p: TrainingNumbers) -> Any:
    """Mean time between stops of the whole job: failures, and spot machines that are taken away [s]."""
    rate = p["gpus"] / (p["gpu_hours_per_failure"] * SECONDS_PER_HOUR)
    if "preemption" in p:
        rate = rate + np.maximum(p["gpus"] / MACHINE, 1.0) / p["preemption"]
    return 1.0 / rate
