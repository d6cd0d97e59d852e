"""JSON Schemas of scenario files and of every command's answer, built from the tables the code itself uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmcost import units
from llmcost.budget.limits import DECREASE, INCREASE, LIMITED, PRICE_AGE, QUANTILES
from llmcost.errors import not_of
from llmcost.keys import BOTH, TABLES, Key, all_keys
from llmcost.terms import TERMS, Term

DRAFT = "https://json-schema.org/draft/2020-12/schema"
COMMANDS = (
    "train",
    "serve",
    "crossover",
    "compare",
    "fit",
    "check",
    "presets",
    "validate",
    "calibrate",
    "trace",
    "sweep",
)
NAMES = ("scenario", "budget", *COMMANDS)
_TEXT_KINDS = ("text", "date")
_EITHER = ("before", "after", "delta")  # of figures, which are numbers, and of inputs, which may be names
_ARRAYS = {
    "train": ("step", "memory", "phases", "energy"),
    "serve": ("front", "memory", "hours", "plans", "users", "levers", "techniques", "ladder"),
    "compare": (
        "alternatives",
        "crossings",
        "jumps",
        "along",
        "pairs",
        "spend",
        "periods",
        "front",
        "optimal",
        "changes",
        "changed_inputs",
    ),
    "fit": ("memory", "remedies", "machines"),
    "check": ("rows", "totals", "changed_inputs", "answers"),
    "crossover": ("crossings", "curve", "periods", "sensitivity", "actuals"),
    "presets": ("rows",),
    "validate": ("groups", "reliability", "left_out", "rows", "measurements"),
    "calibrate": ("rows", "constants"),
    "sweep": ("front", "extremes", "refused"),
    "trace": ("lengths", "joint", "bursts", "day_hours", "weekdays", "reuse"),
}


def build(name: str) -> dict[str, Any]:
    """The schema of scenario files, or of a command's JSON.

    Raises
    ------
    LlmcostError
        No such schema.
    """
    if name not in NAMES:
        raise units.at("schema", not_of(name, NAMES))
    if name == "budget":
        return _budget_file()
    return _scenario() if name == "scenario" else _answer(name)


def text(name: str) -> str:
    """The schema as a file."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(build(name)), indent=2).decode() + "\n"


def _scenario() -> dict[str, Any]:
    properties: dict[str, Any] = {"title": {"type": "string"}, "description": {"type": "string"}}
    for key in all_keys().values():
        properties[key.name] = {"description": key.help, **_key_type(key)}
    properties |= {"aliases": {"type": "array", "items": {"type": "string"}}, "sources": {"type": "array"}}
    properties |= {table: {} for table in TABLES} | {"budget": {"$ref": "#/$defs/budgets"}}
    return {
        "$schema": DRAFT,
        "title": "llmcost scenario",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": _budgets(needed=()),
    }


def _budget_file() -> dict[str, Any]:
    """A file of budgets: `llmcost.toml`."""
    text = {"type": "string"}
    properties = {"title": text, "description": text, "baseline": text, "as_of": {**text, "format": "date"}}
    properties |= {"currency": {"description": all_keys()["currency"].help, **text}}
    return {
        "$schema": DRAFT,
        "title": "llmcost budgets",
        "type": "object",
        "properties": {**properties, PRICE_AGE: {"$ref": "#/$defs/level"}, "budget": {"$ref": "#/$defs/budgets"}},
        "required": ["budget"],
        "additionalProperties": False,
        "$defs": _budgets(needed=("scenario", "scenarios")),
    }


def _budgets(needed: Sequence[str]) -> dict[str, Any]:
    """One `[budget]` or several `[[budget]]`, and what their keys may hold."""
    text = {"type": "string"}
    noted = {
        "on": {"enum": list(BOTH)}, "at": {"enum": [*QUANTILES, "median"]}, "owner": text, "reason": text,
        "expires": {**text, "format": "date"},
    }  # fmt: skip
    level = {"$ref": "#/$defs/level"}
    limits = {
        f"{side}_{term.name}": {"description": f"{word}: {term.meaning} ({term.base})", "$ref": f"#/$defs/{side}"}
        for side, word in (("max", "At most"), ("min", "At least"))
        for term in LIMITED.values()
    }
    changes = dict.fromkeys((INCREASE, DECREASE, PRICE_AGE), level)
    one = {
        "type": "object",
        "properties": {
            "name": text,
            "scenario": text,
            "scenarios": {"type": "array", "minItems": 1, "items": text},
            **noted,
            **changes,
            **limits,
        },
        **({"anyOf": [{"required": [key]} for key in needed]} if needed else {}),
        "additionalProperties": False,
    }
    several = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/budget"}}
    return {
        "level": _level(),
        "max": _level({**noted, INCREASE: level}),
        "min": _level({**noted, DECREASE: level}),
        "budget": one,
        "budgets": {"anyOf": [{"$ref": "#/$defs/budget"}, several]},
    }


