"""The cheapest layout, precision and batch of every size of replica, for many loads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Index, Num, Places
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import Times, times
from llmcost.engine.serving.search import BATCHES, EQUAL, Grid, Targets, by_size

CHUNK = 16_384  # loads at a time: temporaries stay in the cache
SLACK = 4.0  # answer tokens: the shorter an answer, the further a rate may fall beyond its highest
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
    """The best point so far of every load: its row among the layouts, and its rate per accelerator."""

    row: Places
    point: _Points
    each: Array  # output tokens per second of an accelerator

    @classmethod
    def none(cls, loads: int, row: int) -> _Best:
        """None yet: a row that stands for it."""
        return cls(np.full(loads, row), _Points.none(loads), np.zeros(loads))

    def put(self, index: Any, row: int, found: _Points, each: Array) -> None:
        """Take a row's points of some loads."""
        self.row[index], self.each[index] = row, each
        self.point.put(index, found)

    def cheaper(self, index: Places, row: int, found: _Points, gpus: float) -> None:
        """Take points that serve a token cheaper, of equals the faster."""
        each = found.rate / gpus
        more = each / np.maximum(self.each[index], 1e-300)
        faster = found.tpot_seconds < self.point.tpot_seconds[index] * (1.0 - EQUAL)
        better = (more > 1.0 + EQUAL) | ((more > 1.0 - EQUAL) & faster)
        self.put(index[better], row, found.of(better), each[better])

    def faster(self, index: Places, row: int, found: _Points, gpus: float) -> None:
        """Take points whose tokens come faster."""
        better = found.tpot_seconds < self.point.tpot_seconds[index]
        self.put(index[better], row, found.of(better), found.rate[better] / gpus)


