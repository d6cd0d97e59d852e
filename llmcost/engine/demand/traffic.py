"""Traffic over time, and the fleet of whole replicas that follows it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from llmcost.engine.demand.pools import SPANS, capacities, spans
from llmcost.engine.demand.pools import Measure as Measure
from llmcost.engine.demand.pools import Pool as Pool
from llmcost.engine.demand.segments import Segments, cumulative, segments
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Flags, Num
from llmcost.records import NamedTuple

CONSTANT, LINEAR, COMPOUND, LOGISTIC, SERIES = "constant", "linear", "compound", "logistic", "series"
MOST_STEPS = 1_000_000  # of the replicas of one pool over a series
TERMS = 16  # exponentials in a logistic curve of one point: error 2 / (3 + sqrt 8)^16 = 1e-12
FEW_TERMS = 8  # of many samples: 2e-6
FEW_CURVES = 128  # that are told as one point is
NOTHING: Array = np.zeros(0)
NEVER = 1e9  # days: a ceiling that is not reached


class Traffic(NamedTuple):
    """Requests per day over time.

    `pace` is what growth needs: requests per day added per day (linear), the logarithm of growth per day (compound), or
    the steepness of adoption per day (logistic). A series has `days` and `values`, straight lines between them.
    """

    kind: str
    launch: Num = 0.0
    pace: Num = 0.0
    ceiling: Num = math.inf
    midpoint: Num = 0.0
    days: Array = NOTHING
    values: Array = NOTHING


def constant(per_day: Num) -> Traffic:
    """The same every day [1/d]."""
    return Traffic(CONSTANT, per_day)


def linear(per_day: Num, added_per_month: Num, ceiling: Num = math.inf) -> Traffic:
    """r0 + s t, until a ceiling [1/d].

    Parameters
    ----------
    per_day : float or array
        Requests per day at launch r0 [1/d].
    added_per_month : float or array
        Requests per day that every month of 365.25/12 days adds [1/d].
    ceiling : float or array
        Most requests per day [1/d].

    Examples
    --------
    1,000 a day, 100 more every month: 1,200 after two months.

    >>> float(rate(linear(1000.0, 100.0), 2 * DAYS_PER_MONTH))
    1200.0
    """
    return Traffic(LINEAR, per_day, np.divide(added_per_month, DAYS_PER_MONTH), ceiling)


def compound(per_day: Num, growth_per_month: Num, ceiling: Num = math.inf) -> Traffic:
    """r0 (1 + g)^(t / month), until a ceiling [1/d].

    Parameters
    ----------
    per_day : float or array
        Requests per day at launch r0 [1/d].
    growth_per_month : float or array
        Growth g of a month of 365.25/12 days, above -1 [1/month].
    ceiling : float or array
        Most requests per day [1/d].

    Examples
    --------
    >>> round(float(rate(compound(1000.0, 0.10), 2 * DAYS_PER_MONTH)), 9)
    1210.0
    """
    return Traffic(COMPOUND, per_day, np.log1p(np.maximum(growth_per_month, -1.0 + 1e-9)) / DAYS_PER_MONTH, ceiling)


def logistic(per_day: Num, ceiling: Num, midpoint_days: Num) -> Traffic:
    """K / (1 + e^(-k (t - m))) through r0 at launch [1/d]: k = ln(K / r0 - 1) / m.

    Parameters
    ----------
    per_day : float or array
        Requests per day at launch r0, below half the ceiling [1/d].
    ceiling : float or array
        Requests per day once adoption is complete K [1/d].
    midpoint_days : float or array
        Days from launch to half of the ceiling m [d].

    Source: Verhulst 1838, the logistic; Griliches 1957, doi:10.2307/1905380, for adoption over time.

    Examples
    --------
    1M a day at launch, 10M when adopted: half of it on day 365 by definition, ln(9) / 365 the steepness.

    >>> t = logistic(1e6, 10e6, 365.0)
    >>> round(float(rate(t, 365.0))), round(float(rate(t, 0.0)))
    (5000000, 1000000)
    """
    odds = np.maximum(np.divide(ceiling, per_day) - 1.0, 1.0 + 1e-6)  # a sample at launch above half the ceiling
    return Traffic(LOGISTIC, per_day, np.log(odds) / midpoint_days, ceiling, midpoint_days)


def series(days: Sequence[float] | Array, per_day: Sequence[float] | Array) -> Traffic:
    """Straight lines between given days, the last value after them, nothing before them [1/d]."""
    return Traffic(SERIES, days=np.asarray(days, float), values=np.asarray(per_day, float))


def rate(traffic: Traffic, days: Num) -> Num:
    """Requests per day on a day [1/d]."""
    t = np.asarray(days, dtype=float)
    if traffic.kind == SERIES:
        return np.where(t < traffic.days[0], 0.0, np.interp(t, traffic.days, traffic.values))
    if traffic.kind == LOGISTIC:
        return traffic.ceiling / (1.0 + np.exp(-traffic.pace * (t - traffic.midpoint)))
    grown = traffic.launch * np.exp(traffic.pace * t) if traffic.kind == COMPOUND else traffic.launch + traffic.pace * t
    return np.minimum(grown, traffic.ceiling)


def mean(traffic: Traffic, edges: Array) -> Array:
    """Requests per day between days that follow each other: of a series in the mean, else in the middle [1/d].

    >>> mean(series([0.0, 10.0], [10.0, 20.0]), np.array([0.0, 10.0, 20.0])).tolist()
    [15.0, 20.0]
    >>> mean(linear(100.0, 304.375), np.array([0.0, 10.0, 20.0])).tolist()
    [150.0, 250.0]
    """
    if traffic.kind == SERIES:
        return np.asarray(np.diff(cumulative(requests(traffic), edges)) / np.diff(edges))
    return np.asarray(rate(_wide(traffic), (edges[:-1] + edges[1:]) / 2.0))


def most(traffic: Traffic, end: float) -> Num:
    """Requests per day at their most until a day, or a little more [1/d]."""
    if traffic.kind == SERIES:
        return float(traffic.values.max())
    return np.maximum(rate(traffic, 0.0), rate(traffic, end))


def reaches(traffic: Traffic, per_day: Num) -> Num:
    """The day on which growing or shrinking traffic passes a rate [d]; beyond `NEVER` or not finite if it does not.

    Not for a series, which may pass it many times.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if traffic.kind == LOGISTIC:
            return traffic.midpoint - np.log(traffic.ceiling / per_day - 1.0) / traffic.pace
        if traffic.kind == COMPOUND:
            return np.log(per_day / traffic.launch) / traffic.pace
        return np.divide(np.subtract(per_day, traffic.launch), traffic.pace)


