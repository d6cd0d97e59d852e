"""Two ranges: of engineering, prices of the market held; and with those prices. Expected by hand: cost = hours x price."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api
from tests.conftest import Cli

RUN: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "gpus": 64, "tokens": "1T", "samples": 2000}
SERVED: dict[str, Any] = {
    "tokens_per_second": "1000..4000/s", "isl": 1000, "osl": 200, "hardware": "h100-sxm", "utilization": "50%",
    "samples": 2000,
}  # fmt: skip


def _ends(answer: Any, key: str, which: str = "engineering") -> tuple[float, float]:
    of = getattr(answer, which)[key]
    return of.p5, of.p95


def test_training_at_a_held_price_is_as_uncertain_as_its_hours() -> None:
    answer: Any = api.train(**RUN)
    price = answer.inputs["price"]
    hours = _ends(answer, "gpu_hours")
    assert _ends(answer, "total_usd") == pytest.approx([price.value * h for h in hours])
    low, high = _ends(answer, "total_usd", "ranges")
    assert low < price.value * hours[0]
    assert high > price.value * hours[1]
    assert "gpu_hours" not in answer.ranges_at_price  # no price has a part in it


def test_a_stated_range_of_the_price_is_part_of_the_question() -> None:
    stated: Any = api.serve(**SERVED, price="2..8/h")
    assert "usd_per_request" not in stated.ranges_at_price
    held: Any = api.serve(**SERVED, price="4/h")
    assert _ends(stated, "usd_per_request")[1] > _ends(held, "usd_per_request")[1]


def test_a_figure_that_only_prices_move_keeps_their_range() -> None:
    answer: Any = api.train(gpu_hours="1M", hardware="h100-sxm", samples=2000)
    price = answer.inputs["price"]
    assert _ends(answer, "total_usd") == pytest.approx((1e6 * price.p5, 1e6 * price.p95), rel=0.01)


def test_an_owned_hour_is_a_price_unless_a_part_of_it_was_given_as_a_range() -> None:
    own = {**SERVED, "commitment": "owned"}
    market: Any = api.serve(**own)
    assert "usd_per_request" in market.ranges_at_price
    stated: Any = api.serve(**own, purchase_price="20k..60k")
    assert "usd_per_request" not in stated.ranges_at_price


def test_a_crossover_and_a_comparison_carry_both() -> None:
    serving: Any = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "isl": 1000, "osl": 200, "requests": "1M/day"}
    asked: Any = {**serving, "train_cost": "10k", "samples": 2000}
    crossed: Any = api.crossover(**asked)
    first, second = (_ends(crossed, "crossover_days", which) for which in ("ranges_at_price", "ranges"))
    assert second[0] < first[0] < first[1] < second[1]
    compared: Any = api.compare(**serving, vary={"hardware": ["h100-sxm", "l40s"]})
    for row in compared.arrays["alternatives"]:
        assert row["p5"] < row["p5_at_price"] < row["p95_at_price"] < row["p95"]
    assert _ends(compared, compared.result["deciding"], "ranges_at_price")[0] > 0


def test_a_limit_is_held_against_the_range_with_the_price(cli: Cli, tmp_path: Any) -> None:
    answer: Any = api.train(**RUN)
    inside = _ends(answer, "total_usd")[1]
    whole = _ends(answer, "total_usd", "ranges")[1]
    scenario = "".join(f"{k} = {v!r}\n" for k, v in RUN.items()).replace("'", '"')
    (tmp_path / "run.toml").write_text(scenario)
    limit = (inside + whole) / 2
    (tmp_path / "llmcost.toml").write_text(
        f'[[budget]]\nscenario = "run.toml"\nmax_total_usd = {{ fail = {limit:.0f}, at = "p95" }}\n'
    )
    assert cli("check", str(tmp_path / "llmcost.toml")).code == 1


def test_the_row_of_the_price_says_the_second_range(cli: Cli) -> None:
    said = [f"--{k.replace('_', '-')}={v}" for k, v in RUN.items()]
    row = next(line for line in cli("train", *said).out.splitlines() if line.startswith("  price "))
    assert "$3.88/h ($2.14 to $7.05/h)" in row  # 10 providers: 1.815 either way, tests/published/test_rentals.py
    assert "  cost $" in row
