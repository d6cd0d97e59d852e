"""Options from the table of scenario keys: one way to say a thing, in every command."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import complete
from llmcost.cli import help as shown_help
from llmcost.cli.options import argument, of_answers, option
from llmcost.errors import Exit, LlmcostError
from llmcost.keys import KEYS, Key, all_keys
from llmcost.render import formats

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.cli.output import Shown
    from llmcost.result import Estimate
    from llmcost.scenario import Scenario

OWN_FILES = ("trace", "calibration")  # keys that name files which answer in place of what was not said
SEVERAL = ("techniques", "files")  # kinds of keys that are said more than once
Runner = Callable[..., Any]


def options_of(name: str) -> dict[str, Any]:
    """Every option of a command but its scenario argument, in the order of the help."""
    options: dict[str, Any] = {}
    for key in all_keys().values():
        if not complete.takes(name, key):
            continue
        sided = key.name.startswith(("train_", "serve_")) and key.name not in KEYS
        options[key.name] = option(
            [] if key.kind in SEVERAL else None,
            key.option,
            *([key.short] if key.short else []),
            help=_help(key),
            rich_help_panel=f"{key.panel}, one side" if sided else key.panel,
            metavar=_metavar(key),
            autocompletion=_completion(key),
        )
    return options


def _completion(key: Key) -> Callable[[str], list[str]] | None:
    if "_LLMCOST_COMPLETE" not in os.environ:  # nobody asks, and typer reads the signature of each
        return None
    return complete.of(key)


def _help(key: Key) -> str:
    text = key.help[:1].upper() + key.help[1:]
    if key.choices:
        text += f" ({', '.join(key.choices)})"
    return text.replace("[", "\\[") + "."  # a bracket would be read as markup


def _metavar(key: Key) -> str:
    if key.kind in complete.PRESET_KINDS or key.choices:
        return "NAME"
    return {
        "techniques": "NAME",
        "date": "DATE",
        "file": "FILE",
        "files": "FILE...",
        "seconds": "TIME",
        "share": "SHARE",
        "usd": "MONEY",
    }.get(key.kind, "N" if key.kind.startswith("whole") else "QUANTITY")


def add(
    app: typer.Typer,
    name: str,
    summary: str,
    examples: str,
    run: Runner,
    common: tuple[str, ...] = (),
    extra: dict[str, Any] | None = None,
    full: bool = True,
    many: bool = False,
    beside: Runner | None = None,
) -> None:
    """Register a command whose options come from the table of keys.

    `run(scenario, catalog, **extra)` answers; the options in `extra` are the command's own. An option of the output
    among them is the command's too: the answer then goes to standard output. With `many` the command
    takes several scenarios, and `run` gets (name, scenario) pairs and the names of `answers` (files that end in .json).
    The short help shows the options in `common`, in that order. `beside(scenario, catalog, estimate)` adds what only a
    page shows.
    """
    if not full:
        app.command(name, help=summary)(_stub)
        return
    own = extra or {}
    keys = options_of(name)
    known = formats(name)
    output = {name: one for name, one in of_answers(known).items() if name not in own}

    def body(**said: Any) -> int:
        from llmcost import units
        from llmcost.cli import output as out
        from llmcost.scenario import currency

        flags = {k: said[k] for k in keys if said[k] not in (None, [])}
        shown = out.options(
            **{"output": None, **{k: said[k] for k in (*output, *(x for x in own if x in out.SHOWN))}}, formats=known
        )
        catalog = out.catalog(said["presets_dir"])
        names = said["scenario"] if many else [said["scenario"]]
        answers = [n for n in names if many and n.endswith(".json")]
        names = [n for n in names if n not in answers]
        asked = [(name or "", out.question(name, said["config"], flags, catalog)) for name in names or [None]]
        mine = {k: said[k] for k in own if k not in out.PICTURE} | ({"answers": answers} if many else {})
        stated = currency(scenario for _, scenario in asked)
        with units.amounts_in(stated.value):
            estimate = answered(asked, catalog, mine, shown)
        return out.deliver(estimate.shown_in(stated.value, stated.origin), shown)

    def answered(asked: list[tuple[str, Scenario]], catalog: Catalog, mine: dict[str, Any], shown: Shown) -> Estimate:
        from llmcost.cli import output as out
        from llmcost.scenario import refuse_unread

        if any(scenario.has(*OWN_FILES) for _, scenario in asked):
            from llmcost.estimate.prepared import prepared

            said_of, catalog = prepared([scenario for _, scenario in asked], catalog)
            asked = [(name, scenario) for (name, _), scenario in zip(asked, said_of, strict=True)]
        try:
            estimate: Estimate = run(asked if many else asked[0][1], catalog, **mine)
        except LlmcostError as error:
            if error.code != Exit.NO or shown.format != "json":
                raise
            estimate = out.refusal(name, error, catalog)
        if catalog.notes:
            from llmcost.estimate.prepared import noted

            estimate = noted(estimate, catalog)
        if estimate.exit_code == Exit.OK:
            refuse_unread(scenario for _, scenario in asked)
            if beside is not None and shown.format == "html":
                estimate = beside(asked[0][1], catalog, estimate)
        return estimate

    scenario = argument(
        [] if many else None,
        metavar="[SCENARIO]..." if many else "[SCENARIO]",
        help="Scenario preset, file.toml, or - for standard input.",
        autocompletion=complete.preset("scenarios"),
    )
    body.__name__ = name
    typed(body, {"scenario": scenario, "help_all": shown_help.help_all(), **keys, **own, **output})
    text = f"{summary}\n\n{shown_help.examples(examples)}"
    cls = type("Command", (shown_help.ScannedCommand,), {"common": common})
    app.command(name, cls=cls, help=text, short_help=summary, no_args_is_help=True)(body)


def typed(body: Callable[..., int], options: dict[str, Any]) -> None:
    """Give a function that takes keywords the signature that its options have."""
    kind = inspect.Parameter.KEYWORD_ONLY
    named = [inspect.Parameter(n, kind, default=d, annotation=_type(d)) for n, d in options.items()]
    vars(body)["__signature__"] = inspect.Signature(named)
    body.__annotations__ = {}


def _type(option: Any) -> Any:
    if any("/--no-" in name for name in option.param_decls or ()):
        return bool | None
    if isinstance(option.default, bool):
        return bool
    if isinstance(option.default, list) or (option.metavar or "").endswith("..."):
        return list[str]
    return str if isinstance(option.default, str) else str | None


def _stub() -> None:
    raise AssertionError("a command listed for help only was run")
