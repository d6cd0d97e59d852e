"""A measured figure with its prediction, and the statistics of their errors."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Array
from llmcost.records import NamedTuple, TypedDict

FITTED = "yes: docs/accuracy.md has the errors on rows left out of it"
UNFITTED = "no, unless it holds rows of the shipped files"


class Scored(NamedTuple):
    """One measured quantity of one row, with its prediction or the reason there is none.

    A row that has no figure at all to compare with is kept, with neither, and its reason.
    """

    id: str
    quantity: str
    measured: float | None
    predicted: float | None
    p5: float | None
    p95: float | None
    reason: str

    @property
    def error_pct(self) -> float | None:
        """100 (predicted / measured - 1) [%]."""
        if self.predicted is None or self.measured is None:
            return None
        return 100.0 * (self.predicted / self.measured - 1.0)


class Errors(TypedDict):
    """How far predictions are from measurements; None where nothing was predicted."""

    n: int
    skipped: int
    unmeasured: int
    median_ape_pct: float | None
    mape_pct: float | None
    p90_ape_pct: float | None
    bias_pct: float | None
    coverage_90_pct: float | None
    median_range_ratio: float | None


def statistics(scored: list[Scored]) -> Errors:
    """Errors of predicted rows; `n` counts the measured ones, `skipped` those of them without a prediction.

    A row with nothing to compare with is no failure of the prediction: it counts as `unmeasured` alone.
    """
    return errors(figures(scored))


def figures(scored: list[Scored]) -> Array:
    """Measured, predicted, p5 and p95 of each; nan where there is none."""
    return np.array([s[2:6] for s in scored], dtype=float).reshape(-1, 4)


def errors(of: Array) -> Errors:
    """Errors of some `figures`, as `statistics` has them."""
    done = of[~np.isnan(of[:, 1:]).any(axis=1)]
    n = int(np.count_nonzero(~np.isnan(of[:, 0])))
    out: Errors = {
        "n": n, "skipped": n - len(done), "unmeasured": len(of) - n, "median_ape_pct": None, "mape_pct": None,
        "p90_ape_pct": None, "bias_pct": None, "coverage_90_pct": None, "median_range_ratio": None,
    }  # fmt: skip
    if not len(done):
        return out
    measured, predicted, p5, p95 = done.T
    error = np.abs(predicted / measured - 1.0) * 100.0
    inside = (p5 <= measured) & (measured <= p95)
    return out | {
        "median_ape_pct": float(np.median(error)),
        "mape_pct": float(np.mean(error)),
        "p90_ape_pct": float(np.quantile(error, 0.9)),
        "bias_pct": float(100.0 * np.expm1(np.mean(np.log(predicted / measured)))),
        "coverage_90_pct": float(100.0 * np.mean(inside)),
        "median_range_ratio": float(np.median(p95 / p5)),
    }
