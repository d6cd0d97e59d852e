"""Options that commands share, each declared once."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from llmcost.errors import LlmcostError
from llmcost.render import formats

if TYPE_CHECKING:
    from llmcost.units import Currency

Value = TypeVar("Value")

PANEL, QUESTION = "Output", "Solve for"  # panels of the help


def option(default: Any, *names: str, **more: Any) -> Any:
    """An option that does not show its default: the help says what happens without it."""
    return typer.Option(default, *names, show_default=False, **more)


def argument(default: Any, **more: Any) -> Any:
    """An argument, likewise."""
    return typer.Argument(default, show_default=False, **more)


def printed(known: tuple[str, ...]) -> Any:
    """The option that names one of the formats of a command."""
    text = f"How to print: {', '.join(known)}."
    return option("table", "--format", metavar="NAME", help=text, envvar="LLMCOST_FORMAT")


def inside(panel: str, shared: Any) -> Any:
    """A shared option in a panel of the help."""
    found = copy(shared)
    found.rich_help_panel = panel
    return found


FOLDER = option(None, "--presets", metavar="DIR", help="Folder of your own presets.", envvar="LLMCOST_PRESETS")
FORMAT = printed(formats("presets"))
JSON = option(False, "--json", help="Short for --format json.")
OUTPUT = option(None, "--output", "-o", metavar="FILE", help="Write to a file.")
NO_COLOR = option(False, "--no-color", help="No colour (NO_COLOR works too).")
CURRENCY = option(
    None, "--currency", metavar="CODE=RATE", help="Show amounts in another currency, at the dollars for one unit of it."
)
PLOT = option(
    None, "--plot", metavar="FILE", help="Draw it into FILE.svg, .png or .pdf (needs matplotlib).",
    rich_help_panel=PANEL,
)  # fmt: skip
PLOT_KIND = option(
    None, "--plot-kind", metavar="NAME", help="Which chart: a wrong name lists them.", rich_help_panel=PANEL
)


def parsed(option: str, parse: Callable[[str], Value], text: str) -> Value:
    """The value of an option, or its error with the option in front.

    Raises
    ------
    LlmcostError
        No such value.
    """
    from llmcost import units

    try:
        return parse(text)
    except LlmcostError as error:
        raise units.at(option, error) from None


def currency(text: str | None) -> Currency:
    """The currency that `--currency` says amounts are read and shown in; dollars where it says none."""
    from llmcost import units

    return units.DOLLARS if text is None else parsed("--currency", units.parse_currency, text)


def of_answers(known: tuple[str, ...]) -> dict[str, Any]:
    """Options on how the answer of a question is shown; never on what it is."""
    found = {
        "config": option(
            None, "--config", metavar="FILE", help="Scenario file, below the one named as argument.",
            envvar="LLMCOST_CONFIG",
        ),
        "presets_dir": FOLDER,
        "format_": printed(known),
        "json_": JSON,
        "output": option(None, "--output", "-o", metavar="FILE", help="Write the answer to a file."),
        "explain": option(False, "--explain", help="Show each step: formula, values, units, source."),
        "quiet": option(False, "--quiet", "-q", help="Only the number asked for."),
        "no_color": NO_COLOR,
        "plot": PLOT,
        "plot_kind": PLOT_KIND,
        "debug": option(False, "--debug", help="Show the traceback of a bug."),  # acted on before this is parsed
    }  # fmt: skip
    return {name: inside(PANEL, one) for name, one in found.items()}


def deliver(
    estimate: Any,
    format_: str,
    json_: bool,
    output: str | None,
    no_color: bool,
    plot: str | None = None,
    plot_kind: str | None = None,
) -> int:
    """Print or write an answer of a command that asks no scenario."""
    from llmcost.cli import output as out

    known = formats(estimate.command)
    drawn = {"plot": plot, "plot_kind": plot_kind}
    how = out.options(format_, json_, output, explain=False, quiet=False, no_color=no_color, formats=known, **drawn)
    return out.deliver(estimate, how)
