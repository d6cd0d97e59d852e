"""The plan of a training run: every value taken in its turn, and its figures."""

from __future__ import annotations

import math

from llmcost import units
from llmcost.catalog import source_of
from llmcost.engine.money import energy
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Num
from llmcost.errors import Missing
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question, origin_of
from llmcost.estimate.asking.subject import Chip, Subject, chip, counted, subject
from llmcost.estimate.asking.values import TrainingFigures, TrainingNumbers, training_figures, training_numbers
from llmcost.estimate.money.charge import rows
from llmcost.estimate.money.place import Place, place
from llmcost.estimate.money.rent import Job
from llmcost.estimate.training import bill as billing
from llmcost.estimate.training import methods, throughput
from llmcost.estimate.training import step as steps
from llmcost.keys.methods import DEFAULT
from llmcost.keys.training import GIVEN_WORK, TOKENS
from llmcost.records import NamedTuple
from llmcost.result import CostRow


class Run(NamedTuple):
    """A training run with its values read: what its figures need besides the numbers."""

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
    peak_format: str = ""  # whose peak the MFU is a share of

    def central(self) -> TrainingNumbers:
        """Every number at its median."""
        return training_numbers(sampling.central(self.question.numbers))

    def figures(self, p: TrainingNumbers) -> TrainingFigures:
        """Every figure of the answer from the numbers `p`, floats or samples alike."""
        out: TrainingFigures = {}
        if self.work is not None:
            out |= self.work.figures(p)
        if self.hours_given:
            out["gpu_hours"] = p["gpu_hours"]
            if self.gpus:
                out["duration_seconds"] = p["gpu_hours"] * SECONDS_PER_HOUR / self.gpus
        else:
            assert self.work is not None
            chip_seconds, gpu_hours = _hours(self.work, p)
            out["goodput"] = throughput.goodput_of(p)
            out["mfu"] = p["mfu"] * self.work.phases[0].pace
            if len(self.work.phases) > 1:
                out["run_mfu"] = out["training_flops"] / (p["peak_flops"] * chip_seconds)
            out["compute_gpu_hours"] = chip_seconds / SECONDS_PER_HOUR
            out["gpu_hours"] = gpu_hours
            if self.gpus:
                out["compute_seconds"] = chip_seconds / self.gpus
                out["duration_seconds"] = out["compute_seconds"] / out["goodput"] * p["overhead"]
        if self.place is not None:
            out |= training_figures(self.place.scopes(out["gpu_hours"], p))
            out["electricity_usd"] = out["energy_kwh"] * p["electricity_price"]
            out["co2e_kg"] = energy.co2e_kg(out["energy_kwh"], p["carbon_intensity"])
        return out | self.bill.totals(p, out) | self.bill.surroundings(p, out)

    def breakdown(self, centre: TrainingFigures) -> list[CostRow]:
        """Quantity x rate rows; they add up to `total_usd`."""
        return rows(self.bill.rows(self.central(), centre))


def read_run(question: Question) -> Run | NoFit:
    """Read every value the figures need.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said; each with the next command.
    """
    if not question.scenario.has(*GIVEN_WORK):
        raise Missing("nothing to train: give --model and --tokens, or --gpu-hours", "llmcost train --help")
    # beside given hours a size does nothing without tokens; what is not taken is refused
    sized = question.scenario.has("model", *TOKENS) or question.scenario.peek("gpu_hours", question.side) is None
    model = subject(question) if sized else None
    hours = question.number("gpu_hours")
    device = chip(question, predicted=hours is None)
    gpus = counted(question, device)
    method = methods.read_method(question, model)
    if gpus is None and hours is None and model is not None and device is not None:
        gpus = _tuned_on(question, model, device, method)
    work = _read_work(question, model, method, needed=hours is None)
    timed = throughput.Timed(work)
    if hours is None:
        assert work is not None
        timed = throughput.read_time(question, throughput.Setup(model, device, gpus, method), work)
    where = place(question, device) if device is not None else None
    if device is None:
        question.warn("W030", "energy and carbon are not known without an accelerator", "--hardware h100-sxm")
    count = None if gpus is None else float(gpus)
    billed: Num = 0.0
    if timed.misfit is None:
        p = training_numbers(sampling.central(question.numbers))
        billed = p["gpu_hours"] if timed.work is None or hours is not None else _hours(timed.work, p)[1]
    bill = billing.read_bill(question, device, where, Job(count, billed))
    if timed.misfit is not None:
        return _no_fit(method, model, device, timed.misfit)
    known = (hours is not None, count, bill, timed.predicted, timed.peak_format)
    return Run(question, model, device, where, method, timed.work, *known)


