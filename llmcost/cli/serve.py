"""`llmcost serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "What serving costs: per token and request, accelerators, TTFT, TPOT, at this traffic."
EXAMPLES = """
llmcost serve --model llama-3.1-70b --hardware h100-sxm --dtype fp8 --tp 2 --isl 1000 --osl 1000
llmcost serve --model llama-3.1-8b --hardware l40s --isl 500 --osl 200 --requests 250/s --tpot 50ms
llmcost serve chat-70b --json
"""


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "serve", SUMMARY, EXAMPLES, run, full=full)


def run(scenario: Scenario, catalog: Catalog) -> Any:
    """Answer."""
    from llmcost.estimate.serve import serve

    return serve(scenario, catalog)
