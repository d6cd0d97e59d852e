"""What training stacks keep in memory, by name, optimizer, loss and offload (presets/calibration/memory.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.training.peak import Habits, Keeping
from llmcost.estimate.training.stack import serves_alone

FAMILIES = {"tuned": "megatron", "sharded": "fsdp", "trainer": "hf-trainer"}  # whose row counts for a family
FOUR_BITS = 0.53  # a 4-bit weight with its scales, second ones included [bytes]
EIGHT_BITS = 1.05  # an 8-bit weight with its outliers in 16 [bytes]
POOL = ("reserve", "cached", "interleaved")  # what an allocator holds beyond what is in use
SHARDED = "sharded_"  # before a field: where ZeRO-3 shards the weights


def _row(catalog: Catalog, table: str, name: str) -> Mapping[str, Any] | None:
    rows = [row for row in catalog.table("memory", table) if row["name"] == name]
    return rows[-1] if rows else None  # a calibration of one's own adds its rows


def stack_of(catalog: Catalog, name: str) -> str:
    """The stack whose row counts for a framework: its own, that of its kin, or that of its family.

    Raises
    ------
    LlmcostError
        No such framework, or one that does not train.
    """
    seen: list[str] = []
    family = None
    while name and name not in seen:
        preset, found = catalog.load(spec.Framework, name)
        if preset.training is None:
            raise serves_alone(found.name)
        if _row(catalog, "stacks", found.name) is not None:
            return str(found.name)
        seen.append(name)
        family = family or preset.training.family
        name = preset.training.kin or ""
    return FAMILIES[family or "trainer"]


def kept_by(catalog: Catalog, stack: str, sharded: bool) -> Keeping:
    """What a stack of the table keeps with mixed-precision AdamW, its weights sharded by ZeRO-3 or not."""
    row = _row(catalog, "stacks", stack)
    assert row is not None, stack
    named = {name: row[name] for name in Keeping._fields if name in row}
    if sharded:
        named |= {name: row[SHARDED + name] for name in Keeping._fields if SHARDED + name in row}
    return Keeping(**{name: float(value) for name, value in named.items()})


def habits_of(catalog: Catalog, framework: str, optimizer: str = "adamw") -> Habits:
    """What a framework keeps, its weights sharded or not, with an optimizer."""
    stack = stack_of(catalog, framework)
    segments = expands(catalog, framework)

    def keeping(sharded: bool) -> Keeping:
        return with_optimizer(catalog, with_segments(catalog, kept_by(catalog, stack, sharded), segments), optimizer)

    return Habits(keeping(False), keeping(True))


def with_optimizer(catalog: Catalog, keeping: Keeping, name: str) -> Keeping:
    """The states of another optimizer in place of the stack's."""
    row = _row(catalog, "optimizers", name)
    if row is None or name == "adamw":
        return keeping
    states = {k: float(row[k]) for k in ("weight", "gradient", "optimizer")}
    return keeping._replace(**states, update=min(float(row["update"]), float(keeping.update)))  # fused steps stay so


def with_loss(catalog: Catalog, keeping: Keeping, name: str) -> Keeping:
    """The logits that another loss kernel holds; a plain loss those of the stack's own, where that is plain."""
    row = _row(catalog, "loss_kernels", name)
    own = name == "plain" and keeping.plain
    return keeping if row is None or own else keeping._replace(logit=float(row["logit"]))


def expands(catalog: Catalog, framework: str) -> bool | None:
    """Whether a framework starts with PyTorch's expandable segments; None: its allocator is not PyTorch's."""
    preset = catalog.load(spec.Framework, framework)[0].training
    return None if preset is None or preset.segments == "none" else preset.segments == "expandable"


def with_segments(catalog: Catalog, keeping: Keeping, expandable: bool | None) -> Keeping:
    """The pool of the allocator under expandable or fixed segments, where the stack's constants are of the other."""
    if expandable is None or expandable == bool(keeping.expandable):
        return keeping
    row = _row(catalog, "allocators", "expandable" if expandable else "fixed")
    assert row is not None
    closer = min if expandable else max
    pool = {name: closer(float(getattr(keeping, name)), float(row[name])) for name in POOL}
    return keeping._replace(expandable=float(expandable), **pool)


def fuses_loss(catalog: Catalog, stack: str) -> bool:
    """Whether a stack has a loss that never holds its logits whole, and leaves it to the run."""
    row = _row(catalog, "stacks", stack)
    return row is not None and bool(row.get("fused_loss"))


def kin(adapters: float, frozen: float) -> str:
    """The kind of training whose peaks were measured: of every weight, or of adapters beside 16 bits or fewer.

    >>> kin(0.0, 2.0), kin(1e6, 2.0), kin(1e6, FOUR_BITS)
    ('full', 'lora', 'qlora')
    """
    return "full" if not adapters else "lora" if frozen >= 2.0 else "qlora"


def with_spread(catalog: Catalog, keeping: Keeping, kind: str, more: float = 1.0) -> Keeping:
    """The range of a kind of training beside that of its stack, so many times as wide."""
    row = _row(catalog, "methods", kind)
    by = more * (1.0 if row is None else float(row["spread"]))
    return keeping._replace(held_spread=by * float(keeping.held_spread), spread=by * float(keeping.spread))


def offloaded(keeping: Keeping, what: str) -> Keeping:
    """What stays on the accelerator where some of it is on the host: `activations`, `optimizer` or `weights` (both)."""
    if "activation" in what:
        keeping = keeping._replace(activations_on_host=1.0)
    if "weight" in what:
        return keeping._replace(on_host=2.0)
    return keeping._replace(on_host=1.0) if "optimizer" in what else keeping


def bits_held(bits: float) -> float:
    """Bytes of a frozen weight."""
    return 2.0 if bits >= 16 else EIGHT_BITS if bits >= 8 else FOUR_BITS
