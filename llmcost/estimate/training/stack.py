"""The software of a training run: named, or the one that people use for such a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.spread import median
from llmcost.engine.training.calibration import Calibration, Kind, Stack, stacked
from llmcost.engine.training.micro_batch import UNFUSED
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.keys.methods import METHODS
from llmcost.keys.training import EXPERT_KERNELS, FP8_RECIPES, GROUPED, LAYER_KERNELS, TRANSFORMER_ENGINE
from llmcost.records import NamedTuple

TABLE = "stacks"  # of presets/calibration/training.toml: measured stacks, and each family as a whole
LARGE = 64  # accelerators from which on pre-training is run on a stack made for it
# Generations that Transformer Engine runs on (its installation guide; the fork of ROCm: MI300 and later).
ENGINE_ON = ("ampere", "ada", "hopper", "blackwell", "rubin", "cdna3", "cdna4", "cdna5")
OWN = {"gaudi": "gaudi", "trainium": "neuron", "inferentia": "neuron"}  # by generation: chips with a stack of their own
TPU_STACK = "maxtext"
TUNED = "tuned"
TRAINER = "trainer"
LAYERS = ("host", "products", "attention_kernel", "traffic")  # of a stack: what its layers decide
LOOPING = "sharded"  # whose loop over experts a tuned stack has where it is said to loop
METHOD = "docs/method-training.md, software"
YEAR = 2026.0  # of a stack whose preset says none: what people install now
GROUPS_FROM = 2026  # from which on Hugging Face's models run their experts together (transformers 5, #42697)
TENSORWISE = FP8_RECIPES[0]
BEFORE_FUSED = 2022  # the last year in which training stacks stored every score
NARROW = ("fp8", "mxfp8", "fp4")  # formats of products in 8 bits or fewer


class Software(NamedTuple):
    """A training stack with its constants."""

    name: str
    stack: Stack
    family: str
    measured: bool  # steps of it are in the fit
    stated: bool = True
    year: float | None = None  # of its defaults
    recompute: str | None = None  # of fine-tuning, unless told
    adapted: str = "all-linear"  # layers with adapters, unless told
    selective: bool = True  # it can recompute the attention alone
    grouped: bool = False  # products of experts run together, as in tuned stacks, not in a loop
    kernels_said: bool = False  # that they do, or do not
    kernels_guessed: bool = False  # that they do, by the year of the software alone
    engine: bool = False  # Transformer Engine's layers stand in place of its own


def serves_alone(name: str, hint: str = "llmcost presets list frameworks") -> LlmcostError:
    """The finding for an engine in the place of a training stack."""
    return LlmcostError(f"{name} trains no models: it serves them", hint)


def software(catalog: Catalog, name: str, stated: bool = True) -> Software:
    """A stack by its name: its own constants, those of its kin, or those of its family.

    Raises
    ------
    LlmcostError
        No such framework, or one that only serves.
    """
    preset, found = catalog.load(spec.Framework, name)
    if preset.training is None:
        raise serves_alone(found.name)
    rows = {row["name"]: row for row in catalog.table("training", TABLE)}
    family = preset.training.family
    drawn = next((one for one in _kin(catalog, found.name) if one in rows), family)
    year = preset.training.year
    own = found.name in rows
    grouped = family == TUNED or preset.training.expert_parallel  # who spreads experts has kernels for many of them
    constants, released = _stack(rows[drawn], family), None if year is None else float(year)
    if grouped and not own:
        constants = constants._replace(expert_loop=float(rows[TUNED]["expert_loop"]))
    used = Software(found.name, constants, family, own, stated, released, preset.training.recompute)
    used = used._replace(grouped=grouped, selective=family == TUNED and preset.training.kin != "fsdp")
    return used._replace(adapted=preset.training.adapted) if preset.training.adapted else used


def with_kernels(catalog: Catalog, used: Software, grouped: bool) -> Software:
    """The stack with products of experts that run together, or with a loop over experts."""
    used = used._replace(kernels_said=True)
    if grouped == used.grouped:
        return used
    family = TUNED if grouped else LOOPING if used.family == TUNED else used.family
    loop = next(float(row["expert_loop"]) for row in catalog.table("training", TABLE) if row["name"] == family)
    return used._replace(stack=used.stack._replace(expert_loop=loop), grouped=grouped)


def with_layers(catalog: Catalog, used: Software) -> Software:
    """The stack with Transformer Engine's layers in place of its own: kernels made for the chip, few launches."""
    if used.family == TUNED:
        return used
    tuned = next(row for row in catalog.table("training", TABLE) if row["name"] == TUNED)
    layers = {name: float(tuned[name]) for name in LAYERS}
    return used._replace(stack=used.stack._replace(**layers, plain=0.0), engine=True)


def takes_engine(used: Software, narrow: bool, generation: str) -> bool:
    """Whether its layers are Transformer Engine's where nothing is said: 8 bits under Hugging Face's Trainer.

    Source: Accelerate, low precision training: Transformer Engine is the first of its FP8 backends.
    """
    return narrow and used.family == TRAINER and generation in ENGINE_ON


