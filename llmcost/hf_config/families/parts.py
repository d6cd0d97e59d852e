"""What families have in common: sizes, windows, experts, the Llama layout."""

from __future__ import annotations

from typing import Any

from llmcost.hf_config.reader import Reader

Fields = dict[str, Any]
FULL, SLIDING, CHUNKED, LINEAR = "full_attention", "sliding_attention", "chunked_attention", "linear_attention"


EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")


def body(r: Reader, tied: bool = False, kv_heads: str = "") -> Fields:
    """Sizes that every family has; `kv_heads="heads"` where the family defines absent KV heads as all heads."""
    heads, width = r.whole("num_attention_heads"), r.whole("hidden_size")
    if r.has("head_dim") or "head_dim" in r.class_defaults:
        head = r.whole("head_dim")
    else:
        head = max(width // heads, 1)
        if width % heads and not r.findings:
            r.find(f"hidden_size: {width} is not a multiple of num_attention_heads {heads}, and there is no head_dim")
    groups = heads if kv_heads == "heads" and not r.has("num_key_value_heads") else r.whole("num_key_value_heads")
    if heads % groups and not r.findings:
        r.find(f"num_key_value_heads: {groups} does not divide num_attention_heads {heads}")
    return {
        "n_layers": r.whole("num_hidden_layers"), "d_model": width, "n_heads": heads, "n_kv_heads": groups,
        "d_head": head, "vocab_size": r.whole("vocab_size"), "tied_embeddings": r.flag("tie_word_embeddings", tied),
    }  # fmt: skip


def windows(r: Reader, layers: int, full: int | None = None) -> Fields:
    """Sliding windows: `full` layers without one unless the configuration lists its layers; all windowed otherwise."""
    window = r.optional("sliding_window")
    kinds = r.layer_types(layers, (FULL, SLIDING))
    if kinds is not None:
        full = kinds.count(FULL)
    if window is None or full == layers:
        if kinds is not None and full != layers:
            r.find("missing key 'sliding_window' (layer_types has sliding layers)")
        return {}
    return {"sliding_window": window} if not full else {"sliding_window": window, "full_attention_layers": full}


def experts(r: Reader, count: str, width: str) -> Fields:
    """Routed experts; files of transformers 5 may count them under another family's key."""
    if not r.has(count):
        count = next((key for key in EXPERT_COUNTS if r.has(key)), count)
    many, topk = r.whole(count, high=1_000_000), r.whole("num_experts_per_tok")
    if topk > many and not r.findings:
        r.find(f"num_experts_per_tok: {topk} is more than {count} {many}")
    return {"moe_experts": many, "moe_topk": topk, "moe_d_ff": r.whole(width)}


def llama(
    r: Reader, tied: bool = False, kv_heads: str = "", bias: bool = False, qkv_only: bool = False, **extra: Any
) -> Fields:
    """Llama layout: RMSNorm, gated FFN, rotary positions. `attention_bias` covers q, k, v and, in Llama, the output."""
    biased = r.flag("attention_bias", bias)
    fields = body(r, tied, kv_heads) | {"d_ff": r.whole("intermediate_size")}
    fields |= {"qkv_bias": biased, "o_bias": biased and not qkv_only, "mlp_bias": r.flag("mlp_bias", False)}
    return fields | extra


def windowed(r: Reader, **extra: Any) -> Fields:
    """Llama layout whose `sliding_window`, when not null, holds in every layer or in those listed (Mistral, Phi-3)."""
    fields = llama(r, **extra)
    return fields | windows(r, fields["n_layers"])


def alternating(r: Reader, every: int, pattern_key: str = "", **extra: Any) -> Fields:
    """Llama layout with one full layer after `every` - 1 windowed ones (Gemma 2 and 3, OLMo 3)."""
    fields = llama(r, **extra)
    if pattern_key and r.has(pattern_key):
        every = r.whole(pattern_key)
    if not r.has("sliding_window"):
        r.find("missing key 'sliding_window'")
    return fields | windows(r, fields["n_layers"], fields["n_layers"] // every)


def qwen_windows(r: Reader, fields: Fields) -> Fields:
    """Qwen: windows only with `use_sliding_window`, after the first `max_window_layers` layers."""
    if not r.flag("use_sliding_window", False):
        return {}
    return windows(r, fields["n_layers"], min(r.whole("max_window_layers", low=0), fields["n_layers"]))


def sparse(r: Reader, layers: int, first: str = "first_k_dense_replace") -> Fields:
    """Which layers have experts: by list, else all after the first dense ones."""
    kinds = r.items("mlp_layer_types")[:layers] or (
        r.items("moe_layer_freq")[:layers] if isinstance(r.config.get("moe_layer_freq"), list) else []
    )
    if not kinds:
        if not isinstance(r.config.get("moe_layer_freq"), list):
            r.refuse("moe_layer_freq", 1, "dense layers between expert layers")
        return {"moe_first_dense_layers": r.optional(first, low=0) or 0}
    dense = [kind in ("dense", 0, False) for kind in kinds]
    leading = next((i for i, plain in enumerate(dense) if not plain), layers)
    if sum(dense) == leading:
        return {"moe_first_dense_layers": leading}
    return {"moe_layers": layers - sum(dense)}


def shared(r: Reader, fields: Fields, count: str, width: str = "") -> Fields:
    """Shared experts: so many of an expert's width, or one of a stated width."""
    if width and r.has(width):
        return {"moe_shared_d_ff_total": r.whole(width, low=0)}
    return {"moe_shared_d_ff_total": (r.optional(count, low=0) or 0) * fields["moe_d_ff"]}


def latent(r: Reader) -> Fields:
    """Sizes of multi-head latent attention; `head_dim` of such files is one of several, and is not read."""
    nope, rope = r.whole("qk_nope_head_dim"), r.whole("qk_rope_head_dim", low=0)
    heads = r.config.get("num_attention_heads")
    r.config = {**r.config, "head_dim": nope + rope, "num_key_value_heads": heads}  # the latent serves all heads
    r.refuse("attention_bias", False, "biases of latent attention")
    return {
        "attention": "mla", "mla_q_lora_rank": r.optional("q_lora_rank"), "mla_kv_lora_rank": r.whole("kv_lora_rank"),
        "mla_qk_nope_dim": nope, "mla_qk_rope_dim": rope, "mla_v_dim": r.whole("v_head_dim"),
    }  # fmt: skip


def delta_net(r: Reader, layers: int) -> Fields:
    """Gated DeltaNet as Qwen 3 Next has it."""
    return {
        "kind": "gdn", "layers": layers, "k_heads": r.whole("linear_num_key_heads"),
        "v_heads": r.whole("linear_num_value_heads"), "k_dim": r.whole("linear_key_head_dim"),
        "v_dim": r.whole("linear_value_head_dim"), "conv": r.whole("linear_conv_kernel_dim"),
    }  # fmt: skip


def mamba2(r: Reader, layers: int, width: int) -> Fields:
    """Mamba-2 by the keys of Bamba, Falcon-H1 and Granite 4."""
    heads = r.whole("mamba_n_heads")
    head = r.config.get("mamba_d_head")
    inner = r.optional("mamba_d_ssm") or (
        heads * head if isinstance(head, int) and head > 0 else r.whole("mamba_expand") * width
    )
    r.refuse("mamba_proj_bias", False, "biases of the mixer's projections")
    return {
        "kind": "mamba2", "layers": layers, "heads": heads, "d_inner": inner, "d_state": r.whole("mamba_d_state"),
        "groups": r.whole("mamba_n_groups"), "conv": r.whole("mamba_d_conv"),
        "conv_bias": r.flag("mamba_conv_bias", True),
    }  # fmt: skip


def renamed(r: Reader, names: dict[str, str]) -> None:
    """Read a file whose keys have other names: ours to theirs."""
    r.config = {**{ours: r.config[theirs] for ours, theirs in names.items() if theirs in r.config}, **r.config}
