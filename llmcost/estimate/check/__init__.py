"""`check`: do the scenarios stay inside their budgets? One row per limit, the worst last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from llmcost import units
from llmcost.budget import baseline as earlier
from llmcost.budget.limits import AGE, Budget, BudgetFile, Limit
from llmcost.budget.verdicts import FAIL, OK, RANK, WARN, Measure, Verdict, beyond_sight, change, judge, measure
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY
from llmcost.errors import Exit, LlmcostError, raise_all
from llmcost.estimate.check import rows as made
from llmcost.estimate.check import together
from llmcost.estimate.check.answers import Answers, Subject, Subjects
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Input, LimitRow, Scalar, Warning

__all__ = ["Asked", "check"]


class Asked(NamedTuple):
    """A file of budgets, and the answers of an earlier check that its relative limits look back to."""

    file: BudgetFile
    baseline: earlier.Answers | None = None


class Day:
    """What day it is: `as_of` where that was said, else the clock's, and whether anyone needed it."""

    def __init__(self, as_of: dt.date | None, clock: Callable[[], dt.date] | None) -> None:
        self.as_of = as_of
        self.clock = clock
        self.inputs: dict[str, Input] = {} if as_of is None else {"as_of": Input(as_of.isoformat(), "name", "flag")}

    def today(self, limit: Limit) -> dt.date:
        """The day to count from.

        Raises
        ------
        LlmcostError
            Nobody said, and there is no clock to ask.
        """
        if self.as_of is not None:
            return self.as_of
        if self.clock is None:
            raise LlmcostError(f"{limit.place}: {limit.name} needs the day it is", "--as-of 2026-11-23")
        day = self.clock()
        self.inputs["today"] = Input(day.isoformat(), "name", "clock")
        return day

    def expired(self, limit: Limit) -> bool:
        """Whether the last day of an exception is over; asks for the day only where there is such a day."""
        return limit.expires is not None and self.today(limit) > limit.expires


def check(
    asked: Sequence[Asked],
    catalog: Catalog,
    *,
    as_of: dt.date | None = None,
    clock: Callable[[], dt.date] | None = None,
    renew: bool = False,
) -> Estimate:
    """Every limit of every budget, judged.

    Parameters
    ----------
    asked : list of Asked
        Budget files, parsed, with their baselines.
    catalog : Catalog
        Where presets are found.
    as_of : date, optional
        Prices up to this day, and the day that expiry dates and ages of prices count from.
    clock : callable, optional
        Says what day it is; called only where an expiry date or an age of prices needs it and nobody pinned a day.
    renew : bool
        The answers become the baseline: relative limits hold.

    Raises
    ------
    LlmcostError
        Wrong questions, all of them at once: unknown presets, values that are wrong, a relative limit without a
        baseline. A limit that cannot be computed is a verdict.
    """
    said = _one_currency(asked)
    with units.amounts_in(said):
        found = _judged(asked, catalog, Day(as_of, clock), renew)
    return found.shown_in(said, "flag" if said == units.current() else "file")


def _judged(asked: Sequence[Asked], catalog: Catalog, day: Day, renew: bool) -> Estimate:
    answers, as_of = Answers(catalog), day.as_of
    findings: list[LlmcostError] = []
    judged: list[made.Judged] = []
    subjects = Subjects(catalog, as_of, _usual(asked, as_of))
    for one in asked:
        benches: list[Bench] = []
        for budget in one.file.budgets:
            try:
                every = subjects.of(one.file, budget)
                some = [Bench(answers, day, of, {} if renew else one.baseline, renew) for of in every]
                benches += some
                judged += _summed(budget, some) if budget.scenarios else some[0].budget(budget)
            except LlmcostError as error:
                findings += getattr(error, "findings", [error])
        if one.file.price_age is not None and benches:
            judged.append(_oldest(one.file.price_age, benches, judged))
    raise_all(_once([*findings, *answers.wrong]))
    return _estimate(judged, answers, asked, day, catalog, renew)


def _one_currency(asked: Sequence[Asked]) -> units.Currency:
    """What amounts are shown in: as was said for all, else as the files say, which agree."""
    said = {one.file.currency: one.file.label for one in asked if one.file.currency is not None}
    if units.current() != units.DOLLARS or not said:
        return units.current()
    if len(said) > 1:
        rates = " and ".join(f"{label} says {each.code} at {each.usd:g} USD" for each, label in said.items())
        raise LlmcostError(f"one check is in one currency, and {rates}", "--currency EUR=1.08")
    return next(iter(said))


