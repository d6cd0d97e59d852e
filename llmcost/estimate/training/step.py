"""The step of a training run, predicted from architecture, machine and layout; what is left open is searched."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping

from llmcost.catalog import Catalog, source_of
from llmcost.dtypes import DTYPES
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.numeric.spread import Spread, median
from llmcost.engine.training import search as searching
from llmcost.engine.training.calibration import Calibration, calibration_from_factors, half_width
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import PRECISIONS, Run
from llmcost.engine.training.peak import Habits
from llmcost.engine.training.smallest import smallest_fit
from llmcost.engine.training.step import ROWS, overhead_share, step
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.memory_parts import Part
from llmcost.estimate.asking.own import ALONG, Place, own, way
from llmcost.estimate.asking.question import Question, origin_of
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.asking.values import StepFacts, StepRow
from llmcost.estimate.training import batch, degrees, keeping
from llmcost.estimate.training.feed import Fed, feed
from llmcost.estimate.training.methods import Method, assumed_shape, widened
from llmcost.estimate.training.stack import (
    LARGE,
    Build,
    Software,
    kind,
    may_group,
    pace,
    take_build,
    take_kernels,
    take_software,
)
from llmcost.records import NamedTuple

SOURCE = "presets/calibration/training.toml: fitted to validation/training_measured.csv"
ASKED = ("tp", "pp", "vpp", "cp", "sp", "ep", "zero", "micro_batch")
PRECISION = {name: dtype.recipe for name, dtype in DTYPES.items() if dtype.recipe}  # of the linear layers
RECOMPUTE = {"none": 0.0, "selective": 1.0, "full": 2.0}
ROW_NAMES = {
    "gemm_seconds": "matrix products", "attention_seconds": "attention", "elementwise_seconds": "memory traffic",
    "tensor_parallel_seconds": "tensor parallel", "context_parallel_seconds": "context and sequence parallel",
    "expert_parallel_seconds": "expert parallel", "launch_seconds": "launches", "sharding_seconds": "ZeRO gathers",
    "pipeline_seconds": "pipeline bubble", "gradient_seconds": "gradient reduction", "optimizer_seconds": "optimizer",
    "straggler_seconds": "stragglers", "fixed_seconds": "fixed per step",
}  # fmt: skip


class Predicted(NamedTuple):
    """The best layout's step, the next best, and why not if nothing fits."""

    mfu: Spread
    found: searching.Found
    sequences: float
    seq_len: float
    gpus: int
    working: int  # of them, that a step is on
    software: Software
    build: Build
    host_seconds: float  # per block and micro-batch, of the software
    smallest_gpus: int | None = None
    fits_probability: float = 1.0
    run: Run = Run(0.0, 0.0, 0.0)  # as the step takes it
    shape: Shape | None = None
    fixed: Mapping[str, float] = {}  # degrees that were asked for, or that the stack does not have

    @property
    def overhead(self) -> float:
        """Hardware FLOPs over model FLOPs."""
        return float(self.found.best.step.hardware_flops / self.found.best.step.model_flops)

    @property
    def fits(self) -> bool:
        """Whether any layout does."""
        return self.found.fitting > 0

    @property
    def layers(self) -> float:
        """Of the model; nan where they are not known."""
        return math.nan if self.shape is None else float(self.shape.n_layers)

    def facts(self) -> StepFacts:
        """What the result says of the step and its layout."""
        best, layout = self.found.best, self.found.best.layout
        facts: StepFacts = {
            "step_seconds": best.step.step_seconds,
            "hfu": best.step.hfu,
            "global_batch_tokens": self.sequences * self.seq_len,
            "memory_bytes_per_gpu": best.memory.total_bytes,
            "fits_probability": self.fits_probability,
            "binds": self.found.binds,
            "tp": int(layout.tp), "pp": int(layout.pp), "vpp": int(layout.vpp), "dp": int(layout.dp),
            "cp": int(layout.cp), "sp": int(layout.sp), "ep": int(layout.ep), "zero": int(layout.zero),
            "micro_batch": int(layout.micro_batch), "recompute": recomputed(layout.recompute, self.layers),
        }  # fmt: skip
        runner = self.found.runner_up
        slower = -1.0 if runner is None else runner.step.step_seconds / best.step.step_seconds - 1.0
        if runner is not None and slower >= 0.0:  # else it is better for a part of the steps alone
            facts["runner_up"] = f"{_degrees(runner.layout)}: {slower:.1%} slower"
        return facts

    def rows(self) -> list[StepRow]:
        """Where the step goes; the seconds add up to `step_seconds`."""
        step = self.found.best.step
        return [
            {
                "name": ROW_NAMES[name],
                "seconds": getattr(step, name),
                "step_share": getattr(step, name) / step.step_seconds,
            }
            for name in ROWS
        ]

    def memory(self, method: Method) -> list[Part]:
        """The memory of one accelerator by part, at its peak [bytes]."""
        best = self.found.best
        held, kept = best.memory, self.run.memory.of(best.layout.zero)
        context, group = float(kept.context_bytes), float(kept.group_bytes) if self.gpus > 1 else 0.0
        states, rest = float(kept.held_spread), float(kept.spread)
        return [
            Part("weights", float(held.weights_bytes), states),
            Part("gradients", float(held.gradients_bytes), states),
            Part("optimizer", float(held.optimizer_bytes), states),
            Part("activations", float(held.activations_bytes), rest),
            Part("logits and loss", float(held.logits_bytes), rest),
            Part("gathered blocks", float(held.gathered_bytes), rest),
            Part("optimizer step", float(held.update_bytes), rest),
            Part("models beside it", method.resident_bytes / self.gpus, states),
            Part("context", context, rest),
            Part("communication buffers", group, rest),
            Part("allocator reserve", float(held.margin_bytes) - context - group, rest),
        ]

    def explain(self, question: Question) -> None:
        """The step in words: the software, the layout, what practice adds."""
        best, build = self.found.best, self.build
        made = f"{self.software.name} of {build.year:.0f}{', compiled' if build.compiled else ''}"
        kernel = "unfused" if build.unfused else "fused"
        host = f"{made}, {kernel} attention: host time per block and micro-batch that nothing hides"
        source = "presets/calibration/training.toml"
        question.step("software", host, self.host_seconds, "s", source)
        micro = self.sequences / float(best.layout.dp) / float(best.layout.micro_batch)
        parts = f"{micro:,.0f} micro-batches + pipeline + gradient + optimizer"
        formula = f"practice {build.practice:.3g} x ({parts}) + stragglers"
        question.step("step time", formula, best.step.step_seconds, "s", "docs/method-training.md, the step")


