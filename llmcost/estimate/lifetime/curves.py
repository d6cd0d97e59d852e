"""Training and inference over time at given numbers, and when one overtakes the other: for a point and for samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.demand import crossover as engine
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.crossover import Schedule, Spend
from llmcost.engine.demand.segments import Segments, cumulative, declining
from llmcost.engine.model.request import request_flops
from llmcost.engine.numeric.kinds import Num
from llmcost.estimate.asking.question import Question
from llmcost.estimate.lifetime import growth
from llmcost.estimate.lifetime.sides import Sides
from llmcost.estimate.serving import plan as serving_plan
from llmcost.estimate.training import answer as train
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN

USD, KWH, CO2E, FLOPS = "usd", "kwh", "co2e_kg", "flops"
BASES = {USD: "dollars", KWH: "electricity", CO2E: "carbon", FLOPS: "compute"}
WORDS = {KWH: "energy", CO2E: "carbon", FLOPS: "flops"}  # what their results are called
# What training totals are called in the figures of a run.
RUN = {
    "training_usd": "run_usd", "training_usd_program": "program_usd", "training_kwh": "energy_kwh",
    "training_co2e_kg": "co2e_kg", "training_flops": "training_flops",
}  # fmt: skip
EXACT, EXACT_SAMPLED = 2048, 16  # replicas counted one by one, in the answer and in its samples


class World(NamedTuple):
    """Both curves of each measure; floats, or samples along the first axis.

    `figures` are training totals and serving rates at launch, `spends` what inference takes over time by measure,
    `plans` when training is paid, `requests` the traffic, all empty where none was given; `accelerators` those that the
    busiest hour needs, where traffic changes and their number was given.
    """

    figures: dict[str, Num]
    spends: dict[str, Spend]
    plans: dict[str, Schedule]
    requests: Segments | None
    accelerators: Segments | None = None

    def trained(self, basis: str, scope: str = billing.RUN) -> Any:
        """What the first training takes; None where it is not known."""
        programme = "_program" if (basis, scope) == (USD, billing.PROGRAM) else ""
        return self.figures.get(f"training_{basis}{programme}")

    def days(self, basis: str, end: float, scope: str = billing.RUN) -> Any:
        """When inference overtakes training [d]; None where either is not known."""
        trained = self.trained(basis, scope)
        if trained is None or basis not in self.spends:
            return None
        return engine.first(self.spends[basis], trained, self.plans[basis], end)


def tagged(side: str, question: Question) -> dict[str, Any]:
    """Numbers of a side under names that tell the sides apart; an owned hour is what it is made of."""
    numbers: dict[str, Any] = dict(question.numbers)
    if question.owned is not None:
        numbers.pop(question.owned.key, None)
        numbers |= question.owned.numbers
    return {f"{side}.{name}": value for name, value in numbers.items()}


def _of_side(side: str, question: Question, p: Mapping[str, Num]) -> dict[str, Num]:
    """The numbers of a side under their own names, with the price of an owned hour where its parts are among them."""
    found = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(side)}
    owned = question.owned
    return found if owned is None or owned.key in found else found | {owned.key: owned.price(found)}


def streams(numbers: Mapping[str, Any]) -> dict[str, str]:
    """A number that both sides take from one place is one number: same draws."""
    shared = {}
    for tag, value in numbers.items():
        side, name = tag.split(".", 1)
        other = f"{SERVE if side == TRAIN else TRAIN}.{name}"
        if numbers.get(other) == value:
            shared[tag] = name
    return shared


def world(sides: Sides, p: Mapping[str, Num], horizon: float, exact: int = EXACT) -> World:
    """Both sides over time at the numbers `p`, floats or samples alike."""
    t, s = _of_side(TRAIN, sides.training, p), _of_side(SERVE, sides.serving, p)
    served = None if sides.serve_plan is None else serving_plan.figures(sides.serve_plan, s)
    figures = _trained(sides, t) | _served(sides, s, served)
    if sides.course.kind is None:
        return World(figures, {}, {}, None)
    traffic = sides.course.traffic(s)
    figures["requests_per_day"] = demand.rate(traffic, 0.0)
    requests = demand.requests(traffic)
    plans = {basis: sides.course.plan(s, horizon, dollars=basis == USD) for basis in BASES}
    spends = _spends(sides, s, figures, requests)
    if served is None or sides.serve_plan is None or traffic.kind == demand.CONSTANT:
        return World(figures, spends, plans, requests)
    grown = growth.follow(sides.serve_plan, s, served, traffic, horizon, exact)
    efficiency = sides.course.efficiency(s)
    usd = declining(grown.usd, efficiency + sides.course.cheaper(s))
    spends[USD] = spends[USD]._replace(rate=usd, each=1.0)
    if grown.kwh is not None:
        kwh = declining(grown.kwh, efficiency)
        spends[KWH] = spends[KWH]._replace(rate=kwh, each=1.0)
        spends[CO2E] = spends[CO2E]._replace(rate=kwh, each=s["carbon_intensity"])
    gpus = None if grown.gpus is None else declining(grown.gpus, efficiency)
    return World(figures, spends, plans, requests, gpus)


def _trained(sides: Sides, t: Mapping[str, Num]) -> dict[str, Num]:
    out: dict[str, Num] = {}
    if "train_cost" in t:
        out["training_usd"] = t["train_cost"]
        if "experiments" in t:  # something was said of a programme
            out["training_usd_program"] = t["train_cost"] + billing.total(billing.around(t, t["train_cost"]))
    if "train_energy" in t:
        out["training_kwh"] = t["train_energy"]
    if sides.train_plan is not None:
        run = train.figures(sides.train_plan, t)
        out |= {name: run[key] for name, key in RUN.items() if run.get(key) is not None}
    if sides.training.student is None:
        return out
    from llmcost.estimate.lifetime import student as distillation

    return distillation.added(sides.training, out, t, RUN)


def _served(sides: Sides, s: Mapping[str, Num], fleet: Mapping[str, Num] | None) -> dict[str, Num]:
    """What a request takes at launch."""
    given = {"usd_per_request": "cost_per_request", "kwh_per_request": "energy_per_request"}
    out = {name: s[key] for name, key in given.items() if key in s}
    if "isl" in s or "osl" in s:
        out["tokens_per_request"] = s.get("isl", 0.0) + s.get("osl", 0.0)
    if fleet is None or sides.serve_plan is None:
        return out
    out |= {k: fleet[k] for k in ("usd_per_request", "kwh_per_request", "co2e_kg_per_request") if k in fleet}
    if "gpus" in fleet:
        out["gpus"] = fleet["gpus"]
    if sides.serve_plan.model is not None:
        work = (s["isl"], s["osl"], s["isl"] * s["cache_hit"])
        out["flops_per_request"] = request_flops(sides.serve_plan.model.shape, *work)
        if sides.serving.applied is not None:
            out["flops_per_request"] = sides.serving.applied.flops(out["flops_per_request"], work)
    return out


def _spends(sides: Sides, s: Mapping[str, Num], figures: Mapping[str, Num], requests: Segments) -> dict[str, Spend]:
    """What inference takes over time where every request takes what it does at launch, but for falling prices."""
    each = {basis: figures[f"{basis}_per_request"] for basis in BASES if f"{basis}_per_request" in figures}
    efficiency = sides.course.efficiency(s)
    work = declining(requests, efficiency)
    rates = {USD: declining(work, sides.course.cheaper(s)), KWH: work, CO2E: work, FLOPS: requests}
    return {basis: Spend(rates[basis], x, s["served"] * x if "served" in s else 0.0) for basis, x in each.items()}


def outcome(world: World, basis: str, scope: str, end: float) -> dict[str, Num]:
    """Every figure of the answer that depends on the numbers, by its name in the result."""
    f = world.figures
    out = {k: f[k] for k in f if k.startswith("training_") or k.endswith("_per_request") or k == "requests_per_day"}
    if world.requests is None:
        return out | _parities(world, basis, scope)
    scopes = {s: world.days(basis, end, s) for s in ((billing.RUN, billing.PROGRAM) if basis == USD else (scope,))}
    out["crossover_days"] = scopes[scope]
    if basis == USD:
        out |= {f"{s}_crossover_days": days for s, days in scopes.items() if days is not None}
    for other, word in WORDS.items():
        days = world.days(other, end)
        if days is not None:
            out[f"{word}_crossover_days"] = days
            out[f"{word}_crossover_requests"] = _requests(world, other, days)
    if "flops_crossover_requests" in out and "tokens_per_request" in f:
        out["flops_crossover_tokens"] = out["flops_crossover_requests"] * f["tokens_per_request"]
    out["crossover_requests"] = _requests(world, basis, out["crossover_days"], scope)
    if "tokens_per_request" in f:
        out["crossover_tokens"] = out["crossover_requests"] * f["tokens_per_request"]
    return out | _at_horizon(world, end)


def _requests(world: World, basis: str, days: Num, scope: str = billing.RUN) -> Num:
    """Requests served by the crossing; where it is not reached, those that would do at today's cost of a request."""
    assert world.requests is not None
    finite = np.isfinite(days)
    by = cumulative(world.requests, np.where(finite, days, 0.0)) + _before(world, basis)
    spend = world.spends[basis]
    if spend.rate is not world.requests:  # what a request takes changes with time
        return np.where(finite, by, np.inf)
    return np.where(finite, by, engine.parity_requests(world.trained(basis, scope), spend.each))


