"""Training and inference over time at given numbers, and when one overtakes the other: for a point and for samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmcost.engine.demand import crossover as engine
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.crossover import Schedule, Spend
from llmcost.engine.demand.segments import Segments, after, cumulative, declining, scaled
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Num
from llmcost.estimate.actuals.past import Past, blocks
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, TrainingFigures, TrainingNumbers, named
from llmcost.estimate.lifetime import growth
from llmcost.estimate.lifetime import student as students
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.money.charge import total_usd
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN
from llmcost.records import NamedTuple

USD, KWH, CO2E, FLOPS = "usd", "kwh", "co2e_kg", "flops"
BASES = {USD: "dollars", KWH: "electricity", CO2E: "carbon", FLOPS: "compute"}
WORDS = {KWH: "energy", CO2E: "carbon", FLOPS: "flops"}  # what their results are called
# What training totals are called in the figures of a run.
RUN = {
    "training_usd": "run_usd", "training_usd_program": "program_usd", "training_kwh": "energy_kwh",
    "training_co2e_kg": "co2e_kg", "training_flops": "training_flops",
}  # fmt: skip
LAUNCH = ("usd_per_request", "kwh_per_request", "co2e_kg_per_request", "gpus")  # of what is served
EXACT, EXACT_SAMPLED = 2048, 16  # replicas counted one by one, in the answer and in its samples


class Curves(NamedTuple):
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

    def training(self, basis: str, scope: str = billing.RUN) -> Any:
        """What the first training takes; None where it is not known."""
        return self.figures.get(total(basis, scope))

    def trained(self, basis: str, scope: str = billing.RUN) -> Any:
        """The same where it is known: a measure that the answer is in."""
        return self.figures[total(basis, scope)]

    def days(self, basis: str, end: float, scope: str = billing.RUN) -> Any:
        """When inference overtakes training [d]; None where either is not known."""
        trained = self.training(basis, scope)
        if trained is None or basis not in self.spends:
            return None
        return engine.first(self.spends[basis], trained, self.plans[basis], end)


def streams(numbers: Mapping[str, object]) -> dict[str, str]:
    """A number that both sides take from one place is one number: same draws."""
    shared = {}
    for tag, value in numbers.items():
        side, _, name = tag.partition(".")
        other = f"{SERVE if side == TRAIN else TRAIN}.{name}"
        if numbers.get(other) == value:
            shared[tag] = name
    return shared


def curves(case: Case, p: Mapping[str, Num], horizon: float, exact: int = EXACT) -> Curves:
    """Both sides over time at the numbers `p`, floats or samples alike."""
    t, s = case.trained(p), case.served(p)
    served = {} if case.service is None else case.service.figures(s)
    figures = trained(case, t, {} if case.run is None else case.run.figures(t)) | _served(case, s, served)
    if not case.priced:
        figures = {name: value for name, value in figures.items() if "usd" not in name}
    if case.course.kind is None:
        return Curves(figures, {}, {}, None)
    planned = _planned(case, s, figures, served, horizon, exact)
    return planned if case.past is None else _continued(case.past, s, planned, exact)


def _planned(
    case: Case, s: ServingNumbers, figures: dict[str, Num], served: ServingFigures, horizon: float, exact: int
) -> Curves:
    """Both sides over time as planned."""
    traffic = case.course.traffic(s)
    figures["requests_per_day"] = demand.rate(traffic, 0.0)
    requests = demand.requests(traffic)
    paid, worked = (case.course.plan(s, horizon, dollars) for dollars in (True, False))
    plans = {basis: paid if basis == USD else worked for basis in BASES}
    spends = _spends(case, s, figures, requests)
    if case.hosted is None or traffic.kind == demand.CONSTANT:
        return Curves(figures, spends, plans, requests)
    grown = growth.follow(case.hosted, s, served, traffic, horizon, exact)
    efficiency = case.course.efficiency(s)
    usd = declining(grown.usd, efficiency + case.course.decline(s))
    if USD in spends:
        spends[USD] = spends[USD]._replace(rate=usd, each=1.0)
    if grown.kwh is not None:
        kwh = declining(grown.kwh, efficiency)
        spends[KWH] = spends[KWH]._replace(rate=kwh, each=1.0)
        spends[CO2E] = spends[CO2E]._replace(rate=kwh, each=s["carbon_intensity"])
    gpus = None if grown.gpus is None else declining(grown.gpus, efficiency)
    return Curves(figures, spends, plans, requests, gpus)


def _continued(past: Past, s: ServingNumbers, plan: Curves, exact: int) -> Curves:
    """What was spent and asked so far, then the plan at the pace that was measured last."""
    requests, spends = plan.requests, dict(plan.spends)
    assert requests is not None
    if past.requests is not None:
        requests = _after(past, past.requests, requests, 1.0, exact)
    if USD in spends:
        spend = spends[USD]
        already = past.before_usd or spend.already
        usd = _after(past, past.usd, scaled(spend.rate, spend.each), s.get("actuals_pace", 1.0), exact)
        spends[USD] = Spend(usd, 1.0, already)
    return plan._replace(requests=requests, spends=spends)


def _after(past: Past, days: Array, plan: Segments, spread: Num, exact: int) -> Segments:
    """Known days, then the plan times known over planned of the last of them."""
    if not len(days):
        return plan
    end = float(len(days))
    window = cumulative(plan, end) - cumulative(plan, max(end - past.recent, 0.0))
    known = float(days[-past.recent :].sum())
    pace = np.divide(known, window, out=np.ones(np.shape(window)), where=np.greater(window, 0.0))
    return after(blocks(days, exact), end, scaled(plan, pace * spread))


def total(basis: str, scope: str = billing.RUN) -> str:
    """What the total of training is called: in dollars by scope, in other measures of the run alone."""
    return f"training_{basis}{'_program' if (basis, scope) == (USD, billing.PROGRAM) else ''}"


def trained(case: Case, t: TrainingNumbers, run: TrainingFigures) -> dict[str, Num]:
    """Totals of training from its numbers and the figures of the run, where there is one."""
    out: dict[str, Num] = {}
    if "train_cost" in t:
        out["training_usd"] = t["train_cost"]
        if "experiments" in t:  # something was said of a programme
            out["training_usd_program"] = t["train_cost"] + total_usd(billing.around(t, t["train_cost"]))
    if "train_energy" in t:
        out["training_kwh"] = t["train_energy"]
    out |= {name: named(run, key) for name, key in RUN.items() if key in run}
    return out if case.student is None else students.added(case.student, out, t, RUN)


def _served(case: Case, s: ServingNumbers, served: ServingFigures) -> dict[str, Num]:
    """What a request takes at launch."""
    out = {name: named(served, name) for name in LAUNCH if name in served}
    if "isl" in s or "osl" in s:
        out["tokens_per_request"] = s.get("isl", 0.0) + s.get("osl", 0.0)
    flops = None if case.service is None else case.service.flops(s)
    return out if flops is None else out | {"flops_per_request": flops}


def _spends(case: Case, s: ServingNumbers, figures: Mapping[str, Num], requests: Segments) -> dict[str, Spend]:
    """What inference takes over time where every request takes what it does at launch, but for falling prices."""
    each = {basis: figures[f"{basis}_per_request"] for basis in BASES if f"{basis}_per_request" in figures}
    efficiency = case.course.efficiency(s)
    work = declining(requests, efficiency)
    rates = {USD: declining(work, case.course.decline(s)), KWH: work, CO2E: work, FLOPS: requests}
    return {basis: Spend(rates[basis], x, s["served"] * x if "served" in s else 0.0) for basis, x in each.items()}


def outcome(both: Curves, basis: str, scope: str, end: float) -> dict[str, Num]:
    """Every figure of the answer that depends on the numbers, by its name in the result."""
    f = both.figures
    out = {k: f[k] for k in f if k.startswith("training_") or k.endswith("_per_request") or k == "requests_per_day"}
    if both.requests is None:
        return out | _parities(both, basis, scope)
    scopes = {s: both.days(basis, end, s) for s in ((billing.RUN, billing.PROGRAM) if basis == USD else (scope,))}
    out["crossover_days"] = scopes[scope]
    if basis == USD:
        out |= {f"{s}_crossover_days": days for s, days in scopes.items() if days is not None}
    for other, word in WORDS.items():
        days = both.days(other, end)
        if days is not None:
            out[f"{word}_crossover_days"] = days
            out[f"{word}_crossover_requests"] = _requests(both, other, days)
    if "flops_crossover_requests" in out and "tokens_per_request" in f:
        out["flops_crossover_tokens"] = out["flops_crossover_requests"] * f["tokens_per_request"]
    out["crossover_requests"] = _requests(both, basis, out["crossover_days"], scope)
    if "tokens_per_request" in f:
        out["crossover_tokens"] = out["crossover_requests"] * f["tokens_per_request"]
    return out | _at_horizon(both, end)


def _requests(both: Curves, basis: str, days: Num, scope: str = billing.RUN) -> Any:
    """Requests served by the crossing; where it is not reached, those that would do at today's cost of a request."""
    assert both.requests is not None
    finite = np.isfinite(days)
    by = cumulative(both.requests, np.where(finite, days, 0.0)) + _before(both, basis)
    spend = both.spends[basis]
    if spend.rate is not both.requests:  # what a request takes changes with time
        return np.where(finite, by, np.inf)
    return np.where(finite, by, engine.parity_requests(both.trained(basis, scope), spend.each))


