"""OpenAI usage of completions: pages of the API or a table; input tokens hold the cached ones.

Source: https://platform.openai.com/docs/api-reference/usage/completions.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("bucket", "start_time_iso", "start_time"), model=("model",), project=("project_id",),
    requests=("num_model_requests",), sent=("input_tokens",), cached=("input_cached_tokens",),
    written=("output_tokens",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    table = {"num_model_requests", "input_tokens"} <= _bill.heads(content)
    return table or _bill.paged(content, "num_model_requests")


READER = _bill.of_columns("OpenAI usage", NAMES, recognises, ("usage without amounts: what it costs is not in it",))
