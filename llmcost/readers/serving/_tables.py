"""Markdown tables inside a text."""

from __future__ import annotations

from collections.abc import Iterator

from llmcost.errors import LlmcostError
from llmcost.records import NamedTuple


class Table(NamedTuple):
    """A table: the line of its heading, its names, and the lines below the rule."""

    start: int
    heads: list[str]
    body: list[tuple[int, str]]

    def rows(self, name: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Each row with its line number.

        Raises
        ------
        LlmcostError
            A row with other cells than the heading has: cut off, or broken.
        """
        for n, line in self.body:
            cells = _cells(line)
            if len(cells) != len(self.heads) or not line.rstrip().endswith("|"):
                raise LlmcostError(f"{name}: line {n} is cut off: {len(cells)} of {len(self.heads)} cells")
            yield n, dict(zip(self.heads, cells, strict=True))


def found(lines: list[str], wanted: tuple[str, ...]) -> list[Table]:
    """The tables whose heading has all of the names wanted."""
    tables = []
    for start, line in enumerate(lines):
        heads = [cell.lower() for cell in _cells(line)] if line.lstrip().startswith("|") else []
        if not set(wanted) <= set(heads) or not _rule(lines, start + 1):
            continue
        body = []
        for n, row in enumerate(lines[start + 2 :], start + 3):
            if not row.strip() or _rule(lines, n):
                break
            body += [(n, row)] if row.lstrip().startswith("|") else []  # a tool's progress stands between its rows
        tables.append(Table(start, heads, body))
    return tables


def _rule(lines: list[str], n: int) -> bool:
    """Whether that line is the rule below a heading."""
    text = lines[n].strip() if n < len(lines) else ""
    return text.startswith("|") and set(text) <= set("|-: ")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
