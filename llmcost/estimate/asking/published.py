"""Values that a user gives, against what has been published of their kind: further out is said, never refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcost import units
from llmcost.engine.numeric.spread import Spread, median
from llmcost.keys import KEYS

if TYPE_CHECKING:
    from llmcost.estimate.asking.question import Number, Question

FILE = "published"
# Keys with a published range, each with the factor that holds it.
RANGED = {"price": "price", "reserved_price": "price", "spot_price": "price", "tokens": "tokens", "mfu": "mfu"}
FAR = 3.0  # a factor beyond either end; a share may not exceed its highest at all


def say(question: Question, key: str, given: Number) -> None:
    """Warn where the median of a given value is far outside of its published range."""
    known = question.factor(FILE, RANGED[key]).value
    assert isinstance(known, Spread)
    kind = KEYS[key].kind
    above = 1.0 if kind == "share" else FAR
    value = median(given)
    if known.p5 / FAR <= value <= known.p95 * above:
        return
    low, high = units.format(kind, known.p5), units.format(kind, known.p95)
    question.warn(
        "W043",
        f"{KEYS[key].option} {units.format(kind, value)} is far outside what has been published: {low} to {high}",
        f"check its unit; llmcost presets show calibration/{FILE}",
    )
