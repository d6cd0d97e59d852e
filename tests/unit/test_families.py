"""Every family that transformers has a class for, against the parameters of that class (see scripts/families.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmcost.engine.model.parameters import count
from llmcost.errors import LlmcostError
from llmcost.hf_config import read_config

CLASSES: dict[str, Any] = json.loads((Path(__file__).parent / "class_totals.json").read_text("utf-8"))
# transformers 5.24 gives the experts of LongCat that compute nothing matrices of their own; the published files have
# none: 560,664,980,480 parameters (LongCat-Flash-Prover).
PUBLISHED = {"longcat_flash": 560_664_980_480}
# Multimodal: the class also holds a layer of a tower, or experts that only pictures visit.
TOWERS = {"ernie4_5_vl_moe", "step3p7"}
# The default configuration lacks what every published file has: experts a token visits, the size of a head.
INCOMPLETE = {"deepseek_v2", "glm4_moe", "glm4v_moe"}
# The class counts experts that a token visits in another way: those that compute nothing count as visited.
ACTIVE = {"longcat_flash"}


def config(kind: str) -> dict[str, Any]:
    return _read(CLASSES[kind]["config"])


def _read(said: dict[str, Any]) -> dict[str, Any]:
    return {key: _read(value) if key == "text_config" else _listed(value) for key, value in said.items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"runs"}:
        return [key for key, many in value["runs"] for _ in range(many)]
    return value


def test_most_families_have_a_class() -> None:
    assert len(CLASSES) >= 150


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - TOWERS - INCOMPLETE))
def test_an_import_counts_what_the_class_holds(kind: str) -> None:
    counts = count(read_config(config(kind), kind).model)
    assert counts.total == pytest.approx(PUBLISHED.get(kind, CLASSES[kind]["total"]), rel=2e-4)
    if kind not in ACTIVE:
        assert counts.active == pytest.approx(CLASSES[kind]["active"], rel=1e-3)


# The default of these classes does not build, or leaves what is new out: counted once with the keys given here.
BUILT: dict[str, tuple[dict[str, Any], int, int]] = {
    "qwen4_exp_text": (
        {"vocab_size": 248320, "hidden_size": 2048, "num_hidden_layers": 40, "num_attention_heads": 16,
         "num_key_value_heads": 2, "head_dim": 256, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
         "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
         "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_experts_per_tok": 10,
         "num_experts": 512, "hc_count": 4, "hc_lowrank": 320, "ple_layer_ids": [1, 3], "ple_embed_dim": 2048,
         "ngram_size": 3, "heads_per_ngram": 8, "ngram_vocab_size_base": 200000, "indexer_n_heads": 16,
         "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 2048, "indexer_compress_ratio": 16},
        68_272_807_552, 5_106_589_312,
    ),
    "cohere_compass_text": (
        {"vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 8,
         "num_attention_heads": 64, "num_key_value_heads": 8, "sliding_window": 4096,
         "layer_types": ["sliding_attention", "full_attention"] * 4},
        7_734_370_304, 7_734_370_304,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(BUILT))
def test_an_import_counts_a_class_that_was_given_its_keys(kind: str) -> None:
    said, total, active = BUILT[kind]
    counts = count(read_config({"model_type": kind, **said}, kind).model)
    assert counts.total == pytest.approx(total, rel=2e-4)
    assert counts.active == pytest.approx(active, rel=1e-3)


@pytest.mark.parametrize("kind", ["zamba2", "hrm_text", "dory"])
def test_layers_that_run_several_times_are_refused(kind: str) -> None:
    with pytest.raises(LlmcostError, match="several times for a token") as error:
        read_config({"model_type": kind, "num_hidden_layers": 2}, "m")
    assert "--measure" in error.value.hint


def test_either_part_of_a_file_may_say_that_the_head_is_its_own() -> None:
    text = {"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "head_dim": 16,
            "num_key_value_heads": 4, "intermediate_size": 128, "vocab_size": 1000}  # fmt: skip
    outer = {
        "model_type": "qwen3_vl",
        "tie_word_embeddings": False,
        "text_config": text | {"tie_word_embeddings": True},
    }
    apart, tied = read_config(outer, "m").model, read_config(outer | {"tie_word_embeddings": True}, "m").model
    assert count(apart).total - count(tied).total == 64 * 1000
