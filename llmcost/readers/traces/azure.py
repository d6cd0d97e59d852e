"""Azure LLM inference traces of 2023 and 2024: time, prompt and answer of each call.

Source: https://github.com/Azure/AzurePublicDataset, AzureLLMInferenceDataset2023.md (TIMESTAMP in UTC with 100 ns).
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _table
from llmcost.readers.traces._names import Named


def recognises(content: Content) -> bool:
    """Whether the heading is the published one."""
    return {"timestamp", "contexttokens", "generatedtokens"} <= set(content.headings)


def read(content: Content) -> Reading:
    """The requests."""
    names = Named("timestamp", None, "contexttokens", "generatedtokens")
    return Reading(TRACE, READER.name, [trace(_table.columns(content, names), content.name)])


READER = Reader("Azure LLM trace", TRACE, recognises, read)
