"""Import of Hugging Face configurations: sizes against published counts, findings against wrong files."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.decode import decode
from llmcost.engine.model.parameters import count
from llmcost.engine.model.transformer import shape_of
from llmcost.errors import Findings, LlmcostError
from llmcost.files import parse_toml
from llmcost.hf_config import model_to_toml, read_config
from llmcost.hf_config.families import FAMILIES

DAY = dt.date(2026, 11, 23)

LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
GPT_OSS_LAYERS = ["sliding_attention", "full_attention"] * 12
V3 = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1,
    "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "vocab_size": 129280, "max_position_embeddings": 163840, "attention_bias": False, "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}, "torch_dtype": "bfloat16",
}  # fmt: skip
SCOUT = {
    "model_type": "llama4", "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "vision_config": {"model_type": "llama4_vision_model", "hidden_size": 1408},
    "text_config": {
        "model_type": "llama4_text", "hidden_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 40,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
        "num_local_experts": 16, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1, "vocab_size": 202048,
        "attention_chunk_size": 8192, "no_rope_layers": [], "max_position_embeddings": 10485760,
    },
}  # fmt: skip
GEMMA3 = {
    "model_type": "gemma3", "torch_dtype": "bfloat16", "vision_config": {"model_type": "siglip_vision_model"},
    "text_config": {
        "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
        "sliding_window": 1024,
    },
}  # fmt: skip


def _c(
    model_type: str, layers: int, width: int, heads: int, kv: int, ffn: int, vocab: int, **more: Any
) -> dict[str, Any]:
    return {
        "model_type": model_type, "num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": heads,
        "num_key_value_heads": kv, "intermediate_size": ffn, "vocab_size": vocab, **more,
    }  # fmt: skip


# Configuration as published on the model's Hugging Face page, and the parameters of its checkpoint (safetensors total;
# language model alone), or the headline count with its own rounding.
MODELS: dict[str, tuple[dict[str, Any], float, float]] = {
    "llama-3.1-8b": (LLAMA, 8_030_261_248, 0),
    "mistral-7b": (_c("mistral", 32, 4096, 32, 8, 14336, 32000, sliding_window=4096), 7_241_732_096, 0),
    "mixtral-8x7b": (
        _c("mixtral", 32, 4096, 32, 8, 14336, 32000, num_local_experts=8, num_experts_per_tok=2, sliding_window=None),
        46_702_792_704, 0,
    ),
    "qwen2.5-7b": (
        _c("qwen2", 28, 3584, 28, 4, 18944, 152064, use_sliding_window=False, sliding_window=131072,
           max_window_layers=28),
        7_615_616_512, 0,
    ),
    "qwen2-57b-a14b": (
        _c("qwen2_moe", 28, 3584, 28, 4, 18944, 151936, num_experts=64, num_experts_per_tok=8, decoder_sparse_step=1,
           moe_intermediate_size=2560, shared_expert_intermediate_size=20480, use_sliding_window=False),
        57_408_658_944, 0,
    ),
    "qwen3-8b": (_c("qwen3", 36, 4096, 32, 8, 12288, 151936, head_dim=128), 8_190_735_360, 0),
    "qwen3-30b-a3b": (
        _c("qwen3_moe", 48, 2048, 32, 4, 6144, 151936, head_dim=128, num_experts=128, num_experts_per_tok=8,
           moe_intermediate_size=768, decoder_sparse_step=1, mlp_only_layers=[]),
        30_532_122_624, 0,
    ),
    "qwen3-next": (  # the checkpoint of Qwen3-Coder-Next, which has no multi-token-prediction layer
        _c("qwen3_next", 48, 2048, 16, 2, 5120, 151936, head_dim=256, num_experts=512, num_experts_per_tok=10,
           moe_intermediate_size=512, shared_expert_intermediate_size=512, linear_num_key_heads=16,
           linear_num_value_heads=32, linear_key_head_dim=128, linear_value_head_dim=128, linear_conv_kernel_dim=4,
           full_attention_interval=4, decoder_sparse_step=1),
        79_674_391_296, 0,
    ),
    "deepseek-v2": (
        _c("deepseek_v2", 60, 5120, 128, 128, 12288, 102400, n_routed_experts=160, n_shared_experts=2, moe_layer_freq=1,
           num_experts_per_tok=6, moe_intermediate_size=1536, first_k_dense_replace=1, q_lora_rank=1536,
           kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
        235_741_434_880, 0,
    ),
    "deepseek-v3": (V3, 671e9, 0.001),
    "gemma-2b": (_c("gemma", 18, 2048, 8, 1, 16384, 256000, head_dim=256), 2_506_172_416, 0),
    "gemma-2-9b": (
        _c("gemma2", 42, 3584, 16, 8, 14336, 256000, head_dim=256, sliding_window=4096), 9_241_705_984, 0,
    ),
    "gemma-3-4b": (GEMMA3, 3_880_263_168, 0),  # a text-only checkpoint of the same language model
    "gpt-oss-20b": (
        _c("gpt_oss", 24, 2880, 64, 8, 2880, 201088, head_dim=64, num_local_experts=32, num_experts_per_tok=4,
           sliding_window=128, layer_types=GPT_OSS_LAYERS, attention_bias=True,
           quantization_config={"quant_method": "mxfp4"}),
        20_914_757_184, 0,
    ),
    "llama-4-scout": (SCOUT, 107_769_861_120, 0.001),
    "falcon-7b": (
        {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
         "multi_query": True, "new_decoder_architecture": False, "parallel_attn": True, "bias": False,
         "vocab_size": 65024},
        7_217_189_760, 0,
    ),
    "falcon-40b": (
        {"model_type": "falcon", "hidden_size": 8192, "num_hidden_layers": 60, "num_attention_heads": 128,
         "num_kv_heads": 8, "new_decoder_architecture": True, "bias": False, "vocab_size": 65024},
        41_835_970_560, 0.001,
    ),
    "pythia-1.4b": (
        {"model_type": "gpt_neox", "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16,
         "intermediate_size": 8192, "vocab_size": 50304, "tie_word_embeddings": False},
        1_414_647_808, 0,
    ),
    "opt-175b": (
        {"model_type": "opt", "hidden_size": 12288, "num_hidden_layers": 96, "num_attention_heads": 96,
         "ffn_dim": 49152, "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": 12288},
        175e9, 0.005,
    ),
    "phi-2": (
        {"model_type": "phi", "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32,
         "intermediate_size": 10240, "vocab_size": 51200, "num_key_value_heads": None},
        2_779_683_840, 0,
    ),
    "phi-4": (_c("phi3", 40, 5120, 40, 10, 17920, 100352, sliding_window=None), 14_659_507_200, 0),
    "glm-4.5-air": (
        _c("glm4_moe", 46, 4096, 96, 8, 10944, 151552, head_dim=128, n_routed_experts=128, n_shared_experts=1,
           num_experts_per_tok=8, moe_intermediate_size=1408, first_k_dense_replace=1, attention_bias=True,
           use_qk_norm=False),
        106e9, 0.01,
    ),
    "olmo-2-7b": (_c("olmo2", 32, 4096, 32, 32, 11008, 100352), 7_298_617_344, 0),
    "olmoe": (_c("olmoe", 16, 2048, 16, 16, 1024, 50304, num_experts=64, num_experts_per_tok=8), 6_919_161_856, 0),
    "smollm3": (_c("smollm3", 36, 2048, 16, 4, 11008, 128256), 3_075_098_624, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_parameters_match_the_published_count(name: str) -> None:
    config, published, tolerance = MODELS[name]
    shape = shape_of(read_config(config, name, read=DAY).model)
    assert shape.params_total == pytest.approx(published, rel=max(tolerance, 1e-12))


@pytest.mark.parametrize("name", MODELS)
def test_import_and_preset_describe_the_same_shape(name: str) -> None:
    preset, _ = Catalog().load(spec.Model, name)
    described = shape_of(preset)._replace(vision_params=0.0)  # the configuration of the text model has no tower
    assert shape_of(read_config(MODELS[name][0], name, read=DAY).model) == described


def test_glm_4_has_9_4_billion_parameters() -> None:
    """THUDM/glm-4-9b-chat-hf: "9B", 9.4B on its page; no preset."""
    config = _c("glm", 40, 4096, 32, 2, 13696, 151552, head_dim=128, attention_bias=True)
    assert shape_of(read_config(config, "glm-4-9b", read=DAY).model).params_total == pytest.approx(9.4e9, rel=0.01)


def test_deepseek_v32_adds_an_indexer_to_v3() -> None:
    config = V3 | {"model_type": "deepseek_v32", "index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048}
    preset, _ = Catalog().load(spec.Model, "deepseek-v3.2")
    assert shape_of(read_config(config, "v3.2", read=DAY).model) == shape_of(preset)


@pytest.mark.parametrize("name", MODELS)
def test_written_preset_reads_back_the_same(name: str) -> None:
    model = read_config(MODELS[name][0], name, read=DAY).model
    assert decode(spec.Model, parse_toml(model_to_toml(model).encode(), name), name) == model


def test_shipped_presets_survive_writing_and_reading() -> None:
    catalog = Catalog()
    for name in catalog.names("models"):
        model, _ = catalog.load(spec.Model, name)
        assert decode(spec.Model, parse_toml(model_to_toml(model).encode(), name), name) == model


def test_native_format_and_context_come_from_the_file() -> None:
    v3 = read_config(V3, "v3", read=DAY).model
    assert (v3.native_dtype, v3.max_context) == ("fp8", 163840)
    assert read_config(LLAMA, "l", read=DAY).model.native_dtype == "bf16"
    odd = read_config(LLAMA | {"quantization_config": {"quant_method": "vptq"}}, "l", read=DAY)
    assert odd.model.native_dtype == "bf16"
    assert "method 'vptq' of its quantisation" in odd.warnings[0].message


def test_class_defaults_are_announced() -> None:
    note = read_config(GEMMA3, "g", read=DAY).model.sources[0].note
    assert "vocab_size 262208" in note
    assert "num_key_value_heads 4" in note
    assert "language model of a multimodal file" in note


def _messages(config: Any) -> list[str]:
    with pytest.raises(LlmcostError) as caught:
        read_config(config, "mine", read=DAY)
    error = caught.value
    return [f.message for f in error.findings] if isinstance(error, Findings) else [error.message]


def test_every_finding_is_reported_at_once() -> None:
    wrong = {k: v for k, v in LLAMA.items() if k != "vocab_size"} | {
        "hidden_size": "4096", "num_hidden_layers": 10**7, "intermediate_size": -1, "tie_word_embeddings": "no",
    }  # fmt: skip
    assert sorted(_messages(wrong)) == [
        "mine: hidden_size: expected a whole number, got '4096'",
        "mine: intermediate_size: expected 1 to 100000000, got -1",
        "mine: missing key 'vocab_size'",
        "mine: num_hidden_layers: expected 1 to 10000, got 10000000",
        "mine: tie_word_embeddings: expected true or false, got 'no'",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_key_value_heads": 5}, "num_key_value_heads: 5 does not divide num_attention_heads 32"),
        ({"num_attention_heads": 30, "num_key_value_heads": 30}, "hidden_size: 4096 is not a multiple of"),
        ({"hidden_size": True}, "hidden_size: expected a whole number, got True"),
        ({"hidden_size": 4096.5}, "hidden_size: expected a whole number, got 4096.5"),
        ({"vocab_size": 0}, "vocab_size: expected 1 to 100000000, got 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], message: str) -> None:
    assert any(message in m for m in _messages(LLAMA | change))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mistral-7b", {"num_key_value_heads": None}, "missing key 'num_key_value_heads'"),
        ("mixtral-8x7b", {"num_experts_per_tok": 9}, "num_experts_per_tok: 9 is more than num_local_experts 8"),
        ("gpt-oss-20b", {"layer_types": ["full_attention"]}, "layer_types: expected 24 entries"),
        ("gpt-oss-20b", {"layer_types": ["banded"] * 24}, "layer_types: expected full_attention or sliding_attention"),
        ("gpt-oss-20b", {"layer_types": 3}, "layer_types: expected a list, got 3"),
        ("gemma-2-9b", {"sliding_window": None}, "missing key 'sliding_window'"),
        ("llama-3.1-8b", {"num_experts": 8}, "experts in a family that has none"),
        ("deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq: 2 is not covered"),
        ("opt-175b", {"word_embed_proj_dim": 512}, "word_embed_proj_dim: 512 is not covered"),
    ],
)
def test_what_a_family_needs_is_required(name: str, change: dict[str, Any], message: str) -> None:
    assert any(message in m for m in _messages(MODELS[name][0] | change))


def test_unknown_type_names_the_nearest() -> None:
    with pytest.raises(LlmcostError) as caught:
        read_config(LLAMA | {"model_type": "qwen3_mo"}, "mine", read=DAY)
    assert caught.value.message == "mine: model_type: 'qwen3_mo' is not known"
    assert "'qwen3_moe'" in caught.value.hint


@pytest.mark.parametrize("config", [{}, {"text_config": None}, {"model_type": 3}, [], "x", {"text_config": {}}])
def test_anything_else_is_one_plain_error(config: Any) -> None:
    assert all(m.startswith("mine: ") and "\n" not in m for m in _messages(config))


@pytest.mark.parametrize("kind", FAMILIES)
def test_an_empty_file_of_each_family_lists_what_is_missing(kind: str) -> None:
    messages = _messages({"model_type": kind})
    assert "mine: missing key 'hidden_size'" in messages
    assert len(messages) >= 3


def test_windows_after_the_first_layers() -> None:
    """Qwen 2: `max_window_layers` layers keep full attention, the others a window."""
    config = MODELS["qwen2.5-7b"][0] | {"use_sliding_window": True, "sliding_window": 4096, "max_window_layers": 20}
    model = read_config(config, "q", read=DAY).model
    assert (model.sliding_window, model.full_attention_layers) == (4096, 20)


def test_step_windows_without_heads_of_their_own_are_kept() -> None:
    """Step 3.7 Flash (NVIDIA aiconfigurator 0.12, model_configs): 45 layers, windows of 512 on three of four."""
    kinds = ["full_attention" if i % 4 == 0 else "sliding_attention" for i in range(48)]  # 3 of the prediction head
    config = {
        "model_type": "step3p7", "num_hidden_layers": 45, "hidden_size": 4096, "num_attention_heads": 64,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128896, "intermediate_size": 11264,
        "sliding_window": 512, "layer_types": kinds, "first_k_dense_replace": 3, "num_experts": 288,
        "num_experts_per_tok": 8, "moe_intermediate_size": 1280, "share_expert_dim": 1280,
    }  # fmt: skip
    found = read_config(config, "step", read=DAY).model
    assert (found.sliding_window, found.full_attention_layers) == (512, 12)


def test_step_3_shares_one_key_and_takes_its_query_through_a_low_rank() -> None:
    """By hand from arXiv 2507.19427, table 1: 316B parameters, 38B active, 61 layers of which 56 have 48 experts."""
    text = {
        "model_type": "step3_text", "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61,
        "num_attention_heads": 64, "num_attention_groups": 1, "head_dim": 256, "share_q_dim": 2048, "vocab_size": 128815,
        "moe_num_experts": 48, "moe_top_k": 3, "moe_intermediate_size": 5120, "share_expert_dim": 5120,
        "moe_layers_enum": list(range(4, 60)), "max_position_embedding": 65536, "tie_word_embeddings": False,
    }  # fmt: skip
    model = read_config({"model_type": "step3_vl", "text_config": text}, "step3").model
    query, rank, key = 64 * 256, 2048, 256
    attention = 7168 * rank + rank + rank * query + 2 * 7168 * key + query * 7168
    experts = 49 * 3 * 7168 * 5120 + 48 * 7168  # 48 and the shared one, and a router
    dense, norms = 3 * 7168 * 18432, 61 * 2 * 7168 + 7168
    total = 61 * attention + 56 * experts + 5 * dense + norms + 2 * 128815 * 7168
    assert count(model).total == total == pytest.approx(316e9, rel=2e-3)
    assert count(model).active == pytest.approx(38e9, rel=0.03)
    assert (model.n_kv_heads, model.d_head, model.max_context) == (1, 256, 65536)


def test_a_small_deepseek_reader_has_ordinary_attention() -> None:
    """By hand: 12 layers of 1280, 4 projections each, a dense layer of 6848, 66 experts of 896 and a router in 11."""
    language = {
        "hidden_size": 1280, "num_hidden_layers": 12, "num_attention_heads": 10, "num_key_value_heads": 10,
        "intermediate_size": 6848, "moe_intermediate_size": 896, "n_routed_experts": 64, "n_shared_experts": 2,
        "num_experts_per_tok": 6, "first_k_dense_replace": 1, "vocab_size": 129280, "use_mla": False,
        "kv_lora_rank": None, "q_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "v_head_dim": 0,
    }  # fmt: skip
    model = read_config({"model_type": "deepseek_vl_v2", "language_config": language}, "ocr").model
    d = 1280
    layers = 12 * (4 * d * d + 2 * d) + 3 * d * 6848 + 11 * (66 * 3 * d * 896 + 64 * d)
    assert (model.attention, count(model).total) == ("full", layers + 2 * 129280 * d + d)
    large = {
        **language,
        "use_mla": True,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
    }
    assert read_config({"model_type": "deepseek_vl_v2", "language_config": large}, "vl2").model.attention == "mla"


def test_laguna_gates_heads_or_their_elements() -> None:
    """A gate of each head has d columns, one of each element `head_dim` times as many."""
    base = {
        "model_type": "laguna", "hidden_size": 512, "num_hidden_layers": 3, "num_attention_heads": 8,
        "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 1024, "moe_intermediate_size": 128,
        "num_experts": 16, "num_experts_per_tok": 4, "shared_expert_intermediate_size": 128, "vocab_size": 1000,
        "mlp_layer_types": ["dense", "sparse", "sparse"],
    }  # fmt: skip
    total = {
        g: count(read_config({**base, "gating": g}, "x").model).total for g in (False, True, "per-head", "per-element")
    }
    assert total[True] - total[False] == total["per-head"] - total[False] == 3 * 8 * 512
    assert total["per-element"] - total[False] == 3 * 8 * 512 * 64


def test_dense_layers_before_cohere_s_experts_have_a_width_of_their_own() -> None:
    """CohereLabs/North-Mini-Code-1.0: 30,484,303,872 parameters are listed (llmfit 1.1.17, hf_models.json)."""
    config = {
        "model_type": "cohere2_moe", "num_hidden_layers": 49, "hidden_size": 2048, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 262144, "intermediate_size": 768, "num_experts": 128,
        "num_experts_per_tok": 8, "prefix_dense_intermediate_size": 3072, "sliding_window": 4096,
        "mlp_layer_types": ["dense", *["sparse"] * 48], "num_shared_experts": 0, "tie_word_embeddings": True,
    }  # fmt: skip
    assert count(read_config(config, "north").model).total == 30_484_303_872


def test_the_first_ling_has_no_bias_of_its_router() -> None:
    """inclusionAI/Ling-lite-1.5: 16,801,974,272 parameters are listed (llmfit 1.1.17, hf_models.json)."""
    config = {
        "model_type": "bailing_moe", "num_hidden_layers": 28, "hidden_size": 2048, "num_attention_heads": 16,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 126464, "intermediate_size": 5632,
        "moe_intermediate_size": 1408, "num_experts": 64, "num_experts_per_tok": 6, "num_shared_experts": 2,
        "tie_word_embeddings": False,
    }  # fmt: skip
    assert count(read_config(config, "ling").model).total == 16_801_974_272
    v2 = {**config, "model_type": "bailing_moe_v2"}
    assert count(read_config(v2, "ling").model).total == 16_801_974_272 + 28 * 64
