"""The same question over samples: how far the answer can move, and which input moves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import Array, Num, finite
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.asking import sampling
from llmcost.estimate.lifetime.curves import EXACT_SAMPLED, Curves, streams
from llmcost.keys import KEYS
from llmcost.records import NamedTuple
from llmcost.result import Input, Range, Scalar

CHUNK = 32_768  # samples answered at once: what bounds the memory of a million
FIRST = 10_000  # first samples: behind the bands of the curves and the shares of the spread
AT_ENDS = 64  # replicas counted one by one where an input stands at an end of its range

Numbers = Mapping[str, float | Spread]
Maker = Callable[[Mapping[str, Num], int], Curves]  # numbers, and the replicas counted one by one
Reader = Callable[[Curves], dict[str, Num]]


class Sampled(NamedTuple):
    """Outcomes by name, one value a sample; the curves and the inputs of the first samples."""

    outcomes: dict[str, Array]
    curves: Curves | None
    inputs: dict[str, Array]


NOTHING = Sampled({}, None, {})


class Swing(NamedTuple):
    """What one uncertain input does to the crossing, from one end of its 90 % range to the other."""

    input: str
    low: float
    high: float
    unit: str
    of: str  # what moves: days or requests
    at_low: float | None
    at_high: float | None
    spread_share: float  # of the variance of the crossing's rank [-]

    @property
    def width(self) -> float | None:
        """How far the crossing moves; None where it never comes at one end."""
        return None if self.at_low is None or self.at_high is None else abs(self.at_high - self.at_low)

    def row(self) -> dict[str, Scalar]:
        """The swing as the answer lists it."""
        return {
            "input": self.input, "low": self.low, "high": self.high, "unit": self.unit,
            f"{self.of}_at_low": self.at_low, f"{self.of}_at_high": self.at_high, f"swing_{self.of}": self.width,
            "spread_share": self.spread_share,
        }  # fmt: skip


def answer(make: Maker, read: Reader, numbers: Numbers, samples: int, seed: int) -> Sampled:
    """The outcome of every sample; nothing where no input is uncertain."""
    if not sampling.uncertain(numbers):
        return NOTHING
    drawn = sampling.draws(numbers, samples, seed, streams(numbers))
    parts, kept = [], None
    edges = [0, *range(min(FIRST, samples), samples, CHUNK), samples]
    for at, end in pairwise(dict.fromkeys(edges)):
        whole = end - at == samples  # the same arrays again, of which formulas know their answers
        part = drawn if whole else {k: v[at:end] if isinstance(v, np.ndarray) else v for k, v in drawn.items()}
        made = make(part, EXACT_SAMPLED)
        parts.append(read(made))
        kept = kept or made
    names = [k for k, v in parts[0].items() if np.ndim(v)]
    outcomes = {k: np.concatenate([part[k] for part in parts]) for k in names}
    inputs = {k: v[:FIRST] for k, v in drawn.items() if isinstance(v, np.ndarray)}
    return Sampled(outcomes, kept, inputs)


def ranges(result: Mapping[str, Scalar], outcomes: Mapping[str, Array]) -> dict[str, Range]:
    """90 % intervals: of crossings the quantiles themselves, in which one that never comes is infinite.

    Where the answer at the centre is that it never comes, its median is that too, whatever half of the samples do.
    """
    crossing = [k for k in outcomes if "crossover" in k]
    found = sampling.ranges(result, {k: v for k, v in outcomes.items() if k not in crossing})
    for name in crossing:
        p5, p95 = sp.quantiles(outcomes[name], (0.05, 0.95))
        if np.isclose(p5, p95, rtol=1e-9, atol=0.0) and np.isfinite(p5):
            continue
        centre = result[name]
        at = float(centre) if isinstance(centre, float | int) else None
        found[name] = Range(finite(p5), None, None) if at is None else Range(finite(p5), at, finite(p95))
    return found


def sensitivity(
    make: Maker, read: Reader, numbers: Numbers, sampled: Sampled, measure: str, inputs: Mapping[str, Input]
) -> list[Swing]:
    """One input at a time at the ends of its own 90 % range, the others at their median; the widest swing first.

    `spread_share` is the squared correlation of an input (its logarithm where it is lognormal) with the rank of the
    outcome over the samples, as a share of the sum over inputs: for independent inputs and an outcome that is close to
    monotone, the part of the variance of its rank that the input explains.
    """
    groups = _groups(numbers)
    if not groups or measure not in sampled.outcomes:
        return []
    ends = {label: sp.interval(spread) for label, (spread, _) in groups.items()}
    count = 2 * len(groups)
    p: dict[str, Num] = dict(sampling.central(numbers))
    for i, (label, (_, tags)) in enumerate(groups.items()):
        for tag in tags:
            moved = np.full(count, p[tag])
            moved[2 * i : 2 * i + 2] = ends[label]
            p[tag] = moved
    found = np.broadcast_to(read(make(p, AT_ENDS))[measure], (count,))
    moving = {label: groups[label] for i, label in enumerate(groups) if found[2 * i] != found[2 * i + 1]}
    shares = _shares(moving, sampled, measure)
    what = measure.removeprefix("crossover_")
    swings = [
        Swing(
            label,
            *ends[label],
            inputs[label].unit if label in inputs else "s" if label.endswith("_seconds") else "",
            what,
            finite(low),
            finite(high),
            shares[label],
        )
        for label, (low, high) in zip(groups, found.reshape(-1, 2), strict=True)
        if label in moving
    ]
    return sorted(swings, key=lambda swing: (swing.width is not None, -(swing.width or 0.0)))


def _groups(numbers: Numbers) -> dict[str, tuple[Spread, list[str]]]:
    """Uncertain inputs by the name the answer shows, with their tags: one that both sides share is one input."""
    shared = streams(numbers)
    found: dict[str, tuple[Spread, list[str]]] = {}
    for tag, value in numbers.items():
        if not isinstance(value, Spread):
            continue
        side, name = tag.split(".", 1)
        key = KEYS.get(name)
        label = name if tag in shared or (key is not None and not key.sided) else f"{side}_{name}"
        found.setdefault(label, (value, []))[1].append(tag)
    return found


def _shares(groups: Mapping[str, tuple[Spread, list[str]]], sampled: Sampled, measure: str) -> dict[str, float]:
    """Which input explains how much of the spread; nothing where the outcome does not vary."""
    outcome = sampled.outcomes[measure][:FIRST]
    ordered = np.sort(outcome)
    rank = np.searchsorted(ordered, outcome, "left") + np.searchsorted(ordered, outcome, "right")
    rank = rank - rank.mean()
    squares = {}
    for label, (spread, tags) in groups.items():
        x = sampled.inputs[tags[0]][: len(outcome)]
        x = np.log(x) if spread.family == "lognormal" else x
        x = x - x.mean()
        scale = np.sqrt(np.dot(x, x) * np.dot(rank, rank))
        squares[label] = float((np.dot(x, rank) / scale) ** 2) if scale > 0 else 0.0
    total = sum(squares.values())
    return {label: value / total if total else 0.0 for label, value in squares.items()}
