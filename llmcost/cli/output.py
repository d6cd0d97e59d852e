"""From the command line to a question, and from an answer to stdout, stderr, a file and an exit code."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcost.catalog import Catalog, is_path, presets_date
from llmcost.cli import messages
from llmcost.errors import Exit, LlmcostError, at, not_of, of_system, one_of, plainly, shown
from llmcost.files import BOM, MAX_FILE_BYTES, parse_toml, read_bytes, read_toml
from llmcost.records import NamedTuple
from llmcost.version import __version__

if TYPE_CHECKING:
    from llmcost.result import Estimate
    from llmcost.scenario import Scenario

TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())  # the words of this command line
PICTURE = ("chart", "plot", "plot_kind")  # options of some commands that only change the picture
SHOWN = (*PICTURE, "curve")  # and what is shown of the answer


class Shown(NamedTuple):
    """How the user wants the answer."""

    format: str
    output: str | None
    explain: bool
    quiet: bool
    color: bool
    chart: bool | None
    plot: str | None
    curve: bool = False
    plot_kind: str | None = None


def version_line() -> str:
    """`llmcost 0.1.0 (presets 2026-11-01)`: the preset date is part of the answer's identity."""
    return f"llmcost {__version__} (presets {presets_date(catalog(None))})"


def citation() -> str:
    """BibTeX: an estimate is repeated with the same version and the same presets."""
    date = presets_date(catalog(None))
    fields = {
        "title": "{llmcost}: what a language model costs to train and to serve",
        "author": "{The llmcost contributors}",
        "year": date[:4],
        "version": __version__,
        "note": f"presets of {date}",
    }
    lines = "".join(f"  {name:<7} = {{{value}}},\n" for name, value in fields.items())
    return f"@software{{llmcost,\n{lines}}}\n"


def catalog(folder: str | None) -> Catalog:
    """The user's presets (`--presets`, `LLMCOST_PRESETS`, the config folder), then the shipped ones."""
    if folder is not None and (not folder or not Path(folder).is_dir()):
        raise LlmcostError(f"--presets: no such folder: {shown(folder)}", "llmcost presets path lists the folders")
    folders = [Path(folder)] if folder else []
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Catalog([*folders, Path(config) / "llmcost"])


def options(
    format_: str,
    json_: bool,
    output: str | None,
    explain: bool,
    quiet: bool,
    no_color: bool,
    formats: tuple[str, ...],
    **rest: Any,
) -> Shown:
    """Output options, checked before anything is computed."""
    if json_ and format_ not in ("table", "json"):
        raise one_of("--json", f"--format {shown(format_)}")
    page = format_ == "table" and output is not None and output.endswith(".html")
    name = "json" if json_ else "html" if page else format_
    if name not in formats:
        raise at("--format", not_of(name, formats, f"--format {formats[0]}"))
    plot, kind = rest.get("plot"), rest.get("plot_kind")
    check_plot(plot, kind)
    color = not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Shown(name, output, explain, quiet, color, rest.get("chart"), plot, bool(rest.get("curve")), kind)


def check_plot(plot: str | None, kind: str | None) -> None:
    """What --plot is asked for, before anything is computed."""
    if plot is None and kind is None:
        return
    from llmcost.render import charts
    from llmcost.render import plot as drawing

    known = (*drawing.OWN, *charts.NAMES)
    if kind is not None and kind not in known:
        raise at("--plot-kind", not_of(kind, known, f"--plot-kind {known[1]}"))
    if plot is None:
        raise LlmcostError(f"--plot-kind {kind} without --plot: where to?", f"--plot {kind}.svg")
    if Path(plot).suffix not in drawing.SUFFIXES:
        raise LlmcostError(f"--plot: {shown(plot)} does not end in .svg, .png or .pdf", "--plot picture.svg")
    without = drawing.missing()
    if without is not None:
        raise without


def question(name: str | None, config: str | None, flags: dict[str, Any], presets: Catalog) -> Scenario:
    """The question: options over the scenario over `--config`."""
    from llmcost.scenario import Said, resolve

    file = Said(*_scenario_file(name, presets))
    if config is None:
        return resolve(flags, file)
    path = Path(config)
    try:
        below = Said(read_toml(path), f"file:{path.name}", path.name)
    except LlmcostError as error:
        raise LlmcostError(f"--config: {error.message}", error.hint) from None
    return resolve(flags, file, below)


def _scenario_file(name: str | None, presets: Catalog) -> tuple[dict[str, Any], str, str]:
    if name is None:
        return {}, "", ""
    if name == "-":
        return parse_toml(stdin(), "standard input"), "file:-", "standard input"
    found = presets.find("scenarios", name)
    data = read_toml(found.path)
    if is_path(name):
        return data, f"file:{found.path.name}", found.path.name
    return data, found.origin, f"scenario {found.name}"


