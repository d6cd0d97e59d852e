"""Alternatives planned once where they differ in plain numbers alone, and figured as one axis of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.catalog import Catalog
from llmcost.engine import spread as sp
from llmcost.engine.spread import Spread
from llmcost.estimate import sampling
from llmcost.estimate.compare import case as one
from llmcost.estimate.compare.alternatives import Alternative, Axis, cells, labels, name_of
from llmcost.estimate.compare.case import HORIZON, MOVING, Case
from llmcost.estimate.question import Number
from llmcost.keys import SERVE, SIDES, TRAIN

Array = npt.NDArray[np.float64]

# Numbers that no choice of a plan depends on: layouts, batches and precisions are the same at any value of them.
PLAIN = (
    "price", "requests", "utilization", "electricity_price", "carbon_intensity", "pue", "cost_per_request",
    "energy_per_request", "tokens_per_second", "api_discount", "gpu_hours", "mfu", "goodput", "overhead",
    "experiments", "staff", "data_cost", "storage_cost", "train_cost", "train_energy", "horizon",
)  # fmt: skip
QUEUED = ("requests", "utilization")  # not plain where a p95 has to be kept: it decides how far a fleet is loaded
PRICED = ("utilization", "electricity_price", "pue")  # not plain where owning sets the price


class Block(NamedTuple):
    """Alternatives of one plan: a name each, and the values of the numbers in which they differ."""

    case: Case
    names: list[str]
    axes: dict[str, Array]

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers that all of them have in common."""
        return self.case.numbers

    def at(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """Figures of every alternative, as a column each: (alternatives, 1) against any shape of `p`."""
        return one.figures(self.case, laid(p, {k: v[:, None] for k, v in self.axes.items()}))


def laid(p: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers `p` with the values of some keys laid over; a sided key counts for its side."""
    found = dict(p)
    for key in sorted(values, key=lambda k: k.startswith((f"{TRAIN}_", f"{SERVE}_"))):
        for side in SIDES:
            for tag in (f"{side}.{key}", f"{side}.{key.removeprefix(f'{side}_')}"):
                if tag in found:
                    found[tag] = values[key]
        if key == "horizon" and HORIZON in found:
            found[HORIZON] = values[key] / 86400.0
    return found


def plain(key: str, alternative: Alternative, owned: bool = False) -> bool:
    """Whether a key is a plain number of a question: `owned` where the price may be made of such numbers."""
    bare = key.removeprefix(f"{TRAIN}_").removeprefix(f"{SERVE}_")
    if bare not in PLAIN and key not in PLAIN:
        return False
    if alternative.scenario.has(*MOVING):
        return False
    if bare in QUEUED and alternative.scenario.has("ttft_p95"):
        return False
    return not (owned and bare in PRICED)


def singles(pairs: list[tuple[Alternative, list[Axis]]]) -> list[Alternative]:
    """Every alternative as a question of its own."""
    several = len(pairs) > 1
    return [
        Alternative(name_of(a.name, cell, labels(axes), several), a.scenario.over(cell))
        for a, axes in pairs
        for cell in cells(axes)
    ]


def planned(pairs: list[tuple[Alternative, list[Axis]]], catalog: Catalog) -> list[Block]:
    """Every alternative, planned.

    Raises
    ------
    LlmcostError
        Whatever a question refuses.
    """
    prefix = any(all(one.sides(a.scenario.over({x.key: x.values[0] for x in axes}))) for a, axes in pairs)
    several = len(pairs) > 1
    found: list[Block] = []
    for alternative, axes in pairs:
        owned = alternative.scenario.has("commitment") or any(x.key.endswith("commitment") for x in axes)
        flat = [
            x for x in axes if plain(x.key, alternative, owned) and all(isinstance(v.value, float) for v in x.values)
        ]
        points, called = cells(flat), labels(axes)
        columns = {x.key: np.array([point[x.key].value for point in points]) for x in flat}
        for cell in cells([x for x in axes if x not in flat]):
            scenario = alternative.scenario.over({**points[0], **cell})
            names = [name_of(alternative.name, {**cell, **point}, called, several) for point in points]
            found.append(Block(one.take(scenario, catalog, prefix), names, columns))
    return found


class Streams:
    """Draws of uncertain numbers: what two alternatives have alike is one number with one set of draws.

    Numbers of one name but with different values are drawn apart; the first one seen has the draws that the question
    alone would have.
    """

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed
        self._seen: dict[str, list[Spread]] = {}
        self._drawn: dict[tuple[str, int], Array] = {}

    def draws(self, numbers: Mapping[str, Number]) -> dict[str, Any]:
        """Every number as samples where it is uncertain, as itself where it is not."""
        return {k: self._draw(k, v) if isinstance(v, Spread) else float(v) for k, v in numbers.items()}

    def _draw(self, tag: str, value: Spread) -> Array:
        name = tag.partition(".")[2] or tag
        seen = self._seen.setdefault(name, [])
        if value not in seen:
            seen.append(value)
        index = seen.index(value)
        if (name, index) not in self._drawn:
            stream = name if index == 0 else f"{name} {index + 1}"
            self._drawn[name, index] = sp.draw(value, stream, self.samples, self.seed)
        return self._drawn[name, index]


def centre(block: Block) -> dict[str, Any]:
    """Figures of a block at the medians: one value per alternative, or one for all."""
    return {k: np.asarray(v)[..., 0] if np.ndim(v) else v for k, v in block.at(sampling.central(block.numbers)).items()}
