"""`llmcost serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "What serving costs: per token and request, accelerators, TTFT, TPOT, at this traffic."
EXAMPLES = """
llmcost serve --model llama-3.1-70b --hardware h100-sxm --dtype fp8 --tp 2 --isl 1000 --osl 1000
llmcost serve --model llama-3.1-8b --hardware l40s --isl 500 --osl 200 --requests 250/s --tpot 50ms
llmcost serve chat-70b --technique fp8-kv --technique prefix-cache=50%
llmcost serve --model llama-3.1-70b --hardware h100-sxm --isl 1000 --osl 500 --requests 1M/day --ladder
"""
COMMON = (
    *(
        "model",
        "params",
        "hardware",
        "gpus",
        "dtype",
        "isl",
        "osl",
        "requests",
        "cache_hit",
        "ttft",
        "ttft_p95",
        "tpot",
    ),
    *("utilization", "technique", "ladder", "price", "provider", "commitment", "region"),
)


LADDER = option(
    False,
    "--ladder",
    help="Cost after each technique, from fp16 static batch 8 on; with --technique, those in the order given.",
    rich_help_panel="Techniques",
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "serve", SUMMARY, EXAMPLES, run, COMMON, extra={"ladder": LADDER}, full=full)


def run(scenario: Scenario, catalog: Catalog, ladder: bool) -> Any:
    """Answer."""
    if ladder:
        from llmcost.estimate.serving.ladder import ladder as answer

        return answer(scenario, catalog)
    from llmcost.estimate.serving.answer import serve

    return serve(scenario, catalog)
