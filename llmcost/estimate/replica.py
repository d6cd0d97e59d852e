"""One replica: its layout, precision and batch, said or chosen, and the speed that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine import serving, serving_memory
from llmcost.engine import transformer as tf
from llmcost.engine.serving import Calibration, Layout, Load, Precision
from llmcost.engine.spread import Spread, median
from llmcost.engine.transformer import Shape
from llmcost.errors import LlmcostError
from llmcost.estimate.question import Origin, Question
from llmcost.estimate.subject import Chip, Subject, dtype_of

Z95 = 1.6448536269514722
SERVE_DTYPES = ("bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4", "fp32")
WEIGHT_BYTES = {
    "fp32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.53,
    "fp4": 0.5625,
    "mxfp4": 0.53125,
}
COMPUTE_BITS = {
    "fp32": 16.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    "int4": 16.0,
    "fp4": 4.0,
    "mxfp4": 16.0,
}
SOURCE = "docs/method.md, serving"


class NoFit(NamedTuple):
    """Why there is no replica: memory missing on one accelerator [bytes] and the smallest count that fits."""

    reason: str
    missing_bytes: float | None
    smallest_gpus: int | None


class Replica(NamedTuple):
    """A replica that answers: by the engine, or at a given rate."""

    gpus: int
    shape: Shape | None = None
    device: Chip | None = None
    layout: Layout = Layout()
    precision: Precision = Precision()
    calibration: Calibration = Calibration()
    batch: float = 1.0
    point: Any = None

    def speed(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """TPOT, TTFT, tokens per second and prefill share at the numbers `p`."""
        if self.shape is None or self.device is None:
            return {"output_tokens_per_second": p["tokens_per_second"]}
        load = Load(p["isl"], p["osl"], p["isl"] * p["cache_hit"], self.batch)
        at = serving.operating_point(
            self.shape, self.device.machine, self.layout, self.precision, load, self.calibration
        )
        return {
            "tpot_seconds": at.tpot_seconds * p["tpot_error"],
            "ttft_seconds": at.ttft_seconds * p["ttft_error"],
            "output_tokens_per_second": at.output_tokens_per_second / p["tpot_error"],
            "prefill_share": at.prefill_share,
        }

    def facts(self) -> dict[str, Any]:
        """What the replica is, for the result."""
        if self.point is None:
            return {"gpus_per_replica": self.gpus}
        return {
            "gpus_per_replica": self.gpus,
            "tp": int(self.layout.tp),
            "pp": int(self.layout.pp),
            "ep": int(self.layout.ep),
            "batch": int(self.batch),
            "weight_bytes": float(self.point.weights_bytes) * self.gpus,
            "kv_bytes_per_request": float(self.point.kv_bytes_per_request),
            "tokens_per_second_per_user": 1.0 / float(self.point.tpot_seconds),
            "output_tokens_per_second_per_gpu": float(self.point.output_tokens_per_second) / self.gpus,
            "binds": serving.BINDS[int(self.point.binds)],
        }

    def explain(self, question: Question, c: Mapping[str, Any]) -> None:
        """The steps of the replica's speed."""
        if self.point is None:
            question.step("output tokens per second", "given", float(c["output_tokens_per_second"]), "1/s", "given")
            return
        for name, seconds in self.point.rows().items():
            question.step(name, "time of one iteration spent on it", float(seconds), "s", SOURCE)
        question.step(
            "TPOT", f"one iteration with {self.batch:.0f} requests in flight", float(c["tpot_seconds"]), "s", SOURCE
        )
        question.step(
            "output tokens per second",
            f"batch {self.batch:.0f} / TPOT",
            float(c["output_tokens_per_second"]),
            "1/s",
            SOURCE,
        )


def given_rate(question: Question) -> Replica:
    """A replica whose output tokens per second were given."""
    return Replica(int(question.said("tp") or 1) * int(question.said("pp") or 1))


