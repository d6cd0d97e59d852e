"""`serve`: a replica's speed -> a fleet for the traffic -> dollars per token and request, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine import energy
from llmcost.engine.spread import median
from llmcost.errors import Exit
from llmcost.estimate import prices, sampling
from llmcost.estimate.place import Place, place
from llmcost.estimate.question import Origin, Question
from llmcost.estimate.replica import NoFit, Replica, choose, given_rate
from llmcost.estimate.subject import Chip, Subject, chip, subject
from llmcost.result import CostRow, Estimate
from llmcost.scenario import Scenario

SECONDS_PER_DAY = 86_400.0
HOURS_PER_MONTH = 365.25 / 12 * 24
Z95 = 1.6448536269514722
CALIBRATION = "docs/method.md, serving"


class Plan(NamedTuple):
    """A serving question with its values taken."""

    question: Question
    model: Subject | None
    device: Chip | None
    replica: Replica | NoFit
    place: Place | None
    requests: bool
    fleet_gpus: int | None


def serve(scenario: Scenario, catalog: Catalog) -> Estimate:
    """What serving costs.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said. A model that does not fit, or a target that cannot be
        met, is an answer with exit code 1.
    """
    question = Question(scenario, catalog, "serve")
    todo = plan(question)
    if isinstance(todo.replica, NoFit):
        return _refusal(todo, todo.replica)
    samples, seed = sampling.settings(question)
    centre, spread = sampling.evaluate(lambda p: figures(todo, p), question.numbers, samples, seed)
    return _estimate(todo, centre, spread)


def plan(question: Question) -> Plan:
    """Take every value the figures need and choose the replica."""
    model, device = subject(question), chip(question)
    isl, osl = question.number("isl"), question.number("osl")
    if isl is None or osl is None:
        raise question.need("isl" if isl is None else "osl", "cost follows from the lengths of a request")
    if question.number("cache_hit") is None:
        question.remember("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    requests = question.number("requests") is not None
    question.number("utilization", question.factor("defaults", "utilization"))
    gpus = question.said("gpus")
    price = prices.price(question, device.found.name if device else None)
    replica = _replica(question, model, device, gpus, median(price))
    where = place(question, device) if device is not None else None
    return Plan(question, model, device, replica, where, requests, gpus)


def _replica(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None, price: float
) -> Replica | NoFit:
    if question.number("tokens_per_second") is not None:
        return given_rate(question)
    if model is None:
        raise question.need("model", "speed follows from its architecture; or give --tokens-per-second of one replica")
    if device is None:
        raise question.need(
            "hardware", "speed follows from the accelerator; or give --tokens-per-second of one replica"
        )
    return choose(question, model, device, gpus, price)


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    replica = todo.replica
    assert isinstance(replica, Replica)
    out = replica.speed(p)
    tokens_per_second = out["output_tokens_per_second"]
    out["requests_per_second_per_replica"] = tokens_per_second / p["osl"]
    capacity = out["requests_per_second_per_replica"] * p["utilization"]
    per_hour = p["price"] * replica.gpus
    if todo.requests:
        demand = p["requests"] / SECONDS_PER_DAY
        out["replicas"] = np.ceil(demand / capacity - 1e-9)
        out["gpus"] = out["replicas"] * replica.gpus
        out["usd_per_month"] = out["gpus"] * p["price"] * HOURS_PER_MONTH
        out["usd_per_day"] = out["gpus"] * p["price"] * 24.0
        out["usd_per_request"] = out["usd_per_day"] / p["requests"]
        machine_hours = out["gpus"] * 24.0 / p["requests"]
    else:
        out["usd_per_request"] = per_hour / 3600.0 / capacity
        machine_hours = replica.gpus / 3600.0 / capacity
    out |= _token_prices(p, out)
    if todo.place is not None:
        out["kwh_per_request"] = todo.place.energy_kwh(machine_hours, p)
        out["wh_per_request"] = out["kwh_per_request"] * 1000.0
        out["electricity_usd_per_request"] = out["kwh_per_request"] * p["electricity_price"]
        out["co2e_kg_per_request"] = energy.co2e_kg(out["kwh_per_request"], p["carbon_intensity"])
        if todo.requests:
            monthly = p["requests"] * HOURS_PER_MONTH / 24.0
            out["energy_kwh_per_month"] = out["kwh_per_request"] * monthly
            out["co2e_kg_per_month"] = out["co2e_kg_per_request"] * monthly
    return out


def _token_prices(p: Mapping[str, Any], out: Mapping[str, Any]) -> dict[str, Any]:
    """Each phase pays for the machine time it takes; a cached input token takes none."""
    share = out.get("prefill_share")
    if share is None:
        return {"usd_per_mtok_blended": out["usd_per_request"] / (p["isl"] + p["osl"]) * 1e6}
    fresh = p["isl"] * (1.0 - p["cache_hit"])
    return {
        "usd_per_mtok_output": out["usd_per_request"] * (1.0 - share) / p["osl"] * 1e6,
        "usd_per_mtok_input": out["usd_per_request"] * share / fresh * 1e6,
        "usd_per_mtok_blended": out["usd_per_request"] / (p["isl"] + p["osl"]) * 1e6,
    }


RESULT_KEYS = (
    "usd_per_mtok_output", "usd_per_mtok_input", "usd_per_mtok_blended", "usd_per_request", "usd_per_month",
    "usd_per_day",
    "gpus", "replicas", "tpot_seconds", "ttft_seconds", "output_tokens_per_second", "requests_per_second_per_replica",
    "prefill_share", "wh_per_request", "co2e_kg_per_request",
    "electricity_usd_per_request", "energy_kwh_per_month", "co2e_kg_per_month",
)  # fmt: skip


def _estimate(todo: Plan, c: dict[str, Any], spread: dict[str, Any]) -> Estimate:
    question, replica = todo.question, todo.replica
    assert isinstance(replica, Replica)
    result: dict[str, Any] = {key: _plain(c.get(key)) for key in RESULT_KEYS}
    result |= replica.facts()
    if todo.requests:
        p = {name: median(value) for name, value in question.numbers.items()}
        result |= replica.first_token(p, p["requests"] / SECONDS_PER_DAY, float(c["replicas"]))
    result["utilization"] = median(question.numbers["utilization"])
    result["feasible"] = True
    code = Exit.OK
    if todo.fleet_gpus is not None and result["gpus"] is not None and result["gpus"] > todo.fleet_gpus:
        result |= {
            "feasible": False,
            "reason": f"the traffic needs {result['gpus']:,.0f} accelerators, {todo.fleet_gpus:,} are given",
        }
        code = Exit.NO
    _explain(todo, c)
    return Estimate(
        command="serve",
        headline=_headline(todo, result, spread),
        result=result,
        ranges={k: v for k, v in spread.items() if k in result},
        breakdown=breakdown(todo, c),
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        arrays={"front": list(replica.front)} if replica.front else {},
        presets=presets_date(question.catalog),
        exit_code=int(code),
    )


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def breakdown(todo: Plan, c: Mapping[str, Any]) -> list[CostRow]:
    """The fleet's rental for a month of traffic; without traffic there is no bill to break down."""
    if not todo.requests:
        return []
    price = median(todo.question.numbers["price"])
    hours = float(c["gpus"]) * HOURS_PER_MONTH
    return [CostRow("accelerator rental, a month", hours, "GPU-hour", price, hours * price)]


