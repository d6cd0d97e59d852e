"""Many loads at once are answered as each is alone: `of_loads` against `search`, which evaluates every point apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmcost.engine.serving import in_flight, sizes
from llmcost.engine.serving.operating_point import Layout, Load, Precision, operating_point, times
from llmcost.engine.serving.search import BATCHES, Targets, layouts, search
from tests.conftest import examples
from tests.properties.test_serving import BASE, KNOWN, SHAPES
from tests.published.test_serving import shape

MODELS = {**SHAPES, "states": shape("qwen3-next-80b-a3b"), "sparse": shape("deepseek-v3.2")}
FORMATS = [Precision(), Precision(1.0, 1.0, 8.0, 0.0, 1.0)]
load_of = st.tuples(st.floats(1, 100_000), st.floats(1, 8_000), st.sampled_from([0.0, 0.0, 0.3, 0.95, 1.0]))


@examples(25)
@given(
    st.sampled_from(sorted(MODELS)), st.lists(load_of, min_size=1, max_size=5), st.floats(0.01, 2.0),
    st.sampled_from([0.3, 5.0, np.inf]), st.booleans(), st.integers(1, 3), st.sampled_from([512.0, 8192.0]),
)  # fmt: skip
# read from the cache at 93 requests, computed again at 99, read at 131, of which the first token comes in time too
@example("dense", [(74426.84, 3235.67, 0.3)], 0.3, 5.0, False, 1, 512.0)
def test_every_load_has_the_choice_of_its_own_search(
    name: str, loads: list[tuple[float, float, float]], tpot: float, ttft: float, by_batch: bool, width: int,
    chunk: float,
) -> None:  # fmt: skip
    model, known = MODELS[name], KNOWN._replace(kv_by_batch=float(by_batch), chunk_tokens=chunk)
    candidates, targets = layouts(model, BASE), Targets(ttft, tpot)
    isl, osl, hit = map(np.array, zip(*loads, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "CHUNK", width)  # parts of a few loads
        asked = model, BASE, candidates, FORMATS, Load(isl, osl, isl * hit), known, targets
        found, best = sizes.of_loads(*asked), sizes.of_loads(*asked, every_size=False).sizes
    for i, (length, answer, share) in enumerate(loads):
        load = Load(length, answer, length * share)
        alone = search(model, BASE, candidates, FORMATS, load, known, targets)
        mine = sizes.of_grid(alone.grid)
        here = found.sizes.at(np.array(i)).pick(np.flatnonzero(np.isin(found.sizes.gpus, mine.gpus)))
        rates = here.output_tokens_per_second
        assert np.sum(found.sizes.output_tokens_per_second[i] > 0.0) == len(mine.gpus)
        np.testing.assert_allclose(rates, mine.output_tokens_per_second, rtol=1e-12)
        np.testing.assert_array_equal(here.batch, mine.batch)
        np.testing.assert_array_equal(here.precision_index, mine.precision_index)
        np.testing.assert_array_equal(np.stack(here.layout), np.stack(mine.layout))
        if len(mine.gpus):
            assert np.asarray(best.gpu_seconds)[i, 0] == pytest.approx(float(np.min(mine.gpu_seconds)), rel=1e-9)
            continue
        points = alone.grid.point
        times = np.min(points.tpot_seconds, initial=np.inf), np.min(points.ttft_seconds, initial=np.inf)
        np.testing.assert_allclose((found.best_tpot_seconds[i], found.best_ttft_seconds[i]), times, rtol=1e-12)
        kept = np.flatnonzero(points.ttft_seconds <= ttft)
        assert (len(kept) > 0) == (found.fastest.output_tokens_per_second[i, 0] > 0.0)
        if len(kept):
            fast = np.asarray(points.tpot_seconds)[kept]
            rates = np.asarray(points.output_tokens_per_second)[kept][fast == fast.min()]
            assert found.fastest.output_tokens_per_second[i, 0] == pytest.approx(float(rates.max()), rel=1e-12)


@examples(25)
@given(st.sampled_from(sorted(MODELS)), st.lists(st.tuples(load_of, st.integers(1, 3000)), min_size=1, max_size=5))
def test_a_batch_of_its_own_counts_where_it_fits_whole(
    name: str, loads: list[tuple[tuple[float, float, float], int]]
) -> None:
    model, candidates = MODELS[name], layouts(MODELS[name], BASE)
    isl, osl, hit = map(np.array, zip(*(load for load, _ in loads), strict=True))
    batch = np.array([float(b) for _, b in loads])[:, None]
    found = sizes.of_loads(model, BASE, candidates, FORMATS, Load(isl, osl, isl * hit), KNOWN, Targets(), batch).sizes
    for i, ((length, answer, share), _) in enumerate(loads):
        load = Load(length, answer, length * share)
        grid = search(model, BASE, candidates, FORMATS, load, KNOWN, Targets(), batches=batch[i]).grid
        whole = grid.pick(np.flatnonzero(grid.point.batch == batch[i, 0]))
        mine = sizes.of_grid(whole)
        np.testing.assert_array_equal(found.gpus[found.output_tokens_per_second[i] > 0.0], mine.gpus)
        at = np.isin(found.gpus, mine.gpus)
        np.testing.assert_allclose(found.output_tokens_per_second[i, at], mine.output_tokens_per_second, rtol=1e-12)


def test_a_few_requests_on_groups_that_wait_may_beat_fewer_and_more() -> None:
    """Of 64 groups two with a second request: 66 beat the 63 that share no iteration, and the 70 that wait longer."""
    known = KNOWN._replace(uneven=1.0, gather_steps=0.0, balance_steps=5.0, chunk_tokens=883.568)
    groups, few = Layout(*(np.array([v]) for v in (1.0, 1.0, 64.0, 64.0, 1.0))), BATCHES[BATCHES <= 70.0]
    asked = MODELS["mla"], BASE, groups, FORMATS[:1]
    grid = search(*asked, Load(1640.0, 865.0), known, Targets(), batches=few).grid
    rate = dict(zip(np.asarray(grid.point.batch).tolist(), np.asarray(grid.tokens_per_second).tolist(), strict=True))
    assert rate[66.0] > max(v for k, v in rate.items() if k != 66.0) * 1.001
    load = Load(np.array([1640.0]), np.array([865.0]))
    assert sizes.of_loads(*asked, load, known, Targets(), few).sizes.batch == 66.0


def test_more_requests_never_serve_fewer_tokens_once_iterations_are_shared() -> None:
    """Why of a layout without groups or stages the largest batch is looked at, and the last without sharing."""
    draw = np.random.default_rng(3)
    isl, osl = (np.exp(draw.uniform(low, high, (50, 1, 1))) for low, high in ((0.0, 12.0), (-0.5, 9.0)))
    for name, model in MODELS.items():
        every = layouts(model, BASE)
        plain = Layout(*(np.asarray(v)[np.asarray(every.dp * every.pp) == 1.0, None] for v in every))
        known = KNOWN._replace(chunk_tokens=draw.choice([512.0, 8192.0]), gather_steps=draw.choice([0.0, 4.2]))
        rate = times(model, BASE, plain, FORMATS[0], Load(isl, osl, 0.0, BATCHES), known).output_tokens_per_second
        falls = rate[..., 1:] < rate[..., :-1] * (1.0 - 1e-12)
        assert not np.any(falls & (BATCHES[:-1] > 1.0)), name


@pytest.mark.parametrize("launch", [0.0, 1e-3])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_load_meets_the_same_where_few_batches_are_tried(
    monkeypatch: pytest.MonkeyPatch, name: str, launch: float
) -> None:
    draw = np.random.default_rng(1)
    many = in_flight.MANY * 5
    isl, osl = np.exp(draw.uniform(1.0, 10.5, many)), np.exp(draw.uniform(0.0, 8.0, many))
    batch, share = np.floor(np.exp(draw.uniform(0.0, 7.0, many))), draw.uniform(0.001, 1.05, many)
    groups = draw.choice([1.0, 8.0], many) if float(MODELS[name].n_experts) else np.ones(many)
    ranks, stages = draw.choice([1.0, 2.0, 8.0], many), draw.choice([1.0, 4.0], many)
    layout = Layout(ranks, stages, groups, groups, np.where(groups > 1.0, 1.0, 0.0))
    known = KNOWN._replace(prompt_layer_seconds=launch, uneven=float(launch > 0.0))
    load = Load(isl, osl, isl * draw.choice([0.0, 0.5, 1.0], many), batch)
    chip = BASE._replace(memory_bytes=4e12)
    found = []
    for most in (in_flight.MANY, many + 1):
        monkeypatch.setattr(in_flight, "MANY", most)
        at = in_flight.loaded(operating_point, MODELS[name], chip, layout, FORMATS[0], load, known, share)
        found.append((at.at.batch, at.at.tpot_seconds, at.at.ttft_seconds, at.half.tpot_seconds, at.prompt_seconds))
    for few, every in zip(*found, strict=True):
        np.testing.assert_allclose(few, every, rtol=1e-12)
