"""A fleet as large as a cluster goes by what clusters are rented for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from llmcost import api

CHAT: dict[str, Any] = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "isl": 1000, "osl": 500, "samples": 100}


def test_a_fleet_of_a_cluster_goes_by_a_year() -> None:
    """A year's H100 contracts of new clouds: $2.35 in March 2026 (SemiAnalysis index); on demand $1.9 to 12.3, median 4.0."""
    small, large = (api.serve(**CHAT, requests=f"{r}M/day") for r in (10, 30))
    assert float(small.result["gpus"] or 0) < 256 <= float(large.result["gpus"] or 0)
    assert small.inputs["price"].value == pytest.approx(4.0, rel=0.1)
    assert large.inputs["price"].value == pytest.approx(2.35, rel=0.1)
    assert (small.inputs["commitment"].value, large.inputs["commitment"].value) == ("on-demand", "1-year")
    assert "dated" in (large.inputs["price"].source or "")
    assert large.inputs["commitment"].origin == "default"


@pytest.mark.parametrize(
    "said", [{"commitment": "on-demand"}, {"price": "3.88/h"}, {"scaling": "autoscale", "peak_to_average": "2"}]
)
def test_what_was_said_of_the_term_stands(said: dict[str, Any]) -> None:
    found = api.serve(**CHAT, requests="40M/day", **said)
    assert float(found.result["gpus"] or 0) >= 256
    assert found.inputs["price"].value == pytest.approx(3.88, rel=0.01)


def test_alternatives_of_both_sizes_each_go_by_their_own() -> None:
    rows = api.compare(**CHAT, vary={"requests": ["10M/day", "30M/day"]}).arrays["alternatives"]
    cost = {round(row["inputs"]["requests"] / 1e6): row["usd_per_request"] for row in rows}
    for millions, usd in cost.items():
        alone = api.serve(**CHAT, requests=f"{millions}M/day").result["usd_per_request"]
        assert usd == pytest.approx(alone, rel=1e-9)
    assert cost[30] < 0.7 * cost[10]


def _served(requests: str) -> tuple[Any, Any]:
    found = api.serve(**CHAT, requests=requests)
    return found.result, found.inputs["price"].value


def test_more_traffic_never_costs_less() -> None:
    cost = [_served(f"{r}M/day")[0]["usd_per_month"] for r in (10, 13, 14, 17, 19, 22, 30)]
    assert all(more >= less * (1 - 1e-12) for less, more in pairwise(cost))
    assert cost[2] == pytest.approx(cost[3]) == cost[4]  # all of the smallest cluster, whatever part of it is used


def test_a_fleet_that_grows_goes_by_the_rate_of_its_size() -> None:
    """Replicas of every hour of a year by hand, each at min(h, c max(1, 256 / n)): 20 % a month from 5M a day."""
    (small, h), (_, c) = _served("5M/day"), _served("30M/day")  # the larger by the year
    size = small["gpus_per_replica"]
    seconds = small["utilization"] * small["gpus"] * 86_400 / 5e6  # accelerator time of a request
    months = (np.arange(365 * 24) + 0.5) / 24 / 30.4375
    gpus = np.ceil(5e6 * 1.2**months * seconds / 86_400 / 0.6 / size) * size
    spent = float(np.sum(gpus * np.minimum(h, c * np.maximum(1.0, 256 / gpus))))
    asked = {**CHAT, "requests": "5M/day", "growth": "20%/mo", "train_cost": "1M", "horizon": "365d"}
    found: Any = api.crossover(**asked).result["inference_usd_at_horizon"]
    assert gpus[0] < 100
    assert gpus[-1] > 300
    assert found == pytest.approx(spent, rel=2e-3)
    assert found < 0.99 * float(np.sum(gpus * h))
