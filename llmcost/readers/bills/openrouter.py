"""OpenRouter activity by day and model: usage in USD, tokens and requests.

Source: https://openrouter.ai/docs (activity export).
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("date",), amount=("usage",), currency=("USD",), model=("slug",), requests=("requests",),
    sent=("prompt tokens",), written=("completion tokens",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    return {"slug", "usage", "requests", "prompt tokens"} <= _bill.heads(content)


READER = _bill.of_columns("OpenRouter activity", NAMES, recognises)
