"""A model from a GGUF file: its architecture from the metadata, what each class of tensors weighs from the header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from llmcost import spec
from llmcost.engine.model.parameters import count
from llmcost.engine.model.stored import class_counts
from llmcost.errors import LlmcostError, shown
from llmcost.files import beside
from llmcost.hf_config import Imported
from llmcost.hf_config.refusals import NO_MODEL, WHOLE
from llmcost.hf_config.schemes import nearest_dtype
from llmcost.records import NamedTuple
from llmcost.result import Warning

CLASSES = ("attention", "ffn", "experts", "embedding", "head", "rest")
# ggml's types by the format they are closest to; their bits are taken from the file.
FORMATS = (
    (r"F32", "fp32"), (r"BF16", "bf16"), (r"F16", "fp16"), (r"MXFP4", "mxfp4"), (r"NVFP4", "fp4"),
    (r"Q8.*|I8", "int8"),
    (r"Q6.*", "int6"), (r"Q5.*", "int5"), (r"I?Q4.*", "int4"), (r"I?Q3.*", "int3"), (r"I?Q2.*|TQ2.*", "int2"),
    (r"IQ1.*|TQ1.*|Q1.*", "int1"),
)  # fmt: skip
# Families that put one full layer after so many windowed ones, where the file has a window and no list of layers.
EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "olmo3": 4, "exaone4": 4, "llama4": 4}


class Tensor(NamedTuple):
    """A tensor of the file: class, layer, type, elements and bytes."""

    name: str
    kind: str
    layer: int
    type: str
    elements: int
    bytes: int


def read_gguf(path: Path) -> Imported:
    """The model of a GGUF file; parts (`-00001-of-00003`) are read together.

    Parameters
    ----------
    path : Path
        The file, or the first of its parts.

    Raises
    ------
    LlmcostError
        The `gguf` package is not there, no GGUF file, a missing part, an architecture that is no language model.
    """
    try:
        from gguf import GGUFReader
    except ImportError:
        raise LlmcostError(
            f"{shown(path.name)}: reading a GGUF file takes the package gguf", "pip install 'llmcost-cli[gguf]'"
        ) from None
    where = shown(path.name, 100)
    fields: dict[str, Any] = {}
    tensors: list[Tensor] = []
    for part in _parts(path):
        try:
            reader = GGUFReader(part)
        except Exception as error:  # the package raises many kinds for a file that is none
            raise LlmcostError(f"{where}: not a GGUF file: {str(error)[:100]}", "fetch it again, whole") from None
        fields |= {name: field for name, field in reader.fields.items() if name not in fields}
        tensors += [_tensor(t) for t in reader.tensors]
    said = _metadata(fields, where)
    return _imported(said, [t for t in tensors if t.kind], path.stem, where)


def _parts(path: Path) -> list[Path]:
    match = re.match(r"(.*)-(\d{5})-of-(\d{5})\.gguf$", path.name)
    if not match:
        if not path.is_file():
            raise LlmcostError(f"no such file: {shown(str(path), 200)}", beside(path))
        return [path]
    many = int(match.group(3))
    parts = [path.with_name(f"{match.group(1)}-{n:05d}-of-{many:05d}.gguf") for n in range(1, many + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise LlmcostError(
            f"{shown(path.name)}: one of {many} parts, and {shown(missing[0])} is missing",
            "put all parts in one folder",
        )
    return parts


def _tensor(tensor: Any) -> Tensor:
    name = str(tensor.name)
    layer = re.match(r"blk\.(\d+)\.", name)
    kind = _kind(name, int(tensor.shape.size) if hasattr(tensor.shape, "size") else len(tensor.shape))
    return Tensor(
        name, kind, int(layer.group(1)) if layer else -1, str(tensor.tensor_type.name), int(tensor.n_elements),
        int(tensor.n_bytes),
    )  # fmt: skip


def _kind(name: str, dimensions: int) -> str:
    """The class of a tensor, or nothing for what is not the language model."""
    if name.startswith(("v.", "a.", "mm.")) or ".nextn." in name:
        return ""
    if name == "token_embd.weight":
        return "embedding"
    if name == "output.weight":
        return "head"
    inside = name.split(".", 2)[-1] if name.startswith("blk.") else ""
    if "norm" in inside or dimensions < 2 or not inside:
        return "rest"
    if "_exps" in inside:
        return "experts"
    if inside.startswith(("attn_", "ssm_", "shortconv", "indexer")) and "conv1d" not in inside:
        return "attention"
    if inside.startswith("ffn_") and "gate_inp" not in inside:
        return "ffn"
    return "rest"


def _metadata(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """Values of the file's own architecture, without the prefix of its name."""

    def value(name: str) -> Any:
        field = fields.get(name)
        return None if field is None else field.contents()

    architecture = value("general.architecture")
    if not isinstance(architecture, str):
        raise LlmcostError(f"{where}: no general.architecture in its metadata", NO_MODEL)
    if architecture in (
        "clip",
        "bert",
        "nomic-bert",
        "t5",
        "t5encoder",
        "mamba",
        "mamba2",
        "rwkv6",
        "rwkv7",
        "whisper",
    ):
        raise LlmcostError(f"{where}: architecture {shown(architecture)} is not a decoder with attention", NO_MODEL)
    if value("general.type") == "adapter":
        raise LlmcostError(f"{where}: an adapter, not a model", "llmcost train --model BASE --method lora")
    prefix = architecture + "."
    said = {name.removeprefix(prefix): value(name) for name in fields if name.startswith(prefix)}
    return said | {"architecture": architecture, "title": value("general.name")}


