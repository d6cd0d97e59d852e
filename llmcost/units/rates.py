"""A currency with its rate, as it is said: `EUR=1.08@2026-11-28`."""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError, shown
from llmcost.units.currency import DOLLAR, Currency
from llmcost.units.parsing import parse_date

EXAMPLE = "EUR=1.08@2026-11-28"
SAID = r" *([A-Za-z]{3}) *= *([0-9]*\.?[0-9]+) *(?:@ *(.*?))? *"


def parse_currency(text: object) -> Currency:
    """A currency with its rate, the dollars that one unit takes, and the day of the rate where it is said.

    Raises
    ------
    LlmcostError
        Not a code, a rate above zero and perhaps a day.

    Examples
    --------
    >>> parse_currency("EUR=1.08@2026-11-28")
    Currency(code='EUR', usd=1.08, date=datetime.date(2026, 11, 28))
    """
    if isinstance(text, Currency):
        return text
    found = re.fullmatch(SAID, text) if isinstance(text, str) else None
    if found is None:
        raise LlmcostError(
            f"{shown(text)} is not a currency with its rate: dollars for one unit, and the day", f"write {EXAMPLE}"
        )
    code, rate, day = found[1].upper(), float(found[2]), found[3]
    if code == DOLLAR:
        raise LlmcostError(f"{shown(text)}: amounts are in USD already", "leave it out")
    if not 1e-9 < rate < 1e9:
        raise LlmcostError(f"{shown(text)}: a rate is above zero: dollars for one {code}", f"write {EXAMPLE}")
    return Currency(code, rate, None if day is None else parse_date(day))
