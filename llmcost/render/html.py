"""One page that one can send: the sentence, the chart, the numbers, what is shaky, and every input folded below.

It is one file that loads nothing: a Content-Security-Policy lets run the page's own script alone, by its hash, and
every text of an answer is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from llmcost.caveats import CAVEATS
from llmcost.records import NamedTuple
from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.columns import BILL, bill, cell, columns
from llmcost.render.figures import main_block
from llmcost.render.page import live, pictures
from llmcost.result import Estimate, LimitRow, Warning
from llmcost.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent / "page"
HIDDEN = ("answers",)  # what a page shows otherwise
MOST_ROWS, MOST_CELLS = 2_000, 6_000  # of a table; JSON and CSV have all
TITLES = {
    "front": "Points that no other beats", "pairs": "How sure it is that one is cheaper", "along": "Costs by value",
    "extremes": "Least and most of each column", "groups": "Errors by group", "curve": "Both curves, day by day",
    "sensitivity": "What moves the crossing", "crossings": "Where the curves meet", "step": "Parts of a training step",
    "presets rows": "Presets", "validate rows": "Measured and predicted", "calibrate rows": "Before and after",
    "day_hours": "Traffic by hour of the day (UTC)", "joint": "Outputs by length of the prompt",
}  # fmt: skip
OPEN = ("alternatives", "ladder", "pairs", "rows", "memory", "groups", "front", "extremes", "lengths")
_ADDRESS = re.compile(r"https?://[\w./~%?=&:@+,;#-]+", re.ASCII)


class Grid(NamedTuple):
    """A table: headings, rows, and the columns that line up at the right."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    right: Sequence[int] = ()


class Folded(NamedTuple):
    """A table that opens on a click, and a word on rows that are left out."""

    title: str
    grid: Grid
    open: bool
    more: str


def render(estimate: Estimate, options: Options) -> str:
    """The page."""
    moving = live.forms(estimate) or live.tables(estimate) or live.axis(estimate)
    choices = pictures.choices(estimate)
    style = _file("svg.css") + _file("page.css") + (_file("map.css") + _file("choice.css") if choices else "")
    drawn = [] if choices else pictures.pictures(estimate)
    script = "".join(_file(name) for name in moving.scripts) if moving else ""
    page: str = _template().render(
        version=__version__,
        presets=words.clean(estimate.presets),
        headline=words.clean(estimate.headline),
        remarks=[words.clean(line) for line in words.remarks(estimate)],
        style=Markup(style),
        script=Markup(script),
        style_hash=Markup(_hash(style)),
        script_hash=Markup(_hash(script)) if moving else Markup("'none'"),
        charts=[(words.clean(title), picture) for title, picture in drawn],
        choices=[(words.clean(label), words.clean(title), picture) for label, title, picture in choices],
        live=moving,
        figures=_figures(estimate),
        breakdown=Grid("the bill", BILL, rows, (1, 2, 3)) if (rows := bill(estimate)) else None,
        warnings=[_caveat(w) for w in estimate.warnings],
        tables=_tables(estimate),
        inputs=_inputs(estimate),
        inputs_title=_inputs_title(estimate),
        steps=_steps(estimate),
        command=words.clean(options.said),
    )
    page += "\n"
    return page if options.unicode else page.encode("ascii", "xmlcharrefreplace").decode("ascii")


class _Caveat(NamedTuple):
    code: str
    message: str
    hint: str
    why: str
    todo: str


def _caveat(said: Warning) -> _Caveat:
    """A warning with what its code means."""
    known = CAVEATS.get(said.code)
    shown = (words.clean(said.code), words.clean(said.message), words.clean(said.hint))
    return _Caveat(*shown, known.why if known else "", known.todo.replace("`", "") if known else "")


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string(_file("page.html.j2"))


def _hash(text: str) -> str:
    """How a Content-Security-Policy names an inline script or style: `'sha256-...'`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _figures(estimate: Estimate) -> Grid | None:
    found = main_block(estimate, False)
    if not found:
        return None
    ranged = any(f.interval for f in found)
    rows = [[f.label, f.value, f.interval][: 3 if ranged else 2] for f in found]
    return Grid("the numbers", ["", "", "90 % range"] if ranged else [], rows)


def _tables(estimate: Estimate) -> list[Folded]:
    limits = estimate.command == "check"
    return [
        _limits(array) if limits and name == "rows" else _folded(name, array, estimate.command)
        for name, array in estimate.tables.items()
        if isinstance(array, list | tuple) and array and isinstance(array[0], Mapping) and name not in HIDDEN
    ]


def _limits(rows: Sequence[LimitRow]) -> Folded:
    """The table of a check, as its other formats have it."""
    from llmcost.render.check import verdicts

    heads, cells = verdicts.grid(rows)
    named = ("verdict", "budget", "limit", "ends on")
    right = [i for i, head in enumerate(heads) if head not in named]
    return Folded("Limits", Grid("limits", heads, cells, right), True, "")


def _folded(name: str, array: Sequence[Mapping[str, Any]], command: str) -> Folded:
    title = TITLES.get(f"{command} {name}") or TITLES.get(name) or words.clean(name.replace("_", " ").capitalize())
    rows = array[:MOST_ROWS] if name != "curve" else array[:: max(1, len(array) // 200)]
    compared = name in ("periods", "spend") and "name" in array[0]
    if name == "alternatives" or compared:
        from llmcost.render import alternatives

        sheet = alternatives.periods(rows) if compared else alternatives.sheet(rows)
        heads, cells = sheet.heads, sheet.cells
    else:
        heads = columns(rows, words.UNLABELLED)
        cells = [[cell(c.key, row) for c in heads] for row in rows]
    cells = cells[: MOST_CELLS // len(heads)]
    few = len(cells) < len(rows) or len(rows) < len(array)
    more = f"{len(cells):,} of {len(array):,} rows; --json and --format csv have all." if few else ""
    right = [i for i, head in enumerate(heads) if i and head.numeric]  # the first one names its row
    shown = [[_linked(words.clean(text)) for text in line] for line in cells]
    return Folded(title, Grid(title, [words.clean(h.head) for h in heads], shown, right), name in OPEN, more)


def _inputs(estimate: Estimate) -> Grid:
    rows = [
        [
            words.input_name(name),
            words.input_text(given),
            words.clean(", ".join(x for x in (given.origin, given.confidence) if x)),
            _linked(words.clean(given.source or "")),
            words.clean(given.date or ""),
        ]
        for name, given in estimate.inputs.items()
    ]
    return Grid("inputs", ["input", "value", "origin", "source", "read"], rows)


def _inputs_title(estimate: Estimate) -> str:
    counted = Counter(words.mark(given) for given in estimate.inputs.values())
    return "Inputs: " + ", ".join(f"{count} {mark}" for mark, count in counted.items())


def _steps(estimate: Estimate) -> Grid:
    rows = [
        [words.clean(s.name), words.clean(s.formula), words.in_unit(s.unit, s.value), _linked(words.clean(s.source))]
        for s in estimate.steps
    ]
    return Grid("steps", ["step", "formula", "value", "source"], rows)


def _linked(text: str) -> str | Markup:
    """A link where all of the text is a plain web address, words otherwise."""
    if not _ADDRESS.fullmatch(text):
        return text
    return Markup('<a rel="noreferrer" href="{0}">{0}</a>').format(escape(text))
