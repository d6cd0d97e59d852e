"""The campaign of whole runs, fitted to validation/training_runs.csv: part of scripts/fit_training.py.

Five factors of the log of published over predicted hours, by a regression with a Gaussian prior on each and an error of
Student's t, so that figures that contradict their own inputs pull little. Tested on the runs of one publisher left out
at a time.

python -m scripts.fit_training_runs    fit the campaign alone, on the calibration as it stands
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.training import campaign as cp
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import training_rows as tr
from llmcost.estimate.validate import training_runs as runs
from llmcost.estimate.validate.cells import positive
from scripts import fit_training_output as out

Array = Any
# Where each log factor starts, and its standard deviation. The first: more than 90 % of a run is effective training
# time (arXiv 2407.21783, section 3.3.4). The others are held close: 56 runs tell little about five numbers.
PRIORS = {
    "campaign": (0.105, 0.05, "published over predicted hours of any run: restarts, evaluation, production"),
    "campaign_early": (0.4, 0.3, "the same again for software of before September 2022"),
    "campaign_memory": (0.1, 0.2, "the same again for large models on 40 GB or less, where layouts are forced"),
    "campaign_small": (0.0, 0.1, "the same again per decade of active parameters below 70B at the peak of an H100"),
    "campaign_short": (0.1, 0.15, "per decade of hours below 10,000: a short run is run once"),
}  # fmt: skip
FREEDOM = 2.0  # degrees of freedom of Student's t, in engine.campaign too
ERROR = 0.25  # its scale while the factors are fitted
ROUNDS = 60
RESERVED = 64.0  # accelerators: eight machines
SCALES = {  # of log hours: p95/p5 is exp(2 x 2.92 x scale), just below 3 for most runs
    "run_scale": (0.188, "scale of Student's t with 2 degrees of freedom in log hours, by publishers left out"),
    "run_scale_overtrained": (0.33, "the same from 1,000 tokens per active parameter on: distillation, tests"),
}  # fmt: skip


class Runs(NamedTuple):
    """Published runs that the engine can predict."""

    name: list[str]
    stated_by: Array
    todo: list[runs.Whole]
    hours: Array  # of the steps alone, predicted [h]
    published: Array  # billed [h]
    powers: Array  # of the factors, one row per run


def load(catalog: Catalog) -> Runs:
    """The runs with published hours, on the calibration as it stands."""
    factors, kept, names, origin = catalog.factors("training"), [], [], []
    for row in tr.read_rows(out.ROOT / out.RUNS):
        published = positive(row, "gpu_hours")
        if published is None:
            continue
        try:
            todo = runs.whole(row, catalog)
            hours = runs.gpu_hours(todo, runs.constants(todo, factors))
        except LlmcostError as error:
            print(f"run skipped: {row['id']}: {error.message}")
            continue
        names.append(row["id"])
        origin.append(row["stated_by"])
        kept.append((todo, hours, published, todo.like.powers(hours)))
    columns = [np.array([run[i] for run in kept], dtype=float) for i in (1, 2, 3)]
    return Runs(names, np.array(origin), [run[0] for run in kept], *columns)


def regressed(data: Runs, use: Array) -> Array:
    """Log factors of the campaign by iterated weighted least squares."""
    start, width = (np.array([p[i] for p in PRIORS.values()], dtype=float) for i in (0, 1))
    error = np.log(data.published / data.hours)
    found = start
    for _ in range(ROUNDS):
        off = (error - data.powers @ found) / ERROR
        weight = np.where(use, (FREEDOM + 1.0) / (FREEDOM + off**2), 0.0) / ERROR**2
        curved = (data.powers.T * weight) @ data.powers + np.diag(1.0 / width**2)
        found = np.linalg.solve(curved, (data.powers.T * weight) @ error + start / width**2)
    return found


def lengths(data: Runs, use: Array) -> tuple[float, float]:
    """Median length of campaigns on reserved accelerators [days], and the spread of its log."""
    gpus = np.array([t.stated_gpus for t in data.todo])
    some = use & (gpus >= RESERVED)
    days = np.log(data.published[some] / gpus[some] / 24.0)
    middle = float(np.median(days))
    return float(np.exp(middle)), float(1.4826 * np.median(np.abs(days - middle)))


def fitted(data: Runs, use: Array) -> cp.Campaign:
    """The campaign by the runs in use."""
    scales = [value for value, _ in SCALES.values()]
    values = [*np.exp(regressed(data, use)), *scales, *lengths(data, use), RESERVED]
    return cp.Campaign(**dict(zip(cp.Campaign._fields, values, strict=True)))


def left_out(data: Runs) -> list[dict[str, Any]]:
    """Errors of the runs of each publisher under a campaign fitted without them, for docs/accuracy.md."""
    p5, p50, p95 = np.zeros((3, len(data.name)))
    for label in sorted(set(data.stated_by)):
        campaign = fitted(data, data.stated_by != label)
        for i in np.flatnonzero(data.stated_by == label):
            todo = data.todo[i]
            billed = data.hours[i] * cp.overhead(campaign, tuple(data.powers[i]))
            p5[i], p50[i], p95[i] = cp.billed_hours(billed, todo.like.overtrained, todo.stated_gpus, campaign)
    error, inside = np.log(p50 / data.published), (p5 <= data.published) & (data.published <= p95)
    for i in np.argsort(error):
        print(f"| {data.name[i]} | {np.exp(-error[i]):.2f} | {'' if inside[i] else 'outside'} | {p95[i] / p5[i]:.1f} |")
    machines = np.array([t.like.generation for t in data.todo])
    rows = []
    for title, labels in (("publisher", np.full(len(error), "all")), ("publisher, by generation", machines)):
        for name in sorted({str(label) for label in labels}):
            some = labels == name
            size = 100 * np.abs(np.expm1(error[some]))
            numbers = {"median_ape_pct": np.median(size), "mape_pct": size.mean()}
            numbers |= {"bias_pct": 100 * np.expm1(error[some].mean()), "coverage_90_pct": 100 * inside[some].mean()}
            numbers |= {"median_range_ratio": np.median((p95 / p5)[some])}
            line = {"left_out": title, "name": name, "n": int(some.sum())}
            rows.append(line | {k: f"{v:.2f}" if k.endswith("ratio") else f"{v:.1f}" for k, v in numbers.items()})
    return rows


def rows_of(data: Runs) -> list[out.Row]:
    """The factors of a campaign as rows of the calibration."""
    best = fitted(data, np.ones(len(data.name), bool))
    print("campaign:", {name: round(float(value), 3) for name, value in best._asdict().items()})

    def row(name: str, unit: str, note: str, confidence: str = "measured") -> out.Row:
        found = out.factor(name, float(getattr(best, name)), unit, "any", note, confidence)
        return found | {"address": f"{out.RUNS}, scripts/fit_training_runs.py"}

    return [
        *(row(name, "ratio", note) for name, (*_, note) in PRIORS.items()),
        *(row(name, "log", note) for name, (_, note) in SCALES.items()),
        row("run_days", "days", "median length of published campaigns on 64 accelerators or more"),
        row("run_days_scale", "log", "standard deviation of its log, from the median deviation"),
        row("run_days_from", "accelerators", "eight machines: so many are reserved for a campaign", "assumed"),
    ]


def _dated(row: Mapping[str, Any]) -> out.Row:
    """A row as it was read, its date as one."""
    return {**row, "date": dt.date.fromisoformat(str(row["date"]))}


def main() -> None:
    """Fit and write the campaign alone."""
    catalog = Catalog()
    data = load(catalog)
    out.write_left_out("runs", left_out(data))
    known = catalog.factors("training")
    kept = [_dated(row) for row in known if not row["name"].startswith(("campaign", "run_"))]
    out.write_calibration([*kept, *rows_of(data)], [_dated(row) for row in catalog.table("training", "stacks")])


if __name__ == "__main__":
    main()
