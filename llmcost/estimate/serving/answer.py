"""`serve`: a replica's speed -> a fleet for the traffic -> dollars per token and request, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import Exit
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit, refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet import bill
from llmcost.estimate.fleet import plans as offers
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.money import owning as ownership
from llmcost.estimate.money import rent as prices
from llmcost.estimate.money import unpriced
from llmcost.estimate.serving import explain as steps
from llmcost.estimate.serving import priced as unhosted
from llmcost.estimate.serving.hosted import STANDING, Hosted
from llmcost.estimate.serving.latency import at_load
from llmcost.estimate.serving.replicas.replica import Facts, GivenRate
from llmcost.estimate.serving.replicas.together import Together
from llmcost.estimate.serving.supply import read_supply
from llmcost.result import Estimate, Range, Scalar, cells
from llmcost.scenario import Scenario
from llmcost.terms import SERVE, results


def serve(scenario: Scenario, catalog: Catalog) -> Estimate:
    """What serving costs.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said. A model that does not fit, or a target that cannot be
        met, is an answer with exit code 1.
    """
    question = Question(scenario, catalog, "serve")
    service, sold = read_supply(question), offers.read_plans(question)
    if isinstance(service, NoFit):
        return refusal(service, question, "serve")
    if not isinstance(service, Hosted):
        return unhosted.answer(service, question, sold)

    def priced(p: ServingNumbers) -> ServingFigures:
        out = service.figures(p)
        return out | serving_figures(offers.figures(sold, p, out))

    centre, spreads = sampling.evaluate(priced, question)
    answer = _estimate(service, sold, *at_load(service, centre, spreads.whole), spreads.at_price)
    return answer if question.priced else unpriced.without_dollars(answer, _speed(service, answer))


def _speed(service: Hosted, answer: Estimate) -> str:
    """The headline where no rate is known."""
    model = service.model.name if service.model else "this model"
    device = service.device.found.name if service.device else "accelerators"
    parts = [f"Serving {model} on {answer.result.get('gpus_per_replica') or 1} {device}"]
    alone, rate = answer.result.get("tokens_per_second_per_user"), answer.result.get("output_tokens_per_second")
    one = answer.result.get("batch") == 1
    told = [
        f"{units.format('count', float(alone))} tokens/s for one user" if alone else "",
        f"{units.format('count', float(rate))} tokens/s a replica" if rate and not one else "",
    ]
    return ": ".join([*parts, ", ".join(filter(None, told))]).rstrip(": ")


PRICED = {
    "usd_per_mtok_output": "of output", "usd_per_mtok_blended": "of input and output", "usd_per_mtok_input": "of input",
}  # fmt: skip


def _estimate(
    service: Hosted,
    sold: tuple[offers.Offer, ...],
    c: ServingFigures,
    spread: dict[str, Range],
    at_price: dict[str, Range],
) -> Estimate:
    question, replica = service.question, service.replica
    known = [term.name for term in results(SERVE) if term.name in c or not term.asked]
    result: dict[str, Scalar] = {key: _figure(c, key) for key in known}
    if not (service.fleet.follows or service.fleet.mixed):
        del result["gpus_mean"]
    if replica.server() is None:  # a batch that stands: nothing to tell apart from its latencies
        for full in STANDING.values():
            result.pop(full, None)
    facts = replica.facts()
    result |= cells(facts)
    result |= service.model.sizes() if service.model is not None else {}
    p = service.central()
    if service.sizing is not None:
        result["max_utilization"] = service.sizing.max_utilization
    short = _short(service, _figure(c, "gpus"))
    result |= {"feasible": True} if short is None else {"feasible": False, "reason": short}
    arrays: dict[str, Sequence[object]] = {"front": list(replica.front), "memory": replica.memory()}
    arrays = {name: listed for name, listed in arrays.items() if listed}
    rows = bill.breakdown(question, service.fleet, c) if service.requests else []
    steps.explain(service, c.get("own", c), p)
    if service.applied.said:
        more, listed, beside = service.applied.answer(question, replica, c)
        small = service.small
        result |= {} if small is None else {"small_model": small.model.name if small.model else None}
        result, arrays, rows = result | more, arrays | listed, rows + beside
    everyone = serving_numbers(sampling.central(question.numbers))  # techniques answer some of them beside the fleet
    result |= _alternative(service) | _rented(service) | cells(offers.results(sold, everyone, c))
    first = sold[0] if sold else None
    if first is not None and first.users is not None:
        result |= offers.sampled(first, everyone, float(c["usd_per_request"]), sampling.settings(question)[1])
    arrays |= _hours(service, c, p) | offers.arrays(sold, everyone, c, service.figures)
    return Estimate(
        command="serve",
        headline=_headline(service, sold, c, facts, spread | at_price, short),
        result=result,
        ranges={k: v for k, v in spread.items() if k in result},
        ranges_at_price={k: v for k, v in at_price.items() if k in result},
        breakdown=rows,
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        arrays=arrays,
        presets=presets_date(question.catalog),
        exit_code=int(Exit.OK if short is None else Exit.NO),
    )


def _short(service: Hosted, gpus: float | None) -> str | None:
    """Why the accelerators that were given do not carry the traffic; None where they do."""
    if service.fleet_gpus is None or gpus is None or gpus <= service.fleet_gpus:
        return None
    return f"the traffic needs {gpus:,.0f} accelerators, {service.fleet_gpus:,} are given"


def _alternative(service: Hosted) -> dict[str, float | None]:
    """What the same accelerators for both phases would cost, where separate pools were asked for."""
    if isinstance(service.replica, Together | GivenRate) or service.phase:
        return {}
    if service.colocated is None:
        return {"usd_per_request_colocated": None, "gpus_colocated": None}
    p = serving_numbers(sampling.central(service.question.numbers))
    c = service._replace(replica=service.colocated, sizing=None).figures(p)
    service.question.step(
        "one pool for both phases",
        f"{service.colocated.gpus} accelerators a replica, {service.colocated.batch:.0f} requests in flight",
        float(c["usd_per_request"]),
        "USD",
        steps.SOURCE,
    )
    return {"usd_per_request_colocated": float(c["usd_per_request"]), "gpus_colocated": _figure(c, "gpus")}


def _figure(c: ServingFigures, name: str) -> float | None:
    """A figure that may not be there, or not be known."""
    return float(named(c, name)) if c.get(name) is not None else None


def _rented(service: Hosted) -> dict[str, float | None]:
    """What an owned hour costs beside the rented ones."""
    owned = service.fleet.terms.owned
    if owned is None or service.device is None or service.question.there:
        return {}
    return ownership.comparison(owned, prices.rents(service.question, service.device.found.name))


def _hours(service: Hosted, c: ServingFigures, p: ServingNumbers) -> dict[str, Sequence[object]]:
    """The day of the fleet, with its power beside the even power of a training run of the same energy."""
    rows = (
        fleets.hours(service.fleet, service.replica.kinds(c), c, p, service.bound, float(service.seconds(p, c)))
        if service.requests
        else []
    )
    if rows and service.place is not None:
        for row in rows:
            row["power_watts"] = 1000.0 * float(service.place.energy_kwh(row["gpus"], p, min(row["utilization"], 1.0)))
        even = sum(row["power_watts"] for row in rows) / len(rows)
        for row in rows:
            row["even_power_watts"] = even
    return {"hours": rows} if rows else {}


def _headline(
    service: Hosted, sold: tuple[offers.Offer, ...], c: ServingFigures, facts: Facts, spread: Mapping[str, Range],
    short: str | None,
) -> str:  # fmt: skip
    name = service.model.name if service.model else "this model"
    key = next(k for k in PRICED if c.get(k) is not None)
    doing = {"prefill": "Prefill of", "decode": "Decoding of"}.get(service.phase, "Serving")
    text = f"{doing} {name} costs {units.format('usd_per_mtok', float(named(c, key)))} {PRICED[key]}"
    if key in spread:
        text += f" ({units.format_range('usd_per_mtok', spread[key].p5, spread[key].p95)})"
    if "usd_per_mtok_input" in c and key != "usd_per_mtok_input":
        text += f" and {units.format('usd_per_mtok', float(c['usd_per_mtok_input']))} of input"
    text += f", {units.format('usd_per_request', float(c['usd_per_request']))}"
    chips = service.device.found.name if service.device else "accelerators"
    held = _held(chips, facts)
    if "gpus" in c:
        text += f": {float(c['gpus']):,.0f} {chips}, {units.format('usd', float(c['usd_per_month']))} a month"
    text += f", {'a replica ' if 'gpus' in c else ''}on {held}" if held else ""
    if service.question.there:
        text += ", for electricity alone"
    elif c.get("electricity_usd_per_mtok") is not None and not service.question.owns:
        drawn = units.format("usd_per_mtok", float(c["electricity_usd_per_mtok"]))
        text += f"; a machine of your own draws {drawn} of electricity"
    text += offers.sentence(sold, c)
    return f"{text}; {short}." if short else f"{text}."


def _held(chips: str, facts: Facts) -> str:
    """On how many accelerators a replica answers how many requests at once; empty where its batch is not known."""
    many, prompts = facts.get("batch"), facts.get("prefill_gpus_per_replica")
    if not many:
        return ""
    at_once = "for 1 request at once" if many == 1 else f"for up to {many:,.0f} requests at once"
    beside = f", prompts on {prompts:,.0f}," if prompts else ""
    return f"{facts['gpus_per_replica']:,.0f} {chips}{beside} {at_once}"
