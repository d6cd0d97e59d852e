"""`crossover`: when cumulative inference overtakes training, in dollars, energy and carbon."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate import sampling
from llmcost.estimate.crossover import answer, sides
from llmcost.estimate.crossover.figures import BASES, figures, streams, tagged
from llmcost.keys import SERVE, TRAIN
from llmcost.result import Estimate
from llmcost.scenario import Scenario

__all__ = ["crossover"]


def crossover(scenario: Scenario, catalog: Catalog) -> Estimate:
    """When cumulative inference overtakes training.

    Raises
    ------
    LlmcostError
        Too little said on either side, or anything either side refuses.
    """
    both = sides.take(scenario, catalog)
    refused = sides.refused(both)
    if refused is not None:
        return refused
    horizon = sides.horizon_days(both.serving)
    start = both.serving.said("start")
    samples, seed = sampling.settings(both.serving)
    numbers = {**tagged(TRAIN, both.training), **tagged(SERVE, both.serving)}
    centre = figures(both, sampling.central(numbers))
    sampled = (
        figures(both, sampling.draws(numbers, samples, seed, streams(numbers))) if sampling.uncertain(numbers) else {}
    )
    basis = next((b for b in BASES if f"training_{b}" in centre and f"{b}_per_request" in centre), None)
    if basis is None:
        raise LlmcostError(
            "training and serving share no measure: one is in dollars, the other in energy",
            "give --train-cost with --cost-per-request",
        )
    return answer.limited(both, centre, answer.estimate(both, centre, sampled, basis, horizon, start))
