"""Replicas by hand: what the engine's point of a batch means for requests, prices and fleets.

The machine and model of `test_serving_terms`; prompts of 600 tokens, answers of 400; errors of the engine 1.1, 1.2, 1.25.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from llmcost.engine.demand.idle import Cycle
from llmcost.engine.serving.inputs import Layout, Load, Precision
from llmcost.engine.serving.operating_point import Point, operating_point
from llmcost.engine.serving.pools import decode_point, prefill_point
from llmcost.engine.serving.queueing import latency
from llmcost.engine.serving.search import Targets
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.serving.hosted import _token_prices
from llmcost.estimate.serving.replicas.lengths import Lengths
from llmcost.estimate.serving.replicas.load import Arrivals, Under, latencies, size, started
from llmcost.estimate.serving.replicas.pools import Pools
from llmcost.estimate.serving.replicas.prefix import Shared, _found
from llmcost.estimate.serving.replicas.prompts import Prompts
from llmcost.estimate.serving.replicas.together import Together, _usd_per_mtok
from llmcost.estimate.serving.replicas.users import most
from llmcost.estimate.serving.techniques.applied import _totals
from tests.published.test_serving_constants import point
from tests.published.test_serving_terms import ALONE, DENSE, IDEAL, MACHINE

P: ServingNumbers = {"isl": 600.0, "osl": 400.0, "cache_hit": 0.0, "tpot_error": 1.1, "ttft_error": 1.2,
                     "throughput_error": 1.25}  # fmt: skip
CHIP: Any = SimpleNamespace(machine=MACHINE)
LOAD = Load(600.0, 400.0, 0.0, 8.0)
FULL = operating_point(DENSE, MACHINE, ALONE, Precision(), LOAD, IDEAL)


def together(**said: Any) -> Together:
    return Together(
        2, DENSE, CHIP, ALONE, Precision(), IDEAL, 8.0, FULL, "", (), "bf16", 8.0, None, False, LOAD, **said
    )


def test_a_replica_that_does_both_phases() -> None:
    """What is not decoding is prefill: decoding takes a token's time without prompts, eight at a time."""
    found = together().speed(P)
    assert float(found["tpot_full_seconds"]) == pytest.approx(1.1 * float(FULL.tpot_seconds))
    assert float(found["ttft_full_seconds"]) == pytest.approx(1.2 * float(FULL.ttft_seconds))
    rate = float(FULL.output_tokens_per_second) / 1.25
    assert float(found["output_tokens_per_second"]) == pytest.approx(rate)
    assert float(found["requests_per_second_per_replica"]) == pytest.approx(rate / 400)
    decoding = float(FULL.tpot_seconds - FULL.prefill_row) * 1.25 * rate / 8
    assert float(found["prefill_share"]) == pytest.approx(1 - decoding)
    assert "cached_share" not in found
    ((_, gpus, seconds),) = together().kinds(found)
    assert gpus == 2
    assert float(seconds) == pytest.approx(2 * 400 / rate)


def test_cached_tokens_pay_for_what_they_add_to_decoding() -> None:
    """Half of the prompt is read from the cache: its tokens lengthen each step of decoding beside a prompt of 300."""
    found = together().speed({**P, "cache_hit": 0.5})
    at, bare = (
        operating_point(DENSE, MACHINE, ALONE, Precision(), load, IDEAL)
        for load in (Load(600.0, 400.0, 300.0, 8.0), Load(300.0, 400.0, 0.0, 8.0))
    )
    step = float(at.tpot_seconds - at.prefill_row) - float(bare.tpot_seconds - bare.prefill_row)
    assert step > 0
    assert float(found["cached_share"]) == pytest.approx(step * float(at.output_tokens_per_second) / 8)
    alone = together(decodes_only=True).speed(P)
    arrived = operating_point(DENSE, MACHINE, ALONE, Precision(), Load(600.0, 400.0, 600.0, 8.0), IDEAL)
    assert float(alone["tpot_full_seconds"]) == pytest.approx(1.1 * float(arrived.tpot_seconds))
    assert "prefill_share" not in alone


