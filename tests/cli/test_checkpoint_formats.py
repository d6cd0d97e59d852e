"""What a checkpoint says of its formats is what `serve` and `fit` start from: weights, arithmetic, KV cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

# Llama 3.1 8B as its config.json has it: 32 layers of attention and FFN; embedding, head and norms stay in 16 bits.
LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "max_position_embeddings": 131072,
}  # fmt: skip
MATRICES = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
ENDS = 8_030_261_248 - MATRICES
ASKED = ("--hardware", "h100-sxm", "--isl", "1000", "--osl", "200")
GROUP = {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float"},
         "input_activations": {"num_bits": 8, "type": "float"}}  # fmt: skip
FP8_KV = {"quant_method": "compressed-tensors", "ignore": ["lm_head"], "config_groups": {"group_0": GROUP},
          "kv_cache_scheme": {"num_bits": 8, "type": "float"}}  # fmt: skip
GPTQ8 = {"quant_method": "gptq", "bits": 8, "group_size": 128}


def saved(folder: Path, quantised: dict[str, Any]) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(LLAMA | {"quantization_config": quantised}), "utf-8")
    return str(path)


def serve(cli: Cli, *args: str) -> dict[str, Any]:
    run = cli("serve", *args, *ASKED, "--json")
    assert run.code == 0, run.err
    found: dict[str, Any] = run.json
    return found


def test_the_cache_scheme_of_a_checkpoint_is_the_default(cli: Cli, tmp_path: Path) -> None:
    model = saved(tmp_path, FP8_KV)
    told, wide = serve(cli, "--model", model), serve(cli, "--model", model, "--kv-dtype", "bf16")
    assert told["inputs"]["kv_dtype"]["value"] == "fp8"
    assert "scheme of the checkpoint" in told["inputs"]["kv_dtype"]["source"]
    assert told["result"]["kv_bytes_per_request"] == pytest.approx(wide["result"]["kv_bytes_per_request"] / 2)


def test_a_name_may_say_that_the_cache_is_narrow_too(cli: Cli) -> None:
    found = serve(cli, "--model", "amd/Llama-3.1-8B-Instruct-FP8-KV")
    assert found["inputs"]["kv_dtype"]["value"] == "fp8"
    assert serve(cli, "--model", "llama-3.1-8b-fp8")["inputs"]["kv_dtype"]["value"] == "bf16"


def test_weights_alone_in_8_bits_are_multiplied_in_16(cli: Cli, tmp_path: Path) -> None:
    found = serve(cli, "--model", saved(tmp_path, GPTQ8))
    assert (found["inputs"]["dtype"]["value"], found["inputs"]["compute_dtype"]["value"]) == ("int8", "bf16")
    # 8 bits, and 24 bits of scale and zero point for 128 weights
    assert found["result"]["weight_bytes"] == pytest.approx(MATRICES * (8 + 24 / 128) / 8 + ENDS * 2)


@pytest.mark.parametrize("dp", ["1", "4"])
def test_weights_are_those_of_one_copy(cli: Cli, dp: str) -> None:
    # gpt-oss-120b: its experts are shared by the groups, attention and ends are held by each; the published files
    # have 60.8 GiB (model card, arXiv 2508.10925, table 1)
    found = serve(cli, "--model", "gpt-oss-120b", "--tp", "1", "--dp", dp)["result"]
    assert found["weight_bytes"] / 2**30 == pytest.approx(60.8, abs=0.1)
    assert found["weight_bytes_per_gpu"] * found["gpus_per_replica"] >= found["weight_bytes"] * 0.999


def test_what_does_not_fit_has_a_size(cli: Cli) -> None:
    # DeepSeek-V3: 671e9 parameters (arXiv 2412.19437, abstract), 8 bits but for embedding, head and small parts
    no = cli("serve", "--model", "deepseek-v3", *ASKED, "--gpus", "8", "--json")
    assert (no.code, no.json["result"]["feasible"]) == (1, False)
    assert no.json["result"]["params_total"] == pytest.approx(671e9, rel=0.001)
    assert no.json["result"]["weight_bytes"] == pytest.approx(673e9, rel=0.003)


@pytest.mark.parametrize("hardware", [("--hardware", "h100-sxm"), ()])
def test_fit_tells_the_sizes(cli: Cli, hardware: tuple[str, ...]) -> None:
    found = cli("fit", "--model", "Qwen/Qwen3-32B-AWQ", *hardware, "--json").json["result"]
    assert found["params_total"] == found["params_active"] == 32_762_123_264  # the published checkpoint
    # 4.15625 bits for 64 layers of attention (64 heads of 128, 8 of them KV) and FFN (25,600 wide), 16 for the rest
    inside = 64 * (2 * 5120 * 8192 + 2 * 5120 * 1024 + 3 * 5120 * 25600)
    assert found["weight_bytes"] == pytest.approx(inside * 4.15625 / 8 + (found["params_total"] - inside) * 2, rel=1e-4)
