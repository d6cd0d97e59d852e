"""Electricity of training as it was published, at the scope in which it was counted.

Tables count the accelerators alone (often hours x TDP, sometimes x PUE), whole servers, or the building. The estimate
says all three; each row is held against its own, from the hours that it states.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api, spec
from llmcost.catalog import Catalog


@pytest.mark.parametrize(
    ("hardware", "low", "high"),
    [("h100-sxm", 727, 888), ("b200-sxm", 1126, 1304), ("tpu-v3", 245, 310), ("tpu-v4", 326, 378.5)],
)
def test_busy_servers_draw_what_was_measured(hardware: str, low: float, high: float) -> None:
    # MLPerf training v4.0, v4.1, v5.0 and inference v5.1 power logs; Google's means (Patterson et al., PaLM, GLaM)
    found: Any = api.train(gpu_hours=1000, hardware=hardware, price="1/h")
    spread = found.ranges["server_kwh"]
    assert low <= found.result["server_kwh"] <= high  # 1,000 hours: kWh are W
    assert spread.p5 <= low * 1.05
    assert spread.p95 >= high * 0.95


@pytest.mark.parametrize(("hardware", "low", "high"), [("h100-sxm", 313, 437), ("b200-sxm", 295, 371)])
def test_idle_servers_draw_what_was_measured(hardware: str, low: float, high: float) -> None:
    # lowest of each MLPerf power log
    found: Any = api.serve(
        tokens_per_second="100/s", isl=100, osl=100, hardware=hardware, price="1/h", utilization="0.1%", pue=1.0
    )
    watts = found.result["wh_per_request"] * 3600 * 0.001
    assert low <= watts <= high


def test_scopes_lie_in_each_other() -> None:
    found: Any = api.train(gpu_hours=1000, hardware="h100-sxm", price="1/h", pue=1.2)
    r = found.result
    assert r["accelerator_kwh"] < r["server_kwh"]
    assert r["server_kwh"] * 1.2 == pytest.approx(r["energy_kwh"])
    assert [row["energy_kwh"] for row in found.arrays["energy"]] == pytest.approx(
        [r["accelerator_kwh"], r["server_kwh"] - r["accelerator_kwh"], r["energy_kwh"] - r["server_kwh"]]
    )
    served: Any = api.serve(
        tokens_per_second="100/s", isl=100, osl=100, hardware="h100-sxm", price="1/h", pue=1.2
    ).result
    assert served["accelerator_wh_per_request"] < served["server_wh_per_request"]
    assert served["server_wh_per_request"] * 1.2 == pytest.approx(served["wh_per_request"])


def test_a_machine_that_is_sold_as_one_has_no_accelerator_apart() -> None:
    found: Any = api.serve(
        tokens_per_second="100/s", isl=100, osl=100, hardware="dgx-spark", commitment="electricity"
    ).result
    assert found["accelerator_wh_per_request"] is None
    assert found["server_wh_per_request"] == found["wh_per_request"]


def test_no_accelerator_draws_more_than_its_server() -> None:
    catalog = Catalog()
    for name in catalog.names("hardware"):
        preset, _ = catalog.load(spec.Accelerator, name)
        if preset.tdp_watts is None or preset.system_watts is not None:
            continue
        found: Any = api.train(gpu_hours=1000, hardware=name, price="1/h").result
        assert found["accelerator_kwh"] <= found["server_kwh"], name


def test_water_is_that_of_the_region_or_not_known() -> None:
    # Amazon's sustainability report: PUE 1.14, 0.12 L per kWh of computing (presets/regions/aws.toml)
    asked: Any = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "gpus": 64, "tokens": "1B", "samples": 1}
    found = api.train(**asked, region="aws").result
    assert float(found["water_litres"] or 0.0) == pytest.approx(float(found["energy_kwh"] or 0.0) / 1.14 * 0.12)
    assert api.train(**asked).result["water_litres"] is None