def _hours(work: methods.Work, p: TrainingNumbers) -> tuple[Num, Num]:
    """Accelerator time of the work [s], and accelerator-hours that are paid for it [h]."""
    seconds = sum(phase.seconds(p) for phase in work.phases)
    return seconds, seconds / SECONDS_PER_HOUR / throughput.goodput_of(p) * p["overhead"]


def _tuned_on(question: Question, model: Subject, device: Chip, method: methods.Method) -> int | None:
    """The accelerators of a fine-tuning of which nobody said how many: the fewest that hold it.

    A pre-training run is not asked: it takes as many as its deadline wants, and its usual MFU is known. Nor are
    rollouts, whose machines generate as well.
    """
    unknown = math.isnan(float(model.shape.n_layers))
    if method.declared.pretrains or method.declared.rollouts or unknown or question.scenario.has("mfu"):
        return None
    gpus = throughput.fewest(question, model, device, method)
    if gpus is not None:
        question.record("gpus", gpus, Origin("default", "the fewest that hold the run"))
    return gpus


def _no_fit(method: methods.Method, model: Subject | None, device: Chip | None, no: steps.Predicted) -> NoFit:
    """What is missing, and how many accelerators would do."""
    name = model.name if model else "this run"
    chips = device.found.name if device else "accelerators"
    tail = f"; the smallest count that fits is {no.smallest_gpus:,}" if no.smallest_gpus else ""
    lacks = f"{units.format('memory', no.found.missing_bytes)} missing on each"
    reason = f"{method.verb} {name} does not fit on {no.gpus:,} {chips}: {lacks}{tail}"
    return NoFit(reason, no.found.missing_bytes, no.smallest_gpus)


def _read_work(question: Question, model: Subject | None, method: methods.Method, needed: bool) -> methods.Work | None:
    """Model FLOPs of the run: given, or from architecture and tokens."""
    if question.number("training_flops") is not None:
        if method.declared.rollouts:
            raise question.need("rollout_tokens", "rollouts and updates take different time, so FLOPs do not do")
        _read_tokens(question, model, method)
        return methods.Work((methods.Phase("training", ()),))
    key = _read_tokens(question, model, method)
    if model is None or key not in question.numbers:
        if needed:
            raise question.need(key if model else "model", "the work of the run is parameters x tokens")
        return None
    # with a count of parameters alone there is no attention to count
    known = model.params_active is None or bool(method.residents)
    seq_len = steps.sequence_length(question, model, method) if known else 0.0
    return methods.work(question, model, method, seq_len)


def _read_tokens(question: Question, model: Subject | None, method: methods.Method) -> str:
    """Tokens, said or those the model was pre-trained on; the key that holds them."""
    if method.declared.rollouts:
        if question.number("rollout_tokens") is None:
            tokens = question.quantity("tokens")
            if tokens is not None:
                same = Origin("computed", "--tokens, the tokens generated")
                question.sample("rollout_tokens", tokens, same)
        return "rollout_tokens"
    known = model.preset if model is not None and method.name == DEFAULT else None
    if question.number("tokens") is None and known is not None and known.training_tokens:
        assert model is not None
        assert model.found is not None
        source = source_of(known, "training_tokens")
        question.sample("tokens", known.training_tokens, origin_of(model.found, source))
    return "tokens"
