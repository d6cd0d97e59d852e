"""Ranges by class: half-widths that make the interval score of sources left out least, each source counting once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from llmcost.engine.serving.ranges import LEAST, MOST, Classes
from llmcost.estimate.validate.serving_points import classes

if TYPE_CHECKING:
    from scripts.fit_serving import Data

Array = np.ndarray[Any, np.dtype[np.float64]]
PENALTY = 20.0  # 2 / 0.1: of a miss beyond a 90 % range, over its width (Gneiting and Raftery 2007)
SMOOTH = 0.03  # e-folds over which a miss begins to count
PULL = 0.5  # e-folds of a class that count as one standard deviation
ALIKE = 0.3  # e-folds between its two sides that do
HELD = 0.03  # score that a class one standard deviation from the others costs: less, and few sources decide
# What was left out, and how much its errors count.
VARIANTS = {"source": 1.0, "third of a source": 1.0, "engine": 0.25, "generation": 0.25}


def features(data: Data) -> tuple[list[str], Array]:
    """Classes of every row, one column each."""
    found = classes(data.cases, data.known.factors)
    columns = [np.broadcast_to(np.asarray(flag, dtype=float), len(data.rows)) for flag in found]
    return list(Classes._fields), np.stack(columns, axis=1)


def _rare(data: Data, labels: Any) -> Array:
    """Whether the engine or the generation of each row is in no row of another label."""
    kinds = np.array(data.cases.framework), np.array(data.cases.generation)
    rare = np.zeros(len(labels))
    for label in sorted(set(labels)):
        here, others = labels == label, data.use & (labels != label)
        rare[here] = np.any([~np.isin(kind[here], kind[others]) for kind in kinds], axis=0)
    return rare


def _widths(values: Array, x: Array) -> Array:
    half = values.reshape(2, -1)
    return np.asarray(np.clip(np.exp(half[:, :1] + half[:, 1:] @ x.T), LEAST, MOST))


def _fit(x: Array, missed: Array, weight: Array) -> Array:
    """Logarithms of the widths of all, and of each class over them, below and above.

    They make the interval score least: the width and what errors miss it by. What a class widens it widens on both
    sides, unless many sources say otherwise.
    """
    n, share = x.shape[1] + 1, weight / weight.sum()
    beyond_sign = np.array([[-1.0], [1.0]])  # below, above

    def loss(values: Array) -> tuple[float, Array]:
        widths = _widths(values, x)
        beyond = (beyond_sign * missed - widths) / SMOOTH
        score = widths + PENALTY * SMOOTH * np.logaddexp(0.0, beyond)
        inside = (widths > LEAST) & (widths < MOST)
        slope = share * widths * inside * (1.0 - PENALTY * expit(beyond))
        classes = values.reshape(2, n)[:, 1:]
        pulled, apart = classes / PULL, beyond_sign * (classes[1] - classes[0]) / ALIKE
        total = float(np.sum(score @ share) + HELD * (np.sum(pulled**2) + np.sum(apart[1] ** 2)))
        held = 2.0 * HELD * (pulled / PULL + apart / ALIKE)
        return total, np.column_stack([slope.sum(axis=1), slope @ x + held]).ravel()

    start = np.concatenate([np.full(1, np.log(0.4)), np.zeros(n - 1)] * 2)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x)


class Ranges(NamedTuple):
    """The rows of `[[ranges]]`, the half-widths of every row of the data, and how ranges hold sources left out."""

    rows: list[dict[str, Any]]
    widths: dict[str, Array]  # quantity -> below and above, of each row
    nested: dict[str, dict[str, Array]]  # quantity -> source -> inside, interval score, width
    told: list[str]


def fit(data: Data, tests: dict[str, dict[str, Array]], keys: dict[str, Any]) -> Ranges:
    """Half-widths by class, and how those fitted without a source hold it."""
    names, x = features(data)
    rare, unknown = names.index("rare"), {test: _rare(data, keys[test]) for test in VARIANTS}
    rows: list[dict[str, Any]] = []
    told = ["ranges of sources left out: quantity, sources, inside, interval score, mean width"]
    widths, nested = {}, {}
    for quantity in ("tpot", "ttft", "throughput"):
        parts = []
        for test, counts in VARIANTS.items():
            error = -tests[test][quantity]
            here = data.scored & np.isfinite(error)
            seen = x[here].copy()
            seen[:, rare] = unknown[test][here]
            source = data.source[here]
            size = {s: (source == s).sum() for s in set(source)}
            parts.append((seen, np.clip(error[here], -3.0, 3.0), np.array([counts / size[s] for s in source]), source))
        seen, missed, weight = (np.concatenate([p[i] for p in parts]) for i in range(3))
        source = np.concatenate([p[3] for p in parts])
        best = _fit(seen, missed, weight).reshape(2, -1)
        nested[quantity] = _nested(seen, missed, weight, source, len(parts[0][1]))
        inside, scored, width = np.mean(list(nested[quantity].values()), axis=0)
        count = len(nested[quantity])
        told.append(f"{quantity:10s} {count} {100 * inside:.0f}% {scored:.2f} {width:.2f}")
        widths[quantity] = _widths(best.ravel(), x)
        low, high = np.exp(best)
        for i, name in enumerate(["all", *names]):
            if i == 0 or max(abs(np.log(low[i])), abs(np.log(high[i]))) > 0.01:
                ends = {"low": float(f"{low[i]:.3g}"), "high": float(f"{high[i]:.3g}")}
                address = "scripts/serving_ranges.py: errors over sources left out"
                rows.append({"quantity": quantity, "class": name, **ends, "address": address, "confidence": "measured"})
    return Ranges(rows, widths, nested, told)


def held(widths: Array, missed: Array) -> Array:
    """Share inside, interval score and width of errors."""
    low, high = widths
    beyond = np.maximum(missed - high, 0.0) + np.maximum(-low - missed, 0.0)
    return np.array([np.mean(beyond == 0.0), np.mean(low + high + PENALTY * beyond), np.mean(low + high)])


def _nested(x: Array, missed: Array, weight: Array, source: Any, first: int) -> dict[str, Array]:
    """How ranges hold each source that they were not fitted to either."""
    found = {}
    for name in sorted(set(source[:first])):
        values = _fit(x[source != name], missed[source != name], weight[source != name])
        here = np.flatnonzero(source[:first] == name)
        found[name] = held(_widths(values, x[here]), missed[here])
    return found
