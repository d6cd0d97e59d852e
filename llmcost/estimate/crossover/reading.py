"""What a crossover asks: both sides, each said or given, and what is told of either besides."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.errors import Missing
from llmcost.estimate.asking.question import Question
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.serving.service import GIVEN
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN
from llmcost.keys.training import GIVEN_WORK
from llmcost.scenario import Scenario

EXAMPLE = "llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day"


def read_both(scenario: Scenario, catalog: Catalog) -> tuple[Case, Question]:
    """Read every value of both sides: the case, and its serving side.

    Raises
    ------
    Missing
        Nothing to train, or nothing to serve.
    """
    if not scenario.has("train_cost", "train_energy", *GIVEN_WORK):
        raise Missing("nothing to train: give --train-cost, or a model and its tokens", EXAMPLE)
    if not scenario.has(*GIVEN, "api", "model", "params", "tokens_per_second"):
        raise Missing("nothing to serve: give --cost-per-request, or a model, --isl and --osl", EXAMPLE)
    training = Question(scenario, catalog, TRAIN, alone=False)
    serving = Question(scenario, catalog, SERVE, alone=False)
    if scenario.has(*GIVEN):  # what is given tells no lengths, and tokens are counted all the same
        for key in (*GIVEN, "isl", "osl"):
            serving.number(key)
    case = with_programme(cases.read_sides(training, serving))
    if case.run is not None and case.run.bill.definition == billing.ACQUISITION:
        training.warn(
            "W040",
            "training is the purchase of a cluster here, which outlives the run: inference overtakes it late",
            "--cost-definition amortised",
        )
    return case, serving


def with_programme(case: Case) -> Case:
    """The case with the programme around a training that costs what was said: the crossing is told for both scopes."""
    if case.run is None and case.training is not None and "train_cost" in case.training.numbers:
        billing.read_programme(case.training, case.scope)
    return case
