"""Latencies of an answer: at its load, beside those of the full batch, with the ranges of the engine's error."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from llmcost import units
from llmcost.engine.numeric.spread import Spread, interval, median
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet import idle
from llmcost.estimate.serving.hosted import Hosted
from llmcost.result import Range

# What ranges as what: an error of the engine is the same at any load.
RANGED = {"tpot_seconds": ("tpot_full_seconds",)} | dict.fromkeys(
    ("ttft_seconds", "ttft_p50_seconds", "ttft_p95_seconds", "ttft_p99_seconds"),
    ("ttft_full_seconds", "ttft_idle_seconds"),
)


def at_load(service: Hosted, c: ServingFigures, spread: Mapping[str, Range]) -> tuple[ServingFigures, dict[str, Range]]:
    """The figures of an answer and their ranges, with its latencies; null where a queue grows without end."""
    question = service.question
    every = service.latencies(serving_numbers(sampling.central(question.numbers)), c)
    found = {k: float(named(every, k)) for k in every}
    known = {k: v if math.isfinite(v) else None for k, v in found.items()}
    if not all(map(math.isfinite, found.values())):
        question.warn(
            "W052",
            "at this load random arrivals queue without end: their TTFT has no mean",
            "leave room: --utilization 90%",
        )
    _warn_of_target(service, known.get("ttft_seconds"))
    if "cold_start_share" in c:
        start = sampling.central(question.numbers)["cold_start"]
        idle.warn(question, c["cold_start_share"], start)
    ranges = {
        name: Range(at * of.p5 / of.p50, at, at * of.p95 / of.p50)
        for name, fulls in RANGED.items()
        if (at := known.get(name)) is not None
        for of in (spread[k] for k in fulls if k in spread)
        if of.p5 and of.p50 and of.p95
    }
    if service.fleet.idle is not None:
        ranges |= _of_starts(service, c, known, ranges)
    own = {"own": {**c["own"], **known}} if "own" in c else {}
    return serving_figures({**c, **known, **own}), {**spread, **ranges}


def _of_starts(
    service: Hosted, c: ServingFigures, known: Mapping[str, float | None], ranges: Mapping[str, Range]
) -> dict[str, Range]:
    """Ranges of times to first token whose wait for a start is as uncertain as the start."""
    numbers = service.question.numbers
    start = numbers["cold_start"]
    low, high = (end / median(start) for end in interval(start)) if isinstance(start, Spread) else (1.0, 1.0)
    on = service._replace(fleet=service.fleet._replace(idle=None))
    warm, found = on.latencies(serving_numbers(sampling.central(numbers)), c), {}
    for name, of in ranges.items():
        at = known.get(name)
        if at is not None and name in warm and of.p5 and of.p50 and of.p95:
            own = float(named(warm, name))
            found[name] = Range(own * of.p5 / of.p50 + (at - own) * low, at, own * of.p95 / of.p50 + (at - own) * high)
    return found


def _warn_of_target(service: Hosted, ttft: float | None) -> None:
    """Say where waiting at the load takes the mean TTFT past a target that full batches keep."""
    said = service.question.scenario.peek("ttft", service.question.side)
    if said is None or said.value == "none" or ttft is None or ttft <= float(said.value):
        return
    service.question.warn(
        "W053",
        f"queueing raises the mean TTFT to {units.format('seconds', ttft)} at this load: full batches meet"
        f" {units.format('seconds', float(said.value))}, random arrivals do not",
        f"--ttft-p95 {float(said.value):g}s sizes the fleet for them",
    )


def column(service: Hosted, p: ServingNumbers, out: ServingFigures) -> ServingFigures:
    """TPOT and mean TTFT of many alternatives at once, infinite where a queue grows without end.

    The p95 of TTFT beside them where one has to be kept: what decides on its fleet is the same for all of them.
    """
    found = service.latencies(p, out, quantiles=service.sizing is not None)
    shown = ("ttft_seconds", "ttft_p95_seconds", "tpot_seconds")
    return serving_figures({k: np.asarray(named(found, k)) for k in shown if k in found})
