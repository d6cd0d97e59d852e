"""How fast a training run goes: peak, MFU and goodput, given, predicted or calibrated."""

from __future__ import annotations

import math
from typing import Any, cast

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import Spread
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, dtype_of, peak_flops
from llmcost.estimate.asking.values import TrainingNumbers, training_numbers
from llmcost.estimate.training import failures, methods, scattered
from llmcost.estimate.training import step as steps
from llmcost.keys.training import CONVENTIONS
from llmcost.records import MfuRow, NamedTuple

CAUSAL, FULL = CONVENTIONS
BLOCKS, SCALED = "mxfp8", ("blackwell", "rubin", "cdna4", "cdna5")  # generations whose units scale blocks of 32
TELLING = 1.1  # full over causal FLOPs from which on the convention of a stated MFU is said
ANY_TOKENS = 1e9  # of a run whose length is not asked: its batch follows from it
NATIVE_DTYPES = ("bf16", "fp16", "fp8")  # a model released in another format was not trained in it


class Setup(NamedTuple):
    """What the time of a run follows from."""

    model: Subject | None
    device: Chip | None
    gpus: int | None
    method: methods.Method


class Timed(NamedTuple):
    """The work with its pace, the predicted step, and the phase that does not fit."""

    work: methods.Work | None
    predicted: steps.Predicted | None = None
    misfit: steps.Predicted | None = None
    peak_format: str = ""  # whose peak the MFU is a share of


def training_dtype(question: Question, model: Subject | None, method: methods.Method) -> str:
    """The format of the matrix products.

    Raises
    ------
    LlmcostError
        A format that nothing is trained in.
    """
    dtype = dtype_of(question, model, NATIVE_DTYPES, "bf16") if model else str(question.stated("dtype") or "bf16")
    if method.declared.adapters and dtype in methods.FROZEN:  # weights are kept so, and computed with in 16 bits
        return "bf16"
    if dtype not in steps.PRECISION:
        raise LlmcostError(
            f"--dtype {dtype} is not a training format: one of {', '.join(steps.PRECISION)}", "--dtype bf16"
        )
    return dtype


def fewest(question: Question, model: Subject, device: Chip, method: methods.Method) -> int | None:
    """The fewest accelerators that hold the run; None where none do, or where the machine is not known well enough."""
    aside = question.aside()
    length = steps.sequence_length(aside, model, method)
    dtype = training_dtype(aside, model, method)
    one = steps.predict(aside, model, device, 1, length, dtype, method, ANY_TOKENS)
    if one is None:
        return None
    return 1 if one.fits else one.smallest_gpus


def read_time(question: Question, asked: Setup, work: methods.Work) -> Timed:
    """Peak, MFU and goodput: given, predicted from the layout, or calibrated."""
    model, device = asked.model, asked.device
    if device is None:
        raise question.need("hardware", "time follows from the accelerator's peak")
    dtype = training_dtype(question, model, asked.method)
    peak, runs_in = peak_flops(question, device, dtype)
    question.keep("peak_flops", peak)
    if dtype == BLOCKS and device.preset.generation not in SCALED:
        chips = "Blackwell, CDNA 4 and later"
        raise LlmcostError(f"{device.found.name} has no {BLOCKS}: its block scales need {chips}", "--dtype fp8")
    timed = _predict(question, asked, device, runs_in, work)._replace(peak_format=runs_in)
    given = question.number("mfu") is not None
    if given:
        timed = timed._replace(work=_counted(question, work))
    if not given and timed.predicted is not None:
        question.sample("mfu", timed.predicted.mfu, Origin("computed", steps.SOURCE, None, "measured"), "share")
    elif not given:
        _warn_of_counts(question, model)
        row = _mfu_row(question.catalog, device.preset.generation, "moe" if model and model.moe else "dense", runs_in)
        value = methods.widened(Spread(row["p5"], row["median"], row["p95"], "logitnormal"), asked.method.spread)
        question.sample(
            "mfu",
            value,
            Origin("default", f"{row['address']}: {row['note']}", str(row["date"]), row["confidence"]),
            "share",
        )
    if not given and not asked.method.declared.measured:
        question.warn(
            "W015",
            f"--method {asked.method.name} is not in the fit: its time follows from that of pre-training and its "
            f"FLOPs, its memory from that of --method {asked.method.declared.kin}",
            "--mfu 35%",
        )
    if question.number("goodput") is None:
        working = asked.gpus if timed.predicted is None else timed.predicted.working
        failures.read(question, working, device.preset.generation)
    else:
        failures.warn_of_given(question)
    question.number("overhead", question.factor("defaults", "overhead"))
    if not asked.method.declared.rollouts:
        return timed
    from llmcost.estimate.training import rollouts

    work_timed = rollouts.timed(question, model, device, asked.gpus, runs_in, asked.method, timed.work)
    return timed._replace(work=work_timed)


