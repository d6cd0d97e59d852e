"""Dense decoders: one FFN per layer, attention of one kind or alternating with windows."""

from __future__ import annotations

from llmcost.hf_config.families.parts import (
    Fields,
    alternating,
    body,
    latent,
    llama,
    qwen_windows,
    renamed,
    windowed,
    windows,
)
from llmcost.hf_config.reader import Reader

BIASES = ("qkv_bias", "o_bias", "mlp_bias")


def plain(r: Reader) -> Fields:
    """Llama's own layout; KV heads that are not given are all heads."""
    return llama(r, kv_heads="heads")


def qwen2(r: Reader) -> Fields:
    """Qwen 2 and 2.5: biases on query, key and value."""
    fields = llama(r, kv_heads="heads") | {"qkv_bias": True, "o_bias": False}
    return fields | qwen_windows(r, fields)


def qwen3(r: Reader) -> Fields:
    """Qwen 3: norms on query and key heads, no biases."""
    fields = llama(r, qk_norm="head")
    return fields | qwen_windows(r, fields)


def qwen(r: Reader) -> Fields:
    """The first Qwen: `intermediate_size` counts gate and up together; biases on query, key and value."""
    fields = body(r, kv_heads="heads")
    half = r.whole("intermediate_size") // 2
    return fields | {"d_ff": half, "qkv_bias": True, "o_bias": False, "mlp_bias": False}


def phi(r: Reader) -> Fields:
    """Phi 1 and 2: one LayerNorm per parallel block, biases everywhere, the head too."""
    renamed(r, {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "hidden_size": "n_embd"})
    if not r.has("intermediate_size") and r.has("n_embd"):
        r.config = {**r.config, "intermediate_size": r.optional("n_inner") or 4 * r.whole("hidden_size")}
    fields = llama(r, kv_heads="heads") | {"ffn_gated": False, "norm": "ln", "norms_per_layer": 1}
    r.refuse("qk_layernorm", False, "norms on query and key")
    return fields | dict.fromkeys((*BIASES, "lm_bias"), True)


def smollm3(r: Reader) -> Fields:
    """SmolLM 3: rotary positions on three layers of four, which changes no size."""
    r.refuse("use_sliding_window", False, "windows beside layers without positions")
    return llama(r, tied=True)


def cohere(r: Reader) -> Fields:
    """Cohere: attention and FFN beside each other under one LayerNorm without bias, tied embeddings."""
    norm = "full" if r.flag("use_qk_norm", False) else "none"
    return llama(r, tied=True, kv_heads="heads", norm="ln_nobias", norms_per_layer=1, qk_norm=norm)


def cohere2(r: Reader) -> Fields:
    """Command R7B and A: Cohere with windows on three layers of four."""
    every = r.whole("sliding_window_pattern") if r.has("sliding_window_pattern") else 4
    fields = llama(r, tied=True, kv_heads="heads", norm="ln_nobias", norms_per_layer=1)
    return fields | windows(r, fields["n_layers"], fields["n_layers"] // every)


def stablelm(r: Reader) -> Fields:
    """StableLM 2: LayerNorm, biases on query, key and value where said."""
    r.refuse("qk_layernorm", False, "norms of each head")
    norms = 1 if r.flag("use_parallel_residual", False) else 2
    fields = llama(r, kv_heads="heads", norm="ln", norms_per_layer=norms)
    return fields | {"qkv_bias": r.flag("use_qkv_bias", False)}


def starcoder2(r: Reader) -> Fields:
    """StarCoder 2: LayerNorm, FFN without gate, biases where said, tied embeddings."""
    biased = r.flag("use_bias", True)
    fields = body(r, tied=True) | {"d_ff": r.whole("intermediate_size"), "ffn_gated": False, "norm": "ln"}
    return fields | dict.fromkeys(BIASES, biased) | windows(r, fields["n_layers"])


def exaone4(r: Reader) -> Fields:
    """EXAONE 4: norms on query and key heads, norms after the blocks; windows by a pattern, where there are any."""
    fields = llama(r, kv_heads="heads", qk_norm="head")
    pattern = r.config.get("sliding_window_pattern")
    if isinstance(pattern, str):  # "LLLG"
        pattern = len(pattern)
    full = fields["n_layers"] // pattern if isinstance(pattern, int) and pattern > 0 else None
    return fields | windows(r, fields["n_layers"], full)


def exaone(r: Reader) -> Fields:
    """EXAONE 3: Llama under other names."""
    renamed(r, {"num_hidden_layers": "num_layers"})
    return llama(r, kv_heads="heads")


def apertus(r: Reader) -> Fields:
    """Apertus: FFN without gate, norms on query and key heads, two learned numbers in each activation."""
    fields = llama(r, kv_heads="heads", qk_norm="head", ffn_gated=False)
    return fields | {"other_params": 2 * fields["n_layers"]}


def ungated(r: Reader) -> Fields:
    """Arcee, Nemotron 4: Llama with an FFN of two matrices."""
    return llama(r, kv_heads="heads", ffn_gated=False)


def nemotron(r: Reader) -> Fields:
    """Nemotron 3 and 4 (dense): LayerNorm, squared ReLU without gate."""
    return llama(r, kv_heads="heads", ffn_gated=False, norm="ln")


def jais2(r: Reader) -> Fields:
    """Jais 2: LayerNorm, FFN without gate, biases everywhere."""
    return llama(r, kv_heads="heads", bias=True, ffn_gated=False, norm="ln") | {"mlp_bias": r.flag("mlp_bias", True)}


def ministral3(r: Reader) -> Fields:
    """Ministral 3: Mistral with stated heads; windows where the file has them."""
    return windowed(r)


def mllama(r: Reader) -> Fields:
    """Llama 3.2 Vision, the language model: some layers read the picture in place of the text and keep no cache of it.

    The embedding has eight entries more than the head.
    """
    fields = llama(r)
    listed = r.items("cross_attention_layers") or [3, 8, 13, 18, 23, 28, 33, 38]
    reading = sum(isinstance(i, int) and i < fields["n_layers"] for i in listed)
    norms = 2 * fields["d_head"] + 2  # of query and key, and two gates
    return fields | {"other_params": reading * norms + 8 * fields["d_model"]}


def minicpm3(r: Reader) -> Fields:
    """MiniCPM 3: latent attention, dense."""
    mla = latent(r)
    return body(r, tied=True) | {"d_ff": r.whole("intermediate_size")} | mla


def youtu(r: Reader) -> Fields:
    """Youtu-LLM: DeepSeek's latent attention, dense."""
    return minicpm3(r)


def bitnet(r: Reader) -> Fields:
    """BitNet: a norm before the output of attention and of the FFN; the head is the embedding."""
    fields = llama(r, tied=True, kv_heads="heads", ffn_gated=True)
    return fields | {"other_params": fields["n_layers"] * (fields["d_model"] + fields["d_ff"])}


def diffllama(r: Reader) -> Fields:
    """Differential attention: four small vectors per layer beside Llama's."""
    fields = plain(r)
    return fields | {"other_params": 4 * fields["n_layers"] * fields["d_head"]}


def vaultgemma(r: Reader) -> Fields:
    """VaultGemma: Gemma 2 with a norm before each block only."""
    return alternating(r, 2, tied=True)


def granite_swa(r: Reader) -> Fields:
    """Granite with windows and attention sinks."""
    return windowed(r, kv_heads="heads", attention_sinks=True)


def hyperclovax(r: Reader) -> Fields:
    """HyperCLOVA X: norms before and after each block where said."""
    return llama(r, kv_heads="heads", norms_per_layer=4 if r.flag("use_post_norm", True) else 2)


def nanochat(r: Reader) -> Fields:
    """NanoChat: no learned norms, FFN without gate."""
    return llama(r, kv_heads="heads", norm="none", ffn_gated=False)


def persimmon(r: Reader) -> Fields:
    """Persimmon: LayerNorm, FFN without gate, biases everywhere, LayerNorm on query and key heads."""
    fields = body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "ffn_gated": False, "norm": "ln"}
    normed = 4 * fields["d_head"] * fields["n_layers"] if r.flag("qk_layernorm", True) else 0
    return fields | dict.fromkeys(BIASES, True) | {"other_params": normed}


