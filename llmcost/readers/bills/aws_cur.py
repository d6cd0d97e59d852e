"""AWS Cost and Usage Report, old names (lineItem/UnblendedCost) and those of CUR 2.0 (line_item_unblended_cost).

Source: https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html.
"""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content

NAMES = Names(
    day=("line_item_usage_start_date", "lineitem/usagestartdate"),
    until=("line_item_usage_end_date", "lineitem/usageenddate"),
    amount=("line_item_unblended_cost", "lineitem/unblendedcost"),
    currency=("line_item_currency_code", "lineitem/currencycode"),
    service=("line_item_product_code", "lineitem/productcode", "product_product_name"),
    item=("line_item_usage_type", "lineitem/usagetype"),
    project=("line_item_usage_account_id", "lineitem/usageaccountid"),
    tags=("resource_tags", "resource_tags_user_", "resourcetags/user:"),
)


def recognises(content: Content) -> bool:
    """Whether the published names are there."""
    return bool({"line_item_unblended_cost", "lineitem/unblendedcost"} & _bill.heads(content))


READER = _bill.of_columns("AWS Cost and Usage Report", NAMES, recognises)
