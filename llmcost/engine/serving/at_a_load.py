"""A replica under traffic: the requests that a load keeps in flight, and the first token of random arrivals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Flags, Num
from llmcost.engine.serving import queueing
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.operating_point import Point, Times, operating_point, times
from llmcost.engine.serving.pools import PrefillPoint
from llmcost.engine.serving.queueing import Latency, Wait

Mode = Callable[[Shape, Machine, Layout, Precision, Load, Calibration], Point]

BATCHES = 64  # tried between one request and the full batch
BEYOND = 1.0 + 1e-9  # of a lane: there its next request begins to wait for iterations
PLACES = 64  # equally likely places in an iteration at which a request arrives
STRIDE = 8  # of the batches, where few are tried first
MANY = 64  # replicas from which on few are
GOLDEN = 0.6180339887498949


class Loaded(NamedTuple):
    """Operating points of a replica: at a share of what it can do, and of what lies below and above."""

    at: Point  # at the share
    idle: Point | Times  # one request alone
    half: Point | Times  # at half of what it can do
    full: Point  # with its batch full
    prompt_seconds: Num  # passes of a prompt at the share: no less than at any lower one


def loaded(
    mode: Mode, shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load,
    calibration: Calibration, share: Num,
) -> Loaded:  # fmt: skip
    r"""The operating point of a replica that gives a share of the throughput of its full batch.

    By Little's law b requests in flight that take R(b) from first to last complete at b / R(b). Between the batches
    tried R is taken as straight, which it nearly is:

    .. math:: \lambda = b / R(b),\quad R(b) = TTFT(b) + (OSL - 1) TPOT(b) \approx R_0 + r (b - b_0)
        \Rightarrow b = \lambda (R_0 - r b_0) / (1 - \lambda r)

    One request is the least: at lower loads the replica is idle in between. The full batch is the most.

    Parameters
    ----------
    mode : function
        `serving.operating_point`, or what stands for it with a draft model.
    shape, machine, layout, precision, load, calibration
        The replica; `load.batch` is its full batch. Arrays broadcast.
    share : float or array
        Arrivals over the highest rate that the full batch sustains [-].

    Source: Little 1961, doi:10.1287/opre.9.3.383.
    """
    brief = times if mode is operating_point else mode  # what is less than the full batch fits

    def at(batch: Num) -> Point:
        return mode(shape, machine, layout, precision, load._replace(batch=batch), calibration)

    def quick(batch: Num) -> Point | Times:
        return brief(shape, machine, layout, precision, load._replace(batch=batch), calibration)

    def tried(batch: Array) -> _Tried:
        point = quick(batch)
        life = batch * np.maximum(load.osl, 1.0) / point.output_tokens_per_second
        passes = _empty(point) * np.maximum(_part(load, calibration), 1.0) + point.prefill_seconds
        return _Tried(*np.broadcast_arrays(batch, life, passes))

    full = at(load.batch)
    most, lanes = np.asarray(full.batch, dtype=float), np.multiply(layout.dp, layout.pp)
    batches = _batches(most, lanes)
    # with experts the passes of a prompt, which are read once for several, need not grow with the batch
    few = most.size >= MANY and np.size(share) < STRIDE * most.size and not np.any(shape.n_experts)
    wide = (1,) * (np.ndim(share) - most.ndim)  # along a new first axis, whatever the others are
    index = _first_tried(batches, lanes, few).reshape(-1, *wide, *most.shape)
    batches = batches.reshape(-1, *wide, *most.shape)
    first = np.take_along_axis(batches, index, 0)
    # of many loads one batch after another: arrays stay in the cache
    known = tried(first) if most.size < MANY else _Tried(*map(np.stack, zip(*map(tried, first), strict=True)))
    known = known._replace(passes=np.maximum.accumulate(known.passes))

    def flight(share: Num) -> tuple[Num, Num]:
        """Requests in flight, and the passes of a prompt there [s]."""
        rate = np.asarray(share * known.batch[-1] / known.life[-1])
        low, high = _around(tried, batches, index, known, rate)
        over = np.maximum(high.batch - low.batch, 1e-300)
        slope = (high.life - low.life) / over
        found = rate * (low.life - slope * low.batch) / np.maximum(1.0 - rate * slope, 1e-300)
        found = np.clip(found, low.batch, high.batch)
        passes = low.passes + (high.passes - low.passes) * (found - low.batch) / over
        whole = np.asarray(share) >= 1.0
        return np.where(whole, most, found), np.where(whole, known.passes[-1], passes)

    here, passes = flight(share)
    return Loaded(at(here), quick(np.ones(most.shape)), quick(flight(0.5)[0]), full, passes)


class _Tried(NamedTuple):
    """Batches that were tried: a request from first to last [s], and the longest passes of a prompt up to them [s]."""

    batch: Array
    life: Array
    passes: Array

    def at(self, index: npt.NDArray[np.intp]) -> _Tried:
        """One of the first axis."""
        return _Tried(*(np.take_along_axis(_as_wide(values, index), index, 0)[0] for values in self))

    def where(self, those: Flags, other: _Tried) -> _Tried:
        """Those of it, else the other."""
        return _Tried(*(np.where(those, mine, its) for mine, its in zip(self, other, strict=True)))


def _as_wide(values: npt.NDArray[Any], index: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    return np.broadcast_to(values, (len(values), *index.shape[1:]))


def _batches(most: Array, lanes: Num) -> Array:
    """Batches to try, and both sides of the step where the last lane is taken: R jumps there."""
    even = np.geomspace(np.ones(most.shape), most, BATCHES)
    step = np.minimum(np.multiply.outer(np.array([1.0, BEYOND]), np.broadcast_to(lanes, most.shape)), most)
    return np.sort(np.concatenate([even, step]), axis=0)


def _first_tried(batches: Array, lanes: Num, few: bool) -> npt.NDArray[np.intp]:
    """Which batches are tried for every load: all, or a `few` that rates rise between, and both sides of the step."""
    last = len(batches) - 1
    if not few:
        return np.broadcast_to(np.arange(last + 1).reshape(-1, *(1,) * (batches.ndim - 1)), batches.shape)
    even = np.append(np.arange(0, last, STRIDE), last)
    step = np.sum(batches < np.minimum(lanes, batches[-1]), axis=0)
    each = [*(np.full(step.shape, i) for i in even), step, np.minimum(step + 1, last)]
    return np.sort(np.stack(each), axis=0)


def _around(
    tried: Callable[[Array], _Tried], batches: Array, index: npt.NDArray[np.intp], known: _Tried, rate: Array
) -> tuple[_Tried, _Tried]:
    """Both ends of the first interval between batches that reaches a rate: among those known, then by halves."""
    # a second request may slow the first by more than it adds
    reached = np.maximum.accumulate(known.batch / known.life)
    at = np.clip(np.sum(reached < rate, axis=0), 1, len(index) - 1)[None]
    low, high = known.at(at - 1), known.at(at)
    first, last = (np.take_along_axis(_as_wide(index, at), i, 0)[0] for i in (at - 1, at))
    while np.any(last - first > 1):
        middle = (first + last) // 2
        here = tried(np.take_along_axis(_as_wide(batches, middle[None]), middle[None], 0)[0])
        here = here._replace(passes=np.maximum(low.passes, here.passes))
        over = here.batch / here.life >= rate
        first, last = np.where(over, first, middle), np.where(over, middle, last)
        low, high = low.where(over, here), here.where(over, high)
    return low, high


def _part(load: Load, calibration: Calibration) -> Num:
    """A prompt over what an iteration carries [-]."""
    return np.maximum(np.subtract(load.isl, load.cached_isl), 1.0) / calibration.chunk_tokens


def _empty(at: Point | Times) -> Num:
    """An iteration without prompts [s]."""
    return at.tpot_seconds - at.prefill_row


def first_token(
    points: Loaded, layout: Layout, load: Load, calibration: Calibration, share: Num, replicas: Num = 1.0,
    prompts: Num | None = None, ca2: Num = 1.0,
) -> Latency:  # fmt: skip
    r"""TTFT of random arrivals at an operating point.

    The prompts of each replica queue for its iterations, of which one carries up to C prompt tokens: a server whose
    service is the machine time that n of them take. Batch slots are a second stage, of replicas times slots servers
    with the whole life of a request as service. What follows the wait: the front end, the rest of the iteration under
    way, and the passes of the own prompt. Prompts shorter than C also wait for those that came during the same
    iteration and run in the same one.

    .. math:: S = s_h + V_B n / C,\quad own = s + V \max(n / C, 1),\quad
        beside = \lambda s_h \, TPOT \max(1 - n / C, 0)

    with V an iteration without prompts (B: of the full batch) and s what a prompt adds to it (h: at half load; where
    experts are read once for several prompts it falls with the load). What the full batch sustains keeps prefill busy
    for no more than all of the time: S is at most one over that rate.

    Parameters
    ----------
    points : Loaded
        Of one replica.
    layout, load, calibration
        The replica.
    share, replicas : float or array
        Arrivals over what the replicas do with full batches [-], and how many they are [-].
    prompts : array, optional
        Equally likely prompts over their mean, along the last axis [-]; None is a fixed length.
    ca2 : float or array
        Squared coefficient of variation of gaps [-].

    Source: docs/method-serving.md, "at a load"; Allen 1990, section 5.3; Agrawal et al. 2024, arXiv 2403.02310
    (iterations that carry prompts).
    """
    at, idle, half, full, own = points
    osl = np.maximum(load.osl, 1.0)
    most = full.output_tokens_per_second / osl
    lanes = np.multiply(layout.dp, layout.pp)  # each runs prompts of its own
    part = _part(load, calibration)
    service = np.minimum((half.prefill_seconds + _empty(full) * part) / lanes, 1.0 / most)
    life = at.batch * osl / at.output_tokens_per_second
    busy = np.minimum(share * most * life, 1.0)  # an idle replica has no iteration under way
    lengths, place = _places(prompts)
    under_way = np.maximum(_last(at.first_steps) - 0.5 + place, 0.0)
    seconds = _last(at.front_seconds + own) + _last(idle.prefill_seconds) * (lengths - 1.0)
    seconds = seconds + _last(busy * at.tpot_seconds) * under_way
    queued = queueing.latency(replicas, share * most * replicas, _last(service) * lengths, ca2, seconds)
    slots = np.multiply(replicas, np.maximum(np.floor(full.batch), 1.0))
    full_slots = queueing.wait(slots, share * most * replicas, life, ca2)
    beside = share * most / lanes * at.tpot_seconds  # prompts that come during an iteration of one lane
    beside = np.where(np.asarray(ca2) > 0.0, beside, np.maximum(beside - 1.0, 0.0))  # evenly spaced ones are apart
    shared = np.where(part < 1.0, -np.expm1(-beside), 0.0)
    same_pass = Wait(shared, beside * half.prefill_seconds * np.maximum(1.0 - part, 0.0))
    return queued._replace(waits=(*queued.waits, full_slots, same_pass))


def first_token_of_groups(
    points: Loaded, layout: Layout, load: Load, calibration: Calibration, share: Num, prompts: Num | None = None
) -> Latency:
    r"""TTFT where requests come in groups, as many at once as are in flight.

    A group's prompts run k an iteration, one iteration after another; a request is equally likely to be any of them:

    .. math:: TTFT_i = t_{front} + own + (k \lceil i / k \rceil - 1) p, \quad i = 1 .. b

    Groups come evenly and wait for nobody below full load.

    Parameters
    ----------
    points, layout, load, calibration, share, prompts
        As in `first_token`.

    Source: definition; docs/method-serving.md, "How requests come".
    """
    at, *_, own = points
    group = np.maximum(_last(at.batch / np.multiply(layout.dp, layout.pp)), 1.0)
    together = np.maximum(1.0 / _part(load, calibration), 1.0)
    lengths, place = _places(prompts)
    through = np.minimum(np.ceil(place * group / together) * together, group)
    seconds = _last(at.front_seconds + own) + _last(at.prefill_seconds) * (np.maximum(through, 1.0) - 1.0) * lengths
    full = np.greater_equal(share, 1.0)
    return Latency((Wait(np.where(full, 1.0, 0.0), np.where(full, np.inf, 0.0)),), seconds)


def first_token_of_pool(
    at: PrefillPoint, calibration: Calibration, rate: Num, replicas: Num, prompts: Num | None = None,
    transfer: Num = 0.0,
) -> Latency:  # fmt: skip
    """TTFT of random arrivals over replicas that run prompts and nothing else.

    Parameters
    ----------
    at : PrefillPoint
        Of one replica.
    calibration
        Its constants.
    rate, replicas : float or array
        Arrivals over all replicas [1/s], replicas [-].
    prompts : array, optional
        As in `first_token`.
    transfer : float or array
        Handing the KV cache to who answers [s].

    Source: as `first_token`.
    """
    lengths = np.ones(1) if prompts is None else prompts
    alone = _last(at.alone_seconds - calibration.request_seconds) * lengths
    seconds = calibration.request_seconds + _last(transfer) + alone
    return queueing.latency(replicas, rate, _last(at.prompt_seconds) * lengths, 1.0, seconds)


def _last(values: Num) -> Num:
    return np.asarray(values, dtype=float)[..., None]


def _places(prompts: Num | None) -> tuple[Num, Num]:
    """Pairs of a prompt over the mean and a place in an iteration, equally likely along the last axis [-].

    Where every prompt is the mean it is one, and stands beside all places.
    """
    lengths = np.ones(1) if prompts is None else np.asarray(prompts, dtype=float)
    each = np.repeat(lengths, -(-PLACES // np.shape(lengths)[-1]), axis=-1)
    count = np.shape(each)[-1]
    shuffled = np.argsort(np.arange(count) * GOLDEN % 1.0)  # any place meets any length
    return lengths if prompts is None else each, (shuffled + 0.5) / count
