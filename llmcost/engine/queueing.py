"""Waiting for a first token: Erlang C over replicas, general arrivals and service, length distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

Num = Any

POINTS = 64  # quantile points that stand for a distribution of lengths
MANY = 2000  # servers beyond which the limit of many servers stands for the recursion


def erlang_b(servers: Num, offered: Num) -> Num:
    r"""Share of arrivals that find all of `servers` busy and leave [-].

    .. math:: B_0 = 1,\quad B_n = a B_{n-1} / (n + a B_{n-1})

    Parameters
    ----------
    servers : int or array
        Servers [-]; rounded down.
    offered : float or array
        Offered load a: arrival rate times mean service [erlang].

    Source: Erlang 1917; the recursion in Cooper 1981, "Introduction to Queueing Theory", section 3.

    Examples
    --------
    Two servers offered one erlang: (1/2) / (1 + 1 + 1/2).

    >>> print(float(erlang_b(2, 1.0)))
    0.2
    """
    servers, offered = np.broadcast_arrays(np.floor(servers), np.asarray(offered, dtype=float))
    if servers.size == 1:
        return np.full(servers.shape, _erlang_b_of_one(int(servers.item()), float(offered.item())))
    blocked, answer = np.ones(offered.shape), np.ones(offered.shape)
    for n in range(1, int(np.max(servers, initial=0.0)) + 1):
        blocked = offered * blocked / (n + offered * blocked)
        answer = np.where(servers == n, blocked, answer)
    return answer


def _erlang_b_of_one(servers: int, offered: float) -> float:
    """The same recursion on plain floats, which take a twentieth of the time of arrays of one."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(servers: Num, offered: Num) -> Num:
    r"""Share of arrivals that have to wait [-]; 1 at and beyond full load.

    .. math:: C = B / (1 - \rho (1 - B)),\quad \rho = a / c

    Parameters
    ----------
    servers, offered : float or array
        Servers c [-] and offered load a [erlang].

    Beyond 2,000 servers C = 1 / (1 + beta Phi(beta) / phi(beta)) with beta = (1 - rho) sqrt(c), whose error falls
    with the root of c.

    Source: Erlang 1917; Cooper 1981, equation 4.8; Halfin and Whitt 1981, doi:10.1287/opre.29.3.567, equation 2.2.

    Examples
    --------
    One server is busy with probability rho.

    >>> print(float(erlang_c(1, 0.7)))
    0.7
    """
    servers = np.maximum(np.floor(servers), 1.0)
    rho = np.divide(offered, servers)
    blocked = erlang_b(np.minimum(servers, MANY), np.minimum(rho, 1.0) * np.minimum(servers, MANY))
    exact = blocked / np.maximum(1.0 - rho * (1.0 - blocked), 1e-300)
    beta = np.clip((1.0 - rho) * np.sqrt(servers), 0.0, 37.0)
    density = np.exp(-(beta**2) / 2.0) / np.sqrt(2.0 * np.pi)
    limit = density / (density + beta * _normal_share(beta))
    return np.where(rho >= 1.0, 1.0, np.where(servers > MANY, limit, exact))


def mean_wait_seconds(servers: Num, rate: Num, service: Num, ca2: Num = 1.0, cs2: Num = 1.0) -> Num:
    r"""Mean wait of a G/G/c queue [s]; infinite at and beyond full load.

    .. math:: W = \frac{C(c, a)}{c/S - \lambda} \cdot \frac{C_a^2 + C_s^2}{2}

    Parameters
    ----------
    servers, rate, service : float or array
        Servers c [-], arrivals lambda [1/s], mean service S [s].
    ca2, cs2 : float or array
        Squared coefficients of variation of gaps and service [-]: 1 is Poisson or exponential, 0 is fixed.

    Source: Allen 1990, "Probability, Statistics and Queueing Theory", section 5.3 (Allen-Cunneen approximation);
    exact for M/M/c and, with one server, for M/G/1 (Pollaczek-Khinchine).

    Examples
    --------
    M/D/1 at 50 % load waits half a service time on average.

    >>> print(float(mean_wait_seconds(1, 0.5, 1.0, 1.0, 0.0)))
    0.5
    """
    spare = np.divide(servers, service) - rate
    waits = erlang_c(servers, np.multiply(rate, service))
    return np.where(spare > 0, waits / np.where(spare > 0, spare, 1.0) * (np.add(ca2, cs2) / 2.0), np.inf)