def _predict(question: Question, asked: Setup, device: Chip, dtype: str, work: methods.Work) -> Timed:
    """The predicted steps of the phases that train, when there is a model and a number of accelerators."""
    if asked.model is None or asked.gpus is None or question.scenario.has("mfu"):
        return Timed(work)
    trained = [phase for phase in work.phases if phase.trains]
    given = not work.phases[0].tokens  # the FLOPs of the whole run: its batch follows from them
    p = training_numbers(sampling.central(question.numbers))
    tokens = 0.0 if given else sum(float(phase.token_count(p)) for phase in trained)
    first: steps.Predicted | None = None
    paced = {phase.name: phase for phase in work.phases}
    for phase in trained:
        longer = question.stated("long_seq_len") if phase.tokens == ("long_tokens",) else None
        length = longer or steps.sequence_length(question, asked.model, asked.method)
        found = scattered.predict(
            question, asked.model, device, asked.gpus, float(length), dtype, asked.method, float(tokens)
        )
        if found is None:
            return Timed(work)
        if not found.fits:
            return Timed(work, first or found, found)
        first = first or found
        pace = found.mfu.p50 / first.mfu.p50
        paced[phase.name] = phase._replace(pace=pace, overhead=found.overhead)
    return Timed(methods.Work(tuple(paced.values())), first)


def _warn_of_counts(question: Question, model: Subject | None) -> None:
    """Say that counts of a mixture of experts do not tell how it is built, which its speed follows from."""
    if model is not None and model.moe and math.isnan(float(model.shape.n_layers)):
        question.warn(
            "W012",
            f"counts do not tell how the experts of {model.name} are built: its time follows from the usual MFU of "
            "mixtures of experts, and many small experts take two to three times that",
            "--model with a preset of that shape, or llmcost presets import config.json",
        )


def _counted(question: Question, work: methods.Work) -> methods.Work:
    """The work at the pace of a stated MFU, by how it counts attention."""
    most = max(phase.uncausal for phase in work.phases)
    if most == 1.0:  # no attention is counted
        return work
    said = question.stated("mfu_convention")
    if said is None:
        question.record("mfu_convention", CAUSAL, Origin("default", "docs/method-training.md, the step"))
        if most > TELLING:
            question.warn(
                "W044",
                "the MFU is taken to count attention over what a causal mask leaves: counted in full, as many trainers "
                f"log it, it means up to {most:.2f} x the time",
                "--mfu-convention full",
            )
    if said != FULL:
        return work
    return methods.Work(tuple(phase._replace(pace=phase.pace / phase.uncausal) for phase in work.phases))


def _mfu_row(catalog: Catalog, generation: str, model_class: str, precision: str) -> MfuRow:
    rows = cast("list[MfuRow]", catalog.table("mfu", "mfu"))
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


def goodput_formula(p: TrainingNumbers) -> str:
    """Where the goodput comes from, in words."""
    if "goodput" in p:
        return "given"
    stops = f"checkpoint {p['checkpoint_seconds']:.0f} s, restart {p['restart_seconds']:.0f} s"
    every = units.format("seconds", float(failures.between(p)))
    taken = f", a spot machine held {units.format('seconds', float(p['preemption']))}" if "preemption" in p else ""
    hours = f"{p['gpu_hours_per_failure']:,.0f} GPU-hours per failure"
    return f"Daly's expected time, {hours}{taken}, so the job stops every {every}; {stops}"


def goodput_of(p: TrainingNumbers) -> Any:
    """Useful time over billed time, given or from failures."""
    return p["goodput"] if "goodput" in p else failures.useful(p)
