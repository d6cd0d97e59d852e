"""`llmcost schema`."""

from __future__ import annotations

import typer

from llmcost.cli.options import argument

SUMMARY = "Print the JSON Schema of a command's answer, or of scenario files."
NAME = argument(
    ...,
    metavar="NAME",
    help="scenario, budget, train, serve, crossover, compare, check, presets or validate.",
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # one argument: nothing to save
    app.command("schema", help=SUMMARY)(run)


def run(name: str = NAME) -> int:
    """Print one schema."""
    from llmcost import schemas
    from llmcost.cli import messages

    messages.put(schemas.text(name))
    return 0
