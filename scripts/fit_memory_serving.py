"""Fit what serving engines hold beside weights and cache to the tokens of cache that they printed and to what started.

Constants of vLLM, which engines that are not named are taken to be like, and the contexts of SGLang and TensorRT-LLM,
from priors of documentation and arithmetic. The width of the workspace of an engine is that of the errors of rows whose
publisher the constants had not seen. Written into presets/calibration/memory.toml and
validation/memory_serving_cross_validation.csv.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import norm

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.serving.inputs import Calibration, Load, calibration_from_factors
from llmcost.engine.serving.memory import memory, workspace_bytes
from llmcost.errors import LlmcostError
from llmcost.estimate.validate.memory_score import LIKELY, SERVING, ran, reported
from llmcost.estimate.validate.memory_serving_rows import UNSTATED_LENGTH, Started, engine_of, needed, pool, started
from scripts.fit_memory_priors import Prior

ROOT = Path(__file__).parent.parent
FILE = ROOT / "presets" / "calibration" / "memory.toml"
ROWS = ROOT / "validation" / "memory_serving.csv"
TABLE = ROOT / "validation" / "memory_serving_cross_validation.csv"
LIKE_VLLM = ("vllm", "any")
PRIORS = {  # framework whose rows of the file are written, and its constants
    "any": {
        # CUDA context and libraries of one process: 0.3 to 0.6 GB
        "context_bytes": Prior(0.4e9, 0.4),
        # buffers of NCCL and of custom reductions
        "group_bytes": Prior(1.0e9, 0.4), "group_pcie_bytes": Prior(0.35e9, 0.4),
        # logits in 32 bits, sorted with 64-bit places, probabilities, sums and a mask: 4 + 4 + 8 + 8 + 4 + 4 + 4
        "logit_bytes": Prior(36.0, 0.2),
        # states, decays and copies in 32 bits of a chunk of a linear mixer
        "mixer_passes": Prior(10.0, 0.3),
        # 16,384 tokens of a picture, four patches each, through a tower as wide as 1,152 to 4,304: 2 to 3 GB
        "pictures_bytes": Prior(2.4e9, 0.3),
    },
    # a context, and what loading keeps
    "sglang": {"context_bytes": Prior(1.0e9, 0.4)},
    # execution contexts of the widest pass and the batch
    "tensorrt-llm": {"context_bytes": Prior(3.5e9, 0.4)},
}  # fmt: skip
WIDTHS = ("vllm", "sglang", "tensorrt-llm")
ERROR, FAR = 0.05, 3.0  # of a pool of tokens [log]; deviations beyond which a row counts no more
WIDE, SHARED = 0.35, 4.0  # width of a workspace before any row is read, and the rows that this counts as


class Row(NamedTuple):
    """A row, and what does not move with the constants."""

    publisher: str
    engine: str
    at: Started
    tokens: float  # measured; nan where none were printed
    ran: float  # 1, 0 or nan


class Said(NamedTuple):
    """What is said of every row."""

    tokens: Array
    room: Array  # bytes by which what is usable is above what a start needs
    workspace: Array  # [bytes]
    implied: Array  # what the measured tokens say of the workspace [bytes]
    other: Array  # standard deviation of all but the workspace [bytes]


def read(path: Path) -> list[Row]:
    """Rows of engines that size a pool, and starts of all."""
    catalog, found = Catalog(), []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tokens, verdict = reported(row, SERVING)["kv_tokens"], ran(row, SERVING.verdicts)
            try:
                at, engine = started(row, catalog), engine_of(catalog, row["engine"])
            except LlmcostError:
                continue
            if np.isnan(float(at.machine.shown_bytes)) or (tokens is None and verdict is None):
                continue
            measured = np.nan if tokens is None or at.as_asked else tokens
            found.append(Row(row["source_group"], engine, at, measured, np.nan if verdict is None else verdict))
    return found


def family(engine: str) -> str:
    """The framework whose constants a row is of; empty: none that is fitted."""
    return "any" if engine in LIKE_VLLM else engine if engine in PRIORS else ""


def said(rows: Sequence[Row], values: Mapping[str, Mapping[str, float]]) -> Said:
    """What some constants say of rows."""
    found, usual = [], {name: _usual(name) for name in values}
    for row in rows:
        name, old = family(row.engine), row.at.calibration
        # older releases, other generations and what a row says of itself have figures of their own
        mine = {k: v for k, v in values.get(name, {}).items() if getattr(old, k) == getattr(usual[name], k)}
        at = row.at._replace(calibration=old._replace(**mine))
        load = Load(at.length or UNSTATED_LENGTH, 0.0)
        held = memory(at.shape, at.machine, at.layout, at.precision, load, at.calibration)
        usable, spread = float(held.usable_bytes), float(held.spread_bytes)
        given = float(at.calibration.memory_share) if float(at.calibration.share_of_free) else 1.0
        tokens = np.nan if at.as_asked else pool(at, usable, spread)[0] or np.nan
        work = float(workspace_bytes(at.shape, at.machine, at.layout, load, at.calibration))
        implied = work + usable * (1.0 - row.tokens / tokens) / given
        own_part = given * work * float(at.calibration.workspace_spread)
        room = usable - needed(at, float(held.kv_bytes_per_request) / at.split)
        found.append((tokens, room, given * work, given * implied, np.sqrt(max(spread**2 - own_part**2, 0.0))))
    return Said(*np.array(found).T)


@cache
def _usual(framework: str) -> Calibration:
    """The constants of a framework in the file, of any generation."""
    return calibration_from_factors(Catalog().factors("serving", "memory"), "any", framework)


def fitted(rows: Sequence[Row], name: str, weights: Array, near: Mapping[str, float] | None = None) -> dict[str, float]:
    """Constants of a framework that fit rows of some weights best, looked for near others."""
    names = list(PRIORS[name])
    start, width = (np.array([getattr(p, of) for p in PRIORS[name].values()]) for of in ("value", "width"))
    mine = [i for i, row in enumerate(rows) if family(row.engine) == name and weights[i] > 0 and not row.at.as_asked]
    some, root = [rows[i] for i in mine], np.sqrt(weights[mine])
    measured, verdict = np.array([r.tokens for r in some]), np.array([r.ran for r in some])
    shown = np.array([float(r.at.machine.shown_bytes) for r in some])

    def residuals(theta: Array) -> Array:
        of = said(some, {name: dict(zip(names, np.exp(theta), strict=True))})
        error = np.nan_to_num(np.log(np.maximum(of.tokens, 1.0) / measured) / ERROR)
        short = of.room / shown / ERROR
        wrong = np.where(verdict == 0, np.maximum(short, 0.0), np.where(verdict == 1, np.minimum(short, 0.0), 0.0))
        robust = [np.sign(e) * np.sqrt(2.0 * np.log1p(0.5 * e**2)) for e in (error, np.nan_to_num(wrong))]
        return np.concatenate([root * robust[0], 0.5 * root * robust[1], (theta - np.log(start)) / width])

    if not some:
        return dict(zip(names, start.tolist(), strict=True))
    begin = start if near is None else np.array([near[n] for n in names])
    found = least_squares(residuals, np.log(begin), max_nfev=12 if near is None else 3).x
    return {n: float(f"{v:.3g}") for n, v in zip(names, np.exp(found), strict=True)}


def weights_of(rows: Sequence[Row]) -> Array:
    """A publisher counts by the root of its rows."""
    names = [row.publisher for row in rows]
    return np.array([1.0 / np.sqrt(names.count(name)) for name in names])


def widths(rows: Sequence[Row], of: Said, use: Array) -> dict[str, float]:
    """Standard deviation of ln of the workspace of every engine, drawn to that before any row the fewer it has."""
    error = np.minimum(np.abs(of.implied / of.workspace - 1.0), FAR * WIDE)
    found = {}
    for engine in WIDTHS:
        mine = np.array([row.engine == engine for row in rows]) & use & np.isfinite(error)
        total = float(np.sum(error[mine] ** 2)) + SHARED * WIDE**2
        found[engine] = float(f"{np.sqrt(total / (mine.sum() + SHARED)):.2g}")
    return found


def outside(rows: Sequence[Row], weights: Array, inside: dict[str, dict[str, float]]) -> Said:
    """What is said of every row by constants that were fitted without its publisher."""
    every = said(rows, inside)
    fields = every._asdict()
    publishers = np.array([row.publisher for row in rows])
    for name in sorted(set(publishers)):
        mine = publishers == name
        touched = {family(row.engine) for row, is_mine in zip(rows, mine, strict=True) if is_mine} - {""}
        if not touched:
            continue
        other = inside | {of: fitted(rows, of, np.where(mine, 0.0, weights), inside[of]) for of in touched}
        some = said([row for row, is_mine in zip(rows, mine, strict=True) if is_mine], other)
        for key, value in some._asdict().items():
            fields[key][mine] = value
    return Said(**fields)


def figures(rows: Sequence[Row], of: Said, width: Array, mine: Array) -> dict[str, float]:
    """Errors of some rows."""
    measured, verdict = np.array([r.tokens for r in rows]), np.array([r.ran for r in rows])
    known = mine & np.isfinite(measured) & np.isfinite(of.tokens)
    error = np.abs(of.tokens / measured - 1.0)[known]
    deviation = np.hypot(of.other, of.workspace * width)
    inside = np.abs(of.implied - of.workspace)[known] <= 1.645 * deviation[known]
    chance = norm.cdf(of.room / deviation)
    failed, did = chance[mine & (verdict == 0)], chance[mine & (verdict == 1)]
    likely = mine & np.isfinite(verdict) & (chance >= LIKELY[0]) & (chance < LIKELY[1])

    def share(found: Array) -> float:
        return 100.0 * float(np.mean(found)) if len(found) else np.nan

    return {
        "n": float(len(error)), "median_ape_pct": 100.0 * float(np.median(error)) if len(error) else np.nan,
        "within_10_pct": share(error <= 0.1), "coverage_90_pct": share(inside), "oom_rows": float(len(failed)),
        "oom_called_fitting_pct": share(failed >= 0.5), "ran_rows": float(len(did)),
        "ran_refused_pct": share(did < 0.5),
        "likely_rows": float(likely.sum()), "likely_ran_pct": share(verdict[likely] == 1),
    }  # fmt: skip


def table(rows: Sequence[Row], tests: Mapping[str, tuple[Said, Array]]) -> list[dict[str, str]]:
    """Errors of all rows and by engine."""
    engines = np.array([row.engine for row in rows])
    groups = [("all", "", np.ones(len(rows), dtype=bool)), *(("engine", n, engines == n) for n in sorted(set(engines)))]
    return [
        {"test": test, "by": by, "name": name}
        | {k: "" if np.isnan(v) else f"{v:.4g}" for k, v in figures(rows, of, width, mine).items()}
        for by, name, mine in groups
        for test, (of, width) in tests.items()
    ]


def written(values: Mapping[str, Mapping[str, float]], text: str) -> str:
    """The file with constants of every framework in the rows that are of any generation."""
    for framework, own in values.items():
        for name, value in own.items():
            head = rf'(name = "{name}"\nvalue = )\S+(\nunit = "\w+"\ngeneration = "any"\nframework = "{framework}"\n)'
            text, count = re.subn(head, rf"\g<1>{value:g}\g<2>", text)
            assert count == 1, (framework, name)
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, and write the constants and the table of errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    dry = parser.parse_args(arguments).dry
    rows = read(ROWS)
    weights, engines = weights_of(rows), np.array([row.engine for row in rows])
    values = {name: fitted(rows, name, weights) for name in PRIORS}
    inside, left = said(rows, values), outside(rows, weights, values)
    publishers = np.array([row.publisher for row in rows])
    of_engine = widths(rows, left, np.ones(len(rows), dtype=bool))
    shipped = np.array([float(row.at.calibration.workspace_spread) for row in rows])
    width = np.array([of_engine.get(e, w) for e, w in zip(engines, shipped, strict=True)])
    width_left = width.copy()
    for name in sorted(set(publishers)):
        others = widths(rows, left, publishers != name)
        mine = publishers == name
        width_left[mine] = [others.get(e, w) for e, w in zip(engines[mine], shipped[mine], strict=True)]
    for name, own in values.items():
        for field, value in own.items():
            print(f"{name:14} {field:18} {PRIORS[name][field].value:10.4g} -> {value:.4g}")
    print("workspace_spread", of_engine)
    found = table(rows, {"in the fit": (inside, width), "publisher never fitted": (left, width_left)})
    for line in found:
        print(" ".join(f"{key} {value}" for key, value in line.items()))
    if dry:
        return
    every = values | {e: {**values.get(e, {}), "workspace_spread": w} for e, w in of_engine.items()}
    every["any"] = {**values["any"], "workspace_spread": of_engine["vllm"]}  # one that is not named is no surer
    FILE.write_text(written(every, FILE.read_text("utf-8")), "utf-8")
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
