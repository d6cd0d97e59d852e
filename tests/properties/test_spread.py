"""Ranges: quantiles of samples are the quantiles asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmcost.engine.numeric import spread as sp
from tests.conftest import examples

POSITIVE = st.floats(1e-3, 1e9)


@given(POSITIVE, st.floats(1.01, 50), st.floats(1.01, 50))
def test_split_lognormal_keeps_its_three_quantiles(p50: float, down: float, up: float) -> None:
    spread = sp.Spread(p50 / down, p50, p50 * up)
    draws = sp.draw(spread, "x", 40_000, 7)
    for share, wanted in ((0.05, spread.p5), (0.5, p50), (0.95, spread.p95)):
        got = np.mean(draws <= wanted)
        assert got == pytest.approx(share, abs=0.012)


@given(st.floats(0.01, 0.5), st.floats(0.02, 0.45))
def test_shares_stay_shares(low: float, width: float) -> None:
    draws = sp.draw(sp.between(low, low + width, "logitnormal"), "share", 2_000, 3)
    assert draws.min() > 0
    assert draws.max() < 1


def test_median_of_a_product_is_the_product_of_medians() -> None:
    # exact for symmetric lognormals because draws come in antithetic pairs
    a = sp.draw(sp.between(1.0, 4.0, "lognormal"), "a", 10_000, 1)
    b = sp.draw(sp.between(9.0, 16.0, "lognormal"), "b", 10_000, 1)
    assert sp.quantile(a * b, 0.5) == pytest.approx(2.0 * 12.0, rel=1e-3)


def test_streams_depend_on_the_name_alone() -> None:
    spread = sp.between(1.0, 2.0, "lognormal")
    assert np.array_equal(sp.draw(spread, "price", 100, 1), sp.draw(spread, "price", 100, 1))
    assert not np.array_equal(sp.draw(spread, "price", 100, 1), sp.draw(spread, "mfu", 100, 1))
    assert not np.array_equal(sp.draw(spread, "price", 100, 1), sp.draw(spread, "price", 100, 2))


def test_every_stratum_is_drawn_once_with_its_mirror() -> None:
    # Latin hypercube over the halves: sorted |z| is the list of stratum middles, each twice (McKay et al. 1979)
    z = np.log(sp.draw(sp.between(0.1, 10.0, "lognormal"), "x", 2_000, 5))
    assert np.allclose(z[:1_000], -z[1_000:])
    assert len(np.unique(np.round(np.abs(z), 12))) == 1_000


@examples(50)
@given(st.integers(0, 10**30), st.text("abc_", max_size=8), st.text("abc_", max_size=8))
def test_streams_of_two_names_are_independent(seed: int, one: str, other: str) -> None:
    # the correlation of 5,000 independent pairs has a standard deviation of 1/sqrt(5,000); 6 of them is 2e-9
    assume(one != other)
    spread = sp.between(0.1, 10.0, "lognormal")
    a, b = (np.log(sp.draw(spread, name, 10_000, seed))[:5_000] for name in (one, other))
    assert abs(np.corrcoef(a, b)[0, 1]) < 6 / np.sqrt(5_000)
    assert abs(np.corrcoef(np.abs(a), np.abs(b))[0, 1]) < 6 / np.sqrt(5_000)
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 6 / np.sqrt(5_000)
    assert abs(np.mean(a > 0) - 0.5) < 6 * 0.5 / np.sqrt(5_000)  # the side is a fair coin


def test_triangle_quantiles_by_hand() -> None:
    # low 0, mode 1, high 2: the median is 1, the 5 % quantile sqrt(0.05 x 2 x 1) = 0.31623 (Kotz, van Dorp 2004, 1.2)
    triangle = sp.Spread(0.0, 1.0, 2.0, "triangular")
    assert sp.interval(triangle)[0] == pytest.approx(0.3162277660168379)
    assert sp.median(triangle) == pytest.approx(1.0)
    assert np.mean(sp.draw(triangle, "t", 40_000, 1) <= 0.31623) == pytest.approx(0.05, abs=0.005)


def test_a_quantile_next_to_infinity_is_infinite() -> None:
    values = np.array([1.0, 2.0, np.inf, np.inf])
    assert sp.quantile(values, 0.25) == pytest.approx(1.75)
    assert np.isinf(sp.quantile(values, 0.5))
    assert np.isinf(sp.quantile(values, 0.95))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.floats(0, 1))
def test_quantile_agrees_with_numpy(values: list[float], share: float) -> None:
    array = np.array(values)
    assert sp.quantile(array, share) == pytest.approx(np.quantile(array, share), rel=1e-9, abs=1e-6)
