"""What is paid beside machines: one row a charge, of a service or of a training programme."""

from __future__ import annotations

from collections.abc import Iterable

from llmcost.keys.key import CROSSOVER, SERVE, TRAIN, Key
from llmcost.records import NamedTuple

GB = 1e9  # bytes


class Cost(NamedTuple):
    """A row of the bill, and all that is declared of it.

    `key` is what a `unit` costs, `amount` the key of how many there are, counted in `per` of it: one where there is no
    such key. Neither is read without the other, unless the amount is `optional`: it then follows from the request. What
    is `standing` is paid by the month whatever the traffic, anything else by the request.
    """

    name: str
    unit: str
    key: Key
    amount: Key | None = None
    per: float = 1.0
    optional: bool = False
    standing: bool = True

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys that it reads."""
        return (self.key,) if self.amount is None else (self.key, self.amount)


_HERE, _TRAINED = (SERVE,), (TRAIN, CROSSOVER)
SERVICE = (
    Cost("operations", "month", Key("operations_cost", "usd", "Service", "people and systems that run the service, per month: 50k",
         _HERE, ranged=True, per="month")),
    Cost("egress", "GB", Key("egress_price", "usd", "Service", "per GB sent to users: 0.09", _HERE, ranged=True, per="GB"),
         Key("egress_bytes", "bytes", "Service", "sent to a user per request: 8kB", _HERE, ranged=True),
         GB, optional=True, standing=False),
    Cost("storage", "GB-month", Key("storage_price", "usd", "Service", "per GB kept a month: 0.02", _HERE, ranged=True,
         per="GB/month"),
         Key("stored_bytes", "bytes", "Service", "kept: conversations, logs, weights: 50TB", _HERE, ranged=True), GB),
)  # fmt: skip
# Parts of a programme without a published share.
PROGRAMME = (
    Cost("data", "programme", Key("data_cost", "usd", "Money", "data of the programme: 20M", _TRAINED, ranged=True)),
    Cost("storage", "programme", Key("storage_cost", "usd", "Money", "storage of the programme: 1M", _TRAINED, ranged=True)),
)  # fmt: skip


def keys(costs: Iterable[Cost]) -> tuple[Key, ...]:
    """The keys of some charges, in their order.

    >>> [key.name for key in keys(PROGRAMME)]
    ['data_cost', 'storage_cost']
    """
    return tuple(key for cost in costs for key in cost.keys)
