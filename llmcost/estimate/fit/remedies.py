"""What would make a model fit: fewer bits, a shorter context, more accelerators, other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.serving.inputs import Precision
from llmcost.engine.serving.memory import memory
from llmcost.estimate.asking.network import RANKS
from llmcost.estimate.fit.held import Held, longest
from llmcost.estimate.fit.verdict import Remedy, tokens
from llmcost.estimate.serving.replicas.formats import precision
from llmcost.estimate.serving.replicas.layouts import said_of
from llmcost.estimate.serving.replicas.possible import OPEN, Fewest, fewest

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
    more = _on_more(question, held, held.precision)
    bits = _fewer_bits(question, held) or _fewer_bits_on_more(question, held, more)
    found = [*_shorter(held), *bits, *_smaller_cache(question, held)]
    if more is not None:
        found.append(Remedy(f"--gpus {more.gpus}", more.chance, f"it fits on {more.gpus}"))
    elif any(said_of(question).values()):
        found += _otherwise(question, held)
    return sorted(found[: MOST + 1], key=lambda remedy: not held.reached(remedy.probability))


def _chance(held: Held, layout: Any, narrow: Any, batch: float) -> float:
    """Chance that the best of some layouts holds the requests in a format [-]."""
    a = held.asked
    at = memory(a.shape, a.device.machine, layout, narrow, a.load, a.calibration)
    room = at.deviations(np.ceil(batch / layout.dp) * at.kv_bytes_per_request)
    return float(fits_probability(np.max(room)))


def _shorter(held: Held) -> list[Remedy]:
    most, load = longest(held), held.asked.load
    if held.batch > 1 or most < SHORT or most >= load.isl + load.osl:
        return []
    isl = int(most - load.osl) if most > 2 * load.osl else int(most)
    chance = held.chance_of(load._replace(isl=float(isl)))
    odds = "" if held.reached(chance) else " with even odds"
    return [Remedy(f"--isl {isl}", chance, f"a context of {tokens(most)} tokens fits{odds}")]


def _eight_bits(held: Held) -> str:
    """The 8-bit format of an accelerator: floating where it computes in that."""
    return "fp8" if held.asked.device.preset.fp8_flops is not None else "int8"


def _narrower(held: Held) -> list[str]:
    """Formats of weights with fewer bits, the widest first."""
    return [_eight_bits(held) if dtype == "fp8" else dtype for dtype in FEWER.get(held.dtype, ())]


def _fewer_bits(question: Question, held: Held) -> list[Remedy]:
    found = []
    for dtype in _narrower(held):
        narrow = precision(question, dtype, held.asked.model)._replace(kv_bytes=held.precision.kv_bytes)
        chance = _chance(held, held.asked.candidates, narrow, held.batch)
        if held.reached(chance):
            found.append(Remedy(f"--dtype {dtype}", chance, "it fits"))
            break
    return found


def _smaller_cache(question: Question, held: Held) -> list[Remedy]:
    if held.precision.kv_bytes < 2.0 or question.stated("kv_dtype") is not None:
        return []
    chance = _chance(held, held.asked.candidates, held.precision._replace(kv_bytes=1.0), held.batch)
    change = f"--kv-dtype {_eight_bits(held)}"
    return [Remedy(change, chance, "a cache of 8 bits fits")] if held.reached(chance) else []


def _fewer_bits_on_more(question: Question, held: Held, more: Fewest | None) -> list[Remedy]:
    """The narrowest weights on fewer accelerators than those at hand take."""
    formats = _narrower(held)
    if not formats:
        return []
    dtype = formats[-1]
    narrow = precision(question, dtype, held.asked.model)._replace(kv_bytes=held.precision.kv_bytes)
    found = _on_more(question, held, narrow)
    if found is None or (more is not None and more.gpus <= found.gpus):
        return []
    return [Remedy(f"--dtype {dtype} --gpus {found.gpus}", found.chance, "it fits")]


def _on_more(question: Question, held: Held, narrow: Precision) -> Fewest | None:
    return fewest(held.asked, narrow, held.batch, held.gpus, said_of(question))


def _otherwise(question: Question, held: Held) -> list[Remedy]:
    """The fewest accelerators in a layout other than the one asked for."""
    found = fewest(held.asked, held.precision, held.batch, 0.0, OPEN)
    if found is None:
        return []
    said, degrees = said_of(question), {name: int(getattr(found.layout, name)) for name in RANKS}
    ranks = " ".join(f"--{name} {n}" for name, n in degrees.items() if said[name] is not None or n > 1)
    return [Remedy(f"--gpus {found.gpus} {ranks}".rstrip(), found.chance, f"it fits on {found.gpus}")]
