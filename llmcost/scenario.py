"""What was asked, key by key: flag > file > preset > default, each value with its origin.

The keys themselves are in `llmcost.keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from llmcost import spec, technique, units
from llmcost.catalog import source_for
from llmcost.errors import LlmcostError, did_you_mean, not_of, one_each, plainly, raise_all
from llmcost.keys import ELSEWHERE, NOTES, SERVE, TABLES, TRAIN, Key, all_keys
from llmcost.records import NamedTuple

Value = Any  # float, int, str, date, units.Between or units.Triangle
AGAINST = "flag:--against"  # origin of what `--against` lays over a question
A_SOURCE = '[[sources]], and below it address = "https://...", date = 2026-01-31, confidence = "vendor"'


class Setting(NamedTuple):
    """A value with its origin: `flag`, `file:NAME`, `preset:scenarios/NAME` or `default`."""

    value: Value
    origin: str
    source: spec.Source | None = None  # what a scenario file says of where it has the value from


class Scenario(NamedTuple):
    """The layers of a question, strongest first, and what the file says about itself."""

    layers: tuple[dict[str, Setting], ...]
    read: set[str]  # keys that the answer took; shared by every variant of the question
    title: str = ""
    tables: Mapping[str, Any] = MappingProxyType({})

    def get(self, key: str, side: str = "") -> Setting | None:
        """The strongest setting of a key; inside one layer the sided form wins."""
        for layer in self.layers:
            for name in (f"{side}_{key}", key) if side else (key,):
                if name in layer:
                    self.read.add(name)
                    return layer[name]
        return None

    def peek(self, key: str, side: str = "") -> Setting | None:
        """As `get`, without counting the key as taken."""
        return self._replace(read=set()).get(key, side)

    def has(self, *keys: str) -> bool:
        """Whether any of these keys was said, on any side."""
        names = {form for k in keys for form in (k, f"{TRAIN}_{k}", f"{SERVE}_{k}")}
        return any(name in layer for layer in self.layers for name in names)

    def over(self, layer: Mapping[str, Setting]) -> Scenario:
        """The same question with a stronger layer on top."""
        return self._replace(layers=(dict(layer), *self.layers))


def refuse_unread(scenarios: Iterable[Scenario]) -> None:
    """Refuse options that changed nothing: a value that is accepted and ignored misleads.

    Raises
    ------
    LlmcostError
        Every option that no answer took.
    """
    asked = list(scenarios)
    read = {name for s in asked for name in s.read}
    flags = {name: None for s in asked for layer in s.layers for name, v in layer.items() if v.origin == "flag"}
    keys = all_keys()
    raise_all(
        [
            LlmcostError(
                f"{keys[n].option} has no effect in this question",
                f"{_deciding(keys[n], [keys[f] for f in flags if f in read])}: leave {keys[n].option} out",
            )
            for n in flags
            if n not in read
        ]
    )


def _deciding(idle: Key, taken: list[Key]) -> str:
    """What decides in place of an idle option, as far as its topic tells: what was said of the same one."""
    same = [key.option for key in taken if key.panel == idle.panel]
    if not same:
        return "other values given decide the answer"
    return f"{' and '.join(', '.join(same).rsplit(', ', 1))} {'decides' if len(same) == 1 else 'decide'} the answer"


def parse_value(key: Key, raw: object) -> Value:
    """One value of a key, parsed by its kind.

    Raises
    ------
    LlmcostError
        Not a value of that kind; the message says what is accepted.
    """
    if key.kind == "choice":
        if type(raw) in (str, int) and str(raw) in key.choices:
            return str(raw)
        raise not_of(raw, key.choices, _meant(key, raw))
    if key.kind == "choices":
        return _parse_choices(key, raw)
    if key.kind == "payments":
        units.parse_payments(raw)
        return ", ".join(map(str, raw)) if isinstance(raw, list) else str(raw)
    if key.kind == "techniques":
        return tuple(said.text for said in technique.parse(raw))
    if key.kind == "file":
        if isinstance(raw, str) and raw.strip():
            return raw
        raise LlmcostError(f"{units.shown(raw)} is not a file", f'{key.name} = "file.csv"')
    if key.kind == "files":
        names = [raw] if isinstance(raw, str) else raw
        if isinstance(names, list | tuple) and names and all(isinstance(n, str) and n.strip() for n in names):
            return tuple(names)
        raise LlmcostError(f"{units.shown(raw)} is no list of files", f'{key.name} = ["bill.csv"]')
    if key.kind == "text":
        if isinstance(raw, str) and raw.strip():
            return raw.strip()
        raise LlmcostError(f"{units.shown(raw)} is not a name", f'{key.name} = "text in quotes"')
    if key.kind in ("models", "hardware", "prices", "regions", "frameworks"):
        if isinstance(raw, str) and raw.strip():
            return raw.strip()
        raise LlmcostError(f"{units.shown(raw)} is not a preset name or file", f"llmcost presets list {key.kind}")
    if key.kind == "date":
        return units.parse_date(raw)
    if key.kind == "currency":
        return units.parse_currency(raw)
    if key.none and raw == "none":
        return "none"
    if key.free and units.is_zero(key.kind, raw):
        return 0.0
    value = units.parse_quantity(key.kind, raw) if key.ranged else _one(key, raw)
    low = value if isinstance(value, float) else value.low
    if key.least is not None and low < key.least:
        least = units.format(key.kind, key.least)
        raise LlmcostError(
            f"{units.shown(raw)} is too small: at least {least}", f"write {least.replace(' ', '')} or more"
        )
    high = value if isinstance(value, float) else value.high
    if key.most is not None and high > key.most:
        most = units.format(key.kind, key.most).replace(" ", "")
        raise LlmcostError(f"{units.shown(raw)} is too large: at most {most}", f"write {most} or less")
    return int(value) if key.kind.startswith("whole") and isinstance(value, float) else value


def _one(key: Key, raw: object) -> float:
    """A number of a key that takes no range; one that is given is refused as that."""
    try:
        return units.parse(key.kind, raw)
    except LlmcostError as error:
        try:
            ends = units.parse_quantity(key.kind, raw)
        except LlmcostError:
            raise error from None
    assert not isinstance(ends, float)
    low, high = (units.format(key.kind, end).replace(" ", "") for end in (ends.low, ends.high))
    again = f"write {low}, and ask again with {high}"
    raise LlmcostError(f"{units.shown(raw)} is a range: this takes one number", again)


def _meant(key: Key, raw: object) -> str:
    """The choice that a word of other tools stands for; else where the choices are explained."""
    word = ELSEWHERE.get(raw.strip().lower(), "") if isinstance(raw, str) else ""
    return f"here it is {word!r}" if word in key.choices else f"llmcost explain {key.name}"


def _parse_choices(key: Key, raw: object) -> str:
    """Several choices as one text, `fp8,bf16`, in the order given and without repeats; a file may give a list."""
    parts = raw if isinstance(raw, list) else str(raw).split(",")
    one = key._replace(kind="choice")
    return ",".join(dict.fromkeys(parse_value(one, p.strip() if isinstance(p, str) else p) for p in parts))


def layer(values: Mapping[str, object], origin: str, where: str = "") -> dict[str, Setting]:
    """Parse one layer; every finding of it at once.

    Parameters
    ----------
    values : mapping
        Key to raw value, as typed or as TOML gave it.
    origin : str
        `flag`, `file:NAME`, `preset:scenarios/NAME`.
    where : str
        The file to name in messages; empty for options, which are named `--like-this`.
    """
    keys = all_keys()
    found: dict[str, Setting] = {}
    findings: list[LlmcostError] = []
    sources = _sources(values, where, findings)
    for name, raw in values.items():
        if name in NOTES or (name in TABLES and not isinstance(raw, str)):
            continue
        if name not in keys:
            findings.append(unknown_key(name, where, keys))
            continue
        try:
            found[name] = Setting(parse_value(keys[name], raw), origin, source_for(sources, name))
        except LlmcostError as error:
            place = f"{where}: {name}" if where else keys[name].option
            each_of = _several(keys[name], raw)
            whole = [LlmcostError(error.message, each_of)] if each_of else getattr(error, "findings", [error])
            findings += [units.at(place, each) for each in whole]
    raise_all(findings)
    return found


def _currency(layers: Iterable[Mapping[str, object]]) -> units.Currency:
    """What amounts may be written in, by the strongest layer that says; where that is wrong, `layer` refuses it."""
    raw = next((values["currency"] for values in layers if values.get("currency") is not None), None)
    if raw is None:
        return units.current()
    try:
        return units.parse_currency(raw)
    except LlmcostError:
        return units.current()


def currency(scenarios: Iterable[Scenario]) -> Setting:
    """The one currency that an answer is in, as its questions say; the one under way where none does.

    Raises
    ------
    LlmcostError
        They differ.
    """
    said = {s.value: s for one in scenarios if (s := one.get("currency")) is not None}
    if len(said) > 1:
        rates = " and ".join(f"{value.code} at {value.usd:g} USD" for value in said)
        raise LlmcostError(f"one answer is in one currency, and the scenarios say {rates}", "--currency EUR=1.08")
    return next(iter(said.values()), Setting(units.current(), "default"))


def _several(key: Key, raw: object) -> str:
    """What to type where a list stands for one value; empty where its parts are no values, or digits of one number."""
    parts = raw.split(",") if isinstance(raw, str) else []
    if len(parts) < 2 or all(len(part) == 3 and part.isdecimal() for part in parts[1:]):
        return ""
    try:
        for part in parts:
            parse_value(key, part)
    except LlmcostError:
        return ""
    return one_each(key.name, parts)


def whole_value(name: str, part: object, error: LlmcostError) -> LlmcostError:
    """The finding for a value that is a part of one with a comma in it: that one goes in quotes."""
    whole = [choice for choice in all_keys()[name].choices if "," in choice and str(part) in choice.split(",")]
    if not whole:
        return error
    return LlmcostError(error.message, f"a value with a comma goes in quotes: --vary '{name}=\"{whole[0]}\",...'")


def _sources(values: Mapping[str, object], where: str, findings: list[LlmcostError]) -> list[spec.Source]:
    try:
        return msgspec.convert(values.get("sources", []), list[spec.Source])
    except msgspec.ValidationError as error:
        findings.append(LlmcostError(f"{where}: sources: {plainly(str(error))}", A_SOURCE))
        return []


def unknown_key(name: str, where: str, known: Iterable[str]) -> LlmcostError:
    """The finding for a key nobody knows, with the nearest names."""
    place = f"{where}: " if where else ""
    return LlmcostError(
        f"{place}unknown key {units.shown(name)}",
        did_you_mean(name, [*known, *NOTES, *TABLES]) or "llmcost schema scenario",
    )


class Said(NamedTuple):
    """Raw values with their origin, and the file to name in messages; options have none."""

    values: Mapping[str, object]
    origin: str = "flag"
    where: str = ""


def resolve(flags: Mapping[str, object], *files: Said) -> Scenario:
    """A question from what was typed, over what a scenario file says, over other files.

    Raises
    ------
    LlmcostError
        All findings of the options and of the file together.
    """
    findings: list[LlmcostError] = []
    layers: list[dict[str, Setting]] = []
    said = (Said(flags), *(files or (Said({}),)))
    with units.amounts_in(_currency(each.values for each in said)):
        for each in said:
            try:
                layers.append(layer(*each))
            except LlmcostError as error:
                findings.extend(getattr(error, "findings", [error]))
    raise_all(findings)
    file = said[1].values
    title = file.get("title", "")
    tables = {t: file[t] for t in TABLES if t in file}
    return Scenario(tuple(layers), set(), title if isinstance(title, str) else "", tables)
