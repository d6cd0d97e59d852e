"""What is compared: scenarios, their `[[alternative]]` tables, `--vary` and `--against`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count, product
from typing import Any

from llmcost import scenario as sc
from llmcost import units
from llmcost.errors import LlmcostError, did_you_mean, raise_all
from llmcost.keys import all_keys, buying
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario, Setting

MAX_ALTERNATIVES = 10_000
AN_ALTERNATIVE = '[[alternative]], and below it name = "ours" and the keys that differ'
AGAINST = ("api", "own", "rent")
PRICED = ("price", "serve_price", "train_price")
BARE = ("model", "hardware", "provider", "region", "api")  # values that say which key they are of
# What a provider of tokens bills by: no other key makes a difference to bought tokens.
BOUGHT = (*(key.name for key in buying.KEYS), "isl", "osl", "cache_hit", "requests", "train_cost", "horizon", "as_of")

Cell = Mapping[str, Setting]


class Alternative(NamedTuple):
    """One question of several, by the name it goes under."""

    name: str
    scenario: Scenario
    fixed: frozenset[str] = frozenset()  # keys that its own table sets: an axis leaves them alone


class Axis(NamedTuple):
    """A key and the values it takes, as typed and as parsed."""

    key: str
    said: list[str]
    values: list[Setting]


def every(bases: list[Alternative], vary: list[str], against: list[str]) -> list[tuple[Alternative, list[Axis]]]:
    """Every question to compare, each with the axes that apply to it.

    Raises
    ------
    LlmcostError
        All findings of `--vary`, `--against` and alternative tables at once; fewer than two alternatives, or too many.
    """
    findings: list[LlmcostError] = []
    axes = _axes(vary, findings)
    asked = [a for base in bases for a in _of_file(base, findings)]
    others = [_against(text, findings) for text in against]
    findings += [*twice("", [base.name for base in bases if base.name]), *twice("--against ", against)]
    raise_all(findings)
    found = [*asked, *(_otherwise(base, text, cell, len(bases) > 1) for base in bases for text, cell in others)]
    several = len(found) > 1
    named = [a._replace(name=a.name or (_what(a.scenario) if several else "")) for a in found]
    pairs = [(a, [axis for axis in axes if _applies(axis, a.scenario)]) for a in _told_apart(named)]
    many = sum(_size(axes) for _, axes in pairs)
    if many < 2:
        raise LlmcostError(
            "one alternative is nothing to compare",
            "name several scenarios, or add --vary hardware=h100-sxm,h200-sxm or --against api:openai/gpt-4o",
        )
    if many > MAX_ALTERNATIVES:
        raise LlmcostError(
            f"--vary makes {many:,} alternatives, at most {MAX_ALTERNATIVES:,} are compared",
            "llmcost sweep writes any number of points to a file",
        )
    return pairs


def _size(axes: Iterable[Axis]) -> int:
    return math.prod(len(axis.values) for axis in axes)


def _applies(axis: Axis, scenario: Scenario) -> bool:
    """Whether a varied key makes a difference to a question."""
    if scenario.get("api") is not None and axis.key not in BOUGHT:
        return False
    return not any(layer.get(axis.key, _NOBODY).origin == sc.AGAINST for layer in scenario.layers)


_NOBODY = Setting(None, "")


def _told_apart(named: list[Alternative]) -> list[Alternative]:
    """The same alternatives, those of a name that another has too with a number behind it."""
    taken: set[str] = set()
    found = []
    for one in named:
        free = (f"{one.name} ({n})" for n in count(2))
        name = one.name if one.name not in taken else next(other for other in free if other not in taken)
        taken.add(name)
        found.append(one._replace(name=name))
    return found


def _otherwise(base: Alternative, text: str, cell: Cell, several: bool) -> Alternative:
    """The question supplied otherwise; what an hour costs where it is asked about says nothing of the other supply."""
    name = f"{base.name}, {text}" if several and base.name else text
    if not {"commitment", "provider"} & cell.keys():
        return Alternative(name, base.scenario.over(cell))
    layers = tuple({k: v for k, v in layer.items() if k not in PRICED} for layer in base.scenario.layers)
    return Alternative(name, base.scenario._replace(layers=layers).over(cell))


def cells(axes: list[Axis]) -> list[Cell]:
    """Every combination of the values of some axes."""
    keys = [axis.key for axis in axes]
    return [dict(zip(keys, values, strict=True)) for values in product(*(axis.values for axis in axes))]


def labels(axes: list[Axis]) -> dict[str, dict[int, str]]:
    """What to call each value of each axis that has several, by its identity."""
    return {
        x.key: {id(v): said if x.key in BARE else f"{x.key} {said}" for said, v in zip(x.said, x.values, strict=True)}
        for x in axes
        if len(x.values) > 1
    }


def name_of(base: str, cell: Cell, called: Mapping[str, Mapping[int, str]], several: bool) -> str:
    """The name of an alternative: what distinguishes it from the others."""
    label = ", ".join(names[id(cell[key])] for key, names in called.items())
    return ", ".join(x for x in (base if several or not label else "", label) if x) or "as asked"


def _axes(vary: list[str], findings: list[LlmcostError]) -> list[Axis]:
    found: list[Axis] = []
    for text in vary:
        key, _, values = text.partition("=")
        key = key.strip().replace("-", "_")
        said = units.split_values(values)
        if not said:
            findings.append(
                LlmcostError(f"--vary {units.shown(text)}: expected KEY=A,B,C", "--vary hardware=h100-sxm,h200-sxm")
            )
        elif key not in all_keys():
            findings.append(units.at("--vary", sc.unknown_key(key, "", all_keys())))
        elif any(axis.key == key for axis in found):
            findings.append(LlmcostError(f"--vary {key} is given twice", f"--vary {key}={values},..."))
        else:
            findings += twice(f"--vary {key}: ", said)
            found.append(Axis(key, said, _parsed(key, said, findings)))
    return found


def twice(option: str, said: list[str]) -> list[LlmcostError]:
    """A finding for each text that stands more than once."""
    again = (text for text, times in Counter(said).items() if times > 1)
    return [LlmcostError(f"{option}{units.shown(text)} is given twice", "each of them once") for text in again]


def _parsed(key: str, said: list[str], findings: list[LlmcostError]) -> list[Setting]:
    values = []
    for text in said:
        try:
            values.append(sc.layer({key: text}, "flag:--vary")[key])
        except LlmcostError as error:
            findings.append(units.at("--vary", sc.whole_value(key, text, error)))
    return values


def _against(text: str, findings: list[LlmcostError]) -> tuple[str, Cell]:
    """`api:PROVIDER/MODEL`, `own:` or `rent:PROVIDER[:commitment]` as keys laid over the question."""
    kind, colon, rest = text.partition(":")
    values: dict[str, object] = {}
    if kind == "api" and rest:
        values = {"api": rest}
    elif kind == "own" and colon and not rest:
        values = {"commitment": "owned"}
    elif kind == "rent" and rest:
        provider, colon, commitment = rest.partition(":")
        values = {"provider": provider, "commitment": commitment if colon else "on-demand"}
    else:
        near = did_you_mean(kind, AGAINST) if kind not in AGAINST else ""
        hint = near or "--against api:openai/gpt-4o, own:, rent:lambda or rent:aws:1-year"
        findings.append(
            LlmcostError(
                f"--against {units.shown(text)}: expected api:PROVIDER/MODEL, own: or rent:PROVIDER[:commitment]", hint
            )
        )
    return text, _parsed_against(text, values, findings)


def _parsed_against(text: str, values: Mapping[str, object], findings: list[LlmcostError]) -> Cell:
    try:
        return sc.layer(values, sc.AGAINST)
    except LlmcostError as error:
        plain = LlmcostError(error.message.partition(": ")[2], error.hint)
        findings.append(units.at(f"--against {units.shown(text)}", plain))
        return {}


def _of_file(base: Alternative, findings: list[LlmcostError]) -> list[Alternative]:
    """A scenario, or each of its `[[alternative]]` tables laid between the options and the rest of the file."""
    tables = base.scenario.tables.get("alternative")
    if tables is None:
        return [base]
    flags, *below = base.scenario.layers
    origin = next((v.origin for layer in below for v in layer.values()), "file:")
    where = origin.partition(":")[2] or base.name
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        findings.append(
            LlmcostError(f"{where}: alternative: expected [[alternative]] tables with a name each", AN_ALTERNATIVE)
        )
        return []
    found: list[Alternative] = []
    for number, table in enumerate(tables, 1):
        place, name = f"{where}: alternative {number}", table.get("name")
        if not isinstance(name, str) or not name.strip() or name in [a.name for a in found]:
            findings.append(LlmcostError(f"{place}: needs a name of its own, got {units.shown(name)}", AN_ALTERNATIVE))
            continue
        try:
            layer = sc.layer({k: v for k, v in table.items() if k != "name"}, origin, place)
        except LlmcostError as error:
            findings.extend(getattr(error, "findings", [error]))
            continue
        found.append(Alternative(name, base.scenario._replace(layers=(flags, layer, *below)), frozenset(layer)))
    return found


def _what(scenario: Scenario) -> str:
    """What an unnamed question is about: its model and machine."""
    said: list[Any] = [scenario.get(key, "serve") for key in ("model", "hardware")]
    return " on ".join(str(s.value) for s in said if s is not None) or "as asked"


def refuse_unread(asked: list[tuple[Alternative, list[Axis]]]) -> None:
    """Refuse a varied key that changed nothing.

    Raises
    ------
    LlmcostError
        Every key that no alternative took.
    """
    read = {name for a, _ in asked for name in a.scenario.read}
    keys = dict.fromkeys(axis.key for _, axes in asked for axis in axes)
    raise_all(
        [
            LlmcostError(f"--vary {key} has no effect in this question", f"other values decide: leave --vary {key} out")
            for key in keys
            if key not in read
        ]
    )
