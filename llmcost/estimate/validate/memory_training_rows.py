"""Rows of what training runs took at their peak, and of those that ran out of memory."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.methods import adapter_params, trained_ends
from llmcost.engine.training.micro_batch import UNFUSED
from llmcost.engine.training.peak import Keeping, Memory, Trained, training_memory
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.training.kept import (
    bits_held,
    expands,
    kept_by,
    kin,
    offloaded,
    stack_of,
    with_loss,
    with_optimizer,
    with_segments,
    with_spread,
)
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.described import shape_of_row
from llmcost.estimate.validate.training_rows import where_adapted
from llmcost.keys.methods import DEFAULT, METHODS, SPELLINGS
from llmcost.keys.training import SEGMENTS
from llmcost.records import NamedTuple

GIB = 2.0**30
QUANTITIES = ("peak_bytes", "fits")
Answer = tuple[float | None, float | None, float | None, str]
OPTIMIZERS = (  # words of a cell, and the optimizer that they name; the first that is found
    ("paged", "paged-8bit"), ("8-bit", "adamw-8bit"), ("8bit", "adamw-8bit"), ("adafactor", "adafactor"),
    ("muon", "muon"), ("sgd", "sgd"), ("weight dtype", "adamw-bf16"), ("states in 16", "adamw-bf16"),
    ("states in bf16", "adamw-bf16"), ("adamw bf16", "adamw-bf16"), ("bf16 adam", "adamw-bf16"),
    ("backward", "in-backward"),
)  # fmt: skip
LOSSES = (("fused", "fused"), ("liger", "fused"), ("cut", "fused"), ("chunk", "chunked"), ("plain", "plain"))
TOLD = {"litgpt": "allocator", "torchtune": "reserved"}  # what a stack prints itself, where a row does not say
FULL = 0.8  # of an accelerator's memory
SHORT = 1024.0  # an odd mean length below this is that of a text as it comes, not one that was set [tokens]
LONGEST = 8.0  # the longest of such texts over their mean [-]


class Case(NamedTuple):
    """The inputs of a row."""

    shape: Shape
    machine: Machine
    layout: Layout
    seq_len: float
    micro_batches: float
    keeping: Keeping
    trained: Trained
    stack: str  # whose constants these are
    loss: str  # the kernel that is named; empty: the stack's own
    told: str  # what the figure is: of the allocator, reserved, or of the driver

    def memory(self) -> Memory:
        """What the run holds at its peak."""
        return training_memory(self.shape, self.layout, self.seq_len, self.micro_batches, self.keeping, self.trained)


def _named(text: str, table: tuple[tuple[str, str], ...], otherwise: str) -> str:
    return next((name for word, name in table if word in text.lower()), otherwise)


def stack_named(catalog: Catalog, row: Mapping[str, str]) -> str:
    """The stack whose constants a row has."""
    return stack_of(catalog, framework_named(catalog, row))


def framework_named(catalog: Catalog, row: Mapping[str, str]) -> str:
    """The framework that a row names, in the words of its source; the usual one where it names none that is known.

    `megatron (ms-swift)` is Megatron, run by ms-swift; `hf-fsdp` is Hugging Face's trainer.
    """
    said = (cells.text(row, "framework") or cells.text(row, "framework_id")).lower()
    words = [said, *re.split(r"[\s/(),+]+", said), *re.split(r"[^a-z0-9]+", said)]
    for word in filter(None, words):
        name = "hf-trainer" if word in ("hf", "transformers", "huggingface") else word
        try:
            stack_of(catalog, name)
        except LlmcostError:
            continue
        return name
    return "megatron" if any((positive(row, name) or 1.0) > 1.0 for name in ("tp", "pp", "ep")) else "hf-trainer"


def case(row: Mapping[str, str], catalog: Catalog) -> Case:
    """The inputs of a row.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    shape, accelerator = shape_of_row(row, catalog), cells.accelerator(catalog, cells.text(row, "hardware_id"))
    said = cells.text(row, "method").lower()
    method = SPELLINGS.get(said, said) if SPELLINGS.get(said, said) in METHODS else "full" if said else DEFAULT
    tuned = METHODS[method].adapters
    framework = framework_named(catalog, row)
    stack = stack_of(catalog, framework)
    layout = _layout(row, stack, tuned)
    if number(row, "zero") is None and _crowded(shape, accelerator.memory_bytes, layout, method):
        layout = layout._replace(zero=3.0)
    precision = (cells.text(row, "precision") or cells.text(row, "precision_id")).lower()
    keeping = kept_by(catalog, stack, float(layout.zero) >= 3)
    keeping = with_segments(catalog, keeping, _segments(row, expands(catalog, framework)))
    keeping = keeping if tuned else _optimizer(row, catalog, keeping)
    loss = _named(cells.text(row, "loss"), LOSSES, "")
    own, keeping = keeping.logit, with_loss(catalog, keeping, loss)
    loss = "" if keeping.logit == own else loss
    keeping = offloaded(keeping, cells.text(row, "offload").lower())
    seq_len = positive(row, "seq_len")
    if seq_len is None:
        raise LlmcostError("seq_len is blank: the sequence length is not stated")
    several = 4.0 * layout.pp if layout.pp > 1 else 1.0
    batch = positive(row, "global_batch_seqs") or several * layout.dp * layout.micro_batch
    micro = max(float(batch / (layout.dp * layout.micro_batch)), 1.0)
    unfused = accelerator.generation in UNFUSED or "eager" in (row.get("note") or "").lower()
    trained = Trained(0.0, 2.0, 0.0 if unfused else 1.0, float(precision in ("fp8", "mxfp8", "nvfp4")))
    if tuned:
        trained = _adapters(row, shape, trained, method)
    keeping = with_spread(catalog, keeping, kin(float(trained.adapters), float(trained.frozen)))
    return Case(
        shape, _machine(row, machine_of(accelerator)), layout, _longest(seq_len, row, float(layout.micro_batch)), micro,
        keeping, trained, stack, loss, cells.text(row, "how_measured").lower() or TOLD.get(stack, ""),
    )  # fmt: skip


