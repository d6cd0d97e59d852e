"""Quantised checkpoints: bits of each class of tensors by each method's own packing, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost.engine.model.parameters import count
from llmcost.engine.model.stored import checkpoint_of, stored_bytes
from llmcost.hf_config import Imported, read_config

LLAMA = {
    "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 28672, "vocab_size": 128256, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
# Llama 3 70B: 80 layers of attention and FFN; embedding, head and norms stay in 16 bits.
MATRICES = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
ENDS = 2 * 128256 * 8192 + 161 * 8192
EXPERTS = {
    "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
    "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144, "vocab_size": 151936, "num_experts": 128,
    "num_experts_per_tok": 8, "moe_intermediate_size": 768, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
ROUTED = 48 * 128 * 3 * 2048 * 768


def imported(config: dict[str, Any], quantised: Any, key: str = "quantization_config") -> Imported:
    return read_config(config | {key: quantised}, "m")


def weights(num_bits: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"num_bits": num_bits, "type": kind, **more}


def groups(**said: Any) -> dict[str, Any]:
    return {"group_0": {"targets": ["Linear"], **said}}


DENSE: dict[str, tuple[dict[str, Any], float, str, str | None]] = {
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4 + 20 / 128, "int4", None),
    "gptq 4": ({"quant_method": "gptq", "bits": 4, "group_size": 32}, 4 + 20 / 32, "int4", None),
    "gptq 8": ({"quant_method": "gptq", "bits": 8, "group_size": 128}, 8 + 24 / 128, "int8", None),
    "autoround": ({"quant_method": "auto-round", "bits": 4, "group_size": 128}, 4 + 20 / 128, "int4", None),
    "nf4": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5, "int4", None),
    "nf4 double": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
        4 + 8 / 64 + 32 / 16384, "int4", None,
    ),
    "int8 rows": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8 + 32 / 8192, "int8", None),
    "fp8 blocks": ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 16384, "fp8", "fp8"),
    "fbgemm": ({"quant_method": "fbgemm_fp8"}, 8, "fp8", "fp8"),
    "w4a16": (
        {"quant_method": "compressed-tensors", "config_groups": groups(weights=weights(4, "int", group_size=128))},
        4 + 16 / 128, "int4", None,
    ),
    "w8a8": (
        {"quant_method": "compressed-tensors", "ignore": ["lm_head"],
         "config_groups": groups(weights=weights(8, "int"), input_activations=weights(8, "int"))},
        8, "int8", "int8",
    ),
    "nvfp4": ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4.5, "fp4", "fp4"),
    "modelopt fp8": ({"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]}, 8, "fp8", "fp8"),
    "quark": (
        {"quant_method": "quark", "exclude": ["lm_head"],
         "global_quant_config": {"weight": {"dtype": "fp4", "group_size": 32}, "input_tensors": {"dtype": "fp4"}}},
        4.25, "mxfp4", "mxfp4",
    ),
    "torchao": (
        {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig",
                                                               "_data": {"group_size": 64}}}},
        4 + 32 / 64, "int4", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DENSE)
def test_matrices_weigh_what_the_method_packs(name: str) -> None:
    said, bits, native, activation = DENSE[name]
    found = imported(LLAMA, said)
    assert not found.warnings
    assert stored_bytes(found.model).total == pytest.approx((MATRICES * bits + ENDS * 16) / 8, rel=1e-4)
    assert (found.model.native_dtype, checkpoint_of(found.model).activation_dtype) == (native, activation)
    assert count(found.model).total == MATRICES + ENDS


def test_mlx_quantises_the_embedding_too_and_modules_have_bits_of_their_own() -> None:
    said: dict[str, Any] = {"group_size": 64, "bits": 4, "lm_head": {"group_size": 64, "bits": 8}}
    found = imported(LLAMA, said, "quantization")
    one = 128256 * 8192
    expected = (MATRICES + one) * 4.5 + one * 8.5 + 161 * 8192 * 16
    assert stored_bytes(found.model).total == pytest.approx(expected / 8, rel=1e-4)


EXCEPT: dict[str, list[str]] = {
    "plain words": ["self_attn", "lm_head"],
    "expressions": ["re:.*self_attn.*", "lm_head"],
    "globs": ["model.layers.*.self_attn*", "lm_head"],
    "one by one": [f"model.layers.{i}.self_attn.{p}_proj" for i in range(80) for p in "qkvo"] + ["lm_head"],
    "multimodal": [f"model.language_model.layers.{i}.self_attn*" for i in range(80)] + ["vision_tower"],
}


@pytest.mark.parametrize("name", EXCEPT)
def test_modules_that_are_left_out_stay_wide(name: str) -> None:
    said = {"quant_method": "compressed-tensors", "ignore": EXCEPT[name],
            "config_groups": groups(weights=weights(4, "float", group_size=16))}  # fmt: skip
    stored = checkpoint_of(imported(LLAMA, said).model)
    assert stored.attention is None
    assert stored.ffn is not None
    assert (stored.ffn.format, stored.ffn.bits, stored.rest.bits) == ("fp4", 4.5, 16.0)


def test_layers_that_are_left_out_are_averaged() -> None:
    """The first and the last of 80 layers in 16 bits: (78 x 8 + 2 x 16) / 80 bits."""
    said = {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.mlp", "model.layers.79.mlp", "lm_head"]}
    ffn = checkpoint_of(imported(LLAMA, said).model).ffn
    assert ffn is not None
    assert ffn.bits == pytest.approx((78 * 8 + 2 * 16) / 80)


def test_a_router_that_is_left_out_is_no_gate_projection() -> None:
    said = {"quant_method": "fp8", "modules_to_not_convert": ["gate", "lm_head"]}
    experts = checkpoint_of(imported(EXPERTS, said).model).experts
    assert experts is not None
    assert experts.bits == 8.0


def test_experts_alone_are_quantised_where_the_file_says_so() -> None:
    """Kimi K2.5's list, on a smaller model: attention, shared experts and dense FFNs stay in 16 bits."""
    ignore = ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]
    said = {"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ignore,
            "config_groups": groups(weights=weights(4, "int", group_size=32))}  # fmt: skip
    model = imported(EXPERTS, said).model
    rest = count(model).total - ROUTED
    assert stored_bytes(model).total == pytest.approx((ROUTED * 4.5 + rest * 16) / 8, rel=1e-6)


