"""Count a model by building its own published class without weights: parameters, FLOPs, cache (extra `hf`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from llmcost import spec
from llmcost.engine.model.parameters import count
from llmcost.errors import LlmcostError, plainly, shown
from llmcost.records import NamedTuple

NEWER = "pip install --upgrade transformers"
LENGTHS = (512, 1024)  # tokens of the two passes that are counted
SHORT = (32, 64)  # of a class with neither attention nor chunks, which goes token by token and grows as they do
TOP_K = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts", "moe_top_k", "top_k")


class Measured(NamedTuple):
    """What the published class holds and does; what could not be run is nothing, with the reason."""

    name: str  # of the class
    total: int  # parameters of the language model
    active: int  # all but the experts that a token does not visit
    embedding: int
    head: int  # 0 where it is the embedding
    attention: int
    experts: int  # routed experts, all of them
    n_experts: int
    topk: int
    moe_layers: int
    flops: tuple[int, ...] = ()  # of one forward pass at `lengths`, batch 1
    cache: tuple[int, ...] = ()  # bytes of its cache after each
    failed: str = ""
    width: int = 4  # bytes of an element as the class runs
    lengths: tuple[int, int] = LENGTHS  # of the passes [tokens]

    @property
    def bytes_per_token(self) -> float:
        """What the cache grows by with a token [bytes]."""
        return (self.cache[1] - self.cache[0]) / (self.lengths[1] - self.lengths[0]) if self.cache else 0.0

    @property
    def state_bytes(self) -> float:
        """What of the cache does not grow [bytes]."""
        return self.cache[0] - self.lengths[0] * self.bytes_per_token if self.cache else 0.0


def measure(
    config: Mapping[str, Any], where: str, folder: Path | None = None, run: bool = True
) -> tuple[Measured, Any]:
    """Build the class that `transformers` has for a configuration on the meta device, and count it.

    Parameters
    ----------
    config : mapping
        Parsed `config.json`.
    where : str
        What messages call the file.
    folder : Path
        Where it lies; nothing is downloaded, and no code of the folder is run.
    run : bool
        Whether two passes are counted, or the parameters alone.

    Raises
    ------
    LlmcostError
        The extra is not there, no such class, or a configuration that it does not take.
    """
    torch, transformers = _packages(where)
    try:
        known = _configuration(transformers, config, folder)
        text = known.get_text_config(decoder=True)
        model = _build(torch, transformers, known, text)
    except LlmcostError:
        raise
    except Exception as error:  # classes raise what they like at a configuration they do not take
        kind = shown(str(config.get("model_type")))
        reason = plainly(f"{type(error).__name__}: {error}", 200)
        raise LlmcostError(
            f"{where}: transformers {transformers.__version__} builds no {kind}: {reason}", NEWER
        ) from None
    counted = _count(model, text)
    return (_run(torch, model, counted) if run else counted), text


def _packages(where: str) -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise LlmcostError(
            f"{where}: --measure takes the package {error.name}", "pip install 'llmcost-cli[hf]'"
        ) from None
    transformers.logging.set_verbosity_error()
    return torch, transformers


def _configuration(transformers: Any, config: Mapping[str, Any], folder: Path | None) -> Any:
    kind = config.get("model_type")
    plain = {k: _infinite(v) for k, v in config.items() if k not in ("quantization_config", "auto_map")}
    if isinstance(kind, str) and kind in transformers.CONFIG_MAPPING:
        return transformers.CONFIG_MAPPING[kind].from_dict(plain)
    if folder is None:
        raise LlmcostError(
            f"no class for model_type {shown(str(kind))} in transformers {transformers.__version__}", NEWER
        )
    return transformers.AutoConfig.from_pretrained(folder, local_files_only=True)


def _infinite(value: Any) -> Any:
    """Numbers that JSON does not have, as transformers 5 writes them."""
    if isinstance(value, dict):
        return float(value["__float__"]) if set(value) == {"__float__"} else {k: _infinite(v) for k, v in value.items()}
    return [_infinite(v) for v in value] if isinstance(value, list) else value


def _build(torch: Any, transformers: Any, known: Any, text: Any) -> Any:
    """The decoder with its head; the language model of a multimodal one."""
    for attempt in (text, known):
        if hasattr(attempt, "_experts_implementation"):
            attempt._experts_implementation = "batched_mm"
        for auto in (transformers.AutoModelForCausalLM, transformers.AutoModelForImageTextToText):
            try:
                with torch.device("meta"):
                    return auto.from_config(attempt, attn_implementation="eager")
            except ValueError as error:
                if "Unrecognized configuration class" not in str(error):
                    raise
    raise LlmcostError(f"no decoder for {type(known).__name__} in transformers {transformers.__version__}", NEWER)


TOWERS = ("visual", "vision", "vit", "audio", "image", "speech", "projector", "resampler", "embed_tokens_extend")
MIXING = ("attn", "attention", "mixer", "mamba", "conv", "temporal", "recurrent", "linear_attn")


def _of_other_sense(name: str) -> bool:
    """Whether a parameter is of a tower that reads pictures or sound, or of what joins it to the language model."""
    return any(tower in piece for piece in name.split(".")[:3] for tower in TOWERS)


def _count(model: Any, text: Any) -> Measured:
    parts = {"embedding": 0, "head": 0, "attention": 0, "experts": 0, "total": 0}
    experts: dict[str, int] = {}
    seen: set[int] = set()
    vocabulary = int(getattr(text, "vocab_size", 0) or 0)
    for name, tensor in model.named_parameters():
        if id(tensor) in seen or _of_other_sense(name):
            continue
        seen.add(id(tensor))
        size = int(tensor.numel())
        parts["total"] += size
        if ".experts." in f".{name}.":
            parts["experts"] += size
            owner = name.split(".experts.")[0]
            experts[owner] = max(experts.get(owner, 0), _experts(name, tensor))
        elif "lm_head" in name or name.startswith("embed_out"):
            parts["head"] += size
        elif vocabulary and tensor.ndim == 2 and int(tensor.shape[0]) >= vocabulary and not parts["embedding"]:
            parts["embedding"] += size
        elif any(word in piece for piece in name.split(".") for word in MIXING):
            parts["attention"] += size
    many = max(experts.values(), default=0)
    stepped = not any(getattr(text, key, None) for key in ("num_attention_heads", "chunk_size"))
    topk = next((int(v) for k in TOP_K if isinstance(v := getattr(text, k, None), int) and v > 0), many)
    active = parts["total"] - (parts["experts"] * (many - min(topk, many)) // many if many else 0)
    return Measured(
        type(model).__name__, parts["total"], active, parts["embedding"], parts["head"], parts["attention"],
        parts["experts"], many, topk if many else 0, len(experts), lengths=SHORT if stepped else LENGTHS,
    )  # fmt: skip


def _experts(name: str, tensor: Any) -> int:
    """How many experts a tensor shows: by its place in a list of modules, or its first dimension."""
    place = name.split(".experts.")[1].split(".")[0]
    return int(place) + 1 if place.isdigit() else int(tensor.shape[0]) if tensor.ndim >= 3 else 0


def _run(torch: Any, model: Any, counted: Measured) -> Measured:
    """Two forward passes on the meta device: FLOPs by torch's own counter, bytes of the cache."""
    from torch.utils.flop_counter import FlopCounterMode

    flops, cache = [], []
    width = int(next(model.parameters()).element_size())
    try:
        for length in counted.lengths:
            ids = torch.zeros((1, length), dtype=torch.long, device="meta")
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                out = model(input_ids=ids, use_cache=True)
            flops.append(int(counter.get_total_flops()))
            held = getattr(out, "past_key_values", None)
            cache.append(sum(t.numel() * t.element_size() for t in _tensors(torch, held)))
    except Exception as error:  # a pass that depends on data has no shape without them
        return counted._replace(failed=plainly(f"{type(error).__name__}: {error}", 160))
    return counted._replace(flops=tuple(flops), cache=tuple(cache) if all(cache) else (), width=width)


