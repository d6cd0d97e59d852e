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
from collections.abc import Sequence
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
from llmcost.estimate.training.kept import SHARDED
from llmcost.estimate.validate.memory_score import TRAINING, ran, reported
from llmcost.estimate.validate.memory_training_rows import Case, case

ROOT = Path(__file__).parent.parent
FILE = ROOT / "presets" / "calibration" / "memory.toml"
ROWS = (ROOT / "validation" / "memory_training.csv", ROOT / "validation" / "memory_finetune.csv")
TABLE = ROOT / "validation" / "memory_cross_validation.csv"
FAMILIES = {  # whose constants are fitted together
    "tuned": ("megatron", "nemo"), "sharded": ("fsdp", "torchtitan"), "trainer": ("hf-trainer", "deepspeed"),
    "torchtune": ("torchtune",), "litgpt": ("litgpt",),
}  # fmt: skip
FITTED = {  # constants, and their spread around the start [log]; `_more` is what is above one
    "logit": 0.25, "kept": 0.3, "selective": 0.3, "working": 0.4, "reserve_more": 0.5, "padding_more": 0.3,
    "context_bytes": 0.3, "group_bytes": 0.3, "update": 0.3, "dispatched": 0.4, "interleaved": 0.2,
    "sharded_tuned_checkpoint": 0.02, "copies": 0.3, "adapter": 0.3,
}  # fmt: skip
OWN = {"nemo": ("padding", "copies", "interleaved"), "deepspeed": ("group_bytes",)}  # of a stack, as its file says
SURE = {("trainer", "logit"): 0.03}  # plain losses of 50 pairs of rows that differ in the loss alone: 10 to 13 bytes
MORE = "_more"
ERROR = 0.08  # of a measured peak [log]
FAILED_WEIGHT = 0.5
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
    cases, sources, peaks, verdicts = [], [], [], []
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
        np.array(told),
    )  # fmt: skip


class Model(NamedTuple):
    """The constants that are fitted: of every family its fields, and where they start."""

    names: list[tuple[str, str]]
    start: Array
    width: Array


def model(catalog: Catalog) -> Model:
    """What is fitted: fields that the first stack of a family has in the file."""
    rows = {row["name"]: row for row in catalog.table("memory", "stacks")}
    names, start, width = [], [], []
    for family, stacks in FAMILIES.items():
        for field, spread in FITTED.items():
            value = rows[stacks[0]].get(field.removesuffix(MORE))
            if not value:
                continue
            names.append((family, field))
            start.append(np.log(max(value - 1.0, 0.02) if field.endswith(MORE) else value))
            width.append(SURE.get((family, field), spread))
    return Model(names, np.array(start), np.array(width))


def keeping_at(at: Known, what: Model, theta: Array) -> Keeping:
    """What every run keeps under some constants."""
    family = np.array([next((f for f, stacks in FAMILIES.items() if c.stack in stacks), "") for c in at.cases])
    stacks_of = np.array([c.stack for c in at.cases])
    named_loss = np.array([bool(c.loss) for c in at.cases])
    sharded = np.asarray(at.layout.zero) >= 3
    fields = {name: np.array(getattr(at.keeping, name), dtype=float) for name in Keeping._fields}
    for (of, field), log in zip(what.names, theta, strict=True):
        own = [stack for stack, names in OWN.items() if field.removesuffix(MORE) in names]
        value, mine = float(np.exp(log)), (family == of) & ~np.isin(stacks_of, own)
        if field.endswith(MORE):
            fields[field.removesuffix(MORE)][mine] = 1.0 + value
        elif field == "logit":
            fields["logit"][mine & ~named_loss] = value
        elif field == "update":  # rows that name an optimizer keep its step, and one that shards has its own
            moved = mine & (np.abs(fields["update"] - fields["update"][mine].max(initial=0.0)) < 1e-9)
            fields["update"][moved & ~sharded] = value
        elif field.startswith(SHARDED):
            fields[field.removeprefix(SHARDED)][mine & sharded] = value
        else:
            fields[field][mine] = value
    return Keeping(**fields)


def fitted(at: Known, what: Model, weights: Array) -> Array:
    """Constants that fit rows of some weights best."""

    def residuals(theta: Array) -> Array:
        keeping = keeping_at(at, what, theta)
        held = at.memory(keeping)
        error = np.log(at.figure(held, keeping) / at.peak) / ERROR
        robust = np.where(np.isnan(error), 0.0, np.sign(error) * np.sqrt(2.0 * np.log1p(0.5 * error**2)))
        over = np.log(np.asarray(held.total_bytes) / at.shown) / ERROR
        failed = np.where(at.ran == 0, np.minimum(over, 0.0), np.where(at.ran == 1, np.maximum(over, 0.0), 0.0))
        failed = FAILED_WEIGHT * np.sign(failed) * np.sqrt(2.0 * np.log1p(0.5 * np.nan_to_num(failed) ** 2))
        pull = (theta - what.start) / what.width
        return np.concatenate([np.sqrt(weights) * robust, np.sqrt(weights) * failed, pull])

    found: Array = least_squares(residuals, what.start, max_nfev=25).x
    return found


