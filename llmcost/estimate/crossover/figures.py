"""Training totals, serving rates and their parities, from floats or samples alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost.engine import crossover as engine
from llmcost.estimate import bill as billing
from llmcost.estimate import serve, train
from llmcost.estimate.crossover.sides import Sides
from llmcost.estimate.question import Question
from llmcost.keys import SERVE, TRAIN

BASES = {"usd": "dollars", "kwh": "electricity", "co2e_kg": "carbon"}


def tagged(side: str, question: Question) -> dict[str, Any]:
    """Numbers of a side under names that tell the sides apart."""
    return {f"{side}.{name}": value for name, value in question.numbers.items()}


def streams(numbers: Mapping[str, Any]) -> dict[str, str]:
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
            spent = level(sides, out, basis)
            out[f"{basis}_parity"] = engine.parity_requests(spent, out[f"{basis}_per_request"])
            if "requests" in s:
                out[f"{basis}_days"] = engine.constant_days(spent, out[f"{basis}_per_request"], s["requests"])
    if "requests" in s:
        out["requests_per_day"] = s["requests"]
    return out


def level(sides: Sides, figures: Mapping[str, Any], basis: str) -> Any:
    """What inference has to reach: the final run, or in dollars the programme where that was asked for."""
    if basis == "usd" and sides.scope == billing.PROGRAM:
        return figures["training_usd_program"]
    return figures[f"training_{basis}"]
