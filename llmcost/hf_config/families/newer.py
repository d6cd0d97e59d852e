"""Decoders of 2026: relative positions, short convolutions, hyper-connections, tables of n-grams, gated norms."""

from __future__ import annotations

from llmcost.hf_config.families import latent as mla
from llmcost.hf_config.families.dense import qwen3
from llmcost.hf_config.families.moe import deepseek_experts
from llmcost.hf_config.families.parts import (
    FULL,
    LINEAR,
    SLIDING,
    Fields,
    body,
    delta_net,
    experts,
    latent,
    llama,
    renamed,
    shared,
    sparse,
    windows,
)
from llmcost.hf_config.reader import Reader

INDEXED = "indexed_attention"


def _moe_layers(fields: Fields) -> int:
    most: int = fields["n_layers"] - fields.get("moe_first_dense_layers", 0)
    return int(fields.get("moe_layers", most))


def qwen4_exp(r: Reader) -> Fields:
    """Qwen 4 Exp: Qwen 3 Next with an indexer, mixed residual streams and tables of hashed n-grams on some layers.

    A table has a prime number of rows for each of its heads, the next ones above `ngram_vocab_size_base`.
    """
    fields = body(r) | {"qk_norm": "head", "attention_gate": True, "norm": "none"}
    fields |= experts(r, "num_experts", "moe_intermediate_size") | {"moe_shared_gate": True}
    fields |= {"moe_shared_d_ff_total": r.whole("shared_expert_intermediate_size")}
    layers, d = fields["n_layers"], fields["d_model"]
    kinds = r.items("layer_types")[:layers]
    every = r.optional("full_attention_interval") or 4
    linear = kinds.count(LINEAR) if kinds else layers - layers // every
    if linear:
        fields["linear"] = delta_net(r, linear)
    if r.has("indexer_n_heads"):
        fields["indexer"] = {
            "layers": layers - linear, "sparse_layers": layers - linear, "heads": r.whole("indexer_n_heads"),
            "dim": r.whole("indexer_head_dim"), "tokens": r.whole("indexer_budget"), "head_weights": False,
        }  # fmt: skip
    streams, rank = r.optional("hc_count") or 4, r.optional("hc_lowrank") or 320
    wide = streams * d
    mixed = (2 * layers + 1) * wide * (1 + 2 * rank) + 2 * layers * wide * streams
    with_tables, embedded = len(r.items("ple_layer_ids")), r.optional("ple_embed_dim") or d
    heads = ((r.optional("ngram_size") or 3) - 1) * (r.optional("heads_per_ngram") or 8)
    rows = heads * (r.optional("ngram_vocab_size_base") or 20_000_000)
    beside = embedded * (wide + d) + wide * (3 + (r.optional("ple_conv_kernel_size") or 4))
    return fields | {
        "lookup_params": with_tables * rows * (embedded // heads), "other_params": mixed + with_tables * beside,
    }  # fmt: skip


def axk2(r: Reader) -> Fields:
    """A.X K2: DeepSeek V3.2 whose query projection also makes a gate, and whose norms have a gate of low rank."""
    fields = mla.deepseek_v32(r) | {"router_bias": False}
    d, h, layers = fields["d_model"], fields["n_heads"], fields["n_layers"]
    rank, value = fields["mla_q_lora_rank"] or 0, fields["mla_v_dim"]
    query_key = fields["mla_qk_nope_dim"] + fields["mla_qk_rope_dim"]
    gates = layers * rank * h * (query_key + 2 * value)  # its input is twice the rank, its output query and gate
    norms = 2 * d * (r.optional("gated_norm_rank") or 16) * (layers + _moe_layers(fields))
    return fields | {"other_params": gates + norms}


def beam(r: Reader) -> Fields:
    """Beam: gated attention, windows, norms on heads and around each block, no shared expert."""
    fields = llama(r, qk_norm="head", attention_gate=True, norms_per_layer=4)
    fields |= windows(r, fields["n_layers"]) | experts(r, "num_experts", "moe_intermediate_size")
    return fields | sparse(r, fields["n_layers"]) | {"other_params": fields["n_layers"] * fields["n_heads"]}


def doge(r: Reader) -> Fields:
    """Doge: a learned mask of the keys, and a weight on each residual."""
    r.refuse("is_moe", False, "experts looked up by keys")
    fields = llama(r, kv_heads="heads", qk_norm="head")
    d, kv = fields["d_model"], fields["n_kv_heads"]
    masks = kv * (kv * fields["d_head"] + 1)
    return fields | {"other_params": fields["n_layers"] * (masks + 2 * d)}


def dots3_note(r: Reader) -> Fields:
    """Dots 3: latent attention with an indexer on some layers; the others have windows and sizes of their own."""
    routed = latent(r)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | deepseek_experts(r) | {"router_bias": False}
    layers, d, rank = fields["n_layers"], fields["d_model"], routed["mla_q_lora_rank"] or 0
    kinds, own = r.items("layer_types")[:layers], r.config.get("per_layer_config")
    sizes = {"heads": fields["n_heads"], "kv": routed["mla_kv_lora_rank"], "nope": routed["mla_qk_nope_dim"]}
    names = {"num_attention_heads": "heads", "kv_lora_rank": "kv", "qk_nope_head_dim": "nope"}
    heads, dim = r.whole("index_n_heads"), r.whole("index_head_dim")
    groups: dict[tuple[int, int, int, str], int] = {}
    for i, kind in enumerate(kinds):
        said = (own.get(f"{i:02d}") or own.get(str(i)) or {}) if isinstance(own, dict) else {}
        at = sizes | {ours: said[theirs] for theirs, ours in names.items() if isinstance(said.get(theirs), int)}
        key = (at["heads"], at["kv"], at["nope"], str(kind))
        groups[key] = groups.get(key, 0) + 1
    if not kinds:
        r.find("missing key 'layer_types'")
    rope, value, counted, listed = routed["mla_qk_rope_dim"], routed["mla_v_dim"], 0, []
    for (h, kv, nope, kind), many in groups.items():
        each = d * (rank + kv + rope + h) + rank + kv + rope + rank * h * (nope + rope) + h * value * d
        each += kv * h * (nope + value)
        group = {"layers": many, "n_heads": h, "n_kv_heads": 1, "d_head": kv + rope, "d_head_v": kv, "shared_kv": True}
        if kind == INDEXED:
            each += rank * heads * dim + d * (dim + heads) + 2 * dim
            index = {"layers": many, "sparse_layers": many, "heads": heads, "dim": dim, "tokens": r.whole("index_topk")}
            listed.append(group | {"indexer": index})
        else:
            listed.append(group | {"sliding_window": r.whole("sliding_window")} if kind == SLIDING else group)
        counted += many * each
    return fields | {"attention_groups": listed, "attention_params": counted}


def _inkling(r: Reader) -> tuple[Fields, list[tuple[Fields, bool]]]:
    """Sizes, and the groups of layers with and without a window."""
    r.config = {"num_key_value_heads": r.config.get("num_attention_heads"), **r.config}
    fields = body(r)
    kinds = r.items("layer_types")[: fields["n_layers"]]
    near = sum("sliding" in str(kind) for kind in kinds) if kinds else 0
    if not kinds:
        r.find("missing key 'layer_types'")
    full = {"n_heads": fields["n_heads"], "n_kv_heads": fields["n_kv_heads"], "d_head": fields["d_head"]}
    window = {
        "n_heads": r.optional("swa_num_attention_heads") or full["n_heads"],
        "n_kv_heads": r.optional("swa_num_key_value_heads") or full["n_kv_heads"],
        "d_head": r.optional("swa_head_dim") or full["d_head"],
        "sliding_window": r.whole("sliding_window_size", "sliding_window"),
    }  # fmt: skip
    found = [(window | {"layers": near, "d_head_v": window["d_head"]}, True)] if near else []
    if fields["n_layers"] > near:
        found.append((full | {"layers": fields["n_layers"] - near, "d_head_v": full["d_head"]}, False))
    return fields, found


def inkling(r: Reader) -> Fields:
    """Inkling: relative positions, short convolutions behind key, value and both blocks, two shared experts."""
    fields, groups = _inkling(r)
    layers, d, taps = fields["n_layers"], fields["d_model"], r.optional("conv_kernel_size") or 4
    ranks, extent = r.whole("d_rel"), r.whole("rel_extent")
    counted = 0
    for group, _ in groups:
        h, e, kv = group["n_heads"], group["d_head"], group["n_kv_heads"] * group["d_head"]
        reach = min(extent, group.get("sliding_window", extent))
        each = 2 * d * h * e + 2 * d * kv + 2 * taps * kv + d * h * ranks + 2 * e + ranks * reach
        counted += group["layers"] * each
    fields |= experts(r, "n_routed_experts", "moe_intermediate_size") | sparse(r, layers)
    fields |= shared(r, fields, "n_shared_experts")
    if _moe_layers(fields) < layers:
        fields["d_ff"] = r.whole("intermediate_size")
    rows = _moe_layers(fields) * (d * (r.optional("n_shared_experts", low=0) or 0) + 1)
    return fields | {
        "attention_groups": [group for group, _ in groups], "attention_params": counted,
        "other_params": rows + layers * 2 * taps * d + d,
    }  # fmt: skip


def inkling2(r: Reader) -> Fields:
    """Inkling 2: Inkling with gated attention, sinks, and inputs that are weighed over earlier blocks."""
    fields, groups = _inkling(r)
    layers, d, taps = fields["n_layers"], fields["d_model"], r.optional("conv_kernel_size") or 4
    ranks, extent = r.whole("d_rel"), r.whole("rel_extent")
    counted, small = 0, layers * d * (2 + 2 * taps) + 2 * d
    for group, near in groups:
        h, e, kv = group["n_heads"], group["d_head"], group["n_kv_heads"] * group["d_head"]
        reach = min(extent, group.get("sliding_window", extent))
        each = 3 * d * h * e + 2 * d * kv + 2 * taps * kv + d * h * (1 + ranks) + h * (e + ranks) + ranks * reach
        each += 0 if near else 2 * taps * group["n_kv_heads"] * d
        counted += group["layers"] * each
        small += group["layers"] * (2 if near else 6) * d
    fields |= experts(r, "n_routed_experts", "moe_intermediate_size")
    return fields | {
        "attention_groups": [group for group, _ in groups], "attention_params": counted, "norm": "none",
        "other_params": small,
    }  # fmt: skip


def mistral_large4(r: Reader) -> Fields:
    """Mistral Large 4: latent attention of the whole query, an indexer, layers without rotary positions."""
    routed = latent(r)
    routed.pop("mla_q_lora_rank", None)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | routed | deepseek_experts(r) | {"router_bias": False}
    layers, d, h = fields["n_layers"], fields["d_model"], fields["n_heads"]
    nope, rope, value = (routed[key] for key in ("mla_qk_nope_dim", "mla_qk_rope_dim", "mla_v_dim"))
    kv, heads, dim = routed["mla_kv_lora_rank"], r.whole("index_n_heads"), r.whole("index_head_dim")
    plain = sum(x == 0 for x in r.items("no_rope_layers")[:layers])
    each = d * h * (nope + rope) + d * kv + kv + h * value * d + 2 * h
    each += d * heads * dim + d * (dim + heads) + 2 * (dim + d + heads)
    turned, unturned = d * rope + kv * h * (nope + value), kv * h * (nope + rope + value)
    index = {"layers": layers, "sparse_layers": layers, "heads": heads, "dim": dim, "tokens": r.whole("index_topk")}
    return fields | {"indexer": index, "attention_params": layers * each + (layers - plain) * turned + plain * unturned}


def glm5_next(r: Reader) -> Fields:
    """GLM 5.3 Flash: Kimi Delta Attention beside latent attention with an indexer of pooled keys, hyper-connections."""
    routed = latent(r)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | routed | deepseek_experts(r) | {"router_bias": False}
    layers, d = fields["n_layers"], fields["d_model"]
    kinds = r.items("layer_types")[:layers]
    linear = kinds.count(LINEAR)
    if not kinds:
        r.find("missing key 'layer_types'")
    mixer = {
        "kind": "kda", "layers": linear, "heads": r.whole("linear_num_heads"), "k_dim": r.whole("linear_head_dim"),
        "conv": r.whole("linear_conv_kernel_dim"),
    }  # fmt: skip
    own, dim = layers - linear, r.whole("index_head_dim")
    index = {
        "layers": own, "sparse_layers": own, "heads": r.whole("index_n_heads"), "dim": dim,
        "tokens": r.whole("index_topk"),
    }  # fmt: skip
    pooled = own * dim * ((r.optional("index_kpool") or 16) + d)
    streams = r.whole("hc_mult")
    mixed = 2 * layers * ((streams * d + 1) * (2 * streams + streams * streams) + 3)
    extra: Fields = {"linear": mixer} if linear else {}
    return fields | extra | {"indexer": index, "other_params": mixed + pooled}


def step3_shared(r: Reader) -> Fields:
    """Step 3: one key and value for all heads, a query of low rank with a norm, one shared expert."""
    names = {"num_key_value_heads": "num_attention_groups", "num_experts_per_tok": "moe_top_k"}
    renamed(r, names | {"max_position_embeddings": "max_position_embedding"})
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | experts(r, "moe_num_experts", "moe_intermediate_size")
    layers, d, rank = fields["n_layers"], fields["d_model"], r.whole("share_q_dim")
    query, key = fields["n_heads"] * fields["d_head"], fields["n_kv_heads"] * fields["d_head"]
    listed = r.config.get("moe_layers_enum")
    sparse_layers = listed.split(",") if isinstance(listed, str) else r.items("moe_layers_enum")
    if not sparse_layers:
        r.find("missing key 'moe_layers_enum'")
    return fields | {
        "moe_shared_d_ff_total": r.whole("share_expert_dim", low=0), "moe_layers": len(sparse_layers),
        "attention_params": layers * (rank * (d + 1 + query) + 2 * d * key + query * d),
    }  # fmt: skip


def molmo2(r: Reader) -> Fields:
    """Molmo 2: Qwen 3 with more entries of the embedding than of the head."""
    fields = qwen3(r) | {"qk_norm": "full" if r.config.get("qk_norm_type") == "olmo" else "head"}
    return fields | {"other_params": (r.optional("additional_vocab_size", low=0) or 0) * fields["d_model"]}


def muse_glimmer(r: Reader) -> Fields:
    """Muse Glimmer: gated attention, windows, norms before and after each block."""
    fields = llama(r, attention_gate=True, norms_per_layer=4)
    return fields | windows(r, fields["n_layers"])


def muse_spark(r: Reader) -> Fields:
    """Muse Spark: gated attention, windows, experts on a narrower projection, gates on the residuals."""
    fields = llama(r, attention_gate=True, norms_per_layer=3)
    layers, d = fields["n_layers"], fields["d_model"]
    fields |= windows(r, layers) | experts(r, "num_local_experts", "moe_intermediate_size") | sparse(r, layers)
    narrow = r.whole("moe_hidden_size")
    return fields | {
        "moe_latent_dim": narrow, "other_params": layers * 2 * d + _moe_layers(fields) * 2 * narrow,
    }  # fmt: skip


def zaya(r: Reader) -> Fields:
    """Zaya: attention on convolved queries and keys, a router with layers of its own, scales on every residual."""
    fields = body(r, tied=True) | experts(r, "num_experts", "moe_intermediate_size")
    layers, d, e = fields["n_layers"], fields["d_model"], fields["d_head"]
    query, key = fields["n_heads"] * e, fields["n_kv_heads"] * e
    both, first, second = query + key, r.optional("cca_time0") or 2, r.optional("cca_time1") or 2
    each = 2 * d * query + 2 * d * key + both * (first + 2 + e * second) + fields["n_kv_heads"]
    wide, many = r.whole("router_hidden_size"), fields["moe_experts"]
    router = d * wide + 3 * wide + 2 * wide * (wide + 1) + (many + 1) * wide - many * d
    return fields | {
        "attention_params": layers * each, "other_params": layers * (router + 8 * d) + 2 * d - wide,
    }  # fmt: skip


def cohere_compass(r: Reader) -> Fields:
    """Cohere Compass: parallel blocks under one LayerNorm without bias, tied embeddings, windows where listed."""
    fields = llama(r, tied=True, kv_heads="heads", norm="ln_nobias", norms_per_layer=1)
    return fields | (windows(r, fields["n_layers"]) if FULL in r.items("layer_types") else {})


def hy_v3(r: Reader) -> Fields:
    """Hunyuan 3: norms on query and key heads, one shared expert, the first layers dense."""
    fields = llama(r, kv_heads="heads", qk_norm="head") | experts(r, "num_experts", "moe_intermediate_size")
    return fields | shared(r, fields, "num_shared_experts") | sparse(r, fields["n_layers"])


def hunyuan_moe(r: Reader) -> Fields:
    """Hunyuan A13B: one shared expert of an expert's width beside them; keys may be lists of one value."""
    for key in ("moe_topk", "num_shared_expert", "moe_intermediate_size"):
        value = r.config.get(key)
        if isinstance(value, list) and value:
            if len(set(map(str, value))) > 1:
                r.find(f"{key}: differs between layers, which is not covered", "write the preset by hand")
            r.config = {**r.config, key: value[0]}
    if r.has("moe_topk"):
        r.config = {**r.config, "num_experts_per_tok": r.config["moe_topk"]}
    width = "moe_intermediate_size" if r.has("moe_intermediate_size") else "intermediate_size"
    fields = llama(r, qk_norm="head" if r.flag("use_qk_norm", True) else "none") | experts(r, "num_experts", width)
    del fields["d_ff"]
    return fields | {"moe_shared_d_ff_total": (r.optional("num_shared_expert", low=0) or 1) * fields["moe_d_ff"]}
