"""What a log tells, quantity by quantity; None or nothing where the log does not tell it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, NotRequired

import numpy as np

from llmcost.engine.demand import arrivals
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, SECONDS_PER_HOUR
from llmcost.readers import registry
from llmcost.readers.trace import Trace
from llmcost.records import NamedTuple, TypedDict

Array = np.ndarray[Any, np.dtype[np.float64]]
WINDOWS = (1.0, 10.0, 60.0, 300.0, 3600.0)  # [s]
CACHES = (0.5e6, 1.5e6, 5e6, 15e6, 25e6, float("inf"))  # sizes of a prefix cache [tokens]
EXPIRIES = (60.0, 300.0)  # [s]
QUANTILES = {"p50_tokens": 0.5, "p95_tokens": 0.95, "p99_tokens": 0.99}
BANDS = 5  # of prompts by length, whose answers are told apart
LEAST_PEAK = 60.0  # shorter windows are bursts, which queue [s]
MOST_BLOCKS = 3_000_000  # that are looked up; a longer log by its first requests
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class LengthRow(TypedDict):
    """How long prompts or answers are [tokens]."""

    quantity: str
    mean_tokens: float
    p50_tokens: float
    p95_tokens: float
    p99_tokens: float
    max_tokens: float
    cv: float


class ReuseRow(TypedDict):
    """Share of prompt tokens that a prefix cache of a size holds, or one that keeps blocks so long."""

    cache_tokens: NotRequired[float | None]  # None: without end
    expiry_seconds: NotRequired[float]
    reused_share: float


class Profile(NamedTuple):
    """A log and what is known of it."""

    name: str
    format: str
    trace: Trace
    per_second: float  # mean [1/s]
    span_seconds: float
    bursts: list[arrivals.Burst]
    growth: arrivals.Growth | None
    hours: list[float]  # traffic of each hour of the day over the mean; empty for a log of less than a day
    weekdays: list[float]  # of each day of the week; empty for one of less than a week

    @property
    def peak_to_average(self) -> float | None:
        """Busiest hour of the day over the mean; of a shorter log, the fullest of its longest windows."""
        if self.hours:
            return max(self.hours)
        long = [burst for burst in self.bursts if burst.window_seconds >= LEAST_PEAK]
        return long[-1].peak_to_mean if long else None

    @property
    def weekend(self) -> float | None:
        """Traffic of a weekend day over that of a weekday."""
        if not self.weekdays or not any(self.weekdays[:5]):
            return None
        return (sum(self.weekdays[5:]) / 2) / (sum(self.weekdays[:5]) / 5)


def profile(path: Path) -> Profile:
    """Read a log of requests.

    Parameters
    ----------
    path : Path
        A file of any format of `readers.traces`.

    Raises
    ------
    LlmcostError
        Not such a file, or one that is broken.
    """
    reading = registry.log(path)
    trace: Trace = reading.rows[0]
    if trace.rates is not None:
        return _of_rates(path.name, reading.format, trace)
    if trace.seconds is None:
        return Profile(path.name, reading.format, trace, 0.0, 0.0, [], None, [], [])
    span = float(trace.seconds[-1])
    bursts = [b for window in WINDOWS if (b := arrivals.burst(trace.seconds, window)) is not None]
    hours, weekdays, grown = _calendar(trace, span)
    rate = len(trace.seconds) / span if span else 0.0
    return Profile(path.name, reading.format, trace, rate, span, bursts, grown, hours, weekdays)


def _of_rates(name: str, format_: str, trace: Trace) -> Profile:
    rates = trace.rates
    assert rates is not None
    mean, width = float(rates.per_second.mean()), rates.window_seconds
    bursts = [arrivals.Burst(width, float(rates.per_second.max()) / mean, float("nan"))]
    each = int(SECONDS_PER_HOUR // width) if width < SECONDS_PER_HOUR else 0
    if each and len(rates.per_second) >= each * arrivals.LEAST_WINDOWS:
        whole = len(rates.per_second) // each * each
        hourly = rates.per_second[:whole].reshape(-1, each).mean(axis=1)
        bursts.append(arrivals.Burst(SECONDS_PER_HOUR, float(hourly.max() / hourly.mean()), float("nan")))
    span = float(rates.start_seconds[-1]) + width
    return Profile(name, format_, trace, mean, span, bursts, None, [], [])


def _calendar(trace: Trace, span: float) -> tuple[list[float], list[float], arrivals.Growth | None]:
    """Hours of the day, days of the week and growth, as far as the log is long enough and its clock has a date."""
    if trace.start is None or trace.seconds is None or span < SECONDS_PER_DAY:
        return [], [], None
    first = dt.datetime.fromisoformat(trace.start.removesuffix("Z"))
    hour = first.weekday() * 24 + first.hour + first.minute / 60 + first.second / 3600
    counts, covered = arrivals.hours_of_week(trace.seconds, hour)
    counts, covered = counts.reshape(7, 24), covered.reshape(7, 24)
    of_day = _relative(counts.sum(axis=0), covered.sum(axis=0))
    of_week = _relative(counts.sum(axis=1), covered.sum(axis=1)) if np.all(covered > 0) else []
    return of_day, of_week, arrivals.growth(trace.seconds, hour)


def _relative(counts: Array, hours: Array) -> list[float]:
    rate = np.divide(counts, hours, out=np.zeros(len(counts)), where=hours > 0)
    mean = counts.sum() / hours.sum()
    return [float(r / mean) for r in rate]


def lengths(trace: Trace) -> list[LengthRow]:
    """Mean, quantiles and spread of prompts and answers [tokens]."""
    rows: list[LengthRow] = []
    for name in ("isl", "osl"):
        column = getattr(trace, name)
        if column is not None:
            mean = float(column.mean(dtype=float))
            at = [float(np.quantile(column, q)) for q in QUANTILES.values()]
            top, cv = float(column.max()), float(column.std(dtype=float)) / mean
        elif trace.lengths is not None:
            values, shares = getattr(trace.lengths, name), getattr(trace.lengths, f"{name}_share")
            mean = float(values @ shares)
            below = np.cumsum(shares)
            at = [float(values[min(np.searchsorted(below, q), len(values) - 1)]) for q in QUANTILES.values()]
            top, cv = float(values[-1]), float(np.sqrt((values - mean) ** 2 @ shares)) / mean
        else:
            continue
        rows.append({
            "quantity": name, "mean_tokens": mean, "p50_tokens": at[0], "p95_tokens": at[1], "p99_tokens": at[2],
            "max_tokens": top, "cv": cv,
        })  # fmt: skip
    return rows


def joint(trace: Trace) -> tuple[float | None, list[dict[str, float]]]:
    """Correlation of prompt and answer, and answers by prompt: a row for each fifth of the prompts by length."""
    if trace.isl is None or trace.osl is None or len(trace.isl) < BANDS:
        return None, []
    edges = np.quantile(trace.isl, np.linspace(0.0, 1.0, BANDS + 1))
    band = np.clip(np.searchsorted(edges, trace.isl, side="left") - 1, 0, BANDS - 1)
    rows = []
    for i in range(BANDS):
        answers = trace.osl[band == i]
        if np.any(band == i):
            low, high = float(edges[i]), float(edges[i + 1])
            row = {"isl_from": low, "isl_to": high, "requests_share": float(np.mean(band == i))}
            rows.append({**row, **{k: float(np.quantile(answers, q)) for k, q in QUANTILES.items()}})
    varies = bool(trace.isl.std() > 0 and trace.osl.std() > 0)
    return (float(np.corrcoef(trace.isl, trace.osl)[0, 1]) if varies else None), rows


def reuse(trace: Trace) -> list[ReuseRow]:
    """Share of prompt tokens found in a prefix cache, by its size and by how long it keeps a block."""
    args = _blocks(trace)
    if args is None or trace.seconds is None:
        return []
    seconds = trace.seconds[: len(args[2])]
    shares: list[ReuseRow] = [
        {"expiry_seconds": e, "reused_share": arrivals.reused_within(*args, seconds, e)} for e in EXPIRIES
    ]
    return [*reuse_by_size(trace), *shares]


def reuse_by_size(trace: Trace) -> list[ReuseRow]:
    """Share of prompt tokens found in a prefix cache by its size; nothing where the log has no blocks."""
    args = _blocks(trace)
    if args is None:
        return []
    held = len(np.unique(args[0])) * trace.block_tokens  # a cache of all there is forgets nothing
    endless = arrivals.reused(*args, float("inf"))
    shares = ((size, arrivals.reused(*args, size) if size < held else endless) for size in CACHES)
    return [{"cache_tokens": size if np.isfinite(size) else None, "reused_share": share} for size, share in shares]


def _blocks(trace: Trace) -> tuple[Any, Any, Any, float] | None:
    """Blocks of the requests that are looked at, where each begins, and the lengths of prompts and of blocks."""
    if trace.blocks is None or trace.isl is None:
        return None
    ids, ends = trace.blocks
    count = int(np.searchsorted(ends, MOST_BLOCKS, side="right")) - 1
    return ids[: ends[count]], ends[: count + 1], trace.isl[:count], trace.block_tokens


def cached_share(trace: Trace) -> float | None:
    """Share of prompt tokens that the log says were read from a cache."""
    if trace.cached is None or trace.isl is None:
        return None
    return min(float(trace.cached.sum(dtype=float)) / float(trace.isl.sum(dtype=float)), 1.0)


def users(trace: Trace) -> dict[str, float]:
    """How many users there are and what the most active make of all requests."""
    if trace.user is None:
        return {}
    named = trace.user[trace.user >= 0]
    if not len(named):
        return {}
    _, counts = np.unique(named, return_counts=True)
    one, ten = arrivals.concentration(counts)
    hundredth = arrivals.concentration(counts, (max(1, round(len(counts) / 100)),))[0]
    return {
        "users_seen": float(len(counts)),
        "top_user_share": one,
        "top_10_users_share": ten,
        "top_1_percent_share": hundredth,
    }