class _Row(NamedTuple):
    """A layout in a precision, and its batches: of those tried, so many are `below` the most that fits."""

    point: Callable[[Load], Times]
    lanes: float  # requests that run beside each other without sharing an iteration
    idle_seconds: float  # no iteration is shorter
    waiting: bool  # whether attention groups wait for one another
    tried: Array
    load: Load  # those that fit
    most: Array
    below: Places

    def of(self, index: Any) -> _Row:
        """Of some of the loads."""
        some = Load(*(np.asarray(values)[index] for values in self.load[:3]))
        return self._replace(load=some, most=self.most[index], below=self.below[index])

    def batch(self, index: Places) -> Array:
        """Batches by index: the largest that fits comes after those tried that are smaller."""
        if not len(self.tried):
            return self.most
        return np.where(index < self.below, self.tried[np.minimum(index, len(self.tried) - 1)], self.most)

    def at(self, index: Places) -> _Points:
        """The point of a batch of every load."""
        batch = self.batch(index)
        figures = self.point(self.load._replace(batch=batch))
        return _Points(index, batch, *(np.broadcast_to(v, batch.shape) for v in figures[:4]))

    def apart(self) -> Places:
        """Index of the largest batch whose requests share no iteration."""
        first = max(int(np.searchsorted(self.tried, self.lanes, "right")) - 1, 0)
        return np.where(self.most <= self.lanes, self.below, np.minimum(first, self.below))

    def largest(self, targets: Targets, low: _Points, high: _Points) -> _Points:
        """The largest batch that keeps the targets: `low` does, `high` does not, and both times rise between them."""
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
        """The batch of the highest rate up to one, and of equal rates the smallest.

        Where iterations always carry prompts the rate no longer has to rise with the batch; where the replica is never
        idle and carries no more of them, it stays: further requests wait.
        """
        if not len(self.tried):
            return found
        index = np.searchsorted(self.tried, found.never_idle * (1.0 - EQUAL))
        index = np.where(found.never_idle <= found.batch, np.minimum(index, found.place), found.place)
        found = found._replace(place=index, batch=self.batch(index))  # the rate is the same
        before = self.at(np.maximum(index - 1, self.apart()))
        falls = np.flatnonzero(before.rate > found.rate * (1.0 + EQUAL))
        if falls.size:
            here = self.of(falls)
            first, last = here.apart(), before.place[falls]
            while np.any(last > first):
                middle = (first + last) // 2
                one, next = here.at(middle), here.at(np.minimum(middle + 1, last))
                rises = one.rate * (1.0 + EQUAL) < next.rate
                first, last = np.where(rises, middle + 1, first), np.where(rises, last, middle)
            found.put(falls, here.at(last))
        return found

    def choices(self, targets: Targets, rate: Array) -> Iterator[tuple[Places, _Points]]:
        """What may serve loads for less than at a known rate: which loads, and their points.

        The largest batch that keeps the targets, where it is a match for what is known; and where so few may be one,
        the largest batch whose requests share no iteration and the next, from which on the rate may fall. Attention
        groups wait for one another's prompts: where those few do nearly as well, everything between is tried.
        """
        top = self.at(self.below)
        slack = 1.0 + SLACK / np.maximum(self.load.osl, 1.0)
        match = top.rate * slack >= rate * (1.0 - EQUAL)
        kept = _excess(top, targets) <= 0.0
        sure = np.flatnonzero(match & kept)
        yield sure, self.of(sure).peak(top.of(sure))
        first = self.apart()
        second = np.minimum(first + 1, self.below)
        few = (first < self.below) & (self.batch(second) / self.idle_seconds > rate)
        open = np.flatnonzero(few | (match & ~kept))
        if not open.size or not len(self.tried):
            return
        here, low, high = self.of(open), self.of(open).at(first[open]), top.of(open)
        next = here.at(second[open])
        for points in (low, next):
            fine = np.flatnonzero(_excess(points, targets) <= 0.0)
            yield open[fine], points.of(fine)
        more = np.flatnonzero((_excess(low, targets) <= 0.0) & ~kept[open])
        found = here.of(more).largest(targets, low.of(more), high.of(more))
        high.put(more, found)
        yield open[more], here.of(more).peak(found)
        if self.waiting:
            near = (_excess(high, targets) <= 0.0) & (next.rate > NEAR * high.rate)
            for step in range(1, int(np.max((high.place - next.place)[near], initial=1))):
                those = np.flatnonzero(near & (next.place + step < high.place))
                yield open[those], here.of(those).at(next.place[those] + step)


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
    own = np.ndim(batches) == 2
    row, form = (axis.ravel() for axis in np.indices((np.size(candidates.tp), len(precisions))))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    precision = Precision(*np.array([[float(v) for v in p] for p in precisions]).T[:, form])
    gpus = np.asarray(layout.tp * layout.pp * layout.dp)
    each = [
        (Layout(*(float(np.asarray(v)[i]) for v in layout)), Precision(*(float(np.asarray(v)[i]) for v in precision)))
        for i in range(len(row))
    ]
    sizes = np.array(sorted(set(gpus.tolist())) if every_size else [0.0])
    tried = np.asarray(batches, dtype=float)
    isl, osl, cached = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(load.isl, load.osl, load.cached_isl))
    best = {size: _Best.none(len(isl), int(np.argmax(gpus == size)) if size else 0) for size in sizes.tolist()}
    quick, (tpot, ttft) = _Best.none(len(isl), 0), np.full((2, len(isl)), np.inf)

    def rows(part: Places) -> Iterator[tuple[int, Places, _Row]]:
        """Every layout and precision that holds a request of some loads, and which those are."""
        some = Load(isl[part], osl[part], cached[part])
        for i, (ranks, format) in enumerate(each):
            limit = np.broadcast_to(max_batch(shape, machine, ranks, format, some, calibration), part.shape)
            most = np.ravel(tried)[part] if own else np.clip(limit, 1.0, tried[-1])
            fits = np.flatnonzero(limit >= most)
            if not fits.size:
                continue
            point = partial(_times, shape, machine, ranks, format, calibration)
            idle, lanes = float(point(Load(1.0, 1.0, 1.0, 1.0)).tpot_seconds), float(ranks.dp * ranks.pp)
            some_tried, most = np.zeros(0) if own else tried, most[fits]
            here = some if fits.size == part.size else Load(isl[part[fits]], osl[part[fits]], cached[part[fits]])
            some_below = np.searchsorted(some_tried, most)
            yield i, part[fits], _Row(point, lanes, idle, bool(ranks.attention_dp), some_tried, here, most, some_below)

    for start in range(0, len(isl), CHUNK):
        part = np.arange(start, min(start + CHUNK, len(isl)))
        for i, at, of in rows(part):
            size = float(gpus[i])
            so_far = best[size if every_size else 0.0]
            for index, found in of.choices(targets, so_far.each[at] * size):
                so_far.cheaper(at[index], i, found, size)
        lacking = part[np.all([b.point.rate[part] == 0.0 for b in best.values()], axis=0)]
        for i, at, of in rows(lacking) if lacking.size else ():
            first = of.at(of.apart())
            tpot[at], ttft[at] = np.minimum(tpot[at], first.tpot_seconds), np.minimum(ttft[at], first.ttft_seconds)
            fine = first.ttft_seconds <= targets.ttft_seconds
            quick.faster(at[fine], i, first.of(fine), float(gpus[i]))

    def these(size: Array, found: list[_Best]) -> Sizes:
        points = np.stack([one.row for one in found], axis=1)
        batch, rate = (np.stack([getattr(b.point, n) for b in found], axis=1) for n in ("batch", "rate"))
        chosen = (
            Layout(*(np.asarray(v)[points] for v in layout)),
            Precision(*(np.asarray(v)[points] for v in precision)),
        )
        return Sizes(size, *chosen, form[points], batch, rate)

    held = list(best.values())
    wide = sizes if every_size else gpus[held[0].row][:, None]
    return Choice(these(wide, held), tpot, ttft, these(gpus[quick.row][:, None], [quick]))


def _times(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, calibration: Calibration, load: Load
) -> Times:
    return times(shape, machine, layout, precision, load, calibration)