def _kin(catalog: Catalog, name: str) -> list[str]:
    """The stack and those it is drawn toward, nearest first, as long as they are of one family."""
    line: list[str] = []
    family = None
    while name and name not in line:
        preset = catalog.load(spec.Framework, name)[0].training
        if preset is None or family not in (None, preset.family):
            break
        line.append(name)
        name, family = preset.kin or "", preset.family
    return line


def _stack(row: Mapping[str, Any], family: str) -> Stack:
    values = {name: float(row[name]) for name in Stack._fields if name != "plain"}
    return Stack(**values, plain=float(family != TUNED))


def take_software(question: Question, method: str, gpus: float, generation: str, dtype: str) -> Software:
    """The stack that was named, or the usual one, recorded among the inputs."""
    named = _named(question)
    if named:
        return software(question.catalog, named)
    # a stated ZeRO stage decides nothing here: the layout that an answer prints, given back, must get that answer again
    found = usual(question.catalog, Asked(method, gpus, generation, dtype in NARROW))
    question.record("framework", found.name, Origin("default", "docs/method-training.md, software: the usual one"))
    return found


def released(said: float | None, used: Software) -> float:
    """The year of the software: said, that of its preset, or of what people install now."""
    return float(said or used.year or YEAR)


def with_usual_kernels(catalog: Catalog, used: Software, shape: Shape, generation: str, year: float) -> Software:
    """The stack with the kernels of experts that it has by its year, where nobody says which.

    Source: transformers 5, `experts_implementation`: grouped_mm unless told, where PyTorch's kernel runs.
    """
    loops = float(shape.n_experts) > 0 and not used.grouped and not used.kernels_said
    together = year >= GROUPS_FROM and generation not in OWN and generation not in UNFUSED
    return with_kernels(catalog, used, True)._replace(kernels_guessed=True) if loops and together else used


def may_loop(used: Software) -> bool:
    """Whether experts run one after the other, or may: nothing but the year of the software says that they do not."""
    return not used.grouped or used.kernels_guessed


def may_group(catalog: Catalog, used: Software, shape: Shape) -> Software | None:
    """The stack with grouped experts, where it is taken to loop over them and nobody said so."""
    loops = float(shape.n_experts) > 0 and not used.grouped and not used.kernels_said
    return with_kernels(catalog, used, True) if loops else None


def take_kernels(question: Question, used: Software, shape: Shape, generation: str, dtype: str) -> Software:
    """The stack with the kernels that were said, of layers and of experts, or its own, recorded among the inputs."""
    used = _take_layers(question, used, generation, dtype)
    said = question.stated("expert_kernels")
    if said is not None:
        return with_kernels(question.catalog, used, said == GROUPED)
    year = released(question.stated("framework_year"), used)
    used = with_usual_kernels(question.catalog, used, shape, generation, year)
    if float(shape.n_experts):
        question.record("expert_kernels", EXPERT_KERNELS[used.grouped], Origin("default", METHOD))
    return used


def _take_layers(question: Question, used: Software, generation: str, dtype: str) -> Software:
    said = question.stated("layer_kernels")
    if said == TRANSFORMER_ENGINE and generation not in ENGINE_ON:
        raise LlmcostError(
            f"--layer-kernels {said}: it runs on NVIDIA's accelerators from Ampere on and on AMD's from CDNA 3 on",
            "leave --layer-kernels out",
        )
    engine = takes_engine(used, dtype in NARROW, generation)
    if said is None and used.family != TUNED:
        question.record("layer_kernels", LAYER_KERNELS[engine], Origin("default", METHOD))
    return with_layers(question.catalog, used) if said == TRANSFORMER_ENGINE or (engine and said is None) else used


def pace(fitted: Calibration, used: Software, method: str) -> float:
    """The step of the software that people run over that of the usual stack, where none was named [-].

    Source: docs/method-training.md, software: the middle of all stacks is not that of the one most used.
    """
    if used.stated or leaves_no_choice(used) or used.family == TUNED:  # none is quicker than tuned ones
        return 1.0
    return float(fitted.unnamed_pretraining if METHODS[method].pretrains else fitted.unnamed_tuning)


def leaves_no_choice(used: Software) -> bool:
    """Whether the chip has one stack of its own."""
    return used.name in (*OWN.values(), TPU_STACK)


class Build(NamedTuple):
    """How the software was built and run."""

    year: float
    unfused: bool  # attention writes every score to memory
    compiled: bool
    practice: float  # step of a run over the step of its layout on paper
    packing: float = 1.0  # share of the computed tokens that are not padding
    rowwise: float = 1.0  # rate of FP8 products with a factor a row over those with one a tensor

    def constants(self, fitted: Calibration, used: Software) -> Calibration:
        """The constants of a generation under this software."""
        made = stacked(fitted, used.stack, self.year, float(self.compiled))
        return made._replace(practice=self.practice, gemm_fp8=made.gemm_fp8 * self.rowwise)


