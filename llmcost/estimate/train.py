"""`train`: FLOPs -> accelerator-hours -> days, dollars, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmcost import units
from llmcost.catalog import Catalog, presets_date, source_of
from llmcost.engine import energy, goodput
from llmcost.engine import transformer as tf
from llmcost.engine.spread import Spread, median
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate import bill as billing
from llmcost.estimate import sampling, steps
from llmcost.estimate.place import Place, place
from llmcost.estimate.question import Origin, Question, origin_of
from llmcost.estimate.subject import Chip, Subject, chip, dtype_of, peak_flops, subject
from llmcost.result import CostRow, Estimate
from llmcost.scenario import Scenario

NATIVE_DTYPES = ("bf16", "fp16", "fp8")  # a model released in another format was not trained in it
SECONDS_PER_HOUR = 3600.0
CALIBRATION = "calibration/mfu.toml"
GIVEN_WORK = ("gpu_hours", "training_flops", "tokens", "model", "params", "params_active")


class Plan(NamedTuple):
    """A training question with its values taken: what the figures below need besides the numbers."""

    question: Question
    model: Subject | None
    device: Chip | None
    place: Place | None
    flops_known: bool
    hours_given: bool
    gpus: float | None
    bill: billing.Bill
    predicted: steps.Predicted | None = None


def train(scenario: Scenario, catalog: Catalog) -> Estimate:
    """What a training run costs.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said; each with the next command.
    """
    question = Question(scenario, catalog, "train")
    todo = plan(question)
    if todo.predicted is not None and not todo.predicted.fits:
        return _refusal(todo, todo.predicted)
    samples, seed = sampling.settings(question)
    centre, spread = sampling.evaluate(lambda p: figures(todo, p), question.numbers, samples, seed)
    return _estimate(todo, centre, spread)


def plan(question: Question) -> Plan:
    """Take every value the figures need; explain what is missing."""
    if not question.scenario.has(*GIVEN_WORK):
        raise LlmcostError("nothing to train: give --model and --tokens, or --gpu-hours", "llmcost train --help")
    model = subject(question)
    device = chip(question)
    gpus = question.said("gpus")
    hours = question.number("gpu_hours")
    flops_known = _take_flops(question, model, needed=hours is None)
    predicted = _take_time(question, model, device, gpus) if hours is None else None
    where = place(question, device) if device is not None else None
    if device is None:
        question.warn("W030", "energy and carbon are not known without an accelerator", "--hardware h100-sxm")
    count = None if gpus is None else float(gpus)
    bill = billing.take(question, device, where, count)
    return Plan(question, model, device, where, flops_known, hours is not None, count, bill, predicted)


def _take_flops(question: Question, model: Subject | None, needed: bool) -> bool:
    """Model FLOPs of the run: given, or from architecture and tokens."""
    if question.number("training_flops") is not None:
        return True
    tokens = question.number("tokens")
    if tokens is None and model is not None and model.preset is not None and model.preset.training_tokens:
        assert model.found is not None
        source = source_of(model.preset, "training_tokens")
        tokens = question.remember("tokens", model.preset.training_tokens, origin_of(model.found, source))
    if model is None or tokens is None:
        if needed:
            raise question.need("tokens" if model else "model", "the work of the run is parameters x tokens")
        return False
    if model.params_active is not None:
        question.numbers["params_active"] = model.params_active
        return True
    per_token = float(tf.training_flops_per_token(model.shape, steps.sequence_length(question, model)))
    question.numbers["flops_per_token"] = per_token
    return True


def _take_time(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None
) -> steps.Predicted | None:
    """Peak, MFU and goodput: given, predicted from the layout, or calibrated."""
    if device is None:
        raise question.need("hardware", "time follows from the accelerator's peak")
    dtype = dtype_of(question, model, NATIVE_DTYPES, "bf16") if model else str(question.said("dtype") or "bf16")
    if dtype not in steps.PRECISION:
        raise LlmcostError(
            f"--dtype {dtype} is not a training format: one of {', '.join(steps.PRECISION)}", "--dtype bf16"
        )
    peak, runs_in = peak_flops(question, device, dtype)
    question.numbers["peak_flops"] = peak
    predicted = _predict(question, model, device, gpus, runs_in)
    if question.number("mfu") is None and predicted is not None:
        question.remember("mfu", predicted.mfu, Origin("computed", steps.SOURCE, None, "measured"), "share")
    elif "mfu" not in question.numbers:
        row = _mfu_row(question.catalog, device.preset.generation, "moe" if model and model.moe else "dense", runs_in)
        value = Spread(row["p5"], row["median"], row["p95"], "logitnormal")
        question.remember(
            "mfu",
            value,
            Origin("default", f"{row['address']}: {row['note']}", str(row["date"]), row["confidence"]),
            "share",
        )
    if question.number("goodput") is None:
        _take_goodput(question, gpus)
    return predicted


def _predict(
    question: Question, model: Subject | None, device: Chip, gpus: int | None, dtype: str
) -> steps.Predicted | None:
    """The predicted step, when there is a model to predict it from and a number of accelerators to lay it out on."""
    if model is None or gpus is None or question.scenario.has("mfu"):
        return None
    return steps.predict(question, model, device, gpus, steps.sequence_length(question, model), dtype)


def _mfu_row(catalog: Catalog, generation: str, model_class: str, precision: str) -> Mapping[str, Any]:
    rows = catalog.table("mfu", "mfu")
    for wanted in (
        (generation, model_class, precision),
        (generation, model_class, "any"),
        (generation, "any", "any"),
        ("any", model_class, "any"),
        ("any", "any", "any"),
    ):
        for row in rows:
            if (row["generation"], row["model_class"], row["precision"]) == wanted:
                return row
    raise KeyError("calibration/mfu.toml has no row for any generation")


def _take_goodput(question: Question, gpus: int | None) -> None:
    """Failures, checkpoints and restarts, by the number of accelerators."""
    if gpus is None:
        factor = question.factor("goodput", "goodput_unknown_size")
        question.remember("goodput", factor.value, factor.origin, "share")
        question.warn("W031", "the run's length and its failures need a number of accelerators", "--gpus 1024")
        return
    for name in ("gpu_hours_per_failure", "checkpoint_seconds", "restart_seconds"):
        factor = question.factor("goodput", name)
        question.remember(name, factor.value, factor.origin, "h" if name.startswith("gpu") else "s")
    question.numbers["gpus"] = float(gpus)


def figures(todo: Plan, p: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of the answer from the numbers `p`, floats or samples alike."""
    out: dict[str, Any] = {}
    if todo.flops_known:
        out["training_flops"] = _flops(p)
    if todo.hours_given:
        out["gpu_hours"] = p["gpu_hours"]
        if todo.gpus:
            out["duration_seconds"] = p["gpu_hours"] * SECONDS_PER_HOUR / todo.gpus
    else:
        out["mfu"] = p["mfu"]
        out["goodput"] = _goodput(p)
        chip_seconds = out["training_flops"] / (p["peak_flops"] * p["mfu"])
        out["compute_gpu_hours"] = chip_seconds / SECONDS_PER_HOUR
        out["gpu_hours"] = out["compute_gpu_hours"] / out["goodput"]
        if todo.gpus:
            out["compute_seconds"] = chip_seconds / todo.gpus
            out["duration_seconds"] = out["compute_seconds"] / out["goodput"]
    if todo.place is not None:
        out["energy_kwh"] = todo.place.energy_kwh(out["gpu_hours"], p)
        out["electricity_usd"] = out["energy_kwh"] * p["electricity_price"]
        out["co2e_kg"] = energy.co2e_kg(out["energy_kwh"], p["carbon_intensity"])
    return out | todo.bill.totals(p, out) | todo.bill.surroundings(p, out)


