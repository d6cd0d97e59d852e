"""Quantisation methods that name groups of modules: compressed-tensors, ModelOpt, Quark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost.hf_config.rules import INTEGERS, Rule, Scheme, block_bits, excepted, whole
from llmcost.hf_config.tensors import patterns
from llmcost.spec import Stored
from llmcost.units import shown


def compressed_tensors(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """Groups of modules, each with the bits, type and group size of its weights.

    Source: github.com/vllm-project/compressed-tensors, quantization_args.py and the pack-quantized compressor (as many
    weights as fit in 32 bits; a 16-bit scale for a group, a zero point where not symmetric).
    """
    del config
    groups = said.get("config_groups")
    but, unread = excepted(said.get("ignore"))
    if not isinstance(groups, dict) or not groups:
        return Scheme("compressed-tensors", unread=("no config_groups",))
    rules, activation = [], None
    for name, group in groups.items():
        weights = group.get("weights") if isinstance(group, dict) else None
        stored = _weights(weights)
        if stored is None:
            unread.append(f"{str(name)[:40]}: weights {shown(weights, 60)}")
            continue
        targets = group.get("targets") or ["Linear"]
        activation = activation or _activation(group.get("input_activations"))
        if "Linear" in targets or not isinstance(targets, list):
            rules.append(Rule(stored, but=but))
        else:
            names, strange = patterns(targets)
            unread += strange
            rules.insert(0, Rule(stored, classes=(), names=names, but=but))
    kv = _kv(said.get("kv_cache_scheme"))
    return Scheme("compressed-tensors", tuple(rules), activation, kv, tuple(unread))


def _weights(said: Any) -> Stored | None:
    """Format and bits of `weights`: floats of 4 bits with an 8-bit scale, integers with a 16-bit one."""
    if not isinstance(said, dict):
        return None
    bits, kind, group = said.get("num_bits"), said.get("type", "int"), said.get("group_size")
    size = group if isinstance(group, int) and group > 0 else 0
    if kind == "float" and bits == 4:
        return Stored("mxfp4", 4.25) if size == 32 else Stored("fp4", round(4 + 8 / (size or 16), 4))
    if kind == "float" and bits == 8:
        return Stored("fp8", round(8 + 8 / size, 4) if size else _blocked(said))
    if kind == "int" and bits in INTEGERS:
        width = 32 / (32 // bits)
        zero = 0.0 if said.get("symmetric", True) else width
        return Stored(INTEGERS[bits], round(width + (16 + zero) / size if size else width, 4))
    return None


def _blocked(said: Mapping[str, Any]) -> float:
    return block_bits({"weight_block_size": said.get("block_structure")})


def _activation(said: Any) -> str | None:
    if not isinstance(said, dict):
        return None
    kinds: dict[tuple[Any, Any], str] = {(8, "float"): "fp8", (8, "int"): "int8", (4, "float"): "fp4"}
    return kinds.get((said.get("num_bits"), said.get("type")))


def _kv(said: Any) -> str | None:
    """The format a file says its KV cache is to be stored in."""
    if isinstance(said, dict):
        kinds: dict[tuple[Any, Any], str]
        kinds = {(8, "float"): "fp8", (8, "int"): "int8", (4, "float"): "fp4", (4, "int"): "int4"}
        return kinds.get((said.get("num_bits"), said.get("type", "float")))
    return {"FP8": "fp8", "FP8_E4M3": "fp8", "INT8": "int8", "NVFP4": "fp4"}.get(str(said or "").upper())


ALGORITHMS: dict[str, tuple[Stored, str | None]] = {
    "FP8": (Stored("fp8", 8.0), "fp8"),
    "FP8_PER_CHANNEL_PER_TOKEN": (Stored("fp8", 8.0), "fp8"),
    "FP8_PB_WO": (Stored("fp8", 8.002), None),
    "FP8_BLOCK_SCALES": (Stored("fp8", 8.002), "fp8"),
    "NVFP4": (Stored("fp4", 4.5), "fp4"),
    "NVFP4_AWQ": (Stored("fp4", 4.5), "fp4"),
    "W4A16_NVFP4": (Stored("fp4", 4.5), None),
    "W4A8_NVFP4_FP8": (Stored("fp4", 4.5), "fp8"),
    "MXFP4": (Stored("mxfp4", 4.25), "mxfp4"),
    "W4A8_MXFP4_FP8": (Stored("mxfp4", 4.25), "fp8"),
    "MXFP8": (Stored("fp8", 8.25), "fp8"),
    "INT8_SQ": (Stored("int8", 8.0), "int8"),
    "W8A8_SQ_PER_CHANNEL": (Stored("int8", 8.0), "int8"),
    "W8A16": (Stored("int8", 8.0), None),
    "W4A16": (Stored("int4", 4.125), None),
    "W4A16_AWQ": (Stored("int4", 4.125), None),
    "INT4_AWQ": (Stored("int4", 4.125), None),
    "W4A8_AWQ": (Stored("int4", 4.125), "fp8"),
}  # bits of NVFP4: 4 + 8 / 16; of 4-bit integers: 4 + 16 / 128


def modelopt(said: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Scheme:
    """NVIDIA ModelOpt: one algorithm with modules left out, or an algorithm for each module.

    Source: github.com/NVIDIA/TensorRT-Model-Optimizer, modelopt/torch/export/quant_utils.py.
    """
    del config
    algorithm = str(said.get("quant_algo") or "").upper()
    left_out = said.get("exclude_modules") or said.get("ignore")
    but, unread = excepted(left_out)
    kv = _kv(said.get("kv_cache_quant_algo") or said.get("kv_cache_scheme"))
    layers = said.get("quantized_layers")
    if isinstance(layers, dict) and layers:
        return _mixed(layers, kv, unread)
    if algorithm in ALGORITHMS:
        stored, activation = ALGORITHMS[algorithm]
        return Scheme("modelopt", (Rule(stored, but=but),), activation, kv, tuple(unread))
    if isinstance(said.get("config_groups"), dict):
        return compressed_tensors(said, {})._replace(method="modelopt", kv=kv)
    return Scheme("modelopt", unread=(f"quant_algo {shown(said.get('quant_algo'))}",), kv=kv)


def _mixed(layers: Mapping[str, Any], kv: str | None, unread: list[str]) -> Scheme:
    by_algorithm: dict[str, list[str]] = {}
    for name, own in layers.items():
        algorithm = str(own.get("quant_algo") if isinstance(own, dict) else own).upper()
        by_algorithm.setdefault(algorithm, []).append(name)
    rules, activations = [], []
    for algorithm, names in by_algorithm.items():
        if algorithm not in ALGORITHMS:
            unread.append(f"quant_algo {shown(algorithm)}")
            continue
        stored, activation = ALGORITHMS[algorithm]
        said, strange = patterns(names)
        unread += strange
        rules.append(Rule(stored, classes=(), names=said))
        activations.append(activation)
    every = set(activations)
    return Scheme("modelopt", tuple(rules), every.pop() if len(every) == 1 else None, kv, tuple(unread))


def quark(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """AMD Quark: one weight format, modules of their own, modules left out.

    Source: quark.docs.amd.com, export to Hugging Face format.
    """
    del config
    but, unread = excepted(said.get("exclude"))
    own = said.get("layer_quant_config")
    rules = []
    for name, each in own.items() if isinstance(own, dict) else ():
        stored, _ = _quark(each)
        names, strange = patterns([name])
        unread += strange
        if stored is None:
            unread.append(f"{str(name)[:40]}: weight format")
        else:
            rules.append(Rule(stored, classes=(), names=names, but=but))
    stored, activation = _quark(said.get("global_quant_config"))
    if stored is None:
        unread.append("global_quant_config: weight format")
        return Scheme("quark", tuple(rules), unread=tuple(unread))
    kv = "fp8" if said.get("kv_cache_quant_config") else None
    return Scheme("quark", (*rules, Rule(stored, but=but)), activation, kv, tuple(unread))


def _quark(said: Any) -> tuple[Stored | None, str | None]:
    weight = said.get("weight") if isinstance(said, dict) else None
    weight = weight[0] if isinstance(weight, list) and weight else weight
    if not isinstance(weight, dict):
        return None, None
    dtype, group = str(weight.get("dtype")), whole(weight, "group_size", 0)
    formats = {
        "fp4": Stored("mxfp4" if group == 32 else "fp4", 4 + 8 / (group or 32)), "fp8_e4m3": Stored("fp8", 8.0),
        "int8": Stored("int8", 8.0), "int4": Stored("int4", 4 + (16 / group if group else 0)),
        "uint4": Stored("int4", 4 + (20 / group if group else 0)),
    }  # fmt: skip
    arriving = said.get("input_tensors")
    kind = str(arriving.get("dtype")) if isinstance(arriving, dict) else ""
    return formats.get(dtype), {"fp4": "mxfp4", "fp8_e4m3": "fp8", "int8": "int8"}.get(kind)
