"""Examples run as their pages say, their files follow the schemas they name, and the notebook goes top to bottom."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, Cli

FOLDER = ROOT / "examples"
PERSONAS = ("infrastructure", "founder", "finops", "researcher", "student", "script")
COMMANDS = [
    (persona, line)
    for persona in PERSONAS
    for line in re.findall(r"(?m)^\$ llmcost (.+)$", (FOLDER / persona / "README.md").read_text("utf-8"))
]


def test_there_is_a_folder_a_persona() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PERSONAS, "ci"}


@pytest.mark.parametrize(("persona", "command"), COMMANDS, ids=lambda text: text[:60])
def test_commands_of_the_pages_run(persona: str, command: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = cli(*shlex.split(command))
    assert (run.code, "error" in run.err) == (0, False), (persona, run.err)


@pytest.mark.parametrize("path", sorted(p for n in PERSONAS for p in (FOLDER / n).glob("*.toml")), ids=lambda p: p.name)
def test_files_name_the_schema_that_they_follow(path: Path) -> None:
    text = path.read_text("utf-8")
    schema = (path.parent / text.splitlines()[0].removeprefix("#:schema ")).resolve()
    assert schema.parent == ROOT / "schemas"
    said = json.loads(json.dumps(tomllib.loads(text), default=str))
    jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8"))).validate(said)


def _cells() -> list[str]:
    book = json.loads((FOLDER / "researcher" / "notebook.ipynb").read_text("utf-8"))
    assert all(not cell.get("outputs") for cell in book["cells"]), "outputs are made by whoever opens it"
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs_top_to_bottom_and_answers_are_tables() -> None:
    names: dict[str, Any] = {}
    shown: list[Any] = []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in _cells():
            tree = ast.parse(cell)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), names)
            if isinstance(last, ast.Expr):
                shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    tables = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert len(tables) == 3
    assert all("<table>" in table and len(table) < 20_000 for table in tables)
    assert "did you mean 'llama-3.1-8b'" in printed.getvalue()


def test_the_script_in_python_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / "script" / "grid.py"))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    # $150M over 0.05 x 10M a day are 300 days
    assert {"train_cost": "150000000.0", "requests": "10000000.0", "crossover_days": "300.0"} in rows


def test_the_script_in_a_shell_asks_what_the_commands_answer(tmp_path: Path, cli: Cli) -> None:
    program = tmp_path / "llmcost"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmcost "$@"\n', "utf-8")
    program.chmod(0o755)
    script = str(FOLDER / "script" / "prices.sh")
    done = subprocess.run(
        ["sh", script], capture_output=True, text=True, check=True, cwd=ROOT, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    asked = cli("serve", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "300", "-q")
    assert done.stdout.splitlines()[0] == f"h100-sxm,{asked.out.strip()}"
    assert len(done.stdout.splitlines()) == 3
