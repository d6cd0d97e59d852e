"""Fit what training stacks keep in memory to measured peaks, and write it into presets/calibration/memory.toml.

Each family of stacks has a few constants: bytes of a logit, activations kept and worked on over the papers' count, the
pool of the allocator, the optimizer's step, context. Bytes of states are those of the stack's documentation. The loss
is the error in log peak, robust to outliers; a source counts by the root of its rows. Every publisher is predicted
from a fit to the others too: validation/memory_cross_validation.csv.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import norm

from llmcost.catalog import Catalog
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.peak import Keeping, Memory, Trained, training_memory
from llmcost.errors import LlmcostError
from llmcost.estimate.training.kept import POOL, SHARDED, kept_by, kin
from llmcost.estimate.validate.memory_score import LIKELY, TRAINING, ran, reported
from llmcost.estimate.validate.memory_training_rows import Case, case, optimizer_of
from scripts import tables
from scripts.fit_memory_priors import FAMILIES, LACKS, MORE, priors
from scripts.fit_memory_spread import Errors, Spreads, scatter, spreads

ROOT = Path(__file__).parent.parent
FILE = ROOT / "presets" / "calibration" / "memory.toml"
ROWS = (ROOT / "validation" / "memory_training.csv", ROOT / "validation" / "memory_finetune.csv")
TABLE = ROOT / "validation" / "memory_cross_validation.csv"
ERROR = 0.08  # of a measured peak [log]
FAILED_WEIGHT = 0.5
FULL = 0.97  # of what a process is shown: a pool that has grown to it says no more of what is needed
NORMAL = norm.cdf


class Known(NamedTuple):
    """Rows as arrays."""

    cases: list[Case]
    sources: list[str]
    peak: Array  # nan where only the verdict is known [bytes]
    ran: Array  # 1, 0 or nan
    shape: Shape
    layout: Layout
    trained: Trained
    keeping: Keeping
    seq_len: Array
    micro_batches: Array
    shown: Array
    told: Array  # 0 allocated, 1 reserved, 2 of the driver
    own_segments: Array  # 1 where the stack's constants are of expandable segments
    own_step: Array  # whether the optimizer's step is the stack's own: a row that names an optimizer has another

    def some(self, rows: Array) -> Known:
        """Some of the rows."""
        chosen = [i for i, mine in enumerate(rows) if mine]

        def of(kind: Any, fields: Any) -> Any:
            return kind(*(np.asarray(field)[rows] for field in fields))

        return Known(
            [self.cases[i] for i in chosen], [self.sources[i] for i in chosen], self.peak[rows], self.ran[rows],
            of(Shape, self.shape), of(Layout, self.layout), of(Trained, self.trained), of(Keeping, self.keeping),
            self.seq_len[rows], self.micro_batches[rows], self.shown[rows], self.told[rows], self.own_segments[rows],
            self.own_step[rows],
        )  # fmt: skip

    def memory(self, keeping: Keeping) -> Memory:
        """What every run holds."""
        return training_memory(self.shape, self.layout, self.seq_len, self.micro_batches, keeping, self.trained)

    def figure(self, held: Memory, keeping: Keeping) -> Array:
        """What the source reports of it."""
        total, context = np.asarray(held.total_bytes), np.asarray(keeping.context_bytes)
        seen = np.select([self.told == 0, self.told == 1], [held.allocated_bytes, total - context], total)
        found: Array = np.where(self.told > 0, np.minimum(seen, self.shown), seen)
        return found


def known(paths: Sequence[Path]) -> Known:
    """The rows of some files that the engine takes."""
    catalog = Catalog()
    cases, sources, peaks, verdicts, own = [], [], [], [], []
    for path in paths:
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                peak, fits = reported(row, TRAINING)["peak_bytes"], ran(row, TRAINING.verdicts)
                if peak is None and fits is None:
                    continue
                try:
                    cases.append(case(row, catalog))
                except LlmcostError:
                    continue
                sources.append(row["source_group"])
                own.append(optimizer_of(row) == "adamw")
                peaks.append(peak or np.nan)
                verdicts.append(np.nan if fits is None else fits)

    def stacked(kind: Any, rows: Sequence[Any]) -> Any:
        return kind(*np.array([[float(v) for v in row] for row in rows]).T)

    told = [0 if "alloc" in c.told else 1 if "reserv" in c.told else 2 for c in cases]
    return Known(
        cases, sources, np.array(peaks), np.array(verdicts), stacked(Shape, [c.shape for c in cases]),
        stacked(Layout, [c.layout for c in cases]), stacked(Trained, [c.trained for c in cases]),
        stacked(Keeping, [c.keeping for c in cases]), np.array([c.seq_len for c in cases]),
        np.array([c.micro_batches for c in cases]), np.array([float(c.machine.shown_bytes) for c in cases]),
        np.array(told), np.array([float(kept_by(catalog, c.stack, False).expandable) for c in cases]),
        np.array(own, dtype=float),
    )  # fmt: skip


class Model(NamedTuple):
    """The constants of a family that are fitted, and where they start."""

    family: str
    names: tuple[str, ...]
    start: Array
    width: Array


def model(family: str) -> Model:
    """What is fitted of a family, from where and how far."""
    found = priors(family)
    start, width = (np.array([getattr(prior, of) for prior in found.values()]) for of in ("value", "width"))
    return Model(family, tuple(found), np.log(start), width)


def family_of(case: Case) -> str:
    """The stacks that a row's constants are fitted with; empty: it has none."""
    return next((family for family, stacks in FAMILIES.items() if case.stack in stacks), "")


