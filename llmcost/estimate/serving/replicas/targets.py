"""Latency targets: said, or a published one that stands where nothing was said and that never says no."""

from __future__ import annotations

import math

from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.search import Targets
from llmcost.estimate.asking.question import Question


def targets(question: Question, static: bool, phase: str) -> tuple[Targets, bool]:
    """What was asked to be kept, and whether the TPOT is a default.

    A batch that was said, batches that end together and one phase alone are questions about a machine, not about
    users who wait: they have no default.
    """
    ttft = math.inf if phase == "decode" else _limit(question.stated("ttft"))
    if phase == "prefill":
        return Targets(ttft, math.inf), False
    tpot = question.stated("tpot")
    open_question = not static and not phase and question.scenario.get("batch", question.side) is None
    if tpot is not None or not open_question:
        return Targets(ttft, _limit(tpot)), False
    default = question.factor("defaults", "tpot")
    question.record("tpot", default.value, default.origin)
    return Targets(ttft, median(default.value)), True


def _limit(said: object) -> float:
    return math.inf if said is None or said == "none" else float(str(said))
