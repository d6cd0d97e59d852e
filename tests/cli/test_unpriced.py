"""A price that nobody quotes never blocks: speed, hours and energy are answered, and dollars are null."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from llmcost.estimate.money.unpriced import KEPT
from llmcost.terms import TERMS
from tests.conftest import Cli

SERVE = ["serve", "-m", "llama-3.1-8b", "-H", "gaudi3", "--isl", "1000", "--osl", "300", "--samples", "50"]
DESKTOP = ["serve", "-m", "llama-3.1-8b", "-H", "m3-max", "--isl", "1000", "--osl", "300", "--samples", "50"]
TRAIN = ["train", "-m", "llama-3.1-8b", "-H", "gaudi3", "--gpus", "8", "--tokens", "1B", "--samples", "50"]


@pytest.mark.parametrize("args", [SERVE, DESKTOP, TRAIN], ids=["serve", "desktop", "train"])
def test_everything_but_dollars_is_answered(cli: Cli, args: list[str]) -> None:
    run = cli(*args, "--json")
    assert run.code == 0, run.err
    found, priced = run.json, cli(*args, "--price", "1/h", "--json").json
    dollars = {key for key in found["result"] if key in TERMS and TERMS[key].kind.startswith("usd")} - set(KEPT)
    assert dollars
    assert all(found["result"][key] is None for key in dollars)
    assert not dollars & set(found["ranges"])
    shown_here = {"electricity_usd_per_mtok"}  # beside a price it is in the price
    rest = {key: value for key, value in found["result"].items() if key not in dollars | shown_here}
    assert rest == {key: priced["result"][key] for key in rest}, "the rest is what it is at any price"
    assert found["breakdown"] == []
    (caveat,) = [w for w in found["warnings"] if w["code"] == "W025"]
    assert "--price" in caveat["hint"]
    assert found["headline"].count("of electricity") == 1, "what it draws needs no rent"
    assert found["headline"].endswith("no price is known for it, so other dollars are not given.")


def test_a_row_without_a_price_stays_without_a_rank(cli: Cli) -> None:
    args = ["compare", "-m", "llama-3.1-8b", "--isl", "1000", "--osl", "300", "--vary", "hardware=gaudi3,h100-sxm"]
    rows = {row["name"]: row for row in cli(*args, "--samples", "50", "--json").json["alternatives"]}
    assert rows["gaudi3"]["usd_per_request"] is None
    assert rows["gaudi3"]["ratio"] is None
    assert "no price is known" in rows["gaudi3"]["reason"]
    assert rows["h100-sxm"]["ratio"] == 1.0


def test_a_term_that_a_provider_does_not_quote_is_a_row_that_says_so(cli: Cli) -> None:
    asked = ("compare", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300", "--requests", "9k/day")
    for more in ((), ("--train-cost", "5M", "--growth", "5%/mo")):
        run = cli(
            *asked, *more, "--against", "rent:lambda:spot", "--against", "rent:lambda", "--samples", "50", "--json"
        )
        assert run.code == 0, run.err
        rows = {row["name"]: row for row in run.json["alternatives"]}
        assert rows["rent:lambda"]["ratio"] == pytest.approx(1.0, abs=0.2)
        assert rows["rent:lambda:spot"]["ratio"] is None
        assert (
            "provider lambda quotes no h100-sxm spot: it has h100-sxm on-demand" in rows["rent:lambda:spot"]["reason"]
        )


def test_a_crossover_without_a_price_is_one_of_electricity(cli: Cli) -> None:
    asked = (
        "crossover",
        "-m",
        "llama-3.1-8b",
        "-H",
        "m4-max",
        "--method",
        "lora",
        "--tokens",
        "1M",
        "--seq-len",
        "1024",
    )
    run = cli(*asked, "--isl", "1000", "--osl", "300", "--requests", "100/day", "--samples", "50", "--json")
    found = run.json["result"]
    assert (run.code, found["basis"], found["training_usd"]) == (0, "kwh", None)
    by_hand = found["training_kwh"] / (found["kwh_per_request"] * 100)  # days until serving has drawn as much
    assert found["crossover_days"] == pytest.approx(by_hand)


def test_a_card_at_home_is_on_household_electricity_until_rent_is_said(cli: Cli) -> None:
    asked = (
        "serve",
        "-m",
        "llama-3.1-8b",
        "-H",
        "rtx4090",
        "--isl",
        "1000",
        "--osl",
        "300",
        "--samples",
        "50",
        "--json",
    )
    home, there = (cli(*asked, *more).json for more in ((), ("--commitment", "electricity")))
    assert home["result"]["wh_per_request"] == there["result"]["wh_per_request"]
    # Wh of 1,300 tokens at $0.17 a kWh: dollars of a million tokens
    by_hand = home["result"]["wh_per_request"] / 1300 * 1e6 / 1000 * 0.17
    assert home["result"]["electricity_usd_per_mtok"] == pytest.approx(by_hand)
    for rented in (("--price", "0.4/h"), ("--provider", "runpod"), ("--gpus", "2")):
        assert cli(*asked, *rented).json["inputs"]["pue"]["value"] > 1


def test_a_desktop_without_a_price_has_no_rank(cli: Cli) -> None:
    args = ["compare", "-m", "llama-3.1-8b", "--isl", "1000", "--osl", "300", "--vary", "hardware=m3-max,rtx4090"]
    rows = {row["name"]: row for row in cli(*args, "--samples", "50", "--json").json["alternatives"]}
    assert rows["m3-max"]["usd_per_request"] is None
    assert rows["rtx4090"]["ratio"] == 1.0


def test_a_sweep_has_no_dollars_without_a_price(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    args = ["sweep", "-m", "llama-3.1-8b", "-H", "gaudi3", "--isl", "1000", "--osl", "300", "--vary", "osl=100,300"]
    assert cli(*args, "-o", str(file)).code == 0
    (row, _) = csv.DictReader(file.read_text().splitlines())
    assert float(row["tpot_seconds"]) > 0
    assert {row[name] for name in row if name in TERMS and TERMS[name].kind.startswith("usd")} == {""}


def test_a_ladder_of_costs_needs_a_price(cli: Cli) -> None:
    run = cli(*SERVE, "--ladder")
    assert run.code == 2
    assert "no price is known" in run.err


def test_machines_that_are_there_cost_what_they_draw(cli: Cli) -> None:
    args = [
        *("serve", "-m", "llama-3.1-8b", "-H", "rtx4090", "--gpus", "1", "--dtype", "int4", "--isl", "1000"),
        *("--osl", "300"),
    ]
    said = ["--commitment", "electricity", "--electricity-price", "0.10/kWh", "--pue", "1", "--utilization", "100%"]
    found = cli(*args, *said, "--json").json
    p = {key: found["inputs"][key]["value"] for key in ("tdp_watts", "server_factor", "average_load", "price")}
    # kW at the load of use x $/kWh: TDP x server factor x busy load / 1000 x 0.10
    assert p["price"] == pytest.approx(p["tdp_watts"] * p["server_factor"] * p["average_load"] / 1000 * 0.10, rel=1e-6)
    assert "purchase_price" not in found["inputs"]


def test_a_fleet_that_hardly_works_costs_what_idle_machines_draw(cli: Cli) -> None:
    args = ["serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--gpus", "1", "--isl", "1000", "--osl", "100"]
    found = cli(*args, "--requests", "1/day", "--commitment", "electricity", "--samples", "500", "--json").json
    p = {key: found["inputs"][key]["value"] for key in ("tdp_watts", "server_factor", "idle_load", "pue")}
    price = found["inputs"]["electricity_price"]["value"]
    # a month of 730.5 h, kW at idle, PUE and $/kWh; one request a day uses a ten-thousandth of the machine
    kwh = 730.5 * p["tdp_watts"] * p["server_factor"] * p["idle_load"] * p["pue"] / 1000
    assert found["result"]["usd_per_month"] == pytest.approx(kwh * price, rel=0.01)
    ends = found["ranges"]["usd_per_month"]
    assert 0.0 < ends["p5"] < kwh * price < ends["p95"], "no month pays its owner"