def keeping_at(at: Known, what: Model, theta: Array) -> Keeping:
    """What runs of a family keep under some constants."""
    named_loss = np.array([bool(c.loss) for c in at.cases])
    sharded = np.asarray(at.layout.zero) >= 3
    fields = {name: np.array(getattr(at.keeping, name), dtype=float) for name in Keeping._fields}
    for field, log in zip(what.names, theta, strict=True):
        value = float(np.exp(log))
        if field.endswith(MORE):
            fields[field.removesuffix(MORE)][:] = 1.0 + value
        elif field == "logit":
            fields["logit"][~named_loss] = value
        elif field == "update":  # rows that name an optimizer keep its step, and one that shards has its own
            fields["update"][(at.own_step > 0) & ~sharded] = value
        elif field.startswith(SHARDED):
            does = np.array([field not in LACKS.get(c.stack, ()) for c in at.cases])
            fields[field.removeprefix(SHARDED)][sharded & does] = value
        else:
            fields[field][:] = min(value, 1.0) if field == "cached" else value
    for name, (least, most) in pool_limits().items():
        more = np.asarray(at.keeping.expandable) - at.own_segments
        fields[name] = np.where(more > 0, np.minimum(fields[name], most), fields[name])
        fields[name] = np.where(more < 0, np.maximum(fields[name], least), fields[name])
    return Keeping(**fields)


@cache
def pool_limits() -> dict[str, tuple[float, float]]:
    """The least of fixed segments and the most of expandable ones, for runs whose stack starts with the other kind."""
    rows = {row["name"]: row for row in Catalog().table("memory", "allocators")}
    return {name: (float(rows["fixed"][name]), float(rows["expandable"][name])) for name in POOL}


def fitted(at: Known, what: Model, weights: Array) -> Array:
    """Constants of a family that fit its rows of some weights best."""

    def residuals(theta: Array) -> Array:
        keeping = keeping_at(at, what, theta)
        held = at.memory(keeping)
        error = np.log(at.figure(held, keeping) / at.peak) / ERROR
        robust = np.where(np.isnan(error), 0.0, np.sign(error) * np.sqrt(2.0 * np.log1p(0.5 * error**2)))
        over = np.log(np.asarray(held.needed(0.0)) / at.shown) / ERROR
        failed = np.where(at.ran == 0, np.minimum(over, 0.0), np.where(at.ran == 1, np.maximum(over, 0.0), 0.0))
        failed = FAILED_WEIGHT * np.sign(failed) * np.sqrt(2.0 * np.log1p(0.5 * np.nan_to_num(failed) ** 2))
        pull = (theta - what.start) / what.width
        return np.concatenate([np.sqrt(weights) * robust, np.sqrt(weights) * failed, pull])

    if not np.any(weights > 0):
        return what.start
    found: Array = least_squares(residuals, what.start, max_nfev=25).x
    return found


def weights_of(sources: Sequence[str]) -> Array:
    """A source counts by the root of its rows."""
    count = {source: sources.count(source) for source in set(sources)}
    return np.array([1.0 / np.sqrt(count[source]) for source in sources])


def predictions(at: Known, what: Model, theta: Array) -> tuple[Array, Memory]:
    """Reported peaks, and what the runs hold."""
    keeping = keeping_at(at, what, theta)
    held = at.memory(keeping)
    return at.figure(held, keeping), held


def publisher(source: str) -> str:
    """Who measured: scripts of one repository are one, and reports of single runs are one.

    >>> publisher("ms-swift-47a"), publisher("bl-24"), publisher("fmsacc-orca"), publisher("qwen1")
    ('ms-swift', 'single reports', 'fmsacc', 'qwen1')
    """
    if source.startswith("bl-"):
        return "single reports"
    return next((name for name in ("ms-swift", "fmsacc", "litgpt") if source.startswith(name)), source)


