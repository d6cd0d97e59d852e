"""Every valid layout of a training run as arrays; the fastest that fits, the next best, what binds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.training.calibration import Calibration
from llmcost.engine.training.memory import FULL, NONE, SELECTIVE, Layout
from llmcost.engine.training.micro_batch import FP8, Run
from llmcost.engine.training.peak import Memory, Trained, training_memory
from llmcost.engine.training.step import Step, step
from llmcost.records import NamedTuple

TENSOR = (1, 2, 4, 8, 16)
CONTEXT = (1, 2, 4, 8, 16, 32)
MICRO_BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
VIRTUAL = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
CONTEXT_TOKENS = 4096.0  # a shorter share of the sequence is not worth splitting
SPARE_LAYERS = 3  # places of virtual stages that may stay empty, for embedding and head
PARTIAL = 1.0 + 1.0 / math.pi  # placeholder, no share of layers: as many recomputed in full as memory asks for
KEPT = 8192  # searches of different inputs: some kB each


class Choice(NamedTuple):
    """One layout with its time and memory."""

    layout: Layout
    step: Step
    memory: Memory
    fits: bool


class Asked(NamedTuple):
    """A search in which something fits: what binds follows from it, and few ask."""

    step: Step  # the fastest that fits
    shape: Shape
    machine: Machine
    n_gpus: float
    run: Run
    calibration: Calibration
    fixed: tuple[tuple[str, float], ...]
    slack: float

    def unlimited(self) -> float:
        """The fastest step of all layouts, whether they fit or not [s]."""
        held = _held(self.shape, _room(self.machine), self.n_gpus, self.run, self.fixed, self.slack)
        assert held is not None
        return float(np.min(step(self.shape, self.machine, held[0], self.run, self.calibration).step_seconds))


class Found(NamedTuple):
    """Answer of a layout search."""

    best: Choice  # the fastest that fits; the one that needs least memory if none does
    runner_up: Choice | None  # the fastest that fits with other degrees of parallelism
    asked: Asked | None  # None where nothing fits
    valid: int  # layouts considered
    fitting: int
    missing_bytes: float  # per accelerator, 0 if something fits

    @property
    def binds(self) -> str:
        """What takes most beyond matrix products: compute, memory, network, bubble or overhead; or capacity."""
        return "capacity" if self.asked is None else _binds(self.asked.step, self.asked.unlimited())


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


def _kept(layout: Layout, which: npt.NDArray[np.bool_]) -> Layout:
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
    open_, margin = _kept(layout, partial), run.memory.margin
    some = footprint(shape, machine, open_._replace(recompute=SELECTIVE + 1e-9), run).needed(margin)
    full = footprint(shape, machine, open_._replace(recompute=float(FULL)), run).needed(margin)
    limit = slack * machine.shown_bytes
    share = np.clip((some - limit) / np.maximum(some - full, 1.0), 0.0, 1.0)
    level = np.array(np.broadcast_to(layout.recompute, size), dtype=float)
    level[partial] = SELECTIVE + np.ceil(share * shape.n_layers) / shape.n_layers
    return layout._replace(recompute=level)


def _choice(index: int, layout: Layout, steps: Step, memory: Memory, fits: bool) -> Choice:
    size = np.size(layout.tp)

    def pick(values: Any) -> Any:
        return type(values)(*[float(np.broadcast_to(v, size)[index]) for v in values])

    return Choice(pick(layout), pick(steps), pick(memory), fits)


def _binds(best: Step, unlimited: float) -> str:
    """What takes most of the step beyond matrix products and attention; capacity if more memory would gain 5 %."""
    if best.step_seconds > 1.05 * unlimited:
        return "capacity"
    network = best.tensor_parallel_seconds + best.context_parallel_seconds + best.expert_parallel_seconds
    shares = {
        "compute": (best.gemm_seconds + best.attention_seconds) / 3.0,
        "memory": best.elementwise_seconds + best.optimizer_seconds,
        "network": network + best.sharding_seconds + best.gradient_seconds,
        "bubble": best.pipeline_seconds,
        "overhead": best.launch_seconds + best.straggler_seconds + best.fixed_seconds,
    }
    return max(shares, key=lambda name: float(shares[name]))


def _room(machine: Machine) -> Machine:
    """The machine with what layouts and their memory depend on alone: at any other speed those are the same."""
    narrow = np.nan if np.isnan(machine.fp8_flops) else 1.0
    domain = np.nan if np.isnan(machine.scale_up_domain) else float(machine.scale_up_domain)
    speeds = dict.fromkeys(Machine._fields, 1.0)
    return Machine(**speeds | {
        "fp8_flops": narrow, "scale_up_domain": domain, "memory_bytes": float(machine.shown_bytes),
        "process_bytes": np.nan,
    })  # fmt: skip


@lru_cache(maxsize=32)
def _held(
    shape: Shape, room: Machine, n_gpus: float, run: Run, fixed: tuple[tuple[str, float], ...], slack: float
) -> tuple[Layout, Memory, Array, npt.NDArray[np.bool_]] | None:
    """Every layout, its memory, what it needs of it [bytes], and whether that fits; known for machines of one size."""
    every = settle(shape, room, layouts(shape, room, n_gpus, run, dict(fixed)), run, slack)
    if not np.size(every.tp):
        return None
    memory = footprint(shape, room, every, run)
    total = np.broadcast_to(memory.needed(run.memory.margin), np.shape(every.tp))
    return every, memory, total, total <= slack * room.shown_bytes * (1 + 1e-9)


def search(
    shape: Shape,
    machine: Machine,
    n_gpus: float,
    run: Run,
    calibration: Calibration,
    fixed: Mapping[str, float] | None = None,
    slack: float = 1.0,
) -> Found:
    """The fastest layout that fits, the runner-up, and what binds; scalars in, scalars out.

    Parameters
    ----------
    shape, machine, run, calibration
        As in `engine.training.step`, scalars.
    n_gpus : float
        Accelerators [-].
    fixed : mapping
        Fields of `Layout` that are given.
    slack : float
        Memory allowed relative to the preset's [-]: above 1 only for runs known to have fitted.

    What was found is kept: runs of one model and machine that differ in tokens or prices mean few batches.

    Source: exhaustive over `layouts`.

    Raises
    ------
    ValueError
        No valid layout at all: the given degrees do not multiply to `n_gpus`, or the batch does not divide.

    Examples
    --------
    See tests/published/test_training.py.
    """
    given = dict(fixed or {})
    key = _plain((shape, machine, n_gpus, run, calibration, tuple(given.values()), slack)), *given
    if key not in _FOUND:
        if len(_FOUND) >= KEPT:
            _FOUND.clear()
        _FOUND[key] = _fastest(shape, machine, n_gpus, run, calibration, given, slack)
    found = _FOUND[key]
    if found is None:
        raise ValueError("no valid layout")
    return found


_FOUND: dict[tuple[Any, ...], Found | None] = {}


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers of any kind as they compare: what is unknown is the same as what is unknown."""
    return tuple(_plain(v) if isinstance(v, tuple) else None if v != v else float(v) for v in values)


