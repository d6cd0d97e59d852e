"""`llmcost crossover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import PANEL, QUESTION, option

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
CHART = option(None, "--chart/--no-chart", help="Draw the curves (default: on a terminal).", rich_help_panel=PANEL)
BY = option(None, "--by", metavar="NAME", help="Table by month or quarter, to the horizon.", rich_help_panel=PANEL)
CURVE = option(False, "--curve", help="Every day of the curves, in JSON and CSV too.", rich_help_panel=PANEL)
SOLVE = option(
    None,
    "--solve",
    metavar="NAME",
    help="Find the traffic, price or params of a crossover at --at.",
    rich_help_panel=QUESTION,
)
AT = option(
    None,
    "--at",
    metavar="TIME",
    help="When the crossover should fall, counted from launch: 12mo.",
    rich_help_panel=QUESTION,
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
    """The answer with what the sliders of its page answer from: closed forms, or answers along one input at a time."""
    from msgspec import structs

    from llmcost.estimate.crossover import sliders
    from llmcost.estimate.crossover.around import around
    from llmcost.result import AROUND, FORMS

    if any(key.startswith("solved_") for key in estimate.result):
        return estimate
    page = sliders.page(scenario, catalog, estimate)
    name, rows = (FORMS, [page]) if page is not None else (AROUND, around(scenario, catalog, estimate))
    return structs.replace(estimate, arrays={**estimate.arrays, name: rows}) if rows else estimate
