"""CSV files that a question names: read whole, columns found by their heading."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import LlmcostError, plainly
from llmcost.files import BOM, read_bytes

MOST_BYTES = 64_000_000


def rows(option: str, name: str, columns: Sequence[str], hint: str = "") -> Iterator[tuple[str, list[str]]]:
    """Cells of the named columns, a row at a time with the place to name in messages; other columns are ignored.

    Raises
    ------
    LlmcostError
        No such file, not CSV, a column missing, or no rows.
    """
    where, raw = _raw(option, name)
    heads, body = _parsed(where, raw)
    missing = [c for c in columns if c not in heads]
    if missing:
        hint = hint or f"the first line names the columns: {','.join(columns)}"
        raise LlmcostError(f"{where}: no column {' and '.join(missing)}", hint)
    places = [heads.index(c) for c in columns]
    row = None
    for n, row in body:
        yield f"{where}: line {n}", [row[p].strip() if p < len(row) else "" for p in places]
    if row is None:
        raise LlmcostError(f"{where}: no rows below the heading", hint or ",".join(columns))


def numbers(
    option: str, name: str, columns: Sequence[str], what: str, hint: str, most: float, zero: bool = True
) -> Array:
    """The named columns as numbers, a row each; a cell that is none is refused where it stands.

    Raises
    ------
    LlmcostError
        As `rows` and `number`.
    """
    found = plain(option, name, columns)
    if found is not None and bool(np.all((found >= 0) & (found <= most) & (zero | (found > 0)))):
        return found
    each = rows(option, name, columns)
    return np.array([[number(cell, where, what, hint, most, zero) for cell in cells] for where, cells in each])


def plain(option: str, name: str, columns: Sequence[str]) -> Array | None:
    """The named columns of a table of nothing but plain numbers, read at once; None where a cell needs a closer look.

    Raises
    ------
    LlmcostError
        No such file, or a column missing.
    """
    import io

    where, raw = _raw(option, name)
    heads, _ = _parsed(where, raw)
    if not set(columns) <= set(heads):
        return None
    places = [heads.index(c) for c in columns]
    head, _, rest = raw.partition(b"\n")
    if b'"' in raw or b"\r" in head.rstrip(b"\r") or not rest.strip():
        return None
    try:
        return np.loadtxt(io.BytesIO(rest), delimiter=",", usecols=places, ndmin=2, comments=None, encoding="utf-8")
    except (ValueError, UnicodeDecodeError):
        return None


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
    return _parsed(*_raw(option, name))[0]


def _raw(option: str, name: str) -> tuple[str, bytes]:
    """What a file is called in messages, and its bytes without a byte order mark."""
    try:
        raw = read_bytes(Path(name), MOST_BYTES)
    except LlmcostError as error:
        raise units.at(option, error) from None
    return f"{option} {units.shown(name)}", raw.removeprefix(BOM)


def _parsed(where: str, raw: bytes) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The headings, and the rows that hold anything, by their number; read as they are asked for."""
    import csv
    import io

    try:
        lines = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    except UnicodeDecodeError:
        raise LlmcostError(f"{where}: not UTF-8 text", "save it as CSV in UTF-8") from None

    def every() -> Iterator[tuple[int, list[str]]]:
        number = 0
        while True:
            number += 1
            try:
                row = next(lines, None)
            except (csv.Error, ValueError) as error:
                raise LlmcostError(
                    f"{where}: not a CSV file: {plainly(str(error), 80)}", "a heading, then a row a line, with commas"
                ) from None
            if row is None:
                return
            if number == 1 or any(cell.strip() for cell in row):
                yield number, row

    body = every()
    _, head = next(body, (1, []))
    return [h.strip().lower() for h in head], body
