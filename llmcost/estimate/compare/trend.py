"""`--trend`: how published training costs have grown, by definition of cost and by period."""

from __future__ import annotations

import csv
import datetime as dt
import math
from typing import Any, NamedTuple

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import DAYS_PER_YEAR
from llmcost.engine.numeric.trend import growth
from llmcost.estimate.asking.question import Origin
from llmcost.files import shipped_folder
from llmcost.result import Estimate, Input, Range

FILE = "training_costs.csv"
SINCE = "GPT-3"  # the model that claims of growth start from
SPLIT = dt.date(2023, 1, 1)  # before and after ChatGPT: does growth slow down?
FEWEST = 4  # values behind a rate
DEFINITION = "amortised"  # of the sentence


class Cost(NamedTuple):
    """A published training cost."""

    model: str
    date: dt.date
    usd: float
    flops: float


def costs() -> tuple[dict[str, list[Cost]], str]:
    """Published costs by definition, oldest first, and their source."""
    with (shipped_folder("validation") / FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list[Cost]] = {}
    for row in sorted(rows, key=lambda r: r["date"]):
        cost = Cost(row["model"], dt.date.fromisoformat(row["date"]), float(row["usd"]), float(row["training_flops"]))
        found.setdefault(row["cost_definition"], []).append(cost)
    return found, rows[0]["source"]


def trend(catalog: Catalog) -> Estimate:
    """Growth of published training costs: every model, the largest of their day, and both halves of the time."""
    every, source = costs()
    rows = [row for name, found in every.items() for row in _rows(name, found)]
    main = next(row for row in rows if row["cost_definition"] == DEFINITION and row["subset"] == "every model")
    given = Input(f"validation/{FILE}", "name", *Origin("preset", source, None, "third-party"))
    result = {"growth_per_year": main["growth_per_year"], **{k: v for k, v in main.items() if k != "subset"}}
    return Estimate(
        command="compare",
        headline=_headline(main, rows),
        result=result,
        ranges={
            "growth_per_year": Range(main["growth_p5_per_year"], main["growth_per_year"], main["growth_p95_per_year"])
        },
        inputs={"published_costs": given},
        arrays={"trend": rows},
        presets=presets_date(catalog),
    )


def _rows(name: str, found: list[Cost]) -> list[dict[str, Any]]:
    subsets = {
        "every model": found,
        "largest so far": [c for i, c in enumerate(found) if c.flops > max((d.flops for d in found[:i]), default=0.0)],
        f"to {SPLIT.year - 1}": [c for c in found if c.date < SPLIT],
        f"from {SPLIT.year}": [c for c in found if c.date >= SPLIT],
    }
    return [_row(name, subset, some) for subset, some in subsets.items() if len(some) >= FEWEST]


def _row(name: str, subset: str, found: list[Cost]) -> dict[str, Any]:
    years = np.array([c.date.toordinal() for c in found]) / DAYS_PER_YEAR
    rate = growth(years - years[0], np.array([c.usd for c in found]))
    first = next((c for c in found if c.model.startswith(SINCE + " ")), None)
    dearest = max(found, key=lambda c: c.usd)
    return {
        "cost_definition": name,
        "subset": subset,
        "n": rate.values,
        "growth_per_year": rate.per_year,
        "growth_p5_per_year": rate.p5,
        "growth_p95_per_year": rate.p95,
        "doubling_months": 12.0 * math.log(2.0) / math.log(rate.per_year) if rate.per_year > 1 else None,
        "dearest": dearest.model,
        "dearest_usd": dearest.usd,
        "since_gpt3": None if first is None else dearest.usd / first.usd,
    }


def _headline(main: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    text = f"Published training costs grew {_pace(main)} x a year ({DEFINITION})"
    ratios = [r["since_gpt3"] for r in rows if r["since_gpt3"] is not None and r["subset"] == "every model"]
    text += f"; the dearest run is {min(ratios):,.0f} to {max(ratios):,.0f} x {SINCE}"
    halves = {r["subset"]: r for r in rows if r["cost_definition"] == DEFINITION}
    late = halves[f"from {SPLIT.year}"]
    return text + (
        f"; from {SPLIT.year} on {_pace(late)} x a year, "
        f"up to {units.format('usd', main['dearest_usd'])} for {main['dearest']}."
    )


def _pace(row: dict[str, Any]) -> str:
    low, mid, high = (row[f"growth{q}_per_year"] for q in ("_p5", "", "_p95"))
    return f"{mid:.1f} ({low:.1f} to {high:.1f})"
