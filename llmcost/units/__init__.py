"""The only place that parses or formats quantities: "70B", "2.50/h", "40%", "30d" <-> numbers in base units."""

from __future__ import annotations

from llmcost.errors import shown
from llmcost.units.formatting import NOT_KNOWN, format, format_money, format_range, number
from llmcost.units.kinds import DAY, HOUR, KINDS, MONTH, YEAR, Kind
from llmcost.units.parsing import at, base_value, parse, parse_date
from llmcost.units.payments import parse_payments
from llmcost.units.ranges import Between, Quantity, Triangle, parse_quantity

__all__ = [
    "DAY",
    "HOUR",
    "KINDS",
    "MONTH",
    "NOT_KNOWN",
    "YEAR",
    "Between",
    "Kind",
    "Quantity",
    "Triangle",
    "at",
    "base_value",
    "format",
    "format_money",
    "format_range",
    "number",
    "parse",
    "parse_date",
    "parse_payments",
    "parse_quantity",
    "shown",
]
