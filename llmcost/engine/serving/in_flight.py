"""The requests that a load keeps in flight on a replica, and what they meet there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Flags, Num, Places
from llmcost.engine.numeric.nested import mapped, picked
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.operating_point import Point, operating_point, passing, times
from llmcost.engine.serving.steady import Running, Times, running
from llmcost.records import NamedTuple

Mode = Callable[[Shape, Machine, Layout, Precision, Load, Calibration], Point | Times]

BATCHES = 64  # tried between one request and the full batch
BEYOND = 1.0 + 1e-9  # of a lane: there its next request begins to wait for iterations
MANY = 64  # replicas from which on few of the batches are tried
STRIDE = 8  # loads of each of them from which on all are
SECANTS = 6  # tries before intervals are halved


class Loaded(NamedTuple):
    """Operating points of a replica: at a share of what it can do, and of what lies below and above."""

    at: Point | Times  # at the share
    idle: Point | Times  # one request alone
    half: Point | Times  # at half of what it can do
    full: Point | Times  # with its batch full
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
        `serving.operating_point`, or what stands for it with a draft model; `serving.times` where memory is known to
        hold the batch.
    shape, machine, layout, precision, load, calibration
        The replica; `load.batch` is its full batch. Arrays broadcast.
    share : float or array
        Arrivals over the highest rate that the full batch sustains [-].

    Source: Little 1961, doi:10.1287/opre.9.3.383.
    """
    full = mode(shape, machine, layout, precision, load, calibration)
    plain = mode in (operating_point, times)
    most, lanes = np.asarray(full.batch, dtype=float), np.multiply(layout.dp, layout.pp)
    if plain and most.size >= MANY and np.size(share) < STRIDE * most.size:
        return _of_many(shape, machine, layout, precision, load, calibration, share, full)

    def at(batch: Num) -> Point | Times:
        return mode(shape, machine, layout, precision, load._replace(batch=batch), calibration)

    quick: Callable[[Num], Point | Times] = at
    if plain:  # what is less than the full batch fits
        quick = running(passing(shape, machine, layout, precision, calibration), load).times
    wide = (1,) * (np.ndim(share) - most.ndim)  # along a new first axis, whatever the others are
    batches = _batches(most, lanes).reshape(-1, *wide, *most.shape)
    known = _tried(quick(batches), np.maximum(load.osl, 1.0), np.maximum(part_of(load, calibration), 1.0))
    known = known._replace(passes=np.maximum.accumulate(known.passes))
    # a second request may slow the first by more than it adds
    reached = np.maximum.accumulate(known.batch / known.life)

    def flight(share: Num) -> tuple[Num, Num]:
        """Requests in flight, and the passes of a prompt there [s]."""
        rate = np.asarray(share * known.batch[-1] / known.life[-1])
        index = np.clip(np.sum(reached < rate, axis=0), 1, len(batches) - 1)[None]
        found, passes = _between(known.at(index - 1), known.at(index), rate)
        whole = np.asarray(share) >= 1.0
        return np.where(whole, most, found), np.where(whole, known.passes[-1], passes)

    here, passes = flight(share)
    return Loaded(at(here), quick(np.ones(most.shape)), quick(flight(0.5)[0]), full, passes)


class _Tried(NamedTuple):
    """Batches that were tried: a request from first to last [s], and the longest passes of a prompt up to them [s]."""

    batch: Array
    life: Array
    passes: Array

    def at(self, index: Places) -> _Tried:
        """One of the first axis."""
        wide = (np.broadcast_to(values, (len(values), *index.shape[1:])) for values in self)
        return _Tried(*(np.take_along_axis(values, index, 0)[0] for values in wide))

    def of(self, index: Places) -> _Tried:
        """Those of some loads."""
        return _Tried(*(values[index] for values in self))

    def put(self, index: Places, found: _Tried) -> None:
        """Take what was found for some loads."""
        for mine, values in zip(self, found, strict=True):
            mine[index] = values


def _tried(point: Point | Times, osl: Num, parts: Num) -> _Tried:
    life = point.batch * osl / point.output_tokens_per_second
    passes = empty(point) * parts + point.prefill_seconds
    return _Tried(*np.broadcast_arrays(point.batch, life, passes))