def _before(world: World, basis: str) -> Num:
    """Requests served before the first day."""
    each = world.figures[f"{basis}_per_request"]
    return np.divide(world.spends[basis].already, each)


def _parities(world: World, basis: str, scope: str) -> dict[str, Num]:
    """Without traffic: the requests after which inference has taken as much as training."""
    f = world.figures
    found = {}
    for of, word in ((basis, ""), *WORDS.items()):
        trained = world.trained(of, scope if not word else billing.RUN)
        if trained is not None and f"{of}_per_request" in f:
            found[f"{word}_crossover_requests".lstrip("_")] = engine.parity_requests(trained, f[f"{of}_per_request"])
    for word in ("", "flops_"):
        if f"{word}crossover_requests" in found and "tokens_per_request" in f:
            found[f"{word}crossover_tokens"] = found[f"{word}crossover_requests"] * f["tokens_per_request"]
    return found


def _at_horizon(world: World, end: float) -> dict[str, Num]:
    """Totals and shares at the end of the horizon."""
    assert world.requests is not None
    f, out = world.figures, {}
    total = cumulative(world.requests, end)
    out["requests_at_horizon"] = total
    if USD not in world.spends:
        return out
    spend, level = world.spends[USD], world.plans[USD].levels[-1]
    out["inference_usd_per_day"] = f["usd_per_request"] * f["requests_per_day"]
    out["inference_usd_at_horizon"] = spend.by(end)
    for scope, name in ((billing.RUN, ""), (billing.PROGRAM, "_program")):
        trained = world.trained(USD, scope)
        if trained is not None:
            spent = trained * level
            out[f"training_usd{name}_at_horizon"] = spent
            out[f"inference_share{name}"] = out["inference_usd_at_horizon"] / (out["inference_usd_at_horizon"] + spent)
    if "training_usd_at_horizon" in out:
        served, key = total + _before(world, USD), "training_usd_per_request_served"
        out[key] = out["training_usd_at_horizon"] / served
        if "tokens_per_request" in f:
            out["training_usd_per_mtok_served"] = out.pop(key) / f["tokens_per_request"] * 1e6
    return out
