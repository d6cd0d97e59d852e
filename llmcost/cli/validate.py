"""`llmcost validate`."""

from __future__ import annotations

import typer

from llmcost.cli.presets import FOLDER, FORMAT, JSON, NO_COLOR, OUTPUT, deliver

SUMMARY = "How far the estimator is from published measurements, and from yours."
SUBJECT = typer.Argument(..., metavar="SUBJECT", help="training, runs or serving.", show_default=False)
DATA = typer.Option(None, "--data", metavar="FILE", help="Your own measured rows (CSV).", show_default=False)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    app.command("validate", help=f"{SUMMARY}\n\n{_columns()}" if full else SUMMARY, short_help=SUMMARY)(run)


def _columns() -> str:
    """The columns of `--data` by subject, a line each."""
    from llmcost.terms.validate import COLUMNS

    lines = "\n".join(f"{subject}: {columns}" for subject, columns in COLUMNS.items())
    return f"Columns of --data (a figure; what is needed; what else is read):\n{lines}"


def run(
    subject: str = SUBJECT,
    data: str | None = DATA,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Score the engine."""
    from llmcost.cli.output import catalog
    from llmcost.estimate.validate.score import validate

    return deliver(validate(catalog(presets_dir), subject, data), format_, json_, output, no_color)
