"""`train`: FLOPs -> accelerator-hours -> days, dollars, energy, carbon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.numeric.spread import median
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.memory_parts import memory_rows
from llmcost.estimate.asking.no_fit import CONFIDENCE, NoFit, refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import TrainingFigures
from llmcost.estimate.money import unpriced
from llmcost.estimate.training import bill as billing
from llmcost.estimate.training import keeping, methods, published, throughput
from llmcost.estimate.training.plan import Run, read_run
from llmcost.result import Estimate, Range, cells
from llmcost.scenario import Scenario
from llmcost.terms import TRAIN, results


def train(
    scenario: Scenario, catalog: Catalog, solve: str | None = None, at: str | None = None, confidence: str | None = None
) -> Estimate:
    """What a training run costs; with `at`, the chance that it ends by then; with `solve`, the accelerators for it.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said; each with the next command.
    """
    if solve is not None or at is not None or confidence is not None:
        from llmcost.estimate.training import deadline

        said = deadline.Deadline(solve, at, confidence)
        turned = deadline.chance if solve is None else deadline.solve
        return turned(scenario, catalog, said, lambda one: train(one, catalog))
    question = Question(scenario, catalog, "train")
    run = read_run(question)
    if isinstance(run, NoFit):
        return refusal(run, question, "train")
    centre, spreads = sampling.evaluate(run.figures, question)
    answer = _estimate(run, centre, *spreads)
    return answer if question.priced else unpriced.without_dollars(answer, _time(run, centre))


def _time(run: Run, centre: TrainingFigures) -> str:
    """The headline where no rate is known."""
    name = run.model.name if run.model else "this run"
    text = (
        f"{_sentence(f'{run.method.verb} {name}')} takes {units.format('count', float(centre['gpu_hours']))} GPU-hours"
    )
    return text + _duration(run, centre)


def _estimate(run: Run, centre: TrainingFigures, spread: dict[str, Range], at_price: dict[str, Range]) -> Estimate:
    question = run.question
    _explain(run, centre)
    figures = cells(centre)
    result = {term.name: figures.get(term.name) for term in results(TRAIN)}
    if "run_mfu" in centre:  # one phase has no other
        result["run_mfu"] = figures["run_mfu"]
    result["gpus"] = run.gpus
    if result["tokens"] is None and "tokens" in question.numbers:
        result["tokens"] = median(question.numbers["tokens"])
    result["method"] = run.method.name
    result["cost_definition"] = run.bill.definition
    result["scope"] = run.bill.scope
    result |= published.beside(run, float(centre["gpu_hours"]))
    billed = published.like_it(run, float(centre["compute_gpu_hours"])) if "compute_gpu_hours" in centre else None
    if billed is not None:
        result["campaign_gpu_hours"] = billed.p50
        spread = {**spread, "campaign_gpu_hours": billed}
    if run.predicted is not None:
        result |= cells(run.predicted.facts())
        chance = run.predicted.fits_probability
        if run.method.declared.pretrains and chance < CONFIDENCE and question.stated("fit_confidence") is None:
            keeping.tight(
                question, f"this layout fits with a chance of {chance:.0%}; --fit-confidence 90% takes a surer one"
            )
        held = run.predicted.found.best.memory
        low, middle, high = (float(held.total_bytes + z * held.spread_bytes) for z in (-Z95, 0.0, Z95))
        spread = {**spread, "memory_bytes_per_gpu": Range(low, middle, high)}
    return Estimate(
        command="train",
        headline=_headline(run, centre, spread | at_price),
        result=result,
        ranges=spread,
        ranges_at_price=at_price,
        breakdown=run.breakdown(centre),
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        presets=presets_date(question.catalog),
        arrays=_arrays(run, centre),
    )


def _arrays(run: Run, centre: TrainingFigures) -> dict[str, Sequence[object]]:
    """Where the step's time and the memory go, what the phases take, and where the energy goes."""
    found: dict[str, Sequence[object]] = {}
    if run.predicted is not None and run.device is not None:
        found = {"step": run.predicted.rows(), "memory": memory_rows(run.device, run.predicted.memory(run.method))}
    if run.work is not None and len(run.work.phases) > 1:
        found["phases"] = run.work.rows(run.central())
    if run.place is not None:
        found["energy"] = run.place.rows(float(centre["gpu_hours"]), run.central())
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _headline(run: Run, centre: TrainingFigures, spread: Mapping[str, Range]) -> str:
    name = run.model.name if run.model else "this run"
    what = f"{run.method.verb} {name}"
    what = _sentence(what) if run.bill.scope == billing.RUN else f"The programme around {what}"
    parts = [f"{what} costs {units.format('usd', float(centre['total_usd']))}"]
    if "total_usd" in spread:
        r = spread["total_usd"]
        parts.append(f" ({units.format_range('usd', r.p5, r.p95)})")
    parts.append(f": {units.format('count', float(centre['gpu_hours']))} GPU-hours")
    return "".join(parts) + _duration(run, centre) + "."


def _duration(run: Run, centre: TrainingFigures) -> str:
    if centre.get("duration_seconds") is None or not run.gpus:
        return ""
    chips = run.device.found.name if run.device else "accelerators"
    return f", {units.format('seconds', float(centre['duration_seconds']))} on {run.gpus:,.0f} {chips}"


def _explain(run: Run, c: TrainingFigures) -> None:
    """The chain of steps, each with its values and source."""
    q, p = run.question, run.central()
    if run.work is not None:
        methods.explain(q, run.method, run.work, p, c)
    if run.predicted is not None:
        run.predicted.explain(q)
    if not run.hours_given:
        used = f"MFU of the run {c['run_mfu']:.3f}" if "run_mfu" in c else f"MFU {c['mfu']:.3f}"
        q.step(
            "compute GPU-hours",
            f"training FLOPs / ({run.peak_format} peak {p['peak_flops']:.4g} FLOP/s x {used}) / 3600",
            c["compute_gpu_hours"],
            "h",
            "docs/method.md, training",
        )
        daly = "Daly 2006, doi:10.1016/j.future.2004.11.016"
        q.step("goodput", throughput.goodput_formula(p), c["goodput"], "share", daly)
        q.step(
            "billed GPU-hours",
            f"compute GPU-hours / goodput x overhead {p['overhead']:.2f}",
            c["gpu_hours"],
            "h",
            "docs/method.md, training",
        )
    if run.place is not None:
        run.place.explain(q, float(c["energy_kwh"]), float(c["co2e_kg"]), p)
    run.bill.explain(q, p, c)
    run.bill.explain_surroundings(q, p, c)