class Told(NamedTuple):
    """What is said of every row."""

    stack: Array
    method: Array
    publisher: Array
    peak: Array  # measured [bytes]
    ran: Array
    predicted: Array  # as the source reports it [bytes]
    total: Array
    least: Array  # what is needed, of the total [bytes]
    states: Array  # of the total [bytes]
    rest: Array  # of the total [bytes]
    shown: Array
    free: Array  # False where the pool of the allocator took all there is: the peak says no more than that it ran

    def deviation(self, wide: Spreads) -> Array:
        """Standard deviation of every total [bytes]."""
        pairs = np.array([wide.stacks[stack] for stack in self.stack])
        by = np.array([wide.methods.get(method, 1.0) for method in self.method])
        found: Array = by * np.hypot(pairs[:, 0] * self.states, pairs[:, 1] * self.rest)
        return found

    def spreads(self, stacks: Sequence[str], use: Array) -> Spreads:
        """How wide ranges are, from errors of some rows."""
        errors, rows = self.errors()
        some = use[rows]
        return spreads(errors.some(some), self.method[rows][some], self.publisher[rows][some], stacks)

    def errors(self) -> tuple[Errors, Array]:
        """Those with a peak that says how much was needed, and which they are."""
        rows = np.isfinite(self.peak) & self.free
        names = [str(name) for name in self.publisher[rows]]
        return Errors(
            self.stack[rows], (self.states / self.total)[rows], (self.rest / self.total)[rows],
            np.log(self.peak / self.predicted)[rows], weights_of(names),
        ), rows  # fmt: skip


def told(at: Known, thetas: Mapping[str, Array]) -> Told:
    """What constants of every family say of its rows."""
    count = len(at.cases)
    parts = {name: np.full(count, np.nan) for name in ("predicted", "total", "least", "states", "rest")}
    families = np.array([family_of(c) for c in at.cases])
    for family, theta in thetas.items():
        mine = families == family
        if not mine.any():
            continue
        some, what = at.some(mine), model(family)
        peaks, held = predictions(some, what, theta)
        padding = np.asarray(keeping_at(some, what, theta).padding)
        states = padding * np.asarray(held.weights_bytes + held.gradients_bytes + held.optimizer_bytes)
        parts["predicted"][mine], parts["total"][mine] = peaks, held.total_bytes
        parts["least"][mine] = held.needed(0.0)
        parts["states"][mine], parts["rest"][mine] = states, held.total_bytes - states
    full = (at.told > 0) & (np.maximum(parts["total"], at.peak) > FULL * at.shown)
    return Told(
        np.array([c.stack for c in at.cases]),
        np.array([kin(float(c.trained.adapters), float(c.trained.frozen)) for c in at.cases]),
        np.array([publisher(s) for s in at.sources]), at.peak, at.ran,
        **parts, shown=at.shown, free=~full,
    )  # fmt: skip


def fit(at: Known, weights: Array) -> dict[str, Array]:
    """Constants of every family."""
    families = np.array([family_of(c) for c in at.cases])
    return {
        family: fitted(at.some(families == family), model(family), weights[families == family]) for family in FAMILIES
    }


def left_out(at: Known, weights: Array, inside: Mapping[str, Array], groups: Array) -> Told:
    """What is said of every row by constants that were fitted without its group: its publisher, or its method."""
    families = np.array([family_of(c) for c in at.cases])
    fields = told(at, inside)._asdict()
    for name in sorted(set(groups)):
        mine = groups == name
        thetas = dict(inside)
        for family in sorted(set(families[mine])):
            rows = families == family
            thetas[family] = fitted(at.some(rows), model(family), np.where(mine, 0.0, weights)[rows])
        other = told(at, thetas)._asdict()
        fields = {key: np.where(mine, other[key], fields[key]) for key in fields}
    return Told(**fields)


def widths_left_out(every: Told, stacks: Sequence[str]) -> Array:
    """Standard deviation of every total, from errors of other publishers alone [bytes]."""
    found = np.full(len(every.peak), np.nan)
    for name in sorted(set(every.publisher)):
        mine = every.publisher == name
        found = np.where(mine, every.deviation(every.spreads(stacks, ~mine)), found)
    return found


def wider_unseen(inside: Told, outside: Told, wide: Spreads) -> dict[str, float]:
    """Errors of every method by constants that never saw it, over those by constants that did."""

    def size(of: Told, name: str) -> float:
        errors, rows = of.errors()
        mine = of.method[rows] == name
        return scatter(errors.some(mine), (of.deviation(wide) / of.total)[rows][mine])

    return {name: size(outside, name) / size(inside, name) for name in sorted(set(inside.method))}


