"""One file per format: `render(estimate, options) -> str`. They print what is in the answer and compute nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmcost.records import NamedTuple

if TYPE_CHECKING:
    from llmcost.result import Estimate


class Format(NamedTuple):
    """An output format: the name of its module here, how its files end, and its commands, all where none is named."""

    name: str
    ending: str = ""  # none: no file is saved as it
    commands: tuple[str, ...] = ()


FORMATS = (
    Format("table"), Format("json", ".json"), Format("csv", ".csv"), Format("markdown", ".md"), Format("html", ".html"),
    Format("github", commands=("check",)), Format("junit", commands=("check",)),
)  # fmt: skip


class Options(NamedTuple):
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
    said: str = ""  # the command line, to ask again


def formats(command: str) -> tuple[str, ...]:
    """Names of the formats that a command prints.

    >>> formats("train"), formats("check")[-1]
    (('table', 'json', 'csv', 'markdown', 'html'), 'junit')
    """
    return tuple(form.name for form in FORMATS if not form.commands or command in form.commands)


def render(format_name: str, estimate: Estimate, options: Options) -> str:
    """An answer in one of the formats of its command; only that format's module is loaded.

    Raises
    ------
    ValueError
        No such format (a bug: the command line checks names first), or a number that is not finite.
    """
    known = formats(estimate.command)
    if format_name not in known:
        raise ValueError(f"no renderer for {format_name!r}: one of {', '.join(known)}")
    from llmcost.units import amounts_in

    with amounts_in(estimate.currency):
        text: str = import_module(f"llmcost.render.{format_name}").render(estimate, options)
    return text
