"""What answers requests: hosted on accelerators, bought by the token, or at a cost that was given."""

from __future__ import annotations

from typing import Protocol

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Num
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.money.charge import Charge
from llmcost.records import NamedTuple

GIVEN = ("cost_per_request", "energy_per_request")


class Service(Protocol):
    """What a lifetime needs of a service, whoever runs it."""

    @property
    def fleet_gpus(self) -> int | None:
        """Accelerators there are to serve with, where that was said."""

    def figures(self, p: ServingNumbers) -> ServingFigures:
        """What a request takes, and a month where there is traffic, at the numbers `p`, floats or samples alike."""

    def flops(self, p: ServingNumbers) -> Num | None:
        """Arithmetic of a mean request [FLOP]; None where it is not known."""


class Priced(Service, Protocol):
    """A service that somebody else runs: no machine is seen, so all there is to it is what it costs."""

    @property
    def name(self) -> str:
        """What it is, at the start of a sentence."""

    def charges(self, p: ServingNumbers) -> list[Charge]:
        """The bill of a month, where there is traffic."""


class Given(NamedTuple):
    """A service whose dollars or electricity of a request were given."""

    fleet_gpus: int | None = None
    name: str = "Serving"

    def figures(self, p: ServingNumbers) -> ServingFigures:
        """What was given, and the same for a month."""
        out: ServingFigures = {}
        if "cost_per_request" in p:
            out["usd_per_request"] = p["cost_per_request"]
            if "requests" in p:
                out["usd_per_month"] = p["cost_per_request"] * p["requests"] * DAYS_PER_MONTH
        if "energy_per_request" in p:
            out["kwh_per_request"] = p["energy_per_request"]
            out["wh_per_request"] = p["energy_per_request"] * 1000.0
            if "requests" in p:
                out["energy_kwh_per_month"] = p["energy_per_request"] * p["requests"] * DAYS_PER_MONTH
        return out

    def flops(self, p: ServingNumbers) -> None:
        """Not known: nothing is said of what answers."""

    def charges(self, p: ServingNumbers) -> list[Charge]:
        """A month at the cost of a request."""
        if "cost_per_request" not in p:
            return []
        return [Charge("requests, a month", p["requests"] * DAYS_PER_MONTH, "request", p["cost_per_request"])]


def read_given(question: Question) -> Given | None:
    """A service at what was given of it; None where nothing was."""
    if all(v is None for v in [question.number(key) for key in GIVEN]):
        return None
    question.number("requests")
    return Given()
