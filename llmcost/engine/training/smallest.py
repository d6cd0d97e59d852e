"""The fewest accelerators that hold a training run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.layouts import PARTIAL, footprint, layouts, settle
from llmcost.engine.training.memory import FULL, Layout
from llmcost.engine.training.micro_batch import Run


def smallest_fit(
    shape: Shape, machine: Machine, run: Run, fixed: Mapping[str, float] | None = None, above: float = 0.0
) -> float | None:
    """The smallest number of accelerators, in powers of two and thirds between, that holds the run [-].

    Parameters
    ----------
    shape, machine, run, fixed
        As in `search`.
    above : float
        Accelerators that do not hold it [-].

    Source: `search` at 1, 2, 3, 4, 6, 8, 12, ... 98,304 accelerators.

    Examples
    --------
    See tests/published/test_training.py.
    """
    for power in range(17):
        for n in (2.0**power, 1.5 * 2.0**power):
            if n != int(n) or n <= above:
                continue
            every = layouts(shape, machine, n, run, fixed)
            if not np.size(every.tp):
                continue
            least = every._replace(recompute=np.where(every.recompute == PARTIAL, float(FULL), every.recompute))
            if _holds(shape, machine, least, run) and _holds(shape, machine, settle(shape, machine, every, run), run):
                return n
    return None


def _holds(shape: Shape, machine: Machine, every: Layout, run: Run) -> bool:
    """Whether any of these layouts fits."""
    needed = footprint(shape, machine, every, run).needed(run.memory.margin)
    return bool(np.any(needed <= machine.shown_bytes))
