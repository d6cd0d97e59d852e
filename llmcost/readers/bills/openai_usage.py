"""OpenAI usage of completions: pages of the API or a table; input tokens hold the cached ones.

Source: https://platform.openai.com/docs/api-reference/usage/completions.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.rows import BILL, Reader, Reading

NAMES = Names(
    day=("bucket", "start_time_iso", "start_time"), model=("model",), project=("project_id",),
    requests=("num_model_requests",), sent=("input_tokens",), cached=("input_cached_tokens",),
    written=("output_tokens",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    table = {"num_model_requests", "input_tokens"} <= _bill.heads(content)
    return table or _bill.paged(content, "num_model_requests")


def read(content: Content) -> Reading:
    """Every line.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    found = _bill.pages(content) if content.looks_like_json else content.table
    return Reading(BILL, READER.name, _bill.rows(found, NAMES), ("usage without amounts: what it costs is not in it",))


READER = Reader("OpenAI usage", BILL, recognises, read)
