"""What answers requests: hosted on accelerators, bought by the token, or at a cost that was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH
from llmcost.estimate.asking.question import Question

GIVEN = ("cost_per_request", "energy_per_request")


class Service(Protocol):
    """What a lifetime needs of a service, whoever runs it."""

    @property
    def fleet_gpus(self) -> int | None:
        """Accelerators there are to serve with, where that was said."""

    def figures(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """What a request takes, and a month where there is traffic, at the numbers `p`, floats or samples alike."""

    def flops(self, p: Mapping[str, Any]) -> Any:
        """Arithmetic of a mean request [FLOP]; None where it is not known."""


class Given(NamedTuple):
    """A service whose dollars or electricity of a request were given."""

    fleet_gpus: int | None = None

    def figures(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, and the same for a month."""
        out = {}
        for new, old, month in (
            ("usd_per_request", "cost_per_request", "usd_per_month"),
            ("kwh_per_request", "energy_per_request", "energy_kwh_per_month"),
        ):
            if old in p:
                out[new] = p[old]
                if "requests" in p:
                    out[month] = p[old] * p["requests"] * DAYS_PER_MONTH
        return out

    def flops(self, p: Mapping[str, Any]) -> None:
        """Not known: nothing is said of what answers."""


def read_given(question: Question) -> Given | None:
    """A service at what was given of it; None where nothing was."""
    if all(v is None for v in [question.number(key) for key in GIVEN]):
        return None
    question.number("requests")
    return Given()
