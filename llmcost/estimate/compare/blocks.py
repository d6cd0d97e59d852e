"""Alternatives planned once where they differ in plain numbers alone, and figured as one axis of points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, Array, Num
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.values import by_name
from llmcost.estimate.compare import replicas
from llmcost.estimate.compare.alternatives import Alternative, Axis, Cell, cells, labels, name_of
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.case import HORIZON, MOVING, Case
from llmcost.estimate.lifetime.curves import EXACT
from llmcost.estimate.lifetime.figures import figures, latencies
from llmcost.estimate.money import rent
from llmcost.estimate.serving import many
from llmcost.estimate.serving.bought import Bought
from llmcost.keys import SERVE, SIDES, TRAIN
from llmcost.keys.charges import PROGRAMME
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario

# Numbers that no choice of a plan depends on: layouts, batches and precisions are the same at any value of them.
PLAIN = (
    "price", "requests", "utilization", "electricity_price", "carbon_intensity", "pue", "cost_per_request",
    "energy_per_request", "tokens_per_second", "api_discount", "gpu_hours", "mfu", "goodput", "overhead",
    "experiments", "staff", *(cost.key.name for cost in PROGRAMME), "train_cost", "train_energy", "horizon",
)  # fmt: skip
PLACED = ("utilization", "electricity_price", "pue")  # not plain where machines are owned: they make its price
OWNING = ("owned", "electricity", "mix")  # terms whose price is made, not quoted
# Not plain where a p95 has to be kept, which decides how far a fleet is loaded, or where speculation has to pay.
QUEUED = ("requests", "utilization")


class Block(NamedTuple):
    """Alternatives of one plan: a name each, and the values of the numbers in which they differ."""

    case: Case
    names: list[str]
    axes: dict[str, Array]
    picked: replicas.Picked  # what was chosen for each, where that differs
    reasons: list[str]  # why each is not feasible; empty where it is

    def some(self, index: list[int]) -> Block:
        """A few of its alternatives."""
        axes = {k: v[index] for k, v in self.axes.items()}
        picked = {k: v[index] for k, v in self.picked.items()}
        case = replicas.narrowed(self.case, index, len(self.names))
        return Block(case, [self.names[i] for i in index], axes, picked, [self.reasons[i] for i in index])

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers that all of them have in common."""
        return self.case.numbers

    def at(self, p: Mapping[str, Num], exact: int = EXACT) -> dict[str, Num]:
        """Figures of every alternative, as a column each: (alternatives, 1) against any shape of `p`."""
        return figures(self.case, self.laid(p), exact)

    def laid(self, p: Mapping[str, Num]) -> dict[str, Num]:
        """The numbers `p` with its axes laid over, as a column."""
        return laid(p, {k: v[:, None] for k, v in self.axes.items()})


def laid(p: Mapping[str, Num], values: Mapping[str, Num]) -> dict[str, Num]:
    """The numbers `p` with the values of some keys laid over; a sided key counts for its side."""
    found = dict(p)
    for key in sorted(values, key=lambda k: k.startswith((f"{TRAIN}_", f"{SERVE}_"))):
        for side in SIDES:
            for tag in (f"{side}.{key}", f"{side}.{key.removeprefix(f'{side}_')}"):
                if tag in found:
                    found[tag] = values[key]
        if key == "horizon" and HORIZON in found:
            found[HORIZON] = values[key] / SECONDS_PER_DAY
    return found


def plain(key: str, alternative: Alternative, axes: list[Axis] | None = None) -> bool:
    """Whether a key is a plain number of a question whose days are alike, which the other axes may change."""
    return not _moves(alternative) and alone(key, alternative, axes)


def alone(key: str, alternative: Alternative, axes: list[Axis] | None = None) -> bool:
    """Whether no choice of a plan but the size of its replicas depends on a key."""
    bare = key.removeprefix(f"{TRAIN}_").removeprefix(f"{SERVE}_")
    if bare not in PLAIN and key not in PLAIN:
        return False
    if bare in PLACED and _owns(alternative.scenario, axes or []):
        return False
    if bare == "price" and "mix" in _said("commitment", alternative.scenario, axes or []):
        return False
    return bare not in QUEUED or not (alternative.scenario.has("ttft_p95") or _speculates(alternative, axes or []))


