"""Write docs/cli.md and the output blocks of README.md by running the commands they show."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.main import get_command

from llmcost import __version__, units
from llmcost.catalog import Catalog, presets_date
from llmcost.caveats import CAVEATS
from llmcost.cli.app import build
from llmcost.keys import KEYS
from llmcost.terms import SECTIONS
from scripts import doc_charts, techniques

ROOT = Path(__file__).parent.parent
ENV = {
    **os.environ,
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "_TYPER_FORCE_DISABLE_TERMINAL": "1",
    "PYTHONUTF8": "1",
    "LANG": "C.UTF-8",
}
BLOCK = re.compile(r"(<!-- run: llmcost (?P<args>[^\n]*) -->\n```(?P<kind>\w+)\n)(?P<body>.*?)(```\n)", re.DOTALL)
RESULTS = "\n## Results\n"
BEGIN, END = "<!-- scenario-keys:begin -->\n", "<!-- scenario-keys:end -->\n"
ALL = ("train", "serve", "crossover", "compare", "fit", "sweep")  # their --help shows the options of most questions


def run(args: str) -> str:
    """What the command prints on standard output."""
    command = [sys.executable, "-m", "llmcost", *shlex.split(args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV, cwd=ROOT)
    if done.returncode not in (0, 1):
        raise SystemExit(f"llmcost {args}: exit {done.returncode}\n{done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n") + "\n"


def readme(text: str) -> str:
    """README text with every marked block filled in; `| jq .a.b` after a command takes that part of its JSON."""

    def fill(match: re.Match[str]) -> str:
        prompt = f"$ llmcost {match['args']}\n" if match["kind"] == "console" else ""
        args, _, path = match["args"].partition(" | jq .")
        return match[1] + prompt + (_part(run(args), path) if path else run(args)) + match[5]

    return BLOCK.sub(fill, text)


def _part(document: str, path: str) -> str:
    part = json.loads(document)
    for name in path.split("."):
        part = part[name]
    return json.dumps(part, indent=2) + "\n"


def also() -> str:
    """Where a page leads: the pages by question."""
    return "All pages, by question: [index.md](index.md)."


def cli() -> str:
    """Every `--help`, in the order of the commands."""
    intro = "Every option of every command; `make docs` writes this file."
    parts = [f"# Command line\n\n{intro}\n\n{also()}\n"]
    for name in _commands(get_command(build(None)), ""):
        title = f"llmcost {name}".strip()
        told = "--help-all" if name in ALL else "--help"
        parts.append(f"## {title}\n\n```text\n{run(f'{name} {told}')}```\n")
    return "\n".join(parts)


def _commands(command: Any, name: str) -> list[str]:
    """A command, then those inside it."""
    inside = getattr(command, "commands", {})
    return [name, *(found for word, one in inside.items() for found in _commands(one, f"{name} {word}".strip()))]


def warnings() -> str:
    """Every warning: what it means and what to do."""
    intro = "`llmcost explain CODE` prints these words. A warning never changes the exit code."
    parts = [f"# Warnings\n\n{intro}\n\n{also()}\n"]
    parts += [f"## {row.code}: {row.title}\n\n{row.why}\n\n{row.todo}\n" for row in CAVEATS.values()]
    return "\n".join(parts)


def citation() -> str:
    """CITATION.cff: the version, and the day of the newest preset."""
    return f"""cff-version: 1.2.0
message: "An estimate is repeated with the same version and the same presets: llmcost --cite prints both."
title: "llmcost: what a language model costs to train and to serve"
type: software
authors:
  - name: "The llmcost contributors"
version: "{__version__}"
date-released: "{presets_date(Catalog())}"
license: Apache-2.0
"""


def keys() -> str:
    """The glossary's rows for scenario keys."""
    rows = ["| name | option | unit | meaning |", "|---|---|---|---|"]
    for key in KEYS.values():
        unit = units.KINDS[key.kind].base if key.kind in units.KINDS else "name"
        unit += f"/{key.per}" if key.per else ""
        words = key.help + (f" ({', '.join(key.choices)})" if key.choices else "")
        twins = f"; also `train_{key.name}`, `serve_{key.name}`" if key.sided else ""
        rows.append(f"| `{key.name}` | `{key.option}` | {unit} | {words}{twins} |")
    return "\n".join(rows) + "\n"


def glossary(text: str) -> str:
    """The glossary with its scenario keys filled in."""
    before, _, rest = text.partition(BEGIN)
    text = before + BEGIN + keys() + END + rest.partition(END)[2]
    head, _, rest = text.partition(RESULTS)
    intro, _, rest = rest.partition("\n### ")
    return head + RESULTS + intro + results() + rest[rest.index("\n## ") :]


def results() -> str:
    """The glossary's tables of result keys."""
    parts = []
    for title, terms in SECTIONS.items():
        rows = ["| name | symbol | unit | meaning | field's term |", "|---|---|---|---|---|"]
        for t in terms:
            words = "; ".join(x for x in (t.label, t.also) if x)
            rows.append(f"| `{t.name}` | {t.symbol} | {t.base} | {t.meaning} | {words} |")
        parts.append(f"\n### {title}\n\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def main() -> None:
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text("utf-8")), "utf-8")
    path = ROOT / "docs" / "glossary.md"
    path.write_text(glossary(path.read_text("utf-8")), "utf-8")
    (ROOT / "docs" / "cli.md").write_text(cli(), "utf-8")
    (ROOT / "CITATION.cff").write_text(citation(), "utf-8")
    (ROOT / "docs" / "warnings.md").write_text(warnings(), "utf-8")
    for name in (*techniques.PAGES, "contributing.md"):
        path = ROOT / "docs" / name
        path.write_text(techniques.page(path.read_text("utf-8")), "utf-8")
    doc_charts.write()


if __name__ == "__main__":
    main()