def test_an_algorithm_for_each_module_is_read() -> None:
    layers = {f"model.layers.{i}.self_attn.{p}_proj": {"quant_algo": "FP8"} for i in range(48) for p in "qkvo"}
    layers |= {f"model.layers.{i}.mlp.experts": {"quant_algo": "W4A16_NVFP4"} for i in range(48)}
    said = {"quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8", "quantized_layers": layers}
    found = read_config(EXPERTS, "m", {"quantization": said})
    stored = checkpoint_of(found.model)
    assert stored.attention is not None
    assert stored.experts is not None
    assert (stored.attention.bits, stored.experts.bits, stored.kv_dtype) == (8.0, 4.5, "fp8")
    assert not found.warnings


@pytest.mark.parametrize(
    "said",
    [
        {"quant_method": "aqlm"},
        {"quant_method": "gptq", "bits": 7},
        {"quant_method": "modelopt", "quant_algo": "NEW8"},
        {"quant_method": "compressed-tensors", "config_groups": groups(weights=weights(2, "float"))},
        {"quant_method": "compressed-tensors"},
        {"quant_method": "torchao", "quant_type": "strange"},
        "fp8",
        3,
    ],
)
def test_what_is_not_understood_is_a_warning_with_a_name(said: Any) -> None:
    found = imported(LLAMA, said)
    assert [w.code for w in found.warnings] == ["W024"]
    assert "is not understood" in found.warnings[0].message
    assert stored_bytes(found.model).total == 2 * (MATRICES + ENDS)


def test_mxfp4_as_gpt_oss_has_it_is_of_experts_alone() -> None:
    """The method converts experts: a dense model that names it is counted in 16 bits, and said so."""
    found = imported(LLAMA, {"quant_method": "mxfp4"})
    assert stored_bytes(found.model).total == pytest.approx(2 * (MATRICES + ENDS))
    assert ["dense layers" in w.message for w in found.warnings] == [True]
    assert not imported(EXPERTS, {"quant_method": "mxfp4"}).warnings


def test_experts_of_deepseek_v4_are_in_fp4_where_the_file_says_so() -> None:
    config = EXPERTS | {"expert_dtype": "fp4"}
    stored = checkpoint_of(imported(config, {"quant_method": "fp8", "weight_block_size": [128, 128]}).model)
    assert stored.experts is not None
    assert stored.attention is not None
    assert (stored.experts.format, stored.experts.bits, stored.attention.format) == ("mxfp4", 4.25, "fp8")
