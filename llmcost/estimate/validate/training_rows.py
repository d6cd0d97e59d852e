"""Measured training rows as the engine sees them: the inputs of a row, the layout it leaves open, the prediction."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training import layouts as par
from llmcost.engine.training.calibration import Calibration, LogSpread, calibration_from_factors
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import PRECISIONS, Run
from llmcost.engine.training.step import step
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.described import shape_of_row

LAYOUT = ("tp", "pp", "vpp", "dp", "cp", "ep", "zero", "micro_batch")
RECOMPUTE = {"none": 0.0, "selective": 1.0, "full": 2.0}
# A measured run did fit: "80 GB" on a box are 80 GiB, 7 % more than the preset says.
MEASURED_SLACK = 1.07


class Case(NamedTuple):
    """One row ready for the engine."""

    shape: Shape
    machine: Machine
    generation: str
    n_gpus: float
    run: Run
    fixed: dict[str, float]


class Prediction(NamedTuple):
    """Seconds of one step with the 90 % interval, or why there is none."""

    seconds: float | None
    p5: float | None
    p95: float | None
    reason: str


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def case(row: Mapping[str, str], catalog: Catalog) -> Case:
    """The inputs of a row; blank layout cells stay open.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    shape = shape_of_row(row, catalog)
    accelerator = cells.accelerator(catalog, cells.text(row, "hardware_id"))
    precision = cells.text(row, "precision_id").lower() or "bf16"
    if precision not in PRECISIONS:
        raise LlmcostError(f"unknown precision {precision[:40]!r}", did_you_mean(precision, PRECISIONS))
    fixed = _stated_layout(row)
    needed = {name: positive(row, name) for name in ("n_gpus", "seq_len", "global_batch_seqs")}
    if needed["n_gpus"] is None and {"tp", "pp", "dp"} <= set(fixed):
        needed["n_gpus"] = fixed["tp"] * fixed["pp"] * fixed["dp"] * fixed.get("cp", 1.0)
    if None in needed.values():
        raise LlmcostError("missing " + ", ".join(k for k, v in needed.items() if v is None))
    values = {name: value for name, value in needed.items() if value is not None}
    if accelerator.generation.startswith("tpu") and "micro_batch" in fixed:
        # GSPMD programs state the batch per chip (MaxText: per_device_batch_size), others per replica
        fixed["micro_batch"] *= fixed.get("tp", 1.0) * fixed.get("cp", 1.0) * fixed.get("pp", 1.0)
    run = Run(values["seq_len"], values["global_batch_seqs"], PRECISIONS[precision])
    return Case(shape, machine_of(accelerator), accelerator.generation, values["n_gpus"], run, fixed)


def _stated_layout(row: Mapping[str, str]) -> dict[str, float]:
    """What a row says of its layout; a degree of zero says nothing."""
    degrees = {name: positive(row, name) for name in LAYOUT} | {"zero": number(row, "zero")}
    degrees["shard"] = number(row, "zero_shard_group")
    degrees["recompute"] = RECOMPUTE.get(cells.text(row, "recompute_id").lower())
    return {name: value for name, value in degrees.items() if value is not None}


def candidates(todo: Case, calibration: Calibration) -> Layout:
    """Layouts of a measured row that fit; the least greedy one if none does."""
    for fixed in (todo.fixed, todo.fixed | _loosened(todo), todo.fixed | _loosened(todo) | _multiplied(todo)):
        every = par.layouts(todo.shape, todo.machine, todo.n_gpus, todo.run, fixed)
        if np.size(every.tp):
            break
    else:
        raise LlmcostError("no valid layout: the degrees of parallelism do not multiply to the accelerators")
    args = (todo.shape, todo.machine, every, todo.run, calibration)
    every = par.settle(*args, slack=MEASURED_SLACK)
    total = par.footprint(todo.shape, todo.machine, every, todo.run, calibration).total_bytes
    total = np.broadcast_to(total, np.shape(every.tp))
    keep = total <= max(MEASURED_SLACK * todo.machine.memory_bytes * (1 + 1e-9), float(np.min(total)))
    return Layout(*[np.broadcast_to(axis, keep.shape)[keep] for axis in every])


def _loosened(todo: Case) -> dict[str, float]:
    """What to give where a stated batch does not divide: one sequence per micro-batch, no virtual stages."""
    return {"micro_batch": todo.fixed.get("micro_batch", 1.0), "vpp": todo.fixed.get("vpp", 1.0)}


def _multiplied(todo: Case) -> dict[str, float]:
    """What to give where the stated degrees do not multiply to the accelerators: they stay, the others are 1.

    Data-parallel ranks are those stated, or as many as there are accelerators for; some stay idle.
    """
    degrees = {name: todo.fixed.get(name, 1.0) for name in ("tp", "pp", "cp", "ep")}
    used = degrees["tp"] * degrees["pp"] * degrees["cp"]
    return degrees | {"dp": todo.fixed.get("dp", max(1.0, todo.n_gpus // used))}


def constants(catalog: Catalog) -> dict[str, tuple[Calibration, LogSpread]]:
    """Calibration and spread of every generation among the accelerator presets."""
    factors = catalog.factors("training")
    names = {catalog.load(spec.Accelerator, name)[0].generation for name in catalog.files("hardware")}
    return {name: calibration_from_factors(factors, name) for name in sorted(names)}


def predict(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """Predictions for measured rows, in order; a row that cannot be predicted says why.

    Reads only the input columns of a row: model, architecture, hardware, accelerators, precision, lengths, batch,
    layout.
    """
    known: dict[str, tuple[Calibration, LogSpread]] = {}
    factors = catalog.factors("training")
    answers = []
    for row in rows:
        try:
            todo = case(row, catalog)
            if todo.generation not in known:
                known[todo.generation] = calibration_from_factors(factors, todo.generation)
            answers.append(_predict(todo, *known[todo.generation]))
        except LlmcostError as error:
            answers.append(Prediction(None, None, None, error.message))
    return answers


def _predict(todo: Case, calibration: Calibration, spread: LogSpread) -> Prediction:
    layout = candidates(todo, calibration)
    seconds = float(np.min(step(todo.shape, todo.machine, layout, todo.run, calibration).step_seconds))
    if not {"tp", "pp"} <= set(todo.fixed) and np.ptp(layout.tp) + np.ptp(layout.pp) > 0:
        seconds *= float(calibration.practice)  # as in a search: the fastest of many predictions flatters
    if not np.isfinite(seconds):
        return Prediction(None, None, None, "the machine's peak or bandwidth is not known")
    width = np.exp(spread.step_moe if todo.shape.n_experts else spread.step_dense)
    return Prediction(seconds, seconds / float(width), seconds * float(width), "")
