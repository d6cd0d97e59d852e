"""CSV: the command's main array as a plain table, otherwise one row per value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from llmcost.render import Options
from llmcost.render.json import plain
from llmcost.render.text import MAIN_ARRAY, ascii_only, clean, plain_number, term_of
from llmcost.result import Estimate

HEAD = ("section", "name", "value", "unit", "p5", "p50", "p95", "origin", "source")
# A spreadsheet runs cells that start like this, full-width forms in some locales too.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def render(estimate: Estimate, options: Options) -> str:
    """Rows with a head, comma-separated, exact numbers in base units, empty where not known."""
    main = ("periods", "ladder", MAIN_ARRAY.get(estimate.command, ""))
    array = next((estimate.arrays[name] for name in main if estimate.arrays.get(name)), None)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_table(array) if array else _values(estimate, options.explain))
    return out.getvalue() if options.unicode else ascii_only(out.getvalue())


def cell(value: Any) -> str:
    """One cell: numbers as they are, text that would run as a formula behind an apostrophe.

    >>> cell(-2.5), cell("-2.5"), cell("=1+1"), cell(None), cell(True)
    ('-2.5', "'-2.5", "'=1+1", '', 'true')
    """
    value = plain(value, "cell")
    if value is None:
        return ""
    if isinstance(value, list):
        value = "; ".join(cell(v) for v in value)
    if isinstance(value, dict):
        value = "; ".join(f"{k}: {cell(v)}" for k, v in value.items())
    if not isinstance(value, str):
        return plain_number(value)
    return ("'" if value.startswith(FORMULA) or value.lstrip().startswith(FORMULA) else "") + clean(value)


def _table(rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    rows = [_flat(row) for row in rows]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return [[cell(k) for k in keys], *([cell(row.get(k)) for k in keys] for row in rows)]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose tables are columns: `inputs.price`."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
    return found


def _values(estimate: Estimate, explain: bool) -> list[list[str]]:
    found: list[tuple[Any, ...]] = [HEAD, ("answer", "headline", estimate.headline, *[""] * 6)]
    for key, value in estimate.result.items():
        of = estimate.ranges.get(key)
        ends = (of.p5, of.p50, of.p95) if of else ("", "", "")
        found.append(("result", key, value, term_of(key).base, *ends, "", ""))
        held = estimate.ranges_at_price.get(key)
        if held is not None:
            found.append(("at price", key, value, term_of(key).base, held.p5, held.p50, held.p95, "", ""))
    found += [
        ("input", k, i.value, i.unit, i.p5, "" if i.p5 is None else i.value, i.p95, i.origin, i.source)
        for k, i in estimate.inputs.items()
    ]
    for row in estimate.breakdown:
        found.append(("cost", row.name, row.cost_usd, "USD", *[""] * 5))
        found.append(("quantity", row.name, row.quantity, row.unit, *[""] * 5))
        found.append(("rate", row.name, row.rate_usd, f"USD/{row.unit}", *[""] * 5))
    if explain:
        found += [("step", s.name, s.value, s.unit, "", "", "", s.formula, s.source) for s in estimate.steps]
    return [[cell(c) for c in row] for row in found]
