"""The step of a training run, predicted from architecture, machine and layout; what is left open is searched."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from llmcost import units
from llmcost.catalog import source_of
from llmcost.engine import parallelism as par
from llmcost.engine import transformer as tf
from llmcost.engine.calibration import calibration_from_factors
from llmcost.engine.memory import Layout
from llmcost.engine.spread import Spread, median
from llmcost.engine.training import ROWS
from llmcost.engine.training_work import PRECISIONS, Run
from llmcost.engine.transformer import Shape
from llmcost.errors import LlmcostError
from llmcost.estimate.question import Origin, Question, origin_of
from llmcost.estimate.subject import Chip, Subject
from llmcost.estimate.training_runs import batch_tokens

SOURCE = "presets/calibration/training.toml: fitted to validation/training_measured.csv"
ROUNDING = 0.05  # a batch further off than this is said
ASKED = ("tp", "pp", "vpp", "cp", "ep", "zero", "micro_batch")
# Formats of the linear layers, by the name the engine has for each; fp4 training is NVFP4.
PRECISION = {"bf16": "bf16", "fp16": "fp16", "fp8": "fp8", "fp4": "nvfp4"}
RECOMPUTE = {"none": 0.0, "selective": 1.0, "full": 2.0}
ROW_NAMES = {
    "gemm_seconds": "matrix products", "attention_seconds": "attention", "elementwise_seconds": "memory traffic",
    "tensor_parallel_seconds": "tensor parallel", "context_parallel_seconds": "context parallel",
    "expert_parallel_seconds": "expert parallel", "launch_seconds": "launches", "sharding_seconds": "ZeRO gathers",
    "pipeline_seconds": "pipeline bubble", "gradient_seconds": "gradient reduction", "optimizer_seconds": "optimizer",
    "straggler_seconds": "stragglers", "fixed_seconds": "fixed per step",
}  # fmt: skip


class Predicted(NamedTuple):
    """The best layout's step, the next best, and why not if nothing fits."""

    mfu: Spread
    found: par.Found
    sequences: float
    seq_len: float
    gpus: int
    smallest_gpus: int | None = None

    @property
    def fits(self) -> bool:
        """Whether any layout does."""
        return self.found.fitting > 0

    def facts(self) -> dict[str, Any]:
        """What the result says of the step and its layout."""
        best = self.found.best
        facts: dict[str, Any] = {
            "step_seconds": best.step.step_seconds,
            "hfu": best.step.hfu,
            "global_batch_tokens": self.sequences * self.seq_len,
            "memory_bytes_per_gpu": best.memory.total_bytes,
            "binds": self.found.binds,
        }
        facts |= {
            name: int(getattr(best.layout, name))
            for name in ("tp", "pp", "vpp", "dp", "cp", "ep", "zero", "micro_batch")
        }
        facts["recompute"] = _recompute(best.layout.recompute)
        runner = self.found.runner_up
        if runner is not None:
            slower = runner.step.step_seconds / best.step.step_seconds - 1.0
            facts["runner_up"] = f"{_degrees(runner.layout)}: {slower:.1%} slower"
        return facts

    def rows(self) -> list[dict[str, Any]]:
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


def _recompute(level: Any) -> str:
    if level <= 1.0:
        return "selective" if level == 1.0 else "none"
    return "full" if level >= 2.0 else f"selective, {level - 1.0:.0%} of layers in full"


def _degrees(layout: Layout) -> str:
    names = ("tp", "pp", "vpp", "dp", "cp", "ep")
    return " ".join(f"{n} {int(getattr(layout, n))}" for n in names if int(getattr(layout, n)) > 1) or "dp 1"


def predict(
    question: Question, model: Subject, device: Chip, gpus: int, seq_len: float, dtype: str
) -> Predicted | None:
    """The predicted step; None where the model or the machine is not known well enough to predict one.

    Raises
    ------
    LlmcostError
        The layout asked for is impossible on that many accelerators.
    """
    shape = _shape(question, model)
    if shape is None or math.isnan(device.machine.memory_bytes_per_second) or math.isnan(device.machine.bf16_flops):
        return None
    calibration, spread = calibration_from_factors(question.catalog.factors("training"), device.preset.generation)
    run = Run(seq_len, _sequences(question, model, shape, seq_len, gpus), float(PRECISIONS[PRECISION[dtype]]))
    _refuse(question, shape)
    fixed = {name: float(value) for name in ASKED if (value := question.said(name)) is not None}
    recompute = question.said("recompute")
    if recompute is not None:
        fixed["recompute"] = RECOMPUTE[recompute]
    try:
        found = par.search(shape, device.machine, float(gpus), run, calibration, fixed)
    except ValueError:
        asked = (
            ", ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in fixed.items()) or f"a batch of {run.global_batch:g}"
        )
        raise LlmcostError(
            f"no valid layout of {gpus:,} accelerators with {asked}", "leave one of them open, or change --gpus"
        ) from None
    width = math.exp(spread.step_moe if float(shape.n_experts) else spread.step_dense)
    # with a parameter count alone the work is 6N a token: the utilisation that gives the same time
    own = 1.0 if model.params is None else _counted(model, shape, seq_len)
    mfu = float(found.best.step.mfu) * own
    smallest = None if found.fitting else par.smallest_fit(shape, device.machine, run, calibration, fixed)
    return Predicted(
        Spread(mfu / width, mfu, min(mfu * width, 0.99)),
        found,
        run.global_batch,
        seq_len,
        gpus,
        None if smallest is None else int(smallest),
    )


