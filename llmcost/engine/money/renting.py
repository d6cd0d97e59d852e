"""What an accelerator-hour costs a job by its size: by the hour, or as a part of a cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.normal import student_quantile


def rate_of_size(by_the_hour: Num, of_a_cluster: Num, size: Num, least: Num) -> Num:
    r"""What an accelerator-hour costs a job of a size [USD/h].

    .. math:: \min(h, c \max(1, L / n))

    A job smaller than the smallest cluster may rent all of that cluster: it does where that costs less than by the
    hour. What the job costs, n times this, therefore never falls as n rises.

    Parameters
    ----------
    by_the_hour, of_a_cluster : float or array
        Rate of an accelerator by the hour h, and as a part of a cluster c [USD/h].
    size : float or array
        Accelerators of the job n [-].
    least : float or array
        Accelerators of the smallest cluster L [-].

    Examples
    --------
    $4 by the hour, $2.50 in a cluster of 256, by hand: 100 cost $4 each, as 256 x 2.5 = $640 is more than $400. 200
    would cost $800 by the hour, and pay 640 / 200 = $3.20. 1,000 are a cluster.

    >>> rate_of_size(4.0, 2.5, np.array([100.0, 200.0, 1000.0]), 256.0).tolist()
    [4.0, 3.2, 2.5]
    """
    held = np.maximum(1.0, np.divide(least, np.maximum(size, 1e-300)))
    found: Num = np.minimum(by_the_hour, of_a_cluster * held)
    return found


def floors_of_size(by_the_hour: float, of_a_cluster: float, least: float) -> list[tuple[float, float]]:
    r"""The cost of a job by its size, as above, as a sum of sizes with a floor: weights w [USD/h], floors f.

    .. math:: n \min(h, c \max(1, L / n)) = \sum_i w_i \max(n, f_i)

    Examples
    --------
    As above: 4 n until 160 accelerators, $640 until 256, then 2.5 n.

    >>> parts = floors_of_size(4.0, 2.5, 256.0)
    >>> [sum(w * max(n, f) for w, f in parts) for n in (100.0, 200.0, 1000.0)]
    [400.0, 640.0, 2500.0]
    """
    if of_a_cluster >= by_the_hour:
        return [(by_the_hour, 0.0)]
    return [(by_the_hour, 0.0), (-by_the_hour, least * of_a_cluster / by_the_hour), (of_a_cluster, least)]


def range_of_quotes(rates: Sequence[float], middle: float, usual: float, weight: float) -> tuple[float, float]:
    r"""The range that holds what one more provider asks nine times in ten [as the rates].

    .. math:: m \exp(\mp t_{0.95, \nu} \, s \sqrt{1 + \pi / 2n}), \quad
              \nu = w + n - 1, \quad s^2 = (w \sigma^2 + \sum (\ln r_i - \overline{\ln r})^2) / \nu

    A few quotes say little of how far apart quotes lie: what is usual among accelerators, sigma, counts as w quotes
    beside them. The middle is a median, whose error is sqrt(pi / 2) times that of a mean.

    Parameters
    ----------
    rates : sequence of float
        What each provider asks r [USD/h].
    middle : float
        Their median m [USD/h].
    usual : float
        Standard deviation of the logarithms of quotes for one accelerator sigma [-].
    weight : float
        Quotes that it counts as w [-].

    Source: Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., sections 2.6 and 3.3: a normal of unknown variance with
    a scaled inverse chi-squared prior; the next observation has Student's distribution.

    Examples
    --------
    One quote of $2, sigma 0.35 that counts as eight: t with eight degrees of freedom 1.8595, sqrt(1 + 1.5708) = 1.6034,
    so a factor of exp(1.8595 x 0.35 x 1.6034) = exp(1.0435) = 2.839 either way.

    >>> [round(x, 2) for x in range_of_quotes([2.0], 2.0, 0.35, 8.0)]
    [0.7, 5.68]
    """
    logs = [math.log(rate) for rate in rates]
    n, mean = len(logs), math.fsum(logs) / len(logs)
    freedom = weight + n - 1.0
    variance = (weight * usual**2 + math.fsum((x - mean) ** 2 for x in logs)) / freedom
    wide = math.exp(student_quantile(0.95, freedom) * math.sqrt(variance * (1.0 + math.pi / (2.0 * n))))
    return middle / wide, middle * wide
