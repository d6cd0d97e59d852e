"""Commands about measurements: their own options, and those that fill what a file leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import FOLDER, FORMAT, JSON, NO_COLOR, PLOT, PLOT_KIND, deliver, option
from llmcost.keys.gaps import GAPS

if TYPE_CHECKING:
    from llmcost.result import Estimate

OUTPUT = {
    "presets_dir": FOLDER,
    "format_": FORMAT,
    "json_": JSON,
    "no_color": NO_COLOR,
    "plot": PLOT,
    "plot_kind": PLOT_KIND,
}
Answer = Callable[..., "tuple[Estimate, Callable[[], str] | None]"]


def options() -> dict[str, Any]:
    """An option for each thing that may be said beside a file."""
    return {
        key.name: option(
            None,
            key.option,
            metavar="NAME" if key.kind == "text" else "N",
            help=f"{key.help[:1].upper()}{key.help[1:]}.",
            rich_help_panel=key.panel,
        )
        for key in GAPS.values()
    }


def add(
    app: typer.Typer, name: str, summary: str, help_: str, own: dict[str, Any], answer: Answer, gaps: bool = True
) -> None:
    """Register a command.

    `own` are its arguments and options, `output` among them. `answer(catalog, given, **own)` gives the answer, and what
    writes the text of `-o FILE.toml` where there is such a file; `given` is empty without `gaps`.
    """
    filling = options() if gaps else {}

    def body(**said: Any) -> int:
        from llmcost.cli import output as out
        from llmcost.estimate.validate.measured import said as read

        out.check_plot(said["plot"], said["plot_kind"])
        given = read({key: said[key] for key in filling})
        mine = {key: said[key] for key in own if key != "output"}
        estimate, file = answer(out.catalog(said["presets_dir"]), given, **mine)
        target = said["output"]
        if file is not None and target is not None and target.endswith(".toml"):
            out.write(target, file().encode())
            target = None
        how = (said["format_"], said["json_"], target, said["no_color"], said["plot"], said["plot_kind"])
        return deliver(estimate, *how)

    command.typed(body, {**own, **filling, **OUTPUT})
    app.command(name, help=help_, short_help=summary)(body)
