"""Laws of the training engine: rows add up, more work or slower parts never cost less, arrays equal points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, shape_of
from llmcost.engine.training.calibration import Calibration, calibration_from_factors
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import BF16, FP8, NVFP4, Run
from llmcost.engine.training.peak import Habits, Keeping
from llmcost.engine.training.step import ROWS, Step, step
from llmcost.errors import LlmcostError
from llmcost.spec import Model
from tests.conftest import examples

H100 = Machine(989e12, 1979e12, math.nan, 1979e12, 80e9, 3.35e12, 450e9, 8.0, 50e9, 700.0)
DENSE = shape_of(
    Model(title="dense", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128, d_ff=14336, vocab_size=128256)
)
MOE = shape_of(
    Model(
        title="moe", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128, d_ff=0, vocab_size=32000,
        moe_experts=8, moe_topk=2, moe_d_ff=14336,
    )
)  # fmt: skip


def constants() -> Calibration:
    """Round numbers near the fitted ones: the laws must not depend on the fit."""
    values = {
        "gemm_16": 0.75, "gemm_fp8": 1.0, "gemm_mxfp8": 0.9, "gemm_fp4": 0.7, "gemm_edge": 0.7, "expert_edge": 3.0,
        "attention": 0.4, "attention_ramp": 600.0, "repeat": 1.0, "mixer": 0.02,
        "memory": 0.75, "cast": 0.4, "dispatch": 6.0, "link": 1.2, "expert_link": 0.7, "expert_network": 0.7,
        "expert_join": 1.5, "network": 0.65, "overlap": 3.0, "dp_exposed": 0.25, "launch_dense": 4e-4,
        "launch_expert": 3e-3, "launch_held": 1e-4, "cast_fp4": 2.0, "launch_join": 1.1, "latency": 1e-5, "straggler": 0.008, "step": 0.02, "power": 1.0,
        "power_reference": 0.0, "link_per_memory": 0.12, "network_per_link": 0.1, "practice": 1.1,
        "unnamed_pretraining": 1.0, "unnamed_tuning": 0.9,
        "peer_link": 0.5, "dequantise": 3.5, "adapter_passes": 3.0, "host_adapters": 1e-3, "compiled_host": 0.5, "tuned_adapters": 0.3,
        "compiled_traffic": 0.7, "early_dequantise": 4.0, "recent_experts": 0.7, "recent_attention": 1.1,
        "plain_attention": 0.6, "plain_selective": 0.5, "host": 1e-3, "gather": 0.5, "traffic": 1.2,
    }  # fmt: skip
    return Calibration(**values)


power = st.sampled_from([1.0, 2.0, 4.0, 8.0])
LEAN = Keeping(weight=2.0, gradient=2.0, optimizer=4.0)  # both moments in 16 bits, no copy
layouts = st.builds(
    Layout, tp=power, pp=power, vpp=st.sampled_from([1.0, 2.0]), dp=power, cp=st.sampled_from([1.0, 2.0]),
    ep=st.just(1.0), etp=st.just(1.0), zero=st.sampled_from([0.0, 1.0, 3.0]), shard=st.just(0.0),
    micro_batch=st.sampled_from([1.0, 2.0]), recompute=st.sampled_from([0.0, 1.0, 1.5, 2.0]),
    sp=st.sampled_from([1.0, 2.0]),
)  # fmt: skip
runs = st.builds(
    Run, seq_len=st.sampled_from([2048.0, 8192.0]), global_batch=st.sampled_from([64.0, 256.0]),
    precision=st.sampled_from([BF16, FP8, NVFP4]), adapters=st.sampled_from([0.0, 4e7]), rank=st.just(16.0),
    ends=st.just(0.0),
    weight_bits=st.sampled_from([4.0, 16.0]), unfused=st.sampled_from([0.0, 1.0]), filled=st.sampled_from([0.8, 1.0]),
    memory=st.sampled_from([Habits(), Habits(LEAN, LEAN._replace(weight=4.0))]),
)  # fmt: skip
shapes = st.sampled_from([DENSE, MOE])


def seconds(shape: Shape, machine: Machine, layout: Layout, run: Run) -> float:
    return float(step(shape, machine, layout, run, constants()).step_seconds)


@examples(60)
@given(shapes, layouts, runs)
def test_rows_add_up_to_the_step(shape: Shape, layout: Layout, run: Run) -> None:
    found = step(shape, H100, layout, run, constants())
    total = sum(float(getattr(found, name)) for name in ROWS)
    assert total == pytest.approx(float(found.step_seconds), rel=1e-9)
    assert all(float(getattr(found, name)) >= -1e-9 for name in ROWS)
    assert 0 < float(found.mfu) <= float(found.hfu) < 1


@examples(60)
@given(shapes, layouts, runs, st.floats(1.0, 4.0))
def test_more_work_never_takes_less(shape: Shape, layout: Layout, run: Run, factor: float) -> None:
    before = seconds(shape, H100, layout, run)
    rounds = run._replace(global_batch=run.global_batch * factor)
    assert seconds(shape, H100, layout, rounds) >= before * (1 - 1e-12)
    longer = run._replace(seq_len=run.seq_len * factor)
    assert seconds(shape, H100, layout, longer) >= before * (1 - 1e-12)


SLOWER = ["bf16_flops", "memory_bytes_per_second", "link_bytes_per_second", "network_bytes_per_second"]


@examples(80)
@given(shapes, layouts, runs, st.sampled_from(SLOWER), st.floats(0.25, 1.0))
def test_slower_parts_never_gain(shape: Shape, layout: Layout, run: Run, part: str, factor: float) -> None:
    slower = H100._replace(**{part: getattr(H100, part) * factor})
    assert seconds(shape, slower, layout, run) >= seconds(shape, H100, layout, run) * (1 - 1e-9)


@examples(30)
@given(shapes, st.lists(layouts, min_size=2, max_size=5), runs)
def test_arrays_equal_points(shape: Shape, several: list[Layout], run: Run) -> None:
    stacked = Layout(*[np.array(column) for column in zip(*several, strict=True)])
    together = step(shape, H100, stacked, run, constants())
    alone = [step(shape, H100, layout, run, constants()) for layout in several]
    for name in Step._fields:
        points = [float(getattr(one, name)) for one in alone]
        assert np.broadcast_to(getattr(together, name), len(several)) == pytest.approx(points, rel=1e-12, abs=1e-15)


def test_a_missing_format_runs_at_the_next_wider_one() -> None:
    layout = Layout(1.0, 1.0, 1.0, 8.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)
    narrow, wide = Run(4096.0, 64.0, NVFP4), Run(4096.0, 64.0, FP8)
    assert seconds(DENSE, H100, layout, narrow) == seconds(DENSE, H100, layout, wide)
    bare = H100._replace(fp8_flops=math.nan)
    assert seconds(DENSE, bare, layout, wide) == seconds(DENSE, bare, layout, Run(4096.0, 64.0, BF16))


def test_unknown_links_are_borrowed_not_nan() -> None:
    bare = H100._replace(link_bytes_per_second=math.nan, network_bytes_per_second=math.nan, scale_up_domain=math.nan)
    layout = Layout(8.0, 2.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)
    assert math.isfinite(seconds(DENSE, bare, layout, Run(4096.0, 64.0, BF16)))


def test_a_missing_factor_is_an_error() -> None:
    with pytest.raises(LlmcostError, match="no calibration factor"):
        calibration_from_factors([], "hopper")
