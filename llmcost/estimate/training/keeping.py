"""What a training run keeps in memory: its stack, method, optimizer, loss and offload, said or usual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.numeric.normal import normal_quantile
from llmcost.engine.numeric.spread import median
from llmcost.engine.training.peak import Habits, Keeping
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.no_fit import CONFIDENCE, confidence
from llmcost.estimate.asking.question import Question
from llmcost.estimate.training.kept import (
    expands,
    fuses_loss,
    kept_by,
    kin,
    offloaded,
    stack_of,
    with_loss,
    with_optimizer,
    with_segments,
    with_spread,
)
from llmcost.estimate.training.methods import Method
from llmcost.estimate.training.stack import Software
from llmcost.keys.training import SEGMENTS
from llmcost.records import NamedTuple
from llmcost.scenario import Setting

TRIED = 0.5  # chance with which a layout has to fit in pre-training, where layouts are tried until one does
METHOD = "docs/method-memory.md, training"
WHOLE, TUNED = "megatron", "nemo"  # stacks where none is named: of replicated weights, of adapters spread over ranks
SPLITS = "torchtitan"  # the stack of PyTorch that splits models
TUNES = "tuned"  # the family of both
ONLY_TUNED = ("tp", "pp", "ep", "cp")  # degrees of adapters that only stacks made for the chip have
T = TypeVar("T")


class Kept(NamedTuple):
    """What a run keeps, and the stacks that these are the habits of."""

    habits: Habits
    whole: str  # where weights are replicated
    shards: str  # where ZeRO-3 shards them


def take(question: Question, method: Method, used: Software, fixed: Mapping[str, float]) -> Kept:
    """What the run keeps, with its weights replicated and sharded; `fixed` are the degrees that were asked for.

    By the stack that was named. Where none is, replicated weights of a stack that shards are taken to be Megatron's;
    adapters are those of Hugging Face's trainer, unless a kind of parallelism is asked for that it does not have.
    """
    whole, shards = _stacks(question.catalog, used, method.declared.adapters, _parallel(fixed))
    segments = _segments(question, used)
    both = (_kept(question, method, whole, False, segments), _kept(question, method, shards, True, segments))
    usual_one = TRIED if method.declared.pretrains else CONFIDENCE
    return Kept(Habits(*both, float(normal_quantile(confidence(question, METHOD, usual_one)))), whole, shards)


def usual(catalog: Catalog, used: Software) -> Kept:
    """What a pre-training run keeps of which nothing else is said."""
    whole, shards = _stacks(catalog, used, False, False)
    segments = expands(catalog, used.name)
    whole_kept, shards_kept = kept_by(catalog, whole, False), kept_by(catalog, shards, True)
    habits = Habits(with_segments(catalog, whole_kept, segments), with_segments(catalog, shards_kept, segments))
    return Kept(habits._replace(margin=float(normal_quantile(TRIED))), whole, shards)


def _stacks(catalog: Catalog, used: Software, adapters: bool, parallel: bool) -> tuple[str, str]:
    """The stacks of replicated and of sharded weights: whatever a run computes in, its states are of one stack."""
    whole = shards = used.name
    if not used.stated and not adapters and used.family in ("sharded", TUNES):
        whole = WHOLE
    elif not used.stated and used.family == "trainer" and parallel:
        whole = shards = TUNED
    return stack_of(catalog, whole), stack_of(catalog, shards)


def _parallel(fixed: Mapping[str, float]) -> bool:
    """Whether a kind of parallelism is asked for that plain trainers do not have."""
    return any(fixed.get(name, 1.0) > 1.0 for name in ONLY_TUNED)


def _segments(question: Question, used: Software) -> bool | None:
    """Whether PyTorch's allocator has expandable segments: said, or as the stack starts it; recorded where known.

    Raises
    ------
    LlmcostError
        It was said of a stack whose allocator is not PyTorch's.
    """
    said, usual_one = question.stated("expandable_segments"), expands(question.catalog, used.name)
    if said is not None and usual_one is None:
        raise LlmcostError(
            f"--expandable-segments: {used.name} does not use PyTorch's allocator", "leave --expandable-segments out"
        )
    if said is None and usual_one is not None:
        origin = Origin("default", f"presets/frameworks/{used.name}.toml")
        question.record("expandable_segments", SEGMENTS[usual_one], origin)
    return usual_one if said is None else said == SEGMENTS[True]


def _kept(question: Question, method: Method, stack: str, sharded: bool, segments: bool | None) -> Keeping:
    catalog = question.catalog
    keeping = with_segments(catalog, kept_by(catalog, stack, sharded), segments)
    optimizer, loss, offload = (question.stated(key) for key in ("optimizer", "loss_kernel", "offload"))
    if optimizer is not None and not method.declared.adapters:
        keeping = with_optimizer(catalog, keeping, str(optimizer))
    if loss is not None:
        keeping = with_loss(catalog, keeping, str(loss))
    by = 1.0 if method.declared.measured else _unmeasured(question)
    wide = with_spread(catalog, keeping, kin(float(method.declared.adapters), method.frozen_bytes), by)
    return offloaded(wide, str(offload or "none"))


def _unmeasured(question: Question) -> float:
    """How much wider than that of its kin the range of a method is of which no run was measured [-]."""
    factor = question.factor("methods", "unmeasured_memory_spread")
    question.record("unmeasured_memory_spread", factor.value, factor.origin, "ratio")
    return median(factor.value)


def warn_of_unmeasured(question: Question, method: Method) -> None:
    """Say so where no peak of the method was measured."""
    if not method.declared.measured:
        question.warn(
            "W015",
            f"no run of --method {method.name} is in the fit: its memory follows from that of --method "
            f"{method.declared.kin}, and its range is wider",
            "llmcost calibrate FILE -o mystack.toml, with peaks of your own",
        )


def variants(catalog: Catalog, kept: Kept, open_loss: bool) -> list[Habits]:
    """What is tried until something fits: the run as it is, with a fused loss if open, and both at even odds."""
    sure = list(dict.fromkeys((kept.habits, _fused(catalog, kept) if open_loss else kept.habits)))
    return list(dict.fromkeys((*sure, *(habits._replace(margin=0.0) for habits in sure))))


def settled(
    question: Question, kept: Kept, attempt: Callable[[Habits], T], fits: Callable[[T], bool]
) -> tuple[T, Habits]:
    """The first of the variants that fits, and what it keeps; where none does, the run as it is."""
    tried = variants(question.catalog, kept, question.stated("loss_kernel") is None)
    first = None
    for habits in tried:
        found = attempt(habits)
        first = found if first is None else first
        if not fits(found):
            continue
        if habits.replicated != kept.habits.replicated or habits.sharded != kept.habits.sharded:
            question.record("loss_kernel", "fused", Origin("computed", "logits that are held whole do not fit"))
        if habits.margin < kept.habits.margin:
            tight(question, "no layout fits with the confidence asked for, and the likeliest is taken")
        return found, habits._replace(margin=kept.habits.margin)
    assert first is not None
    return first, kept.habits


def tight(question: Question, why: str) -> None:
    """Say that the memory may not suffice."""
    hint = "llmcost fit --method, which shows the memory by part and what would make it fit"
    question.warn("W083", f"it is tight: {why}", hint)


def changed(
    question: Question, method: Method, used: Software, fixed: Mapping[str, float], said: Mapping[str, str]
) -> Habits:
    """What the run would keep with something else said."""
    other = question.aside().over({key: Setting(value, "flag") for key, value in said.items()})
    return take(other, method, used, fixed).habits


def _fused(catalog: Catalog, kept: Kept) -> Habits:
    """The same run with a loss that never holds its logits whole, in stacks that have one and leave it to the run."""
    pairs = ((kept.habits.replicated, kept.whole), (kept.habits.sharded, kept.shards))
    whole, shards = (with_loss(catalog, one, "fused" if fuses_loss(catalog, stack) else "") for one, stack in pairs)
    return kept.habits._replace(replicated=whole, sharded=shards)


def restricted(question: Question, method: Method, used: Software, asked: Mapping[str, float]) -> dict[str, float]:
    """Degrees that the stack does not have, held at one, beside those `asked` for.

    Stacks without pipelines, and Hugging Face's trainer with what wraps it, shard weights: they split a model only
    where that is asked for.

    Raises
    ------
    LlmcostError
        One was asked for of a stack that was named.
    """
    preset = question.catalog.load(spec.Framework, used.name)[0].training
    if preset is None or (method.declared.pretrains and not used.stated):
        return {}
    fixed = {}
    for name, has, words, other in (
        ("tp", preset.tensor_parallel, "tensor", SPLITS),
        ("pp", preset.pipeline_parallel, "pipeline", SPLITS),
        ("cp", preset.context_parallel, "context", WHOLE),
        ("sp", preset.ulysses, "Ulysses sequence", "deepspeed"),
        ("ep", preset.expert_parallel, "expert", WHOLE),
    ):
        said = asked.get(name)
        if has:
            continue
        if said is None:
            fixed[name] = 1.0
        elif said > 1 and used.stated:
            lacks = f"--{name}: {used.name} has no {words} parallelism"
            raise LlmcostError(lacks, f"leave --{name} out, or --framework {other}")
    if not preset.pipeline_parallel or (used.family == "trainer" and not _parallel(asked)):
        fixed |= dict.fromkeys(("tp", "pp", "vpp"), 1.0)
    return fixed
