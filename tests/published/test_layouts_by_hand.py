"""Which layouts are tried, which is taken, and what binds: by the rules of the papers that they are from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.layouts import _interleaves, divisors, layouts
from llmcost.engine.training.memory import shard_ranks
from llmcost.engine.training.micro_batch import BF16, Run
from llmcost.engine.training.peak import Habits
from llmcost.engine.training.search import _binds, search
from llmcost.engine.training.smallest import smallest_fit
from llmcost.engine.training.step import Step, step
from tests.published.test_training_constants import kept
from tests.published.test_training_terms import BARE, DENSE, IDEAL, MACHINE, MOE, ONE, S

OPEN = {"vpp": 1.0, "zero": 1.0, "recompute": 0.0}
BASE = {**OPEN, "micro_batch": 1.0}  # a degree that is given is not questioned


def tried(
    shape: Shape = DENSE, gpus: float = 4.0, batch: float = 8.0, base: Mapping[str, float] = BASE, **fixed: float
) -> set[tuple[float, ...]]:
    found = layouts(shape, MACHINE, gpus, Run(S, batch, BF16), {**base, **fixed})
    names = (found.tp, found.pp, found.dp, found.cp, found.sp, found.ep, found.etp)
    return set(zip(*(np.asarray(axis).tolist() for axis in names), strict=True))


def test_degrees_multiply_to_the_accelerators() -> None:
    """4 accelerators, 2 layers, 8 heads, a context of 2,048 that is not split: tp x pp x dp, at most two stages."""
    assert {found[:3] for found in tried(cp=1.0)} == {
        (1, 1, 4), (1, 2, 2), (2, 1, 2), (2, 2, 1), (4, 1, 1),
    }  # fmt: skip
    assert {found[:3] for found in tried(cp=1.0, batch=2.0, base=OPEN)} == {
        (1, 2, 2), (2, 1, 2), (2, 2, 1), (4, 1, 1),  # two sequences are not dealt over four replicas
    }  # fmt: skip
    assert {found[:4] for found in tried(cp=2.0, tp=1.0)} == {(1, 1, 2, 2), (1, 2, 1, 2)}


def test_only_long_contexts_are_split() -> None:
    """A share of less than 4,096 tokens (`CONTEXT_TOKENS`) is not worth a ring: 16,384 go over four."""
    for length, most in ((2048.0, {1.0}), (8192.0, {1.0, 2.0}), (16_384.0, {1.0, 2.0, 4.0})):
        found = layouts(DENSE, MACHINE, 4.0, Run(length, 8.0, BF16), {**BASE, "tp": 1.0, "pp": 1.0})
        assert set(np.asarray(found.cp).tolist()) == most


def test_ulysses_divides_the_heads_that_tensor_parallelism_leaves() -> None:
    """Arxiv 2309.14509, section 3: sp x tp divides the heads: 8 of them, so 2 x 4 does and 4 x 4 does not."""
    assert tried(gpus=16.0, batch=16.0, sp=4.0, cp=1.0, tp=2.0, pp=1.0) == {(2, 1, 2, 1, 4, 1, 1)}
    assert tried(gpus=16.0, batch=16.0, sp=4.0, cp=1.0, tp=4.0, pp=1.0) == set()


def test_experts_are_dealt_over_the_ranks_of_a_stage() -> None:
    """Eight experts: ep divides tp x cp x dp, expert tensor ranks included (Megatron-Core, parallel folding)."""
    of_four = {found[5:] for found in tried(MOE, tp=1.0, pp=1.0, cp=2.0)}
    assert of_four == {(1, 1), (2, 1), (4, 1)}
    both = {found[5:] for found in tried(MOE, tp=2.0, pp=1.0, cp=1.0)}
    assert both == {(1, 1), (2, 1), (4, 1), (1, 2), (2, 2)}


def test_virtual_stages_hold_whole_layers_in_rounds_of_stages() -> None:
    """Arxiv 2104.04473, section 2.2.2. 24 layers on 4 stages: chunks of 8 divide them, of 12 too; of 20 four are missing.

    Three micro-batches are no round of four, nine are more than two rounds. One stage does not interleave.
    """
    shape = DENSE._replace(n_layers=24.0)
    for pp, vpp, rounds, good in ((4, 2, 8, True), (4, 3, 4, True), (4, 5, 8, False), (4, 2, 3, False), (4, 2, 9, True),
                                  (4, 2, 7, False), (1, 2, 8, False), (1, 1, 3, True), (9, 3, 9, True),
                                  (4, 7, 8, False)):  # fmt: skip
        found = _interleaves(shape, *(np.array([float(x)]) for x in (pp, vpp, rounds)))
        assert found.tolist() == [good], (pp, vpp, rounds)
    assert divisors(12.0, 6.0) == [1, 2, 3, 4, 6]


def test_the_fastest_layout_that_fits_is_taken() -> None:
    """Every layout one by one: the least step among those that fit, and the next with other degrees."""
    run = Run(S, 8.0, BF16, memory=Habits(BARE, BARE))
    found = search(DENSE, MACHINE, 4.0, run, IDEAL, BASE)
    each = [(float(step(DENSE, MACHINE, ONE._replace(tp=t, pp=p, dp=d, cp=c, zero=1.0), run, IDEAL).step_seconds), t, p, d)
            for t, p, d, c, *_ in tried()]  # fmt: skip
    best, second = sorted(each)[:2]
    assert float(found.best.step.step_seconds) == pytest.approx(best[0])
    assert found.runner_up is not None
    assert float(found.runner_up.step.step_seconds) == pytest.approx(second[0])
    assert (found.valid, found.fitting, found.missing_bytes) == (len(each), len(each), 0.0)


def test_what_is_missing_where_nothing_fits_and_how_many_would_hold_it() -> None:
    """The layout that needs least memory: what it lacks. Of whole weights with states sharded, as `peak` says."""
    run = Run(S, 8.0, BF16, memory=Habits(BARE, BARE))
    least = min(float(kept(tp=t, pp=p, dp=d, cp=c, zero=1.0, micro=8.0 / d).total_bytes) for t, p, d, c, *_ in tried())
    small = MACHINE._replace(memory_bytes=least / 2)
    found = search(DENSE, small, 4.0, run, IDEAL, BASE)
    assert (found.fitting, found.binds) == (0, "capacity")
    assert found.missing_bytes == pytest.approx(least / 2)
    one = float(kept(zero=1.0, micro=8.0).total_bytes)
    assert smallest_fit(DENSE, MACHINE._replace(memory_bytes=one * 1.01), run, BASE) == 1.0
    more = smallest_fit(DENSE, MACHINE._replace(memory_bytes=one * 0.99), run, BASE)
    assert more is not None
    assert more > 1.0


def test_what_binds_is_what_takes_most_beyond_products() -> None:
    """A third of the products counts as theirs; memory, network, bubble and overhead in full; 5 % of gain is capacity."""
    none = Step(*[0.0] * len(Step._fields))._replace(step_seconds=10.0)
    for said, what in (
        ({"gemm_seconds": 6.0, "attention_seconds": 3.0, "elementwise_seconds": 2.0}, "compute"),
        ({"gemm_seconds": 6.0, "elementwise_seconds": 1.5, "optimizer_seconds": 1.0}, "memory"),
        ({"gemm_seconds": 6.0, "tensor_parallel_seconds": 0.5, "context_parallel_seconds": 0.5,
          "expert_parallel_seconds": 0.5, "sharding_seconds": 0.5, "gradient_seconds": 0.5}, "network"),
        ({"gemm_seconds": 6.0, "pipeline_seconds": 2.5}, "bubble"),
        ({"gemm_seconds": 6.0, "launch_seconds": 1.0, "straggler_seconds": 1.0, "fixed_seconds": 1.0}, "overhead"),
    ):  # fmt: skip
        assert _binds(none._replace(**said), 10.0) == what
        assert _binds(none._replace(**said), 9.0) == "capacity"


def test_ranks_that_share_the_states_of_experts() -> None:
    """32 replicas of two tensor ranks: experts dealt over 8 ranks of 2 each repeat on 2 x 32 / 16 = 4; groups of 2 cap it."""
    lay = ONE._replace(tp=2.0, dp=32.0, ep=8.0, etp=2.0)
    assert [float(ranks) for ranks in shard_ranks(lay)] == [32.0, 4.0]
    assert [float(ranks) for ranks in shard_ranks(lay._replace(shard=2.0))] == [2.0, 2.0]
