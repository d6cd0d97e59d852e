"""FOCUS billing data (FinOps Open Cost and Usage Specification), any provider: NULL is written as text.

Source: https://focus.finops.org; github FinOps-Open-Cost-and-Usage-Spec/FOCUS-Sample-Data.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("chargeperiodstart",), until=("chargeperiodend",), amount=("billedcost",), currency=("billingcurrency",),
    service=("servicename",), item=("chargedescription", "skuid"), project=("subaccountname", "subaccountid"),
    tags=("tags",),
)  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    return {"billedcost", "billingcurrency", "chargeperiodstart"} <= _bill.heads(content)


READER = _bill.of_columns("FOCUS bill", NAMES, recognises)
