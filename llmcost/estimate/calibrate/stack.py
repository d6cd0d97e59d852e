"""A calibrated stack: what its constants are multiplied by, how sure, and what was measured; its file; its use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import picked
from llmcost.errors import LlmcostError, shown
from llmcost.files import read_toml

SIDES = ("serving", "training")
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {  # what moves together: few things that measurements can tell
    "serving": {
        "arithmetic": (
            "compute_efficiency_16",
            "compute_efficiency_8",
            "compute_efficiency_4",
            "weight_only_efficiency",
        ),
        "weights": ("bandwidth_efficiency",),
        "cache": ("kv_efficiency",),
        "links": ("link_efficiency",),
        "launches": ("layer_seconds", "moe_layer_seconds"),
        "iteration": ("step_seconds",),
        "sequences": ("sequence_seconds",),
        "first token": ("request_seconds", "first_steps", "gather_steps", "burst_share"),
    },
    "training": {
        "arithmetic": ("gemm_16",),
        "memory traffic": ("memory",),
        "attention": ("attention",),
        "links": ("link", "expert_link"),
        "network": ("network", "expert_network"),
        "launches": ("launch_dense", "launch_expert", "step"),
    },
}
SPREADS = {  # kind of figure -> how the presets' spreads of it begin and end
    "tpot": ("tpot_log_spread",), "ttft": ("ttft_", "_log_spread"), "output_tokens_per_s": ("throughput_log_spread",),
    "step_seconds": ("log_spread_step_",),
}  # fmt: skip
HALF_WIDTH = 1.6448536269514722  # training presets hold half-widths of 90 %, the others standard deviations
FOLD = math.log(4.0)  # distance from what was measured at which most of what was learnt is lost
OTHER_MODEL = 0.5  # distance of a model that was not measured


class Stack(NamedTuple):
    """What was learnt of one side of a stack."""

    rows: int
    generations: tuple[str, ...]
    framework: str  # `any` where the measurements do not say
    models: tuple[str, ...]
    factors: dict[str, float]  # constant -> what it is multiplied by [-]
    spread: dict[str, float]  # kind of figure -> standard deviation of ln among what was measured [-]
    measured: dict[str, tuple[float, float]]  # what was varied -> from, to


def read(path: Path) -> dict[str, Stack]:
    """A file of `llmcost calibrate`, by side.

    Raises
    ------
    LlmcostError
        No such file, or not one of them.
    """
    data = read_toml(path)
    found = {}
    for side in SIDES:
        if isinstance(data.get(side), dict):
            try:
                found[side] = _stack(data[side])
            except (KeyError, TypeError, ValueError, AttributeError):
                raise LlmcostError(f"{shown(path.name)}: {side} is not what llmcost calibrate writes") from None
    if not found:
        hint = "llmcost calibrate FILE... -o mystack.toml"
        raise LlmcostError(f"{shown(path.name)}: neither [serving] nor [training] in it", hint)
    return found


def _stack(data: Mapping[str, Any]) -> Stack:
    factors = {str(k): float(v) for k, v in data["factors"].items()}
    if not all(0.001 < v < 1000.0 for v in factors.values()):
        raise ValueError
    machines, models = tuple(map(str, data["generations"])), tuple(map(str, data["models"]))
    spread = {str(k): float(v) for k, v in data["spread"].items()}
    ends = {str(k): (float(v[0]), float(v[1])) for k, v in data["measured"].items()}
    return Stack(int(data["rows"]), machines, str(data["framework"]), models, factors, spread, ends)


def written(title: str, stacks: Mapping[str, Stack]) -> str:
    """The file."""
    import tomli_w

    tables = {
        side: {k: list(v) if isinstance(v, tuple) else v for k, v in stack._asdict().items() if k != "measured"}
        | {"measured": {k: list(v) for k, v in stack.measured.items()}}
        for side, stack in stacks.items()
    }
    return tomli_w.dumps({"title": title, **tables})


def distance(stack: Stack, point: Mapping[str, float], model: str | None) -> float:
    """How far a question is from what was measured: 0 among it, about 1 at four times the end of a range.

    >>> s = Stack(3, ("hopper",), "vllm", ("m",), {}, {}, {"isl": (100.0, 1000.0)})
    >>> distance(s, {"isl": 500.0}, "m"), distance(s, {"isl": 4000.0}, "m")
    (0.0, 1.0)
    """
    square = 0.0 if model is None or model in stack.models else OTHER_MODEL**2
    for name, value in point.items():
        low, high = stack.measured.get(name, (value, value))
        if value > 0 and low > 0:
            square += (max(math.log(low / value), math.log(value / high), 0.0) / FOLD) ** 2
    return math.sqrt(square)


def applied(catalog: Catalog, stacks: Mapping[str, Stack], far: Mapping[str, float]) -> Catalog:
    """Presets with the constants of the stack on its machines; their spread grows with the distance.

    Parameters
    ----------
    catalog : Catalog
        The presets.
    stacks : mapping
        By side.
    far : mapping
        Distance of the question by side [-].
    """
    extra = {}
    for side, stack in stacks.items():
        rows = catalog.factors(side)
        lost = 1.0 - math.exp(-0.5 * far.get(side, 0.0) ** 2)
        new = scaled(rows, side, stack.factors, stack.generations, stack.framework)
        extra[side] = [*new, *_spreads(rows, stack, lost)]
    return catalog.with_factors(extra)


def scaled(
    rows: list[dict[str, Any]], side: str, factors: Mapping[str, float], generations: Iterable[str], framework: str
) -> list[dict[str, Any]]:
    """Rows that multiply constants on some machines and software, more specific than those they replace."""
    usual = _defaults(side)
    found = []
    for generation in generations:
        for software in _software(rows, framework):
            known = picked(rows, factors, generation, software)
            for name, factor in factors.items():
                value = known.get(name, usual.get(name))
                if value is not None:
                    scope = {"generation": generation, "framework": software}
                    found.append({"name": name, "value": value * factor, **scope})
    return found


def _software(rows: list[dict[str, Any]], framework: str) -> list[str]:
    if framework != "any":
        return ["any", framework]
    return sorted({"any", *(str(row.get("framework", "any")) for row in rows)})


def _defaults(side: str) -> dict[str, float]:
    """Constants that the engine has where no preset names them."""
    if side != "serving":
        return {}
    from llmcost.engine.serving.inputs import Calibration

    return {k: float(v) for k, v in Calibration._field_defaults.items()}


def _spreads(rows: list[dict[str, Any]], stack: Stack, lost: float) -> list[dict[str, Any]]:
    found = []
    for kind, near in stack.spread.items():
        unit = HALF_WIDTH if kind == "step_seconds" else 1.0
        names = sorted({str(row["name"]) for row in rows if str(row["name"]).startswith(SPREADS[kind][0])})
        for generation in stack.generations:
            for software in _software(rows, stack.framework):
                for name, before in picked(rows, names, generation, software).items():
                    value = math.sqrt((unit * near) ** 2 * (1.0 - lost) + max(before, unit * near) ** 2 * lost)
                    found.append({"name": name, "value": value, "generation": generation, "framework": software})
    return found
