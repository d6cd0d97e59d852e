"""Cost against speed: what each alternative can do, and what nothing else beats on both."""

from __future__ import annotations

from llmcost.estimate.compare.blocks import Block
from llmcost.estimate.serving.replicas.replica import FrontRow

MOST = 12  # alternatives whose fronts are kept: more cannot be told apart in a picture


def fronts(blocks: list[Block]) -> list[dict[str, object]]:
    """Operating points of self-hosted alternatives that none of their own beats, each with a price and a speed."""
    rows = [
        (name, point)
        for block in blocks
        for name in block.names
        if not block.case.reason and block.case.hosted is not None
        for point in block.case.hosted.replica.front
        if "tokens_per_second_per_user_full" in point
    ]
    if not 0 < len({name for name, _ in rows}) <= MOST:
        return []
    points = [point for _, point in rows]
    return [
        {"name": name, **point, "efficient": not any(_beats(other, point) for other in points)} for name, point in rows
    ]


def _beats(a: FrontRow, b: FrontRow) -> bool:
    """Whether one point is as cheap and as fast as another, and better in one of both."""
    cost, other_cost = a["usd_per_mtok_output"], b["usd_per_mtok_output"]
    speed, other_speed = a["tokens_per_second_per_user_full"], b["tokens_per_second_per_user_full"]
    return cost <= other_cost and speed >= other_speed and (cost < other_cost or speed > other_speed)
