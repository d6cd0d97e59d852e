"""Budget files to limits, limits to verdicts: what is read, what is refused, and where each verdict turns."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.budget import baseline
from llmcost.budget.baseline import Said, changes
from llmcost.budget.limits import LIMITED, Limit, amount
from llmcost.budget.reading import read
from llmcost.budget.verdicts import FAIL, OK, WARN, Measure, beyond_sight, change, judge, measure
from llmcost.errors import LlmcostError
from llmcost.result import Input, Range
from tests.conftest import examples

HEAD = '[[budget]]\nname = "b"\nscenario = "x.toml"\n'


def limits(text: str) -> list[Limit]:
    """The limits of one budget."""
    return [limit for budget in read("f.toml", text, tomllib.loads(text)).budgets for limit in budget.limits]


def findings(text: str) -> list[LlmcostError]:
    """What is wrong with a file."""
    with pytest.raises(LlmcostError) as caught:
        read("f.toml", text, tomllib.loads(text))
    return list(getattr(caught.value, "findings", [caught.value]))


AMOUNTS = {  # key, value as written, in the base unit of the key
    "bare dollars": ("total_usd", "$1.2M", 1.2e6),
    "bare number": ("total_usd", 1_200_000, 1.2e6),
    "no unit": ("usd_per_mtok_output", "0.60", 0.60),
    "dollar": ("usd_per_mtok_output", "$0.60", 0.60),
    "per Mtok": ("usd_per_mtok_output", "$0.60/Mtok", 0.60),
    "per ktok": ("usd_per_mtok_output", "$0.0006/ktok", 0.60),
    "a month": ("usd_per_month", "$300k", 3e5),
    "a month, said": ("usd_per_month", "$300k/mo", 3e5),
    "a day": ("usd_per_day", "$1k/day", 1e3),
    "a day for a month": ("usd_per_month", "$1k/day", 1e3 * 365.25 / 12),
    "an hour": ("usd_per_hour", "$2.50", 2.5),
    "share": ("mfu", "90%", 0.9),
    "seconds": ("duration_seconds", "30d", 30 * 86_400),
    "plain seconds": ("duration_seconds", 90, 90),
    "days": ("crossover_days", "270", 270),
    "days in time": ("crossover_days", "3w", 21),
    "months in time": ("crossover_months", "1y", 12),
    "hours": ("gpu_hours", "2.788M", 2.788e6),
    "carbon": ("co2e_kg", "10t", 1e4),
    "energy": ("energy_kwh", "1.3 GWh", 1.3e6),
}  # fmt: skip


@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts_by_the_kind_of_the_key(name: str) -> None:
    key, raw, expected = AMOUNTS[name]
    assert amount(LIMITED[key], raw) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "raw", ["", "cheap", "-1", "0", 0, -5, float("nan"), float("inf"), True, [1], "1,200", "40 GB", "€5", "1e400"]
)
def test_amounts_that_are_none(raw: object) -> None:
    with pytest.raises(LlmcostError):
        amount(LIMITED["total_usd"], raw)


def test_levels_owner_reason_expiry_and_lines() -> None:
    found = limits(
        HEAD + 'owner = "a"\nat = "median"\nmax_increase = "5%"\n'
        'max_total_usd = { warn = "1M", fail = "2M", at = "p95", reason = "r", expires = 2026-12-31 }\n'
        "min_crossover_days.fail = 200\nmin_crossover_days.owner = 'b'\n"
    )
    total, crossing, growth = found
    assert (total.warn, total.fail, total.at, total.owner, total.reason) == (1e6, 2e6, "p95", "a", "r")
    assert (total.expires, total.line, total.file) == (dt.date(2026, 12, 31), 7, "f.toml")
    assert (crossing.upper, crossing.fail, crossing.owner, crossing.at, crossing.line) == (False, 200, "b", "p50", 8)
    assert (growth.relative, growth.key, growth.fail, growth.at, growth.line) == (True, "total_usd", 0.05, "p95", 6)


def test_a_relative_limit_of_its_own_and_one_for_whatever_it_costs() -> None:
    own = limits(
        HEAD + 'max_total_usd = { max_increase = { warn = "1%", fail = "5%" } }\nmin_mfu = { max_decrease = "2%" }\n'
    )
    assert [(x.name, x.key, x.warn, x.fail, x.relative) for x in own] == [
        ("max_increase", "total_usd", 0.01, 0.05, True),
        ("max_decrease", "mfu", None, 0.02, True),
    ]
    assert [(x.name, x.key) for x in limits(HEAD + 'max_increase = "5%"\n')] == [("max_increase", "")]


def test_prices_of_a_file_and_of_a_budget() -> None:
    file = (
        'max_price_age = "90d"\nas_of = 2026-11-23\nbaseline = "b.json"\n' + HEAD + 'max_price_age = { warn = "30d" }\n'
    )
    found = read("f.toml", file, tomllib.loads(file))
    assert (found.as_of, found.baseline) == (dt.date(2026, 11, 23), "b.json")
    assert found.price_age is not None
    assert (found.price_age.fail, found.price_age.line) == (90 * 86_400, 1)
    assert (found.budgets[0].limits[0].warn, found.budgets[0].limits[0].line) == (30 * 86_400, 7)


def test_a_scenario_with_its_own_budget() -> None:
    text = 'title = "t"\nmodel = "llama-3.1-8b"\n[budget]\nmax_total_usd = 1\n'
    found = read("s.toml", text, tomllib.loads(text))
    assert found.scenario == {"title": "t", "model": "llama-3.1-8b"}
    assert (found.budgets[0].name, found.budgets[0].scenario, found.budgets[0].limits[0].line) == ("t", None, 4)


WRONG = {  # text, what the message names, what the hint says
    "near name": (HEAD + "max_totl_usd = 1", "f.toml:4: unknown limit 'max_totl_usd'", "max_total_usd"),
    "no side": (HEAD + "total_usd = 1", "f.toml:4: unknown limit 'total_usd'", "max_total_usd"),
    "a word": (HEAD + "max_layout = 1", "f.toml:4: max_layout: layout is no number", "schema"),
    "a column": (HEAD + "max_error_pct = 1", "error_pct is no number", ""),
    "bad value": (HEAD + 'max_total_usd = "15 GB"', "f.toml:4: max_total_usd: '15 GB'", ""),
    "bad level": (HEAD + 'max_total_usd = { warn = "x" }', "f.toml:4: max_total_usd: warn: 'x'", ""),
    "no level": (HEAD + 'max_total_usd = { owner = "x" }', "neither fail, warn nor max_increase", ""),
    "unknown in level": (HEAD + "max_total_usd = { fial = 1 }", "unknown key 'fial', expected fail, warn, on,", "'fail'"),
    "a level called max": (HEAD + 'max_total_usd = { max = "5k", max_increase = 1 }', "unknown key 'max'", '{ fail = "5k" }'),
    "a level called limit": (HEAD + "max_total_usd = { limit = 5 }", "unknown key 'limit'", "{ fail = 5 }"),
    "warns beyond": (HEAD + "max_total_usd = { warn = 3, fail = 2 }", "would never warn", ""),
    "warns below": (HEAD + "min_mfu = { warn = 0.1, fail = 0.2 }", "would never warn", ""),
    "at": (HEAD + 'at = "p99"\nmax_total_usd = 1', "f.toml:4: at: 'p99' is not one of p5, p10, p50, p90, p95", "p95"),
    "on": (HEAD + 'on = "training"\nmax_total_usd = 1', "f.toml:4: on: 'training'", "train"),
    "expires": (HEAD + 'expires = "soon"\nmax_total_usd = 1', "f.toml:4: expires: 'soon'", ""),
    "owner": (HEAD + "owner = 3\nmax_total_usd = 1", "f.toml:4: owner: 3", ""),
    "increase over all": (HEAD + 'max_increase = "500%"\nmax_total_usd = 1', "f.toml:4: max_increase", ""),
    "increase of nothing": (HEAD + 'max_increase = "5%"\nmin_mfu = 0.2', "max_increase has no effect", "max_"),
    "no scenario": ("[[budget]]\nmax_total_usd = 1", "f.toml:1: a budget without a scenario", "scenario ="),
    "no limit": (HEAD, "has no limit", "max_total_usd"),
    "no budget": ('title = "x"', "no [[budget]]", ""),
    "empty budget": ("budget = []", "no [[budget]]", ""),
    "budget of a word": ('budget = "x"', "no [[budget]]", ""),
    "misspelt table": ("[[budgt]]\nmax_total_usd = 1", "f.toml:1: unknown key 'budgt'", "budget"),
    "misspelt setting": ('max_price_aeg = "1d"\n' + HEAD + "max_total_usd = 1", "unknown key 'max_price_aeg'", "max_price_age"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_say_what_and_where(name: str) -> None:
    text, message, hint = WRONG[name]
    found = findings(text)
    assert any(message in f.message and hint in f.hint for f in found), [(f.message, f.hint) for f in found]
    assert all("\n" not in f.message and len(f.message) < 300 for f in found)


def test_all_findings_of_a_file_at_once() -> None:
    assert len(findings(HEAD + 'at = "p99"\nmax_totl_usd = 1\nmax_mfu = "x"\n')) == 3


def limit(**said: object) -> Limit:
    """A limit of $100 with a warn level of $80, unless said otherwise."""
    base: dict[str, Any] = {"budget": "b", "name": "max_total_usd", "key": "total_usd", "warn": 80.0, "fail": 100.0}
    return Limit(**{**base, **said})


@pytest.mark.parametrize(
    ("value", "word"), [(79.0, OK), (80.0, OK), (80.01, WARN), (100.0, WARN), (100.01, FAIL), (math.inf, FAIL)]
)
def test_where_a_most_turns(value: float, word: str) -> None:
    assert judge(limit(), Measure(value)).word == word


@pytest.mark.parametrize(("value", "word"), [(300.0, OK), (math.inf, OK), (299.0, WARN), (200.0, WARN), (199.0, FAIL)])
def test_where_a_least_turns(value: float, word: str) -> None:
    least = limit(name="min_crossover_days", key="crossover_days", upper=False, warn=300.0, fail=200.0)
    assert judge(least, Measure(value)).word == word


def test_headroom_and_words() -> None:
    over = judge(limit(), Measure(125.0))
    assert over.headroom == pytest.approx(-0.25)
    assert over.message == "$125.00 exceeds max_total_usd $100.00 by $25.00 (25.0%)"
    least = limit(name="min_crossover_days", key="crossover_days", upper=False, warn=None, fail=200.0, at="p5")
    assert (
        judge(least, Measure(150.0)).message
        == "150 days (p5) falls below min_crossover_days 200 days by 50 days (25.0%)"
    )
    assert judge(least, Measure(150.0)).headroom == pytest.approx(-0.25)


def test_not_known_is_a_failure_and_so_is_an_expired_exception() -> None:
    assert "requests =" in measure("gpus", "p50", {"gpus": None, "usd_per_request": 1.0}, {}).problem
    assert judge(limit(), Measure(None, problem="why")) == (FAIL, None, "why")
    expired = judge(limit(expires=dt.date(2026, 1, 1)), Measure(1.0), expired=True)
    assert (expired.word, expired.message) == (FAIL, "the exception expired on 2026-01-01")


def test_quantiles() -> None:
    ranges = {"total_usd": Range(1.0, 2.0, 4.0)}
    assert [measure("total_usd", at, {"total_usd": 2.0}, ranges).value for at in ("p5", "p50", "p95")] == [
        1.0,
        2.0,
        4.0,
    ]
    assert measure("total_usd", "p95", {"total_usd": 2.0}, {}).value == 2.0
    assert "no total_usd" in measure("total_usd", "p50", {}, {}).problem


NEVER = {"crossover_days": None, "crossover_requests": 1e12, "probability_crossed": 0.01, "horizon_days": 3652.5}


def test_a_crossing_that_stays_out_is_late_not_unknown() -> None:
    least = limit(name="min_crossover_days", key="crossover_days", upper=False, warn=None, fail=270.0)
    found = measure("crossover_days", "p50", NEVER, {"crossover_days": Range(3000.0, None, None)})
    assert found.value == math.inf
    assert judge(least, beyond_sight(least, found, NEVER)).word == OK
    most = limit(name="max_crossover_days", key="crossover_days", warn=None, fail=270.0)
    assert judge(most, beyond_sight(most, found, NEVER)).word == FAIL
    far = limit(name="min_crossover_days", key="crossover_days", upper=False, warn=None, fail=5000.0)
    beyond = judge(far, beyond_sight(far, found, NEVER))
    assert (beyond.word, "raise horizon" in beyond.message) == (FAIL, True)
    no_traffic = {**NEVER, "probability_crossed": None}
    assert measure("crossover_days", "p50", no_traffic, {}).value is None


def test_changes_since_the_baseline() -> None:
    growth = limit(name="max_increase", relative=True, warn=None, fail=0.05)
    assert judge(growth, change(growth, Measure(105.0), Measure(100.0))).word == OK
    assert judge(growth, change(growth, Measure(106.0), Measure(100.0))).word == FAIL
    assert judge(growth, change(growth, Measure(50.0), Measure(100.0))).word == OK
    fall = limit(name="max_decrease", relative=True, warn=None, fail=0.05)
    assert judge(fall, change(fall, Measure(94.0), Measure(100.0))).word == FAIL
    assert judge(fall, change(fall, Measure(200.0), Measure(100.0))).word == OK
    assert change(growth, Measure(1.0), Measure(None)).value is None
    assert change(growth, Measure(math.inf), Measure(math.inf)).value == 0.0


@examples(60)
@given(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9), st.booleans())
def test_a_verdict_follows_its_headroom(value: float, level: float, upper: bool) -> None:
    one = limit(warn=None, fail=level, upper=upper)
    found = judge(one, Measure(value))
    assert found.headroom is not None
    assert (found.word == FAIL) == (found.headroom < 0)
    assert (found.word == OK) == (found.message == "")


def test_what_moved_most() -> None:
    then = {
        "model": Said("a"),
        "osl": Said(200.0),
        "price": Said(2.0),
        "mfu": Said(0.1),
        "pue": Said(1.2),
        "tp": Said(8),
    }
    now = {
        "model": Input("b", "name", "flag"),  # a name is ahead of numbers
        "osl": Input(400.0, "count", "file:x"),  # x 2
        "price": Input(0.5, "USD/h", "preset:prices"),  # / 4: further than x 2
        "mfu": Input(0.9, "share", "computed"),  # x 9, but it follows from others
        "pue": Input(1.2 * (1 + 1e-12), "ratio", "default"),  # rounding is no change
        "tp": Input(8, "count", "flag"),
    }
    found = changes(then, now)
    assert [c.name for c in found] == ["model", "price", "osl", "mfu"]
    assert found[1].increase == pytest.approx(-0.75)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema": "llmcost/train/1", "answers": []}',
        b'{"schema": "llmcost/check/1"}',
        b'{"schema": "llmcost/check/1", "answers": [{"on": 3}]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_baselines_that_are_none(raw: bytes) -> None:
    with pytest.raises(LlmcostError, match="not a baseline"):
        baseline.read(raw, "b.json")
