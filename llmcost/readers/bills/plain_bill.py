"""A table of dates and amounts: the currency in a column of its own or in the name of the amount (`cost_usd`)."""

from __future__ import annotations

from llmcost.readers.bills import _bill
from llmcost.readers.bills._bill import Names
from llmcost.readers.content import Content
from llmcost.readers.rows import BILL, Reader, Reading

DAYS = ("date", "day", "usage_date", "usage date", "month", "period", "start", "time", "timestamp")
AMOUNTS = ("amount", "cost", "spend", "total", "charge", "price", "usd", "eur", "cost per day", "billed")


def recognises(content: Content) -> bool:
    """Whether a column is a day and another an amount."""
    found = _bill.heads(content)
    return bool(found & set(DAYS)) and _amount(content.headings) is not None


def _amount(heads: list[str]) -> tuple[str, str | None] | None:
    """The column of the amount, and the currency that its name tells."""
    for head in heads:
        name, code = _bill.priced(head)
        if name in AMOUNTS or (code and not name):
            return head, code
    return None


def read(content: Content) -> Reading:
    """Every line.

    Raises
    ------
    LlmcostError
        A line cut off, a number or a date that is none, an amount without a currency.
    """
    found = _amount(content.headings)
    assert found is not None
    head, code = found
    code = code or content.above.get("currency", content.above.get("invoice currency", "")).upper() or None
    names = Names(
        day=DAYS, amount=(head,), currency=("currency", *((code,) if code else ())),
        service=("service", "provider", "vendor"), item=("item", "description", "sku"), model=("model",),
        project=("project", "team"), tags=("tags",), requests=("requests",),
        sent=("input_tokens", "prompt_tokens"), written=("output_tokens", "completion_tokens"),
    )  # fmt: skip
    named = {*names.service, *names.item, *names.model} & set(content.headings)
    names = names._replace(every=not named)  # where nothing says what a line is of, its owner does
    return Reading(BILL, READER.name, _bill.rows(content.table, names))


READER = Reader("table of dates and amounts", BILL, recognises, read, rank=9)