def _between(low: _Tried, high: _Tried, rate: Num) -> tuple[Num, Num]:
    """Requests in flight at a rate between two batches, and the passes of a prompt there [s]."""
    over = np.maximum(high.batch - low.batch, 1e-300)
    slope = (high.life - low.life) / over
    found = rate * (low.life - slope * low.batch) / np.maximum(1.0 - rate * slope, 1e-300)
    found = np.minimum(np.maximum(found, low.batch), high.batch)
    return found, low.passes + (high.passes - low.passes) * ((found - low.batch) / over)


def _batches(most: Array, lanes: Num) -> Array:
    """Batches to try, and both sides of the step where the last lane is taken: R jumps there."""
    even = np.geomspace(np.ones(most.shape), most, BATCHES)
    step = np.minimum(np.multiply.outer(np.array([1.0, BEYOND]), np.broadcast_to(lanes, most.shape)), most)
    return np.sort(np.concatenate([even, step]), axis=0)


class _Order(NamedTuple):
    """The same batches of each of many loads, by their place: those that are looked at are made, and no others."""

    power: Array  # of ten, between one batch and the next
    most: Array
    step: Array  # the last batch that shares no iteration
    beyond: Array  # the first that does
    before: Places  # batches below the one, and below the other
    between: Places

    @classmethod
    def up_to(cls, most: Array, lanes: Num) -> _Order:
        """Of loads with full batches."""
        step, beyond = (np.minimum(np.multiply(lanes, k), most) for k in (1.0, BEYOND))
        power, none = np.log10(most) / (BATCHES - 1), np.zeros(most.shape, dtype=np.intp)
        found = cls(power, most, step, beyond, none, none)
        return found._replace(before=found._below(step), between=found._below(beyond))

    def _below(self, batch: Array) -> Places:
        """How many of the even ones are below a batch."""
        near = np.log10(batch) / np.maximum(self.power, 1e-300)
        index = np.ceil(np.minimum(near, BATCHES)).astype(np.intp)
        more, fewer = self._even(index) < batch, self._even(index - 1) >= batch
        return np.where(self.power > 0.0, np.clip(index + more - (fewer & (index > 0)), 0, BATCHES), 0)

    def _even(self, index: Places) -> Array:
        """The even ones by their place."""
        return np.where(index >= BATCHES - 1, self.most, 10.0 ** (index * self.power))

    def batch(self, index: Places) -> Array:
        """By place, of the step's both sides as well."""
        even = self._even(index - (index > self.before) - (index > self.between + 1))
        return np.where(index == self.before, self.step, np.where(index == self.between + 1, self.beyond, even))

    def place(self, batch: Num) -> Places:
        """About where a batch beyond the step is."""
        near = np.log10(batch) / np.maximum(self.power, 1e-300)
        return np.asarray(np.minimum(near, BATCHES)).astype(np.intp) + 2

    def of(self, index: Places) -> _Order:
        """Those of some loads."""
        found: _Order = picked(self, index)
        return found