def stdin() -> bytes:
    """Standard input, bounded.

    Raises
    ------
    LlmcostError
        Closed, or too large.
    """
    if sys.stdin is None:
        raise LlmcostError("standard input is closed", "name a file in place of -")
    raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise LlmcostError(
            f"standard input: larger than {MAX_FILE_BYTES:,} bytes",
            "a scenario is a page: is it the file that was meant?",
        )
    return raw


def refusal(command: str, error: LlmcostError, presets: Catalog) -> Estimate:
    """An answer that is no, where it was raised: a script that asked for JSON gets JSON."""
    from llmcost.result import Estimate

    return Estimate(
        command=command,
        headline=f"{error.message[:1].upper()}{error.message[1:]}.",
        result={"feasible": False, "reason": error.message},
        presets=presets_date(presets),
        exit_code=int(Exit.NO),
    )


def deliver(estimate: Estimate, how: Shown) -> int:
    """Render, print or write, and give the exit code."""
    from llmcost import render
    from llmcost.render import text

    if how.output is None and sys.stdout is None:
        raise LlmcostError("standard output is closed", "-o answer.json")
    screen = how.output is None and sys.stdout.isatty()
    picture = render.Options(
        width=_width() if screen else None,
        color=how.color and screen,
        unicode=how.output is not None or _unicode(),
        explain=how.explain,
        quiet=how.quiet,
        chart=how.chart if how.chart is not None else screen,
        curve=how.curve,
        said=_said(),
    )
    body = render.render(how.format, estimate, picture)
    if how.plot is not None:
        from llmcost.render.plot import plot

        write(how.plot, plot(estimate, Path(how.plot).suffix, how.plot_kind))
    if how.output is not None:
        write(how.output, body.encode())
    else:
        messages.put(body)
    if how.format in ("table", "csv") and not how.quiet:
        for line in text.warning_lines(estimate, messages.terminal_width()):
            messages.say(line)
        if estimate.warnings:
            codes = " ".join(dict.fromkeys(text.clean(w.code) for w in estimate.warnings))
            messages.say(f"hint: llmcost explain {codes}")
    elif how.quiet and (other := text.instead(estimate)) is not None:
        messages.say(f"note: no price is known: this is {other} (llmcost explain {other})")
    return Exit(estimate.exit_code)


def _said() -> str:
    """The command line, to be pasted into a shell."""
    import shlex

    return shlex.join(["llmcost", *TYPED.get()])


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _unicode() -> bool:
    """Whether the reader can show more than ASCII: by the encoding, on a terminal by its locale too."""
    if sys.stdout is None or "utf" not in (sys.stdout.encoding or "").lower():
        return False
    everything, kind, language = (os.environ.get(name) or "" for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    coerced = kind == "C.UTF-8" and language in ("C", "POSIX")  # by Python itself at its start: PEP 538
    locale = everything or ("" if coerced else kind) or language or "UTF-8"
    return not sys.stdout.isatty() or "utf" in locale.lower()


def read_answer(name: str) -> tuple[dict[str, Any], str]:
    """An answer in JSON from a file or standard input, and a name for it.

    Raises
    ------
    LlmcostError
        Missing file, too large, or not a JSON object.
    """
    import msgspec

    path = Path(name)
    raw = stdin() if name == "-" else read_bytes(path)
    where = "standard input" if name == "-" else shown(path.name)
    wanted = "an answer is what --json prints: llmcost serve ... --json > old.json"
    try:
        data = msgspec.json.decode(raw.removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LlmcostError(f"{where}: not JSON: {plainly(str(error))}", wanted) from None
    if not isinstance(data, dict):
        raise LlmcostError(f"{where}: expected a JSON object, got {type(data).__name__}", wanted)
    return data, "answer" if name == "-" else path.stem


def write(name: str, body: bytes) -> None:
    """All of the file or none of it: written beside it, then renamed. A link is followed, the file's mode is kept.

    Raises
    ------
    LlmcostError
        Nothing to write to: no such folder, a folder, a read-only file, a full disk.
    """
    import tempfile

    if not name:
        raise LlmcostError("an empty file name", "-o answer.json")
    place = shown(name, 200)
    temporary = ""
    try:
        path = Path(name).resolve()
        if path.exists() and not path.is_file():
            raise LlmcostError(f"{place} is not a regular file", "redirect with > instead")
        if path.exists() and not path.stat().st_mode & 0o222:
            raise LlmcostError(f"{place} is read-only", "-o another place")
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except RuntimeError:  # a circle of links, before Python 3.13
        raise LlmcostError(f"cannot write {place}: its links form a circle", "-o another place") from None
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise of_system(f"cannot write {place}", error) from None
    messages.say(f"wrote {place}")
