"""Both curves over time as rows: for charts, for spreadsheets, and every day on which they cross."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypeAlias

import numpy as np

from llmcost.engine.demand import crossover as engine
from llmcost.engine.demand.segments import cumulative
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Array, Num, distinct
from llmcost.estimate.lifetime.curves import BASES, USD, Curves
from llmcost.estimate.training import bill as billing
from llmcost.records import TypedDict
from llmcost.result import Scalar

POINTS, NODES = 120, 20  # of a curve that is drawn, and of the quantiles around it
PERIODS = {"month": 1, "quarter": 3}  # months in each
Ratios: TypeAlias = Sequence[Array] | Array | None  # the lower and the upper end over the centre
Row: TypeAlias = dict[str, float | None]  # a point of the curve: its columns are named after the measure
OVERTAKES, AGAIN = "inference overtakes training", "training overtakes inference again"


class Meeting(TypedDict):
    """A day on which the curves of one measure cross."""

    basis: str
    scope: str
    day: float
    month: float
    date: NotRequired[str]  # where launch has one
    event: str


def curve(both: Curves, sampled: Curves | None, basis: str, scope: str, days: Array) -> list[Row]:
    """Cumulative training and inference on some days, each with the 90 % interval that it has on its own."""
    columns = {"day": days} | _cumulative(both, sampled, basis, scope, days)
    total = columns[f"training_{basis}"] + columns[f"inference_{basis}"]
    columns["share"] = np.divide(columns[f"inference_{basis}"], total, out=np.zeros_like(total), where=total > 0)
    if basis == USD:
        columns |= _amortised(both, days, columns["training_usd"], columns["inference_usd"])
    return rows(columns)


def _cumulative(both: Curves, sampled: Curves | None, basis: str, scope: str, days: Array) -> dict[str, Array]:
    """Both curves, each followed by its 5 % and 95 % quantile where it is uncertain.

    The quantiles are of each curve on its own, as of any other figure: ratios to the median of the samples, at the
    centre. Worlds that are dear to train may be dear to serve, so bands do not meet where the crossing's range ends.
    """
    measures = {
        "training": (both.trained(basis, scope) * both.plans[basis].at(days), _training_ratios),
        "inference": (both.spends[basis].by(days), _inference_ratios),
    }
    found = {}
    for name, (centre, ratios) in measures.items():
        found[f"{name}_{basis}"] = centre
        ends = None if sampled is None else ratios(sampled, both, basis, scope, days)
        if ends is not None:
            found |= {f"{name}_p5_{basis}": centre * ends[0], f"{name}_p95_{basis}": centre * ends[1]}
    return found


def rows(columns: Mapping[str, Array]) -> list[Row]:
    """Columns as rows; what is not finite (a cost per token before the first token) is not known."""
    numbers = {k: np.asarray(v, dtype=float).tolist() for k, v in columns.items()}
    lists = {k: [x if math.isfinite(x) else None for x in v] for k, v in numbers.items()}
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _training_ratios(both: Curves, centre: Curves, basis: str, scope: str, days: Array) -> Ratios:
    """Quantiles of training over the centre on some days; between `NODES` of many steps they are interpolated."""
    plan = both.plans[basis]
    last = int(np.searchsorted(plan.days, days[-1], side="right"))
    nodes = distinct(np.linspace(0, last - 1, min(last, NODES + 1)).round().astype(int))
    trained, middle = (np.asarray(w.trained(basis, scope), dtype=float) for w in (both, centre))
    steps = centre.plans[basis]
    if not plan.sampled:
        nodes = nodes[:1]  # the steps are the same in every sample
        ends = _ratios([trained], [middle])
    else:
        drawn = np.broadcast_arrays(*(trained * plan.level(i) for i in nodes))
        ends = _ratios(drawn, [middle * steps.level(i) for i in nodes])
    step = plan.step(days)
    return None if ends is None else [np.interp(step, nodes, end) for end in ends]


def _inference_ratios(both: Curves, centre: Curves, basis: str, _scope: str, days: Array) -> Ratios:
    """Quantiles of inference over the centre on some days, interpolated between `NODES`, closer at the start."""
    nodes = days[0] + (days[-1] - days[0]) * np.linspace(0.0, 1.0, NODES + 1) ** 2
    ends = _ratios(np.asarray(both.spends[basis].by(_against(both, nodes))), centre.spends[basis].by(nodes))
    return None if ends is None else [np.interp(days, nodes, end) for end in ends]


def _ratios(samples: Sequence[Array] | Array, centres: Sequence[Array] | Num) -> Array | None:
    """5 % and 95 % quantiles of each row of samples over its centre, which they hold, as every range does.

    None where nothing varies, as at launch.
    """
    if np.ndim(samples[0]) == 0 or len(samples[0]) < 2:
        return None
    found = np.ones((2, len(samples)))
    for i, (row, centre) in enumerate(zip(samples, np.ravel(centres), strict=True)):
        p5, p95 = sp.quantiles(row, (0.05, 0.95))
        if np.isfinite([p5, p95, centre]).all() and centre > 0:
            found[:, i] = min(p5 / centre, 1.0), max(p95 / centre, 1.0)
        elif i:
            found[:, i] = found[:, i - 1]
    if len(samples) > 1 and not np.any(samples[0]):  # nothing is spent yet: the first spread there is
        found[:, 0] = found[:, 1]
    return None if np.array_equal(found[0], found[1]) else found


def _against(both: Curves, days: Array) -> Array:
    """Days along the first axis, ahead of samples."""
    assert both.requests is not None
    samples = max((len(s.rate.start) for s in both.spends.values() if s.rate.start.ndim == 2), default=0)
    return np.repeat(days[:, None], samples, axis=1) if samples else days[:, None]


def _amortised(both: Curves, days: Array, training: Array, spent: Array) -> dict[str, Array]:
    """Training and inference spend over what has been served so far."""
    assert both.requests is not None
    each = both.figures["usd_per_request"]
    served = cumulative(both.requests, days) + np.divide(both.spends[USD].already, each)
    tokens = both.figures.get("tokens_per_request")
    amount, of = (served, "request") if tokens is None else (served * tokens / 1e6, "mtok")
    with np.errstate(divide="ignore", invalid="ignore"):
        return {f"training_usd_per_{of}_served": training / amount, f"inference_usd_per_{of}_served": spent / amount}


def periods(
    both: Curves, sampled: Curves | None, by: str, basis: str, scope: str, end: float, start: dt.date | None
) -> list[dict[str, Scalar]]:
    """A row for each month or quarter up to the horizon; what periods hold adds up to the totals."""
    assert both.requests is not None
    edges = edges_of(end, start, by)
    count = len(edges) - 1
    columns = _cumulative(both, sampled, basis, scope, edges)
    trained, spent = columns[f"training_{basis}"], columns[f"inference_{basis}"]
    served, paid = cumulative(both.requests, edges), np.diff(trained)
    paid[0] += trained[0]  # what is paid by launch belongs to the first period
    found = {
        by: np.arange(1, count + 1), "day": edges[1:], "period_requests": np.diff(served),
        f"period_training_{basis}": paid, f"period_inference_{basis}": np.diff(spent),
        **{name: values[1:] for name, values in columns.items()},
        "share": spent[1:] / np.where(trained[1:] + spent[1:] > 0, trained[1:] + spent[1:], 1.0),
    }  # fmt: skip
    if basis == USD:
        found |= _amortised(both, edges[1:], trained[1:], spent[1:])
    return [_dated(row, by, start) for row in rows(found)]


def _dated(row: Row, by: str, start: dt.date | None) -> dict[str, Scalar]:
    """A period with its last day as a date beside its number, where launch is dated."""
    numbered: dict[str, Scalar] = {**row, by: int(row[by] or 0)}
    return numbered if start is None else {by: numbered[by], "date": last_day(start, row["day"]), **numbered}


def edges_of(end: float, start: dt.date | None, by: str = "month", most: int | None = None) -> Array:
    """Days on which periods begin, and the end of the last: of the calendar where launch is dated, else all alike [d].

    Examples
    --------
    From 31 January on: one day of January, 28 of February, 31 of March.

    >>> edges_of(60.0, dt.date(2027, 1, 31)).tolist(), edges_of(60.0, None).tolist()
    ([0.0, 1.0, 29.0, 60.0], [0.0, 30.4375, 60.0])
    """
    months = PERIODS[by]
    if start is None:
        begins = np.arange(math.ceil(end / (months * DAYS_PER_MONTH) - 1e-9)) * months * DAYS_PER_MONTH
    else:
        first = start.year * 12 + (start.month - 1) // months * months
        counted = (first + months * n for n in range(1, int(end / (28 * months)) + 2))
        later = (dt.date(m // 12, m % 12 + 1, 1).toordinal() - start.toordinal() for m in counted)
        begins = np.array([0.0, *(float(day) for day in later if day < end - 1e-9)])
    return np.append(begins[:most], end)


def last_day(start: dt.date | None, end: float | None) -> str | None:
    """The last day of a period that ends so long after launch."""
    return date(start, None if end is None else math.ceil(end - 1e-9) - 1)


def crossings(both: Curves, end: float, start: dt.date | None) -> list[Meeting]:
    """Every crossing in every measure, for the final run and for the programme."""
    found: list[Meeting] = []
    for basis in BASES:
        for scope in (billing.RUN, billing.PROGRAM) if basis == USD else (billing.RUN,):
            trained = both.training(basis, scope)
            if trained is None or basis not in both.spends:
                continue
            for crossing in engine.crossings(both.spends[basis], float(trained), both.plans[basis], end):
                day = date(start, crossing.day)
                event = AGAIN if crossing.back else OVERTAKES
                month = crossing.day / DAYS_PER_MONTH
                row = Meeting(basis=basis, scope=scope, day=crossing.day, month=month, event=event)
                found.append(row if day is None else {**row, "date": day})
    return found


def date(start: dt.date | None, days: float | None) -> str | None:
    """The day so long after launch."""
    return None if start is None or days is None else (start + dt.timedelta(days=round(days))).isoformat()
