"""Memory of a stack: its constants after peaks and pools of tokens that were measured, their file, their use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Z95, Array
from llmcost.engine.numeric.update import update
from llmcost.estimate.calibrate.used import Fitted
from llmcost.estimate.calibrate.used import used as chosen
from llmcost.estimate.validate.memory_score import ENGINE, FITS, scored_row
from llmcost.estimate.validate.memory_serving_rows import engine_of
from llmcost.estimate.validate.memory_training_rows import stack_named
from llmcost.estimate.validate.near import generations
from llmcost.estimate.validate.scored import Scored
from llmcost.records import NamedTuple

Row = Mapping[str, str]
SERVED, TRAINED = "memory_serving", "memory_training"  # tables of the file
KINDS = ("kv_tokens", "peak_bytes", "weight_bytes")
NARROWEST, WIDEST = 0.1, 3.0  # of a spread that is shipped: few rows do not make a constant certain
SHIPPED = 10.0  # measured rows that shipped spreads count for


class Group(NamedTuple):
    """Constants that move together: what measurements can tell apart."""

    name: str
    prior: str  # row of presets/calibration/update.toml
    constants: tuple[str, ...]


GROUPS = {
    SERVED: (
        Group("context and communication", "context", ("context_bytes", "group_bytes", "group_pcie_bytes")),
        Group("engine workspace", "workspace", ("logit_bytes", "sorted_logit_bytes", "mixer_passes", "pictures_bytes")),
        Group("weights as loaded", "weights", ("weights_factor",)),
    ),
    TRAINED: (
        Group("states", "states", ("padding",)),
        Group("activations", "activations", ("kept", "selective", "working", "dispatched")),
        Group("logits", "logits", ("logit",)),
        Group("process", "context", ("context_bytes", "group_bytes")),
    ),
}
SPREADS = {
    SERVED: (
        "workspace_spread", "workspace_less", "weights_spread", "narrow_spread", "share_spread", "untold_share_spread",
        "mixed_spread",
    ),
    TRAINED: ("held_spread", "spread"),
}  # fmt: skip


class Learnt(NamedTuple):
    """What was learnt of the memory of a stack."""

    rows: int
    generations: tuple[str, ...]
    framework: str  # `any` where the measurements do not say
    factors: dict[str, float]  # constant -> what it is multiplied by [-]
    spread: float  # what shipped spreads are multiplied by [-]
    near: dict[str, float]  # figure -> standard deviation of ln of another one of this stack [-]


def side_of(row: Row) -> str:
    """Whether a row is of an engine that serves or of a stack that trains."""
    return SERVED if ENGINE in row else TRAINED


def fit(side: str, rows: Sequence[Row], catalog: Catalog) -> Fitted[Learnt]:
    """The constants of a stack by its measured rows.

    Parameters
    ----------
    side : str
        `memory_serving` or `memory_training`.
    rows : sequence of mapping
        Measured rows by the columns that predictions read.
    catalog : Catalog
        The presets: what is known beforehand.

    Raises
    ------
    LlmcostError
        Fewer than two figures that the engine predicts.
    """
    before = scores(rows, catalog)
    used = chosen(before, ranged=True)
    ids = {s.id for s in used}
    mine = [row for row in rows if row["id"] in ids]
    scope, groups = _scope(side, mine, catalog), GROUPS[side]

    def factors(theta: Array) -> dict[str, float]:
        pairs = zip(groups, np.exp(theta), strict=True)
        return {name: float(factor) for group, factor in pairs for name in group.constants}

    def predict(theta: Array) -> Array:
        found = {(s.id, s.quantity): s.predicted for s in scores(mine, _scaled(catalog, side, *scope, factors(theta)))}
        # a pool that some constants leave nothing of is as small as one token
        return np.log([found[s.id, s.quantity] or 1.0 for s in used])

    known = {row["name"]: float(row["value"]) for row in catalog.factors("update")}
    posterior = update(
        predict, np.log([float(s.measured or np.nan) for s in used]), np.array([KINDS.index(s.quantity) for s in used]),
        priors(side, catalog), np.array([known[f"{kind}_log_scatter"] for kind in KINDS]),
    )  # fmt: skip
    around = posterior.scale * np.hypot(posterior.constants, posterior.scatter)
    near = dict(zip(KINDS, map(float, around), strict=True))
    near = {kind: near[kind] for kind in KINDS if kind in {s.quantity for s in used}}
    spread = _narrowed([2.0 * Z95 * near[s.quantity] / wide(s) for s in used if wide(s)])
    stack = Learnt(len(ids), *scope, factors(posterior.log_factor), spread, near)
    return Fitted(stack, posterior, before, scores(rows, applied(catalog, {side: stack})))


def _narrowed(widths: Sequence[float]) -> float:
    """What shipped spreads are multiplied by: what the rows say, and the shipped ones, which count for `SHIPPED` rows.

    Every range of a side moves by one factor, and other models and layouts scatter more than those that were measured.
    """
    if not widths:
        return 1.0
    told = min(max(float(np.median(widths)), NARROWEST), WIDEST)
    return math.sqrt((SHIPPED + len(widths) * told**2) / (SHIPPED + len(widths)))


def wide(scored: Scored) -> float:
    """The 90 % range of a figure over its median: a pool may come down to nothing, so its ends have no ratio [-]."""
    return (float(scored.p95 or 0.0) - float(scored.p5 or 0.0)) / float(scored.predicted or 1.0)


def priors(side: str, catalog: Catalog) -> Array:
    """Standard deviations of ln of constants beforehand."""
    known = {row["name"]: float(row["value"]) for row in catalog.factors("update")}
    return np.array([known[f"{group.prior}_prior_log_spread"] for group in GROUPS[side]])


def scores(rows: Sequence[Row], catalog: Catalog) -> list[Scored]:
    """Amounts of every row: whether it ran says little of constants."""
    found = [s for place, row in enumerate(rows, 1) for s in scored_row(row, place, catalog)]
    return [s for s in found if s.quantity != FITS and s.measured is not None]


def _scope(side: str, rows: Sequence[Row], catalog: Catalog) -> tuple[tuple[str, ...], str]:
    """The machines and the software that the rows are of: what a stack of training keeps depends on no machine."""
    if side == TRAINED:
        names = {stack_named(catalog, row) for row in rows}
    else:
        names = {engine_of(catalog, row.get(ENGINE) or "") for row in rows}
    machines = () if side == TRAINED else generations(rows, catalog)
    return machines or ("any",), names.pop() if len(names) == 1 else "any"


def applied(catalog: Catalog, stacks: Mapping[str, Learnt]) -> Catalog:
    """Presets with the memory of the stacks, by side, on their machines."""
    for side, stack in stacks.items():
        spreads = dict.fromkeys(SPREADS[side], stack.spread)
        catalog = _scaled(catalog, side, stack.generations, stack.framework, stack.factors | spreads)
    return catalog


def _scaled(
    catalog: Catalog, side: str, machines: Iterable[str], framework: str, factors: Mapping[str, float]
) -> Catalog:
    """Presets with constants multiplied on some machines, under some software."""
    if side == SERVED:
        added = [
            {"name": name, "value": value, "generation": machine, "framework": framework, "ratio": True, "own": True}
            for machine in machines for name, value in factors.items()
        ]  # fmt: skip
        return catalog.with_rows({("memory", "factors"): [*catalog.added("memory", "factors"), *added]})
    rows = [
        {key: value * factors.get(key.removeprefix("sharded_"), 1.0) if isinstance(value, float) else value
         for key, value in row.items()}
        for row in catalog.table("memory", "stacks") if framework in ("any", row["name"])
    ]  # fmt: skip
    return catalog.with_rows({("memory", "stacks"): rows})


def read(side: str, data: Mapping[str, Any]) -> Learnt:
    """What a table of the file says.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        It is not what `llmcost calibrate` writes.
    """
    factors = {str(k): float(v) for k, v in data["factors"].items()}
    near = {str(k): float(v) for k, v in data["near"].items()}
    spread = float(data["spread"])
    names = {name for group in GROUPS[side] for name in group.constants}
    if set(factors) != names or not all(0.001 < v < 1000.0 for v in factors.values()) or not 0.0 < spread <= WIDEST:
        raise ValueError
    machines = tuple(map(str, data["generations"]))
    return Learnt(int(data["rows"]), machines, str(data["framework"]), factors, spread, near)
