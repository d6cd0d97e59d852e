"""First tokens in time: how far a fleet may be loaded for the p95 of TTFT, and the size of replica that keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from llmcost import units
from llmcost.engine.serving.operating_point import Layout
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.serving.replicas.load import Demand, Server, Sizing, idle_seconds, size
from llmcost.estimate.serving.replicas.options import Options
from llmcost.estimate.serving.replicas.together import Together

Pick = Callable[[Question, Options, Demand], Together | NoFit]


def sizing(question: Question, server: Server | None, demand: Demand) -> Sizing | NoFit | None:
    """How far the fleet may be loaded for the p95 of TTFT; None where no target was given or nothing can queue."""
    target = None if server is None else question.stated("ttft_p95")
    if server is None or target is None:
        return None
    p = demand.numbers(question)
    alone = idle_seconds(server, p)
    if alone > target:
        reason = f"no fleet keeps a p95 TTFT of {units.format('seconds', target)}"
        return NoFit(f"{reason}: where nobody waits it is {units.format('seconds', alone)}")
    return size(server, p, target, demand.arrivals)


def replica(question: Question, asked: Options, pick: Pick, demand: Demand) -> Together | NoFit:
    """The replica that is picked; where the p95 of TTFT holds that one back, the size that keeps it for least.

    One that is never in time, or only in a larger fleet, may be a worse choice than a faster one.
    """
    aside = question.aside()
    found = pick(aside, asked, demand)
    if isinstance(found, NoFit) or asked.phase == "decode" or _free(sizing(aside, found.server(), demand)):
        question.adopt(aside)
        return found
    gpus = asked.candidates.tp * asked.candidates.pp * asked.candidates.dp
    tried: dict[tuple[float, float], Options] = {}
    for each in sorted(set(np.ravel(gpus).tolist())):
        of_size = asked._replace(candidates=Layout(*(np.asarray(axis)[gpus == each] for axis in asked.candidates)))
        aside = question.aside()
        cost = _cost(aside, pick(aside, of_size, demand), demand)
        if cost is not None:
            tried[cost] = of_size
    return pick(question, tried[min(tried)] if tried else asked, demand)


def _free(limit: Sizing | NoFit | None) -> bool:
    """Whether the p95 of TTFT holds nothing back."""
    return limit is None or (isinstance(limit, Sizing) and math.isinf(limit.bound))


def _cost(question: Question, found: Together | NoFit, demand: Demand) -> tuple[float, float] | None:
    """What a fleet in time costs an hour, and accelerator time of a request, which decides alone without traffic.

    None where no fleet is in time.
    """
    limit = found if isinstance(found, NoFit) else sizing(question, found.server(), demand)
    if isinstance(found, NoFit) or not isinstance(limit, Sizing):
        return None
    p, fleet = demand.numbers(question), demand.fleet
    kinds = found.kinds(found.speed(p))
    seconds = float(fleets.gpu_seconds(kinds) / min(demand.arrivals.share, limit.bound))
    if fleet is None:
        return seconds, seconds
    days = 1.0 if fleet.days is None else fleet.days  # it is the mean of them that counts
    paid = fleets.size(fleet, kinds, {**p, "requests": p["requests"] * days}, limit.bound)["usd_per_hour_fleet"]
    return float(np.mean(paid)), seconds
