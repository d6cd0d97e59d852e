"""Fit the constants of the serving engine to measured configurations and write presets/calibration/serving.toml.

    python -m scripts.fit_serving            fit, cross-validate, print, write (half an hour of one core)
    python -m scripts.fit_serving --quick    fit, print the in-sample error, write nothing (seconds)

Ridge regression on logarithms: general constants, and ratios of an engine, a generation and both to their kin, pulled
to one. A source counts by about the fourth root of its rows. What is left out is predicted by a fit of its own, which
begins at the same starting values as every other and has seen nothing of it.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import hashlib
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import NAMED
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.serving.inputs import Calibration
from llmcost.estimate.asking.software import LIMITS, stack
from llmcost.estimate.validate.serving_points import MEASURED_SLACK, calibrations, fastest, points, weights_fit
from llmcost.estimate.validate.serving_rows import Cases, Lookup, asked, some
from scripts import serving_ranges
from scripts.serving_constants import FORMATS, NOTES, OWN, SOFTWARE, SOURCED, Constant, fitted

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "validation" / "serving_measured.csv"
TABLE = ROOT / "validation" / "serving_cross_validation.csv"
TARGET = ROOT / "presets" / "calibration" / "serving.toml"
DATE = dt.date(2026, 12, 1)
QUANTITIES = ("tpot", "ttft", "throughput")
COLUMNS = {"tpot": ("tpot_ms", 1e-3), "ttft": ("ttft_ms", 1e-3), "throughput": ("output_tokens_per_s", 1.0)}
FIELDS = {"tpot": "tpot_seconds", "ttft": "ttft_seconds", "throughput": "output_tokens_per_second"}
# TTFT depends on what a benchmark client does at its start, which no input column tells: it counts for less.
WEIGHTS = {"tpot": 1.0, "ttft": 0.4, "throughput": 1.0}
SOFT = {"tpot": 0.12, "ttft": 0.3, "throughput": 0.12}  # residuals beyond count linearly, then less
FAR = 0.8  # residuals about this large hardly count: what happened there is not modelled
PASSES = 4  # of Gauss-Newton
STEPS = (1.0, 0.5, 0.25, 0.125)  # shares of a pass's step that are tried
EVIDENCE = 160.0  # of a source's rows together, over one standard deviation of a constant
OLD = 2025  # year of software where neither model nor accelerator has a date
# Why a row is scored but not fitted.
EXCLUDED = ("MTP speculative decoding", "record concurrency", "SUSPECT", "network not stated")
ENOUGH = 60  # rows of an engine that make ratios of its own on each generation
EVERYONE = (
    "network_seconds",
    "bus_seconds",
    "sparse_seconds",
)  # constants that a tuned stack that nobody names has as well
SPREAD = ("tpot", "throughput")
RESPREAD = tuple(f"{quantity}_log_spread" for quantity in SPREAD)
TRIVIAL = 0.02  # ratios nearer one are not written
Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Names = np.ndarray[Any, Any]


class Data(NamedTuple):
    """Measured rows ready to be fitted."""

    rows: list[dict[str, str]]
    cases: Cases
    known: Lookup
    measured: dict[str, Array]
    weight: dict[str, Array]
    use: Mask  # fitted
    scored: Mask
    source: np.ndarray[Any, Any]
    held: dict[str, Any]  # constants of memory, as they are


class Model(NamedTuple):
    """The constants to fit and the rows that each applies to."""

    data: Data
    constants: list[Constant]
    masks: list[Mask]

    @property
    def start(self) -> Array:
        """Logarithms of the starting values."""
        return np.log([c.start for c in self.constants])

    @property
    def pull(self) -> Array:
        """Standard deviations of the prior."""
        return np.array([c.pull for c in self.constants])

    def bounded(self, values: Array) -> Array:
        """Values within their limits."""
        low, high = np.log([[c.low, c.high] for c in self.constants]).T
        return np.clip(values, low, high)


def load() -> Data:
    """Rows with a stated prompt length; those whose weights do not fit are neither scored nor fitted."""
    with ROWS.open(newline="", encoding="utf-8") as file:
        every = list(csv.DictReader(file))
    known = Lookup(Catalog())
    rows = asked(every, known)
    here = np.flatnonzero(rows.why.which == 0)
    kept = [every[i] for i in here]
    cases = rows.cases(here, fastest(rows, here, calibrations(rows.kinds.cases, known.catalog)))
    measured = {q: np.array([_number(r, c) * scale for r in kept]) for q, (c, scale) in COLUMNS.items()}
    with np.errstate(all="ignore"):
        scored = weights_fit(cases, Calibration(), MEASURED_SLACK)
    noted = np.array([any(note in r["check_note"] for note in EXCLUDED) for r in kept])
    source = np.array([r["source_group"] for r in kept])
    as_now = calibrations(cases, known.catalog)._asdict()
    names = {row["name"] for row in known.catalog.factors("memory")} & set(as_now) | {"fit_margin"}
    held = {name: as_now[name] for name in names}
    return Data(kept, cases, known, measured, _weights(kept), scored & ~noted, scored, source, held)


def _number(row: Mapping[str, str], column: str) -> float:
    return (float(row[column]) or np.nan) if row[column] else np.nan


def _group(row: Mapping[str, str]) -> str:
    return " | ".join((row["source_group"], row["hardware_id"], row["model"], row.get("kind", "")))


def _weights(rows: list[dict[str, str]]) -> dict[str, Array]:
    """A group counts by the root of its rows within its source, a source by a root of what its groups count."""
    count = Counter(_group(r) for r in rows)
    groups = defaultdict(set)
    for row in rows:
        groups[row["source_group"]].add(_group(row))
    size = {s: sum(count[g] ** 0.5 for g in found) for s, found in groups.items()}
    share = np.array([count[_group(r)] ** -0.5 / size[r["source_group"]] for r in rows])
    whole = np.array([size[r["source_group"]] for r in rows])
    return {q: WEIGHTS[q] * share * whole**0.5 for q in QUANTITIES}


def model(data: Data) -> Model:
    """Constants for the engines and generations that the rows have."""
    engine, generation = np.array(data.cases.framework), np.array(data.cases.generation)
    year = np.array([y or OLD for y in data.cases.year])
    many = {e for e, n in Counter(engine).items() if n > ENOUGH}
    pairs = sorted({(e, g) for e, g in zip(engine, generation, strict=True) if e in many})
    constants, masks = [], []
    for constant in fitted(sorted(set(engine) - {"any"}), sorted(set(generation)), pairs):
        here = applies(constant, engine, generation) & ((constant.until == 0) | (year <= constant.until))
        if constant.framework == constant.generation == "any":  # what a source says of some counts there in its place
            for known in (c for c in SOURCED if c.name == constant.name and c.framework != "any"):
                here &= ~applies(known, engine, generation)
        if here.any():
            constants.append(constant)
            masks.append(here)
    return Model(data, constants, masks)


def applies(c: Constant, engine: Names, generation: Names) -> Mask:
    """Where a constant of an engine or a generation counts."""
    here = (c.framework in ("any", NAMED)) | (engine == c.framework)
    return np.asarray(here & ((c.generation == "any") | (generation == c.generation)))


def calibration(of: Model, values: Array) -> Calibration:
    """Constants of every row: sourced ones and the fitted ones at `values` (logarithms)."""
    cases, columns = of.data.cases, Calibration()._asdict() | of.data.held
    engine, generation = np.array(cases.framework), np.array(cases.generation)

    def put(name: str, here: Mask, value: float) -> None:
        columns[name] = value if here.all() else np.where(here, value, columns[name])

    sourced = sorted(SOURCED, key=lambda c: 2 * (c.framework != "any") + (c.generation != "any"))
    for c in sourced:
        if c.framework == "any":
            put(c.name, applies(c, engine, generation), c.start)
    limits = [stack(of.data.known.catalog, name) for name in sorted(set(engine))]
    for name, found in zip(sorted(set(engine)), limits, strict=True):
        for key, own in LIMITS.items():
            if found is not None and getattr(found, key) is not None:
                put(own, engine == name, float(getattr(found, key)))
    ratios: dict[str, Array] = {}
    for c, here, value in zip(of.constants, of.masks, values, strict=True):
        if c.ratio:
            ratios[c.name] = ratios.get(c.name, 0.0) + here * value
        elif c.framework == c.generation == "any":
            put(c.name, here, float(np.exp(value)))
    for c in sourced:
        if c.framework != "any":  # counts before what is fitted to all that are named
            put(c.name, applies(c, engine, generation), c.start)
    for c, here, value in zip(of.constants, of.masks, values, strict=True):
        if not c.ratio and not c.framework == c.generation == "any":
            put(c.name, here, float(np.exp(value)))
    return Calibration(**{**columns, **{name: columns[name] * np.exp(log) for name, log in ratios.items()}})


def errors(of: Model, values: Array, here: Mask | None = None) -> dict[str, Array]:
    """ln(predicted / measured) of every row and quantity, or of those `here`; nan where not measured."""
    known = calibration(of, values)
    if here is None:
        return _missed(of.data.cases, known, of.data.measured)
    measured = {q: of.data.measured[q][here] for q in QUANTITIES}
    at = np.flatnonzero(here)
    return _missed(some(of.data.cases, at), some(known, at), measured)


def _missed(cases: Cases, known: Calibration, measured: dict[str, Array]) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        at = points(cases, known)
        return {q: np.log(getattr(at, FIELDS[q]) / measured[q]) for q in QUANTITIES}


class Problem(NamedTuple):
    """What a fit makes least: the model, and of each residual its row, what it counts and where it is softened."""

    of: Model
    row: np.ndarray[Any, np.dtype[np.intp]]
    weight: Array
    soft: Array
    first: Array  # residuals of the starting values


def problem(data: Data) -> Problem:
    """The residuals of the rows that are fitted."""
    of = model(data)
    each = [np.flatnonzero(data.use & np.isfinite(data.measured[q])) for q in QUANTITIES]
    weight = np.concatenate([data.weight[q][rows] for q, rows in zip(QUANTITIES, each, strict=True)])
    soft = np.repeat([SOFT[q] for q in QUANTITIES], [len(rows) for rows in each])
    first = _residuals(of, calibration(of, of.start))
    return Problem(of, np.concatenate(each), weight, soft, first)


def _residuals(of: Model, known: Calibration) -> Array:
    data = of.data
    missed = _missed(data.cases, known, data.measured)
    found = np.concatenate([missed[q][data.use & np.isfinite(data.measured[q])] for q in QUANTITIES])
    return np.asarray(np.clip(np.nan_to_num(found, nan=1.5), -3.0, 3.0))


def slopes(of: Problem, values: Array, step: float = 1e-2) -> csr_array:
    """Derivatives of the residuals, one column a constant; sparse, as most constants are of few rows.

    All constants of a name multiply it, each where it applies: one difference a name serves all of them.
    """
    known, by_name = calibration(of.of, values), {}
    at = _residuals(of.of, known)
    for name in {c.name for c in of.of.constants}:
        moved = known._replace(**{name: np.multiply(getattr(known, name), np.exp(step))})
        by_name[name] = (_residuals(of.of, moved) - at) / step
    columns = [by_name[c.name] * mask[of.row] for c, mask in zip(of.of.constants, of.of.masks, strict=True)]
    return csr_array(np.stack(columns, axis=1))


def _step(of: Problem, values: Array, residuals: Array, slopes: csr_array) -> Array:
    """Minimum of the linearised problem: weights fall with the residual, limits hold."""
    missed = np.abs(residuals)
    counts = of.weight / np.sqrt(1.0 + (missed / of.soft) ** 2) / (1.0 + (missed / FAR) ** 2)
    weight, prior = 2.0 * EVIDENCE * counts, np.diag(of.of.pull**-2.0)
    weighted = slopes.copy()
    weighted.data *= np.repeat(weight, np.diff(slopes.indptr))
    left = (slopes.T @ weighted).toarray() + prior
    right = slopes.T @ (weight * (slopes @ values - residuals)) + prior @ of.of.start
    return of.of.bounded(np.asarray(np.linalg.solve(left, right)))


def misfit(of: Problem, values: Array, residuals: Array) -> float:
    """What a fit makes least: errors, the large ones counting less, and how far constants are from their start."""
    share = (of.soft / FAR) ** 2
    bent = np.sqrt(share / (1.0 - share))
    # the integral of r / (sqrt(1 + (r / soft)^2) (1 + (r / FAR)^2)), which the weights of a step are of
    rounded = np.arctan(bent * np.sqrt(1.0 + (residuals / of.soft) ** 2))
    held = ((values - of.of.start) / of.of.pull) ** 2
    cost = of.weight * of.soft**2 / np.sqrt(share * (1.0 - share)) * rounded
    return float(2.0 * EVIDENCE * cost.sum() + 0.5 * held.sum())


def fit(of: Problem, rows: Mask, path: list[csr_array]) -> Array:
    """Logarithms of the constants by Gauss-Newton, from the starting values and over some of the rows alone.

    `path` has the derivatives of every pass. The fit to all rows takes them on its way; others, whose starts, errors
    and steps are their own, go by those, which hardly depend on where they are taken. A step is cut while the misfit
    would rise: whole ones swing about the minimum.
    """
    some, values = of._replace(weight=of.weight * rows[of.row]), of.of.start
    at = of.first
    least = misfit(some, values, at)
    for turn in range(PASSES):
        if turn == len(path):
            path.append(slopes(of, values))
        towards = _step(some, values, at, path[turn]) - values
        for part in STEPS:
            tried = of.of.bounded(values + part * towards)
            there = _residuals(of.of, calibration(of.of, tried))
            if (found := misfit(some, tried, there)) < least:
                values, at, least = tried, there, found
                break
    return values


def left_out(
    of: Problem, labels: Array, path: list[csr_array], known: dict[bytes, Array]
) -> tuple[dict[str, Array], list[Array]]:
    """Errors of every row under constants of a fit without the rows of its label, and those constants."""
    missed = {q: np.full(len(labels), np.nan) for q in QUANTITIES}
    found = []
    for name in sorted(set(labels)):
        here = labels == name
        kept = here.tobytes()  # a source of one machine is left out with it
        if kept not in known:
            known[kept] = fit(of, ~here, path)
        found.append(known[kept])
        for quantity, error in errors(of.of, found[-1], here).items():
            missed[quantity][here] = error
        print(f"without {name}", flush=True)
    return missed, found


def part(row: Mapping[str, str]) -> str:
    """A third of a source: whole machines and models."""
    whole = row["source_group"] + row["hardware_id"] + row["model"]
    return f"{row['source_group']} {int(hashlib.sha256(whole.encode()).hexdigest(), 16) % 3}"


HEADER = [
    "test", "left_out", "quantity", "rows", "sources", "mean_of_source_medians", "median_error", "mean_error",
    "coverage_90", "interval_score", "width",
]  # fmt: skip


def score(
    data: Data, missed: dict[str, Array], test: str, labels: Array | None = None, widths: dict[str, Array] | None = None
) -> list[list[str]]:
    """Rows of the error table: all rows together, or one line per label; each source counts once in the last three."""
    keys = np.full(len(data.rows), "all") if labels is None else labels
    lines = []
    for label in sorted(set(keys)):
        for quantity in QUANTITIES:
            here = data.scored & np.isfinite(missed[quantity]) & (keys == label)
            if not here.any():
                continue
            error, found = np.abs(np.expm1(missed[quantity][here])), data.source[here]
            medians = [np.median(error[found == s]) for s in sorted(set(found))]
            figures = [np.mean(medians), np.median(error), np.mean(error)]
            if widths is not None:
                within = [here & (data.source == s) for s in sorted(set(found))]
                each = [serving_ranges.held(widths[quantity][:, w], -missed[quantity][w]) for w in within]
                figures += np.mean(each, axis=0).tolist()
            lines.append([test, label, quantity, str(here.sum()), str(len(medians)), *[f"{x:.4f}" for x in figures]])
            lines[-1] += [""] * (len(HEADER) - len(lines[-1]))
    return lines


def by_class(data: Data, missed: dict[str, Array], ranges: serving_ranges.Ranges) -> list[list[str]]:
    """The same of sources left out, for the rows of each class of ranges and for those of none."""
    names, x = serving_ranges.features(data)
    lines = []
    for name, here in zip(["none of these", *names], [x.sum(axis=1) == 0.0, *(x.T > 0.0)], strict=True):
        some = data._replace(scored=data.scored & here)
        lines += score(some, missed, "source left out, by class", np.full(len(here), name), ranges.widths)
    return lines


def nested(ranges: serving_ranges.Ranges, lines: list[list[str]]) -> list[list[str]]:
    """Lines of sources left out, with coverage of ranges fitted without them as well."""
    found = []
    for line in lines:
        known = ranges.nested[line[2]]
        figures = known[line[1]] if line[1] in known else np.mean(list(known.values()), axis=0)
        found.append([line[0] + ", its ranges too", *line[1:8], *[f"{x:.4f}" for x in figures]])
    return found


def unknown(data: Data, missed: dict[str, Array]) -> list[Constant]:
    """Spread where no engine is named: that of engines whose rows no constant was fitted to, nine of ten inside."""
    found = []
    for quantity in SPREAD:
        here = data.scored & np.isfinite(missed[quantity])
        sigma = float(np.quantile(np.abs(missed[quantity][here]), 0.9)) / Z95
        note = f"no engine named: nine of ten of {here.sum()} rows of engines left out are inside"
        found.append(Constant(f"{quantity}_log_spread", "any", "any", sigma, sigma, sigma, "ratio", note))
    return found


def toml(
    of: Model, values: Array, ends: tuple[Array, Array], ranges: list[dict[str, Any]], spreads: list[Constant]
) -> str:
    """The calibration preset."""
    out = [
        "# Constants of the serving engine. Written by scripts/fit_serving.py; `low` and `high` of fitted constants",
        "# are the extremes over fits that each leave out one source. Rows with `ratio` multiply what their kin have.",
        "",
    ]
    out += _kept()
    for constant in spreads:
        out += _table(constant, constant.start, "validation/serving_measured.csv", "measured")
    for constant, value, low, high in zip(of.constants, np.exp(values), *np.exp(ends), strict=True):
        if constant.ratio and abs(np.log(value)) < TRIVIAL and constant.name not in ("compute_factor",):
            continue
        general = constant.framework == "any" and constant.name not in EVERYONE
        named = constant._replace(framework=NAMED) if general else constant
        out += _table(named, value, "validation/serving_measured.csv", "measured")
        out[-1:-1] = [f"low = {low:.4g}", f"high = {high:.4g}"]
    for name in SOFTWARE:
        own = Constant(name, "any", NAMED, 1.0, 1.0, 1.0, "ratio", NOTES[name])
        out += _table(own, 1.0, "docs/method-serving.md", "assumed")
    for entry in ranges:
        out += ["[[ranges]]", *[f"{k} = {_toml(v)}" for k, v in entry.items()], f"date = {DATE}", ""]
    for entry in FORMATS:
        out += ["[[formats]]", *[f"{k} = {_toml(v)}" for k, v in entry.items()], f"date = {DATE}", ""]
    return "\n".join(out)


def _kept() -> list[str]:
    """Rows of the preset that this fit leaves alone: sourced ones, and those of a tuned stack that nobody names."""
    found: dict[str, str] = {}
    there: set[tuple[str, str, str]] = set()
    fitted_here = {(c.name, c.framework) for c in OWN}
    for block in TARGET.read_text(encoding="utf-8").split("\n\n"):
        if "[[factors]]" not in block:
            continue
        row = tomllib.loads(block)["factors"][0]
        here = row["name"], row["framework"]
        if (
            row["framework"] == NAMED
            or row.get("ratio")
            or row["name"] in (*EVERYONE, *RESPREAD)
            or here in fitted_here
        ):
            continue
        found[block.strip()] = block
        there.add((row["name"], row["generation"], row["framework"]))
    new = [c for c in SOURCED if (c.name, c.generation, c.framework) not in there and c.name not in SOFTWARE]
    made = [line for c in new for line in _table(c, c.start, c.address, c.confidence, told=c.low < c.high)]
    return made + [line for block in found for line in (*block.splitlines(), "")]


def _table(constant: Constant, value: float, address: str, confidence: str, told: bool = False) -> list[str]:
    fields: dict[str, object] = {
        "name": constant.name,
        "value": float(f"{value:.4g}"),
        **({"low": constant.low, "high": constant.high} if told else {}),
        "unit": constant.unit,
        "generation": constant.generation,
        "framework": constant.framework,
        **({"ratio": True} if constant.ratio else {}),
        **({"until": constant.until} if constant.until else {}),
        "address": address,
        "confidence": confidence,
        "note": constant.note,
    }
    return ["[[factors]]", *[f"{k} = {_toml(v)}" for k, v in fields.items()], f"date = {DATE}", ""]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else '"' + str(value).replace('"', '\\"') + '"'


WIDTHS = (32, 14, 11, 5, 7, 22, 12, 10, 11, 14, 6)


def show(lines: list[list[str]]) -> None:
    """Print a table."""
    for line in [HEADER, *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, WIDTHS, strict=True)))


def main() -> None:
    """Fit, cross-validate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fit and print the in-sample error only")
    quick = parser.parse_args().quick
    data = load()
    keys = {
        "source": data.source,
        "third of a source": np.array([part(r) for r in data.rows]),
        "machine": np.array([r["hardware_id"] for r in data.rows]),
        "model": np.array([r["model"] for r in data.rows]),
        "engine": np.array(data.cases.framework),
        "generation": np.array(data.cases.generation),
    }
    of = problem(data)
    path: list[csr_array] = []
    values = fit(of, np.ones(len(data.rows), dtype=bool), path)
    whole = errors(of.of, values)
    if quick:
        show(score(data, whole, "in sample"))
        return
    known: dict[bytes, Array] = {}
    tests = {key: left_out(of, labels, path, known) for key, labels in keys.items()}
    ranges = serving_ranges.fit(data, {key: missed for key, (missed, _) in tests.items()}, keys)
    lines = score(data, whole, "in sample", widths=ranges.widths)
    for key, (missed, _) in tests.items():
        lines += score(data, missed, f"{key} left out", widths=ranges.widths)
    lines += nested(ranges, score(data, tests["source"][0], "source left out"))
    show(lines)
    print("\n".join(ranges.told))
    lines += by_class(data, tests["source"][0], ranges)
    for key in ("source", "machine", "model"):
        lines += score(data, tests[key][0], f"{key} left out", keys[key], ranges.widths)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *lines])
    every = np.array([values, *tests["source"][1]])
    ends, spreads = (every.min(axis=0), every.max(axis=0)), unknown(data, tests["engine"][0])
    TARGET.write_text(toml(of.of, values, ends, ranges.rows, spreads), encoding="utf-8")


if __name__ == "__main__":
    main()
