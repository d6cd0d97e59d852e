"""Memory of serving engines against their start-up logs."""

from __future__ import annotations

import math

import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import Told
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.published import class_bytes, published_in
from llmcost.engine.model.transformer import Shape, shape_of
from llmcost.engine.serving.cache import cache_bytes, state_bytes
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision, calibration_from_factors
from llmcost.engine.serving.memory import (
    graphs_bytes,
    max_batch,
    memory,
    share_taken,
    under_way_bytes,
    weights_bytes,
    workspace_bytes,
)
from llmcost.estimate.asking.subject import machine_of

GIB = 2.0**30
CATALOG = Catalog()
ROWS = CATALOG.factors("serving", "memory")
FP8 = Precision(1.0, 2.0, 8.0, 0.0, 1.0)


def shape(name: str) -> Shape:
    return shape_of(CATALOG.load(spec.Model, name)[0])


def machine(name: str) -> Machine:
    return machine_of(CATALOG.load(spec.Accelerator, name)[0])


def constants(
    generation: str, framework: str, card: Machine | None = None, release: float | None = None
) -> Calibration:
    told = Told(release=release, memory_bytes=math.nan if card is None else float(card.shown_bytes))
    return calibration_from_factors(ROWS, generation, framework, told)


def test_gemma_3_at_full_length_in_vllm() -> None:
    # vLLM's own count at 32,768 tokens, 16,384 batched: 2.5 GiB of 10 full layers + (52 + 8) x 8,192 B x 17,407
    known = constants("hopper", "vllm")._replace(profiled=16384.0)
    held = float(cache_bytes(shape("gemma-3-27b"), Layout(), Precision(), 32768.0, known))
    assert held / GIB == pytest.approx(10.47, rel=0.005)


def test_gpt_oss_at_full_length_in_vllm() -> None:
    # vllm-project/vllm#27508: 4.54 GiB needed at 131,072 tokens with 1,024 batched
    known = constants("hopper", "vllm")._replace(profiled=1024.0)
    held = float(cache_bytes(shape("gpt-oss-120b"), Layout(), Precision(), 131072.0, known))
    assert held / GIB == pytest.approx(4.54, rel=0.005)


@pytest.mark.parametrize(("length", "needed"), [(30000.0, 6.66), (13528.0, 5.44)])
def test_deepseek_v4_keeps_the_tokens_under_way_in_32_bits(length: float, needed: float) -> None:
    # vllm-project/vllm#44376, 8-bit cache on two GPUs, offline, so chunks of 16,384 tokens: GiB of one request
    known, flash = constants("hopper", "vllm")._replace(profiled=16384.0), shape("deepseek-v4-flash")
    cached = float(cache_bytes(flash, Layout(tp=2.0), FP8._replace(kv_bytes=1.0), length, known))
    assert (cached + float(under_way_bytes(flash, Layout(tp=2.0), known, length))) / GIB == pytest.approx(
        needed, rel=0.01
    )
    # held once, whatever the requests: what is left to them is less by the states of a whole chunk
    bare = flash._replace(compressor_elements=0.0)
    card, load = machine("h200-sxm"), Load(4000.0, 500.0)
    held, less = (memory(one, card, Layout(tp=2.0), FP8, load, known) for one in (flash, bare))
    states = 74240.0 * 4.0 * 16384.0 * 1.29  # 21 x 2 x 2 x (512 + 128) + 20 x 2 x 512 elements
    assert float(less.usable_bytes - held.usable_bytes) == pytest.approx(states)
    assert float(held.kv_bytes_per_request) == float(less.kv_bytes_per_request)


def test_experts_work_on_the_tokens_of_all_attention_groups() -> None:
    # vLLM 0.10, `fused_experts_impl`: chunks of 32,768 tokens x 8 choices, 16-bit products of 6,144 and 2,560 channels,
    # beside 8 x 8,192 tokens gathered and their outputs
    known = constants("hopper", "vllm", machine("h200-sxm"), 10.0)._replace(logit_bytes=0.0, sorted_logit_bytes=0.0)
    model, load, card = shape("qwen3-coder-480b-a35b"), Load(4000.0, 500.0), machine("h200-sxm")
    alone = float(workspace_bytes(model, card, Layout(dp=8.0, ep=8.0), load, known))
    shared = float(workspace_bytes(model, card, Layout(dp=8.0, ep=8.0, attention_dp=1.0), load, known))
    gathered = 2.0 * 32768.0 * 8.0 * (6144.0 + 2560.0) + 2.0 * 2.0 * 65536.0 * 6144.0
    own = 2.0 * 8192.0 * (3.0 * 6144.0 + 8.0 * (6144.0 + 2560.0))
    assert shared - alone == pytest.approx(gathered - own, rel=1e-6)


