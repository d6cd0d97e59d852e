"""A calibrated stack: what its constants are multiplied by, how sure, and what was measured; its file; its use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError, shown
from llmcost.estimate.asking.own import ALONG, NAMED, SHARES, TABLE, Near, Own, Place, kin, told_by
from llmcost.estimate.calibrate import memory
from llmcost.files import read_toml
from llmcost.records import NamedTuple

SIDES = ("serving", "training")
WRITE = "llmcost calibrate FILE... -o mystack.toml"
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {  # what moves together: few things that measurements can tell
    "serving": {
        "arithmetic": ("compute_factor",),
        "memory traffic": ("memory_factor",),
        "cache": ("kv_efficiency",),
        "experts": ("expert_factor",),
        "links": ("link_efficiency",),
        "launches": ("fixed_factor",),
        "iteration": ("step_seconds",),
        "sequences": ("sequence_seconds",),
        "first token": ("request_seconds", "first_steps", "open_steps", "gather_steps"),
        "burst": ("burst_share", "turn_seconds", "token_seconds"),
    },
    "training": {
        "arithmetic": ("gemm_16",),
        "memory traffic": ("memory",),
        "attention": ("attention",),
        "links": ("link", "expert_link"),
        "network": ("network", "expert_network"),
        "launches": ("launch_dense", "launch_expert", "step"),
        "software": ("host", "gather", "expert_loop"),
    },
}
STACKS = "stacks"  # table of training constants that belong to software
NOISE = "_noise"  # behind the name of what is shared, in a point: standard deviation of what it tells
SOFTWARE = ("host", "gather", "expert_loop")  # columns of it that move


Point: TypeAlias = dict[str, str | float]


class Stack(NamedTuple):
    """What was learnt of one side of a stack."""

    rows: int
    generations: tuple[str, ...]
    framework: str  # `any` where the measurements do not say
    factors: dict[str, float]  # constant -> what it is multiplied by [-]
    near: dict[str, Near]  # figure -> how well others tell it
    points: tuple[Point, ...]  # model, hardware, way, where along each axis, its weight and its noise in what is shared


class Learnt(NamedTuple):
    """What a file of `llmcost calibrate` says: of speeds and of memory, by side."""

    speeds: dict[str, Stack]
    memories: dict[str, memory.Learnt]

    def applied(self, catalog: Catalog) -> Catalog:
        """Presets with all of it."""
        return memory.applied(applied(catalog, self.speeds), self.memories)


def read(path: Path) -> Learnt:
    """A file of `llmcost calibrate`.

    Raises
    ------
    LlmcostError
        No such file, or not one of them.
    """
    data = read_toml(path)
    found = Learnt({}, {})
    for side in (*SIDES, *memory.GROUPS):
        if isinstance(data.get(side), dict):
            try:
                if side in SIDES:
                    found.speeds[side] = _stack(data[side])
                else:
                    found.memories[side] = memory.read(side, data[side])
            except (KeyError, TypeError, ValueError, AttributeError):
                raise LlmcostError(f"{shown(path.name)}: {side} is not what llmcost calibrate writes", WRITE) from None
    if not found.speeds and not found.memories:
        raise LlmcostError(f"{shown(path.name)}: no {', '.join((*SIDES, *memory.GROUPS))} in it", WRITE)
    return found


def _stack(data: Mapping[str, Any]) -> Stack:
    factors = {str(k): float(v) for k, v in data["factors"].items()}
    near = {str(k): Near(*(float(v[name]) for name in Near._fields)) for k, v in data["near"].items()}
    told = (v for one in near.values() for v in one)
    if not all(0.001 < v < 1000.0 for v in factors.values()) or not all(0.0 <= v < 10.0 for v in told):
        raise ValueError
    points = tuple({k: v if k in NAMED else float(v) for k, v in one.items()} for one in data["points"])
    if any(not isinstance(one[name], str) for one in points for name in NAMED):
        raise ValueError
    machines = tuple(map(str, data["generations"]))
    return Stack(int(data["rows"]), machines, str(data["framework"]), factors, near, points)


def written(title: str, stacks: Mapping[str, Stack | memory.Learnt]) -> str:
    """The file."""
    import tomli_w

    return tomli_w.dumps({"title": title, **{side: _table(stack) for side, stack in stacks.items()}})


def _table(stack: Stack | memory.Learnt) -> dict[str, object]:
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in stack._asdict().items()}
    if isinstance(stack, Stack):
        plain["near"] = {figure: near._asdict() for figure, near in stack.near.items()}
    return plain


def applied(catalog: Catalog, stacks: Mapping[str, Stack]) -> Catalog:
    """Presets with the constants of the stacks, by side, on their machines, and what was measured near a question."""
    for side, stack in stacks.items():
        catalog = scaled(catalog, side, stack.factors, stack.generations, stack.framework)
        catalog = catalog.with_rows({(side, TABLE): [{"own": own_of(catalog, side, stack)}]})
    return catalog


def own_of(catalog: Catalog, side: str, stack: Stack) -> Own:
    """What was measured, as questions look it up."""
    places = tuple(
        Place(str(p["model"]), str(p["hardware"]), str(p["way"]), {k: float(p[k]) for k in ALONG[side] if k in p})
        for p in stack.points
    )
    shares = {share for share, _ in SHARES.values()}
    shares = {share for share in shares if any(share in p for p in stack.points)}
    weights = {share: tuple(float(p.get(share, 0.0)) for p in stack.points) for share in shares}
    alike = kin(catalog, side)
    told = {
        share: told_by(alike, places, share, [float(p.get(f"{share}{NOISE}", 0.0)) for p in stack.points])
        for share in shares
    }
    inverses, lost = {k: one[0] for k, one in told.items()}, {k: one[1] for k, one in told.items()}
    return Own(stack.generations, stack.framework, places, weights, inverses, lost, stack.near, alike)


def scaled(
    catalog: Catalog, side: str, factors: Mapping[str, float], generations: Iterable[str], framework: str
) -> Catalog:
    """Presets with constants multiplied on some machines, under some software."""
    rows = catalog.factors(side)
    known = {row["name"] for row in rows}
    plain = _defaults(side)
    software = framework if side == "serving" else "any"  # constants of training are those of the machine
    added: list[dict[str, object]] = [
        {"name": name, "value": plain[name], "generation": "any"} for name in factors if name in plain.keys() - known
    ]
    for generation in generations:
        scope = {"generation": generation, "framework": software, "ratio": True, "own": True}
        added += [{"name": k, "value": v, **scope} for k, v in factors.items() if k in known | plain.keys()]
    extra = {(side, "factors"): [*catalog.added(side, "factors"), *added]}
    if side == "training":
        columns = {k: v for k, v in factors.items() if k in SOFTWARE}
        of = [r for r in catalog.table(side, STACKS) if framework in ("any", r["name"])]
        extra[side, STACKS] = [{**r, **{k: r[k] * v for k, v in columns.items()}} for r in of]
    return catalog.with_rows(extra)


def _defaults(side: str) -> dict[str, float]:
    """Constants that the engine has where no preset names them."""
    if side != "serving":
        return {}
    from llmcost.engine.serving.inputs import Calibration

    return {k: float(v) for k, v in Calibration._field_defaults.items()}
