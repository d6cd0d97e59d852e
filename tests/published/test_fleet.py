"""Owning and energy against published figures that nothing was fitted to."""

from __future__ import annotations

import pytest

from llmcost import api
from llmcost.engine.demand import fleet, week


@pytest.mark.parametrize(
    ("hardware", "published"),
    [
        ("h100-sxm", 1.69), ("h200-sxm", 1.74), ("b200-sxm", 2.34), ("mi300x", 1.40),
        ("h200-sxm", 1.41), ("b200-sxm", 1.95),
        ("b300-sxm", 2.26), ("gb200-nvl72", 1.86), ("gb300-nvl72", 2.31),
    ],
)  # fmt: skip
def test_what_others_pay_is_in_the_range_of_owning(hardware: str, published: float) -> None:
    """SemiAnalysis AI Cloud TCO Model, new clouds and hyperscalers: InferenceX-app@77ca49a6, packages/app/src/lib/constants.ts."""
    answer = api.serve(model="llama-3.1-8b", hardware=hardware, isl=1000, osl=300, commitment="owned")
    own = answer.ranges["own_usd_per_hour"]
    assert own.p5 is not None
    assert own.p95 is not None
    assert own.p5 < published < own.p95


def test_the_fleet_of_deepseek_by_its_own_numbers() -> None:
    """Mean 226.75 and peak 278 nodes (open-infra-index, day 6): a peak of 1.226 needs 278 nodes at the mean's load."""
    nodes = fleet.whole_replicas(226.75 * 1.226, 1.0, 1.0)
    assert float(nodes) == 278
    assert week.wave(1.226).max() == pytest.approx(278 / 226.75, rel=1e-3)


def test_a_chat_turn_takes_what_is_published() -> None:
    """0.2 to 0.6 Wh: Google 0.24 (arXiv:2508.15734), Epoch AI 0.3 (GPT-4o, 500 tokens out), Oviedo et al. 0.31.

    Oviedo et al. mean models of more than 200B on H100, quartiles 0.16 to 0.60; the largest open dense one is taken.
    """
    answer = api.serve(model="llama-3.1-405b", hardware="h100-sxm", dtype="fp8", isl=300, osl=300)
    wh = answer.ranges["wh_per_request"]
    assert wh.p5 is not None
    assert wh.p95 is not None
    assert wh.p5 < 0.60
    assert wh.p95 > 0.16
