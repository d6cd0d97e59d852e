"""Roots whose digits are known, by every way that the engine looks for one, and how many looks each may take."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.numeric import roots
from llmcost.engine.numeric.kinds import Array

WALLIS = 2.0945514815423265  # x^3 - 2 x - 5, Wallis 1685: the example that Newton's method was first shown on
DOTTIE = 0.7390851332151607  # cos x = x


def wallis(x: Array) -> Array:
    return np.asarray(x**3 - 2 * x - 5)


def test_crossings_of_many_curves() -> None:
    """By ratios above zero, by steps beside it; each interval at most some twenty looks (Chandrupatla 1997, table 1)."""
    looks: list[int] = []

    def curve(x: Array) -> Array:
        looks.append(len(x))
        return wallis(x)

    low, high = np.array([2.0, 0.5, -1.0]), np.array([3.0, 100.0, 30.0])
    assert roots.crossed(curve, low, high, wallis(low), wallis(high)) == pytest.approx([WALLIS] * 3, rel=1e-12)
    assert len(looks) < 25
    ends = np.array([0.0]), np.array([1.0])
    found = roots.crossed(lambda x: np.cos(x) - x, *ends, np.array([1.0]), np.array([math.cos(1) - 1]))
    assert found.tolist() == pytest.approx([DOTTIE], rel=1e-12)
    at_end = roots.crossed(wallis, np.array([WALLIS]), np.array([3.0]), np.array([0.0]), np.array([16.0]))
    assert at_end.tolist() == pytest.approx([WALLIS], rel=1e-15)  # by ratios: exp(ln x), to the last bits


def test_halving_between_a_false_and_a_true_end() -> None:
    for by_ratio in (False, True):
        low, high = roots.bisected(lambda x: x**3 - 2 * x > 5, 1.0, 1e6, by_ratio)
        assert float(low) <= WALLIS <= float(high)
        assert float(high - low) <= 1e-12
    rough = roots.bisected(lambda x: x > 3.0, 0.0, 8.0, narrow=0.5)
    assert [float(end) for end in rough] == [2.0, 4.0]
    ratio = roots.bisected(lambda x: x > 3.0, 1.0, 16.0, True, narrow=0.8)
    assert [float(end) for end in ratio] == [1.0, 4.0]  # 4, and then 2 would be next: 4 - 1 is 0.75 of 4


def test_a_straight_line_is_found_at_once_and_a_curve_soon() -> None:
    looks: list[float] = []

    def curve(x: float) -> float:
        looks.append(x)
        return x**3 - 2 * x - 5

    assert roots.costly(lambda x: x - 3.0, 1.0, 9.0, -2.0, 6.0) == 3.0
    assert roots.costly(curve, 2.0, 3.0, -1.0, 16.0) == pytest.approx(WALLIS, rel=1e-11)
    assert len(looks) < 12
    assert roots.costly(lambda x: 5 - 5 / x**3, 0.5, 3.0, -35.0, 4.8) == pytest.approx(1.0, rel=1e-10)
    cliff = roots.costly(lambda x: -0.001 if x < 2.3456 else 5.0, 1.0, 64.0, -0.001, 5.0)
    assert cliff == pytest.approx(2.3456, rel=1e-11)  # replicas are whole: spend may jump with the price


def test_newton_stays_inside_its_interval() -> None:
    """x^3 - 2 x + 2 sends Newton from 0 to 1 and back for ever; inside (-2, 0) it ends at -1.7692923542386."""
    one = np.ones(1)
    found = roots.newton(lambda x: (wallis(x), 3 * x**2 - 2), 2 * one, 3 * one, 2 * one, lambda x: 1e-13 + 0 * x)
    assert found.tolist() == pytest.approx([WALLIS], rel=1e-13)
    cubic = roots.newton(
        lambda x: (x**3 - 2 * x + 2, 3 * x**2 - 2), -2 * one, 0 * one, 0 * one, lambda x: 1e-13 + 0 * x
    )
    assert cubic.tolist() == pytest.approx([-1.7692923542386314], rel=1e-12)


def test_the_last_change_of_sign_is_straight_over_the_logarithm() -> None:
    """log10 x - 2 and - 5 at 100 and 100,000; one that rises and falls again counts where it falls; one that never does."""
    x = np.geomspace(1.0, 1e6, 5)
    log = np.log10(x)
    gap = np.stack([log - 2, log - 5, log + 1, np.where(log < 3, log - 1, 4.5 - log)], axis=1)
    found, interval = roots.last_change(gap, x)
    assert found.tolist() == pytest.approx([100.0, 1e5, math.inf, 10**4.5])
    assert interval.tolist() == [1, 3, -1, 3 if log[3] < 4.5 - 1e-9 else 2]


def test_least_points_and_first_counts() -> None:
    assert roots.minimum(lambda x: (np.log(x) - np.log(7.0)) ** 2, 1.0, 100.0) == pytest.approx(7.0, rel=1e-6)
    assert roots.minimum(lambda x: x, 2.0, 100.0) == pytest.approx(2.0, rel=1e-6)
    assert roots.highest(lambda x: x <= 0.3) == pytest.approx(0.3, abs=1 / 64**2)
    assert [roots.highest(lambda x: x > 2.0), roots.highest(lambda x: x < 2.0)] == [0.0, 1.0]
    asked: list[int] = []

    def enough(n: int) -> bool:
        asked.append(n)
        return n >= 37

    assert roots.least_whole(enough, 3) == 37
    assert len(asked) < 14
    assert roots.least_whole(enough, 40) == 40
    assert roots.spaced(1.0, 100.0, 3).tolist() == [1.0, 10.0, 100.0]
    assert roots.spaced(0.0, 4.0, 3).tolist() == roots.spaced(0.0, 4.0, 3, straight=True).tolist() == [0.0, 2.0, 4.0]
