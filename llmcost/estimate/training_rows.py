"""Measured training rows as the engine sees them: the inputs of a row, the layout it leaves open, the prediction."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine import parallelism as par
from llmcost.engine import transformer as tf
from llmcost.engine.calibration import Calibration, LogSpread, calibration_from_factors
from llmcost.engine.memory import Layout
from llmcost.engine.roofline import Machine
from llmcost.engine.training import step
from llmcost.engine.training_work import PRECISIONS, Run
from llmcost.engine.transformer import Shape
from llmcost.errors import LlmcostError
from llmcost.estimate.subject import machine_of

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


def number(row: Mapping[str, str], name: str) -> float | None:
    """A cell as a number; None where blank or absent.

    Raises
    ------
    LlmcostError
        The cell is not a number.
    """
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise LlmcostError(f"{name} is not a number: {text[:40]!r}") from error


def _whole(row: Mapping[str, str], name: str) -> int | None:
    value = number(row, name)
    return None if value is None else round(value)


def described_model(row: Mapping[str, str]) -> spec.Model | None:
    """The model that the architecture columns describe; None where they do not suffice."""
    layers, d, heads = _whole(row, "n_layers"), _whole(row, "d_model"), _whole(row, "n_heads")
    width, vocabulary = _whole(row, "d_ff"), _whole(row, "vocab")
    if layers is None or d is None or heads is None or width is None or vocabulary is None:
        return None
    experts = _whole(row, "moe_experts") or 0
    return spec.Model(
        title="row",
        n_layers=layers,
        d_model=d,
        n_heads=heads,
        n_kv_heads=_whole(row, "n_kv_heads") or heads,
        d_head=_whole(row, "d_head") or d // heads,
        d_ff=0 if experts else width,
        ffn_gated=number(row, "ffn_gated") != 0.0,
        vocab_size=vocabulary,
        # tied where the stated count leaves no room for a second V d
        tied_embeddings=_is_tied(row, layers, d, heads, width, vocabulary) if not experts else False,
        moe_experts=experts or None,
        moe_topk=_whole(row, "moe_topk") if experts else None,
        moe_d_ff=width if experts else None,
    )


def _is_tied(row: Mapping[str, str], layers: int, d: int, heads: int, width: int, vocabulary: int) -> bool:
    total = number(row, "n_params_total")
    if total is None:
        return False
    head = _whole(row, "d_head") or d // heads
    kv = _whole(row, "n_kv_heads") or heads
    matrices = 2 if number(row, "ffn_gated") == 0.0 else 3
    blocks = layers * (2 * d * heads * head + 2 * d * kv * head + matrices * d * width)
    return total - blocks < 1.5 * vocabulary * d


def shape_of_row(row: Mapping[str, str], catalog: Catalog) -> Shape | None:
    """Shape of the row's model: its preset, its architecture columns, or its parameter count alone."""
    name = (row.get("model_id") or "").strip()
    if name:
        preset, _ = catalog.load(spec.Model, name)
        if preset.n_layers is not None:
            return tf.shape_of(preset)
        total = preset.params_total
        return tf.dense_shape(float(total)) if total else None
    model = described_model(row)
    if model is not None:
        return tf.shape_of(model)
    params = number(row, "n_params_total")
    return tf.dense_shape(params) if params else None


def case(row: Mapping[str, str], catalog: Catalog) -> Case:
    """The inputs of a row; blank layout cells stay open.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    shape = shape_of_row(row, catalog)
    if shape is None:
        raise LlmcostError("the row names no model and describes none")
    accelerator, _ = catalog.load(spec.Accelerator, (row.get("hardware_id") or "").strip())
    precision = (row.get("precision_id") or "bf16").strip()
    if precision not in PRECISIONS:
        raise LlmcostError(f"unknown precision {precision!r}")
    needed = {name: number(row, name) for name in ("n_gpus", "seq_len", "global_batch_seqs")}
    if None in needed.values():
        raise LlmcostError("missing " + ", ".join(k for k, v in needed.items() if v is None))
    values = {name: value for name, value in needed.items() if value is not None}
    fixed = {name: value for name in LAYOUT if (value := number(row, name)) is not None}
    if accelerator.generation.startswith("tpu") and "micro_batch" in fixed:
        # GSPMD programs state the batch per chip (MaxText: per_device_batch_size), others per replica
        fixed["micro_batch"] *= fixed.get("tp", 1.0) * fixed.get("cp", 1.0) * fixed.get("pp", 1.0)
    shard = number(row, "zero_shard_group")
    if shard is not None:
        fixed["shard"] = shard
    recompute = (row.get("recompute_id") or "").strip()
    if recompute in RECOMPUTE:
        fixed["recompute"] = RECOMPUTE[recompute]
    run = Run(values["seq_len"], values["global_batch_seqs"], PRECISIONS[precision])
    return Case(shape, machine_of(accelerator), accelerator.generation, values["n_gpus"], run, fixed)


def candidates(todo: Case, calibration: Calibration) -> Layout:
    """Layouts of a measured row that fit; the least greedy one if none does."""
    every = par.layouts(todo.shape, todo.machine, todo.n_gpus, todo.run, todo.fixed)
    if not len(every.tp):
        every = par.layouts(todo.shape, todo.machine, todo.n_gpus, todo.run, todo.fixed | _loosened(todo))
    if not len(every.tp):
        raise LlmcostError("no valid layout: the degrees of parallelism do not multiply to the accelerators")
    args = (todo.shape, todo.machine, every, todo.run, calibration)
    every = par.settle(*args, slack=MEASURED_SLACK)
    total = par.footprint(todo.shape, todo.machine, every, todo.run, calibration).total_bytes
    total = np.broadcast_to(total, every.tp.shape)
    keep = total <= max(MEASURED_SLACK * todo.machine.memory_bytes * (1 + 1e-9), float(np.min(total)))
    return Layout(*[np.broadcast_to(axis, keep.shape)[keep] for axis in every])


def _loosened(todo: Case) -> dict[str, float]:
    """What to give where a stated batch does not divide: one sequence per micro-batch, no virtual stages."""
    return {"micro_batch": todo.fixed.get("micro_batch", 1.0), "vpp": todo.fixed.get("vpp", 1.0)}


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
    if not {"tp", "pp"} <= set(todo.fixed):
        seconds *= calibration.practice  # as in a search: the fastest of many predictions flatters
    if not np.isfinite(seconds):
        return Prediction(None, None, None, "the machine's peak or bandwidth is not known")
    width = np.exp(spread.step_moe if todo.shape.n_experts else spread.step_dense)
    return Prediction(seconds, seconds / float(width), seconds * float(width), "")
