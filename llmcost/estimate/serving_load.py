"""Random arrivals: the first token at the traffic, and the fleet that keeps it for 95 % of requests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

QUANTILES = {"ttft_p50_seconds": 0.5, "ttft_p95_seconds": 0.95, "ttft_p99_seconds": 0.99}
P95 = 0.95
STEPS = 64  # loads tried between none and all, twice
IDLE = 1e-6  # share of capacity at which a request waits for nobody


class Server(Protocol):
    """What a queue needs of a replica."""

    def speed(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """Its figures, `requests_per_second_per_replica` among them."""

    def ttft(self, p: Mapping[str, float], requests_per_second: Any, replicas: Any, quantile: Any) -> Any:
        """TTFT of random arrivals over so many replicas [s]."""


class Sizing(NamedTuple):
    """How far a fleet may be loaded for the p95 of TTFT to keep its target."""

    max_utilization: float  # of the fleet
    bound: float  # the load its whole replicas are sized for; infinite where the stated utilisation is stricter


def quantiles(
    server: Server, p: Mapping[str, float], requests_per_second: float, replicas: float
) -> dict[str, float | None]:
    """TTFT that half, 95 % and 99 % of requests stay under at this traffic [s]; None beyond capacity."""
    found = np.ravel(server.ttft(p, requests_per_second, replicas, np.array(list(QUANTILES.values()))))
    return {k: float(v) if math.isfinite(v) else None for k, v in zip(QUANTILES, found, strict=True)}


def idle_seconds(server: Server, p: Mapping[str, float]) -> float:
    """p95 of TTFT where requests wait for nobody [s]: no fleet does better."""
    alone = _capacity(server, p) * IDLE
    return float(np.ravel(server.ttft(p, alone, 1.0, P95))[0])


def size(server: Server, p: Mapping[str, float], target_seconds: float, demand: float | None) -> Sizing:
    """The smallest fleet whose p95 keeps the target, at no more than the stated utilisation.

    Without a demand [1/s]: one replica. The target is kept by an idle replica.
    """
    capacity = _capacity(server, p)

    def keeps(replicas: float, rate: float) -> bool:
        return bool(np.ravel(server.ttft(p, rate, replicas, P95))[0] <= target_seconds)

    if demand is None:
        most = _highest(server, p, target_seconds, 1.0, capacity)
        return Sizing(most, most)
    least = math.ceil(demand / (capacity * p["utilization"]) - 1e-9)
    if keeps(least, demand):
        return Sizing(_highest(server, p, target_seconds, least, capacity), math.inf)
    low, high = least, 2 * least
    while not keeps(high, demand):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle, demand) else (middle, high)
    return Sizing(_highest(server, p, target_seconds, high, capacity), demand / (high * capacity))


def _capacity(server: Server, p: Mapping[str, float]) -> float:
    return float(server.speed(p)["requests_per_second_per_replica"])


def _highest(server: Server, p: Mapping[str, float], target_seconds: float, replicas: float, capacity: float) -> float:
    """Highest share of the capacity that keeps the target, by two passes over a grid [-]."""
    low, high = 0.0, 1.0
    for _ in range(2):
        shares = np.linspace(low, high, STEPS + 1)[1:]
        seconds = server.ttft(p, shares * capacity * replicas, replicas, P95)
        kept = int(np.sum(np.logical_and.accumulate(seconds <= target_seconds)))
        low, high = (shares[kept - 1] if kept else low), (shares[kept] if kept < STEPS else high)
    return float(low)
