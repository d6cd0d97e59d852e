"""Cost against speed: what each alternative can do, and what nothing else beats on both."""

from __future__ import annotations

from typing import Any

from llmcost.estimate.compare.blocks import Block

MOST = 12  # alternatives whose fronts are kept: more cannot be told apart in a picture
COST, SPEED = "usd_per_mtok_output", "tokens_per_second_per_user_full"


def fronts(blocks: list[Block]) -> list[dict[str, Any]]:
    """Operating points of self-hosted alternatives that none of their own beats, each with a price and a speed."""
    rows = [
        {"name": name, **point}
        for block in blocks
        for name in block.names
        if not block.case.reason and block.case.hosted is not None
        for point in block.case.hosted.replica.front
        if SPEED in point
    ]
    if not 0 < len({row["name"] for row in rows}) <= MOST:
        return []
    return [row | {"efficient": not any(_beats(other, row) for other in rows)} for row in rows]


def _beats(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether one point is as cheap and as fast as another, and better in one of both."""
    return bool(a[COST] <= b[COST] and a[SPEED] >= b[SPEED] and (a[COST] < b[COST] or a[SPEED] > b[SPEED]))
