"""Latencies at a load: requests in flight, TPOT and TTFT of random arrivals, and the fleet that keeps a p95."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from llmcost.engine.demand import idle
from llmcost.engine.numeric import roots
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving.operating_point import Point
from llmcost.engine.serving.queueing import Latency
from llmcost.engine.serving.steady import Times
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money.rent import Terms
from llmcost.records import NamedTuple

QUANTILES = {"ttft_p50_seconds": 0.5, "ttft_p95_seconds": 0.95, "ttft_p99_seconds": 0.99}
P95 = 0.95
IDLE = 1e-6  # share of capacity at which a request waits for nobody


class Under(NamedTuple):
    """Replicas under a load; what they do not do has no figure."""

    point: Point | Times | None  # where each decodes
    first_token: Latency | None


class Server(Protocol):
    """What a load needs of a replica."""

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """Its figures, `requests_per_second_per_replica` among them."""

    def under(self, p: ServingNumbers, share: Num, replicas: Num) -> Under:
        """So many of them at a share of what they can do [-]."""


class Arrivals(NamedTuple):
    """What replicas are chosen for, before their number is known."""

    share: float  # of what they can do [-]
    per_second: float | None  # in the busiest hour of a region; None: one replica at the share

    def of(self, service: Num) -> tuple[Num, Num]:
        """Arrivals [1/s], and as many servers of that service time [s] as keep the share [-]."""
        if self.per_second is None:
            return self.share / service, 1.0
        return self.per_second, np.maximum(np.ceil(self.per_second * service / self.share - 1e-9), 1.0)


class Demand(NamedTuple):
    """What a replica is chosen for: arrivals, the fleet that carries them, and what an hour costs."""

    arrivals: Arrivals
    fleet: Fleet | None  # None without traffic
    terms: Terms
    reaching: Callable[[ServingNumbers], ServingNumbers]  # numbers as the replicas of the model see them

    def numbers(self, question: Question) -> ServingNumbers:
        """Every number of the question at its median, as the replicas see it."""
        return self.reaching(serving_numbers(sampling.central(question.numbers)))


class Sizing(NamedTuple):
    """How far a fleet may be loaded for the p95 of TTFT to keep its target."""

    max_utilization: float  # of the fleet
    bound: float  # the load its whole replicas are sized for; infinite where the stated utilisation is stricter


def latencies(server: Server, p: ServingNumbers, share: Num, replicas: Num, quantiles: bool = True) -> ServingFigures:
    """What a user meets at a load: infinite where the queue of random arrivals grows without end.

    Parameters
    ----------
    server, p
        A replica and the numbers of the question.
    share, replicas : float or array
        Arrivals over what the replicas can do [-], and how many there are [-].
    quantiles : bool
        Whether those of TTFT are wanted beside its mean.
    """
    at, found = server.under(p, share, replicas), ServingFigures()
    if at.point is not None:
        tpot = at.point.tpot_seconds * p["tpot_error"]
        found["tpot_seconds"] = tpot
        found["tokens_per_second_per_user"] = 1.0 / tpot
        found["requests_in_flight"] = at.point.batch
    if at.first_token is None:
        return found
    found["ttft_seconds"] = at.first_token.mean_seconds * p["ttft_error"]
    if quantiles:
        each = np.ravel(at.first_token.quantile(np.array(list(QUANTILES.values()))))
        found |= serving_figures({k: float(v) * p["ttft_error"] for k, v in zip(QUANTILES, each, strict=True)})
    return found


def started(found: ServingFigures, cycle: idle.Cycle, start: Num) -> ServingFigures:
    """Times to first token with the waits for a machine that is off; who meets one waits for it, and then as others."""
    if "ttft_seconds" not in found:
        return found
    mean = found["ttft_seconds"]
    later: dict[str, Num] = {"ttft_seconds": mean + idle.mean_wait(cycle, start)}
    for name, share in QUANTILES.items():
        if name in found:
            cold, warm = idle.wait(cycle, start, share), named(found, name)
            later[name] = np.where(cold > 0.0, np.maximum(warm, mean + cold), warm)
    return found | serving_figures(later)


def _p95(server: Server, p: ServingNumbers, share: Num, replicas: float) -> Array:
    """p95 of TTFT at each of several loads [s]."""
    first = server.under(p, np.asarray(share), replicas).first_token
    assert first is not None
    return np.ravel(first.quantile(P95))


def idle_seconds(server: Server, p: ServingNumbers) -> float:
    """p95 of TTFT where requests wait for nobody [s]: no fleet does better."""
    return float(_p95(server, p, IDLE, 1.0)[0])


def size(server: Server, p: ServingNumbers, target_seconds: float, arrivals: Arrivals) -> Sizing:
    """The smallest fleet whose p95 keeps the target, at no more than the stated load.

    Without traffic: one replica. The target is kept by an idle replica.
    """
    demand = arrivals.per_second
    if demand is None:
        most = _highest(server, p, target_seconds, 1.0)
        return Sizing(most, most)
    capacity = float(server.speed(p)["requests_per_second_per_replica"])

    def keeps(replicas: float) -> bool:
        return bool(_p95(server, p, demand / (replicas * capacity), replicas)[0] <= target_seconds)

    least = int(arrivals.of(1.0 / capacity)[1])
    replicas = roots.least_whole(keeps, least)
    bound = math.inf if replicas == least else demand / (replicas * capacity)
    return Sizing(_highest(server, p, target_seconds, replicas), bound)


def _highest(server: Server, p: ServingNumbers, target_seconds: float, replicas: float) -> float:
    """Highest share of the capacity that keeps the target [-]."""
    return roots.highest(lambda shares: _p95(server, p, shares, replicas) <= target_seconds)
