"""Numbers that a question holds and figures that an answer is made of, by name: a misspelt one is a type error.

Floats, samples or an axis of alternatives alike; a name that a question does not need is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, cast

from llmcost.engine.numeric.kinds import Num
from llmcost.records import TypedDict


class PlaceNumbers(TypedDict, total=False):
    """What turns hours into electricity, carbon and water."""

    tdp_watts: Num
    server_factor: Num
    average_load: Num
    idle_load: Num
    accelerator_load: Num
    accelerator_idle_load: Num
    pue: Num
    electricity_price: Num
    carbon_intensity: Num
    water_litres_per_kwh: Num


class HardwareNumbers(TypedDict, total=False):
    """What a machine costs to buy."""

    purchase_price: Num
    server_over_chip: Num
    interconnect_share: Num


class OwningNumbers(PlaceNumbers, HardwareNumbers, total=False):
    """What an owned hour is made of."""

    utilization: Num
    hardware_life: Num
    residual_value: Num
    cost_of_capital: Num
    facility_cost: Num
    facility_life_years: Num
    maintenance: Num
    operations_staff: Num
    occupancy: Num


class TrainingNumbers(OwningNumbers, total=False):
    """Numbers of a training run, and of the programme around it."""

    train_cost: Num
    train_energy: Num
    gpu_hours: Num
    training_flops: Num
    tokens: Num
    rollout_tokens: Num
    epochs: Num
    long_tokens: Num
    params_active: Num
    peak_flops: Num
    mfu: Num
    goodput: Num
    gpu_hours_per_failure: Num
    checkpoint_seconds: Num
    restart_seconds: Num
    preemption: Num
    gpus: Num
    overhead: Num
    rollout_error: Num
    rollout_tokens_per_second_per_gpu: Num
    price: Num
    hardware_price_decline: Num
    hardware_age: Num
    experiments: Num
    staff: Num
    embodied_kg_per_gpu: Num
    server_life_years: Num
    home_kwh_per_year: Num
    car_kg_per_year: Num


class TrainingFigures(TypedDict, total=False):
    """Figures of a training run."""

    training_flops: Num
    hardware_flops: Num
    tokens: Num
    flops_per_token: Num
    hardware_flops_per_token: Num
    mfu: Num
    run_mfu: Num
    goodput: Num
    compute_gpu_hours: Num
    compute_seconds: Num
    gpu_hours: Num
    duration_seconds: Num
    accelerator_kwh: Num
    server_kwh: Num
    energy_kwh: Num
    electricity_usd: Num
    power_watts: Num
    co2e_kg: Num
    embodied_co2e_kg: Num
    water_litres: Num
    homes_year: Num
    cars_year: Num
    run_usd: Num
    program_usd: Num
    total_usd: Num


class StepFacts(TypedDict):
    """What an answer says of the step and its layout."""

    step_seconds: Num
    hfu: Num
    global_batch_tokens: float
    memory_bytes_per_gpu: Num
    fits_probability: float
    binds: str
    tp: int
    pp: int
    vpp: int
    dp: int
    cp: int
    sp: int
    ep: int
    zero: int
    micro_batch: int
    recompute: str
    runner_up: NotRequired[str]


class StepRow(TypedDict):
    """Where a part of the step goes."""

    name: str
    seconds: Num
    step_share: Num


class TimeNumbers(TypedDict, total=False):
    """How traffic and prices move, and training is repeated."""

    requests: Num
    growth: Num
    added_requests: Num
    ceiling: Num
    adoption_midpoint: Num
    served: Num
    price_decline: Num
    efficiency_gain: Num
    discount: Num
    retrain_cost: Num
    refresh_cost: Num
    actuals_pace: Num


class ServingNumbers(OwningNumbers, TimeNumbers, total=False):
    """Numbers of a service: lengths, traffic, its fleet, and what is paid."""

    isl: Num
    osl: Num
    cache_hit: Num
    requests_per_user: Num
    users: Num
    usage_spread: Num
    usage_tail: Num
    cost_per_request: Num
    energy_per_request: Num
    tokens_per_second: Num
    network_bandwidth: Num
    network_latency: Num
    tpot_error: Num
    ttft_error: Num
    throughput_error: Num
    peak_to_average: Num
    cold_start: Num
    idle_timeout: Num
    weekend: Num
    peak_load: Num
    price: Num
    reserved_price: Num
    spot_price: Num
    spot_share: Num
    operations_cost: Num
    egress_price: Num
    egress_bytes: Num
    bytes_per_token: Num
    sent_share: Num
    storage_price: Num
    stored_bytes: Num
    api_discount: Num
    cache_write: Num


class PlanFigures(TypedDict, total=False):
    """What users pay for a service against what they cost, over users who use it unevenly."""

    top_1_percent_share: Num
    revenue_usd_per_user_month: Num
    cost_usd_per_user_month: Num
    margin_usd_per_user_month: Num
    loss_making_share: Num


class ServingFigures(PlanFigures, total=False):
    """Figures of a service: of a request, a token, a month, a replica and a fleet."""

    usd_per_request: Num
    usd_per_mtok_output: Num
    usd_per_mtok_input: Num
    usd_per_mtok_cached_input: Num
    usd_per_mtok_cache_write: Num
    usd_per_mtok_blended: Num
    blend_ratio: Num
    usd_per_user_month: Num
    usd_per_month: Num
    usd_per_day: Num
    usd_per_hour_fleet: Num
    own_usd_per_hour: Num
    beside_usd_per_request: Num
    model_usd_per_request: Num
    small_usd_per_request: Num
    kwh_per_request: Num
    wh_per_request: Num
    server_wh_per_request: Num
    accelerator_wh_per_request: Num
    wh_per_1000_tokens: Num
    electricity_usd_per_request: Num
    electricity_usd_per_mtok: Num
    co2e_kg_per_request: Num
    water_litres_per_request: Num
    energy_kwh_per_month: Num
    co2e_kg_per_month: Num
    replicas: Num
    gpus: Num
    small_gpus: Num
    prefill_gpus: Num
    decode_gpus: Num
    cold_start_share: Num
    gpus_mean: Num
    gpus_reserved: Num
    gpus_on_demand_mean: Num
    gpus_spot_mean: Num
    reserve_share: Num
    breakeven_utilization_reserved: Num
    utilization: Num
    planned_utilization: Num
    requests_per_second_peak: Num
    requests_per_second_per_replica: Num
    output_tokens_per_second: Num
    input_tokens_per_second: Num
    prefill_gpu_seconds: Num
    decode_gpu_seconds: Num
    prefill_share: Num
    cached_share: Num
    tpot_full_seconds: Num
    ttft_full_seconds: Num
    ttft_idle_seconds: Num
    tpot_seconds: Num
    ttft_seconds: Num
    ttft_p50_seconds: Num
    ttft_p95_seconds: Num
    ttft_p99_seconds: Num
    requests_in_flight: Num
    tokens_per_second_per_user: Num
    own: ServingFigures  # of the model alone, where others answer beside it


def named(p: Mapping[str, object], name: str) -> Num:
    """A number under a name that only the run knows."""
    return cast(Num, p[name])


def by_name(out: ServingFigures) -> dict[str, Num]:
    """Figures of a service under their names, those of the model alone left out."""
    return {name: named(out, name) for name in out if name != "own"}


def owning_numbers(p: Mapping[str, object]) -> OwningNumbers:
    """Numbers under the names of what owning takes."""
    return cast(OwningNumbers, p)


def serving_numbers(p: Mapping[str, object]) -> ServingNumbers:
    """Numbers under the names of a serving side."""
    return cast(ServingNumbers, p)


def training_numbers(p: Mapping[str, object]) -> TrainingNumbers:
    """Numbers under the names of a training side."""
    return cast(TrainingNumbers, p)


def serving_figures(out: Mapping[str, object]) -> ServingFigures:
    """Figures put together under names that only the run knows."""
    return cast(ServingFigures, out)


def training_figures(out: Mapping[str, object]) -> TrainingFigures:
    """Figures put together under names that only the run knows."""
    return cast(TrainingFigures, out)