def _of_many(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration,
    share: Num, full: Point | Times,
) -> Loaded:  # fmt: skip
    """The same for many loads: of each a few of the batches are tried, near the one in flight.

    Up to a request on each lane nothing is shared, and a request lives as long as one alone.
    """
    wide = np.broadcast_shapes(np.shape(share), np.shape(full.batch))

    def flat(of: Any) -> Any:
        return mapped(lambda values: np.broadcast_to(values, wide).ravel(), of)

    machine, layout, precision, load, calibration = map(flat, (machine, layout, precision, load, calibration))
    here = running(passing(shape, machine, layout, precision, calibration), load)
    most = np.broadcast_to(flat(np.asarray(full.batch)), (math.prod(wide),))
    osl, parts = here.read.osl, np.maximum(part_of(load, calibration), 1.0)
    order, one = _Order.up_to(most, here.read.slots), here.times(np.ones(most.shape))
    last = _tried(Times(*(flat(getattr(full, name, np.nan)) for name in Times._fields)), osl, parts)
    alone = _tried(one, osl, parts)._replace(batch=order.step)

    def tried(those: Places, index: Places) -> _Tried:
        known = here.of(those)
        return _tried(known.times(order.of(those).batch(index)), *picked((osl, parts), those))

    def flight(share: Num) -> tuple[Array, Array]:
        """Requests in flight, and the passes of a prompt there [s]."""
        rate = share * most / last.life
        found, passes = np.maximum(rate * alone.life, 1.0), alone.passes.copy()
        those = np.flatnonzero((rate > order.step / alone.life) & (np.less(share, 1.0)))
        if those.size:
            low, high, place = _around(tried, order, those, alone.of(those), last.of(those), rate[those])
            low, high = _longest(tried, here, those, low, high, place)
            found[those], passes[those] = _between(low, high, rate[those])
        whole = np.broadcast_to(np.greater_equal(share, 1.0), most.shape)
        if np.any(whole):
            every = np.flatnonzero(whole)
            high, place = last.of(every), np.full(every.shape, BATCHES + 1)
            found[every], passes[every] = most[every], _longest(tried, here, every, high, high, place)[1].passes
        return found, passes

    share = flat(np.asarray(share, dtype=float))
    flying, passes = flight(share)
    half = flight(np.full(most.shape, 0.5))[0]

    def shaped(of: Times) -> Times:
        found: Times = mapped(lambda values: np.reshape(values, wide), of)
        return found

    return Loaded(shaped(here.times(flying)), shaped(one), shaped(here.times(half)), full, np.reshape(passes, wide))


def _around(
    tried: Callable[[Places, Places], _Tried], order: _Order, those: Places, low: _Tried, high: _Tried, rate: Array
) -> tuple[_Tried, _Tried, Places]:
    """The two batches beside each other between which some loads reach a rate, and the place of the lower one.

    By secants: what a request lives is nearly straight; then by halves.
    """
    first, last = order.before[those], np.full(those.shape, BATCHES + 1)
    left, turn = np.flatnonzero(last - first > 1), 0
    while left.size:
        mine, (below, above) = those[left], (v.of(left) for v in (low, high))
        middle = (first[left] + last[left]) // 2
        if turn < SECANTS:
            middle = order.of(mine).place(_between(below, above, rate[left])[0])
        middle = np.minimum(np.maximum(middle, first[left] + 1), last[left] - 1)
        here = tried(mine, middle)
        over = here.batch / here.life >= rate[left]
        yes, no = left[over], left[~over]
        high.put(yes, here.of(np.flatnonzero(over)))
        low.put(no, here.of(np.flatnonzero(~over)))
        last[yes], first[no] = middle[over], middle[~over]
        left, turn = left[last[left] - first[left] > 1], turn + 1
    return low, high, first


def _longest(
    tried: Callable[[Places, Places], _Tried], here: Running, those: Places, low: _Tried, high: _Tried, place: Places
) -> tuple[_Tried, _Tried]:
    """Both with the longest passes of a prompt up to them.

    They rise with the batch until an iteration carries more than one prompt. From there on launches, and experts that
    are read, are shared by several; and groups that wait for one another may compute again what is in the cache at one
    batch and not at the next. There all that comes before is looked at.
    """
    mine = here.of(those)

    def mixed(some: Running, batch: Array) -> Flags:
        read = some.read
        shared = np.greater((np.maximum(batch / read.slots, 1.0) - 1.0) * read.each, read.least)
        return shared | (some.partly & np.not_equal(read.alike, 1.0))

    passes, left = low.passes.copy(), np.flatnonzero(mixed(mine, low.batch))
    index = place[left]
    while left.size:
        index = index - 1
        before = tried(those[left], index)
        passes[left] = np.maximum(passes[left], before.passes)
        on = mixed(mine.of(left), before.batch) & (index > 0)
        left, index = left[on], index[on]
    return low._replace(passes=passes), high._replace(passes=np.maximum(passes, high.passes))


def part_of(load: Load, calibration: Calibration) -> Num:
    """A prompt over what an iteration carries [-]."""
    return np.maximum(np.subtract(load.isl, load.cached_isl), 1.0) / calibration.chunk_tokens


def empty(at: Point | Times) -> Num:
    """An iteration without prompts [s]."""
    return at.tpot_seconds - at.prefill_row
