"""The cheapest layout, precision and batch of many loads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.roofline import Machine
from llmcost.engine.serving import operating_point
from llmcost.engine.serving_inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving_memory import max_batch
from llmcost.engine.serving_search import BATCHES, Targets
from llmcost.engine.transformer import Shape

Num = Any

CHUNK = 100_000  # operating points at a time: temporaries stay in the cache


class Choice(NamedTuple):
    """What serves each load cheapest: one element per load; `feasible` where anything does.

    The best TPOT and TTFT of any point that fits say by how much a target is missed; infinite where nothing fits.
    """

    layout: Layout
    precision: Precision
    precision_index: Num
    batch: Num
    feasible: Num
    best_tpot_seconds: Num
    best_ttft_seconds: Num


def cheapest(
    shape: Shape, machine: Machine, candidates: Layout, precisions: list[Precision], load: Load,
    calibration: Calibration, targets: Targets, batches: Num = BATCHES,
) -> Choice:  # fmt: skip
    """The choice of `serving_search.search` for every load of an array.

    Parameters
    ----------
    shape, machine, candidates, precisions, calibration, targets, batches
        As in `serving_search.search`.
    load : Load
        Lengths as arrays, one element per load [tokens]; `batch` is ignored.

    Source: enumeration; the cheapest output token within the targets, the faster of equals.
    """
    count, formats, steps = len(candidates.tp), len(precisions), len(batches)
    row, form, step = (a.ravel() for a in np.indices((count, formats, steps)))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    columns = np.array([[float(v) for v in p] for p in precisions]).T
    precision = Precision(*[c[form] for c in columns])
    tried, size = np.asarray(batches, dtype=float)[step], layout.tp * layout.pp * layout.dp
    lengths = np.broadcast_arrays(load.isl, load.osl, load.cached_isl)
    isl, osl, cached = (np.asarray(v, dtype=float) for v in lengths)
    picked, feasible = np.empty(len(isl), dtype=int), np.empty(len(isl), dtype=bool)
    held, tpot, ttft = np.empty((3, len(isl)))
    width = max(CHUNK // len(tried), 1)
    for start in range(0, len(isl), width):
        part = slice(start, start + width)
        some = Load(isl[part, None], osl[part, None], cached[part, None], 1.0)
        limit = max_batch(shape, machine, layout, precision, some, calibration)
        batch = np.minimum(tried, np.maximum(limit, 1.0))
        point = operating_point(shape, machine, layout, precision, some._replace(batch=batch), calibration)
        meets = (point.tpot_seconds <= targets.tpot_seconds) & (point.ttft_seconds <= targets.ttft_seconds)
        fits = limit >= 1.0
        cost = np.where(meets & fits, size / point.output_tokens_per_second, np.inf)
        best = cost.min(axis=1)
        pace = np.where(cost == best[:, None], point.tpot_seconds, np.inf)
        picked[part] = np.argmin(pace, axis=1)
        held[part] = batch[np.arange(len(best)), picked[part]]
        feasible[part] = np.isfinite(best)
        tpot[part] = np.where(fits, point.tpot_seconds, np.inf).min(axis=1)
        ttft[part] = np.where(fits, point.ttft_seconds, np.inf).min(axis=1)
    chosen = Layout(*[np.asarray(v)[picked] for v in layout]), Precision(*[v[picked] for v in precision])
    return Choice(*chosen, form[picked], held, feasible, tpot, ttft)
