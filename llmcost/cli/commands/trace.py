"""`llmcost trace`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import measuring
from llmcost.cli.options import argument, option

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.result import Estimate

SUMMARY = "What your traffic looks like: lengths, hours, bursts, growth, reused prefixes, users."
FILE = argument(..., metavar="FILE", help="A log of requests.")
OUTPUT = option(None, "--output", "-o", metavar="FILE", help="Write a scenario (.toml), or the answer.")
KNOWN = (
    "Read are Azure, BurstGPT, Mooncake and ServeGen traces, LiteLLM, Langfuse, Helicone and Portkey logs, "
    "spans of OpenTelemetry and Jaeger, and tables or JSON lines with a time and, where they have them, lengths, users "
    "and status."
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    help_ = f"{SUMMARY}\n\n{KNOWN}" if full else SUMMARY
    measuring.add(app, "trace", SUMMARY, help_, {"file": FILE, "output": OUTPUT}, answer, gaps=False)


def answer(catalog: Catalog, _given: dict[str, Any], file: str) -> tuple[Estimate, Callable[[], str]]:
    """Describe a log."""
    from llmcost.estimate.trace.answer import scenario_file, trace

    return trace(catalog, file), lambda: scenario_file(file)
