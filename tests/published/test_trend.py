"""Growth of training costs: Epoch AI's own rate inside ours, and ratios by hand."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.catalog import Catalog
from llmcost.engine.numeric.trend import growth
from llmcost.estimate.compare.trend import trend


def test_the_published_rate_is_inside_the_range() -> None:
    """Cottier et al. 2024, arXiv:2405.21015: 2.4 x a year (2.0 to 2.9) for the most compute-intensive models."""
    rows = {(r["cost_definition"], r["subset"]): r for r in trend(Catalog()).arrays["trend"]}
    largest = rows["amortised", "largest so far"]
    assert largest["growth_p5_per_year"] <= 2.4 <= largest["growth_p95_per_year"]


def test_ratios_by_hand() -> None:
    """Grok-3 over GPT-3, both of Epoch AI: 300,872,432 / 2,198,105 = 136.9, 1,164,146,794 / 4,336,473 = 268.5."""
    rows = {(r["cost_definition"], r["subset"]): r for r in trend(Catalog()).arrays["trend"]}
    assert rows["amortised", "every model"]["since_gpt3"] == pytest.approx(136.9, abs=0.05)
    assert rows["rental", "every model"]["since_gpt3"] == pytest.approx(268.5, abs=0.05)


def test_the_interval_covers_a_known_rate() -> None:
    """Of 400 series that grow 3 x a year with a scatter of a factor of two, about 90 % have 3 in their range."""
    rng = np.random.default_rng(1)
    years = np.linspace(0.0, 5.0, 25)
    inside = 0
    for _ in range(400):
        found = growth(years, np.exp(np.log(3.0) * years + np.log(2.0) * rng.standard_normal(25)))
        inside += found.p5 <= 3.0 <= found.p95
    assert 0.84 <= inside / 400 <= 0.94
