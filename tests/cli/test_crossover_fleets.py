"""`llmcost crossover` with fleets: owned machines, traffic from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_crossover import result
from tests.conftest import Cli


def test_an_owned_hour_is_told_by_what_it_is_made_of(cli: Cli) -> None:
    machine = (
        "--model",
        "llama-3.1-8b",
        "--hardware",
        "h100-sxm",
        "--isl",
        "1000",
        "--osl",
        "300",
        "--requests",
        "20M/day",
        "--samples",
        "16000",  # draws enough to tell the ends of two ranges apart: of the usual number they vary by 2 %
    )
    owned = (*machine, "--serve-commitment", "owned")
    answer = cli("crossover", "--train-cost", "1M", *owned, "--json").json
    moved = {row["input"]: row for row in answer["sensitivity"]}
    assert "serve_price" not in moved
    assert {"hardware_life", "cost_of_capital", "maintenance", "residual_value"} <= set(moved)
    # machines that live longer are cheaper by the hour, and cheaper hours cross later
    assert moved["hardware_life"]["days_at_low"] < moved["hardware_life"]["days_at_high"]
    # the same world as that of `serve`, whose price is one number: the centre and, nearly, the range
    served = cli("serve", *[x.replace("--serve-", "--") for x in owned], "--json").json
    assert answer["result"]["usd_per_request"] == pytest.approx(served["result"]["usd_per_request"])
    ours, theirs = (a["ranges"]["usd_per_request"] for a in (answer, served))
    assert (ours["p5"], ours["p95"]) == pytest.approx((theirs["p5"], theirs["p95"]), rel=0.05)
    assert "these are owned" in cli("crossover", "--train-cost", "1M", *owned, "--solve", "price", "--at", "1y").err


@pytest.mark.parametrize("fleet", [("--serve-commitment", "mix"), ("--spares", "2", "--serve-regions", "2")])
def test_a_flat_series_is_constant_traffic(cli: Cli, tmp_path: Path, fleet: tuple[str, ...]) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("day,requests\n0,4000000\n100,4000000\n")
    args = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "800", "--osl", "200", *fleet)
    asked = ("crossover", "--train-cost", "300k", *args, "--samples", "100")
    series, constant = (result(cli, *asked, *t) for t in (("--traffic", str(path)), ("--requests", "4M/day")))
    for key in ("crossover_days", "inference_usd_at_horizon", "training_usd_at_horizon", "energy_crossover_days"):
        assert series[key] == pytest.approx(constant[key])


def test_traffic_that_rises_at_once_draws_what_it_draws_from_launch_on(cli: Cli, tmp_path: Path) -> None:
    """Ten times the traffic from the first minutes on; each model draws for its share of the requests."""
    path = tmp_path / "up.csv"
    path.write_text("day,requests\n0,4000000\n0.01,40000000\n4000,40000000\n")
    asked = ("crossover", "--train-cost", "300k", "--train-energy", "300MWh", *FLEET[:-2], "--samples", "1",
             "--technique", "routing=40%:llama-3.2-1b", "--serve-commitment", "on-demand")  # fmt: skip
    rising, constant = (result(cli, *asked, *t) for t in (("--traffic", str(path)), ("--requests", "40M/day")))
    for key in ("crossover_days", "energy_crossover_days"):
        assert rising[key] == pytest.approx(constant[key], abs=0.01)


FLEET = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "800", "--osl", "200", "--requests", "5M/day")


@pytest.mark.parametrize(
    "beside", [(), ("--growth", "2%/mo", "--technique", "response-cache=20%"), ("--serve-commitment", "mix")]
)
def test_a_solved_price_crosses_when_asked(cli: Cli, beside: tuple[str, ...]) -> None:
    at = ("--solve", "price", "--at", "12mo", "--samples", "100")
    cost = "50k" if "mix" in beside else "1M"
    said = result(cli, "crossover", "--train-cost", cost, *FLEET, *beside, *at)
    assert said["crossover_days"] == pytest.approx(365.25, rel=1e-6)


def test_no_price_on_demand_is_enough_where_the_base_has_its_own(cli: Cli) -> None:
    at = ("--solve", "price", "--at", "12mo", "--samples", "100")
    run = cli("crossover", "--train-cost", "1M", *FLEET, "--serve-commitment", "mix", *at)
    assert run.code == 1
    assert "what is committed keeps its own rate" in run.err


def test_compare_has_the_fleets_of_crossover(cli: Cli) -> None:
    asked = (*FLEET, "--growth", "3%/mo", "--train-cost", "1M", "--samples", "100")
    rows = cli("compare", *asked, "--vary", "serve_commitment=mix,owned", "--json").json["alternatives"]
    for row in rows:
        commitment = row["name"].rpartition(" ")[2].rpartition("=")[2]
        alone = result(cli, "crossover", *asked, "--serve-commitment", commitment)
        assert row["crossover_days"] == pytest.approx(alone["crossover_days"])


def test_a_mix_that_both_sides_share_is_that_of_the_fleet(cli: Cli) -> None:
    """The load of a run is even: it goes by its size, as where the mix is said of the served side alone."""
    asked = (
        "crossover",
        *[
            "-m",
            "llama-3.1-8b",
            "-H",
            "h100-sxm",
            "--tokens",
            "1B",
            "--isl",
            "500",
            "--osl",
            "200",
            "--requests",
            "100M/day",
        ],
    )
    shared, served = (
        cli(*asked, key, "mix", "--json").json["result"] for key in ("--commitment", "--serve-commitment")
    )
    assert shared == served
    refused = cli(*asked, "--train-commitment", "mix")
    assert refused.code == 2
    assert "a training run is even" in refused.err
