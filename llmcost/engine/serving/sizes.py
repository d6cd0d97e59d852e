"""The cheapest layout, precision and batch of every size of replica, for many loads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Index, Num, Places
from llmcost.engine.numeric.nested import picked
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import passing
from llmcost.engine.serving.search import BATCHES, EQUAL, Grid, Targets, by_size, level
from llmcost.engine.serving.steady import Running, running
from llmcost.records import NamedTuple

CHUNK = 16_384  # loads at a time: temporaries stay in the cache
AT_ONCE = 4_096  # of few loads and many layouts: so many pairs at a time
NEAR = 0.9  # of the rate of a large batch, from which on few requests are nearly as good


class Sizes(NamedTuple):
    """What serves an output token cheapest on every number of accelerators that holds a replica.

    gpus : (sizes,) accelerators of a replica, ascending [-]; (loads, 1) where there is one of any size for each load.
    layout, precision, precision_index, batch : (..., sizes).
    output_tokens_per_second : (..., sizes) of a full replica [1/s]; zero where no replica of that size is a choice.
    """

    gpus: Array
    layout: Layout
    precision: Precision
    precision_index: Index
    batch: Num
    output_tokens_per_second: Array

    def at(self, load: Index) -> Sizes:
        """The sizes of a load, or of several."""
        return self.mapped(lambda values: np.asarray(values)[load])

    def pick(self, index: Index) -> Sizes:
        """The size of an index, or of several; where there are loads, indices are (loads, 1)."""

        def one(values: Any) -> Any:
            whole = np.asarray(values)
            return whole[index] if whole.ndim == 1 else np.take_along_axis(whole, np.asarray(index), axis=-1)

        return self.mapped(one)

    def mapped(self, of: Callable[[Any], Any]) -> Sizes:
        """Every field but `gpus`, through a function."""
        layout, precision = Layout(*map(of, self.layout)), Precision(*map(of, self.precision))
        speed = self.output_tokens_per_second
        return Sizes(self.gpus, layout, precision, of(self.precision_index), of(self.batch), np.asarray(of(speed)))

    @property
    def gpu_seconds(self) -> Num:
        """Accelerator time of an output token, replicas being full [s]; infinite where there is no choice."""
        with np.errstate(divide="ignore"):
            return self.gpus / self.output_tokens_per_second


class Choice(NamedTuple):
    """The sizes of every load (loads, sizes), and the best TPOT and TTFT of any point that fits (loads,) [s].

    The best times say by how much a target is missed where there is no choice; they are infinite where nothing fits.
    `fastest` is there the replica of least TPOT within the TTFT target (loads, 1), whatever the TPOT target; its rate
    is zero where there is none.
    """

    sizes: Sizes
    best_tpot_seconds: Array
    best_ttft_seconds: Array
    fastest: Sizes


def of_grid(grid: Grid) -> Sizes:
    """The sizes among the points of a search."""
    best = grid.pick(by_size(grid))
    speed = np.asarray(best.point.output_tokens_per_second)
    return Sizes(best.gpus_per_replica, best.layout, best.precision, best.precision_index, best.point.batch, speed)


class _Points(NamedTuple):
    """A point of every load; where there is none its rate is zero, and its times are without end."""

    place: Places  # index of its batch
    batch: Array
    ttft_seconds: Array
    tpot_seconds: Array
    rate: Array  # output tokens per second
    never_idle: Array  # requests from which on the replica never is

    @classmethod
    def none(cls, loads: int) -> _Points:
        """No point of so many loads."""
        index, one, endless = np.zeros(loads, dtype=np.intp), np.ones(loads), np.full((3, loads), np.inf)
        return cls(index, one, endless[0], endless[1], np.zeros(loads), endless[2])

    def of(self, index: Any) -> _Points:
        """The points of some loads."""
        return _Points(*(values[index] for values in self))

    def put(self, index: Any, found: _Points) -> None:
        """Take the points that were found for some loads."""
        for mine, values in zip(self, found, strict=True):
            mine[index] = values


class _Best(NamedTuple):
    """The best point so far of every load and size, or of every pair: its row, and its rate per accelerator."""

    row: Places
    point: _Points
    each: Array  # output tokens per second of an accelerator

    @classmethod
    def none(cls, row: Places) -> _Best:
        """None yet: rows that stand for them."""
        return cls(row, _Points.none(len(row)), np.zeros(len(row)))

    def put(self, index: Any, row: Any, found: _Points, each: Array) -> None:
        """Take points of some rows."""
        self.row[index], self.each[index] = row, each
        self.point.put(index, found)

    def cheaper(self, index: Places, row: Places, found: _Points, each: Array) -> None:
        """Take points that serve a token cheaper, of equals the faster."""
        more = each / np.maximum(self.each[index], 1e-300)
        faster = found.tpot_seconds < self.point.tpot_seconds[index] * (1.0 - EQUAL)
        better = (more > 1.0 + EQUAL) | ((more > 1.0 - EQUAL) & faster)
        self.put(index[better], row[better], found.of(better), each[better])

    def faster(self, index: Places, row: Places, found: _Points, each: Array) -> None:
        """Take points whose tokens come faster."""
        better = found.tpot_seconds < self.point.tpot_seconds[index]
        self.put(index[better], row[better], found.of(better), each[better])


class _Pairs(NamedTuple):
    """Rows, each a layout in a precision, with loads that they hold, and the batches to choose from."""

    running: Running  # of every pair; its layout may be one for all
    row: Places
    idle_seconds: Array  # no iteration is shorter
    tried: Array
    most: Array
    below: Places  # of those tried, so many are below the most that fits

    def of(self, index: Any) -> _Pairs:
        """Some of the pairs."""
        return self._replace(
            running=self.running.of(index), row=self.row[index], idle_seconds=self.idle_seconds[index],
            most=self.most[index], below=self.below[index],
        )  # fmt: skip

    @property
    def lanes(self) -> Num:
        """Requests that run beside each other without sharing an iteration [-]."""
        return self.running.read.slots

    def batch(self, index: Places) -> Array:
        """Batches by index: the largest that fits comes after those tried that are smaller."""
        if not len(self.tried):
            return self.most
        return np.where(index < self.below, self.tried[np.minimum(index, len(self.tried) - 1)], self.most)

    def at(self, index: Places) -> _Points:
        """The point of a batch of every pair."""
        batch = self.batch(index)
        figures = self.running.times(batch)
        return _Points(index, batch, *(np.broadcast_to(v, batch.shape) for v in figures[:4]))

    def apart(self) -> Places:
        """Index of the largest batch whose requests share no iteration."""
        first = np.maximum(np.searchsorted(self.tried, self.lanes, "right") - 1, 0)
        return np.where(self.most <= self.lanes, self.below, np.minimum(first, self.below))

    def largest(self, targets: Targets, low: _Points, high: _Points) -> _Points:
        """The largest batch that keeps the targets: `low` does, and `high` does not.

        What a prompt has in the cache may be read at one batch and computed again at the next: each way both times
        rise with the batch, so no batch beyond the largest of either does. Below it one after another is looked at.
        """
        ways = self.running.ways
        if len(ways) == 1:
            return self._rising(targets, low, high)
        last = low.place.copy()
        for way in ways:
            apart = self._replace(running=way)
            left, right = apart.at(low.place), apart.at(high.place)
            kept, over = (_excess(at, targets) <= 0.0 for at in (left, right))
            last = np.where(over, high.place, last)
            those = np.flatnonzero(kept & ~over)
            last[those] = np.maximum(
                last[those], apart.of(those)._rising(targets, left.of(those), right.of(those)).place
            )
        found = low.of(slice(None))
        those = np.flatnonzero(last > low.place)
        while those.size:
            points = self.of(those).at(last[those])
            kept = _excess(points, targets) <= 0.0
            found.put(those[kept], points.of(kept))
            those = those[~kept]
            last[those] -= 1
            those = those[last[those] > low.place[those]]
        return found

    def _rising(self, targets: Targets, low: _Points, high: _Points) -> _Points:
        """The largest batch that keeps the targets, where both times rise from one that does to one that does not."""
        found, last = low.of(slice(None)), high.place.copy()
        below, above, right = _excess(low, targets), _excess(high, targets), high.batch.copy()
        those = np.flatnonzero(last - found.place > 1)
        while those.size:
            left, first = found.batch[those], found.place[those]
            share = below[those] / (below[those] - above[those])
            middle = np.searchsorted(self.tried, left + share * (right[those] - left), "right") - 1
            points = self.of(those).at(np.clip(middle, first + 1, last[those] - 1))
            excess = _excess(points, targets)
            kept = excess <= 0.0
            yes, no = those[kept], those[~kept]
            found.put(yes, points.of(kept))
            below[yes], above[no] = excess[kept], excess[~kept]
            last[no], right[no] = points.place[~kept], points.batch[~kept]
            those = those[last[those] - found.place[those] > 1]
        return found

    def peak(self, found: _Points) -> _Points:
        """The smallest batch of the same rate: a replica that is never idle carries no more, further requests wait."""
        if not len(self.tried):
            return found
        index = np.searchsorted(self.tried, found.never_idle * (1.0 - EQUAL))
        index = np.where(found.never_idle <= found.batch, np.minimum(index, found.place), found.place)
        return found._replace(place=index, batch=self.batch(index))

    def hopeful(self, top: _Points, rate: Array) -> Places:
        """Which pairs may serve loads for less than at a known rate: no others are in `choices`."""
        return np.flatnonzero((top.rate >= rate * (1.0 - EQUAL)) | self._few(rate))

    def _few(self, rate: Array) -> npt.NDArray[np.bool_]:
        """Where a batch whose requests share no iteration may be a match, and is not the largest."""
        first = self.apart()
        return np.asarray((first < self.below) & (self.batch(first) / self.idle_seconds > rate))

    def choices(self, targets: Targets, top: _Points, rate: Array) -> Iterator[tuple[Places, _Points]]:
        """What may serve loads for less than at a known rate: which pairs, and their points.

        The largest batch that keeps the targets, where it is a match for what is known; and where so few may be one,
        the largest batch whose requests share no iteration: where the first are shared the rate may fall. Attention
        groups and pipeline stages wait for one another's prompts: where those few do nearly as well, everything between
        is tried.
        `top` is the point of the largest batch.
        """
        match = top.rate >= rate * (1.0 - EQUAL)
        kept = _excess(top, targets) <= 0.0
        sure = np.flatnonzero(match & kept)
        yield sure, self.of(sure).peak(top.of(sure))
        first = self.apart()
        open = np.flatnonzero(self._few(rate) | (match & ~kept))
        if not open.size or not len(self.tried):
            return
        here, low, high = self.of(open), self.of(open).at(first[open]), top.of(open)
        fine = np.flatnonzero(_excess(low, targets) <= 0.0)
        yield open[fine], low.of(fine)
        more = np.flatnonzero((_excess(low, targets) <= 0.0) & ~kept[open])
        found = here.of(more).largest(targets, low.of(more), high.of(more))
        high.put(more, found)
        yield open[more], here.of(more).peak(found)
        waiting = np.asarray(here.lanes) > 1.0  # for one another
        near = waiting & (_excess(high, targets) <= 0.0) & (low.rate > NEAR * high.rate)
        those = np.flatnonzero(near & (low.place + 1 < high.place))
        last = low.of(those)
        while those.size:  # both times rise: no batch up to the largest has more than so many times the rate
            go = last.rate * high.batch[those] / last.batch > rate[open[those]] * (1.0 - EQUAL)
            those, last = those[go], here.of(those[go]).at(last.place[go] + 1)
            yield open[those], last
            go = last.place + 1 < high.place[those]
            those, last = those[go], last.of(go)


def _excess(points: _Points, targets: Targets) -> Array:
    """By how much a point misses the target that it misses most, over it [-]; not above zero where it keeps both."""
    return np.maximum(
        points.ttft_seconds / targets.ttft_seconds - 1.0, points.tpot_seconds / targets.tpot_seconds - 1.0
    )


def of_loads(
    shape: Shape, machine: Machine, candidates: Layout, precisions: list[Precision], load: Load,
    calibration: Calibration, targets: Targets, batches: Num = BATCHES, every_size: bool = True,
) -> Choice:  # fmt: skip
    """The sizes in `serving_search.search` for every load of an array.

    Both times rise with the batch, and so does the rate until iterations always carry prompts; where requests begin to
    share iterations it may fall. So the best batch of a layout is the largest that keeps the targets or one not far
    below it, or one of the few at which sharing begins. Between them it is found by secants, and a layout whose largest
    batch is no match for another is not looked at further.

    Parameters
    ----------
    shape, machine, candidates, precisions, calibration, targets, batches
        As in `serving_search.search`.
    load : Load
        Lengths as arrays, one element per load [tokens]; `batch` is ignored.
    batches : array
        As in `serving_search.search`; or (loads, 1), each load with its own: it counts only where it fits whole.
    every_size : bool
        Whether the best of every size of replica is wanted, or the best of all.

    Source: bisection; the cheapest output token within the targets, the faster of equals.
    """
    row, form = (axis.ravel() for axis in np.indices((np.size(candidates.tp), len(precisions))))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    precision = Precision(*np.array([[float(v) for v in p] for p in precisions]).T[:, form])
    gpus = np.asarray(layout.tp * layout.pp * layout.dp)
    sizes = np.array(sorted(set(gpus.tolist())) if every_size else [0.0])
    of_size = np.searchsorted(sizes, gpus) if every_size else np.zeros(len(gpus), dtype=np.intp)
    isl, osl, cached = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(load.isl, load.osl, load.cached_isl))
    own, tried, loads = np.ndim(batches) == 2, np.asarray(batches, dtype=float), len(isl)
    every = passing(shape, machine, layout, precision, calibration)
    idle = np.broadcast_to(running(every, Load(1.0, 1.0, 1.0)).times(1.0).tpot_seconds, gpus.shape)

    def pairs(part: Places) -> Iterator[tuple[Places, _Pairs]]:
        """Every layout and precision, some at a time, with the loads of a part that it holds; and which those are."""
        count = max(AT_ONCE // len(part), 1)
        for start in range(0, len(gpus), count):
            ranks, formats = (picked(v, slice(start, start + count)) for v in (layout, precision))
            wide, broad = (picked(v, (slice(None), None)) for v in (ranks, formats))
            limit = max_batch(shape, machine, wide, broad, Load(isl[part], osl[part], cached[part]), calibration)
            limit = np.broadcast_to(limit, (np.size(ranks.tp), len(part)))
            most = np.broadcast_to(tried[part, 0] if own else np.clip(limit, 1.0, tried[-1]), limit.shape)
            mine, held = np.nonzero(limit >= most)
            if not mine.size:
                continue
            at, row = part[held], start + mine
            once = every.of(row if count > 1 else start)  # one layout alone is cheaper as plain numbers
            some_tried, fitting = np.zeros(0) if own else tried, most[mine, held]
            yield at, _Pairs(
                running(once, Load(isl[at], osl[at], cached[at])), row, idle[row], some_tried, fitting,
                np.searchsorted(some_tried, fitting),
            )  # fmt: skip

    first_of = np.array([int(np.argmax(of_size == i)) for i in range(len(sizes))])
    best = _Best.none(np.tile(first_of, loads))
    quick, (tpot, ttft) = _Best.none(np.zeros(loads, dtype=np.intp)), np.full((2, loads), np.inf)
    for start in range(0, loads, CHUNK):
        part = np.arange(start, min(start + CHUNK, loads))
        for at, of in pairs(part):
            slot, size, top = at * len(sizes) + of_size[of.row], gpus[of.row], of.at(of.below)
            kept = np.flatnonzero(_excess(top, targets) <= 0.0)
            known = best.each[start * len(sizes) : (start + len(part)) * len(sizes)].copy()
            here = slot - start * len(sizes)
            np.maximum.at(known, here[kept], top.rate[kept] / size[kept])
            rate = known[here] * size
            some = of.hopeful(top, rate)
            if some.size < len(at):
                if not some.size:
                    continue
                of, top, rate, slot, size = of.of(some), top.of(some), rate[some], slot[some], size[some]
            mine = _Best.none(of.row)
            for index, found in of.choices(targets, top, rate):
                mine.cheaper(index, of.row[index], found, found.rate / size[index])
            those = _first(slot, mine.each, mine.point.tpot_seconds)
            best.cheaper(slot[those], of.row[those], mine.point.of(those), mine.each[those])
        lacking = part[~best.each.reshape(loads, -1)[part].any(axis=1)]
        for at, of in pairs(lacking) if lacking.size else ():
            first = of.at(of.apart())
            np.minimum.at(tpot, at, first.tpot_seconds)
            np.minimum.at(ttft, at, first.ttft_seconds)
            fine = np.flatnonzero(first.ttft_seconds <= targets.ttft_seconds)
            fine = fine[_first(at[fine], np.ones(fine.size), first.tpot_seconds[fine])]
            quick.faster(at[fine], of.row[fine], first.of(fine), first.rate[fine] / gpus[of.row[fine]])

    def these(size: Array, found: _Best) -> Sizes:
        index = found.row.reshape(loads, -1)
        batch, rate = (values.reshape(index.shape) for values in (found.point.batch, found.point.rate))
        return Sizes(size, picked(layout, index), picked(precision, index), form[index], batch, rate)

    wide = sizes if every_size else gpus[best.row][:, None]
    return Choice(these(wide, best), tpot, ttft, these(gpus[quick.row][:, None], quick))


def _first(slot: Places, each: Array, tpot: Array) -> Places:
    """Of points with one slot the one that serves a token cheapest, of equals the fastest, of those the first."""
    if not np.any(np.diff(slot) <= 0):
        return np.flatnonzero(each > 0.0)
    most = np.zeros(np.max(slot) + 1)
    np.maximum.at(most, slot, each)
    those = np.flatnonzero((each > 0.0) & (each >= most[slot] * (1.0 - EQUAL)))
    order = those[np.lexsort((level(tpot[those]), slot[those]))]
    return order[np.append(True, np.diff(slot[order]) > 0)] if order.size else order
