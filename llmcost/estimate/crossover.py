"""`crossover`: when cumulative inference overtakes training, in dollars, energy and carbon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine import crossover as engine
from llmcost.engine import spread as sp
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate import bill as billing
from llmcost.estimate import sampling, serve, train
from llmcost.estimate.question import Question
from llmcost.keys import SERVE, TRAIN
from llmcost.result import Estimate, Input, Range
from llmcost.scenario import Scenario

CURVE_POINTS = 60
BASES = {"usd": "dollars", "kwh": "electricity", "co2e_kg": "carbon"}


class Sides(NamedTuple):
    """Both sides of the question; a side whose figure was given has no plan."""

    training: Question
    serving: Question
    train_plan: train.Plan | None
    serve_plan: serve.Plan | None
    scope: str


def crossover(scenario: Scenario, catalog: Catalog) -> Estimate:
    """When cumulative inference overtakes training.

    Raises
    ------
    LlmcostError
        Too little said on either side, or anything either side refuses.
    """
    sides = _sides(scenario, catalog)
    refused = _refused(sides)
    if refused is not None:
        return refused
    horizon = _horizon(sides.serving)
    start = sides.serving.said("start")
    samples, seed = sampling.settings(sides.serving)
    numbers = {**_tagged(TRAIN, sides.training), **_tagged(SERVE, sides.serving)}
    centre = figures(sides, sampling.central(numbers))
    sampled = (
        figures(sides, sampling.draws(numbers, samples, seed, _streams(numbers))) if sampling.uncertain(numbers) else {}
    )
    basis = next((b for b in BASES if f"training_{b}" in centre and f"{b}_per_request" in centre), None)
    if basis is None:
        raise LlmcostError(
            "training and serving share no measure: one is in dollars, the other in energy",
            "give --train-cost with --cost-per-request",
        )
    return _limited(sides, centre, _estimate(sides, centre, sampled, basis, horizon, start))


def _refused(sides: Sides) -> Estimate | None:
    """The answer when one side has none: nothing fits, or no layout keeps the targets."""
    answer = train.refusal(sides.train_plan) if sides.train_plan else None
    if answer is None and sides.serve_plan is not None:
        answer = serve.refusal(sides.serve_plan)
    return None if answer is None else structs.replace(answer, command="crossover", inputs=_inputs(sides))


def _limited(sides: Sides, c: Mapping[str, Any], answer: Estimate) -> Estimate:
    """The same answer, refused when the traffic needs more accelerators than were given."""
    given = sides.serve_plan.fleet_gpus if sides.serve_plan is not None else None
    if given is None or c.get("serve_gpus", 0) <= given:
        return answer
    reason = f"the traffic needs {float(c['serve_gpus']):,.0f} accelerators, {given:,} are given"
    result = {**answer.result, "feasible": False, "reason": reason}
    headline = f"{reason[:1].upper()}{reason[1:]}; with enough of them: {answer.headline}"
    return structs.replace(answer, result=result, headline=headline, exit_code=int(Exit.NO))


def _sides(scenario: Scenario, catalog: Catalog) -> Sides:
    training = Question(scenario, catalog, TRAIN, prefix=True)
    serving = Question(scenario, catalog, SERVE, prefix=True)
    given_train = [training.number(k) for k in ("train_cost", "train_energy")]
    given_serve = [serving.number(k) for k in ("cost_per_request", "energy_per_request")]
    for key in ("requests", "isl", "osl"):
        serving.number(key)
    if not scenario.has("train_cost", "train_energy", *train.GIVEN_WORK):
        raise LlmcostError(
            "nothing to train: give --train-cost, or a model and its tokens",
            "llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day",
        )
    if not any(v is not None for v in given_serve) and not scenario.has("model", "params"):
        raise LlmcostError(
            "nothing to serve: give --cost-per-request, or a model, --isl and --osl",
            "llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day",
        )
    train_plan = None if any(v is not None for v in given_train) else train.plan(training)
    serve_plan = None if any(v is not None for v in given_serve) else serve.plan(serving)
    return Sides(training, serving, train_plan, serve_plan, _scope(training, train_plan))


def _scope(training: Question, plan: train.Plan | None) -> str:
    """What training spend holds; a given one gets a programme around it when something is said of one."""
    if plan is None:
        scope = str(training.said("scope") or billing.RUN)
        known = "train_cost" in training.numbers
        if known and (scope == billing.PROGRAM or training.scenario.has(*billing.PROGRAMME_KEYS)):
            billing.take_programme(training, scope)
        return scope
    if plan.bill.definition == billing.ACQUISITION:
        training.warn(
            "W040",
            "training is the purchase of a cluster here, which outlives the run: inference overtakes it late",
            "--cost-definition amortised",
        )
    return plan.bill.scope


def _horizon(question: Question) -> float:
    factor = question.factor("defaults", "horizon")
    seconds = sp.median(question.number("horizon", factor) or factor.value)
    del question.numbers["horizon"]
    return seconds / 86400.0


def _tagged(side: str, question: Question) -> dict[str, Any]:
    return {f"{side}.{name}": value for name, value in question.numbers.items()}


def _streams(numbers: Mapping[str, Any]) -> dict[str, str]:
    """A number that both sides take from one place is one number: same draws."""
    shared = {}
    for tag, value in numbers.items():
        side, name = tag.split(".", 1)
        other = f"{SERVE if side == TRAIN else TRAIN}.{name}"
        if numbers.get(other) == value:
            shared[tag] = name
    return shared


def figures(sides: Sides, p: Mapping[str, Any]) -> dict[str, Any]:
    """Training totals, serving rates and their parities, from floats or samples alike."""
    t = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(TRAIN)}
    s = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(SERVE)}
    out: dict[str, Any] = {}
    if "train_cost" in t:
        out["training_usd"] = t["train_cost"]
        if "experiments" in t:
            out["training_usd_program"] = t["train_cost"] + billing.total(billing.around(t, t["train_cost"]))
    if "train_energy" in t:
        out["training_kwh"] = t["train_energy"]
    if sides.train_plan is not None:
        run = train.figures(sides.train_plan, t)
        out |= {"training_usd": run["run_usd"], "gpu_hours": run["gpu_hours"]}
        if "program_usd" in run:
            out["training_usd_program"] = run["program_usd"]
        out |= {f"training_{b}": run[k] for b, k in (("kwh", "energy_kwh"), ("co2e_kg", "co2e_kg")) if k in run}
    if "cost_per_request" in s:
        out["usd_per_request"] = s["cost_per_request"]
    if "energy_per_request" in s:
        out["kwh_per_request"] = s["energy_per_request"]
    if sides.serve_plan is not None:
        fleet = serve.figures(sides.serve_plan, s)
        if "gpus" in fleet:
            out["serve_gpus"] = fleet["gpus"]
        out |= {k: fleet[k] for k in ("usd_per_request", "kwh_per_request", "co2e_kg_per_request") if k in fleet}
        out["tokens_per_request"] = s["isl"] + s["osl"]
    elif "isl" in s or "osl" in s:
        out["tokens_per_request"] = s.get("isl", 0.0) + s.get("osl", 0.0)
    for basis in BASES:
        if f"training_{basis}" in out and f"{basis}_per_request" in out:
            level = _level(sides, out, basis)
            out[f"{basis}_parity"] = engine.parity_requests(level, out[f"{basis}_per_request"])
            if "requests" in s:
                out[f"{basis}_days"] = engine.constant_days(level, out[f"{basis}_per_request"], s["requests"])
    if "requests" in s:
        out["requests_per_day"] = s["requests"]
    return out


def _level(sides: Sides, figures: Mapping[str, Any], basis: str) -> Any:
    """What inference has to reach: the final run, or in dollars the programme where that was asked for."""
    if basis == "usd" and sides.scope == billing.PROGRAM:
        return figures["training_usd_program"]
    return figures[f"training_{basis}"]


def _estimate(
    sides: Sides, c: dict[str, Any], sampled: dict[str, Any], basis: str, horizon: float, start: dt.date | None
) -> Estimate:
    days = _within(c.get(f"{basis}_days"), horizon)
    result: dict[str, Any] = {
        "crossover_days": days,
        "crossover_months": None if days is None else days / engine.DAYS_PER_MONTH,
        "crossover_date": _date(start, days),
        "crossover_requests": c[f"{basis}_parity"],
        "crossover_tokens": c[f"{basis}_parity"] * c["tokens_per_request"] if "tokens_per_request" in c else None,
        "crossover_usd": _level(sides, c, basis) if basis == "usd" and days is not None else None,
        "basis": basis,
        "status": _status(c, basis, days),
        "probability_crossed": _probability(c, sampled, basis, horizon),
        "training_usd": c.get("training_usd"),
        "training_usd_program": c.get("training_usd_program"),
        "cost_definition": sides.train_plan.bill.definition if sides.train_plan else None,
        "scope": sides.scope,
        "training_kwh": c.get("training_kwh"),
        "training_co2e_kg": c.get("training_co2e_kg"),
        "usd_per_request": c.get("usd_per_request"),
        "kwh_per_request": c.get("kwh_per_request"),
        "horizon_days": horizon,
    }
    result |= _rates(c, horizon)
    for other in ("kwh", "co2e_kg"):
        word = "energy" if other == "kwh" else "carbon"
        result[f"{word}_crossover_requests"] = c.get(f"{other}_parity")
        result[f"{word}_crossover_days"] = _within(c.get(f"{other}_days"), horizon)
    ranges = sampling.ranges(result, _varying(sampled, basis))
    ranges |= _crossing_ranges(result, sampled, basis, horizon)
    if days is None and "crossover_days" in ranges:
        result["crossover_days"] = ranges["crossover_days"].p50
    _explain(sides, c, basis)
    return Estimate(
        command="crossover",
        headline=_headline(result, ranges, basis, horizon),
        result=result,
        ranges=ranges,
        breakdown=[],
        inputs=_inputs(sides),
        warnings=[*sides.training.warnings, *(w for w in sides.serving.warnings if w not in sides.training.warnings)],
        steps=[*sides.training.steps, *sides.serving.steps],
        arrays={"curve": _curve(sides, c, sampled, basis, days, horizon)} if f"{basis}_days" in c else {},
        presets=presets_date(sides.training.catalog),
    )


def _inputs(sides: Sides) -> dict[str, Input]:
    """Inputs of both sides; what both have alike goes under its own name."""
    every = {**sides.training.inputs, **sides.serving.inputs}
    merged: dict[str, Input] = {}
    for name, value in every.items():
        side, _, rest = name.partition("_")
        twin = {TRAIN: f"{SERVE}_{rest}", SERVE: f"{TRAIN}_{rest}"}.get(side, "")
        merged[rest if every.get(twin) == value else name] = value
    return merged


def _within(days: Any, horizon: float) -> float | None:
    return None if days is None or not days <= horizon else float(days)


def _date(start: dt.date | None, days: float | None) -> str | None:
    return None if start is None or days is None else (start + dt.timedelta(days=round(days))).isoformat()


def _status(c: Mapping[str, Any], basis: str, days: float | None) -> str:
    if f"{basis}_days" not in c:
        return "no traffic given"
    return "crosses" if days is not None else "not within the horizon"


def _probability(c: Mapping[str, Any], sampled: Mapping[str, Any], basis: str, horizon: float) -> float | None:
    days = sampled.get(f"{basis}_days", c.get(f"{basis}_days"))
    return None if days is None else float(np.mean(np.asarray(days) <= horizon))


def _rates(c: Mapping[str, Any], horizon: float) -> dict[str, Any]:
    """Inference spend of a day and to the horizon, and its share beside the run and beside the programme."""
    names = ("inference_usd_per_day", "inference_usd_at_horizon", "inference_share", "inference_share_program")
    if "requests_per_day" not in c or "usd_per_request" not in c:
        return dict.fromkeys(names)
    daily = c["usd_per_request"] * c["requests_per_day"]
    total = daily * horizon
    trained = (c.get("training_usd"), c.get("training_usd_program"))
    shares = [None if spent is None else total / (total + spent) for spent in trained]
    return dict(zip(names, (daily, total, *shares), strict=True))


def _varying(sampled: Mapping[str, Any], basis: str) -> dict[str, Any]:
    """Sampled figures under the names of the result."""
    names = {
        "training_usd": "training_usd", "training_usd_program": "training_usd_program",
        "training_kwh": "training_kwh", "usd_per_request": "usd_per_request",
        "kwh_per_request": "kwh_per_request", f"{basis}_parity": "crossover_requests",
    }  # fmt: skip
    found = {new: np.asarray(sampled[old]) for old, new in names.items() if old in sampled}
    if "usd_per_request" in sampled and "requests_per_day" in sampled:
        found["inference_usd_per_day"] = np.asarray(sampled["usd_per_request"] * sampled["requests_per_day"])
    return found


def _crossing_ranges(
    result: Mapping[str, Any], sampled: Mapping[str, Any], basis: str, horizon: float
) -> dict[str, Range]:
    """Quantiles of the crossing itself; a crossing beyond the horizon counts as infinite, so a quantile may be null."""
    found = {}
    for name, of in (("crossover_days", basis), ("energy_crossover_days", "kwh"), ("carbon_crossover_days", "co2e_kg")):
        days = np.asarray(sampled.get(f"{of}_days", 0.0))
        if days.ndim == 0:
            continue
        days = np.where(days <= horizon, days, np.inf)
        p5, p50, p95 = (sp.quantile(days, q) for q in (0.05, 0.5, 0.95))
        mid = result[name] if result[name] is not None else p50
        found[name] = Range(_finite(p5), _finite(mid), _finite(p95))
    return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _curve(
    sides: Sides,
    c: Mapping[str, Any],
    sampled: Mapping[str, Any],
    basis: str,
    days: float | None,
    horizon: float,
) -> list[dict[str, float]]:
    """Cumulative spend from launch to twice the crossing (or to the horizon)."""
    end = min(horizon, 2 * days) if days else horizon
    daily = c[f"{basis}_per_request"] * c["requests_per_day"]
    level = float(_level(sides, c, basis))
    low = high = None
    if sampled:
        # relative to training, so that the band meets the training line where the range of the crossing says
        spend = sampled[f"{basis}_per_request"] * sampled["requests_per_day"]
        pace = np.asarray(spend / _level(sides, sampled, basis))
        if pace.ndim:
            low, high = (level * sp.quantile(pace, q) for q in (0.05, 0.95))
    rows = []
    for day in np.linspace(0.0, end, CURVE_POINTS + 1).tolist():
        row = {"day": day, f"training_{basis}": level, f"inference_{basis}": day * daily}
        if low is not None and high is not None:
            row |= {f"inference_p5_{basis}": day * low, f"inference_p95_{basis}": day * high}
        rows.append(row)
    return rows


def _headline(result: Mapping[str, Any], ranges: Mapping[str, Range], basis: str, horizon: float) -> str:
    what = BASES[basis]
    days = result["crossover_days"]
    if days is None and result["status"] == "no traffic given":
        return f"Inference overtakes training in {what} after {result['crossover_requests']:,.0f} requests."
    if days is None:
        window = units.format("seconds", horizon * 86400.0)
        return f"Inference does not overtake training in {what} within {window} of launch."
    when = f"on {result['crossover_date']}, " if result["crossover_date"] else "on "
    month = int(days / engine.DAYS_PER_MONTH) + 1
    text = f"Inference overtakes training {when}day {days:,.0f} (month {month}) after launch"
    known = ranges.get("crossover_days")
    if known is not None:
        text += f", range {_day(known.p5, horizon)} to {_day(known.p95, horizon)}"
    if basis == "usd":
        text += f", at {units.format('usd', result['crossover_usd'])}"
    return text + "."


def _day(value: float | None, horizon: float) -> str:
    return f"{value:,.0f}" if value is not None else f"beyond {horizon:,.0f}"


def _explain(sides: Sides, c: Mapping[str, Any], basis: str) -> None:
    q = sides.serving
    unit = {"usd": "USD", "kwh": "kWh", "co2e_kg": "kg"}[basis]
    formula = f"training {_level(sides, c, basis):.6g} {unit} / {c[f'{basis}_per_request']:.6g} {unit} per request"
    q.step(
        "requests to parity",
        formula,
        c[f"{basis}_parity"],
        "requests",
        "Luccioni et al. 2024, arXiv:2311.16863, section 4.3.2",
    )
    if f"{basis}_days" in c:
        q.step(
            "days to parity",
            f"requests to parity / {c['requests_per_day']:,.0f} per day",
            c[f"{basis}_days"],
            "d",
            "docs/method.md, crossover",
        )
