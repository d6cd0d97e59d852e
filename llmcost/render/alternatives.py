"""Alternatives side by side: rows where they are many, columns where they are few and their rows would be wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmcost import units
from llmcost.keys import KEYS
from llmcost.keys.charges import PROGRAMME
from llmcost.records import NamedTuple
from llmcost.render import text as words
from llmcost.render.columns import RANGE, Column, cell, columns
from llmcost.terms import TERMS

Row = Mapping[str, Any]

MOST_ROWS = 40  # of a table that people read; JSON and CSV have all
MOST_INPUTS = 3  # columns of inputs beside the names that say the rest
PARTS = tuple(
    cost.key.name for cost in PROGRAMME
)  # of what is spent up front: shown beside them, as nothing else on a row says it
FEW = 5  # alternatives that may stand side by side
WIDE = 100  # columns from which few alternatives stand side by side
UNSHOWN = ("inputs", "feasible", "reason", "at_launch", *words.UNLABELLED)
AT_LAUNCH = (  # figures that change where days are unlike
    "usd_per_month", "usd_per_request", "usd_per_mtok_input", "usd_per_mtok_output", "gpus", "energy_kwh_per_month",
    "co2e_kg_per_month",
)  # fmt: skip
MOST_PAIRS = 12
INPUTS_GIVE_WAY, PRICE_GIVES_WAY = 12, 3  # as `Term.gives_way`; an input that is a figure too gives way as that
PAIRS = (  # and how soon each gives way
    ("name", "cheaper here", False, 0), ("other", "than", False, 0), ("probability_cheaper", "chance", True, 0),
    ("break_even_requests", "same cost at (requests/day)", True, 0), ("p5", RANGE, True, 2),
    ("cheaper_above", "above it cheaper", False, 1), ("cheaper_later", "cheaper to run later", False, 1),
    ("cheaper_from_month", "from month", True, 1), ("p50", RANGE, True, 2),
    ("break_even_days", "same spend on day", True, 3), ("p95", RANGE, True, 4),
)  # fmt: skip


CHANGES = ("break_even_requests", "break_even_days", "cheaper_from_month")  # what makes a pair worth a row
TELLING = (  # columns that are left out where no pair has anything to say
    "p5", "p50", "p95", "break_even_requests", "cheaper_above", "cheaper_later", "cheaper_from_month",
)  # fmt: skip


class Sheet(NamedTuple):
    """Cells of a comparison: a head and a column of cells each."""

    heads: list[Column]
    cells: list[list[str]]  # by row

    def turned(self) -> Sheet:
        """Alternatives as columns: the first column becomes the heads."""
        heads = [Column("", self.heads[0].head, False)]
        heads += [Column("name", row[0], True) for row in self.cells]
        kept = [(i, head) for i, head in enumerate(self.heads) if i and any(row[i] for row in self.cells)]
        return Sheet(heads, [[head.head, *(row[i] for row in self.cells)] for i, head in kept])


def sheet(rows: Sequence[Row]) -> Sheet:
    """The cells of a comparison: names, the inputs that differ, then figures."""
    found = columns(rows, UNSHOWN)
    names, figures = found[:1], found[1:]
    if rows and rows[0].get("at_launch"):
        figures = [c._replace(head=f"{c.head} at launch") if c.key in AT_LAUNCH else c for c in figures]
    keys = _inputs(rows)
    heads = [*names, *(_input_head(key) for key in keys), *figures]
    cells = [
        [
            *(cell(c.key, row) for c in names),
            *(_input(key, row.get("inputs", {}).get(key)) for key in keys),
            *(cell(c.key, row) for c in figures),
        ]
        for row in rows
    ]
    return _with_range(Sheet(heads, cells), rows)


def _with_range(plain: Sheet, rows: Sequence[Row]) -> Sheet:
    """The 90 % interval beside the figure that it is of, and the one with prices that nobody stated."""
    of = next((str(row["range_of"]) for row in rows if row.get("range_of") and row.get("p5") is not None), None)
    at = next((i for i, head in enumerate(plain.heads) if head.key == of), None)
    if of is None or at is None:
        return plain
    term = words.term_of(of)
    ranked = plain.heads[at]._replace(spare=0)
    beside = [Column("p5", RANGE, True)]
    held = any(row.get("p5_at_price") is not None for row in rows)
    if held:
        beside.append(Column("p5_at_price", "with prices", True, PRICE_GIVES_WAY))
    heads = [*plain.heads[:at], ranked, *beside, *plain.heads[at + 1 :]]
    cells = []
    for row, line in zip(rows, plain.cells, strict=True):
        whole = (row.get("p5"), row.get("p95"))
        settled = whole if row.get("p5_at_price") is None else (row["p5_at_price"], row["p95_at_price"])
        ends = [settled, whole] if held else [whole]
        texts = ["" if a is None else words.between(words.bare(term, a), words.bare(term, b)) for a, b in ends]
        cells.append([*line[: at + 1], *texts, *line[at + 1 :]])
    return Sheet(heads, cells)


def _inputs(rows: Sequence[Row]) -> list[str]:
    """Inputs worth a column: scenario keys that differ and that the names do not say."""
    found = dict.fromkeys(key for row in rows for key in row.get("inputs", {}))
    keys = [key for key in found if _bare(key) in KEYS and _differs(key, rows) and not all(_told(key, r) for r in rows)]
    if len(rows) <= FEW:
        return keys
    return keys[:MOST_INPUTS] + [key for key in keys[MOST_INPUTS:] if _bare(key) in PARTS]


def _differs(key: str, rows: Sequence[Row]) -> bool:
    """Whether alternatives that have an input have it differently."""
    return len({row["inputs"][key] for row in rows if key in row.get("inputs", {})}) > 1


def _told(key: str, row: Row) -> bool:
    value = row.get("inputs", {}).get(key)
    return value is None or (isinstance(value, str) and value in str(row.get("name")))


def _bare(key: str) -> str:
    return key if key in KEYS else key.removeprefix("train_").removeprefix("serve_")


def _input_head(key: str) -> Column:
    name = _bare(key)
    spare = PRICE_GIVES_WAY if name == "price" else TERMS[name].gives_way if name in TERMS else 0
    return Column(key, words.input_name(key), False, spare or INPUTS_GIVE_WAY)


def _input(key: str, value: Any) -> str:
    kind = KEYS[_bare(key)].kind
    if value is None:
        return ""
    return words.amount(kind if kind in units.KINDS else "text", value)


def pairs(rows: Sequence[Row]) -> Sheet:
    """Two alternatives at a time: how sure the order is, and from which traffic and day on it is another."""
    heads = [Column(*told) for told in PAIRS]
    cells = [
        [
            words.clean(row["name"]),
            words.clean(row["other"]),
            words.bare(words.term_of("probability_cheaper"), row["probability_cheaper"]),
            *_break_even(row, "requests"),
            words.clean(row.get("cheaper_above") or ""),
            words.clean(row.get("cheaper_later") or ""),
            *_told_of(row, "cheaper_from_{}month", ""),
            *_break_even(row, "days"),
        ]
        for row in rows
    ]
    kept = [i for i, head in enumerate(heads) if head.key not in TELLING or any(line[i] for line in cells)]
    return Sheet([heads[i] for i in kept], [[line[i] for i in kept] for line in cells])


def periods(rows: Sequence[Row]) -> Sheet:
    """A row for each month or quarter: requests, and for every alternative what it takes and its accelerators."""
    by = next(iter(rows[0]))
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    fleets = {name for name in names if any(row["name"] == name and row.get("gpus") is not None for row in rows)}
    when = "date" if "date" in rows[0] else "day"
    heads = [
        Column(by, by, True), Column(when, when, when == "day", 7), Column("period_requests", "requests", True, 6)
    ]  # fmt: skip
    for name in names:
        heads.append(Column("name", words.clean(name), True))
        heads += [Column("gpus", "GPUs", True, 5)] if name in fleets else []
    heads.append(Column("cheapest", "cheapest", False, 4))
    cells: list[list[str]] = []
    for at in range(0, len(rows), len(names)):
        some = rows[at : at + len(names)]
        line = [*(cell(key, some[0]) for key in (by, when)), _of_all("period_requests", some)]
        for row in some:
            line.append(cell("period_usd", row))
            line += [cell("gpus", row)] if row["name"] in fleets else []
        cells.append([*line, next((words.clean(row["name"]) for row in some if row["cheapest"]), "")])
    return Sheet(heads, cells)


def _of_all(key: str, rows: Sequence[Row]) -> str:
    """A figure of several alternatives: one where they are alike, else the least and the most."""
    low, high = (pick(row[key] for row in rows) for pick in (min, max))
    term = words.term_of(key)
    return words.bare(term, low) if low == high else words.between(words.bare(term, low), words.bare(term, high))


def _break_even(row: Row, of: str) -> tuple[str, str]:
    """A break-even and its range; `never` where it is none, nothing where nobody asked."""
    key = f"break_even_{of}"
    return _told_of(row, f"break_even_{{}}{of}", "never" if key in row else "")


def _told_of(row: Row, key: str, absent: str) -> tuple[str, str]:
    """A value and its range, where `key` has a place for the quantile."""
    term = words.term_of(key.format(""))
    value, low, high = (row.get(key.format(q)) for q in ("", "p5_", "p95_"))
    text = absent if value is None else words.bare(term, value)
    if low is None and high is None:
        return text, ""
    ends = ["never" if end is None else words.bare(term, end) for end in (low, high)]
    return text, "" if low == high else words.between(*ends)


def reasons(rows: Sequence[Row]) -> list[str]:
    """Why alternatives are not feasible, a line each."""
    return [f"{words.clean(row.get('name'))}: {words.clean(row['reason'])}" for row in rows if row.get("reason")]
