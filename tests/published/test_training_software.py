"""What is known of a training stack is an input of its own: kernels, release, compilation, practice, MFU convention."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api

LONG: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "gpus": 64,
    "tokens": "1B",
    "seq_len": 131072,
    "mfu": "40%",
}
SHORT: dict[str, Any] = {"model": "llama-2-7b", "hardware": "a100-sxm", "gpus": 8, "tokens": "1B", "seq_len": 2048}


def result(**asked: Any) -> dict[str, Any]:
    return api.train(**asked, samples=1).result


def test_an_mfu_that_counts_masked_pairs_means_a_longer_run() -> None:
    # forward attention of a token: 4 x 32 heads x 128 x 32 layers x S positions, S / 2 where the mask counts;
    # 8.03e9 parameters less 128,256 x 4,096 of the input embedding are multiplied
    matmul, pairs = 6 * (8_030_261_248 - 128_256 * 4096), 3 * 4 * 32 * 128 * 32 * 131072
    causal, full = (result(**LONG, mfu_convention=name) for name in ("causal", "full"))
    assert full["gpu_hours"] / causal["gpu_hours"] == pytest.approx(
        (matmul + pairs) / (matmul + pairs / 2), rel=2e-3
    )  # 1.70, as goodput hardly moves
    assert full["mfu"] == pytest.approx(0.4 * (matmul + pairs / 2) / (matmul + pairs), rel=1e-6)
    assert causal["mfu"] == pytest.approx(0.4)


def test_the_convention_is_told_where_it_matters_and_refused_where_nothing_follows_from_it() -> None:
    told = {w.code for w in api.train(**LONG, samples=1).warnings}
    short = {w.code for w in api.train(**SHORT, mfu="40%", samples=1).warnings}
    assert "W044" in told
    assert "W044" not in short


def test_a_format_says_nothing_of_the_kernel() -> None:
    # FlashAttention runs in fp16 as in bf16 (arXiv 2205.14135, section 4): the peaks of an A100 are the same
    assert result(**SHORT, dtype="fp16")["gpu_hours"] == pytest.approx(result(**SHORT, dtype="bf16")["gpu_hours"])
    assert result(**SHORT, dtype="bf16", attention="unfused")["gpu_hours"] > 1.05 * result(**SHORT)["gpu_hours"]


def test_early_software_stores_scores_unless_told_otherwise() -> None:
    early = result(**SHORT, framework_year=2021)["gpu_hours"]
    assert early == pytest.approx(result(**SHORT, framework_year=2021, attention="unfused")["gpu_hours"])
    assert early > 1.05 * result(**SHORT, framework_year=2021, attention="fused")["gpu_hours"]


@pytest.mark.parametrize("method", ["pretrain", "qlora"])
def test_what_is_shown_of_the_software_given_back_changes_nothing(method: str) -> None:
    asked = SHORT | {"method": method, "framework": "hf-trainer"}
    first = api.train(**asked, samples=1)
    shown = {key: first.inputs[key].value for key in ("framework_year", "attention", "compiled", "practice")}
    again = api.train(**asked, **shown, samples=1)
    assert again.result["gpu_hours"] == pytest.approx(first.result["gpu_hours"], rel=1e-12)
