"""`--calibration mystack.toml`: a question answered with the constants of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError
from llmcost.estimate.calibrate import stack as known
from llmcost.scenario import Scenario

POINTS = {  # what was varied -> the key that says it in a question
    "serving": {"isl": "isl", "osl": "osl", "batch": "batch", "gpus": "gpus"},
    "training": {"seq_len": "seq_len", "gpus": "gpus"},
}
SIDE = {"serving": "serve", "training": "train"}


def calibrated(catalog: Catalog, scenarios: list[Scenario]) -> Catalog:
    """The presets for questions that name a calibration; all of them the same one.

    Raises
    ------
    LlmcostError
        Two different ones, or a file that is none.
    """
    names = {str(said.value) for scenario in scenarios if (said := scenario.get("calibration")) is not None}
    if len(names) > 1:
        raise LlmcostError(f"two calibrations in one question: {', '.join(sorted(names))}", "ask once for each")
    path = Path(names.pop())
    stacks = known.read(path)
    far = {side: max(_distance(side, stack, s) for s in scenarios) for side, stack in stacks.items()}
    notes = [
        f"{side} is calibrated on {stack.rows} measured rows ({path.name}), {_place(far[side])}"
        for side, stack in stacks.items()
    ]
    return known.applied(catalog, stacks, far).noted(notes)


def _distance(side: str, stack: known.Stack, scenario: Scenario) -> float:
    point = {name: v for name, key in POINTS[side].items() if (v := _number(scenario, key, SIDE[side])) is not None}
    model = scenario.peek("model")
    own = None if model is None else str(model.value)
    known_by = None if own is None or any(own in m.lower() for m in stack.models) else own
    return known.distance(stack, point, known_by)


def _number(scenario: Scenario, key: str, side: str) -> float | None:
    said = scenario.peek(key, side)
    value: Any = None if said is None else said.value
    try:
        return None if value is None else float(median(value))
    except (TypeError, ValueError):
        return None


def _place(far: float) -> str:
    if far < 0.1:
        return "which this question is among"
    return "near what was measured" if far < 1.0 else "far from what was measured: the range is as wide as without it"
