"""Helicone requests, JSON lines of its export.

Source: https://docs.helicone.ai (request_created_at, prompt_tokens, completion_tokens, prompt_cache_read_tokens).
"""

from __future__ import annotations

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

READER = _json.of_fields("Helicone requests", OWN, NAMES)