# llm-d-planner, accuracy_report.md: GiB that vLLM 0.19 measured on H100 with 1,024 sequences, on one rank and on four
@pytest.mark.parametrize(
    ("model", "tp", "activation", "rel"),
    [
        ("llama-3.1-8b", 1.0, 1.89, 0.03),
        ("llama-3.1-8b", 4.0, 1.89, 0.03),
        ("qwen3-8b", 1.0, 2.21, 0.03),
        ("qwen3-30b-a3b", 1.0, 2.68, 0.08),
    ],
)
def test_the_peak_of_a_pass_that_vllm_logged(model: str, tp: float, activation: float, rel: float) -> None:
    card = machine("h100-sxm")
    known = constants("hopper", "vllm", card, 19.0)._replace(context_bytes=0.0, group_bytes=0.0, sampled=1024.0)
    assert float(known.graph_bytes) == float(known.graph_size_bytes) == 0.0
    found = float(workspace_bytes(shape(model), card, Layout(tp=tp), Load(4000.0, 500.0), known))
    assert found / GIB == pytest.approx(activation, rel=rel)


def test_products_of_early_awq_write_eight_partial_sums() -> None:
    # gemm_kernels.cu of vLLM 0.2: torch::empty({split_k_iters, tokens, outputs}), split_k_iters 8, 16 bits; the gate of
    # an expert of Mixtral has 14,336 outputs, gate and up of Llama 2 7B 2 x 11,008 on two ranks; none from 0.3 on (#2566)
    card, load = machine("a100-80gb-sxm"), Load(4000.0, 500.0)
    for release, parts in ((2.0, 8.0), (3.0, 0.0)):
        known = constants("ampere", "vllm", card, release)._replace(
            logit_bytes=0.0, sorted_logit_bytes=0.0, profiled=4096.0
        )
        for name, outputs in (("mixtral-8x7b", 14336.0 / 2.0), ("llama-2-7b", 2 * 11008.0 / 2.0)):
            of = (shape(name), card, Layout(tp=2.0), load, known)
            more = float(workspace_bytes(*of, 0.53)) - float(workspace_bytes(*of, 1.0))
            assert more == pytest.approx(2.0 * 4096.0 * parts * outputs, rel=1e-3)


def test_experts_work_on_copies_of_every_token_and_stages_have_no_buffers() -> None:
    # fused_moe.py of vLLM: (tokens, experts of a token, 2 f) for gate and up, or (..., d) for the output, in one buffer,
    # and (tokens x experts of a token, f) for their product; Mixtral on two ranks: f 14,336 / 2, d 4,096, two experts
    card, load = machine("a100-80gb-sxm"), Load(4000.0, 500.0)
    known = constants("ampere", "vllm", card, 3.0)._replace(
        logit_bytes=0.0, sorted_logit_bytes=0.0, profiled=4096.0, context_bytes=0.0, group_bytes=0.0
    )
    of = (shape("mixtral-8x7b"), card)
    wide = 3 * 4096 + 2 * (2 * 7168 + 7168)
    assert float(workspace_bytes(*of, Layout(tp=2.0), load, known)) == pytest.approx(2.0 * 4096.0 * wide)
    ranks = known._replace(group_bytes=1e9)
    for layout in (Layout(), Layout(pp=2.0)):
        found, alone = (float(workspace_bytes(*of, layout, load, k)) for k in (ranks, known))
        assert found == alone


def test_reductions_of_vllm_0_2_6_keep_their_inputs() -> None:
    # vllm-project/vllm#2151: 25.5 GiB at the peak of Llama 70B on 8 ranks, 19.5 without; 2 x 2 x 80 x 2,560 x 8,192 bytes
    card, load = machine("a100-80gb-sxm"), Load(2000.0, 500.0)
    found = []
    for release in (2.5, 2.6, 2.7):
        known = constants("ampere", "vllm", card, release)._replace(profiled=2560.0)
        found.append(float(workspace_bytes(shape("llama-2-70b"), card, Layout(tp=8.0), load, known)))
    assert found[0] == found[2]
    assert (found[1] - found[0]) / GIB == pytest.approx(6.0, rel=0.05)


