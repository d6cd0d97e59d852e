"""From names of files to budgets and baselines."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from llmcost import units
from llmcost.budget import baseline, reading
from llmcost.budget.limits import BudgetFile
from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError, raise_all
from llmcost.files import BOM, parse_toml, read_toml

DEFAULT = "llmcost.toml"
STDIN = "-"


def read(names: Iterable[str], catalog: Catalog, stdin: Callable[[], bytes]) -> list[BudgetFile]:
    """Every budget file: a path, a scenario preset that has a budget, or `-`; each once.

    Raises
    ------
    LlmcostError
        The findings of all files together.
    """
    found: list[BudgetFile] = []
    findings: list[LlmcostError] = []
    for name in dict.fromkeys(names):
        try:
            found.append(_from_stdin(stdin()) if name == STDIN else _from_file(name, catalog))
        except LlmcostError as error:
            findings += getattr(error, "findings", [error])
    raise_all(findings)
    return found


def _from_stdin(raw: bytes) -> BudgetFile:
    data = parse_toml(raw, "standard input")
    return reading.read(STDIN, raw.decode("utf-8-sig"), data)


def _from_file(name: str, catalog: Catalog) -> BudgetFile:
    if name == DEFAULT and not Path(name).exists():
        raise LlmcostError(f"no {DEFAULT} in this folder", "llmcost init writes one; or llmcost check FILE")
    path = catalog.find("scenarios", name).path
    data = read_toml(path)
    return reading.read(_label(path), path.read_text("utf-8-sig"), data)


def _label(path: Path) -> str:
    """A path as reports show it: from this folder where it is below it."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path).as_posix()


def baseline_of(file: BudgetFile, named: str | None) -> str | None:
    """Where the baseline of a file is: as named for all, else as the file says, from its own folder."""
    if named is not None or file.baseline is None:
        return named
    return os.path.normpath(os.path.join(os.path.dirname(file.label), file.baseline))


def baselines(files: Sequence[BudgetFile], named: str | None) -> list[baseline.Answers | None]:
    """The baseline of each file, or None where nobody names one.

    Raises
    ------
    LlmcostError
        One that is named and cannot be read.
    """
    places = [baseline_of(file, named) for file in files]
    found = {place: _read_baseline(place) for place in dict.fromkeys(places) if place is not None}
    return [None if place is None else found[place] for place in places]


def target(files: Sequence[BudgetFile], named: str | None) -> str:
    """The one baseline to write.

    Raises
    ------
    LlmcostError
        There is none, or more than one.
    """
    places = {place for place in (baseline_of(file, named) for file in files) if place is not None}
    if len(places) != 1:
        found = "there is none" if not places else f"there are {len(places)}"
        raise LlmcostError(f"--update-baseline writes one baseline, and {found}", "--baseline baseline.json")
    return places.pop()


def _read_baseline(name: str) -> baseline.Answers:
    shown = units.shown(name, 200)
    try:
        return baseline.read(Path(name).read_bytes().removeprefix(BOM), shown)
    except FileNotFoundError:
        raise LlmcostError(f"no such baseline: {shown}", baseline.HINT) from None
    except OSError as error:
        raise LlmcostError(f"baseline {shown}: {error.strerror or error}", baseline.HINT) from None