def weights_of(sources: Sequence[str]) -> Array:
    """A source counts by the root of its rows."""
    count = {source: sources.count(source) for source in set(sources)}
    return np.array([1.0 / np.sqrt(count[source]) for source in sources])


def figures(at: Known, predicted: Array, chance: Array, rows: Array) -> dict[str, float]:
    """Errors of some rows."""
    error = np.abs(predicted / at.peak - 1.0)[rows & np.isfinite(at.peak)]
    failed, did = chance[rows & (at.ran == 0)], chance[rows & (at.ran == 1)]
    return {
        "n": float(len(error)), "median_ape_pct": 100.0 * float(np.median(error)) if len(error) else np.nan,
        "within_15_pct": 100.0 * float(np.mean(error <= 0.15)) if len(error) else np.nan,
        "did_not_fit": float(len(failed)),
        "called_fitting_pct": 100.0 * float(np.mean(failed >= 0.5)) if len(failed) else np.nan,
        "ran": float(len(did)), "refused_pct": 100.0 * float(np.mean(did < 0.5)) if len(did) else np.nan,
    }  # fmt: skip


def predictions(at: Known, what: Model, theta: Array) -> tuple[Array, Array]:
    """Reported peaks, and deviations below what there is."""
    keeping = keeping_at(at, what, theta)
    held = at.memory(keeping)
    return at.figure(held, keeping), np.asarray(held.deviations(at.shown))


def written(what: Model, theta: Array, text: str) -> str:
    """The file with the constants in the rows of their stacks."""
    values: dict[str, dict[str, float]] = {}
    for (family, field), log in zip(what.names, theta, strict=True):
        value = float(np.exp(log))
        name, value = (field.removesuffix(MORE), 1.0 + value) if field.endswith(MORE) else (field, value)
        for stack in FAMILIES[family]:
            if name not in OWN.get(stack, ()):
                values.setdefault(stack, {})[name] = float(f"{value:.3g}")

    def row(match: re.Match[str]) -> str:
        mine = values.get(match[1], {})
        return re.sub(
            r"^(\w+) = [-\d.e+]+$", lambda m: f"{m[1]} = {mine[m[1]]}" if m[1] in mine else m[0], match[0], flags=re.M
        )

    return re.sub(r'\[\[stacks\]\]\nname = "([^"]+)"\n[^\[]*', row, text)


def publisher(source: str) -> str:
    """Who measured: scripts of one repository are one, and reports of single runs are one.

    >>> publisher("ms-swift-47a"), publisher("bl-24"), publisher("fmsacc-orca"), publisher("qwen1")
    ('ms-swift', 'single reports', 'fmsacc', 'qwen1')
    """
    if source.startswith("bl-"):
        return "single reports"
    return next((name for name in ("ms-swift", "fmsacc", "litgpt") if source.startswith(name)), source)


def left_out(at: Known, what: Model, weights: Array, theta: Array) -> tuple[Array, Array]:
    """Peaks and deviations of every row, by constants that were fitted without its publisher."""
    publishers = np.array([publisher(source) for source in at.sources])
    peaks, chances = predictions(at, what, theta)
    for name in sorted(set(publishers)):
        mine = publishers == name
        other = fitted(at, what, np.where(mine, 0.0, weights))
        one, two = predictions(at, what, other)
        peaks, chances = np.where(mine, one, peaks), np.where(mine, two, chances)
    return peaks, chances


def table(at: Known, inside: tuple[Array, Array], outside: tuple[Array, Array]) -> list[dict[str, str]]:
    """Errors by publisher, with its rows in the fit and without them."""
    publishers = np.array([publisher(source) for source in at.sources])
    groups = [("all", np.ones(len(publishers), dtype=bool)), *((n, publishers == n) for n in sorted(set(publishers)))]
    rows = []
    for name, mine in groups:
        for test, (peaks, deviations) in (("in the fit", inside), ("source never fitted", outside)):
            found = figures(at, peaks, NORMAL(deviations), mine)
            rows.append({"test": test, "name": name} | {k: "" if np.isnan(v) else f"{v:.4g}" for k, v in found.items()})
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, and write the constants and the table of errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("files", nargs="*", type=Path)
    said = parser.parse_args(arguments)
    at, what = known(said.files or ROWS), model(Catalog())
    weights = weights_of(at.sources)
    theta = fitted(at, what, weights)
    for (family, field), before, after in zip(what.names, what.start, theta, strict=True):
        print(f"{family:10} {field:24} {np.exp(before):12.4g} -> {np.exp(after):.4g}")
    rows = table(at, predictions(at, what, theta), left_out(at, what, weights, theta))
    for row in rows:
        print(" ".join(f"{key} {value}" for key, value in row.items()))
    if said.dry:
        return
    FILE.write_text(written(what, theta, FILE.read_text("utf-8")), "utf-8")
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
