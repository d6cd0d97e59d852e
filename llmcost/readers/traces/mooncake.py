"""Mooncake traces: a request a line, times in ms, prompts as hashes of blocks of 512 tokens.

Source: https://github.com/kvcache-ai/Mooncake FAST25-release/traces (timestamp, input_length, output_length, hash_ids).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.errors import LlmcostError, shown
from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

BLOCK = 512.0  # tokens
MILLI = 1e-3


def recognises(content: Content) -> bool:
    """Whether the first request has the published names."""
    return {"timestamp", "input_length", "output_length"} <= set(_json.first(content) or ())


def read(content: Content) -> Reading:
    """The requests and the blocks of their prompts."""
    import numpy as np

    ids: list[int] = []
    ends: list[int] = [0]
    names = Named("timestamp", MILLI, "input_length", "output_length")
    found = _json.columns(_noted(content, ids, ends), names, content.name)
    whole = trace(found, content.name)
    blocks = (np.array(ids, dtype=np.int64), np.array(ends, dtype=np.int64))
    in_order = not whole.failed + whole.empty and bool(np.all(np.diff(found.seconds) >= 0))
    if ids and in_order:
        whole = whole._replace(blocks=blocks, block_tokens=BLOCK)
    return Reading(TRACE, READER.name, [whole])


def _noted(content: Content, ids: list[int], ends: list[int]) -> Iterator[dict[str, Any]]:
    """Every request, its blocks put aside."""
    for n, data in enumerate(_json.objects(content), 1):
        blocks = data.get("hash_ids") or []
        if not isinstance(blocks, list) or any(not isinstance(b, int) for b in blocks):
            raise LlmcostError(
                f"{content.name}: line {n}: hash_ids is {shown(blocks, 40)}, a list of numbers is wanted"
            )
        ids.extend(blocks)
        ends.append(len(ids))
        yield data


READER = Reader("Mooncake trace", TRACE, recognises, read)
