"""What a log of requests tells, against calculations by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.demand.arrivals import growth

MONTH, Z95 = 365.25 / 12, 1.6448536


def test_the_range_of_growth_is_that_of_a_regression_by_hand() -> None:
    """Two weeks: four weekdays double from the first to the second, three stay.

    Every weekday is told apart, so the slope is the mean of their changes over seven days: 4 ln 2 / 49 a day. A change
    d leaves residuals of +-(d - m) / 2 about the mean m, so their squares add up to sum (d - m)^2 / 2 =
    ((3/7)^2 x 4 + (4/7)^2 x 3) ln^2 2 / 2 = 6/7 ln^2 2, with 14 - 8 = 6 degrees of freedom. The days of a weekday are
    3.5 from their mean, 14 x 3.5^2 = 171.5 in all: the variance of the slope is ln^2 2 / (7 x 171.5).
    """
    counts = np.array([100] * 7 + [200] * 4 + [100] * 3)
    found = growth(np.repeat(np.arange(14.0), counts) * 86_400.0 + 84_600.0, 0.0)
    assert found is not None
    slope, half = 4 * math.log(2) / 49, Z95 * math.log(2) / math.sqrt(7 * 171.5)
    assert found.per_month == pytest.approx(math.exp(MONTH * slope) - 1)
    assert found.p5 == pytest.approx(math.exp(MONTH * (slope - half)) - 1)
    assert found.p95 == pytest.approx(math.exp(MONTH * (slope + half)) - 1)
