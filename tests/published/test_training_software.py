"""What is known of a training stack is an input of its own: kernels, release, compilation, practice, MFU convention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmcost import api, spec
from llmcost.catalog import Catalog
from llmcost.engine.training.calibration import Kind
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import Chip, machine_of
from llmcost.estimate.training.published import same_machine
from llmcost.estimate.validate.training_rows import predict
from llmcost.estimate.validate.training_runs import predict_runs
from scripts.fit_training_ranges import Errors, paces
from tests.conftest import validation_rows

CATALOG = Catalog()
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


def test_software_that_nobody_named_goes_by_the_middle_of_all() -> None:
    """Fine-tuning by the usual stack, and by what people run: `practice` carries the difference and can be given back."""
    asked = SHORT | {"method": "lora"}
    named, unnamed = (api.train(**asked, **more, samples=1) for more in ({"framework": "hf-trainer"}, {}))
    assert unnamed.inputs["framework"].value == "hf-trainer"
    hours = [float(one.result["gpu_hours"] or 0.0) for one in (unnamed, named)]
    assert hours[0] < hours[1]
    shown = unnamed.inputs["practice"].value
    again = api.train(**asked, framework="hf-trainer", practice=shown, samples=1)
    assert again.result["gpu_hours"] == pytest.approx(unnamed.result["gpu_hours"], rel=1e-12)
    for chosen in (
        {"hardware": "gaudi2"},
        {"hardware": "tpu-v5p"},  # one stack: nothing is left open
        {"hardware": "h100-sxm", "dtype": "fp8"},  # the usual stack is NeMo, tuned: none is quicker
    ):
        assert api.train(**asked | chosen, samples=1).inputs["practice"].value == named.inputs["practice"].value


@pytest.mark.parametrize(
    ("medians", "pace"),
    [
        ([0.1] * 5, math.exp(-0.1)),  # all alike: no chance in it
        # median 0.1, variance 0.01 of three: 1.25^2 x 0.01 / 3 = 0.00521 of 0.01 is chance; exp(-0.1 x 0.479)
        ([0.0, 0.1, 0.2], 0.953),
        ([-0.2, 0.0, 0.02, 0.3], 1.0),  # less than chance
    ],
)
def test_the_middle_of_sources_counts_as_far_as_it_is_more_than_chance(medians: list[float], pace: float) -> None:
    count = len(medians)
    kind = Kind(*[np.zeros(count)] * len(Kind._fields))
    source, tuning = np.array([f"s{i}" for i in range(count)]), np.ones(count, bool)
    found = paces(Errors(np.array(medians), source, tuning, kind, np.zeros(count)), tuning)
    assert found == pytest.approx({"pretraining": 1.0, "tuning": pace}, abs=5e-4)


def test_validate_runs_and_train_agree_about_one_run() -> None:
    asked: dict[str, Any] = {"model": "deepseek-v3", "hardware": "h800-sxm", "gpus": 2048, "tokens": "14.8T"}
    row = {"model_id": "deepseek-v3", "hardware_id": "h800-sxm", "n_gpus": "2048", "tokens": "14.8e12"}
    (found,) = predict_runs([row], CATALOG)
    assert result(**asked)["campaign_gpu_hours"] == pytest.approx(found.seconds, rel=1e-6)


def test_a_short_run_is_not_drawn_to_the_usual_length_of_campaigns() -> None:
    # 8.03e9 parameters on 10B tokens: 6 N D / (1,024 x 989e12 x 40 %) is 20 minutes, 340 GPU-hours
    row = {"model_id": "llama-3.1-8b", "hardware_id": "h100-sxm", "n_gpus": "1024", "tokens": "10e9"}
    (found,) = predict_runs([row], CATALOG)
    assert found.seconds is not None
    assert found.seconds < 2 * 6 * 8.03e9 * 10e9 / (989e12 * 0.4) / 3600


def test_a_published_run_stands_beside_its_estimate() -> None:
    # model card of Llama 3.1: 1.46M H100-hours of the 8B model on 15T tokens
    found = result(model="llama-3.1-8b", hardware="h100-sxm", gpus=1024)
    assert found["published_gpu_hours"] == 1.46e6
    assert found["published_over_estimate"] == pytest.approx(1.46e6 / found["gpu_hours"])
    assert found["published"] == f"1.46M GPU-hours (Meta), {1.46e6 / found['gpu_hours']:.1f} x this estimate"
    other = result(model="llama-3.1-8b", hardware="a100-sxm", gpus=1024)
    assert other["published"] == "1.46M GPU-hours on H100-80GB (Meta)"
    assert "published_over_estimate" not in other
    assert "published" not in result(model="llama-3.1-8b", hardware="h100-sxm", gpus=1024, tokens="1T")
    assert "published" not in result(model="llama-3.1-8b", hardware="h100-sxm", gpus=64, method="lora", tokens="15T")


@pytest.mark.parametrize(
    ("text", "name", "same"),
    [
        ("2048x H800", "h800-sxm", True),
        ("NVIDIA A100 SXM4 40 GB", "a100-40gb-sxm", True),
        ("16x A100-40GB", "a100-80gb-sxm", False),
        ("6144x Google TPU v5p", "tpu-v5p", True),
        ("6144x Google TPU v4", "tpu-v5p", False),
        ("Google TPU v4,Google TPU v3", "tpu-v4", False),
        ("4096x GH200", "h100-sxm", False),
        (None, "h100-sxm", False),
    ],
)
def test_the_accelerator_of_a_publication(text: str | None, name: str, same: bool) -> None:
    preset, found = CATALOG.load(spec.Accelerator, name)
    assert same_machine(text, Chip(machine_of(preset), preset, found)) is same


def test_padding_is_computed_and_is_no_work() -> None:
    # half of the tokens are padding: twice the steps for the same tokens, at half the MFU
    full, half = result(**SHORT), result(**SHORT, packing="50%")
    assert half["compute_gpu_hours"] == pytest.approx(2 * full["compute_gpu_hours"], rel=1e-9)
    assert half["mfu"] == pytest.approx(full["mfu"] / 2, rel=1e-9)


def test_a_factor_a_row_slows_the_products_alone() -> None:
    # torchtitan 7a04053, Llama 3 8B on 8 H100: 7,186 tokens/s with a factor a tensor, 6,424 with one a row
    asked: dict[str, Any] = {"model": "llama-3-8b", "hardware": "h100-sxm", "gpus": 8, "tokens": "1B", "seq_len": 8192}
    asked |= {"dtype": "fp8", "framework": "torchtitan", "compiled": "yes", "global_batch_tokens": 65536}
    tensor, row = (result(**asked, fp8_recipe=name) for name in ("tensorwise", "rowwise"))
    assert row["compute_gpu_hours"] / tensor["compute_gpu_hours"] == pytest.approx(7186 / 6424, rel=0.04)


def test_block_scales_need_units_for_them() -> None:
    # NVIDIA Blackwell architecture brief: MXFP8 tensor cores; Hopper has none
    with pytest.raises(LlmcostError, match="has no mxfp8"):
        result(model="llama-3-8b", hardware="h100-sxm", gpus=8, tokens="1B", dtype="mxfp8")
    assert result(model="llama-3-8b", hardware="b200-sxm", gpus=8, tokens="1B", dtype="mxfp8")["gpu_hours"] > 0


def test_places_exchange_every_so_many_steps() -> None:
    # 2 x 1/2 x 4 bytes x 8,030,261,248 parameters at 1 Gbit/s are 257 s; every 500 steps 0.514 s a step
    asked: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "gpus": 64, "tokens": "100B"}
    asked |= {"sites": 2, "global_batch_tokens": "4M"}
    rare, often = (result(**asked, network_bandwidth="1Gbit/s", sync_every=n) for n in (500, 50))
    exchange = 4 * 8_030_261_248 / 125e6
    assert often["step_seconds"] - rare["step_seconds"] == pytest.approx(exchange * (1 / 50 - 1 / 500), rel=1e-6)
    for share in ("mfu", "hfu"):  # the same work in more time
        assert often[share] / rare[share] == pytest.approx(rare["step_seconds"] / often["step_seconds"], rel=1e-6)
    # 0.1 to 10 Gbit/s: ten times the exchange at one end, a tenth at the other; that range and the step's as variances
    either = api.train(**asked, network_bandwidth="0.1..10Gbit/s", sync_every=50)
    alone = api.train(**asked, network_bandwidth="1Gbit/s", sync_every=50).ranges["mfu"].p5
    local, mfu = often["step_seconds"] - exchange / 50, often["mfu"]
    slow = (local + exchange / 50) / (local + 10 * exchange / 50)
    assert either.result["mfu"] == pytest.approx(mfu, rel=1e-6)
    least = mfu * math.exp(-math.hypot(math.log(alone / mfu), math.log(slow)))
    assert either.ranges["mfu"].p5 == pytest.approx(least, rel=0.02)
    told = api.train(**asked, network_bandwidth="1Gbit/s", sync_every=5000, samples=1)
    assert any("no penalty in tokens or loss is published" in w.message for w in told.warnings)
    assert sum(row["seconds"] for row in told.arrays["step"]) == pytest.approx(told.result["step_seconds"], rel=1e-9)


def test_grouped_experts_over_a_loop() -> None:
    # foundation-model-stack/fms-acceleration, scripts/benchmarks, granite-3.0-3b-a800m on one A100: 18.30 s a step with
    # the loop of transformers, 6.56 s with ScatterMoE
    rows = {row["id"]: row for row in validation_rows("training_finetune.csv")}
    loop, together = rows["fmsacc-moe-001"], rows["fmsacc-moe-004"]
    assert (loop["expert_kernels"], together["expert_kernels"]) == ("looped", "grouped")
    a, b = predict([loop, together], CATALOG)
    assert a.seconds is not None
    assert b.seconds is not None
    assert a.seconds / b.seconds == pytest.approx(18.298785 / 6.563429, rel=0.35)
    again, _ = predict([together | {"expert_kernels": "looped"}, loop], CATALOG)
    assert again.seconds == pytest.approx(a.seconds)
