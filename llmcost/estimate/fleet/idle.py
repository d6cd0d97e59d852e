"""A fleet that scales to zero: what a cold start takes, and what its requests wait for."""

from __future__ import annotations

import math

from llmcost import spec, units
from llmcost.catalog import source_of
from llmcost.engine.demand import idle as engine
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Num
from llmcost.engine.numeric.spread import Spread, interval
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Number, Origin
from llmcost.estimate.asking.question import Question, origin_of
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.records import NamedTuple

SOURCE = "docs/method-fleet.md, scale to zero"
KEYS = ("cold_start", "idle_timeout")
UNITS = {"second": 1.0, "minute": 60.0, "hour": SECONDS_PER_HOUR}
MANY = 0.01  # share of requests from which on a p99 waits for a start


class Idle(NamedTuple):
    """How a fleet is off; the times themselves are in the question."""

    steady: bool  # requests come evenly spaced, not at random
    unit_seconds: float  # that is billed at least, and in multiples

    def cycle(self, per_second: Num, p: ServingNumbers, served: Num) -> engine.Cycle:
        """What a machine is paid for and who waits for it, where a request holds it for the time that it is served."""
        of = engine.steady if self.steady else engine.random
        return of(per_second, p["cold_start"], p["idle_timeout"] + served, self.unit_seconds)


def unit_seconds(question: Question) -> float:
    """The time that is billed at least: said, as the provider does, or as clouds usually do [s]."""
    said = question.stated("billing")
    provider = question.preset("provider", spec.Provider)
    if said is None and provider is not None and provider[0].billing is not None:
        said = provider[0].billing
        question.record("billing", said, origin_of(provider[1], source_of(provider[0], "billing")))
    if said is None:
        usual = question.factor("fleet", "billing_unit")
        said = next(name for name, seconds in UNITS.items() if seconds == usual.value)
        question.record("billing", said, usual.origin)
    return UNITS[said]


def refuse(question: Question, off: bool) -> None:
    """Refuse what is said of starts where nothing is ever off inside an hour.

    Raises
    ------
    LlmcostError
        A cold start or a time without requests, of a fleet that stays on.
    """
    for key in () if off else KEYS:
        if question.scenario.peek(key, question.side) is not None:
            raise LlmcostError(
                f"--{key.replace('_', '-')} applies only to a fleet that scales to zero",
                "--scaling autoscale --min-replicas 0",
            )


def read(question: Question, unit_seconds: float) -> Idle:
    """Read how long a machine stays without requests, and how those come.

    Raises
    ------
    LlmcostError
        As many at once: nothing tells when they come again.
    """
    said = question.scenario.peek("arrivals", question.side)
    comes = "poisson" if said is None else str(said.value)
    if comes == "burst":
        raise LlmcostError(
            "--min-replicas 0 with --arrivals burst: nothing tells when the next of them come",
            "requests at random: --arrivals poisson, or a machine that stays: --min-replicas 1",
        )
    question.number("idle_timeout", question.factor("fleet", "idle_timeout"))
    return Idle(comes == "steady", unit_seconds)


def read_start(question: Question, weight_bytes: float | None) -> None:
    """Read what a cold start takes: said, or the start of an engine and the load of its weights.

    Raises
    ------
    LlmcostError
        Nothing is said, and no weights are known.
    """
    if question.number("cold_start") is not None:
        return
    if weight_bytes is None:
        raise question.need("cold_start", "a machine that is off starts with its weights, and those are not known")
    engine_start, pace = question.factor("fleet", "engine_start"), question.factor("fleet", "weight_load")
    starts, loads = _ends(engine_start.value), _ends(pace.value)
    low, middle, high = (s + weight_bytes / b for s, b in zip(starts, reversed(loads), strict=True))
    source = f"engine start, and {weight_bytes / 1e9:,.0f} GB of weights at {loads[1] / 1e9:.2g} GB/s"
    origin = Origin("computed", f"{source}: {pace.origin.source}", pace.origin.date, pace.origin.confidence)
    question.sample("cold_start", Spread(low, middle, high), origin)


def _ends(value: Number) -> tuple[float, float, float]:
    if not isinstance(value, Spread):
        return value, value, value
    low, high = interval(value)
    return low, value.p50, high


def warn(question: Question, share: Num, start: Num) -> None:
    """Say where more than one request in a hundred waits for a machine to start."""
    if float(share) <= MANY:
        return
    question.warn(
        "W055",
        f"{units.format('share', float(share))} of requests meet a cold start of up to"
        f" {units.format('seconds', float(start))}",
        "--min-replicas 1, or a longer --idle-timeout",
    )


def warn_of_late(question: Question, late: float, target: float) -> None:
    """Say that one replica stays on, because cold starts would miss a target."""
    question.record("min_replicas", 1, Origin("computed", f"{SOURCE}: the p95 of TTFT"))
    question.warn(
        "W056",
        f"one replica is always on: with cold starts the p95 of TTFT is {units.format('seconds', late)}, over the"
        f" target of {units.format('seconds', target)}",
        f"--ttft-p95 {math.ceil(late)}s lets it scale to zero",
    )
