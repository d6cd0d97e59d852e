"""Every input moves the answer in the direction that physics or money says, or not at all: one row a key.

A row gives a question, two values of its key in rising order, and a figure that rises (+) or falls (-) from one to the
other. A key that has no order, or where physics turns, says why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from llmcost import api
from llmcost.keys import KEYS

UP, DOWN = 1, -1


class Row(NamedTuple):
    """One question asked twice."""

    asked: str
    low: str
    high: str
    figure: str
    sign: int
    also: str = ""


BASES = {
    "train": "train model=llama-3.1-8b hardware=h100-sxm gpus=64 tokens=1T",
    "given": "train params=8B tokens=1T hardware=h100-sxm gpus=64 mfu=40% goodput=90% overhead=1.1 price=2/h",
    "amortised": "train params=8B tokens=1T hardware=h100-sxm gpus=64 mfu=40% cost_definition=amortised purchase_price=30k",
    "programme": "train gpu_hours=1M hardware=h100-sxm price=2/h scope=program experiments=1x staff=0.5 data_cost=1M storage_cost=1M",
    "lora": "train model=llama-3.1-8b hardware=h100-sxm gpus=8 tokens=1B method=lora",
    "rl": "train model=llama-3.1-8b hardware=h100-sxm gpus=64 rollout_tokens=1B method=rl",
    "serve": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h",
    "replica": "serve tokens_per_second=1000/s hardware=h100-sxm isl=1000 osl=200 price=2/h utilization=50%",
    "fleet": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h requests=10M/day",
    "day": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h requests=30M/day peak_to_average=2x "
    "scaling=autoscale reaction_time=10min",
    "seldom": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h requests=240/day "
    "scaling=autoscale min_replicas=0",
    "mix": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h requests=30M/day peak_to_average=2x "
    "commitment=mix reserved_price=1/h spot_share=20% spot_price=0.8/h",
    "owned": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 requests=10M/day commitment=owned "
    "purchase_price=30k",
    "users": "serve model=llama-3.1-8b hardware=h100-sxm isl=1000 osl=200 price=2/h users=100k requests_per_user=10/day",
    "over": "crossover train_cost=1M cost_per_request=0.001 requests=1M/day horizon=10y",
    "bought": "serve api=anthropic/claude-sonnet-4-5 isl=1000 osl=200 cache_hit=50%",
    "energy": "crossover train_energy=1GWh train_cost=10M energy_per_request=0.001kWh cost_per_request=0.001 "
    "requests=1M/day horizon=10y",
}  # fmt: skip

ROWS: dict[str, Row | str] = {
    # training
    "tokens": Row("train", "1T", "1.5T", "total_usd", UP),
    "epochs": Row("train", "1", "2", "total_usd", UP),
    "params": Row("given", "8B", "9B", "total_usd", UP),
    "params_active": Row("given", "8B", "9B", "total_usd", UP, "params=20B"),
    "gpus": Row("train", "64", "128", "duration_seconds", DOWN),
    "overhead": Row("given", "1.1", "1.2", "duration_seconds", UP),
    "goodput": Row("given", "80%", "90%", "gpu_hours", DOWN),
    "mfu": Row("given", "40%", "50%", "total_usd", DOWN),
    "gpu_hours": Row("programme", "1M", "2M", "total_usd", UP),
    "training_flops": Row("given", "1e23", "2e23", "gpu_hours", UP),
    "global_batch_tokens": Row("train", "1M", "4M", "gpu_hours", DOWN),
    "seq_len": Row("train", "4096", "8192", "training_flops", UP),
    "long_tokens": Row("train", "10B", "20B", "total_usd", UP, "long_seq_len=32768"),
    "long_seq_len": Row("train", "16384", "32768", "training_flops", UP, "long_tokens=10B"),
    "lora_rank": Row("lora", "8", "64", "training_flops", UP),
    "rollout_tokens": Row("rl", "1B", "2B", "total_usd", UP),
    "tp": "turns: more ranks are faster until messages outweigh products",
    "pp": "turns: stages save memory and make a bubble",
    "ep": "turns: as tp",
    "dp": "turns: groups share experts and wait for one another",
    "vpp": "turns: less bubble, more messages",
    "cp": "turns: as tp",
    "sp": "turns: as tp",
    "micro_batch": "turns: larger products, more activations, larger bubble",
    "recompute": "no order: a choice of what is computed again",
    "recompute_layers": Row("train", "8", "24", "gpu_hours", UP, "tp=2 pp=1 micro_batch=1"),
    "zero": "no order: a choice of what is shared",
    "method": "no order: a choice",
    "teacher": "no order: a model",
    "reward_model": "no order: a model",
    # money
    "price": Row("given", "2/h", "3/h", "total_usd", UP),
    "purchase_price": Row("amortised", "30k", "40k", "total_usd", UP),
    "hardware_age": Row("amortised", "1y", "2y", "total_usd", DOWN),
    "interconnect_share": Row("amortised", "10%", "20%", "total_usd", UP),
    "experiments": Row("programme", "1x", "2x", "total_usd", UP),
    "staff": Row("programme", "0.5", "0.7", "total_usd", UP),
    "data_cost": Row("programme", "1M", "2M", "total_usd", UP),
    "storage_cost": Row("programme", "1M", "2M", "total_usd", UP),
    "pue": Row("given", "1.1", "1.3", "energy_kwh", UP),
    "electricity_price": Row("given", "0.05/kWh", "0.10/kWh", "electricity_usd", UP),
    "carbon_intensity": Row("given", "100g/kWh", "400g/kWh", "co2e_kg", UP),
    "provider": "no order: a price list",
    "commitment": "no order: a term, dearer ones exist (W022)",
    "cost_definition": "no order: a choice",
    "scope": "no order: a choice",
    "as_of": "no order: prices of a day",
    "currency": "no order: it only shows amounts (tests/cli/test_currency.py)",
    "region": "no order: a place",
    # serving
    "isl": Row("serve", "1000", "2000", "usd_per_request", UP),
    "osl": Row("serve", "1", "2", "usd_per_request", UP),
    "cache_hit": Row("serve", "0%", "50%", "usd_per_request", DOWN),
    "length_spread": Row("serve", "0.2", "1.5", "batch_max", DOWN),
    "utilization": Row("replica", "50%", "70%", "wh_per_request", DOWN),
    "tokens_per_second": Row("replica", "1000/s", "2000/s", "usd_per_request", DOWN),
    "batch": Row("serve", "8", "64", "usd_per_request", DOWN),
    "tpot": Row("serve", "10ms", "50ms", "usd_per_request", DOWN),
    "ttft": Row("serve", "100ms", "2s", "usd_per_request", DOWN),
    "shared_prompt": Row("serve", "10%", "50%", "usd_per_request", DOWN),
    "cache_curve": Row("serve", "100k:5%,5M:20%", "100k:20%,5M:60%", "usd_per_request", DOWN),
    "session_share": Row("serve", "10%", "50%", "usd_per_request", DOWN, "sessions=20"),
    "sessions": Row("serve", "20", "2000", "usd_per_request", UP, "session_share=50%"),
    "chunk_tokens": Row("serve", "256", "8192", "ttft_seconds", DOWN, "batch=8"),
    "users_at_once": Row("serve", "8", "64", "tpot_seconds", UP),
    "arrivals": "no order: a pattern; each is held by a simulation in tests/unit/test_serving_arrivals.py",
    "slo_p99": "no order: which targets",
    "ttft_p95": Row("fleet", "300ms", "3s", "usd_per_request", DOWN),
    "expert_imbalance": Row("serve", "0.1", "1", "usd_per_request", UP, "model=mixtral-8x7b"),
    "peer_access": Row("serve", "no", "yes", "usd_per_request", DOWN, "model=llama-3.1-8b hardware=rtx-4090 tp=2"),
    "requests": Row("fleet", "10M/day", "20M/day", "usd_per_month", UP),
    "requests_per_user": Row("users", "10/day", "20/day", "usd_per_month", UP),
    "users": Row("users", "100k", "200k", "usd_per_month", UP),
    "usage_spread": Row("users", "1", "2", "top_1_percent_share", UP),
    "usage_tail": Row("users", "1.5", "2.5", "top_1_percent_share", DOWN, "usage=pareto"),
    "cost_per_request": Row("over", "0.001", "0.002", "crossover_days", DOWN),
    "energy_per_request": Row("energy", "0.001kWh", "0.002kWh", "energy_crossover_days", DOWN),
    "dtypes": "no order: formats",
    "dtype": "no order: a format",
    "kv_dtype": "no order: a format",
    "compute_dtype": "no order: a format",
    "phase": "no order: a choice",
    "pools": "no order: a choice",
    "batching": "no order: a choice",
    "lengths": "no order: a file",
    "trace": "no order: a file",
    "usage": "no order: a distribution",
    "plan": "no order: a file",
    "technique": "no order: techniques, each with its own price",
    "model": "turns: a larger model of other attention may hold less cache (OLMo 2 13B keeps 40 KV heads, 32B keeps 8)",
    "hardware": "no order: an accelerator",
    "framework": "no order: software",
    # what-if: a faster part never costs more
    "compute_scale": Row("serve", "0.7", "1", "usd_per_request", DOWN),
    "bandwidth_scale": Row("serve", "0.7", "1", "usd_per_request", DOWN),
    "memory_scale": Row("serve", "0.7", "1", "usd_per_request", DOWN),
    "link_scale": Row("train", "0.7", "1", "gpu_hours", DOWN),
    "power_scale": Row("given", "0.7", "1", "energy_kwh", UP),
    # fleets
    "peak_to_average": Row("day", "2x", "3x", "gpus", UP),
    "weekend": Row("day", "50%", "100%", "gpus", DOWN, "peak_to_average=3x"),
    "peak_load": Row("day", "60%", "90%", "gpus", DOWN),
    "spares": Row("day", "0", "2", "gpus_mean", UP),
    "serve_regions": Row("day", "1", "3", "gpus_mean", UP),
    "min_replicas": Row("day", "1", "20", "gpus_mean", UP),
    "cold_start": Row("seldom", "30s", "300s", "gpus_mean", UP),
    "idle_timeout": Row("seldom", "60s", "600s", "gpus_mean", UP),
    "billing": "no order: a choice",
    "reaction_time": Row("day", "10min", "2h", "gpus_mean", UP),
    "reserve": Row("mix", "20%", "60%", "gpus_reserved", UP),
    "reserved_price": Row("mix", "1/h", "1.5/h", "usd_per_request", UP),
    "spot_share": Row("mix", "10%", "50%", "usd_per_request", DOWN),
    "spot_price": Row("mix", "0.5/h", "1/h", "usd_per_request", UP),
    "hourly": "no order: a file",
    "scaling": "no order: a choice",
    "reserved": "no order: a term",
    "operations_cost": Row("fleet", "1k", "2k", "usd_per_month", UP),
    "egress_price": Row("fleet", "0.05", "0.10", "usd_per_month", UP),
    "egress_bytes": Row("fleet", "1kB", "1MB", "usd_per_month", UP, "egress_price=0.09"),
    "storage_price": Row("fleet", "0.01", "0.02", "usd_per_month", UP, "stored_bytes=50TB"),
    "stored_bytes": Row("fleet", "10TB", "50TB", "usd_per_month", UP, "storage_price=0.02"),
    # owning
    "hardware_life": Row("owned", "3y", "6y", "usd_per_request", DOWN),
    "residual_value": Row("owned", "0%", "20%", "usd_per_request", DOWN),
    "cost_of_capital": Row("owned", "5%", "15%", "usd_per_request", UP),
    "facility_cost": Row("owned", "8M", "16M", "usd_per_request", UP),
    "maintenance": Row("owned", "2%", "6%", "usd_per_request", UP),
    "operations_staff": Row("owned", "200", "800", "usd_per_request", UP),
    "occupancy": Row("owned", "50%", "100%", "usd_per_request", DOWN),
    # over time
    "train_cost": Row("over", "1M", "2M", "crossover_days", UP),
    "train_energy": Row("energy", "1GWh", "2GWh", "energy_crossover_days", UP),
    "growth": Row("over", "1%/mo", "5%/mo", "crossover_days", DOWN),
    "added_requests": Row("over", "10k/day", "100k/day", "crossover_days", DOWN),
    "ceiling": Row("over", "2M/day", "10M/day", "crossover_days", DOWN, "growth=10%/mo"),
    "adoption_midpoint": Row("over", "6mo", "24mo", "crossover_days", UP, "ceiling=10M/day"),
    "served": Row("over", "1", "100M", "crossover_days", DOWN),
    "price_decline": Row("over", "0%/y", "5%/y", "crossover_days", UP),
    "efficiency_gain": Row("over", "0%/y", "5%/y", "crossover_days", UP),
    "discount": Row("over", "0%/y", "5%/y", "crossover_days", UP),
    "retrain_every": Row("over", "12mo", "24mo", "training_usd_at_horizon", DOWN),
    "retrain_cost": Row("over", "0.5", "1", "training_usd_at_horizon", UP, "retrain_every=12mo"),
    "refresh_every": Row("over", "3mo", "6mo", "training_usd_at_horizon", DOWN, "refresh_cost=1%"),
    "refresh_cost": Row("over", "1%", "2%", "training_usd_at_horizon", UP, "refresh_every=3mo"),
    "horizon": Row("over", "2y", "4y", "inference_usd_at_horizon", UP),
    "traffic": "no order: a file",
    "payments": "no order: a schedule",
    "start": "no order: a date",
    "samples": "no order: how often the ranges are drawn",
    "seed": "no order: which samples are drawn",
    # memory
    "memory_fraction": Row("serve", "80%", "90%", "batch", UP, "framework=vllm tp=1"),
    "max_num_seqs": Row("serve", "64", "256", "usd_per_mtok_output", DOWN, "framework=vllm"),
    "framework_year": Row("train", "2022", "2026", "gpu_hours", DOWN),
    "attention": Row("train", "fused", "unfused", "gpu_hours", UP),
    "expert_kernels": Row("train", "looped", "grouped", "gpu_hours", DOWN, "framework=hf-trainer model=olmoe-1b-7b"),
    "layer_kernels": Row("train", "framework", "transformer-engine", "gpu_hours", DOWN, "framework=fsdp"),
    "compiled": Row("train", "no", "yes", "gpu_hours", DOWN, "framework=fsdp"),
    "practice": Row("train", "1", "1.2", "gpu_hours", UP, "tp=2 pp=1"),
    "packing": Row("train", "60%", "100%", "gpu_hours", DOWN),
    "fp8_recipe": Row("train", "tensorwise", "rowwise", "gpu_hours", UP, "dtype=fp8"),
    "sites": Row("train", "2", "8", "gpu_hours", UP, "sync_every=100 network_bandwidth=1Gbit/s global_batch_tokens=4M"),
    "sync_every": Row("train", "1", "500", "gpu_hours", DOWN, "sites=2 network_bandwidth=1Gbit/s"),
    "network_bandwidth": Row("serve", "1..4Gbit/s", "50..200Gbit/s", "usd_per_request", DOWN, "gpus=16 tp=16"),
    "network_latency": Row("serve", "1..2us", "30us..50us", "usd_per_request", UP, "gpus=16 tp=16"),
    "machine_gpus": Row("serve", "2", "4", "usd_per_request", DOWN, "gpus=16 tp=4"),
    "mtbf": Row("train", "10000h", "50000h", "gpu_hours", DOWN),
    "checkpoint_time": Row("train", "10s", "5min", "gpu_hours", UP),
    "restart_time": Row("train", "5min", "1h", "gpu_hours", UP),
    "preemption": Row("train", "24h", "1000h", "gpu_hours", DOWN, "commitment=spot price=1/h"),
    "mfu_convention": Row("train", "causal", "full", "gpu_hours", UP, "mfu=40%"),
    "optimizer": "no order: a choice of states",
    "loss_kernel": "no order: a choice",
    "offload": "no order: a choice of what the host holds",
    "expandable_segments": Row("lora", "no", "yes", "memory_bytes_per_gpu", DOWN),
    "fit_confidence": "no order: how sure a layout has to be, by which another one may be taken",
    "adapted": Row("lora", "q,v", "all-linear", "training_flops", UP),
    "calibration": "no order: a file",
    # actuals
    "actuals": "no order: files",
    "actuals_service": "no order: which lines count",
    "actuals_project": "no order: which lines count",
    "actuals_tag": "no order: which lines count",
    "exchange_rate": "compared alone: tests/unit/test_actuals.py",
    # bought tokens
    "api": "no order: a price list",
    "api_tier": "no order: a choice",
    "api_discount": Row("bought", "10%", "20%", "usd_per_request", DOWN),
    "cache_write": Row("bought", "10%", "20%", "usd_per_request", UP),
    "cache_life": Row("bought", "5min", "1h", "usd_per_request", UP),
}


def test_every_key_has_a_row() -> None:
    assert set(ROWS) == set(KEYS)


def answer(asked: str, **values: str) -> dict[str, Any]:
    command, *words = asked.split()
    scenario = dict(word.split("=", 1) for word in words) | values
    found: dict[str, Any] = getattr(api, command)(**scenario, samples=1).result
    return found


@pytest.mark.parametrize("key", [k for k, row in ROWS.items() if isinstance(row, Row)])
def test_a_key_moves_its_answer_one_way(key: str) -> None:
    row = ROWS[key]
    assert isinstance(row, Row)
    asked = f"{BASES[row.asked]} {row.also}"
    low, high = (float(answer(asked, **{key: value})[row.figure]) for value in (row.low, row.high))
    assert row.sign * (high - low) >= -1e-9 * abs(low)


PAIRS = {
    "half as many tokens again": ("train model=gemma-3-27b hardware=mi300x gpus=16384", "tokens", "29.65B", "44.475B", "total_usd"),
    "tokens of an adapter": ("train model=deepseek-v3 hardware=b200-sxm gpus=16384 method=qlora", "tokens", "172.7B", "259.05B", "total_usd"),
    "a larger model": ("train hardware=h100-sxm gpus=4096 tokens=6.994B", "model", "llama-3.1-70b", "llama-3.1-405b", "total_usd"),
    "half the machines": ("train model=gemma-3-4b hardware=h100-sxm tokens=47.57B seq_len=4096", "gpus", "32768", "16384", "duration_seconds"),
    "slower links of an adapter": ("train model=mixtral-8x7b hardware=b200-sxm gpus=1024 tokens=944.3B method=lora seq_len=4096", "link_scale", "1", "0.7", "gpu_hours"),
    "slower arithmetic": ("serve model=olmo-2-32b hardware=l4 isl=587 osl=21 requests=276.2/day dtype=int4 ttft_p95=10s commitment=mix pools=disaggregated price=3/h", "compute_scale", "1", "0.7", "usd_per_request"),
    "a longer answer": ("serve model=opt-175b hardware=mi355x isl=782 cache_hit=0.863 ttft_p95=2s price=2/h batch=64", "osl", "1", "2", "usd_per_request"),
    "a longer answer to a word": ("serve model=llama-2-7b hardware=mi300x isl=6", "osl", "1", "2", "usd_per_request"),
    "less use of owned machines": ("serve model=mixtral-8x7b hardware=gb200-nvl72 isl=27 osl=4507 requests=451.2/day commitment=owned", "utilization", "75.24%", "62.7%", "usd_per_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_more_is_never_cheaper(name: str) -> None:
    asked, key, less, more, figure = PAIRS[name]
    low, high = (float(answer(asked, **{key: value})[figure]) for value in (less, more))
    assert high >= low * (1 - 1e-9)
