"""What an error says of a stack, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

RATES = ("output_tokens_per_s",)  # more of it is more, not slower
SCATTER = 2.0  # standard errors within which a bias is none
FEW = 3
SAME = 0.05  # of ln: no difference worth a word


class Predicted(Protocol):
    """A measured figure beside its prediction."""

    @property
    def quantity(self) -> str:
        """Which figure."""

    @property
    def measured(self) -> float | None:
        """As it was measured."""

    @property
    def predicted(self) -> float | None:
        """As the engine has it."""


def meaning(scored: Sequence[Predicted]) -> str | None:
    """What the bias of each quantity says; None where there is nothing to say.

    Examples
    --------
    >>> from llmcost.estimate.validate.score import Scored
    >>> rows = [Scored(str(i), "tpot", 1.0, p, None, None, "") for i, p in enumerate((1.9, 2.0, 2.1))]
    >>> meaning(rows)
    'tpot is half of what the engine says, over 3 rows: the stack is faster'
    >>> meaning([Scored("1", "step_seconds", 3.0, 2.0, None, None, "")])
    'step_seconds is 1.5 times what the engine says, in one row: the stack is slower'
    >>> meaning([Scored(str(i), "tpot", 1.0, p, None, None, "") for i, p in enumerate((0.5, 2.0, 1.2))])
    'tpot shows no bias that 3 rows tell from scatter'
    """
    told = []
    for quantity in dict.fromkeys(s.quantity for s in scored):
        logs = [
            math.log(s.measured / s.predicted) for s in scored if s.quantity == quantity and s.predicted and s.measured
        ]
        if logs and quantity != "gpu_hours":
            told.append(_one(quantity, np.array(logs)))
    return "; ".join(told) or None


def _one(quantity: str, logs: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    count, mean = len(logs), float(logs.mean())
    error = float(logs.std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    rows = "in one row" if count == 1 else f"over {count:,} rows"
    if abs(mean) < SAME:
        return f"{quantity} is as the engine says, {rows}"
    if count >= FEW and abs(mean) < SCATTER * error:
        return f"{quantity} shows no bias that {count:,} rows tell from scatter"
    word = "faster" if (mean > 0) == (quantity in RATES) else "slower"
    return f"{quantity} is {_times(math.exp(mean))} what the engine says, {rows}: the stack is {word}"


def _times(ratio: float) -> str:
    """A ratio before `what the engine says`.

    >>> _times(0.5), _times(0.8), _times(1.3), _times(2.0)
    ('half of', '0.8 times', '1.3 times', 'twice')
    """
    known = {"0.5": "half of", "2": "twice"}
    text = f"{ratio:.2g}"
    return known.get(text, f"{text} times")
