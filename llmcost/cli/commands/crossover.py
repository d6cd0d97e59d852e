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
llmcost crossover llama-3.1-70b-chat --chart
llmcost crossover llama-3.1-70b-chat --growth 10%/mo --start 2027-01-01 --by quarter
llmcost crossover --train-cost 150M --cost-per-request 0.05 --solve traffic --at 12mo
llmcost crossover --train-energy 59257kWh --energy-per-request 1.0e-4kWh --json
"""
COMMON = (
    *("train_cost", "cost_per_request", "requests", "growth", "horizon", "start", "solve", "at"),
    *("model", "hardware", "train_gpus", "tokens", "isl", "osl", "price", "chart", "plot", "by"),
)
PANEL: dict[str, Any] = {"rich_help_panel": "Output", "show_default": False}
QUESTION: dict[str, Any] = {"rich_help_panel": "Solve for", "show_default": False}
CHART = typer.Option(None, "--chart/--no-chart", help="Draw the curves (default: on a terminal).", **PANEL)
BY = typer.Option(None, "--by", metavar="NAME", help="Table by month or quarter, to the horizon.", **PANEL)
CURVE = typer.Option(False, "--curve", help="Every day of the curves, in JSON and CSV too.", **PANEL)
SOLVE = typer.Option(
    None, "--solve", metavar="NAME", help="Find the traffic, price or params of a crossover at --at.", **QUESTION
)
AT = typer.Option(
    None, "--at", metavar="TIME", help="When the crossover should fall, counted from launch: 12mo.", **QUESTION
)
EXTRA = {"solve": SOLVE, "at": AT, "chart": CHART, "by": BY, "curve": CURVE}


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "crossover", SUMMARY, EXAMPLES, run, COMMON, extra=EXTRA, full=full, beside=beside)


def run(
    scenario: Scenario,
    catalog: Catalog,
    by: str | None = None,
    curve: bool = False,
    solve: str | None = None,
    at: str | None = None,
) -> Any:
    """Answer."""
    from llmcost.estimate.crossover import crossover

    return crossover(scenario, catalog, by=by, daily=curve, solve=solve, at=at)


def beside(scenario: Scenario, catalog: Catalog, estimate: Any) -> Any:
    """The answer with those under the sliders of its page; a page of given costs answers by itself."""
    from msgspec import structs

    from llmcost.estimate.crossover.around import around
    from llmcost.render.page import live

    if live.data(estimate) is not None or any(key.startswith("solved_") for key in estimate.result):
        return estimate
    rows = around(scenario, catalog, estimate)
    return structs.replace(estimate, arrays={**estimate.arrays, live.AROUND: rows}) if rows else estimate
