"""Multi-head latent attention (DeepSeek), with experts, indexers and compressed caches."""

from __future__ import annotations

from llmcost.hf_config.families.moe import deepseek_experts, deepseek_moe
from llmcost.hf_config.families.parts import Fields, body, experts, latent, shared, sparse
from llmcost.hf_config.reader import Reader


def deepseek(r: Reader, router_bias: bool = True) -> Fields:
    """DeepSeek V2 and V3 (and Kimi K2): multi-head latent attention; V3 adds a bias to the router."""
    mla = latent(r)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | mla
    return fields | deepseek_experts(r) | {"router_bias": router_bias}


def deepseek_v2(r: Reader) -> Fields:
    """DeepSeek V2, and the language models of VL2 and OCR, of which the small ones have ordinary attention."""
    plain = not r.flag("use_mla", True) or not (
        r.optional("kv_lora_rank", low=0) or r.optional("qk_nope_head_dim", low=0)
    )
    return deepseek_moe(r) if plain else deepseek(r, router_bias=False)


def deepseek_v32(r: Reader) -> Fields:
    """DeepSeek V3.2 and GLM 5: V3 with an indexer that picks the positions attention reads.

    `index_topk_freq` and `indexer_types` say how many layers own one; the others read what the last one picked.
    """
    fields = deepseek(r)
    layers = fields["n_layers"]
    kinds = r.items("indexer_types")[:layers]
    own = sum(kind == "full" for kind in kinds) if kinds else layers
    indexer = {
        "layers": own or layers, "sparse_layers": layers, "heads": r.whole("index_n_heads"),
        "dim": r.whole("index_head_dim"), "tokens": r.whole("index_topk"),
    }  # fmt: skip
    return fields | {"indexer": indexer}


def axk1(r: Reader) -> Fields:
    """A.X K1: DeepSeek V3 with a norm after the FFN of expert layers."""
    fields = deepseek(r)
    moe = fields["n_layers"] - fields.get("moe_first_dense_layers", 0)
    return fields | {"other_params": fields.get("moe_layers", moe) * fields["d_model"]}


def longcat(r: Reader) -> Fields:
    """LongCat Flash: each layer has two attentions and two dense FFNs, and experts beside them.

    Counted as twice as many layers. Of the experts a token may pick some compute nothing (`zero_expert_num`): on
    average it visits the real ones in proportion (arXiv 2509.01322, section 2.1).
    """
    names = {
        "num_hidden_layers": "num_layers",
        "intermediate_size": "ffn_hidden_size",
        "num_experts_per_tok": "moe_topk",
    }
    r.config = {**{ours: r.config[theirs] for ours, theirs in names.items() if theirs in r.config}, **r.config}
    mla = latent(r)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | mla
    fields |= experts(r, "n_routed_experts", "expert_ffn_hidden_size")
    layers, zero = fields["n_layers"], r.optional("zero_expert_num", low=0) or 0
    real = fields["moe_experts"]
    topk = max(round(fields["moe_topk"] * real / (real + zero)), 1)
    return fields | {
        "n_layers": 2 * layers, "ffn_layers": 3 * layers, "moe_layers": layers, "moe_topk": topk,
        "other_params": layers * zero * fields["d_model"],
    }  # fmt: skip


def hy_v4(r: Reader) -> Fields:
    """Hunyuan 4: DeepSeek V3.2 with gated attention, sinks and hyper-connections."""
    fields = deepseek_v32(r) | {"attention_gate": True, "router_bias": False}
    d, layers, streams = fields["d_model"], fields["n_layers"], r.whole("hc_mult")
    mixed = 2 * layers * (streams * d * 2 * streams + 2 * streams + 2)
    head = streams * streams * d + streams + 1
    return fields | {"other_params": mixed + head + layers * fields["n_heads"]}


def deepseek_v4(r: Reader) -> Fields:
    """DeepSeek V4: one key-value vector, a window, and caches that keep one entry per 4 or per 128 positions.

    Layers that keep one per 4 read the best of them (an indexer); hyper-connections widen the residual. Sizes of the
    projections: transformers, models/deepseek_v4/modeling_deepseek_v4.py; the totals are checked against its class.
    """
    layers = r.whole("num_hidden_layers")
    few, many = _compressed(r, layers)
    d, h, e = r.whole("hidden_size"), r.whole("num_attention_heads"), r.whole("head_dim")
    routed = experts(r, "n_routed_experts", "moe_intermediate_size")
    fields = body(r) | routed | shared(r, routed, "n_shared_experts")
    streams = r.whole("hc_mult")
    mixed = 2 * layers * ((streams * d + 1) * (2 * streams + streams * streams) + 3)
    head = streams * streams * d + streams + 1
    size = {"n_heads": h, "n_kv_heads": 1, "d_head": e, "d_head_v": e, "sliding_window": r.whole("sliding_window")}
    group = size | {"shared_kv": True}
    index = {"heads": r.whole("index_n_heads"), "dim": r.whole("index_head_dim"), "tokens": 4 * r.whole("index_topk")}
    groups = [
        *([group | {"layers": few, "kv_compression": 4,
                    "indexer": index | {"layers": few, "sparse_layers": few}}] if few else []),
        *([group | {"layers": many, "kv_compression": 128}] if many else []),
        *([group | {"layers": layers - few - many}] if layers > few + many else []),
    ]  # fmt: skip
    counted = _v4_attention(r, d, h, e, layers, few, many)
    return fields | {"attention_groups": groups, "attention_params": counted, "other_params": mixed + head}


