"""Rows of what training runs took at their peak, and of those that ran out of memory."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.methods import adapter_params
from llmcost.engine.training.peak import Keeping, training_memory
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.training.kept import UNFUSED, adapted, bits_held, kept_by, with_loss, with_optimizer
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.described import shape_of_row

GIB = 2.0**30
QUANTITIES = ("peak_bytes", "fits")
Answer = tuple[float | None, float | None, float | None, str]
TUNED = ("lora", "qlora")
# Software by what its name holds, the first that fits; a runner of several stacks names the one it used beside.
STACKS = (
    ("bridge", "nemo"), ("nemo", "nemo"), ("megatron", "megatron"), ("deepspeed", "deepspeed"),
    ("llama-factory", "deepspeed"), ("torchtitan", "torchtitan"), ("torchtune", "torchtune"), ("litgpt", "litgpt"),
    ("automodel", "fsdp"), ("fsdp", "hf-trainer"),
)  # fmt: skip
OPTIMIZERS = (
    ("paged", "paged-8bit"), ("8-bit", "adamw-8bit"), ("backward", "in-backward"),
    ("adafactor", "adafactor"), ("muon", "muon"), ("sgd", "sgd"),
    ("weight dtype", "adamw-bf16"), ("states in 16", "adamw-bf16"), ("adamw bf16", "adamw-bf16"),
)  # fmt: skip
FULL = 0.8  # of an accelerator's memory
LOSSES = (("fused", "fused"), ("liger", "fused"), ("chunk", "chunked"), ("plain", "plain"))


class Trained(NamedTuple):
    """The inputs of a row."""

    shape: Shape
    machine: Machine
    layout: Layout
    seq_len: float
    micro_batches: float
    keeping: Keeping
    fused: float
    fp8: float
    told: str  # what the figure is: of the allocator, reserved, or of the driver


def _named(text: str, table: tuple[tuple[str, str], ...], otherwise: str) -> str:
    return next((name for word, name in table if word in text.lower()), otherwise)


def trained(row: Mapping[str, str], catalog: Catalog) -> Trained:
    """The inputs of a row.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    shape, accelerator = shape_of_row(row, catalog), cells.accelerator(catalog, cells.text(row, "hardware_id"))
    method = cells.text(row, "method").lower() or "full"
    stack = _named(cells.text(row, "framework") or cells.text(row, "framework_id"), STACKS, "hf-trainer")
    layout = _layout(row, stack, method)
    if number(row, "zero") is None and _crowded(shape, accelerator.memory_bytes, layout, method):
        layout = layout._replace(zero=3.0)
    precision = (cells.text(row, "precision") or cells.text(row, "precision_id")).lower()
    keeping = kept_by(catalog, stack, float(layout.zero) >= 3)
    optimizer = cells.text(row, "optimizer").lower()
    kind = _named(optimizer, OPTIMIZERS, "adamw")
    if kind != "adamw" and method not in TUNED:
        keeping = with_optimizer(catalog, keeping, kind)
    if "backward" in optimizer:  # each gradient is freed as soon as it is used
        keeping = keeping._replace(gradient=0.0)
    if "16-bit moments" in optimizer:  # beside a master copy in 32 bits
        keeping = keeping._replace(optimizer=float(keeping.optimizer) - 4.0)
    if method in TUNED:
        keeping = _tuned(row, shape, keeping, method)
    loss = _named(cells.text(row, "loss") or cells.text(row, "software"), LOSSES, "")
    if loss:
        keeping = with_loss(catalog, keeping, loss)
    keeping = _offloaded(row, keeping)
    seq_len = positive(row, "seq_len")
    if seq_len is None:
        raise LlmcostError("seq_len is blank: the sequence length is not stated")
    batch = positive(row, "global_batch_seqs") or 4.0 * layout.pp * layout.dp * layout.micro_batch
    micro = max(float(batch / (layout.dp * layout.micro_batch)), 1.0)
    unfused = accelerator.generation in UNFUSED or "eager" in cells.text(row, "note").lower()
    return Trained(
        shape, _machine(row, machine_of(accelerator)), layout, seq_len, micro, keeping, 0.0 if unfused else 1.0,
        float(precision in ("fp8", "mxfp8")),
        cells.text(row, "how_measured").lower(),
    )  # fmt: skip


