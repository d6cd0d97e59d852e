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
PULL = 0.25  # e-folds of a class that count as one standard deviation
ODD = 0.7  # e-folds beyond a range that count no further when ranges are widened: no range should hold them
WIDER = tuple(np.geomspace(1.0, 3.0, 23))  # tried
HELD = 0.002  # score that a class one standard deviation from the others costs
# What was left out, how much its errors count, and whether the point then is of a rare kind.
VARIANTS = {
    "source": (1.0, False),
    "third of a source": (1.0, False),
    "engine": (0.25, True),
    "generation": (0.25, True),
}
ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


def features(data: Data) -> tuple[list[str], Array]:
    """Classes of every row, one column each: flags first, then engines."""
    found = classes(data.cases, data.known.factors)
    columns = [np.broadcast_to(np.asarray(flag, dtype=float), len(data.rows)) for flag in found]
    engine = np.array(data.cases.framework)
    columns += [(engine == name).astype(float) for name in ENGINES]
    return [*Classes._fields, *(f"engine {name}" for name in ENGINES)], np.stack(columns, axis=1)


def _widths(values: Array, x: Array) -> Array:
    half = values.reshape(2, -1)
    return np.asarray(np.clip(np.exp(half[:, :1] + half[:, 1:] @ x.T), LEAST, MOST))


def _fit(x: Array, missed: Array, weight: Array) -> Array:
    """Logarithms of the widths of all, and of each class over them, below and above.

    They make the interval score least: the width and what errors miss it by.
    """
    n, share = x.shape[1] + 1, weight / weight.sum()
    beyond_sign = np.array([[-1.0], [1.0]])  # below, above

    def loss(values: Array) -> tuple[float, Array]:
        widths = _widths(values, x)
        beyond = (beyond_sign * missed - widths) / SMOOTH
        score = widths + PENALTY * SMOOTH * np.logaddexp(0.0, beyond)
        inside = (widths > LEAST) & (widths < MOST)
        slope = share * widths * inside * (1.0 - PENALTY * expit(beyond))
        pulled = values.reshape(2, n)[:, 1:] / PULL
        total = float(np.sum(score @ share) + HELD * np.sum(pulled**2))
        held = 2.0 * HELD * pulled / PULL
        return total, np.column_stack([slope.sum(axis=1), slope @ x + held]).ravel()

    start = np.concatenate([np.full(1, np.log(0.4)), np.zeros(n - 1)] * 2)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x)


class Ranges(NamedTuple):
    """The rows of `[[ranges]]`, the half-widths of every row of the data, and how ranges hold sources left out."""

    rows: list[dict[str, Any]]
    widths: dict[str, Array]  # quantity -> below and above, of each row
    nested: dict[str, dict[str, Array]]  # quantity -> source -> inside, interval score, width
    told: list[str]


def fit(data: Data, tests: dict[str, dict[str, Array]]) -> Ranges:
    """Half-widths by class, and how those fitted without a source hold it."""
    names, x = features(data)
    rare = names.index("rare")
    rows: list[dict[str, Any]] = []
    told = ["ranges of sources left out: quantity, sources, inside, interval score, mean width"]
    widths, nested = {}, {}
    for quantity in ("tpot", "ttft", "throughput"):
        parts = []
        for test, (counts, seldom) in VARIANTS.items():
            error = -tests[test][quantity]
            here = data.scored & np.isfinite(error)
            seen = x[here].copy()
            seen[:, rare] = float(seldom)
            source = data.source[here]
            size = {s: (source == s).sum() for s in set(source)}
            parts.append((seen, np.clip(error[here], -3.0, 3.0), np.array([counts / size[s] for s in source]), source))
        seen, missed, weight = (np.concatenate([p[i] for p in parts]) for i in range(3))
        source = np.concatenate([p[3] for p in parts])
        best = _fit(seen, missed, weight).reshape(2, -1)
        wider, nested[quantity] = _nested(seen, missed, weight, source, len(parts[0][1]))
        inside, scored, width = np.mean(list(nested[quantity].values()), axis=0)
        count = len(nested[quantity])
        told.append(f"{quantity:10s} {count} {100 * inside:.0f}% {scored:.2f} {width:.2f} (widened {wider:.2f} x)")
        best[:, 0] += np.log(wider)
        widths[quantity] = _widths(best.ravel(), x)
        low, high = np.exp(best)
        for i, name in enumerate(["all", *names]):
            if i == 0 or max(abs(np.log(low[i])), abs(np.log(high[i]))) > 0.01:
                ends = {"low": float(f"{low[i]:.3g}"), "high": float(f"{high[i]:.3g}")}
                address = "scripts/serving_ranges.py: errors over sources left out"
                rows.append({"quantity": quantity, "class": name, **ends, "address": address, "confidence": "measured"})
    return Ranges(rows, widths, nested, told)


def held(widths: Array, missed: Array, odd: float = np.inf) -> Array:
    """Share inside, interval score and width of errors, of which what is beyond a range counts `odd` at most."""
    low, high = widths
    beyond = np.minimum(np.maximum(missed - high, 0.0) + np.maximum(-low - missed, 0.0), odd)
    return np.array([np.mean(beyond == 0.0), np.mean(low + high + PENALTY * beyond), np.mean(low + high)])


def _nested(x: Array, missed: Array, weight: Array, source: Any, first: int) -> tuple[float, dict[str, Array]]:
    """How much wider ranges have to be for sources that they were not fitted to, and how they then hold each.

    Each source is predicted by ranges fitted without it; all are widened alike, until their mean score is least.
    """
    found = {}
    for name in sorted(set(source[:first])):
        values = _fit(x[source != name], missed[source != name], weight[source != name])
        here = np.flatnonzero(source[:first] == name)
        found[name] = (_widths(values, x[here]), missed[here])

    def each(wider: float, odd: float) -> dict[str, Array]:
        return {name: held(np.clip(w * wider, LEAST, MOST), error, odd) for name, (w, error) in found.items()}

    best = min(WIDER, key=lambda wider: np.mean([v[1] for v in each(wider, ODD).values()]))
    return best, each(best, np.inf)
