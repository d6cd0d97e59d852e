"""One alternative with its values taken: what is trained, what is served or bought, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Number, Question, labelled, merged
from llmcost.estimate.lifetime import course as courses
from llmcost.estimate.lifetime.course import Course
from llmcost.estimate.lifetime.curves import EXACT, USD, world
from llmcost.estimate.lifetime.sides import Sides, horizon_days
from llmcost.estimate.money import bought_tokens as buying
from llmcost.estimate.serving import answer as serving
from llmcost.estimate.serving import latency as serving_latency
from llmcost.estimate.serving import plan as serving_plan
from llmcost.estimate.training import answer as training
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN
from llmcost.keys.demand import KEYS as OVER_TIME
from llmcost.result import Input, Warning
from llmcost.scenario import Scenario

TRAIN_SAID = ("tokens", "rollout_tokens", "gpu_hours", "training_flops", "train_cost", "train_energy", "mfu")
RUN_SAID = ("gpus", "hardware")  # said for the training side alone: there is a run
SERVE_SAID = ("isl", "osl", "requests", "cost_per_request", "energy_per_request", "tokens_per_second")
HORIZON = "horizon_days"
MOVING = tuple(key.name for key in OVER_TIME)  # keys that make one day unlike another
# Figures of what is served, under the names of `serve`.
SERVED = (
    "usd_per_month", "usd_per_request", "usd_per_mtok_input", "usd_per_mtok_output",
    "energy_kwh_per_month", "co2e_kg_per_month", "kwh_per_request",
)  # fmt: skip


class Case(NamedTuple):
    """A question with the values of both sides taken; a side that was not asked about, or is given, has no plan."""

    training: Question | None
    serving: Question | None
    train_plan: training.Plan | None
    serve_plan: serving_plan.Plan | buying.Bought | None
    scope: str
    course: Course | None  # traffic over time, where there is any
    horizon_days: float | None
    reason: str = ""  # why there is no answer; empty where there is one
    sided: bool = False  # whether inputs are shown with their side in their names

    @property
    def questions(self) -> list[Question]:
        """The sides that were asked about."""
        return [q for q in (self.training, self.serving) if q is not None]

    @property
    def moving(self) -> bool:
        """Whether traffic, prices or training change over time."""
        return self.serving is not None and self.serving.scenario.has(*MOVING)

    @property
    def numbers(self) -> dict[str, Number]:
        """Every number of both sides, under names that tell the sides apart."""
        found = {f"{q.side}.{name}": value for q in self.questions for name, value in q.numbers.items()}
        return found if self.horizon_days is None else {**found, HORIZON: self.horizon_days}

    @property
    def inputs(self) -> dict[str, Input]:
        """Inputs of both sides; what both have alike goes under its own name."""
        sides = {q.side: labelled(q) if self.sided else dict(q.inputs) for q in self.questions}
        if self.training is not None and self.training.student is not None:
            sides[SERVE]["student"] = sides[SERVE].pop("model")
        return merged(sides.values())

    @property
    def warnings(self) -> list[Warning]:
        """Caveats of both sides."""
        return [w for q in self.questions for w in q.warnings]


def sides(scenario: Scenario) -> tuple[bool, bool]:
    """Whether something is trained, and whether something is served or bought."""
    return _trains(scenario), scenario.has(*SERVE_SAID)


def take(scenario: Scenario, catalog: Catalog, sided: bool = False) -> Case:
    """Take every value of the sides a scenario asks about; with `sided` inputs are shown with their side.

    Raises
    ------
    LlmcostError
        Nothing is asked, or anything either side refuses; a model that does not fit is a `reason`, not an error.
    """
    trains, serves = sides(scenario)
    if not trains and not serves:
        raise LlmcostError(
            "nothing to compare: say what is trained (--tokens) or served (--isl, --osl)", "llmcost compare --help"
        )
    train = Question(scenario, catalog, TRAIN, alone=not serves) if trains else None
    serve = Question(scenario, catalog, SERVE, alone=not trains) if serves else None
    return _planned(Case(train, serve, None, None, billing.RUN, None, None, sided=sided))


def _trains(scenario: Scenario) -> bool:
    """Whether something is trained; who buys tokens trains nothing but what is given beside them."""
    run = any(f"{TRAIN}_{k}" in layer for layer in scenario.layers for k in RUN_SAID)
    if scenario.get("api") is None:
        return scenario.has(*TRAIN_SAID) or run
    bought = next(i for i, layer in enumerate(scenario.layers) if "api" in layer)
    return any("train_cost" in layer for layer in scenario.layers[: bought + 1])


def _planned(case: Case) -> Case:
    train, serve = case.training, case.serving
    if train is not None:
        given = [train.number(k) for k in ("train_cost", "train_energy")]
        plan = None if any(v is not None for v in given) else training.plan(train)
        case = case._replace(train_plan=plan, scope=_scope(train, plan))
        refused = training.refusal(plan) if plan is not None else None
        if refused is not None:
            return case._replace(reason=str(refused.result["reason"]))
    if serve is None:
        return case
    course = courses.take(serve)
    days = None if course.kind is None else horizon_days(serve)
    case = _served(case, serve, None if days is None else course.shape(sampling.central(serve.numbers), days))
    if case.reason or days is None:
        return case
    if case.moving:
        courses.warn_of_growth(serve, course, days)
    return case._replace(course=course, horizon_days=days)


def _scope(question: Question, plan: training.Plan | None) -> str:
    """What training spend holds; a given one gets a programme around it when something is said of one."""
    if plan is not None:
        return plan.bill.scope
    scope = str(question.said("scope") or billing.RUN)
    asked = scope == billing.PROGRAM or question.scenario.has(*billing.PROGRAMME_KEYS)
    if asked and "train_cost" in question.numbers:
        billing.take_programme(question, scope)
    return scope


def _served(case: Case, question: Question, days: Any) -> Case:
    if _bought(question.scenario):
        return case._replace(serve_plan=buying.plan(question))
    given = [question.number(k) for k in ("cost_per_request", "energy_per_request")]
    if any(v is not None for v in given):
        question.number("requests")
        return case
    plan = serving_plan.plan(question, days)
    if question.applied is not None and case.training is not None:
        from llmcost.estimate.lifetime import student as distillation

        distillation.take(case.training, question)
    refused = serving.refusal(plan)
    reason = "" if refused is None else str(refused.result["reason"])
    return case._replace(serve_plan=plan, reason=reason)


def _bought(scenario: Scenario) -> bool:
    """Whether tokens are bought: an `api` was said, and no cost of a request over it."""
    places = [
        next((i for i, layer in enumerate(scenario.layers) if key in layer), len(scenario.layers))
        for key in ("api", "cost_per_request")
    ]
    if places[0] == places[1] < len(scenario.layers):
        raise LlmcostError("--api and --cost-per-request are two answers to one question: give one")
    return places[0] < places[1]


def figures(case: Case, p: Mapping[str, Any], exact: int = EXACT) -> dict[str, Any]:
    """Every figure of an alternative from the numbers `p`: floats, samples or an axis of points alike.

    Fleets that grow count up to `exact` replicas one by one, as `crossover` does.
    """
    t = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(f"{TRAIN}.")}
    s = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(f"{SERVE}.")}
    out = _trained(case, t) if case.training is not None else {}
    out |= _running(case, s)
    if case.course is not None and case.moving:
        return out | _over_time(case, p, out, exact)
    if "usd_per_month" in out:
        out["total_usd_horizon"] = out.get("upfront_usd", 0.0) + out["usd_per_month"] * p[HORIZON] / DAYS_PER_MONTH
        if "upfront_usd" in out:
            with np.errstate(divide="ignore"):
                out["crossover_days"] = np.divide(out["upfront_usd"], out["usd_per_month"]) * DAYS_PER_MONTH
    return out


def latencies(case: Case, p: Mapping[str, Any]) -> dict[str, Any]:
    """TPOT and TTFT of what is served, at its load; nothing is known of tokens that are bought."""
    plan = case.serve_plan
    if not isinstance(plan, serving_plan.Plan):
        return {}
    s = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(f"{SERVE}.")}
    with np.errstate(invalid="ignore", divide="ignore"):  # a price of cached tokens where none are
        return serving_latency.column(plan, s, serving_plan.figures(plan, s))


def _over_time(case: Case, p: Mapping[str, Any], launch: Mapping[str, Any], exact: int) -> dict[str, Any]:
    """Total and crossing where days are not alike, as `crossover` has them; bought tokens have their cost at launch."""
    assert case.serving is not None
    assert case.course is not None
    assert case.horizon_days is not None
    plan = case.serve_plan if isinstance(case.serve_plan, serving_plan.Plan) else None
    if isinstance(case.serve_plan, buying.Bought):
        p = {**p, f"{SERVE}.cost_per_request": launch["usd_per_request"]}
    both = Sides(case.training or case.serving, case.serving, case.train_plan, plan, case.scope, case.course)
    course = world(both, p, case.horizon_days, exact)
    if USD not in course.spends:
        return {}
    total, trained = course.spends[USD].by(case.horizon_days), course.trained(USD, case.scope)
    if trained is None:
        return {"total_usd_horizon": total}
    days = course.days(USD, case.horizon_days, case.scope)
    return {"total_usd_horizon": total + trained * course.plans[USD].levels[-1], "crossover_days": days}


def _trained(case: Case, p: Mapping[str, Any]) -> dict[str, Any]:
    """Spend and energy of training, before the first request."""
    out: dict[str, Any] = {}
    if "train_energy" in p:
        out["training_kwh"] = p["train_energy"]
    if "train_cost" in p:
        around = billing.total(billing.around(p, p["train_cost"])) if "experiments" in p else 0.0
        out["upfront_usd"] = p["train_cost"] + (around if case.scope == billing.PROGRAM else 0.0)
    names = {"upfront_usd": "total_usd", "training_kwh": "energy_kwh", "training_co2e_kg": "co2e_kg"}
    if case.train_plan is not None:
        run = training.figures(case.train_plan, p)
        out |= {new: run[old] for new, old in names.items() if old in run}
        out |= {k: run[k] for k in ("gpu_hours", "duration_seconds") if k in run}
    if case.training is None or case.training.student is None:
        return out
    from llmcost.estimate.lifetime import student as distillation

    return distillation.added(case.training, out, p, names)


def _running(case: Case, p: Mapping[str, Any]) -> dict[str, Any]:
    """What serving or buying costs, by month where there is traffic."""
    plan = case.serve_plan
    if isinstance(plan, buying.Bought):
        return buying.figures(plan, p)
    if plan is not None:
        with np.errstate(invalid="ignore", divide="ignore"):  # a price of cached tokens where none are
            fleet = serving_plan.figures(plan, p)
        return {k: fleet[k] for k in (*SERVED, "gpus") if k in fleet}
    out = {}
    for new, old, month in (
        ("usd_per_request", "cost_per_request", "usd_per_month"),
        ("kwh_per_request", "energy_per_request", "energy_kwh_per_month"),
    ):
        if old in p:
            out[new] = p[old]
            if "requests" in p:
                out[month] = p[old] * p["requests"] * DAYS_PER_MONTH
    return out


def limit(case: Case) -> int | None:
    """Accelerators there are to serve with, where that was said."""
    return case.serve_plan.fleet_gpus if isinstance(case.serve_plan, serving_plan.Plan) else None
