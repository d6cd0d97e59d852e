"""A model's own class, built without weights: its count is exact (needs the extra `hf`)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from llmcost.engine.model.parameters import count
from llmcost.errors import LlmcostError
from llmcost.hf_config.measure import LENGTHS, SHORT, Measured, described, measure, report

DAY = dt.date(2026, 11, 30)
DOGE = {
    "model_type": "doge", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "vocab_size": 500,
    "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": False, "max_position_embeddings": 256,
}  # fmt: skip


class Config:
    """The attributes of a configuration that a description reads."""

    num_hidden_layers, hidden_size, num_attention_heads, num_key_value_heads, vocab_size = 4, 64, 4, 2, 1000


def test_what_was_counted_is_described_to_the_last_parameter() -> None:
    found = Measured("X", 1_234_567, 1_000_000, 64_000, 64_000, 50_000, 0, 0, 0, 0)
    assert count(described(found, Config, "x", DAY)).total == 1_234_567


def test_a_measured_cache_is_described_exactly() -> None:
    """3 of 4 layers cache 2 heads of 20 numbers, key and value: 240 numbers of 4 bytes a token."""
    per_token = 3 * 2 * 2 * 20 * 4
    cache = tuple(per_token * length + 1000 for length in LENGTHS)
    found = Measured("X", 1_234_567, 1_234_567, 64_000, 64_000, 50_000, 0, 0, 0, 0, (1, 2), cache)
    (group,) = described(found, Config, "x", DAY).attention_groups
    assert 2 * group.layers * group.n_kv_heads * group.d_head == 240
    assert found.state_bytes == 1000
    assert "cache of 480 bytes a token in 16 bits" in report(found)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(LlmcostError, match="takes the package torch") as error:
        measure(DOGE, "config.json")
    assert error.value.hint == "pip install 'llmcost-cli[hf]'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps(DOGE))
    return tmp_path


def test_a_class_that_no_family_knows_is_counted_exactly(folder: Path) -> None:
    from llmcost.hf_config.families import FAMILIES
    from llmcost.hf_config.measured import read

    assert "doge" not in FAMILIES
    found, lines = read(folder)
    assert count(found.model).total == found.model.params_total == _parameters()
    assert lines[0].startswith(f"{_parameters():,} parameters")


def test_a_class_that_goes_token_by_token_takes_short_passes() -> None:
    """RWKV (arXiv:2305.13048, section 3.1): a state and no attention, so twice the tokens are twice the FLOPs."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    small = {"model_type": "rwkv", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 500, "context_length": 256}
    found, _ = measure(small, "config.json")
    assert found.lengths == SHORT
    assert found.flops[1] == 2 * found.flops[0]


def _parameters() -> int:
    import torch
    import transformers

    config: Any = transformers.CONFIG_MAPPING["doge"].from_dict(DOGE)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    return sum(p.numel() for p in model.parameters())
