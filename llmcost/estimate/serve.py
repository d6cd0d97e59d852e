"""`serve`: a replica's speed -> a fleet for the traffic -> dollars per token and request, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine import energy
from llmcost.engine.spread import median
from llmcost.errors import Exit
from llmcost.estimate import prices, sampling
from llmcost.estimate.place import Place, place
from llmcost.estimate.question import Origin, Question
from llmcost.estimate.replica import Replica, choose, given_rate
from llmcost.estimate.serving_lengths import Lengths, lengths
from llmcost.estimate.serving_load import Sizing, idle_seconds, quantiles, size
from llmcost.estimate.serving_options import NoFit, options
from llmcost.estimate.subject import Chip, Subject, chip, subject
from llmcost.result import CostRow, Estimate
from llmcost.scenario import Scenario

if TYPE_CHECKING:
    from llmcost.estimate.serving_disaggregated import Pools
    from llmcost.estimate.serving_prompts import Prompts

SECONDS_PER_DAY = 86_400.0
DAYS_PER_MONTH = 365.25 / 12
HOURS_PER_MONTH = DAYS_PER_MONTH * 24
CALIBRATION = "docs/method.md, serving"


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
    question.number("requests_per_user")
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
    requests = question.number("requests") is not None
    question.number("utilization", question.factor("defaults", "utilization"))
    gpus = question.said("gpus")
    price = prices.price(question, device.found.name if device else None)
    replica, colocated = _replicas(question, model, device, gpus, median(price), varied, phase)
    where = place(question, device) if device is not None else None
    sizing = None if isinstance(replica, NoFit) else _sizing(question, replica, requests)
    if isinstance(sizing, NoFit):
        replica, sizing = sizing, None
    if question.applied is not None and not isinstance(replica, NoFit):
        question.applied.refuse_unread(question.scenario)
    return Plan(question, model, device, replica, where, requests, gpus, sizing, colocated, phase)


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


def _sizing(question: Question, replica: Replica | Pools | Prompts, requests: bool) -> Sizing | NoFit | None:
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
    return size(server, p, target, p["requests"] / SECONDS_PER_DAY if requests else None)


def _arriving(question: Question) -> dict[str, float]:
    """Every number at its median, as the replicas of the model see it."""
    p = sampling.central(question.numbers)
    return p if question.applied is None else question.applied.reaching(p)


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    applied = todo.question.applied
    return _figures(todo, p) if applied is None else applied.figures(todo, p, _figures)


def _figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a request that one fleet serves."""
    replica = todo.replica
    assert not isinstance(replica, NoFit)
    out = replica.speed(p)
    used = p["utilization"] if todo.sizing is None else np.minimum(p["utilization"], todo.sizing.bound)
    if todo.requests:
        demand = p["requests"] / SECONDS_PER_DAY
        out |= replica.fleet(out, demand, used)
        out["usd_per_month"] = out["gpus"] * p["price"] * HOURS_PER_MONTH
        out["usd_per_day"] = out["gpus"] * p["price"] * 24.0
        out["usd_per_request"] = out["usd_per_day"] / p["requests"]
        machine_hours = out["gpus"] * 24.0 / p["requests"]
    else:
        machine_hours = replica.gpu_seconds(out) / 3600.0 / used
        out["usd_per_request"] = machine_hours * p["price"]
    out["utilization"] = used
    out |= _token_prices(p, out, todo.phase)
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
    "replicas", "utilization", "tpot_seconds", "ttft_seconds", "input_tokens_per_second", "output_tokens_per_second",
    "requests_per_second_per_replica", "prefill_share", "wh_per_request", "co2e_kg_per_request",
    "electricity_usd_per_request", "energy_kwh_per_month", "co2e_kg_per_month",
)  # fmt: skip
PRICED = {
    "usd_per_mtok_output": "of output", "usd_per_mtok_blended": "of input and output", "usd_per_mtok_input": "of input",
}  # fmt: skip
WHEN_ASKED = (
    "usd_per_user_month",
    "prefill_gpus",
    "decode_gpus",
    "input_tokens_per_second",
)  # no rows of nulls where nobody asked


