"""Cloud instances are hardware: type, number of accelerators and rate, in one name."""

from __future__ import annotations

import pytest

from tests.conftest import Cli

ASK = ["serve", "-m", "llama-3.1-70b", "--isl", "1000", "--osl", "500", "--samples", "50", "--json"]


@pytest.mark.parametrize(
    "name", ["p5.48xlarge", "P5.48XLARGE", "a3-highgpu-8g", "Standard_ND96isr_H100_v5", "ND96isr H100 v5"]
)
def test_eight_h100_by_the_name_of_a_cloud(cli: Cli, name: str) -> None:
    # all three are documented with 8 H100 of 80 GB
    inputs = cli(*ASK, "--hardware", name).json["inputs"]
    assert (inputs["hardware"]["value"], inputs["gpus"]["value"]) == ("h100-sxm", 8)
    assert inputs["gpus"]["origin"].startswith("preset:instances/")


def test_the_rate_is_the_quote_of_the_instance_over_its_accelerators(cli: Cli) -> None:
    # p5.48xlarge, us-east-1, on demand, 2026-09-06: $55.04 an hour for 8
    assert cli(*ASK, "--hardware", "p5.48xlarge").json["inputs"]["price"]["value"] == pytest.approx(55.04 / 8)


def test_what_is_said_stands(cli: Cli) -> None:
    inputs = cli(*ASK, "--hardware", "p5.48xlarge", "--gpus", "4", "--price", "2/h").json["inputs"]
    assert (inputs["gpus"]["value"], inputs["price"]["value"]) == (4, 2.0)
    assert (
        cli(*ASK, "--hardware", "p5.48xlarge", "--provider", "coreweave").json["inputs"]["provider"]["value"]
        == "coreweave"
    )


def test_a_side_of_a_crossover(cli: Cli) -> None:
    args = [
        *("--model", "llama-3.1-8b", "--tokens", "1B", "--isl", "1000", "--osl", "500", "--requests", "1M/day"),
        *("--samples", "50"),
    ]
    inputs = cli("crossover", *args, "--train-hardware", "p5.48xlarge", "--serve-hardware", "l4", "--json").json[
        "inputs"
    ]
    assert inputs["train_hardware"]["value"] == "h100-sxm"
    assert inputs["train_gpus"]["value"] == 8


def test_an_unknown_type_is_an_unknown_hardware(cli: Cli) -> None:
    run = cli(*ASK, "--hardware", "p99.48xlarge")
    assert run.code == 2
    assert "unknown hardware" in run.err


@pytest.mark.parametrize(
    ("name", "chip", "gpus"),
    [("8xh100", "h100-sxm", 8), ("2x RTX 3090", "rtx3090", 2), ("A100 80GB SXM x4", "a100-80gb-sxm", 4), ("2 x p5.48xlarge", "h100-sxm", 16)],
)  # fmt: skip
def test_a_number_and_an_accelerator_in_one_name(cli: Cli, name: str, chip: str, gpus: int) -> None:
    inputs = cli("fit", "-m", "qwen3-32b", "--dtype", "int4", "--hardware", name, "--json").json["inputs"]
    assert (inputs["hardware"]["value"], inputs["gpus"]["value"]) == (chip, gpus)
    assert inputs["gpus"]["origin"] == "flag"


def test_two_numbers_of_accelerators_are_refused(cli: Cli) -> None:
    assert cli(*ASK, "--hardware", "8xh100", "--gpus", "8").json["inputs"]["gpus"]["value"] == 8
    run = cli(*ASK, "--hardware", "8xh100", "--gpus", "4")
    assert run.code == 2
    assert "'8xh100' is 8 accelerators, gpus says 4" in run.err


@pytest.mark.parametrize(("name", "near"), [("8xh1000", ""), ("2x 3080", "rtx3080ti"), ("0x", ""), ("x8", "")])
def test_a_number_of_an_unknown_accelerator(cli: Cli, name: str, near: str) -> None:
    run = cli(*ASK, "--hardware", name)
    assert run.code == 2
    assert "unknown hardware" in run.err
    assert near in run.err
