"""Parameters, FLOPs and KV bytes against printed numbers; each names where it is printed."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.parameters import count
from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving.inputs import Layout, Precision
from llmcost.engine.serving.memory import weights_bytes
from llmcost.engine.training.flops import forward_flops, training_flops_of

CATALOG = Catalog()


def model(name: str) -> spec.Model:
    return CATALOG.load(spec.Model, name)[0]


def shape(name: str) -> Shape:
    return tf.shape_of(model(name))


ARCHITECTURES = [name for name in CATALOG.names("models") if model(name).n_layers is not None]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_total_is_within_one_percent_of_the_published_count(name: str) -> None:
    """Every preset with an architecture; the published count and its source stand in the preset."""
    preset = model(name)
    assert preset.params_total is not None
    off = abs(float(shape(name).params_total) / preset.params_total - 1.0)
    assert (off > 0.01) == bool(preset.params_exception), f"{name} is {off:.2%} from the published count"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_active_parameters_match_the_published_count(name: str) -> None:
    """Vendors count active parameters with or without embedding and head, and round; 8 % covers Qwen3-Next (3B)."""
    preset, got = model(name), shape(name)
    assert preset.params_active is not None
    without = got.params_matmul - got.head_params
    assert 0.92 * without <= preset.params_active <= 1.06 * got.params_active


# Totals to the last parameter: safetensors totals of the checkpoints on Hugging Face.
CHECKPOINTS = {
    "llama-2-70b": 68_976_648_192,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "mixtral-8x7b": 46_702_792_704,
    "qwen3-235b-a22b": 235_093_634_560,
    "qwen2.5-72b": 72_706_203_648,
    "gemma-2-27b": 27_227_128_320,
    "olmo-2-32b": 32_234_279_936,
    "deepseek-v2": 235_741_434_880,
    "kimi-linear": 49_122_681_728,
    "qwen3-next": 79_674_391_296,
    "minimax-text-01": 456_089_655_296,
    "jamba-v0.1": 51_570_323_328,
    "nemotron-3-nano": 31_577_937_344,
    "nemotron-h-56b": 56_324_350_464,
    "gpt-oss-120b": 116_829_156_672,
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_total_is_exact(name: str) -> None:
    assert shape(name).params_total == CHECKPOINTS[name]


def test_mixtral_active_parameters() -> None:
    """Jiang et al. 2024, arXiv 2401.04088, section 2: 47B parameters, 13B active; release note: 46.7B and 12.9B."""
    got = shape("mixtral-8x7b")
    assert (round(float(got.params_total) / 1e9, 1), round(float(got.params_active) / 1e9, 1)) == (46.7, 12.9)


@pytest.mark.parametrize(
    ("name", "mlp", "attention", "embeddings", "active", "total"),
    [("gpt-oss-120b", 114.71, 0.96, 1.16, 5.13, 116.83), ("gpt-oss-20b", 19.12, 0.64, 1.16, 3.61, 20.91)],
)
def test_gpt_oss_parts(name: str, mlp: float, attention: float, embeddings: float, active: float, total: float) -> None:
    """OpenAI 2025, gpt-oss model card, table 1 (billions; active leaves the input embedding out)."""
    parts, got = count(model(name)), shape(name)
    assert (parts.expert * parts.expert_copies + parts.router) / 1e9 == pytest.approx(mlp, abs=0.01)
    assert parts.attention / 1e9 == pytest.approx(attention, abs=0.01)
    assert (parts.embedding + parts.head) / 1e9 == pytest.approx(embeddings, abs=0.01)
    assert got.params_matmul / 1e9 == pytest.approx(active, abs=0.01)
    assert got.params_total / 1e9 == pytest.approx(total, abs=0.01)


@pytest.mark.parametrize(("name", "gib"), [("gpt-oss-120b", 60.8), ("gpt-oss-20b", 12.8)])
def test_gpt_oss_checkpoint_size(name: str, gib: float) -> None:
    """Same table: checkpoint size with experts at 4.25 bits per parameter, the rest in bf16."""
    assert weights_bytes(shape(name), Layout(), Precision(weight_bytes=4.25 / 8.0)) / 2**30 == pytest.approx(
        gib, rel=0.005
    )


def test_kv_cache_of_llama_3_70b() -> None:
    """By hand: 80 layers x 2 x 8 heads x 128 x 2 bytes."""
    assert 2 * float(tf.kv_elements(shape("llama-3-70b"), 1)) == 327_680


def test_kv_cache_of_deepseek() -> None:
    """V3 by hand: 61 layers x (512 + 64) x 2 bytes; V2: 34.6K elements (arXiv 2405.04434, table 9)."""
    assert 2 * float(tf.kv_elements(shape("deepseek-v3"), 1)) == 70_272
    assert round(float(shape("deepseek-v2").kv_elements) / 1e3, 1) == 34.6


def test_latent_attention_equals_2_25_kv_groups() -> None:
    """DeepSeek-V2, arXiv 2405.04434, section 2.1.4: MLA caches as much as GQA with 2.25 groups of d_h = 128."""
    assert shape("deepseek-v2").kv_elements / 60 / (2 * 128) == 2.25


@pytest.mark.parametrize(("name", "gib"), [("llama-2-7b", 128), ("mixtral-8x7b", 32), ("jamba-v0.1", 4)])
def test_kv_cache_at_256k_tokens(name: str, gib: float) -> None:
    """Lieber et al. 2024, arXiv 2403.19887, table 1: KV cache at 256K context, 16 bits (Jamba's state is 0.01 GiB)."""
    assert 2 * float(tf.kv_elements(shape(name), 256 * 1024)) / 2**30 == pytest.approx(gib, rel=0.005)


def test_rolling_window_of_mistral_7b() -> None:
    """Jiang et al. 2023, arXiv 2310.06825, section 2: at 32k tokens the window saves 8 x cache memory."""
    windowed = 2 * float(tf.kv_elements(shape("mistral-7b"), 32_768))
    full = 32_768 * 32 * 2 * 8 * 128 * 2
    assert full / windowed == 8.0


def test_cross_layer_attention_of_hunyuan_large() -> None:
    """Sun et al. 2024, arXiv 2411.02265, table 1: GQA and CLA save almost 95 % of the cache of full attention."""
    assert 1.0 - shape("hunyuan-large").kv_elements / (64 * 2 * 80 * 80) == pytest.approx(0.95)


def test_kimi_linear_saves_three_quarters_of_the_cache() -> None:
    """Kimi Team 2025, arXiv 2510.26692, abstract: up to 75 % less KV cache (7 of 27 layers keep one)."""
    assert 1.0 - shape("kimi-linear").kv_elements / (27 * 576) == pytest.approx(0.75, abs=0.01)


def decoding_flops(of: Shape, context: float) -> float:
    return float(forward_flops(of.params_matmul, tf.attention_flops_per_token(of, context, absorbed=True)))


@pytest.mark.parametrize(
    ("name", "flops", "cache"), [("deepseek-v4-pro", 0.27, 0.10), ("deepseek-v4-flash", 0.10, 0.07)]
)
def test_deepseek_v4_against_v32_at_one_million_tokens(name: str, flops: float, cache: float) -> None:
    """DeepSeek-V4 model card: share of V3.2's single-token FLOPs and KV cache at 1M tokens of context.

    The card weighs formats (FP4 indexer keys, FP8 FLOPs); elements and plain FLOPs are counted here, hence 25 %.
    """
    new, old = shape(name), shape("deepseek-v3.2")
    ratio = decoding_flops(new, 1e6) / decoding_flops(old, 1e6)
    assert ratio == pytest.approx(flops, rel=0.25)
    assert float(tf.kv_elements(new, 1e6) / tf.kv_elements(old, 1e6)) == pytest.approx(cache, rel=0.25)


def test_attention_of_deepseek_v3() -> None:
    """By hand, per layer, token and cached position: 2 x 128 x (128 + 64 + 128) and 2 x 128 x (2 x 512 + 64)."""
    got = shape("deepseek-v3")
    assert (got.attention_flops / 61, got.attention_flops_absorbed / 61) == (81_920, 278_528)
    expanded = tf.attention_flops_per_token(got, 1000.0)
    assert float(tf.attention_flops_per_token(got, 1000.0, absorbed=True) / expanded) == pytest.approx(3.4)


def test_training_flops_of_gpt_3() -> None:
    """Brown et al. 2020, arXiv 2005.14165, table D.1: 174,600M parameters, 300B tokens, 3.14e23 FLOPs."""
    got = shape("gpt-3")
    assert got.params_total / 1e6 == pytest.approx(174_600, rel=0.001)
    without_attention = 6.0 * float(got.params_matmul) * 300e9
    assert round(without_attention / 1e23, 2) == 3.14
    assert float(training_flops_of(got, 2048).model * 300e9) / 1e23 == pytest.approx(3.14, rel=0.03)


def test_training_flops_of_llama_3_405b() -> None:
    """Grattafiori et al. 2024, arXiv 2407.21783, section 3.2.1: 3.8e25 FLOPs on 15.6T tokens (6 N D, no attention)."""
    got = shape("llama-3.1-405b")
    assert round(6.0 * float(got.params_total) * 15.6e12 / 1e25, 1) == 3.8
    assert float(training_flops_of(got, 8192).model * 15.6e12) / 1e25 == pytest.approx(3.8, rel=0.04)


def test_six_n_d() -> None:
    """6 x 70e9 x 15e12 = 6.3e24 (jax-ml scaling book, applied training); 70B on 1.4T: 5.76e23 (arXiv 2203.15556)."""
    known = tf.shape_from_counts(70e9)
    assert float(training_flops_of(known, 8192).model) * 15e12 == pytest.approx(6.3e24, rel=1e-12)
    assert float(training_flops_of(known, 2048).model) * 1.4e12 == pytest.approx(5.76e23, rel=0.03)


def test_attention_share_of_palm() -> None:
    """Chowdhery et al. 2022, arXiv 2204.02311, appendix B: 6 N + 12 L H Q T per token, attention not halved causally.

    A causal mean over 2 T positions sees T, which is the paper's count.
    """
    got = shape("palm")
    paper = 6.0 * 540.35e9 + 12.0 * 118 * 48 * 256 * 2048
    assert float(training_flops_of(got, 2 * 2048).model) == pytest.approx(paper, rel=0.002)


LAYERS, WIDTH, VOCABULARY, SEQUENCE = 96.0, 12288.0, 51200.0, 2048.0
# The block of Megatron: attention 4 h^2, FFN 8 h^2, output layer V h, nothing else.
MEGATRON = Shape(**dict.fromkeys(Shape._fields, 0.0))._replace(
    params_matmul=12.0 * LAYERS * WIDTH**2 + VOCABULARY * WIDTH,
    head_params=VOCABULARY * WIDTH,
    attention_flops=4.0 * LAYERS * WIDTH,
)


def test_model_flops_of_megatron() -> None:
    """Korthikanti et al. 2022, arXiv 2205.05198, equation 7: 72 B L s h^2 (1 + s/6h + V/12hL), attention not causal."""
    paper = 72.0 * LAYERS * WIDTH**2 * (1.0 + SEQUENCE / (6.0 * WIDTH) + VOCABULARY / (12.0 * WIDTH * LAYERS))
    assert float(training_flops_of(MEGATRON, 2 * SEQUENCE).model) == pytest.approx(paper, rel=1e-12)


def test_hardware_flops_with_full_recomputation() -> None:
    """Narayanan et al. 2021, arXiv 2104.04473, section 5.1: 96 B s l h^2 (1 + s/6h + V/16lh); the head runs once."""
    paper = 96.0 * LAYERS * WIDTH**2 * (1.0 + SEQUENCE / (6.0 * WIDTH) + VOCABULARY / (16.0 * LAYERS * WIDTH))
    assert float(training_flops_of(MEGATRON, 2 * SEQUENCE, 1.0).hardware) == pytest.approx(paper, rel=1e-12)


FAMILY = ("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b")


@pytest.mark.parametrize("name", FAMILY)
def test_assumed_shape_meets_the_family_it_is_read_from(name: str) -> None:
    """At each anchor the assumed dense shape is the published one."""
    real = shape(name)
    assumed = tf.dense_shape(real.params_total)
    for field in (
        "n_layers",
        "d_model",
        "n_heads",
        "n_kv_heads",
        "d_head",
        "params_matmul",
        "kv_elements",
        "attention_flops",
    ):
        assert float(getattr(assumed, field)) == pytest.approx(getattr(real, field), rel=1e-9), field
    assert float(assumed.ffn_width) == pytest.approx(real.ffn_width, rel=0.001)


def test_assumed_shape_between_anchors_resembles_other_families() -> None:
    """Qwen2.5 32B (64 layers, 5120 wide) was not used for the assumption."""
    assumed = tf.dense_shape(32.8e9)
    assert float(assumed.n_layers) == pytest.approx(64, rel=0.2)
    assert float(assumed.d_model) == pytest.approx(5120, rel=0.25)


def test_counts_alone_leave_the_rest_unknown() -> None:
    got = tf.shape_from_counts(671e9, 37e9)
    assert (float(got.params_total), float(got.params_active)) == (671e9, 37e9)
    assert np.isnan(got.kv_elements)
    assert np.isnan(got.n_layers)
