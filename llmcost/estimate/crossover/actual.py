"""Actuals beside the plan: what was spent, how far it is from what was planned, and which input explains it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.engine.demand.segments import cumulative
from llmcost.engine.numeric.kinds import Z95, Array, Num
from llmcost.engine.numeric.spread import Spread, interval
from llmcost.errors import Missing
from llmcost.estimate.actuals.lines import FILTERS
from llmcost.estimate.actuals.past import Past
from llmcost.estimate.actuals.spent import RECENT, Spent, figures, spent
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.curves import USD, Curves, curves
from llmcost.estimate.serving.service import GIVEN
from llmcost.keys import KEYS, SERVE
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Estimate, Warning
from llmcost.scenario import Scenario, Setting
from llmcost.units.currency import DOLLAR

FAR = 2.0  # over plan: beyond it a multiple is told
SLIGHT = 0.02  # of ln: a difference that needs no explanation
SERVED = (*GIVEN, "api", "model", "params")
COUNTED = {"isl": "input_tokens", "osl": "output_tokens"}  # planned -> what of a bill's line says it


class Explained(TypedDict):
    """One input as it was planned and as it was, and what that did to the dollars."""

    input: str
    unit: str
    planned: float
    planned_p5: float | None
    planned_p95: float | None
    actual: float
    usd_ratio: float
    explained_share: float


class Actual(NamedTuple):
    """What was spent, and the question that it belongs to."""

    spent: Spent
    scenario: Scenario
    warnings: list[Warning]


def asked(scenario: Scenario) -> Actual | None:
    """The actuals of a question, and the question with what they say where it was silent; None without any.

    Raises
    ------
    LlmcostError
        A file that cannot be read, or no traffic to continue with.
    """
    found = spent(scenario)
    if found is None:
        return None
    layer: dict[str, Setting] = {}
    origin = f"file:{found.lines.names[0]}"
    if not scenario.has(*SERVED) and found.usd_per_request:
        layer["cost_per_request"] = Setting(found.usd_per_request, origin)
    if not scenario.has("requests", "traffic", "users"):
        if found.requests_per_day is None:
            raise Missing(
                "no traffic to continue with: the actuals count no requests", "--requests 1M/day, or a usage export"
            )
        layer["requests"] = Setting(found.requests_per_day, origin)
    below = scenario._replace(layers=(*scenario.layers, layer))
    return Actual(found, below, [Warning("W110", note) for note in _notes(found)])


def _notes(found: Spent) -> list[str]:
    notes = list(found.lines.notes)
    if found.undated_usd:
        notes.append(f"{_usd(found.undated_usd)} has no date: it counts as spent by launch")
    return notes


def with_past(case: Case, serving: Question, actual: Actual) -> Case:
    """The case with its first days as they were; a launch that nobody said is the first day with a charge."""
    found = actual.spent
    for name in ("actuals", *FILTERS, "exchange_rate"):
        if serving.scenario.peek(name) is not None:
            serving.given(name)
    start = case.course.start
    if start is None and found.first is not None:
        start = found.first
        serving.record("start", start, Origin("computed", "the first day of the actuals"))
    past = _past(found, start)
    spread = found.pace_spread
    if spread and len(past.usd):
        serving.keep("actuals_pace", Spread(math.exp(-Z95 * spread), 1.0, math.exp(Z95 * spread)))
    return case._replace(course=case.course._replace(start=start), past=past)


def _past(found: Spent, start: dt.date | None) -> Past:
    """Days since launch."""
    if found.first is None or start is None:
        return Past(np.zeros(0), None, found.undated_usd, RECENT)
    late = (found.first - start).days
    if late >= 0:
        usd = np.concatenate([np.zeros(late), found.usd])
        requests, before = np.concatenate([np.zeros(late), _filled(found)]), 0.0
    else:
        usd, requests, before = found.usd[-late:], _filled(found)[-late:], float(found.usd[:-late].sum())
    recent = max(min(RECENT, len(usd), found.days), 1)
    return Past(usd, requests if found.counted.any() else None, before + found.undated_usd, recent)


def _filled(found: Spent) -> Array:
    """Requests by day; a day on which nobody counted them has as many as the mean of the others."""
    mean = float(found.requests[found.counted].mean()) if found.counted.any() else 0.0
    return np.where(found.counted, found.requests, mean)


def added(estimate: Estimate, case: Case, actual: Actual, horizon: float) -> Estimate:
    """The answer with what was spent, what had been planned by then, and what explains the difference."""
    found = actual.spent
    plan = curves(case._replace(past=None), sampling.central(case.parts), horizon)
    planned = _planned(plan, found, case.course.start)
    rows = [] if planned is None else _rows(case, found, plan, planned)
    apart = None if not planned else (found.total_usd - found.undated_usd) / planned - 1.0
    why = _explained(rows, apart)
    said = {**figures(found), "planned_usd_to_date": planned, "actual_over_plan": apart, "explained_by": why}
    headline = f"{estimate.headline} {_sentence(found, planned, apart, why)}"
    arrays = {**estimate.arrays, **({"actuals": rows} if rows else {})}
    return structs.replace(
        estimate,
        headline=headline,
        result={**estimate.result, **said},
        ranges={name: ends for name, ends in estimate.ranges.items() if name not in said},
        ranges_at_price={name: ends for name, ends in estimate.ranges_at_price.items() if name not in said},
        arrays=arrays,
        warnings=[*estimate.warnings, *actual.warnings, *_early(found, case.course.start)],
    )


def _early(found: Spent, start: dt.date | None) -> list[Warning]:
    """Caveats of bills that begin after launch, or before it."""
    if found.first is None or start is None or found.first == start:
        return []
    days = (found.first - start).days
    if days > 0:
        text = f"nothing is charged before {found.first}, {days} days after launch: those days count as free"
        return [Warning("W111", text, "the earlier bills too, or --start")]
    return [Warning("W111", f"charges from {found.first} on, {-days} days before launch, count as spent by launch")]


def _planned(plan: Curves, found: Spent, start: dt.date | None) -> float | None:
    """What was planned for the days of the charges since launch [USD]; None where there are none."""
    if found.first is None or start is None or USD not in plan.spends:
        return None
    begin = float(max((found.first - start).days, 0))
    end = float((found.first - start).days + found.days)
    spend = plan.spends[USD]
    total = float(spend.by(end) - spend.by(begin)) if end > begin else 0.0
    return total or None


def _rows(case: Case, found: Spent, plan: Curves, planned: float) -> list[Explained]:
    """Each input that the actuals measure, planned and actual, and its share of the difference in dollars.

    Traffic first, then the lengths of requests as the plan's own service prices them; what is left is the cost of the
    same request. Their ratios multiply to actual over plan.
    """
    central: dict[str, Num] = {**sampling.central(case.parts)}
    each = float(plan.figures["usd_per_request"])
    total = found.total_usd - found.undated_usd
    traffic = _traffic(plan, found, case.course.start)
    rows: list[Explained] = []
    left = total / planned
    if traffic is not None and found.requests_per_day:
        mean = float(found.requests[found.counted].mean())
        rows.append(_row(case, "requests", traffic, mean, mean / traffic))
        left /= mean / traffic
    cost = each
    for name, tokens in (*COUNTED.items(), ("cache_hit", "cached_tokens")):
        key, measured = f"{SERVE}.{name}", found.per_request(tokens)
        if key not in central or measured is None or traffic is None:
            continue
        sent = found.per_request("input_tokens")
        value = measured if name != "cache_hit" else measured / sent if sent else None
        if value is None or (value <= 0 and name != "cache_hit"):
            continue
        before, central = central[key], {**central, key: value}
        now = _cost(case, central)
        if now is None:
            central[key] = before
            continue
        rows.append(_row(case, name, float(before), value, now / cost))
        left, cost = left / (now / cost), now
    name = "usd_per_request" if traffic is not None else "usd_per_day"
    base = cost if traffic is not None else planned / found.days
    rows.append(_row(case, name, base, base * left, left, ranged=False))
    whole = sum(abs(math.log(row["usd_ratio"])) for row in rows if row["usd_ratio"] > 0)
    for row in rows:
        row["explained_share"] = abs(math.log(row["usd_ratio"])) / whole if whole and row["usd_ratio"] > 0 else 0.0
    return rows


def _traffic(plan: Curves, found: Spent, start: dt.date | None) -> float | None:
    """Requests a day as planned over the days of the charges."""
    if plan.requests is None or not found.counted.any() or found.first is None or start is None:
        return None
    begin = float((found.first - start).days)
    total = float(cumulative(plan.requests, begin + found.days) - cumulative(plan.requests, max(begin, 0.0)))
    return total / (found.days + min(begin, 0.0)) if total > 0 else None


def _cost(case: Case, central: Mapping[str, Num]) -> float | None:
    """A request as the plan prices it, at other lengths; None where they do not fit its replica."""
    if case.service is None:
        return None
    value = float(case.service.figures(case.served(central)).get("usd_per_request", math.nan))
    return value if math.isfinite(value) and value > 0 else None


def _row(case: Case, name: str, planned: float, actual: float, ratio: float, ranged: bool = True) -> Explained:
    said = case.parts.get(f"{SERVE}.{name}")
    ends = interval(said) if ranged and isinstance(said, Spread) else (None, None)
    kind = KEYS[name].kind if name in KEYS else "usd"
    unit = units.KINDS[kind].base if kind in units.KINDS else ""
    return {
        "input": name, "unit": unit, "planned": planned, "planned_p5": ends[0], "planned_p95": ends[1],
        "actual": actual, "usd_ratio": ratio, "explained_share": 0.0,
    }  # fmt: skip


def _alike(apart: float) -> bool:
    """Whether actual and plan are the same but for a few per cent."""
    return apart > -1.0 and abs(math.log1p(apart)) < SLIGHT


def _explained(rows: list[Explained], apart: float | None) -> str | None:
    """The input that is most of the difference, in words."""
    if apart is None or not rows or _alike(apart):
        return None
    logs = [math.log(r["usd_ratio"]) * math.copysign(1.0, apart) if r["usd_ratio"] > 0 else 0.0 for r in rows]
    most, least = max(logs), min(logs)
    text = _told(rows[logs.index(most)])
    return text if -least < most / 2.0 else f"{text}; {_told(rows[logs.index(least)])} works against it"


def _told(row: Explained) -> str:
    """An input as it was and as it was planned."""
    planned, actual, low, high = (row["planned"], row["actual"], row["planned_p5"], row["planned_p95"])
    where = ""
    if low is not None and high is not None:
        where = f", {'inside' if low <= actual <= high else 'outside'} its range"
    words = {"usd_per_request": "cost of a request", "usd_per_day": "spend of a day"}
    name = words.get(row["input"], row["input"].replace("_", " "))
    return f"{name} {_shown(row, actual)} against {_shown(row, planned)} planned{where}"


def _shown(row: Explained, value: float) -> str:
    name = row["input"]
    kind = KEYS[name].kind if name in KEYS else "usd_per_request" if name == "usd_per_request" else "usd"
    return units.format(kind, value)


def _sentence(found: Spent, plan: float | None, apart: float | None, explained: str | None) -> str:
    """What was spent, beside the plan."""
    told = found.lines.currency in (DOLLAR, units.current().code)
    other = "" if told else f" ({found.amount:,.2f} {found.lines.currency})"
    when = f" from {found.first} to {found.last}" if found.first else ""
    text = f"{_usd(found.total_usd)}{other} was spent{when}"
    if apart is None or plan is None:
        return f"{text}; there is no plan for those days to compare it with."
    planned = _usd(plan)
    if _alike(apart):
        return f"{text}, as planned ({planned})."
    if apart > FAR:
        said_of = f"{apart + 1.0:,.3g} times the {planned} planned"
    else:
        said_of = f"{abs(apart):.0%} {'above' if apart > 0 else 'below'} the {planned} planned"
    why = f": {explained}" if explained else ""
    return f"{text}, {said_of}{why}."


def _usd(value: float) -> str:
    return units.format("usd", value)