def _owns(scenario: Scenario, axes: list[Axis]) -> bool:
    """Whether any machine may be owned, so that its price follows from how it is used."""
    return any(value in OWNING for value in _said("commitment", scenario, axes))


def _speculates(alternative: Alternative, axes: list[Axis]) -> bool:
    """Whether a draft model may propose tokens, which pays at some loads and not at others."""
    return any("speculation" in str(value) for value in _said("technique", alternative.scenario, axes))


def _said(name: str, scenario: Scenario, axes: list[Axis]) -> list[object]:
    """Every value of a key, on either side."""
    names = (name, *(f"{side}_{name}" for side in SIDES))
    said: list[object] = [layer[key].value for layer in scenario.layers for key in names if key in layer]
    return said + [value.value for axis in axes if axis.key in names for value in axis.values]


def _moves(alternative: Alternative) -> bool:
    """Whether one day is unlike another."""
    return alternative.scenario.has(*MOVING)


def singles(pairs: list[tuple[Alternative, list[Axis]]]) -> list[Alternative]:
    """Every alternative as a question of its own."""
    several = len(pairs) > 1
    return [
        Alternative(name_of(a.name, cell, labels(axes), several), a.scenario.over(cell), a.fixed)
        for a, axes in pairs
        for cell in cells(axes)
    ]


class Job(NamedTuple):
    """What is planned in one go: a question, and the points of it that differ in numbers alcases."""

    scenario: Scenario
    names: list[str]
    points: list[Cell]
    catalog: Catalog
    sided: bool


def planned(pairs: list[tuple[Alternative, list[Axis]]], catalog: Catalog, where: str = "") -> list[Block]:
    """Every alternative, planned: here, or `where` the workers are.

    Raises
    ------
    LlmcostError
        Whatever a question refuses.
    """
    sided = any(all(cases.sides(a.scenario.over({x.key: x.values[0] for x in axes}))) for a, axes in pairs)
    several = len(pairs) > 1
    jobs: list[Job] = []
    for alternative, axes in pairs:
        along = replicas.together(alternative)
        flat = [x for x in axes if _flat(x, alternative, axes, along)]
        points, called = cells(flat), labels(axes)
        for cell in cells([x for x in axes if x not in flat]):
            names = [name_of(alternative.name, {**cell, **point}, called, several) for point in points]
            jobs.append(Job(alternative.scenario.over(cell), names, points, catalog, sided))
    if not where:
        return [block for job in jobs for block in _blocks(*job)]
    from llmcost.estimate.compare import workers

    return [block for blocks in workers.run(where, _job, jobs, _asked) for block in blocks]


def _job(job: Job) -> list[Block]:
    return _blocks(*job)


def _asked(job: Job) -> Scenario:
    return job.scenario


def _flat(axis: Axis, alternative: Alternative, axes: list[Axis], along: bool) -> bool:
    """Whether an axis is figured as an array rather than planned value by value."""
    if not all(isinstance(v.value, float) for v in axis.values):
        return False
    return plain(axis.key, alternative, axes) or (along and axis.key in many.LENGTHS and not _moves(alternative))


def _blocks(scenario: Scenario, names: list[str], points: list[Cell], catalog: Catalog, sided: bool) -> list[Block]:
    """Blocks of all points, each planned at the rate that its fleets go by."""
    found = []
    for block in _of_plans(scenario, names, points, catalog, sided):
        apart = _at_another_rate(block)
        if not apart:
            found.append(block)
            continue
        kept = [i for i in range(len(block.names)) if i not in apart]
        mine = dict(zip(names, points, strict=True))
        found += [block.some(kept)] if kept else []
        found += _one_by_one(scenario, block, apart, [mine[name] for name in block.names], catalog, sided)
    return found


