"""The fewest accelerators that hold a request, and the refusal where those given do not."""

from __future__ import annotations

import numpy as np

from llmcost import units
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.serving import memory as serving_memory
from llmcost.engine.serving import search
from llmcost.engine.serving.inputs import Layout, Precision
from llmcost.estimate.asking.network import RANKS
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.serving.replicas.layouts import Said, as_said, every_of, said_of, some
from llmcost.estimate.serving.replicas.options import Options
from llmcost.records import NamedTuple

COUNTS = sorted({a * b for a in search.DEGREES for b in search.STAGES if a * b <= search.LARGEST})
SERVER = 8.0  # accelerators that a server holds: more of them come in whole ones
OPEN: Said = dict.fromkeys(RANKS)


class Fewest(NamedTuple):
    """The fewest accelerators that hold it in a layout over all of them, with what chance, and that layout."""

    gpus: int
    chance: float
    layout: Layout


def fewest(asked: Options, precision: Precision, batch: float, above: float, said: Said) -> Fewest | None:
    """The fewest accelerators beyond some count that hold so many requests with the confidence asked for.

    Beyond one server, or one domain of links, they come in whole servers.
    """
    shape, machine, known = asked.shape, asked.device.machine, asked.calibration
    held = float(serving_memory.weights_bytes(shape, Layout(), precision))
    least = max(above, held / float(machine.shown_bytes) - 1.0)
    server = max(float(np.nan_to_num(machine.scale_up_domain, nan=1.0)), SERVER)
    for count in (n for n in COUNTS if n > least and (n <= server or n % SERVER == 0)):
        every = as_said(every_of(shape, asked.device, count, asked.used, said), said)
        every = some(every, np.asarray(every.tp * every.pp * every.dp == count))
        if not np.size(every.tp):
            continue
        at = serving_memory.memory(shape, machine, every, precision, asked.load, known)
        room = at.deviations(np.ceil(batch / every.dp) * at.kv_bytes_per_request)
        best = int(np.argmax(room))
        if np.asarray(room)[best] >= known.fit_margin:
            layout = Layout(*(float(np.asarray(axis)[best]) for axis in every))
            return Fewest(int(count), float(fits_probability(np.asarray(room)[best])), layout)
    return None


def no_fit(question: Question, asked: Options) -> NoFit:
    """Bytes missing on the best layout tried, and the smallest count of accelerators that would fit."""
    which = min(range(len(asked.dtypes)), key=lambda i: asked.precisions[i].weight_bytes)
    precision, batch = asked.precisions[which], float(question.stated("batch") or 1)
    tried = asked.candidates
    memory = serving_memory.memory(asked.shape, asked.device.machine, tried, precision, asked.load, asked.calibration)
    lacks = memory.missing_bytes(asked.calibration.fit_margin) + (batch - 1) * memory.kv_bytes_per_request
    most, missing = int(np.max(tried.tp * tried.pp * tried.dp)), float(np.min(lacks))
    found = fewest(asked, precision, batch, most, said_of(question))
    other = found or fewest(asked, precision, batch, 0.0, OPEN)
    smallest = f"the smallest count that fits is {other.gpus}" if other else ""
    tail = f"; {'' if found else 'in another layout '}{smallest}" if other else ""
    reason = f"{asked.model.name} in {asked.dtypes[which]} does not fit on {most} {asked.device.found.name}"
    shown = units.format("memory", missing)
    return NoFit(f"{reason}: {shown} missing on each{tail}", missing, found.gpus if found else None)