def recomputed(level: Num, layers: float) -> str:
    """How the recomputation of a layout is called."""
    if level <= 1.0:
        return "selective" if level == 1.0 else "none"
    return "full" if level >= 2.0 else f"selective, {(level - 1.0) * layers:.0f} of {layers:.0f} layers in full"


def _degrees(layout: Layout) -> str:
    names = ("tp", "pp", "vpp", "dp", "cp", "sp", "ep")
    return " ".join(f"{n} {int(getattr(layout, n))}" for n in names if int(getattr(layout, n)) > 1) or "dp 1"


def predict(
    question: Question,
    model: Subject,
    device: Chip,
    gpus: int,
    seq_len: float,
    dtype: str,
    method: Method,
    tokens: float,
) -> Predicted | None:
    """The predicted step; None where the model or the machine is not known well enough to predict one.

    Raises
    ------
    LlmcostError
        The layout asked for is impossible on that many accelerators.
    """
    if math.isnan(device.machine.memory_bytes_per_second) or math.isnan(device.machine.bf16_flops):
        return None
    if math.isnan(float(model.shape.n_layers)) and (model.moe or model.params is None):
        return None
    shape = assumed_shape(question, model)
    fitted, ranges = calibration_from_factors(question.catalog.factors("training"), device.preset.generation)
    _warn_of_borrowed(question, device.preset.generation)
    used = take_software(question, method.name, gpus, device.preset.generation, dtype)
    used = take_kernels(question, used, shape, device.preset.generation, dtype)
    practice = float(fitted.practice) * pace(fitted, used, method.name)
    build = take_build(question, used, device.preset.generation, dtype, practice)
    calibration = build.constants(fitted, used)
    published = model if method.declared.pretrains else None
    wanted, source = batch.sequences(question, published, shape, seq_len, gpus, tokens)
    run = method.run(Run(seq_len, wanted, float(PRECISIONS[PRECISION[dtype]])))
    run = run._replace(unfused=float(build.unfused), filled=build.packing)
    said = fixed_by(question, shape)
    degrees.refuse_impossible(question, shape, said)
    fixed = keeping.restricted(question, method, used, said) | said
    if fixed.get("micro_batch", run.together) % run.together:
        raise LlmcostError(
            f"--micro-batch {fixed['micro_batch']:g}: a preferred and a rejected answer stay in one micro-batch",
            "--micro-batch 2",
        )

    unit = 1.0 if source is None else float(fixed.get("micro_batch", run.together) / run.together)

    def attempt(habits: Habits) -> Fed:
        def search(count: int, sequences: float, kept: Mapping[str, float]) -> searching.Found:
            machine = _less(device.machine, method.resident_bytes / count)
            one = run._replace(global_batch=sequences * run.together, memory=habits)
            return searching.search(shape, machine, float(count), one, calibration, {**kept, **fixed})

        fed = feed(search, gpus, wanted / float(run.together), unit)
        return fed._replace(batch=fed.batch * float(run.together))

    kept = keeping.take(question, method, used, fixed)
    try:
        fed, habits = keeping.settled(question, kept, attempt, lambda fed: fed.found.fitting > 0)
    except ValueError:
        asked = degrees.Asked(shape, device.machine, run._replace(memory=kept.habits), gpus, fixed, said)
        raise degrees.refusal(asked, source is None) from None
    found, run = fed.found, run._replace(global_batch=fed.batch, memory=habits)
    batch.record(question, fed.batch * seq_len, wanted * seq_len, source, gpus)
    if found.fitting:
        batch.warn_of_idle(question, fed, gpus, fed.batch * seq_len)
    room = float(found.best.memory.deviations(_less(device.machine, method.resident_bytes / gpus).shown_bytes))
    found = _of_method(found, method.resident_bytes / gpus)
    overhead = float(overhead_share(found.best.step))
    width = math.exp(float(half_width(ranges, kind(used, shape, method.name, overhead))))
    # with a parameter count alone the work is 6N a token: the utilisation that gives the same time
    own = 1.0 if model.params is None else _counted(model, shape, seq_len, method)
    mfu = float(found.best.step.mfu) * own
    smallest = None if found.fitting else _smallest(shape, device.machine, run, calibration, fixed, method, gpus)
    if not found.fitting and not used.stated and gpus < LARGE <= (smallest or LARGE):  # another stack there
        smallest = _of_many(question, model, device, seq_len, dtype, method, tokens)
    low, high, mfu = _near(question, model, device, used, (seq_len, fed.batch, gpus), (math.log(width), mfu))
    grouped = may_group(question.catalog, used, shape)
    if grouped is not None:
        quicker = step(shape, device.machine, found.best.layout, run, build.constants(fitted, grouped)).step_seconds
        low += max(0.0, math.log(float(found.best.step.step_seconds) / float(quicker)))
    share = Spread(mfu * math.exp(-high), mfu, min(mfu * math.exp(low), 0.99))
    chance = float(fits_probability(room))
    known = (fed.batch, seq_len, gpus, fed.working, used, build, float(calibration.host), smallest, chance, run, shape)
    return Predicted(widened(share, method.spread), found, *known, fixed)