def test_prices_of_tokens_share_out_the_cost() -> None:
    """A cent a request; 30 % prefill, 10 % for what is cached: input 600 x 0.75 fresh, 150 cached, 400 out."""
    p: ServingNumbers = {**P, "cache_hit": 0.25, "requests_per_user": 10.0}
    found = _token_prices(p, {"usd_per_request": 0.01, "prefill_share": 0.3, "cached_share": 0.1}, "")
    assert float(found["usd_per_mtok_input"]) == pytest.approx(0.003 / 450 * 1e6)
    assert float(found["usd_per_mtok_cached_input"]) == pytest.approx(0.001 / 150 * 1e6)
    assert float(found["usd_per_mtok_output"]) == pytest.approx(0.006 / 400 * 1e6)
    assert float(found["usd_per_mtok_blended"]) == pytest.approx(0.01 / 1000 * 1e6)
    assert float(found["blend_ratio"]) == pytest.approx(1.5)
    assert float(found["usd_per_user_month"]) == pytest.approx(0.1 * 365.25 / 12)
    plain = _token_prices(P, {"usd_per_request": 0.01, "prefill_share": 0.3}, "")
    assert float(plain["usd_per_mtok_output"]) == pytest.approx(0.007 / 400 * 1e6)
    assert float(_token_prices(p, {"usd_per_request": 0.01}, "prefill")["usd_per_mtok_input"]) == pytest.approx(
        0.01 / 450 * 1e6
    )
    assert float(_token_prices(p, {"usd_per_request": 0.01}, "decode")["usd_per_mtok_output"]) == pytest.approx(25.0)


OPTIONS: Any = SimpleNamespace(shape=DENSE, device=CHIP, calibration=IDEAL, lengths=None)


def test_pools_of_prompts_and_of_answers() -> None:
    """Two accelerators run prompts and hand over, four answer eight at a time: each phase has its own accelerator time."""
    first = prefill_point(DENSE, MACHINE, Layout(tp=2.0), Precision(), LOAD, IDEAL)
    then = decode_point(DENSE, MACHINE, Layout(tp=4.0), Precision(), LOAD, IDEAL)
    pools = Pools(OPTIONS, Precision(), "bf16", Layout(tp=2.0), Layout(tp=4.0), 8.0, then, "", (), (0.0, 0.0))
    found = pools.speed(P)
    prompt, answer = 2 * 1.25 * float(first.prompt_seconds), 4 * 1.25 * 400 / float(then.output_tokens_per_second)
    assert float(found["prefill_gpu_seconds"]) == pytest.approx(prompt)
    assert float(found["decode_gpu_seconds"]) == pytest.approx(answer)
    assert float(found["prefill_share"]) == pytest.approx(prompt / (prompt + answer))
    assert float(found["ttft_idle_seconds"]) == pytest.approx(1.2 * float(first.alone_seconds + first.transfer_seconds))
    assert [(name, gpus) for name, gpus, _ in pools.kinds(found)] == [("decode", 4), ("prefill", 2)]
    cached = pools.speed({**P, "cache_hit": 0.5})
    there, bare = (decode_point(DENSE, MACHINE, Layout(tp=4.0), Precision(), load, IDEAL)
                   for load in (LOAD, Load(300.0, 400.0, 0.0, 8.0)))  # fmt: skip
    saved = 1 - float(there.output_tokens_per_second / bare.output_tokens_per_second)
    assert float(cached["cached_share"]) == pytest.approx(saved * (1 - float(cached["prefill_share"])))
    # ten of them at half of what they can do: as many prefill replicas as keep up with all of it
    most_ = float(then.output_tokens_per_second) / 400
    under = pools.under(P, 0.5, 10.0)
    servers = math.ceil(10 * most_ * float(first.prompt_seconds))
    by_hand = latency(float(servers), 5 * most_, np.array([float(first.prompt_seconds)]))
    assert under.first_token is not None
    assert float(under.first_token.waited_seconds) == pytest.approx(float(by_hand.waited_seconds))
    assert float(under.first_token.mean_seconds - under.first_token.waited_seconds) == pytest.approx(
        float(first.alone_seconds + first.transfer_seconds)
    )


