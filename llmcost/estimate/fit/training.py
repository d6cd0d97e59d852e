"""Whether a model can be trained on machines: peak, largest micro-batch, longest sequence, what would make it fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.catalog import presets_date
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.training import layouts as par
from llmcost.engine.training.memory import FULL, Layout
from llmcost.engine.training.micro_batch import Run
from llmcost.engine.training.peak import Memory
from llmcost.engine.training.smallest import smallest_fit
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.asking.memory_parts import driver_bytes, memory_rows
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, counted
from llmcost.estimate.fit.verdict import FITS, NOT, Remedy, machine, said, tokens, used, verdict
from llmcost.estimate.training import keeping
from llmcost.estimate.training import step as steps
from llmcost.estimate.training.kept import expands
from llmcost.estimate.training.methods import Method, read_method
from llmcost.estimate.training.stack import software
from llmcost.estimate.training.throughput import ANY_TOKENS, fewest, training_dtype
from llmcost.keys.training import SEGMENTS
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Scalar
from llmcost.scenario import Setting

MICRO_BATCHES = np.arange(1.0, 513.0)
LENGTHS = np.arange(128.0, 2.0**20 + 1.0, 128.0)
SHOWN = 4  # remedies
LEAST_LENGTH = 512  # sequences that are not worth proposing below this [tokens]
ACCUMULATES, SHARES_OUT = "hf-trainer", "deepspeed"  # the usual stack of full fine-tuning, and the one that needs less
MOST = 64  # times as many accelerators that are still proposed
DEGREES = ("tp", "pp", "vpp", "dp", "cp", "sp", "ep", "zero", "micro_batch")


class Trial(NamedTuple):
    """A question about the memory of training, with its values read."""

    question: Question
    model: Subject
    device: Chip
    method: Method
    predicted: steps.Predicted
    run: Run
    shape: Shape

    @property
    def free(self) -> Machine:
        """The machine without the models beside the trained one."""
        taken = self.method.resident_bytes / self.predicted.gpus
        return self.device.machine._replace(process_bytes=self.device.machine.shown_bytes - taken)

    @property
    def fixed(self) -> dict[str, float]:
        """Degrees that are asked for, or that the stack does not have."""
        return dict(self.predicted.fixed)

    def held(self, layout: Layout, run: Run | None = None) -> Memory:
        """What layouts of the run hold."""
        return par.footprint(self.shape, self.device.machine, layout, run or self.run)

    def chance(self, layout: Layout, run: Run | None = None) -> float:
        """Chance that the best of some layouts fits [-]."""
        return float(fits_probability(np.max(self.held(layout, run).deviations(self.free.shown_bytes))))


def answer(question: Question, model: Subject, device: Chip) -> Estimate:
    """The answer for machines that were named."""
    trial = read(question, model, device)
    predicted = trial.predicted
    found, chance = predicted.found, predicted.fits_probability
    best = found.best
    micro, length = _largest(trial), _longest(trial)
    cures = [] if verdict(chance) == FITS else remedies(trial)
    result: dict[str, Scalar] = {
        "verdict": verdict(chance), "fits_probability": chance, "peak_bytes": float(best.memory.total_bytes),
        "usable_bytes": float(device.machine.shown_bytes), "driver_bytes": driver_bytes(device),
        "largest_micro_batch": micro, "longest_sequence_tokens": length, "gpus": trial.predicted.gpus,
        **{name: int(getattr(best.layout, name)) for name in DEGREES},
        "recompute": steps.recomputed(best.layout.recompute, predicted.layers),
        "missing_bytes": _missing(trial, chance),
    }  # fmt: skip
    return Estimate(
        command="fit",
        headline=_headline(trial, (micro, length), cures),
        result=result,
        inputs=question.inputs,
        warnings=[w for w in question.warnings if w.code != "W083"],
        arrays={
            "memory": memory_rows(device, predicted.memory(trial.method)),
            "remedies": [cure.row() for cure in cures],
        },
        presets=presets_date(question.catalog),
        exit_code=int(Exit.NO if verdict(chance) == NOT else Exit.OK),
    )


def read(question: Question, model: Subject, device: Chip) -> Trial:
    """The layout to train in: on all the accelerators given, or on the fewest that hold it.

    Raises
    ------
    LlmcostError
        A machine whose rates are not known, or a model without an architecture.
    """
    method = read_method(question, model)
    keeping.warn_of_unmeasured(question, method)
    length = steps.sequence_length(question, model, method)
    dtype = training_dtype(question, model, method)
    gpus = counted(question, device) or fewest(question, model, device, method) or 1
    predicted = steps.predict(question, model, device, gpus, length, dtype, method, ANY_TOKENS)
    if predicted is None:
        raise LlmcostError(f"{device.found.name} or {model.name} is not known well enough to tell", "name another one")
    assert predicted.shape is not None
    return Trial(question, model, device, method, predicted, predicted.run, predicted.shape)


def _wide(trial: Trial) -> Layout:
    """The layout with as much recomputation as the run leaves open."""
    layout = trial.predicted.found.best.layout
    said = any(trial.question.stated(key) is not None for key in ("recompute", "recompute_layers"))
    return layout if said else layout._replace(recompute=float(FULL))


def _most(trial: Trial, layout: Layout, run: Run, values: Any) -> float:
    """The largest of rising values with which a layout fits with the confidence asked for; 0 where none does."""
    held = trial.held(layout, run)
    fits = np.asarray(held.needed(run.memory.margin)) <= trial.free.shown_bytes
    return float(values[fits].max(initial=0.0))


def _largest(trial: Trial) -> int:
    """Most sequences of a micro-batch."""
    sizes = MICRO_BATCHES * float(trial.run.together)
    return int(_most(trial, _wide(trial)._replace(micro_batch=sizes), trial.run, sizes))


def _longest(trial: Trial) -> int:
    """Longest sequence, one at a time unless a micro-batch was said, up to what the model takes [tokens]."""
    preset = trial.model.preset
    most = float(preset.max_context or LENGTHS[-1]) if preset is not None else float(LENGTHS[-1])
    most = max(most, float(trial.run.seq_len))
    lengths = LENGTHS[most >= LENGTHS]
    layout = _wide(trial)
    if trial.question.stated("micro_batch") is None:
        layout = layout._replace(micro_batch=float(trial.run.together))
    return int(_most(trial, layout, trial.run._replace(seq_len=lengths), lengths))


def _missing(trial: Trial, chance: float) -> float | None:
    """Bytes that each accelerator lacks for it to fit with the confidence asked for; null where it fits."""
    if verdict(chance) == FITS:
        return None
    needed = trial.held(trial.predicted.found.best.layout).needed(trial.run.memory.margin)
    return max(float(needed - trial.free.shown_bytes), 0.0)


def remedies(trial: Trial) -> list[Remedy]:
    """Changes that reach the confidence asked for, the mildest first."""
    question, run = trial.question, trial.run
    fixed = trial.fixed
    gpus = float(trial.predicted.gpus)
    tried: list[tuple[str, Run, dict[str, float], str]] = []
    least = float(run.together)
    if (
        expands(question.catalog, trial.predicted.software.name) is False
        and question.stated("expandable_segments") is None
    ):
        one = _with(trial, expandable_segments=SEGMENTS[True])
        tried.append((f"--expandable-segments {SEGMENTS[True]}", one, fixed, "an allocator that fragments less fits"))
    if fixed.get("micro_batch", least) > least:
        fewer = "one sequence at a time fits" if least == 1.0 else "one pair at a time fits"
        tried.append((f"--micro-batch {least:g}", run, fixed | {"micro_batch": least}, fewer))
    if fixed.get("recompute", 2.0) < FULL:
        tried.append(("--recompute full", run, fixed | {"recompute": float(FULL)}, "it fits, a third more work"))
    if fixed.get("zero", 3.0) < 3.0 and gpus > 1:
        tried.append(("--zero 3", run, fixed | {"zero": 3.0}, "weights shared out fit"))
    for loss in ("chunked", "fused") if question.stated("loss_kernel") is None else ():
        one = _with(trial, loss_kernel=loss)
        tried.append((f"--loss-kernel {loss}", one, fixed, "a loss that holds fewer logits fits"))
    if not trial.method.declared.adapters:
        for name in ("adamw-8bit", "adamw-bf16", "paged-8bit") if question.stated("optimizer") is None else ():
            tried.append((f"--optimizer {name}", _with(trial, optimizer=name), fixed, "fewer bytes of states fit"))
        if gpus > 1 and trial.predicted.software.name == ACCUMULATES and question.stated("framework") is None:
            other = software(question.catalog, SHARES_OUT)
            one = run._replace(
                memory=keeping.changed(question, trial.method, other, trial.fixed, {"framework": SHARES_OUT})
            )
            tried.append((f"--framework {SHARES_OUT}", one, fixed, "gradients that are shared out at once fit"))
    for what in ("optimizer", "activations") if question.stated("offload") is None else ():
        tried.append((f"--offload {what}", _with(trial, offload=what), fixed, "with the host's memory it fits"))
    found, sure = [], float(fits_probability(run.memory.margin))
    for change, one, layout, note in tried:
        chance = _best(trial, gpus, one, layout)
        if chance >= sure:
            found.append(Remedy(change, chance, note))
    cheaper = _adapters(trial, fixed)
    if cheaper is not None:
        found.append(cheaper)
    length = _longest(trial)
    if length >= LEAST_LENGTH and length < float(run.seq_len):
        chance = trial.chance(_wide(trial), run._replace(seq_len=float(length)))
        note = f"sequences of {tokens(length)} tokens fit"
        found.append(Remedy(f"--seq-len {length}", chance, note))
    more = _more(trial, fixed)
    if more is not None:
        on_more = question.aside().over({"gpus": Setting(more, "flag")})
        chance = read(on_more, trial.model, trial.device).predicted.fits_probability
        if chance >= sure:  # another stack may be usual there, and its layout may hold with even odds alone
            found.append(Remedy(f"--gpus {more}", chance, f"it fits on {more}"))
    return found[:SHOWN] or _shorter_on_more(trial, sure)


def _shorter_on_more(trial: Trial, sure: float) -> list[Remedy]:
    """Shorter sequences on more accelerators, of this method or of lighter ones, where no one change suffices."""
    counts = [count for power in range(7) if (count := 1 << power) > int(trial.predicted.gpus)]
    runs = {"": trial.run} | {name: _by(trial, name, "") for name in trial.method.declared.lighter}
    for count, length in ((count, length) for count in counts for length in _shorter(trial.run)):
        for name, run in runs.items():
            if _best(trial, float(count), run._replace(seq_len=length), trial.fixed) < sure:
                continue
            said = {"gpus": count, "seq_len": int(length)} | ({"method": name} if name else {})
            other = trial.question.aside().over({key: Setting(value, "flag") for key, value in said.items()})
            chance = read(other, trial.model, trial.device).predicted.fits_probability
            if chance >= sure:
                change = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in said.items())
                return [Remedy(change, chance, "shorter sequences on more fit")]
    return []


def _shorter(run: Run) -> list[float]:
    """Shorter sequences that are worth proposing [tokens]."""
    return [float(run.seq_len) / by for by in (2, 4, 8) if float(run.seq_len) / by >= LEAST_LENGTH]


def _adapters(trial: Trial, fixed: dict[str, float]) -> Remedy | None:
    """Adapters in place of all weights, with a smaller loss and then shorter sequences where they alone do not fit."""
    least, gpus = float(fits_probability(trial.run.memory.margin)), float(trial.predicted.gpus)
    names = trial.method.declared.lighter
    shorter = [(f" --seq-len {length:.0f}", length) for length in _shorter(trial.run)]
    for extra, tokens_each in [("", float(trial.run.seq_len)), *shorter]:
        for name in names:
            for loss in ("", "chunked") if trial.question.stated("loss_kernel") is None else ("",):
                run = _by(trial, name, loss)._replace(seq_len=tokens_each)
                chance = _best(trial, gpus, run, fixed)
                if chance >= least:
                    kernel = f" --loss-kernel {loss}" if loss else ""
                    return Remedy(f"--method {name}{kernel}{extra}", chance, "adapters alone fit")
    return None


def _more(trial: Trial, fixed: dict[str, float]) -> int | None:
    gpus = trial.predicted.gpus
    found = trial.predicted.smallest_gpus or smallest_fit(
        trial.shape, trial.device.machine, trial.run, fixed, float(gpus)
    )
    return None if found is None or found > MOST * gpus else int(found)


def _with(trial: Trial, **said: str) -> Run:
    """The run with something else said of what it keeps."""
    habits = keeping.changed(trial.question, trial.method, trial.predicted.software, trial.fixed, said)
    return trial.run._replace(memory=habits)


def _by(trial: Trial, name: str, loss: str) -> Run:
    """The run by another method, and with another loss where one is named."""
    said = {"method": name} | ({"loss_kernel": loss} if loss else {})
    other = trial.question.aside().over({key: Setting(value, "flag") for key, value in said.items()})
    method = read_method(other, trial.model)
    habits = keeping.take(other, method, trial.predicted.software, trial.fixed).habits
    return method.run(trial.run)._replace(memory=habits)


def _best(trial: Trial, gpus: float, run: Run, fixed: dict[str, float]) -> float:
    """Chance that the best layout on so many accelerators fits [-]."""
    every = par.layouts(trial.shape, trial.device.machine, gpus, run, fixed)
    if not np.size(every.tp):
        return 0.0
    return trial.chance(par.settle(trial.shape, trial.free, every, run), run)


def _headline(trial: Trial, most: tuple[int, int], cures: list[Remedy]) -> str:
    predicted, (micro, longest_tokens) = trial.predicted, most
    gpus, chance, peak = predicted.gpus, predicted.fits_probability, float(predicted.found.best.memory.total_bytes)
    usable = float(trial.free.shown_bytes)
    doing = f"{trial.method.verb} {trial.model.name} on {machine(gpus, trial.device)}"
    first = f"{doing[:1].upper()}{doing[1:]} {said(chance)}: {used(peak, usable, driver_bytes(trial.device), gpus)}"
    cure = f"; {cures[0].note} with {cures[0].change}" if cures else ""
    if verdict(chance) == NOT:
        return f"{first}{cure}."
    longest = f"at most {tokens(longest_tokens)} tokens a sequence"
    if not longest_tokens:
        return f"{first}; no length fits with the confidence asked for{cure}."
    if not micro:
        return f"{first}; {longest} with the confidence asked for{cure}."
    length = tokens(float(trial.run.seq_len))
    several = f"at most {micro:,} sequences of {length} tokens a micro-batch"
    many = several if micro > 1 else f"one sequence of {length} tokens at a time"
    return f"{first}; {many}, {longest}{cure}."
