"""What an error says of a stack, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from llmcost.engine.numeric.kinds import Array

RATES = ("output_tokens_per_s",)  # more of it is more, not slower
SCATTER = 2.0  # standard errors within which a bias is none
FEW = 3
SAME = 0.05  # of ln: no difference worth a word


def meaning(figures: Mapping[str, tuple[Array, Array]]) -> str | None:
    """What the bias of each quantity says, by its measured and predicted figures; None where there is nothing to say.

    Examples
    --------
    >>> meaning({"tpot": (np.ones(3), np.array([1.9, 2.0, 2.1]))})
    'tpot is half of what the engine says, over 3 rows: the stack is faster'
    >>> meaning({"step_seconds": (np.array([3.0]), np.array([2.0]))})
    'step_seconds is 1.5 times what the engine says, in one row: the stack is slower'
    >>> meaning({"tpot": (np.ones(4), np.array([0.5, 2.0, 1.2, np.nan]))})
    'tpot shows no bias that 3 rows tell from scatter'
    """
    told = []
    for quantity, (measured, predicted) in figures.items():
        logs = np.log(measured / predicted)
        logs = logs[~np.isnan(logs)]
        if len(logs) and quantity != "gpu_hours":
            told.append(_one(quantity, logs))
    return "; ".join(told) or None


def _one(quantity: str, logs: Array) -> str:
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
