"""When training is paid: payments, and repetitions whose sum is that of a geometric series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Index, Num
from llmcost.records import NamedTuple

TINY = 1e-12  # an exponent per repetition that changes no digit


class Repeated(NamedTuple):
    """Training again every so often: what it costs over the first run, falling by a pace, over time.

    counts : (steps,) repetitions by each step of a schedule.
    """

    cost: Num  # of a repetition on the first day, over the first run [-]
    pace: Num  # at which it falls, per repetition [-]
    counts: npt.NDArray[np.intp]

    def level(self, step: Index) -> Num:
        r"""What all repetitions by a step have cost, over the first run [-].

        .. math:: c \sum_{n=1}^{k} e^{-a n} = c\, e^{-a} \frac{1 - e^{-a k}}{1 - e^{-a}}

        Source: sum of a geometric series.
        """
        count, pace = self.counts[step], np.asarray(self.pace, dtype=float)
        still = np.abs(pace) < TINY
        safe = np.where(still, 1.0, pace)
        fallen: Num = np.where(still, count, np.exp(-safe) * np.expm1(-safe * count) / np.expm1(-safe))
        return self.cost * fallen


class Schedule(NamedTuple):
    """Training over time, in multiples of the first run: `level(j)` has been paid from `days[j]` on.

    The first day is 0, launch: what was paid before it is in the first level. Amounts may be samples.
    """

    days: Array = np.zeros(1)
    paid: tuple[tuple[int, Num], ...] = ((0, 1.0),)  # from which step on, and how much
    repeated: tuple[Repeated, ...] = ()

    def level(self, step: Index) -> Num:
        """Paid by a step, or by each of several that broadcast with the samples [-]."""
        steps = np.arange(len(self.days))[step]
        whole = sum((np.where(steps >= first, part, 0.0) for first, part in self.paid), np.zeros(()))
        return whole + sum((again.level(step) for again in self.repeated), np.zeros(()))

    @property
    def sampled(self) -> bool:
        """Whether its levels are samples."""
        amounts = [part for _, part in self.paid] + [x for again in self.repeated for x in (again.cost, again.pace)]
        return any(np.ndim(amount) for amount in amounts)

    def step(self, days: Array) -> npt.NDArray[np.intp]:
        """The step that each of some days is in."""
        return np.asarray(np.maximum(np.searchsorted(self.days, days, side="right") - 1, 0))

    def at(self, days: Array) -> Array:
        """Level on each of some days, days first."""
        step = self.step(days)
        return np.asarray(self.level(step[:, None] if self.sampled else step))


def schedule(
    payments: Sequence[tuple[float, Num]], repeated: Sequence[tuple[float, Num, Num]] = (), end: float = 0.0
) -> Schedule:
    """Training payments, and what is repeated up to a day; those before launch count at launch.

    Parameters
    ----------
    payments : list of (float, float or array)
        Day [d] and part of the first run [-].
    repeated : list of (float, float or array, float or array)
        Days between two repetitions [d], what one costs over the first run [-], the pace at which that falls [1/d].
    end : float
        The last day of repetitions [d].

    Examples
    --------
    Half a year before launch and half on day 90.

    >>> plan = schedule([(-180.0, 0.5), (90.0, 0.5)])
    >>> plan.days.tolist(), [float(plan.level(j)) for j in range(2)]
    ([0.0, 90.0], [0.5, 1.0])

    Trained again every 100 days for half of what it cost first: 1, 1.5, 2.

    >>> schedule([(0.0, 1.0)], [(100.0, 0.5, 0.0)], 250.0).at(np.array([0.0, 99.0, 100.0, 250.0])).tolist()
    [1.0, 1.0, 1.5, 2.0]
    """
    again = [every * np.arange(1, int(end / every) + 1) for every, _, _ in repeated]
    days = np.array(
        sorted({0.0, *(day for day, _ in payments if day > 0), *(d for each in again for d in each.tolist())})
    )
    paid = tuple((int(np.searchsorted(days, max(day, 0.0))), part) for day, part in payments)
    kept = tuple(
        Repeated(cost, np.multiply(pace, every), np.searchsorted(each, days, side="right"))
        for (every, cost, pace), each in zip(repeated, again, strict=True)
    )
    return Schedule(days, paid, kept)
