"""JSON: everything in the answer, base units, fixed order, same input same bytes."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llmcost.render import Options
from llmcost.result import Estimate
from llmcost.units.currency import DOLLAR
from llmcost.version import __version__

EXACT_INT = 2**53  # beyond it a reader that has only doubles would change the digits
# Legal in JSON as they are, but a terminal would obey them: 8-bit controls, direction marks, line separators.
_OBEYED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\U000e0000-\U000e0fff]")


def render(estimate: Estimate, options: Options) -> str:
    """The whole answer.

    Raises
    ------
    ValueError
        A number that is not finite, or an array that would hide another key: a bug in an estimate.
    """
    body = (
        msgspec.json.format(msgspec.json.encode(document(estimate, options.explain, options.curve)), indent=2).decode()
        + "\n"
    )
    if body.isascii() and "\x7f" not in body:
        return body
    body = _OBEYED.sub(lambda found: _escaped(found.group()), body)
    return body if options.unicode else _escaped(body)


def document(estimate: Estimate, explain: bool, curve: bool = False) -> dict[str, Any]:
    """The answer as plain builtins, keys in their published order; steps and curves are there when asked for."""
    found: dict[str, Any] = {
        "schema": f"llmcost/{estimate.command}/1",
        "llmcost": __version__,
        "presets": estimate.presets,
        "currency": DOLLAR,
        "headline": estimate.headline,
        "inputs": estimate.inputs,
        "result": estimate.result,
        "ranges": estimate.ranges,
        **({"ranges_at_price": estimate.ranges_at_price} if estimate.ranges_at_price else {}),
        "breakdown": estimate.breakdown,
        "warnings": estimate.warnings,
    }
    if explain and estimate.steps:
        found["steps"] = estimate.steps
    for name, array in estimate.tables.items():
        if name == "curve" and not curve:
            continue
        if name in found:
            raise ValueError(f"array {name!r} has the name of a key of every answer")
        found[name] = array
    return {key: plain(value, key) for key, value in found.items()}


class _Odd(ValueError):
    """A value that JSON does not have, and its place below what was asked for."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place = ""


def plain(value: Any, where: str) -> Any:
    """Builtins of JSON; numpy values by what they can do, so that numpy is not needed here.

    >>> import datetime
    >>> plain({"day": datetime.date(2026, 11, 23), "x": (1, 2.5)}, "")
    {'day': '2026-11-23', 'x': [1, 2.5]}
    """
    try:
        return _plain(value)
    except _Odd as error:
        raise ValueError(f"{where}{error.place} {error}") from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        )  # half a pair is no text
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Odd(f"is {value}: an answer has finite numbers and null")
        return float(value)
    if isinstance(value, int):
        return int(value) if abs(value) <= EXACT_INT else float(value)
    if isinstance(value, dict):
        return _fields(value.items())
    if isinstance(value, list | tuple):
        return _items(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return _fields((f, getattr(value, f)) for f in value.__struct_fields__)
    if isinstance(value, Mapping):
        return _fields(value.items())
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise _Odd(f"is a {type(value).__name__}, which JSON does not have")


def _fields(of: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found = {}
    for key, value in of:
        try:
            found[key if isinstance(key, str) and key.isascii() else _plain(str(key))] = _plain(value)
        except _Odd as error:
            error.place = f".{key}{error.place}"
            raise
    return found


def _items(of: Iterable[Any]) -> list[Any]:
    found = []
    for value in of:
        try:
            found.append(_plain(value))
        except _Odd as error:
            error.place = f"[{len(found)}]{error.place}"
            raise
    return found


def _escaped(text: str) -> str:
    r"""Escapes in place of what the output cannot carry: the same document in ASCII."""
    units = text.encode("utf-16-be")
    pairs = (int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return "".join(chr(u) if u < 128 else f"\\u{u:04x}" for u in pairs)