def _before(both: Curves, basis: str) -> Num:
    """Requests served before the first day."""
    each = both.figures[f"{basis}_per_request"]
    return np.divide(both.spends[basis].already, each)


def _parities(both: Curves, basis: str, scope: str) -> dict[str, Num]:
    """Without traffic: the requests after which inference has taken as much as training."""
    f, found = both.figures, {}
    for of, word in ((basis, ""), *WORDS.items()):
        trained = both.training(of, scope if not word else billing.RUN)
        if trained is not None and f"{of}_per_request" in f:
            found[f"{word}_crossover_requests".lstrip("_")] = engine.parity_requests(trained, f[f"{of}_per_request"])
    for word in ("", "flops_"):
        if f"{word}crossover_requests" in found and "tokens_per_request" in f:
            found[f"{word}crossover_tokens"] = found[f"{word}crossover_requests"] * f["tokens_per_request"]
    return found


def _at_horizon(both: Curves, end: float) -> dict[str, Num]:
    """Totals and shares at the end of the horizon."""
    assert both.requests is not None
    f, out = both.figures, {}
    total = cumulative(both.requests, end)
    out["requests_at_horizon"] = total
    if USD not in both.spends:
        return out
    spend, level = both.spends[USD], both.plans[USD].level(-1)
    out["inference_usd_per_day"] = f["usd_per_request"] * f["requests_per_day"]
    out["burn_usd_per_month"] = out["inference_usd_per_day"] * DAYS_PER_MONTH
    out["inference_usd_at_horizon"] = spend.by(end)
    for scope, name in ((billing.RUN, ""), (billing.PROGRAM, "_program")):
        trained = both.training(USD, scope)
        if trained is not None:
            spent = trained * level
            out[f"training_usd{name}_at_horizon"] = spent
            out[f"inference_share{name}"] = out["inference_usd_at_horizon"] / (out["inference_usd_at_horizon"] + spent)
    if "training_usd_at_horizon" in out:
        served, key = total + _before(both, USD), "training_usd_per_request_served"
        out[key] = out["training_usd_at_horizon"] / served
        if "tokens_per_request" in f:
            out["training_usd_per_mtok_served"] = out.pop(key) / f["tokens_per_request"] * 1e6
    return out
