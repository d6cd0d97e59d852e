"""Ranges around the centre."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.estimate.asking.sampling import ranges


def test_a_quantile_at_the_median_is_the_centre_to_the_last_bit() -> None:
    # whole replicas: most samples take the value of the median, so p5 and p50 are one number and must print as one
    for centre in (0.000192, 0.000768, 3.5494839680116295, 0.39425604518248303):
        samples = np.array([centre] * 90 + [2 * centre] * 10)
        found = ranges({"x": centre}, {"x": samples})["x"]
        assert (found.p5, found.p50, found.p95) == (centre, centre, 2 * centre)


def test_an_interval_holds_what_can_happen_and_the_centre() -> None:
    # two accelerators or, in most samples, three: nothing below two is possible, though the median of the samples is 3
    found = ranges({"x": 2.0}, {"x": np.array([2.0] * 40 + [3.0] * 60)})["x"]
    assert (found.p5, found.p50, found.p95) == (2.0, 2.0, 3.0)
    above = ranges({"x": 2.0}, {"x": np.linspace(3.0, 4.0, 101)})["x"]
    assert (above.p5, above.p50) == (2.0, 2.0)
    assert above.p95 == pytest.approx(3.95)
