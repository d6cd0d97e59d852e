"""`--calibration mystack.toml`: a question answered with the constants of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import as_number
from llmcost.estimate.asking.own import ALONG, Place, way
from llmcost.estimate.calibrate import stack as known
from llmcost.keys import KEYS, SERVE, TRAIN
from llmcost.scenario import Scenario, Setting
from llmcost.spec import Accelerator, Framework

SIDE = {"serving": SERVE, "training": TRAIN}
CLOSE, FAR = 0.1, 0.9  # of what a place has in common with those measured, that is not known


def calibrated(catalog: Catalog, scenarios: list[Scenario]) -> tuple[list[Scenario], Catalog]:
    """The questions that name a calibration, and the presets for them; all of them the same one.

    A question that names no software is asked of the one that was measured.

    Raises
    ------
    LlmcostError
        Two different ones, or a file that is none.
    """
    names = {str(said.value) for scenario in scenarios if (said := scenario.get("calibration")) is not None}
    if len(names) > 1:
        raise LlmcostError(f"two calibrations in one question: {', '.join(sorted(names))}", "ask once for each")
    path = Path(names.pop())
    learnt = known.read(path)
    asked = [_named(scenario, learnt, catalog, path) for scenario in scenarios]
    notes = [
        f"{side} is calibrated on {stack.rows} measured rows ({path.name}), {_place(side, stack, asked, catalog)}"
        for side, stack in learnt.speeds.items()
    ] + [
        f"{side.replace('_', ' of ')} is calibrated on {one.rows} measured rows ({path.name}) of "
        f"{one.framework if one.framework != 'any' else 'several stacks'}"
        for side, one in learnt.memories.items()
    ]
    return asked, learnt.applied(catalog).noted(notes)


def with_file(catalog: Catalog, name: str) -> Catalog:
    """The presets with what a file of `llmcost calibrate` says.

    Raises
    ------
    LlmcostError
        No such file, or not one of them.
    """
    return known.read(Path(name)).applied(catalog)


def _named(scenario: Scenario, learnt: known.Learnt, catalog: Catalog, path: Path) -> Scenario:
    """The question under the software that was measured, where it names none."""
    below = {}
    stacks = {side.removeprefix("memory_"): stack for side, stack in learnt.memories.items()} | learnt.speeds
    for side, stack in stacks.items():
        kind = "serving" if side == "serving" else "training"
        if scenario.peek("framework", SIDE[side]) is not None or stack.framework == "any":
            continue
        hardware = scenario.peek("hardware", SIDE[side])
        if hardware is None:
            continue
        try:
            if not {catalog.load(Accelerator, str(hardware.value))[0].generation, "any"} & set(stack.generations):
                continue
            preset = catalog.load(Framework, stack.framework)[0]
        except LlmcostError:
            continue
        if getattr(preset, kind) is not None:
            key = f"{SIDE[side]}_framework" if len(stacks) > 1 else "framework"
            below[key] = Setting(stack.framework, f"file:{path.name}")
    return scenario._replace(layers=(*scenario.layers, below))


def _place(side: str, stack: known.Stack, scenarios: list[Scenario], catalog: Catalog) -> str:
    own = known.own_of(catalog, side, stack)
    unknown = max(own.unknown(_of(side, scenario)) for scenario in scenarios)
    if unknown < CLOSE:
        return "which this question is among"
    return "near what was measured" if unknown < FAR else "far from what was measured: its range is as without it"


def _of(side: str, scenario: Scenario) -> Place:
    said = {name: scenario.peek(name, SIDE[side]) for name in ("model", "hardware")}
    words = {name: "" if one is None else str(one.value) for name, one in said.items()}
    at = {name: v for name in ALONG[side] if name in KEYS and (v := _number(scenario, name, SIDE[side])) is not None}
    return Place(words["model"], words["hardware"], way(scenario, SIDE[side]), at)


def _number(scenario: Scenario, key: str, side: str) -> float | None:
    said = scenario.peek(key, side)
    value: Any = None if said is None else said.value
    try:
        return None if value is None else float(median(as_number(value, KEYS[key].kind)))
    except (TypeError, ValueError):
        return None
