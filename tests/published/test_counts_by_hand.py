"""Counts beside a model, curves that touch, a teacher, and the cache that an engine prints: worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.engine.model.agreement import agree, sparse_shape
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.meetings import Sampled, meetings
from llmcost.engine.serving.cache import printed_tokens
from llmcost.engine.serving.inputs import Calibration, Layout, Precision

NOTHING = Shape(**dict.fromkeys(Shape._fields, 0.0))
# ten layers of eight experts of 1e9 parameters, two of them visited, beside 5e9 that every token visits
EXPERTS = NOTHING._replace(
    n_layers=10.0, n_experts=8.0, topk=2.0, expert_params=1e9, moe_layers=10.0, params_total=85e9, params_active=25e9,
    params_matmul=25e9, ffn_width=100.0,
)  # fmt: skip


def test_both_counts_say_how_many_layers_have_experts_and_what_every_token_visits() -> None:
    # 65 - 23 = 42e9 are not visited, 6e9 a layer: seven layers; they leave 61e9 and 19e9, so that 4e9 more are visited
    # by every token. Widths: 100 x 7 / 10 = 70, then x (14 + 4) / 14
    found = agree(EXPERTS, 65e9, 23e9)
    assert (found.moe_layers, found.dense_layers, found.dense_ffn_params) == (7.0, 3.0, 4e9)
    assert (found.params_total, found.params_active, found.params_matmul) == (65e9, 23e9, 23e9)
    assert found.ffn_width == pytest.approx(90.0)


def test_the_total_alone_says_how_many_layers_have_experts() -> None:
    found = agree(EXPERTS, 69e9, None)  # (69 - 5) / 8
    assert (found.moe_layers, found.params_total, found.params_active) == (8.0, 69e9, 21e9)
    assert agree(EXPERTS, 84e9, None) == EXPERTS  # rounding


def test_experts_are_wider_where_there_are_not_so_many_layers() -> None:
    found = agree(EXPERTS, 125e9, None)  # (125 - 5) / 8 = 15 layers' worth in 10
    assert (found.moe_layers, found.expert_params, found.ffn_width) == (10.0, 1.5e9, 150.0)
    assert (found.params_total, found.params_active) == (125e9, 35e9)
    assert agree(EXPERTS, 365e9, None) == EXPERTS  # 4.5 times as wide: the count is of something else


def test_a_dense_count_goes_to_its_ffns() -> None:
    dense = NOTHING._replace(
        n_layers=10.0, params_total=10e9, params_active=10e9, params_matmul=10e9, dense_ffn_params=6e9, ffn_width=100.0
    )
    found = agree(dense, 13e9, None)
    assert (found.dense_ffn_params, found.params_total, found.params_matmul) == (9e9, 13e9, 13e9)
    assert found.ffn_width == pytest.approx(150.0)
    assert agree(dense, 10.4e9, None) == dense  # 4 %
    assert agree(dense, 3e9, None) == dense  # the FFNs would be gone


@pytest.mark.parametrize(
    ("total", "active", "experts"),
    [(46.7e9, 12.9e9, 8.0), (671e9, 37e9, 256.0)],  # Mixtral, arXiv 2401.04088, table 1; DeepSeek-V3, arXiv 2412.19437
)
def test_experts_of_which_only_the_counts_are_known(total: float, active: float, experts: float) -> None:
    found = sparse_shape(total, active)
    assert found.n_experts == experts
    unvisited = (found.n_experts - found.topk) * found.expert_params * found.moe_layers
    assert float(unvisited) == pytest.approx(total - active)


def test_a_teacher_is_spread_over_all_accelerators() -> None:
    # 405.85e9 - 70.55e9 parameters more, 2 bytes each, over 16 accelerators
    asked: dict[str, Any] = dict(model="llama-3.1-8b", method="distill", hardware="h200-sxm", gpus=16, tokens="1B")
    small, large = (
        float(api.train(**asked, teacher=name, tp=8, pp=1, samples=1).result["memory_bytes_per_gpu"] or 0.0)
        for name in ("llama-3.1-70b", "llama-3.1-405b")
    )
    assert large - small == pytest.approx((405.85e9 - 70.55e9) * 2 / 16, rel=1e-3)


def curves(first: Array, x: Array) -> Sampled:
    return Sampled(x, first, np.full(x.shape, 9.0), np.zeros((len(x), 1)))


def test_curves_that_touch_do_not_change_places() -> None:
    x = np.array([1.0, 3.0, 5.0])
    assert meetings(lambda at: curves((at - 3.0) ** 2 + 9.0, at), x) == ([], True)


def test_curves_that_cross_at_a_point_looked_at_change_places_once() -> None:
    (found,), whole = meetings(lambda at: curves(3.0 * at, at), np.array([1.0, 3.0, 5.0]))
    assert (found.x, found.value) == pytest.approx((3.0, 9.0), rel=1e-12)
    assert (found.exact, found.first_below, whole) == (True, True, True)
    (first,), _ = meetings(lambda at: curves(3.0 * at, at), np.array([3.0, 5.0]))  # at the very first
    assert first.x == pytest.approx(3.0, rel=1e-12)
    assert first.first_below


def test_an_engine_prints_requests_times_their_length() -> None:
    # 8 GB hold 4,000 requests of 2 MB, of 1,000 tokens each
    known = Calibration(paged_groups=1.0)
    plain = NOTHING._replace(n_layers=30.0, attention_layers=30.0, n_kv_heads=8.0)
    for by_blocks in (False, True):
        found = printed_tokens(plain, Layout(), Precision(), 8e9, 1000.0, 2e6, known, by_blocks)
        assert float(found) == pytest.approx(4e6)


def test_an_older_engine_printed_the_blocks_of_one_group_of_layers() -> None:
    # 10 layers of full attention and 20 with windows make 1 + 2 groups of 10; 2,048 numbers a layer and token, 2 bytes:
    # 2 x 2,048 x 10 x 3 = 122,880 bytes
    mixed = NOTHING._replace(
        n_layers=30.0, n_kv_heads=8.0, attention_layers=30.0, local_layers=20.0, kv_elements=20480.0,
        local_kv_elements=40960.0,
    )  # fmt: skip
    two_bytes = Precision()._replace(kv_bytes=2.0)
    found = printed_tokens(mixed, Layout(), two_bytes, 122.88e6, 1000.0, 2e6, Calibration(paged_groups=1.0), True)
    assert float(found) == pytest.approx(1000.0)
