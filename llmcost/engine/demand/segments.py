"""A rate over time in analytic pieces: its integral, and the day on which the integral reaches a total.

Inside a piece, u days after its start, the rate is sum_j a_j exp(k_j u) + b u exp(k_0 u). Constant, linear, compound
and logistic traffic, series and whole replicas are all of this form, and stay in it when prices fall at a fixed pace,
so one integral and one inverse serve them all. Leading axes are samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.engine.numeric.kinds import Array, Flags, Num
from llmcost.engine.numeric.roots import newton
from llmcost.records import NamedTuple

CLOSE = 1e-11  # of a day, relative


class Segments(NamedTuple):
    """Pieces of a rate.

    start : (..., P) days, ascending; the last piece has no end.
    amount, exponent : (..., P, J) the a_j [1/d] and k_j [1/d].
    slope : (..., P) the b [1/d^2].
    before : (..., P) the integral up to the start of each piece.
    """

    start: Array
    amount: Array
    exponent: Array
    slope: Array
    before: Array


def segments(start: Num, amount: Num, exponent: Num, slope: Num = 0.0) -> Segments:
    """Pieces with the integral up to each of them; samples in any argument spread to all of them.

    Examples
    --------
    Ten a day for five days, then none: 50 in all.

    >>> s = segments([0.0, 5.0], [[10.0], [0.0]], [[0.0], [0.0]])
    >>> float(cumulative(s, 9.0))
    50.0
    """
    start, slope = np.broadcast_arrays(np.asarray(start, dtype=float), np.asarray(slope, dtype=float))
    amount, exponent, wide = np.broadcast_arrays(
        np.asarray(amount, dtype=float), np.asarray(exponent, dtype=float), start[..., None]
    )
    start = wide[..., 0]
    slope = np.broadcast_to(slope, start.shape)
    lengths = np.diff(start)
    with np.errstate(over="ignore", invalid="ignore"):
        whole = integral(amount[..., :-1, :], exponent[..., :-1, :], slope[..., :-1], lengths)
    before = np.concatenate([np.zeros_like(start[..., :1]), np.cumsum(whole, axis=-1)], axis=-1)
    return Segments(start, amount, exponent, slope, before)


def phi1(x: Num) -> Num:
    """(e^x - 1) / x, 1 at zero [-].

    >>> float(phi1(0.0)), round(float(phi1(1.0)), 12)
    (1.0, 1.718281828459)
    """
    x = np.asarray(x, dtype=float)
    small = np.abs(x) < 1e-8
    return np.where(small, 1.0 + x / 2.0, np.expm1(x) / np.where(small, 1.0, x))


def phi2(x: Num) -> Num:
    """Integral of s e^(x s) for s from 0 to 1, 1/2 at zero [-].

    Examples
    --------
    By parts: integral of s e^s from 0 to 1 is 1.

    >>> float(phi2(0.0)), round(float(phi2(1.0)), 12)
    (0.5, 1.0)
    """
    x = np.asarray(x, dtype=float)
    small = np.abs(x) < 1e-2
    series = 1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x * (1 / 144 + x / 840))))
    return np.where(small, series, (np.exp(x) - phi1(x)) / np.where(small, 1.0, x))


def integral(amount: Array, exponent: Array, slope: Array, u: Array) -> Array:
    """Integral of a piece over its first `u` days."""
    if amount.shape[-1] == 1 and not np.any(exponent):
        return u * (amount[..., 0] + slope * u / 2.0)
    total = np.einsum("...j,...j->...", amount, phi1(exponent * u[..., None])) * u
    return np.asarray(total + slope * u * u * phi2(exponent[..., 0] * u)) if np.any(slope) else np.asarray(total)


def value(amount: Array, exponent: Array, slope: Array, u: Array) -> Array:
    """Rate of a piece `u` days after its start."""
    grown = np.exp(exponent * u[..., None])
    return np.asarray(np.einsum("...j,...j->...", amount, grown) + slope * u * grown[..., 0])


def rate(s: Segments, days: Num) -> Num:
    """The rate on a day [1/d]; zero before the first piece."""
    days = np.asarray(days, dtype=float)
    at = _piece(s, _find(s.start, days))
    found = value(at.amount, at.exponent, at.slope, np.maximum(days - at.start, 0.0))
    return np.where(days >= s.start[..., 0], found, 0.0)


def cumulative(s: Segments, days: Num) -> Num:
    """The integral from the start of the first piece [-].

    Parameters
    ----------
    s : Segments
        With leading axes S.
    days : float or array
        Days that broadcast against S [d].
    """
    days = np.asarray(days, dtype=float)
    at = _piece(s, _find(s.start, days))
    return at.before + integral(at.amount, at.exponent, at.slope, np.maximum(days - at.start, 0.0))


def when(s: Segments, total: Num, end: float) -> Num:
    """The first day on which the integral reaches `total` [d]; infinite where it does not by day `end`.

    Closed where a piece has one term (a logarithm) or is a straight line (a square root); elsewhere Newton's method
    inside the piece, bracketed, to the last digits.

    Examples
    --------
    100 a day growing 1 % a day, compounded continuously: 1,000 after ln(1 + 1000 x 0.01 / 100) / 0.01 = 9.531 days.

    >>> s = segments([0.0], [[100.0]], [[0.01]])
    >>> round(float(when(s, 1000.0, 1e4)), 6)
    9.531018
    """
    total = np.asarray(total, dtype=float)
    reached = cumulative(s, end) >= total
    index = _find(s.before, total)
    at = _piece(s, index)
    rest = np.maximum(total - at.before, 0.0)
    room = np.minimum(_next(s, index), end) - at.start
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if s.amount.shape[-1] == 1 and not np.any(s.slope):
            u = _alone(at.amount, at.exponent, rest[..., None])[..., 0]
        elif s.amount.shape[-1] == 1 and not np.any(s.exponent):
            a = at.amount[..., 0]
            u = 2.0 * rest / (a + np.sqrt(np.maximum(a * a + 2.0 * at.slope * rest, 0.0)))
        else:
            u = _newton(at, rest, np.maximum(room, 0.0), reached & (rest > 0))
    u = np.where(rest > 0, u, 0.0)
    return np.where(reached, at.start + np.minimum(u, np.maximum(room, 0.0)), np.inf)


def declining(s: Segments, pace: Num) -> Segments:
    """The same rate times e^(-pace t): prices that fall, efficiency that grows, spend that is discounted [1/d]."""
    pace = np.asarray(pace, dtype=float)
    if not np.any(pace):
        return s
    pace = pace[..., None]
    factor = np.exp(-pace * s.start)
    return segments(s.start, s.amount * factor[..., None], s.exponent - pace[..., None], s.slope * factor)


def scaled(s: Segments, factor: Num) -> Segments:
    """The same rate times a factor that does not change with time [-]."""
    factor = np.asarray(factor, dtype=float)[..., None]
    return segments(s.start, s.amount * factor[..., None], s.exponent, s.slope * factor)


def after(known: tuple[Array, Array], day: float, s: Segments) -> Segments:
    """Rates that are known up to a day, and `s` from then on.

    Parameters
    ----------
    known : tuple of arrays
        Days on which a rate begins, the first 0, and the rates [d], [1/d].
    day : float
        Until when they hold [d].
    s : Segments
        What follows; what it says of earlier days does not count.

    Examples
    --------
    One a day for two days, three a day for the next two, then 10 a day growing by 1 a day from day 0 on: 14 on day 4.

    >>> rest = segments([0.0], [[10.0]], [[0.0]], [1.0])
    >>> both = after((np.array([0.0, 2.0]), np.array([1.0, 3.0])), 4.0, rest)
    >>> float(cumulative(both, 4.0)), float(cumulative(both, 6.0)), float(rate(both, 4.0))
    (8.0, 38.0, 14.0)
    """
    ends = np.concatenate([s.start[..., 1:], np.full_like(s.start[..., :1], np.inf)], axis=-1)
    into = np.clip(day - s.start, 0.0, ends - s.start)  # of each piece, that has passed by the day
    grown = np.exp(s.exponent * into[..., None])
    amount = s.amount * grown
    slope = s.slope * grown[..., 0]
    amount[..., 0] += slope * into
    start = np.maximum(s.start, day)
    days, rates = known
    lead = (*start.shape[:-1], len(days))
    flat = np.zeros((*lead, amount.shape[-1]))
    flat[..., 0] = rates
    return segments(
        np.concatenate([np.broadcast_to(days, lead), start], axis=-1),
        np.concatenate([flat, amount], axis=-2),
        np.concatenate([np.zeros_like(flat), s.exponent + np.zeros_like(amount)], axis=-2),
        np.concatenate([np.zeros(lead), slope], axis=-1),
    )


def _alone(amount: Array, exponent: Array, total: Array) -> Array:
    """When the integral of a e^(k u) is `total` [d]; infinite where it never is."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = exponent * total / amount
        days = total / amount * np.where(np.abs(x) < 1e-12, 1.0, np.log1p(np.maximum(x, -1.0)) / x)
    return np.where((amount > 0) & (x > -1.0), days, np.inf)