def _tensors(torch: Any, thing: Any, depth: int = 0, seen: set[int] | None = None) -> Iterator[Any]:
    """Every tensor that a cache holds, once."""
    seen = set() if seen is None else seen
    if thing is None or id(thing) in seen or depth > 6:
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, dict):
        for each in thing.values():
            yield from _tensors(torch, each, depth + 1, seen)
    elif isinstance(thing, list | tuple | set):
        for each in thing:
            yield from _tensors(torch, each, depth + 1, seen)
    elif hasattr(thing, "__dict__"):
        yield from _tensors(torch, vars(thing), depth + 1, seen)


def described(found: Measured, text: Any, title: str, read: Any) -> spec.Model:
    """A measured model as a preset: sizes of its configuration, and what is left of the count as other parameters.

    Parameters
    ----------
    found : Measured
        The count.
    text : object
        The configuration of its language model.
    title, read
        Title and day of reading.
    """
    layers, width, heads, vocabulary = (
        int(getattr(text, name, 0) or 0)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size")
    )
    if not (layers and width and heads and vocabulary):  # no attention: known by its counts
        counts = {"params_total": float(found.total), "params_active": float(found.active)}
        return msgspec.convert({"title": title[:500], **counts, "sources": [_source(found, title, read)]}, spec.Model)
    head = int(getattr(text, "head_dim", 0) or 0) or max(width // heads, 1)
    fields: dict[str, Any] = {
        "n_layers": layers, "d_model": width, "n_heads": heads, "d_head": head, "vocab_size": vocabulary,
        "norm": "none",
        "n_kv_heads": int(getattr(text, "num_key_value_heads", 0) or heads), "tied_embeddings": not found.head,
        "attention_params": float(max(found.attention, 1)), "d_ff": 1, "ffn_layers": layers,
        "max_context": int(getattr(text, "max_position_embeddings", 0) or 0) or None, "native_dtype": "bf16",
    }  # fmt: skip
    if found.cache and found.bytes_per_token:
        fields["attention_groups"] = [_cached(found, layers, heads, fields["n_kv_heads"])]
    if found.n_experts:
        each = found.experts // max(found.moe_layers * found.n_experts, 1)
        fields |= {
            "moe_experts": found.n_experts, "moe_topk": min(found.topk, found.n_experts), "ffn_layers": layers,
            "moe_d_ff": max(each // (3 * width), 1), "moe_layers": min(found.moe_layers, layers),
        }  # fmt: skip
    fields["sources"] = [_source(found, title, read)]
    fields |= {"params_total": float(found.total), "params_active": float(found.active)}
    kept = {k: v for k, v in fields.items() if v is not None}
    return _closed(msgspec.convert({"title": title[:500], **kept}, spec.Model), found)


def _cached(found: Measured, layers: int, heads: int, known: int) -> dict[str, Any]:
    """Attention whose cache grows by what was measured, 2 bytes an element: over as many layers as divide it."""
    pairs = max(round(found.bytes_per_token / found.width / 2), 1)
    many = next(n for n in range(layers, 0, -1) if pairs % n == 0)
    kv = known if (pairs // many) % known == 0 else 1
    size = pairs // many // kv
    return {"layers": many, "n_heads": heads, "n_kv_heads": kv, "d_head": size, "d_head_v": size}


def _closed(model: spec.Model, found: Measured) -> spec.Model:
    """As many parameters as were counted: the FFN takes what is left, whole numbers of it, the rest is other."""
    left = found.total - count(model).total
    step = 3.0 * float(model.d_model or 1) * max(int(model.ffn_layers or 0) - int(model.moe_layers or 0), 0)
    wider = int(left // step) if step and left > 0 else 0
    model = msgspec.structs.replace(model, d_ff=1 + wider)
    left = found.total - count(model).total
    if left >= 0:
        return msgspec.structs.replace(model, other_params=left)
    return msgspec.structs.replace(model, attention_params=max(float(model.attention_params or 0) + left, 1.0))


def _source(found: Measured, title: str, read: Any) -> dict[str, Any]:
    return {
        "address": f"{found.name} of transformers, built without weights from config.json of {title}"[:500],
        "date": read, "confidence": "measured", "note": "; ".join(report(found)),
    }  # fmt: skip


def report(found: Measured) -> list[str]:
    """What was measured, one line each."""
    lines = [f"{found.total:,} parameters, {found.active:,} active"]
    if found.n_experts:
        lines.append(f"{found.n_experts} experts in {found.moe_layers} layers, {found.topk} a token")
    if found.flops:
        lines.append(
            f"{found.flops[0]:,} and {found.flops[1]:,} FLOPs of {found.lengths[0]} and {found.lengths[1]:,} tokens"
        )
    if found.cache:
        lines.append(f"cache of {2 * found.bytes_per_token / found.width:,.0f} bytes a token in 16 bits")
    if found.state_bytes >= 1:
        lines.append(f"state of {2 * found.state_bytes / found.width:,.0f} bytes in 16 bits")
    if found.failed:
        lines.append(f"FLOPs and cache not measured ({found.failed})")
    return lines
