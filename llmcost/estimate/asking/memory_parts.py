"""The memory of one accelerator by part, as answers list it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llmcost.engine.numeric.kinds import Z95
from llmcost.estimate.asking.subject import Chip
from llmcost.records import NamedTuple, TypedDict


class MemoryRow(TypedDict):
    """One part as an answer lists it, with its 90 % interval; what is left over has none."""

    name: str
    bytes: float
    p5: float | None
    p95: float | None


class Part(NamedTuple):
    """One part of the memory of an accelerator."""

    name: str
    bytes: float
    spread: float = 0.0  # standard deviation of ln, over its median [-]
    less: float | None = None  # of the part below its median, over it; as much as above where none is given [-]

    def row(self) -> MemoryRow:
        """The part with its 90 % interval [bytes]."""
        wide = math.exp(Z95 * self.spread)
        low = 1.0 / wide if self.less is None else max(1.0 - Z95 * self.less, 0.0)
        return {"name": self.name, "bytes": self.bytes, "p5": self.bytes * low, "p95": self.bytes * wide}


def memory_rows(device: Chip, parts: Iterable[Part]) -> list[MemoryRow]:
    """Every part of an accelerator's memory; what is left of the driver's total is the last row."""
    every = [part for part in parts if part.bytes > 0]
    total = driver_bytes(device)
    hidden = total - float(device.machine.shown_bytes)
    if hidden > 0:
        every.append(Part("kept by the driver", hidden))
    rows = [part.row() for part in every]
    free = total - sum(part.bytes for part in every)
    free = free if abs(free) >= 1.0 else 0.0  # rounding of the parts
    rows.append({"name": "free" if free >= 0 else "missing", "bytes": abs(free), "p5": None, "p95": None})
    return rows


def driver_bytes(device: Chip) -> float:
    """Memory as the driver's tool shows it [bytes]."""
    return float(device.preset.driver_memory_bytes or device.machine.shown_bytes)
