"""Both curves over time as rows: for charts, for spreadsheets, and every day on which they cross."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np

from llmcost.engine import crossover as engine
from llmcost.engine import spread as sp
from llmcost.engine.crossover import DAYS_PER_MONTH
from llmcost.engine.segments import Array, cumulative
from llmcost.estimate import bill as billing
from llmcost.estimate.crossover.world import BASES, USD, World

POINTS, NODES = 120, 40  # of a curve that is drawn, and of its band
PERIODS = {"month": 1, "quarter": 3}  # months in each
OVERTAKES, AGAIN = "inference overtakes training", "training overtakes inference again"


def curve(world: World, sampled: World | None, basis: str, scope: str, days: Array) -> list[dict[str, Any]]:
    """Cumulative training and inference on some days, with the 90 % interval of inference."""
    trained = world.trained(basis, scope)
    columns = {
        "day": days,
        f"training_{basis}": trained * world.plans[basis].at(days),
        f"inference_{basis}": world.spends[basis].by(days),
    }
    if sampled is not None:
        low, high = _band(sampled, basis, scope, days)
        if low is not None:
            columns |= {f"inference_p5_{basis}": trained * low, f"inference_p95_{basis}": trained * high}
    total = columns[f"training_{basis}"] + columns[f"inference_{basis}"]
    columns["share"] = np.divide(columns[f"inference_{basis}"], total, out=np.zeros_like(total), where=total > 0)
    if basis == USD:
        columns |= _amortised(world, days, columns["training_usd"], columns["inference_usd"])
    return rows(columns)


def rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows; what is not finite (a cost per token before the first token) is not known."""
    numbers = {k: np.asarray(v, dtype=float).tolist() for k, v in columns.items()}
    lists = {k: [x if math.isfinite(x) else None for x in v] for k, v in numbers.items()}
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _band(world: World, basis: str, scope: str, days: Array) -> tuple[Any, Any]:
    """Quantiles of inference over the first training, so that the band meets training where the crossing's range says.

    It is computed on `NODES` days, with straight lines between them.
    """
    nodes = np.linspace(days[0], days[-1], NODES + 1)
    pace = np.asarray(world.spends[basis].by(_against(world, nodes)) / np.asarray(world.trained(basis, scope)))
    if pace.ndim < 2 or pace.shape[1] < 2:
        return None, None
    ends = np.array([sp.quantiles(row, (0.05, 0.95)) if np.isfinite(row).all() else (0.0, 0.0) for row in pace]).T
    if np.array_equal(ends[0], ends[1]):
        return None, None
    return tuple(np.interp(days, nodes, end) for end in ends)


def _against(world: World, days: Array) -> Any:
    """Days along the first axis, ahead of samples."""
    assert world.requests is not None
    samples = max((len(s.rate.start) for s in world.spends.values() if s.rate.start.ndim == 2), default=0)
    return np.repeat(days[:, None], samples, axis=1) if samples else days[:, None]


def _amortised(world: World, days: Any, training: Any, spent: Any) -> dict[str, Any]:
    """Training and inference spend over what has been served so far."""
    assert world.requests is not None
    each = world.figures["usd_per_request"]
    served = cumulative(world.requests, days) + np.divide(world.spends[USD].already, each)
    tokens = world.figures.get("tokens_per_request")
    amount, of = (served, "request") if tokens is None else (served * tokens / 1e6, "mtok")
    with np.errstate(divide="ignore", invalid="ignore"):
        return {f"training_usd_per_{of}_served": training / amount, f"inference_usd_per_{of}_served": spent / amount}


def periods(world: World, by: str, basis: str, scope: str, end: float, start: dt.date | None) -> list[dict[str, Any]]:
    """A row for each month or quarter up to the horizon; what periods hold adds up to the totals."""
    assert world.requests is not None
    length = PERIODS[by] * DAYS_PER_MONTH
    count = math.ceil(end / length - 1e-9)
    edges = np.append(np.arange(count) * length, end)
    trained = world.trained(basis, scope) * world.plans[basis].at(edges)
    spent, served = world.spends[basis].by(edges), cumulative(world.requests, edges)
    paid = np.diff(trained)
    paid[0] += trained[0]  # what is paid by launch belongs to the first period
    columns = {
        by: np.arange(1, count + 1), "day": edges[1:], "period_requests": np.diff(served),
        f"period_training_{basis}": paid, f"period_inference_{basis}": np.diff(spent),
        f"training_{basis}": trained[1:], f"inference_{basis}": spent[1:],
        "share": spent[1:] / np.where(trained[1:] + spent[1:] > 0, trained[1:] + spent[1:], 1.0),
    }  # fmt: skip
    if basis == USD:
        columns |= _amortised(world, edges[1:], trained[1:], spent[1:])
    found = rows(columns)
    for row in found:
        row[by] = int(row[by])
        if start is not None:
            row["date"] = date(start, row["day"])
    return found


def crossings(world: World, end: float, start: dt.date | None) -> list[dict[str, Any]]:
    """Every crossing in every measure, for the final run and for the programme."""
    found = []
    for basis in BASES:
        for scope in (billing.RUN, billing.PROGRAM) if basis == USD else (billing.RUN,):
            trained = world.trained(basis, scope)
            if trained is None or basis not in world.spends:
                continue
            for crossing in engine.crossings(world.spends[basis], float(trained), world.plans[basis], end):
                row = {"basis": basis, "scope": scope, "day": crossing.day, "month": crossing.day / DAYS_PER_MONTH}
                if start is not None:
                    row["date"] = date(start, crossing.day)
                found.append(row | {"event": AGAIN if crossing.back else OVERTAKES})
    return found


def date(start: dt.date | None, days: float | None) -> str | None:
    """The day so long after launch."""
    return None if start is None or days is None else (start + dt.timedelta(days=round(days))).isoformat()