def _at_another_rate(block: Block) -> dict[int, tuple[float, ...]]:
    """The alternatives of a block whose size tells other rates than those that it was planned at [USD/h]."""
    case = block.case
    if case.reason or not block.axes:
        return {}
    out = block.at(sampling.central(block.numbers))
    jobs: list[tuple[rent.Terms, rent.Job]] = []
    if case.hosted is not None and "gpus" in out:
        jobs.append((case.hosted.fleet.terms, rent.Job(out["gpus"])))
    if case.run is not None:
        jobs.append((case.run.bill.terms, rent.Job(case.run.gpus, out["gpu_hours"])))
    told = [(terms.by_size.rate(job), terms.planned) for terms, job in jobs if terms.by_size is not None]
    rates = [np.ravel(np.broadcast_to(rate, (len(block.names), 1))) for rate, _ in told]
    every = {i: tuple(float(of[i]) for of in rates) for i in range(len(block.names))}
    return {i: found for i, found in every.items() if found != tuple(planned for _, planned in told)}


def _of_plans(scenario: Scenario, names: list[str], points: list[Cell], catalog: Catalog, sided: bool) -> list[Block]:
    """One block of all points; a block for each length where one plan does not do for all."""
    columns = {key: np.array([float(point[key].value) for point in points]) for key in points[0]}
    varied = [key for key in many.LENGTHS if key in columns]
    by_length = sorted(range(len(points)), key=lambda i: tuple(columns[k][i] for k in varied))
    case = cases.read_case(scenario.over(points[by_length[-1]]), catalog, sided)
    if not varied or isinstance(case.service, Bought):
        return [_sized(case, names, columns)]
    if case.reason:  # the longest is too long: plan with the shortest
        case = cases.read_case(scenario.over(points[by_length[0]]), catalog, sided)
    chosen = None if case.reason else replicas.chosen(case, columns)
    if chosen is None:
        every = dict.fromkeys(range(len(names)), ())
        return _one_by_one(scenario, Block(case, names, columns, {}, []), every, points, catalog, sided)
    whole = Block(chosen.case, names, columns, chosen.picked, [reason or "" for reason in chosen.reasons])
    apart = {i: () for i, reason in enumerate(chosen.reasons) if reason is None}
    if not apart:
        return [whole]
    kept = [i for i, reason in enumerate(chosen.reasons) if reason is not None]
    rest = _one_by_one(scenario, whole, apart, points, catalog, sided)
    return [whole.some(kept), *rest] if kept else rest


def _one_by_one(
    scenario: Scenario, whole: Block, apart: Mapping[int, tuple[float, ...]], points: list[Cell], catalog: Catalog,
    sided: bool,
) -> list[Block]:  # fmt: skip
    """A block for each length of some alternatives, and for each rate that they go by, planned by itself."""
    varied = [key for key in many.LENGTHS if key in whole.axes]
    alike: dict[tuple[float, ...], list[int]] = {}
    for i, rates in apart.items():
        alike.setdefault((*rates, *(float(whole.axes[k][i]) for k in varied)), []).append(i)
    found = []
    for at in alike.values():
        case = cases.read_case(scenario.over(points[at[0]]), catalog, sided)
        axes = {k: v[at] for k, v in whole.axes.items()}
        found.append(_sized(case, [whole.names[i] for i in at], axes))
    return found


def _sized(case: Case, names: list[str], axes: dict[str, Array]) -> Block:
    """A block of one plan, each alternative with the size of replica that its traffic asks for."""
    found, picked = replicas.sized(case, {k: v[:, None] for k, v in axes.items()})
    return Block(found, names, axes, picked, [case.reason] * len(names))


class Streams:
    """Draws of uncertain numbers: what two alternatives have alike is one number with one set of draws.

    Numbers of one name but with different values are drawn apart; the first one seen has the draws that the question
    alone would have.
    """

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed
        self._seen: dict[str, list[Spread]] = {}
        self._drawn: dict[tuple[str, int], Array] = {}

    def draws(self, numbers: Mapping[str, Number]) -> dict[str, Num]:
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


def centre(block: Block) -> dict[str, Num]:
    """Figures of a block at the medians, its latencies among them: one value per alternative, or one for all."""
    p = sampling.central(block.numbers)
    found = block.at(p) | by_name(latencies(block.case, block.laid(p)))
    return {k: v[..., 0] if isinstance(v, np.ndarray) and v.ndim else v for k, v in found.items()}
