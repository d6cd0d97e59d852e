"""Presets to edit: a copy of another, or every key with an example."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from llmcost import spec, units
from llmcost.catalog import Catalog
from llmcost.decode import STRUCTS, unwrapped
from llmcost.errors import LlmcostError
from llmcost.estimate.presets import known_kind


def new(catalog: Catalog, kind: str, name: str, like: str | None) -> str:
    """A preset to edit: a copy of another, or every key with an empty value to fill in.

    Raises
    ------
    LlmcostError
        Unknown kind, a name that is not one, or an unknown preset to start from.
    """
    known_kind(kind)
    try:
        msgspec.convert(name, spec.Name)
    except msgspec.ValidationError:
        raise LlmcostError(
            f"{units.shown(name)} is not a preset name", "lower-case letters, digits, '.', '_', '-'"
        ) from None
    if like is not None:
        found = catalog.find(kind, like)
        text = found.path.read_text("utf-8")
        return (
            _head(kind, name, f", from {found.origin}")
            + "\n".join(line for line in text.splitlines() if not line.startswith("aliases"))
            + "\n"
        )
    return _blank(kind, name)


def _example(annotation: Any) -> str:
    """A value of the right form, as TOML."""
    inner, kind = unwrapped(annotation)
    if kind in units.KINDS:
        return f'"{units.KINDS[kind].sample}"' if kind != "whole" else "1"
    if inner is bool:
        return "false"
    if inner is dt.date:
        return "2026-11-23"
    choices = getattr(inner, "__args__", ())
    return f'"{choices[0]}"' if choices and isinstance(choices[0], str) else '""' if inner is str else "[]"


def _head(kind: str, name: str, like: str = "") -> str:
    place = f"{kind}/ of your preset folder (llmcost presets path)"
    return f"# {kind}/{name}{like}. Save as {name}.toml in {place}.\n"


def _blank(kind: str, name: str) -> str:
    head = _head(kind, name)
    if kind not in STRUCTS:
        return head + f'title = "{name}"\n# keys: llmcost schema scenario\n'
    lines = [head.rstrip(), f'title = "{name}"']
    for field in msgspec.structs.fields(STRUCTS[kind]):
        if field.name in ("title", "sources", "aliases", "prices"):
            continue
        example = _example(field.type)
        lines.append(f"{field.name} = {example}  # required" if field.required else f"# {field.name} = {example}")
    if kind == "prices":
        lines += [
            "",
            "[[prices]]",
            'hardware = "h100-sxm"',
            'commitment = "on-demand"',
            'usd_per_hour = "2.50/h"',
            "date = 2026-11-23",
            'address = "https://..."',
            'confidence = "vendor"',
        ]
    else:
        lines += ["", "[[sources]]", 'address = "https://..."', "date = 2026-11-23", 'confidence = "vendor"']
    return "\n".join(lines) + "\n"
