"""One case behind two commands: `crossover` and `compare` give one answer to one question."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api
from llmcost import scenario as sc
from llmcost.catalog import Catalog
from llmcost.estimate.asking import sampling
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.figures import figures

GIVEN: dict[str, Any] = {"train_cost": "100M", "cost_per_request": "0.05", "requests": "10M/day"}
HOSTED: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "isl": 1000,
    "osl": 300,
    "requests": "5M/day",
}
RUN: dict[str, Any] = {**HOSTED, "tokens": "1T", "train_gpus": 256}
BOUGHT: dict[str, Any] = {"train_cost": "10M", "api": "openai/gpt-4o", "isl": 1000, "osl": 300, "requests": "5M/day"}
LARGE: dict[str, Any] = {**RUN, "model": "llama-3.1-70b"}
ASKED: dict[str, dict[str, Any]] = {
    "given": GIVEN,
    "given, growing": {**GIVEN, "growth": "5%/mo", "price_decline": "20%/y", "discount": "8%/y"},
    "given, programme": {**GIVEN, "scope": "program"},
    "given energy": {"train_energy": "1GWh", "energy_per_request": "1e-4kWh", "requests": "10M/day"},
    "hosted": {**HOSTED, "train_cost": "100k"},
    "never within the horizon": {**HOSTED, "train_cost": "10M"},
    "run": RUN,
    "run, growing": {**RUN, "added_requests": "100k/day", "retrain_every": "12mo"},
    "programme": {**RUN, "scope": "program"},
    "purchase": {**RUN, "cost_definition": "acquisition"},
    "owned": {**RUN, "commitment": "owned"},
    "mix": {**RUN, "serve_commitment": "mix"},
    "cascade": {**LARGE, "technique": "cascade=20%:llama-3.1-8b"},
    "distilled": {**LARGE, "technique": "distill=llama-3.1-8b"},
    "bought": BOUGHT,
    "bought, growing": {**BOUGHT, "growth": "3%/mo"},
    "no room": {**RUN, "train_gpus": 2, "model": "llama-3.1-405b"},
}
DIGITS = 1e-14  # a double has one more


@pytest.mark.parametrize("name", ASKED)
def test_crossover_and_compare_agree_to_the_last_digit(name: str) -> None:
    asked = ASKED[name]
    told: dict[str, Any] = dict(api.crossover(**asked, samples=100).result)
    case = cases.read_case(sc.resolve(asked), Catalog())
    if case.reason:
        assert told["reason"] == case.reason
        return
    found = figures(case, sampling.central(case.numbers))
    programme = "_program" if case.scope == "program" else ""
    inference, training = told["inference_usd_at_horizon"], told[f"training_usd{programme}_at_horizon"]
    pairs = {
        "total_usd_horizon": None if inference is None else inference + training,
        "upfront_usd": told[f"training_usd{programme}"],
        "usd_per_request": told["usd_per_request"],
        "crossover_days": told["crossover_days"] if told["basis"] == "usd" else None,
        "training_kwh": told["training_kwh"],
        "training_co2e_kg": told["training_co2e_kg"],
    }
    for figure, value in pairs.items():
        own = found.get(figure)
        assert (None if own is None or own == float("inf") else own) == (
            value if value is None else pytest.approx(value, rel=DIGITS, abs=0.0)
        ), figure
