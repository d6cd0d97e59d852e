"""What a run loses to failures, checkpoints, restarts, and to spot machines that are taken away."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR
from llmcost.engine.numeric.spread import median, product
from llmcost.estimate.asking.question import Factor, Question, as_factor
from llmcost.estimate.asking.values import TrainingNumbers

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
    for key, (name, unit) in STOPS.items():
        factor = question.factor("goodput", name)
        value = question.quantity(key, Factor(product(factor.value, unit), factor.origin))
        assert value is not None
        question.keep(name, product(value, 1.0 / unit))
    question.keep("gpus", float(gpus))
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


def between(p: TrainingNumbers) -> Any:
    """Mean time between stops of the whole job: failures, and spot machines that are taken away [s]."""
    rate = p["gpus"] / (p["gpu_hours_per_failure"] * SECONDS_PER_HOUR)
    if "preemption" in p:
        rate = rate + np.maximum(p["gpus"] / MACHINE, 1.0) / p["preemption"]
    return 1.0 / rate
