"""Costs of training runs as Epoch AI publishes them, from the inputs that they state.

Cottier et al. 2024, arXiv:2405.21015; github.com/epoch-research/training-cost-trends at 263c40a: model_costs.csv holds
the costs, "data/All ML Systems - full view.csv" hardware, hours and chips, "data/Hardware prices.csv" prices,
"data/PCU518210518210.csv" the price index, development_cost.ipynb dates and values at the start, energy.py power and
electricity. Inferred, because no file states them: the month of the dollars (December 2024, which gives every figure
below) and the 170 W of TPU v4 (which give both its amortised costs).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import pytest

from llmcost import api
from llmcost.engine.money import energy
from llmcost.engine.money import hardware as money
from tests.conftest import Cli

DECLINE, NETWORK = 0.14, 0.19
DOLLARS = 119.349  # producer price index of data processing and hosting, December 2024
A100_SERVER = 24_875.0  # DGX A100 of 8 at $199,000, 2020-05-21
TPU_V4_SERVER = 5_167.0 * 1.64  # equivalent price x server overhead
A100_POWER = (400.0, 6.5 / 8 / 0.4, 0.75)  # W, server factor, average load
TPU_V4_POWER = (170.0, 1.56, 0.43)


class Published(NamedTuple):
    """A run as stated, and its three costs [USD]."""

    chips: float
    price: float  # per accelerator with its server
    bought: dt.date
    started: dt.date
    hours: float
    rented_hours: float
    rate: float  # 3-year commitment
    power: tuple[float, float, float]
    pue: float
    electricity: float
    deflator: float  # of the month of publication
    amortised: float
    cloud: float
    acquisition: float


RUNS = {
    # Azure, $1.36 in the file. In use from 90 days after the release of 2020-05-14; finished in August 2022, 95 days of training
    "GPT-4": Published(
        25_000, A100_SERVER, dt.date(2020, 8, 12), dt.date(2022, 5, 12), 57e6, 57e6, 1.36, A100_POWER, 1.25, 0.0806,
        117.766, 40_695_706.40406813, 78_562_016.88093337, 778_066_898.6709992,
    ),
    # $1.45 in the file, 2022-05-11. 57,000 chips x 2,400 h are rented, 132M chip-hours are stated
    "Gemini 1.0 Ultra": Published(
        57_000, TPU_V4_SERVER, dt.date(2021, 5, 20), dt.date(2023, 5, 10), 132e6, 57_000 * 2_400, 1.45, TPU_V4_POWER,
        1.1, 0.0806, 119.029, 28_309_604.039022215, 198_893_275.08422318, 597_913_206.2830626,
    ),
    # published 2022-04-04, less 64 days of training and 60 days before publication
    "PaLM (540B)": Published(
        6_144, TPU_V4_SERVER, dt.date(2021, 5, 20), dt.date(2021, 12, 1), 8_404_992, 6_144 * 1_536, 1.45, TPU_V4_POWER,
        1.1, 0.0832, 117.091, 2_864_192.456611229, 13_947_799.456518434, 65_515_455.855884165,
    ),
    # AWS in the file: $1.81, 2022-12-09. A100 of 80 GB: released 2020-11-16, 90 days later; published 2023-07-18, less 72 and 60 days
    "Llama 2-70B": Published(
        1_000, A100_SERVER, dt.date(2021, 2, 14), dt.date(2023, 3, 8), 1_720_320, 1_000 * 1_728, 1.81, A100_POWER,
        1.1, 0.0806, 118.355, 1_102_561.1942339484, 3_153_947.702420683, 30_967_792.282164294,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_epoch_amortised(name: str) -> None:
    run = RUNS[name]
    value = money.value_at_start(run.price, DECLINE, (run.started - run.bought).days / 365.25)
    hardware = run.hours * money.consumed_usd_per_hour(value, DECLINE) * (1 + money.interconnect_ratio(NETWORK))
    electricity = energy.facility_kwh(run.hours, *run.power, run.pue) * run.electricity
    assert (hardware + electricity) * DOLLARS / run.deflator == pytest.approx(run.amortised, rel=1e-9)


@pytest.mark.parametrize("name", RUNS)
def test_epoch_acquisition_and_cloud(name: str) -> None:
    run = RUNS[name]
    cluster = run.chips * run.price * (1 + money.interconnect_ratio(NETWORK))
    assert cluster * DOLLARS / run.deflator == pytest.approx(run.acquisition, rel=1e-9)
    assert run.rented_hours * run.rate * DOLLARS / run.deflator == pytest.approx(run.cloud, rel=1e-9)


@pytest.mark.parametrize(
    ("definition", "given", "cost"),
    [
        ("amortised", ("--purchase-price", "24875", "--hardware-age", "638d"), 40_695_706.40406813),
        ("rental", ("--price", "1.36/h"), 78_562_016.88093337),
        ("acquisition", ("--purchase-price", "24875"), 778_066_898.6709992),
    ],
)
def test_gpt_4_as_a_user_asks(cli: Cli, definition: str, given: tuple[str, ...], cost: float) -> None:
    # the preset has 400 W and 6.5 kW for 8; 75 % load, PUE 1.25 and 19 % for the network are the defaults
    run = ("--gpu-hours", "57M", "--gpus", "25000", "--hardware", "a100-40gb-sxm", "--electricity-price", "0.0806/kWh")
    answer = cli("train", *run, "--cost-definition", definition, *given, "--json").json
    assert answer["result"]["total_usd"] * DOLLARS / 117.766 == pytest.approx(cost, rel=1e-9)
    assert answer["result"]["cost_definition"] == definition


def test_openai_2024_beside_the_run_and_beside_the_programme(cli: Cli) -> None:
    # Epoch AI: 7 % of compute spend in final runs, 64 % other R&D, 29 % inference: 29/36 and 29/100
    spend = ("--train-cost", "7", "--experiments", str(64 / 7), "--staff", "0")
    traffic = ("--cost-per-request", "29", "--requests", "1/day", "--horizon", "1d")
    result = cli("crossover", *spend, *traffic, "--json").json["result"]
    assert result["inference_share"] == pytest.approx(29 / 36)
    assert result["inference_share_program"] == pytest.approx(0.29)


def test_programme_by_hand(cli: Cli) -> None:
    # DeepSeek-V3's 5.576M (arXiv:2412.19437, table 1): experiments 2 x, staff 0.5 x (1 + 2), 1M of data: 5.576 x 4.5 + 1
    run = ("--gpu-hours", "2.788M", "--price", "2/h", "--experiments", "2", "--staff", "0.5", "--data-cost", "1M")
    result = cli("train", *run, "--scope", "program", "--json").json["result"]
    assert result["run_usd"] == 5_576_000
    assert result["total_usd"] == result["program_usd"] == pytest.approx(26_092_000)


def test_energy_carbon_and_equivalents_by_hand(cli: Cli) -> None:
    # 1M h x 400 W x 2.03125 x 0.75 x 1.2 = 731,250 kWh; x 0.4 kg; / 10,715 kWh a home; / 4,600 kg a car;
    # 1,000 GPUs for 1,000 h: 731.25 kW; 1M h / (5 x 8,766 h) x 985.5 kg embodied
    run = ("--gpu-hours", "1M", "--gpus", "1000", "--hardware", "a100-40gb-sxm", "--price", "1/h")
    result = cli("train", *run, "--pue", "1.2", "--carbon-intensity", "400g/kWh", "--json").json["result"]
    assert result["energy_kwh"] == pytest.approx(731_250)
    assert result["power_watts"] == pytest.approx(731_250)
    assert result["co2e_kg"] == pytest.approx(292_500)
    assert result["homes_year"] == pytest.approx(731_250 / 10_715)
    assert result["cars_year"] == pytest.approx(292_500 / 4_600)
    assert result["embodied_co2e_kg"] == pytest.approx(1e6 / (5 * 8_766) * 985.5)
    assert result["water_litres"] is None


def test_water_where_the_region_states_it(cli: Cli) -> None:
    # presets/regions/meta.toml: 0.19 L per kWh of computing: the meter's kWh over the PUE
    run = ("--gpu-hours", "1M", "--hardware", "a100-40gb-sxm", "--price", "1/h", "--region", "meta", "--pue", "1.2")
    result = cli("train", *run, "--json").json["result"]
    assert result["water_litres"] == pytest.approx(result["energy_kwh"] / 1.2 * 0.19)


def test_a_cluster_goes_by_a_reserved_price_and_a_node_by_the_hour() -> None:
    """A year's H100 contracts of neoclouds: $2.35 in March 2026 (SemiAnalysis index); on demand $1.9 to 12.3, median 4.0."""
    asked: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "tokens": "1T", "samples": 50}
    cluster, node = (api.train(gpus=gpus, **asked) for gpus in (256, 8))
    assert (cluster.inputs["commitment"].value, node.inputs["commitment"].value) == ("1-year", "on-demand")
    assert cluster.inputs["price"].value == pytest.approx(2.35, rel=0.1)
    assert node.inputs["price"].value == pytest.approx(4.0, rel=0.1)
    said = api.train(gpus=256, commitment="on-demand", **asked)
    assert said.inputs["price"].value == node.inputs["price"].value