def figures(every: Told, deviation: Array, rows: Array) -> dict[str, float]:
    """Errors of some rows."""
    known = rows & np.isfinite(every.peak)
    error = np.abs(every.predicted / every.peak - 1.0)[known]
    wide = 1.645 * (deviation / every.total)[known]
    inside = np.abs(np.log(every.peak / every.predicted)[known]) <= wide
    chance = NORMAL((every.shown - every.least) / deviation)
    failed, did = chance[rows & (every.ran == 0)], chance[rows & (every.ran == 1)]
    likely = rows & np.isfinite(every.ran) & (chance >= LIKELY[0]) & (chance < LIKELY[1])

    def share(of: Array) -> float:
        return 100.0 * float(np.mean(of)) if len(of) else np.nan

    return {
        "n": float(len(error)), "median_ape_pct": 100.0 * float(np.median(error)) if len(error) else np.nan,
        "within_15_pct": share(error <= 0.15), "coverage_90_pct": share(inside), "oom_rows": float(len(failed)),
        "oom_called_fitting_pct": share(failed >= 0.5), "ran_rows": float(len(did)),
        "ran_refused_pct": share(did < 0.5),
        "likely_rows": float(likely.sum()), "likely_ran_pct": share(every.ran[likely] == 1),
    }  # fmt: skip


def table(inside: tuple[Told, Array], outside: tuple[Told, Array]) -> list[dict[str, str]]:
    """Errors by publisher and by stack, with its rows in the fit and without those of the publisher."""
    found = []
    every = inside[0]
    groups = [("all", "", np.ones(len(every.peak), dtype=bool))]
    groups += [("publisher", n, every.publisher == n) for n in sorted(set(every.publisher))]
    groups += [("stack", n, every.stack == n) for n in sorted(set(every.stack))]
    for by, name, mine in groups:
        for test, of in (("in the fit", inside), ("publisher never fitted", outside)):
            row = figures(*of, mine)
            found.append(
                {"test": test, "by": by, "name": name} | {k: "" if np.isnan(v) else f"{v:.4g}" for k, v in row.items()}
            )
    return found


def written(thetas: Mapping[str, Array], wide: Spreads, text: str) -> str:
    """The file with the constants in the rows of their stacks and methods."""
    values = {stack: {"held_spread": a, "spread": b} for stack, (a, b) in wide.stacks.items()}
    values |= {method: {"spread": by} for method, by in wide.methods.items()}
    for family, theta in thetas.items():
        for field, log in zip(model(family).names, theta, strict=True):
            value = float(np.exp(log))
            name, value = (field.removesuffix(MORE), 1.0 + value) if field.endswith(MORE) else (field, value)
            for stack in (stack for stack in FAMILIES[family] if field not in LACKS.get(stack, ())):
                values[stack][name] = min(value, 1.0) if name == "cached" else value

    def row(match: re.Match[str]) -> str:
        lines = match[0]
        for name, value in values.get(match[1], {}).items():
            line = f"{name} = {float(f'{value:.3g}')}"
            lines, count = re.subn(rf"^{name} = [-\d.e+]+$", line, lines, flags=re.M)
            if not count:
                lines = lines.replace("address = ", f"{line}\naddress = ", 1)
        return lines

    return re.sub(r'\[\[(?:stacks|methods)\]\]\nname = "([^"]+)"\n[^\[]*', row, text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, and write the constants and the table of errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("files", nargs="*", type=Path)
    said = parser.parse_args(arguments)
    at = known(said.files or ROWS)
    weights, stacks = weights_of(at.sources), [name for names in FAMILIES.values() for name in names]
    thetas = fit(at, weights)
    for family, theta in thetas.items():
        for (field, prior), log in zip(priors(family).items(), theta, strict=True):
            print(f"{family:10} {field:24} {prior.value:12.4g} -> {np.exp(log):.4g}")
    inside = told(at, thetas)
    outside = left_out(at, weights, thetas, inside.publisher)
    wide = outside.spreads([*stacks, "maxtext"], np.ones(len(outside.peak), dtype=bool))
    for stack, (states, rest) in wide.stacks.items():
        print(f"{stack:10} spread of states {states:.3f}, of the rest {rest:.3f}")
    for method, by in wide.methods.items():
        print(f"{method:10} spread over that of all methods {by:.3f}")
    for method, ratio in wider_unseen(inside, left_out(at, weights, thetas, inside.method), wide).items():
        print(f"{method:10} errors without its rows over those with them {ratio:.2f}: unmeasured_memory_spread")
    rows = table((inside, inside.deviation(wide)), (outside, widths_left_out(outside, stacks)))
    for row in rows:
        print(" ".join(f"{key} {value}" for key, value in row.items()))
    if said.dry:
        return
    FILE.write_text(written(thetas, wide, FILE.read_text("utf-8")), "utf-8")
    tables.write(TABLE, rows)


if __name__ == "__main__":
    main()
