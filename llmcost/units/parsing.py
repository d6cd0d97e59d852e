"""Text and numbers to base units; whatever is ambiguous is refused with the reason."""

from __future__ import annotations

import datetime as dt
import math
import re

from llmcost.errors import LlmcostError, shown
from llmcost.records import NamedTuple
from llmcost.units.currency import DOLLAR, SIGNS, current
from llmcost.units.formatting import format as formatted
from llmcost.units.kinds import COMPOUNDING, KINDS, Kind

_TEXT = re.compile(
    r"(?P<sign>[+-]?) ?(?P<dollar>(?:US\$|USD|\$)?) ?"
    r"(?P<number>(?:(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)?)"
    r" ?(?P<unit>.*)"
)
_PLAIN = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([A-Za-z/%]*)")  # most quantities: nothing to clean or to refuse
# patterns of rare paths are text: `re` compiles them on first use, which keeps the import fast
_FOREIGN = r"(?i:[€£¥₹₩]|(?<![A-Za-z])(?:EUR|GBP|CHF|JPY|CNY|RMB|INR|KRW|CAD|AUD)(?![A-Za-z]))"
_TYPOGRAPHY = {0xA0: " ", 0x2009: " ", 0x202F: " ", 0x2212: "-", 0xB5: "u", 0x3BC: "u"}
_LONGEST = 200  # characters of a quantity


class Reading(NamedTuple):
    """A text taken apart: digits with their sign, whether a dollar stood before them, and the unit without spaces."""

    number: str
    unit: str
    dollar: bool


def refuse(kind: Kind, text: object, reason: str, hint: str = "") -> LlmcostError:
    """`'40' is not a share: REASON`; without a hint, the accepted spellings are the hint."""
    return LlmcostError(f"{shown(text)} is not {kind.noun}: {reason}", hint or f"write it as {kind.accepts}")


def parse(kind: str, text: object) -> float:
    """A quantity in the base unit of its kind.

    Parameters
    ----------
    kind : str
        A name of `KINDS`.
    text : object
        A text such as `70B`, or a number already in the base unit where the kind takes one without a unit.

    Raises
    ------
    LlmcostError
        Not a quantity of that kind, ambiguous, not finite, negative, zero or absurdly large where that is refused.

    Examples
    --------
    >>> parse("count", "70.6B"), parse("bytes", "80GiB"), parse("bytes_per_second", "400 Gbit/s")
    (70600000000.0, 85899345920.0, 50000000000.0)
    >>> parse("usd_per_hour", "2.50/h"), parse("usd_per_kwh", "120/MWh"), parse("usd_per_mtok", "0.002/ktok")
    (2.5, 0.12, 2.0)
    >>> parse("seconds", "30d"), parse("share", "40%"), parse("per_day", "250/s")
    (2592000.0, 0.4, 21600000.0)
    >>> round(parse("growth", "-30%/y"), 6), parse("growth_per_year", "2x/y"), parse("decline", "10x/y")
    (-0.029286, 1.0, 0.9)
    >>> parse("share", "40")
    Traceback (most recent call last):
    llmcost.errors.LlmcostError: '40' is not a share: 40 could mean 40 % or 0.4
    """
    of = KINDS[kind]
    if of.name == "date":
        return float(parse_date(text).toordinal())
    if isinstance(text, str):
        plain, rate = in_dollars(of, text)
        return value_of(of, text, read(of, plain)) * rate
    value = base_value(of, text)
    if of.bare:
        raise _without_unit(of, text, f"{value:.10g}")
    return value


