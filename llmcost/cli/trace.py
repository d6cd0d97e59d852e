"""`llmcost trace`."""

from __future__ import annotations

import typer

from llmcost.cli.presets import FOLDER, FORMAT, JSON, NO_COLOR, deliver

SUMMARY = "What your traffic looks like: lengths, hours, bursts, growth, reused prefixes, users."
FILE = typer.Argument(..., metavar="FILE", help="A log of requests.", show_default=False)
OUTPUT = typer.Option(
    None, "--output", "-o", metavar="FILE", help="Write a scenario (.toml), or the answer.", show_default=False
)
KNOWN = (
    "Read are Azure, BurstGPT, Mooncake and ServeGen traces, LiteLLM, Langfuse and Helicone logs, OpenTelemetry spans, "
    "and tables or JSON lines with a time and, where they have them, lengths, users and status."
)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    app.command("trace", help=f"{SUMMARY}\n\n{KNOWN}" if full else SUMMARY, short_help=SUMMARY)(run)


def run(
    file: str = FILE,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Describe a log."""
    from llmcost.cli import output as out
    from llmcost.estimate.trace import answer

    if output is not None and output.endswith(".toml"):
        out.write(output, answer.scenario_file(file).encode())
        output = None
    return deliver(answer.trace(out.catalog(presets_dir), file), format_, json_, output, no_color)
