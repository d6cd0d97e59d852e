"""Words of a check's rows, shared by the formats that show them."""

from __future__ import annotations

from collections.abc import Sequence

from llmcost import units
from llmcost.render import text as words
from llmcost.result import Estimate, LimitRow, Moved, Range
from llmcost.terms import TERMS, Term

HEADS = ("verdict", "budget", "limit", "allowed", "estimate", "headroom", "since baseline", "90 % range", "ends on")


TOTALS = {"total_usd": "training, all scenarios", "usd_per_month": "serving, all scenarios, a month"}


def term_of(row: LimitRow) -> Term:
    """The term of the number that a row holds against its limit."""
    return TERMS["increase"] if row["limit"] in ("max_increase", "max_decrease") else TERMS[row["key"]]


def grid(rows: Sequence[LimitRow]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of the table of limits; columns that are empty everywhere are left out."""
    cells = [[*_cells(row)] for row in rows]
    kept = [i for i, _ in enumerate(HEADS) if any(line[i] for line in cells)]
    return [HEADS[i] for i in kept], [[line[i] for i in kept] for line in cells]


def _cells(row: LimitRow) -> tuple[str, ...]:
    term, level = term_of(row), row["warn"] if row["fail"] is None else row["fail"]
    ends = Range(row["p5"], None, row["p95"])
    return (
        row["verdict"],
        words.clean(row["budget"]),
        limit(row),
        words.figure(term, level),
        "none" if row["estimate"] is None else words.figure(term, row["estimate"]),
        signed(row["headroom"]),
        signed(row["increase"]),
        words.interval(term, ends),
        row.get("budget_ends") or "",
    )


def limit(row: LimitRow) -> str:
    """The limit as its file names it, with the key or the quantile where that is not in the name."""
    of = f" of {row['key']}" if row["limit"] in ("max_increase", "max_decrease") else ""
    at = f" ({row['at']})" if row["at"] != "p50" else ""
    return f"{words.clean(row['limit'])}{of}{at}"


def signed(share: float | None) -> str:
    """A change or a distance, its sign always there.

    >>> signed(0.125), signed(-1.07), signed(0.0), signed(None)
    ('+12.5%', '-107%', '0%', '')
    """
    if share is None:
        return ""
    text = units.format("share", share)
    return f"+{text}" if share > 0 else text


def place(row: LimitRow) -> str:
    """`llmcost.toml:7`: where the limit is written."""
    return f"{'standard input' if row['file'] == '-' else words.clean(row['file'])}:{row['line']}"


def sentence(row: LimitRow) -> str:
    """`pretraining: $1.43M exceeds ...`; empty for a limit that holds."""
    return f"{words.clean(row['budget'])}: {words.clean(row['message'])}" if row["message"] else ""


def details(row: LimitRow) -> list[tuple[str, str]]:
    """What explains a limit that does not hold."""
    found = []
    if row["largest_cost"] is not None:
        cost = units.format("usd", row["largest_cost_usd"])
        found.append(("largest cost", f"{words.clean(row['largest_cost'])} {cost}"))
    if row["moved"] is not None and row["moved_unit"] is not None:
        found.append(("moved most", f"{words.input_name(row['moved'])} {moved(row, row['moved_unit'])}"))
    if row["owner"] is not None:
        found.append(("owner", words.clean(row["owner"])))
    if row["reason"] is not None:
        found.append(("reason", words.clean(row["reason"])))
    if row["expires"] is not None:
        found.append(("expires", row["expires"]))
    return found


def moved(row: LimitRow | Moved, unit: str) -> str:
    """`7.00T -> 15.0T` of an input that is not what it was."""
    ends = row["moved_from"], row["moved_to"]
    was, now = ("none" if end is None else words.in_unit(unit, end) for end in ends)
    return f"{was} -> {now}"


def totals(estimate: Estimate) -> tuple[list[str], list[list[str]]]:
    """Training of all scenarios and a month of serving them: now, and where there is a baseline what it was."""
    cells = [
        [TOTALS[total["key"]], _usd(total["estimate"]), _usd(total["baseline"]), signed(total["increase"])]
        for total in estimate.arrays["totals"]
    ]
    kept = 4 if any(line[2] for line in cells) else 2
    return ["total", "", "baseline", "change"][:kept], [line[:kept] for line in cells]


def _usd(value: float | None) -> str:
    return "" if value is None else units.format("usd", value)