def _fastest(
    shape: Shape, machine: Machine, n_gpus: float, run: Run, calibration: Calibration, fixed: Mapping[str, float],
    slack: float,
) -> Found | None:  # fmt: skip
    held = _held(shape, _room(machine), n_gpus, run, tuple(fixed.items()), slack)
    if held is None:
        return None
    every, memory, total, fits = held
    if not fits.any():
        least = int(np.argmin(total))
        missing = float(total[least] - slack * machine.shown_bytes)
        alone = _kept(every, np.arange(len(total)) == least)
        steps = step(shape, machine, alone, run, calibration)
        best = _choice(0, alone, steps, footprint(shape, machine, alone, run), False)
        return Found(best, None, None, len(total), 0, missing)
    fitting = _kept(every, fits)
    memory = Memory(*(np.broadcast_to(part, fits.shape)[fits] for part in memory))
    steps = step(shape, machine, fitting, run, calibration)
    seconds = np.broadcast_to(steps.step_seconds, np.shape(fitting.tp))
    first = int(np.argmin(seconds))
    best = _choice(first, fitting, steps, memory, True)
    other = np.zeros(len(seconds), dtype=bool)
    for name in ("tp", "pp", "cp", "ep", "dp"):
        axis = getattr(fitting, name)
        other |= axis != axis[first]
    runner_up = None
    if other.any():
        runner_up = _choice(int(np.argmin(np.where(other, seconds, np.inf))), fitting, steps, memory, True)
    asked = Asked(best.step, shape, machine, n_gpus, run, calibration, tuple(fixed.items()), slack)
    return Found(best, runner_up, asked, len(total), len(seconds), 0.0)
