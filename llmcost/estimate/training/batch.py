"""The sequences of a step: said, or as runs of its size have them, and what is said of that."""

from __future__ import annotations

from llmcost import units
from llmcost.catalog import source_of
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.spread import median
from llmcost.engine.training.batch import TOKENS_PER_GPU, usual_batch
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question, origin_of
from llmcost.estimate.asking.subject import Subject
from llmcost.estimate.training.feed import Fed

ROUNDING = 0.05  # a batch further off than this is said
BATCH = "docs/method.md, training: 4M tokens at 1e24 FLOP, 8 x for mixtures of experts, 1,024 an accelerator at least"
STARVED = 1.25  # a step at most this much longer on half the accelerators: the other half is hardly fed


def sequences(
    question: Question, model: Subject | None, shape: Shape, seq_len: float, gpus: int, tokens: float
) -> tuple[float, Origin | None]:
    """Sequences per step: said, or by the size of the run and then with their source."""
    said = question.stated("global_batch_tokens")
    if said is not None:
        return max(1.0, float(said) / seq_len), None
    flops = question.numbers.get("training_flops")
    total = median(flops) if flops is not None else 6.0 * float(shape.params_active) * tokens
    moe, preset = float(shape.n_experts) > 0, model.preset if model is not None else None
    source = Origin("default", BATCH)
    if preset is not None and preset.training_batch_tokens is not None:
        assert model is not None
        assert model.found is not None
        source = origin_of(model.found, source_of(preset, "training_batch_tokens"))
    own = (preset.training_batch_tokens, preset.training_tokens) if preset is not None else (None, None)
    per_step = usual_batch(total, moe, tokens, *own)
    return max(per_step, TOKENS_PER_GPU * gpus) / seq_len, source


def record(question: Question, batch: float, wanted: float, source: Origin | None, gpus: int) -> None:
    """The batch wanted, where it follows from the run: given back it gets the same answer; a rounded one is said."""
    if source is not None:
        question.record("global_batch_tokens", wanted, source)
    elif abs(batch / wanted - 1.0) > ROUNDING:
        question.warn(
            "W014",
            f"the batch is rounded to {units.format('count', batch)} tokens to divide over {gpus:,} accelerators",
            "change --gpus",
        )


def warn_of_idle(question: Question, fed: Fed, gpus: int, tokens: float) -> None:
    """Say where fewer accelerators would take as long, or little longer, and cost much less."""
    batch = units.format("count", tokens)
    if fed.working < gpus and fed.working > gpus // 2:
        question.warn(
            "W018",
            f"{gpus:,} accelerators divide badly into a layout: a step is on {fed.working:,}, the others wait",
            f"--gpus {fed.working}",
        )
    elif fed.working < gpus:
        question.warn(
            "W018",
            f"a batch of {batch} tokens feeds {fed.working:,} of {gpus:,} accelerators: the others wait and are billed",
            f"--gpus {fed.working}, or a larger --global-batch-tokens",
        )
    elif fed.on_half <= STARVED:
        question.warn(
            "W018",
            f"a batch of {batch} tokens hardly feeds {gpus:,} accelerators: half of them would {_pace(fed.on_half)} "
            f"and bill {1.0 - fed.on_half / 2.0:.0%} fewer GPU-hours",
            f"--gpus {gpus // 2}, or a larger --global-batch-tokens",
        )


def _pace(longer: float) -> str:
    return f"take {longer - 1.0:.0%} longer" if longer >= 1.005 else f"take {1.0 - longer:.0%} less time"
