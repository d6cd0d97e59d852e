"""CSV files that a question names: read whole, columns found by their heading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from llmcost import units
from llmcost.errors import LlmcostError, plainly
from llmcost.files import read_bytes

MOST_BYTES = 64_000_000


def rows(option: str, name: str, columns: Sequence[str], hint: str = "") -> list[tuple[str, list[str]]]:
    """Cells of the named columns, each row with the place to name in messages; other columns are ignored.

    Raises
    ------
    LlmcostError
        No such file, not CSV, a column missing, or no rows.
    """
    where, heads, body = _read(option, name)
    missing = [c for c in columns if c not in heads]
    if missing:
        hint = hint or f"the first line names the columns: {','.join(columns)}"
        raise LlmcostError(f"{where}: no column {' and '.join(missing)}", hint)
    places = [heads.index(c) for c in columns]
    return [(f"{where}: line {n}", [row[p].strip() if p < len(row) else "" for p in places]) for n, row in body]


def number(text: str, where: str, what: str, hint: str, most: float, zero: bool = True) -> float:
    """A cell as a number up to `most`, zero or above it.

    Raises
    ------
    LlmcostError
        It is not `what` it has to be.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most or (value == 0 and not zero):
        raise LlmcostError(f"{where}: {units.shown(text)} is not {what}", hint)
    return value


def headings(option: str, name: str) -> list[str]:
    """The names of the columns, in lower case."""
    return _read(option, name)[1]


def _read(option: str, name: str) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    import csv
    import io

    where = f"{option} {units.shown(name)}"
    try:
        raw = read_bytes(Path(name), MOST_BYTES)
    except LlmcostError as error:
        raise units.at(option, error) from None
    try:
        found = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    except UnicodeDecodeError:
        raise LlmcostError(f"{where}: not UTF-8 text", "save it as CSV in UTF-8") from None
    except (csv.Error, ValueError) as error:
        raise LlmcostError(f"{where}: not a CSV file: {plainly(str(error), 80)}") from None
    heads = [h.strip().lower() for h in found[0]] if found else []
    body = [(n, row) for n, row in enumerate(found[1:], 2) if any(cell.strip() for cell in row)]
    if not body and heads:
        raise LlmcostError(f"{where}: no rows below the heading")
    return where, heads, body
