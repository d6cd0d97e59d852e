"""Which size of replica carries the traffic for least: replicas are whole, and a small fleet pays for all of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving.search import Answer
from llmcost.engine.serving.sizes import Sizes
from llmcost.estimate.asking.values import ServingNumbers, named, serving_numbers
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.fleet.sizing import Fleet, Kinds


def for_traffic(answer: Answer, fleet: Fleet, p: ServingNumbers, sizes: Sizes) -> Answer:
    """The answer of a search with the point that carries the traffic for least in place of the cheapest when full."""
    index = int(serving_search.by_size(answer.grid)[cheapest(fleet, p, sizes)])
    return answer._replace(cheapest=index, binds=serving_search.binding(answer.grid, index))


def cheapest(fleet: Fleet, p: ServingNumbers, sizes: Sizes) -> npt.NDArray[np.intp]:
    """Index of the size whose fleet of whole replicas costs least at the traffic `requests` of the numbers `p`.

    Of fleets that cost the same, the one whose tokens are cheapest when it is full: it has most room. Where a number
    is an array, there is an answer for each of its elements. Where days differ, it is the mean of them that counts.
    """
    column = serving_numbers(
        {k: np.asarray(named(p, k))[..., None] if np.ndim(named(p, k)) else named(p, k) for k in p}
    )
    seconds = sizes.gpu_seconds
    possible = np.isfinite(seconds)
    request = np.where(possible, seconds, 1.0) * column["osl"]
    return least(np.where(possible, paid(fleet, [("", sizes.gpus, request)], column), np.inf), seconds)


def paid(fleet: Fleet, kinds: Kinds, p: ServingNumbers) -> Array:
    """What fleets of whole replicas cost, one for every element of the kinds along the last axis [USD/h]."""
    if fleet.days is not None:
        wide = max(fleet.days.ndim, *(np.ndim(named(p, k)) for k in p))  # points where there are any, then sizes
        days = fleet.days.reshape(*fleet.days.shape, *[1] * (wide + 1 - fleet.days.ndim))
        p = serving_numbers({**p, "requests": p["requests"] * days})
    with np.errstate(over="ignore", invalid="ignore"):  # unbounded growth leaves the range of floats
        found = np.asarray(fleets.size(fleet, kinds, p)["usd_per_hour_fleet"])
    return found if fleet.days is None else np.asarray(found.mean(axis=0))


def least(usd: Array, seconds: Num) -> npt.NDArray[np.intp]:
    """Index of the cheapest along the last axis; of equals, the one that takes least time of its accelerators."""
    equal = usd <= usd.min(axis=-1, keepdims=True) * (1.0 + 1e-9)
    return np.asarray(np.argmin(np.where(equal, seconds, np.inf), axis=-1))
