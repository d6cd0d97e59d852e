"""The command tree. Only the command being run gets its options built: the others cost their name and help."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import typer

from llmcost.cli import messages, output
from llmcost.errors import Exit, LlmcostError, raise_all

HELP = """What a language model costs to train, to serve, and when serving overtakes training.

Start with: llmcost init

Or ask at once: llmcost crossover --train-cost 150M --cost-per-request 0.05 --requests 10M/day
"""
ELSEWHERE = {  # what other tools call it
    "--accelerator": "--hardware h100-sxm",
    "--gpu": "--hardware h100-sxm, and --gpus for their number",
    "--input-tokens": "--isl 1000",
    "--output-tokens": "--osl 500",
    "--qps": "--requests 250/s",
    "--rps": "--requests 250/s",
}
SEVERAL = ("--actuals",)  # options that take every file behind them
COMMANDS = (
    "init",
    "train",
    "serve",
    "crossover",
    "compare",
    "fit",
    "sweep",
    "check",
    "presets",
    "validate",
    "calibrate",
    "trace",
    "explain",
    "schema",
)


def build(named: str | None, names: tuple[str, ...] = COMMANDS) -> typer.Typer:
    """The application with the commands of these names; `named` is the one whose options are needed (None: all)."""
    app = typer.Typer(
        name="llmcost",
        help=HELP,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        _module(name).register(app, full=named in (None, name))
    return app


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"llmcost.cli.commands.{name}")


def _version(wanted: bool) -> None:
    if wanted:
        messages.put(f"{output.version_line()}\n")
        raise typer.Exit


def _cite(wanted: bool) -> None:
    if wanted:
        messages.put(output.citation())
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Print version and preset date.", is_eager=True, callback=_version
    ),
    cite: bool = typer.Option(
        False, "--cite", help="Print how to cite an estimate, as BibTeX.", is_eager=True, callback=_cite
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of a bug."),
) -> None:
    del version, cite, debug  # both are acted on before this runs


def run(args: list[str]) -> int:
    """Parse and run; usage errors become `LlmcostError`."""
    args = _several(args)
    words = os.environ.get("COMP_WORDS", "").split()[1:] or args
    named = next((w for w in words if w in COMMANDS), "")
    root = _tree(named, bool(named) and words[0] == named)
    path = _path(root, args)
    output.TYPED.set(tuple(args))
    try:
        _refuse_repeats(path[-1], args)
        code = root(args=args, prog_name="llmcost", standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message:
            return Exit.OK  # help was shown
        line = _help_of(path)
        said = str(getattr(error, "option_name", ""))
        if said in ELSEWHERE:
            raise LlmcostError(f"no such option: {said}", f"here it is {ELSEWHERE[said]}; {line}") from None
        raise LlmcostError(_one_line(message), _elsewhere(said, path[1:]) or line) from None
    except typer.Abort:
        return Exit.INTERRUPTED
    except LlmcostError as error:
        _end_with(_help_of(path), error)
        raise
    return int(code or 0)


def _help_of(path: list[Any]) -> str:
    return " ".join(["llmcost", *(command.name for command in path[1:]), "--help"])


def _end_with(hint: str, error: LlmcostError) -> None:
    """A question that is wrong never ends without a next step: this one, where none of its findings has its own."""
    findings: list[LlmcostError] = getattr(error, "findings", [error])
    if error.code == Exit.USAGE and not any(finding.hint for finding in findings):
        findings[-1].hint = hint


@cache
def _tree(named: str, first: bool) -> Any:
    """The commands that may be run: one alone where it is the first word, since nothing then asks for the others."""
    return typer.main.get_command(build(named, (named,) if first else COMMANDS))


def _several(args: list[str]) -> list[str]:
    """`--actuals a.csv b.csv` as one option a file: a shell's `bills/*.csv` becomes several words.

    >>> _several(["crossover", "chat", "--actuals", "a.csv", "b.csv", "--json"])
    ['crossover', 'chat', '--actuals', 'a.csv', '--actuals', 'b.csv', '--json']
    """
    found: list[str] = []
    filling = False
    for i, word in enumerate(args):
        if filling and args[i - 1] not in SEVERAL and not word.startswith("-") and not word.endswith(".toml"):
            found.append(SEVERAL[0])
        else:
            filling = word in SEVERAL or (filling and not word.startswith("-") and not word.endswith(".toml"))
        found.append(word)
    return found


def _elsewhere(option: str, path: list[Any]) -> str:
    """Which commands take an option that this one does not; empty where none does."""
    from llmcost.keys import COMPARE, CROSSOVER, KEYS

    key = KEYS.get(option.lstrip("-").replace("-", "_"))
    if key is None or not path or not option.startswith("--"):
        return ""
    takers = [COMPARE, *key.commands] if CROSSOVER in key.commands and not key.alone else list(key.commands)
    if key.kind == "currency":
        named = " ".join(command.name for command in path)
        return f"{named} prints no amounts of money; {', '.join(takers)}, check, init, presets list and presets show do"
    takes = "take" if len(takers) > 1 else "takes"
    return f"{' and '.join(takers)} {takes} {option}: llmcost {takers[0]} ... {option}"


def _path(root: Any, args: list[str]) -> list[Any]:
    """The commands that the words name, from the root down: `presets`, then `check`."""
    path = [root]
    for word in args:
        if word in getattr(path[-1], "commands", {}):
            path.append(path[-1].commands[word])
    return path


def _refuse_repeats(command: Any, args: list[str]) -> None:
    """An option given twice would silently lose its first value."""
    names = [arg.partition("=")[0] for arg in args]
    options = [p for p in command.params if p.param_type_name == "option" and not p.multiple and not p.is_flag]
    raise_all(
        [
            LlmcostError(f"{option.opts[0]} is given {times} times", _given_once(option.opts[0]))
            for option in options
            if (times := sum(names.count(name) for name in option.opts)) > 1
        ]
    )


def _given_once(option: str) -> str:
    from llmcost.keys import KEYS

    key = option.lstrip("-").replace("-", "_")
    return f"give it once, or ask for each: llmcost compare --vary {key}=A,B" if key in KEYS else "give it once"


def _one_line(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text[:1].lower() + text[1:300]
