"""Mixtures of experts with ordinary attention."""

from __future__ import annotations

from llmcost.hf_config.families.dense import exaone4, qwen2, qwen3
from llmcost.hf_config.families.parts import (
    CHUNKED,
    FULL,
    Fields,
    body,
    experts,
    llama,
    shared,
    sparse,
    windowed,
    windows,
)
from llmcost.hf_config.reader import Reader


def qwen_experts(r: Reader, fields: Fields) -> Fields:
    """Qwen's experts: in every `decoder_sparse_step`-th layer, but not in those listed as dense."""
    layers = fields["n_layers"]
    step = r.whole("decoder_sparse_step") if r.has("decoder_sparse_step") else 1
    listed = {i for i in r.items("mlp_only_layers") if isinstance(i, int)}
    many = sum((i + 1) % step == 0 and i not in listed for i in range(layers))
    if many == layers:
        fields.pop("d_ff", None)  # no layer is dense: intermediate_size is not used
    placed = {"moe_layers": many} if listed else {"moe_layer_interval": step}
    return fields | experts(r, "num_experts", "moe_intermediate_size") | placed


def qwen2_moe(r: Reader) -> Fields:
    """Qwen 2 MoE: one gated shared expert beside the routed ones."""
    width = r.whole("shared_expert_intermediate_size")
    return qwen_experts(r, qwen2(r)) | {"moe_shared_d_ff_total": width, "moe_shared_gate": True}


def qwen3_moe(r: Reader) -> Fields:
    """Qwen 3 MoE."""
    return qwen_experts(r, qwen3(r))


def mixtral(r: Reader) -> Fields:
    """Mixtral: `intermediate_size` is the width of an expert."""
    fields = windowed(r)
    del fields["d_ff"]
    return fields | experts(r, "num_local_experts", "intermediate_size")


def minimax_m2(r: Reader) -> Fields:
    """MiniMax M2: Mixtral with a norm over the whole query and key."""
    fields = mixtral(r)
    return fields | {"qk_norm": "full" if r.flag("use_qk_norm", True) else "none", "router_bias": True}


def phimoe(r: Reader) -> Fields:
    """Phi 3.5 MoE: Mixtral with LayerNorm, biases in attention and in the head where said."""
    biased = r.flag("attention_bias", False)
    fields = mixtral(r) | {"norm": "ln", "qkv_bias": biased, "o_bias": biased}
    return fields | {"lm_bias": r.flag("lm_head_bias", False)}


def deepseek_experts(r: Reader) -> Fields:
    """DeepSeek-style experts: shared experts as wide as routed ones, the first layers or those listed dense."""
    fields = experts(r, "n_routed_experts", "moe_intermediate_size")
    return fields | shared(r, fields, "n_shared_experts") | sparse(r, r.whole("num_hidden_layers"))


def deepseek_moe(r: Reader) -> Fields:
    """DeepSeek MoE and DeepSeek's readers of pages: DeepSeek-style experts under ordinary attention."""
    fields = llama(r, kv_heads="heads") | deepseek_experts(r)
    kinds = r.items("layer_types")[: fields["n_layers"]]
    near = sum("sliding" in str(kind) for kind in kinds)
    if not near:
        return fields
    return fields | {"sliding_window": r.whole("sliding_window"), "full_attention_layers": fields["n_layers"] - near}


def glm4_moe(r: Reader) -> Fields:
    """GLM 4.5: grouped-query attention, DeepSeek-style experts."""
    fields = llama(r, bias=False, qkv_only=True) | deepseek_experts(r)
    return fields | {"router_bias": True, "qk_norm": "head" if r.flag("use_qk_norm", False) else "none"}


def solar_open(r: Reader) -> Fields:
    """Solar Open: GLM 4.5 without dense layers."""
    layers = r.whole("num_hidden_layers")
    r.config = {"intermediate_size": 0, "first_k_dense_replace": 0, "mlp_layer_types": ["sparse"] * layers, **r.config}
    fields = body(r) | deepseek_experts(r)
    return fields | {"router_bias": True, "qk_norm": "head" if r.flag("use_qk_norm", False) else "none"}


def dots1(r: Reader) -> Fields:
    """dots.llm1: DeepSeek-style experts, norms on query and key heads."""
    fields = llama(r, kv_heads="heads", qk_norm="head") | deepseek_experts(r) | {"router_bias": True}
    return fields | windows(r, fields["n_layers"], fields["n_layers"])