def requests(traffic: Traffic) -> Segments:
    """Requests per day as analytic pieces.

    Examples
    --------
    Requests of the logistic in closed form: K/k (ln(1 + e^(k (t - m))) - ln(1 + e^(-k m))). With r0 = 1, K = 10, m = 1:
    k = ln 9; on day 2 the first logarithm is ln 10 and the second ln(10/9): 10 / ln 9 x ln 9 = 10.

    >>> from llmcost.engine.demand.segments import cumulative
    >>> round(float(cumulative(requests(logistic(1.0, 10.0, 1.0)), 2.0)), 10)
    10.0
    """
    if traffic.kind == SERIES:
        slopes = np.append(np.diff(traffic.values) / np.diff(traffic.days), 0.0)
        return segments(traffic.days, traffic.values[:, None], np.zeros((len(slopes), 1)), slopes)
    if traffic.kind == LOGISTIC:
        return _logistic(traffic)
    zero = np.multiply(0.0, traffic.launch)
    if traffic.kind == CONSTANT:
        return segments(_pieces(zero), _pieces(traffic.launch)[..., None], 0.0)
    turn = reaches(traffic, traffic.ceiling)
    above = np.greater(traffic.launch, traffic.ceiling) & np.greater(traffic.pace, 0.0)
    turn = np.where(above, 0.0, np.where((turn >= 0) & (turn < NEVER), turn, NEVER))
    capped = bool(np.any(turn < NEVER))
    start = _pieces(zero, turn) if capped else _pieces(zero)
    level = (traffic.launch, traffic.ceiling) if capped else (traffic.launch,)
    moving = (traffic.pace, 0.0) if capped else (traffic.pace,)
    still = (0.0,) * len(level)
    exponent, slope = (moving, still) if traffic.kind == COMPOUND else (still, moving)
    finite = [np.where(np.isfinite(x), x, 0.0) for x in level]
    return segments(start, _pieces(*finite)[..., None], _pieces(*exponent)[..., None], _pieces(*slope))


def _pieces(*values: Num) -> Array:
    """Values of the pieces along a last axis."""
    return np.stack(np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in values)), axis=-1)


def _logistic(traffic: Traffic) -> Segments:
    """1 / (1 + x) as a sum of powers of x on either side of the midpoint, where x is at most 1.

    The weights are those of Cohen, Rodriguez Villegas, Zagier 2000, "Convergence acceleration of alternating series",
    algorithm 1, doi:10.1080/10586458.2000.10504632: the error is below 2 / (3 + sqrt 8)^n for every x.
    """
    k, m, top = (np.asarray(v, dtype=float)[..., None] for v in (traffic.pace, traffic.midpoint, traffic.ceiling))
    terms = FEW_TERMS if k.size > FEW_CURVES else TERMS
    power, weights = np.arange(terms, dtype=float), alternating_weights(terms)
    rising = top * weights * np.exp(-(power + 1.0) * k * m)
    fallen = top * weights + 0.0 * m * k
    amount = np.stack(np.broadcast_arrays(rising, fallen), axis=-2)
    exponent = np.stack(np.broadcast_arrays((power + 1.0) * k, -power * k), axis=-2)
    return segments(_pieces(0.0 * m[..., 0], m[..., 0]), amount, exponent)


