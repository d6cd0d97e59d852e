"""Two alternatives at a time: how likely one is the cheaper, and from which traffic and which day on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.numeric import roots
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Num, finite
from llmcost.estimate.asking import sampling
from llmcost.estimate.compare import replicas
from llmcost.estimate.compare.answer import Table, sample_count
from llmcost.estimate.compare.blocks import Block, Streams, laid
from llmcost.estimate.lifetime.curves import EXACT, EXACT_SAMPLED
from llmcost.estimate.lifetime.figures import figures

MOST = 8  # alternatives of which every pair is shown; of more, each beside the cheapest
MOST_BESIDE = 24
SAMPLES = 1_000  # behind the ranges of a break-even
VOLUMES = roots.spaced(1.0, 1e10, 321)  # requests per day that are looked at
TOTAL = "total_usd_horizon"


class Side(NamedTuple):
    """One alternative of a pair: its block at one point, and its draws."""

    row: dict[str, Any]
    block: Block
    centre: Mapping[str, Num]
    draws: Mapping[str, Num]
    totals: Array  # over the horizon, (volumes, samples); the first column is the centre

    def figure(self, name: str, p: Mapping[str, Num], **values: Num) -> Array:
        """A figure at numbers `p`, some of them replaced."""
        fixed = {k: v[0] for k, v in self.block.axes.items()}
        case, _ = replicas.sized(self.block.case, values)
        exact = EXACT if p is self.centre else EXACT_SAMPLED
        return np.asarray(figures(case, laid(p, {**fixed, **values}), exact).get(name, 0.0), dtype=float)


def pairs(table: Table, start: dt.date | None) -> list[dict[str, Any]]:
    """A row for every pair, the cheaper alternative first.

    With constant traffic the volume is the highest at which both cost the same over the horizon: beyond it the order
    no longer changes. The day is when the two cumulative costs meet at the stated traffic.
    """
    if table.deciding is None:
        return []
    sides = _sides(table, table.deciding)
    if len(sides) > MOST:
        couples = [(sides[0], other) for other in sides[1 : MOST_BESIDE + 1]]
    else:
        couples = list(combinations(sides, 2))
    return [_row(a, b, table.deciding, start) for a, b in couples]


def _sides(table: Table, deciding: str) -> list[Side]:
    """Feasible alternatives, cheapest first, each with draws that it shares with the others."""
    count, seed = sample_count(table.blocks)
    streams, found, at = Streams(min(count, SAMPLES) or SAMPLES, seed), [], 0
    for block in table.blocks:
        p, draws = sampling.central(block.numbers), streams.draws(block.numbers)
        for i, row in enumerate(table.rows[at : at + len(block.names)]):
            if row["feasible"]:
                single = block.some([i])
                side = Side(row, single, p, draws, np.empty(0))
                found.append(side._replace(totals=_totals(side)))
        at += len(block.names)
    return sorted(found, key=lambda side: float(side.row[deciding]))


def _row(a: Side, b: Side, deciding: str, start: dt.date | None) -> dict[str, Any]:
    first, second = a.figure(deciding, a.draws), b.figure(deciding, b.draws)
    row: dict[str, Any] = {
        "name": a.row["name"],
        "other": b.row["name"],
        "delta_usd": b.row[deciding] - a.row[deciding],
        "probability_cheaper": float(np.mean((first < second) + 0.5 * (first == second))),
    }
    if a.totals.size and b.totals.size:
        row |= _volume(a, b) | _day(a, b, start)
    return row


def _totals(side: Side) -> Array:
    """Spend over the horizon by volume."""
    if side.row[TOTAL] is None or side.block.case.moving:
        return np.empty(0)
    x = VOLUMES[:, None]
    columns = [side.figure(TOTAL, p, requests=x) for p in (side.centre, side.draws)]
    return np.concatenate([np.broadcast_to(c, (len(VOLUMES), np.shape(c)[-1])) for c in columns], axis=1)


def _volume(a: Side, b: Side) -> dict[str, Any]:
    """Requests per day beyond which the order of two alternatives no longer changes, and who wins beyond."""
    gap = np.subtract(*np.broadcast_arrays(_padded(a.totals, b.totals), _padded(b.totals, a.totals)))
    at, where = roots.last_change(gap, VOLUMES)
    found = None
    if where[0] >= 0:

        def turned(x: float) -> bool:
            ahead = float(a.figure(TOTAL, a.centre, requests=x) - b.figure(TOTAL, b.centre, requests=x)) > 0
            return ahead != bool(gap[where[0], 0] > 0)

        found = float(roots.bisected(turned, float(VOLUMES[where[0]]), float(VOLUMES[where[0] + 1]))[1])
    return {
        "break_even_requests": found,
        **_ends(
            "requests", found, at[1:] if found is None else at[1:] * (found / at[0])
        ),  # read straight between volumes
        "break_even_usd": None if found is None else float(a.figure(TOTAL, a.centre, requests=found)),
        **_spend(_padded(a.totals, b.totals)[:, 1:], at[1:], where[1:]),
        "cheaper_above": (a if gap[-1, 0] < 0 else b).row["name"],
    }


def _ends(unit: str, centre: float | None, spread: Array) -> dict[str, float | None]:
    """The 90 % interval of the samples, which holds the centre as every interval does; never is infinite."""
    low, high = (float(sp.quantile(spread, q)) for q in (0.05, 0.95))
    at = math.inf if centre is None else centre
    return {f"break_even_p5_{unit}": finite(min(low, at)), f"break_even_p95_{unit}": finite(max(high, at))}


def _spend(totals: Array, at: Array, where: Any) -> dict[str, Any]:
    """Quantiles of what either costs at the volume where both cost the same: straight between the volumes looked at."""
    index, column = np.maximum(where, 0), np.arange(len(at))
    low, high = VOLUMES[index], VOLUMES[index + 1]
    share = (np.where(np.isfinite(at), at, low) - low) / (high - low)
    spent = totals[index, column] + share * (totals[index + 1, column] - totals[index, column])
    spent = np.where(np.isfinite(at), spent, np.inf)
    return {f"break_even_{n}_usd": finite(sp.quantile(spent, q)) for n, q in (("p5", 0.05), ("p95", 0.95))}


def _padded(totals: Array, other: Array) -> Array:
    """Totals with a column for every sample of the other side too: what is certain is the same in each."""
    if totals.shape[1] >= other.shape[1]:
        return totals
    return np.concatenate([totals[:, :1], np.broadcast_to(totals[:, 1:2], (len(totals), other.shape[1] - 1))], axis=1)


def _day(a: Side, b: Side, start: dt.date | None) -> dict[str, Any]:
    """The day within the horizon on which cumulative costs meet: (U_a - U_b) / (m_b - m_a) at the stated traffic."""

    def days(p: Mapping[str, Num], q: Mapping[str, Num]) -> Array:
        ahead = a.figure("upfront_usd", p) - b.figure("upfront_usd", q)
        slower = b.figure("usd_per_month", q) - a.figure("usd_per_month", p)
        ahead, slower = np.broadcast_arrays(ahead, slower)
        with np.errstate(divide="ignore", invalid="ignore"):
            met = np.where(ahead * slower > 0, ahead / np.where(slower == 0, 1.0, slower) * DAYS_PER_MONTH, np.inf)
        return np.atleast_1d(np.where(met <= (a.block.case.horizon_days or np.inf), met, np.inf))

    found = finite(days(a.centre, b.centre)[0])
    spread = days(a.draws, b.draws)
    date = None if start is None or found is None else (start + dt.timedelta(days=round(found))).isoformat()
    return {
        "break_even_days": found,
        **_ends("days", found, spread),
        "break_even_date": date,
    }
