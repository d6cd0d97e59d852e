"""The table of a check: verdicts, reasons, totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from llmcost.render.check import verdicts
from llmcost.render.terminal.grid import Head, Page, grid
from llmcost.result import Estimate, LimitRow

MOST_ROWS = 200  # that people read
SPARE = ("since baseline", "headroom", "90 % range")  # what gives way where there is no room, the last of them first


def draw(page: Page, estimate: Estimate) -> None:
    """A row per limit, the worst last, then each that does not hold with what explains it; of very many, the worst."""
    rows = estimate.arrays["rows"][-MOST_ROWS:]
    heads, cells = verdicts.grid(rows)
    left = ("verdict", "budget", "limit")
    page.line()
    shown = [
        Head(h, "", "left" if h in left else "right", h in left, spare=SPARE.index(h) + 1 if h in SPARE else 0)
        for h in heads
    ]
    grid(page, shown, cells, droppable=True)
    _count_others(page, estimate.arrays["rows"][:-MOST_ROWS])
    for row in rows:
        if row["message"]:
            page.line()
            page.line(
                f"{verdicts.place(row)}: {verdicts.sentence(row)}", "red" if row["verdict"] == "fail" else "yellow"
            )
            grid(page, [Head("", "dim"), Head("", folds=True)], [list(said) for said in verdicts.details(row)])
    heads, cells = verdicts.totals(estimate)
    if cells:
        page.line()
        grid(page, [Head(h, justify="right" if i else "left", folds=not i) for i, h in enumerate(heads)], cells)


def _count_others(page: Page, rows: Sequence[LimitRow]) -> None:
    """How many limits are not drawn, by their verdicts, and where they are."""
    counts = Counter(str(row["verdict"]) for row in rows)
    if counts:
        said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
        page.block(Text(f"and {len(rows):,} that are less bad ({said}): --json has all", style="dim"))
