"""The Markdown report of a check, for a pull request: verdicts and totals open, the rest folded.

A comment on GitHub holds 65,536 characters: what is long gives way in a stated order, and is named.
"""

from __future__ import annotations

from typing import Any

from llmcost import units
from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.check import verdicts
from llmcost.render.marks import escape, folded, source, table
from llmcost.result import Estimate, Input
from llmcost.version import __version__

MOST = 60_000  # characters
MARKS = {"ok": "🟢 ok", "warn": "🟡 warn", "fail": "🔴 fail"}
NAMED = 3  # scenarios of an assumption that are named, before they are counted


def render(estimate: Estimate, options: Options) -> str:
    """The report."""
    parts = {
        "head": f"### llmcost: {escape(estimate.headline)}",
        "limits that do not hold": _limits(estimate, held=False, unicode=options.unicode),
        "totals": _totals(estimate),
        "reasons": _reasons(estimate),
        "limits that hold": _limits(estimate, held=True, unicode=options.unicode),
        "changes": _changes(estimate),
        "caveats": _caveats(estimate),
        "assumptions": _assumptions(estimate),
        "foot": f"<sub>llmcost {__version__}, presets {escape(estimate.presets) or 'none'}</sub>",
    }
    parts = {name: text for name, text in parts.items() if text}
    gone = []
    for name in ("assumptions", "caveats", "limits that hold", "changes", "reasons", "limits that do not hold"):
        if sum(len(text) + 2 for text in parts.values()) > MOST and name in parts:
            del parts[name]
            gone.append(name)
    if gone:
        parts["foot"] = f"Too long for a comment, left out: {', '.join(gone)}. `--json` has all.\n\n{parts['foot']}"
    body = "\n\n".join(parts.values()) + "\n"
    return body if options.unicode else words.ascii_only(body)


def _limits(estimate: Estimate, held: bool, unicode: bool) -> str:
    rows = [row for row in estimate.arrays["rows"] if (row["verdict"] == "ok") == held]
    if not rows:
        return ""
    heads, cells = verdicts.grid(rows)
    if unicode:
        cells = [[MARKS[row["verdict"]], *line[1:]] for row, line in zip(rows, cells, strict=True)]
    right = [i for i, head in enumerate(heads) if head not in ("verdict", "budget", "limit")]
    grid = table(heads, cells, right)
    failing = any(row["verdict"] != "ok" for row in estimate.arrays["rows"])
    counted = f"{len(rows)} {'limit holds' if len(rows) == 1 else 'limits hold'}"
    return folded(counted, grid) if held and failing else grid


def _totals(estimate: Estimate) -> str:
    heads, cells = verdicts.totals(estimate)
    return table(heads, cells, (1, 2, 3)) if cells else ""


def _reasons(estimate: Estimate) -> str:
    rows = [row for row in estimate.arrays["rows"] if row["verdict"] != "ok"]
    lines = []
    for row in rows:
        lines.append(f"- {escape(verdicts.sentence(row))} ({escape(verdicts.place(row))})")
        lines += [f"  - {escape(name)}: {escape(text)}" for name, text in verdicts.details(row)]
    return "\n".join(lines)


def _changes(estimate: Estimate) -> str:
    rows = estimate.arrays["changed_inputs"]
    if not rows:
        return ""
    cells = [
        [_of(row["scenario"], row["on"]), words.input_name(row["moved"]), verdicts.moved(row, row["unit"]),
         verdicts.signed(row["increase"])]
        for row in rows
    ]  # fmt: skip
    title = f"{units.several(len(rows), 'input')} changed since the baseline"
    return folded(title, table(["scenario", "input", "was -> is", ""], cells, (3,)))


def _caveats(estimate: Estimate) -> str:
    found: dict[str, list[str]] = {}
    for answer in estimate.arrays["answers"]:
        for caveat in answer["warnings"]:
            text = f"{caveat.code} {caveat.message}"
            found.setdefault(text, []).append(_of(answer["scenario"], [answer["on"]]))
    for caveat in estimate.warnings:
        found.setdefault(f"{caveat.code} {caveat.message}", [])
    rows = [[text, _named(places, len(estimate.arrays["answers"]))] for text, places in found.items()]
    return folded(units.several(len(rows), "caveat"), table(["", "of"], rows)) if rows else ""


def _assumptions(estimate: Estimate) -> str:
    """Defaults and assumed values that an option can change, once each with the answers they are in."""
    found: dict[tuple[Any, ...], list[str]] = {}
    given: dict[tuple[Any, ...], Input] = {}
    for answer in estimate.arrays["answers"]:
        for name, value in answer["inputs"].items():
            if words.mark(value) in ("default", "assumed") and words.is_option(name):
                label = words.input_name(name.removeprefix("train_").removeprefix("serve_"))
                key = (label, words.input_text(value), value.origin, value.source)
                given[key] = value
                found.setdefault(key, []).append(_of(answer["scenario"], [answer["on"]]))
    rows = [
        [escape(key[0]), escape(key[1]), words.mark(given[key]), source(given[key].source or ""),
         escape(_named(list(dict.fromkeys(places)), len(estimate.arrays["answers"])))]
        for key, places in found.items()
    ]  # fmt: skip
    if not rows:
        return ""
    return folded(
        units.several(len(rows), "assumption"), table(["input", "value", "", "source", "of"], rows, escaped=True)
    )


def _of(scenario: str, on: list[str]) -> str:
    return f"{scenario} ({', '.join(on)})"


def _named(places: list[str], of: int) -> str:
    if len(places) == of:
        return "all"
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(places[:NAMED]) + more