def _segments(row: Mapping[str, str], usual: bool | None) -> bool | None:
    """Whether the allocator had expandable segments: by a column or a note, else as the framework starts it."""
    said = cells.text(row, "expandable_segments").lower()
    if said in SEGMENTS:
        return said == SEGMENTS[True]
    return True if re.search(r"expandable.segments(?::true|=true| on)", (row.get("note") or "").lower()) else usual


def _longest(seq_len: float, row: Mapping[str, str], sequences: float) -> float:
    """Tokens a sequence of the batch that takes most: texts as they come are as uneven as their longest one."""
    if seq_len >= SHORT or seq_len % 8.0 == 0.0:
        return seq_len
    if cells.text(row, "packed").lower() == "padded":
        return seq_len * LONGEST / 1.5
    return seq_len * (sequences - 1.0 + LONGEST) / sequences


def optimizer_of(row: Mapping[str, str]) -> str:
    """The optimizer that a row names; `adamw` as its stack keeps it where it names none."""
    return _named(cells.text(row, "optimizer"), OPTIMIZERS, "adamw")


def _optimizer(row: Mapping[str, str], catalog: Catalog, keeping: Keeping) -> Keeping:
    said = cells.text(row, "optimizer").lower()
    keeping = with_optimizer(catalog, keeping, optimizer_of(row))
    if "backward" in said:  # each gradient is freed as soon as it is used
        keeping = keeping._replace(gradient=0.0, update=0.0)
    if "16-bit moments" in said:  # beside a master copy in 32 bits
        keeping = keeping._replace(optimizer=float(keeping.optimizer) - 4.0)
    return keeping


