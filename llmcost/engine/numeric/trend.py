"""Growth of a quantity over time, from dated values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llmcost.engine.numeric.kinds import Z95, Num


class Growth(NamedTuple):
    """A quantity that grows by a factor a year: the factor, its 90 % interval, and the level at year zero."""

    per_year: float
    p5: float
    p95: float
    level: float
    values: int


def growth(years: Num, values: Num) -> Growth:
    r"""Exponential growth through dated values, by least squares on the logarithm.

    .. math:: \ln v = a + g t, \quad \text{factor} = e^g, \quad se_g = s / \sqrt{\sum (t - \bar t)^2}

    The interval is normal, +- 1.645 standard errors: too narrow for fewer than about ten values.

    Parameters
    ----------
    years : array
        When [years]; three values or more, not all at once.
    values : array
        How much, above zero.

    Source: ordinary least squares; the method of Cottier et al. 2024, arXiv:2405.21015, section 2.

    Examples
    --------
    Doubling every year: a factor of 2 a year, exactly.

    >>> found = growth(np.array([0.0, 1.0, 2.0]), np.array([3.0, 6.0, 12.0]))
    >>> round(found.per_year, 9), round(found.level, 9), round(found.p95 - found.p5, 9)
    (2.0, 3.0, 0.0)
    """
    t, y = np.asarray(years, dtype=float), np.log(np.asarray(values, dtype=float))
    away = t - t.mean()
    slope = float(away @ y / (away @ away))
    level = float(y.mean() - slope * t.mean())
    rest = y - level - slope * t
    error = float(np.sqrt(rest @ rest / (len(t) - 2) / (away @ away)))
    low, high = slope - Z95 * error, slope + Z95 * error
    return Growth(float(np.exp(slope)), float(np.exp(low)), float(np.exp(high)), float(np.exp(level)), len(t))
