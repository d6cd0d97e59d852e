"""A row of a comparison: an alternative with its figures, and its place among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired

from msgspec import Struct

from llmcost import units
from llmcost.errors import LlmcostError, did_you_mean, raise_all
from llmcost.records import TypedDict
from llmcost.result import Range

Shown = dict[str, object]  # a row as the answer lists it, its inputs as a table of their own


class Beside(TypedDict):
    """Two alternatives, the cheaper one first; a break-even that is None never comes."""

    name: str
    other: str
    delta_usd: float
    probability_cheaper: float
    break_even_requests: NotRequired[float | None]
    break_even_p5_requests: NotRequired[float | None]
    break_even_p95_requests: NotRequired[float | None]
    break_even_usd: NotRequired[float | None]
    break_even_p5_usd: NotRequired[float | None]
    break_even_p95_usd: NotRequired[float | None]
    cheaper_above: NotRequired[str]
    break_even_days: NotRequired[float | None]
    break_even_p5_days: NotRequired[float | None]
    break_even_p95_days: NotRequired[float | None]
    break_even_date: NotRequired[str | None]
    cheaper_later: NotRequired[str | None]
    cheaper_from_month: NotRequired[float | None]
    cheaper_from_p5_month: NotRequired[float | None]
    cheaper_from_p95_month: NotRequired[float | None]


class Ranked(Struct):
    """An alternative: what differs in its question, its figures, and how it compares by the one that decides."""

    name: str
    figures: Mapping[str, float | None]
    inputs: Mapping[str, object] = {}
    reason: str | None = None  # why it is not feasible
    at_launch: bool = False  # whether its days are unlike, and figures by the month those of the first
    ratio: float | None = None  # to the cheapest
    range_of: str | None = None
    whole: Range | None = None  # at held prices
    with_prices: Range | None = None  # where prices that nobody stated widen it
    probability_cheapest: float | None = None

    @property
    def feasible(self) -> bool:
        """Whether it can be done."""
        return self.reason is None

    def amount(self, figure: str) -> float:
        """A figure that it is known to have."""
        value = self.figures[figure]
        assert value is not None
        return value

    def shown(self) -> Shown:
        """The row as the answer lists it."""
        ends = {
            f"{end}{tail}": None if of is None else getattr(of, end)
            for of, tail in ((self.whole, ""), (self.with_prices, "_at_price"))
            for end in ("p5", "p95")
        }
        return {
            "name": self.name, "inputs": dict(self.inputs), "feasible": self.feasible, "ratio": self.ratio,
            **self.figures, **({"at_launch": True} if self.at_launch else {}), "range_of": self.range_of, **ends,
            "probability_cheapest": self.probability_cheapest, "reason": self.reason,
        }  # fmt: skip


def ordered(rows: Sequence[Ranked], sort: str | None) -> list[Ranked]:
    """Rows by a column, those that are not feasible last; by cost without one.

    Raises
    ------
    LlmcostError
        No such column.
    """
    if sort is None or sort == "ratio":
        return sorted(rows, key=lambda row: (not row.feasible, row.ratio or 0.0))
    key = _column("--sort", sort, rows)

    def place(row: Ranked) -> tuple[bool, bool, bool, str, float]:
        cells = row.shown()
        value = cells[key] if key in cells else row.inputs.get(key)
        text = isinstance(value, str)
        number = float(value) if isinstance(value, int | float) else 0.0
        return not row.feasible, value is None, text, str(value) if text else "", number

    return sorted(rows, key=place)


def chosen(rows: Sequence[Ranked], columns: str | None) -> list[Shown]:
    """Rows with the columns asked for; the name, and why a row is not feasible, always stay.

    Raises
    ------
    LlmcostError
        No such column; all of them at once.
    """
    every = [row.shown() for row in rows]
    if columns is None:
        return every
    findings: list[LlmcostError] = []
    keys: list[str] = []
    for text in columns.split(","):
        try:
            keys.append(_column("--columns", text.strip(), rows))
        except LlmcostError as error:
            findings.append(error)
    raise_all(findings)
    return [
        {
            "name": row.name,
            "inputs": {k: v for k, v in row.inputs.items() if k in keys},
            "feasible": row.feasible,
            **{k: cells[k] for k in keys if k in cells},
            "reason": row.reason,
        }
        for row, cells in zip(rows, every, strict=True)
    ]


def _column(option: str, name: str, rows: Sequence[Ranked]) -> str:
    """The column of a name, which may be written as an option is."""
    known = {*rows[0].shown(), *(key for row in rows for key in row.inputs)} - {"inputs"}
    key = name.replace("-", "_")
    if key in known:
        return key
    raise LlmcostError(
        f"{option} {units.shown(name)}: no such column",
        did_you_mean(key, known) or f"one of {', '.join(sorted(known))}",
    )
