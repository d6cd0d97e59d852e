"""Which value of a calibrated constant counts for a machine and a framework."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llmcost.errors import LlmcostError
from llmcost.records import FactorRow, NamedTuple

GIB = 2.0**30
NAMED = "named"  # framework of rows that count for every framework that is named


class Told(NamedTuple):
    """What is known of the software and the card beside their names."""

    year: int | None = None  # of the software; without it, present
    release: float | None = None  # of the software, where it is known: vLLM 0.17 is 17
    memory_bytes: float = math.nan  # that a process on the card is shown [bytes]

    def count(self, row: FactorRow) -> bool:
        """Whether a row counts."""
        if "above_gib" in row and not self.memory_bytes >= row["above_gib"] * GIB:
            return False
        if "before" not in row and "until" not in row:
            return True
        if self.release is not None and "before" in row:
            return bool(self.release < row["before"])
        return self.year is not None and "until" in row and self.year <= row["until"]


NOTHING = Told()


def generations_of(row: FactorRow) -> list[str]:
    """Of which a row is told: one, several, or "any"."""
    said = row.get("generation", "any")
    return [said] if isinstance(said, str) else said


def picked(
    rows: Iterable[FactorRow], names: Iterable[str], generation: str, framework: str = "any", told: Told = NOTHING
) -> dict[str, float]:
    """Value of each name that the rows know: of several rows the most specific, then the last.

    A row for the framework comes before one for the generation, and both before one for any; framework "named" is any
    but "any" itself. Rows with `ratio` multiply
    what is picked so, all that apply: what is known of kin is kept. Rows with `until` apply to software of that year
    or before it, rows with `before` to releases before that one, rows with `above_gib` to cards of so much memory.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[factors]]`: name, value, generation (a name, a list of names, or "any"), framework.
    names : iterable of str
        Constants wanted.
    generation, framework : str
        Of the accelerator preset, and of the software that serves.
    told : Told
        Year and release of the software, memory of the card.

    Source: presets/calibration.

    Examples
    --------
    >>> rows = [{"name": "a", "value": 1.0, "generation": "any"}, {"name": "a", "value": 2.0, "generation": ["volta"]}]
    >>> picked(rows, ["a"], "volta"), picked(rows, ["a"], "hopper")
    ({'a': 2.0}, {'a': 1.0})
    >>> rows += [{"name": "a", "value": 3.0, "framework": "old", "ratio": True, "until": 2024}]
    >>> [picked(rows, ["a"], "volta", "old", Told(year))["a"] for year in (2024, 2025, None)]
    [6.0, 2.0, 2.0]
    >>> rows += [{"name": "a", "value": 5.0, "above_gib": 70}]
    >>> [picked(rows, ["a"], "hopper", told=Told(memory_bytes=size * GIB))["a"] for size in (24, 80)]
    [1.0, 5.0]
    """
    asked = set(names)
    best: dict[str, tuple[int, float]] = {}
    ratios: dict[str, float] = {}
    for row in rows:
        name, framework_of, listed = row["name"], row.get("framework", "any"), generations_of(row)
        own = generation in listed
        software = framework_of in ("any", framework) or (framework_of == NAMED and framework != "any")
        if name not in asked or not software or not (own or "any" in listed):
            continue
        if not told.count(row):
            continue
        if row.get("ratio"):
            ratios[name] = ratios.get(name, 1.0) * float(row["value"])
            continue
        rank = 2 * (framework_of != "any") + (own and generation != "any")
        if name not in best or rank >= best[name][0]:
            best[name] = (rank, float(row["value"]))
    return {name: value * ratios.get(name, 1.0) for name, (_, value) in best.items()}


def values_of(rows: Iterable[FactorRow], names: Iterable[str], generation: str) -> list[float]:
    """Values of all names, in their order.

    Parameters
    ----------
    rows, names, generation
        As in `picked`.

    Source: presets/calibration.

    Raises
    ------
    LlmcostError
        A constant is missing.

    Examples
    --------
    >>> values_of([{"name": "a", "value": 1.0}, {"name": "b", "value": 2.0}], ["b", "a"], "hopper")
    [2.0, 1.0]
    """
    wanted = list(names)
    known = picked(rows, wanted, generation)
    for name in wanted:
        if name not in known:
            raise LlmcostError(f"no calibration factor {name!r} for generation {generation!r}", "llmcost presets check")
    return [known[name] for name in wanted]
