"""An answer in a cell of a notebook: the sentence, the figures, what is shaky. No style of its own."""

from __future__ import annotations

from markupsafe import Markup

from llmcost import units
from llmcost.render import text as words
from llmcost.render.figures import main_block
from llmcost.result import Estimate

MOST_ROWS = 50  # of an answer that is a table


def table(estimate: Estimate) -> str:
    """The answer as HTML; every text of it is escaped."""
    with units.amounts_in(estimate.currency):
        return _table(estimate)


def _table(estimate: Estimate) -> str:
    parts = [Markup("<p><strong>{}</strong></p>").format(words.clean(estimate.headline))]
    parts += [Markup("<p>{}</p>").format(line) for line in words.remarks(estimate)]
    figures = main_block(estimate)
    ranged = any(figure.interval for figure in figures)
    if figures:
        heads = ["", "", "90 % range"] if ranged else []
        parts.append(_grid(heads, [[f.label, f.value, f.interval][: 3 if ranged else 2] for f in figures]))
    parts += _main(estimate)
    for said in estimate.warnings:
        hint = Markup(" <code>{}</code>").format(words.clean(said.hint)) if said.hint else ""
        line = Markup("<p>{} {}{}</p>")
        parts.append(line.format(words.clean(said.code), words.clean(said.message), hint))
    return str(Markup("\n").join(parts))


def _main(estimate: Estimate) -> list[Markup]:
    """The array that is the answer, where it is one of rows to read."""
    from llmcost.render import alternatives
    from llmcost.render.columns import cell, columns

    name = words.MAIN_ARRAY.get(estimate.command, "")
    rows = [] if name in ("", "curve") else list(estimate.arrays.get(name, []))
    if not rows:
        return []
    shown = rows[:MOST_ROWS]
    if name == "alternatives":
        sheet = alternatives.sheet(shown)
        made = _grid([head.head for head in sheet.heads], sheet.cells)
    else:
        heads = columns(shown, words.UNLABELLED)
        made = _grid([head.head for head in heads], [[cell(head.key, row) for head in heads] for row in shown])
    more = len(rows) - len(shown)
    note = [Markup("<p>{} more rows: answer.to_frame({!r})</p>").format(f"{more:,}", name)] if more else []
    return [made, *note]


def _grid(heads: list[str], rows: list[list[str]]) -> Markup:
    head = Markup("").join(Markup("<th>{}</th>").format(words.clean(text)) for text in heads)
    lines = [
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(words.clean(text)) for text in row))
        for row in rows
    ]
    top = Markup("<thead><tr>{}</tr></thead>").format(head) if heads else Markup("")
    return Markup("<table>{}<tbody>{}</tbody></table>").format(top, Markup("").join(lines))
