"""LiteLLM proxy spend logs as requests: start, prompt and completion tokens, user, status.

Source: https://docs.litellm.ai/docs/proxy/spend_logs_deletion; github BerriAI/litellm SpendLogs table.
"""

from __future__ import annotations

from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

OWN = {"startTime", "prompt_tokens", "completion_tokens", "spend"}
NAMES = Named("startTime", None, "prompt_tokens", "completion_tokens", user="end_user", status="status")

READER = _json.of_fields("LiteLLM spend log", OWN, NAMES)
