"""Azure costs: exports by day and meter, and meters with quantities in 1K or 1M tokens.

Source: https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields; meters of
Azure OpenAI carry model, direction and kind of region in their names.
"""

from __future__ import annotations

import re

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading

NAMES = Names(
    day=("day", "date", "usagedate", "usagedatetime", "chargeperiodstart"),
    amount=("dailycost", "costinbillingcurrency", "pretaxcost", "cost"),
    currency=("billingcurrency", "billingcurrencycode", "currency"),
    service=("metercategory", "servicename", "consumedservice"),
    item=("x_skumetername", "metername", "meter", "metersubcategory"),
    project=("resourcegroup", "resourcegroupname", "subscriptionname"),
    tags=("tags",),
)  # fmt: skip
OWN = {"x_skumetername", "metername", "metercategory"}
ANALYSIS = {"costusd", "currency"}  # beside a cost by whatever it was grouped by
UNITS = {"1k": 1e3, "1m": 1e6, "1000": 1e3, "1": 1.0, "10k": 1e4, "100k": 1e5}
CACHED = re.compile(r"\b(cd|cchd|cached)\b.*\binp|\bcached input", re.IGNORECASE)
OUTPUT = re.compile(r"\b(out\w*|opt)\b", re.IGNORECASE)


def recognises(content: Content) -> bool:
    """Whether meters are named, beside a cost or a quantity with its unit."""
    found = _bill.heads(content)
    priced = bool(found & set(NAMES.amount)) and bool(found & set(NAMES.currency))
    if found >= ANALYSIS | {"cost"}:
        return True
    return bool(found & OWN) and "billedcost" not in found and (priced or {"quantity", "unitofmeasure"} <= found)


def read(content: Content) -> Reading:
    """Every line; tokens where a quantity and its unit tell them.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none.
    """
    found = _bill.charges(content.table, NAMES)
    rows = [_counted(row, r) for row, r in zip(_bill.rows(found, NAMES, True), found, strict=True)]
    notes = () if any(row.amount is not None for row in rows) else ("quantities without amounts",)
    return Reading(BILL, READER.name, rows, notes)


def _counted(row: BillRow, r: Record) -> BillRow:
    """Tokens of a meter: its quantity in the unit that stands beside it, by the direction in its name."""
    quantity, unit = r.number("quantity"), UNITS.get((r.text("unitofmeasure") or "").lower().split(" ")[0])
    meter = re.sub(r"[-_]", " ", row.item or "")
    if quantity is None or unit is None or "token" not in meter.lower():
        return row
    tokens = float(round(quantity * unit, 3))
    if CACHED.search(meter):
        return row._replace(input_tokens=tokens, cached_tokens=tokens)
    return row._replace(output_tokens=tokens) if OUTPUT.search(meter) else row._replace(input_tokens=tokens)


READER = Reader("Azure costs", BILL, recognises, read)
