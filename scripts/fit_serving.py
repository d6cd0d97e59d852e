"""Fit the constants of the serving engine to measured configurations and write presets/calibration/serving.toml.

    python -m scripts.fit_serving            fit, cross-validate, print, write
    python -m scripts.fit_serving --quick    fit, print the in-sample error, write nothing

Rows are weighted by group (source, hardware, model): a group counts by the square root of its rows. Cross-validation
leaves out whole models, machines and sources, and, for "other configurations", whole layout-and-length blocks.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.serving.first_token_spread import FirstTokenSpread
from llmcost.engine.serving.inputs import Calibration
from llmcost.errors import LlmcostError
from llmcost.estimate.validate.serving_points import fastest, first_token_kind, points, weights_fit
from llmcost.estimate.validate.serving_rows import (
    Case,
    Cases,
    Lookup,
    cases_of_row,
    gather,
)
from scripts.serving_constants import FITTED, FORMATS, SOURCED, Constant

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "validation" / "serving_measured.csv"
TABLE = ROOT / "validation" / "serving_cross_validation.csv"
TARGET = ROOT / "presets" / "calibration" / "serving.toml"
DATE = dt.date(2026, 11, 23)
QUANTITIES = ("tpot", "ttft", "throughput")
COLUMNS = {"tpot": ("tpot_ms", 1e-3), "ttft": ("ttft_ms", 1e-3), "throughput": ("output_tokens_per_s", 1.0)}
FIELDS = {"tpot": "tpot_seconds", "ttft": "ttft_seconds", "throughput": "output_tokens_per_second"}
# TTFT depends on what a benchmark client does at its start, which no input column tells: it counts for less.
WEIGHTS = {"tpot": 1.0, "ttft": 0.4, "throughput": 0.7}
SOFT = 0.07  # residuals beyond 7 % count linearly: some rows ran with speculative decoding, unlabelled
FAR = 0.8  # errors beyond count no further: a first token that waited for a compilation tells nothing of the engine
PRIOR = 0.2  # pull of a constant to its start, per e-fold: keeps constants that few rows see physical
ENOUGH = 40  # rows of a framework that make a spread of its own
LEAST = 0.03  # no spread is smaller: measurements repeat to a few per cent
# Why a row is scored but not fitted.
EXCLUDED = {
    "MTP speculative decoding": "speculative decoding",
    "record concurrency": "per-replica figures of a multi-replica run",
    "SUSPECT": "probably speculative decoding",
}
Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Data(NamedTuple):
    """Measured rows ready to be fitted."""

    rows: list[dict[str, str]]
    cases: Cases
    measured: dict[str, Array]
    weight: Array
    fittable: Mask
    scored: Mask


def load() -> Data:
    """Rows with a stated prompt length; those whose weights do not fit are neither scored nor fitted."""
    with ROWS.open(newline="", encoding="utf-8") as file:
        every = list(csv.DictReader(file))
    known = Lookup(Catalog())
    kept: list[dict[str, str]] = []
    options: list[list[Case]] = []
    for row in every:
        try:
            options.append(cases_of_row(row, known))
            kept.append(row)
        except LlmcostError:
            continue
    gathered = gather(fastest(options, known.factors))
    measured = {q: np.array([_number(r, c) * scale for r in kept]) for q, (c, scale) in COLUMNS.items()}
    groups = [_group(r) for r in kept]
    count = Counter(groups)
    scored = weights_fit(gathered, Calibration())
    noted = np.array([any(note in r["check_note"] for note in EXCLUDED) for r in kept])
    weight = np.array([count[g] ** -0.5 for g in groups])
    return Data(kept, gathered, measured, weight, scored & ~noted, scored)


def _number(row: Mapping[str, str], column: str) -> float:
    return float(row[column]) if row[column] else np.nan


def _group(row: Mapping[str, str]) -> str:
    return f"{row['source_group']} | {row['hardware_id']} | {row['model']}"


def calibration(data: Data, values: Array) -> Calibration:
    """Constants of every row: sourced ones and the fitted ones at `values` (logarithms)."""
    columns: dict[str, Any] = dict(Calibration()._asdict())
    constants = [*SOURCED, *[c._replace(start=float(np.exp(v))) for c, v in zip(FITTED, values, strict=True)]]
    generation, framework = np.array(data.cases.generation), np.array(data.cases.framework)
    for constant in sorted(constants, key=lambda c: 2 * (c.framework != "any") + (c.generation != "any")):
        here = (constant.generation == "any") | (generation == constant.generation)
        here = here & ((constant.framework == "any") | (framework == constant.framework))
        if here.all():
            columns[constant.name] = constant.start
        elif here.any():
            columns[constant.name] = np.where(here, constant.start, columns[constant.name])
    return Calibration(**columns)


def errors(data: Data, values: Array) -> dict[str, Array]:
    """ln(predicted / measured) of every row and quantity; nan where not measured."""
    with np.errstate(all="ignore"):
        at = points(data.cases, calibration(data, values))
        return {q: np.log(getattr(at, FIELDS[q]) / data.measured[q]) for q in QUANTITIES}


def fit(data: Data, use: Mask, start: Array | None = None) -> Array:
    """Logarithms of the fitted constants."""
    centre = np.log([c.start for c in FITTED])
    bounds = (np.log([c.low for c in FITTED]), np.log([c.high for c in FITTED]))

    def residuals(values: Array) -> Array:
        missed = errors(data, values)
        parts = [(values - centre) * PRIOR * SOFT]
        for quantity in QUANTITIES:
            here = use & np.isfinite(data.measured[quantity])
            error = np.clip(np.nan_to_num(missed[quantity][here], nan=FAR), -FAR, FAR)
            parts.append(WEIGHTS[quantity] * data.weight[here] * error)
        return np.concatenate(parts)

    answer = least_squares(
        residuals,
        np.clip(centre if start is None else start, bounds[0] + 1e-9, bounds[1] - 1e-9),
        bounds=bounds,
        loss="soft_l1",
        f_scale=SOFT,
        max_nfev=20 if start is None else 8,
        diff_step=1e-3,
    )
    return np.asarray(answer.x)


def left_out(data: Data, keys: list[str], best: Array) -> tuple[dict[str, Array], list[Array]]:
    """Errors of every row under constants fitted without its key, and those constants."""
    labels = np.array(keys)
    missed = {q: np.full(len(keys), np.nan) for q in QUANTITIES}
    found = []
    for key in sorted(set(keys)):
        out = labels == key
        values = fit(data, data.fittable & ~out, best)
        found.append(values)
        for quantity, error in errors(data, values).items():
            missed[quantity][out] = error[out]
    return missed, found


def fold(row: Mapping[str, str]) -> str:
    """One of five folds of whole layout-and-length blocks: the same machines and models, other configurations."""
    block = "|".join(row[c] for c in ("source_group", "hardware_id", "model", "tp", "pp", "dp", "isl_eff", "osl_eff"))
    return str(int(hashlib.sha256(block.encode()).hexdigest(), 16) % 5)


def score(data: Data, missed: dict[str, Array], test: str, labels: list[str] | None = None) -> list[list[str]]:
    """Rows of the error table: all rows together, or one line per label."""
    groups = np.array([_group(r) for r in data.rows])
    keys = np.array(labels if labels is not None else ["all"] * len(groups))
    lines = []
    for label in sorted(set(keys)):
        for quantity in QUANTITIES:
            here = data.scored & np.isfinite(missed[quantity]) & (keys == label)
            if not here.any():
                continue
            error = np.abs(np.expm1(missed[quantity][here]))
            medians = [np.median(error[groups[here] == g]) for g in sorted(set(groups[here]))]
            figures = [np.median(error), np.mean(error), np.median(medians)]
            lines.append([test, label, quantity, str(here.sum()), *[f"{x:.4f}" for x in figures]])
    return lines


def half_width(error: Array) -> float:
    """Standard deviation that makes a centred 90 % interval cover 90 % of the errors."""
    return float(np.quantile(np.abs(error), 0.9) / Z95)


def two_widths(error: Array) -> tuple[float, float]:
    """Standard deviations below and above whose 5 % and 95 % quantiles are those of ln(measured / predicted)."""
    low, high = np.quantile(-error, (0.05, 0.95)) / Z95
    return max(-float(low), LEAST), max(float(high), LEAST)


def spreads(data: Data, best: Array, tests: list[dict[str, Array]]) -> list[Constant]:
    """Spread of ln(measured / predicted) over rows left out: one for all, and one per framework with enough rows.

    What will be asked is a mixture of other configurations, models and machines: their errors are pooled, known models
    on known machines for half. First tokens have a spread below and one above, by what a prompt may have to wait for.
    """
    found = []
    frameworks = np.array(data.cases.framework)
    with np.errstate(all="ignore"):
        met = first_token_kind(data.cases, points(data.cases, calibration(data, best)))
    kinds = {"tpot": ("tpot", met >= 0), "throughput": ("throughput", met >= 0)}
    for i, side in enumerate(FirstTokenSpread._fields[::2]):
        kinds["ttft_" + side.removesuffix("_low")] = ("ttft", met == i)
    for kind, (quantity, among) in kinds.items():
        measured = data.scored & np.isfinite(data.measured[quantity]) & among
        for name in ("any", *sorted(set(data.cases.framework))):
            here = measured if name == "any" else measured & (frameworks == name)
            if name != "any" and here.sum() < ENOUGH:
                continue
            error = np.concatenate([missed[quantity][here] for missed in tests])
            note = f"90 % of {here.sum()} rows, each left out with its configuration, model and machine, are inside"
            values = dict(zip(("_low", "_high"), two_widths(error), strict=True))
            if quantity != "ttft":
                values = {"": half_width(error)}
            found += [
                Constant(f"{kind}{side}_log_spread", "any", name, value, 0.0, 0.0, "ratio", note)
                for side, value in values.items()
            ]
    return found


def toml(values: Array, ranges: tuple[Array, Array], spread: list[Constant]) -> str:
    """The calibration preset."""
    out = [
        "# Constants of the serving engine. Written by scripts/fit_serving.py; `low` and `high` of fitted constants",
        "# are the extremes over fits that each leave out one source.",
        "",
    ]
    for i, constant in enumerate(FITTED):
        out += _table(constant, np.exp(values[i]), "validation/serving_measured.csv", "measured")
        out[-1:-1] = [f"low = {np.exp(ranges[0][i]):.4g}", f"high = {np.exp(ranges[1][i]):.4g}"]
    for constant in SOURCED:
        out += _table(constant, constant.start, constant.address, constant.confidence)
    for constant in spread:
        out += _table(constant, constant.start, "validation/serving_measured.csv", "measured")
    for entry in FORMATS:
        out += ["[[formats]]", *[f"{k} = {_toml(v)}" for k, v in entry.items()], f"date = {DATE}", ""]
    return "\n".join(out)


def _table(constant: Constant, value: float, address: str, confidence: str) -> list[str]:
    fields = {
        "name": constant.name,
        "value": float(f"{value:.4g}"),
        "unit": constant.unit,
        "generation": constant.generation,
        "framework": constant.framework,
        "address": address,
        "confidence": confidence,
        "note": constant.note,
    }
    return ["[[factors]]", *[f"{k} = {_toml(v)}" for k, v in fields.items()], f"date = {DATE}", ""]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else '"' + str(value).replace('"', '\\"') + '"'


HEADER = ["test", "left_out", "quantity", "rows", "median_error", "mean_error", "median_of_group_medians"]


def show(lines: list[list[str]]) -> None:
    """Print a table."""
    for line in [HEADER, *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, (22, 22, 12, 6, 13, 11, 8), strict=True)))


def main() -> None:
    """Fit, cross-validate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fit and print the in-sample error only")
    quick = parser.parse_args().quick
    data = load()
    best = fit(data, data.fittable)
    for constant, value in zip(FITTED, best, strict=True):
        print(f"{constant.name:24s} {constant.generation:10s} {constant.framework:18s} {np.exp(value):.4g}")
    lines = score(data, errors(data, best), "in sample")
    if quick:
        show(lines)
        return
    keys = {
        "other configurations": [fold(r) for r in data.rows],
        "model never fitted": [r["model"] for r in data.rows],
        "machine never fitted": [r["hardware_id"] for r in data.rows],
        "source never fitted": [r["source_group"] for r in data.rows],
    }
    missed, refits = {}, {}
    for test, labels in keys.items():
        missed[test], refits[test] = left_out(data, labels, best)
        lines += score(data, missed[test], test)
    for test in [*keys][1:]:
        lines += score(data, missed[test], test, keys[test])
    show(lines)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *lines])
    constants = np.array([best, *refits["source never fitted"]])
    known, *unknown = [missed[test] for test in [*keys][:3]]
    spread = spreads(data, best, [known, known, *unknown])
    TARGET.write_text(toml(best, (constants.min(axis=0), constants.max(axis=0)), spread), encoding="utf-8")


if __name__ == "__main__":
    main()