def _usual(asked: Sequence[Asked], as_of: dt.date | None) -> dt.date | None:
    """The day that prices are of where no scenario says one: that of the files, which agree."""
    said = {one.file.as_of: one.file.label for one in asked if one.file.as_of is not None}
    if as_of is None and len(said) > 1:
        days = " and ".join(f"{label} is as of {day}" for day, label in said.items())
        raise LlmcostError(f"one check has prices of one day, and {days}", "--as-of 2026-11-23")
    return next(iter(said), None)


class Bench(NamedTuple):
    """Where the limits of one budget are judged."""

    answers: Answers
    day: Day
    of: Subject
    baseline: earlier.Answers | None
    renew: bool

    def budget(self, budget: Budget) -> list[made.Judged]:
        """Every limit of a budget; all findings at once."""
        found: list[made.Judged] = []
        findings: list[LlmcostError] = []
        for limit in budget.limits:
            try:
                found += [_oldest(limit, [self], found)] if limit.key == AGE else self.expanded(limit)
            except LlmcostError as error:
                findings.append(error)
        raise_all(findings)
        return found

    def expanded(self, limit: Limit) -> list[made.Judged]:
        """A limit, or one for each cost that the scenario has where it names no key."""
        if limit.key:
            return [self.one(limit)]
        commands = [limit.on] if limit.on else self.answers.commands(self.of)
        keys = [(on, self.answers.cost(self.of, on)) for on in commands]
        return [self.one(structs.replace(limit, on=on, key=key)) for on, key in keys]

    def no_baseline(self, limit: Limit) -> LlmcostError:
        """The error of a limit on a change that nothing can be counted from."""
        return LlmcostError(
            f"{limit.place}: {limit.name} needs a baseline to count from",
            'baseline = "FILE" in the budget file, or --baseline FILE; llmcost check --update-baseline writes it',
        )

    def one(self, limit: Limit) -> made.Judged:
        """A limit on a figure, or on its change since the baseline."""
        on = self.answers.command(self.of, limit)
        answer = self.answers.ask(self.of, on)
        then = None if self.baseline is None else self.baseline.get((self.of.label, on))
        if limit.relative and self.baseline is None:
            raise self.no_baseline(limit)
        now, was = _measured(limit, answer), Measure(None)
        if then is not None:
            was = measure(limit.key, limit.at, then.result, then.ranges)
        held = change(limit, now, now if self.renew else was) if limit.relative else now
        expired = self.day.expired(limit)
        if limit.relative and now.value is not None and held.value is None and not expired:
            verdict = Verdict(WARN, None, f"{limit.key} is not in the baseline: nothing to count from")
        else:
            verdict = judge(limit, held, expired)
        return made.Judged(limit, self.of.label, on, held, verdict, answer, now, was, then)

    def priced(self, limit: Limit, others: Sequence[made.Judged]) -> list[tuple[dt.date, str, str]]:
        """Date, name and command of every preset price in the answers that a budget is about."""
        commands = [limit.on] if limit.on else list(dict.fromkeys(j.on for j in others))
        answers = {on: self.answers.ask(self.of, on) for on in commands or self.answers.commands(self.of)}
        return [(*d, on) for on, e in answers.items() if isinstance(e, Estimate) for d in made.price_dates(e)]


def _summed(budget: Budget, benches: Sequence[Bench]) -> list[made.Judged]:
    """Every limit of a budget over the sum of its scenarios; all findings at once."""
    found: list[made.Judged] = []
    findings: list[LlmcostError] = []
    for limit in budget.limits:
        try:
            found.append(_oldest(limit, benches, found) if limit.key == AGE else _sum(limit, benches))
        except LlmcostError as error:
            findings.append(error)
    raise_all(findings)
    return found


def _sum(limit: Limit, benches: Sequence[Bench]) -> made.Judged:
    """A limit on what several scenarios take together, or on its change since the baseline."""
    first = benches[0]
    if limit.relative and first.baseline is None:
        raise first.no_baseline(limit)
    parts = together.parts(limit, [bench.of for bench in benches], first.answers, first.baseline)
    now = together.added([part.now for part in parts])
    was = together.added([part.was for part in parts])
    held = change(limit, now, now if first.renew else was) if limit.relative else now
    verdict = judge(limit, held, first.day.expired(limit))
    label = together.label([part.of for part in parts])
    return made.Judged(limit, label, parts[0].on, held, verdict, together.answer(limit, parts), now, was)