def sequence_length(question: Question, model: Subject) -> float:
    """Tokens per sequence: said, else as the model was trained, else the default; recorded [tokens]."""
    said = question.said("seq_len")
    if said is not None:
        return float(said)
    published = model.preset.training_seq_len if model.preset is not None else None
    if published is not None and model.found is not None:
        question.record("seq_len", published, origin_of(model.found, source_of(model.preset, "training_seq_len")))
        return float(published)
    factor = question.factor("defaults", "seq_len")
    question.record("seq_len", int(median(factor.value)), factor.origin)
    return median(factor.value)


def _shape(question: Question, model: Subject) -> Shape | None:
    if not math.isnan(float(model.shape.n_layers)):
        return model.shape
    if model.moe or model.params is None:
        return None
    question.warn(
        "W012",
        f"the architecture of {model.name} is assumed: Llama 3 shapes scaled to its parameters",
        "llmcost presets import config.json",
    )
    return tf.dense_shape(median(model.params))


def _counted(model: Subject, shape: Shape, seq_len: float) -> float:
    """FLOPs per token by parameter count over those of the assumed architecture."""
    assert model.params_active is not None
    return 6.0 * median(model.params_active) / float(tf.training_flops_per_token(shape, seq_len))


def _refuse(question: Question, shape: Shape) -> None:
    """Degrees that no layout of this model can have."""
    layers, experts = float(shape.n_layers), float(shape.n_experts)
    stages = (question.said("pp") or 1) * (question.said("vpp") or 1)
    if stages > layers:
        raise LlmcostError(f"--pp x --vpp is {stages:,} stages, the model has {layers:.0f} layers", "leave --vpp open")
    if question.said("ep") is not None and not experts:
        raise LlmcostError("--ep: this model has no experts to spread", "leave --ep out")
    if experts and (question.said("ep") or 1) > experts:
        raise LlmcostError(f"--ep {question.said('ep'):,} is more than the {experts:.0f} experts of the model")


def _sequences(question: Question, model: Subject, shape: Shape, seq_len: float, gpus: int) -> float:
    """Sequences per step: said, or by the size of the run, divisible over the accelerators."""
    said = question.said("global_batch_tokens")
    if said is not None:
        wanted = max(1.0, float(said) / seq_len)
        batch = _divisible(wanted, gpus)
        if abs(batch / wanted - 1.0) > ROUNDING:
            close = units.format("count", batch * seq_len)
            question.warn(
                "W014",
                f"the batch is rounded to {close} tokens, which divide over {gpus:,} accelerators",
                "change --gpus",
            )
        return batch
    flops = question.numbers.get("training_flops")
    total = (
        median(flops) if flops is not None else 6.0 * float(shape.params_active) * median(question.numbers["tokens"])
    )
    published = model.preset.training_batch_tokens if model.preset is not None else None
    if published is not None and model.preset is not None and model.found is not None:
        source = origin_of(model.found, source_of(model.preset, "training_batch_tokens"))
    else:
        source = Origin("default", "docs/method.md, training: 4M tokens at 1e24 FLOP, 8 x for mixtures of experts")
    wanted = (published or batch_tokens(total, float(shape.n_experts) > 0)) / seq_len
    batch = _divisible(max(wanted, 1.0), gpus)
    question.record("global_batch_tokens", batch * seq_len, source)
    return batch


def _divisible(wanted: float, gpus: int) -> float:
    """The nearest multiple of the accelerators, or divisor where fewer are wanted."""
    if wanted >= gpus:
        return float(round(wanted / gpus) * gpus)
    return float(min(par.divisors(gpus), key=lambda d: abs(math.log(d / wanted))))
