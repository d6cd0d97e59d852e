"""A fleet as large as a cluster goes by what clusters are rented for."""

from __future__ import annotations

from typing import Any

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
