"""Machines at home, by hand from measured draws: a desktop with one card, and machines that are sold as one."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api
from tests.conftest import Cli

ONE_SECOND: dict[str, Any] = {  # a request is one second of one machine that always works
    "tokens_per_second": "100/s", "isl": 100, "osl": 100, "utilization": "100%", "commitment": "electricity",
    "electricity_price": "0.2/kWh",
}  # fmt: skip


@pytest.mark.parametrize(
    ("hardware", "watts"),
    [
        # 450 W x 1.1 (464 and 509 W at the wall, github.com/geerlingguy/ai-benchmarks) x 0.87 (392 W of 450 in
        # decode, github.com/noonghunna/club-3090 docs/HARDWARE.md)
        ("rtx4090", 450 * 1.1 * 0.87),
        ("apple-m3-ultra-512gb", 243),  # 223 to 262 W at the wall, github.com/geerlingguy/ai-benchmarks
        ("dgx-spark", 137),  # 122.8 to 156 W
        ("strix-halo", 136),  # 133 to 140 W
    ],
)
def test_a_machine_at_home_costs_what_it_draws_at_the_wall(hardware: str, watts: float) -> None:
    found = api.serve(hardware=hardware, **ONE_SECOND)
    kwh = watts / 1000 / 3600
    assert found.result["wh_per_request"] == pytest.approx(1000 * kwh)
    assert found.result["usd_per_request"] == pytest.approx(0.2 * kwh)
    assert found.result["electricity_usd_per_mtok"] == pytest.approx(0.2 * kwh / 200 * 1e6)
    assert found.inputs["pue"].value == 1.0


@pytest.mark.parametrize(
    ("hardware", "low", "high"),
    [("rtx4090", 392, 509), ("apple-m3-ultra-512gb", 223, 262), ("dgx-spark", 123, 156), ("strix-halo", 133, 140)],
)
def test_the_range_holds_what_was_measured(hardware: str, low: float, high: float) -> None:
    found = api.serve(hardware=hardware, **ONE_SECOND).ranges["wh_per_request"]
    assert found.p5 is not None
    assert found.p95 is not None
    assert found.p5 * 3600 < low * 1.05  # the measured ones are peaks
    assert found.p95 * 3600 > high * 0.95


def test_a_rented_card_stands_in_a_server() -> None:
    asked = {k: v for k, v in ONE_SECOND.items() if k != "commitment"}
    found = api.serve(hardware="rtx4090", price="0.4/h", **asked)
    assert found.inputs["server_factor"].value == pytest.approx(1.8)


def test_owning_at_home_has_no_building_and_no_staff() -> None:
    found = api.serve(model="llama-3.1-8b", hardware="rtx4090", isl=100, osl=100, commitment="owned")
    for key in ("facility_cost", "maintenance", "operations_staff", "interconnect_share"):
        assert found.inputs[key].value == 0.0
    asked = api.serve(model="llama-3.1-8b", hardware="h100-sxm", isl=100, osl=100, commitment="owned")
    assert asked.inputs["operations_staff"].value != 0.0


def test_a_mac_needs_no_price_to_say_what_it_draws() -> None:
    found = api.serve(model="llama-3.1-8b", dtype="int4", hardware="apple-m4-32gb", isl=1000, osl=300)
    assert found.result["usd_per_request"] is None
    assert found.result["electricity_usd_per_mtok"] is not None
    assert found.result["electricity_usd_per_request"] is not None


def test_quiet_says_what_a_machine_without_a_price_can_answer(cli: Cli) -> None:
    """243 W for a second are 0.0675 Wh; at $0.2 a kWh, over 200 tokens: $0.0675 a million."""
    load = ("--tokens-per-second", "100/s", "--isl", "100", "--osl", "100", "--utilization", "100%")
    found = cli("serve", "-H", "apple-m3-ultra-512gb", *load, "--electricity-price", "0.2/kWh", "-q")
    assert float(found.out) == pytest.approx(0.0675)
    assert "this is electricity_usd_per_mtok" in found.err


def test_a_stated_degree_says_how_many_cards() -> None:
    """70.6B parameters of half a byte take 35 GB: two cards of 24 GB hold them, and four ranks were asked for."""
    asked: dict[str, Any] = {"model": "llama-3.1-70b", "dtype": "int4", "hardware": "rtx4090", "isl": 1000, "osl": 200}
    assert api.serve(**asked, tp=4, samples=100).result["gpus_per_replica"] == 4
