"""The currency that amounts are read and shown in. Between the two, every amount is in US dollars."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct

DOLLAR = "USD"
SIGNS = {DOLLAR: "$", "EUR": "€", "GBP": "£", "INR": "₹", "KRW": "₩"}  # ¥ is of two currencies


class Currency(Struct, frozen=True):
    """A currency by its code of three letters, the dollars that one unit of it takes, and the day of that rate."""

    code: str = DOLLAR
    usd: float = 1.0
    date: dt.date | None = None

    @property
    def sign(self) -> str:
        """What stands before an amount."""
        return SIGNS.get(self.code, f"{self.code} ")

    @property
    def said(self) -> str:
        """How it is said: `EUR=1.08@2026-11-28`.

        >>> Currency("EUR", 1.08, dt.date(2026, 11, 28)).said
        'EUR=1.08@2026-11-28'
        """
        return f"{self.code}={self.usd:.10g}" + ("" if self.date is None else f"@{self.date.isoformat()}")

    @property
    def told(self) -> str:
        """What an answer says of its amounts; nothing where they are dollars.

        >>> Currency("EUR", 1.08, dt.date(2026, 11, 28)).told
        'Amounts in EUR at 1.08 USD, the rate you stated for 2026-11-28.'
        """
        if self.code == DOLLAR:
            return ""
        day = "without a day" if self.date is None else f"for {self.date.isoformat()}"
        return f"Amounts in {self.code} at {self.usd:.10g} USD, the rate you stated {day}."

    def dollars(self, text: str) -> tuple[str, float]:
        """An amount with dollars in place of this currency, and how many of them one unit is.

        >>> Currency("EUR", 1.08).dollars("2.10 eur/h"), Currency("EUR", 1.08).dollars("2.10/h")
        (('2.10 USD/h', 1.08), ('2.10/h', 1.0))
        """
        if self.code == DOLLAR:
            return text, 1.0
        sign = re.escape(self.sign.strip())
        own = rf"(?i:{sign}|(?<![A-Za-z]){self.code}(?![A-Za-z]))"
        plain, found = re.subn(own, DOLLAR, text)
        mixed = found and re.search(r"(?i:\$|(?<![A-Za-z])usd(?![A-Za-z]))", text)
        return (plain, self.usd) if found and not mixed else (text, 1.0)


DOLLARS = Currency()
_SHOWN: ContextVar[Currency] = ContextVar("currency", default=DOLLARS)


def current() -> Currency:
    """The currency of the answer under way."""
    return _SHOWN.get()


@contextmanager
def amounts_in(currency: Currency) -> Iterator[None]:
    """Read amounts of this currency, and show every amount in it.

    >>> from llmcost import units
    >>> with amounts_in(Currency("EUR", 1.25)):
    ...     units.format("usd", 5e6), units.parse("usd_per_hour", "€2/h")
    ('€4.00M', 2.5)
    """
    before = _SHOWN.set(currency)
    try:
        yield
    finally:
        _SHOWN.reset(before)
