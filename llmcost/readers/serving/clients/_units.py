"""Units that benchmark tools write beside their figures."""

from __future__ import annotations

from llmcost.errors import LlmcostError, shown

FACTORS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanoseconds": 1e-9, "min": 60.0, "minutes": 60.0,
    "tokens": 1.0, "token": 1.0, "requests": 1.0, "count": 1.0, "ratio": 1.0, "tokens/sec": 1.0, "tokens/s": 1.0,
    "tok/s": 1.0, "requests/sec": 1.0, "requests/s": 1.0, "req/s": 1.0, "per sec": 1.0, "per second": 1.0,
    "tokens/sec/user": 1.0, "tokens/s/user": 1.0, "tokens/second": 1.0, "requests/second": 1.0,
    "ktokens/sec": 1e3, "tokens/min": 1 / 60.0, "requests/min": 1 / 60.0,
}  # fmt: skip


def factor(unit: str | None, where: str) -> float:
    """What a figure in that unit is to be multiplied by to stand in s, tokens or 1/s.

    Raises
    ------
    LlmcostError
        The unit is missing or not known: it is asked for, never guessed.

    >>> factor("ms", "x"), factor("tokens/sec", "x")
    (0.001, 1.0)
    """
    if unit is not None and unit.strip().lower() in FACTORS:
        return FACTORS[unit.strip().lower()]
    seen = "no unit" if not unit else f"the unit {shown(unit, 30)}"
    raise LlmcostError(f"{where} has {seen}: which one is it?", "s, ms, us or ns; tokens/sec; requests/sec")
