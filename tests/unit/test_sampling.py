"""Ranges around the centre."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.segments import cumulative
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


def test_a_long_series_is_counted_row_by_row_for_samples() -> None:
    # Two replicas' worth of capacity in two samples; every row a day long, its replicas those that its middle needs.
    days = np.arange(1001.0)
    values = 50.0 + 400.0 * (np.sin(days) + 1.0)
    traffic = demand.series(days.tolist(), values.tolist())
    capacity = np.array([100.0, 130.0])
    measure = demand.Measure([7.0], 5.0, 0.01)
    (spent,) = demand.measures(traffic, [demand.Pool(capacity, 1.0, 1.0, 2.0)], [measure], 1000.0, 16)
    middle = (values[:-1] + values[1:]) / 2.0
    whole = np.maximum(np.ceil(middle[None, :] / capacity[:, None]), 2.0) + 1.0
    wanted = (7.0 * whole + 5.0 + 0.01 * middle).sum(axis=1)
    assert cumulative(spent, 1000.0) == pytest.approx(wanted)
    assert spent.start.shape[-1] <= 128


def test_steps_of_a_series_lie_where_it_passes_a_level() -> None:
    # By hand: from 50 to 350 in 3 days it passes 100, 200 and 300 after 0.5, 1.5 and 2.5 days, and falls back in one.
    traffic = demand.series([0.0, 3.0, 4.0], [50.0, 350.0, 50.0])
    (found,) = demand.measures(traffic, [demand.Pool(100.0)], [demand.Measure([1.0])], 4.0, 16)
    assert np.unique(found.start) == pytest.approx([0.0, 0.5, 1.5, 2.5, 3.0, 3.0 + 50 / 300, 3.5, 3.0 + 250 / 300, 4.0])
    assert float(cumulative(found, 4.0)) == pytest.approx(
        0.5 + 2.0 + 3.0 + 2.0 + (50 * 4 + 100 * 3 + 100 * 2 + 50) / 300
    )
