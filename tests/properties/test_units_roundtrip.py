"""Quantities: printing and parsing are inverse, and no input ends in anything but a one-line finding."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmcost import units
from llmcost.errors import LlmcostError

KINDS = sorted(units.KINDS)
UNITS = sorted({s + u for k in units.KINDS.values() for s in list(k.scales)[:4] for u in list(k.units)[:20]})

numbers = st.one_of(st.integers(), st.floats().map(str), st.sampled_from(["1_000", "1,000", ".5", "0", "1e999", "٣"]))
quantity_like = st.tuples(
    st.sampled_from(["", "$", "-", "€", "USD "]),
    numbers.map(str),
    st.sampled_from(["", " "]),
    st.sampled_from([*UNITS, "..2/h", "x7B", "\x1b[2J", "m", "M"]),
).map("".join)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**400),
    st.floats(),
    st.text(),
    quantity_like,
    st.binary(),
    st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)),
    st.complex_numbers(),
    st.just(10**5000),
    st.just("9" * 10**5),
)
ends = st.one_of(st.text(), st.sampled_from(["low", "mode", "high"]))
anything = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.dictionaries(ends, scalars, max_size=3),
    st.fixed_dictionaries({"low": scalars, "high": scalars}),
    st.tuples(quantity_like, quantity_like).map("..".join),
    st.builds(units.Between, st.floats(), st.floats()),
    st.builds(units.Triangle, st.floats(), st.floats(), st.floats()),
)
SCALED = {
    "count": "",
    "usd": "",
    "bytes": "B",
    "flops": "FLOP/s",
    "per_day": "/day",
    "usd_per_hour": "/h",
    "watts": "W",
    "kwh": "Wh",
    "per_second": "/s",
}


def assert_clean(text: str) -> None:
    assert text.isprintable()  # no line break, control character or escape


def magnitudes(kind: units.Kind) -> st.SearchStrategy[float]:
    """Numbers spread evenly over the decades a kind allows, a hair inside its limits."""
    return st.floats(math.log(kind.low) + 1e-9, math.log(kind.high) - 1e-9).map(math.exp)


def outcome(parse: Callable[[str, object], object], kind: str, value: object) -> tuple[object, LlmcostError | None]:
    """What was parsed, or the finding; every other exception goes through and fails the test."""
    try:
        return parse(kind, value), None
    except LlmcostError as error:
        return None, error


@pytest.mark.parametrize("parse", [units.parse, units.parse_quantity, lambda _, value: units.parse_date(value)])
@given(kind=st.sampled_from(KINDS), value=anything)
def test_only_findings_are_raised(parse: Callable[[str, object], object], kind: str, value: object) -> None:
    found, error = outcome(parse, kind, value)
    if error is not None:
        assert_clean(error.message)
        assert_clean(error.hint)
        assert error.hint
        assert len(error.message) < 400
    if isinstance(found, float):
        assert math.isfinite(found)
        assert found >= 0 or units.KINDS[kind].negative


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("date", "whole", "whole_or_zero", "calendar_year")])
@given(data=st.data(), digits=st.integers(2, 9))
def test_parse_reads_what_format_prints(kind: str, data: st.DataObject, digits: int) -> None:
    value = data.draw(magnitudes(units.KINDS[kind]))
    text = units.format(kind, value, digits)
    assert_clean(text)
    # Rounding to n digits is off by half a unit of the last one, at worst 0.5 x 10^(1-n).
    assert units.parse(kind, text) == pytest.approx(value, rel=0.5001 * 10 ** (1 - digits))


@given(st.integers(1, 10**9))
def test_whole_numbers_print_exactly(value: int) -> None:
    """The thousands commas are for reading; `parse` refuses them because `1,5` is a decimal elsewhere."""
    assert units.parse("whole", units.format("whole", value).replace(",", "")) == value


@given(st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)))
def test_dates_print_exactly(day: dt.date) -> None:
    assert units.parse_date(units.format("date", units.parse("date", day))) == day


@given(st.floats(-0.99, 100))
def test_growth_of_either_sign_survives(value: float) -> None:
    assert units.parse("growth", units.format("growth", value, 9)) == pytest.approx(value, rel=1e-8, abs=1e-15)


@given(value=st.floats(-0.9, 5), years=st.sampled_from([("y", 12), ("mo", 1)]))
def test_growth_compounds_to_its_period(value: float, years: tuple[str, int]) -> None:
    unit, months = years
    monthly = units.parse("growth", f"{value * 100:.12f}%/{unit}")
    assert (1 + monthly) ** months == pytest.approx(1 + value, rel=1e-9)


@pytest.mark.parametrize(("kind", "unit"), SCALED.items())
@given(number=st.decimals("0.125", "999", places=3))
def test_k_is_a_thousand(kind: str, unit: str, number: object) -> None:
    thousand = units.parse(kind, f"{number}k{unit}")
    assert thousand == pytest.approx(1000 * units.parse(kind, f"{number} {unit}"), rel=1e-12)


@given(st.decimals("0", "100", places=2))
def test_percent_is_a_hundredth(number: object) -> None:
    assert units.parse("share", f"{number}%") == pytest.approx(float(str(number)) / 100, rel=1e-12)


@given(low=st.floats(0.01, 1e6), factor=st.floats(1.01, 100))
def test_two_dots_hold_both_ends(low: float, factor: float) -> None:
    a, b = f"{low:.6f}", f"{low * factor:.6f}"
    expected = units.Between(float(a), float(b))
    assert units.parse_quantity("usd_per_hour", f"{a}/h..{b}/h") == expected
    assert units.parse_quantity("usd_per_hour", f"{a}..{b}/h") == expected
    assert units.parse_quantity("usd_per_hour", expected) == expected


@given(kind=st.sampled_from(KINDS), value=st.floats(), digits=st.integers(1, 12))
@example(kind="share", value=1.7e308, digits=3)
def test_format_takes_any_float(kind: str, value: float, digits: int) -> None:
    assert_clean(units.format(kind, value, digits))


@given(value=anything, limit=st.integers(10, 100))
def test_shown_is_one_short_printable_line(value: object, limit: int) -> None:
    text = units.shown(value, limit)
    assert_clean(text)
    assert len(text) <= limit + 2
