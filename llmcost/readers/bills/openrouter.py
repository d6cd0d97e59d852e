"""OpenRouter activity by day and model: usage in USD, tokens and requests.

Source: https://openrouter.ai/docs (activity export).
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.rows import BILL, Reader, Reading

NAMES = Names(
    day=("date",), amount=("usage",), currency=("USD",), model=("slug",), requests=("requests",),
    sent=("prompt tokens",), written=("completion tokens",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    return {"slug", "usage", "requests", "prompt tokens"} <= _bill.heads(content)


def read(content: Content) -> Reading:
    """Every line.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    return Reading(BILL, READER.name, _bill.rows(content.table, NAMES))


READER = Reader("OpenRouter activity", BILL, recognises, read)
