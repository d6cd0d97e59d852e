"""Answers about accelerators whose price nobody quotes: speed, memory, hours and energy, and dollars that are null."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from llmcost import units
from llmcost.result import Estimate, Scalar
from llmcost.terms import TERMS

UNIT_RATE = 1.0  # USD/h in the search for the cheapest layout, which any rate of one accelerator leaves the same
KEPT = (  # follow from energy, not from a rate; the first that there is goes into the headline
    "electricity_usd_per_mtok", "electricity_usd", "electricity_usd_per_request",
)  # fmt: skip
TAIL = "no price is known for it, so {} are not given"


def without_dollars(estimate: Estimate, headline: str) -> Estimate:
    """The answer with everything that follows from the price unknown, under a headline that needs none."""
    return structs.replace(
        estimate,
        headline=f"{headline}{_drawn(estimate)}.",
        result={key: None if _priced(key) else value for key, value in estimate.result.items()},
        ranges={key: of for key, of in estimate.ranges.items() if not _priced(key)},
        ranges_at_price={key: of for key, of in estimate.ranges_at_price.items() if not _priced(key)},
        breakdown=[],
        steps=[step for step in estimate.steps if not step.unit.startswith("USD")],
        arrays={name: [_row(row) for row in rows] for name, rows in estimate.arrays.items()},
    )


def _drawn(estimate: Estimate) -> str:
    """What it takes in electricity, where its power is known, and that no other dollars are."""
    key = next((key for key in KEPT if estimate.result.get(key) is not None), None)
    if key is None:
        return f"; {TAIL.format('dollars')}"
    kind, of = TERMS[key].kind, estimate.engineering.get(key)
    said = f", {units.format(kind, float(estimate.result[key] or 0.0))} of electricity"
    if of is not None:
        said += f" ({units.format_range(kind, of.p5, of.p95)})"
    return f"{said}; {TAIL.format('other dollars')}"


def _priced(key: str) -> bool:
    return key in TERMS and TERMS[key].kind.startswith("usd") and key not in KEPT


def _row(row: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {key: None if _priced(key) else value for key, value in row.items()}
