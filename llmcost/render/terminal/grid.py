"""A page of text, and tables that fit it.

Nothing is ever cut. Where a table is too wide, its words fold; then it loses the columns that matter least and says
which, or it is stacked, one value a line.
"""

from __future__ import annotations

import io
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmcost.records import NamedTuple
from llmcost.render import Options

NARROWEST_WORDS = 16  # columns of words fold down to this
LONGEST_WORD = 32  # a longer one may break
NARROWEST_TITLE = 12  # names over columns fold down to this
INDENT = 2
GAP = 2  # between columns
FEWEST = 2  # columns that are left of a table at least


class Page(NamedTuple):
    """Where the answer is drawn."""

    console: Console
    options: Options

    @property
    def room(self) -> int:
        """Columns between the indent and the right edge."""
        return self.console.width - INDENT

    @property
    def text(self) -> str:
        """What is drawn so far."""
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def line(self, text: str = "", style: str = "") -> None:
        """One paragraph at the left edge."""
        self.console.print(Text(text, style=style))

    def block(self, what: ConsoleRenderable) -> None:
        """Something under the indent."""
        self.console.print(Padding(what, (0, 0, 0, INDENT), expand=False))


class Head(NamedTuple):
    """A column of a grid; one that folds is made of words, any other is never broken or cut."""

    text: str
    style: str = ""
    justify: Literal["left", "right"] = "left"
    folds: bool = False
    titled: bool = False  # its heading is a name, which folds; what is below does not
    spare: int = 0  # the higher, the sooner it gives way; among equals the one further right


def grid(page: Page, heads: list[Head], rows: list[list[str]], droppable: bool = False, total: bool = False) -> None:
    """A table that fits: at its natural width, else with words folded, else with fewer columns or stacked."""
    left = list(range(len(heads)))
    widths = _widths(heads, rows, page.room)
    while droppable and widths is None and len(left) > FEWEST:
        left.remove(max(left[1:], key=lambda i: (heads[i].spare, i)))
        widths = _widths([heads[i] for i in left], _only(left, rows), page.room)
    if widths is None:
        _stack(page, heads, rows)
        return
    page.block(_table([heads[i] for i in left], _only(left, rows), widths, total))
    if len(left) < len(heads):
        names = ", ".join(_told(heads, i) for i in range(len(heads)) if i not in left)
        page.block(Text(f"no room for {names}: a wider terminal or --json shows them", style="dim"))


def _only(columns: list[int], rows: list[list[str]]) -> list[list[str]]:
    return [[row[i] for i in columns] for row in rows]


def _told(heads: list[Head], i: int) -> str:
    """The heading of a column, with that before it where several have the same: ranges."""
    text = heads[i].text
    return f"{heads[i - 1].text} {text}" if i and sum(head.text == text for head in heads) > 1 else text


def _widths(heads: list[Head], rows: list[list[str]], room: int) -> list[int] | None:
    """Columns of each column; words give way first, down to `NARROWEST_WORDS`; None where that is not enough."""
    widths = [max([cell_len(head.text), *(cell_len(row[i]) for row in rows)]) for i, head in enumerate(heads)]
    least = [
        min(w, _narrowest(i, rows)) if head.folds else w for i, (w, head) in enumerate(zip(widths, heads, strict=True))
    ]
    for i, head in enumerate(heads):
        if head.titled:
            least[i] = max([min(cell_len(head.text), NARROWEST_TITLE), *(cell_len(row[i]) for row in rows)])
    over = sum(widths) + GAP * (len(widths) - 1) - room
    if over > sum(widths) - sum(least):
        return None
    while over > 0:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] -= 1
        over -= 1
    return widths


def _narrowest(column: int, rows: list[list[str]]) -> int:
    """What a column of words may fold to without breaking one of them."""
    longest = max((cell_len(word) for row in rows for word in row[column].split()), default=0)
    return max(NARROWEST_WORDS, min(longest, LONGEST_WORD))


def _table(heads: list[Head], rows: list[list[str]], widths: list[int], total: bool) -> Table:
    shown = any(head.text for head in heads)
    table = Table(
        box=None, show_edge=False, pad_edge=False, padding=(0, GAP, 0, 0), show_header=shown, header_style="dim"
    )
    for head, width in zip(heads, widths, strict=True):
        table.add_column(Text(head.text), style=head.style, justify=head.justify, width=width, overflow="fold")
    for number, row in enumerate(rows):
        last = total and number == len(rows) - 1
        table.add_row(*(Text(value) for value in row), style="bold" if last else "")
    return table


def _stack(page: Page, heads: list[Head], rows: list[list[str]]) -> None:
    """One value a line: the first cell as a title, with the values that have no heading; the others under it."""
    wide = max((cell_len(head.text) for head in heads[1:]), default=0)
    for row in rows:
        cells = list(zip(heads[1:], row[1:], strict=True))
        title = "  ".join([row[0], *(value for head, value in cells if value and not head.text)])
        page.block(Text(title, style="bold", overflow="fold"))
        for head, value in cells:
            if value and head.text:
                line = Text.assemble((head.text.ljust(wide + GAP), "dim"), value, overflow="fold")
                page.block(Padding(line, (0, 0, 0, INDENT), expand=False))
