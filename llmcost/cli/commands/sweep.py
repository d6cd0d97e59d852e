"""`llmcost sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "One question at millions of points, into a Parquet or CSV file."
EXAMPLES = """
llmcost sweep --model llama-3.1-8b --hardware h100-sxm --vary isl=100..8000:100 --vary osl=50..2000:50 -o grid.parquet
llmcost sweep chat-70b --vary hardware=h100-sxm,h200-sxm --vary requests=1k..10M/day:200:log -o fleets.csv
llmcost sweep pretrain-8b --vary gpus=64,128,256,512 --vary price=1..4/h:100 -o runs.parquet
llmcost sweep chat-70b --engine crossover --train-cost 5M --vary requests=1k..1M/day:50:log -o days.parquet
"""
COMMON = (
    *("vary", "output", "engine", "columns", "workers", "scheduler", "restart"),
    *("model", "hardware", "gpus", "dtype", "isl", "osl", "requests", "tokens", "price"),
)
GRID = "Grid"


def _option(default: Any, *names: str, **more: Any) -> Any:
    return option(default, *names, rich_help_panel=GRID, **more)


OPTIONS: dict[str, Any] = {
    "vary": _option(
        [],
        "--vary",
        metavar="KEY=VALUES",
        help="a..b:N for N values evenly apart, a..b:N:log by equal ratios, or A,B,C; several make a grid."
        " A value with a comma goes in quotes.",
    ),
    "output": _option(None, "--output", "-o", metavar="FILE", help="The file of all points: .parquet or .csv."),
    "engine": _option(
        None,
        "--engine",
        metavar="NAME",
        help="What is asked at each: serve, train, crossover, fit (default: serve where lengths are said, else train).",
    ),
    "columns": _option(None, "--columns", metavar="A,B,C", help="Figures to keep (default: all of the engine)."),
    "workers": _option(
        "", "--workers", metavar="N", help="Processes of this machine to compute in (default: this one)."
    ),
    "scheduler": _option(
        "", "--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers compute: tcp://host:8786."
    ),
    "restart": _option(False, "--restart", help="Begin anew where an interrupted sweep could go on."),
}


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "sweep", SUMMARY, EXAMPLES, run, COMMON, extra=OPTIONS, full=full)


def run(scenario: Scenario, catalog: Catalog, **how: Any) -> Any:
    """Answer."""
    from llmcost.cli.output import TYPED
    from llmcost.cli.progress import Progress
    from llmcost.errors import LlmcostError
    from llmcost.estimate.sweep import sweep
    from llmcost.estimate.sweep.places import place

    if how["output"] is None:
        raise LlmcostError("where do the points go? missing --output", "-o grid.parquet, or -o grid.csv")
    maker = place(how.pop("workers"), how.pop("scheduler"))
    quiet = bool({"-q", "--quiet"} & set(TYPED.get()))
    told = Progress(quiet)
    try:
        return sweep(scenario, catalog, maker=maker, told=told, **how)
    finally:
        told.clear()
