"""The model and the machine of a question, as presets and as the engine sees them."""

from __future__ import annotations

import math

from msgspec import structs

from llmcost import spec, units
from llmcost.catalog import Found, source_of
from llmcost.dtypes import DTYPES
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.parameters import faults
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric import spread as sp
from llmcost.errors import LlmcostError, did_you_mean, raise_all
from llmcost.estimate.asking.ledger import Number, Origin
from llmcost.estimate.asking.question import Question, origin_of
from llmcost.records import NamedTuple


class Subject(NamedTuple):
    """A model: its shape for the engine, its preset if it has one, and its counts as numbers or spreads."""

    shape: Shape
    preset: spec.Model | None
    found: Found | None
    params: Number | None
    params_active: Number | None

    @property
    def name(self) -> str:
        """How headlines call it."""
        return self.found.name if self.found else "this model"

    def sizes(self) -> dict[str, float]:
        """Its parameters, for the result [-]."""
        return {"params_total": float(self.shape.params_total), "params_active": float(self.shape.params_active)}

    @property
    def moe(self) -> bool:
        """Whether experts are routed."""
        return bool(float(self.shape.params_active) < 0.999 * float(self.shape.params_total))


class Chip(NamedTuple):
    """An accelerator, its preset, and how the engine sees it."""

    machine: Machine
    preset: spec.Accelerator
    found: Found


def subject(question: Question) -> Subject | None:
    """The model a question is about: a preset, or counts.

    Raises
    ------
    LlmcostError
        Unknown preset, active parameters above the total, or a closed model nobody estimated.
    """
    loaded = question.preset("model", spec.Model)
    params, active = question.number("params"), question.number("params_active")
    if loaded is None:
        if params is None and active is None:
            return None
        total = params if params is not None else active
        assert total is not None
        return _from_counts(question, total, active)
    preset, found = _as_pulled(question, *loaded)
    if params is not None or active is not None:
        raise LlmcostError(
            "--params and --model are two answers to one question: give one",
            f"llmcost presets new models NAME --from {found.name}, for a variant",
        )
    if preset.n_layers is not None:
        return Subject(architecture(preset, found), preset, found, None, None)
    total = preset.params_total or preset.params_active
    if total is None:
        raise LlmcostError(
            f"{found.name} has no published architecture or size",
            "give --params and, for a mixture of experts, --params-active",
        )
    if preset.licence == "closed":
        question.warn(
            "W010",
            f"{found.name} is a closed model: its size is an estimate by {preset.estimate_by or 'a third party'}",
            f"llmcost presets show {found.name}",
        )
    return _from_counts(question, total, preset.params_active)._replace(preset=preset, found=found)


def _as_pulled(question: Question, preset: spec.Model, found: Found) -> tuple[spec.Model, Found]:
    """A shipped model of 16 bits in the format that its engine pulls, where neither name nor `--dtype` says one."""
    engine, dtype = (question.scenario.peek(key, question.side) for key in ("framework", "dtype"))
    shipped = found.path.suffix == ".toml" and not found.user and not found.scheme
    plain = shipped and preset.native_dtype in ("bf16", "fp16")
    if engine is None or dtype is not None or not plain:
        return preset, found
    try:
        has = question.catalog.load(spec.Framework, engine.value)[0].serving
    except LlmcostError:  # an unknown one is refused where it is asked
        return preset, found
    if has is None or has.pulls is None:
        return preset, found
    note = f"{engine.value} pulls {found.name} as {has.pulls} where no other format is said"
    question.warn("W023", note, "--dtype bf16, for the weights as published")
    return question.catalog.stored_in(preset, has.pulls)[0], found._replace(scheme=has.pulls)


def architecture(preset: spec.Model, found: Found) -> Shape:
    """The shape of a model preset with an architecture.

    Raises
    ------
    LlmcostError
        What the architecture lacks.
    """
    raise_all([LlmcostError(f"{found.path.name}: {fault}", "llmcost presets check FILE") for fault in faults(preset)])
    return tf.shape_of(preset)


def _from_counts(question: Question, total: Number, active: Number | None) -> Subject:
    whole, part = sp.median(total), sp.median(active if active is not None else total)
    if part > whole:
        raise LlmcostError(
            f"--params-active {units.format('count', part)} is above --params {units.format('count', whole)}",
            "--params-active are those that one token uses, a part of --params",
        )
    del question
    return Subject(tf.shape_from_counts(whole, part), None, None, total, active if active is not None else total)


def chip(question: Question, predicted: bool = True) -> Chip | None:
    """The accelerator a question is about, or None when none was named.

    Where its time is given and not `predicted`, only its power may be supposed: the rest is left unread, and refused.
    """
    loaded = question.preset("hardware", spec.Accelerator)
    if loaded is None:
        return None
    preset, found = loaded
    preset = _what_if(question, preset, tuple(SCALED) if predicted else (POWER,))
    return Chip(machine_of(preset), preset, found)


