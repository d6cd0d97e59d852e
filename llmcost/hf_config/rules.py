"""What a quantised checkpoint says of its tensors: rules of formats and bits, the first that holds counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost.hf_config.tensors import Patterns, patterns
from llmcost.records import NamedTuple
from llmcost.spec import Stored

INTEGERS = {1: "int1", 2: "int2", 3: "int3", 4: "int4", 5: "int5", 6: "int6", 8: "int8"}


class Rule(NamedTuple):
    """Tensors that are stored in one way: in which classes or by which names, and which of them are left out."""

    stored: Stored
    classes: tuple[str, ...] = ("attention", "ffn", "experts")
    names: Patterns | None = None  # only these
    but: Patterns | None = None  # not these


class Scheme(NamedTuple):
    """What a configuration says: rules in order, the first that holds counts."""

    method: str
    rules: tuple[Rule, ...] = ()
    activation: str | None = None
    kv: str | None = None
    unread: tuple[str, ...] = ()  # what of it is not understood


def excepted(names: Any) -> tuple[Patterns | None, list[str]]:
    """Modules a configuration leaves out, and what of the list is no name."""
    if not isinstance(names, list) or not names:
        return None, []
    return patterns(names)


def integer(bits: int, extra: float) -> Stored:
    """Integers of so many bits with so many bits of scales beside each."""
    return Stored(INTEGERS[bits], round(bits + extra, 4))


def whole(said: Mapping[str, Any], key: str, default: int) -> int:
    """A whole number of a configuration, or what stands for it."""
    value = said.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def block_bits(said: Mapping[str, Any]) -> float:
    """Bits of an 8-bit float with a 32-bit scale for each block."""
    block = said.get("weight_block_size")
    if isinstance(block, list) and len(block) == 2 and all(isinstance(x, int) and x > 0 for x in block):
        return float(round(8.0 + 32.0 / (block[0] * block[1]), 4))
    return 8.0