def _of_many(
    question: Question, model: Subject, device: Chip, seq_len: float, dtype: str, method: Method, tokens: float
) -> int | None:
    """The fewest accelerators that hold the run, of so many that it takes a stack made for them."""
    try:
        many = predict(question.aside(), model, device, LARGE, seq_len, dtype, method, tokens)
    except LlmcostError:  # not in the layout that was asked for
        return None
    return None if many is None else LARGE if many.fits else many.smallest_gpus


def _near(
    question: Question, model: Subject, device: Chip, used: Software, at: tuple[float, float, float],
    predicted: tuple[float, float],
) -> tuple[float, float, float]:  # fmt: skip
    """Half-widths of the step in ln below and above, and the MFU, near measurements of one's own."""
    width, mfu = predicted
    stack = own(question.catalog, "training")
    if stack is None or not stack.of(device.preset.generation, used.name):
        return width, width, mfu
    along = dict(zip(ALONG["training"], at, strict=True))
    place = Place(model.name, device.found.name, way(question.scenario, question.side), along)
    low, high, shift = stack.told("step_seconds", place, width, width)
    return low, high, mfu * math.exp(-shift)


def sequence_length(question: Question, model: Subject, method: Method) -> float:
    """Tokens per sequence: said, else as it was pre-trained, else the default within its context; recorded [tokens]."""
    longest = model.preset.max_context if model.preset is not None else None
    said = question.stated("seq_len")
    if said is not None:
        if longest is not None and said > longest:
            question.warn("W013", f"{said:,} tokens are more than the context of {model.name} ({longest:,})", "")
        return float(said)
    published = model.preset.training_seq_len if model.preset is not None and method.declared.pretrains else None
    if published is not None and model.found is not None:
        question.record("seq_len", published, origin_of(model.found, source_of(model.preset, "training_seq_len")))
        return float(published)
    factor = question.factor("defaults", "seq_len")
    usual = int(median(factor.value))
    if longest is not None and longest < usual and model.found is not None:
        question.record("seq_len", longest, origin_of(model.found, source_of(model.preset, "max_context")))
        return float(longest)
    question.record("seq_len", usual, factor.origin)
    return float(usual)


