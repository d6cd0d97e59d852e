"""The answer for a terminal: first the sentence, then the figures behind it, then what they rest on.

Nothing is ever cut, and in a pipe everything has its natural width; `grid` says what gives way in a narrow terminal.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.columns import BILL, bill, cell, columns, thinned
from llmcost.render.figures import main_block
from llmcost.render.terminal.grid import GAP, INDENT, NARROWEST_TITLE, Head, Page, grid
from llmcost.result import Estimate

if TYPE_CHECKING:
    from llmcost.render.alternatives import Sheet

NATURAL = 100_000  # columns of a pipe: more than anything needs
PROSE = 100  # lists of inputs fold here in a pipe too, and on wide screens
SIDE_BY_SIDE = ("alternatives",)  # arrays that may turn
DROPPABLE = ("ladder", "periods")  # arrays that may lose columns; others are stacked
FEW_ROWS, MOST_FAULTS = 40, 20  # of a validation: that are all shown, and of more those without a prediction
LONGEST_NUMBER = 20  # wider values are words: a layout
MOST_PADDING = 36  # columns of inputs line up to this
THINNED, THINNED_ROWS = ("curve", "crossings"), 13  # of which both ends and evenly spaced rows are shown
IN_FULL = ("sweep", "fit")  # commands whose tables are the answer
# with --explain only
ON_REQUEST = ("curve", "crossings", "sensitivity", "step", "energy", "front", "hours", "spend", "memory", "along")
SOURCE_COLUMNS = ("source", "confidence", "date", "age_days", "note", "caveat")  # told below the table, once each
ORIGINS = ("given", "preset", "computed", "estimate", "default", "assumed")


def render(estimate: Estimate, options: Options) -> str:
    """The answer as text; warnings are `text.warning_lines`, for stderr."""
    if options.quiet:
        return _finished(words.quiet_line(estimate) + "\n", options)
    page = Page(_console(options), options)
    page.line(words.clean(estimate.headline), "bold")
    for remark in words.remarks(estimate):
        page.line(remark)
    _figures(page, estimate)
    _breakdown(page, estimate)
    _chart(page, estimate)
    if estimate.command == "check":
        from llmcost.render.check.verdict_table import draw

        draw(page, estimate)
        return _finished(page.text, options)
    for name, array in estimate.tables.items():
        _array(page, estimate, name, array)
    if options.explain:
        _steps(page, estimate)
        _inputs_in_full(page, estimate)
    else:
        _inputs(page, estimate)
    return _finished(page.text, options)


def _console(options: Options) -> Console:
    """A console that asks nothing of its surroundings."""
    return Console(
        file=io.StringIO(), width=options.width or NATURAL, height=100, force_terminal=options.color,
        color_system="standard" if options.color else None, no_color=not options.color, legacy_windows=False,
        markup=False, highlight=False, emoji=False, _environ={},
    )  # fmt: skip


def _finished(text: str, options: Options) -> str:
    text = words.trimmed(text)
    return text if options.unicode else words.ascii_only(text)


def _figures(page: Page, estimate: Estimate) -> None:
    found = main_block(estimate, page.options.explain)
    if not found:
        return
    ranged = any(f.interval for f in found)
    phrases = [f for f in found if ranged and not f.interval and cell_len(f.value) > LONGEST_NUMBER]
    label = max(cell_len(f.label) for f in found)
    heads = [Head("", "dim"), Head(""), Head("90 % range", "dim")]
    rows = [[set_cell_size(f.label, label), f.value, f.interval] for f in found if f not in phrases]
    page.line()
    grid(page, heads if ranged else heads[:2], rows if ranged else [row[:2] for row in rows])
    for f in phrases:  # below, lest one of them push the ranges away from their numbers
        page.block(Text.assemble((set_cell_size(f.label, label + GAP), "dim"), f.value))


def _breakdown(page: Page, estimate: Estimate) -> None:
    rows = bill(estimate)
    if not rows:
        return
    page.line()
    name, *numbers = BILL
    grid(page, [Head(name, "dim"), *(Head(h, justify="right") for h in numbers)], rows, total=len(rows) > 1)


def _chart(page: Page, estimate: Estimate) -> None:
    if not page.options.chart:
        return
    from llmcost.render.terminal import chart, pareto, spend

    found = (draw(estimate, page.options) for draw in (chart.render, spend.render, pareto.render))
    picture = next((text for text in found if text), "")
    if picture:
        page.console.file.write("\n" + picture)


def _array(page: Page, estimate: Estimate, name: str, array: Any) -> None:
    rows = [row for row in array if isinstance(row, Mapping)] if isinstance(array, list | tuple) else []
    several = len(rows) > 1 or bool(estimate.arrays.get("jumps"))
    asked = page.options.explain or (estimate.command == "compare" and name == "crossings" and several)
    if not rows or (name in ON_REQUEST and not asked and estimate.command not in IN_FULL):
        return
    if estimate.command == "validate" and name == "groups" and all(row["n"] == 1 for row in rows):
        return  # the rows say it
    left = 0
    if estimate.command == "validate" and name == "rows" and not page.options.explain and len(rows) > FEW_ROWS:
        faults = [row for row in rows if row.get("reason")]
        rows, left = faults[:MOST_FAULTS], len(faults) - MOST_FAULTS
        if not rows:
            return
    if name in SIDE_BY_SIDE:
        _side_by_side(page, rows)
        return
    if name == "pairs":
        _pairs(page, rows)
        return
    if estimate.command == "compare" and name in ("periods", "spend"):
        from llmcost.render import alternatives

        page.line()
        _sheet(page, alternatives.periods(rows))
        return
    rows, notes = sourced(thinned(rows, THINNED_ROWS) if name in THINNED else rows)
    shown = columns(rows, words.TOLD.get(name, ()))
    heads = [Head(c.head, justify="right" if c.numeric else "left", folds=not c.numeric, spare=c.spare) for c in shown]
    page.line()
    grid(page, heads, [[cell(c.key, row) for c in shown] for row in rows], droppable=name in DROPPABLE)
    if left > 0:
        page.block(Text(f"{left:,} more without a prediction: --json", style="dim"))
    if notes:
        page.line()
        grid(page, [Head("", justify="right"), Head("", "dim", folds=True)], [[str(i), note] for i, note in notes])


def _side_by_side(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    """Alternatives: a row each, or a column each where they are few and have much to say."""
    from llmcost.render import alternatives

    shown = rows[: alternatives.MOST_ROWS]
    sheet = alternatives.sheet(shown)
    if len(shown) <= alternatives.FEW and _width(sheet) > min(page.room, alternatives.WIDE):
        turned = sheet.turned()
        if _width(turned, NARROWEST_TITLE) <= page.room:
            sheet = turned
    page.line()
    _sheet(page, sheet)
    for line in alternatives.reasons(shown):
        page.block(Text(line, style="yellow"))
    if len(rows) > len(shown):
        page.block(Text(f"{len(rows) - len(shown):,} more: --json and --format csv have all", style="dim"))


def _sheet(page: Page, sheet: Sheet) -> None:
    """The cells of a comparison, with names over columns folded where they are long."""
    heads = [
        Head(c.head, "", "right" if c.numeric else "left", not c.numeric, c.numeric and c.key == "name", c.spare)
        for c in sheet.heads
    ]
    grid(page, heads, sheet.cells, droppable=True)


def _pairs(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    """Break-evens of pairs that have one; the rest is in JSON."""
    from llmcost.render import alternatives

    told = [row for row in rows if any(row.get(key) for key in alternatives.CHANGES)]
    if not told:
        return
    sheet = alternatives.pairs(told[: alternatives.MOST_PAIRS])
    heads = [Head(c.head, "", "right" if c.numeric else "left", not c.numeric, spare=c.spare) for c in sheet.heads]
    page.line()
    grid(page, heads, sheet.cells, droppable=True)
    if len(rows) > len(told[: alternatives.MOST_PAIRS]):
        more = len(rows) - min(len(told), alternatives.MOST_PAIRS)
        page.block(Text(f"{more} more {'pair' if more == 1 else 'pairs'} in --json", style="dim"))


def _width(sheet: Sheet, titles: int = NATURAL) -> int:
    """Columns that a sheet takes, its heads folded where they are long."""
    heads = [min(cell_len(head.head), titles) for head in sheet.heads]
    return sum(max([wide, *(cell_len(line[i]) for line in sheet.cells)]) + GAP for i, wide in enumerate(heads))


def sourced(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[tuple[int, str]]]:
    """Rows whose sources are numbers, and the numbered sources: many rows share one.

    >>> sourced([{"key": "a", "source": "x", "date": "2026-11-23"}, {"key": "b", "source": "x", "date": "2026-11-23"}])
    ([{'key': 'a', 'source': 1}, {'key': 'b', 'source': 1}], [(1, 'x, read 2026-11-23')])
    """
    if not any(row.get("source") for row in rows):
        return list(rows), []
    numbers: dict[str, int] = {}
    found: list[Mapping[str, Any]] = []
    for row in rows:
        said = {key: words.clean(row[key]) for key in SOURCE_COLUMNS if row.get(key)}
        read = f"read {said['date']}" if "date" in said else ""
        age = row.get("age_days")
        old = f"{age} days old" if isinstance(age, int) and age > 0 else ""
        note = ", ".join(x for x in (said.get("source"), said.get("confidence"), read, old) if x)
        note = "; ".join(x for x in (said.get("caveat"), note, said.get("note")) if x)
        number = numbers.setdefault(note, len(numbers) + 1) if note else None
        shown = {k: number if k == "source" else v for k, v in row.items() if k not in SOURCE_COLUMNS or k == "source"}
        found.append({**shown, "source": number})
    return found, [(number, note) for note, number in numbers.items()]


def _steps(page: Page, estimate: Estimate) -> None:
    if not estimate.steps:
        return
    page.line()
    page.line("steps", "bold")
    for step in estimate.steps:
        page.block(Text.assemble((words.clean(step.name), ""), "  ", (words.in_unit(step.unit, step.value), "bold")))
        for detail, style in ((step.formula, ""), (step.source, "dim")):
            if detail:
                page.console.print(Padding(Text(words.clean(detail), style=style), (0, 0, 0, 2 * INDENT), expand=False))


def _inputs(page: Page, estimate: Estimate) -> None:
    """What went in and can be said otherwise, grouped by where it came from; constants of the method are counted."""
    groups: dict[str, list[str]] = {origin: [] for origin in ORIGINS}
    options = {
        name: given for name, given in estimate.inputs.items() if words.is_option(name) or words.is_package(given)
    }
    for name, given in options.items():
        groups.setdefault(words.mark(given), []).append(f"{words.input_name(name)} {words.input_text(given)}")
    groups = {origin: items for origin, items in groups.items() if items}
    if not groups:
        return
    page.line()
    wide = max(len(origin) for origin in groups)
    separator = " · " if page.options.unicode else "; "
    width = max(min(page.room, PROSE) - wide - GAP, 1)
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=width)
    for origin, items in groups.items():
        head = Text(origin, style="yellow" if origin == "assumed" else "dim")
        table.add_row(head, Text("\n".join(folded(items, width, separator))))
    page.block(table)
    if estimate.steps:
        constants = len(estimate.inputs) - len(options)
        more = f"{constants} constants and " if constants > 1 else ""
        page.line()
        page.block(Text(f"--explain shows {more}every step, input and source", style="dim"))


def folded(items: Iterable[str], width: int, separator: str) -> list[str]:
    """Items joined into lines that break between items; an item longer than a line has one of its own.

    >>> folded(["model a", "gpus 8", "price $2.00/h"], 20, " - ")
    ['model a - gpus 8 -', 'price $2.00/h']
    """
    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1] + separator + item + separator.rstrip()) <= width:
            lines[-1] += separator + item
            continue
        if lines:
            lines[-1] += separator.rstrip()
        lines.append(item)
    return lines


def _inputs_in_full(page: Page, estimate: Estimate) -> None:
    """Every input with its origin, the source below it."""
    if not estimate.inputs:
        return
    page.line()
    page.line("inputs", "bold")
    lines = [(words.input_name(name), words.input_text(given)) for name, given in estimate.inputs.items()]
    names, values = (min(max(cell_len(line[i]) for line in lines), MOST_PADDING) + GAP for i in (0, 1))
    for (name, value), given in zip(lines, estimate.inputs.values(), strict=True):
        origin = ", ".join(words.clean(x) for x in (given.origin, given.confidence) if x)
        style = "yellow" if words.mark(given) == "assumed" else "dim"
        aligned = names + values + cell_len(origin) <= page.room
        head = (
            (set_cell_size(name, names), set_cell_size(value, values))
            if aligned and cell_len(name) < names and cell_len(value) < values
            else (name + "  ", value + "  ")
        )
        page.block(Text.assemble(head[0], (head[1], "bold"), (origin, style)))
        if given.source:
            read = f", read {words.clean(given.date)}" if given.date else ""
            source = Text(words.clean(given.source) + read, style="dim", overflow="fold")
            page.block(Padding(source, (0, 0, 0, INDENT), expand=False))
