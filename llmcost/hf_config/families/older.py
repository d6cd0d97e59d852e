"""Decoders of 2019 to 2023: learned positions or ALiBi, LayerNorm, biases, keys of their own."""

from __future__ import annotations

from llmcost.hf_config.families.parts import Fields, body, renamed
from llmcost.hf_config.reader import Reader

GPT2_KEYS = {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "hidden_size": "n_embd"}
BIASES = ("qkv_bias", "o_bias", "mlp_bias")


def _wide(r: Reader, fields: Fields, *keys: str) -> Fields:
    """An FFN without gate, four times as wide unless said, under LayerNorm."""
    width = r.optional(*keys) if keys else None
    return {"d_ff": width or 4 * fields["d_model"], "ffn_gated": False, "norm": "ln"}


def gpt2(r: Reader, tied: bool = True) -> Fields:
    """GPT-2: learned positions, biases everywhere, tied embeddings."""
    renamed(r, GPT2_KEYS)
    fields = body(r, tied=tied, kv_heads="heads")
    r.refuse("add_cross_attention", False, "attention to an encoder")
    positions = {"learned_positions": r.whole("n_positions", "n_ctx", "max_position_embeddings")}
    return fields | _wide(r, fields, "n_inner") | dict.fromkeys(BIASES, True) | positions


def gpt_bigcode(r: Reader) -> Fields:
    """StarCoder: GPT-2 with one key-value head."""
    renamed(r, GPT2_KEYS)
    if not r.has("num_key_value_heads"):
        shared = r.flag("multi_query", True)
        r.config = {**r.config, "num_key_value_heads": 1 if shared else r.config.get("num_attention_heads")}
    return gpt2(r)


def gptj(r: Reader) -> Fields:
    """GPT-J and CodeGen: one LayerNorm per parallel block, no biases in attention, one in the head."""
    renamed(r, GPT2_KEYS)
    fields = body(r, kv_heads="heads")
    return fields | _wide(r, fields, "n_inner") | {"mlp_bias": True, "lm_bias": True, "norms_per_layer": 1}


def gpt_neo(r: Reader) -> Fields:
    """GPT-Neo: learned positions, windows on every other layer, no biases on query, key and value."""
    names = {"num_hidden_layers": "num_layers", "num_attention_heads": "num_heads"}
    renamed(r, names)
    fields = body(r, tied=True, kv_heads="heads")
    kinds = r.items("attention_layers")
    full = kinds.count("global") if kinds else -(-fields["n_layers"] // 2)
    fields |= {"sliding_window": r.whole("window_size"), "full_attention_layers": full}
    positions = {"learned_positions": r.whole("max_position_embeddings")}
    return fields | _wide(r, fields, "intermediate_size") | {"o_bias": True, "mlp_bias": True} | positions


def gpt_neox(r: Reader) -> Fields:
    """GPT-NeoX and Pythia: LayerNorm, biases everywhere."""
    biased = r.flag("attention_bias", True)
    fields = body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "ffn_gated": False, "norm": "ln"}
    return fields | {"qkv_bias": biased, "o_bias": biased, "mlp_bias": True}


def gpt_neox_japanese(r: Reader) -> Fields:
    """GPT-NeoX Japanese: no biases but one in the last layer, tied embeddings."""
    fields = body(r, tied=True, kv_heads="heads")
    width = fields["d_model"] * r.whole("intermediate_multiple_size")
    return fields | {"d_ff": width, "ffn_gated": False, "norm": "ln", "other_params": fields["d_model"]}


def opt(r: Reader) -> Fields:
    """OPT: learned positions (two more than the context), biases everywhere, tied embeddings."""
    fields = body(r, tied=True, kv_heads="heads") | {"d_ff": r.whole("ffn_dim"), "ffn_gated": False, "norm": "ln"}
    r.refuse("word_embed_proj_dim", fields["d_model"], "embeddings of another width")
    r.refuse("do_layer_norm_before", True, "norms after the block")
    r.refuse("enable_bias", True, "a block without biases")
    return fields | dict.fromkeys(BIASES, True) | {"learned_positions": r.whole("max_position_embeddings") + 2}