def _oldest(limit: Limit, benches: Sequence[Bench], judged: Sequence[made.Judged]) -> made.Judged:
    """A limit on the age of preset prices, judged by the oldest one of all these answers."""
    aged = []
    for bench in benches:
        for date, name, on in bench.priced(limit, [j for j in judged if j.scenario == bench.of.label]):
            day = bench.of.day() or bench.day.today(limit)
            aged.append(((day - date).days, date, name, on, bench))
    if not aged:
        nothing = LlmcostError("no preset price")
        return made.Judged(limit, benches[0].of.label, limit.on or "", Measure(None), Verdict(OK, None), nothing)
    days, date, name, on, bench = max(aged, key=lambda found: found[0])
    held = Measure(max(days, 0) * SECONDS_PER_DAY)
    verdict = judge(limit, held, bench.day.expired(limit))
    if verdict.message:
        verdict = verdict._replace(message=f"{name.replace('_', ' ')} of {date}: {verdict.message}")
    return made.Judged(limit, bench.of.label, on, held, verdict, bench.answers.ask(bench.of, on), held)


def _measured(limit: Limit, answer: Estimate | LlmcostError) -> Measure:
    """The figure of a limit; an answer that is no has none that counts."""
    if isinstance(answer, LlmcostError):
        return Measure(None, problem=f"{limit.key} cannot be computed: {answer.message}")
    found = beyond_sight(limit, measure(limit.key, limit.at, answer.result, answer.ranges), answer.result)
    if answer.exit_code == Exit.OK or found.value is None:
        return found
    return found._replace(value=None, problem=f"{limit.key} does not count: {answer.result.get('reason')}")


def _once(findings: list[LlmcostError]) -> list[LlmcostError]:
    return list({(f.message, f.hint): f for f in findings}.values())


def _estimate(
    judged: list[made.Judged], answers: Answers, asked: Sequence[Asked], day: Day, catalog: Catalog, renew: bool
) -> Estimate:
    rows = sorted((made.row(j) for j in judged), key=_badness)
    words = [str(row["verdict"]) for row in rows]
    known = {key: value for one in asked for key, value in (one.baseline or {}).items()}
    estimates = answers.estimates()
    result: dict[str, Scalar] = {
        "verdict": max(words, key=lambda word: RANK[word]),
        "limits": len(rows),
        "failed": words.count(FAIL),
        "warned": words.count(WARN),
        "budgets": sum(len(one.file.budgets) for one in asked),
        "scenarios": len({row["scenario"] for row in rows}),
    }
    return Estimate(
        command="check",
        headline=_headline(result, rows),
        result=result,
        inputs=day.inputs,
        warnings=_warnings(judged),
        arrays={
            "rows": rows,
            "totals": made.totals(estimates, {} if renew else known),
            "changed_inputs": [] if renew else made.changes(estimates, known),
            "answers": [made.answer(*e) for e in estimates],
        },
        presets=presets_date(catalog),
        exit_code=int(Exit.NO if result["failed"] else Exit.OK),
    )


def _badness(row: LimitRow) -> tuple[int, bool, float]:
    """The best first; what is not known after all that is."""
    unknown = row["headroom"] is None and row["verdict"] != OK
    return RANK[row["verdict"]], unknown, -(row["headroom"] if row["headroom"] is not None else 0.0)


def _warnings(judged: list[made.Judged]) -> list[Warning]:
    """Quantiles that were asked for and are not known."""
    found = {}
    for j in judged:
        ranged = isinstance(j.answer, Estimate) and j.answer.ranges
        if ranged and j.limit.at != "p50" and j.now.value is not None and j.now.p5 is None and j.now.p95 is None:
            message = f"{j.limit.key} of {j.scenario} has no range: its {j.limit.at} is its only value"
            found[message] = Warning("W090", message, f"llmcost {j.on} {j.scenario} --explain")
    return list(found.values())


def _headline(result: Mapping[str, Scalar], rows: list[LimitRow]) -> str:
    total, failed, warned = result["limits"], result["failed"], result["warned"]
    warns = f", {warned} {'warns' if warned == 1 else 'warn'}" if warned else ""
    if not failed:
        held = "The one limit holds" if total == 1 else f"All {total} limits hold"
        ends = min((str(row["budget_ends"]) for row in rows if row["budget_ends"]), default="")
        return f"{held}{warns}.{f' At this rate the budget ends on {ends}.' if ends else ''}"
    worst = rows[-1]
    those = "The one limit" if total == 1 else f"{failed} of {total} limits"
    fails = f"{those} {'fails' if failed == 1 else 'fail'}{warns}"
    return f"{fails}. {'' if failed == 1 else 'Worst: '}{worst['budget']}: {worst['message']}."
