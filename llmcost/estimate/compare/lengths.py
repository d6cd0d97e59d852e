"""Alternatives that differ in lengths: their layouts, formats and batches chosen at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine import serving_choice
from llmcost.engine.serving import Layout, Load, Precision
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.compare.case import Case
from llmcost.estimate.replica import Replica
from llmcost.estimate.serving_options import missed, options
from llmcost.estimate.serving_plan import Plan

Array = npt.NDArray[np.float64]

LENGTHS = ("isl", "osl", "cache_hit")
# What makes a choice depend on more than lengths, or plans another kind of replica.
APART = (
    "lengths", "length_spread", "ttft_p95", "pools", "batching", "batch", "tokens_per_second", "cost_per_request",
    "energy_per_request",
)  # fmt: skip
CHOSEN = ("tp", "pp", "ep", "batch", "dtype")


def together(alternative: Alternative) -> bool:
    """Whether lengths may be an axis of a question: bought tokens have no layout, machines a plain search."""
    scenario = alternative.scenario
    return scenario.get("api") is not None or not scenario.has(*APART)


class Chosen(NamedTuple):
    """A case with a replica per alternative, what was chosen, and why each is not feasible (None: ask its own plan)."""

    case: Case
    picked: dict[str, Any]
    reasons: list[str | None]


def chosen(case: Case, axes: dict[str, Array]) -> Chosen | None:
    """Every alternative with the replica that serves its lengths cheapest.

    None where the choice made at once is not the one that the plan made for its own lengths: the plan knows more.
    """
    plan = case.serve_plan
    if not isinstance(plan, Plan) or not isinstance(plan.replica, Replica) or plan.model is None or plan.device is None:
        return None
    asked = options(plan.question, plan.model, plan.device, plan.fleet_gpus, None, False)
    isl, osl, hit = (axes.get(k, np.full(1, float(getattr(asked.load, k, 0.0)))) for k in LENGTHS)
    if "cache_hit" not in axes:
        hit = np.full(1, asked.load.cached_isl / asked.load.isl)
    isl, osl, hit = np.broadcast_arrays(isl, osl, hit)
    own = (asked.load.isl, asked.load.osl, asked.load.cached_isl / asked.load.isl)
    every, where = np.unique(np.concatenate([[own], np.stack([isl, osl, hit], axis=1)]), axis=0, return_inverse=True)
    load = Load(every[:, 0], every[:, 1], every[:, 0] * every[:, 2], 1.0)
    found = serving_choice.cheapest(
        asked.shape, asked.device.machine, asked.candidates, list(asked.precisions), load, asked.calibration,
        asked.targets, asked.batches,
    )  # fmt: skip
    where = where.ravel()
    if not _same(found, int(where[0]), plan.replica, asked.dtypes):
        return None
    at = where[1:]
    column = {name: np.asarray(getattr(found.layout, name))[at] for name in Layout._fields}
    size = (column["tp"] * column["pp"] * column["dp"])[:, None]
    dtypes = [asked.dtypes[i] for i in found.precision_index[at]]
    replica: dict[str, Any] = {
        "gpus": size,
        "layout": Layout(*(v[:, None] for v in column.values())),
        "precision": Precision(*(np.asarray(v)[at][:, None] for v in found.precision)),
        "batch": found.batch[at][:, None],
        "front": (),
    }
    picked = {
        **{k: column[k] for k in ("tp", "pp", "ep")},
        "batch": np.floor(found.batch[at]),
        "dtype": np.array(dtypes),
    }
    case = case._replace(serve_plan=plan._replace(replica=plan.replica._replace(**replica)))
    differ = {k: v for k, v in picked.items() if len(set(v.tolist())) > 1}
    return Chosen(case, differ, [_reason(found, i, plan) for i in at.tolist()])


def _reason(found: serving_choice.Choice, at: int, plan: Plan) -> str | None:
    """Why a load has no replica: empty where it has one, None where it does not fit and its own plan knows more."""
    if found.feasible[at]:
        return ""
    tpot, ttft = float(found.best_tpot_seconds[at]), float(found.best_ttft_seconds[at])
    if not np.isfinite(tpot) or plan.model is None or plan.device is None:
        return None
    return missed(plan.model.name, plan.device.found.name, tpot, ttft).reason


def narrowed(case: Case, index: list[int], count: int) -> Case:
    """A case with the replicas of some of its alternatives."""
    plan = case.serve_plan
    if not isinstance(plan, Plan) or not isinstance(plan.replica, Replica) or np.ndim(plan.replica.batch) == 0:
        return case
    replica = plan.replica

    def part(value: Any) -> Any:
        if np.shape(value) != (count, 1):
            return value
        return value[index] if len(index) > 1 else value[index[0], 0]

    kept: dict[str, Any] = {
        "gpus": part(replica.gpus), "batch": part(replica.batch), "layout": Layout(*(part(v) for v in replica.layout)),
        "precision": Precision(*(part(v) for v in replica.precision)),
    }  # fmt: skip
    return case._replace(serve_plan=plan._replace(replica=replica._replace(**kept)))


def _same(found: serving_choice.Choice, at: int, replica: Replica, dtypes: tuple[str, ...]) -> bool:
    """Whether the choice for the plan's own lengths is the plan's."""
    layout = all(float(np.asarray(a)[at]) == float(b) for a, b in zip(found.layout, replica.layout, strict=True))
    return bool(
        found.feasible[at]
        and layout
        and float(found.batch[at]) == float(replica.batch)
        and dtypes[found.precision_index[at]] == replica.dtype
    )
