"""Prefix caches of limited size, against one that is simulated and a published measurement."""

from __future__ import annotations

import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from llmcost import api
from llmcost.engine.serving.speculation import kept_sessions

ASKED: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "isl": "4000",
    "osl": "200",
    "price": "2/h",
    "samples": 1,
}


def found(places: int, sessions: int) -> float:
    """Share of random turns whose session is among those used last, of as many as there are places for."""
    draw, held, hits = random.Random(5), OrderedDict[int, None](), 0
    for turn in range(40_000):
        session = draw.randrange(sessions)
        hits += turn >= 10_000 and session in held
        held[session] = None
        held.move_to_end(session)
        if len(held) > places:
            held.popitem(last=False)
    return hits / 30_000


@pytest.mark.parametrize(("places", "sessions"), [(9, 8), (9, 18), (20, 100), (50, 60)])
def test_a_cache_finds_the_sessions_that_fit(places: int, sessions: int) -> None:
    assert float(kept_sessions(places * 1000.0, sessions, 1000.0)) == pytest.approx(found(places, sessions), abs=0.02)


def hit(**said: Any) -> float:
    found: Any = api.serve(**ASKED, **said).inputs["cache_hit"].value
    return float(found)


def test_hits_follow_from_the_memory_that_is_left() -> None:
    few, many = (api.serve(**ASKED, session_share="50%", sessions=n).inputs["cache_hit"].value for n in ("20", "20000"))
    assert few == pytest.approx(0.5)
    assert 0.0 < float(many) < 0.02
    assert hit(shared_prompt="30%") == pytest.approx(0.3)
    cost: Any = [api.serve(**ASKED, **said).result["usd_per_request"] for said in SAME]
    assert cost[0] == pytest.approx(cost[1])


SAME: tuple[dict[str, Any], ...] = ({"shared_prompt": "30%"}, {"cache_hit": "30%"})


def test_hits_of_a_log_follow_from_the_memory_that_is_left(tmp_path: Path) -> None:
    """Conversations of Mooncake find 4.5 % in 0.5M tokens and 21.5 % in 5.1M (FAST25-release, LRU)."""
    asked: dict[str, Any] = ASKED | {"cache_curve": "500k:4.5%,1.5M:6.6%,5.1M:21.5%"}
    small, large = (
        api.serve(**asked | {"model": "llama-3.1-70b", "tp": tp}).inputs["cache_hit"].value for tp in ("4", "8")
    )
    found: Any = (small, large)
    assert 0.0 < found[0] < found[1] < 0.215
    log = tmp_path / "log.jsonl"
    rows = [(t, [0, 1, t % 40 + 10]) for t in range(400)]
    log.write_text(
        "\n".join(
            f'{{"timestamp": {t * 1000}, "input_length": 1536, "output_length": 100, "hash_ids": {b}}}' for t, b in rows
        )
    )
    logged: Any = {k: v for k, v in ASKED.items() if k not in ("isl", "osl")} | {"trace": str(log)}
    value: Any = api.serve(**logged).inputs["cache_hit"].value
    assert 0.3 < value < 2 / 3  # two of three blocks come again; what 0.5M tokens find falls straight to nothing
