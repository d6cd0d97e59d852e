"""Charges: the rows of a bill, of a run, of a programme or of a month of service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from llmcost.engine.numeric.kinds import Num
from llmcost.estimate.asking.values import ServingNumbers, named
from llmcost.result import CostRow


class Charge(NamedTuple):
    """A row of a bill: quantity x rate [USD], floats or samples alike."""

    name: str
    quantity: Num
    unit: str
    rate_usd: Num

    @property
    def usd(self) -> Num:
        """What it comes to [USD]."""
        return self.quantity * self.rate_usd


def _once(p: ServingNumbers) -> float:
    del p
    return 1.0


class Priced(NamedTuple):
    """A charge as it is declared: the key of its rate, and how many units of it a month, or a request, takes.

    `amount` is a key that belongs to the rate: neither is read without the other, unless the amount is `optional`. What
    is `standing` is paid by the month whatever the traffic, else `quantity` is that of one request. `shared` is the key
    that is split where several fleets share the service.
    """

    name: str
    unit: str
    rate: str
    quantity: Callable[[ServingNumbers], Num] = _once
    amount: str = ""
    optional: bool = False
    standing: bool = True
    shared: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that it reads."""
        return (self.rate, self.amount) if self.amount else (self.rate,)

    def charge(self, p: ServingNumbers, times: Num = 1.0) -> Charge:
        """Its row, for so many months or requests."""
        return Charge(self.name, times * self.quantity(p), self.unit, named(p, self.rate))


def total_usd(charges: Iterable[Charge]) -> Num:
    """What charges add up to [USD]."""
    return sum(charge.usd for charge in charges)


def rows(charges: Iterable[Charge]) -> list[CostRow]:
    """Charges as an answer has them.

    >>> rows([Charge("egress", 2.0, "GB", 0.05)])[0].cost_usd
    0.1
    """
    return [CostRow(c.name, float(c.quantity), c.unit, float(c.rate_usd), float(c.usd)) for c in charges]
