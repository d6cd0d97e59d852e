"""Properties of parameter, FLOP and KV accounting for any architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmcost.engine.model import transformer as tf
from llmcost.engine.model.parameters import count
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.flops import training_flops_of
from llmcost.spec import Indexer, LinearMixer, Model

contexts = st.floats(1, 2e6)
FUNCTIONS: list[Callable[[Shape], Any]] = [
    lambda s: tf.attention_flops_per_token(s, 5000.0, True),
    lambda s: training_flops_of(s, 5000.0, 1.0).hardware,
    lambda s: tf.kv_elements(s, 5000.0),
    lambda s: tf.kv_elements_read(s, 5000.0),
]


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Dense or MoE, with full, windowed, latent, sparse or linear layers."""
    heads = draw(st.sampled_from([8, 16, 32]))
    layers = draw(st.integers(4, 60))
    options: dict[str, Any] = {}
    kind = draw(st.sampled_from(["full", "window", "mla", "sparse", "linear"]))
    if kind == "window":
        options = {"sliding_window": draw(st.integers(16, 8192)), "full_attention_layers": draw(st.integers(0, layers))}
    if kind in ("mla", "sparse"):
        options = {
            "attention": "mla", "mla_kv_lora_rank": 512, "mla_q_lora_rank": draw(st.sampled_from([None, 768])),
            "mla_qk_nope_dim": 128, "mla_qk_rope_dim": 64, "mla_v_dim": 128,
        }  # fmt: skip
    if kind == "sparse":
        options["indexer"] = Indexer(layers=layers, sparse_layers=layers, heads=16, dim=64, tokens=1024)
    if kind == "linear":
        options["linear"] = LinearMixer(kind="lightning", layers=layers - 2, heads=heads, k_dim=64)
    if draw(st.booleans()):
        experts = draw(st.integers(2, 256))
        options |= {
            "moe_experts": experts, "moe_topk": draw(st.integers(1, experts)), "moe_d_ff": 512,
            "moe_first_dense_layers": draw(st.integers(0, 3)), "moe_shared_d_ff_total": draw(st.sampled_from([0, 512])),
        }  # fmt: skip
    return Model(
        title="any",
        n_layers=layers,
        d_model=heads * 64,
        n_heads=heads,
        n_kv_heads=draw(st.sampled_from([1, 4, 8])),
        d_head=64,
        d_ff=draw(st.integers(64, 8192)),
        vocab_size=draw(st.integers(1000, 300_000)),
        tied_embeddings=draw(st.booleans()),
        **options,
    )


@given(models())
def test_parts_add_up(model: Model) -> None:
    parts, shape = count(model), tf.shape_of(model)
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    rest = parts.embedding + parts.head + parts.other
    assert shape.params_total == shape.attention_params + shape.dense_ffn_params + experts + rest
    assert 0 < shape.params_matmul <= shape.params_active <= shape.params_total
    lookup = 0 if model.tied_embeddings else shape.embedding_params
    assert shape.params_matmul == shape.params_active - lookup


@given(models(), contexts, contexts)
def test_flops_and_cache_grow_with_the_context(model: Model, a: float, b: float) -> None:
    shape, (low, high) = tf.shape_of(model), sorted((a, b))
    for absorbed in (False, True):
        less, more = (tf.attention_flops_per_token(shape, c, absorbed) for c in (low, high))
        assert less <= more
    assert tf.kv_elements(shape, low) <= tf.kv_elements(shape, high)
    assert tf.kv_elements_read(shape, low) <= tf.kv_elements_read(shape, high)
    assert tf.kv_elements_read(shape, high) <= tf.kv_elements(shape, high) * (1 + 1e-12)


@given(models(), st.integers(1, 4096))
def test_causal_average_is_the_mean_over_positions(model: Model, length: int) -> None:
    """S/2 stands for (S + 1)/2: the mean over positions 1..S lies within one position's work of it."""
    shape = tf.shape_of(model)
    every = tf.attention_flops_per_token(shape, np.arange(1.0, length + 1.0))
    one = shape.attention_flops + shape.window_flops
    assert abs(float(np.mean(every)) - float(tf.causal_attention_flops_per_token(shape, length))) <= one + 1e-6


@given(models(), contexts)
def test_recomputation_only_adds(model: Model, length: float) -> None:
    shape = tf.shape_of(model)
    none, half, full = (float(training_flops_of(shape, length, share).hardware) for share in (0.0, 0.5, 1.0))
    assert float(training_flops_of(shape, length, 1.0).model) == none
    assert none <= half <= full <= 4.0 / 3.0 * none * (1 + 1e-12)


@given(st.lists(models(), min_size=2, max_size=4), st.sampled_from(FUNCTIONS))
def test_arrays_give_what_numbers_give(several: list[Model], function: Callable[[Shape], Any]) -> None:
    shapes = [tf.shape_of(m) for m in several]
    stacked = Shape(*[np.array(column) for column in zip(*shapes, strict=True)])
    assert np.allclose(function(stacked), [float(function(s)) for s in shapes], rtol=1e-12)


@given(st.lists(st.floats(2e8, 1e13), min_size=1, max_size=20))
def test_assumed_shape_keeps_the_count_and_is_monotone(params: list[float]) -> None:
    ordered = np.sort(np.array(params))
    shape = tf.dense_shape(ordered)
    assert np.array_equal(shape.params_total, ordered)
    embeddings = np.where(ordered < 5e9, 1.0, 2.0) * shape.embedding_params
    parts = shape.attention_params + shape.dense_ffn_params + embeddings
    assert np.allclose(parts, ordered, rtol=1e-9)
    for field in (shape.n_layers, shape.d_model, shape.kv_elements, shape.attention_flops, shape.params_matmul):
        assert np.all(np.diff(field) >= 0)
    one = tf.dense_shape(float(ordered[0]))
    assert all(
        np.isclose(float(a), float(np.broadcast_to(b, ordered.shape)[0])) for a, b in zip(one, shape, strict=True)
    )