def _level(more: dict[str, Any] | None = None) -> dict[str, Any]:
    """A level to fail beyond, or a table of levels."""
    plain = {"type": ["number", "string"]}
    table = {"type": "object", "properties": {"fail": plain, "warn": plain, **(more or {})}, "minProperties": 1}
    return {"anyOf": [plain, {**table, "additionalProperties": False}]}


def _key_type(key: Key) -> dict[str, Any]:
    if key.kind in ("techniques", "files"):
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    if key.kind == "choices":
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"enum": list(key.choices)}}]}
    if key.choices:
        return {"enum": list(key.choices)}
    if key.kind in ("models", "hardware", "prices", "regions", "frameworks", "file", "currency"):
        return {"type": "string"}
    if key.kind == "date":
        return {"type": "string", "format": "date"}
    kinds: list[dict[str, Any]] = [{"type": "number"}, {"type": "string"}]
    if key.ranged:
        bounds = {b: {"type": ["number", "string"]} for b in ("low", "mode", "high")}
        kinds.append(
            {"type": "object", "properties": bounds, "required": ["low", "high"], "additionalProperties": False}
        )
    return {"anyOf": kinds}


def _answer(command: str) -> dict[str, Any]:
    nullable = ["number", "null"]
    triple = {
        "type": "object",
        "properties": {q: {"type": nullable} for q in ("p5", "p50", "p95")},
        "required": ["p5", "p50", "p95"],
        "additionalProperties": False,
    }
    text = {"type": "string"}
    maybe = {"type": ["string", "null"]}
    source = {
        "value": {},
        "unit": text,
        "origin": text,
        "source": maybe,
        "date": maybe,
        "confidence": maybe,
        "p5": {"type": nullable},
        "p95": {"type": nullable},
    }
    cost = {
        "name": text,
        "quantity": {"type": "number"},
        "unit": text,
        "rate_usd": {"type": "number"},
        "cost_usd": {"type": "number"},
    }
    caveat = {"code": {"type": "string", "pattern": "^W[0-9]{3}$"}, "message": text, "hint": text}
    step = {"name": text, "formula": text, "value": {}, "unit": text, "source": text}
    properties: dict[str, Any] = {
        "schema": {"const": f"llmcost/{command}/1"},
        "llmcost": text,
        "presets": text,
        "currency": {"const": "USD"},
        "headline": text,
        "inputs": {"type": "object", "additionalProperties": _record(source)},
        "result": {
            "type": "object",
            "properties": {t.name: _term_type(t) for t in TERMS.values()},
            "additionalProperties": command == "presets",
        },
        "ranges": {"type": "object", "propertyNames": {"enum": sorted(TERMS)}, "additionalProperties": triple},
        "ranges_at_price": {
            "type": "object",
            "propertyNames": {"enum": sorted(TERMS)},
            "additionalProperties": triple,
            "description": "Those that prices widen, with prices that nobody stated at their medians",
        },
        "breakdown": {"type": "array", "items": _record(cost)},
        "warnings": {"type": "array", "items": _record(caveat)},
        "steps": {"type": "array", "items": _record(step)},
    }
    required = [k for k in properties if k not in ("steps", "ranges_at_price")]
    for array in _ARRAYS.get(command, ()):
        properties[array] = {"type": "array", "items": {"type": "object"}}
    if command == "validate":
        properties["summary"] = {"type": "object"}
    return {
        "$schema": DRAFT,
        "title": f"llmcost {command} answer, version 1",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _record(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _term_type(term: Term) -> dict[str, Any]:
    kind = "string" if term.kind in _TEXT_KINDS else "boolean" if term.kind == "bool" else "number"
    kinds = ["number", "string"] if term.name in _EITHER else [kind]
    return {"type": [*kinds, "null"], "description": term.meaning}
