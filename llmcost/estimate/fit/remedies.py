"""What would make a model fit: fewer bits, a shorter context, more accelerators, other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from llmcost.engine.numeric.normal import normal_share
from llmcost.engine.serving.memory import memory
from llmcost.engine.serving.search import layouts
from llmcost.estimate.fit.held import Held, longest
from llmcost.estimate.fit.verdict import Remedy, tokens
from llmcost.estimate.serving.replicas.formats import precision

if TYPE_CHECKING:
    from llmcost.estimate.asking.question import Question

FEWER = {
    "bf16": ("fp8", "int4"),
    "fp16": ("int8", "int4"),
    "fp32": ("bf16", "int4"),
    "fp8": ("int4",),
    "int8": ("int4",),
}
SHORT = 1024  # a context that is not worth proposing below this [tokens]
MOST = 3  # remedies shown


def serving(question: Question, held: Held) -> list[Remedy]:
    """Changes that reach the confidence asked for, the smallest first; then a context that fits with even odds."""
    found = [*_shorter(held), *_fewer_bits(question, held), *_smaller_cache(question, held), *_more(held)]
    return sorted(found[: MOST + 1], key=lambda remedy: not _reached(held, remedy.probability))


def _chance(held: Held, layout: Any, narrow: Any, batch: float) -> float:
    """Chance that the best of some layouts holds the requests in a format [-]."""
    a = held.asked
    at = memory(a.shape, a.device.machine, layout, narrow, a.load, a.calibration)
    room = at.deviations(np.ceil(batch / layout.dp) * at.kv_bytes_per_request)
    return float(normal_share(np.max(room)))


def _reached(held: Held, chance: float) -> bool:
    return chance >= float(normal_share(held.asked.calibration.fit_margin))


def _shorter(held: Held) -> list[Remedy]:
    most, load = longest(held), held.asked.load
    if held.batch > 1 or most < SHORT or most >= load.isl + load.osl:
        return []
    isl = int(most - load.osl) if most > 2 * load.osl else int(most)
    chance = held.chance_of(load._replace(isl=float(isl)))
    odds = "" if _reached(held, chance) else " with even odds"
    return [Remedy(f"--isl {isl}", chance, f"a context of {tokens(most)} tokens fits{odds}")]


def _fewer_bits(question: Question, held: Held) -> list[Remedy]:
    found = []
    for dtype in FEWER.get(held.dtype, ()):
        narrow = precision(question, dtype, held.asked.model)._replace(kv_bytes=held.precision.kv_bytes)
        chance = _chance(held, held.asked.candidates, narrow, held.batch)
        if _reached(held, chance):
            found.append(Remedy(f"--dtype {dtype}", chance, "it fits"))
            break
    return found


def _smaller_cache(question: Question, held: Held) -> list[Remedy]:
    if held.precision.kv_bytes < 2.0 or question.stated("kv_dtype") is not None:
        return []
    chance = _chance(held, held.asked.candidates, held.precision._replace(kv_bytes=1.0), held.batch)
    return [Remedy("--kv-dtype fp8", chance, "a cache of 8 bits fits")] if _reached(held, chance) else []


def _more(held: Held) -> list[Remedy]:
    a = held.asked
    every = layouts(a.shape, a.device.machine, largest=64.0, stages=True)
    at = memory(a.shape, a.device.machine, every, held.precision, a.load, a.calibration)
    room = at.deviations(np.ceil(held.batch / every.dp) * at.kv_bytes_per_request)
    size = np.where(room >= a.calibration.fit_margin, every.tp * every.pp * every.dp, np.inf)
    size = np.where(size > held.gpus, size, np.inf)
    fewest = float(np.min(size))
    if not np.isfinite(fewest):
        return []
    chance = float(normal_share(np.max(np.where(size == fewest, room, -np.inf))))
    return [Remedy(f"--gpus {int(fewest)}", chance, f"it fits on {int(fewest)}")]
