"""Models as files: a GGUF and a safetensors file made by their own packages, folders, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmcost.engine.model.parameters import count
from llmcost.engine.model.stored import stored_bytes
from llmcost.errors import LlmcostError
from llmcost.hf_config.model_files import read

LAYERS, WIDTH, HEADS, KV, FFN, VOCAB = 2, 256, 4, 2, 512, 1024
HEAD = WIDTH // HEADS
MATRICES = {
    "attn_q": (WIDTH, WIDTH), "attn_k": (KV * HEAD, WIDTH), "attn_v": (KV * HEAD, WIDTH), "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (FFN, WIDTH), "ffn_up": (FFN, WIDTH), "ffn_down": (WIDTH, FFN),
}  # fmt: skip
CONFIG = {
    "model_type": "llama", "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV, "intermediate_size": FFN, "vocab_size": VOCAB, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "max_position_embeddings": 2048,
}  # fmt: skip


def gguf_file(folder: Path, quantised: str, experts: int = 0) -> Path:
    gguf = pytest.importorskip("gguf")
    path = folder / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    kind = gguf.GGMLQuantizationType[quantised]
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)

    def add(name: str, shape: tuple[int, ...], narrow: bool) -> None:
        data = np.zeros(shape, dtype=np.float32)
        if narrow:
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)

    add("token_embd.weight", (VOCAB, WIDTH), True)
    add("output.weight", (VOCAB, WIDTH), True)
    add("output_norm.weight", (WIDTH,), False)
    for layer in range(LAYERS):
        for name, shape in MATRICES.items():
            routed = experts and name.startswith("ffn")
            add(f"blk.{layer}.{name}{'_exps' if routed else ''}.weight", (experts, *shape) if routed else shape, True)
        if experts:
            add(f"blk.{layer}.ffn_gate_inp.weight", (experts, WIDTH), False)
        for name in ("attn_norm", "ffn_norm"):
            add(f"blk.{layer}.{name}.weight", (WIDTH,), False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def by_hand(experts: int = 0) -> tuple[int, int]:
    """Numbers in matrices and numbers in 32 bits of that file."""
    attention = 2 * WIDTH * WIDTH + 2 * KV * HEAD * WIDTH
    matrices = 2 * VOCAB * WIDTH + LAYERS * (attention + 3 * FFN * WIDTH * max(experts, 1))
    return matrices, WIDTH * (2 * LAYERS + 1) + LAYERS * experts * WIDTH


@pytest.mark.parametrize(("quantised", "bits"), [("Q8_0", 8.5), ("Q4_0", 4.5), ("Q5_1", 6.0), ("F16", 16.0)])
@pytest.mark.parametrize("experts", [0, 4])
def test_bytes_of_a_gguf_are_those_of_its_tensors(tmp_path: Path, quantised: str, bits: float, experts: int) -> None:
    """Q8_0 has 34 bytes for 32 weights, Q4_0 18, Q5_1 24 (ggml-common.h)."""
    model = read(gguf_file(tmp_path, quantised, experts)).model
    matrices, wide = by_hand(experts)
    assert count(model).total == matrices + wide
    assert stored_bytes(model).total == pytest.approx(matrices * bits / 8 + 4 * wide, rel=1e-4)
    assert (model.n_layers, model.n_kv_heads, model.d_head) == (LAYERS, KV, HEAD)
    active = FFN * WIDTH * 3 * LAYERS * (experts - 2) if experts else 0
    assert count(model).active == matrices + wide - active


def test_a_part_of_a_gguf_that_is_missing_is_named(tmp_path: Path) -> None:
    path = gguf_file(tmp_path, "Q8_0").rename(tmp_path / "m-00001-of-00002.gguf")
    with pytest.raises(LlmcostError, match=r"m-00002-of-00002\.gguf' is missing"):
        read(path)


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    path = tmp_path / "x.gguf"
    path.write_bytes(b"hello")
    with pytest.raises(LlmcostError, match="not a GGUF file"):
        read(path)


def folder(tmp_path: Path, config: dict[str, Any], **others: Any) -> Path:
    place = tmp_path / "my-model"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config))
    for name, data in others.items():
        (place / f"{name}.json").write_text(json.dumps(data))
    return place


def test_a_folder_is_read_with_its_quantisation(tmp_path: Path) -> None:
    quantised = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
    model = read(folder(tmp_path, CONFIG, hf_quant_config=quantised)).model
    assert model.checkpoint is not None
    assert (model.native_dtype, model.checkpoint.kv_dtype, model.checkpoint.head) == ("fp8", "fp8", None)
    assert model.checkpoint.rest.bits == 16


def tensors(dtype: Any) -> dict[str, Any]:
    names = {"attn": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
             "ffn": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")}  # fmt: skip
    shapes = dict(zip((*names["attn"], *names["ffn"]), MATRICES.values(), strict=True))
    made = {f"model.layers.{i}.{n}.weight": np.zeros(s, dtype) for i in range(LAYERS) for n, s in shapes.items()}
    made |= {f"model.layers.{i}.{n}.weight": np.zeros(WIDTH, np.float16) for i in range(LAYERS)
             for n in ("input_layernorm", "post_attention_layernorm")}  # fmt: skip
    made["visual.patch.weight"] = np.zeros((64, 64), np.float16)
    ends = {
        "model.embed_tokens.weight": (VOCAB, WIDTH),
        "lm_head.weight": (VOCAB, WIDTH),
        "model.norm.weight": (WIDTH,),
    }
    return made | {name: np.zeros(shape, np.float16) for name, shape in ends.items()}


def test_safetensors_that_are_as_described_say_nothing(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    place = folder(tmp_path, CONFIG)
    numpy.save_file(tensors(np.float16), place / "model.safetensors")
    found = read(place)
    assert not found.warnings
    assert stored_bytes(found.model).total == 2 * sum(by_hand())


def test_sizes_of_safetensors_count_where_the_configuration_is_silent(tmp_path: Path) -> None:
    """Matrices in 8 bits that config.json does not mention: the header of the file says so."""
    numpy = pytest.importorskip("safetensors.numpy")
    place = folder(tmp_path, CONFIG)
    numpy.save_file(tensors(np.int8), place / "model.safetensors")
    found = read(place / "model.safetensors")
    matrices, wide = by_hand()
    ends = 2 * VOCAB * WIDTH
    assert stored_bytes(found.model).total == pytest.approx(matrices - ends + 2 * ends + 2 * wide, rel=0.01)
    assert [w.code for w in found.warnings] == ["W024"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adapter_config.json", {"peft_type": "LORA", "r": 16, "base_model_name_or_path": "meta-llama/Llama-3.1-8B"},
         "an adapter (LORA, rank 16) of 'meta-llama/Llama-3.1-8B'"),
        ("generation_config.json", {"do_sample": True, "temperature": 0.6, "eos_token_id": 2}, "settings of generation"),
        ("tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"}, "the configuration of a tokenizer"),
        ("config.json", {"model_type": "bert", "hidden_size": 768}, "is an encoder"),
        ("config.json", {"model_type": "mamba2", "hidden_size": 768}, "state-space"),
        ("config.json", {"model_type": "whisper", "hidden_size": 768}, "a model of audio"),
        ("config.json", {"_class_name": "FluxTransformer2DModel"}, "part of a diffusion pipeline"),
        ("config.json", CONFIG | {"num_experts": 8}, "experts in a family that has none (llama)"),
        ("model.safetensors.index.json", {"weight_map": {}}, "an index of weight files"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_said(tmp_path: Path, name: str, content: dict[str, Any], said: str) -> None:
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(LlmcostError) as error:
        read(tmp_path / name)
    assert said in error.value.message


def test_infinity_in_a_configuration_is_read(tmp_path: Path) -> None:
    place = folder(tmp_path, CONFIG)
    (place / "config.json").write_text(json.dumps(CONFIG | {"time_step_limit": [0.0, float("inf")]}))
    assert read(place).model.n_layers == LAYERS


def test_mistrals_own_file_is_read(tmp_path: Path) -> None:
    """params.json of Mistral 7B v0.3: 7,248,023,552 parameters in its published checkpoint."""
    params = {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32, "n_kv_heads": 8,
              "norm_eps": 1e-05, "vocab_size": 32768, "rope_theta": 1000000.0}  # fmt: skip
    (tmp_path / "params.json").write_text(json.dumps(params))
    assert count(read(tmp_path).model).total == 7_248_023_552


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LlmcostError, match=r"no config.json, params.json or .gguf"):
        read(tmp_path)
