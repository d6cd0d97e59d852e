"""Spellings, refusals and printing of quantities; expected numbers are definitions or worked by hand beside them."""

from __future__ import annotations

import datetime as dt
import shlex
import subprocess
import sys
from typing import Any

import pytest

from llmcost import units
from llmcost.errors import Exit, LlmcostError
from llmcost.units import Between, Triangle

DAY = 86400.0
YEAR = 365.25 * DAY  # Julian year, IAU

ACCEPTED: list[tuple[str, object, float]] = [
    ("count", "70B", 70e9),
    ("count", "70 B", 70e9),
    ("count", "70.6b", 70.6e9),
    ("count", "15.6T", 15.6e12),
    ("count", "1_000_000", 1e6),
    ("count", "128k", 128e3),
    ("count", "7e10", 7e10),
    ("count", "70B params", 70e9),
    ("count", "15T tokens", 15e12),
    ("count", "2.788M GPU-hours", 2.788e6),
    ("count", 7, 7.0),
    ("whole", "16384", 16384.0),
    ("whole", "16k", 16000.0),
    ("whole", "1e3", 1000.0),
    ("bytes", "80GB", 80e9),
    ("bytes", "80GiB", 80.0 * 2**30),
    ("bytes", "141 GB", 141e9),
    ("bytes", "141\u00a0GB", 141e9),
    ("bytes_per_second", "3.35 TB/s", 3.35e12),
    ("bytes_per_second", "450 GB/s", 450e9),
    ("bytes_per_second", "400 Gbit/s", 50e9),  # 8 bits are a byte
    ("bytes_per_second", "400Gbps", 50e9),
    ("flops", "989 TFLOP/s", 989e12),
    ("flops", "989 TFLOPS", 989e12),
    ("flops", "1979 TOPS", 1979e12),
    ("usd", "150M", 150e6),
    ("usd", "$30k", 30e3),
    ("usd", "1.2M USD", 1.2e6),
    ("usd", "5576000", 5576000.0),
    ("usd_per_hour", "2.50/h", 2.5),
    ("usd_per_hour", "$2.50/h", 2.5),
    ("usd_per_hour", "2.50 USD/h", 2.5),
    ("usd_per_hour", "48/day", 2.0),
    ("usd_per_kwh", "0.12/kWh", 0.12),
    ("usd_per_kwh", "$120/MWh", 0.12),
    ("usd_per_mtok", "3/Mtok", 3.0),
    ("usd_per_mtok", "$0.6/Mtok", 0.6),
    ("usd_per_mtok", "0.002/ktok", 2.0),
    ("usd_per_mtok", "3/1M tokens", 3.0),
    ("usd_per_request", "0.05", 0.05),
    ("usd_per_request", "0.05/request", 0.05),
    ("usd_per_request", "50/1k requests", 0.05),
    ("usd_per_request", 0.05, 0.05),
    ("seconds", "30d", 30 * DAY),
    ("seconds", "36mo", 3 * YEAR),
    ("seconds", "3y", 3 * YEAR),
    ("seconds", "1mo", 2629800.0),  # 365.25 / 12 days
    ("seconds", "500ms", 0.5),
    ("seconds", "1.5h", 5400.0),
    ("seconds", "90 s", 90.0),
    ("seconds", "2w", 14 * DAY),
    ("seconds", "10min", 600.0),
    ("share", "40%", 0.4),
    ("share", "0.4", 0.4),
    ("share", 0.4, 0.4),
    ("share", "100%", 1.0),
    ("share", "0", 0.0),
    ("ratio", "1.2", 1.2),
    ("per_day", "10M/day", 1e7),
    ("per_day", "250/s", 250 * DAY),
    ("per_day", "1M requests/day", 1e6),
    ("per_day", "3B/month", 3e9 / (365.25 / 12)),
    ("tokens_per_day", "4.1B tokens/day", 4.1e9),
    ("per_second", "4391 tokens/s", 4391.0),
    ("per_second", "100/s", 100.0),
    ("growth", "10%/mo", 0.1),
    ("growth", "-30%/y", 0.7 ** (1 / 12) - 1),
    ("growth", "0%/y", 0.0),
    ("kwh", "59257kWh", 59257.0),
    ("kwh", "1.3 GWh", 1.3e6),
    ("kwh", "0.3Wh", 3e-4),
    ("kwh", "1.0e-4kWh", 1e-4),
    ("watts", "700W", 700.0),
    ("watts", "10.2 kW", 10200.0),
    ("watts", "150MW", 150e6),
    ("kg", "510 t", 510e3),
    ("kg", "51.7 kg", 51.7),
    ("kg", "12 g", 0.012),
    ("kg_per_kwh", "369.5 g/kWh", 0.3695),
    ("kg_per_kwh", "0.37 kg/kWh", 0.37),
]

