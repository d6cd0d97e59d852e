"""One file per format: `render(estimate, options) -> str`. They print what is in the answer and compute nothing."""

from __future__ import annotations

from importlib import import_module

from msgspec import Struct

from llmcost.result import Estimate

FORMATS = ("table", "json", "csv", "markdown", "chart")
CI_FORMATS = ("github", "junit")  # of a check of budgets alone


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
    """An answer in one of `FORMATS`, a check in one of `CI_FORMATS` too; only that format's module is loaded.

    Raises
    ------
    ValueError
        No such format (a bug: the command line checks names first), or a number that is not finite.
    """
    known = (*FORMATS, *CI_FORMATS) if estimate.command == "check" else FORMATS
    if format_name not in known:
        raise ValueError(f"no renderer for {format_name!r}: one of {', '.join(known)}")
    text: str = import_module(f"llmcost.render.{format_name}").render(estimate, options)
    return text
