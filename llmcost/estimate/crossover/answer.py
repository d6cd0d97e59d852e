"""The answer of a crossover: what is in the result, its ranges and its arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import presets_date
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.segments import rate
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Num, finite
from llmcost.errors import Exit
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.crossover import samples as over
from llmcost.estimate.crossover import sentence, timeline
from llmcost.estimate.crossover.result import DISTILLED, KEYS, CrossoverResult
from llmcost.estimate.crossover.samples import Sampled, Swing
from llmcost.estimate.crossover.sentence import ALREADY, BACK, CROSSES, NEVER, NO_TRAFFIC
from llmcost.estimate.crossover.timeline import Meeting
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.curves import BASES, USD, WORDS, Curves
from llmcost.estimate.training import bill as billing
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Range, Scalar, Warning

EVER = 1e6  # days: beyond it nothing is said to come
LATEST = 4.0  # times the crossing: the most of its range that a picture shows
KINDS = {"usd": "usd", "kwh": "kwh", "co2e_kg": "kg", "flops": "count"}
UNITS = {"usd": "USD", "kwh": "kWh", "co2e_kg": "kg CO2e", "flops": "FLOP"}
METHOD = "docs/method-crossover.md"
FORMULAS = {
    demand.CONSTANT: "constant",
    demand.LINEAR: "r0 + s t",
    demand.COMPOUND: "r0 (1 + g)^(t / month)",
    demand.LOGISTIC: "K / (1 + exp(-k (t - m)))",
    demand.SERIES: "straight lines between the rows of the file",
}
NAMED_TURNS = 6  # changes of the lead that the answer tells


class Evaluated(NamedTuple):
    """A crossover with its question read and its curves computed."""

    case: Case
    serving: Question
    curves: Curves
    outcome: Mapping[str, Num]
    sampled: Sampled
    settled: Sampled  # with prices that nobody stated at their medians
    basis: str
    scope: str  # what inference has to reach, in dollars
    horizon: float


def estimate(asked: Evaluated, swings: Sequence[Swing], by: str | None, daily: bool) -> Estimate:
    """The answer from figures at the centre and over samples."""
    case, both = asked.case, asked.curves
    start = case.course.start
    crossings = timeline.crossings(both, asked.horizon, start) if both.requests is not None else []
    result = _result(asked, crossings)
    whole, settled = (
        over.ranges(cast(dict[str, Scalar], result), {k: v for k, v in of.outcomes.items() if k in KEYS})
        for of in (asked.sampled, asked.settled)
    )
    ranges, at_price = sampling.spreads(settled, whole)
    _explain(asked, result)
    result["most_sensitive"] = sentence.most_sensitive(swings)
    arrays: dict[str, Sequence[object]] = {"crossings": crossings} if crossings else {}
    if both.requests is not None:
        days = _days(asked, crossings, ranges, daily)
        arrays["curve"] = timeline.curve(both, asked.sampled.curves, asked.basis, asked.scope, days)
    if by is not None and both.requests is not None:
        arrays["periods"] = timeline.periods(
            both, asked.sampled.curves, by, asked.basis, asked.scope, asked.horizon, start
        )
    if swings:
        arrays["sensitivity"] = [swing.row() for swing in swings]
    answer = Estimate(
        command="crossover",
        headline=sentence.headline(_told(asked, result, ranges, at_price)),
        result=cast(dict[str, Scalar], result),
        ranges=ranges,
        ranges_at_price=at_price,
        inputs=case.inputs,
        warnings=case.warnings,
        steps=case.steps,
        arrays=arrays,
        presets=presets_date(asked.serving.catalog),
    )
    return _limited(asked, answer)


def _result(asked: Evaluated, crossings: list[Meeting]) -> CrossoverResult:
    known = {k: finite(v) for k, v in asked.outcome.items() if k in KEYS}
    days = known.get("crossover_days")
    main = [c for c in crossings if (c["basis"], c["scope"]) == (asked.basis, asked.scope)]
    status = _status(asked, days, main)
    found = cast(CrossoverResult, dict.fromkeys(KEYS) | known)
    found |= {
        "crossover_months": None if days is None else days / DAYS_PER_MONTH,
        "crossover_date": timeline.date(asked.case.course.start, days),
        "basis": asked.basis,
        "status": status,
        "reason": _reason(asked, status, main),
        "probability_crossed": _probability(asked),
        "cost_definition": asked.case.run.bill.definition if asked.case.run else None,
        "scope": asked.scope,
        "horizon_days": asked.horizon,
    }
    if DISTILLED in asked.outcome:
        found["training_usd_distillation"] = float(asked.outcome[DISTILLED])
    if days is not None:
        found |= _where(asked.basis, _level(asked, days))
    return found


def _where(basis: str, level: float) -> CrossoverResult:
    """What both sides have taken where they meet, in the measure of the answer."""
    named = {"usd": "crossover_usd", "kwh": "crossover_kwh", "co2e_kg": "crossover_co2e_kg"}
    return cast(CrossoverResult, {named[basis]: level} if basis in named else {})


def _level(asked: Evaluated, days: float) -> float:
    """Training paid by a day."""
    return float(
        asked.curves.trained(asked.basis, asked.scope) * asked.curves.plans[asked.basis].at(np.array([days]))[0]
    )


def _status(asked: Evaluated, days: float | None, main: list[Meeting]) -> str:
    if asked.curves.requests is None:
        return NO_TRAFFIC
    if days is None:
        return NEVER
    if days <= 0:
        return ALREADY
    return BACK if any(c["event"] == timeline.AGAIN for c in main) else CROSSES


def _reason(asked: Evaluated, status: str, main: list[Meeting]) -> str | None:
    """Why it is so, where it is not a plain crossing."""
    if status == ALREADY:
        kind, served = KINDS[asked.basis], float(asked.curves.spends[asked.basis].by(0.0))
        trained = units.format(kind, _level(asked, 0.0))
        return f"by day 0 inference has taken {units.format(kind, served)}, training {trained}"
    if status == BACK:
        leads = [f"day {c['day']:,.0f} {'training' if c['event'] == timeline.AGAIN else 'inference'}" for c in main[1:]]
        more = f", and {len(leads) - NAMED_TURNS} more" if len(leads) > NAMED_TURNS else ""
        return f"training is {_paid(asked)}, so the lead changes: {', '.join(leads[:NAMED_TURNS])}{more}"
    return _why_never(asked) if status == NEVER else None


def _paid(asked: Evaluated) -> str:
    """Why training costs more later."""
    course = asked.case.course
    return "repeated" if np.isfinite([course.retrain_days, course.refresh_days]).any() else "paid in stages"


def _why_never(asked: Evaluated) -> str:
    basis, end = asked.basis, asked.horizon
    spend, kind = asked.curves.spends[basis], KINDS[asked.basis]
    if not float(spend.by(EVER)):
        return "inference takes nothing"
    level = _level(asked, end)
    so_far = f"by then inference takes {units.format(kind, float(spend.by(end)))} of {units.format(kind, level)}"
    if len(asked.curves.plans[basis].days) > 1:
        return f"{so_far}, and training is paid again before it catches up"
    later, most = min(float(spend.reaches(level, far)) for far in (EVER, 10.0 * end)), float(spend.by(EVER))
    if np.isfinite(later):
        return f"{so_far}; at this pace it would on day {later:,.0f}"
    if not np.isfinite(most):  # growth that leaves the range of floats, and not within ten horizons
        return so_far
    return f"{so_far}; what a day takes shrinks so fast that it never passes {units.format(kind, most)}"


def _probability(asked: Evaluated) -> float | None:
    days = asked.sampled.outcomes.get("crossover_days", asked.outcome.get("crossover_days"))
    return None if days is None else float(np.mean(np.isfinite(days)))


def _days(asked: Evaluated, crossings: list[Meeting], ranges: Mapping[str, Range], daily: bool) -> Array:
    """Days of the curve: every day to the horizon, or a grid beyond the crossing and its range for a picture."""
    if daily:
        return np.append(np.arange(0.0, asked.horizon), asked.horizon)
    main = [c["day"] for c in crossings if (c["basis"], c["scope"]) == (asked.basis, asked.scope) and c["day"] > 0]
    known = ranges.get("crossover_days")
    last = (known.p95 if known else None) or 0.0
    if main:
        last = min(last, LATEST * main[0])  # a range far beyond would hide the crossing
        end = min(asked.horizon, max(2.0 * main[0], 1.25 * main[-1], 1.05 * last))
    else:
        end = min(asked.horizon, 2.0 * last or asked.horizon)
    return np.linspace(0.0, end, timeline.POINTS + 1)


def _limited(asked: Evaluated, answer: Estimate) -> Estimate:
    """The same answer, refused when the traffic at launch needs more accelerators than were given."""
    service = asked.case.service
    given, needed = (service.fleet_gpus if service else None), asked.curves.figures.get("gpus", 0)
    if given is None:
        return answer
    if needed <= given:
        return _outgrown(asked, answer, given)
    reason = f"the traffic needs {float(needed):,.0f} accelerators, {given:,} are given"
    result = {**answer.result, "feasible": False, "reason": reason}
    headline = f"{reason[:1].upper()}{reason[1:]}; with enough of them: {answer.headline}"
    return structs.replace(answer, result=result, headline=headline, exit_code=int(Exit.NO))


def _outgrown(asked: Evaluated, answer: Estimate, given: int) -> Estimate:
    """The same answer, with a caveat where traffic outgrows the accelerators that were given."""
    if asked.curves.accelerators is None:
        return answer
    days = np.arange(0.0, asked.horizon)
    short = np.asarray(rate(asked.curves.accelerators, days)) > given
    if not short.any():
        return answer
    day = days[np.argmax(short)]
    message = f"from day {day:,.0f} the traffic needs more than the {given:,} accelerators given"
    return structs.replace(answer, warnings=[*answer.warnings, Warning("W054", message, "--serve-gpus")])


def _told(
    asked: Evaluated, result: CrossoverResult, ranges: Mapping[str, Range], at_price: Mapping[str, Range]
) -> sentence.Facts:
    """The answer as its sentence needs it."""
    program = asked.scope == billing.PROGRAM
    what = BASES[asked.basis] + (", programme included," if program else "")
    days = asked.sampled.outcomes.get("crossover_days")
    at_launch = None if days is None else float(np.mean(days <= 0.0))
    named = program or asked.basis != USD
    of, held = (each.get("crossover_days") for each in (ranges, at_price))
    again = _paid(asked)
    return sentence.Facts(result, held or of, asked.horizon, what, named, again, at_launch, held is not None)


def _worded(basis: str, value: float, spec: str = ".4g") -> str:
    """An amount of a measure inside a formula."""
    return units.worded_money(value, spec) if basis == USD else f"{value:{spec}} {UNITS[basis]}"


def _explain(asked: Evaluated, result: CrossoverResult) -> None:
    q, basis, both = asked.serving, asked.basis, asked.curves
    trained, each = float(both.trained(basis, asked.scope)), float(both.figures[f"{basis}_per_request"])
    parity = f"training {_worded(basis, trained, '.6g')} / {_worded(basis, each, '.6g')} per request at launch"
    luccioni = "Luccioni et al. 2024, arXiv:2311.16863, section 4.3.2"
    if each:
        q.step("requests to parity", parity, trained / each, "requests", luccioni)
    if both.requests is None:
        return
    formula = f"requests per day: {FORMULAS[str(asked.case.course.kind)]}"
    q.step("traffic", formula, result["requests_per_day"], "requests/day", f"{METHOD}, traffic")
    if result["crossover_days"] is not None:
        text = "first day on which cumulative inference is what training has taken by then"
        q.step("days to parity", text, result["crossover_days"], "d", f"{METHOD}, crossing")
    for other, word in WORDS.items():
        requests = finite(asked.outcome.get(f"{word}_crossover_requests"))
        if requests is None or other == basis:
            continue
        trained, each = float(both.trained(other)), float(both.figures[f"{other}_per_request"])
        text = f"training {_worded(other, trained)}, {_worded(other, each)} per request at launch"
        q.step(f"{word} parity", text, requests, "requests", f"{METHOD}, measures")
