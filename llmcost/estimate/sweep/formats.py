"""The formats of a sweep: how a part is put into bytes, and how a file begins and ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llmcost.errors import LlmcostError, shown
from llmcost.estimate.sweep import parquet
from llmcost.estimate.sweep.columns import BOOL, TEXT, WHOLE, Column, Table
from llmcost.records import NamedTuple


class Format(NamedTuple):
    """A way to write rows; what a part leaves for the end of the file is its footer."""

    name: str
    encoded: Callable[[Table], tuple[bytes, bytes]]  # its bytes in the file, and its footer
    start: Callable[[Sequence[Column]], bytes]
    placed: Callable[[bytes, int, int], bytes]  # a footer, the place of its part and its number
    end: Callable[[bytes, Sequence[bytes], int], bytes]  # the first footer, those of all parts, and the rows


def of_file(name: str) -> Format:
    """The format that a file's name ends in.

    Raises
    ------
    LlmcostError
        Neither of them.
    """
    for ending, found in FORMATS.items():
        if name.endswith(ending):
            return found
    raise LlmcostError(f"--output: {shown(name)} ends in neither .parquet nor .csv", "-o grid.parquet")


def _parquet(table: Table) -> tuple[bytes, bytes]:
    return parquet.opened(parquet.encoded(table))


def _csv(table: Table) -> tuple[bytes, bytes]:
    """Rows of text; numbers in as many digits as they need to be read back the same."""
    cells = [_cells(table, column) for column in table.columns]
    return "".join(f"{','.join(row)}\n" for row in zip(*cells, strict=True)).encode(), b""


def _cells(table: Table, column: Column) -> list[str]:
    if column.kind == TEXT:
        index, words = table.texts[column.name]
        said = [*map(_quoted, words), ""]
        return [said[i] for i in index.tolist()]
    values = table.numbers[column.name].tolist()
    if column.kind == BOOL:
        return ["" if math.isnan(v) else "true" if v else "false" for v in values]
    if column.kind == WHOLE:
        return ["" if math.isnan(v) else str(int(v)) for v in values]
    return ["" if math.isnan(v) else repr(v) for v in values]


def _quoted(text: str) -> str:
    """A cell; one that a spreadsheet would take for a formula starts with an apostrophe."""
    text = " ".join(text.split())
    if text[:1] in ("=", "+", "-", "@"):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"') else text


def _heads(columns: Sequence[Column]) -> bytes:
    return (",".join(c.name for c in columns) + "\n").encode()


FORMATS = {
    ".parquet": Format("parquet", _parquet, lambda _: parquet.MAGIC, parquet.moved, parquet.ending),
    ".csv": Format("csv", _csv, _heads, lambda footer, *_: footer, lambda *_: b""),
}
