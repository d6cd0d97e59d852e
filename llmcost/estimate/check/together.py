"""Limits on a sum: what several scenarios take together, hosted, bought or owned."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from llmcost.budget import baseline as earlier
from llmcost.budget.limits import TOGETHER, Limit
from llmcost.budget.verdicts import OK, Measure, measure
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.check.answers import Answers, Subject
from llmcost.records import NamedTuple
from llmcost.result import CostRow, Estimate


class Part(NamedTuple):
    """What one scenario adds: its measure, the answer behind it, and that of the baseline."""

    of: Subject
    on: str
    now: Measure
    answer: Estimate | LlmcostError
    was: Measure


def label(subjects: Sequence[Subject]) -> str:
    """What a sum is called in reports."""
    return " + ".join(one.label for one in subjects)


def parts(limit: Limit, subjects: Sequence[Subject], answers: Answers, known: earlier.Answers | None) -> list[Part]:
    """What each scenario adds to a limit."""
    key = TOGETHER.get(limit.key, limit.key)
    found = []
    for of in subjects:
        on = answers.command(of, structs.replace(limit, key=key))
        answer = answers.ask(of, on)
        then = None if known is None else known.get((of.label, on))
        was = Measure(None) if then is None else measure(key, limit.at, then.result, then.ranges)
        found.append(Part(of, on, _now(key, limit, of, answer), answer, was))
    return found


def _now(key: str, limit: Limit, of: Subject, answer: Estimate | LlmcostError) -> Measure:
    if isinstance(answer, LlmcostError):
        return Measure(None, problem=f"{of.label}: {key} cannot be computed: {answer.message}")
    now = measure(key, limit.at, answer.result, answer.ranges)
    if answer.exit_code != Exit.OK and now.value is not None:
        return now._replace(value=None, problem=f"{of.label}: {key} does not count: {answer.result.get('reason')}")
    return now._replace(problem=f"{of.label}: {now.problem}") if now.problem else now


def added(some: Sequence[Measure]) -> Measure:
    """The sum of figures, quantile by quantile: as if all were dear at once, which a budget has to bear."""
    missing = next((one for one in some if one.value is None), None)
    if missing is not None:
        return missing
    ends = [
        sum(float((getattr(one, q) if getattr(one, q) is not None else one.value) or 0.0) for one in some)
        for q in ("p5", "p95")
    ]
    ranged = any(one.p5 is not None for one in some)
    return Measure(sum(float(one.value or 0.0) for one in some), *(ends if ranged else (None, None)))


def answer(limit: Limit, some: Sequence[Part]) -> Estimate | LlmcostError:
    """What explains a verdict: the parts as rows, the largest of them the largest cost."""
    failed = next((part.answer for part in some if isinstance(part.answer, LlmcostError)), None)
    if failed is not None:
        return failed
    rows = [CostRow(p.of.label, 1.0, "scenario", float(p.now.value or 0.0), float(p.now.value or 0.0)) for p in some]
    return Estimate(command="check", headline=OK, result={}, breakdown=rows if "usd" in limit.key else [])
