"""A file as readers look at it: bounded bytes, decoded, parsed as JSON, as lines of JSON or as a table when asked."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from llmcost.errors import LlmcostError, plainly, shown
from llmcost.files import BOM, MAX_DATA_BYTES, json_of, read_bytes
from llmcost.readers import plain
from llmcost.readers.record import Record

HEAD_BYTES = 1_000_000  # a launcher's own log may come first
GZIP = b"\x1f\x8b"  # its first bytes
ABOVE = 100  # lines that may stand above a table
PREFIXED = 65_536  # characters that tell what launchers put before lines
DELIMITERS = ("\t", ";", ",", "|")


DECIMAL = re.compile(r"^[-+(]?\d+(?:\.\d{3})*,\d+\)?$")
POINT = re.compile(r"^[-+(]?[\d,]*\.(?:\d{1,2}|\d{4,})\)?$")  # a decimal point: not between thousands
FILLED = re.compile(r"\S")
RULE = set("-: ")  # of a Markdown table


class Content:
    """One file; nothing but its head is read until a reader needs more.

    Parameters
    ----------
    path : Path
        The file.
    held : list, optional
        Its JSON values where they are not the outermost.
    skipped : int
        Lines above the heading of its table.

    Raises
    ------
    LlmcostError
        On first use: no such file, empty, larger than `MAX_DATA_BYTES`, or not text.
    """

    def __init__(self, path: Path, held: list[Any] | None = None, skipped: int = 0) -> None:
        self.path = path
        self.skipped = skipped
        self.nested = held is not None
        if held is not None:
            self.documents = held
        self.name = shown(path.name, 80).strip("'")

    def opened(self) -> IO[bytes]:
        """The bytes behind a byte order mark, unpacked where the file is packed by gzip, as exports of clouds are."""
        opener = gzip.open if self.packed else open
        file = cast(IO[bytes], opener(self.path, "rb"))
        if file.read(len(BOM)) != BOM:
            file.seek(0)
        return file

    @cached_property
    def packed(self) -> bool:
        """Whether it is packed by gzip."""
        with self.path.open("rb") as file:
            return file.read(len(GZIP)) == GZIP

    def _all(self) -> bytes:
        """Every byte.

        Raises
        ------
        LlmcostError
            No such file, too large, or packed and cut off.
        """
        raw = read_bytes(self.path, MAX_DATA_BYTES)
        if not raw.startswith(GZIP):
            return raw
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                raw = file.read(MAX_DATA_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise LlmcostError(f"{self.name}: packed by gzip, and cut off or broken") from None
        if len(raw) > MAX_DATA_BYTES:
            raise LlmcostError(f"{self.name}: larger than {MAX_DATA_BYTES:,} bytes unpacked")
        return raw

    @cached_property
    def _start(self) -> plain.Decoded:
        try:
            with self.opened() as file:
                raw = file.read(HEAD_BYTES)
        except (OSError, EOFError, zlib.error):
            raw = self._all()[:HEAD_BYTES]  # says what is wrong
        if not raw.strip():
            raise LlmcostError(f"{self.name}: the file is empty")
        return plain.decoded(raw, self.name, whole=False)

    @cached_property
    def _prefix(self) -> re.Pattern[str] | None:
        """What stands before the lines of a log; a table and an object have nothing there."""
        return plain.prefixes(plain.cleaned(self._start.text[:PREFIXED], None))

    @cached_property
    def head(self) -> str:
        """The first lines, for recognition; the last may be cut."""
        return _after(plain.cleaned(self._start.text, self._prefix), self.skipped)

    @cached_property
    def encoding(self) -> str:
        """What the bytes stand for, as far as the beginning tells."""
        return self._start.encoding

    @cached_property
    def _whole(self) -> plain.Decoded:
        found = plain.decoded(self._all(), self.name)
        if not found.text.strip():
            raise LlmcostError(f"{self.name}: the file is empty")
        return found

    @cached_property
    def text(self) -> str:
        """All of the file, from the heading of its table on."""
        return _after(plain.cleaned(self._whole.text, self._prefix), self.skipped)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the text, once it was read."""
        if "_whole" not in self.__dict__ or self._whole.encoding != plain.WESTERN:
            return ()
        return (f"{self.name}: not UTF-8 text: read as Windows-1252",)

    @cached_property
    def lines(self) -> list[str]:
        """The lines."""
        return self.text.splitlines()

    @cached_property
    def looks_like_json(self) -> bool:
        """Whether the first character opens an object or a list of them."""
        start = self.head.lstrip()
        first, then = start[:1], start[1:].lstrip()[:1]
        return (first == "{" and then in ('"', "}", "")) or (first == "[" and then in ("{", "]", "["))

    @cached_property
    def documents(self) -> list[Any]:
        """JSON values: the one of the file, those of a list, or one a line; empty where the file is not JSON.

        Infinity and NaN, which Python's writer leaves bare, are taken.
        """
        if not self.looks_like_json:
            return []
        try:
            whole = json_of(self.text)
        except ValueError as error:
            return self._one_by_one() or self._lines_of_json(error)
        return whole if isinstance(whole, list) else [whole]

    def _one_by_one(self) -> list[Any]:
        """Values of several lines each, as runs appended to a file leave them; none where one is broken."""
        found, at, decoder = [], 0, json.JSONDecoder()
        while (start := FILLED.search(self.text, at)) is not None:
            try:
                value, at = decoder.raw_decode(self.text, start.start())
            except (ValueError, RecursionError):
                return []
            found.append(value)
        return found

    def _lines_of_json(self, whole: Exception) -> list[Any]:
        found = []
        filled = [(n, line) for n, line in enumerate(self.lines, 1) if line.strip()]
        for n, line in filled:
            try:
                found.append(json_of(line))
            except ValueError:
                if len(found) == 0:
                    raise self._broken(whole) from None
                cut = " (the file is cut off)" if n == filled[-1][0] else ""
                raise LlmcostError(f"{self.name}: line {n} is not JSON{cut}") from None
        return found

    def _broken(self, error: Exception) -> LlmcostError:
        if isinstance(error, json.JSONDecodeError):
            cut = error.pos >= len(self.text.rstrip()) - 1 or "Unterminated" in error.msg
            what = "cut off" if cut else f"broken ({plainly(error.msg, 60)})"
            return LlmcostError(f"{self.name}: the JSON is {what} at line {error.lineno}, column {error.colno}")
        return LlmcostError(f"{self.name}: not JSON: {plainly(str(error), 80)}")

    @cached_property
    def records(self) -> list[Record]:
        """The JSON objects among `documents`, each with its place."""
        several = len(self.documents) > 1
        return [
            Record(data, f"{self.name}: row {n}" if several else self.name)
            for n, data in enumerate(self.documents, 1)
            if isinstance(data, dict)
        ]

    def inside(self) -> Content | None:
        """What stands inside: the objects of the one of the file, or the table below a preamble; None without any."""
        if not self.looks_like_json:
            return self._below()
        if len(self.documents) != 1 or not isinstance(self.documents[0], dict):
            return None
        held = self.documents[0]
        lists = [value for value in held.values() if isinstance(value, list) and value]
        rows = lists[0] if len(lists) == 1 else list(held.values())
        if not rows or not all(isinstance(row, dict) for row in rows):
            return None
        return Content(self.path, rows)

    def _below(self) -> Content | None:
        """The table below lines about its owner, as invoices have them: its heading has more cells than they have."""
        lines = self.head.split("\n")[:ABOVE]
        found = max((_width(lines, n), -n) for n in range(len(lines)))
        return Content(self.path, skipped=-found[1]) if found[0] > 1 and found[1] else None

    @cached_property
    def above(self) -> dict[str, str]:
        """What the lines above the table say, by lower-case name: `Currency: EUR`, `Invoice number,123`."""
        lines = plain.cleaned(self._start.text, self._prefix).split("\n")[: self.skipped]
        pairs = [re.split(r"[:;,\t|]", line, maxsplit=1) for line in lines]
        return {p[0].strip(' "').lower(): p[1].strip(' ",;') for p in pairs if len(p) == 2}

    @cached_property
    def delimiter(self) -> str:
        """What parts the cells of the first line."""
        first = self.head.lstrip().partition("\n")[0]
        return max(DELIMITERS, key=lambda mark: (first.count(mark), -DELIMITERS.index(mark)))

    @cached_property
    def headings(self) -> list[str]:
        """Names in the first line of a table, lower case; empty where the file is JSON."""
        if self.looks_like_json:
            return []
        first = self.head.lstrip().partition("\n")[0].strip()
        return [cell.lower() for cell in self._filled(cells_of(first, delimiter=self.delimiter))]

    def _filled(self, cells: list[str]) -> list[str]:
        """The cells of a row without what Markdown puts around it."""
        plain = [cell.strip() for cell in cells]
        return plain[1:-1] if self.delimiter == "|" and len(plain) > 2 and not plain[0] + plain[-1] else plain

    @cached_property
    def cells(self) -> list[tuple[int, list[str]]]:
        """Every filled row of a table with its number, the heading first.

        Raises
        ------
        LlmcostError
            Not a table, or its last row is cut off.
        """
        try:
            reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter, strict=True)
            rows = [(reader.line_num, self._filled(row)) for row in reader if any(c.strip() for c in row)]
            rows = [(n + self.skipped, row) for n, row in rows]
        except csv.Error as error:
            raise LlmcostError(f"{self.name}: not a table: {plainly(str(error), 80)}") from None
        if self.delimiter == "|":
            return [(n, row) for n, row in rows if not set("".join(row)) <= RULE]
        return with_points(rows)

    @cached_property
    def table(self) -> list[Record]:
        """Rows of a table as records by lower-case heading.

        Raises
        ------
        LlmcostError
            No rows, or one with more or fewer cells than the heading.
        """
        if len(self.cells) < 2:
            raise LlmcostError(f"{self.name}: no rows below the heading")
        heads = [c.lower() for c in self.cells[0][1]]
        found = []
        for n, row in self.cells[1:]:
            if len(row) < len(heads) and n == self.cells[-1][0]:
                raise LlmcostError(f"{self.name}: line {n} is cut off: {len(row)} of {len(heads)} cells")
            if len(row) != len(heads) and any(row[len(heads) :]):
                raise LlmcostError(f"{self.name}: line {n} has {len(row)} cells, the heading has {len(heads)}")
            found.append(Record(dict(zip(heads, row, strict=False)), f"{self.name}: line {n}"))
        return found


