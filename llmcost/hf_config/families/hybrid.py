"""Layers that keep a fixed state beside layers with attention: DeltaNet, Mamba, lightning, short convolutions."""

from __future__ import annotations

from llmcost.hf_config.families.moe import qwen_experts
from llmcost.hf_config.families.parts import (
    FULL,
    LINEAR,
    SLIDING,
    Fields,
    body,
    delta_net,
    experts,
    llama,
    mamba2,
    shared,
    sparse,
)
from llmcost.hf_config.reader import Reader

STATE = (LINEAR, "mamba", "mamba2", "conv", "recurrent")


def _linear_layers(r: Reader, layers: int, default: int) -> int:
    """How many layers keep a state: by list, else `default`."""
    kinds = (r.items("layer_types") or r.items("layers_block_type"))[:layers]
    strange = [k for k in kinds if k not in (*STATE, FULL, SLIDING, "attention")]
    if strange:
        r.find(f"layer_types: {strange[0]!r} is not covered")
    return sum(kind in STATE for kind in kinds) if kinds else default


def qwen3_next(r: Reader) -> Fields:
    """Qwen 3 Next and the experts of Qwen 3.5: three Gated DeltaNet layers to one of gated attention."""
    fields = qwen3_5(r)
    fields.pop("d_ff", None)
    r.config = {"decoder_sparse_step": 1, "intermediate_size": 0, **r.config}
    if r.items("mlp_only_layers"):
        fields["d_ff"] = r.whole("intermediate_size")
    width = r.whole("shared_expert_intermediate_size")
    return qwen_experts(r, fields) | {"moe_shared_d_ff_total": width, "moe_shared_gate": True}


