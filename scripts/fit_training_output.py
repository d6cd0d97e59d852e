"""What fit_training.py writes: presets/calibration/training.toml and mfu.toml."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tomli_w

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine, peak_flops
from llmcost.engine.training.calibration import Ranges, Stack
from llmcost.engine.training.flops import training_flops_of
from llmcost.engine.training.micro_batch import bits_of
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.validate import training_rows as tr
from llmcost.estimate.validate import training_runs as runs
from llmcost.estimate.validate.cells import number as number_in
from scripts import tables

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "presets" / "calibration"
MEASURED, RUNS = "validation/training_measured.csv", "validation/training_runs.csv"
ADDRESS = "validation/training_measured.csv, training_finetune.csv"
SCRIPT = "scripts/fit_training.py"
READ = dt.date(2026, 11, 29)
HEAD = "# Written by scripts/fit_training.py from validation/; edit the script, not this file.\n\n"
Row = dict[str, Any]


def factor(name: str, value: float, unit: str, generation: Any, note: str, confidence: str, **extra: float) -> Row:
    """One calibrated number with where it comes from."""
    rounded = {key: float(f"{number:.4g}") for key, number in {"value": value, **extra}.items()}
    address = f"{ADDRESS}, {SCRIPT}"
    meaning = {"unit": unit, "generation": generation, "address": address, "date": READ, "confidence": confidence}
    return {"name": name, **rounded, **meaning, "note": note}


def write(name: str, tables: dict[str, list[Row]]) -> None:
    """One preset file."""
    (FOLDER / name).write_text(HEAD + tomli_w.dumps(tables), encoding="utf-8")


def write_left_out(name: str, rows: list[Row]) -> None:
    """`validation/NAME_cross_validation.csv`: errors of rows that the fit did not see."""
    tables.write(ROOT / "validation" / f"{name}_cross_validation.csv", rows)


def write_calibration(rows: list[Row], stacks: list[Row]) -> None:
    """The factors of the training engine, and what each stack adds."""
    write("training.toml", {"factors": rows, "stacks": stacks})


STACK_UNITS = {
    "host": "s", "products": "ratio", "attention_kernel": "ratio", "traffic": "ratio", "gather": "ratio",
    "updates": "ratio", "expert_loop": "s",
}  # fmt: skip


def stack(name: str, constants: Stack, sources: int, rows: int) -> Row:
    """What a stack adds, with what it was drawn from; a family has no rows of its own."""
    values = {key: float(f"{getattr(constants, key):.4g}") for key in STACK_UNITS}
    words = {
        "sources": sources,
        "rows": rows,
        "address": f"{ADDRESS}, {SCRIPT}",
        "date": READ,
        "confidence": "measured",
    }
    return {"name": name, **values, "units": STACK_UNITS, **words}


def ranges_as_written(catalog: Catalog) -> Ranges:
    """The ranges of the last fit with `--cv`."""
    rows = [row for row in catalog.factors("training") if row["name"].startswith("log_range_")]
    return Ranges(**{row["name"][10:]: float(row["value"]) for row in rows if row["generation"] == "any"})


class Sample(NamedTuple):
    """Model FLOPs utilisation of one measured row or run."""

    generation: str
    model_class: str
    precision: str
    group: Any
    mfu: float


def quantiles(samples: list[Sample]) -> tuple[float, float, float, int, int]:
    """Median, p5, p95 by group, and how many groups and rows."""
    count = Counter(s.group for s in samples)
    weight = np.array([1.0 / count[s.group] for s in samples])
    values = np.array([s.mfu for s in samples])
    order = np.argsort(values)
    position = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    p5, p50, p95 = (float(np.interp(q, position, values[order])) for q in (0.05, 0.5, 0.95))
    return p50, p5, p95, len(count), len(samples)


def mfu_row(generation: str, kind: str, precision: str, samples: list[Sample], address: str, note: str) -> Row:
    """A default with a range that is wide where groups are few or the row is borrowed."""
    median, low, high, groups, rows = quantiles(samples)
    widest = 1.25 if generation == "any" else 1.0
    least = 1.4 if groups < 4 else 1.0
    low = min(low / widest, median / least)
    high = min(max(high * widest, median * least), 0.9)
    numbers = {"median": round(median, 3), "p5": round(low, 3), "p95": round(high, 3), "groups": groups, "rows": rows}
    words = {"address": address, "date": READ, "confidence": "measured", "note": note}
    return {"generation": generation, "model_class": kind, "precision": precision, **numbers, **words}


def measured_samples(catalog: Catalog) -> list[Sample]:
    """MFU of every measured step: causal attention, no recomputation, peak of the compute precision."""
    samples = []
    for row in tr.read_rows(ROOT / MEASURED):
        try:
            todo = tr.case(row, catalog)
        except LlmcostError:
            continue
        tokens = todo.run.global_batch * todo.run.seq_len
        flops = float(training_flops_of(todo.shape, todo.run.seq_len).model * tokens)
        peak = todo.n_gpus * float(peak_flops(todo.machine, bits_of(todo.run.precision))[0])
        kind = "moe" if todo.shape.n_experts else "dense"
        precision = {"mxfp8": "fp8", "nvfp4": "fp4"}.get(row["precision_id"], row["precision_id"])
        group = (row["source_group"], row["hardware_id"], row["model"])
        samples.append(
            Sample(todo.generation, kind, precision, group, float(flops) / float(row["measured_step_s"]) / peak)
        )
    return samples


def write_mfu(catalog: Catalog) -> None:
    """Default MFU by generation, class and precision; utilisation of billed hours of whole runs."""
    samples = measured_samples(catalog)
    cells: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
    for s in samples:
        for generation in (s.generation, "any"):
            for precision in {s.precision, "any", "bf16" if s.precision == "fp16" else s.precision}:
                cells[generation, s.model_class, precision].append(s)
    notes = {
        True: "borrowed: all generations together, range widened by 1.25 each way",
        False: "quantiles weighted by (source, accelerator, model)",
    }
    table = [mfu_row(*key, cells[key], MEASURED, notes[key[0] == "any"]) for key in sorted(cells)]
    write("mfu.toml", {"mfu": table, "run_efficiency": run_rows(catalog)})


def run_rows(catalog: Catalog) -> list[Row]:
    """Model FLOPs over billed hours x dense 16-bit peak, of runs whose hours describe the pre-training."""
    cells: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for row in tr.read_rows(ROOT / RUNS):
        hours = number_in(row, "gpu_hours")
        if hours is None or row["hours"] != "comparable":
            continue
        try:
            todo = runs.whole(row, catalog)
        except LlmcostError:
            continue
        flops = float(training_flops_of(todo.shape, todo.run.seq_len).model) * todo.like.tokens
        used = flops / (hours * 3600.0 * float(todo.like.machine.bf16_flops))
        kind = "moe" if todo.shape.n_experts else "dense"
        for generation in (todo.like.generation, "any"):
            cells[generation, kind].append(Sample(generation, kind, "any", row["id"], used))
    note = "model FLOPs over billed hours x dense 16-bit peak: includes restarts, evaluation, often post-training"
    return [mfu_row(*key, "any", cells[key], RUNS, note) for key in sorted(cells)]


def known_links(catalog: Catalog) -> tuple[float, float]:
    """Medians of link over memory bandwidth and of network over link, where accelerators state both."""
    machines: list[Machine] = []
    for name in catalog.names("hardware"):
        machines.append(machine_of(catalog.load(spec.Accelerator, name)[0]))
    column = {f: np.array([getattr(m, f) for m in machines]) for f in Machine._fields}
    inside = column["scale_up_domain"] > 2
    link = column["link_bytes_per_second"] / column["memory_bytes_per_second"]
    network = column["network_bytes_per_second"] / column["link_bytes_per_second"]
    return float(np.nanmedian(link[inside])), float(np.nanmedian(network[inside]))


# Largest matrix products over the dense 16-bit peak: "MAMF" table of stas00/ml-engineering, compute/accelerator;
# TPU: https://github.com/jax-ml/jax/blob/1082251cde87/docs/pallas/tpu/matmul.ipynb
MATMUL = {
    "ampere": 0.869,  # A100 SXM 271.2 of 312
    "hopper": 0.803,  # H100 SXM 794.5 of 989
    "blackwell": 0.764,  # B200 0.776, B300 0.786, GB200 0.729
    "cdna2": 0.767,  # MI250X, one die
    "cdna3": 0.557,  # MI300X 0.514, MI325X 0.604
    "cdna4": 0.680,  # MI355X
    "gaudi": 0.847,  # Gaudi 2 0.969, Gaudi 3 0.741
    "tpu": 0.923,  # v5e, 8,192 cubed under XLA, host dispatch included
}