def _compressed(r: Reader, layers: int) -> tuple[int, int]:
    """Layers that keep one entry per 4 positions, and those that keep one per 128."""
    ratios = r.items("compress_ratios")[:layers]
    if ratios:
        strange = [x for x in ratios if x not in (0, 4, 128)]
        if strange:
            r.find(f"compress_ratios: expected 0, 4 or 128, got {strange[0]}")
        return ratios.count(4), ratios.count(128)
    kinds = r.items("layer_types")[:layers]
    if not kinds:
        r.find("missing key 'compress_ratios' or 'layer_types'")
    return kinds.count("compressed_sparse_attention"), kinds.count("heavily_compressed_attention")


def _v4_attention(r: Reader, d: int, h: int, e: int, layers: int, few: int, many: int) -> float:
    rank, groups, out = r.whole("q_lora_rank"), r.whole("o_groups"), r.whole("o_lora_rank")
    heads, dim = r.whole("index_n_heads"), r.whole("index_head_dim")
    plain = d * rank + rank + rank * h * e + d * e + e + out * h * e + groups * out * d + h
    coarse = 128 * e + 2 * d * e + e
    fine = 8 * e + 4 * d * e + e
    index = 8 * dim + 4 * d * dim + dim + rank * heads * dim + d * heads
    return float(layers * plain + many * coarse + few * (fine + index))


def kimi_linear(r: Reader) -> Fields:
    """Kimi Linear, Kimi K3 and Ling 3: Kimi Delta Attention on most layers, latent attention on the others, experts."""
    said = r.config.get("linear_attn_config")
    names = {"num_experts_per_tok": "num_experts_per_token", "n_shared_experts": "num_shared_experts"}
    r.config = {**{ours: r.config[theirs] for ours, theirs in names.items() if theirs in r.config}, **r.config}
    layers = r.whole("num_hidden_layers")
    linear, heads, dim, conv = _kimi_mixer(r, said if isinstance(said, dict) else None)
    mla = latent(r)
    if not r.has("q_lora_rank"):
        mla.pop("mla_q_lora_rank", None)
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | mla
    fields |= experts(r, "num_experts", "moe_intermediate_size")
    fields |= shared(r, fields, "n_shared_experts") | sparse(r, layers) | {"router_bias": True}
    mixer = {"kind": "kda", "layers": linear, "heads": heads, "k_dim": dim, "conv": conv}
    if isinstance(said, dict) and said.get("use_full_rank_gate"):
        mixer["full_rank_gate"] = True
    return (
        fields | {"linear": mixer, "attention_gate": r.flag("mla_use_output_gate", False)} | _latent_experts(r, fields)
    )


def _latent_experts(r: Reader, fields: Fields) -> Fields:
    """Kimi K3: routed experts work on a narrower projection, with a norm of its own."""
    width = r.optional("routed_expert_hidden_size")
    if width is None or width == fields["d_model"]:
        return {}
    moe = fields["n_layers"] - fields.get("moe_first_dense_layers", 0)
    norms = fields.get("moe_layers", moe) * width if r.flag("latent_moe_use_norm", False) else 0
    return {"moe_latent_dim": width, "other_params": norms}


def _kimi_mixer(r: Reader, said: dict[str, object] | None) -> tuple[int, int, int, int]:
    """How many layers are linear, their heads, the size of a head and the convolution."""
    if said is not None:
        sizes = [said.get(k) for k in ("num_heads", "head_dim", "short_conv_kernel_size")]
        listed = said.get("kda_layers")
        if isinstance(listed, list) and all(isinstance(x, int) and x > 0 for x in sizes):
            heads, dim, conv = (int(str(x)) for x in sizes)
            return len(listed), heads, dim, conv
        r.find("linear_attn_config: expected kda_layers, num_heads, head_dim and short_conv_kernel_size")
        return 1, 1, 1, 0
    kinds = r.items("layer_types")
    if not kinds:
        r.find("missing key 'linear_attn_config' or 'layer_types'")
    linear = max(kinds.count("linear_attention"), 1)
    return linear, r.whole("linear_num_heads"), r.whole("linear_head_dim"), r.whole("linear_conv_kernel_dim")


def ling3(r: Reader) -> Fields:
    """Ling 3 (bailing_hybrid): Kimi Linear with full-rank gates and a gate for each head of latent attention."""
    fields = kimi_linear(r)
    linear, d, heads = fields["linear"], fields["d_model"], fields["n_heads"]
    dim, width = linear["k_dim"], linear["heads"] * linear["k_dim"]
    decay = linear["layers"] * (d * width - d * dim - dim * width)  # one matrix in place of two narrow ones
    gates = (fields["n_layers"] - linear["layers"]) * d * heads
    return fields | {"linear": linear | {"full_rank_gate": True}, "other_params": max(decay + gates, 0)}
