"""The serving engine of a question: its constants, its share of the memory, and the layouts that it has."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.normal import fits_probability, normal_quantile
from llmcost.engine.serving.inputs import Calibration, Layout, Load
from llmcost.engine.serving.memory import memory, share_taken
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.no_fit import confidence
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.software import TUNED, of_software, stack, usual
from llmcost.estimate.asking.subject import Chip
from llmcost.records import NamedTuple
from llmcost.spec import Accelerator, Framework, ServingStack

LIKELY = 0.5  # a layout that fits with less is not taken


class Engine(NamedTuple):
    """A serving engine as calibrations name it ("any": a tuned one that nobody names), and what it has."""

    name: str = "any"
    has: ServingStack | None = None
    stated: bool = True  # else it is the usual one on such a machine

    @property
    def tensor_parallel(self) -> bool:
        """Whether it splits layers over accelerators."""
        return self.has is None or self.has.tensor_parallel

    def lacks(self, layout: Layout) -> Any:
        """Which layouts ask for a kind of parallelism that the engine does not have."""
        found = np.zeros(np.shape(layout.tp), dtype=bool)
        if self.has is None:
            return found
        kinds = (
            (self.has.tensor_parallel, layout.tp), (self.has.pipeline_parallel, layout.pp),
            (self.has.expert_parallel, layout.ep), (self.has.attention_dp, layout.dp),
        )  # fmt: skip
        for there, degree in kinds:
            found |= (np.asarray(degree) > 1) & (not there)
        return found


def engine(question: Question, chip: Accelerator) -> Engine:
    """The engine that was named, or the usual one on such a machine."""
    found = question.preset("framework", Framework)
    if found is None:
        name = usual(question.catalog, chip)
        return Engine(stated=False) if name == TUNED else Engine(name, stack(question.catalog, name), False)
    framework, where = found
    if framework.serving is None:
        raise LlmcostError(f"{where.name} serves no models: it trains them", "llmcost presets list frameworks")
    return Engine() if where.name == TUNED else Engine(str(where.name), framework.serving)


def constants(question: Question, machine: Machine, generation: str, used: Engine) -> Calibration:
    """Constants of a machine and an engine, with the share of the memory and the confidence that were said."""
    year = question.stated("framework_year") if used.has is not None else None  # of an engine that was named
    known = of_software(question.catalog, used.name, generation, float(machine.shown_bytes), year)
    fraction = question.stated("memory_fraction")
    if fraction is not None:
        known = known._replace(memory_share=float(fraction), left_bytes=0.0, rank_share=0.0, share_spread=0.0)
    return known._replace(fit_margin=float(normal_quantile(confidence(question))))


def share_of(shape: Shape, device: Chip, every: Layout, known: Calibration) -> Any:
    """Share of the memory that the engine gives to weights and cache in every layout [-]."""
    return share_taken(shape, device.machine, every, known)


def likeliest(shape: Shape, device: Chip, every: Layout, precisions: Any, load: Load, known: Calibration) -> float:
    """Chance that the best of several layouts holds one request [-]."""
    rooms = [float(np.max(memory(shape, device.machine, every, p, load, known).room)) for p in precisions]
    return float(fits_probability(max(rooms)))


def settled(
    question: Question, shape: Shape, device: Chip, every: Layout, precisions: Any, load: Load, known: Calibration
) -> Calibration:
    """The confidence that layouts are taken with: as asked, or even odds where nothing reaches it, which is said."""
    asked = float(fits_probability(known.fit_margin))
    chance = likeliest(shape, device, every, precisions, load, known)
    if chance >= asked or chance < LIKELY:
        return known
    question.warn(
        "W083",
        f"it is tight: the likeliest layout holds one request with a chance of {chance:.0%}, below {asked:.0%}",
        "llmcost fit, which shows the memory by part and what would make it fit",
    )
    return known._replace(fit_margin=0.0)
