"""Ranges to samples, samples to quantiles."""

from __future__ import annotations

import math
import zlib
from functools import cache
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Num = Any

Z95 = 1.6448536269514722  # 95 % quantile of the standard normal distribution


class Spread(NamedTuple):
    """An uncertain number: its 5 %, 50 % and 95 % quantiles, and the family between them.

    `family` is `lognormal`, `logitnormal` (shares) or `normal` (growth rates), each in two halves that meet at the
    median, so that the three quantiles hold exactly; or `triangular`, where the three numbers are low, mode and high.
    """

    p5: float
    p50: float
    p95: float
    family: str = "lognormal"


def between(low: float, high: float, family: str) -> Spread:
    """The spread whose 5 % and 95 % quantiles are `low` and `high`, symmetric in its family's own scale.

    Examples
    --------
    The median of a lognormal is the geometric mean of its symmetric quantiles: sqrt(2 x 8) = 4.

    >>> between(2.0, 8.0, "lognormal").p50
    4.0
    """
    forward, back = _SCALES[family]
    if family == "lognormal":
        return Spread(low, math.sqrt(low * high), high, family)
    return Spread(low, float(back((forward(low) + forward(high)) / 2)), high, family)


def median(spread: Spread | float) -> float:
    """The median of a spread; a plain number is its own median.

    For a triangle with mode c in [a, b]: a + sqrt((b-a)(c-a)/2) when c is right of the middle, else mirrored
    (Kotz, van Dorp 2004, "Beyond Beta", section 1.2).

    Examples
    --------
    >>> median(Spread(0.0, 1.0, 2.0, "triangular"))
    1.0
    """
    if not isinstance(spread, Spread):
        return float(spread)
    if spread.family != "triangular":
        return spread.p50
    return float(_triangle(np.asarray(0.5), spread))


def interval(spread: Spread) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of a spread."""
    if spread.family != "triangular":
        return spread.p5, spread.p95
    low, high = _triangle(np.asarray([0.05, 0.95]), spread)
    return float(low), float(high)


def draw(spread: Spread, name: str, samples: int, seed: int) -> Array:
    """`samples` draws, stratified, antithetic about the median; the stream depends on `name` and `seed` alone.

    One draw from each of `samples` equally likely strata (Latin hypercube: McKay, Beckman, Conover 1979,
    doi:10.2307/1268522), so that the quantiles of a number are its own; antithetic pairs make the sample median of any
    product of powers of such numbers equal its central value.

    Parameters
    ----------
    spread : Spread
        What to draw from.
    name : str
        Name of the quantity: adding another quantity leaves this stream as it was.
    samples : int
        How many draws [-].
    seed : int
        Any whole number.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    half = (samples + 1) // 2
    order, side = rng.permutation(half), rng.integers(0, 2, half) == 1
    if spread.family == "triangular":
        u = (order + 0.5) / (2 * half)
        u = np.where(side, u, 1 - u)
        return _triangle(np.concatenate([u, 1 - u])[:samples], spread)
    z = np.where(side, 1.0, -1.0) * _half_normal(half)[order]
    z = np.concatenate([z, -z])[:samples]
    forward, back = _SCALES[spread.family]
    low, mid, high = (float(forward(x)) for x in spread[:3])
    width = np.where(z < 0, mid - low, high - mid) / Z95
    return np.asarray(back(mid + width * z))


@cache
def _half_normal(count: int) -> Array:
    """Middles of `count` equally likely strata of the upper half of the standard normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(0.5 + (i + 0.5) / (2 * count)) for i in range(count)])


def quantile(values: Array, share: float) -> float:
    """A quantile of samples that may hold infinity (a crossing that never comes) [unit of the samples].

    Linear between neighbours, and infinite as soon as the upper neighbour is.
    """
    ordered = np.partition(values, _neighbours(len(values), share))
    at = share * (len(values) - 1)
    low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
    if not np.isfinite(low) or not np.isfinite(high):
        return float(high) if at > math.floor(at) else float(low)
    return float(low + (high - low) * (at - math.floor(at)))


def _neighbours(count: int, share: float) -> list[int]:
    at = share * (count - 1)
    return sorted({math.floor(at), math.ceil(at)})


def _triangle(u: Array, spread: Spread) -> Array:
    low, mode, high = spread[:3]
    split = (mode - low) / (high - low)
    left = low + np.sqrt(u * (high - low) * (mode - low))
    right = high - np.sqrt((1 - u) * (high - low) * (high - mode))
    return np.asarray(np.where(u < split, left, right))


def _logit(x: Num) -> Num:
    return np.log(x) - np.log1p(-np.asarray(x))


def _expit(x: Num) -> Num:
    return 1.0 / (1.0 + np.exp(-np.asarray(x)))


def _same(x: Num) -> Num:
    return x


_SCALES: dict[str, tuple[Any, Any]] = {
    "lognormal": (np.log, np.exp),
    "logitnormal": (_logit, _expit),
    "normal": (_same, _same),
}
