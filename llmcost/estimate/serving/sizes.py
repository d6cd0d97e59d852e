"""Which size of replica carries the traffic for least: replicas are whole, and a small fleet pays for all of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving.search import Answer
from llmcost.engine.serving.sizes import Sizes
from llmcost.estimate.asking.values import ServingNumbers, named, serving_numbers
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.fleet.sizing import Fleet


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
    if fleet.days is not None:
        column["requests"] = p["requests"] * fleet.days[:, None]
    seconds = sizes.gpu_seconds
    possible = np.isfinite(seconds)
    request = np.where(possible, seconds, 1.0) * column["osl"]
    with np.errstate(over="ignore", invalid="ignore"):  # unbounded growth leaves the range of floats
        paid = np.asarray(fleets.size(fleet, [("", sizes.gpus, request)], column)["usd_per_hour_fleet"])
    if fleet.days is not None:
        paid = paid.mean(axis=0)
    paid = np.where(possible, paid, np.inf)
    equal = paid <= paid.min(axis=-1, keepdims=True) * (1.0 + 1e-9)
    return np.asarray(np.argmin(np.where(equal, seconds, np.inf), axis=-1))
