"""Help that can be scanned: examples, the options of most questions, and the names of the others."""

from __future__ import annotations

import copy
from typing import Any

import typer
from typer.core import TyperCommand

from llmcost.cli.options import PANEL, inside, option

ALL = "llmcost.help_all"
COMMON, REST = "Most used", "Options"
OFTEN_OUTPUT = ("json_", "format_", "output", "explain", "quiet")


def examples(lines: str) -> str:
    """Examples as a paragraph of help, one a line."""
    return "Examples:\n" + "\n".join(line.strip() for line in lines.strip().splitlines())


class ScannedCommand(TyperCommand):
    """A command whose --help shows the `common` options and whose --help-all shows every one."""

    common: tuple[str, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the short help, or the whole one where --help-all asked for it."""
        shown = self if ctx.meta.get(ALL) else self._short()
        TyperCommand.format_help(shown, ctx, formatter)

    def _short(self) -> ScannedCommand:
        short = copy.copy(self)
        named: dict[str, Any] = {str(p.name): p for p in self.params}
        shown = [named["help_all"], *(inside(COMMON, named[name]) for name in self.common)]
        shown += [inside(PANEL, named[name]) for name in OFTEN_OUTPUT]
        arguments = [p for p in self.params if p.param_type_name == "argument"]
        seen = {p.name for p in shown} | {p.name for p in arguments}
        short.params = arguments + shown
        short.epilog = _others([p for p in self.params if p.name not in seen])
        return short


def _others(options: list[Any]) -> str:
    """Names of the options not shown, a line a panel; those of one side are said once for all."""
    panels: dict[str, list[str]] = {}
    for one in options:
        panels.setdefault(one.rich_help_panel or REST, []).append(one.opts[-1 if one.opts[0][1] != "-" else 0])
    sided = [name for panel in panels if panel.endswith(", one side") for name in panels[panel]]
    lines = [f"{panel}: {' '.join(names)}" for panel, names in panels.items() if not panel.endswith(", one side")]
    if sided:
        words = " ".join(dict.fromkeys(name.split("-", 3)[3] for name in sided))
        lines.append(f"One side alone, as --train-NAME or --serve-NAME: {words}")
    return "More, explained by --help-all:\n" + "\n".join(lines)


def _show_all(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        ctx.meta[ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


def help_all() -> Any:
    """The option that shows every option."""
    return option(False, "--help-all", help="Show every option.", is_eager=True, callback=_show_all)
