"""First tokens, formats and memory against published settings, measured rows and hand calculations."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.engine.machine.roofline import Machine, peak_flops
from llmcost.engine.serving.first_token_spread import FirstTokenSpread, kind_of, sides
from llmcost.engine.serving.operating_point import (
    Calibration,
    Layout,
    Load,
    Precision,
    max_batch,
    operating_point,
    static_point,
)
from llmcost.engine.serving.parts import prompt_attention, rates
from llmcost.estimate.validate.serving_points import predict
from tests.published.test_serving import CATALOG, FP8, constants, machine, shape

BF16 = Precision()
INT8 = Precision(1.0, 1.0, 8.0, 1.0, 1.0)
ROW = {
    "model_id": "llama-2-70b", "hardware_id": "h200-sxm", "n_gpus": "8", "weight_precision": "fp8", "isl_eff": "128",
    "osl_eff": "128", "load": "static-batch", "framework_id": "tensorrt-llm",
}  # fmt: skip


def test_eight_bits_on_mi300x_are_never_slower_than_sixteen() -> None:
    args = shape("llama-3.1-70b"), machine("mi300x"), Layout(8.0)
    load, known = Load(1000.0, 1000.0, 0.0, np.array([1.0, 8.0, 64.0, 256.0])), constants("cdna3")
    for mode in (static_point, operating_point):
        narrow, wide = mode(*args, FP8, load, known), mode(*args, BF16, load, known)
        assert np.all(narrow.tpot_seconds < wide.tpot_seconds)
        assert np.all(narrow.ttft_seconds < wide.ttft_seconds)


def test_products_of_mi300x_in_sixteen_bits_reach_what_was_measured() -> None:
    """620 of 1,307 TFLOP/s, SemiAnalysis 2024-12-22."""
    assert rates(machine("mi300x"), BF16, constants("cdna3")).matrix_flops == pytest.approx(620e12, rel=0.02)


def test_int8_on_a_b300_runs_at_the_sixteen_bit_rate() -> None:
    """NVIDIA cut INT8 on Blackwell Ultra below the BF16 rate."""
    b300 = machine("b300-sxm")
    assert b300.int8_flops < b300.bf16_flops
    assert peak_flops(b300, INT8.compute_bits, INT8.integer)[0] == b300.bf16_flops


def test_a_geforce_sums_in_sixteen_bits_at_its_full_rate() -> None:
    """RTX 3090: 142 TFLOP/s summed in 16 bits, 71 in 32 (GA102 white paper); an A100 has one rate, 312."""
    full = Calibration(half_sums=1.0, compute_efficiency_16=1.0)
    for name, peak in (("rtx3090", 142e12), ("a100-80gb-pcie", 312e12), ("apple-m2-ultra", 27.2e12)):
        assert rates(machine(name), BF16, full).matrix_flops == pytest.approx(peak, rel=0.01)
    assert rates(machine("rtx3090"), BF16, full._replace(half_sums=0.0)).matrix_flops == 71e12


def test_scores_that_are_stored_pass_memory() -> None:
    """Llama 3 8B, 8,192 tokens: 32 layers x 32 heads x 8,192^2 / 2 scores of 20 bytes over 1e12 bytes/s: 0.687 s."""
    known = Calibration(score_bytes=20.0, bandwidth_efficiency=1.0)
    chip = Machine(100e12, np.nan, np.nan, np.nan, 24e9, 1e12, np.nan, 1.0, np.nan, 350.0)
    args = shape("llama-3.1-8b"), Layout(), rates(chip, BF16, known), 4096.0
    fused = prompt_attention(*args, known._replace(score_bytes=0.0))
    assert 8192.0 * (prompt_attention(*args, known) - fused) == pytest.approx(0.6872, rel=1e-3)


def test_vllm_pays_weights_from_its_share_of_the_device() -> None:
    """Llama 3.1 70B FP8 on one H200, 7,373/922, 64 users (InferenceX): TTFT 39.8 s and TPOT 107 ms leave room for
    64 x 98.7 / (98.7 + 39.8) = 45.6 requests (Little)."""
    args = shape("llama-3.1-70b"), machine("h200-sxm"), Layout(), FP8, Load(7373.0, 922.0)
    assert float(max_batch(*args, constants("hopper", "vllm"))) == pytest.approx(45.6, rel=0.1)


def test_servers_wait_for_what_they_were_told_to_wait_for() -> None:
    """InferenceX: attention groups wait up to 60 iterations for one another's prompts."""
    trt = constants("blackwell", "tensorrt-llm")
    args = shape("deepseek-v3"), machine("b200-sxm")
    load = Load(922.0, 922.0, 0.0, 64.0)
    point = operating_point(*args, Layout(1.0, 1.0, 8.0, 8.0, 1.0), FP8, load, trt)
    apart = operating_point(*args, Layout(1.0, 1.0, 8.0, 8.0, 1.0), FP8, load, trt._replace(balance_steps=0.0))
    assert 1.0 <= float((point.ttft_seconds - apart.ttft_seconds) / point.tpot_seconds) <= 60.0 + 1e-6


def test_the_range_of_a_first_token_follows_what_it_meets() -> None:
    known = FirstTokenSpread(*np.arange(12.0))
    few_dense, many_experts = kind_of(False, False, False, False), kind_of(False, False, True, True)
    assert [float(x) for x in sides(known, few_dense)] == [2.0, 3.0]
    assert [float(x) for x in sides(known, many_experts)] == [8.0, 9.0]
    base = ROW | {"load": "closed-loop", "isl_eff": "1024", "tp": "8", "framework_id": "vllm", "osl_eff": "1024"}
    few, many = (
        p.values["ttft"] for p in predict([base | {"concurrency_or_batch": n} for n in ("16", "128")], CATALOG)
    )
    assert many[2] / many[0] > few[2] / few[0] > 1.0
    assert few[2] / few[1] != pytest.approx(few[1] / few[0], rel=0.01)


def test_a_layout_that_is_not_stated_is_the_fastest() -> None:
    """TensorRT-LLM's note on H200: Llama 2 70B on eight makes 30,424 tokens/s at 128/128: copies, not one group."""
    blank, one = predict([ROW, ROW | {"tp": "8"}], CATALOG)
    fastest = blank.values["output_tokens_per_s"][1]
    assert fastest > one.values["output_tokens_per_s"][1]
    assert fastest == pytest.approx(30424.0, rel=0.15)
