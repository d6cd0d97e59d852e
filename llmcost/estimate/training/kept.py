"""What training stacks keep in memory, by name, optimizer and loss: rows of presets/calibration/memory.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.training.peak import Keeping

UNFUSED = ("volta", "turing", "pascal")  # generations before Ampere: FlashAttention does not run on them
SHARDED, REPLICATED, TUNING = "fsdp", "megatron", "hf-trainer"  # stacks of runs where none is named
FOUR_BITS = 0.53  # a 4-bit weight with its scales, second ones included [bytes]
EIGHT_BITS = 1.05  # an 8-bit weight with its outliers in 16 [bytes]


def _row(catalog: Catalog, table: str, name: str) -> Mapping[str, Any] | None:
    return next((row for row in catalog.table("memory", table) if row["name"] == name), None)


def kept_by(catalog: Catalog, stack: str, sharded: bool) -> Keeping:
    """What a stack keeps with mixed-precision AdamW; one without a row keeps what its kind does."""
    row = _row(catalog, "stacks", stack) or _row(catalog, "stacks", SHARDED if sharded else REPLICATED)
    assert row is not None
    values = {name: float(row[name]) for name in Keeping._fields if name in row}
    if sharded and "sharded_gradient" in row:
        values["gradient"] = float(row["sharded_gradient"])
    if sharded and "sharded_checkpoint" in row:
        values["checkpoint"] = float(row["sharded_checkpoint"])
    return Keeping(**values)


def with_optimizer(catalog: Catalog, keeping: Keeping, name: str) -> Keeping:
    """The states of another optimizer in place of the stack's."""
    row = _row(catalog, "optimizers", name)
    if row is None or name == "adamw":
        return keeping
    return keeping._replace(**{k: float(row[k]) for k in ("weight", "gradient", "optimizer")})


def with_loss(catalog: Catalog, keeping: Keeping, name: str) -> Keeping:
    """The logits that another loss kernel holds; a plain loss holds those of the stack."""
    row = _row(catalog, "loss_kernels", name)
    return keeping if row is None or name == "plain" else keeping._replace(logit=float(row["logit"]))


def adapted(keeping: Keeping, adapters: float, ends: float = 0.0) -> Keeping:
    """Adapters beside frozen weights; `ends` are parameters of embedding and head that are trained too [-]."""
    more = ends * (keeping.gradient + keeping.optimizer) / np.maximum(keeping.adapter, 1.0)
    return keeping._replace(adapters=adapters + more)


def bits_held(bits: float) -> float:
    """Bytes of a frozen weight."""
    return 2.0 if bits >= 16 else EIGHT_BITS if bits >= 8 else FOUR_BITS
