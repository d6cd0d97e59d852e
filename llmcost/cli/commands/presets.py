"""`llmcost presets`."""

from __future__ import annotations

from typing import Any

import typer

from llmcost.cli import complete, messages
from llmcost.cli.options import CURRENCY, FOLDER, FORMAT, JSON, NO_COLOR, OUTPUT, argument, deliver, option
from llmcost.cli.options import currency as stated_currency

SUMMARY = "What is known, from where, and how old it is."
KIND = argument(
    None,
    metavar="[KIND]",
    help="hardware, models, prices, regions, apis, scenarios or calibration.",
)
NAME = argument(
    ...,
    metavar="NAME",
    help="Preset name, KIND/NAME, file.toml, or a model's files.",
    autocompletion=complete.anything,
)


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


def list_(
    kind: str | None = KIND,
    provider: str | None = argument(
        None, metavar="[PROVIDER]", help="Of apis: whose models to list with their prices."
    ),
    family: str | None = option(None, "--family", metavar="WORD", help="Models of a family: qwen, llama, gemma."),
    currency: str | None = CURRENCY,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """List the presets of a kind, or how many there are of each."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import presets

    found = presets.listing(catalog(presets_dir), kind, family, provider)
    return deliver(found.shown_in(stated_currency(currency), "flag"), format_, json_, output, no_color)


def search(
    words: list[str] = argument(..., metavar="WORD...", help="Words of a name or title."),
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
    kind: str | None = option(None, "--kind", metavar="KIND", help="Which kind, when a name is of several."),
    currency: str | None = CURRENCY,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Show every value of a preset with its source, date and age."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import presets

    found = presets.show(catalog(presets_dir), name, kind)
    return deliver(found.shown_in(stated_currency(currency), "flag"), format_, json_, output, no_color)


def check(
    files: list[str] = argument(..., metavar="FILE...", help="Preset or scenario files, or a model's config.json."),
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Check preset and scenario files: 1 on findings, 2 when one cannot be read."""
    from llmcost.estimate import preset_checks

    return deliver(preset_checks.check(files), format_, json_, output, no_color)


def new(
    kind: str = argument(..., metavar="KIND"),
    name: str = argument(..., metavar="NAME"),
    like: str | None = option(None, "--from", metavar="NAME", help="Start from this preset."),
    presets_dir: str | None = FOLDER,
    output: str | None = OUTPUT,
) -> int:
    """Write a preset to edit, on standard output or to a file."""
    from llmcost.cli.output import catalog
    from llmcost.estimate import preset_templates

    return _text(preset_templates.new(catalog(presets_dir), kind, name, like), output)


def import_(
    file: str = argument(
        ...,
        metavar="PATH",
        help="A config.json, its folder, a .gguf or .safetensors file, or - for standard input.",
    ),
    name: str | None = option(None, "--name", metavar="NAME", help="What to call the model."),
    measure: bool = option(False, "--measure", help="Count its own class, built by transformers without weights."),
    output: str | None = OUTPUT,
) -> int:
    """Turn a model's files into a preset: a Hugging Face config.json or folder, a GGUF file."""
    from llmcost import hf_config

    found = _measured(file, name) if measure else _imported(file, name)
    for said in found.warnings:
        messages.say(f"warning {said.code}: {said.message}")
    return _text(hf_config.model_to_toml(found.model), output)


def _imported(file: str, name: str | None) -> Any:
    """The model of a file, under the name that is asked for."""
    from pathlib import Path

    from msgspec import structs

    from llmcost.cli.output import stdin
    from llmcost.hf_config import model_files, read_config

    if file == "-":
        return read_config(model_files.parse_json(stdin(), "standard input"), name or "model")
    found = model_files.read(Path(file).expanduser())
    return found if name is None else found._replace(model=structs.replace(found.model, title=name))


def _measured(file: str, name: str | None) -> Any:
    """The model of a file, counted by its own class; the family's reading of it where there is one."""
    from pathlib import Path

    from llmcost.hf_config import measured

    found, lines = measured.read(Path(file).expanduser(), name)
    for line in lines:
        messages.say(f"measured: {line}")
    return found


def path(presets_dir: str | None = FOLDER) -> int:
    """Show where presets are looked for, first one first."""
    from llmcost.cli.output import catalog
    from llmcost.files import shipped_folder

    messages.put("".join(f"{folder}\n" for folder in (*catalog(presets_dir).user_folders, shipped_folder())))
    return 0


def _text(text: str, output: str | None) -> int:
    from llmcost.cli.output import write

    if output in (None, "-"):
        messages.put(text)
    else:
        write(str(output), text.encode())
    return 0
