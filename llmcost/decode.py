"""A TOML table as a struct of `llmcost.spec`: every finding at once, quantities with their units."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import msgspec

from llmcost import spec, units
from llmcost.errors import LlmcostError, did_you_mean, not_of, plainly, raise_all
from llmcost.records import NamedTuple

T = TypeVar("T", bound=msgspec.Struct)

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "hardware": spec.Accelerator,
    "models": spec.Model,
    "prices": spec.Provider,
    "regions": spec.Region,
    "instances": spec.Instances,
    "frameworks": spec.Framework,
}

WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
         "object": "a table", "date": "a date"}  # fmt: skip


A_PRESET = "llmcost presets new prints one that is whole: llmcost presets new models NAME"


class Field(NamedTuple):
    """One key of a struct, its type looked at once: a quantity of some kind, a struct, or a list of structs."""

    annotation: Any
    kind: str | None
    struct: type | None
    many: bool
    choices: tuple[str, ...]


@cache
def _fields(struct: type) -> dict[str, Field]:
    fields = {}
    for name, annotation in struct.__annotations__.items():
        inner, kind = unwrapped(annotation)
        many = get_origin(inner) is list
        item = get_args(inner)[0] if many else inner
        known = item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None
        choices = get_args(inner) if get_origin(inner) is Literal else ()
        fields[name] = Field(annotation, kind, known, many, choices)
    return fields


def decode(struct: type[T], data: dict[str, Any], where: str) -> T:
    """A TOML table as a struct; all findings at once, each with file and key."""
    with suppress(msgspec.ValidationError, LlmcostError):
        return msgspec.convert(_in_units(struct, data), struct)
    # what is wrong in it is read again, key by key, for every finding
    findings: list[LlmcostError] = []
    value = _decode(struct, data, where, findings)
    raise_all(findings)
    return cast(T, value)


@cache
def _measured(struct: type) -> dict[str, Field]:
    """The keys of a struct that may be texts with a unit, or have some inside."""
    return {
        name: field
        for name, field in _fields(struct).items()
        if field.kind is not None or (field.struct is not None and _measured(field.struct))
    }


def _in_units(struct: type, data: dict[str, Any]) -> dict[str, Any]:
    """The same table with its quantities as numbers; what is no table or text is left as it is."""
    read = {name: _measure(field, data[name]) for name, field in _measured(struct).items() if name in data}
    return {**data, **read} if read else data


def _measure(field: Field, raw: Any) -> Any:
    if field.struct is None:
        return _number(field, raw)
    if isinstance(raw, list):
        return [_measure(field, item) for item in raw]
    return _in_units(field.struct, raw) if isinstance(raw, dict) else raw


def _number(field: Field, raw: Any) -> Any:
    """A text with a unit as a number in the base unit of the key; anything else as it is."""
    if field.kind is None or not isinstance(raw, str):
        return raw
    value = units.parse(field.kind, raw)
    return int(value) if field.kind == "whole" else value


def _decode(struct: type, data: dict[str, Any], where: str, findings: list[LlmcostError]) -> Any:
    fields = _fields(struct)
    values: dict[str, Any] = {}
    before = len(findings)
    for key, raw in data.items():
        if key not in fields:
            near = did_you_mean(key, fields) or A_PRESET
            findings.append(LlmcostError(f"{where}: unknown key {units.shown(key)}", near))
            continue
        values[key] = _decode_value(fields[key], raw, f"{where}: {key}", findings)
    for field in msgspec.structs.fields(struct):
        if field.required and field.name not in data:
            findings.append(LlmcostError(f"{where}: missing key {field.name!r}", f"add a line: {field.name} = ..."))
    return struct(**values) if len(findings) == before else None


def _decode_value(field: Field, raw: Any, where: str, findings: list[LlmcostError]) -> Any:
    """One value: nested structs by their own fields, quantities through `units`, the rest through msgspec."""
    if field.struct is not None and not field.many:
        return _decode_item(field.struct, raw, where, findings)
    if field.struct is not None and isinstance(raw, list):
        return [_decode_item(field.struct, item, f"{where}[{i + 1}]", findings) for i, item in enumerate(raw)]
    if field.choices and raw not in field.choices:
        findings.append(units.at(where, not_of(raw, field.choices)))
        return None
    try:
        return msgspec.convert(_number(field, raw), field.annotation)
    except msgspec.ValidationError as error:
        findings.append(LlmcostError(f"{where}: {_plain(error)}, got {units.shown(raw)}", A_PRESET))
    except LlmcostError as error:
        findings.append(units.at(where, error))
    return None


def _decode_item(struct: type, raw: Any, where: str, findings: list[LlmcostError]) -> Any:
    if isinstance(raw, dict):
        return _decode(struct, raw, where, findings)
    findings.append(LlmcostError(f"{where}: expected a table, got {units.shown(raw)}", "a table is { key = value }"))
    return None


def _plain(error: msgspec.ValidationError) -> str:
    """What msgspec expected, in words: `expected a whole number >= 1`."""
    text = str(error).partition(", got ")[0].partition(" - at ")[0]
    for word, plain in WORDS.items():
        text = text.replace(f"`{word}`", plain)
    return plainly(text[:1].lower() + text[1:])


def unwrapped(annotation: Any) -> tuple[Any, str | None]:
    """The type without `| None` and Annotated, and the quantity kind its Meta names."""
    kind = None
    for _ in range(4):
        meta = getattr(annotation, "__metadata__", None)
        if meta is not None:
            extra = getattr(meta[0], "extra", None) or {}
            kind = kind or extra.get("kind")
            annotation = annotation.__origin__
            continue
        options = [a for a in get_args(annotation) if a is not type(None)]
        if type(None) in get_args(annotation) and len(options) == 1:
            annotation = options[0]
            continue
        break
    return annotation, kind