def choose(question: Question, model: Subject, device: Chip, gpus: int | None) -> Replica | NoFit:
    """The replica asked for; what was left open is what serves an output token cheapest within the targets."""
    shape = _shape(question, model)
    dtype = dtype_of(question, model, SERVE_DTYPES, "bf16")
    precision = _precision(question, dtype)
    calibration = serving.calibration_from_factors(question.catalog.factors("serving"), device.preset.generation, "any")
    _errors(question, calibration)
    layouts = _layouts(question, shape, device, gpus)
    load = _load(question)
    batches = _batches(question)
    grid = Layout(*(np.asarray(axis)[:, None] for axis in zip(*layouts, strict=True)))
    asked = load._replace(batch=batches[None, :])
    limit = serving.max_batch(shape, device.machine, grid, precision, asked, calibration)
    point = serving.operating_point(shape, device.machine, grid, precision, asked, calibration)
    fits = np.broadcast_to(asked.batch <= limit, np.shape(point.tpot_seconds))
    if not fits.any():
        return _no_fit(question, shape, device, precision, load, calibration, layouts, model.name, dtype)
    meets = fits & _within(question, "tpot", point.tpot_seconds) & _within(question, "ttft", point.ttft_seconds)
    if not meets.any():
        best = {k: float(np.min(np.where(fits, getattr(point, f"{k}_seconds"), np.inf))) for k in ("tpot", "ttft")}
        reach = f"best TPOT {best['tpot'] * 1000:.1f} ms, best TTFT {best['ttft'] * 1000:.0f} ms"
        reason = f"no layout and batch of {model.name} on {device.found.name} keeps the targets: {reach}"
        return NoFit(reason, None, None)
    size = np.broadcast_to(grid.tp * grid.pp, fits.shape)
    cheap = np.where(meets, point.output_tokens_per_second / size, -np.inf)
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(cheap)), cheap.shape))
    layout, batch = Layout(*(float(v) for v in layouts[row])), float(batches[column])
    for name, value in (("tp", layout.tp), ("pp", layout.pp), ("ep", layout.ep), ("batch", batch)):
        if question.scenario.get(name, question.side) is None:
            question.record(name, int(value), Origin("computed", SOURCE))
    at = serving.operating_point(shape, device.machine, layout, precision, load._replace(batch=batch), calibration)
    return Replica(int(layout.tp * layout.pp), shape, device, layout, precision, calibration, batch, at)


def _shape(question: Question, model: Subject) -> Shape:
    if not math.isnan(float(model.shape.n_layers)):
        return model.shape
    assert model.params is not None
    if model.moe:
        raise LlmcostError(
            f"{model.name} has no known architecture, and experts cannot be guessed",
            "llmcost presets import config.json, or give --tokens-per-second",
        )
    question.warn(
        "W012",
        f"the architecture of {model.name} is assumed: Llama 3 shapes scaled to its parameters",
        "llmcost presets import config.json",
    )
    return tf.dense_shape(median(model.params))


def _precision(question: Question, dtype: str) -> Precision:
    kv = question.said("kv_dtype")
    if kv is None:
        kv = "fp8" if dtype in ("fp8", "fp4") else "bf16"
        question.record("kv_dtype", kv, Origin("default", "docs/method.md, defaults"))
    weight = WEIGHT_BYTES[dtype]
    low = dtype in ("int4", "fp4", "mxfp4")
    return Precision(
        weight_bytes=weight,
        kv_bytes=WEIGHT_BYTES[kv] if kv not in ("int4", "fp4", "mxfp4") else 0.5,
        compute_bits=COMPUTE_BITS[dtype],
        integer=1.0 if dtype == "int8" else 0.0,
        attention_bytes=2.0 if dtype == "mxfp4" else weight,
        head_bytes=4.0 if dtype == "fp32" else 2.0,
        weight_only=1.0 if low and COMPUTE_BITS[dtype] == 16.0 else 0.0,
    )