def _flops(p: Mapping[str, Any]) -> Any:
    if "training_flops" in p:
        return p["training_flops"]
    if "flops_per_token" in p:
        return p["flops_per_token"] * p["tokens"]
    return 6.0 * p["params_active"] * p["tokens"]


def _goodput_formula(p: Mapping[str, Any]) -> str:
    if "goodput" in p:
        return "given"
    stops = f"checkpoint {p['checkpoint_seconds']:.0f} s, restart {p['restart_seconds']:.0f} s"
    return f"Daly's expected time, {p['gpu_hours_per_failure']:,.0f} GPU-hours per failure, {stops}"


def _goodput(p: Mapping[str, Any]) -> Any:
    if "goodput" in p:
        return p["goodput"]
    mtbf = p["gpu_hours_per_failure"] * SECONDS_PER_HOUR / p["gpus"]
    return goodput.goodput(mtbf, p["checkpoint_seconds"], p["restart_seconds"])


def breakdown(todo: Plan, centre: Mapping[str, Any]) -> list[CostRow]:
    """Quantity x rate rows; they add up to `total_usd`."""
    rows = todo.bill.rows(sampling.central(todo.question.numbers), centre)
    return [CostRow(r.name, float(r.quantity), r.unit, float(r.rate_usd), float(r.quantity * r.rate_usd)) for r in rows]


