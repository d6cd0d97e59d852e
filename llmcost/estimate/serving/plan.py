"""A serving question with its values taken, and its figures: a replica -> a fleet -> dollars per token, energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llmcost.engine.money import energy
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_MONTH, SECONDS_PER_DAY, SECONDS_PER_HOUR
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Origin, Question
from llmcost.estimate.asking.subject import Chip, Subject, chip, subject
from llmcost.estimate.fleet import bill as service
from llmcost.estimate.fleet import plans as offers
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money import rent as prices
from llmcost.estimate.money.place import Place, place
from llmcost.estimate.serving import in_time
from llmcost.estimate.serving import load as serving_load
from llmcost.estimate.serving.lengths import Lengths, lengths
from llmcost.estimate.serving.load import Arrivals, Sizing
from llmcost.estimate.serving.options import NoFit, options
from llmcost.estimate.serving.replica import Replica, choose, given_rate
from llmcost.estimate.serving.sizes import arriving

if TYPE_CHECKING:
    from llmcost.estimate.serving.pools import Pools
    from llmcost.estimate.serving.prompts import Prompts

STANDING = {"tpot_seconds": "tpot_full_seconds", "ttft_seconds": "ttft_full_seconds"}


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

    @property
    def bound(self) -> float:
        """The load that the p95 of TTFT allows."""
        return math.inf if self.sizing is None else self.sizing.bound


def plan(question: Question, days: Any = None) -> Plan:
    """Take every value the figures need and choose the replica, for the traffic of `days` over that at launch."""
    if question.said("technique"):
        from llmcost.estimate.serving import techniques

        question.applied = techniques.take(question)
    phase = _phase(question)
    given = not phase and question.scenario.peek("tokens_per_second", question.side) is not None
    model, device = subject(question), chip(question, predicted=not given)
    varied = lengths(question, phase)
    if phase == "decode":
        question.numbers["cache_hit"] = 0.0  # every prompt arrives cached: there is no share to say
    elif (given and question.alone) or question.number("cache_hit") is None:  # a given rate holds it already
        question.remember("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    requests = offers.take_users(question)
    fleet = fleets.take(question, requests)
    gpus = question.said("gpus")
    name = device.found.name if device else None
    price = prices.price(question, name)
    fleet = fleets.take_mix(question, fleet, name)
    service.take(question, requests)
    carried = fleet._replace(days=days) if requests else None
    p = arriving(question)
    busiest = p["requests"] / SECONDS_PER_DAY / fleet.regions * fleet.peak(p) if requests else None
    arrivals = Arrivals(float(fleet.load(p)), busiest)
    replica, colocated = _replicas(question, model, device, gpus, median(price), varied, phase, carried, arrivals)
    where = place(question, device) if device is not None else None
    server = None if isinstance(replica, NoFit) or phase == "decode" else replica.server()
    sizing = in_time.sizing(question, server, arrivals)
    if isinstance(sizing, NoFit):
        replica, sizing = sizing, None
    if question.applied is not None and not isinstance(replica, NoFit):
        question.applied.refuse_unread(question.scenario)
    return Plan(question, model, device, replica, where, requests, gpus, sizing, colocated, phase, fleet)


def _phase(question: Question) -> str:
    """The one phase that is asked about; empty: both."""
    if question.alone:
        return question.said("phase") or ""
    setting = question.scenario.peek("phase", question.side)
    if setting is None:
        return ""
    raise LlmcostError(
        f"phase {setting.value}: a request that training is set against has both phases",
        f"leave the phase out, or ask about it alone: llmcost serve --phase {setting.value}",
    )


def _replicas(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None, price: float,
    varied: Lengths | None, phase: str, fleet: Fleet | None, arrivals: Arrivals,
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
        from llmcost.estimate.serving import prompts as serving_prompts

        asked = options(question, model, device, gpus, varied, False, phase)
        return serving_prompts.choose(question, asked, price, arrivals), None
    apart = not phase and question.said("pools") == "disaggregated"
    static = not apart and question.said("batching") == "static"
    asked = options(question, model, device, gpus, varied, static, phase)
    pick = choose if question.applied is None or apart else question.applied.choose
    together = in_time.replica(question, asked, lambda some: pick(question, some, price, fleet), arrivals, fleet)
    if not apart:
        return together, None
    from llmcost.estimate.serving import pools as serving_disaggregated

    pools = serving_disaggregated.choose(question, asked, price, arrivals)
    return pools, together if isinstance(together, Replica) else None


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    applied = todo.question.applied
    out = _figures(todo, p) if applied is None else applied.figures(todo, p, _figures)
    return out | service.figures(p, out, todo.requests)


def _figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a request that one fleet serves."""
    replica = todo.replica
    assert not isinstance(replica, NoFit)
    out = replica.speed(p)
    if todo.requests:
        out |= fleets.size(todo.fleet, replica.kinds(out), p, todo.bound)
        out["usd_per_month"] = out["usd_per_hour_fleet"] * HOURS_PER_MONTH
        out["usd_per_day"] = out["usd_per_hour_fleet"] * 24.0
        out["usd_per_request"] = out["usd_per_day"] / p["requests"]
        machine_hours = out["gpus_mean"] * 24.0 / p["requests"]
    else:
        out["utilization"] = out["planned_utilization"] = todo.fleet.planned(p, todo.bound)
        machine_hours = fleets.gpu_seconds(replica.kinds(out)) / SECONDS_PER_HOUR / out["utilization"]
        out["usd_per_request"] = machine_hours * p["price"]
    if todo.question.owned is not None:
        out["own_usd_per_hour"] = todo.fleet.terms.reserved_price(p) if todo.fleet.mixed else p["price"]
    out |= _token_prices(p, out, todo.phase)
    return out if todo.place is None else out | _energy(todo, todo.place, p, out, machine_hours)


def load(todo: Plan, p: Mapping[str, Any], out: Mapping[str, Any]) -> tuple[Any, Any]:
    """Arrivals at the peak over what the replicas that meet them can do [-], and how many those are [-].

    Without traffic: the stated load, of one replica. `p` and `out` are the numbers and figures of the model alone.
    """
    if not todo.requests:
        return todo.fleet.load(p, todo.bound), 1.0
    working = out["replicas"] / todo.fleet.regions - todo.fleet.spares
    each = out["requests_per_second_peak"] / todo.fleet.regions / working
    return each / out["requests_per_second_per_replica"], working


def latencies(todo: Plan, p: Mapping[str, Any], out: Mapping[str, Any], quantiles: bool = True) -> dict[str, Any]:
    """TPOT and TTFT at the load, from the numbers `p` and the figures they give: at the peak, of random arrivals.

    A batch that was said, or that ends together, is as full as it was said to be: its latencies stand.
    """
    replica, applied = todo.replica, todo.question.applied
    assert not isinstance(replica, NoFit)
    server, out = replica.server(), out.get("own", out)
    if server is None:
        return {name: out[full] for name, full in STANDING.items() if full in out}
    if applied is not None:
        p = applied.reaching(p)
    return serving_load.latencies(server, p, *load(todo, p, out), quantiles)


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
