"""Crossing times that have a closed form, asked as a user asks them; the formulas are beside the numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from llmcost.engine.demand import segments as sg
from llmcost.engine.demand import traffic as demand
from tests.conftest import Cli

MONTH = 365.25 / 12
ASKED = ("crossover", "--train-cost", "100M", "--cost-per-request", "0.05", "--requests", "1M/day", "--json")
NEEDED = 100e6 / 0.05  # requests: 2 billion


def days(cli: Cli, *more: str) -> float:
    return float(cli(*ASKED, *more).json["result"]["crossover_days"])


def test_constant(cli: Cli) -> None:
    assert days(cli) == 2000.0


def test_compound(cli: Cli) -> None:
    # r0 (e^(k t) - 1) / k = 2e9 with k = ln 1.1 / month; 633.2 is the figure of the issue
    k = math.log(1.1) / MONTH
    exact = math.log1p(k * NEEDED / 1e6) / k
    assert days(cli, "--growth", "10%/mo") == pytest.approx(exact, rel=1e-9)
    assert round(exact, 1) == 633.2


def test_compound_of_another_period_is_the_same(cli: Cli) -> None:
    # 2x a year is 2^(1/12) - 1 a month
    k = math.log(2) / 365.25
    assert days(cli, "--growth", "2x/y") == pytest.approx(math.log1p(k * NEEDED / 1e6) / k, rel=1e-9)


def test_linear(cli: Cli) -> None:
    # r0 t + s t^2 / 2 = 2e9
    s = 500e3 / MONTH
    exact = (-1e6 + math.sqrt(1e12 + 2 * s * NEEDED)) / s
    assert days(cli, "--added-requests", "500k/day") == pytest.approx(exact, rel=1e-9)


def test_compound_up_to_a_ceiling(cli: Cli) -> None:
    # grows to 3M a day at ln 3 / k, then stays
    k = math.log(1.1) / MONTH
    turn = math.log(3) / k
    exact = turn + (NEEDED - 1e6 * (3 - 1) / k) / 3e6
    assert days(cli, "--growth", "10%/mo", "--ceiling", "3M/day") == pytest.approx(exact, rel=1e-9)


def test_logistic(cli: Cli) -> None:
    # K/k (softplus(k (t - m)) - softplus(-k m)) = 2e9, k = ln(K/r0 - 1) / m: t = m + ln(e^x - 1) / k
    top, m = 10e6, 12 * MONTH
    k = math.log(top / 1e6 - 1) / m
    x = NEEDED * k / top + math.log1p(math.exp(-k * m))
    exact = m + math.log(math.expm1(x)) / k
    got = days(cli, "--ceiling", "10M/day", "--adoption-midpoint", "12mo")
    assert got == pytest.approx(exact, rel=1e-9)


def test_price_decline_under_constant_traffic(cli: Cli) -> None:
    # 50,000 a day falling 10 % a year: (1 - e^(-l t)) / l = 2000, l = -ln 0.9 / 365.25
    fall = -math.log(0.9) / 365.25
    assert days(cli, "--price-decline", "10%/y") == pytest.approx(-math.log1p(-2000 * fall) / fall, rel=1e-9)


def test_growth_against_price_decline_efficiency_and_discount(cli: Cli) -> None:
    # the paces add: k = ln 1.1/month + (ln 0.7 - ln 1.2 - ln 1.08) / year
    k = math.log(1.1) / MONTH + (math.log(0.7) - math.log(1.2) - math.log(1.08)) / 365.25
    falling = ("--price-decline", "30%/y", "--efficiency-gain", "20%/y", "--discount", "8%/y")
    exact = math.log1p(k * 2000) / k
    assert days(cli, "--growth", "10%/mo", *falling) == pytest.approx(exact, rel=1e-9)


def test_series_of_straight_lines(cli: Cli, tmp_path: Path) -> None:
    # 0 to 4M a day over 100 days is 200M requests at $0.05: $10M; then 4M a day: 90M / 200,000 = 450 days more
    path = tmp_path / "traffic.csv"
    path.write_text("day,requests\n0,0\n100,4000000\n", "utf-8")
    asked = ("crossover", "--train-cost", "100M", "--cost-per-request", "0.05", "--traffic", str(path), "--json")
    assert cli(*asked).json["result"]["crossover_days"] == pytest.approx(550.0, rel=1e-12)


def test_trained_again(cli: Cli) -> None:
    # $0.5M a day: level with $100M on day 200, behind $200M on day 365.25, level on day 400; on day 730.5 $365M > $300M
    asked = ("crossover", "--train-cost", "100M", "--cost-per-request", "0.05", "--requests", "10M/day", "--json")
    answer = cli(*asked, "--retrain-every", "12mo", "--horizon", "2.5y").json
    run = [c for c in answer["crossings"] if c["scope"] == "run"]
    overtakes, again = "inference overtakes training", "training overtakes inference again"
    assert [c["event"] for c in run] == [overtakes, again, overtakes]
    assert [c["day"] for c in run] == pytest.approx([200.0, 365.25, 400.0])
    assert answer["result"]["status"] == "crosses and falls back"
    assert "day 365 training, day 400 inference" in answer["result"]["reason"]


def test_inference_compute_overtakes_after_three_times_the_training_tokens(cli: Cli) -> None:
    # 6 N D of training over 2 N a token served (Kaplan et al. 2020, arXiv:2001.08361, section 2.1): 3 D
    asked = (
        *("--params", "70B", "--tokens", "1T", "--hardware", "h100-sxm", "--mfu", "40%", "--isl", "800"),
        *("--osl", "200"),
    )
    result = cli("crossover", *asked, "--requests", "10M/day", "--json").json["result"]
    assert result["flops_crossover_tokens"] == pytest.approx(3e12, rel=1e-9)
    assert result["flops_crossover_days"] == pytest.approx(3e12 / 1000 / 10e6, rel=1e-9)


@pytest.mark.parametrize(
    "traffic",
    [
        demand.compound(1e6, 0.1),
        demand.compound(1e6, 0.1, 5e6),
        demand.linear(1e6, 2e5),
        demand.compound(3e6, -0.1),
        demand.logistic(1e5, 1e7, 400.0),
        demand.series([-30.0, 0.0, 50.0, 100.0, 400.0], [1e5, 2e5, 9e5, 3e5, 1e6]),
    ],
    ids=["compound", "capped", "linear", "shrinking", "logistic", "series"],
)
def test_a_fleet_of_whole_replicas_is_the_sum_of_its_days(traffic: demand.Traffic) -> None:
    # midpoints of 400,000 intervals, rounded up one by one
    pools = [demand.Pool(137e3, 8.0), demand.Pool(50e3, 2.0)]
    first = float(demand.requests(traffic).start[0])
    edges = np.linspace(first, 1000.0, 400_001)
    middle = (edges[1:] + edges[:-1]) / 2
    per_day = demand.rate(traffic, middle)
    brute = sum(p.size * np.ceil(per_day / p.capacity - 1e-9) for p in pools)
    total = float(np.sum(brute) * (edges[1] - edges[0]))
    assert float(sg.cumulative(demand.fleet(traffic, pools, 1000.0, 2048), 1000.0)) == pytest.approx(total, rel=3e-6)
    assert float(sg.cumulative(demand.fleet(traffic, pools, 1000.0, 16), 1000.0)) == pytest.approx(total, rel=3e-3)