def cells_of(line: str, delimiter: str = ",", quotechar: str = '"', skipinitialspace: bool = False) -> list[str]:
    """The cells of one row; none where it is no row of a table.

    >>> cells_of("a,b"), cells_of("9" * 200_000)
    (['a', 'b'], [])
    """
    try:
        rows = csv.reader([line], delimiter=delimiter, quotechar=quotechar, skipinitialspace=skipinitialspace)
        return next(rows, [])
    except csv.Error:
        return []


def _after(text: str, skipped: int) -> str:
    """The text without its first lines."""
    return "\n".join(text.split("\n")[skipped:]) if skipped else text


def _width(lines: list[str], n: int) -> int:
    """Cells of a line that can be a heading: words alone, and as many cells with a number among them below it."""
    mark = max(DELIMITERS, key=lines[n].count)
    rows = [
        [cell.strip() for cell in cells_of(line, delimiter=mark)]
        for line in (lines[n], next((line for line in lines[n + 1 :] if line.strip()), ""))
    ]
    names = all(rows[0]) and not any(re.match(r"[-+($€£]*\d", cell) for cell in rows[0])
    told = len(rows[1]) == len(rows[0]) and any(re.search(r"\d", cell) for cell in rows[1])
    return len(rows[0]) if rows[0] and names and told else 0


def with_points(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Rows with decimal points where the file has decimal commas: a comma before other than three digits tells.

    >>> with_points([(1, ["16", "100,5", "1.024,25"])]), with_points([(1, ["1,024", "100.5"])])
    ([(1, ['16', '100.5', '1024.25'])], [(1, ['1,024', '100.5'])])
    """
    cells = [cell for _, row in rows for cell in row]
    commas = any("," in c and DECIMAL.match(c) and len(c.rpartition(",")[2]) != 3 for c in cells)
    if not commas or any("." in c and POINT.match(c) for c in cells):
        return rows
    return [(n, [c.replace(".", "").replace(",", ".") if DECIMAL.match(c) else c for c in row]) for n, row in rows]
