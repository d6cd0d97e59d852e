"""Fit what serving engines hold beside weights and cache to the tokens of cache that they printed and to what started.

Constants of vLLM, which engines that are not named are taken to be like, and the contexts of SGLang and TensorRT-LLM,
from priors of documentation and arithmetic. Spreads are those with the least interval score (Gneiting and Raftery 2007,
section 6.2) on errors of rows whose publisher the constants had not seen: every fit begins at the priors. Written into
presets/calibration/memory.toml and validation/memory_serving_cross_validation.csv.
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
from llmcost.engine.numeric.kinds import Z95, Array
from llmcost.engine.serving.inputs import Calibration, Load, calibration_from_factors
from llmcost.engine.serving.memory import Memory, cache_spread, memory, workspace_bytes
from llmcost.errors import LlmcostError
from llmcost.estimate.validate.memory_score import LIKELY, SERVING, ran, reported
from llmcost.estimate.validate.memory_serving_rows import Started, engine_of, needed, pool, started
from scripts import tables
from scripts.fit_memory_priors import Prior

ROOT = Path(__file__).parent.parent
FILE = ROOT / "presets" / "calibration" / "memory.toml"
ROWS = ROOT / "validation" / "memory_serving.csv"
TABLE = ROOT / "validation" / "memory_serving_cross_validation.csv"
LIKE_VLLM = ("vllm", "any")
CACHE = 0.01  # spread of the cache of layers of one kind
NO_SPREADS = dict.fromkeys(("share_spread", "cache_spread", "mixed_spread"), 0.0)
PRIORS = {  # framework whose rows of the file are written, and its constants
    "any": {
        # CUDA context and libraries of one process, beside PyTorch's in vLLM's profile: 0.25 GiB (0.19)
        "context_bytes": Prior(0.3e9, 0.3),
        # buffers of NCCL and of custom reductions: 1.82 to 1.88 GiB of two and four H100 in vLLM 0.19 (llm-d-planner)
        "group_bytes": Prior(2.0e9, 0.3), "group_pcie_bytes": Prior(0.35e9, 0.4),
        # 384 MB for 256 x 131,072 logits, with those in 32 bits: vllm-project/vllm#32558
        "logit_bytes": Prior(12.0, 0.15),
        # 16-bit logits, those in 32 bits, sorted with 64-bit places, probabilities, sums, a mask: 2 + 4 + 4 + 8 + 8 + 4
        # + 4 + 4; vLLM 0.15 and 0.16 log 5.64 GiB for 1,024 x 151,936 (llm-d-planner)
        "sorted_logit_bytes": Prior(38.0, 0.1),
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
ERROR = 0.05  # of a pool of tokens [log]
MISSED = 0.5  # of a pool: a row that is further outside its range says something else than it did
SPREADS = {  # what is looked at: of a workspace over and under its median, of mixed caches, of a share that is not told
    "workspace_spread": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25),
    "workspace_less": (0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    "mixed_spread": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2),
    "share_spread": (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05),
}
PASSES = 12  # of the solver, from the prior, of every fit alike
ROUNDS = 3  # of one spread after another
OWN_SPREAD = ("tensorrt-llm", "llama.cpp", "ollama")  # engines whose few rows say how wide their workspace is
POOLS = ("vllm", "sglang", "tensorrt-llm")  # engines whose rows are held against their ranges


class Row(NamedTuple):
    """A row, and what does not move with the constants."""

    publisher: str
    engine: str
    at: Started
    tokens: float  # measured; nan where none were printed
    ran: float  # 1, 0 or nan
    open_share: bool  # whether the share of the memory is the engine's own


class Ranges(NamedTuple):
    """The 90 % range of every pool under and over its median, over that [-], and the chance of a start."""

    low: Array
    high: Array
    chance: Array

    def missed(self, ratio: Array) -> Array:
        """How far measured pools over predicted ones are outside, at most so much [-]."""
        out = np.maximum(1.0 - self.low - ratio, 0.0) + np.maximum(ratio - 1.0 - self.high, 0.0)
        found: Array = np.minimum(out, MISSED)
        return found

    def score(self, ratio: Array) -> Array:
        """Interval scores [-]."""
        found: Array = self.low + self.high + 2.0 / 0.1 * self.missed(ratio)
        return found

    def some(self, rows: Array) -> Ranges:
        """Some of the rows."""
        return Ranges(*(field[rows] for field in self))


class Said(NamedTuple):
    """What is said of every row, in bytes of its accelerator."""

    tokens: Array
    usable: Array
    needed: Array  # without which it does not start
    workspace: Array
    implied: Array  # what the measured tokens say of the workspace
    fixed: Array  # standard deviation of what is shown, and of weights
    request: Array  # cache of the longest request
    mixed: Array  # 1: its layers are of several kinds
    open_share: Array  # what a share of one is, where none was told; else 0
    own: Array  # standard deviation of ln of the workspace of an engine with one of its own; else nan

    def ranges(self, spreads: Mapping[str, float]) -> Ranges:
        """The spread of every row."""
        each = np.where(self.mixed > 0, spreads["mixed_spread"], CACHE)
        more = np.where(np.isnan(self.own), spreads["workspace_spread"], self.own)
        others = self.fixed**2 + (self.open_share * spreads["share_spread"]) ** 2 + (self.request * each) ** 2
        held = Memory(
            np.nan, self.workspace, self.request, self.usable, np.nan, self.workspace, more,
            spreads["workspace_less"], np.sqrt(others),
        )  # fmt: skip
        low, high = (np.hypot(of(Z95), Z95 * each * self.usable) / self.usable for of in (held.below, held.above))
        return Ranges(np.minimum(low, 1.0), high, norm.cdf(held.deviations(self.needed)))

    def some(self, rows: Array) -> Said:
        """Some of the rows."""
        return Said(*(field[rows] for field in self))


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
            told = bool(row["mem_fraction"].strip()) or at.as_asked
            verdict = np.nan if verdict is None else verdict
            found.append(Row(row["source_group"], engine, at, measured, verdict, not told))
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
        load = Load(at.request_tokens, 0.0)
        held = memory(at.shape, at.machine, at.layout, at.precision, load, at.calibration)
        usable, request = float(held.usable_bytes), float(held.kv_bytes_per_request)
        given = float(at.calibration.memory_share) if float(at.calibration.share_of_free) else 1.0
        tokens = np.nan if at.as_asked else pool(at, held)[0] or np.nan
        work = float(workspace_bytes(at.shape, at.machine, at.layout, load, at.calibration, at.precision.weight_bytes))
        implied = work + usable * (1.0 - row.tokens / tokens) / given
        bare = memory(at.shape, at.machine, at.layout, at.precision, load, at.calibration._replace(**NO_SPREADS))
        mixed = float(cache_spread(at.shape, Calibration(cache_spread=0.0, mixed_spread=1.0)))
        open_share = given * float(at.machine.shown_bytes) * row.open_share
        found.append((
            tokens, usable, needed(at, request / at.split), given * work, given * implied, float(bare.others_bytes),
            request, mixed, open_share,
            float(at.calibration.workspace_spread) if row.engine in OWN_SPREAD else np.nan,
        ))  # fmt: skip
    return Said(*np.array(found).T)


@cache
def _usual(framework: str) -> Calibration:
    """The constants of a framework in the file, of any generation."""
    return calibration_from_factors(Catalog().factors("serving", "memory"), "any", framework)


def fitted(rows: Sequence[Row], name: str, weights: Array) -> dict[str, float]:
    """Constants of a framework that fit rows of some weights best, looked for from the prior: no other row is seen."""
    names = list(PRIORS[name])
    start, width = (np.array([getattr(p, of) for p in PRIORS[name].values()]) for of in ("value", "width"))
    mine = [i for i, row in enumerate(rows) if family(row.engine) == name and weights[i] > 0 and not row.at.as_asked]
    some, root = [rows[i] for i in mine], np.sqrt(weights[mine])
    measured, verdict = np.array([r.tokens for r in some]), np.array([r.ran for r in some])
    shown = np.array([float(r.at.machine.shown_bytes) for r in some])

    def residuals(theta: Array) -> Array:
        of = said(some, {name: dict(zip(names, np.exp(theta), strict=True))})
        error = np.nan_to_num(np.log(np.maximum(of.tokens, 1.0) / measured) / ERROR)
        short = (of.usable - of.needed) / shown / ERROR
        wrong = np.where(verdict == 0, np.maximum(short, 0.0), np.where(verdict == 1, np.minimum(short, 0.0), 0.0))
        robust = [np.sign(e) * np.sqrt(2.0 * np.log1p(0.5 * e**2)) for e in (error, np.nan_to_num(wrong))]
        return np.concatenate([root * robust[0], 0.5 * root * robust[1], (theta - np.log(start)) / width])

    if not some:
        return dict(zip(names, start.tolist(), strict=True))
    found = least_squares(residuals, np.log(start), max_nfev=PASSES).x
    return {n: float(f"{v:.3g}") for n, v in zip(names, np.exp(found), strict=True)}


def weights_of(rows: Sequence[Row]) -> Array:
    """A publisher counts by the root of its rows."""
    names = [row.publisher for row in rows]
    return np.array([1.0 / np.sqrt(names.count(name)) for name in names])


def widths(rows: Sequence[Row], of: Said, weights: Array, use: Array) -> dict[str, float]:
    """The spreads with the least interval score, one after another."""
    measured = np.array([row.tokens for row in rows])
    mine = use & np.isfinite(measured) & np.isfinite(of.tokens) & np.array([row.engine in POOLS for row in rows])
    some, ratio, root = of.some(mine), (measured / of.tokens)[mine], weights[mine]
    found = {name: values[len(values) // 2] for name, values in SPREADS.items()}

    def cost(spreads: Mapping[str, float]) -> float:
        return float(np.average(some.ranges(spreads).score(ratio), weights=root))

    for _ in range(ROUNDS):
        for name, values in SPREADS.items():
            costs = [cost(found | {name: value}) for value in values]
            found[name] = values[int(np.argmin(costs))]
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
        other = inside | {of: fitted(rows, of, np.where(mine, 0.0, weights)) for of in touched}
        some = said([row for row, is_mine in zip(rows, mine, strict=True) if is_mine], other)
        for key, value in some._asdict().items():
            fields[key][mine] = value
    return Said(**fields)


def figures(rows: Sequence[Row], of: Said, wide: Ranges, mine: Array) -> dict[str, float]:
    """Errors of some rows."""
    measured, verdict = np.array([r.tokens for r in rows]), np.array([r.ran for r in rows])
    known = mine & np.isfinite(measured) & np.isfinite(of.tokens)
    ratio, mine_wide = (measured / of.tokens)[known], wide.some(known)
    error, chance = np.abs(1.0 / ratio - 1.0), wide.chance
    failed, did = chance[mine & (verdict == 0)], chance[mine & (verdict == 1)]
    likely = mine & np.isfinite(verdict) & (chance >= LIKELY[0]) & (chance < LIKELY[1])

    def share(found: Array) -> float:
        return 100.0 * float(np.mean(found)) if len(found) else np.nan

    return {
        "n": float(len(error)), "median_ape_pct": 100.0 * float(np.median(error)) if len(error) else np.nan,
        "within_10_pct": share(error <= 0.1), "coverage_90_pct": share(mine_wide.missed(ratio) == 0.0),
        "interval_score": float(np.mean(mine_wide.score(ratio))) if len(error) else np.nan,
        "oom_rows": float(len(failed)),
        "oom_called_fitting_pct": share(failed >= 0.5), "ran_rows": float(len(did)),
        "ran_refused_pct": share(did < 0.5),
        "likely_rows": float(likely.sum()), "likely_ran_pct": share(verdict[likely] == 1),
    }  # fmt: skip


def table(rows: Sequence[Row], tests: Mapping[str, tuple[Said, Ranges]]) -> list[dict[str, str]]:
    """Errors of all rows and by engine."""
    engines = np.array([row.engine for row in rows])
    groups = [("all", "", np.ones(len(rows), dtype=bool)), *(("engine", n, engines == n) for n in sorted(set(engines)))]
    return [
        {"test": test, "by": by, "name": name}
        | {k: "" if np.isnan(v) else f"{v:.4g}" for k, v in figures(rows, of, wide, mine).items()}
        for by, name, mine in groups
        for test, (of, wide) in tests.items()
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
    weights = weights_of(rows)
    values = {name: fitted(rows, name, weights) for name in PRIORS}
    inside, left = said(rows, values), outside(rows, weights, values)
    publishers = np.array([row.publisher for row in rows])
    every = np.ones(len(rows), dtype=bool)
    spreads = widths(rows, left, weights, every)
    own = inside.ranges(spreads)
    others = [np.zeros(len(rows)) for _ in Ranges._fields]
    for name in sorted(set(publishers)):
        mine = publishers == name
        unseen = left.some(mine).ranges(widths(rows, left, weights, ~mine))
        for field, found in zip(others, unseen, strict=True):
            field[mine] = found
    for framework, constants in values.items():
        for key, value in constants.items():
            print(f"{framework:14} {key:18} {PRIORS[framework][key].value:10.4g} -> {value:.4g}")
    print(spreads)
    lines = table(rows, {"in the fit": (inside, own), "publisher never fitted": (left, Ranges(*others))})
    for line in lines:
        print(" ".join(f"{key} {value}" for key, value in line.items()))
    if dry:
        return
    share = spreads.pop("share_spread")
    values["any"] |= spreads | {"untold_share_spread": share}
    values["sglang"]["share_spread"] = share
    FILE.write_text(written(values, FILE.read_text("utf-8")), "utf-8")
    tables.write(TABLE, lines)


if __name__ == "__main__":
    main()
