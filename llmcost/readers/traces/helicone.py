"""Helicone requests, JSON lines of its export.

Source: https://docs.helicone.ai (request_created_at, prompt_tokens, completion_tokens, prompt_cache_read_tokens).
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

OWN = {"request_created_at", "prompt_tokens", "completion_tokens"}
NAMES = Named(
    "request_created_at",
    None,
    "prompt_tokens",
    "completion_tokens",
    "prompt_cache_read_tokens",
    "request_user_id",
    "response_status",
)


def recognises(content: Content) -> bool:
    """Whether the first object has the published names."""
    return set(_json.first(content) or ()) >= OWN


def read(content: Content) -> Reading:
    """The requests."""
    rows = (_json.flat(data) for data in _json.objects(content))
    return Reading(TRACE, READER.name, [trace(_json.columns(rows, NAMES, content.name), content.name)])


READER = Reader("Helicone requests", TRACE, recognises, read)
