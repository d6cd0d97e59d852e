"""What `presets show` shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmcost.catalog import Catalog
from llmcost.estimate.presets import show
from llmcost.files import read_toml
from tests.conftest import Cli

CATALOG = Catalog([])


@pytest.mark.parametrize("name", CATALOG.names("scenarios"))
def test_a_scenario_shows_its_values_and_where_each_is_from(name: str) -> None:
    said = read_toml(CATALOG.find("scenarios", name).path)
    rows = {row["key"]: row for row in show(CATALOG, name, "scenarios").arrays["rows"]}
    for key, value in said.items():
        if isinstance(value, str | int) and key != "title":
            assert str(rows[key]["value"]) == str(value)
    for source in said["sources"]:
        for key in source.get("keys", []):
            assert {row["source"] for k, row in rows.items() if k.split(": ")[-1] == key} == {source["address"]}


def test_a_family_is_listed_and_words_are_found(cli: Cli) -> None:
    listed = cli("presets", "list", "--family", "mimo", "--json").json
    assert {row["name"] for row in listed["rows"]} == {
        "mimo-7b",
        "mimo-v2-flash",
        "mimo-v2.5",
        "mimo-v2.5-pro",
        "mimo-vl-7b",
    }
    found = cli("presets", "search", "kimi", "thinking", "--json").json
    assert [row["name"] for row in found["rows"]] == ["kimi-k2-thinking", "kimi-vl-a3b"]
    assert cli("presets", "search", "zzzz").code == 2
    assert cli("presets", "list", "hardware", "--family", "qwen").code == 2


def test_a_model_shows_what_its_weights_take_by_format(cli: Cli) -> None:
    """Llama 3.1 8B: 8,030,261,248 parameters of 2 bytes; AWQ 5.7 GB on disk."""
    shown = cli("presets", "show", "meta-llama/Llama-3.1-8B-Instruct-AWQ", "--json").json
    assert shown["result"]["weight_bytes"] == pytest.approx(5.7e9, rel=0.01)
    rows = {row["key"]: row["value"] for row in shown["rows"]}
    assert rows["weights in 16bit"] == "16.1 GB"


CONFIG = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "max_position_embeddings": 131072, "_name_or_path": "meta-llama/Llama-3.1-8B",
}  # fmt: skip


def test_a_configuration_that_drifted_from_its_preset_is_reported(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    assert cli("presets", "check", str(path)).code == 0
    path.write_text(json.dumps(CONFIG | {"num_hidden_layers": 31}))
    run = cli("presets", "check", str(path))
    assert run.code == 1
    assert "n_layers: 31, the preset llama-3.1-8b has 32" in run.out


def test_an_import_prints_and_serves(cli: Cli, tmp_path: Path) -> None:
    """A quantised file: 5.7 GB of an 8B in AWQ, through a preset and by its path."""
    quantised = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG | {"quantization_config": quantised}))
    run = cli("presets", "import", str(path), "-o", "-")
    assert 'method = "awq"' in run.out
    (tmp_path / "mine.toml").write_text(run.out)
    for model in (str(path), str(tmp_path / "mine.toml")):
        assert cli("presets", "show", model, "--kind", "models", "--json").json["result"]["weight_bytes"] == (
            pytest.approx(5.7e9, rel=0.01)
        )


def test_a_configuration_is_read_alike_from_a_file_and_from_a_pipe(cli: Cli, tmp_path: Path) -> None:
    """`Infinity`, as `transformers` writes it: not JSON to the letter."""
    path = tmp_path / "model" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(CONFIG | {"time_step_limit": [0.0, float("inf")]}))
    piped = cli("presets", "import", "-", "-o", "-", stdin=path.read_text())
    named = cli("presets", "import", str(path), "-o", "-", "--name", "model")
    assert piped.out == named.out
    assert "n_layers = 32" in piped.out


def test_prices_of_tokens_are_listed_and_shown(cli: Cli) -> None:
    listed = cli("presets", "list", "apis", "anthropic", "--json").json
    row = next(r for r in listed["rows"] if r["name"] == "anthropic/claude-sonnet-4-5")
    prices = {k: row[f"usd_per_mtok_{k}"] for k in ("input", "cached_input", "cache_write", "cache_write_1h", "output")}
    assert prices == {"input": 3, "cached_input": 0.3, "cache_write": 3.75, "cache_write_1h": 6, "output": 15}
    shown = cli("presets", "show", "deepseek/deepseek-chat", "--json").json
    assert [r["hours"] for r in shown["rows"]] == ["00:00-00:30, 16:30-24:00", "00:30-16:30"]
    assert "openai" in [r["name"] for r in cli("presets", "list", "apis", "--json").json["rows"]]


def test_wrong_names_of_tokens_get_the_near_ones(cli: Cli) -> None:
    for args, near in (
        (("list", "apis", "opena"), "openai"),
        (("show", "openai/gpt-5-min"), "gpt-5-mini"),
        (("list", "models", "openai"), "presets list apis openai"),
        (("list", "api"), "apis"),
    ):
        done = cli("presets", *args)
        assert done.code == 2
        assert near in done.err
