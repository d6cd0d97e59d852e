"""Ranges by class: half-widths that make the interval score of sources left out least, each source counting once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]

from llmcost.engine.serving.ranges import LEAST, MOST, Classes
from llmcost.estimate.validate.serving_points import classes

if TYPE_CHECKING:
    from scripts.fit_serving import Data

Array = np.ndarray[Any, np.dtype[np.float64]]
PENALTY = 20.0  # 2 / 0.1: of a miss beyond a 90 % range, over its width (Gneiting and Raftery 2007)
SMOOTH = 0.03  # e-folds over which a miss begins to count
PULL = 0.35  # e-folds of a class that count as one standard deviation
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


def _score(widths: Array, missed: Array) -> Array:
    """Interval score of each error: the width and what it misses by."""
    low, high = widths
    beyond = np.logaddexp(0.0, (missed - high) / SMOOTH) + np.logaddexp(0.0, (-low - missed) / SMOOTH)
    return np.asarray(low + high + PENALTY * SMOOTH * beyond)


def _widths(values: Array, x: Array) -> Array:
    half = values.reshape(2, -1)
    return np.asarray(np.clip(np.exp(half[:, :1] + half[:, 1:] @ x.T), LEAST, MOST))


def _fit(x: Array, missed: Array, weight: Array) -> Array:
    """Logarithms of the widths of all, and of each class over them, below and above."""
    n = x.shape[1] + 1

    def loss(values: Array) -> float:
        pulled = values.reshape(2, n)[:, 1:] / PULL
        return float(weight @ _score(_widths(values, x), missed) / weight.sum() + 0.002 * np.sum(pulled**2))

    start = np.concatenate([np.full(1, np.log(0.4)), np.zeros(n - 1)] * 2)
    return np.asarray(minimize(loss, start, method="L-BFGS-B", options={"maxiter": 40}).x)


def fit(data: Data, tests: dict[str, dict[str, Array]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of `[[ranges]]`, and how ranges fitted without a source hold it."""
    names, x = features(data)
    rare = names.index("rare")
    rows: list[dict[str, Any]] = []
    told = ["ranges of sources left out: quantity, sources, inside, interval score, mean width"]
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
        best = _fit(seen, missed, weight)
        told.append(_nested(quantity, seen, missed, weight, source, len(parts[0][1])))
        low, high = np.exp(best.reshape(2, -1))
        for i, name in enumerate(["all", *names]):
            if i == 0 or max(abs(np.log(low[i])), abs(np.log(high[i]))) > 0.01:
                ends = {"low": float(f"{low[i]:.3g}"), "high": float(f"{high[i]:.3g}")}
                address = "scripts/serving_ranges.py: errors over sources left out"
                rows.append({"quantity": quantity, "class": name, **ends, "address": address, "confidence": "measured"})
    return rows, told


def _nested(quantity: str, x: Array, missed: Array, weight: Array, source: Any, first: int) -> str:
    """Coverage and score of each source's errors under ranges fitted without it, each source counting once."""
    held = []
    for name in sorted(set(source[:first])):
        values = _fit(x[source != name], missed[source != name], weight[source != name])
        here = np.flatnonzero(source[:first] == name)
        low, high = _widths(values, x[here])
        error = missed[here]
        beyond = np.maximum(error - high, 0.0) + np.maximum(-low - error, 0.0)
        held.append((np.mean(beyond == 0.0), np.mean(low + high + PENALTY * beyond), np.mean(low + high)))
    inside, scored, width = np.mean(held, axis=0)
    return f"{quantity:10s} {len(held)} {100 * inside:.0f}% {scored:.2f} {width:.2f}"
