"""Techniques against printed values and calculations by hand."""

from __future__ import annotations

import functools

import pytest

from llmcost import api, spec
from llmcost.catalog import Catalog
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import speculation as engine
from llmcost.engine.serving.operating_point import Layout, Load, Point, Precision
from llmcost.estimate.asking.subject import machine_of
from scripts import techniques as tables

# Leviathan et al. 2023, arXiv 2211.17192, table 1: acceptance, draft length, arithmetic, speed-up (drafts for free).
TABLE_1 = (
    (0.6, 2, 1.53, 1.96), (0.7, 3, 1.58, 2.53), (0.8, 2, 1.23, 2.44), (0.8, 5, 1.63, 3.69), (0.9, 2, 1.11, 2.71),
    (0.9, 10, 1.60, 6.86),
)  # fmt: skip
H100 = ("--hardware", "h100-sxm")


def theorem_3_8(acceptance: float, drafted: float, cost_ratio: float) -> float:
    """Speed-up where verifying y + 1 tokens takes no longer than producing one: (1 - a^(y+1)) / ((1 - a)(y c + 1))."""
    return float(engine.expected_tokens(acceptance, drafted)) / (drafted * cost_ratio + 1.0)


def theorem_3_11(acceptance: float, drafted: float) -> float:
    """Arithmetic over that of plain decoding, drafts for free: (1 - a)(y + 1) / (1 - a^(y+1))."""
    return (drafted + 1.0) / float(engine.expected_tokens(acceptance, drafted))


@pytest.mark.parametrize(("acceptance", "drafted", "work", "speed"), TABLE_1)
def test_speculation_table_1(acceptance: float, drafted: int, work: float, speed: float) -> None:
    assert float(engine.expected_tokens(acceptance, drafted)) == pytest.approx(speed, abs=0.005)
    assert theorem_3_11(acceptance, drafted) == pytest.approx(work, abs=0.005)


@functools.cache
def shape(name: str) -> Shape:
    return tf.shape_of(Catalog([]).load(spec.Model, name)[0])


def point(batch: float, draft: engine.Draft | None, isl: float = 1000.0, model: str = "llama-3.1-70b") -> Point:
    catalog = Catalog([])
    machine = machine_of(catalog.load(spec.Accelerator, "h100-sxm")[0])
    constants = serving.calibration_from_factors(catalog.factors("serving", "memory"), "hopper", "any")
    at = (machine, Layout(tp=4.0), Precision(), Load(isl, 500.0, 0.0, batch), constants)
    if draft is None:
        return serving.operating_point(shape(model), *at)
    return engine.speculative_point(serving.operating_point, draft, *at)


def gain(batch: float, drafted: float, ratio: float = 0.05, acceptance: float = 0.8) -> float:
    plain = point(batch, None)
    after = point(batch, engine.Draft(shape("llama-3.1-70b"), acceptance, (drafted,), None, ratio))
    return float(plain.tpot_seconds / after.tpot_seconds)


@pytest.mark.parametrize("drafted", [1.0, 2.0, 4.0, 8.0])
def test_one_request_follows_theorem_3_8(drafted: float) -> None:
    """Verifying y + 1 tokens takes hardly longer than producing one: within 4 %, and never faster than the theorem."""
    best = theorem_3_8(0.8, drafted, 0.05)
    assert 0.96 * best <= gain(1.0, drafted) <= best


def test_speculation_fades_with_the_batch_and_ends_in_a_loss() -> None:
    gains = [gain(float(b), 8.0) for b in (1, 4, 16, 64, 128, 256, 400)]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 2.9
    assert gains[-1] < 0.95


def test_bound_by_arithmetic_speculation_costs_what_theorem_3_11_says() -> None:
    """A small model at thousands of short requests: matrix products fill the step, drafts for free."""
    catalog = Catalog([])
    machine = machine_of(catalog.load(spec.Accelerator, "h100-sxm")[0])
    small = shape("llama-3.1-8b")
    constants = serving.Calibration(
        step_seconds=0.0, layer_seconds=0.0, sequence_seconds=0.0, link_seconds=0.0, batch_limit=1e9, memory_share=1e3
    )
    at = (machine, Layout(), Precision(), Load(1.0, 2.0, 0.0, 1e6), constants)
    plain = serving.static_point(small, *at)
    after = engine.speculative_point(serving.static_point, engine.Draft(small, 0.8, (5.0,)), *at)
    slower = float(after.tpot_seconds / plain.tpot_seconds)
    assert slower == pytest.approx(theorem_3_11(0.8, 5.0), rel=0.08)  # 1.63