def _errors(question: Question, calibration: Calibration) -> None:
    """What the engine missed measurements by, as numbers of the question: sampled like every other."""
    for name in ("tpot", "ttft"):
        sigma = float(getattr(calibration, f"{name}_log_spread"))
        spread = Spread(math.exp(-Z95 * sigma), 1.0, math.exp(Z95 * sigma))
        question.remember(
            f"{name}_error",
            spread,
            Origin(
                "default",
                "presets/calibration/serving.toml: residuals of validation/serving_measured.csv",
                None,
                "measured",
            ),
            "ratio",
        )


def _load(question: Question) -> Load:
    isl, osl = median(question.numbers["isl"]), median(question.numbers["osl"])
    return Load(isl, osl, isl * median(question.numbers["cache_hit"]), 1.0)


def _layouts(question: Question, shape: Shape, device: Chip, gpus: int | None) -> list[tuple[float, ...]]:
    """Layouts to try: what was said is kept, tensor parallelism is a power of two inside the scale-up domain."""
    domain = device.machine.scale_up_domain
    top = int(min(64, 1 if math.isnan(domain) else domain))
    tp, pp, ep = question.said("tp"), question.said("pp"), question.said("ep")
    degrees = [tp] if tp is not None else [2**i for i in range(int(math.log2(top)) + 1)]
    stages = [pp] if pp is not None else ([1] if tp is not None else [1, 2, 4])
    moe = float(shape.n_experts) > 0
    if ep is not None and not moe:
        raise LlmcostError("--ep: this model has no experts to spread")
    found: list[tuple[float, ...]] = [
        (float(t), float(s), 1.0, float(ep if ep is not None else (t if moe else 1)), 0.0)
        for t in degrees
        for s in stages
        if gpus is None or t * s <= gpus
    ]
    if not found:
        raise LlmcostError(f"--gpus {gpus} is fewer than --tp {tp or 1} x --pp {pp or 1} of one replica")
    return found


def _batches(question: Question) -> np.ndarray[Any, np.dtype[np.float64]]:
    said = question.said("batch")
    if said is not None:
        return np.array([float(said)])
    return np.unique(np.round(np.geomspace(1, 2048, 97)))


def _within(question: Question, key: str, seconds: Any) -> Any:
    target = question.said(key)
    return True if target is None else np.asarray(seconds) <= float(target)


def _no_fit(
    question: Question, shape: Shape, device: Chip, precision: Precision, load: Load, calibration: Calibration,
    layouts: list[tuple[float, ...]], name: str, dtype: str,
) -> NoFit:  # fmt: skip
    """Bytes missing on the best layout tried, and the smallest count of accelerators that would fit."""
    batch = float(question.said("batch") or 1)
    asked = load._replace(batch=batch)
    tried = Layout(*(np.asarray(axis) for axis in zip(*layouts, strict=True)))
    memory = serving_memory.memory(shape, device.machine, tried, precision, asked, calibration)
    lacks = memory.missing_bytes + (batch - 1) * memory.kv_bytes_per_request
    tp, pp = (axis.ravel() for axis in np.meshgrid(2.0 ** np.arange(4), np.arange(1.0, 129.0)))
    limit = serving.max_batch(shape, device.machine, Layout(tp, pp, ep=tp), precision, asked, calibration)
    counts = np.where(limit >= batch, tp * pp, np.inf)
    smallest = int(counts.min()) if np.isfinite(counts.min()) else None
    most, missing = int((tried.tp * tried.pp).max()), float(np.min(lacks))
    tail = f"; the smallest count that fits is {smallest}" if smallest else ""
    reason = f"{name} in {dtype} does not fit on {most} {device.found.name}"
    return NoFit(f"{reason}: {missing / 1e9:.1f} GB missing on each{tail}", missing, smallest)
