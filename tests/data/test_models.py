"""Integrity of presets/models: names, sources, impossible values."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path

import msgspec
import pytest

from llmcost import spec
from llmcost.catalog import Catalog, source_of
from llmcost.engine.model.parameters import faults, layers_of

CATALOG = Catalog()
FILES = CATALOG.files("models")
NAMES = list(FILES)
VALIDATION = Path(__file__).parent.parent.parent / "validation"
ARCHITECTURE = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "vocab_size")
NOT_A_VALUE = {"title", "aliases", "sources", "licence", "estimate_by", "params_exception"}


def model(name: str) -> spec.Model:
    return CATALOG.load(spec.Model, name)[0]


def test_there_are_architectures_and_closed_models() -> None:
    models = [model(n) for n in NAMES]
    assert sum(m.n_layers is not None for m in models) >= 165
    assert sum(m.n_layers is None for m in models) >= 21
    assert not any(faults(m) for m in models)


def test_names_and_aliases_are_unique() -> None:
    names = NAMES + [alias for n in NAMES for alias in model(n).aliases]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("deepseek-v3-671b", "deepseek-v3"), ("kimi-k2-1t-a32b", "kimi-k2"), ("mistral-7b-v0.1", "mistral-7b"),
        ("meta-llama-3.1-70b", "llama-3.1-70b"), ("gpt-3-175b", "gpt-3"), ("LLAMA-3.1-70B", "llama-3.1-70b"),
    ],
)  # fmt: skip
def test_long_names_resolve(alias: str, name: str) -> None:
    assert CATALOG.find("models", alias).name == name


def test_every_model_of_the_validation_rows_resolves() -> None:
    wanted = set()
    for path in VALIDATION.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            wanted |= {row.get("model_id") or "" for row in csv.DictReader(file)}
    for name in wanted - {""}:
        assert CATALOG.find("models", name)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_source(name: str) -> None:
    preset = model(name)
    fields = {f.name: f for f in msgspec.structs.fields(spec.Model)}
    for field in set(fields) - NOT_A_VALUE:
        if getattr(preset, field) is not None:
            assert source_of(preset, field), f"{field} has no source"
    for source in preset.sources:
        assert set(source.keys) <= set(fields)
        assert source.date <= dt.date.today()


def test_a_tower_whose_size_a_note_gives_is_loaded() -> None:
    whole = re.compile(r"heckpoint of ([\d,]+) parameters adds (?:a vision tower|vision and audio towers)(?! and a )")
    known = 0
    for name in NAMES:
        preset = model(name)
        for found in filter(None, (whole.search(source.note or "") for source in preset.sources)):
            known += 1
            beside = int(found[1].replace(",", "")) - float(preset.params_total or 0.0)
            stated = float(preset.vision_params or 0.0)
            assert stated == pytest.approx(beside, abs=1e9 if "glm-4" in name else 1.0), name  # a published round total
    assert known > 35


@pytest.mark.parametrize("name", NAMES)
def test_architecture_is_whole_or_absent(name: str) -> None:
    preset = model(name)
    present = [getattr(preset, field) is not None for field in ARCHITECTURE]
    assert all(present) or not any(present)
    if all(present):
        return
    assert preset.licence == "closed"
    assert preset.estimate_by
    assert all(s.confidence in ("third-party", "assumed") for s in preset.sources)
    assert any(s.note for s in preset.sources), "an estimate says how it came about"


@pytest.mark.parametrize("name", [n for n in NAMES if model(n).n_layers is not None])
def test_architecture_is_possible(name: str) -> None:
    m = model(name)
    assert m.n_layers
    assert m.n_heads
    assert m.n_kv_heads
    assert m.n_heads % m.n_kv_heads == 0
    layers = layers_of(m)
    assert 0 <= layers.moe <= m.n_layers
    assert layers.dense >= 0
    assert layers.window <= layers.attention
    mixed = layers.attention + layers.linear
    blocks = mixed + layers.moe + layers.dense
    beside = layers.attention == layers.linear == m.n_layers  # Falcon-H1
    searched = m.attention_layers is not None and m.ffn_layers is not None and m.linear is None  # Nemotron Super
    whole = mixed == m.n_layers or blocks == m.n_layers
    assert whole or beside or searched, "each layer mixes tokens, or each block is one thing"
    if m.attention_groups:
        assert sum(g.layers for g in m.attention_groups) == layers.attention
    if layers.dense:
        assert m.d_ff, "dense layers have a width"
    if layers.moe:
        assert m.moe_topk
        assert m.moe_experts
        assert m.moe_topk <= m.moe_experts
        assert m.moe_d_ff


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_possible(name: str) -> None:
    m = model(name)
    if m.params_total and m.params_active:
        assert m.params_active <= m.params_total
    if m.release_date:
        assert dt.date(2018, 1, 1) <= m.release_date <= dt.date(2026, 11, 30)
    active = m.params_active or m.params_total
    if m.training_flops and m.training_tokens and active:
        assert 0.5 < m.training_flops / (6.0 * active * m.training_tokens) < 2.0, "far from 6 N D"


@pytest.mark.parametrize("name", NAMES)
def test_file_holds_nothing_but_differences_from_the_defaults(name: str) -> None:
    text = FILES[name].path.read_text("utf-8")
    defaults = {f.name: f.default for f in msgspec.structs.fields(spec.Model)}
    for key, value in re.findall(r"^(\w+) = (.+)$", text.split("\n[", 1)[0], re.MULTILINE):
        shown = {True: "true", False: "false"}.get(defaults[key], f'"{defaults[key]}"')
        assert value not in (shown, str(defaults[key])), f"{key} is the default"


def test_most_models_with_an_open_report_know_what_they_were_trained_with() -> None:
    models = [model(n) for n in NAMES]
    assert sum(m.training_seq_len is not None for m in models) >= 90
    assert sum(m.training_batch_tokens is not None for m in models) >= 60


@pytest.mark.parametrize("name", [n for n in NAMES if model(n).training_batch_tokens])
def test_a_step_holds_whole_sequences_and_a_run_many_steps(name: str) -> None:
    m = model(name)
    assert m.training_seq_len
    assert m.training_batch_tokens
    assert m.training_batch_tokens >= 64 * m.training_seq_len
    if m.training_tokens:
        assert 1e4 <= m.training_tokens / m.training_batch_tokens <= 1e7