def bailing(r: Reader) -> Fields:
    """Ling 1 and 2, Sarvam: DeepSeek-style experts, biases by `use_bias` and `use_qkv_bias`."""
    biased, qkv = r.flag("use_bias", False), r.flag("use_qkv_bias", False)
    fields = body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "qkv_bias": biased or qkv}
    name = "num_experts" if r.has("num_experts") else "n_routed_experts"
    routed = experts(r, name, "moe_intermediate_size")
    many = "num_shared_experts" if r.has("num_shared_experts") else "n_shared_experts"
    width = r.optional("moe_shared_expert_intermediate_size", low=0) or routed["moe_d_ff"]
    fields |= routed | {"moe_shared_d_ff_total": (r.optional(many, low=0) or 0) * width, "o_bias": biased}
    norm = "head" if r.flag("use_qk_norm", False) else "none"
    biased = r.flag("moe_router_enable_expert_bias", r.config.get("model_type") != "bailing_moe")
    return fields | sparse(r, fields["n_layers"]) | {"qk_norm": norm, "router_bias": biased}


def exaone_moe(r: Reader) -> Fields:
    """K-EXAONE: EXAONE 4's attention, DeepSeek-style experts."""
    fields = exaone4(r) | experts(r, "num_experts", "moe_intermediate_size")
    return fields | shared(r, fields, "num_shared_experts") | sparse(r, fields["n_layers"]) | {"router_bias": True}


def ernie_moe(r: Reader) -> Fields:
    """ERNIE 4.5: experts between a first and a last layer, in every so-many-th."""
    renamed = {"num_experts_per_tok": "moe_k"}
    r.config = {**{ours: r.config.get(theirs) for ours, theirs in renamed.items()}, **r.config}
    widths = r.items("moe_intermediate_size") if isinstance(r.config.get("moe_intermediate_size"), list) else []
    if widths:  # experts of text, and those of pictures beside them, which are counted apart
        r.config = {**r.config, "moe_intermediate_size": widths[0]}
    biased = r.flag("use_bias", False)
    fields = body(r, tied=True) | {"d_ff": r.whole("intermediate_size")}
    fields |= experts(r, "moe_num_experts", "moe_intermediate_size") | dict.fromkeys(("qkv_bias", "o_bias"), biased)
    if r.has("mlp_layer_types"):
        fields |= shared(r, fields, "moe_num_shared_experts") | sparse(r, fields["n_layers"]) | {"router_bias": True}
        return fields | _picture_experts(fields, widths)
    start, end = r.whole("moe_layer_start_index", low=0), r.config.get("moe_layer_end_index")
    last = end if isinstance(end, int) and 0 <= end < fields["n_layers"] else fields["n_layers"] - 1
    step = r.whole("moe_layer_interval")
    many = sum((i + 1) % step == 0 for i in range(start, last + 1))
    return fields | shared(r, fields, "moe_num_shared_experts") | {"moe_layers": many, "router_bias": True}


def _picture_experts(fields: Fields, widths: list[object]) -> Fields:
    """As many experts that only pictures visit, of a width of their own."""
    if len(widths) < 2 or not isinstance(widths[1], int):
        return {}
    layers = fields["n_layers"] - fields.get("moe_first_dense_layers", 0)
    each = 3 * fields["d_model"] * widths[1] + fields["d_model"] + 1
    return {"vision_params": fields.get("moe_layers", layers) * fields["moe_experts"] * each}


