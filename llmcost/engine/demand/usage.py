"""How unevenly users use a service: heavy-tailed distributions in closed form, and samples of them."""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.numeric.normal import normal_quantile, normal_share
from llmcost.engine.numeric.roots import bisected

LOGNORMAL, PARETO = "lognormal", "pareto"


def quantile(kind: str, mean: Num, tail: Num, share: Num) -> Num:
    r"""Requests that a share of users stay under [unit of the mean].

    Lognormal: m exp(s z - s^2/2). Pareto: x_m (1 - q)^{-1/a} with x_m = m (a - 1)/a.

    Parameters
    ----------
    kind : str
        `lognormal` or `pareto`.
    mean : float or array
        Mean of a user m.
    tail : float or array
        Lognormal: standard deviation s of the logarithm. Pareto: exponent a, over 1 [-].
    share : float or array
        Share of users below q, over 0 and under 1 [-].

    Examples
    --------
    Medians of a mean of 10, by hand: lognormal with s = 1, 10 e^-0.5; Pareto with a = 2, 5 x 2^(1/2).

    >>> round(float(quantile("lognormal", 10.0, 1.0, 0.5)), 6), round(float(quantile("pareto", 10.0, 2.0, 0.5)), 6)
    (6.065307, 7.071068)
    """
    if kind == LOGNORMAL:
        return mean * np.exp(np.multiply(tail, normal_quantile(share)) - np.square(tail) / 2.0)
    return _least(mean, tail) * (1.0 - share) ** np.divide(-1.0, tail)


def top_share(kind: str, tail: Num, users: float) -> Num:
    r"""Share of all requests that the most active users make [-].

    Lognormal: Phi(s - z), z the quantile they lie above. Pareto: q^{1 - 1/a}.

    Parameters
    ----------
    kind : str
        `lognormal` or `pareto`.
    tail : float or array
        s or a [-].
    users : float
        Share of users q: 0.01 for the top 1 % [-].

    Source: Lorenz curves of both; Arnold 2015, "Pareto distributions", 2nd edition, section 4.2; Cowell 2011,
    "Measuring inequality", 3rd edition, appendix A.4.

    Examples
    --------
    Pareto's rule: a = ln 5 / ln 4 = 1.160964 gives a fifth of the users four fifths of the use.

    >>> round(float(top_share("pareto", math.log(5) / math.log(4), 0.2)), 9)
    0.8

    Lognormal, s = 1, top 1 %: Phi(1 - 2.326348) = Phi(-1.326348) = 0.0923615.

    >>> round(float(top_share("lognormal", 1.0, 0.01)), 5)
    0.09236
    """
    if kind == LOGNORMAL:
        return normal_share(np.asarray(tail) + normal_quantile(users))
    return users ** (1.0 - np.divide(1.0, tail))


def above(kind: str, mean: Num, tail: Num, limit: Num) -> Num:
    """Share of users who make more requests than a limit [-].

    Examples
    --------
    Above the median of each distribution lies half of the users.

    >>> round(float(above("pareto", 10.0, 2.0, 50 ** 0.5)), 9)
    0.5
    """
    limit = np.asarray(limit, dtype=float)
    with np.errstate(divide="ignore"):
        if kind == LOGNORMAL:
            return normal_share(-_score(mean, tail, limit))
        return np.minimum(np.divide(_least(mean, tail), limit), 1.0) ** tail


def capped_mean(kind: str, mean: Num, tail: Num, cap: Num) -> Num:
    r"""Mean requests of a user when nobody may make more than a cap, E min(X, c) [unit of the mean].

    Lognormal: m Phi(z - s) + c (1 - Phi(z)) with z = (ln(c/m) + s^2/2)/s.
    Pareto, above x_m: m - x_m^a c^{1-a} / (a - 1).

    Parameters
    ----------
    kind : str
        `lognormal` or `pareto`.
    mean, tail : float or array
        As in `quantile`.
    cap : float or array
        Most requests of a user c; infinite without a cap.

    Source: the limited expected value; Klugman, Panjer, Willmot 2012, "Loss models", 4th edition, appendix A.

    Examples
    --------
    Pareto, m = 10, a = 2, so x_m = 5; a cap of 10 by hand: 10 - 25/10 = 7.5.

    >>> float(capped_mean("pareto", 10.0, 2.0, 10.0)), float(capped_mean("lognormal", 10.0, 1.0, math.inf))
    (7.5, 10.0)
    """
    cap = np.asarray(cap, dtype=float)
    finite = np.where(np.isfinite(cap), cap, 1.0)
    with np.errstate(divide="ignore"):
        if kind == LOGNORMAL:
            z = _score(mean, tail, finite)
            found = mean * normal_share(z - tail) + finite * normal_share(-z)
        else:
            least = _least(mean, tail)
            held = np.maximum(finite, least)
            found = np.where(finite <= least, finite, mean - least**tail * held ** (1.0 - tail) / (tail - 1.0))
    return np.where(np.isfinite(cap), found, mean)


def cap_for(kind: str, mean: float, tail: float, target: float) -> float:
    """The cap under which a user makes `target` requests in the mean; infinite where the mean is below it.

    By bisection of `capped_mean`, which rises with the cap.

    Examples
    --------
    The case of `capped_mean` turned round.

    >>> round(cap_for("pareto", 10.0, 2.0, 7.5), 9)
    10.0
    """
    if target >= mean:
        return math.inf
    low, high = 0.0, mean
    while capped_mean(kind, mean, tail, high) < target:
        low, high = high, 2.0 * high
    return float(bisected(lambda cap: capped_mean(kind, mean, tail, cap) >= target, low, high)[1])


def sample(kind: str, mean: float, tail: float, users: int, seed: int) -> Array:
    """Requests of so many users, single precision [unit of the mean].

    Examples
    --------
    >>> drawn = sample("lognormal", 10.0, 1.0, 100_000, 1)
    >>> abs(float(drawn.mean()) / 10.0 - 1.0) < 0.02
    True
    """
    rng = np.random.default_rng(seed)
    if kind == LOGNORMAL:
        drawn = rng.standard_normal(users, dtype=np.float32)
        drawn *= np.float32(tail)
        drawn += np.float32(math.log(mean) - tail * tail / 2.0)
    else:
        drawn = rng.standard_exponential(users, dtype=np.float32)
        drawn *= np.float32(1.0 / tail)
        drawn += np.float32(math.log(float(_least(mean, tail))))
    return np.asarray(np.exp(drawn, out=drawn))


def _least(mean: Num, tail: Num) -> Num:
    """Fewest requests of a Pareto user."""
    return mean * (np.asarray(tail, dtype=float) - 1.0) / tail


def _score(mean: Num, tail: Num, limit: Num) -> Num:
    """Standard score of a limit in a lognormal distribution of this mean [-]."""
    return (np.log(limit / mean) + np.square(tail) / 2.0) / tail
