"""The cheapest layout, precision and batch of every size of replica, for many loads at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Index, Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import operating_point
from llmcost.engine.serving.search import BATCHES, Grid, Targets, by_size

CHUNK = 100_000  # operating points at a time: temporaries stay in the cache


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
        As in `serving_search.search`; or (loads, batches), each load with its own: only what fits whole counts then.

    Source: enumeration; the cheapest output token within the targets, the faster of equals.
    """
    own = np.ndim(batches) == 2
    count, formats, steps = np.size(candidates.tp), len(precisions), np.shape(batches)[-1]
    row, form, step = (a.ravel() for a in np.indices((count, formats, steps)))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    columns = np.array([[float(v) for v in p] for p in precisions]).T
    precision = Precision(*[c[form] for c in columns])
    tried: Any = np.asarray(batches, dtype=float)[..., step]
    gpus = np.asarray(layout.tp * layout.pp * layout.dp)
    sizes = np.array(sorted(set(gpus.tolist())))
    of_size = [np.flatnonzero(gpus == size) for size in sizes]
    lengths = np.broadcast_arrays(load.isl, load.osl, load.cached_isl)
    isl, osl, cached = (np.asarray(v, dtype=float) for v in lengths)
    picked = np.empty((len(isl), len(sizes)), dtype=int)
    held, speed = np.empty((2, *picked.shape))
    tpot, ttft, quickest, quick_held = np.empty((4, len(isl)))
    quick = np.empty(len(isl), dtype=int)
    width = max(CHUNK // len(row), 1)
    for start in range(0, len(isl), width):
        part = slice(start, start + width)
        some = Load(isl[part, None], osl[part, None], cached[part, None], 1.0)
        limit = max_batch(shape, machine, layout, precision, some, calibration)
        wanted = tried[part] if own else tried
        batch: Any = np.minimum(wanted, np.maximum(limit, 1.0))
        fits = np.asarray(limit >= (wanted if own else 1.0))
        # Beyond what fits a batch is what fits: the same point again.
        fresh = fits if own else fits & ((step == 0) | (tried[..., step - 1] < limit))
        ttfts, tpots, tokens = _points(
            shape, machine, layout, precision, some._replace(batch=batch), calibration, fresh
        )
        prompt = fits & (ttfts <= targets.ttft_seconds)
        rate = np.where(prompt & (tpots <= targets.tpot_seconds), tokens, 0.0)
        rows = np.arange(len(rate))
        for i, at in enumerate(of_size):
            best = rate[:, at].max(axis=1)
            pace = np.where(rate[:, at] == best[:, None], tpots[:, at], np.inf)
            picked[part, i] = at[np.argmin(pace, axis=1)]
            held[part, i] = batch[rows, picked[part, i]]
            speed[part, i] = best
        quick[part] = np.argmin(np.where(prompt, tpots, np.inf), axis=1)
        quick_held[part] = batch[rows, quick[part]]
        quickest[part] = np.where(prompt, tokens, 0.0)[rows, quick[part]]
        tpot[part] = np.where(fits, tpots, np.inf).min(axis=1)
        ttft[part] = np.where(fits, ttfts, np.inf).min(axis=1)

    def these(size: Array, points: Any, batch: Array, rate: Array) -> Sizes:
        chosen = (
            Layout(*[np.asarray(v)[points] for v in layout]),
            Precision(*[np.asarray(c)[points] for c in precision]),
        )
        return Sizes(size, *chosen, form[points], batch, rate)

    fastest = these(gpus[quick][:, None], quick[:, None], quick_held[:, None], quickest[:, None])
    return Choice(these(sizes, picked, held, speed), tpot, ttft, fastest)


def _points(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration,
    fresh: npt.NDArray[np.bool_],
) -> tuple[Array, Array, Array]:  # fmt: skip
    """TTFT, TPOT and output tokens per second (loads, rows); a row that is not fresh has those of the one before it."""

    def some(values: Any) -> Any:
        return np.broadcast_to(np.asarray(values), fresh.shape)[fresh]

    point = operating_point(
        shape,
        machine,
        Layout(*map(some, layout)),
        Precision(*map(some, precision)),
        Load(*map(some, load)),
        calibration,
    )
    before = np.maximum.accumulate(np.where(fresh, np.arange(fresh.shape[1]), 0), axis=1)
    found = []
    for values in (point.ttft_seconds, point.tpot_seconds, point.output_tokens_per_second):
        whole = np.zeros(fresh.shape)
        whole[fresh] = values
        found.append(np.take_along_axis(whole, before, axis=1))
    return found[0], found[1], found[2]
