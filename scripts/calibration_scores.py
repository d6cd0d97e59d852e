"""What `llmcost calibrate` is worth: learn from some rows of a source, score its other rows.

    python -m scripts.calibration_scores          print, write the table of docs/accuracy-calibration.md (half an hour)
    python -m scripts.calibration_scores --quick  five sources of each side
    python -m scripts.calibration_scores --side serving    that part of the page alone; the other stays as it is

Serving constants are solved again without the source; training sources that the fit has seen are marked. A source
counts once. `permuted` learns from the same rows with their figures exchanged: it must gain nothing. `another stack`
scores rows of another source under the calibration: it must change little.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.calibrate import memory
from llmcost.estimate.calibrate.fit import fit
from llmcost.estimate.calibrate.stack import applied
from llmcost.estimate.validate.score import scores
from llmcost.estimate.validate.scored import Scored, statistics
from llmcost.estimate.validate.subjects import SUBJECTS
from scripts import fit_serving
from scripts.serving_constants import Constant

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "accuracy-calibration.md"
FILES = {
    "serving": ("serving_measured.csv",),
    "training": ("training_unseen.csv", "training_measured.csv", "training_finetune.csv"),
    "memory": ("memory_training.csv", "memory_finetune.csv", "memory_serving.csv"),
}
UNSEEN = ("serving_measured.csv", "training_unseen.csv")  # of no source in the fit, or fitted again without each
MEMORY = ("kv_tokens", "weights_gib", "peak_gib", "peak_memory_gb")  # what is measured of it
SIZES, LEAST, MOST, QUICK = (3, 10, 30), 8, 80, 5  # rows learnt from; rows left to score, at least and at most
Row = dict[str, str]
Rows = list[Row]


class Trial(NamedTuple):
    """Rows learnt from, and median error, coverage and range of the others before and after."""

    source: str
    size: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    permuted: float  # median error after learning from exchanged figures [%]
    elsewhere: tuple[float, float]  # median error of another source before and after [%]


def sources(side: str) -> dict[str, Rows]:
    """Rows by source, each with a name of its own; those with many predictions to score alone."""
    found: dict[str, Rows] = defaultdict(list)
    for name in FILES[side]:
        with (ROOT / "validation" / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                seen = "" if name in UNSEEN else " (fitted)"
                found[row["source_group"] + seen].append({**row, "id": f"{name[:12]}{len(found)}-{row['id']}"})
    return {name: rows for name, rows in sorted(found.items()) if len(rows) >= SIZES[0] + LEAST}


def held_out(names: Sequence[str]) -> dict[str, Catalog]:
    """Presets whose serving constants have not seen a source."""
    data = fit_serving.load()
    of = fit_serving.problem(data)
    path: list[csr_array] = []
    whole = fit_serving.fit(of, np.ones(len(data.rows), dtype=bool), path)
    seen = [name for name in names if name in set(data.source)]
    return {name: _with(of.of.constants, whole, fit_serving.fit(of, data.source != name, path)) for name in seen}


def _with(constants: Sequence[Constant], old: fit_serving.Array, new: fit_serving.Array) -> Catalog:
    rows = []
    for c, a, b in zip(constants, old, new, strict=True):
        scope = {"generation": c.generation, "framework": "named" if c.framework == "any" else c.framework}
        if c.ratio:
            rows.append({"name": c.name, "value": float(np.exp(b - a)), "ratio": True, "own": True, **scope})
        else:
            rows.append({"name": c.name, "value": float(np.exp(b)), **scope})
    return Catalog().with_rows({("serving", "factors"): rows})


def trial(side: str, source: str, rows: Rows, other: Rows, size: int, catalog: Catalog) -> Trial | None:
    """One source, learnt from so many of its rows."""
    rng = np.random.default_rng(size)
    order = [rows[i] for i in rng.permutation(len(rows))]
    learnt, left = order[:size], order[size : size + MOST]
    if len(left) < LEAST:
        return None
    try:
        made = _learnt(side, learnt, catalog)
        mixed = _learnt(side, _exchanged(side, learnt, rng), catalog)
    except LlmcostError:
        return None
    before, after, permuted = (_figures(_scored(side, left, c)) for c in (catalog, made, mixed))
    there = [_figures(_scored(side, other[:MOST], c)) for c in (catalog, made)]
    if not before or not after or not permuted:
        return None
    away = tuple(f.get("error", float("nan")) for f in there)
    return Trial(source, size, before, after, permuted["error"], (away[0], away[1]))


def _learnt(side: str, rows: Rows, catalog: Catalog) -> Catalog:
    """The presets after the rows."""
    if side != "memory":
        return applied(catalog, {side: fit(side, rows, catalog).stack})
    of = memory.side_of(rows[0])
    return memory.applied(catalog, {of: memory.fit(of, rows, catalog).stack})


def _scored(side: str, rows: Rows, catalog: Catalog) -> list[Scored]:
    return memory.scores(rows, catalog) if side == "memory" else scores(side, rows, catalog)


def _exchanged(side: str, rows: Rows, rng: np.random.Generator) -> Rows:
    columns = MEMORY if side == "memory" else tuple(SUBJECTS[side].quantities.values())
    given = [{c: row[c] for c in columns if c in row} for row in rows]
    return [{**row, **given[i]} for row, i in zip(rows, rng.permutation(len(rows)), strict=True)]


def _figures(scored: list[Scored]) -> dict[str, float]:
    found = statistics(scored)
    error, inside, ratio = found["median_ape_pct"], found["coverage_90_pct"], found["median_range_ratio"]
    if error is None or inside is None or ratio is None:
        return {}
    return {"error": error, "inside": inside, "range": float(np.log(ratio))}


def table(side: str, trials: Sequence[Trial]) -> list[str]:
    """A line for each number of rows: medians over sources, each counting once."""
    constants = hashlib.sha256((ROOT / "presets" / "calibration" / f"{side}.toml").read_bytes()).hexdigest()[:8]
    names = "rows", "sources", "error before", "after", "falls by", "inside before", "after", "range", "permuted"
    head = f"| {' | '.join((*names, 'another stack'))} |"
    told = f"By `calibration/{side}.toml` {constants} (sha256)."
    lines = [f"## {side.capitalize()}", "", told, "", head, "|---|---|---|---|---|---|---|---|---|---|"]
    for size in SIZES:
        of = [t for t in trials if t.size == size]
        if not of:
            continue
        a, b = (np.array([getattr(t, when)["error"] for t in of]) for when in ("before", "after"))
        inside = [np.mean([getattr(t, when)["inside"] for t in of]) for when in ("before", "after")]
        ranges = np.median([t.after["range"] / t.before["range"] for t in of])
        permuted = np.median([t.permuted for t in of])
        away = np.nanmedian([abs(t.elsewhere[1] - t.elsewhere[0]) for t in of])
        lines.append(
            f"| {size} | {len(of)} | {np.median(a):.1f} % | {np.median(b):.1f} % | {1 - np.median(b / a):.0%} | "
            f"{inside[0]:.0f} % | {inside[1]:.0f} % | {ranges:.0%} | {permuted:.1f} % | {away:.1f} points |"
        )
    ten = [t for t in trials if t.size == SIZES[1]]
    lines += [
        "",
        f"By source, {SIZES[1]} rows:",
        "",
        "| source | error before | after | inside after | range |",
        "|---|---|---|---|---|",
    ]
    for t in ten:
        ratio = t.after["range"] / t.before["range"]
        errors = f"{t.before['error']:.1f} % | {t.after['error']:.1f} %"
        lines.append(f"| {t.source} | {errors} | {t.after['inside']:.0f} % | {ratio:.0%} |")
    return [*lines, ""]


def written(side: str) -> list[str]:
    """The part of a side as the page has it."""
    _, _, part = TARGET.read_text(encoding="utf-8").partition(f"## {side.capitalize()}\n")
    return [f"## {side.capitalize()}", *part.partition("\n## ")[0].rstrip("\n").split("\n"), ""]


def main() -> None:
    """Score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="five sources of each side, nothing written")
    parser.add_argument("--side", choices=FILES, help="one part of the page; the other stays as it is")
    asked = parser.parse_args()
    quick = asked.quick
    text: list[str] = []
    for side in FILES:
        if asked.side not in (None, side):
            text += written(side)
            continue
        every = sources(side)
        names = list(every)[:QUICK] if quick else list(every)
        known = held_out(names) if side == "serving" else dict.fromkeys(names, Catalog())
        found: list[Trial] = []
        for i, name in enumerate(names):
            other = every[names[(i + 1) % len(names)]]
            for size in SIZES:
                one = trial(side, name, every[name], other, size, known.get(name, Catalog()))
                found += [one] if one is not None else []
            print(
                side,
                name,
                *[f"{t.size}: {t.before['error']:.1f} -> {t.after['error']:.1f}" for t in found if t.source == name],
                flush=True,
            )
        text += table(side, found)
        print("\n".join(text), flush=True)
    if not quick:
        TARGET.write_text(INTRODUCTION + "\n".join(text), encoding="utf-8")


INTRODUCTION = """# Accuracy: calibration

How a calibration is made: [method.md](method.md). Errors without one: [accuracy.md](accuracy.md).

What `llmcost calibrate` is worth. Some rows of a source are learnt from, its other rows are scored before and after;
figures are medians over sources, and a source counts once. Serving constants are fitted without the source; sources of
training and memory in the fit are marked, and their error before is that of the fit. *Range* is the width of the 90 %
range after over before, in logarithms. *Permuted* is the error after learning from the same rows with their figures
exchanged. *Another stack* is how far the error of another source moves. Each part names its constants by the digest of
their file: where that is not the file's, the part is of earlier constants. Written by
`python -m scripts.calibration_scores`.

"""


if __name__ == "__main__":
    main()
