"""`llmcost init`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from llmcost.cli import complete, messages
from llmcost.cli.help import examples
from llmcost.cli.options import CURRENCY, FOLDER, argument, option
from llmcost.cli.options import currency as stated_currency
from llmcost.errors import LlmcostError, not_of, of_system, shown

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.estimate.start import Ask, Project

SUMMARY = "Start here: five questions make a scenario and a budget that run at once."
EXAMPLES = """
llmcost init
llmcost init --goal serve --model llama-3.1-8b --hardware l40s --requests 200k/day --yes
llmcost init budgets --goal train --model llama-3.1-8b --tokens 2T --limit 400k --yes
"""
MOST_TRIES, MOST_CHARACTERS = 5, 1000


PLACE = argument(".", metavar="[FOLDER]", help="Where to write; this folder when none is named.")
GOAL = option(None, "--goal", metavar="NAME", help="What you want to know: serve, train or crossover.")
MODEL = option(None, "--model", "-m", metavar="NAME", help="Which model.", autocompletion=complete.preset("models"))
HARDWARE = option(
    None,
    "--hardware",
    "-H",
    metavar="NAME",
    help="Which accelerator or cloud instance.",
    autocompletion=complete.preset("hardware"),
)
REQUESTS = option(None, "--requests", metavar="QUANTITY", help="Traffic: 1M/day.")
TOKENS = option(None, "--tokens", metavar="QUANTITY", help="Training tokens: 1T.")
LIMIT = option(None, "--limit", metavar="QUANTITY", help="What it may cost; for a crossover, after how many days.")
YES = option(False, "--yes", "-y", help="Ask nothing: take the usual value where no option says another.")
FORCE = option(False, "--force", help="Write over files that are there.")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # few options: nothing to save
    app.command("init", help=f"{SUMMARY}\n\n{examples(EXAMPLES)}", short_help=SUMMARY)(run)


def run(
    folder: str = PLACE,
    goal: str | None = GOAL,
    model: str | None = MODEL,
    hardware: str | None = HARDWARE,
    requests: str | None = REQUESTS,
    tokens: str | None = TOKENS,
    limit: str | None = LIMIT,
    currency: str | None = CURRENCY,
    yes: bool = YES,
    force: bool = FORCE,
    presets_dir: str | None = FOLDER,
) -> int:
    """Write the first files."""
    from llmcost import units

    options = {"model": model, "hardware": hardware, "requests": requests, "tokens": tokens}
    with units.amounts_in(stated_currency(currency)):
        return _made(Path(folder), goal, options, limit, _Asker(yes), force, presets_dir)


def _made(
    place: Path, goal: str | None, options: Mapping[str, str | None], limit: str | None, asked: _Asker, force: bool,
    presets_dir: str | None,
) -> int:  # fmt: skip
    """Ask what was not said, and write."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import start

    presets = catalog(presets_dir)
    what = asked.choice("What do you want to know?", {name: g.words for name, g in start.GOALS.items()}, goal)
    if not force:
        _refuse_taken(place, [f"{what}.toml", start.BUDGET])
    wanted = start.GOALS[what].asks
    for key in [key for key, value in options.items() if value is not None and key not in [a.key for a in wanted]]:
        raise LlmcostError(f"--{key} is no part of a question about {what}", "leave it out, or --goal crossover")
    said = {ask.key: asked.value(ask, options[ask.key], presets) for ask in wanted}
    answer, _ = start.answered(what, said, presets)
    known = start.GOALS[what]
    most = limit
    if most is None:
        most = asked.text(f"{answer.headline}\n{known.question}", start.limit(what, answer))
    made = start.project(what, said, most, presets)
    _write(place, made)
    if sys.stdout is not None:  # the files are the answer
        messages.put(_next(place, what, made))
    return 0


def _refuse_taken(place: Path, names: list[str]) -> None:
    """What is there stays there."""
    if place.exists() and not place.is_dir():
        raise LlmcostError(f"{shown(str(place), 200)} is not a folder", "llmcost init FOLDER")
    taken = [name for name in names if (place / name).exists()]
    if taken:
        there = " and ".join(shown(str(place / name), 200) for name in taken)
        raise LlmcostError(f"{there} {'is' if len(taken) == 1 else 'are'} there already", "--force writes over it")


def _write(place: Path, made: Project) -> None:
    from llmcost import schemas
    from llmcost.cli.output import write
    from llmcost.estimate.start import FOLDER

    try:
        (place / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise of_system(f"cannot make {shown(str(place / FOLDER), 200)}", error) from None
    for name, text in made.files.items():
        write(str(place / name), text.encode())
    for name in ("scenario", "budget"):  # what the #:schema lines name, so that an editor completes and checks
        write(str(place / FOLDER / f"{name}.json"), schemas.text(name).encode())


def _next(place: Path, what: str, made: Project) -> str:
    """What to do now; the commands as they are to be typed from here."""
    import shlex

    verdict, turned = ("holds", "fails") if made.holds else ("fails", "holds")
    here = place == Path(".")
    scenario, budget = (shlex.quote(str(place / name)) for name in (made.scenario, "llmcost.toml"))
    return "\n".join(
        [
            made.answer.headline,
            "",
            f"  llmcost {what} {scenario}",
            f"  llmcost check{'' if here else f' {budget}'}",
            "",
            f"The check {verdict}. Write {made.other} in llmcost.toml, and it {turned}.",
            "",
        ]
    )


class _Asker:
    """Asks on standard error and reads standard input: a terminal or a pipe; what ends early takes the usual values."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or sys.stdin is None
        self._screen = not self._quiet and sys.stdin.isatty()

    def choice(self, words: str, names: dict[str, str], given: str | None) -> str:
        """One of some names; a number counts as one."""
        lines = [words, *(f"  {i}  {name:<10} {text}" for i, (name, text) in enumerate(names.items(), 1)), "Which?"]
        first = next(iter(names))

        def read(said: str) -> str:
            numbered = dict(zip("123456789", names, strict=False)).get(said, said.lower())
            if numbered not in names:
                raise not_of(said, names)
            return numbered

        return self._read("\n".join(lines), first, given, read, "--goal")

    def value(self, ask: Ask, given: str | None, presets: Catalog) -> str:
        """A value of a key."""
        from llmcost.estimate.start import checked

        return self._read(ask.words, ask.default, given, lambda said: checked(ask, said, presets), f"--{ask.key}")

    def text(self, words: str, usual: str) -> str:
        """Any words."""
        return self._read(words, usual, None, lambda said: said, "--limit")

    def _read(self, words: str, usual: str, given: str | None, read: Callable[[str], str], option: str) -> str:
        if given is not None or self._quiet:
            return read(usual if given is None else given)
        for _ in range(MOST_TRIES):
            messages.say(f"{words} [{usual}]")
            said = sys.stdin.readline(MOST_CHARACTERS)
            try:
                return read(said.strip() or usual)
            except LlmcostError as error:
                if not self._screen:
                    raise
                messages.refuse(error)
        raise LlmcostError(f"no usable answer after {MOST_TRIES} tries", f"llmcost init {option} VALUE")
