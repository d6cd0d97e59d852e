"""Charges: the rows of a bill, of a run, of a programme or of a month of service."""

from __future__ import annotations

from collections.abc import Iterable

from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple
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


def total_usd(charges: Iterable[Charge]) -> Num:
    """What charges add up to [USD]."""
    return sum(charge.usd for charge in charges)


def rows(charges: Iterable[Charge]) -> list[CostRow]:
    """Charges as an answer has them.

    >>> rows([Charge("egress", 2.0, "GB", 0.05)])[0].cost_usd
    0.1
    """
    return [CostRow(c.name, float(c.quantity), c.unit, float(c.rate_usd), float(c.usd)) for c in charges]
