"""Roots and least points: where two curves meet, where a condition turns true, where a function is least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Flags, Num, Places

MOST_POINTS = 50_000  # evaluations of a range
ROUNDS = 60  # halvings: 2^-60 of a range is below the spacing of doubles
NEWTON_STEPS = 80  # at most
NARROW = 1e-13  # relative width at which an interval is a point
APART = 1e-7  # relative width at which a change of state is one place: two meetings are not that near
CLOSE = 1e-12  # relative, of a root that is costly to look for
EQUAL = 1e-9  # relative difference of curves that meet: well inside what is promised, 1e-6


class Sampled(NamedTuple):
    """Two curves at some points, and a state: within one state both are smooth."""

    x: Array
    first: Array
    second: Array
    state: Array  # whole numbers, (points, states)


class Meeting(NamedTuple):
    """A place where the cheaper of two curves changes; `exact` where both have the same value there."""

    x: float
    value: float
    exact: bool
    first_below: bool  # whether the first curve is the lower one left of it


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


def meetings(curves: Callable[[Array], Sampled], x: Array) -> tuple[list[Meeting], bool]:
    """Every place in a range where the cheaper of two curves changes, and whether all of it could be looked at.

    Intervals whose ends are in different states are halved for as long as the curves may meet inside them, so that a
    jump is told apart from a crossing; intervals of one state are solved by bisection.

    Parameters
    ----------
    curves : function
        Both curves and their states at points; infinite where there is no answer.
    x : array
        Points to start from, ascending.

    Source: bisection; a sign change of a continuous function has a root (Bolzano 1817).

    Examples
    --------
    2x and 8 meet at 4; a step from 6 to 10 at 3 jumps over a level of 8 without meeting it.

    >>> def lines(x):
    ...     return Sampled(x, 2 * x, np.full(x.shape, 8.0), np.zeros((len(x), 1)))
    >>> found, whole = meetings(lines, np.array([1.0, 10.0]))
    >>> [(round(m.x, 9), m.exact) for m in found], whole
    ([(4.0, True)], True)
    >>> def steps(x):
    ...     return Sampled(x, np.where(x < 3, 6.0, 10.0), np.full(x.shape, 8.0), (x >= 3)[:, None] * 1.0)
    >>> [(round(m.x, 9), m.exact) for m in meetings(steps, np.array([1.0, 10.0]))[0]]
    [(3.0, False)]
    """
    known, whole = _refined(curves, curves(x))
    with np.errstate(invalid="ignore"):  # where neither has an answer they differ by nan, told apart below
        rising = known.first - known.second
    sides = np.sign(np.where(np.isfinite(rising), rising, np.where(np.isinf(known.first), 1.0, -1.0)))
    sides = np.where(np.isinf(known.first) & np.isinf(known.second), 0.0, sides)
    at = [i for i in range(len(known.x) - 1) if sides[i] * sides[i + 1] < 0 or (sides[i] == 0 and _touches(known, i))]
    if not at:
        return [], whole
    low, high = known.x[at], known.x[[i + 1 for i in at]]
    left = np.array([_side(sides, i) for i in at])
    solved, values, equal = _solved(curves, low, high, left)
    found = [
        Meeting(float(root), float(value), bool(same), bool(side < 0))
        for root, value, same, side in zip(solved, values, equal, left, strict=True)
    ]
    return found, whole


def _touches(known: Sampled, i: int) -> bool:
    """Whether curves that are equal at a point (not both without an answer) part ways on its right."""
    with np.errstate(invalid="ignore"):
        later = known.first[i + 1] - known.second[i + 1]
        before = known.first[i - 1] - known.second[i - 1] if i else -later
    return bool(np.isfinite(known.first[i]) and later * before < 0)


def _side(sides: Array, i: int) -> float:
    return float(sides[i] if sides[i] != 0 else -sides[i + 1])


def _refined(curves: Callable[[Array], Sampled], known: Sampled) -> tuple[Sampled, bool]:
    """More points, until every interval in which the curves may meet is in one state or is a point."""
    for _ in range(ROUNDS):
        split = _unsettled(known)
        if not split.any():
            return known, True
        if len(known.x) + split.sum() > MOST_POINTS:
            return known, False
        low, high = known.x[:-1][split], known.x[1:][split]
        known = _merged(known, curves(_between(low, high)))
    return known, True


def _unsettled(known: Sampled) -> npt.NDArray[np.bool_]:
    low, high = known.x[:-1], known.x[1:]
    changes = (known.state[:-1] != known.state[1:]).any(axis=1)
    reach = [(np.minimum(c[:-1], c[1:]), np.maximum(c[:-1], c[1:])) for c in (known.first, known.second)]
    meet = (reach[0][0] <= reach[1][1]) & (reach[1][0] <= reach[0][1])
    return np.asarray(changes & meet & _wide(low, high, APART))


def _merged(a: Sampled, b: Sampled) -> Sampled:
    order = np.argsort(np.concatenate([a.x, b.x]), kind="stable")
    return Sampled(*(np.concatenate([u, v])[order] for u, v in zip(a, b, strict=True)))


def _solved(
    curves: Callable[[Array], Sampled], low: Array, high: Array, left: Array
) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Bisection of every interval at once; the end nearer to equality is the answer."""
    low, high = bisected(lambda x: np.sign(_gap(curves(x))) != left, low, high, by_ratio=True)
    ends = [curves(low), curves(high)]
    gaps = [np.abs(_gap(e)) / np.maximum(np.abs(e.second), 1e-300) for e in ends]
    nearer = gaps[0] <= gaps[1]
    gap = np.where(nearer, *gaps)
    values = np.where(nearer, ends[0].second, ends[1].second)
    return np.where(nearer, low, high), values, gap <= EQUAL


def _gap(known: Sampled) -> Array:
    """First curve less second; infinite where one has no answer."""
    both = np.isinf(known.first) & np.isinf(known.second)
    return np.where(both, 0.0, known.first - np.where(both, 0.0, known.second))


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
        if not np.any(_wide(low, high, narrow)):
            break
        middle = _between(low, high) if by_ratio else 0.5 * (low + high)
        past = beyond(middle)
        low, high = np.where(past, low, middle), np.where(past, middle, high)
    return low, high


def _wide(low: Num, high: Num, narrow: float) -> Flags:
    return high - low > narrow * np.maximum(np.abs(low), np.abs(high))


def _between(low: Num, high: Num) -> Array:
    """The middle by ratio, above zero."""
    return np.where(np.asarray(low) > 0, np.sqrt(np.abs(low * high)), 0.5 * (low + high))


def falsi(curve: Callable[[float], float], low: float, high: float, below: float, above: float) -> float:
    """Where a costly rising function is zero; at once where it is straight.

    Parameters
    ----------
    curve : function
        Its values near zero are relative errors.
    low, high : float
        The interval.
    below, above : float
        Its values there: at most zero, at least zero.

    Source: regula falsi with the Illinois correction: Dowell and Jarratt 1971, doi:10.1007/BF01934364.

    Examples
    --------
    >>> round(falsi(lambda x: x * x - 2.0, 1.0, 2.0, -1.0, 2.0), 9)
    1.414213562
    """
    for _ in range(ROUNDS):
        if min(-below, above) < CLOSE or high - low <= CLOSE * high:
            break
        middle = low - below * (high - low) / (above - below)
        at = curve(middle)
        if at > 0.0:
            high, above, below = middle, at, below / 2.0 if abs(at) > abs(above) / 2.0 else below
        else:
            low, below, above = middle, at, above / 2.0 if abs(at) > abs(below) / 2.0 else above
    return low if -below < above else high


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
