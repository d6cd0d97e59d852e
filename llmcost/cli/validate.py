"""`llmcost validate`."""

from __future__ import annotations

import typer

from llmcost.cli.presets import FORMAT, JSON, NO_COLOR, OUTPUT

SUMMARY = "How far the estimator is from published measurements, and from yours."
SUBJECT = typer.Argument(..., metavar="SUBJECT", help="training, runs or serving.", show_default=False)
DATA = typer.Option(None, "--data", metavar="FILE", help="Your own measured rows (CSV).", show_default=False)
FOLDER = typer.Option(
    None, "--presets", metavar="DIR", help="Folder of your own presets.", envvar="LLMCOST_PRESETS", show_default=False
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # few options: nothing to save
    app.command("validate", help=SUMMARY)(run)


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
    from llmcost.cli import output as out
    from llmcost.estimate.validate import validate

    shown = out.options(format_, json_, output, explain=False, quiet=False, no_color=no_color)
    return out.deliver(validate(out.catalog(presets_dir), subject, data), shown)