def test_graphs_come_off_the_cache_from_vllm_0_21_on() -> None:
    # vllm-project/vllm#45178: the estimate is taken off by default from 0.21 on; llm-d-planner, start-up logs of 0.19
    # with 1,024 sequences, 51 sizes: Gemma 3 27B 1.05 GiB, Llama 3.1 8B 0.81
    card = machine("h100-sxm")
    before, after = (constants("hopper", "vllm", card, release) for release in (20.0, 21.0))
    assert float(graphs_bytes(before)) == 0.0
    assert 0.81 < float(graphs_bytes(after._replace(sampled=1024.0))) / GIB < 1.05
    for engine in ("sglang", "tensorrt-llm", "llama.cpp", "ollama", "mlx", "vllm-metal", "lmdeploy"):
        assert float(graphs_bytes(constants("hopper", engine, card))) == 0.0


def test_sglang_left_a_hundredth_to_every_rank_before_it_counted_bytes() -> None:
    # sgl-project/sglang#5893, before 0.5: 0.88, 0.87, 0.85, 0.81 and 0.79 on 1, 2, 4, 8 and 16 ranks
    for ranks, share in ((1.0, 0.88), (2.0, 0.87), (4.0, 0.85), (8.0, 0.81), (16.0, 0.79)):
        known = constants("hopper", "sglang", machine("h100-sxm"), 4.6)
        of = (shape("llama-3.1-8b"), machine("h100-sxm"), Layout(tp=ranks), known)
        assert float(share_taken(*of)) == pytest.approx(share)


def test_a_draft_of_blocks_is_loaded_beside_its_model() -> None:
    # z-lab/Qwen3-8B-DFlash-b16: 1,048,626,432 parameters of 16 bits, 5 x (2 x 4096 + 256) + 2 x 4096 of them in norms
    model, card, load = shape("qwen3-8b"), machine("h100-sxm"), Load(4000.0, 500.0)
    known = constants("hopper", "vllm", card)
    alone, both = (
        float(memory(model, card, Layout(), FP8, load, of).weights_bytes)
        for of in (known, known._replace(block_draft=5.0))
    )
    draft = 1_048_626_432 - 5 * (2 * 4096 + 256) - 2 * 4096
    assert both - alone == pytest.approx(2.0 * draft * float(known.weights_factor), rel=1e-9)


def test_sglang_on_amd_leaves_a_share_to_the_workspace_of_attention() -> None:
    # sgl-project/sglang#37242: the share x 0.85, said or derived, on AMD's servers; not before AITER was usual there
    for generation, release, share in (("cdna4", None, 0.85), ("blackwell", None, 1.0), ("cdna4", 4.8, 1.0)):
        known = constants(generation, "sglang", release=release)._replace(
            memory_share=0.9, left_bytes=0.0, rank_share=0.0
        )
        assert float(share_taken(shape("qwen3-8b"), machine("mi355x"), Layout(), known)) == pytest.approx(0.9 * share)


def test_a_state_keeps_its_bits_whatever_the_cache_has() -> None:
    # lmstudio-bug-tracker#1862: 149.6 MiB a sequence (Qwen3.6 27B, the shape of 3.5); 146.8 by 48 layers in 32 bits
    model = shape("qwen3.5-27b")
    assert float(state_bytes(model)) / 2**20 == pytest.approx(149.6, rel=0.03)
    known = constants("hopper", "llama.cpp")
    wide, narrow = (float(cache_bytes(model, Layout(), Precision(kv_bytes=b), 1.0, known)) for b in (2.0, 1.0))
    assert wide == pytest.approx(narrow, rel=0.001)
    # the same report: 16 GiB of cache at 262,144 tokens
    long = float(cache_bytes(model, Layout(), Precision(), 262144.0, known))
    assert (long - float(state_bytes(model))) / GIB == pytest.approx(16.0, rel=1e-6)


def test_ranks_share_out_the_heads_of_a_state() -> None:
    """48 layers of 48 heads of 128 x 128 in 32 bits, and 3 inputs of 10,240 channels in 16: half of each on two ranks."""
    whole = 48 * (48 * 128 * 128 * 4 + 3 * 10_240 * 2)
    known = constants("hopper", "llama.cpp")
    for ranks in (1.0, 2.0):
        held = float(cache_bytes(shape("qwen3.5-27b"), Layout(tp=ranks), Precision(), 0.0, known))
        assert held == pytest.approx(whole / ranks, rel=1e-9)