def bloom(r: Reader) -> Fields:
    """BLOOM: ALiBi, a LayerNorm on the embedding, biases everywhere, tied embeddings."""
    renamed(r, GPT2_KEYS | {"hidden_size": "n_embed"})
    fields = body(r, tied=True, kv_heads="heads")
    return fields | _wide(r, fields) | dict.fromkeys(BIASES, True) | {"other_params": 2 * fields["d_model"]}


def mpt(r: Reader) -> Fields:
    """MPT: ALiBi or learned positions, LayerNorm without bias, no biases, tied embeddings."""
    renamed(r, {"num_hidden_layers": "n_layers", "num_attention_heads": "n_heads", "hidden_size": "d_model"})
    r.refuse("no_bias", True, "biases")
    said = r.config.get("attn_config")
    attention = said if isinstance(said, dict) else {}
    if attention.get("kv_n_heads"):
        r.config = {**r.config, "num_key_value_heads": attention["kv_n_heads"]}
    fields = body(r, tied=True, kv_heads="heads")
    ratio = r.config.get("expansion_ratio", 4)
    if not isinstance(ratio, int | float) or isinstance(ratio, bool) or ratio <= 0:
        r.find(f"expansion_ratio: expected a number, got {ratio!r}")
        ratio = 4
    return fields | {"d_ff": int(ratio * fields["d_model"]), "ffn_gated": False, "norm": "ln_nobias"}


def falcon(r: Reader) -> Fields:
    """Falcon: LayerNorm, parallel attention and FFN, one KV head or `num_kv_heads` in the new decoder.

    The class ties embeddings by default, the published checkpoints (7B, 40B, 180B) store the head: untied here.
    """
    new = r.flag("new_decoder_architecture", False)
    names = {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "hidden_size": "n_embed"}
    r.config = {**{k: r.config.get(v) for k, v in names.items()}, **r.config}
    kv = r.whole("num_kv_heads", "n_head_kv") if new else 1 if r.flag("multi_query", True) else 0
    r.config = {**r.config, "num_key_value_heads": kv or r.config.get("num_attention_heads")}
    fields, biased = body(r), r.flag("bias", False)
    norms = 2 if new else 1 if r.flag("parallel_attn", True) else 2
    if new and r.has("num_ln_in_parallel_attn"):
        norms = r.whole("num_ln_in_parallel_attn")
    width = r.optional("ffn_hidden_size") or 4 * fields["d_model"]
    biases = dict.fromkeys(BIASES, biased)
    return fields | biases | {"d_ff": width, "ffn_gated": False, "norm": "ln", "norms_per_layer": norms}


def biogpt(r: Reader) -> Fields:
    """BioGPT: OPT's layout."""
    fields = body(r, tied=True, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "ffn_gated": False}
    positions = {"learned_positions": r.whole("max_position_embeddings") + 2}
    return fields | {"norm": "ln"} | dict.fromkeys(BIASES, True) | positions


def xglm(r: Reader) -> Fields:
    """XGLM: fixed positions, biases everywhere, tied embeddings."""
    names = {"num_hidden_layers": "num_layers", "num_attention_heads": "attention_heads", "hidden_size": "d_model"}
    renamed(r, names)
    fields = body(r, tied=True, kv_heads="heads") | {"d_ff": r.whole("ffn_dim"), "ffn_gated": False, "norm": "ln"}
    return fields | dict.fromkeys(BIASES, True)


def ctrl(r: Reader) -> Fields:
    """CTRL: fixed positions, biases everywhere and in the head, tied embeddings."""
    renamed(r, GPT2_KEYS)
    fields = body(r, tied=True, kv_heads="heads") | {"d_ff": r.whole("dff"), "ffn_gated": False, "norm": "ln"}
    return fields | dict.fromkeys((*BIASES, "lm_bias"), True)
