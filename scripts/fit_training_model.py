"""The fit itself: constants drawn toward shared values, families and kin, by least squares in log time."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.engine.training.calibration import SHARED, Calibration, Stack, stacked
from llmcost.engine.training.step import Step, step
from llmcost.estimate.training.stack import LAYERS
from scripts.fit_training_data import Data
from scripts.fit_training_priors import (
    ASSUMED,
    CAPS,
    DEVIATIONS,
    FAMILY,
    LEAST_ONE,
    PLAIN_ATTENTION,
    PRIORS,
    STACK_PRIORS,
    WATTS,
    XLA_REPEAT,
)

Array = Any
NAMES = tuple(FAMILY)
FAMILIES = ("tuned", "sharded", "trainer")
SCALE = 0.12  # log error from which on a row counts linearly
# Errors inside a source go together: a source of n groups weighs TRUST x sqrt(n).
TRUST = 2.4
ROUNDS = 12
LONGEST = 1.0  # of a step of the fit in any log
NUDGE = 1e-3


def family_of(generation: str) -> str:
    """The family a generation is fitted with, or an empty string."""
    return next((name for name, members in FAMILY.items() if generation in members), "")


class Model:
    """Every fitted number as one vector of logs, and what the rows make of it."""

    def __init__(self, data: Data) -> None:
        self.data = data
        stacks = [c.software.name if c.software.stated else "" for c in data.cases]
        self.stacks = sorted(set(stacks))
        self.generation = np.array([NAMES.index(family_of(c.generation)) for c in data.cases])
        self.family = np.array([FAMILIES.index(c.software.family) for c in data.cases])
        self.stack = np.array([self.stacks.index(name) for name in stacks])
        grouped = np.array([c.software.grouped for c in data.cases])
        self.loops = np.where(grouped, FAMILIES.index("tuned"), self.family)  # whose loops over experts
        self.engine = np.array([c.software.engine for c in data.cases])  # layers that are none of the stack
        self.layers = np.where(self.engine, FAMILIES.index("tuned"), self.family)
        self.year = np.array([c.year for c in data.cases])
        self.compiled = np.array([float(c.compiled) for c in data.cases])
        declared: list[tuple[tuple[str, ...], float, float]]
        declared = [((name,), prior.start, prior.width) for name, prior in PRIORS.items()]
        declared += [((name, "generation", family), ratio, width) for name, family, ratio, width in DEVIATIONS]
        for name, one in STACK_PRIORS.items():
            declared += [((name, "family", family), *value) for family, value in one.families.items()]
            declared += [((name, "stack", stack), 1.0, one.width) for stack in self.stacks]
        self.names = [name for name, *_ in declared]
        self.at = {name: i for i, name in enumerate(self.names)}
        self.start = np.log([start for _, start, _ in declared])
        self.width = np.array([width for *_, width in declared])
        self.touched = [self._rows(name) for name in self.names]
        self.together = self._together()

    def _rows(self, name: tuple[str, ...]) -> Array:
        """Rows that a number enters."""
        if len(name) == 1:
            return np.ones(len(self.data.cases), bool)
        of = {
            "generation": (self.generation, NAMES),
            "family": (self.family, FAMILIES),
            "stack": (self.stack, self.stacks),
        }
        labels, every = of[name[1]]
        if name[1] == "family":
            labels = self._whose(name[0])
        touched = np.asarray(labels == every.index(name[2]))
        return touched & ~self.engine if name[1] == "stack" and name[0] in LAYERS else touched

    def _whose(self, name: str) -> Array:
        """The family that each row has a constant of stacks from."""
        return self.loops if name == "expert_loop" else self.layers if name in LAYERS else self.family

    def _together(self) -> list[list[int]]:
        """Numbers of disjoint rows, which one evaluation can move together."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, name in enumerate(self.names):
            if self.touched[i].any():
                groups.setdefault(name[:2], []).append(i)
        return list(groups.values())

    def shared(self, x: Array, generations: Array) -> Calibration:
        """Constants before the software, one value per entry of `generations` (index into FAMILY; -1: none)."""
        values = {name: np.full(len(generations), x[self.at[name,]]) for name in PRIORS}
        for name, family, *_ in DEVIATIONS:
            own = np.where(generations == NAMES.index(family), x[self.at[name, "generation", family]], 0.0)
            values[name] = values[name] + own
        fields = {name: np.minimum(np.exp(v), CAPS.get(name, np.inf)) for name, v in values.items()}
        fields |= {name: np.full(len(generations), value) for name, (value, *_) in ASSUMED.items()}
        for name in LEAST_ONE:
            fields[name] = np.maximum(fields[name], 1.0)
        fields["practice"] = np.ones(len(generations))  # the fit is to steps that were measured
        fields["repeat"] = np.where(generations == NAMES.index("tpu"), XLA_REPEAT, 1.0)
        for name, table, otherwise in (("power_reference", WATTS, 0.0), ("plain_attention", PLAIN_ATTENTION, 1.0)):
            known = np.array([*(table.get(family, otherwise) for family in NAMES), otherwise])
            fields[name] = known[generations]
        return Calibration(**{name: fields[name] for name in SHARED})

    def stack_of(self, x: Array, family: str, stack: str | None = None, grouped: bool = False) -> Stack:
        """The constants of a family, or of a stack of it."""
        values = {}
        for name in STACK_PRIORS:
            own = 0.0 if stack is None else x[self.at[name, "stack", stack]]
            of = "tuned" if grouped and name == "expert_loop" else family
            values[name] = float(np.exp(x[self.at[name, "family", of]] + own))
        return Stack(**values, plain=float(family != "tuned"))

    def calibration(self, x: Array) -> Calibration:
        """Constants of every row."""
        values = {}
        for name in STACK_PRIORS:
            families = np.array([x[self.at[name, "family", family]] for family in FAMILIES])
            stacks = np.array([x[self.at[name, "stack", stack]] for stack in self.stacks])
            own = np.where(self.engine & (name in LAYERS), 0.0, stacks[self.stack])
            values[name] = np.exp(families[self._whose(name)] + own)
        stack = Stack(**values, plain=(self.layers > 0).astype(float))
        return stacked(self.shared(x, self.generation), stack, self.year, self.compiled)

    def steps(self, x: Array) -> tuple[Step, Array]:
        """Steps of every candidate, and the fastest of each row."""
        d = self.data
        each = [np.asarray(v)[d.owner] if np.ndim(v) else v for v in self.calibration(x)]
        steps = step(d.shape, d.machine, d.layout, d.run, Calibration(*each))
        best = np.minimum.reduceat(steps.step_seconds, d.start)
        return steps, best

    def errors(self, x: Array) -> Array:
        """Log of predicted over measured."""
        return np.log(self.steps(x)[1] / self.data.measured)

    def weights(self) -> Array:
        """Of the rows: a source of n groups weighs TRUST x sqrt(n)."""
        d = self.data
        groups: dict[str, set[tuple[str, ...]]] = {}
        for r in d.rows:
            groups.setdefault(r["source_group"], set()).add((r["hardware_id"], r["model"], r["method"]))
        return d.weight * TRUST * np.sqrt([len(groups[s]) for s in d.source])

    def fit(self, use: Array) -> Array:
        """Numbers that the rows in use and the priors agree on (damped Gauss-Newton; far errors count linearly)."""
        weight = np.where(use, self.weights(), 0.0) / SCALE**2
        held = 1.0 / self.width**2
        x = self.start.copy()
        error = self.errors(x)

        def cost(x: Array, error: Array) -> float:
            far = 2.0 * (np.sqrt(1.0 + (error / SCALE) ** 2) - 1.0)
            return float(np.sum(weight * SCALE**2 * far) + np.sum((x - self.start) ** 2 * held))

        now, damping = cost(x, error), 1e-3
        for _ in range(ROUNDS):
            slope = self._slopes(x, error)
            robust = weight / np.sqrt(1.0 + (error / SCALE) ** 2)
            curved = (slope.T * robust) @ slope + np.diag(held)
            down = -(slope.T * robust) @ error - held * (x - self.start)
            for _ in range(6):
                tried = x + np.clip(
                    np.linalg.solve(curved + damping * np.diag(np.diag(curved)), down), -LONGEST, LONGEST
                )
                errors = self.errors(tried)
                then = cost(tried, errors)
                if then < now:
                    break
                damping *= 10.0
            else:
                return x
            small = now - then < 1e-3 * now
            x, error, now, damping = tried, errors, then, damping / 5.0
            if small:
                break
        return x

    def _slopes(self, x: Array, error: Array) -> Array:
        slopes = np.zeros((len(error), len(x)))
        for group in self.together:
            moved = x.copy()
            moved[group] += NUDGE
            change = (self.errors(moved) - error) / NUDGE
            for i in group:
                slopes[self.touched[i], i] = change[self.touched[i]]
        return slopes

    def without(self, labels: Array) -> dict[str, Array]:
        """The numbers of a fit without each label, begun where the whole one began: what it left out is in no start."""
        return {str(label): self.fit(labels != label) for label in sorted(set(labels))}

    def left_out(self, labels: Array, fits: dict[str, Array]) -> Array:
        """Log errors of rows under the fit that did not see their label."""
        errors = np.zeros(len(labels))
        for label, x in fits.items():
            errors[labels == label] = self.errors(x)[labels == label]
        return errors

    def translated(self, other: Model, x: Array) -> Array:
        """The numbers of another model's rows as these rows take them; stacks that it does not know add nothing."""
        return np.array([x[other.at[name]] if name in other.at else self.start[i] for i, name in enumerate(self.names)])


def begin() -> Calibration:
    """Constants before any fit: what candidates need to know."""
    fields = {name: prior.start for name, prior in PRIORS.items()}
    fields |= {name: value for name, (value, *_) in ASSUMED.items()}
    return Calibration(**{name: fields[name] for name in SHARED})
