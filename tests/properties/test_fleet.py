"""Fleets, owning and users: closed forms against brute force and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.engine.demand import fleet, idle, margin, traffic, usage, week
from llmcost.engine.demand.margin import Tariff, Users
from llmcost.engine.demand.segments import cumulative
from llmcost.engine.money import owning as ownership
from llmcost.engine.money.renting import floors_of_size
from tests.conftest import examples

LOADS = st.lists(st.integers(0, 40), min_size=1, max_size=48)
RATIO = st.floats(0.01, 1.5)


@examples(80)
@given(LOADS, RATIO)
def test_the_best_base_is_that_of_a_search(loads: list[int], ratio: float) -> None:
    counts = np.array(loads, dtype=float)
    share = np.full(len(loads), 1.0 / len(loads))
    base = float(fleet.best_commitment(counts, share, ratio, 1.0))

    def cost(committed: float) -> float:
        return committed * ratio + sum(max(n - committed, 0.0) for n in loads) / len(loads)

    assert cost(base) == pytest.approx(min(cost(b) for b in range(max(loads) + 1)), abs=1e-9)


@examples(60)
@given(LOADS, st.floats(0.0, 30.0))
def test_a_fleet_that_follows_is_never_short_and_never_above_its_peak(loads: list[int], reaction: float) -> None:
    need = np.array(loads, dtype=float)
    counts, share = week.held(need, reaction)
    assert share.sum() == pytest.approx(1.0)
    mean = float(week.over_time(counts, share))
    assert need.mean() - 1e-9 <= mean <= need.max() + 1e-9
    assert float(week.over_time(*week.held(need, reaction + 1.0))) >= mean - 1e-9


@examples(40)
@given(st.floats(1.0, 15.0), st.floats(0.05, 1.0))
def test_a_week_has_its_mean_and_its_peak(peak: float, weekend: float) -> None:
    least = float(week.least_peak(weekend))
    rates = week.wave(max(peak, least), weekend)
    assert rates.mean() == pytest.approx(1.0)
    assert rates.max() == pytest.approx(max(peak, least), rel=1e-6)
    assert rates.min() > 0


def test_a_week_in_samples_is_the_week_of_each() -> None:
    peaks, weekends = np.array([1.5, 2.0, 4.0]), np.array([0.5, 0.9, 1.0])
    together = week.wave(peaks, weekends)
    for row, peak, weekend in zip(together, peaks, weekends, strict=True):
        assert row == pytest.approx(np.resize(week.wave(float(peak), float(weekend)), 168))


@examples(60)
@given(st.floats(0.1, 5.0), st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.floats(0.5, 10.0))
def test_owning_costs_the_rent_at_the_break_even(standing: float, idle: float, more: float, rent: float) -> None:
    in_use = idle + more
    at = float(ownership.breakeven_occupancy(standing, in_use, idle, rent))
    if math.isinf(at):
        assert rent <= more
        return
    assert float(ownership.own_usd_per_used_hour(standing, in_use, idle, at)) == pytest.approx(rent)


@examples(40)
@given(st.floats(0.0, 1.0), st.floats(0.001, 0.5), st.floats(1.0, 15.0))
def test_capital_is_what_its_payments_are_worth(residual: float, rate: float, years: float) -> None:
    yearly = float(ownership.capital_usd_per_hour(1.0, residual, rate, years)) * 8766
    worth = yearly * -math.expm1(-years * math.log1p(rate)) / rate + residual * (1 + rate) ** -years
    assert worth == pytest.approx(1.0)


TAILS = [("lognormal", 0.5), ("lognormal", 1.5), ("pareto", 1.8), ("pareto", 3.0)]


@pytest.mark.parametrize(("kind", "tail"), TAILS)
def test_drawn_users_are_those_of_the_closed_form(kind: str, tail: float) -> None:
    drawn = usage.sample(kind, 100.0, tail, 2_000_000, 1).astype(float)
    loose = 0.05 if tail == 1.8 else 0.01  # a Pareto tail under 2 has no variance: its mean settles slowly
    assert drawn.mean() == pytest.approx(100.0, rel=loose)
    assert np.median(drawn) == pytest.approx(float(usage.quantile(kind, 100.0, tail, 0.5)), rel=0.01)
    top = np.sort(drawn)[-len(drawn) // 100 :].sum() / drawn.sum()
    assert top == pytest.approx(float(usage.top_share(kind, tail, 0.01)), rel=2 * loose)
    for cap in (20.0, 100.0, 400.0):
        assert np.minimum(drawn, cap).mean() == pytest.approx(
            float(usage.capped_mean(kind, 100.0, tail, cap)), rel=0.01
        )
        assert (drawn > cap).mean() == pytest.approx(float(usage.above(kind, 100.0, tail, cap)), abs=0.002)


@pytest.mark.parametrize(("kind", "tail"), TAILS)
@pytest.mark.parametrize(
    "tariff",
    [
        Tariff(20.0), Tariff(20.0, cap=150.0), Tariff(5.0, 0.05, overage=0.3, included=60.0), Tariff(0.0, 0.15),
        Tariff(20.0, overage=0.5, included=150.0, cap=400.0), Tariff(5.0, overage=0.02, included=10.0, cap=90.0),
        Tariff(0.0, 0.25),
    ],
)  # fmt: skip
def test_margins_are_those_of_drawn_users(kind: str, tail: float, tariff: Tariff) -> None:
    users, cost = Users(kind, 100.0, tail), 0.2
    wanted = usage.quantile(kind, 100.0, tail, (np.arange(4000) + 0.5) / 4000)
    left = np.asarray(margin.margin(tariff, wanted, cost))
    assert float(margin.loss_making_share(tariff, users, cost)) == pytest.approx((left < 0).mean(), abs=0.001)
    if tail == 1.5 or tariff.cap < math.inf:  # the mean of quantiles misses part of a heavy tail
        mean = float(margin.mean_revenue(tariff, users) - margin.requests_made(tariff, users) * cost)
        assert mean == pytest.approx(left.mean(), abs=0.5)


@pytest.mark.parametrize(("kind", "tail"), TAILS)
def test_break_evens_break_even(kind: str, tail: float) -> None:
    users, tariff, cost = Users(kind, 100.0, tail), Tariff(14.0), 0.2
    cap = margin.breakeven_cap(tariff, users, cost)
    capped = tariff._replace(cap=cap)
    assert float(margin.mean_revenue(capped, users)) == pytest.approx(float(margin.requests_made(capped, users)) * cost)
    included = tariff._replace(included=50.0)
    price = margin.breakeven_overage(included, users, cost)
    paid = float(margin.mean_revenue(included._replace(overage=price), users))
    assert paid == pytest.approx(100.0 * cost)
    assert margin.breakeven_overage(Tariff(25.0), users, cost) == 0.0
    assert math.isinf(margin.breakeven_cap(Tariff(25.0), users, cost))


@examples(20)
@given(st.floats(0.02, 0.25) | st.floats(-0.15, -0.02), st.floats(0.4, 0.9), st.floats(500.0, 60_000.0))
def test_money_with_a_floor_is_the_same_counted_one_by_one_or_in_the_mean(pace: float, rate: float, day: float) -> None:
    # replicas of 8 that take 100 requests a day, 4 USD an hour, or a cluster of 256 at a part of that
    growing = traffic.compound(day, pace)
    floors = floors_of_size(4.0, 4.0 * rate, 256.0)
    pools = [traffic.Pool(100.0, 8.0, least=floor / 8.0) for _, floor in floors]
    one = traffic.Measure([8.0 * weight for weight, _ in floors])
    exact, mean = (
        float(cumulative(traffic.measures(growing, pools, [one], 720.0, count)[0], 720.0)) for count in (4096, 16)
    )
    days = (np.arange(72_000) + 0.5) / 100
    gpus = 8.0 * np.ceil(np.asarray(traffic.rate(growing, days)) / 100.0)
    by_hand = float(np.mean(np.minimum(4.0 * gpus, 4.0 * rate * np.maximum(gpus, 256.0))) * 720.0)
    assert exact == pytest.approx(by_hand, rel=1e-3)
    assert mean == pytest.approx(by_hand, rel=0.02)


@pytest.mark.parametrize(
    ("rate", "start", "unit"), [(0.5, 0.2, 0.01), (2.0, 0.2, 0.1), (1.0, 1.5, 0.02), (0.3, 0.2, 6.0), (1.0, 0.5, 2.0)]
)
def test_a_machine_that_is_off_is_that_of_a_simulation(rate: float, start: float, unit: float) -> None:
    # times in units of the hold; the machine is looked at when a unit that is paid ends
    rng, cycles = np.random.default_rng(1), 3000
    on = cold = requests = 0.0
    for _ in range(cycles):
        now, last, met = 0.0, start, 1  # the request that starts it is served after the start
        ahead = rng.exponential(1.0 / rate)
        while True:
            end = max(last + 1.0, now)
            end = math.ceil(end / unit - 1e-9) * unit
            while ahead < end:
                met += ahead < start
                requests += 1
                last, ahead = max(ahead, start), ahead + rng.exponential(1.0 / rate)
            if last + 1.0 <= end:
                break
            now = end
        requests, on, cold = requests + 1, on + end, cold + met
    found = idle.random(rate, start, 1.0, unit)
    assert float(found.paid) == pytest.approx(on / (on + cycles / rate), rel=0.08)
    assert float(found.cold) == pytest.approx(cold / requests, rel=0.12)
