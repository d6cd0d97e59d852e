"""Inputs that only scale the curves: a page moves them together, once the engine has shown that it may.

Training T and inference i a day at launch meet at the level L = T / i, whatever the growth. An input v that scales T by
(v / v0)^a and i by (v / v0)^b, a and b among -1, 0 and 1, scales L by (v / v0)^(a - b): in the centre, and in every
sample alike, so in both ends of the range. A fleet of whole accelerators has no such law: its cost is a staircase.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NotRequired

from llmcost.keys import all_keys
from llmcost.records import NamedTuple, TypedDict
from llmcost.units import DAY, MONTH

PROBES = (0.371, 2.93)  # of a value: no round ratio, at which whole accelerators might agree by chance
SHARES = (0.371, 0.617)
GROWTHS = (0.0371, 0.0617)
POWERS = (-1, 0, 1)
AGREED = 1e-8  # relative difference of two answers that are the same
QUANTILES: tuple[Literal["centre", "p5", "p95"], ...] = ("centre", "p5", "p95")


class Levels(TypedDict):
    """Where training meets inference, at the centre and at the ends of its range [days of traffic at launch]."""

    centre: float | None
    p5: float | None
    p95: float | None


class Stop(TypedDict):
    """The answer with one input at one value: what a page shows where its slider stands."""

    input: str
    value: float
    training_usd: float | None
    inference_usd_per_day: float | None
    growth: float
    levels: Levels
    typed: str
    headline: str
    crossover_days: float | None
    p5: float | None
    p95: float | None
    level: float | None
    curve: list[list[float | None]]
    training_power: NotRequired[int]  # of an input that keeps a law
    inference_power: NotRequired[int]
    alone: NotRequired[bool]  # of one that keeps none: whether it stops the others


class Law(NamedTuple):
    """Powers by which training and inference follow an input."""

    training: int
    inference: int


def read_law(here: Stop, probes: Sequence[Stop], still: bool = False) -> Law | None:
    """The law that answers at other values of an input keep; None where they keep none.

    `still`: the input moves neither training nor the inference of a day, and the level stays where it is.
    """
    if here["levels"]["centre"] is None or all(probe["levels"]["centre"] is None for probe in probes):
        return None  # nothing to compare
    if still:
        return Law(0, 0) if len(probes) == 2 and all(scales(here, probe, 1.0) for probe in probes) else None
    ratios = [float(probe["value"]) / float(here["value"]) for probe in probes] if here["value"] else []
    if len(ratios) < 2:
        return None
    found = list(zip(probes, ratios, strict=True))

    def power(name: Literal["training_usd", "inference_usd_per_day"]) -> int | None:
        return next((n for n in POWERS if all(_same(probe[name], here[name], r**n) for probe, r in found)), None)

    training, inference = power("training_usd"), power("inference_usd_per_day")
    if training is None or inference is None or training == inference == 0:
        return None
    kept = (scales(here, probe, r ** (training - inference)) for probe, r in found)
    return Law(training, inference) if all(kept) else None


def scales(here: Stop, there: Stop, factor: float) -> bool:
    """Whether an answer's levels are those of another, times a factor; what one does not know is no contradiction."""
    pairs = [(here["levels"][q], there["levels"][q]) for q in QUANTILES]
    return all(a is None or b is None or _same(b, a, factor) for a, b in pairs)


def level(day: float | None, growth: float) -> float | None:
    """Requests by a day over those of the day of launch, which grow by `growth` a month [days].

    >>> level(300.0, 0.0), level(None, 0.1)
    (300.0, None)
    >>> round(level(MONTH / DAY, 1.0) / (MONTH / DAY), 4)  # doubling in a month: 1 / ln 2
    1.4427
    """
    if day is None:
        return None
    k = math.log1p(growth) / (MONTH / DAY)
    return day if abs(k) < 1e-12 else math.expm1(k * day) / k


def _same(there: float | None, here: float | None, factor: float) -> bool:
    return there is not None and here is not None and math.isclose(there, here * factor, rel_tol=AGREED)


PER = {"growth": "mo", "growth_per_year": "y", "decline": "y"}  # kinds that are rates


def typed(key: str, value: float) -> str:
    """A value in base units as it is typed on the command line.

    >>> typed("requests", 2e8), typed("growth", 0.05), typed("utilization", 0.35), typed("tokens", 15e12)
    ('200000000/day', '5%/mo', '35%', '15000000000000')
    >>> typed("horizon", 365 * 86400.0)
    '365d'
    """
    kind = all_keys()[key].kind
    if kind == "seconds":
        return f"{value / DAY:.15g}d"
    if kind in PER:
        return f"{100 * value:.15g}%/{PER[kind]}"
    if kind == "share":
        return f"{100 * value:.15g}%"
    return f"{value:.15g}" + {"per_day": "/day", "usd_per_hour": "/h"}.get(kind, "")
