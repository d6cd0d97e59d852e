"""Predictions of measured rows, the measured figures beside them, and the statistics of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from llmcost.engine.numeric.kinds import Array
from llmcost.estimate.validate.table import Faults, Index, Table
from llmcost.records import NamedTuple, TypedDict

ABSURD = "no finite prediction above zero: no prompt, or an absurd size"
FITTED = "yes: docs/accuracy.md has the errors on rows left out of it"
UNFITTED = "no, unless it holds rows of the shipped files"


class Prediction(NamedTuple):
    """Of one row: p5, median and p95 of the quantities that the engine gives, and why it gives no other."""

    values: dict[str, tuple[float, float, float]]
    reason: str


class Predicted(Sequence[Prediction]):
    """Of many rows; base units.

    Parameters
    ----------
    quantities : sequence of str
        What is predicted.
    faults : Faults
        Why nothing can be said of a row.
    reasons : sequence of str
        What else may be said in place of a prediction: `fail` counts them from 1.
    """

    def __init__(self, quantities: Sequence[str], faults: Faults, reasons: Sequence[str] = ()) -> None:
        self.quantities = tuple(quantities)
        self.reasons = [*faults.texts, *reasons]
        self._known = len(faults.texts) - 1
        self.why: Index = np.tile(faults.which, (len(self.quantities), 1))
        self.ends: Array = np.full((len(self.quantities), 3, len(faults.which)), np.nan)  # p5, median, p95

    def fail(self, rows: Index, codes: Index) -> None:
        """Say why, by quantity and row: 0 says nothing."""
        self.why[:, rows] = np.where(codes > 0, codes + self._known, 0)

    def settled(self) -> Predicted:
        """The same, where a figure that is not finite or not above zero is none."""
        bad = ~np.all(np.isfinite(self.ends) & (self.ends > 0), axis=1)
        self.why[bad & (self.why == 0)] = len(self.reasons)
        self.reasons.append(ABSURD)
        self.ends[np.repeat(bad[:, None], 3, axis=1)] = np.nan
        return self

    def __len__(self) -> int:
        return int(self.ends.shape[2])

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> list[Prediction]: ...

    def __getitem__(self, place: int | slice) -> Prediction | list[Prediction]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        p5, middle, p95 = self.ends[:, :, place].T.tolist()
        given = {name: ends for name, *ends in zip(self.quantities, p5, middle, p95, strict=True) if ends[1] == ends[1]}
        values = {name: (low, centre, high) for name, (low, centre, high) in given.items()}
        return Prediction(values, self.reasons[int(self.why[:, place].min())])


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


class Scores(NamedTuple):
    """Many of them as arrays, nan where there is none; in the order of their rows."""

    table: Table
    quantities: tuple[str, ...]
    row: Index
    quantity: Index
    measured: Array
    ends: Array  # p5, median, p95 of each
    why: Index
    reasons: list[str]

    @property
    def predicted(self) -> Array:
        """The medians."""
        return self.ends[:, 1]

    def figures(self) -> Array:
        """As `figures`."""
        return np.column_stack([self.measured, self.ends[:, [1, 0, 2]]])

    def errors(self) -> Errors:
        """As `statistics`."""
        return errors(self.figures())

    def by_quantity(self) -> dict[str, tuple[Array, Array]]:
        """Measured and predicted figures of each quantity."""
        here = {name: self.quantity == place for place, name in enumerate(self.quantities)}
        return {name: (self.measured[rows], self.predicted[rows]) for name, rows in here.items()}

    def each(self, here: Index | None = None) -> list[Scored]:
        """Some of them one by one; all without a choice."""
        places = np.arange(len(self.row)) if here is None else here
        numbers = [[None if v != v else v for v in of] for of in self.figures()[places].tolist()]
        rows, quantities, why = (of[places].tolist() for of in (self.row, self.quantity, self.why))
        return [
            Scored(self.table.name(row), self.quantities[quantity], measured, predicted, p5, p95, self.reasons[reason])
            for row, quantity, (measured, predicted, p5, p95), reason in zip(
                rows, quantities, numbers, why, strict=True
            )
        ]


def statistics(scored: Sequence[Scored]) -> Errors:
    """Errors of predicted rows; `n` counts the measured ones, `skipped` those of them without a prediction.

    A row with nothing to compare with is no failure of the prediction: it counts as `unmeasured` alone.
    """
    return errors(figures(scored))


def figures(scored: Sequence[Scored]) -> Array:
    """Measured, predicted, p5 and p95 of each; nan where there is none."""
    return np.array([s[2:6] for s in scored], dtype=float).reshape(-1, 4)


def errors(of: Array) -> Errors:
    """Errors of some `figures`, as `statistics` has them."""
    return summed(offs(of))


def offs(of: Array) -> Array:
    """Of some `figures`: measured, ln(predicted / measured), whether p5 to p95 holds it, and p95 / p5; a row each."""
    measured, predicted, p5, p95 = of.T
    off = np.log(predicted / measured)
    inside = np.where(np.isnan(p5 + p95), np.nan, (p5 <= measured) & (measured <= p95))
    return np.stack([measured, off, inside, p95 / p5])


def summed(of: Array) -> Errors:
    """The errors that some `offs` add up to."""
    done = of[1:, ~np.isnan(of[1:]).any(axis=0)]
    (n, rows), predicted = (int(np.count_nonzero(~np.isnan(of[0]))), of.shape[1]), done.shape[1]
    out: Errors = {
        "n": n, "skipped": n - predicted, "unmeasured": rows - n, "median_ape_pct": None, "mape_pct": None,
        "p90_ape_pct": None, "bias_pct": None, "coverage_90_pct": None, "median_range_ratio": None,
    }  # fmt: skip
    if not predicted:
        return out
    off, inside, ratio = done
    error = 100.0 * np.abs(np.expm1(off))
    middle, most = np.quantile(error, (0.5, 0.9))
    return out | {
        "median_ape_pct": float(middle),
        "mape_pct": float(np.mean(error)),
        "p90_ape_pct": float(most),
        "bias_pct": float(100.0 * np.expm1(np.mean(off))),
        "coverage_90_pct": float(100.0 * np.mean(inside)),
        "median_range_ratio": float(np.median(ratio)),
    }
