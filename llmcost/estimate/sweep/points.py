"""What a part of a sweep answers: a column for each figure, and why a point has none."""

from __future__ import annotations

from typing import Any

from llmcost.records import NamedTuple

MEMORY, TARGETS, TRAFFIC_LIMIT, OTHER = 1, 2, 3, 4
# Why a point is not feasible, by number; from `OTHER` on each part has its own.
REASONS = ("", "does not fit in memory", "misses the latency targets", "the traffic needs more accelerators")


class Answers(NamedTuple):
    """Figures of the points of one plan: values that broadcast with their box."""

    columns: dict[str, Any]
    reason: Any = 0  # index into `reasons`; 0 where the point is feasible
    reasons: tuple[str, ...] = REASONS
