"""What is left of what users pay, across users who use a service unevenly."""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.demand import usage
from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple


class Tariff(NamedTuple):
    """What a user pays and may do in a month.

    A user who makes y requests pays `subscription` + y `per_request` + (y - `included`) `overage` where that is
    positive, and y is never above `cap`.
    """

    subscription: Num = 0.0  # [USD]
    per_request: Num = 0.0  # [USD]
    overage: Num = 0.0  # [USD]
    included: float = math.inf  # [requests]
    cap: float = math.inf  # [requests]


class Users(NamedTuple):
    """How use spreads over users: `kind`, mean requests of a month, and the tail of `usage.quantile`."""

    kind: str
    mean: Num
    tail: Num


def margin(tariff: Tariff, requests: Num, cost: Num) -> Num:
    """What is left of a user who wants to make so many requests [USD].

    Parameters
    ----------
    tariff : Tariff
        What is paid.
    requests : float or array
        Requests wanted [-].
    cost : float or array
        Cost of a request [USD].

    Examples
    --------
    $20 a month, 1,500 requests at 1 cent: 5. With 1,000 included and 2 cents beyond: 5 + 500 x 0.02. Cap of 1,200: 8.

    >>> margin(Tariff(20.0), 1500.0, 0.01), float(margin(Tariff(20.0, overage=0.02, included=1000.0), 1500.0, 0.01))
    (5.0, 15.0)
    >>> float(margin(Tariff(20.0, cap=1200.0), 1500.0, 0.01))
    8.0
    """
    made = np.minimum(requests, tariff.cap) if math.isfinite(tariff.cap) else requests
    found = tariff.subscription + made * (tariff.per_request - cost)
    if not math.isfinite(tariff.included):
        return found
    return found + np.maximum(made - tariff.included, 0.0) * tariff.overage


def requests_made(tariff: Tariff, users: Users) -> Num:
    """Mean requests of a user under the cap [-]."""
    return usage.capped_mean(*users, tariff.cap)


def mean_revenue(tariff: Tariff, users: Users) -> Num:
    """What a user pays in the mean [USD].

    Examples
    --------
    Pareto, mean 10, a = 2, 10 included and 1 dollar beyond: E max(X - 10, 0) = 25/10 = 2.5 (see `usage.capped_mean`).

    >>> float(mean_revenue(Tariff(3.0, overage=1.0, included=10.0), Users("pareto", 10.0, 2.0)))
    5.5
    """
    made = requests_made(tariff, users)
    beyond = made - usage.capped_mean(*users, min(tariff.included, tariff.cap))
    return tariff.subscription + made * tariff.per_request + beyond * tariff.overage


def loss_making_share(tariff: Tariff, users: Users, cost: Num) -> Num:
    """Share of users who cost more than they pay [-].

    The margin is straight up to the included requests and straight beyond them, so losses lie between two numbers of
    requests: where the first straight falls through zero, and where the second one, steeper by the overage, rises
    through it again. Users above a cap that lies between them lose all alike.

    Examples
    --------
    $20 against 1 cent a request: those above 2,000. Pareto, a = 2, mean 1,000, so x_m = 500: (500/2000)^2 = 1/16.

    >>> float(loss_making_share(Tariff(20.0), Users("pareto", 1000.0, 2.0), 0.01))
    0.0625
    """
    first, second = tariff.per_request - np.asarray(cost, float), tariff.per_request + tariff.overage - cost
    included = tariff.included
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(first < 0, tariff.subscription / -first, np.inf)
        at = tariff.subscription + first * included if math.isfinite(included) else np.full(np.shape(first), -np.inf)
        late = np.where((low >= included) & (second < 0), included + at / -second, np.inf)
        low = np.where(low >= included, late, low)
        high = np.where((at < 0) & (second > 0) & math.isfinite(included), included - at / second, np.inf)
    over = usage.above(*users, np.maximum(low, 1e-300))
    lost = over - np.where(tariff.cap < high, 0.0, usage.above(*users, np.maximum(high, 1e-300)))
    return np.where(tariff.cap <= low, 0.0, np.where(np.isfinite(low), lost, 0.0))


def lossless_cap(tariff: Tariff, cost: float) -> float:
    """Requests from which a user costs more than the subscription [-]; infinite where a request pays for itself.

    Examples
    --------
    >>> lossless_cap(Tariff(20.0), 0.01)
    2000.0
    """
    short = cost - float(tariff.per_request)
    return float(tariff.subscription) / short if short > 0 else math.inf


def breakeven_cap(tariff: Tariff, users: Users, cost: float) -> float:
    """The cap under which all users together cost what they pay, without overage [-]; infinite where no cap is needed.

    Examples
    --------
    Pareto, mean 10, a = 2, 1 dollar a request: 7.50 a month pays for a mean of 7.5, which a cap of 10 makes.

    >>> round(breakeven_cap(Tariff(7.5), Users("pareto", 10.0, 2.0), 1.0), 9)
    10.0
    """
    return usage.cap_for(users.kind, float(users.mean), float(users.tail), lossless_cap(tariff, cost))


def breakeven_overage(tariff: Tariff, users: Users, cost: float) -> float:
    """Price of a request beyond the included ones at which all users together cost what they pay [USD].

    Where nothing is said to be included, the requests that the subscription pays for are. Zero where none is needed.

    Examples
    --------
    Pareto, mean 10, a = 2, 7.50 a month with 10 included, 1 dollar a request: 2.50 is missing, 2.5 are beyond.

    >>> float(breakeven_overage(Tariff(7.5, included=10.0), Users("pareto", 10.0, 2.0), 1.0))
    1.0
    """
    included = tariff.included if math.isfinite(tariff.included) else lossless_cap(tariff, cost)
    if not math.isfinite(included):
        return 0.0
    made = requests_made(tariff, users)
    beyond = made - usage.capped_mean(*users, min(included, tariff.cap))
    missing = made * (cost - tariff.per_request) - tariff.subscription
    return float(max(missing / beyond, 0.0)) if beyond > 0 else 0.0
