"""Helpers of the tests: run the command line in this process or in its own."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
from hypothesis import HealthCheck, settings

from llmcost import catalog, files, schemas
from llmcost.decode import STRUCTS, decode

ROOT = Path(__file__).parent.parent
CLEAN = {"COLUMNS": "100", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1", "PYTHONUTF8": "1"}


# The suite draws the same examples every time, so that it cannot fail by luck. `make fuzz` draws new ones, 20 x as many.
_ANY_SPEED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, max_examples=100, **_ANY_SPEED)
settings.register_profile("fuzz", derandomize=False, max_examples=2_000, print_blob=True, **_ANY_SPEED)
settings.load_profile("suite")


def examples(count: int) -> settings:
    """So many examples of a property in the suite, and in proportion under another profile."""
    return settings(max_examples=count * settings().max_examples // 100)


def validation_rows(name: str, every: int = 1) -> list[dict[str, str]]:
    """Rows of a file of `validation/`: all, or one in so many."""
    with (ROOT / "validation" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[::every]


def written(path: Path, rows: list[dict[str, str]]) -> str:
    """The name of a CSV file that has these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON; anything but strict JSON fails."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} in JSON")

        return json.loads(self.out, parse_constant=refuse)


Cli = Callable[..., Run]


@cache
def schema(name: str) -> jsonschema.Draft202012Validator:
    """The schema of an answer or of a file. Whether it is one takes half a second to check: `test_contract` does."""
    return jsonschema.Draft202012Validator(schemas.build(name))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Presets as an installation has them, before any test module reads one: once, for every worker."""
    if not hasattr(session.config, "workerinput"):
        files.parse_ahead(ROOT / "presets")


def pytest_collection_finish() -> None:
    """Ten thousand collected tests stay until the end: looking for garbage among them again and again takes time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _presets_stay() -> Iterator[None]:
    """The answers of a process share what it read of shipped presets: no answer may change one."""
    yield
    for (kind, path), (*_, made) in catalog._SHIPPED.items():
        parsed = files.read_toml(Path(path))
        if kind == "parsed":
            assert made == parsed, f"an answer changed {path}"
        elif kind in STRUCTS:
            assert made == decode(STRUCTS[kind], parsed, path), f"an answer changed {path}"


@pytest.fixture(scope="session")
def no_presets(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of a user without presets: one for all tests, as nothing writes to it and numbering them takes time."""
    return str(tmp_path_factory.mktemp("config"))


@pytest.fixture(autouse=True)
def _own_place(no_presets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No user presets, no environment of the person running the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", no_presets)
    for name in list(os.environ):
        if name.startswith("LLMCOST_"):
            monkeypatch.delenv(name)
    for name, value in CLEAN.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command in this process."""
    from llmcost.cli import main

    def run(*args: str, stdin: str | bytes = "") -> Run:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        capfd.readouterr()
        code = main([str(a) for a in args])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Run(int(code), out, err)

    return run


@pytest.fixture
def process() -> Callable[..., Run]:
    """Run a command in a process of its own."""

    def run(*args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "llmcost", *args],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what users see instead of comparing it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/*.txt")
