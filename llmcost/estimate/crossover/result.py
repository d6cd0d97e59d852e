"""The figures of a crossover by name: a misspelt one is a type error."""

from __future__ import annotations

from typing import NotRequired

from llmcost.records import TypedDict


class CrossoverResult(TypedDict):
    """The figures of the answer, in the order in which it shows them; None where they are not known."""

    crossover_days: float | None
    crossover_months: float | None
    crossover_date: str | None
    crossover_requests: float | None
    crossover_tokens: float | None
    crossover_usd: float | None
    crossover_kwh: float | None
    crossover_co2e_kg: float | None
    basis: str
    status: str
    reason: str | None
    probability_crossed: float | None
    run_crossover_days: float | None
    program_crossover_days: float | None
    energy_crossover_days: float | None
    energy_crossover_requests: float | None
    carbon_crossover_days: float | None
    carbon_crossover_requests: float | None
    flops_crossover_days: float | None
    flops_crossover_requests: float | None
    flops_crossover_tokens: float | None
    training_usd: float | None
    training_usd_program: float | None
    cost_definition: str | None
    scope: str
    training_kwh: float | None
    training_co2e_kg: float | None
    training_flops: float | None
    usd_per_request: float | None
    kwh_per_request: float | None
    co2e_kg_per_request: float | None
    flops_per_request: float | None
    requests_per_day: float | None
    inference_usd_per_day: float | None
    burn_usd_per_month: float | None
    requests_at_horizon: float | None
    inference_usd_at_horizon: float | None
    training_usd_at_horizon: float | None
    training_usd_program_at_horizon: float | None
    inference_share: float | None
    inference_share_program: float | None
    training_usd_per_mtok_served: float | None
    training_usd_per_request_served: float | None
    horizon_days: float
    most_sensitive: str | None
    training_usd_distillation: NotRequired[float]  # only where a model is distilled


DISTILLED = "training_usd_distillation"
KEYS = tuple(key for key in CrossoverResult.__annotations__ if key != DISTILLED)
