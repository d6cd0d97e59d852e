"""What a sweep found: how many points are feasible, the extremes of each figure, the cheapest, and the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Flags
from llmcost.estimate.sweep import landscape
from llmcost.estimate.sweep.columns import TEXT, WHOLE, Column, Table
from llmcost.keys.key import CROSSOVER, FIT, SERVE, TRAIN

# What is least at the cheapest point, and what is set against it: both the less the better.
COST = {
    SERVE: "usd_per_mtok_output", TRAIN: "total_usd", CROSSOVER: "total_usd_horizon", FIT: "missing_bytes",
}  # fmt: skip
AGAINST = {SERVE: "tpot_seconds", TRAIN: "duration_seconds", CROSSOVER: "usd_per_request"}
BEST = {**COST, FIT: "gpus"}  # what is least at the point that a picture shows of several
RANKS = ("tp", "pp", "vpp", "dp", "cp", "sp", "ep")
MOST_FRONT = 1000  # points of a front that are kept
MOST_REASONS = 20
Row = dict[str, Any]
State = dict[str, Any]


def of_part(table: Table, engine: str, first: int) -> State:
    """What a part says, in a form that adds up: `first` is the number of its first row."""
    feasible = table.numbers["feasible"] == 1.0
    index, words = table.texts["reason"]
    counts = np.bincount(index[index >= 0], minlength=len(words)).tolist()
    extremes = {}
    for column in table.columns:
        if column.key or column.kind == TEXT or column.name == "feasible":
            continue
        values = table.numbers[column.name][feasible]
        values = values[~np.isnan(values)]
        if values.size:
            extremes[column.name] = [float(values.min()), float(values.max())]
    front = _front(table, feasible, COST[engine], AGAINST.get(engine, ""))
    return {
        "rows": table.rows,
        "feasible": int(feasible.sum()),
        "reasons": {word: count for word, count in zip(words, counts, strict=True) if count},
        "extremes": extremes,
        "front": [[first + int(i), _row(table, int(i))] for i in front],
    }


def _front(table: Table, feasible: Flags, cost: str, against: str) -> npt.NDArray[np.intp]:
    """Rows that no other beats on both figures, cheapest first; where there is one figure, its least row."""
    if cost not in table.numbers:
        return np.zeros(0, dtype=np.intp)
    first = table.numbers[cost]
    index = np.flatnonzero(feasible & ~np.isnan(first))
    if against not in table.numbers:
        return index[[int(np.argmin(first[index]))]] if index.size else index
    second = table.numbers[against]
    index = index[~np.isnan(second[index])]
    if not index.size:
        return index
    if index.size > MOST_FRONT:  # most rows are beaten by one of few: they need not be sorted
        some = index[:: max(index.size // MOST_FRONT, 1)]
        kept = _unbeaten(first[some], second[some])
        for i in some[kept]:
            index = index[~((first[index] >= first[i]) & (second[index] > second[i]))]
            if index.size < MOST_FRONT:
                break
    return np.asarray(index[_unbeaten(first[index], second[index])])


def _unbeaten(first: Array, second: Array) -> npt.NDArray[np.intp]:
    order = np.lexsort((second, first))
    least = np.minimum.accumulate(second[order])
    return np.asarray(order[np.concatenate([[True], least[1:] < least[:-1]])])


def _row(table: Table, i: int) -> Row:
    found: Row = {}
    for column in table.columns:
        if column.kind == TEXT:
            index, words = table.texts[column.name]
            found[column.name] = words[index[i]] if index[i] >= 0 else None
        else:
            value = float(table.numbers[column.name][i])
            found[column.name] = None if value != value else int(value) if column.kind == WHOLE else value
    return {k: v for k, v in found.items() if k not in ("feasible", "reason")}


def joined(whole: State | None, part: State, engine: str) -> State:
    """Two summaries as one; the order in which parts come does not matter."""
    if whole is None:
        return part
    extremes = dict(whole["extremes"])
    for name, (low, high) in part["extremes"].items():
        was = extremes.get(name, (low, high))
        extremes[name] = [min(low, was[0]), max(high, was[1])]
    reasons = dict(whole["reasons"])
    for word, count in part["reasons"].items():
        if word in reasons or len(reasons) < MOST_REASONS:
            reasons[word] = reasons.get(word, 0) + count
    return {
        "rows": whole["rows"] + part["rows"],
        "feasible": whole["feasible"] + part["feasible"],
        "reasons": reasons,
        "extremes": extremes,
        "read": sorted({*whole["read"], *part["read"]}),
        "places": landscape.joined(whole["places"], part["places"]),
        "front": _joined_front([*whole["front"], *part["front"]], COST[engine], AGAINST.get(engine, "")),
    }


def fresh(whole: State | None, part: State, engine: str) -> State:
    """A part without what was said before it, or is beaten by it: what a journal has to keep."""
    if whole is None:
        return part
    kept = {point[0] for point in joined(whole, part, engine)["front"]}
    front = [point for point in part["front"] if point[0] in kept]
    return {**part, "front": front, "places": landscape.fresh(whole["places"], part["places"])}


def _joined_front(points: Sequence[Any], cost: str, against: str) -> list[Any]:
    ordered = sorted(points, key=lambda p: (p[1][cost], p[1].get(against) or 0.0, p[0]))
    kept: list[Any] = []
    for point in ordered:
        if not kept or (against and point[1].get(against) is not None and point[1][against] < kept[-1][1][against]):
            kept.append(point)
    return thinned(kept, MOST_FRONT)


def thinned(points: list[Any], most: int) -> list[Any]:
    """Both ends and evenly spaced points between them."""
    if len(points) <= most:
        return points
    return [points[i] for i in sorted({round(x) for x in np.linspace(0, len(points) - 1, most).tolist()})]


def shown(columns: Sequence[Column], row: Mapping[str, Any], engine: str) -> Row:
    """A point of the front as it is shown: its keys and the figures that are set against each other."""
    names = [c.name for c in columns if c.key]
    ranks = ", ".join(f"{n} {row[n]}" for n in RANKS if n not in names and (row.get(n) or 0) > 1)
    layout = {"layout": ranks or "tp 1"} if "tp" in row and "tp" not in names else {}
    chosen = {n: row[n] for n in ("dtype", "batch") if n in row and n not in names}
    figures = {n: row[n] for n in (COST[engine], AGAINST.get(engine, "")) if n in row}
    return {n: row[n] for n in names} | chosen | layout | figures
