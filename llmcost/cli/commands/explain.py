"""`llmcost explain`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer

from llmcost.cli.options import argument, option
from llmcost.errors import LlmcostError, did_you_mean, raise_all, shown
from llmcost.records import NamedTuple

SUMMARY = "What a warning, an exit code, an option or a figure means, and what to do."
EXAMPLES = """
llmcost explain W015
llmcost explain exit-1
llmcost explain mfu utilization
"""
EXITS = {
    "exit-0": ("Answered", "The answer is there, and every budget held.", ""),
    "exit-1": (
        "Answered, and the answer is no",
        "A budget is exceeded, the model does not fit, or a target cannot be met. The sentence says which.",
        "Read the first line of the answer; `--json` has it as `reason`.",
    ),
    "exit-2": (
        "The question is wrong",
        "An option, a name, a file or a value was not understood. Nothing was computed.",
        "The line that starts with `error:` says what was found, the one with `hint:` the next command.",
    ),
    "exit-70": ("A bug in llmcost", "Something failed that should not.", "Run it again with `--debug` and report it."),
    "exit-130": ("Interrupted", "You pressed Ctrl-C.", ""),
}


PAGE = re.compile(r"(?:docs/)?(?P<page>[a-z-]+)\.md(?:, ?(?P<section>.+))?")  # as answers cite them

BOLD = re.compile(r"(?m)^###+ (.+)$|\*\*(.+?)\*\*")


class Entry(NamedTuple):
    """What is to be said of a word."""

    name: str
    title: str
    why: str
    todo: str


def _complete(incomplete: str) -> list[str]:
    from llmcost.caveats import CAVEATS

    return [name for name in (*CAVEATS, *EXITS) if name.lower().startswith(incomplete.lower())]


WORDS = argument(
    [],
    metavar="[WORD]...",
    help="Codes (W015, exit-1), options, figures, pages; every warning when none is named.",
    autocompletion=_complete,
)
JSON = option(False, "--json", help="Print JSON.")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # two options: nothing to save
    from llmcost.cli.help import examples

    named = {"ignore_unknown_options": True}  # `llmcost explain --tpot` asks what --tpot means
    app.command("explain", help=f"{SUMMARY}\n\n{examples(EXAMPLES)}", short_help=SUMMARY, context_settings=named)(run)


def run(words: list[str] = WORDS, json_: bool = JSON) -> int:
    """Explain words."""
    from llmcost.cli import messages

    pages, words = [w for w in words if PAGE.fullmatch(w)], [w for w in words if not PAGE.fullmatch(w)]
    if pages and not words and not json_:
        messages.put("\n".join(map(_page, pages)))
        return 0
    found = [*map(_entry_of_page, pages), *_known(words)] if words or pages else list(_warnings())
    if json_:
        import msgspec

        body = [{"name": e.name, "title": e.title, "meaning": e.why, "to_do": e.todo} for e in found]
        messages.put(msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n")
        return 0
    lines = [f"{e.name}  {e.title}" for e in found] if not words else [line for e in found for line in _paragraph(e)]
    messages.put("\n".join(lines).strip("\n") + "\n")
    return 0


def _entry_of_page(said: str) -> Entry:
    return Entry(said, "", _page(said), "")


def _page(said: str) -> str:
    """A page of the documentation, or a section of it, as an answer cites it: `docs/method.md, defaults`."""
    from llmcost.files import shipped_folder

    found = PAGE.fullmatch(said)
    assert found is not None
    folder = shipped_folder("docs")
    path = folder / f"{found['page']}.md"
    if not path.is_file():
        names = sorted(f"docs/{page.name}" for page in folder.glob("*.md"))
        raise LlmcostError(f"no page {shown(said)}", did_you_mean(f"docs/{path.name}", names) or "docs/index.md")
    text = path.read_text("utf-8")
    if found["section"] is None:
        return text
    sections = re.split(r"(?m)^(?=## )", text)[1:]
    heads = [part.partition("\n")[0].removeprefix("## ") for part in sections]
    wanted = found["section"].lower()
    mine = [part for head, part in zip(heads, sections, strict=True) if wanted in head.lower()]
    mine = mine or [part for part in sections if any(wanted in found[0].lower() for found in BOLD.finditer(part))]
    if not mine:
        raise LlmcostError(f"{path.name} has no section {shown(found['section'])}", f"one of {', '.join(heads)}")
    return mine[0]


def _known(words: list[str]) -> list[Entry]:
    """What each word means; an option and a figure of the same name are both told."""
    entries = list(_entries())
    found = {word: [entry for entry in entries if _meant(entry, word)] for word in words}
    names = [entry.name.lower() for entry in entries]
    usual = "llmcost explain, which lists every warning"
    raise_all(
        [
            LlmcostError(f"nothing is known of {shown(word)}", did_you_mean(word.lower(), names) or usual)
            for word, known in found.items()
            if not known
        ]
    )
    return [entry for word in words for entry in found[word]]


def _meant(entry: Entry, word: str) -> bool:
    """Whether a word names an entry: `w015`, `1` or `exit-1`, `tp`, `--tp` or `TPOT`."""
    said = word.strip().lower().lstrip("-").replace("-", "_").replace(" ", "_")
    name, title = (text.lower().lstrip("-").replace("-", "_").replace(" ", "_") for text in entry[:2])
    return said in (name, title) or name == f"exit_{said}"


def _entries() -> Iterator[Entry]:
    yield from _warnings()
    for name, (title, why, todo) in EXITS.items():
        yield Entry(name, title, why, todo)
    yield from _options()
    yield from _figures()


def _warnings() -> Iterator[Entry]:
    from llmcost.caveats import CAVEATS

    return (Entry(*row) for row in CAVEATS.values())


def _options() -> Iterator[Entry]:
    from llmcost.keys import all_keys

    for key in all_keys().values():
        choices = f" One of {', '.join(key.choices)}." if key.choices else ""
        typed = key.next_step if key.next_step.startswith("--") else key.option
        used = f"An option of {', '.join(key.commands)}: `{typed}`; in a file `{key.name}`."
        yield Entry(key.option, f"{key.help[:1].upper()}{key.help[1:]}", f"{used}{choices}", "")


def _figures() -> Iterator[Entry]:
    from llmcost.terms import TERMS

    for term in TERMS.values():
        also = f" Also called {term.also}." if term.also else ""
        unit = f" Unit: {term.base}." if term.base else ""
        yield Entry(term.name, term.label[:1].upper() + term.label[1:], f"{term.meaning}.{unit}{also}", "")


def _paragraph(entry: Entry) -> list[str]:
    told = [f"What to do: {entry.todo}"] if entry.todo else []
    return ["", f"{entry.name}  {entry.title}", *(f"  {line}" for text in (entry.why, *told) for line in _folded(text))]


def _folded(text: str) -> list[str]:
    import sys
    import textwrap

    if sys.stdout is None or not sys.stdout.isatty():
        return [text]
    from llmcost.cli.output import _width

    return textwrap.wrap(text, max(_width() - 2, 20), break_long_words=False, break_on_hyphens=False)
