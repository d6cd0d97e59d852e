"""`llmcost train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "What a training run costs: accelerator-hours, days, dollars, energy, carbon."
EXAMPLES = """
llmcost train --model llama-3.1-405b --tokens 15.6T --hardware h100-sxm --gpus 16384
llmcost train --params 70B --tokens 15T --hardware tpu-v5p --gpus 8960 --mfu 40% --explain
llmcost train --model deepseek-v3 --gpu-hours 2.788M --price 2/h --json
"""
COMMON = (
    *("model", "params", "tokens", "hardware", "gpus", "dtype", "method", "mfu", "gpu_hours"),
    *("price", "provider", "commitment", "region"),
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "train", SUMMARY, EXAMPLES, run, COMMON, full=full)


def run(scenario: Scenario, catalog: Catalog) -> Any:
    """Answer."""
    from llmcost.estimate.train import train

    return train(scenario, catalog)