SHELL = "the shell eats `$2`"
# kind, what is typed, part of the reason, part of the hint
REFUSED: list[tuple[str, object, str, str]] = [
    ("share", "40", "40 could mean 40 % or 0.4", "write 40% or 0.4"),
    ("share", "101%", "more than 100%", "40%"),
    ("share", "-0.1", "negative", ""),
    ("seconds", "5m", "minutes or months?", "write 5min or 5mo"),
    ("seconds", "5M", "minutes or months?", "write 5min or 5mo"),
    ("seconds", "5", "no unit", "write 5s or 5d"),
    ("seconds", "1001y", "more than 1000 y", ""),
    ("seconds", "5Ms", "milliseconds or megaseconds?", ""),
    ("count", "70GB", "a size in bytes, expected a count", "70B"),
    ("count", "8x7B", "product", "give total and active"),
    ("count", "1,000", "comma", "write 1000 or 1_000"),
    ("count", "1,5", "comma", "decimal point"),
    ("count", "70Q", "unknown unit 'Q'", "70B"),
    ("count", "$5", "an amount of money", ""),
    ("count", "", "does not start with a number", ""),
    ("count", "nan", "does not start with a number", ""),
    ("count", "0", "above zero", ""),
    ("count", "-5", "negative", ""),
    ("count", "1e31", "more than 1.00e30", ""),
    ("count", "1" * 300, "too long", ""),
    ("count", float("nan"), "not a finite number", ""),
    ("count", float("inf"), "not a finite number", ""),
    ("count", 10**400, "too large", ""),
    ("count", True, "expected a number or a text", ""),
    ("count", None, "expected a number or a text", ""),
    ("count", b"70B", "expected a number or a text", ""),
    ("count", "70B\n", "control", ""),
    ("whole", "1.5", "decimals", ""),
    ("whole", 0, "above zero", ""),
    ("bytes", "80Gb", "bit or byte?", "write 80GB or 80Gbit"),
    ("bytes", "80g", "bit or byte?", "write 80GB or 80Gbit"),
    ("bytes_per_second", "400Gb/s", "bit or byte?", "write 400GB/s or 400Gbit/s"),
    ("usd_per_hour", "2.5", "no unit", "write 2.5/h"),
    ("usd_per_hour", 2.5, "no unit", "write 2.5/h"),
    ("usd_per_hour", ".50/h", "does not start with a number", SHELL),
    ("usd_per_hour", ".50/h", "", "write 2.50/h, or quote '$2.50/h' with single quotes"),
    ("usd_per_hour", "€2/h", "amounts are in USD", "state the rate"),
    ("usd_per_hour", "2 EUR/h", "amounts are in USD", "state the rate"),
    ("usd_per_hour", "2/m", "per minute or per month?", "write 2/min or 2/mo"),
    ("usd_per_kwh", "bash.12/kWh", "does not start with a number", SHELL),
    ("usd_per_mtok", "/Mtok", "does not start with a number", SHELL),
    ("usd", "0k", "zero", SHELL),
    ("usd", 0, "above zero", ""),
    ("usd", "-5", "negative", ""),
    ("per_day", "10M", "no unit", "write 10M/day"),
    ("per_day", "4B tokens/day", "tokens per day, expected a number of requests per day", ""),
    ("growth", "10%", "per month or per year?", "write 10%/mo or 10%/y"),
    ("growth", 0.1, "no unit", "10%/mo"),
    ("growth", "-100%/y", "nothing shrinks by 100 %", ""),
    ("growth", "-120%/mo", "nothing shrinks by 100 %", ""),
    ("kwh", "5mwh", "milli or mega?", "write 5MWh"),
    ("watts", "150mw", "milli or mega?", "write 150MW"),
    ("kg", "5 tons", "tons differ", "write 5t"),
    ("date", "23.11.2026", "expected year-month-day", "2026-11-23"),
    ("date", "2026-02-30", "no such day", ""),
]


@pytest.mark.parametrize(("kind", "typed", "expected"), ACCEPTED)
def test_accepted(kind: str, typed: object, expected: float) -> None:
    assert units.parse(kind, typed) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("kind", "typed", "reason", "hint"), REFUSED)
