"""`presets`: what is known, from where, and how old it is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec

from llmcost import spec, units
from llmcost.catalog import KINDS, SINGULAR, Catalog, Found, is_path, presets_date, source_for, source_of
from llmcost.decode import STRUCTS, decode
from llmcost.errors import LlmcostError, did_you_mean, not_of
from llmcost.estimate import model_presets
from llmcost.files import read_toml
from llmcost.keys import NOTES
from llmcost.result import Estimate, Warning
from llmcost.scenario import layer

HIDDEN = ("sources", "aliases")
APIS = "apis"  # prices of tokens, which a package keeps


def known_kind(kind: str) -> str:
    """A kind of preset, checked.

    Raises
    ------
    LlmcostError
        No such kind.
    """
    if kind not in KINDS:
        known = (*KINDS, APIS)
        raise units.at("kind", not_of(kind, known))
    return kind


def listing(catalog: Catalog, kind: str | None, family: str | None = None, provider: str | None = None) -> Estimate:
    """Every preset of a kind, or of a family of models, or the number of each kind; what a `provider` of tokens sells.

    Raises
    ------
    LlmcostError
        No such kind, no such family, or a family of something that is no model.
    """
    if kind == APIS:
        from llmcost.estimate import api_presets

        head, priced = api_presets.listing(_today(catalog), provider)
        return answered(catalog, head, priced, {"count": len(priced)})
    if provider is not None:
        raise LlmcostError(f"{kind} have no provider {units.shown(provider)}", "llmcost presets list apis openai")
    if family is not None and kind not in (None, "models"):
        raise LlmcostError(f"--family is of models, not of {kind}", "llmcost presets list models --family qwen")
    kind = "models" if family is not None else kind
    if kind is None:
        counts = {k: list(catalog.files(k).values()) for k in KINDS}
        rows: list[dict[str, Any]] = [
            {"kind": k, "count": len(found), "own": sum(f.user for f in found)} for k, found in counts.items()
        ]
        total = sum(len(found) for found in counts.values())
        return answered(catalog, f"{total} presets of {len(KINDS)} kinds.", rows, {"count": total})
    files = catalog.files(known_kind(kind))
    names: dict[str, list[str]] = {}
    for alias, name in catalog.aliases(kind).items():
        names.setdefault(name, []).append(alias)
    rows = [
        {"name": f.name, "title": _title(f), "aliases": ", ".join(names.get(f.name, [])), "from": _from(f)}
        for f in files.values()
        if family is None or model_presets.of_family(f, family)
    ]
    if family is not None and not rows:
        raise LlmcostError(f"no model of a family {units.shown(family)}", f"llmcost presets search {family}")
    return answered(catalog, f"{units.several(len(rows), f'{SINGULAR[kind]} preset')}.", rows, {"count": len(rows)})


def search(catalog: Catalog, words: str) -> Estimate:
    """Presets of every kind whose name, alias or title has the words.

    Raises
    ------
    LlmcostError
        Nothing has them, with the names that are near.
    """
    titles = {str(f.path): _title(f) for kind in KINDS for f in catalog.files(kind).values()}
    rows: list[dict[str, Any]] = [
        {"kind": f.kind, "name": f.name, "title": titles[str(f.path)], "aliases": ", ".join(aliases), "from": _from(f)}
        for f, aliases in model_presets.matching(catalog, words, titles)
    ]
    if not rows:
        known = [n for k in KINDS for n in (*catalog.names(k), *catalog.aliases(k))]
        raise LlmcostError(f"no preset has {units.shown(words)}", did_you_mean(words, known) or "llmcost presets list")
    head = f"{units.several(len(rows), 'preset')} with {units.shown(words)}."
    return answered(catalog, head, rows, {"count": len(rows)})


def _title(found: Found) -> str:
    for line in found.path.read_text("utf-8", errors="replace").splitlines()[:40]:
        if line.startswith("title") and '"' in line:
            return line.split('"')[1]
    return ""


def _from(found: Found) -> str:
    return "your own" if found.user else "shipped"


def show(catalog: Catalog, name: str, kind: str | None) -> Estimate:
    """Every value of a preset with its source, date and age [days before the newest price].

    Raises
    ------
    LlmcostError
        Unknown name, with the nearest of every kind.
    """
    if kind == APIS or (kind is None and name.startswith(f"{APIS}/")):
        return _api(catalog, name.removeprefix(f"{APIS}/"))
    try:
        found = _find(catalog, name, kind)
    except LlmcostError:
        if kind is None and _sold(name):
            return _api(catalog, name)
        raise
    today = _today(catalog)
    weighed: dict[str, Any] = {}
    if found.kind in STRUCTS:
        preset: Any = _loaded(catalog, found)
        rows = _price_rows(preset, today) if found.kind == "prices" else _value_rows(preset, today)
        title = preset.title
        if found.kind == "models":
            weighed = _weigh(catalog, preset, rows)
    else:
        data = read_toml(found.path)
        rows = _said_rows(data, today, found.path.name) if found.kind == "scenarios" else _plain_rows(data)
        title = str(data.get("title", found.name))
    shadow = (
        [
            Warning(
                "W001", f"your own {found.kind} preset hides the shipped one of the same name", "llmcost presets path"
            )
        ]
        if _hides(found)
        else []
    )
    head = f"{found.kind}/{found.name}: {units.shown(title, 120).strip(chr(39))} ({_from(found)})."
    return answered(
        catalog,
        head,
        rows,
        {"name": found.name, "kind": found.kind, "path": str(found.path) if found.user else None, **weighed},
        [*shadow, *found.warnings],
    )


def _today(catalog: Catalog) -> dt.date:
    return dt.date.fromisoformat(presets_date(catalog))


def _sold(name: str) -> bool:
    """Whether a name is one of bought tokens, or meant as one: its provider is known."""
    from llmcost.estimate.money import api_prices

    return "/" in name and name.partition("/")[0].lower() in api_prices.providers()


def _api(catalog: Catalog, name: str) -> Estimate:
    """Every price of a model that is sold by the token."""
    from llmcost.estimate import api_presets

    head, rows = api_presets.show(_today(catalog), name)
    return answered(catalog, head, rows, {"name": name, "kind": APIS, "path": None})


def _loaded(catalog: Catalog, found: Found) -> Any:
    """The preset of a file; a model in the format that its name says, or read from its own files."""
    if found.kind == "models" and (found.scheme or found.path.suffix != ".toml"):
        return catalog.held(found)
    return decode(STRUCTS[found.kind], read_toml(found.path), found.path.name)


def _weigh(catalog: Catalog, preset: spec.Model, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Add what the weights take by format; the published ones for the result."""
    listed = model_presets.weights(catalog, preset)
    for label, size, note in listed:
        rows.append(
            {"key": label, "value": units.format("bytes", size), **_source_cells(None, dt.date.min), "note": note}
        )
    return {"weight_bytes": listed[0][1]} if listed else {}


