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
    from llmcost.estimate.serving_prompts import Prompts


class Plan(NamedTuple):
    """A serving question with its values taken."""

    question: Question
    model: Subject | None
    device: Chip | None
    replica: Replica | Pools | Prompts | NoFit
    place: Place | None
    requests: bool
    fleet_gpus: int | None
    sizing: Sizing | None = None
    colocated: Replica | None = None
    phase: str = ""
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
    if question.said("technique"):
        from llmcost.estimate import techniques

        question.applied = techniques.take(question)
    model, device = subject(question), chip(question)
    phase = "" if question.prefix else question.said("phase") or ""
    varied = lengths(question, phase)
    if phase == "decode":
        question.numbers["cache_hit"] = 0.0  # every prompt arrives cached: there is no share to say
    elif question.number("cache_hit") is None:
        question.remember("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    requests = offers.take_users(question)
    fleet = fleets.take(question, requests)
    gpus = question.said("gpus")
    name = device.found.name if device else None
    price = prices.price(question, name)
    fleet = fleets.take_mix(question, fleet, name)
    service.take(question, requests)
    replica, colocated = _replicas(question, model, device, gpus, median(price), varied, phase)
    where = place(question, device) if device is not None else None
    sizing = None if isinstance(replica, NoFit) else _sizing(question, replica, requests, fleet)
    if isinstance(sizing, NoFit):
        replica, sizing = sizing, None
    if question.applied is not None and not isinstance(replica, NoFit):
        question.applied.refuse_unread(question.scenario)
    sold = offers.take(question)
    return Plan(question, model, device, replica, where, requests, gpus, sizing, colocated, phase, fleet, sold)


def _replicas(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None, price: float,
    varied: Lengths | None, phase: str,
) -> tuple[Replica | Pools | Prompts | NoFit, Replica | None]:  # fmt: skip
    """What answers, and for separate pools the single pool to compare them with."""
    if not phase and question.number("tokens_per_second") is not None:
        return given_rate(question), None
    if model is None:
        raise question.need("model", "speed follows from its architecture; or give --tokens-per-second of one replica")
    if device is None:
        raise question.need(
            "hardware", "speed follows from the accelerator; or give --tokens-per-second of one replica"
        )
    if phase == "prefill":
        from llmcost.estimate import serving_prompts

        asked = options(question, model, device, gpus, varied, False, phase)
        return serving_prompts.choose(question, asked), None
    apart = not phase and question.said("pools") == "disaggregated"
    static = not apart and question.said("batching") == "static"
    asked = options(question, model, device, gpus, varied, static, phase)
    if not apart:
        pick = choose if question.applied is None else question.applied.choose
        return pick(question, asked, price), None
    from llmcost.estimate import serving_disaggregated

    together = choose(question, asked, price)
    pools = serving_disaggregated.choose(question, asked, price)
    return pools, together if isinstance(together, Replica) else None


def _sizing(
    question: Question, replica: Replica | Pools | Prompts, requests: bool, fleet: Fleet
) -> Sizing | NoFit | None:
    """How far the fleet may be loaded for the p95 of TTFT; None where no target was given or nothing can queue."""
    server = replica.queue()
    target = None if server is None else question.said("ttft_p95")
    if server is None or target is None:
        return None
    p = _arriving(question)
    alone = idle_seconds(server, p)
    if alone > target:
        reason = f"no fleet keeps a p95 TTFT of {units.format('seconds', target)}"
        return NoFit(f"{reason}: where nobody waits it is {units.format('seconds', alone)}", None, None)
    busiest = p["requests"] / SECONDS_PER_DAY / fleet.regions * fleet.peak(p) if requests else None
    return size(server, {**p, "utilization": float(fleet.load(p))}, target, busiest)


def _arriving(question: Question) -> dict[str, float]:
    """Every number at its median, as the replicas of the model see it."""
    p = sampling.central(question.numbers)
    return p if question.applied is None else question.applied.reaching(p)


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    applied = todo.question.applied
    out = _figures(todo, p) if applied is None else applied.figures(todo, p, _figures)
    return out | offers.figures(todo.offers, p, out)


def _figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a request that one fleet serves."""
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
    out |= _token_prices(p, out, todo.phase)
    return out if todo.place is None else out | _energy(todo, todo.place, p, out, machine_hours)


def _tokens(todo: Plan, p: Mapping[str, Any]) -> Any:
    """Tokens of a request that its phases handle [-]."""
    if todo.phase:
        return p["isl"] if todo.phase == "prefill" else p["osl"]
    return p["isl"] + p["osl"]


def _energy(todo: Plan, where: Place, p: Mapping[str, Any], out: Mapping[str, Any], hours: Any) -> dict[str, Any]:
    """Electricity, carbon and water of the machine hours of a request, idle time included."""
    kwh = where.energy_kwh(hours, p, np.minimum(out["utilization"], 1.0))
    found = {
        "kwh_per_request": kwh,
        "wh_per_request": kwh * 1000.0,
        "wh_per_1000_tokens": kwh * 1e6 / _tokens(todo, p),
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


def _token_prices(p: Mapping[str, Any], out: Mapping[str, Any], phase: str) -> dict[str, Any]:
    """Each phase pays for the machine time it takes; a cached input token pays for what it adds to decoding."""
    cost, share = out["usd_per_request"], out.get("prefill_share")
    prices = {}
    if "requests_per_user" in p:
        prices["usd_per_user_month"] = cost * p["requests_per_user"] * DAYS_PER_MONTH
    if phase == "prefill":
        return prices | {"usd_per_mtok_input": cost / (p["isl"] * (1.0 - p["cache_hit"])) * 1e6}
    if phase == "decode":
        return prices | {"usd_per_mtok_output": cost / p["osl"] * 1e6}
    prices["usd_per_mtok_blended"] = cost / (p["isl"] + p["osl"]) * 1e6
    prices["blend_ratio"] = p["isl"] / p["osl"]
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
    "input_tokens_per_second", "output_tokens_per_second", "requests_per_second_per_replica", "prefill_share",
    "wh_per_request", "co2e_kg_per_request", "wh_per_1000_tokens", "electricity_usd_per_request",
    "energy_kwh_per_month", "co2e_kg_per_month", "water_litres_per_request",
)  # fmt: skip
PRICED = {
    "usd_per_mtok_output": "of output", "usd_per_mtok_blended": "of input and output", "usd_per_mtok_input": "of input",
}  # fmt: skip
WHEN_ASKED = (
    "usd_per_user_month",
    "prefill_gpus",
    "decode_gpus",
    "input_tokens_per_second",
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
    p = _arriving(question)
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
    arrays: dict[str, Any] = {"front": list(replica.front)} if replica.front else {}
    rows = service.breakdown(question, todo.fleet, c) if todo.requests else []
    steps.explain(todo, c.get("own", c), p)
    if question.applied is not None:
        more, listed, beside = question.applied.answer(question, replica, c)
        result, arrays, rows = result | more, arrays | listed, rows + beside
    everyone = sampling.central(question.numbers)  # techniques answer some of them beside the fleet
    result |= _alternative(todo) | _rented(todo) | offers.results(todo.offers, everyone, c)
    first = todo.offers[0] if todo.offers else None
    if first is not None and first.users is not None:
        result |= offers.sampled(first, everyone, float(c["usd_per_request"]), sampling.settings(question)[1])
    arrays |= _hours(todo, c, p) | offers.arrays(todo.offers, everyone, c, lambda q: figures(todo, q))
    return Estimate(
        command="serve",
        headline=_headline(todo, result, spread),
        result=result,
        ranges={k: v for k, v in spread.items() if k in result},
        breakdown=rows,
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        arrays=arrays,
        presets=presets_date(question.catalog),
        exit_code=int(code),
    )


def _alternative(todo: Plan) -> dict[str, float | None]:
    """What the same accelerators for both phases would cost, where separate pools were asked for."""
    if isinstance(todo.replica, Replica) or todo.phase:
        return {}
    if todo.colocated is None:
        return {"usd_per_request_colocated": None, "gpus_colocated": None}
    p = sampling.central(todo.question.numbers)
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
    key = next(k for k in PRICED if r[k] is not None)
    doing = {"prefill": "Prefill of", "decode": "Decoding of"}.get(todo.phase, "Serving")
    text = f"{doing} {name} costs {units.format('usd_per_mtok', r[key])} {PRICED[key]}"
    if key in spread:
        text += f" ({units.format_range('usd_per_mtok', spread[key].p5, spread[key].p95)})"
    if r["usd_per_mtok_input"] is not None and key != "usd_per_mtok_input":
        text += f" and {units.format('usd_per_mtok', r['usd_per_mtok_input'])} of input"
    text += f", {units.format('usd_per_request', r['usd_per_request'])}"
    if r["gpus"] is not None:
        chips = todo.device.found.name if todo.device else "accelerators"
        text += f": {r['gpus']:,.0f} {chips}, {units.format('usd', r['usd_per_month'])} a month"
    text += offers.sentence(todo.offers, r)
    if not r["feasible"]:
        text += f"; {r['reason']}"
    return text + "."
