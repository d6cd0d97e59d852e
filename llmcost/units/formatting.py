"""Base units to text: three significant digits, engineering suffix, spelled as `parse` accepts."""

from __future__ import annotations

import datetime as dt
from typing import SupportsFloat, TypeGuard

from llmcost.units.currency import current
from llmcost.units.kinds import COUNT_RUNGS, KINDS, Rungs

NOT_KNOWN = "not known"


def format(kind: str, value: float | dt.date | None, digits: int = 3) -> str:
    """A quantity with its unit; `not known` for None and for what is not finite.

    Whole numbers are exact and carry thousands commas, which are for reading: `parse` refuses commas.

    >>> format("count", 70.6e9), format("usd", 19.1e6), format("usd_per_hour", 2.5), format("usd_per_mtok", 0.6)
    ('70.6B', '$19.1M', '$2.50/h', '$0.60/Mtok')
    >>> format("bytes", 80e9), format("flops", 989e12), format("share", 0.384), format("kwh", 59257.0)
    ('80.0 GB', '989 TFLOP/s', '38.4%', '59.3 MWh')
    >>> format("seconds", 0.0123), format("seconds", 44 * 86400.0), format("per_day", 1e7), format("kg", 510e3)
    ('12.3 ms', '44.0 d', '10.0M/day', '510 t')
    >>> format("whole", 16384), format("calendar_year", 2024), format("usd", None)
    ('16,384', '2024', 'not known')
    """
    if isinstance(value, dt.date):
        return dt.date.isoformat(value)  # of a point in time: the day alone
    if not _printable(value):
        return NOT_KNOWN
    of = KINDS[kind]
    if of.name == "date":
        return dt.date.fromordinal(int(value)).isoformat() if of.low <= value <= of.high else NOT_KNOWN
    if of.money:
        return format_money(value, digits) + of.tail
    if of.name == "calendar_year":
        return f"{value:.0f}"
    if of.whole:
        return f"{value:,.0f}"
    return _on_rung(value, of.rungs, digits) + of.tail


def format_range(kind: str, p5: float | None, p95: float | None, digits: int = 3) -> str:
    """An interval in words; an end that is not known (a crossing that never comes) stays open.

    >>> format_range("usd", 15.2e6, 24e6)
    '$15.2M to $24.0M'
    >>> format_range("seconds", 86400.0 * 300, None)
    '300 d or more'
    """
    low, high = format(kind, p5, digits), format(kind, p95, digits)
    if low == NOT_KNOWN:
        return high if high == NOT_KNOWN else f"up to {high}"
    return f"{low} or more" if high == NOT_KNOWN else f"{low} to {high}"


def format_money(value: float | None, digits: int = 3) -> str:
    """Dollars in the currency of the answer: at least cents below 1,000, three significant digits below a cent.

    >>> format_money(2.5), format_money(0.00123), format_money(-1234567.0), format_money(999.999)
    ('$2.50', '$0.00123', '-$1.23M', '$1.00k')
    """
    if not _printable(value):
        return NOT_KNOWN
    shown = current()
    sign, size = ("-" if value < 0 else "") + shown.sign, abs(value) / shown.usd
    if size < 1e-6 or round(size, 2) >= 1000:
        return sign + ("0.00" if size == 0 else _on_rung(size, COUNT_RUNGS, digits))
    decimals = max(2, digits - 1 - _exponent(size, digits))
    whole, _, cents = f"{size:.{decimals}f}".partition(".")
    return f"{sign}{whole}.{cents.rstrip('0').ljust(2, '0')}"


def worded_money(value: SupportsFloat, spec: str = ".4g") -> str:
    """Dollars inside a formula, in the currency of the answer by its code.

    >>> worded_money(2.5)
    '2.5 USD'
    """
    shown = current()
    return f"{float(value) / shown.usd:{spec}} {shown.code}"


def shown_unit(kind: str) -> float:
    """How many base units make one of what is shown: dollars in the currency of the answer; 1 of all else."""
    return current().usd if kind in KINDS and KINDS[kind].money else 1.0


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with an engineering suffix.

    >>> number(4391.0), number(0.5), number(3.8e25), number(0.0)
    ('4.39k', '0.500', '3.80e25', '0')
    """
    return format("count", value, digits)


def several(count: int, noun: str) -> str:
    """A count with its noun, in the plural but for one.

    >>> several(1, "finding"), several(1_200, "model preset"), several(0, "file")
    ('1 finding', '1,200 model presets', '0 files')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _printable(value: float | None) -> TypeGuard[float]:
    """Finite, with room to be expressed in a smaller unit."""
    return value is not None and abs(value) <= 1e300


def _exponent(value: float, digits: int) -> int:
    """Power of ten of the first digit, once rounded: 999.9 has 3 at three digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _on_rung(value: float, rungs: Rungs, digits: int) -> str:
    """The value in the largest unit that it reaches, once rounded."""
    rounded = abs(float(f"{value:.{digits - 1}e}"))
    unit, size, _ = next((rung for rung in reversed(rungs) if rounded >= rung[2]), rungs[0])
    if value == 0:
        unit, size, _ = next((rung for rung in rungs if rung[1] == 1), rungs[0])
    return _significant(value / size, digits) + unit


def _significant(value: float, digits: int) -> str:
    """That many significant digits without an exponent where that stays readable."""
    if value == 0:
        return "0"
    exponent = _exponent(value, digits)
    if -5 < exponent < 6:
        return f"{float(f'{value:.{digits - 1}e}'):.{max(0, digits - 1 - exponent)}f}"
    mantissa = f"{value:.{digits - 1}e}".partition("e")[0]
    return f"{mantissa}e{exponent}"
