"""Pools of whole replicas that follow traffic, what is counted of them, and long series of traffic for samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcost.engine.demand.segments import Segments, cumulative, segments
from llmcost.engine.numeric.kinds import Array, Num, distinct
from llmcost.records import NamedTuple

SPANS = 128  # of a long series, for samples
ROWS = 2048  # of it whose replicas are counted, for all pools of samples together
AT_ONCE = 2_000_000  # samples times rows: what bounds the memory


class Pool(NamedTuple):
    """Replicas of one kind: requests per day that one of them takes [1/d], accelerators in it, spares, fewest [-].

    The fewest may be a part of a replica, where it is money that has a floor.
    """

    capacity: Num
    size: Num = 1.0
    spares: float = 0.0
    least: Num = 0.0


class Measure(NamedTuple):
    """What a fleet takes a day, in any unit: dollars, kWh, accelerators.

    `sizes` are those of a replica of each pool, `standing` stands whatever the traffic, `each` is what a request adds
    in fractions. `launch`, where known, is what it takes at launch: what the pools leave of it (they are rounded to the
    mean beyond `exact`, or merged) stays as it is while traffic grows, and shrinks with traffic that shrinks.
    """

    sizes: Sequence[Num]
    standing: Num = 0.0
    each: Num = 0.0
    launch: Num | None = None


def capacities(pools: Sequence[Pool]) -> list[Num]:
    """Capacities that pools have, each once: those of one capacity change their size together [1/d]."""
    found: list[Num] = []
    for pool in pools:
        if not any(np.array_equal(pool.capacity, other) for other in found):
            found.append(pool.capacity)
    return found


def spans(base: Segments, pools: Sequence[Pool], wanted: Sequence[Measure], end: float) -> list[Segments]:
    """Measures of a long series for samples: of spans of its rows the mean of what each row takes."""
    inside = np.flatnonzero(base.start < end)
    edges = distinct(np.linspace(0, len(inside), max(ROWS // len(capacities(pools)), SPANS) + 1).astype(int))[:-1]
    start = base.start[inside][edges]
    lengths = np.diff(np.append(start, end))
    total = np.diff(np.append(cumulative(base, start), cumulative(base, end)))
    group = distinct(np.linspace(0, len(start), SPANS + 1).astype(int))[:-1]
    whole = np.add.reduceat(lengths, group)
    held = [_mean_held(pool, total / lengths, lengths / np.repeat(whole, np.diff([*group, len(start)])), group)
            for pool in pools]  # fmt: skip
    traffic = np.add.reduceat(total, group) / whole
    found = []
    for one in wanted:
        standing, each = (np.asarray(x, dtype=float)[..., None] for x in (one.standing, one.each))
        amount = standing + each * traffic
        for size, needed in zip(one.sizes, held, strict=True):
            amount = amount + np.asarray(size, dtype=float)[..., None] * needed
        found.append(segments(np.broadcast_to(start[group], amount.shape), amount[..., None], 0.0))
    return found


def _mean_held(pool: Pool, per_day: Array, share: Array, group: Any) -> Array:
    """Replicas of a pool, whole ones in each row, as the mean of each group of rows; some samples at a time."""
    capacity = np.atleast_1d(np.asarray(pool.capacity, dtype=float))
    least = np.broadcast_to(pool.least, capacity.shape)[:, None]
    found = np.empty((len(capacity), len(group)))
    width = max(AT_ONCE // len(per_day), 1)
    for at in range(0, len(capacity), width):
        needed = np.maximum(np.ceil(per_day / capacity[at : at + width, None] - 1e-9), least[at : at + width])
        found[at : at + width] = np.add.reduceat(needed * share, group, axis=-1)
    return found + pool.spares