def alternating_weights(terms: int) -> Array:
    """w_j such that sum_j w_j x^j is 1 / (1 + x) for x in [0, 1] [-].

    >>> w = alternating_weights(16)
    >>> round(float(w.sum()), 11), round(float((w * 0.3 ** np.arange(16)).sum()), 11) == round(1 / 1.3, 11)
    (0.5, True)
    """
    root = (3.0 + math.sqrt(8.0)) ** terms
    d = (root + 1.0 / root) / 2.0
    b, c, weights = -1.0, -d, []
    for j in range(terms):
        c = b - c
        weights.append(c / d)
        b *= (j + terms) * (j - terms) / ((j + 0.5) * (j + 1.0))
    return np.array(weights)


def fleet(traffic: Traffic, pools: Sequence[Pool], end: float, exact: int) -> Segments:
    """Accelerators over time: each pool in whole replicas that follow the traffic [-]; see `measures`.

    Examples
    --------
    250 requests a day on replicas of 100, 8 accelerators each: 24.

    >>> from llmcost.engine.demand.segments import cumulative
    >>> float(cumulative(fleet(constant(250.0), [Pool(100.0, 8.0)], 365.0, 16), 10.0))
    240.0
    """
    return measures(traffic, pools, [Measure([pool.size for pool in pools])], end, exact)[0]


def measures(
    traffic: Traffic, pools: Sequence[Pool], wanted: Sequence[Measure], end: float, exact: int
) -> list[Segments]:
    """What pools of whole replicas that follow the traffic take over time, in each measure.

    Steps are placed exactly while a pool has fewer than `exact` replicas. Beyond that its size is that of the traffic
    plus half a replica, the mean of rounding up: what this leaves out is below 1/8 of a replica for the time of one
    step. Samples of a series have no steps inside a row: it keeps the replicas that its middle needs; and of a long
    series they have the mean of some rows together.

    Parameters
    ----------
    traffic : Traffic
        Requests per day.
    pools : sequence of Pool
        Capacities, spares and fewest replicas.
    wanted : sequence of Measure
        What is counted.
    end : float
        Last day that matters [d].
    exact : int
        Most replicas that are counted one by one [-].

    Examples
    --------
    250 requests a day on replicas of 100, $7 a day each, $5 a day of operations and $0.01 a request: 21 + 5 + 2.5.

    >>> from llmcost.engine.demand.segments import cumulative
    >>> dollars = measures(constant(250.0), [Pool(100.0)], [Measure([7.0], 5.0, 0.01)], 365.0, 16)
    >>> float(cumulative(dollars[0], 10.0))
    285.0
    """
    base = requests(traffic)
    long = traffic.kind == SERIES and len(traffic.days) > SPANS and traffic.days[0] < end
    if long and any(np.ndim(pool.capacity) for pool in pools):
        return spans(base, pools, wanted, end)
    start = np.minimum(_steps(traffic, base, pools, end, exact), end)
    middle = (start + np.concatenate([start[..., 1:], np.full_like(start[..., :1], end)], axis=-1)) / 2.0
    per_day = np.asarray(rate(_wide(traffic), middle))
    at = _shifted(base, start, middle)
    moving = np.any(at.exponent, axis=-1) | (at.slope != 0) if traffic.kind != SERIES else np.array(False)
    held = [_held(pool, per_day, moving, exact) for pool in pools]
    return [_measured(one, held, traffic, at, start) for one in wanted]


def _held(pool: Pool, per_day: Array, moving: Flags, exact: int) -> tuple[Num, Num]:
    """Replicas of a pool in each piece: whole ones, and what a request per day adds where there are many."""
    capacity = np.asarray(pool.capacity, dtype=float)[..., None]
    replicas = per_day / capacity
    least = np.asarray(pool.least, dtype=float)[..., None]
    many = moving & (replicas >= exact) & (replicas + 0.5 >= least)
    needed = np.where(many, 0.5, np.maximum(np.ceil(replicas - 1e-9), least))
    return needed + pool.spares, np.where(many, 1.0 / capacity, 0.0)


