"""Waiting for a first token: Erlang C over replicas, general arrivals and service, length distributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmcost.engine.numeric.kinds import Z95, Array, Flags, Num
from llmcost.engine.numeric.normal import normal_quantile, normal_share
from llmcost.engine.numeric.roots import bisected
from llmcost.engine.numeric.spread import step_quantile
from llmcost.records import NamedTuple

POINTS = 64  # quantile points that stand for a distribution of lengths
ROUNDING = 1e-12  # of a rate
TAIL = 0.9  # quantiles that speak of the slow requests
RARE = 1e-30  # share of arrivals below which it does not count, and offered load
STRIDE = 8  # terms between two looks at which of them still count
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
    found, left = np.zeros(servers.size), np.arange(servers.size)
    free, load = servers.ravel(), np.maximum(offered.ravel(), RARE)
    term = inverse = np.ones(servers.size)
    while left.size:  # 1 / B = 1 + c / a + c (c - 1) / a^2 + ...: the first terms are the largest
        for _ in range(STRIDE):
            term = term * free / load
            inverse, free = inverse + term, free - 1.0
        on = np.flatnonzero((term > ROUNDING**2 * inverse) & (inverse < 1.0 / RARE))
        found[left] = 1.0 / inverse
        left, free, load, term, inverse = left[on], free[on], load[on], term[on], inverse[on]
    return found.reshape(servers.shape)


def _erlang_b_of_one(servers: int, offered: float) -> float:
    """The recursion on plain floats, which take a twentieth of the time of arrays of one."""
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
    if np.all(servers == 1.0):
        return np.minimum(rho, 1.0)
    many = servers > MANY
    few = np.where(many, 1.0, servers)
    blocked = erlang_b(few, np.minimum(rho, 1.0) * few)
    found = blocked / np.maximum(1.0 - rho * (1.0 - blocked), 1e-300)
    if np.any(many):
        beta = np.clip((1.0 - rho) * np.sqrt(servers), 0.0, 37.0)
        density = np.exp(-(beta**2) / 2.0) / np.sqrt(2.0 * np.pi)
        found = np.where(many, density / (density + beta * normal_share(beta)), found)
    return np.where(rho >= 1.0, 1.0, found)


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
    return _mean_wait(erlang_c(servers, np.multiply(rate, service)), servers, rate, service, ca2, cs2)


def _mean_wait(waits: Num, servers: Num, rate: Num, service: Num, ca2: Num, cs2: Num) -> Num:
    """The same where the share that has to wait is known."""
    spare = np.divide(servers, service) - rate
    keeps_up = spare > ROUNDING * np.asarray(rate)
    return np.where(keeps_up, waits / np.where(keeps_up, spare, 1.0) * (np.add(ca2, cs2) / 2.0), np.inf)


class Wait(NamedTuple):
    """A wait of random arrivals: none for some, exponential for the others."""

    share: Num  # of requests that wait [-]
    mean_seconds: Num  # over all requests; infinite at and beyond full load


def wait(servers: Num, rate: Num, service: Num, ca2: Num = 1.0, cs2: Num = 1.0) -> Wait:
    """The wait for one of several servers.

    Parameters
    ----------
    servers, rate, service, ca2, cs2
        As in `mean_wait_seconds`.

    Source: `erlang_c` and `mean_wait_seconds`.
    """
    share = erlang_c(servers, np.multiply(rate, service))
    return Wait(share, _mean_wait(share, servers, rate, service, ca2, cs2))


class Latency(NamedTuple):
    r"""Waits and what follows them, which takes one of several equally likely times.

    A wait is 0 with probability 1 - C and exponential otherwise, with the mean that Allen and Cunneen give; it is
    added to the distribution of the other times, and the sum is inverted by bisection. Several waits are long at the
    same time, when much arrives, so that their quantiles add up:

    .. math:: P(T > t) = \frac1n \sum_i [s_i > t] + [s_i \le t] P(W > t - s_i),\quad
        P(W > t) = p: \sum_w \frac{W_w}{C_w} \max(\ln(C_w / p), 0) = t

    or the share that a wait of its own kind exceeds where that is larger, 1 - prod (1 - C_w exp(-t C_w / W_w)).

    A wait rarer than 1 - q would count for nothing in the quantile q. From `TAIL` on, a quantile is therefore no less
    than the mean wait added to the quantile of what follows, so that it is not below the mean.

    Source: as `mean_wait_seconds`; the exponential tail of the wait is exact for M/M/c and the heavy-traffic limit
    otherwise (Kingman 1962, doi:10.1111/j.2517-6161.1962.tb00465.x).

    Examples
    --------
    One server, half busy, fixed service of 1 s: half the requests do not wait at all, the mean is that of
    `mean_wait_seconds` and the service.

    >>> once = latency(1, 0.5, [1.0])
    >>> print(round(float(once.quantile(0.5)), 9), float(once.mean_seconds))
    1.0 1.5
    """

    waits: tuple[Wait, ...]
    fixed: Num  # times of a request that does not wait, along the last axis, without the iteration under way [s]
    iteration: Num = 0.0  # that it may find under way [s]
    places: Array = np.zeros(
        1
    )  # iterations until a request that comes then is in one, equally likely along the last axis [-]

    @property
    def seconds(self) -> Num:
        """Times of a request that does not wait, along the last axis [s]."""
        times: Num = self.fixed + np.asarray(self.iteration)[..., None] * self.places
        return times

    @property
    def mean_seconds(self) -> Num:
        """Mean over all requests [s]; infinite at and beyond full load."""
        mean: Num = self.waited_seconds + np.mean(self.fixed, axis=-1) + self.iteration * np.mean(self.places, axis=-1)
        return mean

    @property
    def waited_seconds(self) -> Num:
        """Mean of all waits together [s]."""
        return sum(wait.mean_seconds for wait in self.waits)

    def quantile(self, quantile: Num) -> Num:
        """Seconds that a share of requests stays under [s]; infinite at and beyond full load."""
        mean, seconds = self.waited_seconds, self.seconds
        shape = np.broadcast_shapes(np.shape(quantile), np.shape(mean), np.shape(seconds)[:-1])
        finite, longer = np.isfinite(mean), self._longer(shape)
        miss = np.broadcast_to(1.0 - np.asarray(quantile, dtype=float), shape)
        low = np.zeros(shape)
        high = np.broadcast_to(np.max(seconds, axis=-1), shape) + 1e-12
        for wait in self.waits:
            high = high + _tail(wait) * np.log(np.maximum(len(self.waits) * wait.share / miss, 1.0))

        def kept(time: Array) -> Flags:
            left = time[..., None] - seconds
            return np.asarray(np.where(left < 0, 1.0, longer(left)).mean(axis=-1) <= miss)

        _, high = bisected(kept, low, high, narrow=1e-12)
        least = np.where(np.asarray(quantile) >= TAIL, mean + step_quantile(seconds, quantile, shape), 0.0)
        return np.where(finite, np.maximum(high, least), np.inf)

    def _longer(self, shape: tuple[int, ...]) -> Callable[[Num], Num]:
        """The share of requests that wait longer than a time, times of a shape and along a last axis [-].

        The time that a share p waits is the largest over the k most frequent waits, and so is p for a time. Together
        they are no shorter than the longest of them would be if they had nothing to do with each other.
        """
        shares = np.stack([np.broadcast_to(np.maximum(wait.share, 1e-300), shape) for wait in self.waits])
        tails = np.stack([np.broadcast_to(_tail(wait), shape) for wait in self.waits])
        order = np.argsort(-shares, axis=0)
        shares, tails = np.take_along_axis(shares, order, 0), np.take_along_axis(tails, order, 0)
        sums = np.maximum(np.cumsum(tails, axis=0), 1e-300)[..., None]
        logs = np.cumsum(tails * np.log(shares), axis=0)[..., None]

        def longer(time: Num) -> Num:
            time = np.maximum(time, 0.0)
            each = shares[..., None] * np.exp(-time / np.maximum(tails, 1e-300)[..., None])
            apart = 1.0 - np.prod(1.0 - each, axis=0)
            together: Num = np.maximum(np.exp(np.max((logs - time) / sums, axis=0)), apart)
            return together

        return longer


def _tail(wait: Wait) -> Num:
    """Mean of a wait over the requests that do wait [s]; 0 where it grows without end."""
    return np.where(np.isfinite(wait.mean_seconds), wait.mean_seconds, 0.0) / np.maximum(wait.share, 1e-300)


def latency(servers: Num, rate: Num, services: Num, ca2: Num = 1.0, seconds: Num | None = None) -> Latency:
    """Latency of a queue in front of several servers.

    Parameters
    ----------
    servers, rate : float or array
        Servers [-] and arrivals [1/s].
    services : array
        Equally likely service times along the last axis [s]; the other arguments broadcast with the other axes.
    ca2 : float or array
        Squared coefficient of variation of gaps [-].
    seconds : array, optional
        What a request takes that does not wait, along the last axis [s]; None: its service.

    Source: `Latency`.
    """
    services = np.atleast_1d(np.asarray(services, dtype=float))
    mean = services.mean(axis=-1)
    cs2 = services.var(axis=-1) / np.maximum(mean, 1e-300) ** 2
    return Latency((wait(servers, rate, mean, ca2, cs2),), services if seconds is None else seconds)


def lognormal_lengths(mean: float, coefficient_of_variation: float) -> Array:
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
    edges = normal_quantile(np.arange(1, POINTS) / POINTS)
    below = np.concatenate([[0.0], normal_share(edges - sigma), [1.0]])
    return np.asarray(mean * np.diff(below) * POINTS)


def empirical_lengths(samples: Num) -> Array:
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
    return np.asarray(np.diff(np.interp(edges, np.arange(len(total)), total)) / np.diff(edges))


def tail_batch(usable: Num, mean: Num, variance: Num, z: Num = Z95) -> Num:
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
