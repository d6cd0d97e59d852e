"""Alternatives that differ in lengths or in traffic: their layouts, formats and batches chosen at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving import sizes as serving_choice
from llmcost.engine.serving.operating_point import Load
from llmcost.engine.serving.sizes import Choice, Sizes
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.many import LENGTHS, TRAFFIC
from llmcost.estimate.serving.replicas import sizes as serving_sizes
from llmcost.estimate.serving.replicas.formats import dtypes
from llmcost.estimate.serving.replicas.options import missed, options
from llmcost.estimate.serving.replicas.together import Together
from llmcost.keys import SERVE
from llmcost.records import NamedTuple

GAVE_WAY = ("W017", "W083")  # a default TPOT that nothing meets, a confidence that no layout reaches
# What makes a choice depend on more than lengths, or plans another kind of replica.
APART = (
    "lengths", "length_spread", "ttft_p95", "pools", "batching", "batch", "tokens_per_second", "cost_per_request",
    "energy_per_request",
)  # fmt: skip


def together(alternative: Alternative) -> bool:
    """Whether lengths may be an axis of a question: bought tokens have no layout, machines a plain search."""
    scenario = alternative.scenario
    return scenario.get("api") is not None or not scenario.has(*APART)


Picked: TypeAlias = dict[str, npt.NDArray[Any]]  # what was chosen for each alternative: numbers, or names of formats


class Chosen(NamedTuple):
    """A case with a replica per alternative, what was chosen, and why each is not feasible (None: ask its own plan)."""

    case: Case
    picked: Picked
    reasons: list[str | None]


def chosen(case: Case, axes: Mapping[str, Array]) -> Chosen | None:
    """Every alternative with the replica that serves its lengths, and its traffic where that is known, for least.

    None where the choice made at once is not the one that the plan made for its own numbers: the plan knows more. So it
    does where what it asks of memory or of speed gave way for its own lengths, which may be kept for others.
    """
    plan = case.hosted
    if plan is None or not isinstance(plan.replica, Together) or plan.model is None or plan.device is None:
        return None
    if any(warning.code in GAVE_WAY for warning in plan.question.warnings):
        return None
    asked = options(plan.question, plan.model, plan.device, plan.fleet_gpus, None, False)
    isl, osl, hit = (axes.get(k, np.full(1, float(getattr(asked.load, k, 0.0)))) for k in LENGTHS)
    if "cache_hit" not in axes:
        hit = np.full(1, asked.load.cached_isl / asked.load.isl)
    isl, osl, hit = np.broadcast_arrays(isl, osl, hit)
    own = (asked.load.isl, asked.load.osl, asked.load.cached_isl / asked.load.isl)
    every, where = np.unique(np.concatenate([[own], np.stack([isl, osl, hit], axis=1)]), axis=0, return_inverse=True)
    load = Load(every[:, 0], every[:, 1], every[:, 0] * every[:, 2], 1.0)
    found = serving_choice.of_loads(
        asked.shape, asked.device.machine, asked.candidates, list(asked.precisions), load, asked.calibration,
        asked.targets, asked.batches,
    )  # fmt: skip
    first, *at = where.ravel().tolist()
    if not _same(plan, plan.replica, found.sizes.at(first), asked.dtypes):
        return None
    sizes = found.sizes.at(np.array(at))
    changed, picked = _with(plan, sizes, _best(plan, sizes, axes)[:, None], asked.dtypes)
    return Chosen(case._replace(service=changed), picked, [_reason(found, i, plan) for i in at])


def sized(case: Case, axes: Mapping[str, Num], days: Array | None = None) -> tuple[Case, Picked]:
    """A case with the size of replica that every traffic asks for, and what was chosen; its lengths are the plan's.

    As it is where the traffic does not decide. Values of `axes` may have any shape; `days` is the traffic of days to
    come over that at launch, where they differ, along its first axis.
    """
    plan = case.hosted
    if plan is None or not isinstance(plan.replica, Together) or plan.replica.sizes is None:
        return case, {}
    grows = days is not None and days.ndim > 1
    if plan.model is None or not (grows or any(key in TRAFFIC for key in _bare(axes))):
        return case, {}
    sizes = plan.replica.sizes
    best = _best(plan._replace(fleet=plan.fleet._replace(days=days)), sizes, axes)
    changed, picked = _with(plan, sizes, best, dtypes(plan.question, plan.model))
    return case._replace(service=changed), picked


def _bare(axes: Mapping[str, Num]) -> dict[str, Num]:
    """Values of the serving side under the names of its question."""
    return {k.removeprefix(f"{SERVE}_"): v for k, v in axes.items()}


def _best(plan: Hosted, sizes: Sizes, axes: Mapping[str, Num]) -> Any:
    """Index of the size that serves for least: the traffic where that decides, else an output token."""
    assert isinstance(plan.replica, Together)
    if plan.replica.sizes is None:
        return np.argmin(sizes.gpu_seconds, axis=-1)
    values = {k: v for k, v in _bare(axes).items() if k in (*LENGTHS, *TRAFFIC)}
    return serving_sizes.cheapest(plan.fleet, plan.central(values), sizes)


def _with(plan: Hosted, sizes: Sizes, index: Any, formats: tuple[str, ...]) -> tuple[Hosted, Picked]:
    """A plan with a replica for every index, and what differs among them."""
    assert isinstance(plan.replica, Together)
    best: Any = sizes.pick(index)  # a replica with an array in place of each number
    replica = plan.replica._replace(
        gpus=sizes.gpus[index], layout=best.layout, precision=best.precision, batch=best.batch, front=(), sizes=sizes
    )
    columns = {name: np.ravel(getattr(best.layout, name)) for name in ("tp", "pp", "ep")}
    columns |= {"batch": np.floor(np.ravel(best.batch))}
    columns |= {"dtype": np.array([formats[i] for i in np.ravel(best.precision_index)])}
    return plan._replace(replica=replica), {k: v for k, v in columns.items() if len(set(v.tolist())) > 1}


def choice(plan: Hosted) -> tuple[Num, ...]:
    """What was chosen: accelerators of a replica, three ranks and its batch, an array each where there are many."""
    replica = plan.replica
    if isinstance(replica, Together):
        layout = replica.layout
        return replica.gpus, layout.tp, layout.pp, layout.ep, np.floor(replica.batch)
    of = replica.facts()
    return of["gpus_per_replica"], of.get("tp", 0.0), of.get("pp", 0.0), of.get("ep", 0.0), of.get("batch", 0.0)


def _reason(found: Choice, at: int, plan: Hosted) -> str | None:
    """Why a load has no replica: empty where it has one, None where it does not fit and its own plan knows more."""
    if np.any(found.sizes.output_tokens_per_second[at]):
        return ""
    tpot, ttft = float(found.best_tpot_seconds[at]), float(found.best_ttft_seconds[at])
    if not np.isfinite(tpot) or plan.model is None or plan.device is None:
        return None
    return missed(plan.model.name, plan.device.found.name, tpot, ttft).reason


def narrowed(case: Case, index: list[int], count: int) -> Case:
    """A case with the replicas of some of its alternatives; one alone has plain numbers."""
    plan = case.hosted
    if plan is None or not isinstance(plan.replica, Together) or np.ndim(plan.replica.batch) == 0:
        return case
    replica = plan.replica

    def part(value: Any) -> Any:
        if isinstance(value, tuple):
            return type(value)(*map(part, value))
        if np.ndim(value) != 2 or len(value) != count:
            return value
        if len(index) > 1:
            return value[index]
        return value[index[0], 0] if value.shape[1] == 1 else value[index[0]]

    kept = {name: part(getattr(replica, name)) for name in ("gpus", "batch", "layout", "precision")}
    sizes = None if replica.sizes is None else part(replica.sizes)
    return case._replace(service=plan._replace(replica=replica._replace(**kept, sizes=sizes)))


def _same(plan: Hosted, replica: Together, sizes: Sizes, formats: tuple[str, ...]) -> bool:
    """Whether the choice for the plan's own numbers is the plan's."""
    best = sizes.pick(_best(plan, sizes, {}))
    layout = all(float(a) == float(b) for a, b in zip(best.layout, replica.layout, strict=True))
    return bool(
        best.output_tokens_per_second > 0.0
        and layout
        and float(best.batch) == float(replica.batch)
        and formats[best.precision_index] == replica.dtype
    )