def latency_quantile(
    quantile: Num, servers: Num, rate: Num, services: Num, ca2: Num = 1.0, extra: Num = 0.0, speed: Num = 1.0
) -> Num:
    r"""Quantile of wait plus service [s]; infinite at and beyond full load.

    The wait is 0 with probability 1 - C and exponential otherwise, with the mean that Allen and Cunneen give; it is
    added to the distribution of service times, and the sum is inverted by bisection.

    .. math:: P(T > t) = \frac1n \sum_i [s_i > t] + [s_i \le t] C e^{-(t - s_i) C / W}

    Parameters
    ----------
    quantile : float or array
        0.5, 0.95, ... [-].
    servers, rate : float or array
        Servers [-] and arrivals [1/s].
    services : array
        Equally likely service times along the last axis [s]; the other arguments broadcast with the other axes.
    ca2 : float or array
        Squared coefficient of variation of gaps [-].
    extra : float or array
        Seconds that every request adds without occupying a server [s].
    speed : float or array
        Latency of a request that does not wait, over its service time [-].

    Source: as `mean_wait_seconds`; the exponential tail of the wait is exact for M/M/c and the heavy-traffic limit
    otherwise (Kingman 1962, doi:10.1111/j.2517-6161.1962.tb00465.x).

    Examples
    --------
    One server, half busy, fixed service of 1 s: half the requests do not wait at all.

    >>> print(round(float(latency_quantile(0.5, 1, 0.5, [1.0])), 9))
    1.0
    """
    services = np.atleast_1d(np.asarray(services, dtype=float))
    mean = services.mean(axis=-1)
    cs2 = services.var(axis=-1) / np.maximum(mean, 1e-300) ** 2
    waits = erlang_c(servers, np.multiply(rate, mean))
    mean_wait = mean_wait_seconds(servers, rate, mean, ca2, cs2)
    shape = np.broadcast_shapes(np.shape(quantile), np.shape(mean_wait), np.shape(speed))
    latency = services * np.expand_dims(np.broadcast_to(speed, shape), -1)
    tail = np.where(np.isfinite(mean_wait), mean_wait / np.maximum(waits, 1e-300), 0.0)
    miss = np.broadcast_to(1.0 - np.asarray(quantile, dtype=float), shape)
    low = np.zeros(shape)
    high = latency.max(axis=-1) + np.broadcast_to(tail, shape) * np.log(np.maximum(waits / miss, 1.0)) + 1e-12
    for _ in range(48):
        middle = (low + high) / 2.0
        late = _late_share(middle, latency, waits, tail)
        low, high = np.where(late > miss, middle, low), np.where(late > miss, high, middle)
    return np.where(np.isfinite(mean_wait), high + extra, np.inf)


def _late_share(time: Num, latency: Num, waits: Num, tail: Num) -> Num:
    left = np.expand_dims(time, -1) - latency
    scale = np.expand_dims(np.maximum(np.broadcast_to(tail, np.shape(time)), 1e-300), -1)
    waits = np.expand_dims(np.broadcast_to(waits, np.shape(time)), -1)
    late = np.where(left < 0, 1.0, waits * np.exp(-np.maximum(left, 0.0) / scale))
    return late.mean(axis=-1)


