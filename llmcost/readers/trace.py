"""A log of requests as columns: when each came, how long it was, whose it was."""

from __future__ import annotations

from typing import Any

from llmcost.errors import LlmcostError
from llmcost.records import NamedTuple

Array = Any  # numpy array
YEAR = 365.25 * 86_400.0  # [s]
LONGEST = 30 * YEAR  # of a log


class Rates(NamedTuple):
    """Traffic told as rates of windows in place of single requests."""

    start_seconds: Array  # since the first window [s]
    per_second: Array
    cv: Array  # of the time between requests, 0 where none came [-]
    window_seconds: float


class Lengths(NamedTuple):
    """Lengths told as shares in place of single requests [tokens, -]."""

    isl: Array
    isl_share: Array
    osl: Array
    osl_share: Array


class Trace(NamedTuple):
    """Requests in order of arrival; arrays of one length, None where the log has no such column."""

    total: int  # rows of the log
    failed: int = 0  # rows of calls that failed, left out of the arrays
    empty: int = 0  # rows without prompt or answer, left out too
    seconds: Array | None = None  # arrival since the first [s]
    start: str | None = None  # when the first came, ISO, UTC; None where the clock has no date
    isl: Array | None = None  # [tokens]
    osl: Array | None = None
    cached: Array | None = None  # tokens of the prompt that were read from a cache
    user: Array | None = None  # code of the user or session: a number, never the name
    blocks: tuple[Array, Array] | None = None  # ids of the prompts' blocks, and where each request's begin
    block_tokens: float = 0.0
    rates: Rates | None = None
    lengths: Lengths | None = None


class Columns(NamedTuple):
    """Raw columns of a log, before failed and empty calls are left out; times in s since 1970 or since a start."""

    seconds: Array
    dated: bool  # whether the clock has a date
    isl: Array | None = None
    osl: Array | None = None
    cached: Array | None = None
    user: Array | None = None
    failed: Array | None = None  # bool


def trace(found: Columns, name: str) -> Trace:
    """The requests that count, in order of arrival.

    Parameters
    ----------
    found : Columns
        Every row of the log.
    name : str
        The file, for messages.

    Raises
    ------
    LlmcostError
        No row has a time.
    """
    import numpy as np

    total = len(found.seconds)
    timed = np.isfinite(found.seconds)
    failed = found.failed if found.failed is not None else np.zeros(total, dtype=bool)
    empty = np.zeros(total, dtype=bool)
    for column in (found.isl, found.osl):
        if column is not None:
            empty |= ~(column > 0)
    if not timed.any():
        raise LlmcostError(f"{name}: no row has a time")
    keep = timed & ~failed & ~empty
    if not keep.any():
        raise LlmcostError(f"{name}: every one of {total:,} calls failed or is empty")
    order = np.flatnonzero(keep)
    times = found.seconds[order]
    if np.any(np.diff(times) < 0):
        sorting = np.argsort(times, kind="stable")
        order, times = order[sorting], times[sorting]
    first = float(times[0])
    if times[-1] - first > LONGEST:
        raise LlmcostError(
            f"{name}: its times are {(times[-1] - first) / YEAR:,.3g} years apart: not all are of one log",
            "leave out the rows whose time is 0, or give every time in one unit",
        )
    return Trace(
        total=total,
        failed=int(failed.sum()),
        empty=int((empty & ~failed).sum()),
        seconds=times - first,
        start=np.datetime_as_string(np.datetime64(int(first * 1e3), "ms")) + "Z" if found.dated else None,
        isl=None if found.isl is None else found.isl[order],
        osl=None if found.osl is None else found.osl[order],
        cached=None if found.cached is None else np.nan_to_num(found.cached[order]),
        user=None if found.user is None else found.user[order],
    )