def counted(question: Question, device: Chip | None) -> int | None:
    """How many accelerators: said, or the one of a desktop, recorded; None where that is open."""
    gpus: int | None = question.stated("gpus")
    if gpus is not None or device is None or device.preset.setting != "desktop":
        return gpus
    question.record("gpus", 1, Origin("default", "a desktop has one accelerator"))
    return 1


POWER = "power_scale"
SCALED = {
    "compute_scale": ("fp32_flops", *dict.fromkeys(dtype.peak for dtype in DTYPES.values())),
    "bandwidth_scale": ("memory_bytes_per_second",),
    "memory_scale": ("memory_bytes", "driver_memory_bytes", "process_memory_bytes"),
    "link_scale": ("link_bytes_per_second", "network_bytes_per_second"),
    POWER: ("tdp_watts", "server_watts", "server_busy_watts", "server_idle_watts"),
}


def _what_if(question: Question, preset: spec.Accelerator, keys: tuple[str, ...]) -> spec.Accelerator:
    """The accelerator with some of its figures multiplied; its efficiencies stay those of its generation."""
    changed: dict[str, float] = {}
    for key in keys:
        scale = question.stated(key)
        if scale is not None:
            changed |= {f: getattr(preset, f) * scale for f in SCALED[key] if getattr(preset, f) is not None}
    if not changed:
        return preset
    question.warn("W081", "the accelerator is hypothetical: efficiencies are those measured on the real one")
    return structs.replace(preset, **changed)


def machine_of(preset: spec.Accelerator) -> Machine:
    """An accelerator preset as the engine takes it; what is not known is nan."""

    def known(value: float | None) -> float:
        return math.nan if value is None else float(value)

    return Machine(
        bf16_flops=known(preset.bf16_flops or preset.fp16_flops),
        fp8_flops=known(preset.fp8_flops),
        fp4_flops=known(preset.fp4_flops),
        int8_flops=known(preset.int8_flops),
        memory_bytes=float(preset.memory_bytes),
        memory_bytes_per_second=known(preset.memory_bytes_per_second),
        link_bytes_per_second=known(preset.link_bytes_per_second),
        scale_up_domain=known(preset.scale_up_domain),
        network_bytes_per_second=known(preset.network_bytes_per_second),
        tdp_watts=known(preset.tdp_watts),
        process_bytes=known(preset.process_memory_bytes),
        torus=known(preset.link_torus),
        peer=float(preset.peer_access),
        box=known(preset.machine_gpus if preset.system_watts is None else 1.0),
    )


def peak_flops(question: Question, device: Chip, dtype: str) -> tuple[float, str]:
    """The dense peak for a format and the format it runs in; a format the chip lacks runs in the next wider one.

    Raises
    ------
    LlmcostError
        The preset knows no peak for the format nor for a wider one.
    """
    runs_in, seen = dtype, []
    while runs_in not in seen:
        value = getattr(device.preset, DTYPES[runs_in].peak, None) or (
            device.preset.fp32_flops if runs_in == "fp32" else None
        )
        if value is not None:
            if runs_in != dtype:
                question.warn(
                    "W011", f"{device.found.name} has no {dtype} units: it computes in {runs_in}", "--dtype bf16"
                )
            source = source_of(device.preset, DTYPES[runs_in].peak)
            question.record("peak_flops", float(value), origin_of(device.found, source), "FLOP/s")
            return float(value), runs_in
        seen.append(runs_in)
        runs_in = DTYPES[runs_in].wider or runs_in
    raise LlmcostError(
        f"{device.found.name} has no known {dtype} peak",
        did_you_mean(dtype, [d.name for d in DTYPES.values() if getattr(device.preset, d.peak, None)])
        or f"llmcost presets show {device.found.name}",
    )


def narrowed(dtype: str, *, moe: bool) -> bool:
    """Whether attention has the weights' format where the table leaves it in 16 bits: in a dense model in MXFP4.

    Source: openai/gpt-oss-120b (modules_to_not_convert); amd/Llama-3.1-405B-Instruct-MXFP4-Preview.

    Examples
    --------
    >>> narrowed("mxfp4", moe=False), narrowed("mxfp4", moe=True)
    (True, False)
    """
    return dtype == "mxfp4" and not moe


def dtype_of(question: Question, model: Subject, allowed: tuple[str, ...], fallback: str) -> str:
    """The format to compute in: said, else the model's native one where it is possible, else `fallback`."""
    said = question.stated("dtype")
    if said is not None:
        return str(said)
    native = model.preset.native_dtype if model.preset else None
    dtype = native if native in allowed else fallback
    if model.preset is not None and model.found is not None and native in allowed:
        question.record("dtype", dtype, origin_of(model.found, source_of(model.preset, "native_dtype")))
    else:
        question.record("dtype", dtype, Origin("default"))
    return str(dtype)
