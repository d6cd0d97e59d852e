"""One file per format: `render(estimate, options) -> str`. They print what is in the answer and compute nothing."""

from __future__ import annotations

from importlib import import_module

from msgspec import Struct

from llmcost.result import Estimate

FORMATS = ("table", "json", "csv", "markdown", "chart")


class Options(Struct, frozen=True, kw_only=True):
    """How to show an answer.

    `width` is the columns of the terminal; `None` is a pipe or a file, where everything has its natural width. JSON has
    the rows of the curves with `curve` alone.
    """

    width: int | None = None
    color: bool = False
    unicode: bool = True
    explain: bool = False
    quiet: bool = False
    chart: bool = False
    curve: bool = False


def render(format_name: str, estimate: Estimate, options: Options) -> str:
    """An answer in one of `FORMATS`; only that format's module is loaded.

    Raises
    ------
    ValueError
        No such format (a bug: the command line checks names first), or a number that is not finite.
    """
    if format_name not in FORMATS:
        raise ValueError(f"no renderer for {format_name!r}: one of {', '.join(FORMATS)}")
    text: str = import_module(f"llmcost.render.{format_name}").render(estimate, options)
    return text
