"""`presets check`: what is wrong with a file of presets, or in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from llmcost import spec, units
from llmcost.catalog import Catalog, source_of
from llmcost.decode import STRUCTS, decode
from llmcost.errors import Exit, LlmcostError, raise_all
from llmcost.estimate import model_presets
from llmcost.estimate.presets import HIDDEN, answered, kind_of
from llmcost.files import read_toml
from llmcost.result import Estimate
from llmcost.scenario import layer


def check(files: list[str]) -> Estimate:
    """Findings of preset or scenario files: exit code 1 when there are any.

    Raises
    ------
    LlmcostError
        Files that cannot be read at all (missing, not TOML), with the findings of the others.
    """
    rows, unreadable, catalog = [], [], Catalog([])
    for name in files:
        try:
            rows += [{"file": name, "finding": text, "hint": hint} for text, hint in _findings(catalog, Path(name))]
        except LlmcostError as error:
            unreadable.append(error)
    if unreadable:
        raise_all([*unreadable, *(LlmcostError(row["finding"], row["hint"]) for row in rows)])
    read = units.several(len(files), "file")
    head = f"{units.several(len(rows), 'finding')} in {read}." if rows else f"{read}, nothing to report."
    answer = answered(catalog, head, rows, {"files": len(files), "findings": len(rows)})
    return msgspec.structs.replace(answer, exit_code=int(Exit.NO if rows else Exit.OK))


def _findings(catalog: Catalog, path: Path) -> list[tuple[str, str]]:
    if model_presets.is_model_file(path):
        name, found = model_presets.drift(catalog, path)
        return [(text, f"llmcost presets show {name}") for text in found]
    data = read_toml(path)
    kind = kind_of(path, data)
    try:
        if kind in STRUCTS:
            preset = decode(STRUCTS[kind], data, path.name)
            return [(f"{path.name}: {text}", "") for text in sanity(preset)]
        if kind != "calibration":
            layer(data, f"file:{path.name}", path.name)
    except LlmcostError as error:
        return [(f.message, f.hint) for f in getattr(error, "findings", [error])]
    return []


def sanity(preset: Any) -> list[str]:
    """What is impossible or unsourced in a preset that decodes."""
    from llmcost.engine.model.parameters import faults  # numpy, which a listing does without

    found = []
    names = {f.name for f in msgspec.structs.fields(type(preset))}
    for source in getattr(preset, "sources", []):
        found += [f"sources: key {units.shown(k)} is not a key of this preset" for k in source.keys if k not in names]
    if "sources" in names:
        for name in sorted(names - {"title", "sources", *HIDDEN}):
            value = getattr(preset, name)
            if isinstance(value, float) and value and source_of(preset, name) is None:
                found.append(f"{name}: a number without a source")
    if isinstance(preset, spec.Accelerator):
        if preset.fp8_flops and preset.bf16_flops and preset.fp8_flops < preset.bf16_flops:
            found.append("fp8_flops is below bf16_flops")
        if preset.server_watts and preset.tdp_watts and preset.server_watts < preset.tdp_watts:
            found.append("server_watts is below tdp_watts")
        if (preset.server_busy_watts or preset.server_idle_watts) and not preset.server_watts:
            found.append("a measured draw of servers needs server_watts, what they are rated at")
    if isinstance(preset, spec.Model):
        total, active = preset.params_total, preset.params_active
        if total and active and active > total:
            found.append("params_active is above params_total")
        found += faults(preset)
        if preset.n_layers is None and total is None and active is None and preset.training_flops is None:
            found.append("neither an architecture, params_total nor training_flops")
    return found
