"""The only place that parses or formats quantities: "70B", "2.50/h", "40%", "30d" <-> numbers in base units."""

from __future__ import annotations

from llmcost.errors import at, shown
from llmcost.units.currency import DOLLARS, Currency, amounts_in, current
from llmcost.units.formatting import (
    NOT_KNOWN,
    format,
    format_money,
    format_range,
    number,
    several,
    shown_unit,
    worded_money,
)
from llmcost.units.kinds import DAY, HOUR, KINDS, MONTH, YEAR, Kind
from llmcost.units.listing import split_values
from llmcost.units.parsing import base_value, is_zero, parse, parse_date
from llmcost.units.payments import parse_payments
from llmcost.units.ranges import Between, Quantity, Triangle, parse_quantity
from llmcost.units.rates import parse_currency

__all__ = [
    "DAY",
    "DOLLARS",
    "HOUR",
    "KINDS",
    "MONTH",
    "NOT_KNOWN",
    "YEAR",
    "Between",
    "Currency",
    "Kind",
    "Quantity",
    "Triangle",
    "amounts_in",
    "at",
    "base_value",
    "current",
    "format",
    "format_money",
    "format_range",
    "is_zero",
    "number",
    "parse",
    "parse_currency",
    "parse_date",
    "parse_payments",
    "parse_quantity",
    "several",
    "shown",
    "shown_unit",
    "split_values",
    "worded_money",
]
