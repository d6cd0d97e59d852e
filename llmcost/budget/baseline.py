"""The answers of an earlier check, and what has moved since."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from llmcost import units
from llmcost.errors import LlmcostError
from llmcost.records import NamedTuple
from llmcost.result import Input, Range

SCHEMA = "llmcost/check/1"
HINT = "llmcost check --baseline FILE --update-baseline writes one"


class Said(Struct, frozen=True):
    """An input of an earlier answer."""

    value: Any = None
    unit: str = ""


class Earlier(Struct, frozen=True):
    """One answer of an earlier check."""

    scenario: str
    on: str
    result: dict[str, float | str | bool | None] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    inputs: dict[str, Said] = field(default_factory=dict)


class Document(Struct, frozen=True):
    """What a baseline needs of the JSON that a check prints."""

    schema: str
    answers: list[Earlier]


class Change(NamedTuple):
    """An input that is not what it was; `increase` where both are numbers."""

    name: str
    unit: str
    was: Any
    now: Any
    increase: float | None


Answers = dict[tuple[str, str], Earlier]


def read(raw: bytes, label: str) -> Answers:
    """The answers of a baseline by scenario and command.

    Raises
    ------
    LlmcostError
        Not the JSON of a check.
    """
    try:
        found = msgspec.json.decode(raw, type=Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = units.shown(str(error), 100).strip("'")
        raise LlmcostError(f"{label}: not a baseline: {why}", HINT) from None
    if found.schema != SCHEMA:
        raise LlmcostError(f"{label}: not a baseline: schema {units.shown(found.schema)}, expected {SCHEMA!r}", HINT)
    return {(answer.scenario, answer.on): answer for answer in found.answers}


def changes(then: Mapping[str, Said], now: Mapping[str, Input]) -> list[Change]:
    """Inputs that moved, most first: said ones before computed ones, names before numbers, numbers by their ratio.

    >>> [c.name for c in changes({"gpus": Said(8.0), "model": Said("a")}, {
    ...     "gpus": Input(16.0, "count", "flag"), "model": Input("b", "name", "flag")})]
    ['model', 'gpus']
    """
    found = [
        (_rank(name, then.get(name), now.get(name)), _change(name, then.get(name), now.get(name)))
        for name in dict.fromkeys((*now, *then))
        if not _same(_value(then.get(name)), _value(now.get(name)))
    ]
    return [moved for _, moved in sorted(found, key=lambda pair: pair[0])]


def _same(was: Any, now: Any) -> bool:
    return bool(math.isclose(was, now, rel_tol=1e-9)) if _number(was) and _number(now) else bool(was == now)


def _value(given: Said | Input | None) -> Any:
    return None if given is None else given.value


def _change(name: str, then: Said | None, now: Input | None) -> Change:
    was, is_ = _value(then), _value(now)
    unit = now.unit if now is not None else then.unit if then is not None else ""
    numbers = _number(was) and _number(is_) and was != 0
    return Change(name, unit, was, is_, is_ / was - 1.0 if numbers else None)


def _rank(name: str, then: Said | None, now: Input | None) -> tuple[bool, bool, float]:
    derived = now is not None and now.origin.partition(":")[0] in ("computed", "estimate")
    derived |= name == "as_of"  # what it moves is a price, which is an input too
    was, is_ = _value(then), _value(now)
    if not (_number(was) and _number(is_)):
        return derived, False, 0.0
    moved = abs(math.log(is_ / was)) if was > 0 and is_ > 0 else math.inf
    return derived, True, -moved


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
