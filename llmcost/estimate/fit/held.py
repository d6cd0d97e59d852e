"""The layout that a model is held in: what is left of the memory, and the longest request it takes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Index, Num
from llmcost.engine.numeric.normal import fits_probability, normal_quantile
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.memory import Memory, memory
from llmcost.engine.serving.operating_point import Layout, Load, Precision, operating_point
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.network import side_by_side
from llmcost.estimate.asking.no_fit import confidence
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, counted
from llmcost.estimate.serving.replicas.options import Options, options
from llmcost.records import NamedTuple

ISL, OSL = 4000.0, 500.0  # a request where no lengths are said [tokens]

Fields = TypeVar("Fields", Layout, Precision, Memory, Load)
EVEN = 0.5  # odds at which a layout is likelier to hold than not


class Held(NamedTuple):
    """The layout that a model is held in, and what is left of the memory; of many loads one for each."""

    asked: Options
    layout: Layout
    precision: Precision
    format: Index  # of the weights: its place among the formats asked for
    memory: Memory
    batch: float  # requests that have to fit at once [-]
    given: int | None  # accelerators there are; None: as few as hold it

    @property
    def gpus(self) -> int:
        """Accelerators of the layout."""
        return int(self.layout.tp * self.layout.pp * self.layout.dp)

    @property
    def dtype(self) -> str:
        """The format of the weights."""
        return self.asked.dtypes[int(self.format)]

    @property
    def args(self) -> tuple[Shape, Machine, Layout, Precision]:
        """The point but for its load and constants."""
        return self.asked.shape, self.asked.device.machine, self.layout, self.precision

    @property
    def needed_bytes(self) -> Num:
        """Cache of the requests of an accelerator [bytes]."""
        return np.ceil(self.batch / self.layout.dp) * self.memory.kv_bytes_per_request

    @property
    def chance(self) -> Num:
        """Chance that the requests fit at once [-]."""
        return fits_probability(self.memory.deviations(self.needed_bytes))

    def chance_of(self, load: Load) -> float:
        """Chance that one other request fits [-]."""
        return float(fits_probability(memory(*self.args, load, self.asked.calibration).room))

    def reached(self, chance: float) -> bool:
        """Whether a chance is the confidence asked for."""
        return chance >= float(fits_probability(self.asked.calibration.fit_margin))

    def at(self, index: int) -> Held:
        """One of many."""
        formats = np.asarray(self.format)

        def one(of: Fields) -> Fields:
            return type(of)(*(float(np.broadcast_to(np.asarray(v), formats.shape)[index]) for v in of))

        held = one(self.layout), one(self.precision), int(formats[index]), one(self.memory)
        return Held(self.asked._replace(load=one(self.asked.load)), *held, self.batch, self.given)


def lengths(question: Question, model: Subject) -> None:
    """The lengths of a request, said or usual; the usual ones are shortened to the context of a model."""
    context = float(model.preset.max_context or ISL + OSL) if model.preset else ISL + OSL
    taken = min(context / (ISL + OSL), 1.0)
    for key, usual in (("isl", ISL), ("osl", OSL)):
        if question.number(key) is None:
            question.sample(
                key, float(int(usual * taken)), Origin("default", "docs/method-memory.md: a request where none is said")
            )
    question.keep("cache_hit", 0.0)  # every prompt is new: what is shared takes less


def read_held(question: Question, model: Subject, device: Chip) -> Held:
    """The layout to hold it in: on all the accelerators given, or on the fewest that hold it."""
    lengths(question, model)
    gpus = counted(question, device)
    if gpus != 1:
        device = side_by_side(question, device)
    asked = options(question, model, device, gpus, None, False)
    sure = float(normal_quantile(confidence(question)))  # a search may have settled for less
    asked = asked._replace(calibration=asked.calibration._replace(fit_margin=sure))
    batch = float(question.stated("batch") or 1.0)
    return best(asked, gpus, batch)


def best(asked: Options, gpus: int | None, batch: float) -> Held:
    """Of layouts on the accelerators given the likeliest to fit, of those that do the quickest for one user.

    Where lengths are arrays, of every load.
    """
    lay, known, formats = asked.candidates, asked.calibration, asked.precisions
    size = np.asarray(lay.tp * lay.pp * lay.dp)
    load = Load(*(np.reshape(np.asarray(v, dtype=float), (-1, 1)) for v in asked.load[:3]))
    loads, wide = len(np.asarray(load.isl)), len(size)
    room = np.empty((loads, len(formats), wide))
    for which, precision in enumerate(formats):
        held = memory(asked.shape, asked.device.machine, lay, precision, load, known)
        room[:, which] = held.deviations(np.ceil(batch / lay.dp) * held.kv_bytes_per_request)
    fits = room >= known.fit_margin
    fewest = np.full(loads, size.max())
    if gpus is None:
        least = np.min(np.where(fits.any(axis=1), size, np.inf), axis=1)
        fewest = np.where(np.isfinite(least), least, fewest)
    wanted = (size == fewest[:, None])[:, None]
    good = fits & wanted
    pace = np.full(room.shape, np.inf)
    for which, precision in enumerate(formats if good.any() else ()):
        point = operating_point(asked.shape, asked.device.machine, lay, precision, load, known)
        pace[:, which] = np.where(good[:, which], point.tpot_seconds, np.inf)
    # the fastest of those that fit, else the one that comes closest
    score = np.where(good.any(axis=(1, 2))[:, None, None], pace, np.where(wanted, -room, np.inf))
    format, index = np.divmod(np.argmin(score.reshape(loads, -1), axis=1), wide)
    layout = Layout(*(np.broadcast_to(axis, wide)[index] for axis in lay))
    precision = Precision(*np.array(formats, dtype=float).T[:, format])
    flat = asked.load._replace(**{name: np.ravel(getattr(load, name)) for name in Load._fields[:3]})
    held = memory(asked.shape, asked.device.machine, layout, precision, flat, known)
    found = Held(asked._replace(load=flat), layout, precision, format, held, batch, gpus)
    return found if np.ndim(asked.load.isl) else found.at(0)


def longest(held: Held) -> int:
    """Longest single request that fits, up to what the model takes or is asked to [tokens].

    With the confidence asked for; where not even one token has that, at even odds, as its requests at once are.
    """
    preset = held.asked.model.preset
    most = float(preset.max_context or 2**20) if preset else float(2**20)
    most = max(most, float(held.asked.load.isl + held.asked.load.osl))
    sure = float(fits_probability(held.asked.calibration.fit_margin))
    margin = sure if held.reached(held.chance_of(Load(1.0, 0.0))) else EVEN

    def holds(length: float) -> bool:
        return held.chance_of(Load(length, 0.0)) >= margin

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
