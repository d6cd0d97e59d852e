"""When cumulative inference overtakes training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from llmcost.engine.demand.segments import Segments, cumulative, when
from llmcost.engine.numeric.kinds import Array, Num


class Spend(NamedTuple):
    """Cumulative inference: `each` times the integral of a rate, on top of what was spent before.

    Dollars, kWh, kg or FLOP per unit of the rate: per request where the rate is requests per day, per accelerator-day
    where it is accelerators.
    """

    rate: Segments
    each: Num
    already: Num = 0.0

    def by(self, days: Num) -> Num:
        """Spent by a day."""
        return self.already + self.each * cumulative(self.rate, days)

    def reaches(self, total: Num, end: float) -> Num:
        """The first day on which it is `total` [d]; infinite beyond `end`."""
        left = np.maximum(np.subtract(total, self.already), 0.0)
        wanted = np.divide(left, self.each, out=np.full(np.broadcast(left, self.each).shape, np.inf),
                           where=np.greater(self.each, 0))  # fmt: skip
        return np.where(left > 0, when(self.rate, wanted, end), 0.0)


class Schedule(NamedTuple):
    """Training over time, in multiples of the first run: `levels[j]` has been paid from `days[j]` on.

    The first day is 0, launch: what was paid before it is in the first level. Levels may have leading axes of samples.
    """

    days: tuple[float, ...] = (0.0,)
    levels: tuple[Num, ...] = (1.0,)

    def at(self, days: Array) -> Array:
        """Level on each of some days, days first."""
        index = np.searchsorted(np.asarray(self.days), days, side="right") - 1
        return np.asarray(np.stack(np.broadcast_arrays(*self.levels)).astype(float)[np.maximum(index, 0)])


class Crossing(NamedTuple):
    """A day on which one curve passes the other; `back` where training passes inference again."""

    day: float
    back: bool


def schedule(payments: Sequence[tuple[float, Num]]) -> Schedule:
    """Training payments in order: (day, multiple of the first run); those before launch count at launch.

    Examples
    --------
    Half a year before launch and half on day 90.

    >>> schedule([(-180.0, 0.5), (90.0, 0.5)])
    Schedule(days=(0.0, 90.0), levels=(0.5, 1.0))
    """
    days: list[float] = [0.0]
    level: Num = 0.0
    levels = [level]
    for day, part in sorted(payments, key=lambda p: p[0]):
        level = level + part
        if day <= days[-1]:
            levels[-1] = level
        else:
            days.append(day)
            levels.append(level)
    return Schedule(tuple(days), tuple(levels))


def first(spend: Spend, trained: Num, plan: Schedule, end: float) -> Num:
    """The first day on which inference has taken as much as training by then [d]; infinite if none by `end`.

    Inside each step of the training schedule its level is fixed, so the day is that of one inverse. Before training is
    paid there is nothing to overtake.

    Parameters
    ----------
    spend : Spend
        Cumulative inference.
    trained : float or array
        The first training run, in the same unit.
    plan : Schedule
        What is paid when.
    end : float
        How far to look [d].

    Source: the break-even of Luccioni, Jernite, Strubell 2024, arXiv:2311.16863, section 4.3.2, over time.

    Examples
    --------
    $150M of training against 10M requests a day at $0.05: 300 days. Trained again on day 200, it is 600.

    >>> from llmcost.engine.demand.segments import segments
    >>> spend = Spend(segments([0.0], [[10e6]], [[0.0]]), 0.05)
    >>> float(first(spend, 150e6, Schedule(), 3652.5))
    300.0
    >>> float(first(spend, 150e6, schedule([(0.0, 1.0), (200.0, 1.0)]), 3652.5))
    600.0
    """
    found: Num = np.inf
    for day, following, level in zip(plan.days, (*plan.days[1:], math.inf), plan.levels, strict=True):
        if day > end:
            break
        if not np.any(level):
            continue
        reached = np.maximum(spend.reaches(np.multiply(trained, level), end), day)
        found = np.where(np.isinf(found) & (reached < following), reached, found)
        if np.all(np.isfinite(found)):
            break
    return found


def crossings(spend: Spend, trained: float, plan: Schedule, end: float) -> list[Crossing]:
    """Every crossing up to a day: inference overtakes training, and training overtakes it again when it is repeated.

    Examples
    --------
    $150M against $0.5M a day: day 300; trained again on day 400, $100M behind; level again on day 600.

    >>> from llmcost.engine.demand.segments import segments
    >>> spend = Spend(segments([0.0], [[10e6]], [[0.0]]), 0.05)
    >>> [(c.day, c.back) for c in crossings(spend, 150e6, schedule([(0.0, 1.0), (400.0, 1.0)]), 3652.5)]
    [(300.0, False), (400.0, True), (600.0, False)]
    """
    found: list[Crossing] = []
    above = False
    for day, following, level in zip(plan.days, (*plan.days[1:], math.inf), plan.levels, strict=True):
        if day > end:
            break
        if not level:
            continue
        reached = float(spend.reaches(trained * level, end))
        if above and reached > day:
            found.append(Crossing(day, True))
            above = False
        if not above and max(reached, day) < following and math.isfinite(reached):
            found.append(Crossing(max(reached, day), False))
            above = True
    return found


def parity_requests(training: Num, per_request: Num) -> Num:
    """Requests after which inference has taken as much as training [-].

    Source: Luccioni, Jernite, Strubell 2024, arXiv:2311.16863, table 5 (cost parity of BLOOMz).

    Examples
    --------
    BLOOMz-7B: 51,686 kWh of training plus 7,571 of fine-tuning, 1.0e-4 kWh a request: 592,570,000.

    >>> round(float(parity_requests(51_686 + 7_571, 1.0e-4)))
    592570000
    """
    return np.divide(training, per_request)
