"""`train`: FLOPs -> accelerator-hours -> days, dollars, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit, refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.training import bill as billing
from llmcost.estimate.training import methods, pace
from llmcost.estimate.training.plan import Run, plan
from llmcost.result import Estimate
from llmcost.scenario import Scenario
from llmcost.terms import TRAIN, results


def train(scenario: Scenario, catalog: Catalog, solve: str | None = None, at: str | None = None) -> Estimate:
    """What a training run costs; with `solve` and `at`, on as many accelerators as it needs to end by then.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said; each with the next command.
    """
    if solve is not None:
        from llmcost.estimate.training import deadline

        return deadline.solve(scenario, catalog, solve, at, lambda one: train(one, catalog))
    if at is not None:
        raise LlmcostError("--at without --solve: what is to be found?", "--solve gpus --at 30d")
    question = Question(scenario, catalog, "train")
    todo = plan(question)
    if isinstance(todo, NoFit):
        return refusal(todo, question, "train")
    samples, seed = sampling.settings(question)
    centre, spread = sampling.evaluate(todo.figures, question.numbers, samples, seed)
    return _estimate(todo, centre, spread)


def _estimate(todo: Run, centre: dict[str, Any], spread: dict[str, Any]) -> Estimate:
    question = todo.question
    _explain(todo, centre)
    result = {term.name: centre.get(term.name) for term in results(TRAIN)}
    if "run_mfu" in centre:  # one phase has no other
        result["run_mfu"] = centre["run_mfu"]
    result["gpus"] = todo.gpus
    if result["tokens"] is None and "tokens" in question.numbers:
        result["tokens"] = median(question.numbers["tokens"])
    result["method"] = todo.method.name
    result["cost_definition"] = todo.bill.definition
    result["scope"] = todo.bill.scope
    if todo.predicted is not None:
        result |= todo.predicted.facts()
    return Estimate(
        command="train",
        headline=_headline(todo, centre, spread),
        result=result,
        ranges=spread,
        breakdown=todo.breakdown(centre),
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        presets=presets_date(question.catalog),
        arrays=_arrays(todo, centre),
    )


def _arrays(todo: Run, centre: Mapping[str, Any]) -> dict[str, Any]:
    """Where the step's time goes, what the phases take, and where the energy goes."""
    found = {} if todo.predicted is None else {"step": todo.predicted.rows()}
    if todo.work is not None and len(todo.work.phases) > 1:
        found["phases"] = todo.work.rows(sampling.central(todo.question.numbers))
    if todo.place is not None:
        found["energy"] = todo.place.rows(centre["gpu_hours"], sampling.central(todo.question.numbers))
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _headline(todo: Run, centre: Mapping[str, Any], spread: Mapping[str, Any]) -> str:
    name = todo.model.name if todo.model else "this run"
    what = f"{todo.method.verb} {name}"
    what = _sentence(what) if todo.bill.scope == billing.RUN else f"The programme around {what}"
    parts = [f"{what} costs {units.format('usd', centre['total_usd'])}"]
    if "total_usd" in spread:
        r = spread["total_usd"]
        parts.append(f" ({units.format_range('usd', r.p5, r.p95)})")
    parts.append(f": {units.format('count', centre['gpu_hours'])} GPU-hours")
    if centre.get("duration_seconds") is not None and todo.gpus:
        chips = f" {todo.device.found.name}" if todo.device else " accelerators"
        parts.append(f", {units.format('seconds', centre['duration_seconds'])} on {todo.gpus:,.0f}{chips}")
    return "".join(parts) + "."


def _explain(todo: Run, c: Mapping[str, Any]) -> None:
    """The chain of steps, each with its values and source."""
    q, p = todo.question, {k: median(v) for k, v in todo.question.numbers.items()}
    if todo.work is not None:
        methods.explain(q, todo.method, todo.work, p, c)
    if not todo.hours_given:
        used = f"MFU of the run {c['run_mfu']:.3f}" if "run_mfu" in c else f"MFU {c['mfu']:.3f}"
        q.step(
            "compute GPU-hours",
            f"training FLOPs / (peak {p['peak_flops']:.4g} FLOP/s x {used}) / 3600",
            c["compute_gpu_hours"],
            "h",
            "docs/method.md, training",
        )
        q.step("goodput", pace.goodput_formula(p), c["goodput"], "share", "Daly 2006, doi:10.1016/j.future.2004.11.016")
        q.step(
            "billed GPU-hours",
            f"compute GPU-hours / goodput x overhead {p['overhead']:.2f}",
            c["gpu_hours"],
            "h",
            "docs/method.md, training",
        )
    if todo.place is not None:
        todo.place.explain(q, c["energy_kwh"], c["co2e_kg"], p)
    todo.bill.explain(q, p, c)
    todo.bill.explain_surroundings(q, p, c)
