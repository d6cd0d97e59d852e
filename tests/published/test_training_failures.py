"""Failures, checkpoints and restarts are inputs; spot machines are taken away."""

from __future__ import annotations

from math import exp, expm1, sqrt
from typing import Any

import pytest

from llmcost import api
from llmcost.errors import LlmcostError

ASKED: dict[str, Any] = {"params": "405B", "tokens": "15.6T", "hardware": "h100-sxm", "gpus": 16384, "mfu": "40%"}


def result(**asked: Any) -> dict[str, Any]:
    return api.train(**ASKED, **asked, samples=1).result


def test_goodput_of_given_failures_by_hand() -> None:
    # arXiv 2407.21783, section 3.3.4: 419 failures in 54 days on 16,384 GPUs are one in 54 x 24 x 16,384 / 419 h of each
    each = 54 * 24 * 16384 / 419
    found = result(mtbf=f"{each}h", checkpoint_time="30s", restart_time="5min")
    job = each * 3600 / 16384
    ratio = 30 / (2 * job)
    tau = sqrt(2 * 30 * job) * (1 + sqrt(ratio) / 3 + ratio / 9) - 30  # Daly 2006, equation 37
    expected = job / tau * exp(300 / job) * expm1((tau + 30) / job)  # equation 20
    assert found["goodput"] == pytest.approx(1 / expected, rel=1e-6)


def test_spot_machines_add_their_own_stops() -> None:
    # 16,384 / 8 machines, each held 1,000 h: one is taken away every 1,757.8 s; failures of the machines come on top
    given = {"mtbf": "1000000h", "checkpoint_time": "1s", "restart_time": "1s", "price": "1/h"}
    rented, spot = result(**given), result(**given, commitment="spot", preemption="1000h")
    job = 1 / (16384 / 3.6e9 + 2048 / 3.6e6)
    ratio = 1 / (2 * job)
    tau = sqrt(2 * job) * (1 + sqrt(ratio) / 3 + ratio / 9) - 1
    assert spot["goodput"] == pytest.approx(1 / (job / tau * exp(1 / job) * expm1((tau + 1) / job)), rel=1e-6)
    assert spot["duration_seconds"] / rented["duration_seconds"] == pytest.approx(rented["goodput"] / spot["goodput"])


def test_a_spot_price_comes_with_preemption_or_says_why_not() -> None:
    told = api.train(**ASKED, commitment="spot", samples=1)
    assert told.inputs["preemption"].source is not None
    assert told.result["goodput"] < result()["goodput"]
    given = api.train(**ASKED, commitment="spot", goodput="90%", samples=1)
    assert [w.message for w in given.warnings if w.code == "W046"] == [
        "spot: the goodput is given, so nothing is added for machines that are taken away"
    ]


@pytest.mark.parametrize("given", [{"mtbf": "3h"}, {"mtbf": "1s", "restart_time": "30d"}])
def test_a_run_that_never_ends_is_refused_with_what_was_meant(given: dict[str, str]) -> None:
    # 3 h / 16,384 = 0.66 s between failures, and 10 min for a restart: e^-910 of the time is useful
    with pytest.raises(LlmcostError, match="the run would never end: 16,384 accelerators fail every") as error:
        result(**given)
    assert "--mtbf 49152h" in error.value.hint  # 3 x 16,384


def test_samples_of_a_run_that_would_never_end_stop_at_one_percent() -> None:
    # 500 h / 16,384 = 110 s between failures, 10 min for a restart: e^-5.5 of the time at most, under 1 %
    told = api.train(**ASKED, mtbf="500h..500000h", samples=400)
    assert told.ranges["goodput"].p5 == 0.01
    assert told.result["goodput"] != 0.01
