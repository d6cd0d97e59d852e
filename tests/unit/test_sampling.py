"""Ranges around the centre."""

from __future__ import annotations

import numpy as np

from llmcost.estimate.sampling import ranges


def test_a_quantile_at_the_median_is_the_centre_to_the_last_bit() -> None:
    # whole replicas: most samples take the value of the median, so p5 and p50 are one number and must print as one
    for centre in (0.000192, 0.000768, 3.5494839680116295, 0.39425604518248303):
        samples = np.array([centre] * 90 + [2 * centre] * 10) * 1.1
        found = ranges({"x": centre}, {"x": samples})["x"]
        assert (found.p5, found.p50, found.p95) == (centre, centre, 2 * centre)
