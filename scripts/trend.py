"""How published training costs have grown, by definition of cost and by period: a table of docs/method-compare.md."""

from __future__ import annotations

import csv
import datetime as dt
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import DAYS_PER_YEAR, Z95, Array

FILE = Path(__file__).parent.parent / "validation" / "training_costs.csv"
SINCE = "GPT-3"  # the model that claims of growth start from
SPLIT = dt.date(2023, 1, 1)  # before and after ChatGPT: does growth slow down?
FEWEST = 4  # values behind a rate


class Cost(NamedTuple):
    """A published training cost."""

    model: str
    date: dt.date
    usd: float
    flops: float


class Growth(NamedTuple):
    """A factor a year, and its 90 % interval."""

    per_year: float
    p5: float
    p95: float


class Row(NamedTuple):
    """The growth of some published costs."""

    definition: str
    subset: str
    values: int
    growth: Growth
    dearest: Cost
    since_gpt3: float | None


def growth(years: Array, values: Array) -> Growth:
    r"""Exponential growth through dated values, by least squares on the logarithm.

    .. math:: \ln v = a + g t, \quad \text{factor} = e^g, \quad se_g = s / \sqrt{\sum (t - \bar t)^2}

    The interval is normal, +- 1.645 standard errors: too narrow for fewer than about ten values.

    Source: ordinary least squares; the method of Cottier et al. 2024, arXiv:2405.21015, section 2.
    """
    away, y = years - years.mean(), np.log(values)
    slope = float(away @ y / (away @ away))
    rest = y - y.mean() - slope * away
    error = float(np.sqrt(rest @ rest / (len(y) - 2) / (away @ away)))
    return Growth(*(math.exp(slope + z * error) for z in (0.0, -Z95, Z95)))


def costs() -> dict[str, list[Cost]]:
    """Published costs by definition, oldest first."""
    with FILE.open(encoding="utf-8", newline="") as file:
        lines = sorted(csv.DictReader(file), key=lambda line: line["date"])
    found: dict[str, list[Cost]] = {}
    for line in lines:
        date = dt.date.fromisoformat(line["date"])
        cost = Cost(line["model"], date, float(line["usd"]), float(line["training_flops"]))
        found.setdefault(line["cost_definition"], []).append(cost)
    return found


def rows() -> list[Row]:
    """Every model, the largest of their day, and both halves of the time."""
    return [
        _row(definition, subset, some)
        for definition, found in costs().items()
        for subset, some in _subsets(found).items()
        if len(some) >= FEWEST
    ]


def _subsets(found: list[Cost]) -> dict[str, list[Cost]]:
    return {
        "every model": found,
        "largest so far": [c for i, c in enumerate(found) if c.flops > max((d.flops for d in found[:i]), default=0.0)],
        f"to {SPLIT.year - 1}": [c for c in found if c.date < SPLIT],
        f"from {SPLIT.year}": [c for c in found if c.date >= SPLIT],
    }


def _row(definition: str, subset: str, found: list[Cost]) -> Row:
    years = np.array([c.date.toordinal() for c in found]) / DAYS_PER_YEAR
    rate = growth(years, np.array([c.usd for c in found]))
    first = next((c for c in found if c.model.startswith(SINCE + " ")), None)
    dearest = max(found, key=lambda c: c.usd)
    return Row(definition, subset, len(found), rate, dearest, None if first is None else dearest.usd / first.usd)


def table() -> str:
    """The table in Markdown."""
    lines = [
        "| cost means | models | values | growth a year (90 %) | doubles in | dearest | its cost | over GPT-3 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows():
        rate = row.growth
        doubles = f"{12.0 * math.log(2.0) / math.log(rate.per_year):.1f} months" if rate.per_year > 1 else ""
        over = "" if row.since_gpt3 is None else f"{row.since_gpt3:,.0f} x"
        cells = (
            row.definition, row.subset, str(row.values), f"{rate.per_year:.1f} x ({rate.p5:.1f} to {rate.p95:.1f})",
            doubles, row.dearest.model, units.format("usd", row.dearest.usd), over,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
