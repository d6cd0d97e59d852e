"""The replica of every load of an array, as the plan of each would choose it: lengths, batches and traffic vary."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Flags
from llmcost.engine.serving.inputs import Load
from llmcost.engine.serving.memory import memory
from llmcost.engine.serving.search import BATCHES
from llmcost.engine.serving.sizes import Choice, Sizes, of_loads
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.replicas import sizes as serving_sizes
from llmcost.estimate.serving.replicas.engines import LIKELY
from llmcost.estimate.serving.replicas.options import Options, options
from llmcost.estimate.serving.replicas.together import Together

LENGTHS = ("isl", "osl", "cache_hit")
CHOSEN = (*LENGTHS, "batch")  # what a replica is chosen for
TRAFFIC = ("requests", "utilization")


class Replicas(NamedTuple):
    """A plan with a replica for each of its loads, and which loads have one."""

    plan: Hosted
    formats: npt.NDArray[np.str_]  # of the weights
    held: Flags  # whether there is a replica
    fits: Flags  # whether memory holds one, if too slow


def replicas(plan: Hosted, values: Mapping[str, Array]) -> Replicas | None:
    """The replica that `serve` would choose at every value; None where only its own plan knows.

    Parameters
    ----------
    plan : Hosted
        The plan of some point, whose own choice has to come out.
    values : mapping
        Lengths, batches, traffic and loads, of one shape.
    """
    replica = plan.replica
    if not isinstance(replica, Together) or plan.model is None or plan.device is None or replica.draft is not None:
        return None
    if plan.small is not None or plan.sizing is not None or replica.lengths is not None or replica.static:
        return None
    asked = options(plan.question.aside(), plan.model, plan.device, plan.fleet_gpus, None, False)
    load, known = asked.load, asked.calibration
    own = {"isl": load.isl, "osl": load.osl, "cache_hit": load.cached_isl / load.isl, "batch": replica.batch}
    axes = np.broadcast_arrays(*(np.asarray(values.get(key, own[key]), dtype=float) for key in CHOSEN))
    shape = axes[0].shape
    isl, osl, hit, batch = (
        np.concatenate([np.ravel(axis), [own[key]]]) for axis, key in zip(axes, CHOSEN, strict=True)
    )
    batches = asked.batches if asked.batches is BATCHES else batch[:, None]
    every = Load(isl, osl, isl * hit, 1.0)
    margin = _margins(plan, asked, every)
    found = _of_margins(asked, every, batches, margin)
    index, sizes = _index(plan, found, values, shape)
    mine = found.sizes.at(np.array(-1))
    mine = mine.pick(int(_cheapest(plan, mine, {})))
    if asked.default_tpot and not mine.output_tokens_per_second:
        mine = found.fastest.mapped(lambda values: np.asarray(values)[-1, 0])
    if not _same(mine, replica, asked):
        return None
    best: Any = sizes.pick(index[..., None])
    best = best.mapped(lambda values: np.asarray(values)[..., 0])
    gpus, held = sizes.gpus[index], best.output_tokens_per_second > 0
    margins = np.reshape(margin[:-1], shape)
    if asked.default_tpot and not np.all(held):
        quick = found.fastest
        part = Sizes(quick.gpus[:-1, 0], *(_shaped(v, shape) for v in quick[1:]))
        best, gpus = _where(held, best, part), np.where(held, gpus, np.reshape(part.gpus, shape))
        held = held | (part.output_tokens_per_second > 0)
    fits = np.isfinite(np.reshape(found.best_tpot_seconds[:-1], shape))
    many = replica._replace(
        gpus=gpus, layout=best.layout, precision=best.precision, batch=best.batch, front=(), sizes=None,
        calibration=known._replace(fit_margin=margins),
    )  # fmt: skip
    formats = np.array(asked.dtypes)[best.precision_index]
    return Replicas(plan._replace(replica=many), formats, held, fits)


def _shaped(values: Any, shape: tuple[int, ...]) -> Any:
    """The loads of the grid of a field of sizes, in its shape: those of layouts and precisions too."""
    if isinstance(values, tuple):
        return type(values)(*(_shaped(v, shape) for v in values))
    return np.reshape(np.asarray(values)[:-1, 0], shape)


def _where(held: Flags, best: Sizes, other: Sizes) -> Sizes:
    def one(a: Any, b: Any) -> Any:
        return type(a)(*map(one, a, b)) if isinstance(a, tuple) else np.where(held, a, b)

    return Sizes(best.gpus, *(one(a, b) for a, b in zip(best[1:], other[1:], strict=True)))


def _margins(plan: Hosted, asked: Options, load: Load) -> Array:
    """The confidence that layouts are taken with, for every load: as `engines.settled` has it for one."""
    assert plan.device is not None
    wanted = NormalDist().inv_cdf(float(plan.question.inputs["fit_confidence"].value))
    rooms = np.full(len(np.asarray(load.isl)), -np.inf)
    column = Load(*(np.asarray(v)[:, None] if np.ndim(v) else v for v in load))
    for precision in asked.precisions:
        held = memory(asked.shape, plan.device.machine, asked.candidates, precision, column, asked.calibration)
        rooms = np.maximum(
            rooms, np.max(np.broadcast_to(held.room, (len(rooms), np.size(asked.candidates.tp))), axis=1)
        )
    likely = NormalDist().inv_cdf(LIKELY)
    return np.where((rooms < wanted) & (rooms >= likely), 0.0, wanted)


def _of_margins(asked: Options, load: Load, batches: Array, margin: Array) -> Choice:
    """The choice of every load, by groups that are taken with the same confidence."""
    parts, order = [], []
    for value in sorted(set(margin.tolist())):
        index = np.flatnonzero(margin == value)
        some = Load(*(np.asarray(v)[index] if np.ndim(v) else v for v in load))
        known = asked.calibration._replace(fit_margin=value)
        tried = batches[index] if np.ndim(batches) == 2 else batches
        parts.append(
            of_loads(
                asked.shape, asked.device.machine, asked.candidates, list(asked.precisions), some, known, asked.targets,
                tried,
            )
        )  # fmt: skip
        order.append(index)
    if len(parts) == 1:
        return parts[0]
    back = np.argsort(np.concatenate(order))

    def joined(*values: Any) -> Any:
        if isinstance(values[0], tuple):
            return type(values[0])(*map(joined, *values))
        return np.concatenate(values)[back]

    sizes = Sizes(parts[0].sizes.gpus, *(joined(*v) for v in zip(*(p.sizes[1:] for p in parts), strict=True)))
    return Choice(sizes, *(joined(*v) for v in zip(*(p[1:] for p in parts), strict=True)))


def _index(plan: Hosted, found: Choice, values: Mapping[str, Array], shape: tuple[int, ...]) -> tuple[Any, Sizes]:
    """Index of the size that serves for least at every point, and the sizes in the shape of the loads."""
    sizes = found.sizes

    def shaped(field: Any) -> Any:
        if isinstance(field, tuple):
            return type(field)(*map(shaped, field))
        return np.reshape(np.asarray(field)[:-1], (*shape, len(sizes.gpus)))

    of = Sizes(sizes.gpus, *map(shaped, sizes[1:]))
    return _cheapest(plan, of, values), of


def _cheapest(plan: Hosted, sizes: Sizes, values: Mapping[str, Array]) -> Any:
    if not plan.requests or len(sizes.gpus) == 1:
        return np.argmin(sizes.gpu_seconds, axis=-1)
    moved = {k: v for k, v in values.items() if k in (*LENGTHS, *TRAFFIC)}
    return serving_sizes.cheapest(plan.fleet, plan.central(moved), sizes)


def _same(best: Sizes, replica: Together, asked: Options) -> bool:
    """Whether the choice for the plan's own numbers is the plan's."""
    layout = all(float(a) == float(b) for a, b in zip(best.layout, replica.layout, strict=True))
    return bool(
        best.output_tokens_per_second > 0.0
        and layout
        and float(best.batch) == float(replica.batch)
        and asked.dtypes[int(best.precision_index)] == replica.dtype
    )
