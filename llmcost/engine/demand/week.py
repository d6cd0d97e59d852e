"""Traffic within a day and a week: its shape, its peak, and the load curves of a fleet that follows it."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import DAYS_PER_WEEK, HOURS_PER_DAY, Array, Num
from llmcost.engine.numeric.recent import shared
from llmcost.engine.numeric.roots import newton

WEEKEND_DAYS = 2
PEAK_HOUR = 14  # the busiest hour of the default day: where it lies moves no result
CLOSE = 1e-12  # of a concentration, relative
_COSINE = np.cos(2.0 * np.pi * (np.arange(HOURS_PER_DAY) - PEAK_HOUR) / HOURS_PER_DAY)


def concentration(peak_to_average: Num) -> Array:
    r"""How sharply a von Mises day has to rise for its peak hour to be so many times its mean [-].

    .. math:: e^\kappa / \overline{e^{\kappa \cos\theta_h}} = P

    Newton on the logarithm, which is concave in kappa and so reached from below without overshoot.

    Parameters
    ----------
    peak_to_average : float or array
        Busiest hour over the mean of the day P, from 1 to under 24 [-].

    Source: von Mises 1918; the mean of exp(kappa cos) over the circle is the Bessel function I0(kappa).

    Examples
    --------
    I0(1) = 1.2660658778 (Abramowitz and Stegun, table 9.8), so a peak of e / I0(1) = 2.147... has kappa 1.

    >>> round(float(concentration(np.e / 1.2660658778)), 6)
    1.0
    """
    target = np.log(np.asarray(peak_to_average, dtype=float))

    def curve(kappa: Array) -> tuple[Array, Array]:
        weights = np.exp(kappa[..., None] * (_COSINE - 1.0))
        total = weights.mean(axis=-1)
        return -(target + np.log(total)), ((1.0 - _COSINE) * weights).mean(axis=-1) / total

    return np.asarray(newton(curve, 0.0 * target, np.inf, target, lambda kappa: CLOSE * np.maximum(kappa, 1.0)))


def least_peak(weekend: Num) -> Num:
    """Peak over average that weekends alone make, with flat days [-]: 7 / (5 + 2 w).

    Parameters
    ----------
    weekend : float or array
        Traffic of a weekend day over that of a weekday w [-].

    Examples
    --------
    Nothing at weekends: 7/5.

    >>> least_peak(0.0)
    1.4
    """
    return DAYS_PER_WEEK / (DAYS_PER_WEEK - WEEKEND_DAYS + WEEKEND_DAYS * weekend)


@shared
def wave(peak_to_average: Num, weekend: Num = 1.0) -> Array:
    """Hourly traffic over its mean [-], shape (..., 24), or (..., 168) from Monday on where weekends differ.

    Every day is a von Mises wave; weekend days are that wave times w; the busiest hour of the week is the stated peak.

    Parameters
    ----------
    peak_to_average : float or array
        Busiest hour over the mean of the week P, at least `least_peak` [-].
    weekend : float or array
        Traffic of a weekend day over that of a weekday w, over 0 and up to 1 [-].

    Examples
    --------
    >>> day = wave(2.0)
    >>> day.shape, round(float(day.mean()), 12), round(float(day.max()), 9)
    ((24,), 1.0, 2.0)
    >>> week = wave(2.0, 0.5)
    >>> week.shape, round(float(week.mean()), 12), round(float(week.max()), 9)
    ((168,), 1.0, 2.0)
    """
    weekday = np.maximum(np.divide(peak_to_average, least_peak(weekend)), 1.0)
    daily = np.exp(concentration(weekday)[..., None] * (_COSINE - 1.0))
    daily = daily / daily.mean(axis=-1, keepdims=True)
    if np.all(np.equal(weekend, 1.0)):
        return np.asarray(daily)
    level = np.asarray(weekend, dtype=float)[..., None]
    days = [daily] * (DAYS_PER_WEEK - WEEKEND_DAYS) + [daily * level] * WEEKEND_DAYS
    week = np.concatenate(np.broadcast_arrays(*days), axis=-1)
    return np.asarray(week * np.asarray(least_peak(weekend))[..., None])


@shared
def held(need: Array, reaction_hours: float) -> tuple[Array, Array]:
    """What a fleet that follows its traffic holds: counts and the share of the time of each, along the last axis [-].

    A replica takes `reaction_hours` from the decision to its first request, so at any time the fleet holds what is
    needed from then until that much later: never short, and paid for early. A need holds for its hour; the pattern
    repeats. With a reaction of k + f hours the windows are k + 1 hours for 1 - f of each hour and k + 2 for f of it.

    Parameters
    ----------
    need : array
        Replicas needed in each hour, shape (..., H) [-].
    reaction_hours : float
        From the decision to the first request [h].

    Examples
    --------
    Two, then five, ready half an hour early: half of the time between is paid at five: (2 + 5 + 5 + 5) / 4.

    >>> counts, share = held(np.array([2.0, 5.0]), 0.5)
    >>> float((counts * share).sum())
    4.25
    """
    hours = need.shape[-1]
    whole = min(int(reaction_hours), hours - 1)
    part = min(reaction_hours - whole, 1.0)
    window = need
    for ahead in range(1, whole + 1):
        window = np.maximum(window, np.roll(need, -ahead, axis=-1))
    if part == 0.0:
        return window, np.full(hours, 1.0 / hours)
    wider = np.maximum(window, np.roll(need, -(whole + 1), axis=-1))
    share = np.repeat([1.0 - part, part], hours) / hours
    return np.concatenate([window, wider], axis=-1), share


@shared
def alike(need: Array, share: Array) -> tuple[Array, Array]:
    """Hours that need the same as one, with the share of the time of all of them: fewer to figure with.

    Parameters
    ----------
    need : array
        What is needed in each hour, shape (..., H) [-].
    share : array
        Share of the time of each, shape (H,) [-].

    Examples
    --------
    >>> need, share = alike(np.array([3.0, 1.0, 3.0, 2.0]), np.full(4, 0.25))
    >>> need.tolist(), share.tolist()
    ([1.0, 2.0, 3.0], [0.25, 0.25, 0.5])
    """
    first = need.reshape(-1, need.shape[-1])[0]
    order = np.argsort(first, kind="stable")
    begins = np.flatnonzero(np.diff(first[order], prepend=-np.inf) > CLOSE * first[order])
    group = np.cumsum(np.isin(np.arange(len(order)), begins)) - 1
    of = np.empty_like(order)
    of[order] = group
    merged = need[..., order[begins]]
    if not np.allclose(merged[..., of], need, rtol=1e-9, atol=0.0):  # alike in one sample only
        return need, share
    return merged, np.add.reduceat(share[order], begins)


def over_time(counts: Array, share: Array) -> Num:
    """The mean over time of what is held [-]."""
    mean: Num = (counts * share).sum(axis=-1)
    return mean
