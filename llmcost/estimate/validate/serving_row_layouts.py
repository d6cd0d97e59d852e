"""Layouts of measured serving rows: what a row states, and the fastest where it states none."""

from __future__ import annotations

import math
from collections.abc import Mapping

from llmcost.engine.model.transformer import Shape
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import positive

DEGREES = ("tp", "pp", "dp", "ep")


def layouts_of_row(row: Mapping[str, str], shape: Shape) -> list[tuple[float, ...]]:
    """Layouts of a row (tp, pp, dp, ep, attention_dp): one where any degree is stated, else all that may be meant.

    Raises
    ------
    LlmcostError
        Neither accelerators nor tensor-parallel degree are stated.
    """
    if any(cells.text(row, name) for name in DEGREES) or not positive(row, "n_gpus"):
        return [layout_of_row(row, shape)]
    return unstated(float(positive(row, "n_gpus") or 1.0), float(shape.n_heads), float(shape.n_experts))


def layout_of_row(row: Mapping[str, str], shape: Shape) -> tuple[float, ...]:
    """Layout of a row: a blank tensor-parallel degree takes the accelerators left over, else data parallelism does.

    Ranks smaller than an accelerator (two cores of one chip) are merged. Data-parallel groups of a model whose
    experts span more than one of them share the experts.

    Raises
    ------
    LlmcostError
        Neither accelerators nor tensor-parallel degree are stated.
    """
    tp, pp, dp = positive(row, "tp"), positive(row, "pp") or 1.0, positive(row, "dp")
    gpus = positive(row, "n_gpus") or (tp * pp * (dp or 1.0) if tp else None)
    if gpus is None:
        raise LlmcostError("n_gpus is blank")
    if dp is None:
        dp = max(math.floor(gpus / (tp * pp)), 1.0) if tp else 1.0
    left = max(gpus / (pp * dp), 1.0)
    tp, ep = min(tp or left, left), positive(row, "ep") or 1.0
    shared = dp > 1 and float(shape.n_experts) > 0 and ep > tp
    return tp, pp, dp, min(ep, tp * dp if shared else tp), float(shared)


def unstated(gpus: float, heads: float, experts: float) -> list[tuple[float, ...]]:
    """Layouts that use all of the accelerators: tensor parallelism inside copies, or copies that share their experts.

    The first is the one that joins all accelerators; degrees divide both the accelerators and the heads.

    Parameters
    ----------
    gpus, heads, experts
        Accelerators, query heads and routed experts (0: dense) [-].

    Examples
    --------
    Eight accelerators and a dense model of 64 heads: one copy over eight, two over four, four over two, eight.

    >>> [(tp, dp) for tp, _, dp, _, _ in unstated(8.0, 64.0, 0.0)]
    [(8.0, 1.0), (4.0, 2.0), (2.0, 4.0), (1.0, 8.0)]
    """
    fitting = [tp for tp in range(int(gpus), 0, -1) if gpus % tp == 0 and (heads % tp == 0 or math.isnan(heads))]
    found: list[tuple[float, ...]] = [(float(tp), 1.0, gpus / tp, 1.0, 0.0) for tp in fitting]
    if found[0][0] < gpus:
        found.insert(0, (gpus, 1.0, 1.0, 1.0, 0.0))
    if not experts:
        return found
    dealt = [(tp, 1.0, dp, tp, 0.0) for tp, _, dp, *_ in found if 1 < tp <= experts]
    shared = [(tp, 1.0, dp, gpus, 1.0) for tp, _, dp, *_ in found if dp > 1 and gpus <= experts]
    return [*found, *dealt, *shared]
