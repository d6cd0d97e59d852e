"""`crossover`: when cumulative inference overtakes training, in dollars, energy, carbon and FLOPs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Num
from llmcost.errors import LlmcostError, Missing, did_you_mean
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.crossover import answer, reading, samples, timeline
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.course import horizon_days
from llmcost.estimate.lifetime.curves import BASES, USD, Curves, curves, outcome
from llmcost.estimate.training import bill as billing
from llmcost.keys.actuals import KEYS as ABOUT_ACTUALS
from llmcost.result import Estimate
from llmcost.scenario import Scenario

if TYPE_CHECKING:
    from llmcost.estimate.crossover.actual import Actual

ACTUALS = tuple(key.name for key in ABOUT_ACTUALS)

__all__ = ["crossover"]


def crossover(
    scenario: Scenario,
    catalog: Catalog,
    by: str | None = None,
    daily: bool = False,
    solve: str | None = None,
    at: str | None = None,
) -> Estimate:
    """When cumulative inference overtakes training.

    Parameters
    ----------
    scenario : Scenario
        The question.
    catalog : Catalog
        Where presets are found.
    by : str, optional
        `month` or `quarter`: a table of periods to the horizon.
    daily : bool
        A row of the curve for every day to the horizon, in place of a grid to twice the crossing.
    solve, at : str, optional
        `traffic`, `price` or `params`, and when: the question turned round.

    Raises
    ------
    LlmcostError
        Too little said on either side, or anything either side refuses.
    """
    if by is not None and by not in timeline.PERIODS:
        known = ", ".join(timeline.PERIODS)
        raise LlmcostError(
            f"--by: {units.shown(by)} is not one of {known}", did_you_mean(by, timeline.PERIODS) or "--by month"
        )
    if solve is not None:
        from llmcost.estimate.crossover import solve as turned

        return turned.solve(scenario, catalog, solve, at, lambda one: crossover(one, catalog, by, daily))
    if at is not None:
        raise LlmcostError("--at without --solve: what is to be found?", "--solve traffic --at 12mo")
    actual = _actual(scenario)
    case, serving = reading.read_both(scenario if actual is None else actual.scenario, catalog)
    if case.refused is not None:
        return structs.replace(refusal(*case.refused, "crossover"), inputs=case.inputs)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # unbounded growth leaves the range of floats
        if actual is None:
            return _answered(case, serving, by, daily)
        from llmcost.estimate.crossover import actual as actuals

        case = actuals.with_past(case, serving, actual)
        return actuals.added(_answered(case, serving, by, daily), case, actual, horizon_days(serving))


def _actual(scenario: Scenario) -> Actual | None:
    """What was spent, where bills are given; without any, no reader of bills is imported."""
    if not scenario.has(*ACTUALS):
        return None
    from llmcost.estimate.crossover.actual import asked

    return asked(scenario)


def _answered(case: Case, serving: Question, by: str | None, daily: bool) -> Estimate:
    """The answer once every value is taken."""
    horizon = horizon_days(serving)
    count, seed = sampling.settings(serving)
    numbers = case.parts

    def make(p: Mapping[str, Num], exact: int) -> Curves:
        return curves(case, p, horizon, exact)

    centre = curves(case, sampling.central(numbers), horizon)
    basis = _basis(centre, case)
    scope = case.scope if basis == USD else billing.RUN

    def read(one: Curves) -> dict[str, Num]:
        return outcome(one, basis, scope, horizon)

    if by is not None and centre.requests is None:
        raise LlmcostError("--by needs traffic: there is nothing over time", "--requests 10M/day")
    sampled = samples.answer(make, read, numbers, count, seed)
    held = case.at_prices(numbers)
    settled = samples.answer(make, read, held, min(count, samples.FIRST), seed) if held != numbers else sampled
    asked = answer.Evaluated(case, serving, centre, read(centre), sampled, settled, basis, scope, horizon)
    measure = "crossover_days" if centre.requests is not None else "crossover_requests"
    moved = samples.sensitivity(make, read, numbers, sampled, measure, case.inputs)
    return answer.estimate(asked, moved, by, daily)


def _basis(centre: Curves, case: Case) -> str:
    """The measure of the answer: the first one that both sides have."""
    for basis in BASES:
        if f"training_{basis}" in centre.figures and f"{basis}_per_request" in centre.figures:
            return basis
    why = next((question.unpriced for question in case.questions if question.unpriced), "")
    if why:
        raise Missing(f"training and serving share no measure: {why}", "--commitment electricity, or --price 2.50/h")
    raise Missing(
        "training and serving share no measure: one is in dollars, the other in energy",
        "give --train-cost with --cost-per-request",
    )
