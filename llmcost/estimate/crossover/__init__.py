"""`crossover`: when cumulative inference overtakes training, in dollars, energy, carbon and FLOPs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError, Missing, did_you_mean
from llmcost.estimate.asking import sampling
from llmcost.estimate.crossover import answer, samples, timeline
from llmcost.estimate.lifetime import course, sides
from llmcost.estimate.lifetime.curves import BASES, USD, World, outcome, tagged, world
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN
from llmcost.result import Estimate
from llmcost.scenario import Scenario

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
    both = sides.take(scenario, catalog)
    refused = sides.refused(both)
    if refused is not None:
        return refused
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # unbounded growth leaves the range of floats
        return _answered(both, by, daily)


def _answered(both: sides.Sides, by: str | None, daily: bool) -> Estimate:
    """The answer once every value is taken."""
    horizon = sides.horizon_days(both.serving)
    course.warn_of_growth(both.serving, both.course, horizon)
    count, seed = sampling.settings(both.serving)
    numbers = {**tagged(TRAIN, both.training), **tagged(SERVE, both.serving)}

    def make(p: Mapping[str, Any], exact: int) -> World:
        return world(both, p, horizon, exact)

    centre = world(both, sampling.central(numbers), horizon)
    basis = _basis(centre)
    scope = both.scope if basis == USD else billing.RUN

    def read(one: World) -> dict[str, Any]:
        return outcome(one, basis, scope, horizon)

    if by is not None and centre.requests is None:
        raise LlmcostError("--by needs traffic: there is nothing over time", "--requests 10M/day")
    sampled = samples.answer(make, read, numbers, count, seed)
    asked = answer.Asked(both, centre, read(centre), sampled, basis, scope, horizon)
    measure = "crossover_days" if centre.requests is not None else "crossover_requests"
    moved = samples.sensitivity(make, read, numbers, sampled, measure, sides.inputs(both))
    return answer.estimate(asked, moved, by, daily)


def _basis(centre: World) -> str:
    """The measure of the answer: the first one that both sides have."""
    for basis in BASES:
        if f"training_{basis}" in centre.figures and f"{basis}_per_request" in centre.figures:
            return basis
    raise Missing(
        "training and serving share no measure: one is in dollars, the other in energy",
        "give --train-cost with --cost-per-request",
    )
