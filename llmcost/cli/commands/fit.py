"""`llmcost fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "Does this model fit on these machines, to serve it or to train it, how long, how many at once?"
EXAMPLES = """
llmcost fit --model llama-3.1-70b --hardware rtx-4090 --gpus 2 --dtype int4
llmcost fit --model qwen3-30b-a3b --hardware apple-m3-max --framework llama.cpp --dtype int4 --isl 30000 --osl 1000
llmcost fit --model gpt-oss-120b
llmcost fit --model llama-3.1-8b --method qlora --hardware rtx-4090 --gpus 1 --seq-len 4096
"""
COMMON = (
    "model", "params", "hardware", "gpus", "dtype", "kv_dtype", "framework", "isl", "osl", "batch", "memory_fraction",
    "fit_confidence", "method", "seq_len", "micro_batch", "optimizer",
)  # fmt: skip


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "fit", SUMMARY, EXAMPLES, run, COMMON, full=full)


def run(scenario: Scenario, catalog: Catalog) -> Any:
    """Answer."""
    from llmcost.estimate.fit.answer import fit

    return fit(scenario, catalog)