def test_prompts_alone() -> None:
    prompts = Prompts(OPTIONS, Precision(), "bf16", Layout(tp=2.0))
    at = prefill_point(DENSE, MACHINE, Layout(tp=2.0), Precision(), Load(600.0, 1.0), IDEAL)
    found = prompts.speed(P)
    assert float(found["requests_per_second_per_replica"]) == pytest.approx(1 / (1.25 * float(at.prompt_seconds)))
    assert float(found["input_tokens_per_second"]) == pytest.approx(float(at.tokens_per_second) / 1.25)
    assert float(found["ttft_idle_seconds"]) == pytest.approx(1.2 * float(at.alone_seconds))
    first = prompts.under(P, 0.5, 3.0).first_token
    by_hand = latency(3.0, 0.5 * 3 / float(at.prompt_seconds), np.array([float(at.prompt_seconds)]))
    assert first is not None
    assert float(first.waited_seconds) == pytest.approx(float(by_hand.waited_seconds))


class Fixed:
    """M/D/1 of 0.1 s at 10 requests a second a replica."""

    def speed(self, p: ServingNumbers) -> ServingFigures:
        del p
        return {"requests_per_second_per_replica": 10.0}

    def under(self, p: ServingNumbers, share: Any, replicas: Any) -> Under:
        del p
        at = point(tpot_seconds=0.02, batch=5.0)
        return Under(at, latency(replicas, np.asarray(share) * replicas * 10.0, np.array([0.1])))


def test_a_fleet_that_keeps_the_95th_percentile() -> None:
    """One server half busy: no more than half wait, exponentially with 0.05 / 0.5 s: 0.1 + 0.1 ln(0.5 / 0.05) = 0.33 s.

    45 a second at 90 % want five of 10 a second; the quantile decides on as many as keep it, each in turn looked at.
    """
    found = latencies(Fixed(), P, 0.5, 1.0)
    assert float(found["tpot_seconds"]) == pytest.approx(1.1 * 0.02)
    assert float(found["tokens_per_second_per_user"]) == pytest.approx(1 / 0.022)
    assert float(found["ttft_seconds"]) == pytest.approx(1.2 * 0.15)
    assert float(found["ttft_p95_seconds"]) == pytest.approx(1.2 * (0.1 + 0.1 * math.log(10)))
    assert Arrivals(0.8, None).of(0.1) == (8.0, 1.0)
    assert Arrivals(0.9, 45.0).of(0.1) == (45.0, 5.0)
    for target in (0.15, 0.2, 0.3):
        sized = size(Fixed(), P, target, Arrivals(0.9, 45.0))
        fine = [n for n in range(5, 12)
                if float(latency(float(n), 45.0, np.array([0.1])).quantile(0.95)) <= target]  # fmt: skip
        assert sized.bound == (math.inf if fine[0] == 5 else pytest.approx(45 / (10 * fine[0])))
    alone = size(Fixed(), P, 0.33, Arrivals(0.9, None))
    assert alone.bound == alone.max_utilization == pytest.approx(0.5, abs=0.01)


