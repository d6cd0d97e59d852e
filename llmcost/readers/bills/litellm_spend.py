"""LiteLLM proxy spend logs: USD and tokens of each call, or of a day.

Source: github BerriAI/litellm, SpendLogs and DailyUserSpend tables; /user/daily/activity.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.rows import BILL, Reader, Reading

NAMES = Names(
    day=("startTime", "starttime", "date"), amount=("spend", "metrics.spend"), currency=("USD",), model=("model",),
    project=("team_id",),
    tags=("request_tags",), requests=("api_requests", "successful_requests", "metrics.api_requests"),
    sent=("prompt_tokens", "metrics.prompt_tokens"),
    cached=("cache_read_input_tokens", "metrics.cache_read_input_tokens"),
    written=("completion_tokens", "metrics.completion_tokens"), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    found = content.records if content.looks_like_json else []
    named = bool(found) and all(
        r.has("spend", "prompt_tokens") or r.has("date", "metrics.spend") for r in found
    )  # fmt: skip
    return named or {"spend", "prompt_tokens", "completion_tokens"} <= _bill.heads(content)


def read(content: Content) -> Reading:
    """Every line.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    found = content.records if content.looks_like_json else content.table
    rows = _bill.rows(found, NAMES)
    calls = not any(row.requests is not None for row in rows)  # a line a call, not a line a day
    return Reading(BILL, READER.name, [row._replace(requests=1.0) for row in rows] if calls else rows)


READER = Reader("LiteLLM spend", BILL, recognises, read)
