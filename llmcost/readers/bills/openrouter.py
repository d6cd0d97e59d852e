"""OpenRouter activity by day and model, or by generation: cost in USD, tokens and requests.

Source: https://openrouter.ai/docs (activity export).
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("date", "created_at"), amount=("usage", "cost_total"), currency=("USD",), model=("slug", "model_permaslug"),
    requests=("requests",), sent=("prompt tokens", "tokens_prompt"), cached=("tokens_cached",),
    written=("completion tokens", "tokens_completion"), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    found = _bill.heads(content)
    return {"slug", "usage", "requests", "prompt tokens"} <= found or {"cost_total", "tokens_prompt"} <= found


READER = _bill.of_columns("OpenRouter activity", NAMES, recognises)
