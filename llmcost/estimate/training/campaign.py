"""What published runs of a kind have billed: the steps of a run, and what a campaign adds to them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.training import campaign as cp
from llmcost.records import FactorRow, NamedTuple

# Stacks of earlier models had neither FlashAttention (arXiv 2205.14135, May 2022) nor selective recomputation (arXiv
# 2205.05198, May 2022): attention kept every score, every layer was recomputed, many trained in fp16.
EARLY = dt.date(2022, 9, 1)
EARLY_MACHINES = ("volta", "tpu-v3")  # where the model's date is not known
# Large models were trained on few tokens until arXiv 2203.15556 (March 2022, table 1) showed that 20 per parameter are
# best: one of unknown date on a machine of those years with less than twice that is taken to be early.
EARLY_TOKENS, EARLY_PARAMS, OLD_MACHINES = 40.0, 1e10, (*EARLY_MACHINES, "ampere", "tpu-v4")


class Like(NamedTuple):
    """What the overhead of a campaign follows from."""

    machine: Machine
    generation: str
    active: float  # parameters
    tokens: float
    early: bool  # its software is of before `EARLY`

    def powers(self, hours: float) -> tuple[float, ...]:
        """How much each factor of a campaign counts for a run of so many accelerator-hours of steps."""
        found = cp.exponents(hours, self.machine.memory_bytes, self.machine.bf16_flops, self.active, self.early)
        return tuple(float(power) for power in found)

    @property
    def overtrained(self) -> bool:
        """More tokens per active parameter than `engine.campaign.OVERTRAINED`."""
        return self.tokens > cp.OVERTRAINED * self.active


class Billed(NamedTuple):
    """Accelerator-hours that such runs bill, 5 %, 50 % and 95 % [h]."""

    p5: float
    p50: float
    p95: float


def billed(factors: Iterable[FactorRow], like: Like, hours: float, published_on: float = math.nan) -> Billed:
    """What published runs of this kind have billed for so many accelerator-hours of steps.

    With the accelerators of a publication, the range holds the usual length of campaigns on them too.
    """
    known = cp.campaign_from_factors(factors, like.generation)
    whole = hours * float(cp.overhead(known, like.powers(hours)))
    return Billed(*(float(q) for q in cp.billed_hours(whole, like.overtrained, published_on, known)))


def is_early(released: dt.date | None, generation: str, active: float, tokens: float) -> bool:
    """Whether a run was on software of before `EARLY`: by the model's date, else by how much it was trained."""
    if released:
        return released < EARLY
    large = active >= EARLY_PARAMS and tokens < EARLY_TOKENS * active
    return generation in EARLY_MACHINES or (large and generation in OLD_MACHINES)
