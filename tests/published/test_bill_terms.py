"""Terms of bills, fleets and lifetimes, each by hand: what the rows of a bill hold, and not only that they add up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.catalog import Catalog
from llmcost.engine.demand.margin import Tariff, Users, breakeven_overage, mean_revenue
from llmcost.engine.demand.week import held, over_time
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.asking.values import ServingNumbers, TimeNumbers, TrainingNumbers, training_numbers
from llmcost.estimate.fleet.plans import Offer, economics
from llmcost.estimate.fleet.sizing import Fleet, curve, size
from llmcost.estimate.lifetime.course import Course
from llmcost.estimate.money.quotes import price_table, rental_quote
from llmcost.estimate.training.bill import Bill
from llmcost.estimate.training.methods import Phase
from llmcost.estimate.training.throughput import goodput_of
from tests.conftest import Cli

MONTH = 30.4375  # days: 365.25 / 12


def test_a_cluster_is_chips_servers_and_network() -> None:
    """Cottier et al. 2024, arXiv 2405.21015, appendix A: the network is 19 % of the cluster.

    1,000 chips of $30,000, servers 1.6 times the chips: 1,000 x 30,000 x 1.6 / 0.81 = $59.26M.
    """
    p: TrainingNumbers = {"purchase_price": 30_000.0, "server_over_chip": 1.6, "interconnect_share": 0.19}
    rows = {row.name: row.quantity * row.rate_usd for row in Bill("acquisition", "run", None, 1000.0).rows(p, {})}
    assert rows == pytest.approx({"accelerators": 30e6, "servers": 18e6, "cluster network": 48e6 * 0.19 / 0.81})
    assert sum(rows.values()) == pytest.approx(1000 * 30_000 * 1.6 / 0.81)
    with_server: TrainingNumbers = {"purchase_price": 30_000.0, "interconnect_share": 0.19}
    assert Bill("acquisition", "run", None, 10.0).totals(with_server, {})["total_usd"] == pytest.approx(3e5 / 0.81)


def test_an_amortised_run_pays_what_it_wears_out_and_its_electricity() -> None:
    """Section 2.2: 30,000 x 10^(-0.14 x 2) is left after two years; an hour takes r ln 10 / 8,766 of it."""
    p: TrainingNumbers = {"purchase_price": 30_000.0, "interconnect_share": 0.19, "hardware_price_decline": 0.14,
         "hardware_age": 2 * 365.25 * 86400, "electricity_price": 0.1, "experiments": 1.0, "staff": 0.5}  # fmt: skip
    hour = 30_000 * 10 ** (-0.28) * 0.14 * math.log(10) / 8766 / 0.81
    found = Bill("amortised", "run", None, None).totals(p, {"gpu_hours": 1000.0, "energy_kwh": 700.0})
    assert found["run_usd"] == pytest.approx(1000 * hour + 70)
    # section 2.5: experiments as much again, staff half of all compute
    assert found["program_usd"] == pytest.approx(found["run_usd"] * 2 * 1.5)


def test_a_run_by_hand_from_flops_to_days(cli: Cli) -> None:
    """6 x 7e9 x 1e11 FLOP at 40 % of 989.4e12 (H100 datasheet): 2,948 h; over 90 % goodput, times 1.25 billed."""
    asked = "train --params 7e9 --tokens 100B --hardware h100-sxm --gpus 64 --mfu 40% --goodput 90% --overhead 1.25"
    result = cli(*asked.split(), "--price", "2/h", "--json").json["result"]
    compute = 6 * 7e9 * 1e11 / (989.4e12 * 0.4)
    assert result["compute_gpu_hours"] == pytest.approx(compute / 3600, rel=1e-3)
    assert result["gpu_hours"] == pytest.approx(compute / 3600 / 0.9 * 1.25, rel=1e-3)
    assert result["duration_seconds"] == pytest.approx(compute / 64 / 0.9 * 1.25, rel=1e-3)
    assert result["total_usd"] == pytest.approx(2 * result["gpu_hours"])


def test_a_phase_at_half_the_pace_takes_twice_as_long() -> None:
    """1e6 tokens of 1e9 FLOP at 40 % of 1e15: 2.5 s; a forward pass that runs at half that MFU: 5 s."""
    p: TrainingNumbers = {"tokens": 1e6, "peak_flops": 1e15, "mfu": 0.4}
    assert Phase("training", ("tokens",), 0.0, 1e9).seconds(p) == pytest.approx(2.5)
    assert Phase("teacher", ("tokens",), 0.0, 1e9, False, 0.5).seconds(p) == pytest.approx(5.0)


def test_a_term_without_a_market_is_less_sure_than_on_demand() -> None:
    """Its discount is a range too: widths add like variances, so each end is further out than that of on-demand."""
    catalog = Catalog()
    table = price_table(catalog, None)
    few = [h for h, term in table if term == "on-demand" and len(table[h, term]) >= 3 and not table.get((h, "3-year"))]
    assert few
    base, term = (rental_quote(catalog, few[0], c, None, None).rate for c in ("on-demand", "3-year"))
    assert isinstance(base, Spread)
    assert isinstance(term, Spread)
    assert term.p50 < base.p50
    wide = [math.log(spread.p95 / spread.p50) for spread in (base, term)]
    assert wide[0] < wide[1] < math.hypot(wide[0], 0.3)  # 1.8 x 0.11 and a little: what discounts differ by


def test_energy_of_a_request_counts_idle_time_at_idle_power(cli: Cli) -> None:
    """Fan et al. 2007, doi:10.1145/1250662.1250673: idle + (busy - idle) x use, of a machine on all the time.

    100 tokens at 1,000 a second: 0.1 s busy, 0.2 s at 50 %.
    """
    asked = "serve --tokens-per-second 1000/s --hardware h100-sxm --isl 100 --osl 100 --price 2/h --utilization 50%"
    answer = cli(*asked.split(), "--json").json
    p: dict[str, Any] = {k: v["value"] for k, v in answer["inputs"].items()}
    p |= {k: v.get("p50", v) if isinstance(v, dict) else v for k, v in p.items()}
    load = p["idle_load"] + (p["average_load"] - p["idle_load"]) * 0.5
    watts = p["tdp_watts"] * p["server_factor"] * load * p["pue"]
    assert answer["result"]["wh_per_request"] == pytest.approx(0.2 * watts / 3600)
    assert answer["result"]["usd_per_request"] == pytest.approx(0.2 * 2 / 3600)


HALF_AND_HALF = np.repeat([0.5, 1.5], 12)
REPLICA = [("replica", 8, 80.0)]  # 8 accelerators, 80 accelerator-seconds a request: 0.1 requests a second
TRAFFIC: ServingNumbers = {"requests": 86_400.0, "peak_load": 1.0, "price": 2.0, "peak_to_average": 1.5}


@pytest.mark.parametrize(
    ("fleet", "mean", "held_at_peak"),
    [
        (Fleet(peaked=True, hourly=HALF_AND_HALF, follows=True), (5 + 15) / 2, 15),
        (Fleet(peaked=True, hourly=HALF_AND_HALF, follows=True, spares=2), (7 + 17) / 2, 17),
        (Fleet(peaked=True, hourly=HALF_AND_HALF, follows=True, spares=2, regions=2), 2 * (5 + 10) / 2, 20),
        (Fleet(peaked=True, hourly=HALF_AND_HALF, follows=True, least=8), (8 + 15) / 2, 15),
        (Fleet(peaked=True, hourly=HALF_AND_HALF, spares=2), 17, 17),
    ],
)
def test_a_fleet_through_the_day_by_hand(fleet: Fleet, mean: float, held_at_peak: float) -> None:
    """One request a second: half of it for 12 hours, 5 replicas, and 15 for the others; two regions: 2.5 and 7.5 each."""
    found = size(fleet, REPLICA, TRAFFIC)
    assert float(found["gpus_mean"]) == pytest.approx(8 * mean)
    assert float(found["gpus"]) == 8 * held_at_peak
    assert float(found["usd_per_hour_fleet"]) == pytest.approx(16 * mean)
    assert float(found["utilization"]) == pytest.approx(80 / (8 * mean))
    if fleet.follows:
        counts, share = curve(fleet, REPLICA, 1.0 / fleet.regions, 1.0, TRAFFIC)
        assert float(over_time(counts, share)) == pytest.approx(8 * mean)


def test_a_mix_pays_its_base_always_and_its_peaks_by_the_hour() -> None:
    """5 replicas committed at $1, 10 more for half of the time at $2, a quarter of those on spot at $0.40."""
    fleet = Fleet(peaked=True, hourly=HALF_AND_HALF, mixed=True, reserve=1 / 3)
    p = TRAFFIC | {"reserved_price": 1.0, "spot_share": 0.25, "spot_price": 0.4}
    found = size(fleet, REPLICA, p)
    assert float(found["gpus_reserved"]) == 40
    assert float(found["gpus_on_demand_mean"]) == pytest.approx(30)
    assert float(found["gpus_spot_mean"]) == pytest.approx(10)
    assert float(found["usd_per_hour_fleet"]) == pytest.approx(40 * 1 + 30 * 2 + 10 * 0.4)


def test_a_quarter_of_an_hour_ahead_is_paid_for_a_quarter_of_the_time() -> None:
    """Two, then five: 0.75 of the time (2 + 5) / 2, 0.25 of it five: 3.875. An hour and a quarter of 1, 1, 5: 3.667."""
    assert float(over_time(*held(np.array([2.0, 5.0]), 0.25))) == pytest.approx(3.875)
    # windows of two hours hold 1, 5, 5 for three quarters, of three hours 5, 5, 5 for a quarter
    assert float(over_time(*held(np.array([1.0, 1.0, 5.0]), 1.25))) == pytest.approx(0.75 * 11 / 3 + 0.25 * 5)


def test_a_subscription_breaks_even_at_what_its_user_costs() -> None:
    """10 a day at 10 cents: 304.375 x 0.1 = $30.44 a month, whatever the plan asks today."""
    offer = Offer("plan", {"price": 20.0}, "lognormal", "requests_per_user", "usage_spread", None)
    found = economics(offer, {"requests_per_user": 10.0, "usage_spread": 1.0, "isl": 100.0, "osl": 100.0}, 0.1)
    assert found["margin_usd_per_user_month"] == pytest.approx(20 - 10 * MONTH * 0.1)
    assert found["breakeven_subscription_usd"] == pytest.approx(10 * MONTH * 0.1)


def test_nothing_is_beyond_what_a_cap_allows() -> None:
    """Pareto, mean 10, a = 2, so x_m = 5 and E min(X, 10) = 10 - 25/10 = 7.5. A cap below the included requests: no overage."""
    users = Users("pareto", 10.0, 2.0)
    capped = Tariff(3.0, overage=1.0, included=20.0, cap=10.0)
    assert float(mean_revenue(capped, users)) == pytest.approx(3.0)
    assert breakeven_overage(capped, users, 1.0) == 0.0
    # included 10, capped at 20: E min(X, 20) - E min(X, 10) = (10 - 25/20) - 7.5 = 1.25 are beyond
    assert float(mean_revenue(Tariff(3.0, overage=1.0, included=10.0, cap=20.0), users)) == pytest.approx(4.25)


def test_what_requests_pay_counts_before_overage_does() -> None:
    """E min(X, 20) = 8.75 requests at $0.50, of which $0.10 each and $3 are paid: $0.50 is missing, over 1.25 beyond 10."""
    tariff = Tariff(3.0, per_request=0.1, included=10.0, cap=20.0)
    assert breakeven_overage(tariff, Users("pareto", 10.0, 2.0), 0.5) == pytest.approx(0.5 / 1.25)


def test_training_again_costs_less_every_year() -> None:
    """Prices fall 30 % a year: 1 + 0.7 + 0.49 + 0.343 in year three; a discount of 25 % divides them by 1.25 a year."""
    course = Course("constant", None, retrain_days=365.25)
    p: TimeNumbers = {"retrain_cost": 1.0, "price_decline": 0.3}
    plan = course.plan(p, 3.1 * 365.25, dollars=True)
    assert [float(plan.level(j)) for j in range(4)] == pytest.approx([1.0, 1.7, 2.19, 2.533])
    both = course.plan(p | {"discount": 0.25}, 1.1 * 365.25, dollars=True)
    assert float(both.level(-1)) == pytest.approx(1 + 0.7 / 1.25)
    energy = course.plan(p, 1.1 * 365.25, dollars=False)  # kilowatt-hours do not get cheaper
    assert float(energy.level(-1)) == pytest.approx(2.0)


def test_requests_before_the_first_day_share_the_training(cli: Cli) -> None:
    """$1M over 100M requests already served and 100 days of 1M: half a cent each."""
    asked = "crossover --train-cost 1M --cost-per-request 0.001 --requests 1M/day --served 100M --horizon 100d"
    result = cli(*asked.split(), "--json").json["result"]
    assert result["training_usd_per_request_served"] == pytest.approx(0.005)
    assert result["requests_at_horizon"] == pytest.approx(100e6)
    # served: 100M x 0.001 = $0.1M already; the other $0.9M take 900 days
    assert result["crossover_requests"] == pytest.approx(1e9)


GROWN = (
    "crossover --train-cost 10M --train-energy 10GWh --model llama-3.1-8b --hardware h100-sxm --isl 500 --osl 500 "
    "--price 2/h --requests 100M/day --utilization 60% --horizon 20y"
)


def test_traffic_that_hardly_grows_takes_the_electricity_of_constant_traffic(cli: Cli) -> None:
    """Growth of a millionth a month moves nothing: idle and busy power are those of the fleet at launch."""
    still, grown = (cli(*GROWN.split(), *more, "--json").json["result"] for more in ((), ("--growth", "0.0001%/mo")))
    assert grown["energy_crossover_days"] == pytest.approx(still["energy_crossover_days"], rel=1e-3)
    assert grown["crossover_days"] == pytest.approx(still["crossover_days"], rel=1e-3)


def test_owned_machines_and_their_network_are_maintained(cli: Cli) -> None:
    """5 % a year of $30,000 with server and $7,500 of network (20 % of the cluster): 1,875 / 8,766 = $0.2139 an hour.

    Over 5 years without interest and without resale: 30,000 / 5 / 8,766 and a quarter of that for the network.
    """
    asked = (
        "serve --model llama-3.1-8b --hardware h100-sxm --isl 4000 --osl 100 --requests 1M/day --commitment owned "
        "--purchase-price 30k --interconnect-share 20% --maintenance 5% --hardware-life 5y --cost-of-capital 0% "
        "--residual-value 0% --operations-staff 876.6 --occupancy 50%"
    )
    rows = {row["name"]: row["rate_usd"] for row in cli(*asked.split(), "--json").json["breakdown"]}
    by_hand = {
        "owned: accelerators with servers": 30_000 / 5 / 8766 / 0.5,
        "owned: cluster network": 7_500 / 5 / 8766 / 0.5,
        "owned: maintenance": 0.05 * 37_500 / 8766 / 0.5,
        "owned: staff": 0.1 / 0.5,
    }
    assert {name: rows[name] for name in by_hand} == pytest.approx(by_hand)


def test_prompts_alone_pay_for_idle_time(cli: Cli) -> None:
    """A prompt token costs price / utilisation / rate: $2 an hour at 50 %, in the answer and on its front."""
    asked = "serve --model llama-3.1-8b --hardware h100-sxm --isl 4000 --phase prefill --utilization 50% --price 2/h"
    answer = cli(*asked.split(), "--json").json
    result = answer["result"]
    by_hand = 2 * result["gpus_per_replica"] / 3600 / 0.5 / result["input_tokens_per_second"] * 1e6
    assert result["usd_per_mtok_input"] == pytest.approx(by_hand)
    assert answer["front"][0]["usd_per_mtok_input"] == pytest.approx(by_hand)


def test_a_tie_is_shared(tmp_path: Path) -> None:
    """Two that cost the same in every sample: each is the cheaper one in half of them."""
    same = "[[alternative]]\nname = '{}'\ncost_per_request = '0.02..0.04'\n"
    file = tmp_path / "tie.toml"
    file.write_text("requests = '1M/day'\nhorizon = '1y'\n" + same.format("a") + same.format("b"))
    (pair,) = api.compare(str(file)).arrays["pairs"]
    assert pair["delta_usd"] == 0.0
    assert pair["probability_cheaper"] == 0.5


def test_a_token_price_is_by_the_million() -> None:
    """100 tokens at $15 a million: $0.0015 a request, 304.375 of them a month."""
    offer = Offer("plan", {"price_per_mtok_output": 15.0}, "lognormal", "requests_per_user", "usage_spread", None)
    found = economics(offer, {"requests_per_user": 10.0, "usage_spread": 1.0, "isl": 50.0, "osl": 100.0}, 0.001)
    assert found["revenue_usd_per_user_month"] == pytest.approx(10 * MONTH * 0.0015)


def test_failures_come_with_every_accelerator() -> None:
    """Llama 3 405B: 419 interruptions in 54 days of 16,384 (arXiv 2407.21783, section 3.3.4): 0.904, as `goodput` says."""
    each = 54 * 24 * 16_384 / 419
    p = {"gpu_hours_per_failure": each, "gpus": 16_384.0, "checkpoint_seconds": 30.0, "restart_seconds": 300.0}
    assert float(goodput_of(training_numbers(p))) == pytest.approx(0.904, abs=5e-4)


def test_spares_take_no_traffic(cli: Cli) -> None:
    """Who waits, waits for the replicas that work: spares change no latency."""
    asked = "serve --model llama-3.1-8b --hardware h100-sxm --isl 1000 --osl 200 --requests 30M/day --price 2/h"
    bare, spared = (cli(*asked.split(), *more, "--json").json["result"] for more in ((), ("--spares", "3")))
    assert spared["gpus"] > bare["gpus"]
    assert spared["ttft_p95_seconds"] == pytest.approx(bare["ttft_p95_seconds"])


def test_a_rollout_is_a_forward_pass(cli: Cli) -> None:
    """2 N of the 6 N FLOPs of an update (arXiv 2001.08361, section 2.1), attention likewise; the reference policy too."""
    asked = "train --model llama-3.1-8b --hardware h100-sxm --gpus 64 --rollout-tokens 1B --method rl --json"
    answer = cli(*asked.split()).json
    phases = {row["name"]: row["training_flops"] for row in answer["phases"]}
    assert phases["rollouts"] == pytest.approx(phases["updates"] / 3)
    assert phases["reference policy"] == pytest.approx(phases["updates"] / 3)
    error = answer["inputs"]["rollout_error"]["p95"]  # nine in ten of a normal logarithm lie inside 1.645 of its spread
    sigma = next(row["value"] for row in Catalog().factors("serving") if row["name"] == "throughput_log_spread")
    assert math.log(error) == pytest.approx(1.6449 * sigma, rel=1e-4)


def test_a_fleet_that_has_grown_draws_what_one_of_its_size_does(cli: Cli, tmp_path: Path) -> None:
    """100M requests on day 0 and 200M from day 1 on: over decades, the electricity of 200M from the start."""
    file = tmp_path / "traffic.csv"
    file.write_text("day,requests\n0,100000000\n1,200000000\n10000,200000000\n")
    words = GROWN.split()
    at = words.index("--requests")
    bare = [*words[:at], *words[at + 2 :]]
    days = [cli(*bare, *more, "--json").json["result"]["energy_crossover_days"]
            for more in (("--requests", "200M/day"), ("--traffic", str(file)))]  # fmt: skip
    assert days[1] == pytest.approx(days[0], rel=0.01)
