"""Langfuse observations, as the API and the export give them.

Source: https://langfuse.com/docs/api-and-data-platform (usageDetails, costDetails, latency in s).
"""

from __future__ import annotations

from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

OWN = {"startTime", "usageDetails"}
NAMES = Named(
    "startTime",
    None,
    "usageDetails.input",
    "usageDetails.output",
    "usageDetails.cache_read_input_tokens",
    "userId",
    "level",
)

READER = _json.of_fields("Langfuse observations", OWN, NAMES)