def qwen3_5(r: Reader) -> Fields:
    """Qwen 3.5, dense: three Gated DeltaNet layers to one of gated attention."""
    if not r.has("intermediate_size"):
        r.config = {**r.config, "intermediate_size": 1}
    gated = r.flag("attn_output_gate", True)
    fields = llama(r, qkv_only=True, qk_norm="head", attention_gate=gated)
    layers = fields["n_layers"]
    every = r.whole("full_attention_interval") if r.has("full_attention_interval") else 4
    linear = _linear_layers(r, layers, layers - layers // every)
    return fields | {"linear": delta_net(r, linear)} if linear else fields


def olmo_hybrid(r: Reader) -> Fields:
    """OLMo Hybrid: Gated DeltaNet with a norm before it, OLMo 2's attention with norms after it."""
    fields = llama(r, kv_heads="heads", qk_norm="full")
    layers = fields["n_layers"]
    return fields | {"linear": delta_net(r, _linear_layers(r, layers, layers - layers // 4))}


def lara_mini(r: Reader) -> Fields:
    """Lara: Gated DeltaNet, windows and full attention; experts with a shared one in every layer."""
    fields = body(r, tied=True) | {"qk_norm": "head"} | experts(r, "num_experts", "moe_intermediate_size")
    kinds = r.items("layer_types")[: fields["n_layers"]]
    fields |= {"linear": delta_net(r, max(kinds.count(LINEAR), 1))}
    if SLIDING in kinds:
        fields |= {"sliding_window": r.whole("sliding_window"), "full_attention_layers": kinds.count(FULL)}
    return fields | shared(r, fields, "", "shared_expert_intermediate_size")


def minimax(r: Reader) -> Fields:
    """MiniMax 01: lightning attention beside softmax attention, experts in every layer."""
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size")
    layers = fields["n_layers"]
    listed = r.items("attn_type_list")[:layers]
    linear = listed.count(0) if listed else _linear_layers(r, layers, layers - layers // 8)
    return fields | {
        "linear": {"kind": "lightning", "layers": linear, "heads": fields["n_heads"], "k_dim": fields["d_head"]}
    }


def jamba(r: Reader) -> Fields:
    """Jamba: Mamba layers with one of attention in so many, experts in every so-many-th FFN."""
    fields = body(r) | {"d_ff": r.whole("intermediate_size")}
    layers, d = fields["n_layers"], fields["d_model"]
    period, offset = r.whole("attn_layer_period"), r.whole("attn_layer_offset", low=0)
    attention = sum(i % period == offset for i in range(layers))
    rank = r.config.get("mamba_dt_rank")
    mixer = {
        "kind": "mamba1", "layers": layers - attention, "d_inner": r.whole("mamba_expand") * d,
        "d_state": r.whole("mamba_d_state"), "conv": r.whole("mamba_d_conv"),
        "dt_rank": rank if isinstance(rank, int) else -(-d // 16),
    }  # fmt: skip
    many = r.optional("num_experts") or 1
    if many == 1:
        return fields | {"linear": mixer}
    step, start = r.whole("expert_layer_period"), r.whole("expert_layer_offset", low=0)
    moe = sum(i % step == start for i in range(layers))
    return fields | experts(r, "num_experts", "intermediate_size") | {"moe_layers": moe, "linear": mixer}


def bamba(r: Reader) -> Fields:
    """Bamba: Mamba-2 layers, attention on those listed, an FFN in each."""
    fields = body(r) | {"d_ff": r.whole("intermediate_size")}
    layers = fields["n_layers"]
    attention = len(r.items("attn_layer_indices"))
    linear = _linear_layers(r, layers, layers - attention)
    return fields | ({"linear": mamba2(r, linear, fields["d_model"])} if linear else {})


def granite_hybrid(r: Reader) -> Fields:
    """Granite 4: Mamba-2 and attention layers, a shared FFN in each and experts where there are any."""
    fields = body(r, kv_heads="heads") | {"qkv_bias": r.flag("attention_bias", False)}
    layers = fields["n_layers"]
    linear = _linear_layers(r, layers, 0)
    if linear:
        fields |= {"linear": mamba2(r, linear, fields["d_model"])}
    width = r.whole("shared_intermediate_size", low=0)
    if not r.optional("num_local_experts", low=0):
        return fields | {"d_ff": width}
    fields |= experts(r, "num_local_experts", "intermediate_size")
    return fields | {"moe_shared_d_ff_total": width}


def falcon_h1(r: Reader) -> Fields:
    """Falcon-H1: attention and Mamba-2 beside each other in every layer; the mixer's norm is there where said."""
    fields = body(r) | {"d_ff": r.whole("intermediate_size")}
    layers = fields["n_layers"]
    mixer = mamba2(r, layers, fields["d_model"]) | {"norm": r.flag("mamba_rms_norm", False)}
    return fields | {"attention_layers": layers, "linear": mixer}


def nemotron_h(r: Reader) -> Fields:
    """Nemotron-H and Nemotron 3: each block is Mamba-2, attention, an FFN or experts, by a pattern."""
    pattern = _blocks(r)
    blocks = len(pattern)
    r.config = {**r.config, "num_hidden_layers": blocks or 1}
    fields = body(r) | {"ffn_gated": False, "norms_per_layer": 1}
    biased = r.flag("attention_bias", False)
    fields |= {"qkv_bias": biased, "o_bias": biased, "mlp_bias": r.flag("mlp_bias", False)}
    fields |= {"attention_layers": pattern.count("*"), "ffn_layers": pattern.count("-") + pattern.count("E")}
    if pattern.count("M"):
        fields |= {"linear": _nemotron_mixer(r, pattern.count("M"))}
    if pattern.count("-"):
        fields |= {"d_ff": r.whole("intermediate_size")}
    if pattern.count("E"):
        fields |= _nemotron_experts(r, pattern.count("E"))
    return fields


def _blocks(r: Reader) -> str:
    """`MEM*E`, one letter a block; files of transformers 5 have a list."""
    letters = {"linear_attention": "M", "mamba": "M", FULL: "*", "attention": "*", "moe": "E", "mlp": "-"}
    listed = r.items("layers_block_type") or r.items("layer_types")
    if listed:
        strange = [kind for kind in listed if kind not in letters]
        if strange:
            r.find(f"layers_block_type: {strange[0]!r} is not covered")
        return "".join(letters.get(kind, "") for kind in listed)
    pattern = r.config.get("hybrid_override_pattern")
    if not isinstance(pattern, str) or set(pattern) - set("M*E-"):
        r.find("hybrid_override_pattern: expected letters M, *, E and -")
        return "M"
    return pattern


def _nemotron_mixer(r: Reader, layers: int) -> Fields:
    heads = r.whole("mamba_num_heads")
    r.refuse("mamba_proj_bias", False, "biases of the mixer's projections")
    r.refuse("use_bias", False, "biases of the mixer's projections")
    return {
        "kind": "mamba2", "layers": layers, "heads": heads, "d_inner": heads * r.whole("mamba_head_dim"),
        "d_state": r.whole("ssm_state_size"), "groups": r.whole("n_groups"), "conv": r.whole("conv_kernel"),
    }  # fmt: skip


def _nemotron_experts(r: Reader, layers: int) -> Fields:
    fields = experts(r, "n_routed_experts", "moe_intermediate_size") | {"moe_layers": layers}
    width = (r.optional("n_shared_experts", low=0) or 0) * (
        r.optional("moe_shared_expert_intermediate_size", low=0) or fields["moe_d_ff"]
    )
    fields |= {"moe_shared_d_ff_total": width}
    return fields | ({"moe_latent_dim": r.whole("moe_latent_size")} if r.has("moe_latent_size") else {})


def lfm2(r: Reader) -> Fields:
    """LFM 2: short convolutions, attention on the layers listed, norms on query and key heads, tied embeddings.

    The FFN's width is two thirds of the one stated, rounded up, unless the file says that it is not adjusted.
    """
    fields = body(r, tied=True) | {"qk_norm": "head"} | _short_convolution(r)
    width = r.whole("block_ff_dim", "intermediate_size")
    if r.flag("block_auto_adjust_ff_dim", True):
        step = r.optional("block_multiple_of") or 256
        multiplier = r.config.get("block_ffn_dim_multiplier")
        width = int(2 * width / 3)
        width = int(multiplier * width) if isinstance(multiplier, int | float) else width
        width = step * -(-width // step)
    return fields | {"d_ff": width}


def lfm2_moe(r: Reader) -> Fields:
    """LFM 2 with experts behind the first dense layers."""
    fields = body(r, tied=True) | {"qk_norm": "head"} | _short_convolution(r)
    fields |= experts(r, "num_experts", "moe_intermediate_size") | {"d_ff": r.whole("intermediate_size")}
    return fields | sparse(r, fields["n_layers"], "num_dense_layers") | {"router_bias": r.flag("use_expert_bias", True)}


def lfm3(r: Reader) -> Fields:
    """LFM 3: short convolutions, windows and full attention with a gate for each head, norms around each block."""
    fields = body(r, tied=True) | {"qk_norm": "head", "d_ff": r.whole("intermediate_size")} | _short_convolution(r)
    kinds = r.items("layer_types")[: fields["n_layers"]]
    attention = kinds.count(FULL) + kinds.count(SLIDING)
    if SLIDING in kinds:
        fields |= {"sliding_window": r.whole("sliding_window"), "full_attention_layers": kinds.count(FULL)}
    gate = attention * fields["n_heads"] * fields["d_model"] if r.flag("use_attention_gate", False) else 0
    return fields | {"norms_per_layer": 4 if r.flag("use_sandwich_norm", False) else 2, "other_params": gate}


def _short_convolution(r: Reader) -> Fields:
    layers = r.whole("num_hidden_layers")
    kinds, listed = r.items("layer_types")[:layers], r.items("full_attn_idxs")
    if not kinds and not listed:
        r.find("missing key 'layer_types': which layers have attention")
        return {}
    linear = kinds.count("conv") if kinds else layers - len(listed)
    if not linear:
        return {}
    r.refuse("conv_bias", False, "biases of the convolution")
    return {
        "linear": {"kind": "shortconv", "layers": linear, "d_inner": r.whole("hidden_size"),
                   "conv": r.whole("conv_L_cache")}
    }  # fmt: skip