def fixed_by(question: Question, shape: Shape) -> dict[str, float]:
    """What was said of the layout.

    Raises
    ------
    LlmcostError
        Layers in full beside another kind of recomputation, or more of them than there are.
    """
    fixed = {name: float(value) for name in ASKED if (value := question.stated(name)) is not None}
    recompute, in_full = question.stated("recompute"), question.stated("recompute_layers")
    if in_full is None:
        return fixed if recompute is None else fixed | {"recompute": RECOMPUTE[recompute]}
    if recompute not in (None, "selective"):
        raise LlmcostError(f"--recompute-layers {in_full} with --recompute {recompute}", "--recompute selective")
    layers = float(shape.n_layers)
    if in_full > layers:
        raise LlmcostError(f"--recompute-layers {in_full}: the model has {layers:.0f} layers", "--recompute full")
    return fixed | {"recompute": RECOMPUTE["selective"] + in_full / layers}


def _less(machine: Machine, taken_bytes: float) -> Machine:
    """The machine without the memory that models beside the trained one take."""
    return machine._replace(process_bytes=machine.shown_bytes - taken_bytes)


def _of_method(found: searching.Found, resident_bytes: float) -> searching.Found:
    """The search's answer with the memory of the models beside the trained one."""

    def choice(one: searching.Choice) -> searching.Choice:
        return one._replace(memory=one.memory._replace(total_bytes=one.memory.total_bytes + resident_bytes))

    runner = None if found.runner_up is None else choice(found.runner_up)
    return found._replace(best=choice(found.best), runner_up=runner)


def _smallest(
    shape: Shape, machine: Machine, run: Run, calibration: Calibration, fixed: dict[str, float], method: Method,
    refused: int,
) -> int | None:  # fmt: skip
    """The smallest count that fits, above the refused one; models beside the trained one take less of each of many."""
    if not method.resident_bytes:
        fewest = smallest_fit(shape, machine, run, fixed, float(refused))
        return None if fewest is None else int(fewest)
    for count in (1 << power for power in range(14)):
        free = _less(machine, method.resident_bytes / count)
        if free.shown_bytes <= 0 or count <= refused:
            continue
        with contextlib.suppress(ValueError):  # no layout on that many
            if searching.search(shape, free, float(count), run, calibration, fixed).fitting:
                return count
    return None


def fitted(catalog: Catalog) -> set[str]:
    """Generations of accelerators of which measured steps are in the fit."""
    return {
        kind
        for row in catalog.factors("training")
        if row["name"] == "log_range_generation" and isinstance(row["generation"], list)
        for kind in row["generation"]
    }


def _warn_of_borrowed(question: Question, generation: str) -> None:
    """Say so where no measured step of this kind of accelerator is in the fit."""
    if generation not in fitted(question.catalog):
        question.warn(
            "W019",
            f"no training step measured on {generation} is in the fit: constants come from its largest measured matrix "
            "product or from other accelerators, and the range is wider",
            "--mfu 40%",
        )


def _counted(model: Subject, shape: Shape, seq_len: float, method: Method) -> float:
    """FLOPs per token by parameter count over those of the assumed architecture."""
    assert model.params_active is not None
    attention = tf.causal_attention_flops_per_token(shape, seq_len)
    whole = float(method.flops(shape.params_matmul, attention).model)
    return float(method.flops(median(model.params_active)).model) / whole