def take_build(question: Question, used: Software, generation: str, dtype: str, practice: float) -> Build:
    """Release, attention kernel, compilation and practice: said, or as usual; recorded among the inputs."""
    said = {name: question.stated(name) for name in ("framework_year", "attention", "compiled", "practice")}
    year = released(said["framework_year"], used)
    scores, narrow = stores_scores(generation, year), compiles(used, dtype in NARROW)
    usual_ones = {
        "framework_year": (year, METHOD),
        "attention": ("unfused" if scores else "fused", f"{METHOD}: FlashAttention from Ampere and {BEFORE_FUSED} on"),
        "compiled": ("yes" if narrow else "no", METHOD),
        "practice": (practice, "presets/calibration/training.toml"),
    }
    for name, (value, source) in usual_ones.items():
        if said[name] is None:
            question.record(name, value, Origin("default", source))
    unfused = said["attention"] == "unfused" if said["attention"] else scores
    compiled = said["compiled"] == "yes" if said["compiled"] else narrow
    build = Build(year, unfused, compiled, float(said["practice"] or practice))
    packing = question.stated("packing")
    if packing is None:
        question.record("packing", 1.0, Origin("default", f"{METHOD}: full sequences"))
    return build._replace(packing=float(packing or 1.0), rowwise=_rowwise(question))


def _rowwise(question: Question) -> float:
    """Rate of FP8 products under the recipe over that of the fit, which is one factor a tensor [-]."""
    if question.stated("dtype") != "fp8":
        return 1.0
    recipe = question.stated("fp8_recipe")
    if recipe is None:
        question.record("fp8_recipe", TENSORWISE, Origin("default", METHOD))
    return 1.0 if recipe in (None, TENSORWISE) else float(median(question.factor("methods", "fp8_rowwise").value))


def compiles(used: Software, narrow: bool) -> bool:
    """Whether it is compiled where nothing is said: PyTorch's casts to 8 bits cost what they gain until they are.

    Source: torchao, float8 training: compile to reach competitive speed.
    """
    return narrow and used.family == "sharded" and not used.engine


def stores_scores(generation: str, year: float | None) -> bool:
    """Whether attention keeps every score: before FlashAttention (arXiv 2205.14135), and on chips without it."""
    if generation in UNFUSED:
        return True
    return year is not None and year <= BEFORE_FUSED and not generation.startswith("tpu")


def adapts(question: Question) -> str:
    """Where adapters sit unless told: as the stack that is named has them, or the usual one."""
    named = _named(question)
    usual_one = "nemo" if question.stated("dtype") in NARROW else "hf-trainer"
    return software(question.catalog, named or usual_one).adapted


def _named(question: Question) -> str:
    """The stack that was named; empty where none was."""
    named = question.preset("framework", spec.Framework)
    if named is None:
        return ""
    if named[0].training is None and not question.alone:
        raise serves_alone(named[1].name, f"of the side that serves: --serve-framework {named[1].name}")
    return str(named[1].name)


class Asked(NamedTuple):
    """What the usual stack follows from."""

    method: str
    gpus: float
    generation: str
    narrow: bool = False  # products in 8 bits or fewer


def usual(catalog: Catalog, asked: Asked) -> Software:
    """The stack that people use for such a run, where none is named."""
    return software(catalog, _usual(asked), stated=False)


def _usual(asked: Asked) -> str:
    """A chip's own stack; FSDP to pre-train on few, torchtitan in 8 bits; NeMo in 8 bits; Megatron; Hugging Face's.

    >>> [_usual(Asked("pretrain", gpus, "hopper")) for gpus in (1024, 8)], _usual(Asked("lora", 8, "hopper"))
    (['megatron', 'fsdp'], 'hf-trainer')
    >>> [_usual(Asked("full", gpus, "hopper")) for gpus in (1024, 8)]
    ['megatron', 'hf-trainer']
    >>> [_usual(Asked("lora", 8, chip, chip == "hopper")) for chip in ("tpu-v5", "gaudi", "hopper")]
    ['maxtext', 'gaudi', 'nemo']
    """
    if asked.generation.startswith("tpu"):
        return TPU_STACK
    if asked.generation in OWN:
        return OWN[asked.generation]
    if METHODS[asked.method].pretrains and asked.gpus < LARGE:
        return "torchtitan" if asked.narrow else "fsdp"  # torchtitan has torchao's recipes of 8 bits
    if asked.narrow:
        return "nemo"
    if asked.gpus >= LARGE and not METHODS[asked.method].adapters:
        return "megatron"
    return "hf-trainer"


def kind(used: Software, shape: Shape, method: str, overhead: float) -> Kind:
    """The class of a question, which its range follows from."""
    experts = float(shape.n_experts) > 0
    tuning = not METHODS[method].pretrains
    plain = used.family != TUNED
    loops = float(experts and may_loop(used))
    new, unstated = float(not used.measured), float(not used.stated)
    return Kind(float(plain), float(experts), loops, new, float(tuning), overhead, unstated)
