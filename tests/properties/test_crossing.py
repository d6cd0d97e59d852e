"""`--cross`: every crossing, exactly, and brute force finds the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost import api
from llmcost.engine.numeric import meetings, roots
from llmcost.errors import LlmcostError
from tests.conftest import examples

CHAT: dict[str, Any] = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "isl": 1000, "osl": 500, "samples": 200}
GPT = "api:openai/gpt-4o"


def _cost(key: str, value: float, name: str, figure: str, asked: dict[str, Any]) -> float:
    """What an alternative costs at a value of a key, asked as a question of its own."""
    unit = {"requests": "/day", "price": "/h"}.get(key, "")
    given = {**asked, key: f"{value!r}{unit}"}
    rows = api.compare(**given, against=[GPT]).arrays["alternatives"]
    return float(next(row[figure] for row in rows if row["name"] == name))


def _curve(key: str, values: np.ndarray, asked: dict[str, Any], figure: str) -> dict[str, np.ndarray]:
    unit = {"requests": "/day", "price": "/h"}.get(key, "")
    rows = api.compare(**asked, against=[GPT], vary={key: [f"{v!r}{unit}" for v in values.tolist()]}).arrays[
        "alternatives"
    ]
    found: dict[str, dict[float, float]] = {}
    for row in rows:
        kind = "api" if row["name"].startswith("api:") else "own"
        at = row["inputs"].get(key)
        found.setdefault(kind, {})[at] = row[figure]
    return {kind: np.array([at[v] for v in sorted(at)]) for kind, at in found.items() if None not in at}


def test_traffic_where_renting_costs_what_tokens_cost() -> None:
    """Whole replicas make steps, the price of tokens a line: brute force over 2,000 volumes finds the same meetings."""
    asked = {**CHAT, "requests": "100k/day"}
    answer = api.compare(**asked, against=[GPT], cross="requests=1k/day..1M/day")
    found = answer.arrays["crossings"]
    assert found
    for row in found:
        costs = [_cost("requests", row["value"], row[k], "usd_per_month", asked) for k in ("name", "other")]
        assert costs[0] == pytest.approx(costs[1], rel=1e-6)
        assert row["usd_per_month"] == pytest.approx(costs[0], rel=1e-6)
    x = np.geomspace(1e3, 1e6, 2000)
    curves = _curve("requests", x, asked, "usd_per_month")
    gap = np.sign(curves["own"] - curves["api"])
    changes = x[1:][gap[1:] != gap[:-1]]
    every = sorted(row["value"] for row in [*found, *answer.arrays.get("jumps", [])])
    assert len(changes) == len(every)
    assert np.allclose(changes, every, rtol=0.005)


@pytest.mark.parametrize("key", ["osl", "isl", "cache_hit", "utilization", "price"])
def test_both_cost_the_same_at_every_crossing(key: str) -> None:
    asked = {**CHAT, "requests": "60k/day", "price": "3.5/h", "utilization": "60%", "cache_hit": "20%"}
    span = {
        "osl": "50..4000",
        "isl": "100..20000",
        "cache_hit": "1%..95%",
        "utilization": "5%..95%",
        "price": "0.5/h..20/h",
    }
    figure = "usd_per_month"
    answer = api.compare(**asked, against=[GPT], cross=f"{key}={span[key]}")
    for row in answer.arrays["crossings"]:
        costs = [_cost(key, row["value"], row[k], figure, asked) for k in ("name", "other")]
        assert costs[0] == pytest.approx(costs[1], rel=1e-6)
    if key in ("osl", "price"):
        assert answer.arrays["crossings"]


def test_price_by_hand() -> None:
    """Twelve accelerators of 730.5 h a month cost what 1M requests a day at $0.0075 do at a price of
    0.0075 x 1e6 x 30.4375 / (gpus x 730.5)."""
    answer = api.compare(**CHAT, requests="1M/day", against=[GPT], cross="price=1/h..200/h")
    row = next(r for r in answer.arrays["alternatives"] if not r["name"].startswith("api:"))
    (crossing,) = answer.arrays["crossings"]
    assert crossing["value"] == pytest.approx(0.0075e6 * 30.4375 / (row["gpus"] * 730.5), rel=1e-6)
    assert (crossing["cheaper_below"], crossing["cheaper_above"]) == (row["name"], GPT)


def test_never_says_who_wins() -> None:
    answer = api.compare(**CHAT, requests="1M/day", against=[GPT], cross="price=1/h..2/h")
    assert answer.arrays["crossings"] == []
    assert "never" in answer.headline
    assert "llama-3.1-70b on h100-sxm" in answer.headline


def test_what_neither_depends_on_is_said() -> None:
    answer = api.compare(**CHAT, requests="1M/day", against=[GPT], cross="electricity_price")
    assert "changes the cost of neither" in answer.headline
    assert answer.arrays["crossings"] == []


def test_an_alternative_that_cannot_keep_a_target_does_not_win() -> None:
    """With a target that nothing keeps, tokens win at any traffic, though renting would be cheaper."""
    answer = api.compare(**CHAT, requests="1M/day", tpot="1ms", against=[GPT], cross="requests=1k/day..10M/day")
    assert answer.arrays["crossings"] == []
    rows = {r["name"]: r for r in answer.arrays["alternatives"]}
    assert answer.result["name"] == GPT
    assert rows["llama-3.1-70b on h100-sxm"]["feasible"] is False
    assert "no layout and batch" in rows["llama-3.1-70b on h100-sxm"]["reason"]


@pytest.mark.parametrize(
    ("cross", "says"),
    [
        ("requsts", "unknown key"), ("gpus", "no values in between"), ("requests=10M/day..1M/day", "empty"),
        ("requests=1M/day", "LOW..HIGH"), ("model", "no values in between"), ("requests=1..2", "has no unit"),
    ],
)  # fmt: skip
def test_wrong_axes_are_refused(cross: str, says: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        api.compare(**CHAT, requests="1M/day", against=[GPT], cross=cross)
    assert says in caught.value.message + caught.value.hint


@examples(25)
@given(
    steps=st.lists(st.floats(1.5, 900.0), min_size=1, max_size=12, unique=True),
    slope=st.floats(0.02, 0.9),
)
def test_every_meeting_of_a_staircase_and_a_line(steps: list[float], slope: float) -> None:
    """A staircase that rises by 10 at each step against slope x: meetings worked out step by step."""
    edges = np.array(sorted(steps))

    def curves(x: np.ndarray) -> meetings.Sampled:
        level = np.searchsorted(edges, x, side="left").astype(float)
        return meetings.Sampled(x, 10.0 + 10.0 * level, slope * x, level[:, None])

    found, whole = meetings.meetings(curves, roots.spaced(1.0, 1000.0, 257))
    ends = np.array([1.0, *edges, 1000.0])
    expected = []
    for k in range(len(ends) - 1):
        x = (10.0 + 10.0 * k) / slope
        if ends[k] < x < ends[k + 1]:
            expected.append(x)
    assert whole
    assert [m.x for m in found if m.exact] == pytest.approx(expected, rel=1e-9)