def _machine(row: Mapping[str, str], usual: Machine) -> Machine:
    """The accelerator, with the memory that a note states of one of another size."""
    stated = re.search(r"\((\d+) GiB\)", row.get("note") or "")
    return usual if stated is None else usual._replace(process_bytes=float(stated[1]) * GIB)


def _layout(row: Mapping[str, str], stack: str, tuned: bool) -> Layout:
    count = positive(row, "n_gpus") or 1.0
    tp, pp, cp, sp, ep, vpp = (positive(row, name) or 1.0 for name in ("tp", "pp", "cp", "sp", "ep", "vpp"))
    dp = positive(row, "dp") or max(count / (tp * pp * cp * sp), 1.0)
    zero = number(row, "zero")
    if zero is None:
        zero = 1.0 if stack in ("megatron", "nemo") else 0.0 if tuned else 3.0
    if "fp32 main" in cells.text(row, "optimizer").lower():
        zero = 0.0
    if count == 1:
        zero = 0.0
    return Layout(
        tp, pp, vpp, dp, cp, ep, 1.0, zero, 0.0, positive(row, "micro_batch") or 1.0, _recompute(row, stack, tuned), sp
    )


def _crowded(shape: Shape, memory_bytes: float, layout: Layout, method: str) -> bool:
    """Whether weights that are not sharded would fill an accelerator: where no stage is stated, they were."""
    each = 0.6 if method == "qlora" else 2.0
    return float(shape.params_total) * each > FULL * memory_bytes * float(layout.tp * layout.pp * layout.ep)


def _recompute(row: Mapping[str, str], stack: str, tuned: bool) -> float:
    said = (cells.text(row, "recompute") or cells.text(row, "recompute_id")).lower()
    raw = (row.get("recompute") or row.get("recompute_id") or "").strip().lower()
    if said.startswith("full"):
        return 2.0
    if raw.startswith("none"):
        return 0.0
    if said:
        return 1.0
    if stack == "litgpt":
        return 0.0
    return 1.0 if stack in ("megatron", "nemo", "torchtitan") and not tuned else 2.0


def _adapters(row: Mapping[str, str], shape: Shape, trained: Trained, method: str) -> Trained:
    """The adapters of a row, the bits of the weights beside them, and embedding and head where they are trained too."""
    rank = positive(row, "lora_rank") or 16.0
    where, ends = where_adapted(cells.text(row, "adapted").lower(), "all-linear")
    count = float(adapter_params(shape, rank, where))
    if ends:  # a copy of each with gradients and states of its own
        count += float(trained_ends(shape))
    bits = positive(row, "weight_bits") or (4.0 if method == "qlora" else 16.0)
    return trained._replace(adapters=count, frozen=bits_held(bits))


def predict(row: Mapping[str, str], catalog: Catalog) -> dict[str, Answer]:
    """The peak of a row, and the probability that it fits what a process may take."""
    try:
        at = case(row, catalog)
    except LlmcostError as error:
        return dict.fromkeys(QUANTITIES, (None, None, None, error.message))
    held = at.memory()
    peak, wide = figure(held, at)
    chance = float(fits_probability(held.deviations(at.machine.shown_bytes)))
    return {"peak_bytes": (peak, peak / wide, peak * wide, ""), "fits": (chance, None, None, "")}


def figure(held: Memory, at: Case) -> tuple[float, float]:
    """What a source of this kind reports of the peak [bytes], and the factor to its p95."""
    total, context = float(held.total_bytes), float(at.keeping.context_bytes)
    peak = float(held.allocated_bytes) if "alloc" in at.told else total - context if "reserv" in at.told else total
    shown = float(at.machine.shown_bytes)
    if "alloc" not in at.told and math.isfinite(shown):  # a pool is no larger than what there is
        peak = min(peak, shown)
    return peak, math.exp(Z95 * float(held.spread_bytes) / total)