def _imported(said: dict[str, Any], tensors: list[Tensor], stem: str, where: str) -> Imported:
    shape = {t.name: t for t in tensors}
    if "token_embd.weight" not in shape:
        raise LlmcostError(f"{where}: no token_embd.weight: only a part of a model, or not a language model", NO_MODEL)
    fields, findings = _architecture(said, tensors, where)
    warnings = [Warning("W024", f"{where}: {text}", "llmcost presets import FILE -o model.toml") for text in findings]
    source = {"address": f"{stem}.gguf, its header", "date": _today(), "confidence": "vendor"}
    title = str(said.get("title") or stem)[:500]
    try:
        model = msgspec.convert(fields | {"title": title, "sources": [source]}, spec.Model)
    except msgspec.ValidationError as error:
        raise LlmcostError(f"{where}: {str(error).replace('`', chr(39))}", WHOLE) from None
    model = _exact(model, float(sum(t.elements for t in tensors)))
    return Imported(_stored(model, tensors), tuple(warnings))


def _today() -> Any:
    import datetime as dt

    return dt.date.today()


def _number(said: dict[str, Any], *keys: str) -> int | None:
    """The first key that is there; the largest value of a list."""
    for key in keys:
        value = said.get(key)
        if isinstance(value, list) and value:
            value = max(value)
        if isinstance(value, int | float) and value:
            return int(value)
    return None


