"""Google Cloud billing: rows of the export, and its sums by month or by SKU; credits may cancel the cost.

Source: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage; tables of the console,
https://cloud.google.com/billing/docs/how-to/cost-table, whose headings name the currency. The amount of a Gemini
SKU is in tokens, whatever its unit is called.
"""

from __future__ import annotations

import re

from llmcost.files import json_of
from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading

NAMES = Names(
    day=("usage_start_time", "usage start date", "month", "invoice.month", "invoice_month", "date"),
    until=("usage_end_time", "usage end date"),
    amount=("net_cost", "subtotal", "unrounded cost", "cost"), currency=("currency",), gross=("gross_cost", "cost"),
    service=("service.description", "service description", "service_description", "service"),
    item=("sku.description", "sku description", "sku_description", "sku"),
    project=("project.id", "project id", "project_id", "project"),
    tags=("labels",),
)  # fmt: skip
SKU = {"service.description", "sku.description", "service description", "sku description", "service_description",
       "sku_description"}  # fmt: skip
COSTS = {"gross_cost", "cost", "net_cost", "unrounded cost", "subtotal"}


def recognises(content: Content) -> bool:
    """Whether services or SKUs stand beside a cost and its currency."""
    found = _bill.heads(content)
    if content.looks_like_json:
        return bool(content.records) and all(r.has("sku.description", "cost", "currency") for r in content.records)
    priced = dict(_bill.priced(head) for head in found if head not in COSTS)
    stated = (found & COSTS and "currency" in found) or any(priced.get(name) for name in COSTS)
    return bool(stated) and bool(found & SKU or {"service", "net_cost"} <= found)


def read(content: Content) -> Reading:
    """Every line, after credits.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    lines = content.records if content.looks_like_json else [_plain(r) for r in content.table]
    found = _bill.charges(lines, NAMES)
    rows = [_after(row, r) for row, r in zip(_bill.rows(found, NAMES), found, strict=True)]
    undated = all(row.day is None for row in rows)
    return Reading(BILL, READER.name, rows, ("no dates in it: a sum, not a course",) if undated else ())


def _plain(r: Record) -> Record:
    """A line of the console's tables, which name the currency in the heading of every amount."""
    if r.has("currency"):
        return r
    named = {head: _bill.priced(head) for head in r.data}
    codes = [code for _, code in named.values() if code]
    data = {named[head][0] if named[head][1] else head: value for head, value in r.data.items()}
    return Record({**data, "currency": codes[0]} if codes else data, r.where)


def _after(row: BillRow, r: Record) -> BillRow:
    """The line less its credits where they stand apart, and its tokens."""
    credits = r.value("credits")
    if isinstance(credits, str) and credits.strip().startswith("["):
        try:
            credits = json_of(credits)
        except ValueError:
            credits = None
    apart = r.number("credits_amount", "credit_amount", signed=True)
    if apart and row.amount is not None and not r.has("net_cost"):
        row = row._replace(amount=row.amount + apart, gross=row.amount)
    if isinstance(credits, list) and row.amount is not None and not r.has("net_cost"):
        given = [Record(c, r.where).number("amount", signed=True) or 0.0 for c in credits if isinstance(c, dict)]
        row = row._replace(amount=row.amount + sum(given), gross=row.amount)
    tokens, item = r.number("usage.amount", "usage amount", "usage_amount"), row.item or ""
    if tokens is None or not row.llm:
        return row
    if re.search(r"cach", item, re.IGNORECASE):
        return row._replace(input_tokens=tokens, cached_tokens=tokens)
    written = re.search("output", item, re.IGNORECASE) is not None
    return row._replace(output_tokens=tokens) if written else row._replace(input_tokens=tokens)


READER = Reader("Google Cloud billing", BILL, recognises, read)
