"""Measured training rows as the engine sees them: the inputs of a row, the layout it leaves open, the prediction."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training import layouts as par
from llmcost.engine.training.calibration import Calibration, Ranges, calibration_from_factors, half_width, stacked
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.methods import (
    ADAPTED,
    ALL_LINEAR,
    ATTENTION,
    QUERY_VALUE,
    adapter_params,
    trained_ends,
)
from llmcost.engine.training.micro_batch import FP8, PRECISIONS, Run
from llmcost.engine.training.peak import Habits
from llmcost.engine.training.step import overhead_share, step
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.training.kept import habits_of
from llmcost.estimate.training.stack import (
    Asked,
    Software,
    compiles,
    kind,
    may_group,
    pace,
    released,
    software,
    stores_scores,
    takes_engine,
    usual,
    with_kernels,
    with_layers,
    with_usual_kernels,
)
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.described import shape_of_row
from llmcost.keys.methods import DEFAULT, METHODS, SPELLINGS
from llmcost.keys.training import EXPERT_KERNELS, GROUPED, LAYER_KERNELS, TRANSFORMER_ENGINE
from llmcost.records import NamedTuple

LAYOUT = ("tp", "pp", "vpp", "dp", "cp", "sp", "ep", "zero", "micro_batch")
RECOMPUTE = {"none": 0.0, "selective": 1.0, "full": 2.0}
# A measured run did fit: "80 GB" on a box are 80 GiB, 7 % more than the preset says.
MEASURED_SLACK = 1.15
LEAN = "adamw-bf16"  # weights, gradients and both moments in 16 bits: what a run that did fit may have kept


class Case(NamedTuple):
    """One row ready for the engine."""

    shape: Shape
    machine: Machine
    generation: str
    n_gpus: float
    run: Run
    fixed: dict[str, float]
    software: Software
    year: float
    note: str = ""  # of what could not be read as it stands
    method: str = "pretrain"
    lean: Habits | None = None  # what a run that did fit may have kept instead; None: its row says what it kept
    compiled: bool = False


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
        needed["n_gpus"] = fixed["tp"] * fixed["pp"] * fixed["dp"] * fixed.get("cp", 1.0) * fixed.get("sp", 1.0)
    if None in needed.values():
        raise LlmcostError("missing " + ", ".join(k for k, v in needed.items() if v is None))
    values = {name: value for name, value in needed.items() if value is not None}
    if accelerator.generation.startswith("tpu") and "micro_batch" in fixed:
        # GSPMD programs state the batch per chip (MaxText: per_device_batch_size), others per replica
        fixed["micro_batch"] *= fixed.get("tp", 1.0) * fixed.get("cp", 1.0) * fixed.get("pp", 1.0)
    method = _method(cells.text(row, "method").lower())
    run = Run(values["seq_len"], values["global_batch_seqs"], PRECISIONS[precision])
    machine = cells.machine(catalog, cells.text(row, "hardware_id"))
    named = cells.text(row, "framework_id").lower()
    narrow = float(run.precision) >= FP8
    asked = Asked(method, values["n_gpus"], accelerator.generation, narrow)
    stack, note = _software(catalog, named, asked)
    year = released(positive(row, "year"), stack)
    run = run._replace(unfused=float(stores_scores(accelerator.generation, year)))
    if (kernels := cells.text(row, "expert_kernels").lower()) in EXPERT_KERNELS:
        stack = with_kernels(catalog, stack, kernels == GROUPED)
    stack = with_usual_kernels(catalog, stack, shape, accelerator.generation, year)
    layers = cells.text(row, "layer_kernels").lower()
    usually = takes_engine(stack, narrow, accelerator.generation)
    if layers == TRANSFORMER_ENGINE or (usually and layers not in LAYER_KERNELS):
        stack = with_layers(catalog, stack)
    run = _adapted(row, shape, run, method, stack)
    if "recompute" not in fixed and stack.recompute and not METHODS[method].pretrains:
        fixed["recompute"] = RECOMPUTE[stack.recompute]
    compiled = {"yes": True, "no": False}.get(cells.text(row, "compiled").lower(), compiles(stack, narrow))
    said = cells.text(row, "optimizer")
    lean = habits_of(catalog, stack.name, LEAN)
    states = bool(run.adapters) or "weight dtype" in said or "bf16" in said
    run = run._replace(memory=lean if states and not run.adapters else habits_of(catalog, stack.name))
    todo = Case(shape, machine, accelerator.generation, values["n_gpus"], run, fixed, stack, year, note)
    return todo._replace(method=method, lean=None if states else lean, compiled=compiled)


def _method(said: str) -> str:
    """The method that a row names, in any of its spellings; pre-training where none is known."""
    name = SPELLINGS.get(said, said)
    return name if name in METHODS else DEFAULT


def _software(catalog: Catalog, named: str, asked: Asked) -> tuple[Software, str]:
    """The stack of a row; one that is not known counts as not stated."""
    if named:
        try:
            return software(catalog, named), ""
        except LlmcostError:
            pass
    unknown = f"framework {units.shown(named)} is not known: as if not stated"
    return usual(catalog, asked), unknown if named else ""


def _adapted(row: Mapping[str, str], shape: Shape, run: Run, method: str, stack: Software) -> Run:
    """The run with its adapters, where it trains adapters."""
    if not METHODS[method].adapters:
        return run
    rank = positive(row, "lora_rank") or 16.0
    where, ends = where_adapted(cells.text(row, "adapted").lower(), stack.adapted)
    count = float(adapter_params(shape, rank, where))
    bits = positive(row, "weight_bits") or (4.0 if method == "qlora" else 16.0)
    return run._replace(adapters=count, rank=rank, ends=float(trained_ends(shape)) if ends else 0.0, weight_bits=bits)


def where_adapted(said: str, usual: str) -> tuple[int, bool]:
    """Where adapters sit, as sources say it (`q v`, `qkv proj`, `all linear`), and whether the ends are trained too."""
    if not said:
        return ADAPTED[usual], False
    words = set(re.findall(r"[a-z]+", said)) - {"proj", "recipe"}
    if words <= {"q", "v"}:
        return QUERY_VALUE, False
    if words <= {"q", "k", "v", "o", "qkv", "attention"}:
        return ATTENTION, False
    return ALL_LINEAR, "embedding" in said


def _stated_layout(row: Mapping[str, str]) -> dict[str, float]:
    """What a row says of its layout; a degree of zero says nothing."""
    degrees = {name: positive(row, name) for name in LAYOUT} | {"zero": number(row, "zero")}
    degrees["shard"] = number(row, "zero_shard_group")
    degrees["recompute"] = RECOMPUTE.get((row.get("recompute_id") or "").strip().lower())  # "none" is a statement
    return {name: value for name, value in degrees.items() if value is not None}


def candidates(todo: Case) -> Layout:
    """Layouts of a measured row that fit, with leaner optimizer states if none does; else the least greedy one."""
    for fixed in (todo.fixed, todo.fixed | _loosened(todo), todo.fixed | _loosened(todo) | _multiplied(todo)):
        every = par.layouts(todo.shape, todo.machine, todo.n_gpus, todo.run, fixed)
        if np.size(every.tp):
            break
    else:
        raise LlmcostError("no valid layout: the degrees of parallelism do not multiply to the accelerators")
    every = par.settle(todo.shape, todo.machine, _whole(todo, every), todo.run, MEASURED_SLACK)
    total = par.footprint(todo.shape, todo.machine, every, todo.run).total_bytes
    total = np.broadcast_to(total, np.shape(every.tp))
    limit = MEASURED_SLACK * float(todo.machine.shown_bytes) * (1 + 1e-9)
    if todo.lean is not None and float(np.min(total)) > limit:
        return candidates(todo._replace(run=todo.run._replace(memory=todo.lean), lean=None))
    keep = total <= max(limit, float(np.min(total)))
    return Layout(*[np.broadcast_to(axis, keep.shape)[keep] for axis in every])


def _whole(todo: Case, every: Layout) -> Layout:
    """Layouts without those that recompute a part of a layer, where the stack recomputes all of it or none."""
    if todo.software.selective or METHODS[todo.method].pretrains or "recompute" in todo.fixed:
        return every
    level = np.where(every.recompute == par.PARTIAL, 2.0, every.recompute)
    kept = level != 1.0
    return Layout(*[np.broadcast_to(axis, kept.shape)[kept] for axis in every._replace(recompute=level)])


def _loosened(todo: Case) -> dict[str, float]:
    """What to give where a stated batch does not divide: one sequence per micro-batch, no virtual stages."""
    return {"micro_batch": todo.fixed.get("micro_batch", 1.0), "vpp": todo.fixed.get("vpp", 1.0)}


def _multiplied(todo: Case) -> dict[str, float]:
    """What to give where the stated degrees do not multiply to the accelerators: they stay, the others are 1.

    Data-parallel ranks are those stated, or as many as there are accelerators for; some stay idle.
    """
    degrees = {name: todo.fixed.get(name, 1.0) for name in ("tp", "pp", "cp", "sp", "ep")}
    used = degrees["tp"] * degrees["pp"] * degrees["cp"] * degrees["sp"]
    return degrees | {"dp": todo.fixed.get("dp", max(1.0, todo.n_gpus // used))}


def predict(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """Predictions for measured rows, in order; a row that cannot be predicted says why.

    Reads only the input columns of a row: model, architecture, hardware, accelerators, precision, lengths, batch,
    layout, software, method.
    """
    known: dict[str, tuple[Calibration, Ranges]] = {}
    factors = catalog.factors("training")
    answers = []
    for row in rows:
        try:
            todo = case(row, catalog)
            if todo.generation not in known:
                known[todo.generation] = calibration_from_factors(factors, todo.generation)
            answers.append(_predict(todo, *known[todo.generation], may_group(catalog, todo.software, todo.shape)))
        except LlmcostError as error:
            answers.append(Prediction(None, None, None, error.message))
    return answers


def under(todo: Case, calibration: Calibration) -> Calibration:
    """The constants under the software of a row."""
    used = stacked(calibration, todo.software.stack, todo.year, float(todo.compiled))
    # a stated layout is what practice made of it
    return used._replace(practice=pace(calibration, todo.software, todo.method))


def _predict(todo: Case, calibration: Calibration, ranges: Ranges, grouped: Software | None) -> Prediction:
    constants = under(todo, calibration)
    layout = candidates(todo)
    steps = step(todo.shape, todo.machine, layout, todo.run, constants)
    best = int(np.argmin(steps.step_seconds))
    seconds = float(np.ravel(steps.step_seconds)[best])
    if not {"tp", "pp"} <= set(todo.fixed) and np.ptp(layout.tp) + np.ptp(layout.pp) > 0:
        seconds *= float(calibration.practice)
    if not np.isfinite(seconds):
        return Prediction(None, None, None, "the machine's peak or bandwidth is not known")
    share = float(np.ravel(overhead_share(steps))[best])
    width = float(np.exp(half_width(ranges, kind(todo.software, todo.shape, todo.method, share))))
    least = seconds
    if grouped is not None:
        steps = step(todo.shape, todo.machine, layout, todo.run, under(todo._replace(software=grouped), calibration))
        least = min(seconds, float(np.ravel(steps.step_seconds)[best]))
    return Prediction(seconds, least / width, seconds * width, todo.note)
