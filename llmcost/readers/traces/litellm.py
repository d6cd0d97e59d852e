"""LiteLLM proxy spend logs as requests: start, prompt and completion tokens, user, status.

Source: https://docs.litellm.ai/docs/proxy/spend_logs_deletion; github BerriAI/litellm SpendLogs table.
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

OWN = {"startTime", "prompt_tokens", "completion_tokens", "spend"}
NAMES = Named("startTime", None, "prompt_tokens", "completion_tokens", user="end_user", status="status")


def recognises(content: Content) -> bool:
    """Whether the first object has the published names."""
    return set(_json.first(content) or ()) >= OWN


def read(content: Content) -> Reading:
    """The requests."""
    rows = (_json.flat(data) for data in _json.objects(content))
    return Reading(TRACE, READER.name, [trace(_json.columns(rows, NAMES, content.name), content.name)])


READER = Reader("LiteLLM spend log", TRACE, recognises, read)
