"""Techniques as a user writes them: `speculation=80%:4:llama-3.2-1b`, `["fp8-weights", "prefix-cache=50%"]`."""

from __future__ import annotations

from typing import Any

from llmcost import units
from llmcost.errors import LlmcostError, did_you_mean, not_of, raise_all
from llmcost.keys.techniques import NONE, TECHNIQUES, Technique, Value
from llmcost.records import NamedTuple

MOST = 50  # techniques of one question


class Said(NamedTuple):
    """A technique with the values given for it, by their names."""

    technique: Technique
    values: dict[str, Any]
    text: str

    @property
    def name(self) -> str:
        """`fp8-weights`."""
        return self.technique.name


def parse(raw: object) -> tuple[Said, ...]:
    """Techniques from what was typed, or a list in a file; several in one text are joined by `+`.

    Raises
    ------
    LlmcostError
        Unknown names, values that make no sense, one technique twice, or two that exclude each other; all at once.

    Examples
    --------
    >>> [(s.name, s.values) for s in parse(["fp8-weights", "response-cache=30%:0.00002"])]
    [('fp8-weights', {}), ('response-cache', {'share': 0.3, 'price': 2e-05})]
    >>> parse("none")
    ()
    """
    items = raw if isinstance(raw, list | tuple) else [raw]
    texts = [part.strip() for item in items for part in (item.split("+") if isinstance(item, str) else [""])]
    bad = [item for item in items if not isinstance(item, str) or not all(p.strip() for p in item.split("+"))]
    if bad or not texts or len(texts) > MOST:
        told = (
            f"{units.shown(bad[0])} is not a technique"
            if bad
            else f"{len(texts)} techniques, from 1 to {MOST} are taken"
        )
        raise LlmcostError(told, "write NAME or NAME=VALUE, several as a list: fp8-weights, prefix-cache=50%")
    if NONE in texts:
        if len(texts) > 1:
            raise LlmcostError("none and other techniques exclude each other", "leave none out")
        return ()
    found: list[Said] = []
    findings: list[LlmcostError] = []
    for text in texts:
        try:
            found.append(_one(text))
        except LlmcostError as error:
            findings.append(error)
    raise_all([*findings, *_exclusive(found)])
    return tuple(found)


def _one(text: str) -> Said:
    name, equals, rest = text.partition("=")
    name = name.strip()
    technique = TECHNIQUES.get(name)
    if technique is None:
        raise LlmcostError(
            f"unknown technique {units.shown(name)}",
            did_you_mean(name, TECHNIQUES) or "llmcost serve --help-all lists them: fp8-weights, prefix-cache=50%, ...",
        )
    parts = [part.strip() for part in rest.split(":")] if equals else []
    if len(parts) > len(technique.values) or any(not part for part in parts):
        raise LlmcostError(f"{units.shown(text)}: expected {technique.form}", f"--technique {technique.form}")
    missing = [v.name for v in technique.values[len(parts) :] if v.needed]
    if missing:
        raise LlmcostError(f"{name} needs its {' and '.join(missing)}", f"--technique {technique.form}")
    values = {}
    for value, part in zip(technique.values, parts, strict=False):
        try:
            values[value.name] = _value(value, part)
        except LlmcostError as error:
            raise units.at(f"{name}: {value.name}", error) from None
    return Said(technique, values, text)


def _value(value: Value, raw: str) -> Any:
    if value.kind == "models":
        return raw
    if value.kind == "choice":
        if raw in value.choices:
            return raw
        raise not_of(raw, value.choices)
    if value.kind == "draft":
        return _draft(raw)
    number = units.parse(value.kind, raw)
    if value.inside and not 0 < number < 1:
        raise LlmcostError(f"{units.shown(raw)} must lie between nothing and all", "write it as 40%, 0.4")
    if value.most is not None and number > value.most:
        most = units.format(value.kind, value.most)
        raise LlmcostError(f"{units.shown(raw)} is too large: at most {most}", f"write {most} or less")
    return int(number) if value.kind == "whole" else number


def _draft(raw: str) -> float | str:
    """A draft model by name, or the time of one of its steps over one of the model's."""
    if not raw[:1].isdigit() and raw[:1] not in "-.":
        return raw
    ratio = units.parse("share" if raw.endswith("%") else "ratio", raw)
    if not 0 <= ratio < 1:
        raise LlmcostError(
            f"{units.shown(raw)} is not a draft: its step must take less time than the model's",
            "a model, or a ratio below 1: llama-3.2-1b, 0.05",
        )
    return ratio


def _exclusive(found: list[Said]) -> list[LlmcostError]:
    """Findings of one thing said twice."""
    findings, seen = [], dict[str, Said]()
    for said in found:
        other = seen.setdefault(said.technique.lever, said)
        if other is said:
            continue
        if other.name == said.name:
            findings.append(LlmcostError(f"{said.name} is given twice", "leave one of them out"))
        else:
            findings.append(LlmcostError(f"{other.name} and {said.name} exclude each other", "leave one of them out"))
    return findings