def _newton(at: Segments, rest: Array, room: Array, needed: Flags) -> Array:
    """Where the integral of a piece is `rest`, between 0 and `room`; right where it is `needed`."""
    low, high = np.zeros_like(rest + room), rest * 0.0 + room
    if not np.any(at.slope < 0):
        # no later than any of its terms that rise, were it to make up for all that fall: an exponential far beyond the
        # root would take Newton many steps
        falls = np.where(at.amount < 0, at.amount * phi1(at.exponent * high[..., None]), 0.0).sum(axis=-1) * high
        whole = rest - falls
        soonest = np.min(_alone(at.amount, at.exponent, whole[..., None]), axis=-1)
        high = np.minimum(high, np.where(np.isfinite(whole), soonest, high))

    def curve(u: Array) -> tuple[Array, Array]:
        return integral(at.amount, at.exponent, at.slope, u) - rest, value(at.amount, at.exponent, at.slope, u)

    def close(u: Array) -> Array:
        return np.where(needed, CLOSE * (1.0 + at.start + u), np.inf)

    return np.asarray(newton(curve, low, high, np.where(needed, high, 0.0), close))


def _find(edges: Array, values: Array) -> Any:
    """Index of the last edge at or below each value; the first where there is none."""
    if edges.ndim == 1:
        return np.maximum(np.searchsorted(edges, values, side="right") - 1, 0)
    return np.maximum(np.sum(edges <= values[..., None], axis=-1) - 1, 0)


def _piece(s: Segments, index: Any) -> Segments:
    """The pieces at an index, without their axis."""
    rows: tuple[Any, ...] = () if s.start.ndim == 1 else (np.arange(s.start.shape[0]),)
    return Segments(*(part[(*rows, index)] for part in s))


def _next(s: Segments, index: Any) -> Any:
    """Where the piece at an index ends."""
    ends = np.concatenate([s.start[..., 1:], np.full_like(s.start[..., :1], np.inf)], axis=-1)
    rows: tuple[Any, ...] = () if s.start.ndim == 1 else (np.arange(s.start.shape[0]),)
    return ends[(*rows, index)]