def refusal(todo: Plan) -> Estimate | None:
    """The answer when no replica fits or keeps the targets; None when one does."""
    return _refusal(todo, todo.replica) if isinstance(todo.replica, NoFit) else None


def _refusal(todo: Plan, no: NoFit) -> Estimate:
    question = todo.question
    return Estimate(
        command="serve",
        headline=no.reason[:1].upper() + no.reason[1:] + ".",
        result={
            "feasible": False,
            "reason": no.reason,
            "missing_bytes": no.missing_bytes,
            "smallest_gpus": no.smallest_gpus,
        },
        inputs=question.inputs,
        warnings=question.warnings,
        presets=presets_date(question.catalog),
        exit_code=int(Exit.NO),
    )


def _headline(todo: Plan, r: Mapping[str, Any], spread: Mapping[str, Any]) -> str:
    name = todo.model.name if todo.model else "this model"
    key = "usd_per_mtok_output" if r["usd_per_mtok_output"] is not None else "usd_per_mtok_blended"
    kind = "of output" if key == "usd_per_mtok_output" else "of input and output"
    text = f"Serving {name} costs {units.format('usd_per_mtok', r[key])} {kind}"
    if key in spread:
        text += f" ({units.format_range('usd_per_mtok', spread[key].p5, spread[key].p95)})"
    if r["usd_per_mtok_input"] is not None:
        text += f" and {units.format('usd_per_mtok', r['usd_per_mtok_input'])} of input"
    text += f", {units.format('usd_per_request', r['usd_per_request'])}"
    if r["gpus"] is not None:
        chips = todo.device.found.name if todo.device else "accelerators"
        text += f": {r['gpus']:,.0f} {chips}, {units.format('usd', r['usd_per_month'])} a month"
    if not r["feasible"]:
        text += f"; {r['reason']}"
    return text + "."


def _explain(todo: Plan, c: Mapping[str, Any]) -> None:
    q, p = todo.question, {k: median(v) for k, v in todo.question.numbers.items()}
    replica = todo.replica
    assert isinstance(replica, Replica)
    replica.explain(q, c)
    q.step(
        "requests per second of a replica",
        f"{float(c['output_tokens_per_second']):.4g} output tokens/s / {p['osl']:.0f} per request",
        float(c["requests_per_second_per_replica"]),
        "1/s",
        CALIBRATION,
    )
    if todo.requests:
        capacity = f"{float(c['requests_per_second_per_replica']):.4g} x utilisation {p['utilization']:.2f}"
        formula = f"ceil({p['requests']:,.0f} per day / 86,400 / ({capacity}))"
        q.step("replicas", formula, float(c["replicas"]), "replicas", CALIBRATION)
        q.step(
            "cost per request",
            f"{float(c['gpus']):,.0f} accelerators x {p['price']:.4g} USD/h x 24 / requests per day",
            float(c["usd_per_request"]),
            "USD",
            "docs/method.md, prices",
        )
    else:
        q.step(
            "cost per request",
            f"{replica.gpus} accelerators x {p['price']:.4g} USD/h / 3600 / (requests per second x utilisation)",
            float(c["usd_per_request"]),
            "USD",
            "docs/method.md, prices",
        )
    if c.get("usd_per_mtok_output") is not None:
        q.step(
            "output price",
            f"cost per request x (1 - prefill share {float(c['prefill_share']):.3f}) / {p['osl']:.0f} tokens",
            float(c["usd_per_mtok_output"]),
            "USD/Mtok",
            "docs/method.md, serving",
        )
    if todo.place is not None:
        todo.place.explain(q, float(c["kwh_per_request"]), float(c["co2e_kg_per_request"]), p)
