"""The fleet of a service whose traffic changes: accelerators, dollars and kWh over time, in whole replicas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from llmcost.engine.demand import fleet as engine
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand import week
from llmcost.engine.demand.segments import Segments, declining, segments
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, SECONDS_PER_DAY, SECONDS_PER_HOUR, Array, Num
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_numbers
from llmcost.estimate.fleet import bill
from llmcost.estimate.lifetime.course import Course
from llmcost.records import NamedTuple

if TYPE_CHECKING:
    from llmcost.estimate.serving.hosted import Hosted

GROUPS, TOLD_APART = 4, 16  # kinds of hours at least, and replicas counted one by one for each where there are more
SPANS, PER_SPAN = 48, 4  # of time at least, and replicas counted one by one for each where there are more
BARELY = 1e-6  # requests per day of a service that nobody asks


class Growing(NamedTuple):
    """What serving takes a day; `gpus` only where it is asked for: accelerators of the busiest hour."""

    usd: Segments
    kwh: Segments | None
    gpus: Segments | None


class _Kind(NamedTuple):
    """Replicas of a kind: accelerators, accelerator time of a request [s], share of all requests that reach it."""

    gpus: Num
    seconds: Num
    share: float


class _Pools(NamedTuple):
    """Pools with what a replica of each costs an hour, and the accelerators of it that are paid for in the mean."""

    pools: list[demand.Pool]
    usd_per_hour: list[Num]
    paid: list[Num]
    hours: int = 1  # of the day, whose pools change their size one after the other


def follow(
    service: Hosted, s: ServingNumbers, served: ServingFigures, traffic: demand.Traffic, end: float, exact: int
) -> Growing:
    """The service over time at the numbers `s`; it starts as it is at launch, `served`."""
    if service.fleet.idle is not None:
        return _on_and_off(service, s, served, traffic, end, exact)
    kinds, own = _kinds(service, s, served), served.get("own", served)
    load = service.fleet.load(service.applied.reaching(s), service.bound)
    if service.fleet.follows or service.fleet.mixed:
        found = _by_the_hour(service, kinds, load, s, exact)
    else:
        floors = service.fleet.terms.floors(s["price"])
        found = _level(service, kinds, own["planned_utilization"], floors, demand.most(traffic, end))
    standing, each = beside_usd(s)
    each = each + served.get("beside_usd_per_request", 0.0)
    wanted = [demand.Measure([24.0 * price for price in found.usd_per_hour], standing, each)]
    known = "gpus_mean" in served  # a plan that was made without traffic counts no replicas
    if known:
        usd = 24.0 * served["usd_per_hour_fleet"] + standing + each * s["requests"]
        wanted[0] = wanted[0]._replace(launch=usd)
    if service.place is not None:
        idle, busy = (service.place.energy_kwh(1.0, s, used) for used in (0.0, 1.0))
        worked = sum(kind.share * kind.seconds for kind in kinds) / SECONDS_PER_HOUR * (busy - idle)
        launch = 24.0 * served["gpus_mean"] * idle + worked * s["requests"] if known else None
        wanted.append(demand.Measure([24.0 * idle * paid for paid in found.paid], 0.0, worked, launch))
    spent = demand.measures(traffic, found.pools, wanted, end, max(exact // found.hours, 1))
    most = _most(service, kinds, s, traffic, end, exact)
    return Growing(spent[0], spent[1] if len(spent) > 1 else None, most)


def _on_and_off(
    service: Hosted, s: ServingNumbers, served: ServingFigures, traffic: demand.Traffic, end: float, exact: int
) -> Growing:
    """A service that scales to zero: what it takes at launch, figured again at the mean traffic of each span of time.

    Hours that are alike are one, as in the pools of others; what that leaves out at launch is a factor.
    """
    edges = np.linspace(0.0, end, max(exact // PER_SPAN, SPANS) + 1)
    rates, share = (np.asarray(x) for x in service.fleet.held(s))
    hours = _merged(rates, np.zeros_like(rates), share + np.zeros_like(rates), max(GROUPS, exact // TOLD_APART))
    columns = ([hour[0] for hour in hours], [hour[2] for hour in hours])
    day = tuple(np.stack(np.broadcast_arrays(*part), axis=-1) for part in columns)
    alike = service._replace(fleet=service.fleet._replace(day=(day[0], day[1])))
    then = np.maximum(np.moveaxis(demand.mean(traffic, edges), -1, 0), BARELY)  # spans ahead of samples
    then = then.reshape(len(then), *then.shape[1:] or [1] * max(np.ndim(named(s, name)) for name in s))
    launch, later = (alike.figures(serving_numbers({**s, "requests": each})) for each in (s["requests"], then))

    def over_time(name: str) -> Segments:
        """What a request takes times the requests of a day."""
        level = named(later, name) * then * (named(served, name) / named(launch, name))
        level = np.moveaxis(np.asarray(level), 0, -1)
        return segments(np.broadcast_to(edges[:-1], level.shape), level[..., None], 0.0)

    kwh = over_time("kwh_per_request") if service.place is not None else None
    most = _most(service, _kinds(service, s, served), s, traffic, end, exact)
    return Growing(over_time("usd_per_request"), kwh, most)


def beside_usd(s: ServingNumbers) -> tuple[Num, Num]:
    """What is paid beside accelerators: a day whatever the traffic, and a request [USD]."""
    return bill.standing_usd(s) / DAYS_PER_MONTH, bill.per_request(s)


def held(service: Hosted, s: ServingNumbers, served: ServingFigures) -> list[demand.Pool]:
    """The pools of a fleet that is held day and night, one for each kind of replica."""
    load = served.get("own", served)["planned_utilization"]
    return [_pool(service, kind, load) for kind in _kinds(service, s, served)]


def _most(
    service: Hosted, kinds: list[_Kind], s: ServingNumbers, traffic: demand.Traffic, end: float, exact: int
) -> Segments | None:
    """Accelerators of the busiest hour, where their number was given."""
    return None if service.fleet_gpus is None else _busiest(service, kinds, s, traffic, end, exact)


def accelerators(service: Hosted, s: ServingNumbers, course: Course, end: float, exact: int = 2048) -> Segments:
    """Accelerators that the busiest hour needs over time [-]."""
    kinds = _kinds(service, s, service.figures(s))
    held = _busiest(service, kinds, s, course.traffic(s), end, exact)
    return declining(held, course.efficiency(s))


def _busiest(
    service: Hosted, kinds: list[_Kind], s: ServingNumbers, traffic: demand.Traffic, end: float, exact: int
) -> Segments:
    load = service.fleet.load(service.applied.reaching(s), service.bound)
    return demand.fleet(traffic, _level(service, kinds, load / service.fleet.peak(s)).pools, end, exact)


def _kinds(service: Hosted, s: ServingNumbers, served: ServingFigures) -> list[_Kind]:
    """Every kind of replica; beside a small model each has its share of the requests."""
    applied, own = service.applied, served.get("own", served)
    large, little = (applied.reach * share for share in applied.shares)
    found = [_Kind(gpus, seconds, large) for _, gpus, seconds in service.replica.kinds(own)]
    if service.small is None:
        return found
    speed = service.small.replica.speed(applied.reaching(s, applied.shares[1]))
    return found + [_Kind(gpus, seconds, little) for _, gpus, seconds in service.small.replica.kinds(speed)]


def _pool(service: Hosted, kind: _Kind, load: Num) -> demand.Pool:
    """Requests per day, of all, whose share a replica takes at a load."""
    fleet = service.fleet
    least = fleet.least if fleet.least > 1 else 0.0  # no traffic needs no replica
    capacity = fleet.regions * kind.gpus * SECONDS_PER_DAY * load / kind.seconds / kind.share
    return demand.Pool(capacity, fleet.regions * np.asarray(kind.gpus, dtype=float), fleet.spares, least)


def _level(
    service: Hosted, kinds: list[_Kind], load: Num, floors: Sequence[tuple[Num, float]] = ((0.0, 0.0),),
    most: Num = 0.0,
) -> _Pools:  # fmt: skip
    """A fleet that is held day and night, at what it costs by its size (`floors_of_size`).

    Kinds of replica grow alike: each has the part of a floor that it has of the accelerator time. Where the `most`
    requests per day reach none, the floors cancel each other.
    """
    pools = [_pool(service, kind, load) for kind in kinds]
    held = sum(p.size * (np.maximum(most / p.capacity + 1.0, p.least) + p.spares) for p in pools)
    reached = [(rate, floor) for rate, floor in floors if floor == 0.0 or np.any(held >= floors[1][1])]
    found, every = _Pools([], [], []), sum(kind.seconds * kind.share for kind in kinds)
    for kind, pool in zip(kinds, pools, strict=True):
        for rate, floor in reached:
            least = floor * kind.seconds * kind.share / every / pool.size - pool.spares
            found.pools.append(pool._replace(least=np.maximum(pool.least, least)) if floor else pool)
            found.usd_per_hour.append(pool.size * rate)
            found.paid.append(pool.size if not floor else 0.0)
    return found


def _by_the_hour(service: Hosted, kinds: list[_Kind], load: Num, s: ServingNumbers, exact: int) -> _Pools:
    """A fleet that follows its day: a pool for each hour, by what an accelerator that this hour needs is paid.

    Hours keep their order whatever the traffic, so the base that costs least is always what the same hour needs, and
    the mix is a weighted sum of hours.
    """
    fleet = service.fleet
    rates, share = week.held(np.asarray(fleet.rates(s)), fleet.reaction_hours)
    if fleet.mixed:
        spot = s.get("spot_share", 0.0)
        peak = (1.0 - spot) * s["price"] + spot * fleet.terms.spot_price(s)
        usd, paid = engine.commitment_weights(rates, share, fleet.terms.reserved_price(s), peak, fleet.reserve)
    else:
        usd, paid = share * np.asarray(s["price"], dtype=float)[..., None], share
    hours = _merged(rates, usd, paid, max(GROUPS, exact // TOLD_APART))
    found = _Pools([], [], [], len(hours))
    for kind in kinds:
        for rate, price, held in hours:
            pool = _pool(service, kind, load / rate)
            found.pools.append(pool)
            found.usd_per_hour.append(pool.size * price)
            found.paid.append(pool.size * held)
    return found


def _merged(rates: Array, usd: Array, paid: Array, most: int) -> list[tuple[Num, Num, Num]]:
    """Hours in order of their traffic, those alike as one, at most so many; hours below the base are paid by it."""
    order = np.argsort(rates, axis=-1)
    shape = np.broadcast_shapes(rates.shape, usd.shape)
    columns = [
        np.take_along_axis(np.broadcast_to(x, shape), np.broadcast_to(order, shape), -1) for x in (rates, usd, paid)
    ]
    rates, usd, paid = (np.moveaxis(x, -1, 0) for x in columns)
    told = [i for i in range(len(rates)) if np.any(usd[i] > 0) or np.any(paid[i] > 0)]
    alike: list[list[int]] = []
    for i in told:
        if alike and np.allclose(rates[i], rates[alike[-1][0]], rtol=1e-9, atol=0.0):
            alike[-1].append(i)
        else:
            alike.append([i])
    found = []
    for part in ([i for same in some for i in same] for some in _split(alike, most)):
        weight = usd[part].sum(axis=0) + paid[part].sum(axis=0)
        mean = ((usd[part] + paid[part]) * rates[part]).sum(axis=0) / np.where(weight > 0, weight, 1.0)
        mean = rates[part[0]] if len(part) == 1 else np.where(weight > 0, mean, rates[part].mean(axis=0))
        found.append((mean, usd[part].sum(axis=0), paid[part].sum(axis=0)))
    return found


def _split(parts: list[list[int]], most: int) -> list[list[list[int]]]:
    """Neighbours together, so that at most so many are left."""
    count = min(most, len(parts))
    edges = [round(i * len(parts) / count) for i in range(count + 1)]
    return [parts[a:b] for a, b in pairwise(edges)]
