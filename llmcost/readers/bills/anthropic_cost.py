"""Anthropic costs: the console's table in USD, or pages of the cost API, whose amounts are in cents.

Source: https://docs.claude.com/en/api/admin-api/usage-cost/get-cost-report (amount in lowest units as a text).
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.rows import BILL, Reader, Reading

CENTS = 0.01
TABLE = Names(
    day=("usage_date_utc",), amount=("cost_usd",), currency=("USD",), gross=("list_price_usd",), item=("token_type",),
    model=("model",), project=("workspace",), every=True,
)  # fmt: skip
PAGES = Names(
    day=("bucket",), amount=("amount",), currency=("currency",), item=("description",), model=("model",),
    project=("workspace_id",), every=True,
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    table = {"usage_date_utc", "cost_usd"} <= _bill.heads(content)
    return table or (_bill.paged(content, "cost_type") and _bill.paged(content, "currency"))


def read(content: Content) -> Reading:
    """Every line.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    if not content.looks_like_json:
        return Reading(BILL, READER.name, _bill.rows(content.table, TABLE))
    rows = _bill.rows(_bill.pages(content), PAGES)
    return Reading(BILL, READER.name, [r._replace(amount=None if r.amount is None else r.amount * CENTS) for r in rows])


READER = Reader("Anthropic costs", BILL, recognises, read)
