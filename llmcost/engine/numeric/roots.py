"""Roots and least points: where two curves meet, where a condition turns true, where a function is least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llmcost.engine.numeric.kinds import Array, Flags, Num, Places

ROUNDS = 60  # halvings: 2^-60 of a range is below the spacing of doubles
NEWTON_STEPS = 80  # at most
NARROW = 1e-13  # relative width at which an interval is a point
CLOSE = 1e-12  # relative, of a root that is costly to look for


def spaced(low: float, high: float, count: int, straight: bool = False) -> Array:
    """Points from low to high, by equal steps or (default) by equal ratios.

    Examples
    --------
    >>> spaced(1.0, 100.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    if straight or low <= 0:
        return np.linspace(low, high, count)
    points = np.geomspace(low, high, count)
    points[0], points[-1] = low, high
    return points


def crossed(curve: Callable[[Array], Array], low: Array, high: Array, below: Array, above: Array) -> Array:
    """Where curves are zero, each in its interval: by a parabola through three points, halving where it misleads.

    Parameters
    ----------
    curve : function
        From points to values, for the intervals that are still open: any number of them, in any order.
    low, high : array
        Intervals, ascending; above zero they are measured by ratios.
    below, above : array
        Values at their ends, of unlike sign; infinite where there is no answer.

    Source: Chandrupatla 1997, doi:10.1016/s0965-9978(96)00051-8.

    Examples
    --------
    >>> ends = np.array([1.0, 1.0]), np.array([2.0, 9.0])
    >>> crossed(lambda x: x * x - 2.0, *ends, ends[0] ** 2 - 2.0, ends[1] ** 2 - 2.0).round(9).tolist()
    [1.414213562, 1.414213562]
    """
    by_ratio = low > 0
    a, b = (np.where(by_ratio, np.log(np.where(by_ratio, end, 1.0)), end) for end in (low, high))
    size = np.where(by_ratio, 1.0, np.maximum(np.abs(low), np.abs(high)))
    fa, fb, c, fc, share = below, above, a, below, np.full(a.shape, 0.5)
    with np.errstate(all="ignore"):  # shares of what has no answer are nan, and replaced
        for _ in range(2 * ROUNDS):
            least = 0.5 * NARROW * size / np.abs(b - a)
            going = (least < 0.5) & (fa != 0.0) & (fb != 0.0)
            if not going.any():
                break
            at = np.where(going, a + np.clip(share, least, 1.0 - least) * (b - a), a)
            value = fa.copy()
            value[going] = curve(np.where(by_ratio, np.exp(np.where(by_ratio, at, 0.0)), at)[going])
            same = np.sign(value) == np.sign(fa)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = at, value
            apart, level = (a - b) / (c - b), (fa - fb) / (fc - fb)
            fits = (level**2 < apart) & ((1.0 - level) ** 2 < 1.0 - apart)
            share = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            share = np.where(fits & np.isfinite(share), share, 0.5)
        root = np.where(np.abs(fa) < np.abs(fb), a, b)
        return np.where(by_ratio, np.exp(np.where(by_ratio, root, 0.0)), root)


def last_change(gap: Array, x: Array) -> tuple[Array, Places]:
    """The last place of a range where the sign of many curves changes, one per column, and the interval it is in.

    Inside its interval a curve is taken as straight over the logarithm of x. Infinite, and interval -1, where the sign
    never changes.

    Parameters
    ----------
    gap : array
        Values of shape (points, columns).
    x : array
        Points, ascending and above zero.

    Examples
    --------
    log10 x - 2 and log10 x - 5 change sign at 100 and 100,000; log10 x + 1 nowhere in the range.

    >>> x = np.geomspace(1.0, 1e6, 5)
    >>> found, _ = last_change(np.log10(x)[:, None] - np.array([2.0, 5.0, -1.0]), x)
    >>> found.round(6).tolist()
    [100.0, 100000.0, inf]
    """
    above = gap > 0
    change = above[1:] != above[:-1]
    column = np.arange(gap.shape[1])
    last = len(x) - 2 - np.argmax(change[::-1], axis=0)
    low, high = gap[last, column], gap[last + 1, column]
    share = np.where(low == high, 1.0, low / np.where(low == high, 1.0, low - high))
    found = x[last] * (x[last + 1] / x[last]) ** np.clip(share, 0.0, 1.0)
    crosses = change.any(axis=0)
    return np.where(crosses, found, np.inf), np.where(crosses, last, -1)


def bisected(
    beyond: Callable[[Any], Any], low: Num, high: Num, by_ratio: bool = False, narrow: float = NARROW
) -> tuple[Any, Any]:
    """Where a condition turns true: the last point at which it is false and the first at which it is true.

    Parameters
    ----------
    beyond : function
        The condition; false at `low` and true at `high`. Arrays are many conditions at once.
    low, high : float or array
        The interval.
    by_ratio : bool
        Halve by equal ratios where the interval is above zero.
    narrow : float
        Relative width at which to stop [-].

    Source: bisection (Bolzano 1817).

    Examples
    --------
    >>> round(float(bisected(lambda x: x * x > 2.0, 1.0, 2.0)[1]), 9)
    1.414213562
    """
    for _ in range(ROUNDS):
        if not np.any(wide(low, high, narrow)):
            break
        middle = _between(low, high) if by_ratio else 0.5 * (low + high)
        past = beyond(middle)
        low, high = np.where(past, low, middle), np.where(past, middle, high)
    return low, high


def wide(low: Num, high: Num, narrow: float) -> Flags:
    """Whether intervals are wider than that, relative to their ends."""
    return high - low > narrow * np.maximum(np.abs(low), np.abs(high))


def _between(low: Num, high: Num) -> Array:
    """The middle by ratio, above zero."""
    return np.where(np.asarray(low) > 0, np.sqrt(np.abs(low * high)), 0.5 * (low + high))


def costly(curve: Callable[[float], float], low: float, high: float, below: float, above: float) -> float:
    """Where a costly rising function is zero: at once where it is straight, else as `crossed` finds it.

    Parameters
    ----------
    curve : function
        Its values near zero are relative errors.
    low, high : float
        The interval.
    below, above : float
        Its values there: at most zero, at least zero.

    Source: as `crossed`.

    Examples
    --------
    >>> round(costly(lambda x: x * x - 2.0, 1.0, 2.0, -1.0, 2.0), 9)
    1.414213562
    """

    def rounded(x: float) -> float:
        at = curve(x)
        return 0.0 if abs(at) < CLOSE else at

    if below == above:
        return low
    middle = low - below * (high - low) / (above - below)
    at = rounded(middle)
    if at == 0.0:
        return middle
    ends = ((middle, high), (at, above)) if at < 0.0 else ((low, middle), (below, at))
    columns = (np.array([end]) for pair in ends for end in pair)
    return float(crossed(lambda x: np.array([rounded(float(x[0]))]), *columns)[0])


def newton(
    curve: Callable[[Array], tuple[Array, Array]], low: Array, high: Num, start: Array, close: Callable[[Array], Array]
) -> Array:
    """Where rising functions with known slopes are zero: Newton's method, halving where it leaves its interval.

    Parameters
    ----------
    curve : function
        Values and slopes.
    low, high, start : array
        The interval and where to begin; without an end where it is infinite.
    close : function
        The last move that is small enough; infinite where the root is not needed.

    Source: Press et al. 2007, "Numerical recipes", 3rd edition, section 9.4 (safeguarded Newton).

    Examples
    --------
    >>> one = np.ones(1)
    >>> newton(lambda x: (x * x - 2.0, 2.0 * x), one, 2.0 * one, one, lambda x: 1e-12 + 0.0 * x).round(9).tolist()
    [1.414213562]
    """
    at = start
    for _ in range(NEWTON_STEPS):
        over, slope = curve(at)
        low, high = np.where(over < 0, at, low), np.where(over < 0, high, at)
        step = at - over / slope
        following = np.where((step >= low) & (step <= high), step, (low + high) / 2.0)
        moved, at = np.abs(following - at), following
        if not np.any(moved > close(at)):
            break
    return at


def minimum(figure: Callable[[Array], Num], low: float, high: float, points: int = 65, rounds: int = 12) -> float:
    """Where a function of a size is least between two sizes: a grid by equal ratios, narrowed around its least point.

    Parameters
    ----------
    figure : function
        From an array of sizes to values; infinite where there is no answer.
    low, high : float
        The range [-].
    points, rounds : int
        Points of a grid, and how often it is narrowed.

    Source: grid refinement; one minimum in the range is assumed and the grid shows it.

    Examples
    --------
    >>> round(minimum(lambda x: (np.log(x) - np.log(7.0)) ** 2, 1.0, 100.0), 6)
    7.0
    """
    for _ in range(rounds):
        x = np.geomspace(low, high, points)
        best = int(np.argmin(figure(x)))
        low, high = float(x[max(best - 1, 0)]), float(x[min(best + 1, points - 1)])
    return float(np.sqrt(low * high))


def highest(holds: Callable[[Array], Flags], points: int = 64) -> float:
    """The highest share up to which a condition holds, by two passes over a grid [-].

    Parameters
    ----------
    holds : function
        From an array of shares to truth, for many shares at the cost of one.
    points : int
        Shares tried in each pass.

    Examples
    --------
    >>> round(highest(lambda x: x <= 0.3), 3)
    0.3
    """
    low, high = 0.0, 1.0
    for _ in range(2):
        shares = np.linspace(low, high, points + 1)[1:]
        kept = int(np.sum(np.logical_and.accumulate(holds(shares))))
        low, high = (shares[kept - 1] if kept else low), (shares[kept] if kept < points else high)
    return float(low)


def least_whole(holds: Callable[[int], bool], least: int) -> int:
    """The least whole number, from `least` on, from which a condition holds.

    Examples
    --------
    >>> least_whole(lambda n: n * n > 50, 1)
    8
    """
    if holds(least):
        return least
    low, high = least, 2 * least
    while not holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
