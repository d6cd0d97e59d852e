"""Columns and cells of an array and of a bill, for the formats that people read."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.render.text import bare, between, clean, figure, in_unit, needless, suffix, term_of
from llmcost.result import Estimate
from llmcost.terms import TERMS, Term

ENDS = (  # columns in the unit that the row names
    "low", "high", "planned", "actual", "measured", "predicted", "p5", "p95", "p5_at_price", "p95_at_price",
    "predicted_after", "least", "most",
)  # fmt: skip
VALUES = ("value", "before", "after", "delta")  # columns whose unit is that of the row's key
RANGE = "90 % range"
BILL = ("", "quantity", "rate", "cost")


class Column(NamedTuple):
    """A column of an array: its key, its heading with the unit, and whether it holds numbers."""

    key: str
    head: str
    numeric: bool
    spare: int = 0  # the higher, the sooner it gives way where there is no room


def columns(rows: Iterable[Mapping[str, Any]], skip: Iterable[str] = ()) -> list[Column]:
    """The columns that hold anything, in the order in which they first appear."""
    rows, keys = list(rows), dict[str, None]()
    for row in rows:
        keys |= dict.fromkeys(k for k, v in row.items() if v not in (None, "") and not (k == "unit" and _ends(row)))
    told = {*skip, *(_twin(key) for key in keys if _ranged(key, keys))}
    return [_column(key, keys, rows) for key in keys if key not in told]


def _ends(row: Mapping[str, Any]) -> bool:
    return any(key in row for key in ENDS)


def _column(key: str, keys: Container[str], rows: list[Mapping[str, Any]]) -> Column:
    spare = TERMS[key].gives_way if key in TERMS else 0
    if _ranged(key, keys):
        return Column(key, RANGE, True, spare)
    head = term_of(key).label if key in ENDS and any("unit" in row for row in rows) else _head(term_of(key))
    return Column(key, head, _is_numeric(key, rows), spare)


def _ranged(key: str, keys: Container[str]) -> bool:
    """Whether a column is one end of a range, the other of which is there too."""
    return "_p5_" in key and _twin(key) in keys


def _twin(key: str) -> str:
    return key.replace("_p5_", "_p95_")


def _is_numeric(key: str, rows: list[Mapping[str, Any]]) -> bool:
    """Whether a column lines up at the right; values of named keys are in different units and do not."""
    if key in VALUES and any("key" in row for row in rows):
        return False
    return all(_is_number(row.get(key)) for row in rows if row.get(key) is not None)


def _head(term: Term) -> str:
    tail = suffix(term)
    return term.label if not tail or tail == "x" or needless(term) else f"{term.label} ({tail.strip()})"


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float) or hasattr(value, "tolist")) and not isinstance(value, bool)


def cell(key: str, row: Mapping[str, Any]) -> str:
    """One cell of an array, without the unit that the head has; the value of a named key with its own unit.

    >>> cell("gpus", {"gpus": 8}), cell("value", {"key": "tdp_watts", "value": 700.0}), cell("gpus", {})
    ('8', '700 W', '')
    """
    value = row.get(key)
    if value is None:
        return ""
    if _ranged(key, row) and row[_twin(key)] is not None:
        return between(bare(term_of(key), value), bare(term_of(key), row[_twin(key)]))
    if key in (*ENDS, *VALUES) and row.get("unit") is not None:
        return in_unit(str(row["unit"]), value)
    if key in VALUES and isinstance(row.get("key"), str):
        return figure(term_of(row["key"].rpartition(": ")[2]), value)
    return bare(term_of(key), value)


def thinned(rows: Sequence[Any], count: int) -> list[Any]:
    """At most `count` rows, evenly spaced, both ends among them.

    >>> thinned(list(range(61)), 4)
    [0, 20, 40, 60]
    """
    if len(rows) <= count:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (count - 1))] for i in range(count)]


def bill(estimate: Estimate) -> list[list[str]]:
    """Rows of what an answer adds up, below `BILL`; where they are several, their total is the last."""
    rows = [
        [
            clean(r.name),
            f"{in_unit('count', r.quantity)} {clean(r.unit)}",
            f"{units.format('usd', r.rate_usd)}/{clean(r.unit)}",
            units.format("usd", r.cost_usd),
        ]
        for r in estimate.breakdown
    ]
    if len(rows) > 1:
        rows.append(["total", "", "", units.format("usd", sum(r.cost_usd for r in estimate.breakdown))])
    return rows