def test_who_meets_a_cold_start_waits_for_it_and_then_as_others() -> None:
    """3 % meet one of 60 s, 0.0005 a second fewer the longer: 0.9 s in the mean; 1 % wait more than 40 s, 5 % for none."""
    warm: ServingFigures = {
        "ttft_seconds": 1.0, "ttft_p50_seconds": 0.8, "ttft_p95_seconds": 2.0, "ttft_p99_seconds": 3.0,
    }  # fmt: skip
    found = started(warm, Cycle(1.0, 0.03, 0.0005), 60.0)
    assert found == pytest.approx(
        {"ttft_seconds": 1.9, "ttft_p50_seconds": 0.8, "ttft_p95_seconds": 2.0, "ttft_p99_seconds": 41.0}
    )
    assert started({}, Cycle(1.0, 0.03, 0.0005), 60.0) == {}


def test_the_most_users_who_keep_a_target() -> None:
    """Each user adds 10 ms to the first token: 99 % under 2 s are 200 users; under 5 ms there is not one."""

    def at(load: Load) -> Point:
        n = np.asarray(load.batch)
        return point(batch=n, ttft_seconds=0.01 * n, tpot_seconds=0.02, output_tokens_per_second=n * 50.0)

    found = most(at, ALONE, LOAD, Targets(2.0, math.inf), 0.3)
    assert not isinstance(found, NoFit)
    assert found.at_once == 200.0
    assert isinstance(most(at, ALONE, LOAD, Targets(0.005, math.inf), 0.3), NoFit)


def test_what_caches_of_a_size_find() -> None:
    """Straight between the logarithms of sizes: 100k find 10 % and 10M 30 %, so 1M find 20; 50k half of 10 %."""
    curve = ((1e5, 0.1), (1e7, 0.3))
    assert [_found(curve, size_) for size_ in (5e4, 1e5, 1e6, 1e8)] == pytest.approx([0.05, 0.1, 0.2, 0.3])
    assert Shared(0.2, 0.5, 8.0).most == pytest.approx(0.7)
    assert Shared(0.0, 0.0, 0.0, curve).most == 0.3


def test_lengths_that_memory_is_set_aside_for() -> None:
    """Prompts of 100 and 300 and half of answers of 10 and 30: any prompt with any answer, or as they came."""
    prompts, answers = np.array([100.0, 300.0]), np.array([10.0, 30.0])
    assert sorted(Lengths(prompts, answers, True).total_points(0.5)) == [105.0, 115.0, 305.0, 315.0]
    assert Lengths(prompts, answers, False).total_points(0.5).tolist() == [105.0, 315.0]
    assert Lengths(prompts, answers, True).prompt_points().tolist() == [0.5, 1.5]


def test_a_token_on_the_front_pays_for_decoding_alone() -> None:
    """4 hours at $2.50 a million at full use; half of the time decodes; at 50 % of use twice that. Decode replicas have no prompts."""
    at = point(tpot_seconds=0.02, prefill_row=0.01, output_tokens_per_second=400.0, batch=8.0, prefill_share=0.2)
    grid: Any = SimpleNamespace(gpu_hours_per_mtok=4.0, point=at)
    assert [_usd_per_mtok(grid, 2.5 / 0.5, kind) for kind in ("", "static", "decode")] == pytest.approx(
        [10.0, 16.0, 20.0]
    )


def test_a_month_is_so_many_requests() -> None:
    """1,000 a day, 30.4375 days: dollars, electricity and carbon of a request times 30,437.5. Of 128 lengths 64 slices."""
    found = _totals(
        {"usd_per_request": 0.01, "kwh_per_request": 0.002, "co2e_kg_per_request": 0.001}, {"requests": 1000.0}
    )
    month = 1000 * 365.25 / 12
    assert float(found["usd_per_day"]) == pytest.approx(10.0)
    assert [float(found[k]) for k in ("usd_per_month", "energy_kwh_per_month", "co2e_kg_per_month")] == pytest.approx(
        [0.01 * month, 0.002 * month, 0.001 * month]
    )  # fmt: skip
    sample = Lengths(np.arange(128.0), np.ones(128), False).prompt_points()
    assert len(sample) == 64
    assert sample[0] == pytest.approx(0.5 / 63.5)
