"""What each `model_type` means: configuration keys to fields of `spec.Model`.

A default given here is part of the family's definition in its published code (a bias, a norm, tied embeddings); sizes
come from the file. Source of keys and definitions: github.com/huggingface/transformers, src/transformers/models/*/
configuration_*.py and modeling_*.py, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcost.hf_config.reader import Reader

Fields = dict[str, Any]
FULL, SLIDING, CHUNKED, LINEAR = "full_attention", "sliding_attention", "chunked_attention", "linear_attention"

# google/gemma-3-4b to 27b leave these sizes to the class (Gemma3TextConfig).
GEMMA3_CLASS = {"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256}
CLASS_DEFAULTS: dict[str, Fields] = {"gemma3_text": GEMMA3_CLASS}


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
    """Routed experts."""
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


def qwen2(r: Reader) -> Fields:
    """Qwen 2 and 2.5: biases on query, key and value."""
    fields = llama(r, kv_heads="heads") | {"qkv_bias": True, "o_bias": False}
    return fields | qwen_windows(r, fields)


def qwen3(r: Reader) -> Fields:
    """Qwen 3: norms on query and key heads, no biases."""
    fields = llama(r, qk_norm="head")
    return fields | qwen_windows(r, fields)


def _qwen_experts(r: Reader, fields: Fields) -> Fields:
    step = r.whole("decoder_sparse_step") if r.has("decoder_sparse_step") else 1
    if r.items("mlp_only_layers"):
        r.find("mlp_only_layers: dense layers by list are not covered", "write the preset by hand")
    if step == 1:
        fields.pop("d_ff", None)  # no layer is dense: intermediate_size is not used
    return fields | experts(r, "num_experts", "moe_intermediate_size") | {"moe_layer_interval": step}


def qwen2_moe(r: Reader) -> Fields:
    """Qwen 2 MoE: one gated shared expert beside the routed ones."""
    shared = r.whole("shared_expert_intermediate_size")
    return _qwen_experts(r, qwen2(r)) | {"moe_shared_d_ff_total": shared, "moe_shared_gate": True}


def qwen3_moe(r: Reader) -> Fields:
    """Qwen 3 MoE."""
    return _qwen_experts(r, qwen3(r))


def qwen3_next(r: Reader) -> Fields:
    """Qwen 3 Next: three Gated DeltaNet layers to one gated attention layer, experts in every layer."""
    fields = llama(r, qkv_only=True, qk_norm="head", attention_gate=True)
    fields = _qwen_experts(r, fields)
    layers = fields["n_layers"]
    kinds = r.layer_types(layers, (FULL, LINEAR))
    every = r.whole("full_attention_interval") if r.has("full_attention_interval") else 4
    linear = kinds.count(LINEAR) if kinds is not None else layers - layers // every
    mixer = {
        "kind": "gdn", "layers": linear, "k_heads": r.whole("linear_num_key_heads"),
        "v_heads": r.whole("linear_num_value_heads"), "k_dim": r.whole("linear_key_head_dim"),
        "v_dim": r.whole("linear_value_head_dim"), "conv": r.whole("linear_conv_kernel_dim"),
    }  # fmt: skip
    shared = r.whole("shared_expert_intermediate_size")
    return fields | {"linear": mixer, "moe_shared_d_ff_total": shared, "moe_shared_gate": True}


def mixtral(r: Reader) -> Fields:
    """Mixtral: `intermediate_size` is the width of an expert."""
    fields = windowed(r)
    del fields["d_ff"]
    return fields | experts(r, "num_local_experts", "intermediate_size")


def _first_dense(r: Reader) -> Fields:
    """DeepSeek-style experts: shared experts as wide as routed ones, the first layers dense."""
    fields = experts(r, "n_routed_experts", "moe_intermediate_size")
    fields["moe_shared_d_ff_total"] = (r.optional("n_shared_experts", low=0) or 0) * fields["moe_d_ff"]
    fields["moe_first_dense_layers"] = r.whole("first_k_dense_replace", low=0)
    r.refuse("moe_layer_freq", 1, "dense layers between expert layers")
    return fields


def deepseek(r: Reader, router_bias: bool = True) -> Fields:
    """DeepSeek V2 and V3 (and Kimi K2): multi-head latent attention; V3 adds a bias to the router."""
    if not r.has("num_key_value_heads"):
        r.config = {**r.config, "num_key_value_heads": r.config.get("num_attention_heads")}  # the latent serves all
    nope, rope = r.whole("qk_nope_head_dim"), r.whole("qk_rope_head_dim")
    r.config = {**r.config, "head_dim": nope + rope}
    mla = {
        "attention": "mla", "mla_q_lora_rank": r.optional("q_lora_rank"), "mla_kv_lora_rank": r.whole("kv_lora_rank"),
        "mla_qk_nope_dim": nope, "mla_qk_rope_dim": rope, "mla_v_dim": r.whole("v_head_dim"),
    }  # fmt: skip
    r.refuse("attention_bias", False, "biases of latent attention")
    fields = body(r) | {"d_ff": r.whole("intermediate_size")} | mla
    return fields | _first_dense(r) | {"router_bias": router_bias}


def deepseek_v32(r: Reader) -> Fields:
    """DeepSeek V3.2: V3 with an indexer that picks the positions attention reads."""
    fields = deepseek(r)
    layers = fields["n_layers"]
    indexer = {
        "layers": layers, "sparse_layers": layers, "heads": r.whole("index_n_heads"), "dim": r.whole("index_head_dim"),
        "tokens": r.whole("index_topk"),
    }  # fmt: skip
    return fields | {"indexer": indexer}


def glm4_moe(r: Reader) -> Fields:
    """GLM 4.5: grouped-query attention, DeepSeek-style experts."""
    fields = llama(r, bias=False, qkv_only=True) | _first_dense(r)
    return fields | {"router_bias": True, "qk_norm": "head" if r.flag("use_qk_norm", False) else "none"}


def olmoe(r: Reader) -> Fields:
    """OLMoE: `intermediate_size` is the width of an expert; norms over the whole query and key."""
    fields = llama(r, kv_heads="heads", qk_norm="full")
    del fields["d_ff"]
    return fields | experts(r, "num_experts", "intermediate_size")


def gpt_oss(r: Reader) -> Fields:
    """gpt-oss: windows on every other layer, attention sinks, biases everywhere."""
    fields = body(r) | experts(r, "num_local_experts", "intermediate_size")
    fields |= dict.fromkeys(("router_bias", "moe_bias", "attention_sinks"), True)
    biased = r.flag("attention_bias", True)
    if not r.has("sliding_window"):
        r.find("missing key 'sliding_window'")
    return fields | {"qkv_bias": biased, "o_bias": biased} | windows(r, fields["n_layers"], fields["n_layers"] // 2)


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


def falcon(r: Reader) -> Fields:
    """Falcon: LayerNorm, parallel attention and FFN, one KV head or `num_kv_heads` in the new decoder.

    The class ties embeddings by default, the published checkpoints (7B, 40B, 180B) store the head: untied here.
    """
    new = r.flag("new_decoder_architecture", False)
    renamed = {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "hidden_size": "n_embed"}
    r.config = {**{k: r.config.get(v) for k, v in renamed.items()}, **r.config}
    kv = r.whole("num_kv_heads", "n_head_kv") if new else 1 if r.flag("multi_query", True) else 0
    r.config = {**r.config, "num_key_value_heads": kv or r.config.get("num_attention_heads")}
    fields, biased = body(r), r.flag("bias", False)
    norms = 2 if new else 1 if r.flag("parallel_attn", True) else 2
    if new and r.has("num_ln_in_parallel_attn"):
        norms = r.whole("num_ln_in_parallel_attn")
    width = r.optional("ffn_hidden_size") or 4 * fields["d_model"]
    biases = dict.fromkeys(("qkv_bias", "o_bias", "mlp_bias"), biased)
    return fields | biases | {"d_ff": width, "ffn_gated": False, "norm": "ln", "norms_per_layer": norms}


def gpt_neox(r: Reader) -> Fields:
    """GPT-NeoX and Pythia: LayerNorm, biases everywhere."""
    biased = r.flag("attention_bias", True)
    fields = body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "ffn_gated": False, "norm": "ln"}
    return fields | {"qkv_bias": biased, "o_bias": biased, "mlp_bias": True}


def opt(r: Reader) -> Fields:
    """OPT: learned positions (two more than the context), biases everywhere, tied embeddings."""
    fields = body(r, tied=True, kv_heads="heads") | {"d_ff": r.whole("ffn_dim"), "ffn_gated": False, "norm": "ln"}
    r.refuse("word_embed_proj_dim", fields["d_model"], "embeddings of another width")
    r.refuse("do_layer_norm_before", True, "norms after the block")
    r.refuse("enable_bias", True, "a block without biases")
    biases = dict.fromkeys(("qkv_bias", "o_bias", "mlp_bias"), True)
    return fields | biases | {"learned_positions": r.whole("max_position_embeddings") + 2}


def phi(r: Reader) -> Fields:
    """Phi 1 and 2: one LayerNorm per parallel block, biases everywhere, the head too."""
    fields = llama(r, kv_heads="heads") | {"ffn_gated": False, "norm": "ln", "norms_per_layer": 1}
    r.refuse("qk_layernorm", False, "norms on query and key")
    return fields | dict.fromkeys(("qkv_bias", "o_bias", "mlp_bias", "lm_bias"), True)


def smollm3(r: Reader) -> Fields:
    """SmolLM 3: rotary positions on three layers of four, which changes no size."""
    r.refuse("use_sliding_window", False, "windows beside layers without positions")
    return llama(r, tied=True)


def gemma3(r: Reader) -> Fields:
    """Gemma 3: norms on query and key heads, four norms per layer, one full layer in six."""
    return alternating(r, 6, "sliding_window_pattern", tied=True, norms_per_layer=4, qk_norm="head")


FAMILIES: dict[str, Callable[[Reader], Fields]] = {
    "llama": lambda r: llama(r, kv_heads="heads"),
    "mistral": windowed,
    "ministral": windowed,
    "mixtral": mixtral,
    "qwen2": qwen2,
    "qwen2_moe": qwen2_moe,
    "qwen3": qwen3,
    "qwen3_moe": qwen3_moe,
    "qwen3_next": qwen3_next,
    "deepseek_v2": lambda r: deepseek(r, router_bias=False),
    "deepseek_v3": deepseek,
    "deepseek_v32": deepseek_v32,
    "kimi_k2": deepseek,
    "gemma": lambda r: llama(r, tied=True),
    "gemma2": lambda r: alternating(r, 2, tied=True, norms_per_layer=4),
    "gemma3_text": gemma3,
    "gpt_oss": gpt_oss,
    "llama4_text": llama4,
    "falcon": falcon,
    "gpt_neox": gpt_neox,
    "opt": opt,
    "phi": phi,
    "phi3": lambda r: windowed(r, kv_heads="heads"),
    "glm": lambda r: llama(r, bias=True, qkv_only=True),
    "glm4": lambda r: llama(r, bias=True, qkv_only=True, norms_per_layer=4),
    "glm4_moe": glm4_moe,
    "olmo": lambda r: llama(r, kv_heads="heads", norm="none"),
    "olmo2": lambda r: llama(r, kv_heads="heads", qk_norm="full"),
    "olmo3": lambda r: alternating(r, 4, kv_heads="heads", qk_norm="full"),
    "olmoe": olmoe,
    "granite": lambda r: llama(r, kv_heads="heads"),
    "seed_oss": lambda r: llama(r, bias=True, qkv_only=True),
    "smollm3": smollm3,
}
# Outer types whose text part has a type of its own, where the file leaves it out.
TEXT_TYPES = {"gemma3": "gemma3_text", "llama4": "llama4_text", "mistral3": "mistral", "kimi_k25": "kimi_k2"}
