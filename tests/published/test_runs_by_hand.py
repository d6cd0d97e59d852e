"""Runs by hand: what a run in several places takes, and phases of tokens at a pace."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.spread import Spread
from llmcost.engine.training import search as searching
from llmcost.engine.training.batch import batch_tokens, usual_batch
from llmcost.engine.training.calibration import Stack
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.peak import Memory
from llmcost.engine.training.step import Step
from llmcost.estimate.asking.values import TrainingNumbers
from llmcost.estimate.training.deadline import Count, _at_most, fewest
from llmcost.estimate.training.failures import between
from llmcost.estimate.training.kept import (
    EIGHT_BITS,
    FOUR_BITS,
    bits_held,
    fuses_loss,
    kept_by,
    offloaded,
    with_loss,
    with_optimizer,
    with_segments,
    with_spread,
)
from llmcost.estimate.training.methods import Phase, Work
from llmcost.estimate.training.scattered import Sites, _joined
from llmcost.estimate.training.stack import Build, Software
from llmcost.estimate.training.step import Predicted, _less, _of_method

STEP: dict[str, Any] = dict.fromkeys(Step._fields, 0.0) | {
    "step_seconds": 8.0, "gradient_seconds": 1.0, "model_flops": 3.0, "hardware_flops": 4.0, "mfu": 0.4, "hfu": 0.5,
}  # fmt: skip


def test_a_step_in_three_places_waits_for_the_exchange_and_does_three_times_the_work() -> None:
    """8 s of each, 2 s of exchange: 10 s, at 8/10 of the MFU; 64 sequences, 16 accelerators each, 12 would hold it."""
    choice = searching.Choice(Layout(*[1.0] * 11), Step(**STEP), Memory(*[0.0] * len(Memory._fields)), True)
    found = searching.Found(choice, choice, None, 1, 1, 0.0)
    software = Software("megatron", Stack(3e-3, 1.0, 1.0, 1.4, 1.0, 1.3, 0.0, 1.0), "tuned", True)
    one = Predicted(
        Spread(0.3, 0.4, 0.45), found, 64.0, 2048.0, 16, 15, software, Build(2024.0, False, True, 1.0), 0.0, 12
    )
    # 187.5e9 parameters of 4 bytes, 2 x 2/3 of them at 1 GB/s, every 500 steps: 1,000 s / 500
    all_three = _joined(one, Sites(3, 500, 1e9), 187.5e9)
    assert (all_three.sequences, all_three.gpus, all_three.working, all_three.smallest_gpus) == (192.0, 48, 45, 36)
    assert tuple(all_three.mfu[:3]) == pytest.approx((0.24, 0.32, 0.36))
    for step in (all_three.found.best.step, all_three.found.runner_up.step if all_three.found.runner_up else None):
        assert step is not None
        assert (step.step_seconds, step.gradient_seconds) == pytest.approx((10.0, 3.0))
        assert (step.model_flops, step.hardware_flops) == (9.0, 12.0)
        assert (step.mfu, step.hfu) == pytest.approx((0.32, 0.4))
    # at half to twice the rate 12 to 9 s: 8/12 to 8/9 of the MFU, whose own width is added as a variance
    ranged = _joined(one, Sites(3, 500, Spread(0.5e9, 1e9, 2e9)), 187.5e9).mfu
    low = math.hypot(math.log(0.4 / 0.3), math.log(0.8 / (8 / 12)))
    high = math.hypot(math.log(0.45 / 0.4), math.log((8 / 9) / 0.8))
    assert tuple(ranged[:3]) == pytest.approx((0.32 * math.exp(-low), 0.32, 0.32 * math.exp(high)))


def test_phases_add_up_by_their_tokens() -> None:
    """A billion rollout tokens scored at 2e9 FLOP each, and updates of two epochs at 6e9; updates are what is trained.

    2e18 + 12e18 FLOP over 2e9 tokens: 7e9 a token, with a third recomputed of updates 2e18 + 16e18.
    """
    p: TrainingNumbers = {"rollout_tokens": 1e9, "epochs": 2.0, "peak_flops": 1e15, "mfu": 0.4}
    scored = Phase("scoring", ("rollout_tokens",), 0.0, 2e9, False, 0.5, 1.0)
    updates = Phase("updates", ("rollout_tokens", "epochs"), 0.0, 6e9, True, 1.0, 4 / 3)
    found = Work((scored, updates)).figures(p)
    assert found["training_flops"] == pytest.approx(14e18)
    assert found["hardware_flops"] == pytest.approx(18e18)
    assert found["tokens"] == pytest.approx(2e9)
    assert found["flops_per_token"] == pytest.approx(7e9)
    assert found["hardware_flops_per_token"] == pytest.approx(9e9)
    rows = Work((scored, updates)).rows(p)
    assert [row["compute_gpu_hours"] for row in rows] == pytest.approx([2e18 / 2e14 / 3600, 12e18 / 4e14 / 3600])
    assert "hardware_flops" not in Work((scored, updates._replace(overhead=None))).figures(p)
    drawn: TrainingNumbers = {**p, "rollout_tokens_per_second_per_gpu": 500.0, "rollout_error": 1.1}
    assert scored._replace(decodes=True).seconds(drawn) == pytest.approx(1e9 / 500 * 1.1)
    sized: TrainingNumbers = {**p, "params_active": 1e9}
    assert Phase("training", ("tokens",), 6.0, 1e9).each(sized) == pytest.approx(7e9)


def test_what_a_run_takes_beside_dollars() -> None:
    """Cottier et al. 2024, arXiv 2405.21015, A.4, from the inputs of the answer: hours x W x server x load x PUE.

    6 x 7e9 x 1e11 FLOP at 40 % of the peak; 90 % of the time is useful, times 1.25 is billed.
    """
    asked: dict[str, Any] = {
        "params": "7e9", "tokens": "100B", "hardware": "h100-sxm", "gpus": 64, "mfu": "40%", "goodput": "90%",
        "overhead": 1.25, "price": "2/h", "region": "aws", "samples": 1,
    }  # fmt: skip
    answer = api.train(**asked)
    of: dict[str, Any] = dict(answer.result)
    p: dict[str, Any] = {name: one.value for name, one in answer.inputs.items()}
    busy = 4.2e21 / (0.4 * p["peak_flops"])
    hours = busy / 3600 / 0.9 * 1.25
    assert of["gpu_hours"] == pytest.approx(hours)
    assert (of["compute_seconds"], of["duration_seconds"]) == pytest.approx((busy / 64, hours * 3600 / 64))
    server = hours * p["tdp_watts"] * p["server_factor"] * p["average_load"] / 1000
    kwh = server * p["pue"]
    assert (of["server_kwh"], of["energy_kwh"]) == pytest.approx((server, kwh))
    chips = hours * p["tdp_watts"] * p["accelerator_load"] / 1000
    assert of["accelerator_kwh"] == pytest.approx(chips)
    assert of["power_watts"] == pytest.approx(kwh * 1000 / (of["duration_seconds"] / 3600))
    assert of["electricity_usd"] == pytest.approx(kwh * p["electricity_price"])
    assert of["co2e_kg"] == pytest.approx(kwh * p["carbon_intensity"])
    assert of["water_litres"] == pytest.approx(server * p["water_litres_per_kwh"])
    assert of["embodied_co2e_kg"] == pytest.approx(hours / (p["server_life_years"] * 8766) * p["embodied_kg_per_gpu"])
    assert of["homes_year"] == pytest.approx(kwh / p["home_kwh_per_year"])
    assert of["cars_year"] == pytest.approx(of["co2e_kg"] / p["car_kg_per_year"])
    rows = {row["name"]: row["energy_kwh"] for row in answer.arrays["energy"]}
    parts = {"accelerators": chips, "rest of the servers": server - chips, "cooling and distribution": kwh - server}
    assert rows == pytest.approx(parts)
    assert of["program_usd"] == pytest.approx(2 * hours * (1 + p["experiments"]) * (1 + p["staff"]))


ROWS: dict[str, list[dict[str, Any]]] = {
    "stacks": [{"name": "s", "weight": 4.0, "logit": 6.0, "sharded_logit": 8.0, "reserve": 1.2, "cached": 0.3, "interleaved": 0.1,
                "plain": 0.0, "update": 5.0}, {"name": "s", "weight": 2.0, "logit": 6.0, "sharded_logit": 8.0, "reserve": 1.2,
                "cached": 0.3, "interleaved": 0.1, "plain": 0.0, "update": 5.0, "fused_loss": 1}],
    "optimizers": [{"name": "sgd", "weight": 2.0, "gradient": 2.0, "optimizer": 4.0, "update": 9.0}],
    "loss_kernels": [{"name": "fused", "logit": 1.0}, {"name": "plain", "logit": 12.0}],
    "allocators": [{"name": "expandable", "reserve": 1.05, "cached": 0.4, "interleaved": 0.0},
                   {"name": "fixed", "reserve": 1.1, "cached": 0.5, "interleaved": 0.2}],
    "methods": [{"name": "lora", "spread": 1.5}],
}  # fmt: skip
SHELF: Any = SimpleNamespace(table=lambda _, name: ROWS[name])


def test_what_a_stack_keeps_with_something_else_said() -> None:
    """The last row of a name counts; sharded fields where ZeRO-3 shards; a pool is never the worse for other segments."""
    whole, shards = (kept_by(SHELF, "s", sharded) for sharded in (False, True))
    assert (whole.weight, whole.logit, shards.logit) == (2.0, 6.0, 8.0)
    assert fuses_loss(SHELF, "s")
    other = with_optimizer(SHELF, whole, "sgd")
    assert (other.weight, other.gradient, other.optimizer, other.update) == (2.0, 2.0, 4.0, 5.0)
    assert with_optimizer(SHELF, whole, "adamw") == whole
    assert [with_loss(SHELF, whole, name).logit for name in ("fused", "plain", "own")] == [1.0, 12.0, 6.0]
    assert with_loss(SHELF, whole._replace(plain=1.0), "plain").logit == 6.0
    grown = with_segments(SHELF, whole, True)
    assert (grown.reserve, grown.cached, grown.interleaved, grown.expandable) == (1.05, 0.3, 0.0, 1.0)
    fixed = with_segments(SHELF, whole._replace(expandable=1.0), False)
    assert (fixed.reserve, fixed.cached, fixed.interleaved, fixed.expandable) == (1.2, 0.5, 0.2, 0.0)
    assert with_segments(SHELF, whole, None) == with_segments(SHELF, whole, False) == whole
    wide = with_spread(SHELF, whole._replace(spread=0.3, held_spread=0.05), "lora", 2.0)
    assert (wide.spread, wide.held_spread) == pytest.approx((0.9, 0.15))
    assert with_spread(SHELF, whole, "full").spread == whole.spread
    host = [offloaded(whole, what) for what in ("none", "optimizer", "weights", "optimizer+activations")]
    assert [(one.on_host, one.activations_on_host) for one in host] == [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (1.0, 1.0)]
    assert [bits_held(bits) for bits in (16.0, 8.0, 4.0)] == [2.0, EIGHT_BITS, FOUR_BITS]


def test_the_batch_of_a_run() -> None:
    """4M tokens at 1e24 FLOP, by the cube root; eight times that for experts; a batch of its own by the length of the run."""
    assert batch_tokens(8e24) == pytest.approx(8e6)
    assert batch_tokens(8e24, True) == pytest.approx(64e6)
    assert batch_tokens(1e18) == 5e5
    assert usual_batch(1e24, False, 2e12, 16e6, 16e12) == pytest.approx(8e6)
    assert usual_batch(1e24, False, 0.0, 16e6, 16e12) == usual_batch(1e24, False, 1e12, 16e6, None) == 16e6


def test_as_many_accelerators_as_a_deadline_wants() -> None:
    """1,000 accelerator-seconds in 10 s are 100: 13 machines of 8. Where 2 to 6 lay out badly a larger count is taken."""
    assert fewest(lambda n: 1000 / n, 10.0) == Count(104, 1000 / 104)
    assert fewest(lambda n: 14 / n, 2.0).gpus == 7
    assert fewest(lambda n: 14 / n if n > 6 else 99.0, 3.0).gpus == 7
    assert fewest(lambda n: 24 / n * (2 if n == 6 else 1), 8.0).gpus == 3
    assert fewest(lambda _: 5.0, 4.0) == Count(1, 5.0)
    assert Count(8, 7200.0).hours == 16.0
    assert _at_most(np.arange(1.0, 11.0), 0.9) == 9.0
    assert _at_most(np.arange(1.0, 11.0), 0.91) == 10.0


def test_a_spot_job_stops_with_each_machine_that_is_taken() -> None:
    """64 accelerators fail every 1,000 h each: 15.6 h; 8 machines are held 80 h each: one is taken every 10 h; 6.1 h together."""
    p: TrainingNumbers = {"gpus": 64.0, "gpu_hours_per_failure": 1000.0}
    assert float(between(p)) == pytest.approx(1000 / 64 * 3600)
    spot: TrainingNumbers = {**p, "preemption": 80 * 3600.0}
    assert float(between(spot)) == pytest.approx(3600 / (64 / 1000 + 8 / 80))
    few: TrainingNumbers = {**spot, "gpus": 4.0}
    assert float(between(few)) == pytest.approx(3600 / (4 / 1000 + 1 / 80))


def test_models_beside_the_trained_one_take_their_memory() -> None:
    """20 GB of a teacher on each: that much less for the run, that much more in its memory."""
    card = Machine(*[1.0] * len(Machine._fields))._replace(memory_bytes=80e9, process_bytes=float("nan"))
    assert float(_less(card, 20e9).shown_bytes) == 60e9
    held = Memory(*[0.0] * len(Memory._fields))._replace(total_bytes=30e9)
    choice = searching.Choice(Layout(*[1.0] * 11), Step(**STEP), held, True)
    both = _of_method(searching.Found(choice, choice, None, 1, 1, 0.0), 20e9)
    assert both.best.memory.total_bytes == 50e9
    assert both.runner_up is not None
    assert both.runner_up.memory.total_bytes == 50e9
