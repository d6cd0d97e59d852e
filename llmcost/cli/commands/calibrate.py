"""`llmcost calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import measuring
from llmcost.cli.options import argument, option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.result import Estimate

SUMMARY = "Learn your stack from your own measurements."
FILES = argument(..., metavar="FILE...", help="Tables, or files of benchmarks and trainers.")
OUTPUT = option(
    None, "--output", "-o", metavar="FILE", help="Write what --calibration takes (.toml), or the answer.",
)  # fmt: skip


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # its options are few
    measuring.add(app, "calibrate", SUMMARY, SUMMARY, {"files": FILES, "output": OUTPUT}, answer)


def answer(catalog: Catalog, given: dict[str, Any], files: list[str]) -> tuple[Estimate, Callable[[], str]]:
    """Learn."""
    from llmcost.estimate.calibrate.answer import calibrate

    estimate, stack = calibrate(catalog, files, given)
    return estimate, lambda: stack
