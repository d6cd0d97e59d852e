"""Latency targets: said, or a published one that stands where nothing was said and that never says no."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llmcost import units
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.operating_point import Load
from llmcost.engine.serving.search import Answer, Targets, binding
from llmcost.estimate.asking.question import Question

if TYPE_CHECKING:
    from llmcost.estimate.serving.options import Options


def targets(question: Question, static: bool, phase: str) -> tuple[Targets, bool]:
    """What was asked to be kept, and whether the TPOT is a default.

    A batch that was said, batches that end together and one phase alone are questions about a machine, not about
    users who wait: they have no default.
    """
    ttft = math.inf if phase == "decode" else _limit(question.said("ttft"))
    if phase == "prefill":
        return Targets(ttft, math.inf), False
    tpot = question.said("tpot")
    open_question = not static and not phase and question.scenario.get("batch", question.side) is None
    if tpot is not None or not open_question:
        return Targets(ttft, _limit(tpot)), False
    default = question.factor("defaults", "tpot")
    question.record("tpot", default.value, default.origin)
    return Targets(ttft, median(default.value)), True


def _limit(said: object) -> float:
    return math.inf if said is None or said == "none" else float(str(said))


def within(question: Question, asked: Options, load: Load, kept: Targets, price: float) -> Answer:
    """The search within the targets; a default that nothing keeps gives way to the fastest, and the answer says so."""
    answer = asked.search(load, kept, price)
    if answer.cheapest >= 0 or not asked.default_tpot:
        return answer
    bare = asked.search(load, kept._replace(tpot_seconds=math.inf), price)
    if bare.cheapest < 0:
        return bare
    reached = units.format("seconds", float(bare.grid.pick(bare.fastest).point.tpot_seconds))
    question.warn(
        "W017",
        f"nothing keeps the default TPOT of {units.format('seconds', kept.tpot_seconds)}: the fastest is {reached}",
        "--tpot none for the cheapest at any speed",
    )
    return bare._replace(cheapest=bare.fastest, binds=binding(bare.grid, bare.fastest))
