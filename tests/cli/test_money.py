"""Cost definitions and scopes as a user meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Cli, schema

RUN = ("train", "--gpu-hours", "1M", "--gpus", "1024", "--hardware", "h100-sxm", "--price", "2/h")
BOUGHT = ("train", "--gpu-hours", "1M", "--gpus", "1024", "--hardware", "h100-sxm")
SIDES = ("--cost-per-request", "0.05", "--requests", "10M/day")


@pytest.mark.parametrize("scope", ["run", "program"])
@pytest.mark.parametrize("definition", ["rental", "amortised"])
def test_definition_and_scope_are_always_told(cli: Cli, definition: str, scope: str) -> None:
    run = cli(*BOUGHT, "--cost-definition", definition, "--scope", scope, "--json")
    schema("train").validate(run.json)
    result = run.json["result"]
    assert (result["cost_definition"], result["scope"]) == (definition, scope)
    assert result["total_usd"] == result["run_usd" if scope == "run" else "program_usd"]
    assert result["run_usd"] < result["program_usd"]
    assert f"cost ({definition})" in cli(*BOUGHT, "--cost-definition", definition, "--scope", scope).out


def test_the_default_is_the_rental_of_the_final_run(cli: Cli) -> None:
    answer = cli(*RUN, "--json").json
    assert answer["result"]["total_usd"] == 2_000_000
    assert answer["inputs"]["cost_definition"] == {**answer["inputs"]["scope"], "value": "rental"}
    assert answer["inputs"]["scope"]["value"] == "run"
    assert answer["inputs"]["scope"]["origin"] == "default"


def test_the_programme_has_a_row_for_each_part(cli: Cli) -> None:
    answer = cli(*RUN, "--scope", "program", "--data-cost", "3M", "--storage-cost", "1M", "--json").json
    names = [row["name"] for row in answer["breakdown"]]
    assert names == ["accelerator rental", "experiments and failed runs", "staff", "data", "storage"]
    assert not answer["warnings"]


def test_a_programme_says_what_it_does_not_hold(cli: Cli) -> None:
    run = cli(*RUN, "--scope", "program", "--data-cost", "3M")
    assert "W041 the programme holds no storage: no share of them is published (--storage-cost 1M)" in run.err
    assert "W041" not in cli(*RUN).err


def test_nothing_around_the_run_when_told_so(cli: Cli) -> None:
    result = cli(*RUN, "--scope", "program", "--experiments", "0", "--staff", "0", "--json").json["result"]
    assert result["total_usd"] == result["run_usd"] == 2_000_000


def test_amortised_explains_its_formula(cli: Cli) -> None:
    out = cli(*BOUGHT, "--cost-definition", "amortised", "--scope", "program", "--explain").out
    for said in ("0.14 ln 10 / 8766", "x server 1.31", "1 - network 0.19", "run x (1 + experiments 2)", "2405.21015"):
        assert said in out


def test_a_price_that_holds_the_server_is_not_raised(cli: Cli) -> None:
    # presets/hardware/h200-sxm.toml: the price is that of an HGX server
    args = ("train", "--gpu-hours", "1M", "--hardware", "h200-sxm", "--cost-definition", "amortised", "--json")
    answer = cli(*args).json
    assert "server_over_chip" not in answer["inputs"]
    assert answer["breakdown"][0]["name"] == "accelerators with servers"


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("--cost-definition", "amortized"), "--cost-definition: 'amortized' is not one of"),
        (("--scope", "programme"), "--scope: 'programme' is not one of"),
        (("--cost-definition", "acquisition", "--scope", "program"), "a programme is made of runs"),
        (("--cost-definition", "amortised", "--interconnect-share", "100%"), "--interconnect-share"),
    ],
)
def test_questions_that_make_no_sense(cli: Cli, args: tuple[str, ...], error: str) -> None:
    run = cli(*BOUGHT, *args)
    assert run.code == 2
    assert error in run.err
    assert run.out == ""


def test_what_is_not_known_is_asked_for(cli: Cli) -> None:
    unpriced = cli("train", "--gpu-hours", "1M", "--hardware", "trainium2", "--cost-definition", "amortised")
    assert (unpriced.code, "--purchase-price 30k" in unpriced.err) == (2, True)
    uncounted = cli("train", "--gpu-hours", "1M", "--hardware", "h100-sxm", "--cost-definition", "acquisition")
    assert (uncounted.code, "missing --gpus" in uncounted.err) == (2, True)
    powerless = cli("train", "--gpu-hours", "1M", "--purchase-price", "30k", "--cost-definition", "amortised")
    assert (powerless.code, "electricity" in powerless.err) == (2, True)


def test_a_price_that_is_not_used_is_said(cli: Cli) -> None:
    assert "W042" in cli(*RUN, "--cost-definition", "amortised").err
    assert "W042" not in cli(*RUN).err


def test_an_acquisition_in_a_crossover_is_said(cli: Cli) -> None:
    args = ("crossover", "--gpu-hours", "1M", "--train-hardware", "h100-sxm", "--train-gpus", "1024", *SIDES)
    assert "W040" in cli(*args, "--cost-definition", "acquisition").err
    assert "W040" not in cli(*args, "--cost-definition", "amortised").err


def test_a_crossover_tells_run_and_programme(cli: Cli) -> None:
    args = ("crossover", "--gpu-hours", "10M", "--train-price", "2/h", *SIDES, "--experiments", "2", "--staff", "0.5")
    run = cli(*args, "--json").json["result"]
    program = cli(*args, "--scope", "program", "--json").json["result"]
    for result in (run, program):
        assert result["training_usd"] == 20_000_000
        assert result["training_usd_program"] == pytest.approx(90_000_000)  # x (1 + 2) x (1 + 0.5)
        assert result["inference_share_program"] < result["inference_share"]
    assert run["crossover_days"] == pytest.approx(40)  # at 500,000 a day
    assert program["crossover_days"] == pytest.approx(180)
    assert program["crossover_usd"] == pytest.approx(90_000_000)


def test_a_given_training_cost_is_the_final_run_with_a_programme_around_it(cli: Cli) -> None:
    args = ("crossover", "--train-cost", "150M", *SIDES, "--json")
    result = cli(*args).json["result"]
    assert result["training_usd_program"] == pytest.approx(738e6)  # x (1 + 2) x (1 + 0.64)
    assert (result["crossover_days"], result["program_crossover_days"]) == pytest.approx((300.0, 1476.0))
    asked = cli(*args, "--scope", "program").json["result"]
    assert (asked["crossover_days"], asked["run_crossover_days"]) == pytest.approx((1476.0, 300.0))


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        (("--price", "2.5/mo"), True),
        (("--price", "2500/h"), True),
        (("--price", "0.2..40/h"), False),
        (("--price", "2/h", "--mfu", "100%"), True),
        (("--price", "2/h", "--mfu", "60%"), False),
        (("--price", "2/h", "--mfu", "40%", "--tokens", "2"), True),
    ],
)
def test_what_is_far_outside_of_what_has_been_published_is_said(cli: Cli, said: tuple[str, ...], warned: bool) -> None:
    tokens = () if "--tokens" in said else ("--tokens", "1T")
    work = ("--gpu-hours", "1M") if "--mfu" not in said else ("-m", "llama-3.1-8b", "--gpus", "64", *tokens)
    run = cli("train", "-H", "h100-sxm", *work, *said)
    assert (run.code, "W043" in run.err) == (0, warned), run.err


def test_what_may_cost_nothing_is_given_as_zero(cli: Cli) -> None:
    """Hours of a grant, a building that is there, no staff: dollars are zero, the plan and the energy are those of any price."""
    asked = ("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "500", "--osl", "200", "--requests", "1M/day")
    free, paid = (cli(*asked, "--price", price, "--samples", "1", "--json") for price in ("0/h", "2/h"))
    assert free.code == 0, free.err
    assert free.json["result"]["usd_per_month"] == 0.0
    for key in ("batch", "gpus", "tpot_seconds", "wh_per_request"):
        assert free.json["result"][key] == paid.json["result"][key]
    assert [w["code"] for w in free.json["warnings"]] == ["W043"]
    own = ("--commitment", "owned", "--samples", "1", "--json")
    some, none = (cli(*asked, *own, *more) for more in ((), ("--facility-cost", "0", "--operations-staff", "0")))
    assert 0 < none.json["result"]["usd_per_month"] < some.json["result"]["usd_per_month"]
    both = ("--tokens", "1T", "--train-gpus", "256", "--samples", "20", "--json")
    never = cli("crossover", *asked[1:], *both, "--serve-price", "0/h").json
    assert never["result"]["crossover_days"] is None
    assert "shrinks" not in never["headline"] + str(never["result"])
    assert cli("crossover", *asked[1:], *both, "--train-price", "0/h").json["result"]["crossover_days"] == 0.0


@pytest.mark.parametrize("price", ["--price", "--train-price", "--serve-price"])
def test_a_page_of_what_costs_nothing(cli: Cli, tmp_path: Path, price: str) -> None:
    """Sliders move what is not zero: of a run for nothing its cost has none."""
    asked = ("-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "500", "--osl", "200", "--requests", "1M/day")
    page = tmp_path / "page.html"
    run = cli("crossover", *asked, "--tokens", "1T", "--train-gpus", "256", "--samples", "50", price, "0/h", "-o", page)
    assert run.code == 0, run.err
    text = page.read_text(encoding="utf-8")
    assert "NaN" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert ('"train_cost"' in text) is (price == "--serve-price")


@pytest.mark.parametrize("price", ["0", "0/kWh", "0..2/h", "-0/h", "0.0.0/h", "00x/h"])
def test_a_zero_that_is_no_price(cli: Cli, price: str) -> None:
    run = cli("train", "-m", "llama-3.1-8b", "--tokens", "1T", "-H", "h100-sxm", "--gpus", "8", f"--price={price}")
    assert run.code == 2
    assert "hint: " in run.err
