"""Figures of a service by hand: what a machine that gives 1,000 tokens a second takes for requests of 100 and 100.

A request is 0.1 s of one accelerator at full load. 5 million a day are 57.87 a second: 5.787 busy accelerators.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from llmcost import api
from llmcost.engine.money.tokens import Rate, Tariff, through_the_day
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.serving.latency import _of_starts, at_load
from llmcost.result import Range

ASKED: dict[str, Any] = {
    "tokens_per_second": "1000/s", "hardware": "h100-sxm", "isl": 100, "osl": 100, "price": "2/h", "samples": 1,
}  # fmt: skip
BUSY = 5e6 / 86_400 * 0.1  # accelerators
MONTH = 365.25 / 12 * 24  # hours


def served(**said: Any) -> dict[str, Any]:
    return dict(api.serve(**ASKED, **said).result)


def test_replicas_are_those_that_the_mean_load_needs_and_their_spares() -> None:
    """At 60 %: 5.787 / 0.6 = 9.65, so 10; two regions of 4.82 hold 5 each. A spare is one more in each region."""
    for said, gpus in (({}, 10), ({"serve_regions": 2}, 10), ({"serve_regions": 2, "spares": 1}, 12),
                       ({"spares": 3}, 13), ({"min_replicas": 20}, 20)):  # fmt: skip
        found = served(requests="5M/day", utilization="60%", **said)
        assert found["gpus"] == gpus
        assert found["utilization"] == pytest.approx(BUSY / gpus)
        assert found["usd_per_month"] == pytest.approx(2 * gpus * MONTH)
        assert found["usd_per_request"] == pytest.approx(2 * gpus * 24 / 5e6)
        assert found["usd_per_mtok_blended"] == pytest.approx(2 * gpus * 24 / 5e6 / 200 * 1e6)


def test_the_busiest_hour_is_what_a_fleet_is_sized_for() -> None:
    """2 x the mean at 80 %: 11.574 / 0.8 = 14.47, so 15; the mean load is 5.787 / 15."""
    found = served(requests="5M/day", peak_to_average=2, peak_load="80%")
    assert found["gpus"] == 15
    assert found["requests_per_second_peak"] == pytest.approx(2 * 5e6 / 86_400)
    assert found["utilization"] == pytest.approx(BUSY / 15)


def test_energy_of_a_month_by_its_scopes() -> None:
    """10 accelerators all month; a server draws idle + (busy - idle) x 0.5787 of what it is rated at, the building PUE times it."""
    answer = api.serve(**ASKED, requests="5M/day", utilization="60%", pue=1.2, carbon_intensity="400g/kWh")
    p: dict[str, Any] = {name: one.value for name, one in answer.inputs.items()}
    of: dict[str, Any] = dict(answer.result)
    load = p["idle_load"] + (p["average_load"] - p["idle_load"]) * BUSY / 10
    server = 10 * MONTH * p["tdp_watts"] * p["server_factor"] * load / 1000
    assert of["energy_kwh_per_month"] == pytest.approx(1.2 * server)
    assert of["co2e_kg_per_month"] == pytest.approx(0.4 * 1.2 * server)
    each = server / (5e6 * 365.25 / 12)
    assert of["server_wh_per_request"] == pytest.approx(1000 * each)
    assert of["wh_per_request"] == pytest.approx(1200 * each)
    assert of["wh_per_1000_tokens"] == pytest.approx(1200 * each / 200 * 1000)
    chip = p["accelerator_idle_load"] + (p["accelerator_load"] - p["accelerator_idle_load"]) * BUSY / 10
    drawn = 10 * MONTH * p["tdp_watts"] * chip / (5e6 * 365.25 / 12)
    assert of["accelerator_wh_per_request"] == pytest.approx(drawn)


def test_what_is_paid_beside_accelerators() -> None:
    """$10k of operations a month, 5 TB kept at $0.02 a GB, 8 kB a request sent at $0.09 a GB: 152.2M requests a month."""
    bare = served(requests="5M/day", utilization="60%")
    said = {"operations_cost": "10k", "storage_price": 0.02, "stored_bytes": "5TB", "egress_price": 0.09,
            "egress_bytes": "8kB"}  # fmt: skip
    found = served(requests="5M/day", utilization="60%", **said)
    requests = 5e6 * 365.25 / 12
    beside = 10_000 + 5000 * 0.02 + requests * 8e-6 * 0.09
    assert found["usd_per_month"] - bare["usd_per_month"] == pytest.approx(beside)
    assert found["usd_per_request"] - bare["usd_per_request"] == pytest.approx(beside / requests)
    alone = served(utilization="60%", egress_price=0.09, egress_bytes="8kB")
    assert alone["usd_per_request"] == pytest.approx(0.1 / 3600 / 0.6 * 2 + 8e-6 * 0.09)


def test_a_cold_start_is_as_uncertain_as_the_start() -> None:
    """2 s warm, known to -10 and +20 %; 8 s of 10 wait for a start of 60 s, which may be 30 or 120."""

    class Fixed(SimpleNamespace):
        def _replace(self, **_: object) -> Fixed:
            return self

    service: Any = Fixed(
        question=SimpleNamespace(numbers={"cold_start": Spread(30.0, 60.0, 120.0)}), fleet=Fixed(),
        latencies=lambda *_: {"ttft_seconds": 2.0},
    )  # fmt: skip
    found = _of_starts(service, {}, {"ttft_seconds": 10.0}, {"ttft_seconds": Range(9.0, 10.0, 12.0)})["ttft_seconds"]
    assert (found.p5, found.p50, found.p95) == pytest.approx((2 * 0.9 + 8 * 0.5, 10.0, 2 * 1.2 + 8 * 2.0))
    service.question.numbers["cold_start"] = 60.0
    sure = _of_starts(service, {}, {"ttft_seconds": 10.0}, {"ttft_seconds": Range(9.0, 10.0, 12.0)})["ttft_seconds"]
    assert (sure.p5, sure.p95) == pytest.approx((2 * 0.9 + 8, 2 * 1.2 + 8))


def test_prices_of_the_night_weigh_by_their_traffic() -> None:
    """$4 by day for three quarters of the traffic and $2 by night: 3.5, of prompts, answers, cache and requests alike.

    What is written to a cache has its own price by day, $5, and by night that of any prompt: 0.75 x 5 + 0.25 x 2.
    """
    day = Tariff(Rate(4.0, (1000.0,), (8.0,)), Rate(0.4), Rate(16.0), 0.04, Rate(5.0, (1000.0,), (10.0,)))
    night = Tariff(Rate(2.0, (1000.0,), (4.0,)), Rate(0.2), Rate(8.0), 0.02, None)
    found = through_the_day([day, night], [3.0, 1.0])
    assert found.prompt == Rate(3.5, (1000.0,), (7.0,))
    assert (found.cached.base, found.output.base, found.per_request) == pytest.approx((0.35, 14.0, 0.035))
    assert found.written is not None
    assert (found.written.base, *found.written.prices) == pytest.approx((4.25, 8.5))
    assert through_the_day([night, night], [3.0, 1.0]).written is None


def test_a_fleet_is_ready_for_whole_billed_units() -> None:
    """20 minutes ahead are 20 where minutes are billed, and an hour where hours are: what clouds turn off they have paid."""
    said: dict[str, Any] = {"requests": "5M/day", "peak_to_average": 3, "peak_load": "80%", "scaling": "autoscale"}
    by_minute, by_hour, whole = (
        served(**said, reaction_time=time, billing=unit)["gpus_mean"]
        for time, unit in (("20min", "minute"), ("20min", "hour"), ("1h", "hour"))
    )
    assert by_hour == whole > by_minute


def test_traffic_that_hardly_grows_is_paid_as_if_it_did_not() -> None:
    """Growth of a millionth a month: accelerators, operations, storage and what is sent, over a year as at launch."""
    said: dict[str, Any] = {"requests": "5M/day", "utilization": "60%", "operations_cost": "100k", "egress_price": 0.09,
                            "egress_bytes": "80kB", "train_cost": "1M", "horizon": "365.25d"}  # fmt: skip
    month = 2 * 10 * MONTH + 100_000 + 5e6 * 365.25 / 12 * 80e-6 * 0.09
    for more in ({}, {"growth": "0.0001%/mo"}):
        found: dict[str, Any] = dict(api.crossover(**ASKED, **said, **more).result)
        assert found["inference_usd_at_horizon"] == pytest.approx(12 * month, rel=1e-4)


def test_a_latency_at_a_load_is_as_uncertain_as_that_of_a_full_batch() -> None:
    """-20 and +60 % of TPOT at full batch: the same of 20 ms at the load. A queue without end has no mean."""
    question: Any = SimpleNamespace(numbers={}, side="serve", scenario=SimpleNamespace(peek=lambda *_: None),
                                    warn=lambda *_: None)  # fmt: skip
    met = {"tpot_seconds": 0.02, "ttft_seconds": math.inf}
    service: Any = SimpleNamespace(question=question, fleet=SimpleNamespace(idle=None), latencies=lambda *_: met)
    of: Any = {"usd_per_request": 1.0, "own": {"usd_per_request": 2.0}}
    answer: Any = at_load(service, of, {"tpot_full_seconds": Range(0.01, 0.0125, 0.02)})
    found, ranges = answer
    assert found["ttft_seconds"] is None
    assert found["own"]["tpot_seconds"] == found["tpot_seconds"] == 0.02
    at = ranges["tpot_seconds"]
    assert (at.p5, at.p50, at.p95) == pytest.approx((0.016, 0.02, 0.032))
    assert "ttft_seconds" not in ranges


def test_a_cut_shortens_a_range_at_both_ends() -> None:
    """A quarter of 800 to 1,200 tokens left out: 600 to 900. Of a triangle 750 in the middle; of 100 tokens 75."""
    triangle = {"low": 800, "mode": 1000, "high": 1200}
    cut = [api.serve(**{**ASKED, "isl": isl, "samples": 400}, technique="prompt-cut=25%").inputs["isl"]
           for isl in ("800..1200", triangle, 100)]  # fmt: skip
    assert (cut[0].p5, cut[0].p95) == pytest.approx((600.0, 900.0))
    assert [cut[1].value, cut[2].value] == pytest.approx([750.0, 75.0])
    sides = [cut[1].p5, cut[1].p95]  # a twentieth of a triangle lies beyond 1 - sqrt(0.1) of its half-width of 150
    assert sides == pytest.approx([750 - 150 * (1 - 0.1**0.5), 750 + 150 * (1 - 0.1**0.5)], rel=1e-6)
