"""OpenAI organization costs: pages of the API or a table; amounts with many digits, days without any.

Source: https://platform.openai.com/docs/api-reference/usage/costs.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("bucket", "start_time_iso", "start_time"), amount=("amount_value", "amount.value"),
    currency=("amount_currency", "amount.currency"), item=("line_item",), project=("project_id",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    pages = _bill.paged(content, "amount", "amount_value") and not _bill.paged(content, "cost_type")
    return pages or {"amount_value", "amount_currency"} <= _bill.heads(content)


READER = _bill.of_columns("OpenAI costs", NAMES, recognises)
