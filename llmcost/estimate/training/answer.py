"""`train`: FLOPs -> accelerator-hours -> days, dollars, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmcost import units
from llmcost.catalog import Catalog, presets_date, source_of
from llmcost.engine.money import energy
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR
from llmcost.engine.numeric.spread import median
from llmcost.errors import Exit, LlmcostError, Missing
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Origin, Question, origin_of
from llmcost.estimate.asking.subject import Chip, Subject, chip, subject
from llmcost.estimate.money.place import Place, place
from llmcost.estimate.training import bill as billing
from llmcost.estimate.training import methods, pace
from llmcost.estimate.training import step as steps
from llmcost.result import CostRow, Estimate
from llmcost.scenario import Scenario
from llmcost.terms import TRAIN, results

TOKENS = ("tokens", "rollout_tokens")
GIVEN_WORK = ("gpu_hours", "training_flops", *TOKENS, "model", "params", "params_active")


class Plan(NamedTuple):
    """A training question with its values taken: what the figures below need besides the numbers."""

    question: Question
    model: Subject | None
    device: Chip | None
    place: Place | None
    method: methods.Method
    work: methods.Work | None  # None: neither given nor computable
    hours_given: bool
    gpus: float | None
    bill: billing.Bill
    predicted: steps.Predicted | None = None
    misfit: steps.Predicted | None = None  # the phase that does not fit


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
    refused = refusal(todo)
    if refused is not None:
        return refused
    samples, seed = sampling.settings(question)
    centre, spread = sampling.evaluate(lambda p: figures(todo, p), question.numbers, samples, seed)
    return _estimate(todo, centre, spread)


def plan(question: Question) -> Plan:
    """Take every value the figures need; explain what is missing."""
    if not question.scenario.has(*GIVEN_WORK):
        raise Missing("nothing to train: give --model and --tokens, or --gpu-hours", "llmcost train --help")
    # beside given hours a size does nothing without tokens; what is not taken is refused
    sized = question.scenario.has("model", *TOKENS) or question.scenario.peek("gpu_hours", question.side) is None
    model = subject(question) if sized else None
    hours = question.number("gpu_hours")
    device = chip(question, predicted=hours is None)
    gpus = question.said("gpus")
    method = methods.take(question, model)
    work = _take_work(question, model, method, needed=hours is None)
    timed = pace.Timed(work)
    if hours is None:
        assert work is not None
        timed = pace.take_time(question, pace.Asked(model, device, gpus, method), work)
    where = place(question, device) if device is not None else None
    if device is None:
        question.warn("W030", "energy and carbon are not known without an accelerator", "--hardware h100-sxm")
    count = None if gpus is None else float(gpus)
    bill = billing.take(question, device, where, count)
    return Plan(question, model, device, where, method, timed.work, hours is not None, count, bill, *timed[1:])


def _take_work(question: Question, model: Subject | None, method: methods.Method, needed: bool) -> methods.Work | None:
    """Model FLOPs of the run: given, or from architecture and tokens."""
    if question.number("training_flops") is not None:
        if method.name == methods.RL:
            raise question.need("rollout_tokens", "rollouts and updates take different time, so FLOPs do not do")
        _take_tokens(question, model, method)
        return methods.Work((methods.Phase("training", ()),))
    key = _take_tokens(question, model, method)
    if model is None or key not in question.numbers:
        if needed:
            raise question.need(key if model else "model", "the work of the run is parameters x tokens")
        return None
    # with a count of parameters alone there is no attention to count
    known = model.params_active is None or bool(method.residents)
    seq_len = steps.sequence_length(question, model, method) if known else 0.0
    return methods.work(question, model, method, seq_len)


def _take_tokens(question: Question, model: Subject | None, method: methods.Method) -> str:
    """Tokens, said or those the model was pre-trained on; the key that holds them."""
    if method.name == methods.RL:
        if question.number("rollout_tokens") is None and question.number("tokens") is not None:
            same = Origin("computed", "--tokens, the tokens generated")
            question.remember("rollout_tokens", question.numbers.pop("tokens"), same)
        return "rollout_tokens"
    known = model.preset if model is not None and method.name == methods.PRETRAIN else None
    if question.number("tokens") is None and known is not None and known.training_tokens:
        assert model is not None
        assert model.found is not None
        source = source_of(known, "training_tokens")
        question.remember("tokens", known.training_tokens, origin_of(model.found, source))
    return "tokens"


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    out: dict[str, Any] = {}
    if todo.work is not None:
        out |= todo.work.figures(p)
    if todo.hours_given:
        out["gpu_hours"] = p["gpu_hours"]
        if todo.gpus:
            out["duration_seconds"] = p["gpu_hours"] * SECONDS_PER_HOUR / todo.gpus
    else:
        assert todo.work is not None
        out["goodput"] = pace.goodput_of(p)
        chip_seconds = sum(phase.seconds(p) for phase in todo.work.phases)
        out["mfu"] = p["mfu"]
        if len(todo.work.phases) > 1:
            out["run_mfu"] = out["training_flops"] / (p["peak_flops"] * chip_seconds)
        out["compute_gpu_hours"] = chip_seconds / SECONDS_PER_HOUR
        out["gpu_hours"] = out["compute_gpu_hours"] / out["goodput"] * p["overhead"]
        if todo.gpus:
            out["compute_seconds"] = chip_seconds / todo.gpus
            out["duration_seconds"] = out["compute_seconds"] / out["goodput"] * p["overhead"]
    if todo.place is not None:
        out["energy_kwh"] = todo.place.energy_kwh(out["gpu_hours"], p)
        out["electricity_usd"] = out["energy_kwh"] * p["electricity_price"]
        out["co2e_kg"] = energy.co2e_kg(out["energy_kwh"], p["carbon_intensity"])
    return out | todo.bill.totals(p, out) | todo.bill.surroundings(p, out)


def breakdown(todo: Plan, centre: Mapping[str, Any]) -> list[CostRow]:
    """Quantity x rate rows; they add up to `total_usd`."""
    rows = todo.bill.rows(sampling.central(todo.question.numbers), centre)
    return [CostRow(r.name, float(r.quantity), r.unit, float(r.rate_usd), float(r.quantity * r.rate_usd)) for r in rows]


def _estimate(todo: Plan, centre: dict[str, Any], spread: dict[str, Any]) -> Estimate:
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
        breakdown=breakdown(todo, centre),
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        presets=presets_date(question.catalog),
        arrays=_arrays(todo, centre),
    )


def _arrays(todo: Plan, centre: Mapping[str, Any]) -> dict[str, Any]:
    """Where the step's time goes, what the phases take, and where the energy goes."""
    found = {} if todo.predicted is None else {"step": todo.predicted.rows()}
    if todo.work is not None and len(todo.work.phases) > 1:
        found["phases"] = todo.work.rows(sampling.central(todo.question.numbers))
    if todo.place is not None:
        found["energy"] = todo.place.rows(centre["gpu_hours"], sampling.central(todo.question.numbers))
    return found


