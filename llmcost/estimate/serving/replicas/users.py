"""Users who each wait for their answer: how many at once, what 99 % of them meet, and the most who keep targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llmcost.engine.numeric.kinds import Num, distinct
from llmcost.engine.numeric.normal import normal_quantile
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.arrivals import Met, Tail, waiting_users
from llmcost.engine.serving.inputs import Layout, Load
from llmcost.engine.serving.operating_point import Point
from llmcost.engine.serving.search import Targets
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.records import NamedTuple

SHARE = 0.99
ALIKE = 0.3  # standard deviation of answers over their mean, where it is not told: uniform from half to one and a half
MOST = 100_000  # users at once of one replica that are tried


class Users(NamedTuple):
    """Users of a replica, each of whom waits for an answer before asking again."""

    at_once: float
    found: bool = False  # the most who keep the targets


def tail(at: Point, layout: Layout, load: Load, spread: float = ALIKE) -> Tail:
    """TTFT and TPOT that 99 % of the requests of `load.batch` waiting users stay under [s]."""
    osl = np.maximum(load.osl, 1.0)
    group = np.maximum(at.batch / np.multiply(layout.dp, layout.pp), 1.0)
    queued = np.maximum(np.subtract(load.batch, at.batch), 0.0)
    life = at.batch * osl / at.output_tokens_per_second
    met = Met(at.tpot_seconds, at.ttft_seconds, at.output_tokens_per_second)
    normal = float(normal_quantile(SHARE))
    return waiting_users(SHARE, normal, met, at.prefill_seconds, group, osl, life, queued, spread)


def read_users(question: Question) -> float | None:
    """Users that were said; not beside a batch, or where they are to be found."""
    said = question.stated("users_at_once")
    if said is None:
        return None
    for other in ("batch", "slo_p99"):
        if question.scenario.peek(other, question.side) is not None:
            option = "--" + other.replace("_", "-")
            raise LlmcostError(
                f"--users-at-once beside {option}: both say how many are in flight", f"leave {option} out"
            )
    return float(said)


def kept(question: Question, targets: Targets) -> Targets | None:
    """The targets that 99 % of requests are to keep; None where that is not asked."""
    said = question.stated("slo_p99")
    if said is None:
        return None
    if question.scenario.peek("batch", question.side) is not None:
        raise LlmcostError("--slo-p99 finds how many are in flight", "leave --batch out")
    names = set(said.split(","))
    limits = {"ttft": targets.ttft_seconds, "tpot": targets.tpot_seconds}
    for name in sorted(names):
        if math.isinf(limits[name]):
            raise LlmcostError(f"--slo-p99 {name}: how long is not said", f"--{name} 2s")
    return Targets(*[limits[name] if name in names else math.inf for name in ("ttft", "tpot")])


def most(at: Any, layout: Layout, load: Load, targets: Targets, spread: float) -> Users | NoFit:
    """The most users at once of whom 99 % keep the targets.

    Parameters
    ----------
    at : function
        The operating point of a load.
    layout, load, targets, spread
        Of the replica; what is kept; standard deviation of answers over their mean.
    """

    def keeps(users: Num) -> Any:
        asked = load._replace(batch=users)
        found = tail(at(asked), layout, asked, spread)
        return (found.ttft_seconds <= targets.ttft_seconds) & (found.tpot_seconds <= targets.tpot_seconds)

    few = distinct(np.geomspace(1, MOST, 200).round())
    fine = np.asarray(keeps(few))
    if not fine[0]:
        alone = tail(at(load._replace(batch=1.0)), layout, load._replace(batch=1.0), spread)
        return NoFit(
            f"one user alone does not keep the targets: 99 % have TTFT {float(alone.ttft_seconds) * 1000:.0f} ms,"
            f" TPOT {float(alone.tpot_seconds) * 1000:.1f} ms"
        )
    last = len(few) - 1 if fine.all() else int(np.argmin(fine)) - 1
    between = np.arange(few[last], few[min(last + 1, len(few) - 1)] + 1.0)
    fine = np.asarray(keeps(between))
    return Users(float(between[-1 if fine.all() else int(np.argmin(fine)) - 1]), True)


def spread_of(question: Question) -> float:
    """Standard deviation of answers over their mean [-]."""
    said = question.numbers.get("length_spread")
    return ALIKE if said is None else float(median(said))
