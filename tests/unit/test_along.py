"""What is figured along a key at once is what every value gives when it is asked alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcost import scenario as sc
from llmcost.catalog import Catalog
from llmcost.estimate.asking import sampling
from llmcost.estimate.compare import along
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.figures import figures
from llmcost.keys import all_keys

CHAT: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "isl": 1000, "osl": 300, "requests": "3M/day", "horizon": "2y",
}  # fmt: skip
GROWING = {**CHAT, "growth": "5%/mo"}
TOTAL = "total_usd_horizon"


def _alone(asked: dict[str, Any], line: along.Axis, value: float, figure: str) -> float:
    case = cases.read_case(sc.resolve(asked).over({line.key.name: line.setting(value)}), Catalog())
    return float("inf") if case.reason else float(figures(case, sampling.central(case.numbers))[figure])


@pytest.mark.parametrize(
    ("asked", "key", "low", "high"),
    [
        (GROWING, "utilization", 0.1, 0.9),
        (GROWING, "requests", 1e5, 5e6),
        ({**GROWING, "commitment": "owned", "peak_to_average": 2}, "requests", 1e3, 5e6),
        ({**GROWING, "commitment": "mix", "reserved": "owned"}, "requests", 1e3, 5e6),
        (GROWING, "growth", -0.05, 0.12),
        ({**CHAT, "growth": "10%/mo", "ceiling": "20M/day"}, "ceiling", 4e6, 8e7),
        ({**CHAT, "added_requests": "300k/day"}, "added_requests", 1e4, 1e6),
        ({**GROWING, "scaling": "autoscale", "peak_to_average": "3"}, "requests", 1e5, 5e6),
        ({**GROWING, "scaling": "autoscale", "min_replicas": 0, "spares": 1}, "requests", 1e2, 5e3),
        ({**GROWING, "spares": 1, "min_replicas": 2, "serve_regions": 2}, "price_decline", 0.01, 0.4),
        ({**CHAT, "ceiling": "20M/day", "adoption_midpoint": "12mo"}, "requests", 1e5, 5e6),
        ({**CHAT, "train_cost": "1M", "retrain_every": "12mo"}, "retrain_cost", 0.1, 2.0),
        (CHAT, "isl", 100.0, 2e7),
        # a default TPOT gives way, then the confidence that it fits, then nothing fits
        ({**CHAT, "model": "mixtral-8x7b", "requests": "1k/day"}, "isl", 2e7, 4e7),
        ({**CHAT, "model": "llama-3.1-70b"}, "requests", 1e6, 6e7),  # a cluster at the end
        (CHAT, "cache_hit", 0.01, 0.95),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_figured_at_once_or_planned_alone(asked: dict[str, Any], key: str, low: float, high: float) -> None:
    line = along.Axis(all_keys()[key], low, high)
    found = along.curve(Alternative("a", sc.resolve(asked)), line, TOTAL, Catalog())
    x = np.linspace(low, high, 3)
    cost, states = found.at(x)
    assert cost == pytest.approx([_alone(asked, line, v, TOTAL) for v in x], rel=1e-12)
    assert len(states) == 3


def test_a_run_is_figured_at_the_rate_of_its_hours() -> None:
    asked, line = {"gpu_hours": "1M", "hardware": "h100-sxm"}, along.Axis(all_keys()["gpu_hours"], 4e4, 1.2e5)
    found = along.curve(Alternative("a", sc.resolve(asked)), line, "upfront_usd", Catalog())
    x = np.array([4e4, 8e4, 1.2e5])  # by the hour, all of the smallest cluster, a cluster
    cost, _ = found.at(x)
    assert cost == pytest.approx([_alone(asked, line, v, "upfront_usd") for v in x], rel=1e-12)
    assert cost[1] / cost[2] == pytest.approx(86_016 / 120_000)


@pytest.mark.parametrize(("key", "side"), [("osl", "serve"), ("tokens", "train"), ("growth", "serve"), ("seed", None)])
def test_a_key_of_one_side_leaves_the_other_as_it_was_planned(key: str, side: str | None) -> None:
    asked = {**GROWING, "tokens": "15T", "mfu": "40%"}
    case = cases.read_case(sc.resolve(asked), Catalog())
    half = cases.half(case, all_keys()[key])
    assert (None if half is None else half.side) == side
    if half is None:
        return
    value = {"osl": "600", "tokens": "30T", "growth": "2%/mo"}[key]
    changed = sc.resolve({**asked, key: value})
    again, whole = cases.read_half(half, changed, Catalog()), cases.read_case(changed, Catalog())
    assert (again.run is case.run) is (side == "serve")
    assert (again.service is case.service) is (side == "train")
    for name, number in figures(whole, sampling.central(whole.numbers)).items():
        assert figures(again, sampling.central(again.numbers))[name] == number


def test_a_student_is_trained_because_of_what_is_served() -> None:
    asked = {**CHAT, "model": "llama-3.1-70b", "tokens": "1T", "mfu": "40%", "technique": "distill=llama-3.1-8b"}
    case = cases.read_case(sc.resolve(asked), Catalog())
    assert cases.half(case, all_keys()["osl"]) is None
