"""Every valid layout of a training run as arrays, and the memory of each."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.training.memory import FULL, NONE, SELECTIVE, Layout
from llmcost.engine.training.micro_batch import FP8, Run
from llmcost.engine.training.peak import Memory, Trained, training_memory

TENSOR = (1, 2, 4, 8, 16)
CONTEXT = (1, 2, 4, 8, 16, 32)
MICRO_BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
VIRTUAL = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
CONTEXT_TOKENS = 4096.0  # a shorter share of the sequence is not worth splitting
SPARE_LAYERS = 3  # places of virtual stages that may stay empty, for embedding and head
PARTIAL = 1.0 + 1.0 / math.pi  # placeholder, no share of layers: as many recomputed in full as memory asks for


def divisors(n: float, most: float = np.inf) -> list[int]:
    """Divisors of n up to `most`, in order.

    Parameters
    ----------
    n : float
        Whole number.
    most : float
        Largest divisor wanted.

    Source: definition.

    Examples
    --------
    >>> divisors(126, 20)
    [1, 2, 3, 6, 7, 9, 14, 18]
    """
    whole = round(n)
    small = [d for d in range(1, int(whole**0.5) + 1) if whole % d == 0]
    return [d for d in sorted({*small, *(whole // d for d in small)}) if d <= most]


def _options(shape: Shape, machine: Machine, n: float, run: Run, fixed: Mapping[str, float]) -> list[list[float]]:
    """Values to try for tp, pp, vpp, cp, ep, etp, zero, micro_batch, recompute and sp."""
    domain = float(np.nan_to_num(machine.scale_up_domain, nan=8.0))
    moe = float(shape.n_experts) > 0
    free: dict[str, list[float]] = {
        "tp": [float(t) for t in TENSOR if t <= domain and shape.n_heads % t == 0],
        "pp": [float(p) for p in divisors(n, float(shape.n_layers))],
        "vpp": [float(v) for v in VIRTUAL],
        "cp": [float(c) for c in CONTEXT if c == 1 or run.seq_len / c >= CONTEXT_TOKENS],
        "ep": [float(e) for e in divisors(float(shape.n_experts), 256.0) if e & (e - 1) == 0] if moe else [1.0],
        "etp": [1.0, 0.0] if moe else [1.0],  # 0: as much as tp
        "zero": [0.0, 1.0, 3.0],
        "micro_batch": [float(b) for b in MICRO_BATCHES if b % run.together == 0],
        "recompute": [float(NONE), float(SELECTIVE), PARTIAL],
        "sp": [1.0],  # a choice of the user's, as people make it
    }
    return [[float(fixed[name])] if name in fixed else values for name, values in free.items()]


def layouts(
    shape: Shape,
    machine: Machine,
    n_gpus: float,
    run: Run,
    fixed: Mapping[str, float] | None = None,
) -> Layout:
    """All valid layouts on `n_gpus` accelerators, as arrays.

    Valid: tp x pp x dp x cp x sp = n; heads divide by tp x sp, experts by ep; the batch divides into replicas and
    micro-batches; virtual stages hold whole layers (up to three may be missing at the ends, for embedding and head) and
    need micro-batches in rounds of pp, or at least two rounds. `recompute` PARTIAL stands for as many fully recomputed
    layers as memory asks for.

    Parameters
    ----------
    shape, machine, run
        As in `engine.training.step`, scalars.
    n_gpus : float
        Accelerators [-].
    fixed : mapping
        Fields of `Layout` that are given. Where the replicas are among them it is a run that was made, and nothing is
        questioned; else the batch has to divide into micro-batches, experts over ranks, and layers into stages.

    Source: definition; interleaving rule: Narayanan et al. 2021, arXiv 2104.04473, section 2.2.2.

    Examples
    --------
    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> s = zero._replace(n_layers=4.0, n_heads=2.0, dense_layers=4.0)
    >>> m = Machine(1e15, np.nan, np.nan, np.nan, 8e10, 3e12, 4e11, 8, 5e10, 700)
    >>> found = layouts(s, m, 2, Run(2048, 4, 0), {"zero": 1, "recompute": 0, "micro_batch": 1, "vpp": 1})
    >>> list(zip(found.tp.tolist(), found.pp.tolist(), found.dp.tolist()))
    [(1.0, 1.0, 2.0), (1.0, 2.0, 1.0), (2.0, 1.0, 1.0)]
    """
    given = dict(fixed or {})
    options = _options(shape, machine, n_gpus, run, given)

    def whole(tp: Array, pp: Array, sequence: Array, etp: Array) -> tuple[Array, Array]:
        dp = np.full_like(tp, given["dp"]) if "dp" in given else n_gpus / (tp * pp * sequence)
        return dp, np.where(etp == 0, tp, etp)

    # an open grid: each test works on the few axes it names, not on every combination of all nine
    tp, pp, vpp, cp, ep, etp, zero, micro, recompute, sp = grid = np.ix_(*options)
    split = cp * sp
    dp, wide = whole(tp, pp, split, etp)
    rounds = run.global_batch / (dp * micro)
    good = np.asarray((dp == np.floor(dp)) & (dp >= 1))
    good = good & ((tp * pp * split * dp == n_gpus) | ({"tp", "pp", "cp", "dp"} <= set(given)))
    measured = "dp" in given  # of a run that was made: what it says is not questioned
    good = good & ((measured & (sp == 1)) | (shape.n_heads % (tp * sp) == 0))
    good = good & ((rounds >= 1) & (rounds == np.floor(rounds)) | (measured and "micro_batch" in given))
    good = good & ((measured and "ep" in given) | ((tp * split * dp) % (ep * wide) == 0))
    good = good & (("etp" in given) | (wide == 1) | ((ep * wide <= tp * split * dp) & (tp > 1) & (etp == 0)))
    good = good & (("zero" in given) | (zero < 3) | (pp == 1))
    good = good & ((measured and "vpp" in given) | _interleaves(shape, pp, vpp, rounds))
    sizes = [len(values) for values in options]
    found = np.unravel_index(np.flatnonzero(np.broadcast_to(good, sizes)), sizes)
    tp, pp, vpp, cp, ep, etp, zero, micro, recompute, sp = (
        axis.ravel()[at] for axis, at in zip(grid, found, strict=True)
    )
    dp, wide = whole(tp, pp, cp * sp, etp)
    shard = np.full_like(tp, given.get("shard", 0.0))
    return Layout(tp, pp, vpp, dp, cp, ep, wide, zero, shard, micro, recompute, sp)


def _interleaves(shape: Shape, pp: Array, vpp: Array, rounds: Array) -> npt.NDArray[np.bool_]:
    """Whether virtual stages hold whole layers, up to three missing at the ends, in rounds of pp micro-batches."""
    chunks = pp * vpp
    in_rounds: npt.NDArray[np.bool_] = (rounds % pp == 0) | (rounds >= 2 * pp)
    missing = (-float(shape.n_layers)) % chunks
    whole = (missing <= SPARE_LAYERS) & (chunks <= shape.n_layers + SPARE_LAYERS)
    return np.asarray((vpp == 1) | ((pp > 1) & whole & in_rounds))


def footprint(shape: Shape, machine: Machine, layout: Layout, run: Run) -> Memory:
    """Memory of layouts by what the stack of the run keeps [bytes].

    Parameters
    ----------
    shape, machine, layout, run
        As in `engine.training.step`.

    Source: `engine.training.peak.training_memory`.

    Examples
    --------
    See `engine.training.peak.training_memory`.
    """
    lay = layout
    micro = np.maximum(1.0, run.global_batch / (lay.dp * lay.micro_batch))
    narrow = ((np.asarray(run.precision) >= FP8) & ~np.isnan(machine.fp8_flops)).astype(float)
    trained = Trained(run.adapters + run.ends, np.asarray(run.weight_bits) / 8.0, 1.0 - np.asarray(run.unfused), narrow)
    held = training_memory(shape, lay, run.seq_len, micro, run.memory.of(lay.zero), trained)
    return held.within(machine.shown_bytes)


def kept(layout: Layout, which: npt.NDArray[np.bool_]) -> Layout:
    """Some of the layouts; what is the same for all stays a scalar."""
    axes = (np.broadcast_to(axis, which.shape)[which] if np.ndim(axis) else axis for axis in layout)
    return Layout(*axes)


def settle(shape: Shape, machine: Machine, layout: Layout, run: Run, slack: float = 1.0) -> Layout:
    """The layouts with partial recomputation settled: the fewest fully recomputed layers that fit.

    Parameters
    ----------
    shape, machine, layout, run
        As in `engine.training.step`.
    slack : float
        Memory allowed relative to the preset's [-].

    Source: activations fall linearly with the share of recomputed layers.

    Examples
    --------
    See `search`.
    """
    size = np.broadcast_shapes(*(np.shape(axis) for axis in layout))
    partial = np.broadcast_to(np.asarray(layout.recompute) == PARTIAL, size)
    if not partial.any():
        return layout
    open_, margin = kept(layout, partial), run.memory.margin
    ends = np.array([[SELECTIVE + 1e-9], [float(FULL)]])
    some, full = np.asarray(footprint(shape, machine, open_._replace(recompute=ends), run).needed(margin))
    limit = slack * machine.shown_bytes
    share = np.clip((some - limit) / np.maximum(some - full, 1.0), 0.0, 1.0)
    level = np.array(np.broadcast_to(layout.recompute, size), dtype=float)
    level[partial] = SELECTIVE + np.ceil(share * shape.n_layers) / shape.n_layers
    return layout._replace(recompute=level)
