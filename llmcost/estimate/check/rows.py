"""What a check reports: a row per limit, totals, what changed, and the answers behind them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from llmcost.budget import baseline as earlier
from llmcost.budget.limits import LIMITED, Limit
from llmcost.budget.verdicts import OK, Measure, Verdict
from llmcost.engine.numeric.kinds import finite
from llmcost.errors import LlmcostError
from llmcost.estimate.check.spending import SPENT, ends
from llmcost.keys import SERVE, TRAIN
from llmcost.records import NamedTuple
from llmcost.result import CostRow, Estimate, LimitRow, Moved, TotalRow

SIDES = {"training_usd": "training", "inference_usd_at_horizon": "inference to the horizon"}
TOTALS = ((TRAIN, "total_usd"), (SERVE, "usd_per_month"))


class Judged(NamedTuple):
    """A limit with its verdict, and what that rests on: `now` and `was` are the figure, `held` what was compared."""

    limit: Limit
    scenario: str
    on: str
    held: Measure
    verdict: Verdict
    answer: Estimate | LlmcostError
    now: Measure = Measure(None)
    was: Measure = Measure(None)
    then: earlier.Earlier | None = None


def row(j: Judged) -> LimitRow:
    """One row, keys in their published order; what explains a verdict is there where it is not `ok`."""
    limit = j.limit
    term = LIMITED.get(limit.key)
    unit = "share" if limit.relative else "s" if term is None else term.base
    last_day = ending(j)
    top = _largest(j.answer) if j.verdict.word != OK else None
    moved = _moved(j) if j.verdict.word != OK else None
    return {
        "verdict": j.verdict.word,
        "budget": limit.budget,
        "scenario": j.scenario,
        "on": j.on,
        "limit": limit.name,
        "key": limit.key,
        "unit": unit,
        "at": limit.at,
        "fail": limit.fail,
        "warn": limit.warn,
        "estimate": finite(j.held.value),
        "p5": None if limit.relative else j.held.p5,
        "p95": None if limit.relative else j.held.p95,
        "headroom": j.verdict.headroom,
        "baseline": finite(j.was.value),
        "increase": _increase(j.now.value, j.was.value),
        "message": j.verdict.message,
        "budget_ends": None if last_day is None else last_day.isoformat(),
        "largest_cost": None if top is None else top.name,
        "largest_cost_usd": None if top is None else top.cost_usd,
        "moved": None if moved is None else moved.name,
        "moved_from": None if moved is None else moved.was,
        "moved_to": None if moved is None else moved.now,
        "moved_unit": None if moved is None else moved.unit,
        "file": limit.file,
        "line": limit.line,
        "owner": limit.owner,
        "reason": limit.reason,
        "expires": None if limit.expires is None else limit.expires.isoformat(),
    }


def ending(j: Judged) -> dt.date | None:
    """The day on which a limit on what was spent is reached at its pace."""
    if j.limit.key != SPENT or not j.limit.upper or j.limit.relative or not isinstance(j.answer, Estimate):
        return None
    return ends(j.limit.level, j.answer)


def _increase(now: float | None, was: float | None) -> float | None:
    now, was = finite(now), finite(was)
    return None if now is None or was is None or was == 0 else now / was - 1.0


def _largest(answer: Estimate | LlmcostError) -> CostRow | None:
    """The largest cost row; of a crossover, which has none, the larger of its two sides."""
    if not isinstance(answer, Estimate):
        return None
    rows = answer.breakdown or [
        CostRow(name, 1.0, "", float(value), float(value))
        for key, name in SIDES.items()
        if (value := answer.result.get(key)) is not None
    ]
    return max(rows, key=lambda r: r.cost_usd, default=None)


def _moved(j: Judged) -> earlier.Change | None:
    if j.then is None or not isinstance(j.answer, Estimate):
        return None
    return next(iter(earlier.changes(j.then.inputs, j.answer.inputs)), None)


def price_dates(answer: Estimate) -> list[tuple[dt.date, str]]:
    """The dates of the prices that an answer takes from presets, with their names; of several quotes the newest."""
    return [
        (dt.date.fromisoformat(given.date), name)
        for name, given in answer.inputs.items()
        if given.unit.startswith("USD") and given.date and _from_preset(given.origin)
    ]


def _from_preset(origin: str) -> bool:
    """Whether a preset has it; what a scenario says, a shipped one too, is said and not looked up."""
    where, _, kind = origin.partition(":")
    return where in ("preset", "user-preset") and not kind.startswith("scenarios")


def totals(estimates: Sequence[tuple[str, str, Estimate]], known: earlier.Answers) -> list[TotalRow]:
    """Training spend and monthly serving spend of everything answered, beside those of the baseline."""
    found: list[TotalRow] = []
    for on, key in TOTALS:
        now = [e.result[key] for _, asked, e in estimates if asked == on and e.result.get(key) is not None]
        was = [a.result[key] for a in known.values() if a.on == on and a.result.get(key) is not None]
        if now:
            total = sum(float(value or 0.0) for value in now)
            before = sum(float(value or 0.0) for value in was) if known else None
            found.append({"key": key, "on": on, "answers": len(now), "estimate": total, "baseline": before,
                          "increase": _increase(total, before)})  # fmt: skip
    return found


def changes(estimates: Sequence[tuple[str, str, Estimate]], known: earlier.Answers) -> list[Moved]:
    """Every input that moved since the baseline, by scenario, with the commands that it is an input of."""
    found: dict[tuple[str, ...], Moved] = {}
    for label, on, e in estimates:
        for c in earlier.changes(known[label, on].inputs, e.inputs) if (label, on) in known else ():
            same = found.setdefault((label, c.name, str(c.was), str(c.now)), {
                "scenario": label, "on": [], "moved": c.name, "unit": c.unit, "moved_from": c.was,
                "moved_to": c.now, "increase": c.increase,
            })  # fmt: skip
            same["on"].append(on)
    return list(found.values())


def answer(label: str, on: str, estimate: Estimate) -> dict[str, object]:
    """An answer as its own command prints it, without its steps and arrays."""
    return {
        "scenario": label,
        "on": on,
        "headline": estimate.headline,
        "result": estimate.result,
        "ranges": estimate.ranges,
        "breakdown": estimate.breakdown,
        "inputs": estimate.inputs,
        "warnings": estimate.warnings,
    }
