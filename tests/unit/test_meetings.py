"""How many points are looked at to find where curves change places: plans are dear."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.meetings import Sampled, meetings
from llmcost.estimate.compare.along import PLANS, At, Axis, Curve
from llmcost.estimate.compare.crossing import crossings
from llmcost.keys import KEYS

CASE: Any = None  # of no curve here


def test_a_jump_is_halved_until_it_is_one_place() -> None:
    """From 1 to 10 in halves of ln 10 = 2.3026: 15 of them are narrower than 1e-4 (2.3026 / 2^15 = 7e-5, 2^14: 1.4e-4)."""
    seen: list[int] = []

    def step(x: Array) -> Sampled:
        seen.append(len(x))
        return Sampled(x, np.where(x < 3, 6.0, 10.0), np.full(x.shape, 8.0), np.asarray(x >= 3, dtype=float)[:, None])

    found, whole = meetings(step, np.array([1.0, 10.0]), apart=1e-4)
    assert whole
    assert abs(found[0].x / 3.0 - 1.0) < 1e-4
    assert sum(seen) == 2 + 15 + 1  # the ends, the halves, the place once more


def _saw(x: Array) -> tuple[Array, Array]:
    """Up and down over 8 at every whole number up to 100."""
    tooth = np.floor(x)
    return np.where(tooth % 2 == 0, 6.0, 10.0), tooth[:, None]


def _step(x: Array) -> tuple[Array, Array]:
    return np.where(x < 3.01, 6.0, 10.0), np.asarray(x >= 3.01, dtype=float)[:, None]


def _plans(of: At) -> tuple[int, int, bool]:
    """How many places of a curve of plans are looked at beside a level one from 1 to 100; crossings; whether all were."""
    seen: set[float] = set()

    def planned(x: Array) -> tuple[Array, Array]:
        seen.update(x.tolist())
        return of(x)

    level = Curve("level", lambda x: (np.full(x.shape, 8.0), np.zeros((len(x), 1))), CASE, 65, 2)
    found, whole = crossings([Curve("planned", planned, CASE, 65, 2), level], Axis(KEYS["price"], 1.0, 100.0))
    return len(seen), len(found), whole


def test_curves_of_plans_are_looked_at_so_often() -> None:
    looked, found, whole = _plans(_saw)
    assert not whole
    assert found > 20
    assert looked <= PLANS


def test_a_jump_of_plans_is_found_as_far_as_it_is_shown() -> None:
    """One of 64 steps of ln 100 / 64 = 0.072 is halved ten times: 0.072 / 2^10 = 7e-5, below 1e-4."""
    assert _plans(_step) == (65 + 10, 1, True)
