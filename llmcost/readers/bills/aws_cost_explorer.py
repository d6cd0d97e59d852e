"""AWS Cost Explorer, its table as CSV: a row for each day or month, a column `NAME($)` for each service.

Source: https://docs.aws.amazon.com/cost-management/latest/userguide/ce-exploring-data.html (Download as CSV). The first
row holds the totals; the last column sums up the others.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading

COLUMN = re.compile(r"^(.*?) ?\(([$€£]|[a-z]{3})\)$")
NAMES = Names(day=("day",), amount=("amount",), currency=("currency",), service=("service",), item=("item",))


def recognises(content: Content) -> bool:
    """Whether every column but the first is an amount, and the last their sum."""
    heads = content.headings
    return len(heads) > 2 and heads[-1].startswith("total cost") and all(COLUMN.match(head) for head in heads[1:])


def read(content: Content) -> Reading:
    """The amount of each column on each day.

    Raises
    ------
    LlmcostError
        A row cut off, a number or a date that is none, or no day at all.
    """
    first, names = content.cells[0][1][0], content.cells[0][1][1:-1]
    rows: list[BillRow] = []
    for line in content.table:
        cells = list(line.data.values())
        if len(cells) < len(content.headings):
            raise LlmcostError(f"{line.where}: {len(cells)} of {len(content.headings)} cells: cut off?")
        if cells[0].lower().endswith(" total"):
            continue
        rows += _bill.rows(
            [_charge(cells[0], *pair, first, line) for pair in zip(names, cells[1:-1], strict=True)], NAMES
        )
    if not rows:
        raise LlmcostError(f"{content.name}: no day below the totals")
    return Reading(BILL, READER.name, [row for row in rows if row.amount])


def _charge(day: str, head: str, amount: str, dimension: str, line: Record) -> Record:
    found = COLUMN.match(head.lower())
    assert found is not None
    code = _bill.SIGNS.get(found[2], found[2].upper())
    what = "service" if dimension.lower() == "service" else "item"
    return Record({"day": day, "amount": amount, "currency": code, what: head[: len(found[1])]}, line.where)


READER = Reader("AWS Cost Explorer", BILL, recognises, read)
