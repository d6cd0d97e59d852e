"""Gemma 2 to 4: windows, norms around each block, caches that layers share, embeddings of each layer."""

from __future__ import annotations

from typing import Any

from llmcost.hf_config.families.parts import FULL, SLIDING, Fields, alternating, body, experts
from llmcost.hf_config.reader import Reader

# google/gemma-3-4b to 27b leave these sizes to the class (Gemma3TextConfig).
GEMMA3_CLASS = {"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256}


def gemma2(r: Reader) -> Fields:
    """Gemma 2: a window on every other layer, four norms."""
    return alternating(r, 2, tied=True, norms_per_layer=4)


def gemma3(r: Reader) -> Fields:
    """Gemma 3: norms on query and key heads, four norms per layer, one full layer in six."""
    return alternating(r, 6, "sliding_window_pattern", tied=True, norms_per_layer=4, qk_norm="head")


def gemma3n(r: Reader) -> Fields:
    """Gemma 3n: embeddings of each layer, alternating updates (AltUp), a low-rank bypass (Laurel), a shared cache."""
    widths = r.config.get("intermediate_size")
    layers = r.whole("num_hidden_layers")
    if isinstance(widths, list):
        if len(set(map(str, widths))) != 1:
            r.find(
                "intermediate_size: differs between layers, which is not covered", "llmcost presets import --measure"
            )
        r.config = {**r.config, "intermediate_size": widths[0] if widths else 1}
    fields = body(r, tied=True) | {"d_ff": r.whole("intermediate_size"), "norms_per_layer": 4, "qk_norm": "head"}
    d, streams, rank = fields["d_model"], _default(r, "altup_num_inputs", 4), _default(r, "laurel_rank", 64)
    shared = r.optional("num_kv_shared_layers", low=0) or 0
    altup = d + streams**2 + streams**3 + streams * d + d  # scale, corrections, predictions, router and its norm
    laurel = 2 * d * rank + d
    table, mixed = _per_layer(r, layers, d)
    other = layers * (altup + laurel) + 2 * (streams - 1) * d * d + mixed
    fields |= {"attention_groups": _groups(r, fields, layers, shared, {})}
    return fields | {"lookup_params": table, "other_params": other}


def gemma4(r: Reader) -> Fields:
    """Gemma 4: full layers with heads of their own, values that are the keys, a dense FFN beside the experts."""
    fields = body(r, tied=True) | {"norms_per_layer": 4, "qk_norm": "head"}
    layers, d, width = fields["n_layers"], fields["d_model"], r.whole("intermediate_size")
    own = layers - (r.optional("num_kv_shared_layers", low=0) or 0)
    wide = {"n_kv_heads": r.optional("num_global_key_value_heads") or fields["n_kv_heads"],
            "d_head": _global_head(r, fields)}  # fmt: skip
    if r.flag("attention_k_eq_v", False):
        wide["k_eq_v"] = True
    fields |= {"attention_groups": _groups(r, fields, layers, layers - own, wide)}
    table, mixed = _per_layer(r, layers, d)
    fields |= {"lookup_params": table, "other_params": mixed}
    if r.flag("enable_moe_block", False):
        r.config = {"num_experts_per_tok": r.config.get("top_k_experts"), **r.config}
        fields |= experts(r, "num_experts", "moe_intermediate_size") | {"moe_shared_d_ff_total": width}
        scales = layers * (d + fields["moe_experts"])
        return fields | {"norms_per_layer": 7, "other_params": fields["other_params"] + scales}
    if r.flag("use_double_wide_mlp", False) and own < layers:
        fields["other_params"] += 3 * d * width * (layers - own)
    return fields | {"d_ff": width}


def _default(r: Reader, key: str, known: int) -> int:
    return r.whole(key) if r.has(key) else known


def _global_head(r: Reader, fields: Fields) -> int:
    """Size of a head on full layers; files of transformers 5 list it by layer."""
    if r.has("global_head_dim"):
        return r.whole("global_head_dim")
    listed = r.config.get("per_layer_config")
    sizes = {v["head_dim"] for v in listed.values() if isinstance(v, dict) and isinstance(v.get("head_dim"), int)} if (
        isinstance(listed, dict)
    ) else set()  # fmt: skip
    return sizes.pop() if len(sizes) == 1 else int(fields["d_head"])


def _groups(r: Reader, fields: Fields, layers: int, shared: int, full: Fields) -> list[Fields]:
    """Layers by window and by whether they keep a cache: the last `shared` ones read that of an earlier layer."""
    kinds = r.layer_types(layers, (FULL, SLIDING))
    if kinds is None:
        r.find("missing key 'layer_types'")
        return []
    window = r.whole("sliding_window")
    groups = []
    for kind in (SLIDING, FULL):
        for borrowed in (False, True):
            part = kinds[layers - shared :] if borrowed else kinds[: layers - shared]
            if not part.count(kind):
                continue
            group: dict[str, Any] = {
                "layers": part.count(kind), "n_heads": fields["n_heads"], "n_kv_heads": fields["n_kv_heads"],
                "d_head": fields["d_head"],
            }  # fmt: skip
            group |= {"sliding_window": window} if kind == SLIDING else full
            groups.append(group | {"d_head_v": group["d_head"]} | ({"borrowed_kv": True} if borrowed else {}))
    return groups


def _per_layer(r: Reader, layers: int, d: int) -> tuple[int, int]:
    """Embeddings that each layer adds: the table, and its projections with a gate and a norm in each layer."""
    width = r.optional("hidden_size_per_layer_input", low=0) or 0
    if not width:
        return 0, 0
    table = r.whole("vocab_size_per_layer_input") * layers * width
    return table, layers * width * d + width + layers * (2 * d * width + d)
