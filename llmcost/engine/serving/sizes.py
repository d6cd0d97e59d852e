"""The cheapest layout, precision and batch of every size of replica, for many loads at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Flags, Index, Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import times
from llmcost.engine.serving.search import BATCHES, EQUAL, Grid, Targets, by_size

CHUNK = 50_000  # operating points at a time: temporaries stay in the cache


class Sizes(NamedTuple):
    """What serves an output token cheapest on every number of accelerators that holds a replica.

    gpus : (sizes,) accelerators of a replica, ascending [-].
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

    The best times say by how much a target is missed; they are infinite where nothing fits. `fastest` is the replica of
    least TPOT within the TTFT target (loads, 1), whatever the TPOT target; its rate is zero where there is none.
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
    """Batches of one layout and precision (loads, batches); what is no choice has no rate, and times without end."""

    batch: Array
    ttft_seconds: Array
    tpot_seconds: Array
    output_tokens_per_second: Array

    def where(self, kept: Flags) -> _Points:
        """Those that are kept."""
        if np.all(kept):
            return self
        ttft, tpot = (np.where(kept, values, np.inf) for values in (self.ttft_seconds, self.tpot_seconds))
        return _Points(self.batch, ttft, tpot, np.where(kept, self.output_tokens_per_second, 0.0))

    def and_then(self, others: _Points) -> _Points:
        """Both, these first."""
        loads = np.shape(others.batch)[0]
        return _Points(
            *(
                np.concatenate([np.broadcast_to(a, (loads, np.shape(a)[-1])), b], axis=1)
                for a, b in zip(self, others, strict=True)
            )
        )

    def at(self, column: Index) -> _Points:
        """One of every load."""
        rows = np.arange(len(self.batch))
        return _Points(*(values[rows, column] for values in self))


class _Best(NamedTuple):
    """The best point so far of every load: its row among the layouts, and the point."""

    row: npt.NDArray[np.intp]
    point: _Points

    @classmethod
    def none(cls, loads: int, row: int) -> _Best:
        """None yet: a row that stands for it."""
        nothing = np.ones(loads), np.full(loads, np.inf), np.full(loads, np.inf), np.zeros(loads)
        return cls(np.full(loads, row), _Points(*nothing))

    def improve(self, part: slice, row: int, found: _Points, better: Flags) -> None:
        """Take what is better among the loads of a part."""
        self.row[part] = np.where(better, row, self.row[part])
        for mine, values in zip(self.point, found, strict=True):
            mine[part] = np.where(better, values, mine[part])


def of_loads(
    shape: Shape, machine: Machine, candidates: Layout, precisions: list[Precision], load: Load,
    calibration: Calibration, targets: Targets, batches: Num = BATCHES,
) -> Choice:  # fmt: skip
    """The sizes in `serving_search.search` for every load of an array.

    Parameters
    ----------
    shape, machine, candidates, precisions, calibration, targets, batches
        As in `serving_search.search`.
    load : Load
        Lengths as arrays, one element per load [tokens]; `batch` is ignored.
    batches : array
        As in `serving_search.search`; or (loads, 1), each load with its own: it counts only where it fits whole.

    Source: enumeration; the cheapest output token within the targets, the faster of equals.
    """
    own = np.ndim(batches) == 2
    row, form = (axis.ravel() for axis in np.indices((np.size(candidates.tp), len(precisions))))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    precision = Precision(*np.array([[float(v) for v in p] for p in precisions]).T[:, form])
    gpus = np.asarray(layout.tp * layout.pp * layout.dp)
    sizes = np.array(sorted(set(gpus.tolist())))
    tried = np.asarray(batches, dtype=float)
    lengths = np.broadcast_arrays(load.isl, load.osl, load.cached_isl)
    isl, osl, cached = (np.asarray(v, dtype=float)[:, None] for v in lengths)
    best = {size: _Best.none(len(isl), int(np.argmax(gpus == size))) for size in sizes.tolist()}
    quick, (tpot, ttft) = _Best.none(len(isl), 0), np.full((2, len(isl)), np.inf)
    width = max(CHUNK // (1 if own else len(tried)), 1)
    for start in range(0, len(isl), width):
        part = slice(start, start + width)
        some = Load(isl[part], osl[part], cached[part])
        limit = np.broadcast_to(
            max_batch(shape, machine, layout, precision, some, calibration), (len(isl[part]), len(row))
        )
        # the largest batch that fits is a candidate too, in place of every batch beyond it
        most = np.broadcast_to(tried[part] if own else np.clip(limit, 1.0, tried[-1]), limit.shape)
        last = _Points(most, *times(shape, machine, layout, precision, some._replace(batch=most), calibration))
        for i in np.flatnonzero(np.any(limit >= most, axis=0)).tolist():
            fits = limit[:, i, None] >= most[:, i, None]
            points = _Points(*(values[:, i, None] for values in last)).where(fits)
            below = tried[:0] if own else tried[tried < np.max(points.batch)]
            if len(below):
                ranks = Layout(*(float(np.asarray(v)[i]) for v in layout))
                format = Precision(*(float(np.asarray(v)[i]) for v in precision))
                less = times(shape, machine, ranks, format, some._replace(batch=below), calibration)
                points = _Points(below, *less).where(fits & (below < points.batch)).and_then(points)
            tpot[part] = np.minimum(tpot[part], points.tpot_seconds.min(axis=1))
            ttft[part] = np.minimum(ttft[part], points.ttft_seconds.min(axis=1))
            points = points.where(points.ttft_seconds <= targets.ttft_seconds)
            fast = points.at(points.tpot_seconds.argmin(axis=1))
            quick.improve(part, i, fast, fast.tpot_seconds < quick.point.tpot_seconds[part])
            points = points.where(points.tpot_seconds <= targets.tpot_seconds)
            rate, so_far = points.output_tokens_per_second, best[float(gpus[i])]
            equal = np.where(rate >= rate.max(axis=1, keepdims=True) * (1.0 - EQUAL), points.tpot_seconds, np.inf)
            found = points.at(equal.argmin(axis=1))
            more = found.output_tokens_per_second / np.maximum(so_far.point.output_tokens_per_second[part], 1e-300)
            faster = found.tpot_seconds < so_far.point.tpot_seconds[part] * (1.0 - EQUAL)
            so_far.improve(part, i, found, (more > 1.0 + EQUAL) | ((more > 1.0 - EQUAL) & faster))

    def these(size: Array, found: list[_Best]) -> Sizes:
        points = np.stack([one.row for one in found], axis=1)
        batch, rate = (
            np.stack([getattr(b.point, n) for b in found], axis=1) for n in ("batch", "output_tokens_per_second")
        )
        chosen = (
            Layout(*(np.asarray(v)[points] for v in layout)),
            Precision(*(np.asarray(v)[points] for v in precision)),
        )
        return Sizes(size, *chosen, form[points], batch, rate)

    return Choice(these(sizes, list(best.values())), tpot, ttft, these(gpus[quick.row][:, None], [quick]))
