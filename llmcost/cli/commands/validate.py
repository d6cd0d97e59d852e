"""`llmcost validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import measuring
from llmcost.cli.options import OUTPUT, argument, option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.result import Estimate

SUMMARY = "How far the estimator is from published measurements, and from yours."
SUBJECT = argument(
    None, metavar="[SUBJECT]", help="training (fine-tuning: --method lora, qlora, full), runs, serving or memory."
)
DATA = option(
    None,
    "--data",
    metavar="FILE",
    help="Your own rows: a table, or a file of a benchmark or trainer.",
)
CALIBRATION = option(None, "--calibration", metavar="FILE", help="Constants of a stack (llmcost calibrate).")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    own = {"subject": SUBJECT, "data": DATA, "calibration": CALIBRATION, "output": OUTPUT}
    measuring.add(app, "validate", SUMMARY, f"{SUMMARY}\n\n{_columns()}" if full else SUMMARY, own, answer)


def _columns() -> str:
    """The columns of `--data` by subject, a line each."""
    from llmcost.terms.validate import COLUMNS

    lines = "\n".join(f"{subject}: {columns}" for subject, columns in COLUMNS.items())
    return f"Columns of --data (a figure; what is needed; what else is read):\n{lines}"


def answer(
    catalog: Catalog, given: dict[str, Any], subject: str | None, data: str | None, calibration: str | None
) -> tuple[Estimate, None]:
    """Score the engine."""
    from llmcost.estimate.validate.score import validate

    if calibration is not None:
        from llmcost.estimate.calibrate.use import with_file

        catalog = with_file(catalog, calibration)
    return validate(catalog, subject, data, given), None
