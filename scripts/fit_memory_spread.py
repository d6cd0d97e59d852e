"""How wide the range of a peak is, by stack and by method: from errors of rows that no constant was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from llmcost.engine.numeric.kinds import Array

STATES = np.array([0.02, 0.03, 0.04, 0.05])  # standard deviation of ln of states, whose bytes are documented [-]
RESTS = np.array([0.1, 0.12, 0.15, 0.18, 0.2, 0.22, 0.25, 0.28, 0.3, 0.35, 0.4, 0.45, 0.5])  # of the rest [-]
FAR = 3.0  # standard deviations beyond which an error counts no more: a row that says something else than it did
SOURCES = 2.0  # sources that what all methods have in common counts as, beside those of a method
SHARED = 6.0  # rows that what all stacks have in common counts as, beside those of a stack


class Errors(NamedTuple):
    """Rows with a measured peak: their stacks, parts of what was predicted, and errors."""

    stack: Array
    states: Array  # share of the total [-]
    rest: Array  # share of the total [-]
    error: Array  # ln(measured / predicted)
    weight: Array

    def some(self, rows: Array) -> Errors:
        """Some of the rows."""
        return Errors(*(field[rows] for field in self))

    def scaled(self, by: Array) -> Errors:
        """The same rows where every spread is so many times as wide."""
        return self._replace(states=self.states * by, rest=self.rest * by)

    def sigma(self, of_states: float, of_rest: float) -> Array:
        """Standard deviation of the logarithm of every total [-]."""
        found: Array = np.hypot(of_states * self.states, of_rest * self.rest)
        return found


def scatter(errors: Errors, sigma: Array) -> float:
    """Root of the mean square of errors over their spread [-]."""
    return float(np.sqrt(np.average(np.minimum((errors.error / sigma) ** 2, FAR**2), weights=errors.weight)))


def pooled(errors: Errors) -> tuple[float, float]:
    """Spreads of states and of the rest that make the errors of all stacks likeliest."""

    def cost(of_states: float, of_rest: float) -> float:
        sigma = errors.sigma(of_states, of_rest)
        far = np.minimum((errors.error / sigma) ** 2, FAR**2)
        return float(np.sum(errors.weight * (np.log(sigma) + 0.5 * far)))

    return min(((float(a), float(b)) for a in STATES for b in RESTS), key=lambda pair: cost(*pair))


class Spreads(NamedTuple):
    """Spreads of states and of the rest of every stack, and those of every method over them [-]."""

    stacks: dict[str, tuple[float, float]]
    methods: dict[str, float]


def spreads(errors: Errors, methods: Array, sources: Array, stacks: Sequence[str]) -> Spreads:
    """How wide ranges are: a stack's errors over what their methods say of them."""
    found = by_method(errors, methods, sources)
    return Spreads(by_stack(errors.scaled(np.array([found[name] for name in methods])), stacks), found)


def by_method(errors: Errors, methods: Array, sources: Array) -> dict[str, float]:
    """Errors of every method over those of all, each source of a method counted once, drawn to one the fewer it has."""
    square = np.minimum((errors.error / errors.sigma(*pooled(errors))) ** 2, FAR**2)
    pairs = {(method, source) for method, source in zip(methods, sources, strict=True)}
    own = {pair: float(np.mean(square[(methods == pair[0]) & (sources == pair[1])])) for pair in sorted(pairs)}
    mean = float(np.mean(list(own.values())))
    found = {}
    for method in sorted(set(methods)):
        some = [value for (name, _), value in own.items() if name == method]
        found[str(method)] = float(np.sqrt((sum(some) / mean + SOURCES) / (len(some) + SOURCES)))
    return found


def by_stack(errors: Errors, stacks: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Spreads of states and of the rest of every stack: its own, drawn to those of all the fewer rows it has."""
    common = pooled(errors)
    square = np.minimum((errors.error / errors.sigma(*common)) ** 2, FAR**2)
    mean = float(np.average(square, weights=errors.weight))
    found = {}
    for stack in stacks:
        mine = errors.stack == stack
        own, count = float(np.sum((errors.weight * square)[mine])), float(np.sum(errors.weight[mine]))
        scale = float(np.sqrt((own + SHARED * mean) / (count + SHARED)))
        found[stack] = (common[0] * scale, common[1] * scale)
    return found