def test_refused(kind: str, typed: object, reason: str, hint: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        units.parse(kind, typed)
    assert reason in caught.value.message
    assert caught.value.message.startswith(f"{units.shown(typed)} is not {units.KINDS[kind].noun}: ")
    assert hint in caught.value.hint
    assert caught.value.code is Exit.USAGE


def test_decimal_suffixes_leave_no_rounding_dust() -> None:
    assert units.parse("count", "70.6B") == 70600000000.0  # 70.6 * 1e9 is 70599999999.99999
    assert units.parse("share", "35%") == 0.35
    assert units.parse("kg_per_kwh", "369.5 g/kWh") == 0.3695


@pytest.mark.parametrize("kind", units.KINDS)
def test_every_proposed_spelling_is_accepted_as_one_word_of_a_shell(kind: str) -> None:
    of = units.KINDS[kind]
    typed = [n + unit for n in ("5", "-5", "0", "2.5") for unit in ("", "k", *of.refused)]
    proposed = of.accepts.split(", ")
    for text in typed if kind != "date" else ():
        try:
            units.parse(kind, text)
        except LlmcostError as error:
            said = error.hint.removeprefix("write ").removeprefix("it as ").partition(", of")[0]
            proposed += [] if said.startswith(SHELL) else said.replace(", ", " or ").split(" or ")
    for spelling in proposed:
        assert len(shlex.split(spelling)) == 1
        units.parse(kind, spelling)


@pytest.mark.parametrize("kind", [k for k, v in units.KINDS.items() if v.money])
def test_what_the_shell_leaves_of_a_dollar_is_refused(kind: str) -> None:
    """`$2.50/h` arrives as `.50/h`, `$0.12/kWh` as `bash.12/kWh`, `$30k` as `0k`, `$5` as nothing."""
    tail = units.KINDS[kind].tail
    for left in (f".50{tail}", f"bash.12{tail}", f"/bin/bash.12{tail}", f"0{tail}", tail, f"0k{tail}"):
        with pytest.raises(LlmcostError, match="is not") as caught:
            units.parse(kind, left)
        assert caught.value.hint.startswith(SHELL)
        assert "single quotes" in caught.value.hint


def test_dates() -> None:
    day = dt.date(2026, 11, 23)
    assert units.parse_date("2026-11-23") == day
    assert units.parse_date(day) == day
    assert units.parse("date", "2026-11-23") == day.toordinal()
    assert units.format("date", units.parse("date", day)) == "2026-11-23"
    for wrong in ("2026-11-23 ", "20261123", "2026-1-2", "٢٠٢٦-١١-٢٣", 20261123, None, dt.datetime(2026, 11, 23)):
        with pytest.raises(LlmcostError, match="is not a date"):
            units.parse_date(wrong)


QUANTITIES: list[tuple[str, object, units.Quantity]] = [
    ("share", "35%..45%", Between(0.35, 0.45)),
    ("share", "35..45%", Between(0.35, 0.45)),
    ("share", "0.35..0.45", Between(0.35, 0.45)),
    ("usd_per_hour", "2/h..3.5/h", Between(2.0, 3.5)),
    ("usd_per_hour", "2..3.5/h", Between(2.0, 3.5)),
    ("usd_per_hour", "$2..$3.5/h", Between(2.0, 3.5)),
    ("bytes", "80..160GB", Between(80e9, 160e9)),
    ("count", "1k..2k tokens", Between(1e3, 2e3)),
    ("count", "500..2k", Between(500.0, 2000.0)),  # 500k..2k is no range
    ("per_day", "1M..2M/day", Between(1e6, 2e6)),
    ("growth", "-5..10%/mo", Between(-0.05, 0.1)),
    ("count", {"low": 1, "mode": "2", "high": 5}, Triangle(1.0, 2.0, 5.0)),
    ("usd_per_hour", {"low": "2/h", "high": "3/h"}, Between(2.0, 3.0)),
    ("usd_per_hour", Between(2.0, 3.0), Between(2.0, 3.0)),
    ("share", {"low": 0, "mode": 0.5, "high": 1}, Triangle(0.0, 0.5, 1.0)),
    ("usd_per_hour", "2.5/h", 2.5),
]


@pytest.mark.parametrize(("kind", "typed", "expected"), QUANTITIES)
def test_quantities(kind: str, typed: object, expected: units.Quantity) -> None:
    assert units.parse_quantity(kind, typed) == expected


WRONG_QUANTITIES: list[tuple[str, object, str]] = [
    ("count", "9..5", "low end is above"),
    ("count", "5..5", "equal"),
    ("count", "1...5", "LOW..HIGH"),
    ("count", "1..2..3", "LOW..HIGH"),
    ("count", "..5", "LOW..HIGH"),
    ("count", "5..10k", "5 or 5k?"),
    ("share", "0.3..45%", "0.3 or 0.3%?"),
    ("share", "0..0.4", "inside 0 % and 100 %"),
    ("seconds", "5..10", "no unit"),
    ("seconds", "5..10m", "minutes or months?"),
    ("usd_per_hour", "...5/h", "LOW..HIGH"),
    ("usd_per_hour", ".5/h..2/h", "does not start with a number"),
    ("date", "2026-01-01..2026-02-01", "a date takes no range"),
    ("count", {"low": 1}, "low or high is missing"),
    ("count", {"low": 1, "mod": 2, "high": 3}, "unknown key 'mod'"),
    ("count", {"low": 1, "mode": 9, "high": 3}, "mode must lie between"),
    ("count", {"low": 3, "high": 3}, "equal"),
    ("count", Triangle(5.0, 6.0, 4.0), "low end is above"),
    ("count", Between(float("nan"), 4.0), "not a finite number"),
    ("count", {"low": {"low": 1, "high": 2}, "high": 3}, "expected a number or a text"),
]


@pytest.mark.parametrize(("kind", "typed", "reason"), WRONG_QUANTITIES)
def test_wrong_quantities(kind: str, typed: object, reason: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        units.parse_quantity(kind, typed)
    assert reason in caught.value.message


def test_shell_hint_in_ranges() -> None:
    """`$2..$3.5/h` unquoted leaves `...5/h`."""
    with pytest.raises(LlmcostError) as caught:
        units.parse_quantity("usd_per_hour", "...5/h")
    assert caught.value.hint.startswith(SHELL)


def test_shown_escapes() -> None:
    assert units.shown("a\x1b[31m\r\nb") == r"'a\x1b[31m\r\nb'"
    assert units.shown("\u202e\u200b\ufe0f") == r"'\u202e\u200b\ufe0f'"
    assert units.shown("it's") == r"'it\'s'"
    assert units.shown("é€") == "'é€'"
    assert units.shown(10**5000) == "a very large integer"
    assert len(units.shown("x" * 10**6)) == 62  # the limit and two quotes


def test_shown_survives_a_broken_repr() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert units.shown(Broken()) == "a value of type Broken"


def test_at_puts_the_place_in_front() -> None:
    placed = units.at("--price", LlmcostError("no", "try", Exit.NO))
    assert (placed.message, placed.hint, placed.code) == ("--price: no", "try", Exit.NO)


FORMATTED: list[tuple[str, Any, str]] = [
    ("count", 70.6e9, "70.6B"),
    ("count", 999.6, "1.00k"),
    ("count", 3.8e25, "3.80e25"),
    ("count", 0, "0"),
    ("whole", 16384, "16,384"),
    ("usd", 19.1e6, "$19.1M"),
    ("usd", 999.996, "$1.00k"),
    ("usd", 12.3, "$12.30"),
    ("usd", 0.0, "$0.00"),
    ("usd", -1234.0, "-$1.23k"),
    ("usd", 0.00123, "$0.00123"),
    ("usd_per_hour", 2.5, "$2.50/h"),
    ("usd_per_mtok", 0.6, "$0.60/Mtok"),
    ("usd_per_request", 0.05, "$0.05/request"),
    ("bytes", 80e9, "80.0 GB"),
    ("flops", 989e12, "989 TFLOP/s"),
    ("seconds", 0.0123, "12.3 ms"),
    ("seconds", 11520.0, "3.20 h"),
    ("seconds", 44 * DAY, "44.0 d"),
    ("seconds", 13.4 * YEAR, "13.4 y"),
    ("seconds", 36 * 3600.0, "36.0 h"),
    ("share", 0.384, "38.4%"),
    ("share", 1.0, "100%"),
    ("kwh", 59257.0, "59.3 MWh"),
    ("kg", 510e3, "510 t"),
    ("kg_per_kwh", 0.37, "370 g/kWh"),
    ("per_day", 1e7, "10.0M/day"),
    ("growth", -0.0293, "-2.93%/mo"),
    ("ratio", 1.2, "1.20"),
    ("usd", None, "not known"),
    ("usd", float("nan"), "not known"),
    ("seconds", float("inf"), "not known"),
    ("date", dt.date(2026, 11, 23), "2026-11-23"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), FORMATTED)
def test_format(kind: str, value: Any, expected: str) -> None:
    assert units.format(kind, value) == expected


def test_format_digits_and_ranges() -> None:
    assert units.format("count", 70.6e9, digits=2) == "71B"
    assert units.format("count", 123456.0, digits=2) == "120k"
    assert units.format_range("usd", 15.2e6, 24e6) == "$15.2M to $24.0M"
    assert units.format_range("usd", None, None) == "not known"
    assert units.format_range("usd", None, 5.0) == "up to $5.00"
    assert units.number(4391.0) == "4.39k"


def test_import_stays_light() -> None:
    heavy = ("numpy", "rich", "dataclasses", "unicodedata", "difflib", "typer")
    code = f"import llmcost.units, sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