def _architecture(said: dict[str, Any], tensors: list[Tensor], where: str) -> tuple[dict[str, Any], list[str]]:
    """Fields of the model, and what of it is not understood."""
    layers, width, heads = (_number(said, k) for k in ("block_count", "embedding_length", "attention.head_count"))
    if not layers or not width or not heads:
        raise LlmcostError(f"{where}: block_count, embedding_length or attention.head_count is missing", WHOLE)
    layers -= _number(said, "nextn_predict_layers") or 0
    embedding = next(t for t in tensors if t.kind == "embedding")
    head = _number(said, "attention.key_length") or width // heads
    fields: dict[str, Any] = {
        "n_layers": layers, "d_model": width, "n_heads": heads, "d_head": head, "n_kv_heads":
        _number(said, "attention.head_count_kv") or heads, "vocab_size": max(embedding.elements // width, 1),
        "tied_embeddings": not any(t.kind == "head" for t in tensors), "max_context": _number(said, "context_length"),
    }  # fmt: skip
    fields |= _ffn(said, tensors, width) | _latent(said)
    attending = {t.layer for t in tensors if re.search(r"\.attn_(q|qkv|q_a|q_b|k)\.weight$", t.name)}
    stateful = {t.layer for t in tensors if ".ssm_" in t.name or ".shortconv" in t.name}
    found = []
    if stateful:
        fields |= {"attention_layers": max(len(attending - stateful) or len(attending), 1)}
        found.append("its layers that keep a state are counted by their weights, without the state")
    fields |= _window(said, layers, found)
    attention = sum(t.elements for t in tensors if t.kind == "attention")
    return fields | {"attention_params": float(attention), "norm": "none"}, found


def _ffn(said: dict[str, Any], tensors: list[Tensor], width: int) -> dict[str, Any]:
    inside = {t.name.split(".", 2)[-1] for t in tensors if t.layer >= 0}
    dense = {t.layer for t in tensors if t.name.endswith(".ffn_up.weight")}
    up, down = (sum(t.elements for t in tensors if t.name.endswith(f".ffn_{end}.weight")) for end in ("up", "down"))
    gated = bool({"ffn_gate.weight", "ffn_gate_exps.weight", "ffn_gate_up_exps.weight"} & inside) or up > down > 0
    fields: dict[str, Any] = {"d_ff": _number(said, "feed_forward_length") or 1, "ffn_gated": gated}
    if down:
        fields["d_ff"] = max(down // width // len(dense), 1)
    experts = _number(said, "expert_count")
    if not experts:
        return fields | {"ffn_layers": max(len(dense), 1)}
    routed = sorted({t.layer for t in tensors if t.name.endswith("_exps.weight")})
    each = _number(said, "expert_feed_forward_length", "feed_forward_length") or 1
    shared = next((t.elements // width for t in tensors if t.name.endswith("ffn_up_shexp.weight")), 0)
    return fields | {
        "moe_experts": experts, "moe_topk": _number(said, "expert_used_count") or 1, "moe_d_ff": each,
        "moe_layers": len(routed), "moe_shared_d_ff_total": shared, "ffn_layers": max(len(routed) + len(dense), 1),
    }  # fmt: skip


def _latent(said: dict[str, Any]) -> dict[str, Any]:
    rank = _number(said, "attention.kv_lora_rank")
    if not rank:
        return {}
    rope = _number(said, "rope.dimension_count") or 64
    key = _number(said, "attention.key_length_mla", "attention.key_length") or 192
    value = _number(said, "attention.value_length_mla", "attention.value_length") or 128
    return {
        "attention": "mla", "mla_kv_lora_rank": rank, "mla_q_lora_rank": _number(said, "attention.q_lora_rank"),
        "mla_qk_rope_dim": rope, "mla_qk_nope_dim": max(key - rope, 1), "mla_v_dim": value, "d_head": key,
        "n_kv_heads": _number(said, "attention.head_count"),
    }  # fmt: skip


def _window(said: dict[str, Any], layers: int, found: list[str]) -> dict[str, Any]:
    window = _number(said, "attention.sliding_window")
    if not window:
        return {}
    listed = said.get("attention.sliding_window_pattern")
    if isinstance(listed, list):
        full = layers - sum(bool(x) for x in listed[:layers])
    else:
        every = listed if isinstance(listed, int) and listed > 1 else EVERY.get(str(said.get("architecture")), 0)
        if not every:
            found.append("a sliding window without a list of layers: every layer counted as full")
            return {}
        full = layers // every
    return {"sliding_window": window, "full_attention_layers": full}


def _exact(model: spec.Model, total: float) -> spec.Model:
    """The same model with as many parameters as the file has: what the formulas leave is added to the rest."""
    left = total - count(model).total
    if left >= 0:
        return msgspec.structs.replace(model, other_params=model.other_params + left)
    lower = max((model.attention_params or 0.0) + left, 1.0)
    return msgspec.structs.replace(model, attention_params=lower)


def _stored(model: spec.Model, tensors: Iterable[Tensor]) -> spec.Model:
    """The bytes of the file by class, over the parameters that the formulas count in it."""
    listed = list(tensors)
    counted = class_counts(count(model))
    kinds: dict[str, Any] = {}
    spare = 0.0
    for name in CLASSES:
        own = [t for t in listed if t.kind == name]
        params, size = getattr(counted, name), float(sum(t.bytes for t in own)) + (spare if name == "rest" else 0.0)
        if params <= 0:
            spare += size
        elif size > 0:
            kinds[name] = spec.Stored(_computed(own), min(round(8.0 * size / params, 6), 64.0))
    every = _format([t for t in listed if t.kind not in ("embedding", "head", "rest")] or listed)
    rest = kinds.pop("rest", spec.Stored("fp32", 32.0))
    checkpoint = spec.Checkpoint(method="gguf", rest=rest, **kinds)
    native: Any = nearest_dtype(every)
    return msgspec.structs.replace(model, checkpoint=checkpoint, native_dtype=native)


def _computed(tensors: Iterable[Tensor]) -> Any:
    """The format of most elements, named as it is computed."""
    return nearest_dtype(_format(tensors))


def _format(tensors: Iterable[Tensor]) -> Any:
    """The format of most elements."""
    many: dict[str, int] = {}
    for t in tensors:
        name = next((ours for pattern, ours in FORMATS if re.fullmatch(pattern, t.type)), "int8")
        many[name] = many.get(name, 0) + t.elements
    return max(many, key=lambda name: many[name]) if many else "fp32"