@pytest.mark.parametrize(
    ("length", "tp", "requests"),
    [
        (262144.0, 1.0, 19.54 / 1.19648),  # 80 GiB, 16-bit cache: 19.54 GiB hold 1.196 requests of 262,144
    ],
)
def test_hybrid_pages_of_vllm(length: float, tp: float, requests: float) -> None:
    # start-up log of Qwen3.8 27B, vLLM 0.26: 408 blocks of 784 tokens, 335 + 2 x 3 of them a request
    one = float(cache_bytes(shape("qwen3.5-27b"), Layout(tp=tp), Precision(), length, constants("any", "vllm")))
    assert one / GIB == pytest.approx(requests, rel=0.005)


def test_the_405b_as_meta_publishes_it_in_fp8() -> None:
    # vllm-project/vllm#6746: 57.75 GiB on each of eight cards; all of it in 8 bits would be 47.7
    preset = CATALOG.load(spec.Model, "llama-3.1-405b")[0]
    stored = published_in(preset, "fp8")
    assert stored is not None
    each = class_bytes(preset, stored)
    precision = Precision(each.weights, 2.0, 8.0, 0.0, each.attention, each.ends)
    assert float(weights_bytes(shape_of(preset), Layout(tp=8.0), precision)) / GIB == pytest.approx(57.75, rel=0.02)


@pytest.mark.parametrize(
    ("model", "card", "release", "known", "tokens"),
    [
        # public log: H100, 0.9 of 79.14 GiB, 449,987 tokens (vLLM 0.6.5: 256 sequences)
        ("llama-3.1-8b", "h100-sxm", 6.5, {}, 449987),
        # public log: L40S, 0.92, 75,824 tokens
        ("qwen3-14b", "l40s", 28.0, {}, 75824),
        # vllm-project/vllm#10517: RTX 3090, 20,000 tokens in one pass, 0.35 GiB outside PyTorch, 31,232 tokens
        ("llama-3.1-8b", "rtx3090", 6.4, {"profiled": 20000.0, "context_bytes": 0.35 * GIB}, 31232),
        # public log: H100, 79.25 GiB, 460,496 tokens (vLLM 0.3x: 1,024 sequences, no sort of their logits)
        ("llama-3.1-8b", "h100-sxm", 30.0, {}, 460496),
        # a copy of an issue of vLLM: 0.9.1 on an H100, 51.63 GiB at 131,072 B a token (it sorts 1,024 rows of logits)
        ("llama-3.1-8b", "h100-sxm", 9.1, {}, 51.63 * GIB / 131072),
    ],
)
def test_tokens_of_cache_that_vllm_printed(
    model: str, card: str, release: float, known: dict[str, float], tokens: float
) -> None:
    preset = CATALOG.load(spec.Accelerator, card)[0]
    told = constants(preset.generation, "vllm", machine(card), release)._replace(**known)
    held = memory(shape(model), machine(card), Layout(), Precision(), Load(4096.0, 0.0), told)
    printed = float(held.usable_bytes / held.kv_bytes_per_request) * 4096.0
    assert printed == pytest.approx(tokens, rel=0.05)


def test_sglang_leaves_the_rest_alone() -> None:
    # start-up log: 78.7 GiB free before loading, 63.72 after, 12 % of the first kept back: 54.26 GiB, 444,500 tokens
    known = constants("hopper", "sglang")._replace(memory_share=0.88, left_bytes=0.0, rank_share=0.0)
    held = memory(
        shape("llama-3.1-8b"), machine("h100-sxm"), Layout(), Precision(), Load(4096.0, 0.0), known
    )  # fmt: skip
    assert float(held.usable_bytes) / GIB == pytest.approx(54.26, rel=0.02)


@pytest.mark.parametrize(
    ("card", "share"),
    [  # what is left in MiB, by python/sglang/srt/server_args.py, of what the card shows
        ("rtx4090", 1 - (512 + 2048 * 1.5 + 24 * 2 + 128) / 24_217.6),  # 23.65 GiB
        ("h100-sxm", 1 - (512 + 8192 * 1.5 + 256 * 2 + 128) / 81_090.6),  # 79.19 GiB
        ("mi300x", 1 - (512 + 16384 * 1.5 + 512 * 2 + 128) / 196_608.0),  # 192 GiB
    ],
)
def test_sglang_takes_a_share_by_the_size_of_the_card(card: str, share: float) -> None:
    known = constants("any", "sglang", machine(card))
    found = share_taken(shape("llama-3.1-8b"), machine(card), Layout(), known)
    assert float(found) == pytest.approx(share, rel=0.01)
    pictures = shape("llama-3.1-8b")._replace(vision_params=1e9)
    assert float(share_taken(pictures, machine(card), Layout(), known)) == pytest.approx(0.95 * share, rel=0.01)