def cohere2_moe(r: Reader) -> Fields:
    """Cohere's experts: Command's parallel blocks, `intermediate_size` as the width of an expert."""
    fields = llama(r, tied=True, kv_heads="heads", norm="ln_nobias", norms_per_layer=1)
    every = r.whole("sliding_window_pattern") if r.has("sliding_window_pattern") else 4
    fields |= windows(r, fields["n_layers"], fields["n_layers"] // every)
    fields |= experts(r, "num_experts", "intermediate_size")
    if r.has("prefix_dense_intermediate_size"):
        fields["d_ff"] = r.whole("prefix_dense_intermediate_size")
    return fields | shared(r, fields, "num_shared_experts") | sparse(r, fields["n_layers"])


def granitemoe(r: Reader) -> Fields:
    """Granite's experts: in every layer, with a shared FFN where one is said."""
    fields = windowed(r, kv_heads="heads")
    del fields["d_ff"]
    fields |= experts(r, "num_local_experts", "intermediate_size")
    return fields | {"moe_shared_d_ff_total": r.optional("shared_intermediate_size", low=0) or 0}


def afmoe(r: Reader) -> Fields:
    """Arcee Trinity: gated attention, norms before and after each block, windows on three layers of four."""
    fields = llama(r, kv_heads="heads", qk_norm="head", norms_per_layer=4, attention_gate=True)
    every = r.whole("global_attn_every_n_layers") if r.has("global_attn_every_n_layers") else 4
    fields |= experts(r, "num_experts", "moe_intermediate_size") | {"router_bias": True}
    fields |= windows(r, fields["n_layers"], fields["n_layers"] // every)
    return fields | shared(r, fields, "num_shared_experts") | sparse(r, fields["n_layers"], "num_dense_layers")


def laguna(r: Reader) -> Fields:
    """Laguna: a gate for each head or each of its elements, one shared expert, heads that may differ by layer."""
    layers, per_layer = r.whole("num_hidden_layers"), r.items("num_attention_heads_per_layer")
    fields = llama(r, qk_norm="head") | experts(r, "num_experts", "moe_intermediate_size")
    fields |= shared(r, fields, "", "shared_expert_intermediate_size") | sparse(r, layers) | {"router_bias": True}
    if r.config.get("gating") == "per-element":
        fields["attention_gate"] = True
    if len(set(map(str, per_layer))) > 1:
        fields |= _laguna_groups(r, fields, per_layer)
        heads = sum(group["layers"] * group["n_heads"] for group in fields["attention_groups"])
    else:
        fields |= windows(r, layers, layers)
        heads = layers * fields["n_heads"]
    return fields | {"other_params": heads * fields["d_model"] if r.config.get("gating") in (True, "per-head") else 0}


def _laguna_groups(r: Reader, fields: Fields, heads: list[object]) -> Fields:
    layers = fields["n_layers"]
    kinds = r.layer_types(layers, (FULL, "sliding_attention")) or [FULL] * layers
    groups = []
    for kind, many in sorted({(k, h) for k, h in zip(kinds, heads, strict=False) if isinstance(h, int)}):
        count = sum((k, h) == (kind, many) for k, h in zip(kinds, heads, strict=False))
        group = {
            "layers": count, "n_heads": many, "n_kv_heads": fields["n_kv_heads"], "d_head": fields["d_head"],
            "d_head_v": fields["d_head"],
        }  # fmt: skip
        groups.append(group if kind == FULL else group | {"sliding_window": r.whole("sliding_window")})
    return {"attention_groups": groups}


def flint(r: Reader) -> Fields:
    """Flint: Qwen's experts behind dense layers, a shared expert, sinks, windows by list."""
    fields = qwen_experts(r, llama(r, qk_norm="head", attention_sinks=True))
    return fields | shared(r, fields, "", "shared_expert_intermediate_size") | windows(r, fields["n_layers"])


def kolibri(r: Reader) -> Fields:
    """Kolibri: experts in every layer, one shared, norms before and after each block."""
    fields = body(r) | experts(r, "num_local_experts", "moe_intermediate_size")
    fields |= {"qk_norm": "head", "norms_per_layer": 4} | windows(r, fields["n_layers"])
    return fields | shared(r, fields, "", "shared_expert_intermediate_size")


def mellum(r: Reader) -> Fields:
    """Mellum 2: Qwen 3's attention, experts in every layer."""
    fields = llama(r, qk_norm="head") | experts(r, "num_local_experts", "moe_intermediate_size")
    return fields | sparse(r, fields["n_layers"]) | windows(r, fields["n_layers"], fields["n_layers"])


def olmoe(r: Reader) -> Fields:
    """OLMoE and FlexOlmo: `intermediate_size` is the width of an expert; norms over the whole query and key."""
    fields = llama(r, kv_heads="heads", qk_norm="full")
    del fields["d_ff"]
    return fields | experts(r, "num_experts", "intermediate_size")


def aria(r: Reader) -> Fields:
    """Aria: experts of `intermediate_size`, shared experts of the same width."""
    r.config = {"num_experts_per_tok": r.config.get("moe_topk"), **r.config}
    fields = llama(r, kv_heads="heads")
    del fields["d_ff"]
    fields |= experts(r, "moe_num_experts", "intermediate_size")
    return fields | shared(r, fields, "moe_num_shared_experts")


def gpt_oss(r: Reader) -> Fields:
    """gpt-oss: windows on every other layer, attention sinks, biases everywhere."""
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size")
    fields |= dict.fromkeys(("router_bias", "moe_bias", "attention_sinks"), True)
    biased = r.flag("attention_bias", True)
    if not r.has("sliding_window"):
        r.find("missing key 'sliding_window'")
    return fields | {"qkv_bias": biased, "o_bias": biased} | windows(r, fields["n_layers"], fields["n_layers"] // 2)


def dbrx(r: Reader) -> Fields:
    """DBRX: LayerNorm without bias; sizes in `attn_config` and `ffn_config`."""
    attention, ffn = r.config.get("attn_config") or {}, r.config.get("ffn_config") or {}
    if not isinstance(attention, dict) or not isinstance(ffn, dict):
        r.find("attn_config and ffn_config: expected tables")
        attention, ffn = {}, {}
    names = {"num_hidden_layers": "n_layers", "num_attention_heads": "n_heads", "hidden_size": "d_model"}
    found = {ours: r.config.get(theirs) for ours, theirs in names.items()}
    found |= {"num_key_value_heads": attention.get("kv_n_heads"), "intermediate_size": ffn.get("ffn_hidden_size")}
    found |= {"num_local_experts": ffn.get("moe_num_experts"), "num_experts_per_tok": ffn.get("moe_top_k")}
    r.config = {**found, **{k: v for k, v in r.config.items() if v is not None}}
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size")
    return fields | {"norm": "ln_nobias"}


def minimax_m3(r: Reader) -> Fields:
    """MiniMax M3: norms on query and key heads, one shared expert, a sparse indexer on the layers that are listed."""
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size") | {"qk_norm": "head", "router_bias": True}
    layers = fields["n_layers"]
    fields |= shared(r, fields, "n_shared_experts", "shared_intermediate_size") | sparse(r, layers)
    if fields.get("moe_first_dense_layers") or fields.get("moe_layers", layers) < layers:
        fields["d_ff"] = r.whole("dense_intermediate_size")
    return fields | _block_indexer(r)


def _block_indexer(r: Reader) -> Fields:
    """Blocks that a small indexer picks: in published files `sparse_attention_config`, in ours plain keys."""
    said = r.config.get("sparse_attention_config")
    if isinstance(said, dict):
        listed = said.get("sparse_attention_freq")
        r.config = {**r.config, **said}
        own = sum(bool(x) for x in listed) if isinstance(listed, list) else 0
        keys = ("sparse_num_index_heads", "sparse_index_dim", "sparse_topk_blocks", "sparse_block_size")
    else:
        own = sum(kind not in (FULL, "sliding_attention") for kind in r.items("layer_types"))
        keys = ("index_n_heads", "index_head_dim", "index_topk_blocks", "index_block_size")
    if not own:
        return {}
    heads, dim, blocks, size = (r.whole(key) for key in keys)
    return _indexer(own, heads, dim, blocks * size)


def _indexer(layers: int, heads: int, dim: int, tokens: int) -> Fields:
    found = {"layers": layers, "sparse_layers": layers, "heads": heads, "dim": dim, "tokens": tokens}
    return {"indexer": found | {"head_weights": False}}


def llama4(r: Reader) -> Fields:
    """Llama 4: attention in chunks except on layers without rotary positions; one shared expert of an expert's width.

    A chunk is counted as a window: its mean context is half a chunk, a window's the whole of it.
    """
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size")
    layers, step = fields["n_layers"], r.whole("interleave_moe_layer_step")
    many = len(r.items("moe_layers")) or layers // step
    fields |= {"moe_shared_d_ff_total": fields["moe_d_ff"], "moe_layer_interval": step}
    if many < layers:
        fields["d_ff"] = r.whole("intermediate_size_mlp")
    if many != layers // step:
        fields["moe_layers"] = many
    r.refuse("attention_bias", False, "biases of chunked attention")
    every = r.whole("no_rope_layer_interval") if r.has("no_rope_layer_interval") else 4
    rotary = r.items("no_rope_layers")
    kinds = r.layer_types(layers, (FULL, CHUNKED))
    full = kinds.count(FULL) if kinds is not None else rotary.count(0) if rotary else layers // every
    chunk = r.optional("attention_chunk_size")
    return fields if chunk is None else fields | {"sliding_window": chunk, "full_attention_layers": full}


def step3(r: Reader) -> Fields:
    """Step 3.5 and 3.7 Flash: one shared expert, norms on query and key heads, windows with heads of their own."""
    fields = _step_sizes(r)
    layers = fields["n_layers"]
    kinds = (r.items("layer_types") or [FULL] * layers)[:layers]
    other = r.config.get("attention_other_setting")
    fields |= _step_moe(r, layers) if r.has("moe_layers_enum") else sparse(r, layers)
    gated = layers * fields["d_model"] * fields["n_heads"] if r.flag("use_head_wise_attn_gate", False) else 0
    if not isinstance(other, dict) or kinds.count("sliding_attention") == 0:
        r.config = {**r.config, "layer_types": kinds}  # files list those of the prediction head too
        return fields | {"other_params": gated} | windows(r, layers)
    many = kinds.count("sliding_attention")
    heads, kv = other.get("num_attention_heads"), other.get("num_attention_groups")
    if not isinstance(heads, int) or not isinstance(kv, int):
        r.find("attention_other_setting: expected num_attention_heads and num_attention_groups")
        return fields
    size = {"d_head": fields["d_head"], "d_head_v": fields["d_head"]}
    full = {"layers": layers - many, "n_heads": fields["n_heads"], "n_kv_heads": fields["n_kv_heads"], **size}
    local = {"layers": many, "n_heads": heads, "n_kv_heads": kv, **size, "sliding_window": r.whole("sliding_window")}
    if gated:
        gated = fields["d_model"] * ((layers - many) * fields["n_heads"] + many * heads)
    return fields | {"attention_groups": [full, local], "other_params": gated}


def _step_sizes(r: Reader) -> Fields:
    names = {"num_key_value_heads": "num_attention_groups", "n_routed_experts": "moe_num_experts",
             "num_experts_per_tok": "moe_top_k", "share_expert_dim": "share_expert_dims"}  # fmt: skip
    r.config = {**{ours: r.config[theirs] for ours, theirs in names.items() if theirs in r.config}, **r.config}
    fields = llama(r, qk_norm="head") | experts(r, "n_routed_experts", "moe_intermediate_size")
    return fields | {"moe_shared_d_ff_total": r.optional("share_expert_dim", low=0) or 0, "router_bias": True}


def _step_moe(r: Reader, layers: int) -> Fields:
    listed = str(r.config.get("moe_layers_enum") or "")
    many = len([x for x in listed.split(",") if x.strip().isdigit() and int(x) < layers])
    return {"moe_layers": many or layers}


def mimo_v2(r: Reader) -> Fields:
    """MiMo V2: windows with heads of their own and sinks, values narrower than keys, no shared expert."""
    fields = llama(r) | experts(r, "n_routed_experts", "moe_intermediate_size") | {"router_bias": True}
    layers = fields["n_layers"]
    fields |= sparse(r, layers)
    listed = r.items("hybrid_layer_pattern")[:layers]
    kinds = r.layer_types(layers, (FULL, "sliding_attention"))
    local = sum(listed) if listed else 0 if kinds is None else layers - kinds.count(FULL)
    if not listed and kinds is None:
        r.find("missing key 'hybrid_layer_pattern' or 'layer_types'")
    full = {"n_heads": fields["n_heads"], "n_kv_heads": fields["n_kv_heads"], "d_head": fields["d_head"],
            "d_head_v": r.whole("v_head_dim"), "sinks": r.flag("add_full_attention_sink_bias", False)}  # fmt: skip
    swa = {
        "n_heads": r.optional("swa_num_attention_heads") or full["n_heads"],
        "n_kv_heads": r.optional("swa_num_key_value_heads") or _mimo_kv(r),
        "d_head": r.optional("swa_head_dim") or full["d_head"],
        "d_head_v": r.optional("swa_v_head_dim") or full["d_head_v"],
        "sinks": r.flag("add_swa_attention_sink_bias", True), "sliding_window": r.whole("sliding_window"),
    }  # fmt: skip
    groups = [{"layers": layers - local, **full}] if layers > local else []
    return fields | {"attention_groups": [*groups, *([{"layers": local, **swa}] if local else [])]}


def _mimo_kv(r: Reader) -> int:
    """KV heads of the windows: files of transformers 5 list them by layer, the class has 8."""
    listed = r.config.get("per_layer_config")
    own = (
        {v.get("num_key_value_heads") for v in listed.values() if isinstance(v, dict)}
        if isinstance(listed, dict)
        else set()
    )
    found = {n for n in own if isinstance(n, int)}
    return found.pop() if len(found) == 1 else 8
