"""Ranges of the training engine: fitted to errors of sources left out, judged by sources left out once more.

The score of a range is that of Gneiting and Raftery 2007 (doi:10.1198/016214506000001437, section 6.2) for 90 %: its
width, and 20 times the distance by which it misses, in log time; the mean over the rows of a source, then over sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from llmcost.engine.training.calibration import Kind, Ranges, half_width
from llmcost.engine.training.step import overhead_share
from llmcost.estimate.training.stack import may_loop
from scripts.fit_training_data import Data
from scripts.fit_training_model import Model

Array = Any
MISSED = 20.0  # 2 / (1 - 90 %)
# Log coefficients before errors are seen, and how far they may go.
PRIORS = {
    "base": (float(np.log(0.22)), 0.5), "plain": (0.4, 0.4), "experts": (0.3, 0.3), "loops": (0.3, 0.4),
    "stack": (0.2, 0.3), "generation": (0.3, 0.3), "tuning": (0.1, 0.3), "overhead": (0.5, 0.7), "unstated": (0.3, 0.3),
}  # fmt: skip
COLUMNS = ("error", "source", "tuning", "new_generation")
OF_MEDIAN = 1.25  # standard error of a median of normal errors over that of their mean: sqrt(pi / 2)
UNNAMED = {"pretraining": False, "tuning": True}
HOLD = 0.02  # weight of the priors against the score of one source in all


class Errors(NamedTuple):
    """Log errors of rows left out, with what their range follows from."""

    error: Array
    source: Array
    tuning: Array
    kind: Kind
    new_generation: Array

    def of(self, use: Array) -> Errors:
        """Some of the rows."""
        kind = Kind(*[np.asarray(v)[use] for v in self.kind])
        return Errors(self.error[use], self.source[use], self.tuning[use], kind, self.new_generation[use])

    def widths(self, ranges: Ranges) -> Array:
        """Half-widths in log time."""
        return half_width(ranges._replace(generation=ranges.generation * self.new_generation), self.kind)


def paces(errors: Errors, free: Array) -> dict[str, float]:
    """The step of the software that people run over that of the usual stack [-]; `free`: rows with a choice of it.

    The middle of sources, each counting once, as far as it is more than chance: a middle m with a standard error s is
    taken as m (1 - s^2 / m^2), or as none where that is negative (the rule of James and Stein 1961); s is that of a
    median, 1.25 times that of a mean.
    """
    found = {}
    for name, tuning in UNNAMED.items():
        mine = errors.of(free & (errors.tuning == tuning))
        each = [np.median(mine.error[mine.source == source]) for source in set(mine.source)] or [0.0, 0.0]
        middle, chance = np.median(each), OF_MEDIAN**2 * np.var(each, ddof=1) / len(each)
        sure = 1.0 - chance / middle**2 if middle**2 > chance else 0.0
        found[name] = float(np.exp(-middle * sure))
    return found


def centred(errors: Errors, free: Array) -> Errors:
    """The errors where each source is moved to the middle of the others, but for rows whose usual stack is tuned."""
    error = errors.error.copy()
    for name in set(errors.source):
        others = errors.source != name
        pace = paces(errors.of(others), free[others])
        moved = np.where(errors.tuning, pace["tuning"], pace["pretraining"])
        mine = ~others & free & (errors.kind.plain > 0)
        error[mine] += np.log(moved[mine])
    return errors._replace(error=error)


def elsewhere(labels: Array, source: Array) -> Array:
    """Whether another source has rows of the label."""
    pairs = set(zip(labels, source, strict=True))
    return np.array([any(a == label and b != s for a, b in pairs) for label, s in zip(labels, source, strict=True)])


def errors_of(model: Model, x: Array, error: Array) -> Errors:
    """Errors of rows left out as the ranges see them."""
    d: Data = model.data
    steps, _ = model.steps(x)
    parts = np.split(steps.step_seconds, d.start[1:])
    first = np.array([at + int(np.argmin(part)) for at, part in zip(d.start, parts, strict=True)])
    share = np.asarray(overhead_share(steps))[first]
    stated = np.array([c.software.stated for c in d.cases])
    names = np.array([c.software.name for c in d.cases])
    generations = np.array([c.generation for c in d.cases])
    kind = Kind(
        plain=(model.family > 0).astype(float),
        experts=d.moe.astype(float),
        loops=np.array([float(moe and may_loop(c.software)) for moe, c in zip(d.moe, d.cases, strict=True)]),
        new_stack=(~elsewhere(names, d.source)).astype(float),
        tuning=d.tuning.astype(float),
        overhead=share,
        unstated=(~stated).astype(float),
    )
    return Errors(error, d.source, d.tuning, kind, (~elsewhere(generations, d.source)).astype(float))


def together(*parts: Errors) -> Errors:
    """Several sets of rows as one."""
    kind = Kind(*[np.concatenate(columns) for columns in zip(*(p.kind for p in parts), strict=True)])
    error, source, tuning, new = (np.concatenate([getattr(p, f) for p in parts]) for f in COLUMNS)
    return Errors(error, source, tuning, kind, new)


def score(error: Array, width: Array) -> Array:
    """Interval score of rows: width and 20 x the distance by which it misses [log]."""
    return 2.0 * width + MISSED * np.maximum(np.abs(error) - width, 0.0)


def fitted(errors: Errors) -> Ranges:
    """The coefficients with the best mean score over sources."""
    start, hold = (np.array([p[i] for p in PRIORS.values()]) for i in (0, 1))
    _, owner, count = np.unique(errors.source, return_inverse=True, return_counts=True)
    share = 1.0 / (count[owner] * len(count))  # of a row in the mean over sources

    def loss(x: Array) -> float:
        each = score(errors.error, errors.widths(Ranges(*x)))
        return float(each @ share + HOLD * np.sum(((x - start) / hold) ** 2))

    found = minimize(loss, start, method="Powell", options={"maxiter": 40, "xtol": 1e-2, "ftol": 1e-3}).x
    return Ranges(*(float(v) for v in found))


class Figures(NamedTuple):
    """How good some predictions and their ranges are."""

    median_pct: float
    bias_pct: float
    coverage_pct: float
    score: float
    width: float  # p95 over p5, median


class Judged(NamedTuple):
    """A source, judged by a fit and ranges that did not see it."""

    source: str
    rows: int
    tuning: bool
    figures: Figures


def judged(errors: Errors, also: Errors | None = None) -> list[Judged]:
    """Each source under ranges fitted to the errors of the others."""
    found = []
    known = errors if also is None else together(errors, also)
    for name in dict.fromkeys(errors.source):
        ranges = fitted(known.of(known.source != name))
        mine = errors.of(errors.source == name)
        width = mine.widths(ranges)
        found.append(Judged(str(name), len(width), bool(mine.tuning[0]), figures(mine.error, width)))
    return found


def figures(error: Array, width: Array) -> Figures:
    """Of the log errors of some rows, and the half-widths of their ranges."""
    inside = np.mean(np.abs(error) <= width)
    size, bias = np.median(np.abs(np.expm1(error))), np.expm1(np.median(error))
    found = 100.0 * size, 100.0 * bias, 100.0 * inside, np.mean(score(error, width)), np.exp(2.0 * np.median(width))
    return Figures(*(float(value) for value in found))


def mean(found: Sequence[Figures]) -> Figures:
    """Each counts once."""
    return Figures(*(float(value) for value in np.mean(found, axis=0)))


def in_sample(errors: Errors) -> list[Judged]:
    """Each source under the fit that saw it, without a range."""
    found = []
    for name in dict.fromkeys(errors.source):
        mine = errors.of(errors.source == name)
        known = figures(mine.error, np.full(len(mine.error), np.nan))._replace(coverage_pct=np.nan)
        found.append(Judged(str(name), len(mine.error), bool(mine.tuning[0]), known))
    return found


def left_out_rows(found: dict[str, list[Judged]]) -> list[dict[str, Any]]:
    """Errors of sources that the fit and the ranges did not see, for docs/accuracy.md."""
    rows: list[dict[str, Any]] = []
    for title, judged in found.items():
        for j in judged:
            rows.append(_line(f"source, {title}", j.source, j.rows, j.figures))
        for name, tuning in (("pre-training", False), ("fine-tuning", True)):
            some = [j for j in judged if j.tuning == tuning]
            line = _line(f"mean of sources, {title}", name, sum(j.rows for j in some), mean([j.figures for j in some]))
            rows.append(line | {"sources": len(some)})
    return rows


def class_rows(errors: Errors, ranges: Ranges) -> list[dict[str, Any]]:
    """Error, coverage and width by class of question, each source counting once."""
    kind, rows = errors.kind, []
    width = errors.widths(ranges)
    parts = (
        np.where(kind.plain > 0, "other stack", "tuned stack"),
        np.where(kind.experts > 0, "experts", "dense"),
        np.where(kind.tuning > 0, "fine-tuning", "pre-training"),
    )
    names = np.array([", ".join(words) for words in zip(*parts, strict=True)])
    for name in sorted(set(names)):
        each = []
        for source in sorted(set(errors.source[names == name])):
            mine = (names == name) & (errors.source == source)
            each.append(figures(errors.error[mine], width[mine]))
        line = _line("class, software named", name, int((names == name).sum()), mean(each))
        rows.append(line | {"sources": len(each)})
    return rows


def _line(title: str, name: str, count: int, numbers: Figures) -> dict[str, Any]:
    names = ("median_ape_pct", "bias_pct", "coverage_90_pct", "interval_score", "median_range_ratio")
    shown = {key: f"{value:.{2 if key in names[3:] else 1}f}" for key, value in zip(names, numbers, strict=True)}
    return {"left_out": title, "name": name, "n": count, "sources": 1} | shown