def _measured(one: Measure, held: Sequence[tuple[Num, Num]], traffic: Traffic, at: Segments, start: Array) -> Segments:
    """The pieces of a measure."""
    whole, smooth = (np.asarray(x, dtype=float)[..., None] for x in (one.standing, one.each))
    for size, (needed, added) in zip(one.sizes, held, strict=True):
        wide = np.asarray(size, dtype=float)[..., None]
        whole, smooth = whole + wide * needed, smooth + wide * added
    if one.launch is not None and traffic.kind != SERIES:
        launch = np.asarray(traffic.launch, dtype=float)
        left = np.asarray(one.launch - whole[..., 0] - smooth[..., 0] * launch)[..., None]
        grows = np.greater_equal(traffic.pace, 0.0)[..., None]
        whole = whole + np.where(grows, left, 0.0)
        smooth = smooth + np.where(grows, 0.0, left / launch[..., None])
    moving_part, steps = at.amount * smooth[..., None], whole[..., None]
    leading = np.broadcast_shapes(moving_part.shape[:-1], whole.shape, start.shape)
    parts = [np.broadcast_to(part, (*leading, part.shape[-1])) for part in (moving_part, steps)]
    amount = np.concatenate(parts, axis=-1)
    exponent = np.concatenate([at.exponent, np.zeros_like(at.exponent[..., :1])], axis=-1)
    return segments(np.broadcast_to(start, leading), amount, exponent, np.broadcast_to(at.slope * smooth, leading))


def _wide(traffic: Traffic) -> Traffic:
    """The same traffic with an axis for days behind its samples."""
    if traffic.kind == SERIES:
        return traffic
    launch, pace, ceiling, midpoint = (np.asarray(v, float)[..., None] for v in traffic[1:5])
    return traffic._replace(launch=launch, pace=pace, ceiling=ceiling, midpoint=midpoint)


def _steps(traffic: Traffic, base: Segments, pools: Sequence[Pool], end: float, exact: int) -> Array:
    """Days on which a pool may change its size, and where the pieces of the traffic begin, in order."""
    counts = np.arange(1.0, exact + 1.0)
    days, levels = [base.start], []
    for capacity in capacities(pools):
        if traffic.kind == SERIES:
            days.append(_passed(traffic, counts * capacity) if np.ndim(capacity) == 0 else base.start)
        elif traffic.kind != CONSTANT:
            levels.append(counts * np.asarray(capacity, dtype=float)[..., None])
    for pool in pools if levels else ():
        if np.any(np.greater(pool.least, exact)):  # beyond those that are counted: where the mean passes the fewest
            levels.append((np.asarray(pool.least, dtype=float) - 0.5)[..., None] * np.asarray(pool.capacity)[..., None])
    for level in levels:
        days.append(np.nan_to_num(reaches(_wide(traffic), level), nan=end, posinf=end, neginf=0.0))
    leading = np.broadcast_shapes(*(d.shape[:-1] for d in days))
    joined = np.concatenate([np.broadcast_to(d, (*leading, d.shape[-1])) for d in days], axis=-1)
    first = base.start[..., :1]
    return _without_empty(np.sort(np.clip(joined, first, end), axis=-1), end)


def _without_empty(start: Array, end: float) -> Array:
    """The pieces without those of no length, before the first step and after the last, that all samples have alike."""
    flat = start.reshape(-1, start.shape[-1])
    before = int(np.argmin(np.append(np.all(flat == flat[:, :1], axis=0), False)))
    after = int(np.argmin(np.append(np.all(flat >= end, axis=0)[::-1], False)))
    return start[..., max(before - 1, 0) : start.shape[-1] - max(after - 1, 0)]


def _passed(traffic: Traffic, levels: Array) -> Array:
    """Every day on which a series passes one of the levels, which are multiples of the first."""
    days, values, step = traffic.days, traffic.values, levels[0]
    low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    first = np.floor(low / step) + 1.0
    count = np.maximum(np.minimum(np.ceil(high / step) - 1.0, len(levels)) - first + 1.0, 0.0).astype(int)
    if count.sum() > MOST_STEPS:  # it passes them all the time: the middle of a row stands for it
        return np.asarray(days)
    row = np.repeat(np.arange(len(count)), count)
    level = (first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)) * step
    into = (level - values[row]) / (values[row + 1] - values[row])
    return np.concatenate([days, days[row] + into * (days[row + 1] - days[row])])


def _shifted(base: Segments, start: Array, middle: Array) -> Segments:
    """The terms of the pieces in which `middle` lies, as they are at `start`."""
    if base.start.ndim == 1:
        index = np.maximum(np.searchsorted(base.start, middle, side="right") - 1, 0)
        at = Segments(*(part[index] for part in base))
    else:
        index = np.maximum(np.sum(base.start[..., None, :] <= middle[..., None], axis=-1) - 1, 0)
        rows = np.arange(len(base.start))[:, None]
        at = Segments(*(part[rows, index] for part in base))
    later = start - at.start
    grown = np.exp(at.exponent * later[..., None])
    amount = at.amount * grown
    amount[..., 0] += at.slope * later * grown[..., 0]
    return at._replace(amount=amount, slope=at.slope * grown[..., 0])
