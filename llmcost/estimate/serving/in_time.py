"""First tokens in time: how far a fleet may be loaded for the p95 of TTFT, and the size of replica that keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.serving.operating_point import Layout
from llmcost.estimate.asking.question import Question
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.serving.load import Arrivals, Server, Sizing, idle_seconds, size
from llmcost.estimate.serving.options import NoFit, Options
from llmcost.estimate.serving.replica import Replica
from llmcost.estimate.serving.sizes import arriving

Pick = Callable[[Options], Replica | NoFit]


def sizing(question: Question, server: Server | None, arrivals: Arrivals) -> Sizing | NoFit | None:
    """How far the fleet may be loaded for the p95 of TTFT; None where no target was given or nothing can queue."""
    target = None if server is None else question.said("ttft_p95")
    if server is None or target is None:
        return None
    p = arriving(question)
    alone = idle_seconds(server, p)
    if alone > target:
        reason = f"no fleet keeps a p95 TTFT of {units.format('seconds', target)}"
        return NoFit(f"{reason}: where nobody waits it is {units.format('seconds', alone)}", None, None)
    return size(server, p, target, arrivals)


def replica(question: Question, asked: Options, pick: Pick, arrivals: Arrivals, fleet: Fleet | None) -> Replica | NoFit:
    """The replica that is picked; where the p95 of TTFT holds that one back, the size that keeps it for least.

    One that is never in time, or only in a larger fleet, may be a worse choice than a faster one.
    """
    before = list(question.warnings)
    found = pick(asked)
    if isinstance(found, NoFit) or asked.phase == "decode":
        return found
    limit = sizing(question, found.server(), arrivals)
    if limit is None or (isinstance(limit, Sizing) and math.isinf(limit.bound)):
        return found
    gpus = asked.candidates.tp * asked.candidates.pp * asked.candidates.dp
    tried: dict[tuple[float, float], Options] = {}
    for each in sorted(set(np.ravel(gpus).tolist())):
        of_size = asked._replace(candidates=Layout(*(np.asarray(axis)[gpus == each] for axis in asked.candidates)))
        cost = _cost(question, pick(of_size), arrivals, fleet)
        if cost is not None:
            tried[cost] = of_size
    question.warnings[:] = before  # of replicas that were looked at
    return pick(tried[min(tried)] if tried else asked)


def _cost(
    question: Question, found: Replica | NoFit, arrivals: Arrivals, fleet: Fleet | None
) -> tuple[float, float] | None:
    """What a fleet in time costs an hour, and accelerator time of a request, which decides alone without traffic.

    None where no fleet is in time.
    """
    limit = found if isinstance(found, NoFit) else sizing(question, found.server(), arrivals)
    if isinstance(found, NoFit) or not isinstance(limit, Sizing):
        return None
    p: dict[str, Any] = arriving(question)
    kinds = found.kinds(found.speed(p))
    seconds = float(fleets.gpu_seconds(kinds) / min(arrivals.share, limit.bound))
    if fleet is None:
        return seconds, seconds
    days = 1.0 if fleet.days is None else fleet.days  # it is the mean of them that counts
    paid = fleets.size(fleet, kinds, {**p, "requests": p["requests"] * days}, limit.bound)["usd_per_hour_fleet"]
    return float(np.mean(paid)), seconds
