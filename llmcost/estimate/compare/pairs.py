"""Two alternatives at a time: how likely one is the cheaper, and from which traffic and which day on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from llmcost.engine.numeric import roots
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Num, Places, finite
from llmcost.estimate.asking import sampling
from llmcost.estimate.compare import replicas
from llmcost.estimate.compare.answer import Table, sample_count
from llmcost.estimate.compare.blocks import Block, Streams, laid
from llmcost.estimate.compare.ranked import Beside, Ranked
from llmcost.estimate.crossover.timeline import date
from llmcost.estimate.lifetime.curves import EXACT, EXACT_SAMPLED
from llmcost.estimate.lifetime.figures import figures
from llmcost.records import NamedTuple

MOST = 8  # alternatives of which every pair is shown; of more, each beside the cheapest
MOST_BESIDE = 24
SAMPLES = 1_000  # behind the ranges of a break-even
VOLUMES = roots.spaced(1.0, 1e10, 321)  # requests per day that are looked at
TOTAL = "total_usd_horizon"


class Side(NamedTuple):
    """One alternative of a pair: its block at one point, and its draws."""

    row: Ranked
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


def pairs(table: Table, start: dt.date | None) -> list[Beside]:
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
            if row.feasible:
                single = block.some([i])
                side = Side(row, single, p, draws, np.empty(0))
                found.append(side._replace(totals=_totals(side)))
        at += len(block.names)
    return sorted(found, key=lambda side: side.row.amount(deciding))


def _row(a: Side, b: Side, deciding: str, start: dt.date | None) -> Beside:
    first, second = a.figure(deciding, a.draws), b.figure(deciding, b.draws)
    row: Beside = {
        "name": a.row.name,
        "other": b.row.name,
        "delta_usd": b.row.amount(deciding) - a.row.amount(deciding),
        "probability_cheaper": float(np.mean((first < second) + 0.5 * (first == second))),
    }
    if a.totals.size and b.totals.size:
        _add_volume(row, a, b)
        _add_day(row, a, b, start)
    return row


def _totals(side: Side) -> Array:
    """Spend over the horizon by volume."""
    if side.row.figures[TOTAL] is None or side.block.case.moving:
        return np.empty(0)
    x = VOLUMES[:, None]
    columns = [side.figure(TOTAL, p, requests=x) for p in (side.centre, side.draws)]
    return np.concatenate([np.broadcast_to(c, (len(VOLUMES), np.shape(c)[-1])) for c in columns], axis=1)


def _add_volume(row: Beside, a: Side, b: Side) -> None:
    """Requests per day beyond which the order of two alternatives no longer changes, and who wins beyond."""
    gap = np.subtract(*np.broadcast_arrays(_padded(a.totals, b.totals), _padded(b.totals, a.totals)))
    at, where = roots.last_change(gap, VOLUMES)
    found = None
    if where[0] >= 0:

        def turned(x: float) -> bool:
            ahead = float(a.figure(TOTAL, a.centre, requests=x) - b.figure(TOTAL, b.centre, requests=x)) > 0
            return ahead != bool(gap[where[0], 0] > 0)

        found = float(roots.bisected(turned, float(VOLUMES[where[0]]), float(VOLUMES[where[0] + 1]))[1])
    straight = at[1:] if found is None else at[1:] * (found / at[0])  # read straight between volumes
    row["break_even_requests"] = found
    row["break_even_p5_requests"], row["break_even_p95_requests"] = _ends(found, straight)
    row["break_even_usd"] = None if found is None else float(a.figure(TOTAL, a.centre, requests=found))
    spent = _spend(_padded(a.totals, b.totals)[:, 1:], at[1:], where[1:])
    row["break_even_p5_usd"], row["break_even_p95_usd"] = (finite(sp.quantile(spent, q)) for q in (0.05, 0.95))
    row["cheaper_above"] = (a if gap[-1, 0] < 0 else b).row.name


def _ends(centre: float | None, spread: Array) -> tuple[float | None, float | None]:
    """The 90 % interval of the samples, which holds the centre as every interval does; never is infinite."""
    low, high = (float(sp.quantile(spread, q)) for q in (0.05, 0.95))
    at = math.inf if centre is None else centre
    return finite(min(low, at)), finite(max(high, at))


def _spend(totals: Array, at: Array, where: Places) -> Array:
    """What either costs at the volume where both cost the same: straight between the volumes looked at."""
    index, column = np.maximum(where, 0), np.arange(len(at))
    low, high = VOLUMES[index], VOLUMES[index + 1]
    share = (np.where(np.isfinite(at), at, low) - low) / (high - low)
    spent = totals[index, column] + share * (totals[index + 1, column] - totals[index, column])
    return np.where(np.isfinite(at), spent, np.inf)


def _padded(totals: Array, other: Array) -> Array:
    """Totals with a column for every sample of the other side too: what is certain is the same in each."""
    if totals.shape[1] >= other.shape[1]:
        return totals
    return np.concatenate([totals[:, :1], np.broadcast_to(totals[:, 1:2], (len(totals), other.shape[1] - 1))], axis=1)


def _add_day(row: Beside, a: Side, b: Side, start: dt.date | None) -> None:
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
    row["break_even_days"] = found
    row["break_even_p5_days"], row["break_even_p95_days"] = _ends(found, spread)
    row["break_even_date"] = date(start, found)
