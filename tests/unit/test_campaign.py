"""Billed hours of whole runs: the two readings of a run, weighed."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.engine.training.campaign import Campaign, billed_hours, exponents, overhead

PLAIN = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)


def test_quantiles_of_students_t() -> None:
    """Two degrees of freedom, 95 %: 2.920 (Abramowitz and Stegun 1964, table 26.10)."""
    p5, p50, p95 = billed_hours(1e6, np.array([False, True]), np.nan, PLAIN)
    assert np.log(p95 / p50) == pytest.approx([2.920 * 0.2, 2.920 * 0.3], abs=1e-3)
    assert np.log(p50 / p5) == pytest.approx([2.920 * 0.2, 2.920 * 0.3], abs=1e-3)


def test_the_median_is_what_the_steps_say() -> None:
    """A run of an hour on a thousand accelerators is a run of an hour; what was published of it may be a campaign."""
    short = [float(x) for x in billed_hours(1e3, False, 1e3, PLAIN)]
    assert short[1] == pytest.approx(1e3)
    assert short[0] == pytest.approx(1e3 * np.exp(-2.920 * 0.2), rel=1e-3)
    assert short[2] > 24 * 1e3 * 5  # the shortest of twenty campaigns: 30 exp(-1.645 x 0.9) = 6.8 days


def test_a_usual_length_and_few_accelerators_change_nothing() -> None:
    for hours, gpus in ((7.2e5, 1e3), (10.0, 8.0)):
        assert [float(x) for x in billed_hours(hours, False, gpus, PLAIN)] == [
            float(x) for x in billed_hours(hours, False, np.nan, PLAIN)
        ]


def test_more_hours_of_steps_never_bill_less() -> None:
    """Also where the exponent of short runs moves with the hours."""
    hours = np.logspace(1, 8, 300)
    billed = hours * overhead(PLAIN, exponents(hours, 40e9, 312e12, 1e9, True))
    assert (np.diff(billed) > 0).all()


def test_a_model_between_small_and_large_has_half_of_what_tight_memory_costs() -> None:
    """The root of 7B x 21B is half way on a scale of logs, and 40 of 80 GB are one halving."""
    at = exponents(1e5, 40e9, 312e12, np.sqrt(7e9 * 2.1e10), False)
    assert float(at[2]) == pytest.approx(0.5)