def _estimate(todo: Plan, c: dict[str, Any], spread: dict[str, Any]) -> Estimate:
    question, replica = todo.question, todo.replica
    assert not isinstance(replica, NoFit)
    result: dict[str, Any] = {key: _plain(c.get(key)) for key in RESULT_KEYS if key in c or key not in WHEN_ASKED}
    result |= replica.facts()
    p = _arriving(question)
    server = replica.queue()
    if todo.requests and server is not None:
        result |= quantiles(server, p, p["requests"] / SECONDS_PER_DAY, float(c["replicas"]))
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
    arrays = {"front": list(replica.front)} if replica.front else {}
    rows = breakdown(todo, c)
    _explain(todo, c.get("own", c), p)
    if question.applied is not None:
        more, listed, beside = question.applied.answer(question, replica, c)
        result, arrays, rows = result | more, arrays | listed, rows + beside
    result |= _alternative(todo)
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
        CALIBRATION,
    )
    return {"usd_per_request_colocated": float(c["usd_per_request"]), "gpus_colocated": _plain(c.get("gpus"))}


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def breakdown(todo: Plan, c: Mapping[str, Any]) -> list[CostRow]:
    """The fleet's rental for a month of traffic; without traffic there is no bill to break down."""
    if not todo.requests:
        return []
    price = median(todo.question.numbers["price"])
    named = {"prefill_gpus": "prefill pool rental, a month", "decode_gpus": "decode pool rental, a month"}
    rows = {k: v for k, v in named.items() if k in c} or {"gpus": "accelerator rental, a month"}
    hours = {k: float(c[k]) * HOURS_PER_MONTH for k in rows}
    return [CostRow(name, hours[k], "GPU-hour", price, hours[k] * price) for k, name in rows.items()]


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
    if not r["feasible"]:
        text += f"; {r['reason']}"
    return text + "."


def _explain(todo: Plan, c: Mapping[str, Any], p: Mapping[str, float]) -> None:
    q = todo.question
    replica = todo.replica
    assert not isinstance(replica, NoFit)
    replica.explain(q, c)
    if "output_tokens_per_second" in c:
        formula = f"{float(c['output_tokens_per_second']):.4g} output tokens/s / {p['osl']:.0f} per request"
    else:
        formula = f"{float(c['input_tokens_per_second']):.4g} input tokens/s / uncached tokens of a request"
    rate = float(c["requests_per_second_per_replica"])
    q.step("requests per second of a replica", formula, rate, "1/s", CALIBRATION)
    _explain_fleet(todo, c, p)
    if c.get("prefill_share") is not None:
        q.step(
            "output price",
            f"cost per request x (1 - prefill share {float(c['prefill_share']):.3f}"
            f" - cached share {float(c.get('cached_share', 0.0)):.3f}) / {p['osl']:.0f} tokens",
            float(c["usd_per_mtok_output"]),
            "USD/Mtok",
            "docs/method.md, serving",
        )
    if todo.place is not None:
        todo.place.explain(q, float(c["kwh_per_request"]), float(c["co2e_kg_per_request"]), p)


def _explain_fleet(todo: Plan, c: Mapping[str, Any], p: Mapping[str, float]) -> None:
    """From the speed of a replica to the cost of a request."""
    q, replica = todo.question, todo.replica
    assert not isinstance(replica, NoFit)
    if todo.sizing is not None:
        formula = f"highest load of the fleet at which 95 % of requests have a token within {q.said('ttft_p95'):g} s"
        q.step("highest utilisation", formula, todo.sizing.max_utilization, "share", "docs/method-serving.md, queueing")
    if todo.requests:
        capacity = f"{float(c['requests_per_second_per_replica']):.4g} x utilisation {float(c['utilization']):.2f}"
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
            f"{float(replica.gpu_seconds(c)):.4g} accelerator-seconds / 3600 x {p['price']:.4g} USD/h"
            f" / utilisation {float(c['utilization']):.2f}",
            float(c["usd_per_request"]),
            "USD",
            "docs/method.md, prices",
        )
