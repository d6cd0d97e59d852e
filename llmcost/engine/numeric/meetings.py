"""Where two curves change places: meetings of smooth curves, and jumps of one over the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.numeric.roots import ROUNDS, crossed, wide
from llmcost.records import NamedTuple

MOST_POINTS = 50_000  # evaluations of a range
APART = 1e-10  # relative width at which a change of state is one place: two meetings are not that near
EQUAL = 1e-9  # relative difference of curves that meet: well inside what is promised, 1e-6


class Sampled(NamedTuple):
    """Two curves at some points, and a state: within one state both are smooth."""

    x: Array
    first: Array
    second: Array
    state: Array  # whole numbers, (points, states)

    def at(self, index: list[int]) -> Sampled:
        """Some of the points."""
        return Sampled(*(values[index] for values in self))


class Meeting(NamedTuple):
    """A place where the cheaper of two curves changes; `exact` where both have the same value there."""

    x: float
    value: float
    exact: bool
    first_below: bool  # whether the first curve is the lower one left of it


def meetings(
    curves: Callable[[Array], Sampled],
    x: Array,
    parts: int = 2,
    step: float = 0.0,
    apart: float = APART,
    most: int = MOST_POINTS,
) -> tuple[list[Meeting], bool]:
    """Every place in a range where the cheaper of two curves changes, and whether all of it could be looked at.

    Intervals whose ends are in different states are divided for as long as the curves may meet inside them, so that a
    jump is told apart from a crossing; intervals of one state are solved for where the curves meet.

    Parameters
    ----------
    curves : function
        Both curves and their states at points; infinite where there is no answer.
    x : array
        Points to start from, ascending.
    parts : int
        Into how many an interval is divided at a time: more than two where many points cost what one does [-].
    step : float
        Width within which a change of state is one place, where points are whole, such as tokens.
    apart : float
        The same relative to where it is [-].
    most : int
        Points that may be looked at before what is found is given as it is [-].

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
    >>> [round(m.x, 2) for m in meetings(steps, np.array([1.0, 10.0]), apart=1e-3)[0]]
    [3.0]
    """
    known, whole = _refined(curves, curves(x), parts, (step, apart), most)
    sides = _sides(known)
    at = [i for i in range(len(known.x) - 1) if sides[i] * sides[i + 1] < 0 or (sides[i] == 0 and _touches(known, i))]
    if not at:
        return [], whole
    met = _solved(curves, known.at(at), known.at([i + 1 for i in at]))
    below = [_side(sides, i) < 0 for i in at]
    each = zip(met.x.tolist(), met.second.tolist(), (_error(met) <= EQUAL).tolist(), below, strict=True)
    return [Meeting(*one) for one in each], whole


def _sides(known: Sampled) -> Array:
    """1 where the first curve is above the second, -1 below, 0 where they are equal or neither has an answer."""
    with np.errstate(invalid="ignore"):  # where neither has an answer they differ by nan, told apart below
        rising = known.first - known.second
    sides = np.sign(np.where(np.isfinite(rising), rising, np.where(np.isinf(known.first), 1.0, -1.0)))
    return np.where(np.isinf(known.first) & np.isinf(known.second), 0.0, sides)


def _touches(known: Sampled, i: int) -> bool:
    """Whether curves that are equal at a point (not both without an answer) part ways on its right."""
    with np.errstate(invalid="ignore"):
        later = known.first[i + 1] - known.second[i + 1]
        before = known.first[i - 1] - known.second[i - 1] if i else -later
    return bool(np.isfinite(known.first[i]) and later * before < 0)


def _side(sides: Array, i: int) -> float:
    return float(sides[i] if sides[i] != 0 else -sides[i + 1])


def _refined(
    curves: Callable[[Array], Sampled], known: Sampled, parts: int, within: tuple[float, float], most: int
) -> tuple[Sampled, bool]:
    """More points, until every interval in which the curves may meet is in one state or is a point."""
    for _ in range(ROUNDS):
        split = _unsettled(known, *within)
        if not split.any():
            return known, True
        if len(known.x) + (parts - 1) * split.sum() > most:
            return known, False
        low, high = known.x[:-1][split], known.x[1:][split]
        share = np.arange(1, parts)[:, None] / parts
        known = _merged(known, curves(np.ravel(_along(low, high, share), order="F")))
    return known, True


def _unsettled(known: Sampled, step: float, apart: float) -> npt.NDArray[np.bool_]:
    low, high = known.x[:-1], known.x[1:]
    changes = (known.state[:-1] != known.state[1:]).any(axis=1)
    reach = [(np.minimum(c[:-1], c[1:]), np.maximum(c[:-1], c[1:])) for c in (known.first, known.second)]
    meet = (reach[0][0] <= reach[1][1]) & (reach[1][0] <= reach[0][1])
    within = (reach[0][0] < reach[1][1]) & (reach[1][0] < reach[0][1])
    moves = (reach[0][0] < reach[0][1]) | (reach[1][0] < reach[1][1])
    meet &= within | (moves & _overtaken(_sides(known)))  # where one only comes down to the other none overtakes
    return np.asarray(changes & meet & wide(low, high, apart) & (high - low > step))


def _overtaken(sides: Array) -> npt.NDArray[np.bool_]:
    """Whether curves that are equal at an end of an interval are on other sides after it than before.

    >>> _overtaken(np.array([1.0, 0.0, 0.0, 1.0, 0.0, -1.0])).tolist()
    [False, False, False, True, True]
    >>> _overtaken(np.zeros(3)).tolist()
    [False, False]
    """
    told = np.flatnonzero(sides)
    before, after = np.zeros(len(sides)), np.zeros(len(sides))
    if len(told):
        last = np.searchsorted(told, np.arange(len(sides)), side="right") - 1
        before = np.where(last >= 0, sides[told[last]], 0.0)
        following = np.searchsorted(told, np.arange(len(sides)))
        after = np.where(following < len(told), sides[told[np.minimum(following, len(told) - 1)]], 0.0)
    return np.asarray(before[:-1] * after[1:] < 0)


def _merged(a: Sampled, b: Sampled) -> Sampled:
    order = np.argsort(np.concatenate([a.x, b.x]), kind="stable")
    return Sampled(*(np.concatenate([u, v])[order] for u, v in zip(a, b, strict=True)))


def _solved(curves: Callable[[Array], Sampled], low: Sampled, high: Sampled) -> Sampled:
    """Where curves meet in every interval; one whose ends are in two states is a place already: its nearer end."""
    x = np.where(_error(low) <= _error(high), low.x, high.x)
    smooth = (low.state == high.state).all(axis=1)
    if smooth.any():
        ends = (end[smooth] for end in (low.x, high.x, _gap(low), _gap(high)))
        x[smooth] = crossed(lambda x: _gap(curves(x)), *ends)
    return curves(x)


def _error(known: Sampled) -> Array:
    """How far the curves are apart, relative."""
    return np.abs(_gap(known)) / np.maximum(np.abs(known.second), 1e-300)


def _gap(known: Sampled) -> Array:
    """First curve less second; infinite where one has no answer."""
    both = np.isinf(known.first) & np.isinf(known.second)
    return np.where(both, 0.0, known.first - np.where(both, 0.0, known.second))


def _along(low: Array, high: Array, share: Num) -> Array:
    """A share of the way, by ratio above zero."""
    by_ratio = np.minimum(low, high) > 0
    rise = np.where(by_ratio, high / np.where(by_ratio, low, 1.0), 1.0)
    return np.where(by_ratio, low * rise**share, low + share * (high - low))
