"""Charts of trends: cost over time, load, batch, speed, and over a key that was varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from llmcost import units
from llmcost.keys import all_keys
from llmcost.render import text as words
from llmcost.render.axis import DAYS_PER_MONTH, day_text
from llmcost.render.charts.kinds import (
    SERIES,
    Lines,
    Mark,
    Row,
    Series,
    cost_label,
    is_number,
    is_positive,
    once,
    rows_of,
)
from llmcost.result import Estimate

COST, SPEED = "usd_per_mtok_output", "tokens_per_second_per_user_full"
MONTHS = 12  # of a year: the axis of time is in months
AGREED = 1e-6  # how close totals must be to a straight line over time
LONG = 3 * units.DAY  # from which a run is told in days
LOADS = [i / 50 for i in range(5, 51)]  # of a fleet: 10 % to 100 %
FEWEST = 2
WIDE = 10.0  # ratio from which on an axis is logarithmic
MARKED = 3


def over_time(estimate: Estimate) -> Lines | None:
    """What each alternative has cost by a month: what is paid first, then a line."""
    rows = [r for r in rows_of(estimate, "alternatives") if is_number(r.get("usd_per_month"))]
    if len(rows) < FEWEST or not any(r.get("upfront_usd") for r in rows):
        return None
    months = {_months(r) for r in rows if r["usd_per_month"] > 0}
    ends = [m for m in months if m is not None]
    if not ends or None in months or max(ends) > min(ends) * (1 + AGREED):
        return None  # traffic or prices move: the totals are no straight line
    end = ends[0]
    series = [
        Series(words.clean(r["name"]), [(m, float(r.get("upfront_usd") or 0.0) + m * float(r["usd_per_month"]))
                                        for m in (0.0, end)])
        for r in rows[:SERIES]
    ]  # fmt: skip
    title = "What each alternative has cost by a month: what is paid first, then its months"
    return Lines(title, series, "months", "cumulative cost", "count", "usd")


def _months(row: Row) -> float | None:
    total = row.get("total_usd_horizon")
    if not is_number(total):
        return None
    return round((total - float(row.get("upfront_usd") or 0.0)) / float(row["usd_per_month"]), 6)


def over_a_key(estimate: Estimate) -> Lines | None:
    """The figure that alternatives are compared by over a number that was varied; a line for each other choice."""
    rows = [r for r in rows_of(estimate, "alternatives") if r.get("inputs")]
    of = next((r["range_of"] for r in rows if r.get("range_of")), "usd_per_request")
    rows = [r for r in rows if is_number(r.get(of))]
    key, groups = _varied(rows)
    if key is None:
        return None
    kind = all_keys()[key].kind
    term = words.term_of(of)
    names = _told_apart(list(groups))
    series = [
        Series(name or term.label, sorted((float(r["inputs"][key]), float(r[of])) for r in group), dots=False)
        for name, group in zip(names, list(groups.values())[:SERIES], strict=False)
    ]
    xs = [x for one in series for x, _ in one.points]
    across = words.input_name(key)
    money = term.kind.startswith("usd")
    up = cost_label(term.label) if money else term.label
    title = f"How {'the ' if money else ''}{up} changes with {across}"
    log = min(xs) > 0 and max(xs) / min(xs) > WIDE
    x_kind, y_kind = kind if kind in units.KINDS else "count", "usd" if money else term.kind
    return Lines(title, series, across, up, x_kind, y_kind, x_log=log, key=key)


def along_an_axis(estimate: Estimate) -> Lines | None:
    """What each alternative costs along the key of `--cross`, with the places where two of them change places."""
    rows = rows_of(estimate, "along")
    of = next((k for row in rows for k, v in row.items() if k not in ("name", "key", "value") and is_number(v)), None)
    if of is None:
        return None
    names = list(dict.fromkeys(str(r["name"]) for r in rows))[:SERIES]
    told = {n: [(float(r["value"]), float(r[of])) for r in rows if r["name"] == n and is_number(r[of])] for n in names}
    key, term = all_keys()[str(rows[0]["key"])], words.term_of(of)
    met = [(r, r["value"]) for name in ("crossings", "jumps") for r in rows_of(estimate, name) if is_number(r.get(of))]
    marks = [Mark(float(x), float(r[of]), _said(key.kind, x)) for r, x in met[:MARKED] if r["name"] in names]
    values = [float(r["value"]) for r in rows]
    log = min(values) > 0 and max(values) / min(values) > WIDE
    kind = key.kind if key.kind in units.KINDS else "count"
    across, up = words.input_name(key.name), cost_label(term.label) if term.kind.startswith("usd") else term.label
    title = f"Who is cheapest over {across}: points mark where two change places"
    costs = [y for points in told.values() for _, y in points]
    return Lines(
        title, [Series(words.clean(n), points) for n, points in told.items() if points], across, up, kind,
        "usd" if term.kind.startswith("usd") else term.kind, log, min(costs) > 0 and max(costs) / min(costs) > WIDE,
        marks, key=key.name,
    )  # fmt: skip


def _said(kind: str, value: object) -> str:
    return units.format(kind, float(value)) if is_number(value) else ""


Groups = dict[tuple[str, ...], list[Row]]


def _varied(rows: Sequence[Row]) -> tuple[str | None, Groups]:
    """The number that was varied, and its rows by what else was chosen."""
    every = _groups(rows, lambda *_: True)
    key = _differs(every)
    if key is not None:
        return key, every
    # a count of accelerators may decide the framework: names hold what was chosen, `h100-sxm, gpus 64`
    named = _groups(rows, lambda row, key: str(row["inputs"][key]) in row["name"])
    key = _differs(named)
    said = key is not None and all(f"{words.input_name(key)} " in row["name"] for row in rows)
    return (key, named) if said else (None, {})


def _groups(rows: Sequence[Row], counts: Callable[[Row, str], bool]) -> Groups:
    """Rows by their names, of the inputs that count."""
    groups: Groups = {}
    for row in rows:
        names = (v for k, v in row["inputs"].items() if isinstance(v, str) and counts(row, k))
        groups.setdefault(tuple(names), []).append(row)
    return groups


def scaling(estimate: Estimate) -> Lines | None:
    """How long training takes on more accelerators, beside twice as many in half the time."""
    key, groups = _varied([r for r in rows_of(estimate, "alternatives") if is_positive(r.get("duration_seconds"))])
    if key != "gpus" or len(groups) > SERIES // 2:
        return None
    series = []
    most = max(float(r["duration_seconds"]) for group in groups.values() for r in group)
    word, unit = ("days", units.DAY) if most > LONG else ("hours", units.HOUR)
    for name, group in zip(_told_apart(list(groups)), groups.values(), strict=True):
        points = sorted((float(r["inputs"][key]), float(r["duration_seconds"]) / unit) for r in group)
        least, longest = points[0]
        series += [
            Series(name or "predicted", points, dots=True),
            Series(f"{name}: perfect scaling".removeprefix(": "), [(n, longest * least / n) for n, _ in points]),
        ]
    title = "Time to train over accelerators, beside perfect scaling: twice as many in half the time"
    return Lines(title, series, "accelerators", f"{word} to train", "count", "count", True, True)


def _differs(groups: Groups) -> str | None:
    """The first number that differs between all rows of a group, in every group of several."""
    several = [group for group in groups.values() if len(group) >= FEWEST]
    if not several or len(several) < len(groups):
        return None
    for key in several[0][0]["inputs"]:
        values = [[row["inputs"].get(key) for row in group] for group in several]
        if key in all_keys() and all(all(map(is_number, v)) and len(set(v)) == len(v) for v in values):
            return str(key)
    return None


def _told_apart(names: Sequence[tuple[str, ...]]) -> list[str]:
    """Names of the groups: what differs between them."""
    wide = min(map(len, names))
    kept = [i for i in range(wide) if len({name[i] for name in names}) > 1]
    return [words.clean(", ".join(name[i] for i in kept)) for name in names]


def cost_against_speed(estimate: Estimate) -> Lines | None:
    """Every point that no other beats, a line an alternative, and the chosen one."""
    rows = [r for r in rows_of(estimate, "front") if is_positive(r.get(COST)) and is_positive(r.get(SPEED))]
    if len(rows) < FEWEST:
        return None
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(words.clean(row.get("name") or "unbeaten points"), []).append(row)
    series = [
        Series(name, [(float(r[SPEED]), float(r[COST])) for r in sorted(group, key=lambda r: float(r[SPEED]))], True,
               [_point(r) for r in sorted(group, key=lambda r: float(r[SPEED]))])
        for name, group in groups.items()
    ]  # fmt: skip
    series = once(series)[:SERIES]
    marks = [m for r in [_chosen(estimate, rows)] if r is not None for m in [_mark(r, SPEED)]]
    chosen = "; the ring is the one chosen" if marks else ""
    title = f"Cost against speed with full batches: every point that no other beats{chosen}"
    return _of_output(title, series, "tokens/s of one user", marks)


def cost_over_batch(estimate: Estimate) -> Lines | None:
    """What a token costs over the requests in flight, a line a layout."""
    rows = [r for r in rows_of(estimate, "front") if is_positive(r.get(COST)) and is_positive(r.get("batch"))]
    if estimate.command != "serve" or len(rows) < FEWEST:
        return None
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        groups.setdefault(words.clean(row.get("layout") or "layout"), []).append(
            (float(row["batch"]), float(row[COST]))
        )
    series = [Series(name, sorted(points), dots=True) for name, points in list(groups.items())[:SERIES]]
    marks = [m for r in [_chosen(estimate, rows)] if r is not None for m in [_mark(r, "batch")]]
    title = "Cost of output over requests in flight, a line a layout" + (
        "; the ring is the one chosen" if marks else ""
    )
    return _of_output(title, series, "requests in flight on a replica", marks)


def _of_output(title: str, series: list[Series], along: str, marks: list[Mark]) -> Lines:
    """What a token of output costs along something, both by ratio."""
    return Lines(title, series, along, f"{units.current().sign}/Mtok of output", "count", "usd", True, True, marks)


def _chosen(estimate: Estimate, rows: Sequence[Row]) -> Row | None:
    """The point of the answer: its batch and layout."""
    batch, gpus = estimate.result.get("batch"), estimate.result.get("gpus_per_replica")
    return next((r for r in rows if r.get("batch") == batch and r.get("gpus_per_replica") == gpus), None)


def _mark(row: Row, key: str) -> Mark:
    return Mark(float(row[key]), float(row[COST]), f"chosen: {_point(row)}")


def _point(row: Row) -> str:
    name, layout = (words.clean(row.get(key) or "") for key in ("name", "layout"))
    return f"{name} {layout}, batch {float(row.get('batch') or 0):,.0f}".strip()


def cost_over_load(estimate: Estimate) -> Lines | None:
    """What a token of the same fleet costs over how busy it is: its hours are paid either way."""
    cost, load = estimate.result.get(COST), estimate.result.get("utilization")
    if estimate.command != "serve" or not is_positive(cost) or not is_positive(load):
        return None
    if not estimate.result.get("gpus_per_replica"):
        return None  # tokens are bought
    paid = cost * load
    here = "this fleet" if estimate.result.get("gpus") else "this replica"
    label = f"{here}: {load:.0%} busy, {units.format('usd_per_mtok', cost)}"
    series = [Series("output", [(share, paid / share) for share in LOADS])]
    title = "Cost of output over how busy accelerators are, whose hours are paid either way; the ring is this answer"
    mark = Mark(load, cost, label)
    return Lines(title, series, "utilization", f"{units.current().sign}/Mtok of output", "share", "usd", marks=[mark])


AMORTISED = {"mtok": "million tokens", "request": "request"}
EARLY = 0.02  # of the horizon: before it a share of training for each request says nothing


def amortisation(estimate: Estimate) -> Lines | None:
    """Training and inference over what was served by a day; they meet at the crossover."""
    rows = rows_of(estimate, "curve")
    of = next((o for o in AMORTISED if rows and f"training_usd_per_{o}_served" in rows[-1]), None)
    if of is None:
        return None
    keys = {name: f"{name}_usd_per_{of}_served" for name in ("training", "inference")}
    late = [row for row in rows if row["day"] >= EARLY * rows[-1]["day"]]
    series = [
        Series(name, [(row["day"] / DAYS_PER_MONTH, float(row[key])) for row in late if is_positive(row.get(key))])
        for name, key in keys.items()
    ]
    if any(len(one.points) < FEWEST for one in series):
        return None
    marks = [Mark(*place, f"crossover: {day_text(day)}") for day, place in _meet(estimate, series)]
    title = f"Training and inference for each {AMORTISED[of]} served to date" + (
        "; the ring is the crossover" if marks else ""
    )
    return Lines(title, series, "months after launch", f"cost per {AMORTISED[of]}", "count", "usd", False, True, marks)


def _meet(estimate: Estimate, series: Sequence[Series]) -> list[tuple[float, tuple[float, float]]]:
    """The day of the crossing and its place, where it is in the picture."""
    day = estimate.result.get("crossover_days")
    points = series[0].points
    if not is_positive(day) or not points[0][0] <= day / DAYS_PER_MONTH <= points[-1][0]:
        return []
    month = day / DAYS_PER_MONTH
    (x0, y0), (x1, y1) = next((a, b) for a, b in pairwise(points) if a[0] <= month <= b[0])
    share = (month - x0) / (x1 - x0) if x1 > x0 else 0.0
    return [(day, (month, y0 * (y1 / y0) ** share))]


def reuse(estimate: Estimate) -> Lines | None:
    """How much of the prompts of a log a cache would have held."""
    rows = [
        r for r in rows_of(estimate, "reuse") if is_positive(r.get("cache_tokens")) and is_number(r.get("reused_share"))
    ]
    if len(rows) < FEWEST:
        return None
    points = sorted((float(r["cache_tokens"]), float(r["reused_share"])) for r in rows)
    title = "Share of prompt tokens that a prefix cache of that size would have held"
    return Lines(title, [Series("reused", points, True)], "tokens of cache", "share reused", "count", "share", True)


def calibration(estimate: Estimate) -> Lines | None:
    """Predicted over measured, before and after."""
    rows = [
        r for r in rows_of(estimate, "rows") if is_positive(r.get("measured")) and is_positive(r.get("predicted_after"))
    ]
    if estimate.command != "calibrate" or not rows:
        return None
    series = []
    for name, key in (("before", "predicted"), ("after", "predicted_after")):
        told = [(float(i), r[key] / r["measured"]) for i, r in enumerate(rows, 1) if is_positive(r[key])]
        series.append(Series(name, told, dots=True))
    title = "Predicted over measured, row by row, before and after; the line at 1 is a perfect prediction"
    return Lines(title, series, "row", "predicted / measured", y_log=False, level=1.0)
