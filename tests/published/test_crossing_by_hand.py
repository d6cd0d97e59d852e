"""Crossings and plans by hand: prices that fall, work that gets more efficient, programmes, tokens, and users.

1,000 requests a day at $0.001 are $365.25 a year. At a pace of k a year, with h = e^-k left after one, a year takes
365.25 (1 - h) / k: half of a price left, 263.47; a quarter, 197.60.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.engine.demand import margin, usage
from llmcost.engine.demand.idle import mean_wait, random, steady, wait
from llmcost.engine.demand.segments import cumulative, segments
from llmcost.engine.money import owning
from llmcost.engine.money.renting import floors_of_size, range_of_quotes
from llmcost.estimate.actuals.past import Past
from llmcost.estimate.asking.values import OwningNumbers, ServingNumbers
from llmcost.estimate.fleet.plans import Offer, Plan, arrays, economics
from llmcost.estimate.fleet.sizing import Fleet, curve, hours, size
from llmcost.estimate.lifetime.curves import _after
from llmcost.estimate.money.rent import BySize, Job, Terms

YEAR = 365.25
MONTH = YEAR / 12
GIVEN: dict[str, Any] = {"cost_per_request": "0.001", "requests": "1000/day", "horizon": "1y", "samples": 1}


def crossed(**said: Any) -> dict[str, Any]:
    return dict(api.crossover(**{**GIVEN, **said}).result)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({}, 1.0),
        ({"price_decline": "50%/y"}, 0.5),
        ({"efficiency_gain": "100%/y"}, 0.5),
        ({"discount": "100%/y"}, 0.5),
        ({"price_decline": "50%/y", "discount": "100%/y"}, 0.25),
        ({"price_decline": "50%/y", "efficiency_gain": "100%/y"}, 0.25),
    ],
)
def test_a_year_of_spend_that_falls(said: dict[str, str], left: float) -> None:
    spent = YEAR * (1 - left) / -math.log(left) if left < 1 else YEAR
    found = crossed(train_cost="100", **said)
    assert found["inference_usd_at_horizon"] == pytest.approx(spent)
    assert found["requests_at_horizon"] == pytest.approx(1000 * YEAR)
    assert found["inference_share"] == pytest.approx(spent / (spent + 100))
    # 100 dollars on the day on which 365.25 (1 - left^t) / k is 100
    day = -math.log(1 - 100 / YEAR * -math.log(left)) / -math.log(left) * YEAR if left < 1 else 100.0
    assert found["crossover_days"] == pytest.approx(day)
    assert found["crossover_requests"] == pytest.approx(1000 * day)


def test_energy_gets_more_efficient_and_no_cheaper() -> None:
    """100 kWh of training against 1 Wh a request: 1 kWh a day. Halved in a year by efficiency, untouched by prices."""
    said: dict[str, Any] = {"train_energy": "100kWh", "energy_per_request": "1Wh", "train_cost": "1000"}
    assert crossed(**said)["energy_crossover_days"] == pytest.approx(100.0)
    assert crossed(**said, price_decline="50%/y", discount="9%/y")["energy_crossover_days"] == pytest.approx(100.0)
    later = crossed(**said, efficiency_gain="100%/y")["energy_crossover_days"]
    assert later == pytest.approx(-math.log(1 - 100 / YEAR * math.log(2)) / math.log(2) * YEAR)


def test_a_programme_around_a_given_run() -> None:
    """$100, experiments as much again and staff half of all compute: 100 x 2 x 1.5 (arXiv 2405.21015, section 2.5), and $20 of data."""
    found = crossed(train_cost="100", experiments=1, staff=0.5, data_cost=20, scope="program")
    assert found["training_usd_program"] == pytest.approx(320.0)
    assert found["program_crossover_days"] == pytest.approx(320.0)
    assert found["run_crossover_days"] == pytest.approx(100.0)
    assert found["inference_share_program"] == pytest.approx(YEAR / (YEAR + 320))


def test_without_traffic_parity_is_in_requests() -> None:
    """$100 over $0.001; GPT-4o at $2.50 and $10 a million tokens (openai.com/api/pricing): 1,000 in, 500 out, $0.0075."""
    given = {**GIVEN, "train_cost": "100"}
    del given["requests"], given["horizon"]
    assert api.crossover(**given).result["crossover_requests"] == pytest.approx(1e5)
    bought: dict[str, Any] = {"train_cost": "75", "api": "openai/gpt-4o", "isl": 1000, "osl": 500}
    found = api.crossover(**bought).result
    assert found["crossover_requests"] == pytest.approx(1e4)
    assert found["crossover_tokens"] == pytest.approx(1.5e7)


def test_what_was_served_before_counts() -> None:
    """100,000 requests by launch are $100 of them: the other $100 of $200 take 100 days."""
    found = crossed(train_cost="200", served="100k")
    assert found["crossover_days"] == pytest.approx(100.0)
    assert found["crossover_requests"] == pytest.approx(2e5)
    assert found["training_usd_per_request_served"] == pytest.approx(200 / (1e5 + 1000 * YEAR))


def test_traffic_that_is_found_backwards() -> None:
    """$100 by day 50 take $2 a day: 2,000 requests, or twice the price at 1,000 a day."""
    assert crossed(train_cost="100", solve="traffic", at="50d")["solved_requests_per_day"] == pytest.approx(2000.0)
    dear = crossed(train_cost="100", solve="price", at="50d")
    assert dear["solved_usd_per_request"] == pytest.approx(0.002)


PLAN: ServingNumbers = {"requests_per_user": 10.0, "usage_spread": 1.0, "usage_tail": 2.0, "isl": 50.0, "osl": 100.0,
                        "users": 1000.0}  # fmt: skip


def offer(kind: str, said: Plan, users: str | None = None) -> Offer:
    tail = "usage_spread" if kind == usage.LOGNORMAL else "usage_tail"
    return Offer("plan", said, kind, "requests_per_user", tail, users)


def test_a_plan_of_pareto_users() -> None:
    """304.4 requests a month in the mean, a = 2, x_m half of it; capped at 20 a day, 608.75: E min(X, c) = m - x_m^2 / c.

    $20 a month against 10 cents: those above 200 requests lose, (x_m / 200)^2 of them; top 1 %: 0.01^(1/2) of all use.
    """
    mean, cap = 10 * MONTH, 20 * MONTH
    made = mean - (mean / 2) ** 2 / cap
    found = economics(offer("pareto", {"price": 20.0, "cap": 20.0}, "users"), PLAN, 0.1)
    assert found["served_requests_per_user_month"] == pytest.approx(made)
    assert found["cost_usd_per_user_month"] == pytest.approx(made * 0.1)
    assert found["margin_usd_per_user_month"] == pytest.approx(20 - made * 0.1)
    assert found["margin_usd_per_month"] == pytest.approx(1000 * (20 - made * 0.1))
    assert found["loss_making_share"] == pytest.approx((mean / 2 / 200) ** 2)
    assert found["top_1_percent_share"] == pytest.approx(0.1)
    assert found["lossless_cap_requests_per_month"] == pytest.approx(200.0)
    assert found["median_requests_per_user_month"] == pytest.approx(mean / 2 * math.sqrt(2))
    assert found["breakeven_subscription_usd"] == pytest.approx(made * 0.1)
    # the cap whose mean is 200 requests: m - x_m^2 / c = 200
    assert found["breakeven_cap_requests_per_month"] == pytest.approx((mean / 2) ** 2 / (mean - 200))


def test_users_of_a_plan_side_by_side() -> None:
    """At the median of Pareto users 215.2 requests at 10 cents, of which $20 are paid and 5 a day included, 2 cents beyond."""
    (rows,) = arrays([offer("pareto", {"price": 20.0, "included": 5.0, "overage_price": 0.02})], PLAN,
                     {"usd_per_request": 0.1}, lambda _: {"usd_per_request": 0.1}).values()  # fmt: skip
    row: Any = next(row for row in rows if row["quantile"] == 0.5)
    wanted = 10 * MONTH / 2 * math.sqrt(2)
    revenue = 20 + (wanted - 5 * MONTH) * 0.02
    assert row["requests_per_month"] == pytest.approx(wanted)
    assert row["revenue_usd_per_user_month"] == pytest.approx(revenue)
    assert row["margin_usd_per_user_month"] == pytest.approx(revenue - wanted * 0.1)
    assert row["share_above"] == pytest.approx(math.sqrt(0.5))


def test_lognormal_use() -> None:
    """Mean 10, s = 1: median 10 e^-1/2; E min(X, 10) = 10 Phi(-1/2) + 10 Phi(-1/2), as z = 1/2 there; above 10: Phi(-1/2)."""
    half = 0.3085375387259869  # Phi(-1/2), Abramowitz and Stegun, table 26.1
    assert float(usage.quantile("lognormal", 10.0, 1.0, 0.5)) == pytest.approx(10 * math.exp(-0.5))
    assert float(usage.capped_mean("lognormal", 10.0, 1.0, 10.0)) == pytest.approx(20 * half)
    assert float(usage.above("lognormal", 10.0, 1.0, 10.0)) == pytest.approx(half)
    assert float(usage.top_share("lognormal", 1.0, half)) == pytest.approx(
        1 - half
    )  # those above the mean: Phi(1 - 1/2)
    assert usage.cap_for("lognormal", 10.0, 1.0, 20 * half) == pytest.approx(10.0)
    drawn = usage.sample("pareto", 10.0, 4.0, 200_000, 1)
    assert float(drawn.min()) == pytest.approx(7.5, rel=1e-3)
    assert float(drawn.mean()) == pytest.approx(10.0, rel=0.01)
    assert float(np.log(usage.sample("lognormal", 10.0, 0.5, 200_000, 1)).std()) == pytest.approx(0.5, rel=0.01)


def test_who_loses_money_where_overage_is_dearer_than_a_request() -> None:
    """$10, 100 included, 3 cents beyond, 20 cents... a request costs 0.15: losses between 66.7 and where overage makes up.

    Margin at 100: 10 - 15 = -5; beyond, each earns 0.20 - 0.15: zero again at 200. Pareto, mean 100, a = 2, x_m = 50:
    (50 / 66.67)^2 - (50 / 200)^2 of the users. A cap of 150 between: all above 66.67 lose; one of 60: none.
    """
    users = margin.Users("pareto", 100.0, 2.0)
    tariff = margin.Tariff(10.0, overage=0.20, included=100.0)
    assert float(margin.loss_making_share(tariff, users, 0.15)) == pytest.approx(0.75**2 - 0.25**2)
    assert float(margin.loss_making_share(tariff._replace(cap=150.0), users, 0.15)) == pytest.approx(0.75**2)
    assert float(margin.loss_making_share(tariff._replace(cap=60.0), users, 0.15)) == 0.0
    # overage below the cost: losses begin beyond the included ones, 20 - 15 = 5 at 100, and 5 / 0.1 later
    late = margin.Tariff(20.0, overage=0.05, included=100.0)
    assert float(margin.loss_making_share(late, users, 0.15)) == pytest.approx((50 / 150) ** 2)
    assert float(margin.loss_making_share(margin.Tariff(0.0, per_request=0.2), users, 0.15)) == 0.0
    assert float(margin.margin(late, 120.0, 0.15)) == pytest.approx(20 - 120 * 0.15 + 20 * 0.05)
    assert margin.breakeven_overage(tariff, users, 0.15) == pytest.approx((100 * 0.15 - 10) / 25)
    assert margin.breakeven_overage(tariff._replace(included=math.inf, subscription=9.0), users, 0.15) == pytest.approx(
        (15 - 9) / (50**2 / 60)
    )


def test_a_machine_that_is_off_between_requests() -> None:
    """Ten an hour at random, 60 s to start, off after 300: on in the mean e^(lambda H) - 1 over lambda, 60 and half a unit.

    By the hour (a unit beyond 300 s) it stays to the end of paid hours: b (n - 1 + e^(lambda H)), n = 1.
    """
    rate, grown = 10 / 3600, math.exp(10 / 3600 * 300)
    on = rate * (60 + 30) + grown - 1
    found = random(rate, 60.0, 300.0, 60.0)
    assert float(found.paid) == pytest.approx(on / (1 + on))
    assert float(found.cold) == pytest.approx((1 + rate * 60) / (1 + on))
    assert float(found.slope) == pytest.approx(rate / (1 + on))
    by_hour = rate * 3600 * grown
    assert float(random(rate, 60.0, 300.0, 3600.0).paid) == pytest.approx(by_hour / (1 + by_hour))
    two = rate * 200 * (2 - 1 + math.exp(rate * 150))  # 60 + 150 s begin two units of 200
    assert float(random(rate, 60.0, 150.0, 200.0).paid) == pytest.approx(two / (1 + two))
    assert float(mean_wait(found, 60.0)) == pytest.approx(float(found.cold) * 60 - float(found.slope) * 1800)
    even = steady(1 / 3600, 60.0, 290.0, 60.0)
    assert (float(even.paid), float(even.cold), float(even.slope)) == pytest.approx((360 / 3600, 1.0, 0.0))
    assert float(wait(even, 60.0, 0.99)) == 60.0
    assert float(wait(steady(1 / 60, 60.0, 290.0, 60.0), 60.0, 0.99)) == 0.0


def test_an_owned_hour_and_when_it_beats_a_rented_one() -> None:
    """$1.40 standing, 12 cents in use, 2 idle; at 40 % of the hours (1.40 + 0.048 + 0.012) / 0.4 = 3.65."""
    assert float(owning.own_usd_per_used_hour(1.4, 0.12, 0.02, 0.4)) == pytest.approx(3.65)
    assert float(owning.breakeven_occupancy(1.4, 0.12, 0.02, 3.65)) == pytest.approx(0.4)
    assert float(owning.breakeven_occupancy(1.4, 0.12, 0.02, 0.09)) == math.inf  # rent below the electricity of use
    # 10 % over four years: 0.1 / (1 - 1.1^-4) = 0.315471; a quarter comes back, on which interest alone is due
    a = 0.1 / (1 - 1.1**-4)
    assert float(owning.capital_usd_per_hour(8766.0, 0.25, 0.1, 4.0)) == pytest.approx(0.75 * a + 0.25 * 0.1)


OWNED: OwningNumbers = {
    "purchase_price": 20_000.0, "server_over_chip": 1.5, "interconnect_share": 0.2, "cost_of_capital": 0.0,
    "hardware_life": 5 * YEAR * 86_400, "residual_value": 0.1, "facility_cost": 10e6, "facility_life_years": 20.0,
    "maintenance": 0.04, "operations_staff": 876.6, "tdp_watts": 700.0, "server_factor": 1.5, "average_load": 0.8,
    "idle_load": 0.2, "pue": 1.2, "electricity_price": 0.1, "utilization": 0.5, "occupancy": 0.8,
}  # fmt: skip


def test_the_parts_of_an_owned_hour() -> None:
    """$20,000 a chip, 30,000 with its server, 37,500 with a fifth of network; 1,050 W of server, $10M of building a MW.

    Without interest nine tenths over 5 years; the building over 20; 4 % of upkeep; a tenth of a dollar of staff. Serving
    at half of the capacity it draws 0.2 + 0.6 x 0.5, training 0.8; the fifth of hours not used 0.2.
    """
    from llmcost.estimate.money.owning import _owned, _total

    for serves, load in ((True, 0.5), (False, 0.8)):
        found = _owned(OWNED, serves)
        watt = 1050 * 1.2 * 0.1 / 1000
        by_hand = {
            "accelerators": 20_000 * 0.9 / 5 / 8766, "servers": 10_000 * 0.9 / 5 / 8766,
            "cluster network": 7_500 * 0.9 / 5 / 8766, "building, power and cooling": 1050 * 10 / 20 / 8766,
            "maintenance": 0.04 * 37_500 / 8766, "staff": 0.1, "electricity": load * watt * 0.8 + 0.2 * watt * 0.2,
        }  # fmt: skip
        assert found.parts == pytest.approx({name: usd / 0.8 for name, usd in by_hand.items()})
        assert float(_total(OWNED, serves)) == pytest.approx(sum(by_hand.values()) / 0.8)
        assert (found.in_use, found.idle) == pytest.approx((load * watt, 0.2 * watt))
        assert found.breakeven(0.9 * found.usd_per_hour) != found.breakeven(None)


def test_quotes_that_lie_apart() -> None:
    """$1 and $4, median 2: ln 4 / 2 of each side; with w = 8 of sigma 0.35: nu = 9, t = 1.833 (Abramowitz and Stegun 26.10).

    s^2 = (8 x 0.35^2 + 2 x 0.6931^2) / 9 = 0.21566; sqrt(1 + pi / 4) = 1.3362.
    """
    low, high = range_of_quotes([1.0, 4.0], 2.0, 0.35, 8.0)
    wide = math.exp(1.833 * math.sqrt(0.21566) * 1.3362)
    assert (low, high) == pytest.approx((2 / wide, 2 * wide), rel=1e-3)
    assert floors_of_size(2.0, 2.5, 256.0) == [(2.0, 0.0)]  # a cluster that is dearer is not rented


def test_the_hours_of_a_day_by_hand() -> None:
    """One request a second of 80 accelerator-seconds, replicas of 8: half of it for 12 hours and 1.5 for 12; 5 and 15 replicas."""
    half = np.repeat([0.5, 1.5], 12)
    p: ServingNumbers = {"requests": 86_400.0, "peak_load": 1.0, "price": 2.0, "peak_to_average": 1.5}
    kinds = [("replica", 8, 80.0)]
    for follows, gpus in ((True, (40, 120)), (False, (120, 120))):
        fleet = Fleet(peaked=True, hourly=half, follows=follows)
        rows = hours(fleet, kinds, size(fleet, kinds, p), p, math.inf, 0.0)
        assert [rows[i]["gpus"] for i in (0, 23)] == pytest.approx(gpus)
        assert [rows[i]["requests_per_second"] for i in (0, 23)] == pytest.approx([0.5, 1.5])
        assert [rows[i]["utilization"] for i in (0, 23)] == pytest.approx([40 / gpus[0], 1.0])


def test_hours_that_nobody_asks_hold_nothing_where_a_fleet_may_be_off() -> None:
    """Nothing for 12 hours, and 2 a second for 12: 20 replicas of 8 and 2 spares, or none. One that stays holds 1 and 2 spares.

    A fleet that follows uses 80 % of what it holds; half an hour ahead it holds a 48th more of twice the mean.
    """
    day = np.repeat([0.0, 2.0], 12)
    p: ServingNumbers = {"requests": 86_400.0, "peak_load": 0.8, "price": 2.0, "peak_to_average": 2.0}
    for least, off in ((0, 0.0), (1, 3.0)):
        fleet = Fleet(peaked=True, hourly=day, follows=True, spares=2, least=least)
        counts, share = curve(fleet, [("replica", 8, 80.0)], 1.0, 1.0, p)
        assert float(np.sum(counts * share)) == pytest.approx(8 * (off + 22) / 2)
        assert float(fleet.planned(p)) == pytest.approx(0.8)
    early = Fleet(peaked=True, hourly=day, follows=True, reaction_hours=0.5)
    assert float(early.planned(p)) == pytest.approx(0.8 / (1 + 0.5 * 2 / 24))
    assert float(Fleet(peaked=True, hourly=day).planned(p)) == pytest.approx(0.4)


def test_what_a_mix_could_save_and_where_a_base_breaks_even() -> None:
    """$1 committed, $2 by the hour, a quarter of it spot at 0.40: peaks cost 1.60, so a base is used from 62.5 % on.

    5 of 15 replicas are held all the time and 10 for half of it, less than 62.5 %: the cheapest base is 5.
    """
    half = np.repeat([0.5, 1.5], 12)
    p: ServingNumbers = {"requests": 86_400.0, "peak_load": 1.0, "price": 2.0, "peak_to_average": 1.5,
                         "reserved_price": 1.0, "spot_share": 0.25, "spot_price": 0.4}  # fmt: skip
    found = size(Fleet(peaked=True, hourly=half, mixed=True), [("replica", 8, 80.0)], p)
    assert float(found["gpus_reserved"]) == 40
    assert float(found["reserve_share"]) == pytest.approx(1 / 3)
    assert float(found["breakeven_utilization_reserved"]) == pytest.approx(1 / 1.6)
    assert float(found["gpus_mean"]) == pytest.approx(40 + 40)
    two = size(Fleet(peaked=True), [("prefill", 8, 80.0), ("decode", 4, 40.0)], p | {"peak_load": 0.8})
    assert (float(two["gpus"]), float(two["prefill_gpus"])) == (19 * 8 + 19 * 4, 19 * 8)  # 15 replicas / 0.8
    assert float(two["utilization"]) == pytest.approx(120 / (19 * 12))


@pytest.mark.parametrize(("what", "name", "middle"), [("traffic", "solved_requests_per_day", 2000.0),
                                                      ("price", "solved_usd_per_request", 0.002)])  # fmt: skip
def test_what_is_found_backwards_is_as_uncertain_as_what_it_follows_from(what: str, name: str, middle: float) -> None:
    """Training of $50 to $200 in nine of ten worlds: half and twice of what $100 wants."""
    found = api.crossover(**{**GIVEN, "samples": 2000}, train_cost="50..200", solve=what, at="50d")
    of = found.ranges[name]
    assert of.p50 == pytest.approx(middle)
    assert (of.p5, of.p95) == pytest.approx((middle / 2, middle * 2), rel=0.05)


def test_a_plan_goes_on_at_the_pace_that_was_measured() -> None:
    """5 a day, then 20 of 10 planned: of the last two days twice the plan, so 20 a day from day 4 on, half as much more or less."""
    plan = segments(np.array([0.0]), np.array([[10.0]]), 0.0)
    past = Past(np.array([5.0, 5.0, 20.0, 20.0]), None, 0.0, 2)
    found = _after(past, past.usd, plan, 1.0, 16)
    assert [float(cumulative(found, day)) for day in (2.0, 4.0, 6.0)] == pytest.approx([10.0, 50.0, 90.0])
    assert float(cumulative(_after(past, past.usd, plan, 1.5, 16), 6.0)) == pytest.approx(50 + 60)


def test_what_a_crossing_is_most_sensitive_to() -> None:
    """Training of $25 to $400, four times either way, a request of 0.05 to 0.2 cents, twice: ln days is their difference.

    At the ends of one, the other at its middle: days 25 and 400; 200 and 50. Twice the spread is four times the variance:
    80 and 20 % of it.
    """
    said = {"train_cost": "25..400", "cost_per_request": "0.0005..0.002", "requests": "1000/day", "horizon": "20y"}
    rows: Any = api.crossover(**said, samples=4000).arrays["sensitivity"]
    assert [row["input"] for row in rows] == ["train_cost", "cost_per_request"]
    assert [(row["days_at_low"], row["days_at_high"]) for row in rows] == [
        pytest.approx((25.0, 400.0)),
        pytest.approx((200.0, 50.0)),
    ]
    assert [row["swing_days"] for row in rows] == pytest.approx([375.0, 150.0])
    assert [row["spread_share"] for row in rows] == pytest.approx([0.8, 0.2], abs=0.02)


def test_rates_by_the_size_of_a_job() -> None:
    """$4 by the hour, $2.50 in a cluster of 256 rented for two weeks: 86,016 h are one. A term at 60 % of it on demand."""
    by_size = BySize(4.0, 2.5, 256.0, 336.0)
    for job, rate in (
        (Job(100.0), 4.0),
        (Job(200.0), 3.2),
        (Job(1000.0), 2.5),
        (Job(None, 86_016.0), 2.5),
        (Job(None, 33_600.0), 4.0),
    ):
        assert float(by_size.rate(job)) == pytest.approx(rate)
        assert float(Terms(by_size=by_size, planned=4.0).price_of(job, 5.0)) == pytest.approx(rate * 5 / 4)
    floors = Terms(by_size=by_size, planned=4.0).floors(5.0)
    assert sum(float(rate) * max(200.0, floor) for rate, floor in floors) == pytest.approx(200 * 3.2 * 5 / 4)
    plain = Terms(4.0)
    assert (plain.price_of(Job(9.0), 5.0), plain.floors(5.0), plain.usd_per_hour) == (5.0, [(5.0, 0.0)], 4.0)
    p: ServingNumbers = {"price": 2.0, "reserved_price": 1.1, "spot_price": 0.5}
    assert (plain.reserved_price(p), plain.spot_price(p)) == (1.1, 0.5)
    told = Terms(4.0, reserved=0.6, spot=0.4)
    assert (told.reserved_price(p), told.spot_price(p)) == pytest.approx((1.2, 0.8))
