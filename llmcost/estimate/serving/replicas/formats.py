"""Formats of weights, KV cache and arithmetic of a replica, and what a chip does with one that it lacks."""

from __future__ import annotations

from llmcost import spec
from llmcost.dtypes import DTYPES
from llmcost.engine.machine.roofline import peak_flops
from llmcost.engine.model.published import class_bytes, published_in
from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving.inputs import formats_from_rows
from llmcost.engine.serving.memory import weights_bytes
from llmcost.engine.serving.operating_point import Layout, Precision
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.software import as_held, stack
from llmcost.estimate.asking.subject import Chip, Subject, dtype_of, narrowed

# Weights this much narrower than the arithmetic are widened in every step.
NARROWER = 0.75
CACHE_PUBLISHED = "the KV cache scheme of the checkpoint (kv_cache_scheme, kv_cache_quant_algo)"
CACHE_DEFAULT = "vLLM, SGLang: kv_cache_dtype auto is the model's 16 bits, for FP8 and MXFP4 weights too"


def dtypes(question: Question, model: Subject) -> tuple[str, ...]:
    """Weight formats to choose from: those said, or the one of the question."""
    several = question.stated("dtypes")
    return (dtype_of(question, model, tuple(DTYPES), "bf16"),) if several is None else tuple(several.split(","))


def precision(question: Question, dtype: str, model: Subject) -> Precision:
    """Bytes and arithmetic of a weight format, from the table of the calibration.

    Arithmetic follows the activations of the published checkpoint (16 bits where only its weights are quantised), else
    the weights, unless `compute_dtype` says otherwise; the KV cache has the format that the checkpoint names, else 16
    bits whatever the weights have, as engines start it, unless `kv_dtype` does.
    """
    formats = formats_from_rows(question.catalog.formats())
    known = formats[dtype]
    if narrowed(dtype, moe=model.moe):
        known = known._replace(attention_bytes=known.weight_bytes)
    preset = model.preset
    published = None if preset is None or preset.n_layers is None else published_in(preset, dtype)
    if published is not None and preset is not None:  # as its developer stores it: some classes may stay wide
        each = class_bytes(preset, published)
        known = known._replace(weight_bytes=each.weights, attention_bytes=each.attention, head_bytes=each.ends)
    engine = question.scenario.peek("framework", question.side)
    known = as_held(known, formats, None if engine is None else stack(question.catalog, str(engine.value)))
    compute = question.stated("compute_dtype") or (arithmetic_of(published, dtype) if published is not None else None)
    if compute is not None:
        asked = formats[compute]
        widened = known.weight_only or 8.0 * known.weight_bytes < NARROWER * asked.compute_bits
        known = known._replace(compute_bits=asked.compute_bits, integer=asked.integer, weight_only=float(widened))
    return known._replace(kv_bytes=formats[_cache(question, model, published)].kv_bytes)


def arithmetic_of(stored: spec.Checkpoint, dtype: str) -> str | None:
    """The format a checkpoint is computed in: of its activations, else 16 bits; None where the format decides.

    Engines differ in what they make of activations beside MXFP4 weights: its row of the calibration decides.

    Examples
    --------
    >>> arithmetic_of(spec.Checkpoint(method="gptq", rest=spec.Stored("int8", 8.2)), "int8")
    'bf16'
    """
    if stored.activation_dtype is not None:
        return str(stored.activation_dtype)
    return None if dtype == "mxfp4" else "bf16"


def _cache(question: Question, model: Subject, published: spec.Checkpoint | None) -> str:
    """The format of the KV cache: said, else as the checkpoint names it, else 16 bits."""
    said = question.stated("kv_dtype")
    if said is not None:
        return str(said)
    if published is not None and published.kv_dtype is not None:
        question.record(
            "kv_dtype", published.kv_dtype, Origin(model.found.origin if model.found else "computed", CACHE_PUBLISHED)
        )
        return str(published.kv_dtype)
    question.record("kv_dtype", "bf16", Origin("default", CACHE_DEFAULT))
    return "bf16"


def held_once(shape: Shape, precision: Precision) -> float:
    """Weights of one copy of a model, however many accelerators and groups share or repeat it [bytes]."""
    return float(weights_bytes(shape, Layout(), precision))


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
