"""`crossover`: when cumulative inference overtakes training, in dollars, energy, carbon and FLOPs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Num
from llmcost.errors import LlmcostError, Missing, not_of
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.crossover import answer, reading, samples, timeline
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.course import horizon_days
from llmcost.estimate.lifetime.curves import BASES, USD, Curves, curves, outcome
from llmcost.estimate.training import bill as billing
from llmcost.keys.actuals import KEYS as ABOUT_ACTUALS
from llmcost.records import NamedTuple
from llmcost.result import Estimate
from llmcost.scenario import Scenario

if TYPE_CHECKING:
    from llmcost.estimate.crossover.actual import Actual

ACTUALS = tuple(key.name for key in ABOUT_ACTUALS)
DAYS = "crossover_days"

__all__ = ["briefly", "crossover"]


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
        raise units.at("--by", not_of(by, timeline.PERIODS, "--by month"))
    if solve is not None:
        from llmcost.estimate.crossover import solve as turned

        return turned.solve(scenario, catalog, solve, at, lambda one: crossover(one, catalog, by, daily))
    if at is not None:
        raise LlmcostError("--at without --solve: what is to be found?", "--solve traffic --at 12mo")
    return _asked(scenario, catalog, lambda case, serving: _answered(_model(case, serving), by, daily))


def briefly(scenario: Scenario, catalog: Catalog, ranged: bool = True) -> Estimate:
    """The same for those who read no more than the crossing and the curve: pages ask dozens.

    `ranged`: with the range of the crossing, and the bands of the curve.
    """

    def told(case: Case, serving: Question) -> Estimate:
        model = _model(case, serving)
        return answer.estimate(model.crossing() if ranged else model.evaluated(), [], None, False)

    return _asked(scenario, catalog, told)


def _asked(scenario: Scenario, catalog: Catalog, answered: Callable[[Case, Question], Estimate]) -> Estimate:
    """What a question gets once it is read, with what was spent where bills are given."""
    actual = _actual(scenario)
    case, serving = reading.read_both(scenario if actual is None else actual.scenario, catalog)
    if case.refused is not None:
        return structs.replace(refusal(*case.refused, "crossover"), inputs=case.inputs)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # unbounded growth leaves the range of floats
        if actual is None:
            return answered(case, serving)
        from llmcost.estimate.crossover import actual as actuals

        case = actuals.with_past(case, serving, actual)
        return actuals.added(answered(case, serving), case, actual, horizon_days(serving))


def _actual(scenario: Scenario) -> Actual | None:
    """What was spent, where bills are given; without any, no reader of bills is imported."""
    if not scenario.has(*ACTUALS):
        return None
    from llmcost.estimate.crossover.actual import asked

    return asked(scenario)


class _Model(NamedTuple):
    """A case with both of its curves at the centre, and what is asked of them."""

    case: Case
    serving: Question
    centre: Curves
    basis: str
    scope: str
    horizon: float

    def make(self, p: Mapping[str, Num], exact: int) -> Curves:
        """Both curves at the numbers `p`."""
        return curves(self.case, p, self.horizon, exact)

    def read(self, one: Curves) -> dict[str, Num]:
        """Every figure of the answer."""
        return outcome(one, self.basis, self.scope, self.horizon)

    def meeting(self, one: Curves) -> dict[str, Num]:
        """The day of the crossing alone."""
        days = one.days(self.basis, self.horizon, self.scope)
        return {} if days is None else {DAYS: days}

    def whole(self) -> answer.Evaluated:
        """With a range of every figure."""
        return self._over_samples(self.read, self.make)

    def crossing(self) -> answer.Evaluated:
        """With a range of the crossing alone."""
        spent = self if self.basis != USD else self._replace(case=self.case.in_dollars)
        return self._over_samples(self.meeting, spent.make)

    def _over_samples(self, read: samples.Reader, make: samples.Maker) -> answer.Evaluated:
        count, seed = sampling.settings(self.serving)
        numbers = self.case.parts
        sampled = samples.answer(make, read, numbers, count, seed)
        held = self.case.at_prices(numbers)
        if held == numbers:
            return self.evaluated(sampled, sampled)
        return self.evaluated(sampled, samples.answer(make, read, held, min(count, samples.FIRST), seed))

    def evaluated(
        self, sampled: samples.Sampled = samples.NOTHING, settled: samples.Sampled = samples.NOTHING
    ) -> answer.Evaluated:
        """With what the samples say."""
        middle = self.read(self.centre)
        return answer.Evaluated(
            self.case, self.serving, self.centre, middle, sampled, settled, self.basis, self.scope, self.horizon
        )


def _model(case: Case, serving: Question) -> _Model:
    horizon = horizon_days(serving)
    centre = curves(case, sampling.central(case.parts), horizon)
    basis = _basis(centre, case)
    return _Model(case, serving, centre, basis, case.scope if basis == USD else billing.RUN, horizon)


def _answered(model: _Model, by: str | None, daily: bool) -> Estimate:
    """The answer once every value is taken."""
    timed = model.centre.requests is not None
    if by is not None and not timed:
        raise LlmcostError("--by needs traffic: there is nothing over time", "--requests 10M/day")
    asked, case = model.whole(), model.case
    measure = DAYS if timed else "crossover_requests"
    moved = samples.sensitivity(model.make, model.read, case.parts, asked.sampled, measure, case.inputs)
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