def refusal(todo: Plan) -> Estimate | None:
    """The answer when nothing fits; None when something does."""
    return None if todo.misfit is None else _refusal(todo, todo.misfit)


def _refusal(todo: Plan, no: steps.Predicted) -> Estimate:
    """Nothing fits: what is missing, and how many accelerators would do."""
    name = todo.model.name if todo.model else "this run"
    chips = todo.device.found.name if todo.device else "accelerators"
    tail = f"; the smallest count that fits is {no.smallest_gpus:,}" if no.smallest_gpus else ""
    lacks = f"{no.found.missing_bytes / 1e9:.1f} GB missing on each"
    reason = f"{todo.method.verb} {name} does not fit on {no.gpus:,} {chips}: {lacks}{tail}"
    result: dict[str, Any] = {
        "feasible": False,
        "reason": reason,
        "missing_bytes": no.found.missing_bytes,
        "smallest_gpus": no.smallest_gpus,
    }
    return Estimate(
        command="train",
        headline=_sentence(reason) + ".",
        result=result,
        inputs=todo.question.inputs,
        warnings=todo.question.warnings,
        presets=presets_date(todo.question.catalog),
        exit_code=int(Exit.NO),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _headline(todo: Plan, centre: Mapping[str, Any], spread: Mapping[str, Any]) -> str:
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


def _explain(todo: Plan, c: Mapping[str, Any]) -> None:
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
