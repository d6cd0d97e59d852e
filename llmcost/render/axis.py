"""Round values on an axis and their labels, for pictures in a terminal, a page and a file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from llmcost import units

SOON = 10.0  # days: below it a day is too coarse to tell
DAYS_PER_MONTH, DAYS_PER_YEAR = units.MONTH / units.DAY, units.YEAR / units.DAY
_ZEROS = re.compile(r"(\.\d*?)0+(?=\D|$)")


def tick_label(kind: str, value: float) -> str:
    """A short label: no zeros after the point.

    >>> tick_label("usd", 5e6), tick_label("usd", 2.5e6), tick_label("kwh", 2e5), tick_label("usd", 0.0)
    ('$5M', '$2.5M', '200 MWh', '$0')
    """
    if value == 0 and kind != "usd":
        return "0"
    return _ZEROS.sub(lambda found: found.group(1).rstrip("."), units.format(kind, value))


def ticks(top: float, count: int, kind: str = "") -> list[float]:
    """Steps of 1, 2 or 5 from zero up to `top`, at most `count` (three or more) of them after zero; round as shown.

    >>> ticks(11.9e6, 4), ticks(1.0, 5)
    ([0.0, 5000000.0, 10000000.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    unit = units.shown_unit(kind)
    top /= unit
    power = 10.0 ** math.floor(math.log10(top / count))
    step = next(m * power for m in (1, 2, 5, 10, 20) if m * power * count >= top * (1 - 1e-9))
    return [float(f"{i * step:.12g}") * unit for i in range(int(top / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, kind: str = "") -> list[float]:
    """Steps of 1, 2 and 5 from low to high, round as shown.

    >>> log_ticks(0.2, 10.0)
    [0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
    """
    unit = units.shown_unit(kind)
    low, high = low / unit, high / unit
    found = [
        m * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)
    ]
    return [float(f"{v:.12g}") * unit for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]


def bounds(values: Sequence[float], kind: str = "") -> tuple[float, float]:
    """A logarithmic range of whole steps of 1, 2 or 5 around values, round as shown.

    >>> bounds([0.3, 7.0])
    (0.2, 10.0)
    """
    unit = units.shown_unit(kind)
    return _step(min(values) / unit, -1) * unit, _step(max(values) / unit, 1) * unit


def _step(value: float, side: int) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    steps = [m * power for m in (0.5, 1.0, 2.0, 5.0, 10.0)]
    if side < 0:
        return float(f"{max(s for s in steps if s <= value * (1 + 1e-9)):.12g}")
    return float(f"{min(s for s in steps if s >= value * (1 - 1e-9)):.12g}")


def time_axis(end: float, count: int) -> tuple[list[float], list[str], str]:
    """Days of the ticks, their labels, and the unit of the axis.

    >>> time_axis(730.5, 6)[1:]
    (['0', '4', '8', '12', '16', '20', '24'], 'months')
    """
    word, size, steps = next(
        (word, size, steps)
        for word, size, steps, longest in (
            ("days", 1.0, (), 92.0),
            ("months", DAYS_PER_MONTH, (1, 2, 3, 4, 6, 12), 4 * DAYS_PER_YEAR),
            ("years", DAYS_PER_YEAR, (), math.inf),
        )
        if end <= longest
    )
    step = next((s for s in steps if s * count >= end / size * (1 - 1e-9)), None)
    at = (
        ticks(end / size, count)
        if step is None
        else [float(i * step) for i in range(int(end / size / step + 1e-9) + 1)]
    )
    return [x * size for x in at], [f"{x:g}" for x in at], word


def day_text(day: float, soon: bool | None = None) -> str:
    """When it is, after launch; within ten days in hours and days, unless it is told beside a later one.

    >>> day_text(529.3), day_text(0.52), day_text(0.52, False)
    ('day 529', '12.5 h', 'day 1')
    """
    if day == 0.0 or not (day < SOON if soon is None else soon):
        return f"day {day:,.0f}"
    return units.format("seconds", units.DAY * day)
