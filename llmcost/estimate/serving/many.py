"""The replica of every load of an array, as the plan of each would choose it: lengths, batches and traffic vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Flags, Num
from llmcost.engine.numeric.normal import normal_quantile
from llmcost.engine.serving.inputs import Layout, Load, Precision
from llmcost.engine.serving.memory import memory
from llmcost.engine.serving.search import BATCHES
from llmcost.engine.serving.sizes import Choice, Sizes, of_loads
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.replicas import sizes as serving_sizes
from llmcost.estimate.serving.replicas.engines import LIKELY
from llmcost.estimate.serving.replicas.options import Options, options
from llmcost.estimate.serving.replicas.together import Together
from llmcost.records import NamedTuple

LENGTHS = ("isl", "osl", "cache_hit")
CHOSEN = (*LENGTHS, "batch")  # what a replica is chosen for
TRAFFIC = ("requests", "utilization")


class Replicas(NamedTuple):
    """A plan with a replica for each of its loads, and which loads have one."""

    plan: Hosted
    formats: npt.NDArray[np.str_]  # of the weights
    held: Flags  # whether there is a replica
    fits: Flags  # whether memory holds one, if too slow


Choose = Callable[[Mapping[str, Array]], Replicas]


def chooser(plan: Hosted) -> Choose | None:
    """The replica that `serve` would choose at every value; None where only its own plan knows.

    Parameters
    ----------
    plan : Hosted
        The plan of some point, whose own choice has to come out.

    Values are lengths, batches, traffic and loads, of one shape or along axes of their own.
    """
    replica = plan.replica
    if not isinstance(replica, Together) or plan.model is None or plan.device is None or replica.draft is not None:
        return None
    if plan.small is not None or plan.sizing is not None or replica.lengths is not None or replica.static:
        return None
    asked = options(plan.question.aside(), plan.model, plan.device, plan.fleet_gpus, None, False)
    load = asked.load
    own = {"isl": load.isl, "osl": load.osl, "cache_hit": load.cached_isl / load.isl, "batch": replica.batch}
    choose = partial(_replicas, plan, replica, asked, own)
    return choose if _same(choose({}), replica) else None


def _replicas(
    plan: Hosted, replica: Together, asked: Options, own: Mapping[str, Num], values: Mapping[str, Array]
) -> Replicas:
    """The cheapest replica of every load."""
    axes = np.broadcast_arrays(*(np.asarray(values.get(key, own[key]), dtype=float) for key in CHOSEN))
    shape = axes[0].shape
    isl, osl, hit, batch = map(np.ravel, axes)
    batches = asked.batches if asked.batches is BATCHES else batch[:, None]
    found, margins = _of_margins(plan, asked, Load(isl, osl, isl * hit), batches)
    sizes = found.sizes.mapped(lambda values: np.reshape(values, (*shape, np.shape(found.sizes.batch)[-1])))
    index = _cheapest(plan, sizes, values)
    best: Any = sizes.pick(index[..., None]).mapped(lambda values: np.asarray(values)[..., 0])
    held = best.output_tokens_per_second > 0
    if asked.default_tpot and not np.all(held):
        part = found.fastest.mapped(lambda values: np.reshape(values, shape))
        best = _where(held, best, part)
        held = held | (part.output_tokens_per_second > 0)
    fits = held | np.isfinite(np.reshape(found.best_tpot_seconds, shape))
    margin = np.reshape(margins, shape) if np.ndim(margins) else margins
    many = replica._replace(
        gpus=best.layout.tp * best.layout.pp * best.layout.dp, layout=_alike(best.layout),
        precision=_alike(best.precision),
        batch=best.batch, front=(), sizes=None, held=True, calibration=asked.calibration._replace(fit_margin=margin),
    )  # fmt: skip
    return Replicas(plan._replace(replica=many), np.array(asked.dtypes)[best.precision_index], held, fits)


Fields = TypeVar("Fields", Layout, Precision)


def _alike(of: Fields) -> Fields:
    """What is the same for every load as a plain number: the engine takes shorter paths."""
    each = [np.asarray(v) for v in of]
    return type(of)(*(v.flat[0] if v.size and np.all(v == v.flat[0]) else v for v in each))


def _where(held: Flags, best: Sizes, other: Sizes) -> Sizes:
    def one(a: Any, b: Any) -> Any:
        return type(a)(*map(one, a, b)) if isinstance(a, tuple) else np.where(held, a, b)

    return Sizes(best.gpus, *(one(a, b) for a, b in zip(best[1:], other[1:], strict=True)))


def _of_margins(plan: Hosted, asked: Options, load: Load, batches: Array) -> tuple[Choice, Num]:
    """The choice of every load, and the confidence that its layouts are taken with: as `engines.settled` has it."""

    def of(load: Load, batches: Array, margin: float) -> Choice:
        known = asked.calibration._replace(fit_margin=margin)
        machine, formats = asked.device.machine, list(asked.precisions)
        return of_loads(
            asked.shape, machine, asked.candidates, formats, load, known, asked.targets, batches, plan.requests
        )

    wanted = float(normal_quantile(plan.question.inputs["fit_confidence"].value))
    found = of(load, batches, wanted)
    none = np.flatnonzero(~np.any(found.sizes.output_tokens_per_second > 0.0, axis=1))
    some = Load(*(np.asarray(v)[none] for v in load[:3]))
    tight = none[_tight(asked, some, wanted)] if none.size else none
    if not tight.size:
        return found, wanted
    some = Load(*(np.asarray(v)[tight] for v in load[:3]))
    even = of(some, batches[tight] if np.ndim(batches) == 2 else batches, 0.0)

    def put(mine: Any, values: Any) -> Any:
        if isinstance(mine, tuple):
            return type(mine)(*map(put, mine, values))
        changed = np.array(mine)
        changed[tight] = values
        return changed

    gpus = found.sizes.gpus if plan.requests else put(found.sizes.gpus, even.sizes.gpus)
    sizes = Sizes(gpus, *map(put, found.sizes[1:], even.sizes[1:]))
    margins = np.full(len(np.asarray(load.isl)), wanted)
    margins[tight] = 0.0
    return Choice(sizes, *map(put, found[1:], even[1:])), margins


def _tight(asked: Options, load: Load, wanted: float) -> Flags:
    """Whether no layout holds a request of a load with the confidence wanted, and one may with even odds."""
    column = Load(*(np.asarray(v)[:, None] for v in load[:3]))
    rooms = np.full((len(np.asarray(load.isl)), np.size(asked.candidates.tp)), -np.inf)
    for precision in asked.precisions:
        held = memory(asked.shape, asked.device.machine, asked.candidates, precision, column, asked.calibration)
        rooms = np.maximum(rooms, held.room)
    best = rooms.max(axis=1)
    return np.asarray((best < wanted) & (best >= float(normal_quantile(LIKELY))))


def _cheapest(plan: Hosted, sizes: Sizes, values: Mapping[str, Array]) -> Any:
    if not plan.requests or len(sizes.gpus) == 1:
        return np.argmax(sizes.output_tokens_per_second, axis=-1)  # there is one
    moved = {k: v for k, v in values.items() if k in (*LENGTHS, *TRAFFIC)}
    return serving_sizes.cheapest(plan.fleet, plan.central(moved), sizes)


def _same(mine: Replicas, replica: Together) -> bool:
    """Whether the choice for the plan's own numbers is the plan's."""
    found = mine.plan.replica
    assert isinstance(found, Together)
    layout = all(float(a) == float(b) for a, b in zip(found.layout, replica.layout, strict=True))
    return bool(mine.held) and layout and float(found.batch) == float(replica.batch) and mine.formats == replica.dtype
