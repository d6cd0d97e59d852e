"""Bills of training runs: rows add up, and more never costs less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.catalog import Catalog
from llmcost.estimate.training.answer import train
from llmcost.result import Estimate
from llmcost.scenario import resolve
from tests.conftest import examples

CATALOG = Catalog()
DEFINITIONS = ("rental", "amortised", "acquisition")
PRICE = {"rental": "price", "amortised": "purchase_price", "acquisition": "purchase_price"}
UNIT = {"price": "/h", "purchase_price": ""}

amounts = st.floats(0.1, 1e5, allow_nan=False)
ratios = st.floats(0.0, 20.0, allow_nan=False)
FEW = examples(25)


def ask(**said: Any) -> Estimate:
    run = {"gpu_hours": "1M", "gpus": 1000, "hardware": "h100-sxm", "samples": 200}
    return train(resolve({k: str(v) for k, v in {**run, **said}.items()}), CATALOG)


def cost(**said: Any) -> float:
    return number(ask(**said), "total_usd")


def number(answer: Estimate, key: str) -> float:
    value = answer.result[key]
    assert isinstance(value, float)
    return value


@FEW
@given(st.sampled_from(("rental", "amortised")), st.sampled_from(("run", "program")), ratios, ratios, amounts)
def test_rows_add_up_to_the_total(definition: str, scope: str, experiments: float, staff: float, data: float) -> None:
    answer = ask(cost_definition=definition, scope=scope, experiments=experiments, staff=staff, data_cost=data)
    for row in answer.breakdown:
        assert row.cost_usd == pytest.approx(row.quantity * row.rate_usd, rel=1e-9)
    assert sum(row.cost_usd for row in answer.breakdown) == pytest.approx(answer.result["total_usd"], rel=1e-9)


@FEW
@given(st.sampled_from(DEFINITIONS), amounts, st.floats(1.0, 10.0))
def test_a_dearer_price_is_never_cheaper(definition: str, price: float, more: float) -> None:
    key = PRICE[definition]

    def at(value: float) -> float:
        return cost(cost_definition=definition, **{key: f"{value}{UNIT[key]}"})

    assert at(price * more) >= at(price)


@FEW
@given(st.sampled_from(("rental", "amortised")), ratios, ratios)
def test_a_programme_never_costs_less_than_its_run(definition: str, experiments: float, staff: float) -> None:
    answer = ask(cost_definition=definition, experiments=experiments, staff=staff)
    assert number(answer, "program_usd") >= number(answer, "run_usd")


@FEW
@given(st.sampled_from(("rental", "amortised")), amounts, st.floats(1.0, 100.0))
def test_a_longer_run_costs_more(definition: str, hours: float, more: float) -> None:
    assert cost(cost_definition=definition, gpu_hours=hours * more) >= cost(cost_definition=definition, gpu_hours=hours)


@FEW
@given(st.floats(0.001, 5.0), st.floats(0.001, 5.0))
def test_older_hardware_is_cheaper_to_use_up(years: float, later: float) -> None:
    def aged(of: float) -> float:
        return cost(cost_definition="amortised", hardware_age=f"{of}y")

    assert aged(years + later) < aged(years)


@pytest.mark.parametrize(
    "more",
    [{"experiments": 3}, {"staff": 1}, {"data_cost": "1M"}, {"storage_cost": "1M"}],
    ids=lambda said: str(next(iter(said))),
)
def test_every_share_adds_to_the_programme(more: dict[str, Any]) -> None:
    base = {"scope": "program", "experiments": 2, "staff": 0.5, "price": "2/h"}
    assert cost(**{**base, **more}) > cost(**base)


def test_energy_rows_add_up_to_the_energy() -> None:
    answer = ask()
    assert sum(row["energy_kwh"] for row in answer.arrays["energy"]) == pytest.approx(
        answer.result["energy_kwh"], rel=1e-9
    )
    assert sum(row["energy_share"] for row in answer.arrays["energy"]) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_range_holds_the_answer(definition: str) -> None:
    answer = ask(cost_definition=definition, purchase_price="20k..40k", price="2..4/h")
    found = answer.ranges["total_usd"]
    assert found.p5 is not None
    assert found.p95 is not None
    assert found.p5 < number(answer, "total_usd") < found.p95