def _find(catalog: Catalog, name: str, kind: str | None) -> Found:
    kind_, _, rest = name.partition("/")
    if kind is None and rest and kind_ in KINDS:
        kind, name = kind_, rest
    if kind is not None:
        return catalog.find(known_kind(kind), name)
    if model_presets.is_model_file(Path(name).expanduser()):
        return catalog.find("models", name)
    if is_path(name) and Path(name).exists():
        found = catalog.find("scenarios", name)
        return found._replace(kind=kind_of(found.path, read_toml(found.path)))
    matches = []
    for candidate in KINDS:
        try:
            matches.append(catalog.find(candidate, name))
        except LlmcostError:
            continue
    if not matches:
        known = [n for k in KINDS for n in (*catalog.names(k), *catalog.aliases(k))]
        raise LlmcostError(f"unknown preset {units.shown(name)}", did_you_mean(name, known) or "llmcost presets list")
    return matches[0]


def _hides(found: Found) -> bool:
    return found.user and found.name in Catalog([]).names(found.kind)


def _value_rows(preset: Any, today: dt.date, table: Any = None, prefix: str = "") -> list[dict[str, Any]]:
    """The values that a preset states, those of a table of it under its name; sources are the preset's."""
    stated: list[dict[str, Any]] = []
    values = preset if table is None else table
    for field in msgspec.structs.fields(type(values)):
        value = getattr(values, field.name)
        if field.name in HIDDEN or value is None or value == [] or (not prefix and value == field.default):
            continue
        if isinstance(value, spec.ServingStack | spec.TrainingStack):
            stated += _value_rows(preset, today, value, f"{field.name}.")
            continue
        source = _source_cells(source_of(preset, field.name), today)
        stated.append({"key": prefix + field.name, "value": _plain(value), **source})
    return stated


