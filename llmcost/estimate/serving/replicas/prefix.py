"""The share of prompts found in the prefix cache, from what requests share and what memory leaves for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.speculation import kept_sessions
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.serving.replicas.load import Demand
from llmcost.estimate.serving.replicas.together import Together
from llmcost.records import NamedTuple

SOURCE = "docs/method-serving.md, Prefix cache"


# Size of a cache [tokens] and the share of input tokens that it finds, the smallest first.
Curve = tuple[tuple[float, float], ...]


class Shared(NamedTuple):
    """What prompts have in common."""

    everyone: float  # share of a prompt that all requests begin with [-]
    history: float  # share of a prompt that its session has sent before [-]
    sessions: float  # open at once on a replica [-]
    curve: Curve = ()

    @property
    def most(self) -> float:
        """Share found by a cache without end [-]."""
        return self.curve[-1][1] if self.curve else self.everyone + self.history


def read(question: Question) -> Shared | None:
    """What was said that prompts share, in place of the share that is found."""
    everyone, history = question.stated("shared_prompt"), question.stated("session_share")
    if everyone is None and history is None and question.alone:
        return _curve(question)
    sessions = question.stated("sessions") if history is not None else None
    if everyone is None and history is None:
        return None
    if question.scenario.peek("cache_hit", question.side) is not None:
        raise LlmcostError("--cache-hit beside what prompts share: it follows from that", "leave --cache-hit out")
    if history is not None and sessions is None:
        raise question.need("sessions", "how many histories the cache is to hold decides what it finds")
    found = Shared(float(everyone or 0.0), float(history or 0.0), float(sessions or 0.0))
    if found.most >= 1.0:
        raise LlmcostError(
            f"--shared-prompt and --session-share leave nothing of a prompt: {found.most:.0%} is shared",
            "less of one of them: together they stay below 100%",
        )
    return found


def _curve(question: Question) -> Shared | None:
    """What caches of several sizes find, as was said or as a log tells."""
    scenario = question.scenario
    said, hit = scenario.peek("cache_curve", question.side), scenario.peek("cache_hit", question.side)
    if said is None or (hit is not None and hit.origin != said.origin and said.origin.startswith("file:")):
        return None  # nothing, or a share that was said over what a log tells
    if hit is not None and hit.origin != said.origin:
        raise LlmcostError("--cache-hit beside --cache-curve: it follows from that", "leave --cache-hit out")
    points = []
    for part in str(question.stated("cache_curve")).split(","):
        size, _, share = part.partition(":")
        points.append((float(units.parse("count", size.strip())), float(units.parse("share", share.strip()))))
    sizes, shares = zip(*points, strict=True)
    if list(sizes) != sorted(set(sizes)) or list(shares) != sorted(shares) or shares[-1] >= 1.0:
        raise LlmcostError("--cache-curve: a larger cache finds no less, and never all", "500k:5%,5M:22%,25M:36%")
    return Shared(0.0, 0.0, 0.0, tuple(points))


def _found(curve: Curve, tokens: float) -> float:
    """Share that a cache of this size finds: straight between the logarithms of sizes, and from nothing on [-]."""
    sizes, shares = np.array(curve).T
    if tokens <= sizes[0]:
        return float(shares[0] * tokens / sizes[0])
    return float(np.interp(np.log(tokens), np.log(sizes), shares))


def keep(question: Question, shared: Shared, demand: Demand, choose: Callable[[Question], Any]) -> None:
    """Keep the share that is found by the replica that would be chosen if all of it were.

    The cache has what memory holds less what requests in flight at the load take; what everyone shares is there once.
    """
    replica = choose(question.aside())
    hit, left = shared.most, 0.0
    if isinstance(replica, Together):
        isl, osl = median(question.numbers["isl"]), median(question.numbers["osl"])
        flight = _in_flight(replica, demand.numbers(question), demand.arrivals.share)
        if shared.sessions:  # each has one request at a time
            flight = min(flight, shared.sessions)
        in_flight = flight * (isl * (1.0 - shared.everyone) + osl / 2.0)
        pool = replica.batch_max * (isl + osl / 2.0)
        left = max(pool - in_flight - shared.everyone * isl, 0.0)
        history = isl * shared.history + osl
        hit = shared.everyone + shared.history * float(kept_sessions(left, shared.sessions, history))
        formula = (
            f"{shared.everyone:.0%} that all share + {shared.history:.0%} of sessions x min({left:,.0f} tokens left /"
            f" ({shared.sessions:,.0f} sessions x {history:,.0f}), 1)"
        )
        if shared.curve:
            hit, formula = _found(shared.curve, left), f"what a cache of {left:,.0f} tokens finds"
        question.step("prefix cache hits", formula, hit, "share", SOURCE)
    question.keep("cache_hit", hit)
    question.record("cache_hit", hit, Origin("computed", SOURCE))


def _in_flight(replica: Together, p: ServingNumbers, share: float) -> float:
    """Requests in flight at the load; those that were said, where they were."""
    server = replica.server()
    at = None if server is None else server.under(p, min(share, 1.0), 1.0).point
    return replica.batch if at is None else float(at.batch)
