"""GitHub Markdown, for pull requests and job summaries: the answer open, what it rests on folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.columns import BILL, bill, cell, columns
from llmcost.render.figures import main_block
from llmcost.render.marks import escape, folded, source, table
from llmcost.result import Estimate
from llmcost.version import __version__

if TYPE_CHECKING:
    from llmcost.render.alternatives import Sheet


def render(estimate: Estimate, options: Options) -> str:
    """The answer as Markdown."""
    if estimate.command == "check":
        from llmcost.render.check import report

        return report.render(estimate, options)
    parts = [f"**{escape(estimate.headline)}**", *map(escape, words.remarks(estimate)), *_caveats(estimate)]
    figures = main_block(estimate, options.explain)
    if figures:
        ranged = any(f.interval for f in figures)
        head = ["", "", "90 % range"] if ranged else ["", ""]
        parts.append(table(head, [[f.label, f.value, f.interval][: len(head)] for f in figures]))
    if estimate.breakdown:
        parts.append(table(BILL, bill(estimate), right=(1, 2, 3)))
    for name, array in estimate.tables.items():
        if (
            name not in ("curve", "spend", "along")
            and isinstance(array, list | tuple)
            and array
            and isinstance(array[0], Mapping)
        ):
            draw = _periods if estimate.command == "compare" and name == "periods" else SHEETS.get(name, _array)
            parts.append(draw(array))
    if estimate.inputs:
        parts.append(_inputs(estimate))
    if options.explain and estimate.steps:
        rows = [[s.name, s.formula, words.in_unit(s.unit, s.value), s.source] for s in estimate.steps]
        parts.append(folded("Steps", table(["step", "formula", "value", "source"], rows)))
    parts.append(f"<sub>llmcost {__version__}, presets {escape(estimate.presets) or 'none'}</sub>")
    body = "\n\n".join(parts) + "\n"
    return body if options.unicode else words.ascii_only(body)


def _alternatives(rows: Sequence[Mapping[str, Any]]) -> str:
    from llmcost.render import alternatives

    sheet = alternatives.sheet(rows[: alternatives.MOST_ROWS])
    return "\n\n".join([_sheet(sheet), *(escape(line) for line in alternatives.reasons(rows))])


def _sheet(sheet: Sheet) -> str:
    right = [i for i, column in enumerate(sheet.heads) if column.numeric]
    return table([c.head for c in sheet.heads], sheet.cells, right)


def _periods(rows: Sequence[Mapping[str, Any]]) -> str:
    from llmcost.render import alternatives

    return _sheet(alternatives.periods(rows))


def _array(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = columns(rows, words.UNLABELLED)
    right = [i for i, column in enumerate(shown) if column.numeric]
    cells = [[cell(c.key, row) for c in shown] for row in rows]
    return table([c.head for c in shown], cells, right)


SHEETS = {"alternatives": _alternatives}


def _caveats(estimate: Estimate) -> list[str]:
    if not estimate.warnings:
        return []
    lines = [
        f"> **{escape(w.code)}** {escape(w.message)}" + (f" ({escape(w.hint)})" if w.hint else "")
        for w in estimate.warnings
    ]
    return ["  \n".join(lines)]


def _inputs(estimate: Estimate) -> str:
    counted = Counter(words.mark(given) for given in estimate.inputs.values())
    rows = [
        [
            escape(words.input_name(name)),
            escape(words.input_text(given)),
            escape(", ".join(x for x in (given.origin, given.confidence) if x)),
            source(given.source or "") + (f", read {escape(given.date)}" if given.source and given.date else ""),
        ]
        for name, given in estimate.inputs.items()
    ]
    title = "Inputs: " + ", ".join(f"{count} {mark}" for mark, count in counted.items())
    return folded(title, table(["input", "value", "origin", "source"], rows, escaped=True))
