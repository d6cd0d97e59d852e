"""Growth of training costs: Epoch AI's own rate inside ours, and ratios by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.trend import growth, rows

ROWS = {(row.definition, row.subset): row for row in rows()}


def test_the_published_rate_is_inside_the_range() -> None:
    """Cottier et al. 2024, arXiv:2405.21015: 2.4 x a year (2.0 to 2.9) for the most compute-intensive models."""
    largest = ROWS["amortised", "largest so far"].growth
    assert largest.p5 <= 2.4 <= largest.p95


def test_ratios_by_hand() -> None:
    """Grok-3 over GPT-3, both of Epoch AI: 300,872,432 / 2,198,105 = 136.9, 1,164,146,794 / 4,336,473 = 268.5."""
    assert ROWS["amortised", "every model"].since_gpt3 == pytest.approx(136.9, abs=0.05)
    assert ROWS["rental", "every model"].since_gpt3 == pytest.approx(268.5, abs=0.05)


def test_doubling_every_year_is_a_factor_of_two() -> None:
    found = growth(np.array([0.0, 1.0, 2.0]), np.array([3.0, 6.0, 12.0]))
    assert found == pytest.approx((2.0, 2.0, 2.0))


def test_the_interval_covers_a_known_rate() -> None:
    """Of 400 series that grow 3 x a year with a scatter of a factor of two, about 90 % have 3 in their range."""
    rng = np.random.default_rng(1)
    years = np.linspace(0.0, 5.0, 25)
    inside = 0
    for _ in range(400):
        found = growth(years, np.exp(np.log(3.0) * years + np.log(2.0) * rng.standard_normal(25)))
        inside += found.p5 <= 3.0 <= found.p95
    assert 0.84 <= inside / 400 <= 0.94
