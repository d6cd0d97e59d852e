"""Spend over time by hand: periods, what is paid when, what traffic takes, and days before a series begins.

The service is a given dollar a day: 1,000 requests at $0.001; a month of 365.25/12 days takes $30.4375.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.pools import Measure, Pool
from llmcost.engine.demand.segments import Segments, cumulative, rate, segments, when
from llmcost.engine.numeric.normal import normal_quantile

MONTH = 365.25 / 12
DOLLAR: dict[str, Any] = {"cost_per_request": "0.001", "requests": "1000/day"}


def pieces(*of: Any) -> Segments:
    return segments(*map(np.asarray, of))


def test_a_period_holds_what_is_paid_and_served_in_it() -> None:
    """$1,000 of training, half at launch and half on day 45: 500 in each of two months; 3 months serve 91,312.5 requests."""
    found = api.crossover(train_cost="1000", payments="50%@0mo,50%@45d", horizon="91.3125d", by="month", **DOLLAR)
    rows: Any = found.arrays["periods"]
    assert [row["period_training_usd"] for row in rows] == pytest.approx([500.0, 500.0, 0.0])
    assert [row["period_inference_usd"] for row in rows] == pytest.approx([MONTH] * 3)
    assert [row["period_requests"] for row in rows] == pytest.approx([1000 * MONTH] * 3)
    assert [row["share"] for row in rows] == pytest.approx(
        [MONTH / (500 + MONTH), 2 * MONTH / (1000 + 2 * MONTH), 3 * MONTH / (1000 + 3 * MONTH)]
    )
    assert [row["training_usd_per_request_served"] for row in rows] == pytest.approx(
        [500 / 1000 / MONTH, 1000 / 2000 / MONTH, 1000 / 3000 / MONTH]
    )
    assert found.result["inference_share"] == pytest.approx(3 * MONTH / (1000 + 3 * MONTH))
    assert found.result["burn_usd_per_month"] == pytest.approx(MONTH)


def test_tokens_served_share_out_the_training() -> None:
    """GPT-4o at $2.50 and $10 a million (openai.com/api/pricing): 1,000 in, 500 out. 1.5 Mtok a 1,000 requests."""
    bought: dict[str, Any] = {"api": "openai/gpt-4o", "isl": 1000, "osl": 500, "requests": "1000/day"}
    found: Any = api.crossover(train_cost="1000", horizon="91.3125d", by="quarter", **bought).arrays["periods"]
    assert found[0]["training_usd_per_mtok_served"] == pytest.approx(1000 / (1.5 * 3 * MONTH))
    assert found[0]["inference_usd_per_mtok_served"] == pytest.approx(7.5 / 1.5)


def test_nothing_is_served_before_a_series_begins() -> None:
    """Ten a day from day 5 on: none on day 0, 50 on day 10; 25 of them are reached on day 7.5."""
    late = demand.requests(demand.series([5.0, 20.0], [10.0, 10.0]))
    assert [float(cumulative(late, day)) for day in (0.0, 5.0, 10.0)] == [0.0, 0.0, 50.0]
    assert float(rate(late, 4.0)) == 0.0
    assert float(when(late, 25.0, 100.0)) == pytest.approx(7.5)
    two = pieces([[5.0, 10.0], [0.0, 10.0]], [[[10.0], [0.0]], [[2.0], [4.0]]], 0.0)  # two samples at once
    assert np.asarray(cumulative(two, np.array([4.0, 12.0]))).tolist() == [0.0, 28.0]


def test_pieces_that_rise_and_curve_together() -> None:
    """(3 + 2 u) e^u: the integral is 3 (e - 1) + 2 x 1 after a day, and its half is found again by its integral."""
    both = pieces([0.0], [[3.0]], [[1.0]], [2.0])
    whole = 3 * (math.e - 1) + 2
    assert float(cumulative(both, 1.0)) == pytest.approx(whole)
    assert float(rate(both, 1.0)) == pytest.approx(5 * math.e)
    half = float(when(both, whole / 2, 10.0))
    assert 3 * math.expm1(half) + 2 * ((half - 1) * math.exp(half) + 1) == pytest.approx(whole / 2)
    assert float(when(both, 1e9, 10.0)) == math.inf


def test_a_straight_line_reaches_a_total_by_the_square_root() -> None:
    """10 + 2 t a day takes 10 t + t^2: 24 after 2 days. Falling by 2 from 10 it never takes more than 25."""
    assert float(when(pieces([0.0], [[10.0]], [[0.0]], [2.0]), 24.0, 100.0)) == pytest.approx(2.0)
    falls = demand.requests(demand.linear(10.0, -2.0 * MONTH))
    assert float(when(falls, 21.0, 4.0)) == pytest.approx(3.0)


def test_replicas_of_a_growing_day_are_counted_as_they_are_added() -> None:
    """Growing by 100 a day from 50, on replicas of 100: 1 until day 0.5, 2 until 1.5, 3 until 2.5: 0.5 + 2 + 3 = 5.5.

    A spare is one more each day; two are held at least: 2 until day 1.5, then 3.
    """
    grows = demand.linear(50.0, 100.0 * MONTH)
    for pool, days in (
        (Pool(100.0), 5.5),
        (Pool(100.0, 8.0, 1.0), 8 * (5.5 + 2.5)),
        (Pool(100.0, 1.0, 0.0, 2.0), 2 * 1.5 + 3),
    ):
        assert float(cumulative(demand.fleet(grows, [pool], 2.5, 16), 2.5)) == pytest.approx(days)


def test_what_is_paid_at_launch_stays_beside_what_grows() -> None:
    """$7 a replica and day, $100 at launch where pools say 14: the other 86 stand while traffic grows from 150 on.

    Traffic that halves in a month takes them with it: of 75 requests one replica and 75 times 86/150 are left.
    """
    grows, falls = demand.linear(150.0, 100.0 * MONTH), demand.compound(150.0, -0.5)
    one = [Measure([7.0], 0.0, 0.0, 100.0)]
    more = demand.measures(grows, [Pool(100.0)], one, 10.0, 16)[0]
    assert [float(rate(more, day)) for day in (0.1, 0.9)] == pytest.approx([7 * 2 + 86, 7 * 3 + 86])
    less = demand.measures(falls, [Pool(100.0)], one, 100.0, 16)[0]
    assert [float(rate(less, day)) for day in (0.0, MONTH)] == pytest.approx([100.0, 7 * 1 + 86 / 2])


def test_many_replicas_are_those_of_the_traffic_and_half_of_one() -> None:
    """Beyond `exact` the mean of rounding up: growing from 1,000 a day on replicas of 10 there are 100.5 at launch."""
    many = demand.fleet(demand.linear(1000.0, 10.0 * MONTH), [Pool(10.0, 2.0)], 100.0, 16)
    assert float(rate(many, 0.0)) == pytest.approx(2 * 100.5)
    assert float(rate(many, 50.0)) == pytest.approx(2 * 150.5)
    assert float(demand.most(demand.linear(1000.0, 10.0 * MONTH), 50.0)) == pytest.approx(1500.0)


def test_growth_passes_a_rate_on_a_day() -> None:
    """100 a day and 10 more a day: 150 on day 5. 1 % a day: 200 after ln 2 / ln 1.01. Half of the logistic at its midpoint."""
    month = (1.01**MONTH) - 1
    assert float(demand.reaches(demand.linear(100.0, 10.0 * MONTH), 150.0)) == pytest.approx(5.0)
    assert float(demand.reaches(demand.compound(100.0, month), 200.0)) == pytest.approx(math.log(2) / math.log(1.01))
    assert float(demand.reaches(demand.logistic(1e6, 1e7, 365.0), 5e6)) == pytest.approx(365.0)


def test_quantiles_far_in_the_tail() -> None:
    """Wichura 1988, AS241, checks PPND16 at these: both tails of the three parts."""
    for share, z in ((0.25, -0.6744897501960817), (0.001, -3.090232306167814), (1e-20, -9.262340089798408)):
        assert float(normal_quantile(share)) == pytest.approx(z, rel=1e-14)
    assert float(normal_quantile(0.999)) == pytest.approx(3.090232306167814, rel=1e-13)
