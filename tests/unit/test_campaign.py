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


def test_without_an_error_the_length_of_campaigns_decides() -> None:
    """A prediction that may be off by any factor leaves the lognormal of the lengths: 24 n 30 exp(-+1.645 x 0.9)."""
    vague = PLAIN._replace(run_scale=100.0)
    found = [float(np.log(x / (24 * 1e3 * 30))) for x in billed_hours(5e5, False, 1e3, vague)]
    assert found == pytest.approx([-1.645 * 0.9, 0.0, 1.645 * 0.9], abs=2e-3)


def test_a_usual_length_changes_little_and_few_accelerators_nothing() -> None:
    plain = billed_hours(7.2e5, False, np.nan, PLAIN)
    usual = billed_hours(7.2e5, False, 1e3, PLAIN)
    assert float(usual[1]) == pytest.approx(float(plain[1]), rel=1e-3)
    assert 1 < float((plain[2] / plain[0]) / (usual[2] / usual[0])) < 1.3
    assert [float(x) for x in billed_hours(10.0, False, 8.0, PLAIN)] == [
        float(x) for x in billed_hours(10.0, False, np.nan, PLAIN)
    ]


def test_more_hours_of_steps_never_bill_less() -> None:
    """Also where the exponent of short runs moves with the hours."""
    hours = np.logspace(1, 8, 300)
    billed = hours * overhead(PLAIN, exponents(hours, 40e9, 312e12, 1e9, True))
    assert (np.diff(billed) > 0).all()
