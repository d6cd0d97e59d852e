"""Formats of weights, KV cache and arithmetic of a replica, and what a chip does with one that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import spec
from llmcost.dtypes import DTYPES
from llmcost.engine.machine.roofline import peak_flops
from llmcost.engine.model.published import class_bytes, published_in
from llmcost.engine.serving.operating_point import Precision
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, dtype_of

# Weights this much narrower than the arithmetic are widened in every step.
NARROWER = 0.75
CACHE_DEFAULT = "vLLM, SGLang: kv_cache_dtype auto is the model's 16 bits, for FP8 and MXFP4 weights too"


def dtypes(question: Question, model: Subject) -> tuple[str, ...]:
    """Weight formats to choose from: those said, or the one of the question."""
    several = question.stated("dtypes")
    return (dtype_of(question, model, tuple(DTYPES), "bf16"),) if several is None else tuple(several.split(","))


def precision(question: Question, dtype: str, preset: spec.Model | None = None) -> Precision:
    """Bytes and arithmetic of a weight format, from the table of the calibration.

    Arithmetic follows the weights (16 bits where a format is for weights only), unless `compute_dtype` says otherwise;
    the KV cache has 16 bits whatever the weights have, as engines start it, unless `kv_dtype` does.
    """
    formats = {row["name"]: row for row in question.catalog.table("serving", "formats")}
    known = dict(formats[dtype])
    published = None if preset is None or preset.n_layers is None else published_in(preset, dtype)
    if published is not None and preset is not None:  # as its developer stores it: some classes may stay wide
        each = class_bytes(preset, published)
        known |= {"weight_bytes": each.weights, "attention_bytes": each.attention, "head_bytes": each.ends}
    compute = question.stated("compute_dtype")
    if compute is not None:
        asked = formats[compute]
        narrow = 8.0 * known["weight_bytes"] < NARROWER * asked["compute_bits"]
        known |= {
            "compute_bits": asked["compute_bits"],
            "integer": asked["integer"],
            "weight_only": known["weight_only"] or narrow,
        }
    kv = question.stated("kv_dtype")
    if kv is None:
        kv = "bf16"
        question.record("kv_dtype", kv, Origin("default", CACHE_DEFAULT))
    values: Mapping[str, Any] = {**known, "kv_bytes": formats[kv]["weight_bytes"]}
    return Precision(*(float(values[name]) for name in Precision._fields))


def compute_format(device: Chip, asked: Precision) -> str:
    """The format a chip's matrix units run in, when asked for this precision."""
    _, bits = peak_flops(device.machine, asked.compute_bits, asked.integer)
    if bits >= 16:
        return "bf16" if device.preset.bf16_flops else "fp16"
    return "fp4" if bits <= 4 else "int8" if asked.integer else "fp8"


def say_arithmetic(question: Question, device: Chip, asked: Precision, dtype: str) -> None:
    """Show the format that matrix units run in, and say where it is not the one asked for."""
    runs_in = compute_format(device, asked)
    said = question.scenario.get("compute_dtype", question.side)
    if said is None:
        question.record("compute_dtype", runs_in, Origin("computed", "docs/method.md, serving"))
    wanted = {4.0: "fp4", 8.0: "int8" if asked.integer else "fp8"}.get(float(asked.compute_bits))
    if wanted is None or runs_in == wanted:
        return
    name = dtype if said is None else str(said.value)
    option = "--dtype" if said is None else "--compute-dtype"
    chip = device.preset
    integers = runs_in == "bf16" and (chip.int8_flops or 0.0) > (chip.bf16_flops or 0.0)
    faster = f"{option} int8, which it has units for, or " if integers else ""
    question.warn(
        "W011",
        f"{device.found.name} has no {name} units: weights are widened in every step and multiplied in {runs_in}",
        f"{faster}{option} {runs_in}",
    )
