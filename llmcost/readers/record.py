"""An object of a file, with the place to name in messages; numbers as programs write them."""

from __future__ import annotations

import math
import re
from typing import Any

from llmcost.errors import LlmcostError, shown

BLANK = {"", "-", "nan", "none", "null", "n/a", "na", "<na>", "not set", "undefined"}
LEAST, MOST = 1e-30, 1e30  # what anybody measures: beyond, a quotient of two numbers may be none
SUFFIXES = {"K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}


def number_of(text: str) -> float | None:
    """A number as logs write it: `10,050`, `8_606_215`, `11.5K`, `1e4`, `37.5%` (as 0.375); None where it is none.

    >>> number_of("10,050"), number_of("8_606_215"), number_of("11.5K"), number_of(" 1e4 "), number_of("37.5%")
    (10050.0, 8606215.0, 11500.0, 10000.0, 0.375)
    >>> number_of("fast"), number_of("1,5"), number_of("(1,234.50)"), number_of("1e-320")
    (None, None, -1234.5, None)
    """
    plain = text.strip().strip("$€£")
    if re.fullmatch(r"\([$€£]?[\d.,]+\)", plain):  # as accountants write what is paid back
        inside = number_of(plain[1:-1])
        return None if inside is None else -inside
    scale = 1.0
    if plain[-1:] in SUFFIXES and plain[:-1].strip()[-1:].isdigit():
        plain, scale = plain[:-1].strip(), SUFFIXES[plain[-1:]]
    elif plain[-1:] == "%":
        plain, scale = plain[:-1].strip(), 0.01
    if re.fullmatch(r"[-+]?\d{1,3}([,_]\d{3})+(\.\d*)?", plain):
        plain = plain.replace(",", "").replace("_", "")
    try:
        value = float(plain) * scale if "_" not in plain else None
    except ValueError:
        return None
    return value if value is None or math.isnan(value) or of_a_size(value) else None


def of_a_size(value: float) -> bool:
    """Whether a number is one that can be measured: zero, or neither tiny nor huge beyond any use.

    >>> of_a_size(0.0), of_a_size(-3e12), of_a_size(1e-320), of_a_size(float("inf"))
    (True, True, False, False)
    """
    return value == 0.0 or LEAST <= abs(value) <= MOST


class Record:
    """A JSON object, or a row of a table, whose values are asked for by name or by `dotted.path`."""

    def __init__(self, data: dict[str, Any], where: str) -> None:
        self.data = data
        self.where = where

    def value(self, path: str) -> Any:
        """What stands there; None where nothing does."""
        if path in self.data:
            return self.data[path]
        here: Any = self.data
        for part in path.split("."):
            if not isinstance(here, dict) or part not in here:
                return None
            here = here[part]
        return here

    def has(self, *paths: str) -> bool:
        """Whether every one of the paths is there, null or not."""
        return all(path in self.data or self.value(path) is not None for path in paths)

    def number(self, *paths: str, scale: float = 1.0, signed: bool = False) -> float | None:
        """The first of the paths that holds a number, times `scale`; None where none does.

        Raises
        ------
        LlmcostError
            What stands there is no number, negative (unless `signed`) or beyond any size.
        """
        for path in paths:
            raw = self.value(path)
            if raw is None or (isinstance(raw, str) and raw.strip().lower() in BLANK):
                continue
            value = number_of(raw) if isinstance(raw, str) else raw
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise LlmcostError(f"{self.where}: {path} is {shown(raw, 40)}, a number is wanted")
            if math.isnan(value):
                continue
            if not of_a_size(value) or (value < 0 and not signed):
                raise LlmcostError(f"{self.where}: {path} is {shown(raw, 40)}, a number from 0 on is wanted")
            return float(value) * scale
        return None

    def measured(self, *paths: str, scale: float = 1.0) -> float | None:
        """As `number`, where zero means that nothing was recorded."""
        return self.number(*paths, scale=scale) or None

    def text(self, *paths: str) -> str | None:
        """The first of the paths that holds words."""
        for path in paths:
            raw = self.value(path)
            if isinstance(raw, str) and raw.strip().lower() not in BLANK:
                return raw.strip()
        return None

    def part(self, path: str) -> Record:
        """The object there; an empty one where there is none.

        Raises
        ------
        LlmcostError
            Something else stands there.
        """
        raw = self.value(path)
        if raw is not None and not isinstance(raw, dict):
            raise LlmcostError(f"{self.where}: {path} is {shown(raw, 40)}, an object is wanted")
        return Record(raw or {}, f"{self.where}: {path}")

    def parts(self, path: str) -> list[Record]:
        """The objects of the list there; none where there is no list.

        Raises
        ------
        LlmcostError
            Something else stands there.
        """
        raw = self.value(path)
        if raw is None:
            return []
        if not isinstance(raw, list) or any(not isinstance(item, dict) for item in raw):
            raise LlmcostError(f"{self.where}: {path} is {shown(raw, 40)}, a list of objects is wanted")
        return [Record(item, f"{self.where}: {path}[{n}]") for n, item in enumerate(raw)]