def base_value(kind: Kind, number: object) -> float:
    """A number that is already in the base unit, inside the limits of its kind."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise refuse(kind, number, "expected a number or a text")
    try:
        return _bounded(kind, number, float(number))
    except OverflowError:
        raise refuse(kind, number, "too large") from None


def is_zero(kind: str, text: object) -> bool:
    """Whether it is zero in a unit of its kind, which `parse` refuses where nothing is for free.

    >>> is_zero("usd_per_hour", "$0.00/h"), is_zero("usd", 0), is_zero("usd_per_hour", "0"), is_zero("usd", "0..1")
    (True, True, False, False)
    """
    of = KINDS[kind]
    if not isinstance(text, str):
        return not of.bare and not isinstance(text, bool) and text == 0
    try:
        reading = read(of, in_dollars(of, text)[0])
    except LlmcostError:
        return False
    return float(reading.number) == 0 and reading.number[0] != "-" and split_unit(of, reading.unit) is not None


def parse_date(text: object) -> dt.date:
    """A day written year-month-day.

    >>> parse_date("2026-11-23")
    datetime.date(2026, 11, 23)
    """
    of = KINDS["date"]
    if type(text) is dt.date:
        day = text
    elif isinstance(text, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            day = dt.date(*map(int, text.split("-")))
        except ValueError:
            raise refuse(of, text, "no such day") from None
    else:
        raise refuse(of, text, "expected year-month-day")
    if not 1900 <= day.year <= 2999:  # the calendar ends in 9999, and a horizon may add a thousand years
        raise refuse(of, str(text), "before 1900 or after 2999")
    return day


def in_dollars(kind: Kind, text: str) -> tuple[str, float]:
    """A text with dollars in place of the currency of the answer, and how many of them one unit of that is."""
    return current().dollars(text) if kind.money else (text, 1.0)


def read(kind: Kind, text: str) -> Reading:
    """Take a text apart; refuse what is no quantity of any unit."""
    match = _PLAIN.fullmatch(text)
    if match and split_unit(kind, match[2]):
        return Reading(match[1], match[2], False)
    plain = text.translate(_TYPOGRAPHY)
    if len(plain) > _LONGEST:
        raise refuse(kind, text, "too long for a quantity")
    if not plain.isprintable():
        raise refuse(kind, text, "it holds a control or invisible character")
    plain = " ".join(plain.split())
    foreign = re.search(_FOREIGN, plain) if kind.money else None
    if foreign is not None:
        code = next((code for code, sign in SIGNS.items() if sign == foreign[0]), foreign[0].upper())
        known = " or ".join(dict.fromkeys((DOLLAR, current().code)))
        state = f", or state the rate: --currency {code}=RATE@DATE" if code.isalpha() else ""
        raise refuse(kind, text, f"amounts are in {known}", f"write it in {known}{state if known == DOLLAR else ''}")
    if re.search(r"[0-9],[0-9]", plain):
        whole = re.fullmatch(r"[^0-9]{0,4}[0-9]{1,3}(,[0-9]{3})+[^0-9,.]*", plain)
        digits = re.sub(r"[^0-9,]", "", plain)
        hint = f"write {digits.replace(',', '')} or {digits.replace(',', '_')}" if whole and len(digits) < 24 else ""
        raise refuse(kind, text, "a comma may divide thousands or decimals", hint or "write a decimal point, no comma")
    match = _TEXT.fullmatch(plain)
    number = match["number"] if match else ""
    if match is None or not number or (kind.money and number[0] == "." and not match["dollar"]):
        raise no_number(kind, text)
    if re.match(r"[x×*] ?[0-9]", match["unit"]) and kind.name in ("count", "whole"):
        raise refuse(
            kind, text, "a product hides what is active", "give total and active parameters, such as 47B and 13B"
        )
    return Reading(match["sign"] + number.replace("_", ""), match["unit"].replace(" ", ""), bool(match["dollar"]))


def value_of(kind: Kind, text: str, reading: Reading) -> float:
    """The number of a reading in the base unit, inside the limits of its kind."""
    if reading.dollar and not kind.money:
        raise refuse(kind, text, f"an amount of money, expected {kind.noun}")
    split = split_unit(kind, reading.unit)
    if split is None:
        raise _bad_unit(kind, text, reading)
    value = _scaled(reading.number, kind.scales[split[0]] * kind.units[split[1]])
    if kind.name in COMPOUNDING:
        value = _compounded(kind, text, float(reading.number), split[1])
    if kind.name == "share" and not reading.unit and 1 < value <= 100:
        n = reading.number
        raise refuse(kind, text, f"{n} could mean {n} % or {value / 100:g}", f"write {n}% or {value / 100:g}")
    if kind.money and value == 0 and not reading.dollar:
        raise _eaten(kind, text, "it is zero")
    return _bounded(kind, text, value)


def split_unit(kind: Kind, unit: str) -> tuple[str, str] | None:
    """Scale and unit of a spelling as they stand in the tables of the kind; None for an unknown or ambiguous one."""
    for spelling in (unit, unit.lower()) if kind.fold else (unit,):
        for scale in kind.scales:
            if spelling.startswith(scale) and spelling[len(scale) :] in kind.units:
                return scale, spelling[len(scale) :]
        if unit in kind.refused:
            return None
    return None


def _scaled(number: str, factor: float) -> float:
    """The product, rounded once where the factor is a power of ten: 70.6B is 70600000000.0."""
    mantissa, _, exponent = number.lower().partition("e")
    power = round(math.log10(factor))
    if factor != float(f"1e{power}") or len(exponent) > 6:
        return float(number) * factor
    return float(f"{mantissa}e{int(exponent or 0) + power}")


def _compounded(kind: Kind, text: str, number: float, unit: str) -> float:
    """Change in the base period that compounds to the stated one: `2x/y` is 100 % a year; a decline is a fall."""
    falls = kind.name == "decline"
    if unit.startswith("x"):
        change = (1.0 / number if number else math.inf) - 1.0 if falls else number - 1.0
    else:
        change = -number / 100.0 if falls else number / 100.0
    if change <= -1:
        raise refuse(kind, text, "nothing shrinks by 100 % or more")
    periods = COMPOUNDING[kind.name] / kind.units[unit]
    try:
        compounded = change if periods == 1 else math.expm1(math.log1p(change) * periods)
    except OverflowError:
        return math.inf
    return 0.0 - compounded if falls else compounded


def _bounded(kind: Kind, text: object, value: float) -> float:
    if not math.isfinite(value):
        raise refuse(kind, text, "too large" if isinstance(text, str) else "not a finite number")
    if value == 0:
        if kind.zero:
            return 0.0
        raise refuse(kind, text, "it must be above zero")
    if value < 0 and not kind.negative:
        raise refuse(kind, text, "it is negative")
    if value <= -1:
        raise refuse(kind, text, "nothing shrinks by 100 % or more")
    if abs(value) > kind.high:
        raise refuse(kind, text, f"more than {formatted(kind.name, kind.high)}")
    if abs(value) < kind.low and not kind.zero:
        raise refuse(kind, text, f"less than {kind.low:g} {kind.base}")
    if kind.whole and value != int(value):
        raise refuse(kind, text, "it has decimals")
    return value


def no_number(kind: Kind, text: str, reason: str = "it does not start with a number") -> LlmcostError:
    """The refusal of a text without digits in front; for money the shell is the likely cause."""
    return _eaten(kind, text, reason) if kind.money else refuse(kind, text, reason)


def _eaten(kind: Kind, text: str, reason: str) -> LlmcostError:
    """A price without its first digits is what a shell leaves of `$2.50/h`."""
    hint = f"the shell eats `$2`: write {kind.sample}, or quote '${kind.sample}' with single quotes"
    return refuse(kind, text, reason, hint)


def _without_unit(kind: Kind, text: object, number: str) -> LlmcostError:
    reason = "it is negative, and has no unit" if number.startswith("-") and not kind.negative else "it has no unit"
    return refuse(kind, text, reason, _spelled(kind, number, f"write {kind.bare}"))


def _spelled(kind: Kind, number: str, template: str) -> str:
    """A hint with the number in it, of those of its spellings that are accepted; empty where none is."""
    if not 0 < len(number) <= 20:
        return ""
    said, comma, note = template.format(n=number).removeprefix("write ").partition(",")
    accepted = [spelling for spelling in said.split(" or ") if _accepts(kind, spelling)]
    return f"write {' or '.join(accepted)}{comma}{note}" if accepted else ""


def _accepts(kind: Kind, text: str) -> bool:
    try:
        parse(kind.name, text)
    except LlmcostError:
        return False
    return True


def _bad_unit(kind: Kind, text: str, reading: Reading) -> LlmcostError:
    """Why a unit is not one of this kind: missing, ambiguous, of another kind, or unknown."""
    number = reading.number
    if reading.unit in kind.refused:
        reason, hint = kind.refused[reading.unit]
        return refuse(kind, text, reason, _spelled(kind, number, hint))
    if not reading.unit:
        return _without_unit(kind, text, number)
    if kind.tail and (reading.unit in kind.scales or reading.unit.lower() in kind.scales):
        return _without_unit(kind, text, number + reading.unit)
    for other in KINDS.values():
        if other.units is not kind.units and split_unit(other, reading.unit):
            return refuse(kind, text, f"{other.noun}, expected {kind.noun}")
    return refuse(kind, text, f"unknown unit {shown(reading.unit, 24)}")