def highest_rate(
    target_seconds: Num, quantile: Num, servers: Num, services: Num, ca2: Num = 1.0, extra: Num = 0.0, speed: Num = 1.0
) -> Num:
    """Highest arrival rate at which the quantile of the latency stays within a target [1/s]; 0 where none does.

    The highest utilisation that keeps the target is this rate times the mean service over the servers.

    Parameters
    ----------
    target_seconds, quantile, servers, services, ca2, extra, speed
        As in `latency_quantile`.

    Source: inversion of `latency_quantile`, which grows with the rate.

    Examples
    --------
    >>> rate = highest_rate(3.0, 0.95, 1, [1.0])
    >>> bool(abs(latency_quantile(0.95, 1, rate, [1.0]) - 3.0) < 1e-6)
    True
    """
    mean = np.atleast_1d(np.asarray(services, dtype=float)).mean(axis=-1)
    low = np.zeros(np.broadcast_shapes(np.shape(mean), np.shape(servers), np.shape(target_seconds), np.shape(quantile)))
    high = low + np.divide(servers, mean)
    for _ in range(48):
        middle = (low + high) / 2.0
        keeps = latency_quantile(quantile, servers, middle, services, ca2, extra, speed) <= target_seconds
        low, high = np.where(keeps, middle, low), np.where(keeps, high, middle)
    return low


def lognormal_lengths(mean: float, coefficient_of_variation: float) -> Num:
    r"""Equally likely lengths that stand for a lognormal of a mean and a spread [tokens].

    .. math:: \sigma^2 = \ln(1 + c_v^2),\quad \mu = \ln m - \sigma^2 / 2

    Each point is the mean of its slice of probability, so that the mean is exact.

    Parameters
    ----------
    mean : float
        Mean length [tokens].
    coefficient_of_variation : float
        Standard deviation over mean [-]; 0 is a fixed length.

    Source: definition; partial expectation of the lognormal E[X; X < x] = m Phi(z - sigma).

    Examples
    --------
    >>> print(round(float(lognormal_lengths(1000.0, 1.0).mean()), 6))
    1000.0
    """
    sigma = np.sqrt(np.log1p(coefficient_of_variation**2))
    if sigma == 0:
        return np.array([mean])
    edges = _normal_quantile(np.arange(1, POINTS) / POINTS)
    below = np.concatenate([[0.0], _normal_share(edges - sigma), [1.0]])
    return mean * np.diff(below) * POINTS


def empirical_lengths(samples: Num) -> Num:
    """Equally likely lengths that stand for measured ones: the mean of each of 64 slices of the sorted sample [tokens].

    Parameters
    ----------
    samples : array
        Lengths of requests [tokens].

    Source: definition.

    Examples
    --------
    >>> [float(x) for x in empirical_lengths([3.0, 1.0, 2.0])]
    [1.0, 2.0, 3.0]
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    if len(ordered) <= POINTS:
        return ordered
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = np.linspace(0.0, len(ordered), POINTS + 1)
    return np.diff(np.interp(edges, np.arange(len(total)), total)) / np.diff(edges)


def tail_batch(usable: Num, mean: Num, variance: Num, z: Num = 1.6448536269514722) -> Num:
    r"""Requests whose summed size fits with the confidence of `z` [-].

    .. math:: B m + z \sqrt{B v} \le U \Rightarrow \sqrt B = \frac{-z\sqrt v + \sqrt{z^2 v + 4 m U}}{2 m}

    Parameters
    ----------
    usable : float or array
        Room U [bytes].
    mean, variance : float or array
        Of the size of one request [bytes, bytes^2].
    z : float
        Standard normal quantile [-]: 1.645 keeps the sum inside 95 % of the time.

    Source: normal approximation of a sum of independent sizes.

    Examples
    --------
    Without spread, the plain quotient.

    >>> print(round(float(tail_batch(100.0, 10.0, 0.0)), 9))
    10.0
    """
    spread = np.multiply(z, np.sqrt(variance))
    room = np.maximum(usable, 0.0)
    return ((-spread + np.sqrt(spread**2 + 4.0 * np.multiply(mean, room))) / (2.0 * np.asarray(mean))) ** 2


def _normal_share(z: Num) -> Num:
    # Abramowitz and Stegun 1964, 26.2.17: absolute error below 7.5e-8
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi) * poly
    return np.where(np.asarray(z) >= 0, 1.0 - upper, upper)


def _normal_quantile(share: Num) -> Num:
    low, high = np.full(np.shape(share), -9.0), np.full(np.shape(share), 9.0)
    for _ in range(60):
        middle = (low + high) / 2.0
        below = _normal_share(middle) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2.0
