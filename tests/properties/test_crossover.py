"""What must hold of every crossover."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost import api
from llmcost.engine.demand import crossover as engine
from llmcost.engine.demand import segments as sg
from llmcost.engine.demand import traffic as demand
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Z95
from tests.conftest import examples

FEW = examples(25)
TRAFFIC = st.one_of(
    st.builds(demand.constant, st.floats(1e3, 1e8)),
    st.builds(demand.linear, st.floats(1e3, 1e7), st.floats(0, 1e6)),
    st.builds(demand.compound, st.floats(1e3, 1e7), st.floats(-0.1, 0.2)),
    st.builds(demand.compound, st.floats(1e3, 1e6), st.floats(0.01, 0.2), st.floats(1e6, 1e8)),
    st.builds(demand.logistic, st.floats(1e3, 1e5), st.floats(1e6, 1e8), st.floats(30, 1000)),
)
PACE = st.floats(-0.0005, 0.003)
END = 3652.5


def more(traffic: demand.Traffic, factor: float) -> demand.Traffic:
    return traffic._replace(launch=traffic.launch * factor, ceiling=traffic.ceiling * factor, pace=(
        traffic.pace * factor if traffic.kind == demand.LINEAR else traffic.pace))  # fmt: skip


def crossing(traffic: demand.Traffic, trained: float, each: float = 0.01, pace: float = 0.0) -> float:
    spend = engine.Spend(sg.declining(demand.requests(traffic), pace), each)
    return float(engine.first(spend, trained, engine.Schedule(), END))


@FEW
@given(TRAFFIC, PACE, st.floats(1.0, END))
def test_the_inverse_is_an_inverse(traffic: demand.Traffic, pace: float, day: float) -> None:
    rate = sg.declining(demand.requests(traffic), pace)
    total = sg.cumulative(rate, day)
    # where hardly anything is added any more a day cannot be told from its total
    loose = 1e-6 if float(sg.rate(rate, day)) * day > 1e-6 * float(total) else 1.0
    assert float(sg.when(rate, total * (1 - 1e-12), END)) == pytest.approx(day, rel=loose)


@FEW
@given(TRAFFIC, st.floats(1.0, 10.0), st.floats(1e3, 1e9), PACE)
def test_more_traffic_never_later(traffic: demand.Traffic, factor: float, trained: float, pace: float) -> None:
    before, after = (crossing(t, trained, pace=pace) for t in (traffic, more(traffic, factor)))
    assert after <= before * (1 + 1e-9)


@FEW
@given(TRAFFIC, st.floats(1.0, 10.0), st.floats(1e3, 1e9), PACE)
def test_dearer_training_never_earlier(traffic: demand.Traffic, factor: float, trained: float, pace: float) -> None:
    assert crossing(traffic, trained * factor, pace=pace) >= crossing(traffic, trained, pace=pace) * (1 - 1e-9)


@FEW
@given(TRAFFIC, st.floats(0, 0.003), st.floats(0, 0.003), st.floats(1e3, 1e9))
def test_price_decline_never_earlier(traffic: demand.Traffic, pace: float, faster: float, trained: float) -> None:
    assert crossing(traffic, trained, pace=pace + faster) >= crossing(traffic, trained, pace=pace) * (1 - 1e-9)


@FEW
@given(TRAFFIC, st.floats(1e-3, 1e3), st.floats(1e3, 1e9), PACE)
def test_scaling_all_money_changes_nothing(traffic: demand.Traffic, factor: float, trained: float, pace: float) -> None:
    before = crossing(traffic, trained, 0.01, pace)
    after = crossing(traffic, trained * factor, 0.01 * factor, pace)
    assert after == pytest.approx(before, rel=1e-6) or {before > 0.999 * END, after > 0.999 * END} == {True}


@FEW
@given(TRAFFIC, st.lists(st.floats(1.0, END), max_size=4), st.floats(1e3, 1e9))
def test_crossings_alternate_and_start_with_the_first(
    traffic: demand.Traffic, repeats: list[float], trained: float
) -> None:
    spend = engine.Spend(demand.requests(traffic), 0.01)
    plan = engine.schedule([(0.0, 1.0), *((day, 1.0) for day in repeats)])
    found = engine.crossings(spend, trained, plan, END)
    assert [c.back for c in found] == [bool(i % 2) for i in range(len(found))]
    assert [c.day for c in found] == sorted(c.day for c in found)
    first = float(engine.first(spend, trained, plan, END))
    assert (found[0].day if found else np.inf) == pytest.approx(first)
    for c in found:
        at = plan.at(np.array([c.day]))[0] * trained
        assert c.back or float(spend.by(c.day)) == pytest.approx(at, rel=1e-6)


@FEW
@given(TRAFFIC, st.floats(1e4, 1e6))
def test_samples_are_points(traffic: demand.Traffic, trained: float) -> None:
    # three samples in one array and one by one; a logistic sample has fewer terms, 2e-6 off
    factors = np.array([0.5, 1.0, 2.0])
    scale = traffic._replace(launch=np.multiply(traffic.launch, factors), ceiling=np.multiply(traffic.ceiling, factors),
                             midpoint=np.multiply(traffic.midpoint, np.ones(3)), pace=np.multiply(
        traffic.pace, factors if traffic.kind == demand.LINEAR else np.ones(3)))  # fmt: skip
    spend = engine.Spend(demand.requests(scale), 0.01)
    together = engine.first(spend, trained * factors, engine.Schedule(), END)
    alone = [crossing(more(traffic, f), trained * f) for f in factors]
    assert np.asarray(together) == pytest.approx(np.array(alone), rel=1e-4)


PAID = st.lists(st.tuples(st.floats(-300.0, END), st.floats(0.01, 2.0)), min_size=1, max_size=3)
AGAIN = st.lists(st.tuples(st.floats(3.0, 2000.0), st.floats(0.0, 1.5), st.floats(-0.001, 0.003)), max_size=2)


def day_by_step(spend: engine.Spend, trained: Any, plan: engine.Schedule) -> float:
    """The definition, one step after another."""
    days = [*plan.days.tolist(), np.inf]
    for j, (day, following) in enumerate(pairwise(days)):
        level = float(plan.level(j))
        reached = max(float(spend.reaches(trained * level, END)), day)
        if level > 0 and day <= END and reached < following:
            return float(reached)
    return float("inf")


@FEW
@given(TRAFFIC, PAID, AGAIN, st.lists(st.floats(1e2, 1e8), min_size=1, max_size=3))
def test_a_schedule_is_walked_as_its_steps_are(
    traffic: demand.Traffic, paid: list[Any], again: list[Any], trained: list[float]
) -> None:
    spend = engine.Spend(demand.requests(traffic), 0.01)
    plan = engine.schedule(paid, again, END)
    found = engine.first(spend, np.array(trained), plan, END)
    assert np.ravel(found) == pytest.approx([day_by_step(spend, t, plan) for t in trained])
    assert [float(engine.first(spend, t, plan, END)) for t in trained] == pytest.approx(np.ravel(found))


@FEW
@given(AGAIN, st.floats(1.0, END))
def test_what_is_repeated_adds_up(again: list[Any], day: float) -> None:
    plan = engine.schedule([(0.0, 1.0)], again, END)
    each = [cost * np.exp(-pace * n * every) for every, cost, pace in again for n in range(1, int(day / every) + 1)]
    assert float(plan.at(np.array([day]))[0]) == pytest.approx(1.0 + sum(each))
    many = engine.schedule([(0.0, 1.0)], [(e, np.array([c, 2 * c]), p) for e, c, p in again], END)
    wide = np.broadcast_to(many.at(np.array([day]))[0], 2)
    assert wide == pytest.approx([1.0 + sum(each), 1.0 + 2 * sum(each)])


def test_ninety_percent_of_true_crossings_fall_inside() -> None:
    # worlds drawn from the stated ranges, each solved alone by its closed form
    asked: dict[str, Any] = {
        "train_cost": "60M..240M", "cost_per_request": "0.02..0.08", "requests": "2M/day..20M/day", "growth": "1%..9%/mo",
    }  # fmt: skip
    of = api.crossover(**asked).ranges["crossover_days"]
    rng = np.random.default_rng(20261125)
    z = rng.standard_normal((4, 4000)) / Z95
    cost, each, traffic = (
        np.exp((np.log(low) + np.log(high)) / 2 + (np.log(high) - np.log(low)) / 2 * z[i])
        for i, (low, high) in enumerate([(60e6, 240e6), (0.02, 0.08), (2e6, 20e6)])
    )
    k = np.log1p(0.05 + 0.04 * z[3]) / DAYS_PER_MONTH
    true = np.log1p(np.maximum(k * cost / each / traffic, -1 + 1e-12)) / k
    inside = np.mean((true >= of.p5) & (true <= of.p95))
    assert inside == pytest.approx(0.90, abs=0.02)


def test_an_open_interval_is_calibrated_too() -> None:
    # crossings beyond the horizon count as infinite: the share of worlds that cross is the stated chance
    answer = api.crossover(train_cost="100M..1B", cost_per_request="0.01..0.03", requests="5M/day", horizon="8y")
    z = np.random.default_rng(7).standard_normal((2, 20_000)) / Z95
    cost = np.exp((np.log(1e8) + np.log(1e9)) / 2 + np.log(10) / 2 * z[0])
    each = np.exp((np.log(0.01) + np.log(0.03)) / 2 + np.log(3) / 2 * z[1])
    true = cost / each / 5e6
    assert answer.ranges["crossover_days"].p95 is None
    assert answer.result["probability_crossed"] == pytest.approx(np.mean(true <= 8 * 365.25), abs=0.02)
    assert np.mean(true < (answer.ranges["crossover_days"].p5 or 0.0)) == pytest.approx(0.05, abs=0.01)


FLEETS: list[dict[str, Any]] = [
    {}, {"scaling": "autoscale"}, {"serve_commitment": "mix", "reserved": "owned"},
    {"serve_commitment": "mix", "reserve": "50%", "spot_share": "30%"},
    {"technique": "cascade=30%:llama-3.2-1b"}, {"technique": "edge=30%", "serve_commitment": "mix"},
]  # fmt: skip
SERVED: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "isl": 1000, "osl": 300, "train_cost": "1M", "samples": 200,
}  # fmt: skip


@pytest.mark.parametrize("fleet", FLEETS)
def test_hardly_any_growth_is_hardly_any_change(fleet: dict[str, Any]) -> None:
    asked = {**SERVED, **fleet, "requests": "3M/day"}
    still, moving = (api.crossover(**asked, **g) for g in ({}, {"growth": "0.000001%/mo"}))
    for key in ("crossover_days", "inference_usd_at_horizon", "energy_crossover_days"):
        assert (moving.result[key] or 1.0) == pytest.approx(still.result[key] or 1.0, rel=1e-5)
    days, of = (answer.ranges["inference_usd_at_horizon"] for answer in (still, moving))
    assert (of.p5, of.p95) == pytest.approx((days.p5, days.p95), rel=1e-5)


@pytest.mark.parametrize("fleet", FLEETS)
def test_a_growing_fleet_is_the_fleet_of_each_day(fleet: dict[str, Any]) -> None:
    # every day sized by itself, its mix solved again, summed over ten years in which traffic grows ninefold
    from llmcost.catalog import Catalog
    from llmcost.estimate.asking import sampling
    from llmcost.estimate.asking.values import serving_numbers
    from llmcost.estimate.crossover import reading
    from llmcost.scenario import resolve

    asked = {**SERVED, **fleet, "requests": "1M/day", "added_requests": "66k/day"}
    case, serving = reading.read_both(resolve(asked), Catalog([]))
    assert case.hosted is not None
    p = serving_numbers(sampling.central(serving.numbers))
    days = np.arange(0.05, END, 0.1)
    per_day = 1e6 + 66e3 * days / DAYS_PER_MONTH
    of_day = case.hosted.figures({**p, "requests": per_day})
    found = api.crossover(**asked).result
    if case.hosted.fleet.reserve is None:
        assert found["inference_usd_at_horizon"] == pytest.approx(np.sum(of_day["usd_per_day"]) * 0.1, rel=2e-3)
    else:  # the base is a share of the busiest hour, and here not rounded to whole accelerators again
        assert found["inference_usd_at_horizon"] == pytest.approx(np.sum(of_day["usd_per_day"]) * 0.1, rel=2e-2)


def test_samples_far_behind_wait_for_those_that_are_almost_level() -> None:
    # training of 1 a month, paid again every 30 days; inference of 2 a month is level after 15 days, of 0.01 a month
    # far behind, and of 0.99 a month 1 % behind at the end of each of 121 months, which are looked at one by one
    plan = engine.schedule([(30.0 * month, 1.0) for month in range(121)])
    spend = engine.Spend(demand.requests(demand.constant(1.0)), np.array([2.0, 0.01, 0.99]) / 30.0)
    assert np.ravel(engine.first(spend, np.ones(3), plan, 3630.0)) == pytest.approx([15.0, np.inf, np.inf])
