"""A file as readers look at it: bounded bytes, decoded, parsed as JSON, as lines of JSON or as a table when asked."""

from __future__ import annotations

import csv
import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from llmcost.errors import LlmcostError, plainly, shown
from llmcost.files import MAX_DATA_BYTES, read_bytes
from llmcost.readers.record import Record

HEAD_BYTES = 65_536
DELIMITERS = ("\t", ";", ",", "|")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # spreadsheets save "Unicode text" so


class Content:
    """One file; nothing but its head is read until a reader needs more.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    LlmcostError
        On first use: no such file, empty, larger than `MAX_DATA_BYTES`, or not text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = shown(path.name, 80).strip("'")

    @cached_property
    def head(self) -> str:
        """The first lines, for recognition; the last may be cut."""
        try:
            with self.path.open("rb") as file:
                raw = file.read(HEAD_BYTES)
        except OSError:
            raw = read_bytes(self.path)  # says what is wrong
        if not raw.strip():
            raise LlmcostError(f"{self.name}: the file is empty")
        return raw.decode(MARKS.get(raw[:2], "utf-8-sig"), errors="replace")

    @cached_property
    def text(self) -> str:
        """All of the file."""
        raw = read_bytes(self.path, MAX_DATA_BYTES)
        try:
            text = raw.decode(MARKS.get(raw[:2], "utf-8-sig"))
        except UnicodeDecodeError as error:
            raise LlmcostError(f"{self.name}: not UTF-8 text (byte {error.start})") from None
        if not text.strip():
            raise LlmcostError(f"{self.name}: the file is empty")
        if "\0" in text:
            raise LlmcostError(f"{self.name}: not a text file")
        return text

    @cached_property
    def lines(self) -> list[str]:
        """The lines; a carriage return, as progress bars write, ends one too."""
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
            whole = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            return self._lines_of_json(error)
        return whole if isinstance(whole, list) else [whole]

    def _lines_of_json(self, whole: Exception) -> list[Any]:
        found = []
        filled = [(n, line) for n, line in enumerate(self.lines, 1) if line.strip()]
        for n, line in filled:
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError):
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
        first = self.head.lstrip("\ufeff \r\n").partition("\n")[0].strip()
        try:
            cells = next(csv.reader([first], delimiter=self.delimiter), [])
        except csv.Error:
            return []
        return [cell.strip().lower() for cell in cells]

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
            rows = [(reader.line_num, [c.strip() for c in row]) for row in reader if any(c.strip() for c in row)]
        except csv.Error as error:
            raise LlmcostError(f"{self.name}: not a table: {plainly(str(error), 80)}") from None
        return rows

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
