"""`serve`: a replica's speed -> a fleet for the traffic -> dollars per token and request, energy, carbon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine import energy
from llmcost.engine.spread import median
from llmcost.errors import Exit
from llmcost.estimate import fleet as fleets
from llmcost.estimate import offers, ownership, prices, sampling, service
from llmcost.estimate import serving_steps as steps
from llmcost.estimate.fleet import SECONDS_PER_DAY, Fleet
from llmcost.estimate.place import Place, place
from llmcost.estimate.question import Origin, Question
from llmcost.estimate.replica import Replica, choose, given_rate
from llmcost.estimate.service import DAYS_PER_MONTH, HOURS_PER_MONTH
from llmcost.estimate.serving_lengths import Lengths, lengths
from llmcost.estimate.serving_load import Sizing, idle_seconds, quantiles, size
from llmcost.estimate.serving_options import NoFit, options
from llmcost.estimate.subject import Chip, Subject, chip, subject
from llmcost.result import Estimate
from llmcost.scenario import Scenario

if TYPE_CHECKING:
    from llmcost.estimate.offers import Offer
    from llmcost.estimate.serving_disaggregated import Pools


class Plan(NamedTuple):
    """A serving question with its values taken."""

    question: Question
    model: Subject | None
    device: Chip | None
    replica: Replica | Pools | NoFit
    place: Place | None
    requests: bool
    fleet_gpus: int | None
    sizing: Sizing | None = None
    colocated: Replica | None = None
    fleet: Fleet = Fleet()
    offers: tuple[Offer, ...] = ()

    @property
    def bound(self) -> float:
        """The load that the p95 of TTFT allows."""
        return math.inf if self.sizing is None else self.sizing.bound


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
    varied = lengths(question)
    if question.number("cache_hit") is None:
        question.remember("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    requests = offers.take_users(question)
    fleet = fleets.take(question, requests)
    gpus = question.said("gpus")
    name = device.found.name if device else None
    price = prices.price(question, name)
    fleet = fleets.take_mix(question, fleet, name)
    service.take(question, requests)
    replica, colocated = _replicas(question, model, device, gpus, median(price), varied)
    where = place(question, device) if device is not None else None
    sizing = None if isinstance(replica, NoFit) else _sizing(question, replica, requests, fleet)
    if isinstance(sizing, NoFit):
        replica, sizing = sizing, None
    sold = offers.take(question)
    return Plan(question, model, device, replica, where, requests, gpus, sizing, colocated, fleet, sold)


def _replicas(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None, price: float,
    varied: Lengths | None,
) -> tuple[Replica | Pools | NoFit, Replica | None]:  # fmt: skip
    """What answers, and for separate pools the single pool to compare them with."""
    if question.number("tokens_per_second") is not None:
        return given_rate(question), None
    if model is None:
        raise question.need("model", "speed follows from its architecture; or give --tokens-per-second of one replica")
    if device is None:
        raise question.need(
            "hardware", "speed follows from the accelerator; or give --tokens-per-second of one replica"
        )
    apart = question.said("pools") == "disaggregated"
    static = not apart and question.said("batching") == "static"
    asked = options(question, model, device, gpus, varied, static)
    if not apart:
        return choose(question, asked, price), None
    from llmcost.estimate import serving_disaggregated

    together = choose(question, asked, price)
    pools = serving_disaggregated.choose(question, asked, price)
    return pools, together if isinstance(together, Replica) else None


def _sizing(question: Question, replica: Replica | Pools, requests: bool, fleet: Fleet) -> Sizing | NoFit | None:
    """How far the fleet may be loaded for the p95 of TTFT; None where no target was given or nothing can queue."""
    server = replica.queue()
    target = None if server is None else question.said("ttft_p95")
    if server is None or target is None:
        return None
    p = sampling.central(question.numbers)
    alone = idle_seconds(server, p)
    if alone > target:
        reason = f"no fleet keeps a p95 TTFT of {units.format('seconds', target)}"
        return NoFit(f"{reason}: where nobody waits it is {units.format('seconds', alone)}", None, None)
    busiest = p["requests"] / SECONDS_PER_DAY / fleet.regions * fleet.peak(p) if requests else None
    return size(server, {**p, "utilization": float(fleet.load(p))}, target, busiest)


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    replica = todo.replica
    assert not isinstance(replica, NoFit)
    out = replica.speed(p)
    if todo.requests:
        out |= fleets.size(todo.fleet, replica, out, p, todo.bound)
        fleet_month = out["usd_per_hour_fleet"] * HOURS_PER_MONTH
        out["usd_per_month"] = fleet_month + service.beside_usd(p)
        out["usd_per_day"] = out["usd_per_month"] / DAYS_PER_MONTH
        out["usd_per_request"] = out["usd_per_day"] / p["requests"]
        machine_hours = out["gpus_mean"] * 24.0 / p["requests"]
    else:
        out["utilization"] = out["planned_utilization"] = todo.fleet.planned(p, todo.bound)
        machine_hours = replica.gpu_seconds(out) / 3600.0 / out["utilization"]
        out["usd_per_request"] = machine_hours * p["price"] + service.per_request(p)
    if todo.question.owned is not None:
        out["own_usd_per_hour"] = todo.fleet.terms.reserved_price(p) if todo.fleet.mixed else p["price"]
    out |= _token_prices(p, out)
    out |= offers.figures(todo.offers, p, out)
    return out if todo.place is None else out | _energy(todo, todo.place, p, out, machine_hours)


def _energy(todo: Plan, where: Place, p: Mapping[str, Any], out: Mapping[str, Any], hours: Any) -> dict[str, Any]:
    """Electricity, carbon and water of the machine hours of a request, idle time included."""
    kwh = where.energy_kwh(hours, p, np.minimum(out["utilization"], 1.0))
    found = {
        "kwh_per_request": kwh,
        "wh_per_request": kwh * 1000.0,
        "wh_per_1000_tokens": kwh * 1e6 / (p["isl"] + p["osl"]),
        "electricity_usd_per_request": kwh * p["electricity_price"],
        "co2e_kg_per_request": energy.co2e_kg(kwh, p["carbon_intensity"]),
    }
    litres = where.water_litres(kwh, p)
    if litres is not None:
        found["water_litres_per_request"] = litres
    if todo.requests:
        monthly = p["requests"] * DAYS_PER_MONTH
        found["energy_kwh_per_month"] = kwh * monthly
        found["co2e_kg_per_month"] = found["co2e_kg_per_request"] * monthly
    return found


def _token_prices(p: Mapping[str, Any], out: Mapping[str, Any]) -> dict[str, Any]:
    """Each phase pays for the machine time it takes; a cached input token pays for what it adds to decoding."""
    cost, share = out["usd_per_request"], out.get("prefill_share")
    prices = {
        "usd_per_mtok_blended": cost / (p["isl"] + p["osl"]) * 1e6,
        "blend_ratio": p["isl"] / p["osl"],
    }
    if "requests_per_user" in p:
        prices["usd_per_user_month"] = cost * p["requests_per_user"] * DAYS_PER_MONTH
    if share is None:
        return prices
    cached = out.get("cached_share")
    if cached is not None:
        prices["usd_per_mtok_cached_input"] = cost * cached / (p["isl"] * p["cache_hit"]) * 1e6
    decoding = 1.0 - share - (0.0 if cached is None else cached)
    prices["usd_per_mtok_output"] = cost * decoding / p["osl"] * 1e6
    prices["usd_per_mtok_input"] = cost * share / (p["isl"] * (1.0 - p["cache_hit"])) * 1e6
    return prices


RESULT_KEYS = (
    "usd_per_mtok_output", "usd_per_mtok_input", "usd_per_mtok_cached_input", "usd_per_mtok_blended", "blend_ratio",
    "usd_per_request", "usd_per_user_month", "usd_per_month", "usd_per_day", "gpus", "prefill_gpus", "decode_gpus",
    "replicas", "gpus_mean", "gpus_reserved", "gpus_on_demand_mean", "gpus_spot_mean", "reserve_share",
    "breakeven_utilization_reserved", "utilization", "requests_per_second_peak", "tpot_seconds", "ttft_seconds",
    "output_tokens_per_second", "requests_per_second_per_replica", "prefill_share", "wh_per_request",
    "co2e_kg_per_request",
    "wh_per_1000_tokens", "electricity_usd_per_request", "energy_kwh_per_month", "co2e_kg_per_month",
    "water_litres_per_request",
)  # fmt: skip
WHEN_ASKED = (
    "usd_per_user_month",
    "prefill_gpus",
    "decode_gpus",
    "gpus_reserved",
    "gpus_on_demand_mean",
    "gpus_spot_mean",
    "reserve_share",
    "breakeven_utilization_reserved",
    "water_litres_per_request",
)  # no rows of nulls where nobody asked


def _estimate(todo: Plan, c: dict[str, Any], spread: dict[str, Any]) -> Estimate:
    question, replica = todo.question, todo.replica
    assert not isinstance(replica, NoFit)
    result: dict[str, Any] = {key: _plain(c.get(key)) for key in RESULT_KEYS if key in c or key not in WHEN_ASKED}
    if not (todo.fleet.follows or todo.fleet.mixed):
        del result["gpus_mean"]
    result |= replica.facts()
    p = sampling.central(question.numbers)
    server = replica.queue()
    if todo.requests and server is not None:
        regions, busiest = todo.fleet.regions, float(c["requests_per_second_peak"])
        working = float(c["replicas"]) / regions - todo.fleet.spares
        result |= quantiles(server, p, busiest / regions, working)
    if todo.sizing is not None:
        result["max_utilization"] = todo.sizing.max_utilization
    result["feasible"] = True
    code = Exit.OK
    if todo.fleet_gpus is not None and result["gpus"] is not None and result["gpus"] > todo.fleet_gpus:
        result |= {
            "feasible": False,
            "reason": f"the traffic needs {result['gpus']:,.0f} accelerators, {todo.fleet_gpus:,} are given",
        }
        code = Exit.NO
    steps.explain(todo, c)
    result |= _alternative(todo, p) | _rented(todo) | offers.results(todo.offers, p, c)
    arrays: dict[str, Any] = {"front": list(replica.front)} if replica.front else {}
    first = todo.offers[0] if todo.offers else None
    if first is not None and first.users is not None:
        result |= offers.sampled(first, p, float(c["usd_per_request"]), sampling.settings(question)[1])
    arrays |= _hours(todo, c, p) | offers.arrays(todo.offers, p, c, lambda q: figures(todo, q))
    return Estimate(
        command="serve",
        headline=_headline(todo, result, spread),
        result=result,
        ranges={k: v for k, v in spread.items() if k in result},
        breakdown=service.breakdown(question, todo.fleet, c) if todo.requests else [],
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        arrays=arrays,
        presets=presets_date(question.catalog),
        exit_code=int(code),
    )


def _alternative(todo: Plan, p: Mapping[str, float]) -> dict[str, float | None]:
    """What the same accelerators for both phases would cost, where separate pools were asked for."""
    if isinstance(todo.replica, Replica):
        return {}
    if todo.colocated is None:
        return {"usd_per_request_colocated": None, "gpus_colocated": None}
    c = figures(todo._replace(replica=todo.colocated, sizing=None), p)
    todo.question.step(
        "one pool for both phases",
        f"{todo.colocated.gpus} accelerators a replica, {todo.colocated.batch:.0f} requests in flight",
        float(c["usd_per_request"]),
        "USD",
        steps.SOURCE,
    )
    return {"usd_per_request_colocated": float(c["usd_per_request"]), "gpus_colocated": _plain(c.get("gpus"))}


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _rented(todo: Plan) -> dict[str, float | None]:
    """What an owned hour costs beside the rented ones."""
    if todo.question.owned is None or todo.device is None:
        return {}
    return ownership.comparison(todo.question, prices.rents(todo.question, todo.device.found.name))


def _hours(todo: Plan, c: Mapping[str, Any], p: Mapping[str, float]) -> dict[str, Any]:
    """The day of the fleet, with its power beside the even power of a training run of the same energy."""
    assert not isinstance(todo.replica, NoFit)
    rows = fleets.hours(todo.fleet, todo.replica, c, p, todo.bound) if todo.requests else []
    if rows and todo.place is not None:
        for row in rows:
            row["power_watts"] = 1000.0 * todo.place.energy_kwh(row["gpus"], p, min(row["utilization"], 1.0))
        even = sum(row["power_watts"] for row in rows) / len(rows)
        for row in rows:
            row["even_power_watts"] = even
    return {"hours": rows} if rows else {}


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
    text += offers.sentence(todo.offers, r)
    if not r["feasible"]:
        text += f"; {r['reason']}"
    return text + "."