def test_a_run_of_uncounted_accelerators_pays_by_its_hours_and_longer_ones_never_less() -> None:
    # 256 accelerators give 256 x 14 x 24 = 86,016 hours in two weeks
    def told(hours: float) -> tuple[Any, Any, Any]:
        one = api.train(gpu_hours=hours, hardware="h100-sxm", samples=50)
        return one.inputs["commitment"].value, one.inputs["price"].value, one.result["total_usd"]

    term, hour, _ = told(1e6)
    small, by_hour, _ = told(1e4)
    assert (term, small) == ("1-year", "on-demand")
    assert api.train(gpu_hours=1e6, hardware="h100-sxm", commitment="on-demand").inputs["price"].value == by_hour
    assert told(80e3)[2] == pytest.approx(86_016 * hour)
    totals = [told(hours)[2] for hours in (1e4, 5e4, 6e4, 7e4, 86_016, 9e4, 1e6)]
    assert totals == sorted(totals)


def test_counted_accelerators_pay_for_the_smallest_cluster_where_that_is_less() -> None:
    # 200 by the hour cost 200 h, all of a cluster of 256 costs 256 c: less where c/h < 0.78; 100 of them never do
    asked: dict[str, Any] = {"gpu_hours": 1e4, "hardware": "h100-sxm", "samples": 50}
    fee = {n: api.train(gpus=n, **asked).inputs["price"].value for n in (100, 200, 256)}
    by_hour = api.train(gpus=256, commitment="on-demand", **asked).inputs["price"].value
    assert fee[100] == by_hour
    assert fee[256] / by_hour < 200 / 256
    assert fee[200] == pytest.approx(fee[256] * 256 / 200)
