"""`llmcost train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import QUESTION, option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "What a training run costs: accelerator-hours, days, dollars, energy, carbon."
EXAMPLES = """
llmcost train --model llama-3.1-405b --tokens 15.6T --hardware h100-sxm --gpus 16384
llmcost train --params 70B --tokens 15T --hardware tpu-v5p --gpus 8960 --mfu 40% --explain
llmcost train --model deepseek-v3 --gpu-hours 2.788M --price 2/h --json
llmcost train --model llama-3.1-70b --tokens 2T --hardware h100-sxm --solve gpus --at 30d --confidence 90%
"""
COMMON = (
    *("model", "params", "tokens", "hardware", "gpus", "dtype", "method", "mfu", "gpu_hours"),
    *("price", "provider", "commitment", "region", "solve", "at", "confidence"),
)
SOLVE = option(
    None,
    "--solve",
    metavar="NAME",
    help="Find the number of gpus with which the run ends by --at.",
    rich_help_panel=QUESTION,
)
AT = option(
    None,
    "--at",
    metavar="TIME",
    help="When the run should end, counted from its start: 30d. Alone: the chance that it does.",
    rich_help_panel=QUESTION,
)
SURE = option(None, "--confidence", metavar="SHARE", help="Chance with which the run is to end by --at: 90%.",
                    rich_help_panel=QUESTION)  # fmt: skip
EXTRA = {"solve": SOLVE, "at": AT, "confidence": SURE}


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "train", SUMMARY, EXAMPLES, run, COMMON, extra=EXTRA, full=full)


def run(
    scenario: Scenario, catalog: Catalog, solve: str | None = None, at: str | None = None, confidence: str | None = None
) -> Any:
    """Answer."""
    from llmcost.estimate.training.answer import train

    return train(scenario, catalog, solve=solve, at=at, confidence=confidence)
