"""What has to hold of the serving engine whatever its constants: limits, monotone answers, broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, dense_shape
from llmcost.engine.serving.at_a_load import first_token
from llmcost.engine.serving.in_flight import loaded
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import (
    Layout,
    Load,
    Point,
    Precision,
    calibration_from_factors,
    operating_point,
    static_point,
)
from llmcost.engine.serving.queueing import erlang_c, latency, lognormal_lengths
from llmcost.engine.serving.search import Targets, layouts, search
from tests.conftest import examples
from tests.published.test_serving import machine, shape

KNOWN = calibration_from_factors(Catalog().factors("serving", "memory"), "hopper", "any")
SHAPES: dict[str, Shape] = {
    "dense": dense_shape(8e9),
    "gqa": shape("llama-3.1-70b"),
    "moe": shape("mixtral-8x7b"),
    "mla": shape("deepseek-v3"),
    "window": shape("gpt-oss-120b"),
}
BASE: Machine = machine("h100-sxm")._replace(fp4_flops=4e15)
names = st.sampled_from(sorted(SHAPES))
formats = st.sampled_from(
    [Precision(), Precision(1.0, 1.0, 8.0, 0.0, 1.0), Precision(0.53, 1.0, 16.0, 0.0, 0.53, 2.0, 1.0)]
)
tps = st.sampled_from([1.0, 2.0, 4.0, 8.0])
isls = st.floats(16, 30_000)
osls = st.floats(2, 8_000)
batches = st.floats(1, 2_000)
relaxed = examples(150)


def point(name: str, chip: Machine, tp: float, precision: Precision, load: Load) -> Point:
    return operating_point(SHAPES[name], chip, Layout(tp, ep=tp), precision, load, KNOWN)


def per_token(p: Point) -> float:
    return 1.0 / float(p.output_tokens_per_second)


@relaxed
@given(
    names, formats, tps, isls, osls, batches, st.floats(1.0, 8.0),
    st.sampled_from(["memory_bytes_per_second", "bf16_flops", "fp8_flops", "link_bytes_per_second"]),
)  # fmt: skip
def test_a_better_machine_is_never_slower(
    name: str, precision: Precision, tp: float, isl: float, osl: float, batch: float, factor: float, what: str
) -> None:
    better = BASE._replace(**{what: getattr(BASE, what) * factor})
    load = Load(isl, osl, 0.0, batch)
    old, new = point(name, BASE, tp, precision, load), point(name, better, tp, precision, load)
    assert float(new.tpot_seconds) <= float(old.tpot_seconds) * (1 + 1e-9)
    assert float(new.ttft_seconds) <= float(old.ttft_seconds) * (1 + 1e-9)
    assert per_token(new) <= per_token(old) * (1 + 1e-9)


@examples(40)
@given(names, st.floats(200, 4_000), st.floats(50, 2_000), st.floats(1.0, 4.0), st.floats(0.02, 0.5))
@example("mla", 774.0, 772.0, 2.0, 0.02)
def test_more_of_anything_never_costs_more(name: str, isl: float, osl: float, factor: float, tpot: float) -> None:
    def cheapest(chip: Machine) -> float:
        found = search(
            SHAPES[name], chip, layouts(SHAPES[name], chip, gpus=16.0), [Precision(1.0, 1.0, 8.0, 0.0, 1.0)],
            Load(isl, osl), KNOWN, Targets(np.inf, tpot),
        )  # fmt: skip
        return np.inf if found.cheapest < 0 else float(found.grid.gpu_hours_per_mtok[found.cheapest])

    base = cheapest(BASE)
    for what in ("memory_bytes_per_second", "bf16_flops", "fp8_flops", "link_bytes_per_second"):
        assert cheapest(BASE._replace(**{what: getattr(BASE, what) * factor})) <= base * (1 + 1e-9)
    # more memory moves the grid of batches: its points are not the same, the best may differ by the grid's step
    assert cheapest(BASE._replace(process_bytes=BASE.process_bytes * factor)) <= base * 1.03


@examples(40)
@given(names, st.sampled_from([1.0, 4.0, 8.0]), st.floats(100, 20_000), st.floats(1, 60), st.floats(1.0, 4.0))
def test_a_longer_answer_never_costs_less(name: str, tp: float, isl: float, osl: float, factor: float) -> None:
    def cost(length: float) -> float:
        found = search(
            SHAPES[name], BASE._replace(process_bytes=1e12), Layout(np.array([tp]), *np.ones((4, 1))),
            [Precision(1.0, 1.0, 8.0, 0.0, 1.0)], Load(isl, length), KNOWN, Targets(),
        )  # fmt: skip
        return float(found.grid.gpu_hours_per_mtok[found.cheapest]) * length

    assert cost(osl) <= cost(osl * factor) * (1 + 1e-9)


@relaxed
@given(names, tps, isls, osls, st.floats(1.0, 4.0))
def test_more_memory_holds_more(name: str, tp: float, isl: float, osl: float, factor: float) -> None:
    args: tuple[Any, ...] = (Layout(tp), Precision(), Load(isl, osl), KNOWN)
    larger = BASE._replace(process_bytes=BASE.process_bytes * factor)
    assert float(max_batch(SHAPES[name], larger, *args)) >= float(max_batch(SHAPES[name], BASE, *args))


@relaxed
@given(names, formats, tps, isls, osls)
def test_batch_one_never_beats_bytes_over_bandwidth(
    name: str, precision: Precision, tp: float, isl: float, osl: float
) -> None:
    s = SHAPES[name]
    routed = s.moe_layers * s.topk * s.expert_params + s.dense_ffn_params
    read = s.attention_params * precision.attention_bytes + routed * precision.weight_bytes
    bound = (read + s.head_params * precision.head_bytes) / (tp * BASE.memory_bytes_per_second)
    for load in (Load(isl, osl), Load(isl, osl, 0.0, 1.0)):
        assert float(point(name, BASE, tp, precision, load).tpot_seconds) >= bound
        still = static_point(s, BASE, Layout(tp), precision, load, KNOWN)
        assert float(still.tpot_seconds) >= bound


@relaxed
@given(names, formats, tps, isls, osls, batches)
def test_throughput_never_exceeds_the_arithmetic_limit(
    name: str, precision: Precision, tp: float, isl: float, osl: float, batch: float
) -> None:
    s = SHAPES[name]
    fastest = BASE.fp8_flops if precision.compute_bits <= 8 else BASE.bf16_flops
    per_request = 2.0 * (s.params_matmul - s.head_params) * (isl + osl)
    limit = osl * tp * fastest / per_request
    p = point(name, BASE, tp, precision, Load(isl, osl, 0.0, batch))
    assert float(p.output_tokens_per_second) <= limit * (1 + 1e-9)


@relaxed
@given(names, formats, tps, isls, osls, batches, st.floats(1.0, 4.0))
def test_latency_rises_with_load(
    name: str, precision: Precision, tp: float, isl: float, osl: float, batch: float, factor: float
) -> None:
    low = point(name, BASE, tp, precision, Load(isl, osl, 0.0, batch))
    high = point(name, BASE, tp, precision, Load(isl, osl, 0.0, batch * factor))
    assert float(high.tpot_seconds) >= float(low.tpot_seconds) * (1 - 1e-9)
    assert float(high.ttft_seconds) >= float(low.ttft_seconds) * (1 - 1e-9)


@relaxed
@given(names, formats, tps, isls, osls, batches)
def test_rows_add_up_to_tpot(name: str, precision: Precision, tp: float, isl: float, osl: float, batch: float) -> None:
    p = point(name, BASE, tp, precision, Load(isl, osl, 0.0, batch))
    assert np.isclose(sum(float(v) for v in p.rows().values()), float(p.tpot_seconds), rtol=1e-9)
    assert 0.0 <= float(p.prefill_share) <= 1.0


@relaxed
@given(names, isls, osls, st.lists(batches, min_size=2, max_size=6))
def test_arrays_answer_as_floats_do(name: str, isl: float, osl: float, several: list[float]) -> None:
    together = point(name, BASE, 2.0, Precision(), Load(isl, osl, 0.0, np.array(several)))
    for i, batch in enumerate(several):
        alone = point(name, BASE, 2.0, Precision(), Load(isl, osl, 0.0, batch))
        assert np.isclose(
            np.broadcast_to(together.tpot_seconds, len(several))[i], float(alone.tpot_seconds), rtol=1e-12
        )
        assert np.isclose(
            np.asarray(together.output_tokens_per_second)[i], float(alone.output_tokens_per_second), rtol=1e-12
        )


@relaxed
@given(names, formats, tps, isls, osls, batches, st.floats(0.0, 1.0))
@example("window", Precision(1.0, 1.0, 8.0, 0.0, 1.0), 8.0, 30.4, 2.0, 813.0, 0.2)  # full iterations of short prompts
def test_a_cached_prompt_never_costs_more(
    name: str, precision: Precision, tp: float, isl: float, osl: float, batch: float, hit: float
) -> None:
    cold = point(name, BASE, tp, precision, Load(isl, osl, 0.0, batch))
    warm = point(name, BASE, tp, precision, Load(isl, osl, isl * hit, batch))
    assert per_token(warm) <= per_token(cold) * (1 + 1e-9)


@relaxed
@given(st.integers(1, 200), st.floats(0.01, 0.98))
def test_waiting_is_a_share_and_grows_with_load(servers: int, load: float) -> None:
    few, many = float(erlang_c(servers, load * servers * 0.9)), float(erlang_c(servers, load * servers))
    assert 0.0 <= few <= many <= 1.0


@relaxed
@given(st.integers(1, 32), st.floats(0.05, 0.9), st.floats(0.0, 2.0), st.floats(0.1, 0.99))
def test_latency_quantiles_are_ordered(servers: int, load: float, variation: float, quantile: float) -> None:
    services = lognormal_lengths(1.0, variation)
    here = latency(servers, load * servers, services)
    low, high = here.quantile(quantile), here.quantile(min(quantile + 0.009, 0.999))
    assert low <= high + 1e-9
    assert low <= latency(servers, min(load * 1.05, 0.99) * servers, services).quantile(quantile) + 1e-9
    assert here.mean_seconds <= here.quantile(0.95) + 1e-9


LOADS = np.array([0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99])


@examples(30)
@given(
    names,
    formats,
    tps,
    isls,
    st.floats(8, 8_000),
    st.integers(1, 800),
    st.sampled_from([1.0, 3.0, 40.0]),
    st.floats(0.0, 1.5),
)
def test_latencies_rise_with_load_up_to_those_of_the_full_batch(
    name: str, precision: Precision, tp: float, isl: float, osl: float, batch: int, replicas: float, variation: float
) -> None:
    layout, load = Layout(tp, ep=tp), Load(isl, osl, 0.0, float(batch))
    args = (SHAPES[name], BASE._replace(process_bytes=1e13), layout, precision, load, KNOWN)
    full = operating_point(*args)
    points = loaded(operating_point, *args, LOADS)
    at = points.at
    first = first_token(points, layout, load, KNOWN, LOADS, replicas, lognormal_lengths(1.0, variation))
    figures = (at.batch, at.tpot_seconds, first.mean_seconds, *(first.quantile(q) for q in (0.5, 0.95, 0.99)))
    found = [np.asarray(figure) for figure in figures]
    one = first_token(loaded(operating_point, *args, LOADS[3]), layout, load, KNOWN, LOADS[3], replicas,
                      lognormal_lengths(1.0, variation))  # fmt: skip
    assert one.quantile(np.array([0.5, 0.95, 0.99])) == pytest.approx([values[3] for values in found[3:]])
    for values in found:
        assert np.all((np.diff(values) >= -1e-9 * np.abs(values[:-1])) | np.isinf(values[1:]))
    mean, p50, p95, p99 = found[2:]
    assert np.all(mean <= p95 * (1 + 1e-9))
    assert np.all(p50 <= p95 * (1 + 1e-9))
    assert np.all(p95 <= p99 * (1 + 1e-9))
    assert np.all(at.tpot_seconds <= full.tpot_seconds * (1 + 1e-9))
    # Little: what is in flight is what arrives while a request lives, once there is more than one; 2 % at kinks
    lives = at.batch * osl / at.output_tokens_per_second
    kept = np.asarray(at.batch > 1.0 + 1e-9)
    assert np.allclose(
        (LOADS * full.output_tokens_per_second / osl * lives)[kept], np.asarray(at.batch)[kept], rtol=0.03
    )
    brim = loaded(operating_point, *args, 1.0).at
    assert float(brim.batch) == float(full.batch)
    assert float(brim.tpot_seconds) == float(full.tpot_seconds)
