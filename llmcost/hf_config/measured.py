"""`presets import --measure`: a model's files against a count of its own class."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from msgspec import structs

from llmcost import spec
from llmcost.engine.model.parameters import count
from llmcost.errors import LlmcostError, shown
from llmcost.hf_config import Imported, model_files
from llmcost.hf_config.measure import Measured, described, measure, report
from llmcost.hf_config.quantization import quantised
from llmcost.hf_config.refusals import WHOLE, refuse_no_decoder
from llmcost.hf_config.rules import Scheme
from llmcost.result import Warning

DIFFERS = 0.001


def read(path: Path, name: str | None = None) -> tuple[Imported, list[str]]:
    """The model of a folder or `config.json`, counted, and what was measured.

    A family that is known describes the model and is checked against the count; an unknown one is described by the
    count itself.

    Raises
    ------
    LlmcostError
        No configuration there, or one that transformers has no class for.
    """
    file = path / model_files.CONFIG if path.is_dir() else path
    if not file.is_file() or file.suffix != ".json":
        raise LlmcostError(f"{shown(str(path), 200)}: --measure takes a folder with config.json, or the file", WHOLE)
    config = model_files.read_json(file)
    refuse_no_decoder(config, shown(file.name))
    title = name or (file.resolve().parent.name if file.name == model_files.CONFIG else file.stem)
    found, text = measure(config, shown(file.name), file.parent)
    try:
        known = model_files.read_neighbours(config, file)
    except LlmcostError:
        plain = described(found, text, title, dt.date.today())
        model, scheme = quantised(plain, config) if plain.n_layers else (plain, Scheme(""))
        said = [f"{each} of its quantisation ({scheme.method}) is not understood" for each in scheme.unread]
        return Imported(model, tuple(Warning("W024", f"{title}: {each}") for each in said)), report(found)
    warnings = (*known.warnings, *_difference(known.model, found))
    return Imported(structs.replace(known.model, title=title), warnings), report(found)


def _difference(model: spec.Model, found: Measured) -> list[Warning]:
    """Where the family's formulas count something else than the class has."""
    counted = count(model)
    pairs = (("parameters", counted.total, found.total), ("active parameters", counted.active, found.active))
    return [
        Warning("W024", f"{name}: {ours:,.0f} by the formulas, {theirs:,} by {found.name}", "report it")
        for name, ours, theirs in pairs
        if abs(ours / theirs - 1.0) > DIFFERS
    ]
