"""Google Cloud billing: rows of the export, and its sums by month or by SKU; credits may cancel the cost.

Source: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage. The amount of a Gemini
SKU is in tokens, whatever its unit is called.
"""

from __future__ import annotations

import json
import re

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading

NAMES = Names(
    day=("usage_start_time", "usage start date", "month", "invoice.month", "date"),
    until=("usage_end_time", "usage end date"),
    amount=("net_cost", "subtotal", "cost", "cost ($)"), currency=("currency",), gross=("gross_cost", "cost"),
    service=("service.description", "service description", "service"),
    item=("sku.description", "sku description", "sku"), project=("project.id", "project id", "project"),
    tags=("labels",),
)  # fmt: skip
SKU = {"service.description", "sku.description", "service description", "sku description"}


def recognises(content: Content) -> bool:
    """Whether services or SKUs stand beside a cost and its currency."""
    found = _bill.heads(content)
    if content.looks_like_json:
        return bool(content.records) and all(r.has("sku.description", "cost", "currency") for r in content.records)
    costs = {"gross_cost", "cost", "net_cost", "cost ($)"} & found
    return bool(costs) and "currency" in found and bool(found & SKU or {"service", "net_cost"} <= found)


def read(content: Content) -> Reading:
    """Every line, after credits.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    found = content.records if content.looks_like_json else content.table
    rows = [_after(row, r) for row, r in zip(_bill.rows(found, NAMES), found, strict=True)]
    undated = all(row.day is None for row in rows)
    return Reading(BILL, READER.name, rows, ("no dates in it: a sum, not a course",) if undated else ())


def _after(row: BillRow, r: Record) -> BillRow:
    """The line less its credits where they stand apart, and its tokens."""
    credits = r.value("credits")
    if isinstance(credits, str) and credits.strip().startswith("["):
        try:
            credits = json.loads(credits)
        except ValueError:
            credits = None
    if isinstance(credits, list) and row.amount is not None and not r.has("net_cost"):
        given = [Record(c, r.where).number("amount", signed=True) or 0.0 for c in credits if isinstance(c, dict)]
        row = row._replace(amount=row.amount + sum(given), gross=row.amount)
    tokens, item = r.number("usage.amount", "usage amount"), row.item or ""
    if tokens is None or not row.llm:
        return row
    if re.search(r"cach", item, re.IGNORECASE):
        return row._replace(input_tokens=tokens, cached_tokens=tokens)
    written = re.search("output", item, re.IGNORECASE) is not None
    return row._replace(output_tokens=tokens) if written else row._replace(input_tokens=tokens)


READER = Reader("Google Cloud billing", BILL, recognises, read)
