"""Machines that scale to zero: how long they are paid for, and who waits for them to start."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple

MOST = 50.0  # arrivals while a machine is held, from which on it is never off
ROUNDING = 1e-9


class Cycle(NamedTuple):
    """Of requests that come at a rate: the share of time that is paid, and those that meet a cold start [-].

    A request waits longer than w with a chance of `cold - slope x w`, up to the whole cold start.
    """

    paid: Num
    cold: Num
    slope: Num  # [1/s]


def random(per_second: Num, start: Num, hold: Num, unit: float) -> Cycle:
    r"""Requests that come at random (Poisson), to a machine that is off once none has come for a time.

    The machine starts with the first request, is ready after a time C, and stays until none has come for H: by Poisson
    arrivals that takes (e^{\lambda H} - 1) / \lambda in the mean, the busy period of M/D/infinity. It is off for
    1 / \lambda. Those that come while it starts wait for what is left of C:

    .. math:: \text{paid} = \frac{\lambda T}{1 + \lambda T}, \quad T = C + (e^{\lambda H} - 1) / \lambda + b / 2, \quad
        P(W > w) = \frac{1 + \lambda (C - w)}{1 + \lambda T}

    The time is billed in started units b, and nothing is turned off before a unit that is paid ends: half a unit more
    where b is below H. Where it is not, the machine is looked at whenever a unit ends, from the n-th on that holds
    C + H: T = b (n - 1 + e^{\lambda H}).

    Parameters
    ----------
    per_second : float or array
        Requests per second \lambda [1/s].
    start, hold : float or array
        Cold start C, and time without a request after which the machine is turned off H [s].
    unit : float
        Time that is billed at least, and in multiples b [s].

    Source: Takacs 1962, Introduction to the Theory of Queues, for the busy period; by renewal for the rest.

    Examples
    --------
    Ten requests an hour, 60 s to start, off after 300 s, billed by the second, by hand: \lambda H = 0.8333,
    \lambda T = 1/6 + 1.3010 + 1/720 = 1.4690; paid 1.4690 / 2.4690, cold 1.16667 / 2.4690.

    >>> found = random(10 / 3600, 60.0, 300.0, 1.0)
    >>> round(float(found.paid), 4), round(float(found.cold), 4)
    (0.595, 0.4725)
    """
    rate, hold = np.asarray(per_second, dtype=float), np.asarray(hold, dtype=float)
    grown = np.exp(np.minimum(rate * hold, MOST))
    units = np.ceil((start + hold) / unit - ROUNDING)
    on = np.where(unit <= hold, rate * (start + unit / 2.0) + grown - 1.0, rate * unit * (units - 1.0 + grown))
    return Cycle(on / (1.0 + on), (1.0 + rate * start) / (1.0 + on), rate / (1.0 + on))


def steady(per_second: Num, start: Num, hold: Num, unit: float) -> Cycle:
    """Requests that are evenly spaced: each meets a cold start where the machine goes off between two of them.

    Examples
    --------
    One an hour, 60 s to start, off after 300 s: 360 of 3,600 s, and by the hour all of them.

    >>> float(steady(1 / 3600, 60.0, 300.0, 60.0).paid), float(steady(1 / 3600, 60.0, 300.0, 3600.0).cold)
    (0.1, 0.0)
    """
    on = np.multiply(per_second, unit * np.ceil(np.add(start, hold) / unit - ROUNDING))
    return Cycle(np.minimum(on, 1.0), np.where(on < 1.0 - ROUNDING, 1.0, 0.0), np.zeros_like(on))


def wait(cycle: Cycle, start: Num, share: float) -> Num:
    """What a share of the requests waits at most for a start [s].

    Examples
    --------
    Of the requests above more than 1 % wait for all of the start. Where 3 % meet one, and 0.0005 a second fewer wait
    longer, 1 % wait longer than 0.02 / 0.0005 = 40 s.

    >>> float(wait(random(10 / 3600, 60.0, 300.0, 1.0), 60.0, 0.99))
    60.0
    >>> round(float(wait(Cycle(1.0, 0.03, 0.0005), 60.0, 0.99)), 9)
    40.0
    """
    beyond = np.subtract(cycle.cold, 1.0 - share)
    within = np.divide(beyond, np.maximum(cycle.slope, 1e-300))
    return np.where(beyond > 0.0, np.clip(within, 0.0, start), 0.0)


def mean_wait(cycle: Cycle, start: Num) -> Num:
    """What requests wait for a start in the mean [s].

    Examples
    --------
    3 % of them, 0.0005 a second fewer the longer: 0.03 x 60 - 0.0005 x 60^2 / 2.

    >>> round(float(mean_wait(Cycle(1.0, 0.03, 0.0005), 60.0)), 9)
    0.9
    """
    return np.multiply(cycle.cold, start) - cycle.slope * np.square(start) / 2.0
