"""ServeGen client data sets: histograms of lengths by time, as text of Python dicts inside JSON.

Source: https://github.com/alibaba/ServeGen data/*/chunk-*-dataset.json: key of a time [s] -> input_tokens,
output_tokens {tokens: share}. Prompts and answers are told apart: nothing of which meet.
"""

from __future__ import annotations

import ast
from typing import Any

from llmcost.errors import LlmcostError
from llmcost.files import json_of
from llmcost.readers.content import Content
from llmcost.readers.record import of_a_size
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import Lengths, Trace


def recognises(content: Content) -> bool:
    """Whether it begins with a time and its histograms."""
    head = content.head.lstrip()[:400].replace(" ", "")
    return head.startswith('{"') and '":{"input_tokens":"{' in head


def read(content: Content) -> Reading:
    """The lengths over all times, each time counting once.

    Raises
    ------
    LlmcostError
        Cut off, or a histogram that is none.
    """
    try:
        data = json_of(content.text)
    except ValueError:
        raise LlmcostError(f"{content.name}: the JSON is cut off or broken") from None
    sides: list[dict[int, float]] = [{}, {}]
    for time, held in data.items():
        for side, name in zip(sides, ("input_tokens", "output_tokens"), strict=True):
            for length, share in _histogram(held, name, f"{content.name}: {time}").items():
                side[length] = side.get(length, 0.0) + share
    if not all(sum(side.values()) > 0.0 for side in sides):
        raise LlmcostError(f"{content.name}: no histogram of input_tokens and output_tokens")
    return Reading(TRACE, READER.name, [Trace(total=0, lengths=Lengths(*_arrays(sides[0]), *_arrays(sides[1])))])


def _histogram(held: Any, name: str, where: str) -> dict[int, float]:
    raw = held.get(name) if isinstance(held, dict) else None
    try:
        found = ast.literal_eval(raw) if isinstance(raw, str) else raw
        counts = {int(k): float(v) for k, v in dict(found or {}).items()}
        if not all(n >= 0 <= share and of_a_size(n) and of_a_size(share) for n, share in counts.items()):
            raise ValueError
        return counts
    except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError):
        raise LlmcostError(f"{where}: {name} is not a histogram {{tokens: share}}") from None


def _arrays(histogram: dict[int, float]) -> tuple[Any, Any]:
    import numpy as np

    lengths = np.array(sorted(histogram), dtype=float)
    shares = np.array([histogram[int(n)] for n in lengths])
    return lengths, shares / shares.sum()


READER = Reader("ServeGen client lengths", TRACE, recognises, read)
