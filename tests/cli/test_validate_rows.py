"""`validate` on rows as strangers write them: other spellings, blank cells, models and machines told by columns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.agreement import agree, sparse_shape
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import cells, described, serving_points
from llmcost.estimate.validate.cells import accelerator
from llmcost.spec import Model
from tests.conftest import Cli

TRAINING = {
    "model_id": "llama-3.1-8b", "hardware_id": "h100-sxm", "n_gpus": "8", "precision_id": "bf16", "seq_len": "8192",
    "global_batch_seqs": "16", "measured_step_s": "3",
}  # fmt: skip
SERVING = {
    "model_id": "llama-3.1-8b", "hardware_id": "h100-sxm", "n_gpus": "1", "weight_precision": "fp8", "isl_eff": "1024",
    "osl_eff": "128", "concurrency_or_batch": "16", "load": "closed-loop", "framework_id": "vllm", "tpot_ms": "9",
}  # fmt: skip
DEEPSEEK = {
    "n_layers": "61", "d_model": "7168", "n_heads": "128", "n_kv_heads": "128", "d_ff": "2048", "vocab": "129280",
    "moe_experts": "256", "moe_topk": "8",
}  # fmt: skip


def _rows(cli: Cli, path: Path, subject: str, *rows: dict[str, str]) -> list[dict[str, Any]]:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # with a BOM and CRLF, as spreadsheets write
        writer = csv.DictWriter(file, list(dict.fromkeys(k for row in rows for k in row)), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    run = cli("validate", subject, "--data", str(path), "--json")
    assert run.code == 0, run.err
    return list(run.json["rows"])


@pytest.mark.parametrize(
    ("subject", "row", "changes"),
    [
        ("training", TRAINING, {"hardware_id": "NVIDIA H100 SXM5 80GB", "n_gpus": "8.0 ", "precision_id": "BF16"}),
        ("training", TRAINING, {"seq_len": "8,192", "global_batch_seqs": "1.6e1", "tp": "nan", "micro_batch": ""}),
        ("training", TRAINING, {"model_id": "meta-llama/Llama-3.1-8B-Instruct", "zero": "", "recompute_id": "unknown"}),
        ("serving", SERVING, {"hardware_id": "H100", "tp": "1", "weight_precision": "FP8", "framework_id": " vLLM"}),
        ("serving", SERVING, {"isl_eff": "1,024", "load": "", "kv_precision": "FP8_E4M3", "dp": "0"}),
    ],
)
def test_a_spelling_changes_nothing(
    cli: Cli, tmp_path: Path, subject: str, row: dict[str, str], changes: dict[str, str]
) -> None:
    plain, spelled = _rows(cli, tmp_path / "a.csv", subject, row, row | changes)
    assert plain["predicted"] is not None
    assert spelled["predicted"] == plain["predicted"], spelled["reason"]


def test_what_cannot_be_read_says_why(cli: Cli, tmp_path: Path) -> None:
    bad = [
        ({"hardware_id": "mtt-s4000"}, "mtt-s4000"),
        ({"hardware_id": ""}, "accelerator is not stated"),
        ({"precision_id": "fp6"}, "fp6"),
        ({"n_gpus": "-8"}, "n_gpus is -8"),
        ({"seq_len": "many"}, "seq_len is not a number"),
        ({"global_batch_seqs": "nan"}, "missing global_batch_seqs"),
        ({"model_id": "gpt-9000"}, "gpt-9000"),
        ({"model_id": "", "n_params_total": "3e10", "ep": "8"}, "mixture of experts"),
    ]
    for got, (_, reason) in zip(
        _rows(cli, tmp_path / "a.csv", "training", *(TRAINING | change for change, _ in bad)), bad, strict=True
    ):
        assert got["predicted"] is None
        assert reason in got["reason"]


@pytest.mark.parametrize("layout", [{"tp": "16"}, {"tp": "2", "pp": "3"}, {"dp": "5", "tp": "3"}, {"vpp": "64"}])
def test_a_stated_layout_is_predicted(cli: Cli, tmp_path: Path, layout: dict[str, str]) -> None:
    (row,) = _rows(cli, tmp_path / "a.csv", "training", TRAINING | layout)
    assert row["predicted"] is not None, row["reason"]


def test_a_blank_degree_takes_the_accelerators_left_over(cli: Cli, tmp_path: Path) -> None:
    # 64 accelerators in 8 data-parallel groups: 8 each, in tensor or pipeline parallel, and no more
    whole = TRAINING | {"model_id": "llama-3.1-70b", "n_gpus": "64", "global_batch_seqs": "256", "dp": "8", "cp": "1"}
    stated = whole | {"tp": "8", "pp": "1"}
    blank_tp, blank_pp, both = (stated | {"tp": ""}, stated | {"pp": ""}, stated)
    got = _rows(cli, tmp_path / "a.csv", "training", blank_tp, blank_pp, both)
    assert got[0]["predicted"] == got[1]["predicted"] == got[2]["predicted"] is not None


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("A100-SXM4-80GB", "a100-80gb-sxm"), ("A100 SXM4 40GB", "a100-40gb-sxm"), ("AMD Instinct MI300X", "mi300x"),
        ("Intel Gaudi 3", "gaudi3"), ("TPU v6e", "tpu-v6e"), ("GeForce RTX 4090", "rtx4090"), ("B200", "b200-sxm"),
        ("NVIDIA_H100_80GB_HBM3", "h100-sxm"), ("NVIDIA H100 PCIe", "h100-pcie"), ("NVIDIA L40S 48GB", "l40s"),
    ],
)  # fmt: skip
def test_accelerators_as_people_write_them(spelled: str, name: str) -> None:
    catalog = Catalog()
    assert cells.accelerator(catalog, spelled).title == cells.accelerator(catalog, name).title


@pytest.mark.parametrize("unlike", ["H100 CNX", "H100 200GB", "gaudi 4", "mi 300"])
def test_another_accelerator_is_not_taken_for_one(unlike: str) -> None:
    with pytest.raises(LlmcostError):
        cells.accelerator(Catalog(), unlike)


def test_deepseek_by_its_columns_is_deepseek_v3() -> None:
    # 671B of which 37B active, 58 of 61 layers with experts, 512 + 64 cached elements: arXiv 2412.19437, section 4.2
    for columns in ({"attention_kind": "MLA", "params_total": "671.0", "params_active": "37.0"},
                    {"n_params_total": "671e9", "n_params_active": "37e9", "ffn_gated": "1"}):  # fmt: skip
        shape = described.shape_of_row(DEEPSEEK | columns, Catalog())
        assert shape.moe_layers == 58
        assert shape.kv_elements == 61 * 576
        assert shape.params_total == pytest.approx(671e9, rel=0.01)
        assert shape.params_active == pytest.approx(37e9, rel=0.05)


def test_hybrids_have_experts_where_the_counts_say() -> None:
    # Nemotron 3 Nano: 31.6B of which 3.6B active, 23 of 52 blocks with 128 experts of width 1856, 6 visited
    # (the published config.json, as in aiconfigurator-core 0.12.0)
    row = {
        "n_params_total": "31.6e9", "n_params_active": "3.6e9", "n_layers": "52", "d_model": "2688", "n_heads": "32",
        "n_kv_heads": "2", "d_head": "128", "d_ff": "1856", "ffn_gated": "false", "vocab": "131072",
        "moe_experts": "128", "moe_topk": "6",
    }  # fmt: skip
    shape = described.shape_of_row(row, Catalog())
    assert shape.moe_layers == 23
    assert shape.params_active == pytest.approx(3.6e9, rel=0.1)


def test_dense_counts_widen_the_ffn_within_reason() -> None:
    # 8.03B of Llama 3 8B (the published checkpoint)
    llama = tf.shape_of(Model(title="Llama 3 8B", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128,
                              d_ff=14336, vocab_size=128256))  # fmt: skip
    assert agree(llama, 8.1e9, None) == llama
    assert agree(llama, 12e9, None).params_total == pytest.approx(12e9)
    assert agree(llama, 700e9, None) == llama  # a count of something else
    assert agree(llama, None, None) == llama


def test_counts_alone_make_a_mixture_of_that_size() -> None:
    shape = sparse_shape(46.7e9, 12.9e9)
    experts = shape.expert_params * shape.moe_layers
    visited = shape.params_active - shape.topk * experts
    assert visited + shape.n_experts * experts == pytest.approx(46.7e9) == shape.params_total
    assert shape.params_active == pytest.approx(12.9e9)


def test_windows_are_read_from_the_kind_of_attention() -> None:
    row = {"n_layers": "36", "d_model": "2880", "n_heads": "64", "n_kv_heads": "8", "d_head": "64", "d_ff": "2880",
           "vocab": "201088", "attention_kind": "GQA (SWA128 alternate)", "moe_experts": "128", "moe_topk": "4",
           "params_total": "116.8", "params_active": "5.7"}  # fmt: skip
    shape = described.shape_of_row(row, Catalog())
    assert shape.window == 128
    assert shape.kv_elements == shape.window_kv_elements == 18 * 2 * 8 * 64


def test_weights_without_a_stated_format_take_one_that_fits(cli: Cli, tmp_path: Path) -> None:
    # 70.6e9 parameters: 141 GB in 16 bits on one 80 GB accelerator
    row = SERVING | {"model_id": "llama-3.1-70b", "weight_precision": ""}
    stated = row | {"weight_precision": "fp8"}
    (blank, said) = _rows(cli, tmp_path / "a.csv", "serving", row, stated)
    assert blank["predicted"] == said["predicted"] is not None


def test_the_class_is_that_of_the_model_named(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    _rows(cli, path, "training", TRAINING, TRAINING | {"model_id": "qwen3-30b-a3b"}, TRAINING | {"model_id": "x"})
    groups = cli("validate", "training", "--data", str(path), "--json").json["groups"]
    assert {g["name"]: g["n"] for g in groups if g["by"] == "class"} == {"dense": 1, "moe": 1, "not stated": 1}


@pytest.mark.parametrize(
    ("printed", "preset"),
    [
        ("Radeon 8060S Graphics", "strix-halo-8060s-128gb"), ("AMD Radeon RX 7900 XTX", "rx7900xtx"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"), ("NVIDIA GB10", "dgx-spark-gb10"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx-pro-6000-workstation"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb-sxm"), ("Tesla V100-SXM2-16GB", "v100-16gb"),
    ],
)  # fmt: skip
def test_an_accelerator_goes_by_the_name_its_driver_prints(printed: str, preset: str) -> None:
    catalog = Catalog()
    assert accelerator(catalog, printed) == catalog.load(spec.Accelerator, preset)[0]


def test_many_rows_are_predicted_as_each_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that differ in lengths, requests, cache, engine, layout or a fault, in parts of five."""
    changes: list[dict[str, str]] = [
        {}, {"isl_eff": "300"}, {"osl_eff": ""}, {"concurrency_or_batch": ""}, {"prefix_hit_pct": "50"},
        {"load": "offline"}, {"load": "offline", "concurrency_or_batch": ""}, {"kind": "open-loop"},
        {"kind": "prefix-cache"}, {"framework_id": "sglang"}, {"n_gpus": "4"}, {"hardware_id": "no such"},
        {"isl_eff": ""}, {"n_gpus": "some"}, {"model_id": "mixtral-8x7b", "n_gpus": "2"}, {"year": "2023"},
    ]  # fmt: skip
    rows, catalog = [SERVING | change for change in changes * 2], Catalog()
    monkeypatch.setattr(serving_points, "AT_ONCE", 5)
    for row, found in zip(rows, serving_points.predict(rows, catalog), strict=True):
        alone = serving_points.predict([row], catalog)[0]
        assert found.reason == alone.reason
        assert found.values.keys() == alone.values.keys()
        for name, ends in alone.values.items():
            assert found.values[name] == pytest.approx(ends, rel=1e-12)


def test_a_number_smaller_than_any_is_refused_in_its_row(cli: Cli, tmp_path: Path) -> None:
    # numpy's warning of an overflow is an error here
    (row,) = _rows(cli, tmp_path / "rows.csv", "serving", SERVING | {"tp": "1e-300"})
    assert "tp is 1e-300: zero, or a number from 1e-12" in row["reason"]
