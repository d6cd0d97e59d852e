"""Alternatives over time: what each has taken by the end of every month, and from which month on another is cheaper."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from llmcost import units
from llmcost.engine.demand.segments import cumulative, rate
from llmcost.engine.numeric import roots
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import Array, finite
from llmcost.errors import not_of
from llmcost.estimate.asking import sampling
from llmcost.estimate.compare.answer import Table, sample_count
from llmcost.estimate.compare.blocks import Block, Streams, laid
from llmcost.estimate.compare.ranked import Beside, Ranked
from llmcost.estimate.compare.sentence import Told
from llmcost.estimate.crossover.timeline import PERIODS, date, edges_of, last_day
from llmcost.estimate.lifetime import growth
from llmcost.estimate.lifetime.curves import EXACT, EXACT_SAMPLED, USD, Curves, curves
from llmcost.estimate.serving.bought import Bought
from llmcost.records import NamedTuple
from llmcost.result import Range, Scalar

SAMPLES = 500  # behind the range of a month
MOST = 8  # alternatives that are followed
MOST_MONTHS = 1_200
INSTANT = 1e-5  # days: the end of a month is just before the next one begins


class Path(NamedTuple):
    """What an alternative takes over time: the centre in the first column, samples in the others."""

    row: Ranked
    bought: bool
    scope: str
    centre: Curves
    edges: Array  # launch, then the end of every month [d]
    spent: Array  # all by then, training among it [USD]
    running: Array  # inference by then [USD]
    requests: Array  # served by then, at the centre
    gpus: Array | None  # accelerators at the end of each month, at the centre

    @property
    def name(self) -> str:
        """The name of the alternative."""
        return self.row.name

    def by(self, day: float) -> float:
        """All that is spent by a day, at the centre [USD]."""
        return float(_by(self.centre, self.scope, np.array([day]))[0][0, 0])


def paths(table: Table, start: dt.date | None) -> list[Path]:
    """The paths of up to eight feasible alternatives, in the order of the table; none where there is no traffic."""
    feasible = [row for row in table.rows if row.feasible]
    ends = {block.case.horizon_days for block in table.blocks if not block.case.reason}
    if table.deciding is None or len(feasible) > MOST or len(ends) != 1 or None in ends:
        return []
    end = float(ends.pop() or 0.0)
    edges = edges_of(end, start, most=MOST_MONTHS)
    count, seed = sample_count(table.blocks)
    streams, found, at = Streams(min(count or SAMPLES, SAMPLES), seed), [], 0
    for block in table.blocks:
        rows = table.rows[at : at + len(block.names)]
        found += [_path(row, block.some([i]), streams, edges, end) for i, row in enumerate(rows) if row.feasible]
        at += len(block.names)
    known = [path for path in found if path is not None]
    return known if len(known) == len(found) else []


def _path(row: Ranked, block: Block, streams: Streams, edges: Array, end: float) -> Path | None:
    """One alternative at the centre and over the samples; None where its dollars are not known."""
    fixed = {k: v[0] for k, v in block.axes.items()}
    p, case = laid(sampling.central(block.numbers), fixed), block.case
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # unbounded growth leaves the range of floats
        centre = curves(case, p, end, EXACT)
        if centre.requests is None or USD not in centre.spends:
            return None
        spent, running = _by(centre, case.scope, edges)
        if sampling.uncertain(block.numbers):
            drawn = curves(case, laid(streams.draws(block.numbers), fixed), end, EXACT_SAMPLED)
            both = zip((spent, running), _by(drawn, case.scope, edges), strict=True)
            spent, running = (np.concatenate(pair, axis=1) for pair in both)
        served = np.asarray(cumulative(centre.requests, edges), dtype=float)
        gpus = growth.accelerators(case.hosted, case.served(p), case.course, end) if case.hosted else None
    held = None if gpus is None else np.ceil(np.asarray(rate(gpus, edges[1:] - INSTANT), dtype=float) - 1e-6)
    return Path(row, isinstance(case.service, Bought), case.scope, centre, edges, spent, running, served, held)


def _by(one: Curves, scope: str, days: Array) -> tuple[Array, Array]:
    """All spend, and that of inference, by some days: days first, then samples [USD]."""
    spend = one.spends[USD]
    wide = days[:, None]
    if spend.rate.start.ndim > 1:
        wide = np.repeat(wide, len(spend.rate.start), axis=1)
    running = np.asarray(spend.by(wide), dtype=float)
    trained = one.training(USD, scope)
    if trained is None:
        return running, running
    level = one.plans[USD].at(days)
    paid = np.asarray(trained, dtype=float) * (level if level.ndim > 1 else level[:, None])
    return paid + running, running


class Turn(NamedTuple):
    """From which month on one alternative costs less to run than another: never is infinite."""

    later: Path
    before: Path
    month: float
    earliest: float
    latest: float


def turn(a: Path, b: Path) -> Turn:
    """When the order of running costs last changes; the one that is cheaper at the end is `later`."""
    gap = np.diff(a.running, axis=0), np.diff(b.running, axis=0)
    difference = np.subtract(*_alike(*gap))
    months = _settled(difference)
    if difference[-1, 0] > 0:
        a, b, difference = b, a, -difference
    month = np.where(difference[-1] < 0, months, np.inf)  # of samples in which the other ends up cheaper: never
    low, high = (float(sp.quantile(month[1:] if len(month) > 1 else month, q)) for q in (0.05, 0.95))
    return Turn(a, b, float(month[0]), min(low, float(month[0])), max(high, float(month[0])))


def _settled(difference: Array) -> Array:
    """The first month from which the sign of a difference no longer changes, from 1, for each column."""
    other = np.sign(difference) == -np.sign(difference[-1])
    last = len(difference) - np.argmax(other[::-1], axis=0)  # of the months that are otherwise, counted from 1
    return np.where(other.any(axis=0), last + 1.0, 1.0)


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    """Both with as many samples: what is certain is the same in each."""
    count = max(a.shape[1], b.shape[1])
    found = [x if x.shape[1] == count else np.repeat(x[:, :1], count, axis=1) for x in (a, b)]
    return found[0], found[1]


def beside(row: Beside, a: Path, b: Path, start: dt.date | None) -> Beside:
    """What a pair says of time: when the other is cheaper to run, and when it has cost less in all."""
    found = turn(a, b)
    day, low, high = _same_spend(a, b)
    changes = 1.0 < found.month < math.inf  # what costs the same to run changes no place
    return {
        **row,
        "cheaper_later": found.later.name if changes else None,
        "cheaper_from_month": found.month if changes else None,
        "cheaper_from_p5_month": finite(found.earliest) if changes else None,
        "cheaper_from_p95_month": finite(found.latest) if changes else None,
        "break_even_days": day, "break_even_p5_days": low, "break_even_p95_days": high,
        "break_even_date": date(start, day),
    }  # fmt: skip


def _same_spend(a: Path, b: Path) -> tuple[float | None, float | None, float | None]:
    """The last day on which cumulative spend of both is the same, and its 90 % range [d]."""
    difference = np.subtract(*_alike(a.spent, b.spent))
    other = np.sign(difference) == -np.sign(difference[-1])
    at = len(difference) - 1 - np.argmax(other[::-1], axis=0)
    column = np.arange(difference.shape[1])
    first, second = difference[at, column], difference[np.minimum(at + 1, len(difference) - 1), column]
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(first != second, first / (first - second), 0.0)
    begun, ended = a.edges[at], a.edges[np.minimum(at + 1, len(a.edges) - 1)]
    days = np.where(other.any(axis=0), begun + within * (ended - begun), np.inf)
    if math.isfinite(days[0]):
        ahead = bool(difference[-1, 0] > 0)
        days[0] = roots.bisected(lambda day: (a.by(day) > b.by(day)) is ahead, float(begun[0]), float(ended[0]))[1]
    spread = days[1:] if len(days) > 1 else days
    low, high = (float(sp.quantile(spread, q)) for q in (0.05, 0.95))
    return finite(days[0]), finite(min(low, days[0])), finite(max(high, days[0]))


def rows(every: Sequence[Path], by: str, start: dt.date | None) -> list[dict[str, Scalar]]:
    """A row for each period and alternative: spend in it and by its end, requests, accelerators, which is cheapest.

    Raises
    ------
    LlmcostError
        No such period.
    """
    if by not in PERIODS:
        raise units.at("--by", not_of(by, PERIODS, "--by month"))
    ends = np.searchsorted(every[0].edges, edges_of(float(every[0].edges[-1]), start, by)).tolist()
    spends = [np.diff(path.spent[ends, 0]) for path in every]
    found = []
    for n, (begun, ended) in enumerate(pairwise(ends)):
        least = min(range(len(every)), key=lambda i: float(spends[i][n]))
        for i, path in enumerate(every):
            paid = float(spends[i][n]) + (float(path.spent[0, 0]) if n == 0 else 0.0)
            dated = {} if start is None else {"date": last_day(start, float(path.edges[ended]))}
            found.append({
                by: n + 1, "day": float(path.edges[ended]), **dated, "name": path.name,
                "period_requests": float(path.requests[ended] - path.requests[begun]),
                "period_usd": paid, "cumulative_usd": float(path.spent[ended, 0]),
                "gpus": None if path.gpus is None else float(path.gpus[ended - 1]), "cheapest": i == least,
            })  # fmt: skip
    return found


def told(every: Sequence[Path]) -> Told:
    """What to do now, and until when: the alternative that costs least to run at launch, and what takes its place."""
    order = np.argmin([np.diff(path.running[:, 0]) for path in every], axis=0)
    now, last = every[int(order[0])], every[int(order[-1])]
    if now is last:
        when = "in every month" if np.all(order == order[0]) else "at launch and at the end"
        text = f"{_do(now).removesuffix(':')}: it costs least to run {when}."
        return Told(text, {"cheaper_later": None, "cheaper_from_month": None})
    found = turn(now, last)
    text = f"{_do(now)} now; {found.later.name} is cheaper to run from month {found.month:,.0f}{_range(found)}"
    if found.later.spent[0, 0] != found.before.spent[0, 0]:
        text += _in_all(found.later, found.before)
    result: dict[str, Scalar] = {"cheaper_later": found.later.name, "cheaper_from_month": found.month}
    ends = Range(finite(found.earliest), found.month, finite(found.latest))
    return Told(f"{text}.", result, {} if found.earliest == found.latest else {"cheaper_from_month": ends})


def _in_all(later: Path, before: Path) -> str:
    """When what is cheaper to run later has cost less in all too, where they do not start alike."""
    day = _same_spend(later, before)[0]
    if later.spent[-1, 0] > before.spent[-1, 0]:
        return f", and {before.name} costs less in all by the end"
    if day is None:
        return ", and costs less in all from launch on"
    return f", and has cost less in all from month {np.searchsorted(later.edges, day):,.0f}"


def _range(found: Turn) -> str:
    """The 90 % range of a month in words."""
    if found.earliest == found.latest:
        return ""
    late = f"latest {found.latest:,.0f}" if math.isfinite(found.latest) else "perhaps never"
    early = f"earliest {found.earliest:,.0f}" if math.isfinite(found.earliest) else ""
    return f", {', '.join(x for x in (early, late) if x)}"


def _do(path: Path) -> str:
    """What taking an alternative means, at the start of a sentence."""
    return f"Buy tokens ({path.name})" if path.bought else path.name
