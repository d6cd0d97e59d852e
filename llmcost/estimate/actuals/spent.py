"""What was spent day by day, and how often it was asked."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array
from llmcost.errors import LlmcostError
from llmcost.estimate.actuals import lines
from llmcost.estimate.actuals.lines import Lines, Wanted
from llmcost.readers.rows import BillRow
from llmcost.records import NamedTuple
from llmcost.result import Scalar
from llmcost.scenario import Scenario

RECENT = 28  # days that a pace is taken from: four whole weeks
MOST_DAYS = 3653


class Spent(NamedTuple):
    """Charges and requests by day, from `first` on; `requests` and tokens only where they are counted."""

    lines: Lines
    first: dt.date | None  # None where no line has a date
    usd: Array  # each day [USD]
    counted: Array  # whether requests of the day are known
    requests: Array  # each day, 0 where they are not known
    undated_usd: float
    amount: float  # of all lines, in `lines.currency`
    rate: float  # USD for one unit of it

    @property
    def days(self) -> int:
        """Days from the first charge to the last."""
        return len(self.usd)

    @property
    def last(self) -> dt.date | None:
        """The last day with a charge."""
        return None if self.first is None else self.first + dt.timedelta(days=self.days - 1)

    @property
    def total_usd(self) -> float:
        """All that was spent."""
        return self.amount * self.rate

    @property
    def recent(self) -> slice:
        """The last days, that a pace is taken from."""
        return slice(max(self.days - RECENT, 0), self.days)

    @property
    def burn_usd_per_month(self) -> float | None:
        """What a month takes at the pace of the last days."""
        return None if not self.days else float(self.usd[self.recent].mean()) * DAYS_PER_MONTH

    @property
    def pace_spread(self) -> float:
        """Standard deviation of ln of the pace: days scatter, and few of them tell it less well [-]."""
        recent = self.usd[self.recent]
        mean = float(recent.mean()) if len(recent) else 0.0
        if len(recent) < 2 or mean <= 0:
            return 0.0
        return float(recent.std(ddof=1)) / mean / math.sqrt(len(recent))

    @property
    def requests_per_day(self) -> float | None:
        """Mean over the days of which requests are known."""
        known = self.counted[self.recent]
        return float(self.requests[self.recent][known].mean()) if known.any() else None

    @property
    def usd_per_request(self) -> float | None:
        """Mean over the days of which charges and requests are known."""
        known = self.counted[self.recent]
        requests = float(self.requests[self.recent][known].sum())
        return float(self.usd[self.recent][known].sum()) / requests if requests > 0 else None

    def per_request(self, tokens: str) -> float | None:
        """Mean number of a kind of tokens in a request, of the lines that count both."""
        both = [r for r in self.lines.rows if r.requests and getattr(r, tokens) is not None]
        requests = sum(r.requests or 0.0 for r in both)
        return sum(getattr(r, tokens) for r in both) / requests if requests > 0 else None


def spent(scenario: Scenario) -> Spent | None:
    """What the actuals of a question say; None where it names none. Nothing is counted as taken.

    Raises
    ------
    LlmcostError
        A file that is none, no line that counts, or a currency without an exchange rate.
    """
    files = scenario.peek("actuals")
    if files is None:
        return None
    said = [scenario.peek(name) for name in lines.FILTERS]
    found = lines.read(files.value, Wanted(*(None if one is None else str(one.value) for one in said)))
    return by_day(found, _rate(found, scenario))


def _rate(found: Lines, scenario: Scenario) -> float:
    """Dollars for one unit of the currency of the bills: as said for them, else for all amounts."""
    stated, shown = scenario.peek("exchange_rate"), units.current()
    if found.currency == lines.USD:
        return 1.0
    if stated is not None:
        return float(stated.value)
    if shown.code == found.currency:
        return shown.usd
    total = math.fsum(row.amount for row in found.rows if row.amount is not None)
    raise LlmcostError(
        f"{', '.join(found.names)}: {total:,.2f} {found.currency} in all, and the plan is in USD",
        f"--currency {found.currency}=1.08, USD for one {found.currency}; for the bills alone --exchange-rate 1.08",
    )


def figures(found: Spent) -> dict[str, Scalar]:
    """What the actuals say by themselves, by the names of an answer."""
    return {
        "actual_usd": found.total_usd,
        "actual_amount": found.amount,
        "actual_currency": found.lines.currency,
        "actual_from": None if found.first is None else found.first.isoformat(),
        "actual_to": None if found.last is None else found.last.isoformat(),
        "actual_usd_per_request": found.usd_per_request,
        "actual_requests_per_day": found.requests_per_day,
        "burn_usd_per_month": found.burn_usd_per_month,
    }


def by_day(found: Lines, rate: float) -> Spent:
    """Charges spread evenly over the days that they are for.

    Parameters
    ----------
    found : Lines
        Lines that count.
    rate : float
        USD for one unit of their currency.

    Raises
    ------
    LlmcostError
        Dates further apart than ten years.
    """
    dated = [(row, *_span(row)) for row in found.rows if row.day is not None]
    amount = math.fsum(row.amount for row in found.rows if row.amount is not None)
    undated = math.fsum(row.amount for row in found.rows if row.amount is not None and row.day is None)
    charged = [one for one in dated if one[0].amount] or dated
    if not charged:
        none = np.zeros(0)
        return Spent(found, None, none, none.astype(bool), none, undated * rate, amount, rate)
    first, last = min(a for _, a, _ in charged), max(b for _, _, b in charged)
    if last - first > MOST_DAYS:
        ends = [dt.date.fromordinal(day).isoformat() for day in (first, last)]
        raise LlmcostError(
            f"{', '.join(found.names)}: charges from {ends[0]} to {ends[1]}: a date is wrong",
            f"of one service, at most {MOST_DAYS / 365.25:.0f} years: mend the date, or leave its row out",
        )
    usd, requests = (np.zeros(last - first) for _ in range(2))
    counted = np.zeros(last - first, dtype=bool)
    for row, start, end in dated:
        a, b = max(start, first) - first, min(end, last) - first
        if a >= b:
            continue
        usd[a:b] += (row.amount or 0.0) * rate / (b - a)
        if row.requests is not None:
            requests[a:b] += row.requests / (b - a)
            counted[a:b] = True
    return Spent(found, dt.date.fromordinal(first), usd, counted, requests, undated * rate, amount, rate)


def _span(row: BillRow) -> tuple[int, int]:
    assert row.day is not None
    start = dt.date.fromisoformat(row.day).toordinal()
    return start, start + 1 if row.until is None else dt.date.fromisoformat(row.until).toordinal()
