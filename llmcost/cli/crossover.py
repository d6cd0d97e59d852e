"""`llmcost crossover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "When cumulative inference spend overtakes training spend."
EXAMPLES = """
llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day
llmcost crossover chat-70b --start 2027-01-01
llmcost crossover --train-energy 59257kWh --energy-per-request 1.0e-4kWh --json
"""
PANEL: dict[str, Any] = {"rich_help_panel": "Output", "show_default": False}
CHART = typer.Option(None, "--chart/--no-chart", help="Draw the curves (default: on a terminal).", **PANEL)
PLOT = typer.Option(None, "--plot", metavar="FILE", help="Draw the curves into FILE.svg, .png or .pdf.", **PANEL)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "crossover", SUMMARY, EXAMPLES, run, extra={"chart": CHART, "plot": PLOT}, full=full)


def run(scenario: Scenario, catalog: Catalog) -> Any:
    """Answer."""
    from llmcost.estimate.crossover import crossover

    return crossover(scenario, catalog)
