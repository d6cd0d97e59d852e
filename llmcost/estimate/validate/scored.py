"""A measured figure with its prediction, and the statistics of their errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

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


def statistics(scored: list[Scored]) -> dict[str, Any]:
    """Errors of predicted rows; `n` counts the measured ones, `skipped` those of them without a prediction.

    A row with nothing to compare with is no failure of the prediction: it counts as `unmeasured` alone.
    """
    done = [s for s in scored if s.predicted is not None and s.p5 is not None and s.p95 is not None]
    n = sum(s.measured is not None for s in scored)
    out: dict[str, Any] = {"n": n, "skipped": n - len(done), "unmeasured": len(scored) - n}
    keys = ("median_ape_pct", "mape_pct", "p90_ape_pct", "bias_pct", "coverage_90_pct", "median_range_ratio")
    if not done:
        return out | dict.fromkeys(keys)
    measured, predicted, p5, p95 = (
        np.array([float(getattr(s, k)) for s in done]) for k in ("measured", "predicted", "p5", "p95")
    )
    error = np.abs(predicted / measured - 1.0) * 100.0
    inside = (p5 <= measured) & (measured <= p95)
    values = (
        np.median(error),
        np.mean(error),
        np.quantile(error, 0.9),
        100.0 * np.expm1(np.mean(np.log(predicted / measured))),
        100.0 * np.mean(inside),
        np.median(p95 / p5),
    )
    return out | {k: float(v) for k, v in zip(keys, values, strict=True)}