def test_sglang_leaves_room_for_every_rank() -> None:
    """288 GiB and 4 x 2 ranks: 512 + 16,384 x 1.5 + 512 x 2 + 8 x 128 = 27,136 of 294,912 MiB are left."""
    card = machine("mi355x")._replace(memory_bytes=288 * GIB, process_bytes=288 * GIB)
    found = share_taken(shape("llama-3.1-8b"), card, Layout(tp=4, pp=2), constants("any", "sglang", card))
    assert float(found) == pytest.approx(1 - 27_136 / 294_912)


def test_pictures_are_measured_beside_the_language_model() -> None:
    # a start of Qwen3-VL with four sequences held 3.9 GiB beside weights and cache, a text model's 0.7
    known = constants("ampere", "vllm")._replace(sampled=4.0)
    text = shape("llama-3.1-8b")
    both = [
        float(memory(one, machine("l40s"), Layout(), Precision(), Load(4096.0, 0.0), known).activation_bytes)
        for one in (text, text._replace(vision_params=1e9))
    ]
    assert 1.0 < (both[1] - both[0]) / GIB < 3.2


def test_an_8b_model_in_16_bits_does_not_load_on_a_t4() -> None:
    # meta-llama/llama3#95: 16.06 GB of weights, the card shows 14.56 GiB
    point = (shape("llama-3.1-8b"), machine("t4"), Layout(), Precision(), Load(200.0, 50.0))
    for framework in ("any", "vllm", "sglang", "tensorrt-llm", "llama.cpp"):
        assert float(max_batch(*point, constants("turing", framework))) == 0.0


def test_deepseek_v3_needs_more_than_eight_hopper_cards_of_80_gb() -> None:
    # InternLM/lmdeploy#2960: about 83 GB a card, out of memory; the same ran on eight H20 of 96 GB
    load = Load(1000.0, 100.0)
    for card, held in (("h100-sxm", False), ("h20", True)):
        fits = float(
            max_batch(shape("deepseek-v3"), machine(card), Layout(tp=8.0), FP8, load, constants("hopper", "lmdeploy"))
        )
        assert (fits > 0) == held


def test_a_window_beside_a_compressed_cache_grows_with_the_request() -> None:
    # vllm-project/vllm#51041: DeepSeek-V4-Flash, 8-bit cache: 1.34 GiB for 131,072 tokens, about 6.3 for 912,128
    known = constants("hopper", "vllm")._replace(profiled=8192.0)
    short, long = (
        float(cache_bytes(shape("deepseek-v4-flash"), Layout(tp=4.0), Precision(kv_bytes=1.0), n, known)) / GIB
        for n in (131072.0, 912128.0)
    )
    assert short == pytest.approx(1.34, rel=0.2)
    assert long == pytest.approx(6.3, rel=0.1)


def test_padded_experts_of_gpt_oss_in_vllm() -> None:
    """vllm-project/vllm#23278: loading took 65.97 GiB; experts of 2,880 x 2,880 are kept as 3,072 x 2,944."""
    precision = Precision(17.0 / 32.0, 2.0, 4.0, 0.0, 2.0, 2.0, 1.0)  # a block of 32 has a scale of one byte
    held = memory(
        shape("gpt-oss-120b"), machine("h100-sxm"), Layout(), precision, Load(1000.0, 0.0), constants("hopper", "vllm")
    )
    assert float(held.weights_bytes) / GIB == pytest.approx(65.97, rel=0.01)


def test_what_a_mac_lends_its_gpu_follows_the_release_of_macos() -> None:
    # recommendedMaxWorkingSetSize in logs, older and newer: 10.67 and 11.84 GiB of 16, 48 and 51.84 of 64, 96 and 107.5
    # of 128: half of the difference is 5 % of the first
    pairs = ((10.67, 11.84), (48.0, 51.84), (96.0, 107.52))
    half = sum((new - old) / old / 2 for old, new in pairs) / len(pairs)
    for engine in ("any", "llama.cpp", "mlx"):
        assert float(constants("apple", engine, machine("apple-m3-max")).shown_spread) == pytest.approx(half, rel=0.05)
    assert float(constants("hopper", "vllm", machine("h100-sxm")).shown_spread) == 0.004
