"""Anthropic usage: the console's table or pages of the API; input leaves out what a cache gave or took.

Source: https://docs.claude.com/en/api/admin-api/usage-cost/get-messages-usage-report.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading

NAMES = Names(
    day=("bucket", "usage_date_utc"), model=("model", "model_version"), project=("workspace_id", "workspace"),
    sent=("uncached_input_tokens", "usage_input_tokens_no_cache"),
    cached=("cache_read_input_tokens", "usage_input_tokens_cache_read"),
    written=("output_tokens", "usage_output_tokens"), every=True,
)  # fmt: skip
WRITTEN = ("cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens",
           "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    return "usage_input_tokens_no_cache" in _bill.heads(content) or _bill.paged(content, "uncached_input_tokens")


def read(content: Content) -> Reading:
    """Every line; input tokens are all of the prompt, as other providers count them.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    found = _bill.lines(content)
    rows = [_whole(row, r) for row, r in zip(_bill.rows(found, NAMES), found, strict=True)]
    notes = (
        "usage without amounts: what it costs is not in it",
        "input tokens: those of caches are added",
    )
    return Reading(BILL, READER.name, rows, notes)


def _whole(row: BillRow, r: Record) -> BillRow:
    written = sum(r.number(name) or 0.0 for name in WRITTEN)
    total = (row.input_tokens or 0.0) + (row.cached_tokens or 0.0) + written
    return row._replace(input_tokens=total if row.input_tokens is not None else None)


READER = Reader("Anthropic usage", BILL, recognises, read)
