"""The standard normal distribution, for numbers and arrays."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from llmcost.engine.numeric.kinds import Num

_ERFC = np.frompyfunc(math.erfc, 1, 1)
_QUANTILE = np.frompyfunc(NormalDist().inv_cdf, 1, 1)


def normal_share(z: Num) -> Num:
    """Share of a standard normal distribution below z [-].

    >>> round(float(normal_share(1.6448536269514722)), 12)
    0.95
    """
    return np.asarray(_ERFC(np.multiply(z, -1.0 / math.sqrt(2.0))), dtype=float) / 2.0


def normal_quantile(share: Num) -> Num:
    """The z below which a share of a standard normal distribution lies [-], over 0 and under 1.

    >>> round(float(normal_quantile(0.95)), 12)
    1.644853626951
    """
    return np.asarray(_QUANTILE(share), dtype=float)
