"""The engines of a sweep: what each figures as arrays, and how it answers at the points of one plan."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import LlmcostError, not_of
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.compare import blocks, replicas
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.compare.alternatives import Axis as Varied
from llmcost.estimate.lifetime.case import SERVE_SAID, TRAIN_SAID
from llmcost.estimate.serving import many
from llmcost.estimate.sweep import grid as grids
from llmcost.estimate.sweep import serving
from llmcost.estimate.sweep.grid import Axis, Grid
from llmcost.estimate.sweep.points import OTHER, REASONS, Answers
from llmcost.keys.key import CROSSOVER, FIT, SERVE, TRAIN
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario, Setting
from llmcost.terms import TERMS

NAMES = (SERVE, TRAIN, CROSSOVER, FIT)
# Tokens change the batch of a run, and so its layout: where the machines are counted, and no MFU is given.
COUNT = ("gpus", "train_gpus")
HELD = ("isl", "osl")  # what a request takes of memory
PHASED = ("method", "long_tokens", "rollout_tokens", "epochs", "technique")  # runs of several phases


class Engine(NamedTuple):
    """The question of a command, at many points."""

    name: str
    flat: Callable[[Axis, Scenario, list[Varied]], bool]  # whether a key is figured as an array
    plan: Callable[[Scenario, Catalog, tuple[Axis, ...]], Plan]  # what answers where the other keys say one thing


class Box(NamedTuple):
    """Points of one plan: the keys that are figured as arrays, their values each along an axis of its own."""

    axes: tuple[Axis, ...]
    values: Mapping[str, Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along every axis."""
        return np.broadcast_shapes((1,) * len(self.axes), *(np.shape(v) for v in self.values.values()))

    def tiles(self, most: int) -> Iterator[tuple[slice, Box]]:
        """Points in the order of the rows, about so many at a time, and which rows they are."""
        shape = self.shape
        along = next((i for i, size in enumerate(shape) if size > 1), 0)
        below = math.prod(shape[along + 1 :])
        step = max(most // max(below, 1), 1)
        for start in range(0, shape[along] if shape else 1, step):
            cut = {
                name: v[(slice(None),) * along + (slice(start, start + step),)] if np.shape(v)[along] > 1 else v
                for name, v in self.values.items()
            }
            yield slice(start * below, min(start + step, shape[along] if shape else 1) * below), Box(self.axes, cut)


Plan = Callable[[Box], Answers]


def corner(axes: tuple[Axis, ...]) -> dict[str, Setting]:
    """The point that a plan is made at, for every part the same: shortest, fewest, most in the cache."""
    return {axis.name: axis.setting(-1 if axis.name == "cache_hit" else 0) for axis in axes}


def named(said: str | None, scenario: Scenario, axes: list[Axis]) -> Engine:
    """The engine that was named, or that of what is asked: serving where lengths are said, training where tokens are.

    Raises
    ------
    LlmcostError
        No such engine, or neither side is asked about.
    """
    if said is not None:
        if said not in ENGINES:
            raise units.at("--engine", not_of(said, NAMES, f"--engine {NAMES[0]}"))
        return ENGINES[said]
    varied = {axis.name: axis.setting(0) for axis in axes}
    asked = scenario.over(varied)
    if asked.has(*SERVE_SAID):
        return ENGINES[SERVE]
    if asked.has(*TRAIN_SAID):
        return ENGINES[TRAIN]
    raise LlmcostError(
        "what is to be swept? serving takes --isl and --osl, training --tokens",
        "--engine serve, train, crossover or fit",
    )


def grid(engine: Engine, scenario: Scenario, axes: list[Axis]) -> Grid:
    """The axes in the order of the rows: those that need a plan each before those that are figured as arrays.

    Among the latter what a replica is chosen for comes first: it is computed once for all values of the rest.
    """
    varied = [Varied(a.name, [], [] if a.numbers else [a.setting(i) for i in range(len(a.values))]) for a in axes]
    arrays = [axis for axis in axes if axis.numbers and engine.flat(axis, scenario, varied)]
    arrays.sort(key=lambda axis: axis.name not in many.CHOSEN)
    return Grid(tuple(axis for axis in axes if axis not in arrays), tuple(arrays), grids.ROWS)


def _plain(axis: Axis, scenario: Scenario, varied: list[Varied]) -> bool:
    return blocks.plain(axis.name, Alternative("", scenario), varied)


def _flat_serve(axis: Axis, scenario: Scenario, varied: list[Varied]) -> bool:
    apart = any(v.key in (*serving.APART, "technique") for v in varied)
    if axis.name in many.CHOSEN:
        return serving.together(scenario) and not apart
    return _plain(axis, scenario, varied) and (axis.name not in many.TRAFFIC or not apart)


def _flat_train(axis: Axis, scenario: Scenario, varied: list[Varied]) -> bool:
    if axis.name == "tokens":
        said = {v.key for v in varied}
        if scenario.has(*PHASED) or said & set(PHASED):
            return False
        return scenario.has("mfu") or "mfu" in said or not (scenario.has(*COUNT) or said & set(COUNT))
    return _plain(axis, scenario, varied)


def _serve(scenario: Scenario, catalog: Catalog, axes: tuple[Axis, ...]) -> Plan:
    plan = serving.read(scenario.over(corner(axes)), catalog)
    if isinstance(plan, NoFit):
        return refused(plan.reason)
    choosing = [a for a in axes if a.name in many.CHOSEN or (a.name in many.TRAFFIC and plan.requests)]
    at = serving.chooser(plan) if choosing else partial(serving.alone, plan)
    if at is None:
        return partial(_apart, scenario, catalog, choosing)

    def answer(box: Box) -> Answers:
        found = at(box.values)
        return found._replace(columns=_priced(found.columns, plan.question.priced))

    return answer


def _apart(scenario: Scenario, catalog: Catalog, choosing: list[Axis], box: Box) -> Answers:
    """A plan for every combination of some keys; the others are figured as arrays still."""
    mine = {axis.name: np.ravel(box.values[axis.name]) for axis in choosing}
    rest = {name: v for name, v in box.values.items() if name not in mine}
    shape, reason = box.shape, np.zeros(box.shape, dtype=int)
    columns: dict[str, Any] = {}
    reasons = list(REASONS)
    for at in itertools.product(*(range(len(v)) for v in mine.values())):
        where = tuple(
            slice(at[list(mine).index(a.name)], at[list(mine).index(a.name)] + 1) if a.name in mine else slice(None)
            for a in box.axes
        )
        said = {name: float(v[i]) for (name, v), i in zip(mine.items(), at, strict=True)}
        whole = {a.name: a.key.kind.startswith("whole") for a in choosing}
        point = {name: Setting(int(v) if whole[name] else v, "flag:--vary") for name, v in said.items()}
        found = _serve(scenario.over({**corner(box.axes), **point}), catalog, ())(Box((), rest))
        reason[where] = np.where(np.asarray(found.reason) > 0, len(reasons), 0)
        if np.any(np.asarray(found.reason) > 0):
            reasons.append(found.reasons[int(np.max(found.reason))])
        for name, values in found.columns.items():
            if name not in columns:
                columns[name] = np.full(shape, None if np.asarray(values).dtype.kind in "US" else np.nan)
            columns[name][where] = values
    return Answers(columns, reason, tuple(reasons))


def _train(scenario: Scenario, catalog: Catalog, axes: tuple[Axis, ...]) -> Plan:
    from llmcost.estimate.asking.values import training_numbers
    from llmcost.estimate.training.plan import read_run

    question = Question(scenario.over(corner(axes)), catalog, TRAIN)
    run = read_run(question)
    if isinstance(run, NoFit):
        return refused(run.reason)

    def answer(box: Box) -> Answers:
        numbers = sampling.central(question.numbers)
        found: dict[str, Any] = dict(run.figures(training_numbers({**numbers, **box.values})))
        if run.predicted is not None:
            found |= run.predicted.facts()
        if "tokens" in numbers:
            found["tokens"] = box.values.get("tokens", numbers["tokens"])
        return Answers(_priced({**found, "gpus": run.gpus}, question.priced))

    return answer


def _crossover(scenario: Scenario, catalog: Catalog, axes: tuple[Axis, ...]) -> Plan:
    from llmcost.estimate.crossover.reading import read_both
    from llmcost.estimate.lifetime.figures import figures

    read, _ = read_both(scenario.over(corner(axes)), catalog)
    if read.refused is not None:
        return refused(read.reason)

    def answer(box: Box) -> Answers:
        case, _ = replicas.sized(read, box.values)  # traffic decides on the size of a replica
        p = blocks.laid(sampling.central(case.numbers), box.values)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return Answers(dict(figures(case, p)))

    return answer


def _flat_fit(axis: Axis, scenario: Scenario, varied: list[Varied]) -> bool:
    from llmcost.estimate.fit.answer import of_training

    said = {v.key for v in varied}
    trains = of_training(scenario) or "method" in said
    return axis.name in HELD and not trains and (scenario.has("hardware") or "hardware" in said)


def _fit(scenario: Scenario, catalog: Catalog, axes: tuple[Axis, ...]) -> Plan:
    from llmcost.estimate.fit.answer import fit, held_on
    from llmcost.estimate.fit.serving import of_loads
    from llmcost.estimate.fit.verdict import NEVER, NOT

    if not axes:
        answer = fit(scenario, catalog)
        columns = {name: value for name, value in answer.result.items() if name != "verdict"}
        reasons = (*REASONS, str(answer.result.get("verdict", "")))
        return lambda _: Answers(columns, OTHER if answer.exit_code else 0, reasons)
    one = held_on(scenario.over(corner(axes)), catalog)

    def of_lengths(box: Box) -> Answers:
        load = one.asked.load
        both = np.broadcast_arrays(
            box.values.get("isl", load.isl), box.values.get("osl", load.osl), np.zeros(box.shape)
        )
        found = of_loads(one, *(np.ravel(np.asarray(v, dtype=float)) for v in both[:2]))
        shaped = {name: np.reshape(values, box.shape) for name, values in found.items()}
        return Answers(shaped, np.where(shaped["fits_probability"] < NEVER, OTHER, 0), (*REASONS, NOT))

    return of_lengths


def _priced(found: dict[str, Any], priced: bool) -> dict[str, Any]:
    """The figures without dollars, where no rate is known."""
    if priced:
        return found
    return {k: v for k, v in found.items() if k not in TERMS or not TERMS[k].kind.startswith("usd")}


def refused(reason: str) -> Plan:
    """The plan of what has no answer."""
    return lambda _: Answers({}, OTHER, (*REASONS, reason))


ENGINES = {
    SERVE: Engine(SERVE, _flat_serve, _serve),
    TRAIN: Engine(TRAIN, _flat_train, _train),
    CROSSOVER: Engine(CROSSOVER, _plain, _crossover),
    FIT: Engine(FIT, _flat_fit, _fit),
}
