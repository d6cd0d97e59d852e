"""`llmcost schema`."""

from __future__ import annotations

import typer

SUMMARY = "Print the JSON Schema of a command's answer, or of scenario files."
NAME = typer.Argument(
    ...,
    metavar="NAME",
    help="scenario, budget, train, serve, crossover, compare, check, presets or validate.",
    show_default=False,
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # one argument: nothing to save
    app.command("schema", help=SUMMARY)(run)


def run(name: str = NAME) -> int:
    """Print one schema."""
    import sys

    from llmcost import schemas

    sys.stdout.write(schemas.text(name))
    return 0