def _source_cells(source: spec.Source | None, today: dt.date) -> dict[str, Any]:
    if source is None:
        return {"confidence": None, "date": None, "age_days": None, "source": None, "note": ""}
    note = "; ".join(x for x in (source.note, f"sources disagree: {source.conflict}" if source.conflict else "") if x)
    return {
        "confidence": source.confidence,
        "date": source.date.isoformat(),
        "age_days": (today - source.date).days,
        "source": source.address,
        "note": note,
    }


def _price_rows(provider: spec.Provider, today: dt.date) -> list[dict[str, Any]]:
    return [
        {
            "hardware": p.hardware,
            "commitment": p.commitment,
            "usd_per_hour": p.usd_per_hour,
            "region": p.region,
            "confidence": p.confidence,
            "date": p.date.isoformat(),
            "age_days": (today - p.date).days,
            "source": p.address,
            "note": "; ".join(x for x in (p.note, p.date_note, p.past) if x),
        }
        for p in provider.prices
    ]


def _said_rows(data: dict[str, Any], today: dt.date, where: str) -> list[dict[str, Any]]:
    """What a scenario says: its own keys, then those of each alternative, each with the source that covers it.

    Raises
    ------
    LlmcostError
        A value of it is none.
    """
    layer(data, "file:", where)
    sources = msgspec.convert(data.get("sources", []), list[spec.Source])
    tables = data.get("alternative")
    others = [t for t in tables if isinstance(t, dict)] if isinstance(tables, list) else []
    said = [("", key, value) for key, value in data.items() if key not in (*HIDDEN, "title", "alternative")]
    said += [
        (f"{table.get('name', f'alternative {n}')}: ", key, value)
        for n, table in enumerate(others, 1)
        for key, value in table.items()
        if key != "name"
    ]
    return [
        {"key": place + key, "value": _plain(value),
         **_source_cells(None if key in NOTES else source_for(sources, key), today)}
        for place, key, value in said
    ]  # fmt: skip


def _plain_rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    tables = [v for v in data.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if tables:
        return [{k: _plain(v) for k, v in row.items()} for rows in tables for row in rows]
    return [{"key": k, "value": _plain(v)} for k, v in data.items()]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, msgspec.Struct | list | dict):
        return msgspec.json.encode(msgspec.to_builtins(value)).decode()
    return value


def kind_of(path: Path, data: dict[str, Any]) -> str:
    """What kind of preset a file is: by its folder, else by its keys."""
    return path.parent.name if path.parent.name in KINDS else _guess(data)


def _guess(data: dict[str, Any]) -> str:
    """What a file outside a preset folder is, by the keys it has: the struct that knows most of them."""
    scores = {k: sum(key in {f.name for f in msgspec.structs.fields(s)} for key in data) for k, s in STRUCTS.items()}
    best = max(scores, key=lambda k: scores[k])
    return best if scores[best] > 2 else "scenarios"


def answered(
    catalog: Catalog,
    headline: str,
    rows: list[dict[str, Any]],
    result: dict[str, Any],
    warnings: list[Warning] | None = None,
) -> Estimate:
    """Rows of presets under a sentence."""
    return Estimate(
        command="presets",
        headline=headline,
        result=result,
        warnings=warnings or [],
        arrays={"rows": rows},
        presets=presets_date(catalog),
    )
