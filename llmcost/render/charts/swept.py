"""Charts of a sweep: each figure over one of its keys, a line for each of few values of a second, a map for many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmcost import units
from llmcost.keys import all_keys
from llmcost.render import text as words
from llmcost.render.axis import tick_label
from llmcost.render.charts.kinds import SERIES, Bar, Bars, Cells, Chart, Lines, Series, cost_label, is_number, once
from llmcost.result import PLACES, Estimate
from llmcost.terms import Term

WIDE = 10.0  # ratio from which on an axis is logarithmic
SHORT = ("seconds", "share", "bytes")  # kinds whose labels are short with their unit
Row = Sequence[float | None]


def figures(estimate: Estimate) -> dict[str, Chart]:
    """A chart for each figure of a sweep that is not the same everywhere, by its label."""
    return dict(_figures(estimate))


def first(estimate: Estimate) -> Chart | None:
    """The chart of what the engine of the sweep is asked for."""
    return next(iter(figures(estimate).values()), None)


def _figures(estimate: Estimate) -> Iterator[tuple[str, Chart]]:
    for seen in estimate.arrays.get(PLACES) or []:
        for name, found in seen["figures"].items():
            told = [value for row in found["values"] for value in row if is_number(value)]
            if len(told) > 1 and min(told) < max(told):
                term = words.term_of(name)
                yield term.label, _chart(seen, term, found)


def _chart(seen: Mapping[str, Any], term: Term, found: Mapping[str, Sequence[Row]]) -> Chart:
    kind, up = _scale(term)
    across, held = words.input_name(seen["across"]), ", ".join(map(words.input_name, seen["held"]))
    best = words.term_of(seen["best"])
    least = cost_label(best.label) if best.kind.startswith("usd") else best.label
    of = f"the choice of {held} that has the least {least}" if held else ""
    values = found["values"]
    if isinstance(seen["xs"][0], str):
        ends = (found[end][0] for end in ("values", "least", "most"))
        bars = [
            Bar(words.clean(x), v, words.figure(term, v), low, high)
            for x, v, low, high in zip(seen["xs"], *ends, strict=True)
            if is_number(v)
        ]
        ranged = "; the thin line is from the least to the most of all choices" if held else ""
        return Bars(_title(up, across, of) + ranged, bars, up)
    gaps = any(value is None for row in values for value in row)
    names = [_named(seen["up"], y) for y in seen["ys"]]
    x_kind = _kind(seen["across"])
    if len(names) > SERIES:
        title = (
            f"{up[:1].upper()}{up[1:]} over {across} and {words.input_name(seen['up'])}{f', with {of}' if of else ''}"
        )
        blank = "; nothing is feasible where it is blank" if gaps else ""
        shown = [_short(seen["up"], y) for y in seen["ys"]]
        return Cells(
            f"{title}{blank}; the ring is the least", seen["xs"], shown, values, across, words.input_name(seen["up"]),
            up, x_kind, kind, lambda value: words.figure(term, value),
        )  # fmt: skip
    series = [
        Series(name, [(x, y) for x, y, *_ in kept], len(kept) < SERIES, band=_band(kept))
        for name, *rows in zip(names or [term.label], values, found["least"], found["most"], strict=True)
        for kept in [[at for at in zip(seen["xs"], *rows, strict=True) if is_number(at[1])]]
        if kept
    ]
    series = once(series)
    banded = len(series) == 1 and bool(series[0].band)
    title = _title(up, across, of) + ("; the band is from the least to the most of all choices" if banded else "")
    title += f"; a line for each value of {words.input_name(seen['up'])}" if len(series) > 1 else ""
    title += "; where no line is, there is no such answer" if gaps else ""
    ys = [y for one in series for _, y in one.points] + [end for one in series for at in one.band for end in at]
    log = min(ys) > 0 and max(ys) / min(ys) > WIDE
    return Lines(title, series, across, up, x_kind, kind, not seen["even"], log)


def _title(up: str, across: str, of: str) -> str:
    return f"{up[:1].upper()}{up[1:]} over {across}{f', with {of}' if of else ''}"


def _band(kept: Sequence[tuple[Any, ...]]) -> list[tuple[float, float]]:
    """The ends of every point; none where each has one point of the sweep."""
    ends = [(low, high) for _, _, low, high in kept if is_number(low) and is_number(high)]
    return ends if len(ends) == len(kept) and any(low < high for low, high in ends) else []


def _scale(term: Term) -> tuple[str, str]:
    """The kind of the ticks, and what they count with its unit where they do not say it."""
    unit = words.suffix(term).strip()
    if term.kind.startswith("usd"):
        sign, per = units.current().sign, unit.partition("/")[2]
        return "usd", f"{cost_label(term.label)}{f' ({sign}/{per})' if per and 'per' not in term.label else ''}"
    if term.kind in SHORT:
        return term.kind, term.label
    return "count", f"{term.label} ({unit})" if unit and not words.needless(term) else term.label


def _kind(key: str) -> str:
    kind = all_keys()[key].kind
    return kind if kind in units.KINDS else "count"


def _short(key: str, value: float | str) -> str:
    """A value of a key, as a row is named."""
    return words.clean(value) if isinstance(value, str) else tick_label(_kind(key), value)


def _named(key: str, value: float | str) -> str:
    return words.clean(value) if isinstance(value, str) else f"{words.input_name(key)} {_short(key, value)}"
