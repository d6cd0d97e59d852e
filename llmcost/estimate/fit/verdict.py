"""What a fit is called, and the rows and remedies that serving and training share."""

from __future__ import annotations

from typing import NotRequired

from llmcost import units
from llmcost.estimate.asking.subject import Chip
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Scalar

FITS, TIGHT, NOT = "fits", "tight", "does-not-fit"
SURE, NEVER = 0.9, 0.1  # chances from which a model fits, and below which it does not
GIB = 2.0**30


class MachineRow(TypedDict):
    """The fewest accelerators of a kind that hold what was asked for; requests and speed where it serves."""

    hardware: str
    gpus: int
    fits_probability: float
    peak_bytes: float
    usable_bytes: float
    driver_bytes: float
    concurrency: NotRequired[int]
    output_tokens_per_second_per_user: NotRequired[float]


class Remedy(NamedTuple):
    """One change that makes it fit."""

    change: str  # what to type
    probability: float
    note: str

    def row(self) -> dict[str, Scalar]:
        """The remedy for the answer."""
        return {"change": self.change, "fits_probability": self.probability, "note": self.note}


def verdict(chance: float) -> str:
    """`fits` from 0.9, `does-not-fit` below 0.1, `tight` between.

    >>> verdict(0.95), verdict(0.5), verdict(0.01)
    ('fits', 'tight', 'does-not-fit')
    """
    return FITS if chance >= SURE else NOT if chance < NEVER else TIGHT


def said(chance: float) -> str:
    """How a headline says it.

    >>> said(0.999), said(0.6), said(0.0004)
    ('fits (probability over 99 %)', 'is tight (probability 60 %)', 'does not fit (probability under 1 %)')
    """
    words = {FITS: "fits", TIGHT: "is tight", NOT: "does not fit"}[verdict(chance)]
    share = "over 99 %" if chance > 0.99 else "under 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"
    return f"{words} (probability {share})"


def gib(value: float) -> str:
    """Bytes as driver tools show them.

    >>> gib(71.2 * 2**30)
    '71.2'
    """
    return f"{value / GIB:,.1f}"


def used(peak: float, usable: float, driver: float, count: float) -> str:
    """What is taken of one accelerator, and how much of it may be, where that is less.

    >>> used(71.2 * GIB, 73.3 * GIB, 79.6 * GIB, 2), used(116.1 * GIB, 96 * GIB, 128 * GIB, 1)
    ('71.2 of 79.6 GiB on each', '116.1 of 128.0 GiB, of which 96.0 are usable')
    """
    less = f", of which {gib(usable)} are usable" if usable < peak < driver else ""
    return f"{gib(peak)} of {gib(driver)} GiB{' on each' if count > 1 else ''}{less}"


def machine(count: int, device: Chip) -> str:
    """`2 x rtx4090`."""
    return f"{count:,} x {device.found.name}" if count > 1 else device.found.name


def tokens(value: float) -> str:
    """A count of tokens in a sentence."""
    return units.format("count", value)