def _machine(row: Mapping[str, str], usual: Machine) -> Machine:
    """The accelerator, with the memory that a note states of one of another size."""
    stated = re.search(r"\((\d+) GiB\)", row.get("note") or "")
    return usual if stated is None else usual._replace(process_bytes=float(stated[1]) * GIB)


def _layout(row: Mapping[str, str], stack: str, method: str) -> Layout:
    count = positive(row, "n_gpus") or 1.0
    tp, pp, cp, ep, vpp = (positive(row, name) or 1.0 for name in ("tp", "pp", "cp", "ep", "vpp"))
    dp = positive(row, "dp") or max(count / (tp * pp * cp), 1.0)
    zero = number(row, "zero")
    if zero is None:
        zero = 1.0 if stack in ("megatron", "nemo") else 0.0 if method in TUNED else 3.0
    if "fp32 main" in cells.text(row, "optimizer").lower():
        zero = 0.0
    if count == 1:
        zero = 0.0
    return Layout(
        tp, pp, vpp, dp, cp, ep, 1.0, zero, 0.0, positive(row, "micro_batch") or 1.0, _recompute(row, stack, method)
    )


def _crowded(shape: Shape, memory_bytes: float, layout: Layout, method: str) -> bool:
    """Whether weights that are not sharded would fill an accelerator: where no stage is stated, they were."""
    each = 0.6 if method == "qlora" else 2.0
    return float(shape.params_total) * each > FULL * memory_bytes * float(layout.tp * layout.pp * layout.ep)


def _recompute(row: Mapping[str, str], stack: str, method: str) -> float:
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
    return 1.0 if stack in ("megatron", "nemo", "torchtitan") and method not in TUNED else 2.0


def _tuned(row: Mapping[str, str], shape: Shape, keeping: Keeping, method: str) -> Keeping:
    """The adapters of a row, and the bits of the weights beside them."""
    rank = positive(row, "lora_rank") or 16.0
    where = cells.text(row, "adapted").lower()
    return adapted(
        keeping._replace(frozen=bits_held(positive(row, "weight_bits") or (4.0 if method == "qlora" else 16.0))),
        float(adapter_params(shape, rank)) * (0.5 if re.match(r"q ?,? ?v", where) else 1.0),
        2.0 * float(shape.embedding_params) if "embedding" in where else 0.0,
    )


def _offloaded(row: Mapping[str, str], keeping: Keeping) -> Keeping:
    said = cells.text(row, "offload").lower()
    if "activation" in said:
        keeping = keeping._replace(activations_on_host=1.0)
    if "weight" in said:
        return keeping._replace(on_host=2.0)
    return keeping._replace(on_host=1.0) if "optimizer" in said else keeping


def predict(row: Mapping[str, str], catalog: Catalog) -> dict[str, Answer]:
    """The peak of a row, and the probability that it fits what a process may take."""
    try:
        at = trained(row, catalog)
    except LlmcostError as error:
        return dict.fromkeys(QUANTITIES, (None, None, None, error.message))
    held = training_memory(at.shape, at.layout, at.seq_len, at.micro_batches, at.keeping, at.fused, at.fp8)
    total, spread = float(held.total_bytes), float(at.keeping.spread)
    allocated = (total - float(at.keeping.context_bytes)) / float(at.keeping.reserve)
    peak = (
        allocated if "alloc" in at.told else total - float(at.keeping.context_bytes) if "reserv" in at.told else total
    )
    wide = math.exp(Z95 * spread)
    chance = NormalDist().cdf(math.log(float(at.machine.shown_bytes) / total) / spread)
    return {"peak_bytes": (peak, peak / wide, peak * wide, ""), "fits": (chance, None, None, "")}
