"""Quantities that may be ranges: `35%..45%` and `{low, mode, high}`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from llmcost.errors import LlmcostError, did_you_mean, shown
from llmcost.units.kinds import KINDS, SUFFIX, Kind
from llmcost.units.parsing import base_value, in_dollars, no_number, parse, read, refuse, split_unit

COMPOUNDED = ("%", "x")  # of growth without its period: `8%..12%/mo`


class Between(Struct, frozen=True):
    """The 5 % and 95 % quantiles of a distribution, in base units; the kind says which distribution."""

    low: float
    high: float


class Triangle(Struct, frozen=True):
    """A triangular distribution, in base units."""

    low: float
    mode: float
    high: float


Quantity = float | Between | Triangle


def parse_quantity(kind: str, value: object) -> Quantity:
    """A number or a range, in the base unit of its kind.

    Parameters
    ----------
    kind : str
        A name of `KINDS`.
    value : object
        What `parse` takes, `LOW..HIGH`, a mapping with `low`, `high` and perhaps `mode`, or a range already parsed.

    Raises
    ------
    LlmcostError
        As `parse`, and for ends out of order.

    Examples
    --------
    >>> parse_quantity("share", "35%..45%"), parse_quantity("usd_per_hour", "2..3.5/h")
    (Between(low=0.35, high=0.45), Between(low=2.0, high=3.5))
    >>> parse_quantity("count", {"low": "1T", "mode": "2T", "high": "5T"})
    Triangle(low=1000000000000.0, mode=2000000000000.0, high=5000000000000.0)
    """
    of = KINDS[kind]
    if isinstance(value, Mapping):
        return _from_mapping(of, value)
    if isinstance(value, Between):
        return _between(of, value, base_value(of, value.low), base_value(of, value.high))
    if isinstance(value, Triangle):
        return _triangle(of, value, *(base_value(of, end) for end in (value.low, value.mode, value.high)))
    if isinstance(value, str) and ".." in value:
        plain, rate = in_dollars(of, value)
        found = _two_dots(of, plain)
        return Between(found.low * rate, found.high * rate)
    return parse(kind, value)


def _from_mapping(kind: Kind, ends: Mapping[object, object]) -> Between | Triangle:
    names = ("low", "mode", "high")
    for key in ends:
        if key not in names:
            hint = did_you_mean(key, names) if isinstance(key, str) and len(key) <= 20 else ""
            raise refuse(
                kind, ends, f"unknown key {shown(key, 24)}", hint or "write {low = ..., mode = ..., high = ...}"
            )
    if "low" not in ends or "high" not in ends:
        raise refuse(kind, ends, "low or high is missing", "write {low = ..., mode = ..., high = ...}")
    low, high = parse(kind.name, ends["low"]), parse(kind.name, ends["high"])
    if "mode" not in ends:
        return _between(kind, ends, low, high)
    return _triangle(kind, ends, low, parse(kind.name, ends["mode"]), high)


def _between(kind: Kind, source: object, low: float, high: float) -> Between:
    """Ends in order, inside the support of the distribution."""
    _in_order(kind, source, low, high)
    if kind.distribution == "lognormal" and low <= 0:
        raise refuse(
            kind, source, "the low end must be above zero", "{low = ..., mode = ..., high = ...} may start at zero"
        )
    if kind.distribution == "logitnormal" and not 0 < low < high < 1:
        raise refuse(
            kind, source, "ends must lie inside 0 % and 100 %", "{low = ..., mode = ..., high = ...} may reach them"
        )
    return Between(low, high)


def _triangle(kind: Kind, source: object, low: float, mode: float, high: float) -> Triangle:
    _in_order(kind, source, low, high)
    if not low <= mode <= high:
        raise refuse(kind, source, "mode must lie between low and high", "order them: low, mode, high")
    return Triangle(low, mode, high)


def _in_order(kind: Kind, source: object, low: float, high: float) -> None:
    if kind.name == "date":
        raise refuse(kind, source, "a date takes no range", f"write {kind.sample}")
    if low == high:
        raise refuse(kind, source, "both ends are equal", "write one number, or a low end and a high end")
    if low > high:
        raise refuse(kind, source, "the low end is above the high end", "write LOW..HIGH")


def _two_dots(kind: Kind, text: str) -> Between:
    ends = [end.strip(" ") for end in text.split("..")]
    if len(ends) != 2 or "..." in text or not all(ends):
        raise no_number(kind, text, "a range is LOW..HIGH")
    high = parse(kind.name, ends[1])
    if kind.name == "date":
        return _between(kind, text, 0.0, high)
    return _between(kind, text, _low_end(kind, text, ends[0], read(kind, ends[1]).unit, high), high)


def _low_end(kind: Kind, text: str, left: str, right_unit: str, high: float) -> float:
    """The left end, which takes the unit of the right end when it has none of its own.

    In `5..10k` the left end may be 5 or 5k: where both make a range, neither is assumed.
    """
    reading = read(kind, left)
    scale, unit = split_unit(kind, right_unit) or ("", "")
    if reading.unit in COMPOUNDED and right_unit.startswith(reading.unit):
        return parse(kind.name, reading.number + right_unit)
    if reading.unit:
        only_scale = kind.bare and (reading.unit in kind.scales or reading.unit.lower() in kind.scales)
        return parse(kind.name, left + unit if only_scale else left)
    spellings = [scale + unit, *([unit] if kind.scales is SUFFIX else []), *([] if kind.bare else [""])]
    found = {low for low in (_try(kind, left + spelling) for spelling in spellings) if low is not None and low < high}
    if len(found) > 1:
        n, suffix = reading.number, right_unit[: len(scale)] or right_unit
        hint = f"write {n}{suffix}..HIGH, or both ends without {suffix}" if len(n) <= 20 else ""
        raise refuse(kind, text, f"{n[:20]} or {n[:20]}{suffix}?", hint)
    return found.pop() if found else parse(kind.name, left + spellings[0])


def _try(kind: Kind, text: str) -> float | None:
    try:
        return parse(kind.name, text)
    except LlmcostError:
        return None