def _estimate(todo: Plan, centre: dict[str, Any], spread: dict[str, Any]) -> Estimate:
    question = todo.question
    _explain(todo, centre)
    result = {key: centre.get(key) for key in RESULT_KEYS}
    result["gpus"] = todo.gpus
    result["tokens"] = median(question.numbers["tokens"]) if "tokens" in question.numbers else None
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
    """Where the step's time goes, and where the energy goes."""
    found = {} if todo.predicted is None else {"step": todo.predicted.rows()}
    if todo.place is not None:
        found["energy"] = todo.place.rows(centre["gpu_hours"], sampling.central(todo.question.numbers))
    return found


def refusal(todo: Plan) -> Estimate | None:
    """The answer when nothing fits; None when something does."""
    return None if todo.predicted is None or todo.predicted.fits else _refusal(todo, todo.predicted)


def _refusal(todo: Plan, no: steps.Predicted) -> Estimate:
    """Nothing fits: what is missing, and how many accelerators would do."""
    name = todo.model.name if todo.model else "this run"
    chips = todo.device.found.name if todo.device else "accelerators"
    tail = f"; the smallest count that fits is {no.smallest_gpus:,}" if no.smallest_gpus else ""
    lacks = f"{no.found.missing_bytes / 1e9:.1f} GB missing on each"
    reason = f"training {name} does not fit on {no.gpus:,} {chips}: {lacks}{tail}"
    result: dict[str, Any] = {
        "feasible": False,
        "reason": reason,
        "missing_bytes": no.found.missing_bytes,
        "smallest_gpus": no.smallest_gpus,
    }
    return Estimate(
        command="train",
        headline=reason[:1].upper() + reason[1:] + ".",
        result=result,
        inputs=todo.question.inputs,
        warnings=todo.question.warnings,
        presets=presets_date(todo.question.catalog),
        exit_code=int(Exit.NO),
    )


RESULT_KEYS = (
    "total_usd", "run_usd", "program_usd", "gpu_hours", "compute_gpu_hours", "duration_seconds", "compute_seconds",
    "training_flops", "mfu", "goodput", "energy_kwh", "electricity_usd", "power_watts", "co2e_kg", "embodied_co2e_kg",
    "water_litres", "homes_year", "cars_year",
)  # fmt: skip


def _headline(todo: Plan, centre: Mapping[str, Any], spread: Mapping[str, Any]) -> str:
    name = todo.model.name if todo.model else "this run"
    what = f"Training {name}" if todo.bill.scope == billing.RUN else f"The programme around training {name}"
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
    if "flops_per_token" in p:
        q.step(
            "model FLOPs per token",
            "6 x matmul parameters + 3 x attention at the mean causal context",
            p["flops_per_token"],
            "FLOP",
            "docs/method.md, transformer; Kaplan et al. 2020, arXiv:2001.08361, section 2.1",
        )
    if todo.flops_known:
        formula = (
            "FLOPs per token x tokens"
            if "flops_per_token" in p
            else "given"
            if "training_flops" in p
            else "6 x parameters x tokens"
        )
        q.step(
            "training FLOPs", formula, c["training_flops"], "FLOP", "Kaplan et al. 2020, arXiv:2001.08361, section 2.1"
        )
    if not todo.hours_given:
        q.step(
            "compute GPU-hours",
            f"training FLOPs / (peak {p['peak_flops']:.4g} FLOP/s x MFU {p['mfu']:.3f}) / 3600",
            c["compute_gpu_hours"],
            "h",
            "docs/method.md, training",
        )
        q.step("goodput", _goodput_formula(p), c["goodput"], "share", "Daly 2006, doi:10.1016/j.future.2004.11.016")
        q.step("billed GPU-hours", "compute GPU-hours / goodput", c["gpu_hours"], "h", "docs/method.md, training")
    if todo.place is not None:
        todo.place.explain(q, c["energy_kwh"], c["co2e_kg"], p)
    todo.bill.explain(q, p, c)
    todo.bill.explain_surroundings(q, p, c)
