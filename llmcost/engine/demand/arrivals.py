"""What a log of arrivals tells of traffic: peaks by window, its week, its growth."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Z95, Array
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY as DAY
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR as HOUR
from llmcost.records import NamedTuple

LEAST_WINDOWS = 3  # windows of a length from which a peak over a mean says something
WEEK_HOURS = 168
Counts: TypeAlias = npt.NDArray[np.int64]
GROWTH_DAYS = 14  # whole days from which growth is told apart from the week


class Burst(NamedTuple):
    """Counts of windows of one length."""

    window_seconds: float
    peak_to_mean: float
    dispersion: float  # variance over mean of the counts: 1 for random arrivals [-]


class Growth(NamedTuple):
    """Growth of traffic a month, and its 90 % range [-]."""

    per_month: float
    p5: float
    p95: float


def burst(seconds: Array, window: float) -> Burst | None:
    """Peak and spread of the counts in windows of one length; None where there are fewer than three whole ones.

    Parameters
    ----------
    seconds : array
        Arrivals since the first [s], in order.
    window : float
        Length of a window [s].

    Source: index of dispersion for counts, Cox and Lewis 1966, The Statistical Analysis of Series of Events, ch. 4.

    Examples
    --------
    Two arrivals, one, three, none: a peak of 3 over a mean of 1.5.

    >>> burst(np.array([0.0, 0.5, 1.2, 2.0, 2.1, 2.9, 4.0]), 1.0)
    Burst(window_seconds=1.0, peak_to_mean=2.0, dispersion=0.8333333333333334)
    """
    windows = int(seconds[-1] // window)
    if windows < LEAST_WINDOWS:
        return None
    inside = (seconds // window).astype(np.int64)
    inside = inside[inside < windows]
    if not len(inside):
        return None
    begun = np.flatnonzero(np.diff(inside, prepend=-1))  # windows in which one came: most of a long log have none
    counts = np.diff(begun, append=len(inside)).astype(float)
    mean = len(inside) / windows
    squares = float(np.sum((counts - mean) ** 2)) + (windows - len(counts)) * mean**2
    return Burst(window, float(counts.max()) / mean, squares / windows / mean)


def hours_of_week(seconds: Array, first_hour: float) -> tuple[Counts, Array]:
    """Requests and time of each hour of the week, from Monday 0:00 on [-, h].

    Parameters
    ----------
    seconds : array
        Arrivals since the first [s], in order.
    first_hour : float
        Hour of the week at which the first came, with its fraction [h].

    Source: definition.

    Examples
    --------
    >>> counts, hours = hours_of_week(np.array([0.0, 60.0, 3600.0]), 167.5)
    >>> int(counts[167]), int(counts[0]), float(hours[167]), float(hours[0])
    (2, 1, 0.5, 0.5)
    """
    at = (first_hour + seconds / HOUR) % WEEK_HOURS
    counts = np.bincount(at.astype(np.int64), minlength=WEEK_HOURS)
    return counts, _covered(first_hour, first_hour + float(seconds[-1]) / HOUR)


def _covered(start: float, end: float) -> Array:
    """Hours of the log in each hour of the week."""
    whole = np.arange(int(start), int(end) + 1)
    length = np.minimum(whole + 1, end) - np.maximum(whole, start)
    covered: Array = np.bincount(whole % WEEK_HOURS, weights=length, minlength=WEEK_HOURS).astype(float)
    return covered


def growth(seconds: Array, first_hour: float) -> Growth | None:
    """Compound growth of daily counts; None for a log of fewer than two whole weeks.

    ln(count of a day) = a + b day, days of the week told apart, least squares; its range by the scatter of the days.

    Parameters
    ----------
    seconds : array
        Arrivals since the first [s], in order.
    first_hour : float
        Hour of the week at which the first came [h].

    Source: log-linear regression; Student's t taken as normal.

    Examples
    --------
    Three weeks of 1 % a day: 1.01 ** 30.4375 - 1 = 35.4 % a month.

    >>> counts = np.round(10_000 * 1.01 ** np.arange(21)).astype(int)
    >>> g = growth(np.repeat(np.arange(21.0), counts) * 86400.0, 0.0)
    >>> g.p5 < g.per_month < g.p95, round(g.per_month, 3)
    (True, 0.354)
    """
    lead = (24.0 - first_hour % 24.0) % 24.0 * HOUR
    days = int((seconds[-1] + HOUR - lead) // DAY)
    if days < GROWTH_DAYS:
        return None
    inside = seconds[(seconds >= lead) & (seconds < lead + days * DAY)]
    counts = np.bincount(((inside - lead) // DAY).astype(np.int64), minlength=days)
    kept = counts > 0
    day = np.arange(days)[kept]
    weekday = (day + int(np.ceil(first_hour / 24.0))) % 7
    design = np.column_stack([day, *(weekday == d for d in np.unique(weekday))]).astype(float)
    solved, *_ = np.linalg.lstsq(design, np.log(counts[kept]), rcond=None)
    rest = np.log(counts[kept]) - design @ solved
    free = max(len(day) - design.shape[1], 1)
    variance = float(rest @ rest) / free * float(np.linalg.pinv(design.T @ design)[0, 0])
    slope, half = float(solved[0]), Z95 * variance**0.5
    return Growth(*(float(np.expm1((slope + d) * DAYS_PER_MONTH)) for d in (0.0, -half, half)))


def reused(ids: Counts, ends: Counts, tokens: Array, block: float, capacity: float) -> float:
    """Share of prompt tokens whose leading whole blocks a cache of so many tokens still holds.

    Least recently used blocks give way; a block counts only behind those before it, as attention needs them all.

    Parameters
    ----------
    ids, ends : array
        Blocks of every prompt one after another, and where each request's begin and end.
    tokens : array
        Prompt lengths [tokens].
    block : float
        Tokens of a block.
    capacity : float
        Size of the cache [tokens]; `inf` for one without end.

    Source: Mooncake, FAST 2025, arXiv 2407.00079 section 4 (LRU of blocks of 512 tokens).

    Examples
    --------
    Prompts of blocks 1 2, 1 3 and 1 2: without end 1, then 1 and 2 are found, 3 of 6 blocks; with two, 1 alone twice.

    >>> a = (np.array([1, 2, 1, 3, 1, 2]), np.array([0, 2, 4, 6]), np.array([1024.0] * 3), 512.0)
    >>> reused(*a, np.inf), round(reused(*a, 1024.0), 3)
    (0.5, 0.333)
    """
    starts = ends[:-1]
    stops = np.minimum(ends[1:], starts + (tokens // block).astype(np.int64))
    if not np.isfinite(capacity):
        return _seen_before(ids, starts, stops) * block / float(tokens.sum())
    most = capacity / block
    cache: dict[int, None] = {}
    found = 0
    blocks = ids.tolist()
    for begin, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        whole = blocks[begin:stop]
        for one in whole:
            if one not in cache:
                break
            found += 1
        for one in whole:
            cache.pop(one, None)
            cache[one] = None
        while len(cache) > most:
            del cache[next(iter(cache))]
    return found * block / float(tokens.sum())


def _seen_before(ids: Counts, starts: Counts, stops: Counts) -> int:
    """Leading blocks of every prompt that an earlier prompt has had."""
    lengths = np.maximum(stops - starts, 0)
    request = np.repeat(np.arange(len(starts)), lengths)
    begins = np.cumsum(lengths) - lengths
    within = np.arange(len(request)) - begins[request]
    whole = ids[starts[request] + within]
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    new = np.flatnonzero(request[first][which] == request)
    leading = lengths.copy()
    np.minimum.at(leading, request[new], within[new])
    return int(leading.sum())


def reused_within(ids: Counts, ends: Counts, tokens: Array, block: float, seconds: Array, expiry: float) -> float:
    """Share of prompt tokens found in a cache without end that forgets a block so long after its last use.

    Parameters
    ----------
    ids, ends, tokens, block
        As in `reused`.
    seconds : array
        Arrivals [s].
    expiry : float
        Time after which a block is gone [s].

    Source: definition.

    >>> a = (np.array([1, 1, 1]), np.array([0, 1, 2, 3]), np.array([512.0] * 3), 512.0)
    >>> round(reused_within(*a, np.array([0.0, 30.0, 200.0]), 60.0), 3)
    0.333
    """
    last: dict[int, float] = {}
    found = 0
    blocks = ids.tolist()
    spans = zip(ends[:-1].tolist(), ends[1:].tolist(), tokens.tolist(), seconds.tolist(), strict=True)
    for begin, end, length, now in spans:
        leading = True
        for one in blocks[begin : min(end, begin + int(length // block))]:
            leading = leading and now - last.get(one, -np.inf) <= expiry
            found += leading
            last[one] = now
    return found * block / float(tokens.sum())


def concentration(counts: Any, tops: tuple[int, ...] = (1, 10)) -> list[float]:
    """Share of all requests that the most active users make [-].

    Parameters
    ----------
    counts : array
        Requests of each user.
    tops : tuple of int
        How many of them.

    Source: definition.

    >>> concentration(np.array([6, 2, 1, 1]), (1, 2))
    [0.6, 0.8]
    """
    ordered = np.sort(counts)[::-1]
    return [float(ordered[:top].sum() / ordered.sum()) for top in tops]
