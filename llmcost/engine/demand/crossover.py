"""When cumulative inference overtakes training."""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.demand.schedule import Schedule, schedule
from llmcost.engine.demand.segments import Segments, cumulative, when
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.records import NamedTuple

__all__ = ["Crossing", "Schedule", "Spend", "crossings", "first", "parity_requests", "schedule"]


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


class Crossing(NamedTuple):
    """A day on which one curve passes the other; `back` where training passes inference again."""

    day: float
    back: bool


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
    shape = np.broadcast_shapes(
        np.shape(trained), np.shape(spend.each), np.shape(spend.already), spend.rate.start.shape[:-1],
        np.shape(plan.level(0)),
    )  # fmt: skip
    found = _first(spend, np.broadcast_to(np.asarray(trained, dtype=float), shape), plan, end)
    return found if shape else float(found)


def _first(spend: Spend, trained: Array, plan: Schedule, end: float) -> Array:
    """The same; many steps of the schedule are passed over at a time where inference is behind at the end of them.

    Both curves rise. Where inference at the end of some steps is below training at their start, it reaches training in
    none of them: their number doubles while that holds, and halves where it does not.
    """
    steps = int(np.searchsorted(plan.days, end, side="right"))
    ends = np.append(plan.days[1:], np.inf)[:steps]
    ends[-1] = np.inf
    found = np.full(trained.shape, np.inf)
    step, width = np.zeros(trained.shape, dtype=np.intp), np.ones(trained.shape, dtype=np.intp)
    left = np.ones(trained.shape, dtype=bool)
    while np.any(left):
        at = np.minimum(step, steps - 1)
        last = np.minimum(at + width, steps) - 1
        level = plan.level(at)
        short = spend.by(np.minimum(ends[last], end)) < trained * level
        behind = np.where(level > 0, short, width == 1)  # before training is paid there is nothing to overtake
        alone = left & ~behind & (width == 1)
        if np.any(alone):
            day = np.maximum(spend.reaches(trained * level, end), plan.days[at])
            hit = alone & (day < ends[at])
            found = np.where(hit, day, found)
            left = left & ~hit
            behind = behind | (alone & ~hit)
        step = np.where(behind, last + 1, step)
        width = np.where(behind, np.minimum(2 * width, steps), np.maximum(width // 2, 1))
        left = left & (step < steps)
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
    days = plan.days[plan.days <= end]
    levels = np.broadcast_to(np.asarray(plan.level(np.arange(len(days))), dtype=float), days.shape)
    reaches = np.asarray(spend.reaches(trained * levels, end))
    each = zip(days.tolist(), (*days[1:].tolist(), math.inf), levels.tolist(), reaches.tolist(), strict=True)
    for day, following, level, reached in each:
        if not level:
            continue
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
