"""The first days of a lifetime as they were: what stands in the place of a plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmcost.engine.numeric.kinds import Array, distinct
from llmcost.records import NamedTuple


class Past(NamedTuple):
    """Charges and requests of each day since launch; `before_usd` was spent by launch."""

    usd: Array  # [USD]
    requests: Array | None  # None where nobody counted them
    before_usd: float
    recent: int  # days at the end that a pace is taken from


def blocks(values: Sequence[float] | Array, most: int) -> tuple[Array, Array]:
    """Days as at most so many blocks: where each begins, and the mean of its days.

    >>> [part.tolist() for part in blocks([1.0, 3.0, 5.0, 7.0], 2)]
    [[0.0, 2.0], [2.0, 6.0]]
    """
    count = min(most, len(values))
    edges = distinct(np.linspace(0, len(values), count + 1).round().astype(int))
    total = np.concatenate([[0.0], np.cumsum(values)])
    return edges[:-1].astype(float), np.diff(total[edges]) / np.diff(edges)
