"""Langfuse observations, as the API and the export give them.

Source: https://langfuse.com/docs/api-and-data-platform (usageDetails, costDetails, latency in s).
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
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


def recognises(content: Content) -> bool:
    """Whether the first object has the published names."""
    return set(_json.first(content) or ()) >= OWN


def read(content: Content) -> Reading:
    """The requests."""
    rows = (_json.flat(data) for data in _json.objects(content))
    return Reading(TRACE, READER.name, [trace(_json.columns(rows, NAMES, content.name), content.name)])


READER = Reader("Langfuse observations", TRACE, recognises, read)
