"""`train --solve gpus --at TIME`: the accelerators that a run needs to end in time."""

from __future__ import annotations

import pytest

from llmcost.estimate.training.deadline import fewest
from tests.conftest import Cli

DENSE = ("train", "--params", "70B", "--tokens", "2T", "--hardware", "h100-sxm", "--mfu", "40%", "--goodput", "100%")


def test_accelerators_by_hand(cli: Cli) -> None:
    """6 x 70e9 x 2e12 / (989.4e12 x 0.4) / 86,400 / 30 = 818.9 accelerators: 103 machines of eight."""
    answer = cli(*DENSE, "--solve", "gpus", "--at", "30d", "--json").json
    assert answer["result"]["gpus"] == 824
    assert answer["result"]["at_days"] == 30.0
    assert answer["result"]["duration_seconds"] == pytest.approx(30 * 86400 * 818.9 / 824, rel=1e-3)
    assert answer["inputs"]["gpus"]["origin"] == "computed"
    assert answer["headline"].startswith("824 accelerators are enough for 30.0 d. Training")


def test_the_answer_is_that_of_the_number_found(cli: Cli) -> None:
    args = ("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--hardware", "h100-sxm")
    solved = cli(*args, "--solve", "gpus", "--at", "20d", "--json").json
    gpus = solved["result"]["gpus"]
    direct = cli(*args, "--gpus", str(gpus), "--json").json
    assert {k: v for k, v in solved["result"].items() if k != "at_days"} == direct["result"]
    assert direct["result"]["duration_seconds"] <= 20 * 86400
    fewer = cli(*args, "--gpus", str(gpus - 8), "--json").json["result"]
    dearer = fewer["gpu_hours"] > 1.01 * direct["result"]["gpu_hours"]
    assert dearer or fewer["duration_seconds"] > 20 * 86400


def test_too_soon_is_an_answer(cli: Cli) -> None:
    run = cli("train", "--model", "llama-3.1-405b", "--tokens", "15.6T", "--hardware", "h100-sxm",
              "--solve", "gpus", "--at", "1d", "--json")  # fmt: skip
    assert run.code == 1
    assert run.json["result"]["feasible"] is False
    assert run.json["headline"].startswith("None of 1, 2, 4 to 1,048,576 accelerators ends in 24.0 h: ")


def test_a_dearer_count_is_passed_over() -> None:
    """1,000 accelerator-seconds in 14.2 s: 72, or 80 where 72 lay out badly and would take 1,020 of them."""
    assert fewest(lambda n: 1000 / n, 14.2).gpus == 72
    assert fewest(lambda n: 1000 / (n * (0.98 if n == 72 else 1.0)), 14.2).gpus == 80


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--solve", "gpus"), "--solve without --at"),
        (("--at", "3d"), "--at without --solve"),
        (("--confidence", "90%"), "--confidence: when is the run to end?"),
        (("--solve", "gpus", "--at", "3d", "--confidence", "20%"), "--confidence: 20.0% is not between 50% and 99.9%"),
        (("--solve", "gpu", "--at", "3d"), "'gpu' is not one of gpus"),
        (("--solve", "gpus", "--at", "0d"), "--at: '0d' is not a duration"),
        (("--solve", "gpus", "--at", "3d", "--gpus", "8"), "--gpus fixes it"),
    ],
)
def test_wrong_questions(cli: Cli, extra: tuple[str, ...], said: str) -> None:
    run = cli(*DENSE, *extra)
    assert run.code == 2
    assert said in run.err


def test_the_chance_to_end_in_time_is_that_of_the_mfu(cli: Cli) -> None:
    """6 x 70e9 x 2e12 FLOP on 824 H100 end with 30 % MFU or more in 39.8 days; 30% is the 5 % quantile of 30%..50%."""
    args = (
        *("train", "--params", "70B", "--tokens", "2T", "--hardware", "h100-sxm", "--mfu", "30%..50%"),
        *("--goodput", "100%"),
    )
    limit = 6 * 70e9 * 2e12 / (989.4e12 * 0.3 * 824) / 86400
    answer = cli(*args, "--gpus", "824", "--at", f"{limit}d", "--json").json
    assert answer["result"]["at_probability"] == pytest.approx(0.95, abs=0.01)
    assert answer["headline"].startswith("95.")
    assert float(cli(*args, "--gpus", "824", "--at", f"{limit}d", "-q").out) == answer["result"]["at_probability"]
    asked = (*args, "--gpus", "824", "--at", f"{limit}d", "--confidence")
    met, missed = cli(*asked, "90%", "--json"), cli(*asked, "99%", "--json")
    assert (met.code, missed.code) == (0, 1)
    assert "with a chance of 90.0% it ends within" in met.json["headline"]
    assert ", which is too late. " in missed.json["headline"]
    sure = cli(*args, "--solve", "gpus", "--at", f"{limit}d", "--confidence", "95%", "--json").json
    assert sure["result"]["gpus"] in (824, 832)
    assert sure["result"]["confidence"] == 0.95
    quiet = cli(*args, "--solve", "gpus", "--at", f"{limit}d", "--confidence", "95%", "-q").out
    assert int(quiet) == sure["result"]["gpus"]
    even = cli(*args, "--solve", "gpus", "--at", f"{limit}d", "-q").out
    assert int(even) < sure["result"]["gpus"]


def test_what_is_certain_has_a_chance_of_all_or_nothing(cli: Cli) -> None:
    assert cli(*DENSE, "--gpus", "824", "--at", "30d", "-q").out.strip() == "1"
    assert cli(*DENSE, "--gpus", "816", "--at", "30d", "-q").out.strip() == "0"


def test_a_number_in_the_name_of_the_hardware_is_a_number(cli: Cli) -> None:
    run = ("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--samples", "50", "--at", "300d")
    named, counted = (
        cli(*run, *said, "--json").json["result"]
        for said in (("--hardware", "8xh100"), ("--hardware", "h100", "--gpus", "8"))
    )
    assert named["at_probability"] == counted["at_probability"]
    assert cli(*run, "--hardware", "h100").code == 2
    solved = cli(*run, "--hardware", "8xh100", "--solve", "gpus")
    assert solved.code == 2
    assert "8xh100 fixes it" in solved.err
