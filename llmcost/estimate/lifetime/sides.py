"""Both sides of a crossover: what is trained and what is served, with everything said about either."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from llmcost.catalog import Catalog
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY
from llmcost.errors import Missing
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question, labelled, merged
from llmcost.estimate.lifetime import course as courses
from llmcost.estimate.lifetime.course import Course
from llmcost.estimate.serving import answer as serve
from llmcost.estimate.serving import plan as serving_plan
from llmcost.estimate.training import answer as train
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN
from llmcost.result import Estimate, Input
from llmcost.scenario import Scenario


class Sides(NamedTuple):
    """Both sides of the question; a side whose figure was given has no plan."""

    training: Question
    serving: Question
    train_plan: train.Plan | None
    serve_plan: serving_plan.Plan | None
    scope: str
    course: Course


def take(scenario: Scenario, catalog: Catalog) -> Sides:
    """Take every value of both sides.

    Raises
    ------
    Missing
        Nothing to train, or nothing to serve.
    """
    training = Question(scenario, catalog, TRAIN, alone=False)
    serving = Question(scenario, catalog, SERVE, alone=False)
    given_train = [training.number(k) for k in ("train_cost", "train_energy")]
    given_serve = [serving.number(k) for k in ("cost_per_request", "energy_per_request")]
    for key in ("isl", "osl"):
        serving.number(key)
    course = courses.take(serving)
    if not scenario.has("train_cost", "train_energy", *train.GIVEN_WORK):
        raise Missing(
            "nothing to train: give --train-cost, or a model and its tokens",
            "llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day",
        )
    if not any(v is not None for v in given_serve) and not scenario.has("model", "params"):
        raise Missing(
            "nothing to serve: give --cost-per-request, or a model, --isl and --osl",
            "llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day",
        )
    train_plan = None if any(v is not None for v in given_train) else train.plan(training)
    serve_plan = None
    if not any(v is not None for v in given_serve):
        shape = course.shape(sampling.central(serving.numbers), horizon_days(serving))
        serve_plan = serving_plan.plan(serving, shape)
    if serving.applied is not None:
        from llmcost.estimate.lifetime import student as distillation

        distillation.take(training, serving)
    return Sides(training, serving, train_plan, serve_plan, scope(training, train_plan), course)


def scope(training: Question, plan: train.Plan | None) -> str:
    """What training spend holds; a given one is the final run, with the published programme around it."""
    if plan is None:
        scope = str(training.said("scope") or billing.RUN)
        if "train_cost" in training.numbers:
            billing.take_programme(training, scope)
        return scope
    if plan.bill.definition == billing.ACQUISITION:
        training.warn(
            "W040",
            "training is the purchase of a cluster here, which outlives the run: inference overtakes it late",
            "--cost-definition amortised",
        )
    return plan.bill.scope


def horizon_days(question: Question) -> float:
    """How far to look [d]."""
    factor = question.factor("defaults", "horizon")
    seconds = sp.median(question.number("horizon", factor) or factor.value)
    del question.numbers["horizon"]
    return seconds / SECONDS_PER_DAY


def refused(sides: Sides) -> Estimate | None:
    """The answer when one side has none: nothing fits, or no layout keeps the targets."""
    answer = train.refusal(sides.train_plan) if sides.train_plan else None
    if answer is None and sides.serve_plan is not None:
        answer = serve.refusal(sides.serve_plan)
    return None if answer is None else structs.replace(answer, command="crossover", inputs=inputs(sides))


def inputs(sides: Sides) -> dict[str, Input]:
    """Inputs of both sides; what both have alike goes under its own name."""
    serving = labelled(sides.serving)
    if sides.training.student is not None:
        serving["student"] = serving.pop("model")
    return merged((labelled(sides.training), serving))