def test_open_lengths_take_the_best_and_zero_is_plain() -> None:
    target = shape("llama-3.1-70b")
    for batch in (1.0, 64.0, 400.0):
        each = [float(point(batch, engine.Draft(target, 0.7, (float(y),), None, 0.05)).tpot_seconds) for y in range(9)]
        assert each[0] == pytest.approx(float(point(batch, None).tpot_seconds))
        best = point(batch, engine.Draft(target, 0.7, tuple(float(y) for y in range(9)), None, 0.05))
        assert float(best.tpot_seconds - best.prefill_row) <= min(each)
        assert sum(float(v) for v in best.rows().values()) == pytest.approx(float(best.tpot_seconds))


def test_a_draft_model_takes_memory_and_time() -> None:
    """Llama 3.2 1B: 1.2358e9 parameters, 2 bytes each, over 4 ranks."""
    draft = engine.Draft(shape("llama-3.1-70b"), 0.8, (4.0,), shape("llama-3.2-1b"))
    plain, after = point(16.0, None), point(16.0, draft)
    assert float(after.weights_bytes - plain.weights_bytes) == pytest.approx(1235814400 * 2 / 4)
    assert float(after.draft_row) > 0
    assert float(after.prefill_seconds) > float(plain.prefill_seconds)


def test_the_prompt_passes_through_the_draft_once_more() -> None:
    """Its share of the model's arithmetic, 1.2358 of 70.55 billion weights less embeddings; of a static batch all prompts.

    `work`: parameters in matrix products of Llama 3.2 1B (its embedding is the head, 1.236e9) over those of Llama 3.1
    70B (70.554e9 - 128,256 x 8,192).
    """
    work = 1235814400 / (70553706496 - 128256 * 8192)
    draft = engine.Draft(shape("llama-3.1-70b"), 0.8, (4.0,), shape("llama-3.2-1b"))
    plain, after = point(16.0, None), point(16.0, draft)
    assert float(after.ttft_seconds - plain.ttft_seconds) == pytest.approx(
        work * float(plain.prefill_seconds), rel=1e-3
    )
    catalog = Catalog([])
    machine = machine_of(catalog.load(spec.Accelerator, "h100-sxm")[0])
    constants = serving.calibration_from_factors(catalog.factors("serving", "memory"), "hopper", "any")
    at = (machine, Layout(tp=4.0), Precision(), Load(1000.0, 500.0, 0.0, 16.0), constants)
    plain = serving.static_point(shape("llama-3.1-70b"), *at)
    after = engine.speculative_point(serving.static_point, draft, *at)
    later = float(after.ttft_seconds - plain.ttft_seconds)
    assert later == pytest.approx(16 * work * float(plain.prefill_seconds), rel=1e-3)


def test_weights_in_fewer_bits_free_memory_for_a_larger_batch() -> None:
    """Bytes: 16 -> 8 bits halve the layers, 4 bits (0.53125 bytes with scales) quarter them; head and embedding stay."""
    found = {}
    for text in ("none", "fp8-weights", "int4-weights"):
        r = api.serve(model="llama-3.1-70b", hardware="h100-sxm", tp=4, isl=1000, osl=500, technique=text).result
        found[text] = (float(r["weight_bytes"] or 0), int(r["batch_max"] or 0))
    layers = 70_553_706_496 - 2 * 128_256 * 8_192
    assert found["none"][0] == pytest.approx(2.0 * 70_553_706_496, rel=1e-6)
    assert found["fp8-weights"][0] == pytest.approx(layers + 4.0 * 128_256 * 8_192, rel=1e-3)
    assert found["int4-weights"][0] == pytest.approx(0.53125 * layers + 4.0 * 128_256 * 8_192, rel=1e-3)
    batches = [batch for _, batch in found.values()]
    assert batches == sorted(set(batches))


def test_a_mixture_of_experts_lies_between_dense_models_of_its_active_and_its_total_size() -> None:
    """Qwen3: 4B dense, 30.5B with 3.3B active, 32.8B dense (arXiv 2505.09388, tables 1 and 2)."""
    costs = [
        float(api.serve(model=m, hardware="h100-sxm", isl=1000, osl=500, samples=2).result["usd_per_request"] or 0)
        for m in ("qwen3-4b", "qwen3-30b-a3b", "qwen3-32b")
    ]
    assert costs == sorted(costs)


def test_batching_saves_what_is_quoted_at_small_batches_only() -> None:
    """Reading the weights decides below a hundred requests: n at a time cost nearly 1/n each."""
    assert tables.quoted(3.0) == 4
    assert tables.quoted(5.0) == 6


def test_a_query_by_the_assumptions_of_epoch_ai() -> None:
    """0.301 Wh: 1e14 FLOP at a tenth of 989 TFLOP/s, 1,071 W with PUE (its spreadsheet); ours takes no such share."""
    figure = next(f for f in tables.FIGURES if f.name.startswith("Epoch"))
    found = tables.verdict(figure)
    assert found.p5 < 0.301 < found.p95
    assert found.word == "inside"
