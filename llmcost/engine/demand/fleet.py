"""Fleet size and the mix of committed and rented-by-the-hour accelerators that serves a changing load."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Array, Num

ROUNDING = 1e-9  # a need that is whole but for rounding is whole


def whole_replicas(demand: Num, capacity: Num, load: Num, least: Num = 1.0) -> Num:
    """Replicas that carry a demand at a load [-]: ceil(demand / (capacity x load)), and never fewer than `least`.

    Parameters
    ----------
    demand : float or array
        Requests per second [1/s].
    capacity : float or array
        Requests per second that a replica completes at full load [1/s].
    load : float or array
        Share of the capacity that may be used [-].
    least : float or array
        Replicas that are kept in any case [-].

    Examples
    --------
    100 requests a second over replicas of 3 at 80 %: 41.67, so 42.

    >>> float(whole_replicas(100.0, 3.0, 0.8))
    42.0
    """
    return np.maximum(np.ceil(np.divide(demand, np.multiply(capacity, load)) - ROUNDING), least)


def best_commitment(counts: Array, share: Array, committed: Num, by_the_hour: Num) -> Num:
    r"""Accelerators to commit to so that the mix costs least [-]: a quantile of the load duration curve.

    .. math:: B^* = \min \{ B : P(n > B) \le c / d \}

    One more committed accelerator costs c in every hour and saves d in the hours whose load exceeds it: it pays while
    P(n > B) > c/d. c/d is also the break-even utilisation of the commitment.

    Parameters
    ----------
    counts : array
        Accelerators held, shape (..., M) [-].
    share : array
        Share of the time of each count, shape (..., M) [-].
    committed, by_the_hour : float or array
        Price of a committed hour c, used or not, and of an hour by demand d [USD/h].

    Source: the newsvendor quantile (Arrow, Harris, Marschak 1951, doi:10.2307/1906813) on a load duration curve.

    Examples
    --------
    Loads of 1, 2, 3 and 4 for a quarter of the time each. At c/d = 0.6: over 1 for 75 % of the time, over 2 for 50 %,
    so 2. By hand, c = 0.6, d = 1: 0 costs 2.50, 1 costs 2.10, 2 costs 1.20 + 0.75 = 1.95, 3 costs 1.80 + 0.25 = 2.05.

    >>> quarter = np.full(4, 0.25)
    >>> float(best_commitment(np.array([1.0, 2.0, 3.0, 4.0]), quarter, 0.6, 1.0))
    2.0
    """
    order = np.argsort(counts, axis=-1, kind="stable")
    ordered = np.take_along_axis(counts, order, axis=-1)
    above = 1.0 - np.cumsum(np.take_along_axis(np.broadcast_to(share, order.shape), order, axis=-1), axis=-1)
    ratio = np.divide(committed, by_the_hour, dtype=float)
    enough = above <= ratio[..., None] + 1e-12
    first = np.argmax(enough, axis=-1)
    found = np.take_along_axis(ordered, np.asarray(first)[..., None], axis=-1)[..., 0]
    return np.where(ratio < 1.0, found, 0.0)


def commitment_weights(
    rates: Array, share: Array, committed: Num, by_the_hour: Num, reserve: float | None = None
) -> tuple[Array, Array]:
    r"""What one more accelerator that an hour needs costs, and how long it is paid for, in the mean [USD/h], [-].

    A base of what hour q needs, at c an hour, and what other hours need beyond it, at d: cost and paid accelerators are

    .. math:: c N_q + d \sum_{h > q} s_h (N_h - N_q), \quad N_q + \sum_{h > q} s_h (N_h - N_q)

    which are sums over hours of N_h times these weights, whatever the traffic: hours keep their order.

    Parameters
    ----------
    rates : array
        Traffic of each hour over its mean, shape (..., M) [-].
    share : array
        Share of the time of each hour, shape (M,) [-].
    committed, by_the_hour : float or array
        Price of a committed hour c and of an hour by demand d [USD/h].
    reserve : float, optional
        The base as a share of what the busiest hour needs; without it the base is the one that costs least.

    Examples
    --------
    Loads of 1 to 4 for a quarter of the time each, c/d = 0.6: the base of `best_commitment` is 2, for 1.95 by hand.

    >>> loads = np.array([1.0, 2.0, 3.0, 4.0])
    >>> usd, paid = commitment_weights(loads, np.full(4, 0.25), 0.6, 1.0)
    >>> round(float((usd * loads).sum()), 12), float((paid * loads).sum())
    (1.95, 2.75)
    """
    c, d = (np.asarray(x, dtype=float)[..., None] for x in (committed, by_the_hour))
    if reserve is not None:
        base, part = np.argmax(rates, axis=-1)[..., None], np.asarray(reserve)
        beyond_it = rates > reserve * np.max(rates, axis=-1, keepdims=True)
    else:
        order = np.argsort(rates, axis=-1, kind="stable")
        first = np.argmax(1.0 - np.cumsum(share[order], axis=-1) <= c / d + 1e-12, axis=-1)[..., None]
        wide = np.broadcast_shapes(order.shape[:-1], first.shape[:-1])
        base = np.take_along_axis(np.broadcast_to(order, (*wide, order.shape[-1])), first, -1)
        part = np.where(c < d, 1.0, 0.0)  # where committing saves nothing there is no base
        level = np.take_along_axis(np.broadcast_to(rates, (*wide, rates.shape[-1])), base, -1)
        beyond_it = (rates > level) | (part == 0.0)
    above = (share * beyond_it).sum(axis=-1, keepdims=True)
    at_base = part * (np.arange(rates.shape[-1]) == base)
    usd = d * share * beyond_it + at_base * np.maximum(c - d * above, 0.0)
    return usd, share * beyond_it + at_base * (1.0 - above)


def beyond(counts: Array, share: Array, committed: Num) -> Num:
    """Mean number of accelerators above the committed ones [-].

    Examples
    --------
    Loads of 1 to 4 for a quarter of the time each: above 2 there are 1 and 2, 0.75 in the mean.

    >>> float(beyond(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.25), 2.0))
    0.75
    """
    found: Num = (np.maximum(counts - np.asarray(committed)[..., None], 0.0) * share).sum(axis=-1)
    return found
