"""`llmcost compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "Which of these models, machines, providers or scenarios is cheapest, and where they cross."
EXAMPLES = """
llmcost compare -m llama-3.1-70b -H h100-sxm --isl 1000 --osl 500 --requests 1M/day --against api:openai/gpt-4o
llmcost compare --model llama-3.1-70b --isl 1000 --osl 500 --vary hardware=h100-sxm,h200-sxm,mi300x
llmcost compare --model llama-3.1-8b --tokens 15T --vary gpus=512,1024 --vary hardware=a100,h100
llmcost compare chat-a.toml chat-b.toml --json
"""
PANEL: dict[str, Any] = {"show_default": False, "rich_help_panel": "Alternatives"}
OPTIONS: dict[str, Any] = {
    "vary": typer.Option(
        [], "--vary", metavar="KEY=A,B,C", help="One alternative per value; several make a grid.", **PANEL
    ),
    "against": typer.Option(
        [],
        "--against",
        metavar="KIND:NAME",
        help="The same work done otherwise: api:PROVIDER/MODEL, own: or rent:PROVIDER[:commitment].",
        **PANEL,
    ),
    "sort": typer.Option(
        None, "--sort", metavar="COLUMN", help="Sort by this column (default: cheapest first).", **PANEL
    ),
}


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "compare", SUMMARY, EXAMPLES, run, extra=OPTIONS, full=full, many=True)


def run(scenarios: list[tuple[str, Scenario]], catalog: Catalog, **how: Any) -> Any:
    """Answer."""
    from llmcost.estimate.compare import Alternative, compare

    return compare([Alternative(*s) for s in scenarios], catalog, **how)
