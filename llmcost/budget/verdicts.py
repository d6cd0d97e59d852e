"""Figures against limits: ok, warn or fail, how far from the level, and why in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llmcost import units
from llmcost.budget.limits import DECREASE, MEDIAN, Limit, shown
from llmcost.records import NamedTuple
from llmcost.result import Range
from llmcost.terms import TERMS, Term

TENTH = 1.2815515655446004 / 1.6448536269514722  # normal quantiles of 90 % over 95 %
OK, WARN, FAIL = "ok", "warn", "fail"
RANK = {OK: 0, WARN: 1, FAIL: 2}
# A crossing that does not come within the horizon is null. It is known to stay out where what meets is known.
SPENT = "inference_usd_per_day"
MEETING = {
    "crossover_days": (),
    "crossover_months": (),
    "run_crossover_days": ("training_usd", SPENT),
    "program_crossover_days": ("training_usd_program", SPENT),
    "energy_crossover_days": ("training_kwh", "kwh_per_request"),
    "carbon_crossover_days": ("training_co2e_kg", "co2e_kg_per_request"),
    "flops_crossover_days": ("training_flops", "flops_per_request"),
}
CHANGE = Term("increase", "increase", "share", "")


# Figures of a fleet, which is there for some traffic.
OF_TRAFFIC = (
    "usd_per_month", "usd_per_day", "gpus", "replicas", "requests_per_second_peak", "energy_kwh_per_month",
    "co2e_kg_per_month",
)  # fmt: skip


class Measure(NamedTuple):
    """What is held against a limit; infinite for a crossing that stays out, None (and why) where it is not known."""

    value: float | None
    p5: float | None = None
    p95: float | None = None
    problem: str = ""


class Verdict(NamedTuple):
    """The word, the distance to the level over the level (negative beyond it), and the reason of a word but `ok`."""

    word: str
    headroom: float | None
    message: str = ""


def measure(key: str, at: str, result: Mapping[str, Any], ranges: Mapping[str, Range]) -> Measure:
    """A figure of an answer at a quantile; a figure without a range is its own quantile.

    >>> measure("total_usd", "p95", {"total_usd": 1.0}, {"total_usd": Range(0.5, 1.0, 2.0)}).value
    2.0
    """
    value, of = result.get(key), ranges.get(key)
    out = _stays_out(key, result)
    if of is not None and at != MEDIAN:
        value = quantile(of, at)
    ends = (None, None) if of is None else (of.p5, of.p95)
    if value is None and out:
        return Measure(math.inf, *ends)
    if value is None:
        why = str(_unspent(key) or result.get("reason") or _unknown(key, result))
        return Measure(None, *ends, problem=f"{key} cannot be computed: {why}")
    return Measure(float(value), *ends)


def quantile(of: Range, at: str) -> float | None:
    """A quantile of a range: of a lognormal in two halves that meet at the median; of a straight line beside zero.

    >>> quantile(Range(0.5, 1.0, 2.0), "p95"), round(quantile(Range(0.5, 1.0, 2.0), "p90") or 0.0, 4)
    (2.0, 1.7161)
    """
    low = at in ("p5", "p10")
    end = of.p5 if low else of.p95
    if end is None or of.p50 is None or at in ("p5", "p95"):
        return end
    if end > 0.0 and of.p50 > 0.0:
        return float(of.p50 * (end / of.p50) ** TENTH)
    return float(of.p50 + (end - of.p50) * TENTH)


def _unspent(key: str) -> str:
    return 'the scenario names no bills: actuals = ["bill.csv"]' if key.startswith("actual_") else ""


def _unknown(key: str, result: Mapping[str, Any]) -> str:
    if key in OF_TRAFFIC and "usd_per_request" in result and result.get("usd_per_month") is None:
        return 'the scenario has no traffic: give it some, as in requests = "1M/day"'
    return f"this answer has no {key}"


def _stays_out(key: str, result: Mapping[str, Any]) -> bool:
    """Whether a null crossing is one that comes after the horizon, not one that nobody knows."""
    needed = ("probability_crossed", "horizon_days", *MEETING.get(key, (key,)))
    return all(result.get(name) is not None for name in needed)


def beyond_sight(limit: Limit, found: Measure, result: Mapping[str, Any]) -> Measure:
    """A crossing after the horizon satisfies a `min_` limit inside the horizon, and says nothing of one beyond it."""
    horizon = result.get("horizon_days")
    if found.value != math.inf or limit.upper or horizon is None:
        return found
    days = limit.level * (units.MONTH / units.DAY if limit.key.endswith("_months") else 1.0)
    if days <= horizon:
        return found
    why = f"no crossing within the horizon of {horizon:,.0f} days, and the limit lies beyond it: raise horizon"
    return found._replace(value=None, problem=f"{limit.key} cannot be computed: {why}")


def change(limit: Limit, now: Measure, then: Measure) -> Measure:
    """The change of a figure since the baseline as a share: its increase, or its decrease for `max_decrease`."""
    if now.value is None:
        return now
    if now.value == then.value:
        return Measure(0.0)
    if then.value is None or then.value == 0 or not math.isfinite(then.value):
        return Measure(None, problem="the baseline does not have it")
    increase = round(now.value / then.value - 1.0, 12)  # 105 over 100 is 5 %, not a rounding error more
    return Measure(-increase if limit.name == DECREASE else increase)


def judge(limit: Limit, found: Measure, expired: bool = False) -> Verdict:
    """The verdict on one limit; equality is inside.

    >>> judge(Limit(budget="b", name="max_total_usd", key="total_usd", fail=1.2e6), Measure(1.5e6)).message
    '$1.50M exceeds max_total_usd $1.20M by $300k (25.0%)'
    >>> judge(Limit(budget="b", name="max_total_usd", key="total_usd", warn=1e6, fail=2e6), Measure(1.5e6)).word
    'warn'
    """
    told = f"the exception expired on {limit.expires}"
    if found.value is None:
        return Verdict(FAIL, None, f"{told}; {found.problem}" if expired else found.problem)
    word = FAIL if _over(limit, found.value, limit.fail) else WARN if _over(limit, found.value, limit.warn) else OK
    message = "" if word == OK else _sentence(limit, found.value, limit.fail if word == FAIL else limit.warn, word)
    if expired:
        return Verdict(FAIL, headroom(limit, found.value), f"{told}; {message}" if message else told)
    return Verdict(word, headroom(limit, found.value), message)


def _over(limit: Limit, value: float, level: float | None) -> bool:
    if level is None:
        return False
    return value > level if limit.upper else value < level


def headroom(limit: Limit, value: float) -> float | None:
    """Distance to the level over the level, negative beyond it; None where either is zero or infinite.

    >>> headroom(Limit(budget="b", name="min_crossover_days", key="crossover_days", upper=False, fail=200.0), 300.0)
    0.5
    """
    if not math.isfinite(value) or limit.level == 0:
        return None
    room = (limit.level - value) / limit.level
    return room if limit.upper else -room


def _sentence(limit: Limit, value: float, level: float | None, word: str) -> str:
    assert level is not None
    term = CHANGE if limit.relative else TERMS[limit.key]
    bound = f"{'the warn level of ' if word == WARN else ''}{limit.name} {shown(term, level)}"
    if not math.isfinite(value):
        return f"{limit.key} does not come within the horizon, {bound}"
    if limit.relative:
        fell = limit.name == DECREASE
        return f"{limit.key} {'fell' if fell else 'rose'} {shown(term, value)} since the baseline, {bound}"
    at = "" if limit.at == MEDIAN else f" ({limit.at})"
    beyond = "exceeds" if limit.upper else "falls below"
    gap = abs(value - level)
    share = f" ({units.format('share', gap / level)})" if level else ""
    return f"{shown(term, value)}{at} {beyond} {bound} by {shown(term, gap)}{share}"
