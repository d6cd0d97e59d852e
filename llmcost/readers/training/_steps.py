"""Steady figures of a run: medians once the first steps are over."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from llmcost.records import NamedTuple

ODD = 1.5  # a leading step this many times longer or shorter than the median is start-up, not training
FIRST = 1  # steps numbered 0 or 1 compile, allocate and connect


class Steady(NamedTuple):
    """A median after warm-up: its value, the steps that it covers, and those that were left out before them."""

    value: float | None
    steps: int
    dropped: int

    @property
    def basis(self) -> str | None:
        """In words.

        >>> Steady(11.05, 29, 1).basis
        'median of 29 steps, 1 before them left out'
        """
        if self.value is None:
            return None
        left = f", {self.dropped} before them left out" if self.dropped else ""
        return f"median of {self.steps} step{'s' if self.steps > 1 else ''}{left}"


def steady(values: Sequence[float], first: float | None = None) -> Steady:
    """The median of a figure once training is steady.

    The first step goes if it is the run's; so do leading ones far from the median, too long or too short. Nothing is
    left of a log that holds the run's first step alone.

    Parameters
    ----------
    values : sequence of float
        The figure of each step, in order.
    first : float, optional
        Number of the first of them [-]; None where the log does not number its steps.

    Examples
    --------
    Megatron-Bridge: 105,400.6 ms, then 12,090.4, 11,928.8; MaxText: 44.923 s, 0.319 s, then 5.66 s.

    >>> steady([105400.6, 12090.4, 11928.8, 12000.0], first=1)
    Steady(value=12000.0, steps=3, dropped=1)
    >>> steady([44.923, 0.319, 5.658, 5.402, 5.669], first=0).value, steady([44.9], first=0).value
    (5.658, None)
    """
    kept = list(values)
    if kept and first is not None and first <= FIRST:
        kept = kept[1:]
    while len(kept) > 1:
        middle = median(kept[1:])
        if not middle or 1.0 / ODD <= kept[0] / middle <= ODD:
            break
        kept = kept[1:]
    return Steady(median(kept) if kept else None, len(kept), len(values) - len(kept))
