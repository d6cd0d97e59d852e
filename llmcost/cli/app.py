"""The command tree. Only the command being run gets its options built: the others cost their name and help."""

from __future__ import annotations

import os
from typing import Any

import typer

from llmcost.errors import Exit, LlmcostError

HELP = """What a language model costs to train, to serve, and when serving overtakes training.

Start with: llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day
"""
COMMANDS = ("train", "serve", "crossover", "compare", "presets", "validate", "schema")


def build(named: str | None) -> typer.Typer:
    """The application; `named` is the command whose options are needed (None: every one)."""
    app = typer.Typer(
        name="llmcost",
        help=HELP,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in COMMANDS:
        _module(name).register(app, full=named in (None, name))
    return app


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"llmcost.cli.{name}")


def _version(wanted: bool) -> None:
    if wanted:
        from llmcost.cli.output import version_line

        print(version_line())
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Print version and preset date.", is_eager=True, callback=_version
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of a bug."),
) -> None:
    del version, debug  # both are acted on before this runs


def run(args: list[str]) -> int:
    """Parse and run; usage errors become `LlmcostError`."""
    words = os.environ.get("COMP_WORDS", "").split() or args
    named = next((w for w in words if w in COMMANDS), "")
    try:
        code = build(named)(args=args, prog_name="llmcost", standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message:
            return Exit.OK  # help was shown
        raise LlmcostError(_one_line(message), _hint(args, named)) from None
    except typer.Abort:
        return Exit.INTERRUPTED
    return int(code or 0)


def _one_line(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text[:1].lower() + text[1:300]


def _hint(args: list[str], named: str) -> str:
    return f"llmcost {named} --help" if named in args else "llmcost --help"
