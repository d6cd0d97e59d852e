"""Latencies of whole answers: they rise with the load, keep their order, and move no cost."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api

LATENCIES = ("tpot_seconds", "ttft_seconds", "ttft_p50_seconds", "ttft_p95_seconds", "ttft_p99_seconds")
SMALL: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "isl": "1000", "osl": "200", "samples": 50}
LARGE: dict[str, Any] = {"model": "deepseek-v3", "hardware": "h200-sxm", "isl": "4000", "osl": "500", "samples": 50}
LOADS = ("1%", "10%", "35%", "60%", "85%", "97%", "99.9%")


def served(**said: Any) -> dict[str, Any]:
    return api.serve(**said).result


def check(answers: list[dict[str, Any]]) -> None:
    for key in LATENCIES:
        values = [r[key] for r in answers if r.get(key) is not None]
        assert len(values) in (0, len(answers))
        assert values == sorted(values)
        assert len(set(values)) > 2 or not values
    for r in answers:
        if "ttft_p95_seconds" in r:
            assert r["ttft_seconds"] <= r["ttft_p95_seconds"] * (1 + 1e-9)
            assert r["ttft_p50_seconds"] <= r["ttft_p95_seconds"] <= r["ttft_p99_seconds"]
        if "tpot_full_seconds" in r:
            assert r["tpot_seconds"] <= r["tpot_full_seconds"]


@pytest.mark.parametrize(
    "said",
    [SMALL, LARGE, {**LARGE, "pools": "disaggregated"}, {**SMALL, "phase": "decode"}, {**SMALL, "technique": "speculation=0.7"},
     {**SMALL, "length_spread": "1.2"}],
    ids=["small", "large", "pools", "decode", "speculation", "lengths"],
)  # fmt: skip
def test_they_rise_with_the_stated_utilization(said: dict[str, Any]) -> None:
    answers = [served(**said, utilization=u) for u in LOADS]
    check(answers)
    costs = [r["usd_per_request"] * r["utilization"] for r in answers]
    assert costs == pytest.approx([costs[0]] * len(costs))


@pytest.mark.parametrize("fixed", [{"gpus": 1}, {"min_replicas": 30, "spares": 2, "serve_regions": 2}])
def test_they_rise_with_the_traffic_of_a_fleet(fixed: dict[str, Any]) -> None:
    least = fixed.get("min_replicas", 1) * fixed.get("serve_regions", 1)
    answers = [
        served(**SMALL, **fixed, tp=1, requests=f"{share * least * 1.5e6:.0f}/day", utilization="99%")
        for share in (0.001, 0.1, 0.5, 0.8, 0.95)
    ]
    assert len({(r["replicas"], r["usd_per_month"]) for r in answers}) == 1
    check(answers)


def test_a_batch_that_was_said_stands() -> None:
    low, high = (served(**SMALL, batch=16, utilization=u) for u in ("5%", "95%"))
    assert [low[k] for k in LATENCIES[:2]] == [high[k] for k in LATENCIES[:2]]
    assert not {"ttft_p95_seconds", "tpot_full_seconds", "requests_in_flight"} & set(low)
    bounded = served(**SMALL, batch=16, utilization="95%", ttft_p95="60s")
    assert bounded["tpot_seconds"] < high["tpot_seconds"]
    assert bounded["ttft_seconds"] <= bounded["ttft_p95_seconds"] <= 60


def test_full_replicas_have_full_batches_and_queues_without_end() -> None:
    answer = api.serve(**SMALL, utilization="100%")
    assert answer.result["tpot_seconds"] == answer.result["tpot_full_seconds"]
    assert answer.result["requests_in_flight"] == answer.result["batch"]
    assert [answer.result[k] for k in LATENCIES[1:]] == [None] * 4
    assert "W052" in [w.code for w in answer.warnings]


def test_a_target_that_waiting_misses_is_told() -> None:
    said: dict[str, Any] = {
        "model": "llama-3.1-70b",
        "hardware": "h200-sxm",
        "dtype": "fp8",
        "kv_dtype": "fp8",
        "isl": "8000",
        "osl": "300",
        "samples": 50,
    }
    codes = {u: [w.code for w in api.serve(**said, ttft="5s", utilization=u).warnings] for u in ("60%", "99%")}
    assert codes == {"60%": [], "99%": ["W053"]}
