"""The layout that a model is held in: what is left of the memory, and the longest request it takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.normal import normal_quantile, normal_share
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.memory import Memory, memory
from llmcost.engine.serving.operating_point import Layout, Load, Precision, operating_point
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.no_fit import confidence
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, counted
from llmcost.estimate.serving.replicas.options import Options, options
from llmcost.records import NamedTuple

ISL, OSL = 4000.0, 500.0  # a request where no lengths are said [tokens]

EVEN = 0.5  # odds at which a layout is likelier to hold than not


class Held(NamedTuple):
    """The layout that a model is held in, and what is left of the memory."""

    asked: Options
    layout: Layout
    precision: Precision
    dtype: str
    memory: Memory
    batch: float  # requests that have to fit at once [-]

    @property
    def gpus(self) -> int:
        """Accelerators of the layout."""
        return int(self.layout.tp * self.layout.pp * self.layout.dp)

    @property
    def args(self) -> tuple[Shape, Machine, Layout, Precision]:
        """The point but for its load and constants."""
        return self.asked.shape, self.asked.device.machine, self.layout, self.precision

    def chance(self, load: Load, batch: float = 1.0) -> float:
        """Chance that so many requests fit at once [-]."""
        held = memory(*self.args, load, self.asked.calibration)
        share = math.ceil(batch / float(self.layout.dp))
        return float(normal_share(held.deviations(share * held.kv_bytes_per_request)))


def lengths(question: Question) -> None:
    """The lengths of a request, said or usual."""
    for key, usual in (("isl", ISL), ("osl", OSL)):
        if question.number(key) is None:
            question.sample(key, usual, Origin("default", "docs/method-memory.md: a request where none is said"))
    question.keep("cache_hit", 0.0)  # every prompt is new: what is shared takes less


def read_held(question: Question, model: Subject, device: Chip) -> Held:
    """The layout to hold it in: on all the accelerators given, or on the fewest that hold it."""
    lengths(question)
    gpus = counted(question, device)
    asked = options(question, model, device, gpus, None, False)
    sure = float(normal_quantile(confidence(question)))  # a search may have settled for less
    asked = asked._replace(calibration=asked.calibration._replace(fit_margin=sure))
    batch = float(question.stated("batch") or 1.0)
    return best(asked, gpus, batch)


def best(asked: Options, gpus: int | None, batch: float) -> Held:
    """Of layouts on the accelerators given the likeliest to fit, of those that do the quickest for one user."""
    lay, known = asked.candidates, asked.calibration
    size = np.asarray(lay.tp * lay.pp * lay.dp)
    chances, rooms = [], []
    for precision in asked.precisions:
        held = memory(asked.shape, asked.device.machine, lay, precision, asked.load, known)
        need = np.ceil(batch / lay.dp) * held.kv_bytes_per_request
        rooms.append(held.deviations(need))
        chances.append(rooms[-1] >= known.fit_margin)
    room, fits = np.array(rooms), np.array(chances)
    wanted = size == (size.max() if gpus is not None else min(size[fits.any(axis=0)], default=size.max()))
    which, index = _pick(asked, room, fits & wanted, wanted)
    layout = Layout(*(float(np.asarray(axis)[index]) for axis in lay))
    precision = asked.precisions[which]
    held = memory(asked.shape, asked.device.machine, layout, precision, asked.load, known)
    return Held(asked, layout, precision, asked.dtypes[which], Memory(*(np.float64(v) for v in held)), batch)


def _pick(asked: Options, room: Array, fits: Any, wanted: Any) -> tuple[int, int]:
    """The format and the layout: the fastest of those that fit, else the one that comes closest."""
    if not fits.any():
        masked = np.where(wanted, room, -np.inf)
        return divmod(int(np.argmax(masked)), len(room[0]))
    pace = np.full(room.shape, np.inf)
    for which, precision in enumerate(asked.precisions):
        load = asked.load._replace(batch=1.0)
        point = operating_point(asked.shape, asked.device.machine, asked.candidates, precision, load, asked.calibration)
        pace[which] = np.where(fits[which], point.tpot_seconds, np.inf)
    return divmod(int(np.argmin(pace)), len(room[0]))


def longest(held: Held) -> int:
    """Longest single request that fits, up to what the model takes [tokens].

    With the confidence asked for; where not even one token has that, at even odds, as its requests at once are.
    """
    preset = held.asked.model.preset
    most = float(preset.max_context or 2**20) if preset else float(2**20)
    sure = float(normal_share(held.asked.calibration.fit_margin))
    margin = sure if held.chance(Load(1.0, 0.0)) >= sure else EVEN

    def holds(length: float) -> bool:
        return held.chance(Load(length, 0.0)) >= margin

    if not holds(1.0):
        return 0
    if holds(most):
        return int(most)
    low, high = 1.0, most
    while high - low > max(1.0, 0.001 * low):
        middle = (low + high) / 2.0
        low, high = (middle, high) if holds(middle) else (low, middle)
    return int(low)


def usual_lengths(question: Question) -> float:
    """Tokens of the request that has to fit."""
    return median(question.numbers["isl"]) + median(question.numbers["osl"])
