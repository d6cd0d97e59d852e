"""Ranges to samples, samples to quantiles."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Z95, Array, Num
from llmcost.engine.numeric.normal import normal_quantile
from llmcost.records import NamedTuple


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


def product(a: Spread | float, b: Spread | float, power: float = 1.0) -> Spread | float:
    """A x b^power as one number; the widths of two lognormals add like variances, on either side of the median.

    Examples
    --------
    Two spreads of a factor 2: exp(sqrt 2 ln 2) = 2.665 either way of 3 x 5.

    >>> found = product(Spread(1.5, 3.0, 6.0), Spread(2.5, 5.0, 10.0))
    >>> found.p50, round(found.p95 / 15.0, 3), product(6.0, 3.0, -1.0)
    (15.0, 2.665, 2.0)
    """
    mid = median(a) * median(b) ** power
    if not isinstance(a, Spread) and not isinstance(b, Spread):
        return float(mid)
    (a5, a95), (b5, b95) = (interval(x) if isinstance(x, Spread) else (x, x) for x in (a, b))
    if power < 0:
        b5, b95 = b95, b5
    low = math.hypot(math.log(a5 / median(a)), math.log(b5 / median(b)))
    high = math.hypot(math.log(a95 / median(a)), math.log(b95 / median(b)))
    return Spread(mid * math.exp(-low), mid, mid * math.exp(high))


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
    half = (samples + 1) // 2
    bits = splitmix64(stream(name, seed), half)
    order, side = np.argsort(bits), bits & np.uint64(1) == 1
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


def stream(name: str, seed: int) -> int:
    """Where the stream of a quantity starts: 64 well mixed bits of its name and the seed."""
    return int(splitmix64((seed << 32 | zlib.crc32(name.encode())) % 2**64, 1)[0])


def splitmix64(start: int, count: int) -> npt.NDArray[np.uint64]:
    """`count` random 64-bit words, a mixed counter: the words of one stream all differ.

    In place of `numpy.random`, whose import alone costs every command 10 ms.

    Parameters
    ----------
    start : int
        Below 2^64 [-].
    count : int
        How many words [-].

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", doi:10.1145/2660193.2660195,
    with the constants of its reference code, https://prng.di.unimi.it/splitmix64.c (Vigna 2015).

    Examples
    --------
    The first words from 1234567, as https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 lists them:

    >>> splitmix64(1234567, 3).tolist()
    [6457827717110365317, 3203168211198807973, 9817491932198370423]
    """
    x = np.uint64(start) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ x >> np.uint64(31))


@cache
def _half_normal(count: int) -> Array:
    """Middles of `count` equally likely strata of the upper half of the standard normal distribution."""
    return np.asarray(normal_quantile(0.5 + (np.arange(count) + 0.5) / (2 * count)))


def quantile(values: Array | Sequence[float], share: float) -> float:
    """A quantile of samples that may hold infinity (a crossing that never comes) [unit of the samples].

    Linear between neighbours, and infinite as soon as the upper neighbour is.
    """
    return quantiles(values, (share,))[0]


def quantiles(values: Array | Sequence[float], shares: Sequence[float]) -> list[float]:
    """Several quantiles from one partial sort, each as `quantile` gives it."""
    places = sorted({place for share in shares for place in _neighbours(len(values), share)})
    ordered = np.partition(np.asarray(values, dtype=float), places)
    return [_between(ordered, share) for share in shares]


def step_quantile(points: Num, share: Num, shape: tuple[int, ...]) -> Num:
    """Quantile of equally likely values along the last axis: the least that this share does not exceed.

    Parameters
    ----------
    points : array
        Values; other axes broadcast to `shape`.
    share : float or array
        Of that shape [-].
    shape : tuple of int
        Of the result.

    Examples
    --------
    >>> float(step_quantile([3.0, 1.0, 2.0, 4.0], 0.5, ()))
    2.0
    """
    count = np.shape(points)[-1]
    ordered = np.broadcast_to(np.sort(points, axis=-1), (*shape, count))
    at = np.clip(np.ceil(np.multiply(share, count)).astype(int) - 1, 0, count - 1)
    return np.take_along_axis(ordered, np.broadcast_to(at, shape)[..., None], axis=-1)[..., 0]


def _between(ordered: Array, share: float) -> float:
    at = share * (len(ordered) - 1)
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
    found: Num = np.log(x) - np.log1p(-np.asarray(x))
    return found


def _expit(x: Num) -> Num:
    found: Num = 1.0 / (1.0 + np.exp(-np.asarray(x)))
    return found


def _same(x: Num) -> Num:
    return x


_SCALES: dict[str, tuple[Any, Any]] = {
    "lognormal": (np.log, np.exp),
    "logitnormal": (_logit, _expit),
    "normal": (_same, _same),
}
