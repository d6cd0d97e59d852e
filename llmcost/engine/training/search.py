"""The fastest layout of a training run that fits, the next best, and what binds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.training.calibration import Calibration
from llmcost.engine.training.layouts import footprint, kept, layouts, settle
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import Run
from llmcost.engine.training.peak import Memory
from llmcost.engine.training.step import Step, step
from llmcost.records import NamedTuple

KEPT = 8192  # searches of different inputs: some kB each
KEPT_WHOLE = 16  # those of which every layout is kept: up to a MB each


class Choice(NamedTuple):
    """One layout with its time and memory."""

    layout: Layout
    step: Step
    memory: Memory
    fits: bool


class Asked(NamedTuple):
    """A search: what else follows from it, few ask."""

    shape: Shape
    machine: Machine
    n_gpus: float
    run: Run
    calibration: Calibration
    fixed: tuple[tuple[str, float], ...]
    slack: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from other searches."""
        return _plain(self)

    def held(self) -> tuple[Layout, Memory, Array, npt.NDArray[np.bool_]] | None:
        """Every layout, its memory, what it needs of it [bytes], and whether that fits; None without any."""
        return _held(self.shape, _room(self.machine), self.n_gpus, self.run, self.fixed, self.slack)

    def unlimited(self) -> float:
        """The fastest step of all layouts, whether they fit or not [s]."""
        held = self.held()
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
        return "capacity" if self.asked is None else _binds(self.best.step, self.asked.unlimited())

    def among(self, given: Mapping[str, float]) -> Choice | None:
        """The fastest that fits of those with some fields of their layout given; None where there is none."""
        if self.asked is None:
            return None
        table = _timed(self.asked)
        assert table is not None
        has = np.ones(len(table.seconds), dtype=bool)
        for name, value in given.items():
            has &= getattr(table.layout, name) == value
        return table.fastest(has) if has.any() else None


class _Timed(NamedTuple):
    """The layouts that fit, with what they take."""

    layout: Layout
    memory: Memory
    step: Step
    seconds: Array
    valid: int  # layouts considered

    def fastest(self, which: npt.NDArray[np.bool_]) -> Choice:
        """The fastest of some."""
        return _choice(int(np.argmin(np.where(which, self.seconds, np.inf))), self.layout, self.step, self.memory, True)


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
    asked = Asked(shape, machine, n_gpus, run, calibration, tuple((fixed or {}).items()), slack)
    key = asked.key
    if key not in _FOUND:
        if len(_FOUND) >= KEPT:
            _FOUND.clear()
        _FOUND[key] = _fastest(asked) or _least(asked)
    found = _FOUND[key]
    if found is None:
        raise ValueError("no valid layout")
    return found


_FOUND: dict[tuple[Any, ...], Found | None] = {}


_TIMED: dict[tuple[Any, ...], _Timed | None] = {}


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers of any kind as they compare: what is unknown is the same as what is unknown."""
    return tuple(
        _plain(v) if isinstance(v, tuple) else v if isinstance(v, str) else None if v != v else float(v) for v in values
    )


def _fastest(asked: Asked) -> Found | None:
    table = _timed(asked)
    if table is None:
        return None
    best = table.fastest(np.ones(len(table.seconds), dtype=bool))
    other = np.zeros(len(table.seconds), dtype=bool)
    for name in ("tp", "pp", "cp", "ep", "dp"):
        other |= getattr(table.layout, name) != getattr(best.layout, name)
    runner_up = table.fastest(other) if other.any() else None
    return Found(best, runner_up, asked, table.valid, len(table.seconds), 0.0)


def _timed(asked: Asked) -> _Timed | None:
    """Every layout that fits with its step, None where none does; the last few are kept."""
    key = asked.key
    if key not in _TIMED:
        if len(_TIMED) >= KEPT_WHOLE:
            del _TIMED[next(iter(_TIMED))]
        _TIMED[key] = _stepped(asked)
    return _TIMED[key]


def _stepped(asked: Asked) -> _Timed | None:
    held = asked.held()
    if held is None or not held[-1].any():
        return None
    every, memory, _, fits = held
    fitting = kept(every, fits)
    memory = Memory(*(np.broadcast_to(part, fits.shape)[fits] for part in memory))
    steps = step(asked.shape, asked.machine, fitting, asked.run, asked.calibration)
    return _Timed(fitting, memory, steps, np.broadcast_to(steps.step_seconds, np.shape(fitting.tp)), len(fits))


def _least(asked: Asked) -> Found | None:
    """The layout that needs least memory, where none fits; None where there is no layout."""
    held = asked.held()
    if held is None:
        return None
    every, _, total, _ = held
    least = int(np.argmin(total))
    alone = kept(every, np.arange(len(total)) == least)
    steps = step(asked.shape, asked.machine, alone, asked.run, asked.calibration)
    best = _choice(0, alone, steps, footprint(asked.shape, asked.machine, alone, asked.run), False)
    return Found(best, None, None, len(total), 0, float(total[least] - asked.slack * asked.machine.shown_bytes))
