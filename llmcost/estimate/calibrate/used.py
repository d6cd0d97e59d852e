"""Which measured figures constants are learnt from, and what a side of a stack is after them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from llmcost.engine.numeric.update import Posterior
from llmcost.errors import LlmcostError
from llmcost.estimate.validate.scored import Scored

LEAST, MOST = 2, 400  # figures from which anything is learnt, and that are looked at one by one


Stack = TypeVar("Stack")


class Fitted(NamedTuple, Generic[Stack]):
    """A side of a stack, its speed or its memory, after its measurements."""

    stack: Stack
    posterior: Posterior
    before: list[Scored]
    after: list[Scored]


def used(every: Sequence[Scored], ranged: bool = False) -> list[Scored]:
    """Figures that are measured and predicted, with a range where that is asked for; of many, evenly chosen ones.

    Raises
    ------
    LlmcostError
        Fewer than two.
    """
    found = [s for s in every if s.predicted is not None and s.measured is not None]
    if ranged:
        found = [s for s in found if s.p5 is not None and s.p95 is not None]
    if len(found) < LEAST:
        reason = next((s.reason for s in every if s.reason), "")
        raise LlmcostError(
            f"nothing to learn from: {len(found)} of {len(every)} figures can be predicted",
            reason or f"{LEAST} measured figures or more",
        )
    return found[:: math.ceil(len(found) / MOST)]