def hunyuan(r: Reader) -> Fields:
    """Hunyuan dense: norms on query and key heads where said, tied embeddings."""
    return llama(r, kv_heads="heads", qk_norm="head" if r.flag("use_qk_norm", True) else "none")


def internlm2(r: Reader) -> Fields:
    """InternLM 2: Llama whose biases are said by `bias`."""
    biased = r.flag("bias", False)
    return body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "qkv_bias": biased, "o_bias": biased}


def internlm3(r: Reader) -> Fields:
    """InternLM 3: biases on query, key and value by `qkv_bias`, in the FFN and the output by `bias`."""
    biased = r.flag("bias", False)
    fields = body(r, kv_heads="heads") | {"d_ff": r.whole("intermediate_size"), "qkv_bias": r.flag("qkv_bias", False)}
    return fields | {"o_bias": biased, "mlp_bias": biased}


def orion(r: Reader) -> Fields:
    """Orion: Llama with LayerNorm."""
    return llama(r, kv_heads="heads", norm="ln")


def nemotron_nas(r: Reader) -> Fields:
    """Nemotron Super and Ultra: Llama with blocks cut by search: some without attention, FFNs of several widths.

    `ffn_mult` is of the width as Llama rounds it: two thirds of 4 `ffn_mult` widths, up to a multiple of 256.
    """
    heads, d = r.whole("num_attention_heads"), r.whole("hidden_size")
    blocks = [block for block in r.items("block_configs") if isinstance(block, dict)]
    if not blocks:
        r.find("missing key 'block_configs'")
    r.config = {"num_key_value_heads": heads, **{k: v for k, v in r.config.items() if v is not None}}
    fields, widths = body(r), []
    groups: dict[int, int] = {}
    head = fields["d_head"]
    for block in blocks:
        attention, ffn = block.get("attention") or {}, block.get("ffn") or {}
        if attention.get("replace_with_linear") or ffn.get("replace_with_linear") or attention.get("window_length"):
            r.find(
                "block_configs: linear and windowed blocks are not covered", "llmcost presets import FOLDER --measure"
            )
        if not attention.get("no_op") and isinstance(attention.get("n_heads_in_group"), int):
            kv = max(heads // attention["n_heads_in_group"], 1)
            groups[kv] = groups.get(kv, 0) + 1
        if not ffn.get("no_op") and isinstance(ffn.get("ffn_mult"), int | float):
            widths.append(256 * -(-int(2 * ffn["ffn_mult"] * d / 3) // 256))
    mean = sum(widths) // max(len(widths), 1)
    size = {"n_heads": heads, "d_head": head, "d_head_v": head}
    return fields | {
        "n_kv_heads": max(groups, default=fields["n_kv_heads"]), "d_ff": mean, "ffn_layers": max(len(widths), 1),
        "attention_layers": max(sum(groups.values()), 1),
        "attention_groups": [{"layers": many, "n_kv_heads": kv, **size} for kv, many in sorted(groups.items())],
        "norms_per_layer": 0,  # a block that is left out has no norm: counted one by one
        "other_params": 3 * d * (sum(widths) - mean * len(widths)) + d * (sum(groups.values()) + len(widths)),
    }  # fmt: skip
