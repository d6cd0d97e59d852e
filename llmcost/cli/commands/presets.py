"""`llmcost presets`."""

from __future__ import annotations

import sys
from typing import Any

import typer

from llmcost.cli import command
from llmcost.render import formats

SUMMARY = "What is known, from where, and how old it is."
KIND = typer.Argument(
    None,
    metavar="[KIND]",
    help="hardware, models, prices, regions, apis, scenarios or calibration.",
    show_default=False,
)
NAME = typer.Argument(
    ...,
    metavar="NAME",
    help="Preset name, KIND/NAME, file.toml, or a model's files.",
    show_default=False,
    autocompletion=command.complete_any,
)
FOLDER = typer.Option(
    None, "--presets", metavar="DIR", help="Folder of your own presets.", envvar="LLMCOST_PRESETS", show_default=False
)
FORMATS = formats("presets")
FORMAT = typer.Option(
    "table",
    "--format",
    metavar="NAME",
    help=f"How to print: {', '.join(FORMATS)}.",
    show_default=False,
    envvar="LLMCOST_FORMAT",
)
JSON = typer.Option(False, "--json", help="Short for --format json.", show_default=False)
OUTPUT = typer.Option(None, "--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
NO_COLOR = typer.Option(False, "--no-color", help="No colour (NO_COLOR works too).", show_default=False)


def register(app: typer.Typer, full: bool) -> None:
    """Add the command group."""
    group = typer.Typer(help=SUMMARY, no_args_is_help=True)
    app.add_typer(group, name="presets")
    if not full:
        group.callback()(_nothing)
        return
    for name, run in (
        ("list", list_),
        ("search", search),
        ("show", show),
        ("check", check),
        ("new", new),
        ("import", import_),
        ("path", path),
    ):
        group.command(name)(run)


def _nothing() -> None:
    return None


def deliver(
    estimate: Any,
    format_: str,
    json_: bool,
    output: str | None,
    no_color: bool,
    plot: str | None = None,
    plot_kind: str | None = None,
) -> int:
    """Print or write an answer of a command that asks no scenario."""
    from llmcost.cli import output as out

    known = formats(estimate.command)
    drawn = {"plot": plot, "plot_kind": plot_kind}
    how = out.options(format_, json_, output, explain=False, quiet=False, no_color=no_color, formats=known, **drawn)
    return out.deliver(estimate, how)


def list_(
    kind: str | None = KIND,
    provider: str | None = typer.Argument(
        None, metavar="[PROVIDER]", help="Of apis: whose models to list with their prices.", show_default=False
    ),
    family: str | None = typer.Option(
        None, "--family", metavar="WORD", help="Models of a family: qwen, llama, gemma.", show_default=False
    ),
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """List the presets of a kind, or how many there are of each."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import presets

    return deliver(presets.listing(catalog(presets_dir), kind, family, provider), format_, json_, output, no_color)


def search(
    words: list[str] = typer.Argument(..., metavar="WORD...", help="Words of a name or title.", show_default=False),
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Find presets by words of their name, alias or title."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import presets

    return deliver(presets.search(catalog(presets_dir), " ".join(words)), format_, json_, output, no_color)


def show(
    name: str = NAME,
    kind: str | None = typer.Option(
        None, "--kind", metavar="KIND", help="Which kind, when a name is of several.", show_default=False
    ),
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Show every value of a preset with its source, date and age."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import presets

    return deliver(presets.show(catalog(presets_dir), name, kind), format_, json_, output, no_color)


def check(
    files: list[str] = typer.Argument(
        ..., metavar="FILE...", help="Preset or scenario files, or a model's config.json.", show_default=False
    ),
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Check preset and scenario files: 1 on findings, 2 when one cannot be read."""
    from llmcost.estimate import presets

    return deliver(presets.check(files), format_, json_, output, no_color)


def new(
    kind: str = typer.Argument(..., metavar="KIND", show_default=False),
    name: str = typer.Argument(..., metavar="NAME", show_default=False),
    like: str | None = typer.Option(None, "--from", metavar="NAME", help="Start from this preset.", show_default=False),
    presets_dir: str | None = FOLDER,
    output: str | None = OUTPUT,
) -> int:
    """Write a preset to edit, on standard output or to a file."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import preset_templates

    return _text(preset_templates.new(catalog(presets_dir), kind, name, like), output)


def import_(
    file: str = typer.Argument(
        ...,
        metavar="PATH",
        help="A config.json, its folder, a .gguf or .safetensors file, or - for standard input.",
        show_default=False,
    ),
    name: str | None = typer.Option(None, "--name", metavar="NAME", help="What to call the model.", show_default=False),
    measure: bool = typer.Option(
        False, "--measure", help="Count its own class, built by transformers without weights.", show_default=False
    ),
    output: str | None = OUTPUT,
) -> int:
    """Turn a model's files into a preset: a Hugging Face config.json or folder, a GGUF file."""
    from llmcost import hf_config

    found = _measured(file, name) if measure else _imported(file, name)
    for said in found.warnings:
        print(f"warning {said.code}: {said.message}", file=sys.stderr)
    return _text(hf_config.model_to_toml(found.model), output)


def _imported(file: str, name: str | None) -> Any:
    """The model of a file, under the name that is asked for."""
    from pathlib import Path

    from msgspec import structs

    from llmcost.cli.output import read_json
    from llmcost.hf_config import model_files, read_config

    if file == "-":
        config, label = read_json(file)
        return read_config(config, name or label)
    found = model_files.read(Path(file).expanduser())
    return found if name is None else found._replace(model=structs.replace(found.model, title=name))


def _measured(file: str, name: str | None) -> Any:
    """The model of a file, counted by its own class; the family's reading of it where there is one."""
    from pathlib import Path

    from llmcost.hf_config import measured

    found, lines = measured.read(Path(file).expanduser(), name)
    for line in lines:
        print(f"measured: {line}", file=sys.stderr)
    return found


def path(presets_dir: str | None = FOLDER) -> int:
    """Show where presets are looked for, first one first."""
    from llmcost.cli.output import catalog
    from llmcost.files import shipped_folder

    for folder in (*catalog(presets_dir).user_folders, shipped_folder()):
        print(folder)
    return 0


def _text(text: str, output: str | None) -> int:
    from llmcost.cli.output import write

    if output in (None, "-"):
        sys.stdout.write(text)
    else:
        write(str(output), text.encode())
    return 0
