"""What each constant of a serving engine acts on, and on nothing else; and first tokens at a load, by hand.

The machine and models of `test_serving_terms`. With endless bandwidth only arithmetic is left, with an endless peak
only reading: half the share takes twice the time.
"""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import shape_of
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.at_a_load import first_token, first_token_of_groups, first_token_of_pool
from llmcost.engine.serving.in_flight import Loaded, loaded
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.iteration import Work, iteration
from llmcost.engine.serving.memory import Memory as Held
from llmcost.engine.serving.memory import cache_spread, graphs_bytes, most_held, share_taken, workspace_bytes
from llmcost.engine.serving.operating_point import Point, binding_part, operating_point
from llmcost.engine.serving.parts import links, rates
from llmcost.engine.serving.pools import PrefillPoint
from llmcost.engine.serving.queueing import Latency, Wait
from llmcost.engine.serving.steady import prompt_launches
from llmcost.spec import Model
from tests.published.test_serving_terms import ALONE, DENSE, HBM, IDEAL, LINK, MACHINE, MOE, NETWORK, PEAK, D, L, V

COMPUTING = MACHINE._replace(memory_bytes_per_second=1e40)
READING = MACHINE._replace(bf16_flops=1e40)
ROWS = ("linear", "experts", "attention", "prefill_attention", "head", "communication", "fixed")


def passed(machine: Machine, known: Calibration, layout: Layout = ALONE) -> Work:
    rate = rates(machine, Precision(), known)
    return iteration(MOE, layout, Precision(), rate, 4.0, 500.0, 100.0, 500.0, known)


@pytest.mark.parametrize(
    ("machine", "constant", "value", "slower"),
    [
        (COMPUTING, "compute_efficiency_16", 0.5, {"linear": 2, "experts": 2, "head": 2}),
        (COMPUTING, "attention_efficiency", 0.5, {"attention": 2, "prefill_attention": 2}),
        (COMPUTING, "compute_factor", 0.5,
         {"linear": 2, "experts": 2, "head": 2, "attention": 2, "prefill_attention": 2}),
        (COMPUTING, "compute_factor", 2.0, {}),  # nothing is faster than its peak
        (COMPUTING, "expert_factor", 3.0, {"experts": 3}),
        (COMPUTING, "bandwidth_efficiency", 0.5, {}),
        (READING, "bandwidth_efficiency", 0.5, {"linear": 2, "experts": 2, "head": 2}),
        (READING, "kv_efficiency", 0.5, {"attention": 2}),
        (READING, "memory_factor", 0.5, {"linear": 2, "experts": 2, "head": 2, "attention": 2}),
        (READING, "memory_factor", 2.0, {}),
        (READING, "expert_factor", 3.0, {"experts": 3}),
        (MACHINE, "link_efficiency", 0.5, {"communication": 2}),
        (MACHINE, "network_efficiency", 0.5, {}),  # all ranks share a domain
        (MACHINE, "step_seconds", 2e-3, {"fixed": 2}),
        (MACHINE, "fixed_factor", 2.0, {"fixed": 2}),
    ],
)  # fmt: skip
def test_a_constant_acts_on_its_rows_alone(
    machine: Machine, constant: str, value: float, slower: dict[str, float]
) -> None:
    known = IDEAL._replace(step_seconds=1e-3)
    was, now = (passed(machine, one, Layout(tp=2.0)) for one in (known, known._replace(**{constant: value})))
    for row in ROWS:
        assert float(getattr(now, row) / getattr(was, row)) == pytest.approx(slower.get(row, 1.0)), row


def test_fixed_times_by_what_they_belong_to() -> None:
    """Two stages at 1 ms, 2 layers at 0.1 ms and 2 narrow ones at 0.2, 2 expert layers x 2/8 choices at 0.8, twice it all.

    Choosing positions is of the layers with an indexer alone: of GLM-5.2's 78 sparse layers 21 (config.json,
    `indexer_types`), the others use their choice.
    """
    known = IDEAL._replace(
        step_seconds=1e-3, layer_seconds=1e-4, narrow_seconds=2e-4, moe_layer_seconds=8e-4, sparse_seconds=5e-4,
        fixed_factor=2.0,
    )  # fmt: skip
    rate = rates(MACHINE, Precision(), known)
    for precision, shape, each in (
        (Precision(), DENSE, 2e-3 + 2e-4),
        (Precision(compute_bits=8.0), DENSE, 2e-3 + 2e-4 + 4e-4),
        (Precision(), MOE, 2e-3 + 2e-4 + 4e-4),
        (Precision(), DENSE._replace(sparse_kv_elements=1.0, indexer_layers=1.0), 2e-3 + 2e-4 + 5e-4),
    ):
        found = iteration(shape, Layout(pp=2.0), precision, rate, 1.0, 1.0, 0.0, 0.0, known)
        assert float(found.fixed) == pytest.approx(2 * each)
    shapes = [
        shape_of(Catalog().load(Model, name)[0])
        for name in ("glm-5.2", "deepseek-v3.2", "deepseek-v4-flash", "deepseek-v3")
    ]
    assert [float(shape.indexer_layers) for shape in shapes] == [21.0, 61.0, 21.0, 0.0]


def test_rates_by_format() -> None:
    """FP8 at 2e15 x 60 %, or what 16 bits reach; INT4 weights widened at 50 % of 16 bits; no share passes a peak."""
    chip = MACHINE._replace(fp8_flops=2e15, fp4_flops=4e15, int8_flops=2.6e15)
    known = IDEAL._replace(
        compute_efficiency_16=0.8, compute_efficiency_8=0.6, compute_efficiency_4=0.5, weight_only_efficiency=0.5
    )
    for precision, flops, operand in (
        (Precision(), 0.8e15, 2.0),
        (Precision(compute_bits=8.0), 1.2e15, 1.0),
        (Precision(compute_bits=4.0), 2e15, 0.5),
        (Precision(weight_only=1.0), 0.5e15, 2.0),
    ):
        found = rates(chip, precision, known)
        assert (float(found.matrix_flops), float(found.operand_bytes)) == pytest.approx((flops, operand))
    slow = rates(chip, Precision(compute_bits=8.0), known._replace(compute_efficiency_8=0.3))
    assert float(slow.matrix_flops) == pytest.approx(0.8e15)  # no slower than in 16 bits
    old = rates(MACHINE, Precision(compute_bits=8.0), known)  # no FP8: widened on the fly
    assert (float(old.matrix_flops), float(old.operand_bytes)) == pytest.approx((0.5e15, 2.0))
    halves = rates(chip, Precision(), known._replace(half_sums=1.0))  # a GeForce sums in 16 bits at half of INT8
    assert (float(halves.matrix_flops), float(halves.attention_flops)) == pytest.approx((0.8 * 1.3e15, 1.3e15))


def test_links_that_are_not_known() -> None:
    """PCIe 4.0 x16, 31.5 GB/s (PCI-SIG), for a link and beside bridges; a network of 8 GB/s for eight cards, 1 for one.

    A machine that is one accelerator has its link for a network.
    """
    nan, slot = np.nan, 31.5e9
    known = IDEAL._replace(link_efficiency=0.5, network_efficiency=0.8, network_bytes=8e9, lone_network_bytes=1e9)
    for link, network, domain, box, expected in (
        (LINK, NETWORK, 1.0, nan, (LINK, LINK, NETWORK)), (LINK, NETWORK, 2.0, nan, (LINK, slot, NETWORK)),
        (nan, nan, nan, nan, (slot, slot, 1e9)), (LINK, nan, 8.0, 4.0, (LINK, slot, 2e9)),
        (LINK, nan, 1.0, 1.0, (LINK, LINK, LINK)), (nan, nan, 1.0, 1.0, (slot, slot, 1e9)),
    ):  # fmt: skip
        machine = MACHINE._replace(
            link_bytes_per_second=link, network_bytes_per_second=network, scale_up_domain=domain, box=box
        )
        by = links(machine, known)
        near, bus, far = expected
        assert (float(by.link), float(by.bus), float(by.network)) == pytest.approx((0.5 * near, 0.8 * bus, 0.8 * far))
        assert float(by.domain) <= float(by.box)


def test_a_pass_with_prompts_is_launched_layer_by_layer() -> None:
    """2 blocks at 1 ms, 2 expert layers x 2/8 choices at 8 ms, 3 mixers at 0.1 ms."""
    known = IDEAL._replace(prompt_layer_seconds=1e-3, prompt_moe_seconds=8e-3, prompt_mixer_seconds=1e-4)
    assert float(prompt_launches(MOE, known)) == pytest.approx(2e-3 + 4e-3)
    assert float(prompt_launches(DENSE._replace(state_layers=3.0), known)) == pytest.approx(2e-3 + 3e-4)


def test_what_a_first_token_waits_for_besides_its_prompt() -> None:
    """10 ms of front end and 1 ms for each of two doublings of ranks; steps that dense servers and shared experts wait."""
    known = IDEAL._replace(
        request_seconds=10e-3, rank_seconds=1e-3, first_steps=0.5, gather_steps=2.0, balance_steps=3.0
    )
    load = Load(100.0, 20.0)
    dense = operating_point(DENSE, MACHINE, Layout(tp=4.0), Precision(), load, known)
    assert float(dense.front_seconds) == pytest.approx(12e-3)
    assert float(dense.first_steps) == pytest.approx(2.5)
    shared = operating_point(MOE, MACHINE, Layout(dp=4.0, ep=4.0, attention_dp=1.0), Precision(), load, known)
    assert float(shared.first_steps) == pytest.approx(3.5)
    assert float(operating_point(MOE, MACHINE, ALONE, Precision(), load, known).first_steps) == pytest.approx(0.5)


def test_what_binds_is_what_takes_most() -> None:
    none = Work(*[0.0] * len(Work._fields))
    for index, parts in enumerate(({"linear": 3.0, "compute": 1.0}, {"linear": 3.0, "compute": 2.0},
                                   {"communication": 2.0}, {"fixed": 2.0})):  # fmt: skip
        assert int(binding_part(none._replace(**parts))) == index
    assert int(binding_part(none._replace(attention=2.0), 3.0)) == 1


def point(**said: Num) -> Point:
    return Point(**dict.fromkeys(Point._fields[:-3], 0.0) | said)


@pytest.mark.parametrize(("prompt", "service", "shared"), [(1000.0, 0.12, 0.0), (500.0, 0.11, 0.03 * 0.1 * 0.5)])
def test_a_first_token_of_random_arrivals(prompt: float, service: float, shared: float) -> None:
    """One a second, half of what the full batch does. Prompts of a chunk of 1,000 tokens, or half of one.

    Service: 0.1 s at half load and an empty iteration of 20 ms for each chunk; M/D/1 waits rho / (2 (1 - rho)) of it
    (Pollaczek and Khinchine). Half an iteration of 30 ms is under way, 10 ms are in front, 150 ms of its own. Eight
    slots are all taken for one in 110,000 (Erlang C), and others' prompts in the same pass hold up those below a chunk.
    """
    at = point(batch=1.0, output_tokens_per_second=11.0, tpot_seconds=0.03, front_seconds=0.01, first_steps=0.5)
    full = point(batch=8.0, output_tokens_per_second=22.0, tpot_seconds=0.05, prefill_row=0.03)
    points = Loaded(at, point(), point(prefill_seconds=0.1), full, 0.15)
    known = IDEAL._replace(chunk_tokens=1000.0)
    found = first_token(points, ALONE, Load(prompt, 11.0), known, 0.5)
    wait = service / (2 * (1 - service)) * service
    assert float(found.mean_seconds) == pytest.approx(0.01 + 0.15 + 0.015 + wait + shared, rel=1e-4)
    even = first_token(points, ALONE, Load(prompt, 11.0), known, 0.5, ca2=0.0)
    assert float(even.waited_seconds) == pytest.approx(0.0, abs=1e-5)


def test_a_first_token_of_a_group() -> None:
    """Eight prompts of half a chunk, two an iteration: 2, 2, 4, 4, 6, 6, 8, 8 have run, 4 before the own in the mean."""
    at = point(batch=8.0, prefill_seconds=0.1, front_seconds=0.01)
    known = IDEAL._replace(chunk_tokens=1000.0)
    args = Loaded(at, point(), point(), point(), 0.15), ALONE, Load(500.0, 11.0), known
    assert float(first_token_of_groups(*args, 0.5).mean_seconds) == pytest.approx(0.01 + 0.15 + 0.4)
    assert float(first_token_of_groups(*args, 1.0).mean_seconds) == np.inf
    four = args[0], Layout(dp=4.0), *args[2:]  # two to a lane, both in one pass
    assert float(first_token_of_groups(*four, 0.5).mean_seconds) == pytest.approx(0.01 + 0.15 + 0.1)


def test_a_first_token_of_a_pool() -> None:
    """Five a second of 0.1 s each: half busy, M/D/1 waits half of 0.1; 10 ms in front, 240 ms alone, 50 ms to hand over."""
    at = PrefillPoint(0.1, 0.25, 0.05, 0.0, 0.0)
    found = first_token_of_pool(at, IDEAL._replace(request_seconds=0.01), 5.0, 1.0, None, 0.05)
    assert float(found.mean_seconds) == pytest.approx(0.01 + 0.24 + 0.05 + 0.05)


def test_the_share_of_memory_an_engine_takes() -> None:
    """0.9 less 1 % for each rank after the first, nine at most; or what 8 GB and 1 GB a rank leave of 80 GB, 95 % with a tower."""
    plain = IDEAL._replace(memory_share=0.9, rank_share=0.01)
    left = IDEAL._replace(left_bytes=8e9, left_rank_bytes=1e9, left_pictures_share=0.95, left_long_share=0.5)
    sees = DENSE._replace(vision_params=1e9)
    for shape, layout, known, share in (
        (DENSE, Layout(tp=4.0), plain, 0.87), (DENSE, Layout(tp=16.0), plain, 0.81),
        (DENSE, Layout(tp=2.0, pp=2.0), left, 0.85 * 0.5), (sees, ALONE, left, (1 - 9 / 80) * 0.95 * 0.5),
    ):  # fmt: skip
        assert float(share_taken(shape, MACHINE, layout, known)) == pytest.approx(share)


def test_parts_of_the_workspace() -> None:
    """600 tokens of a pass, each part alone: buffers of ranks, captures, inputs of reductions, scores, pictures, sums.

    Captured sizes up to 2 x 200: 1, 2, 4, 32 multiples of 8 and 9 of 16. Kept: 2 bytes x 2 layers x 600 x 1,024.
    """
    load = Load(600.0, 400.0)
    bare = float(workspace_bytes(DENSE, MACHINE, ALONE, load, IDEAL))

    def more(layout: Layout = ALONE, machine: Machine = MACHINE, weight: float = 2.0, **said: float) -> float:
        known = IDEAL._replace(**said)
        return float(workspace_bytes(DENSE, machine, layout, load, known, weight)) - bare

    assert more(context_bytes=3e8) == pytest.approx(3e8)
    two, pair = Layout(dp=2.0), MACHINE._replace(scale_up_domain=2.0)
    assert more(two, group_bytes=1e9, group_pcie_bytes=3e8) == pytest.approx(1e9)
    assert more(two, pair, group_bytes=1e9, group_pcie_bytes=3e8) == pytest.approx(3e8)
    assert more(graph_bytes=1e8, graph_size_bytes=1e6, sampled=200.0) == pytest.approx(1e8 + (3 + 32 + 9) * 1e6)
    assert float(graphs_bytes(IDEAL._replace(graph_size_bytes=1.0, sampled=1e6))) == 3 + 32 + 16
    half = float(workspace_bytes(DENSE, MACHINE, Layout(tp=2.0), load, IDEAL)) - bare
    assert half == pytest.approx(-2 * 600 * 3 * 4096 / 2)  # what is inside a layer is split
    assert more(Layout(tp=2.0), kept_sums=1.0) - half == pytest.approx(2 * 2 * 600 * D)
    scores = 4 * 4096 * 8 * 1000  # of 4,096 tokens with a context of 1,000, 8 heads, 4 bytes
    assert more(unfused_tokens=4096.0) == pytest.approx(scores - bare)
    assert more(weight=0.5, partial_sums=2.0) == pytest.approx(2 * 600 * 2 * 2 * 4096)
    wide = DENSE._replace(d_head=256.0, vision_params=1.0)
    seen = float(workspace_bytes(wide, MACHINE, ALONE, load, IDEAL._replace(pictures_bytes=2e9)))
    assert seen == pytest.approx(2e9)
    assert (
        float(workspace_bytes(wide, MACHINE, ALONE, load, IDEAL._replace(unfused_wide=4096.0, pictures_bytes=0.0)))
        == scores
    )
    sorted_ = IDEAL._replace(sorts=1.0, sorted_logit_bytes=36.0, sampled=1000.0)
    assert float(workspace_bytes(DENSE, MACHINE, ALONE, load, sorted_)) == 36 * 1000 * V + 2 * 600 * D


def test_experts_work_on_copies_of_every_token() -> None:
    """2 copies x (max(2 x 512, 1,024) + 512) beside 3 x 1,024 of the hidden state; whole experts on ranks of their own."""
    load, known = Load(600.0, 400.0), IDEAL
    assert float(workspace_bytes(MOE, MACHINE, ALONE, load, known)) == 2 * 600 * (3 * D + 2 * (1024 + 512))
    apart = Layout(tp=2.0, ep=2.0)
    assert float(workspace_bytes(MOE, MACHINE, apart, load, known)) == 2 * 600 * (3 * D + 2 * (1024 + 512))
    split = Layout(tp=2.0)
    assert float(workspace_bytes(MOE, MACHINE, split, load, known)) == 2 * 600 * (3 * D + 2 * (1024 + 256))


def test_how_many_requests_are_held() -> None:
    """40 GB in requests of 3: 13, twice on two groups, and none where one is too unsure; wider where pools are mixed."""
    one = Held(*[0.0] * len(Held._fields))._replace(
        usable_bytes=40e9, kv_bytes_per_request=3e9, given=1.0, others_bytes=1e9
    )
    known = IDEAL._replace(batch_limit=100.0, fit_margin=2.0, cache_spread=0.01, mixed_spread=0.1)
    assert float(most_held(one, ALONE, known)) == 13.0
    assert float(most_held(one, Layout(dp=2.0), known)) == 26.0
    assert float(most_held(one._replace(others_bytes=20e9), ALONE, known)) == 0.0
    assert float(one.missing_bytes(2.0)) == 0.0
    assert float(one._replace(usable_bytes=4e9, given=0.5).missing_bytes(2.0)) == pytest.approx(1e9 / 0.5)
    for field, spread in (("local_layers", 0.1), ("state_layers", 0.1), ("mixed_cache", 0.1), ("n_layers", 0.01)):
        assert float(cache_spread(DENSE._replace(**{field: 2.0}), known)) == spread


def test_a_workspace_that_may_be_larger_than_its_median() -> None:
    """A lognormal workspace of 10 GB, s = 0.5: two deviations are e - 1 of it more; alone, room is told exactly.

    Room for 10 (e - 1) GB is two deviations; 3 GB of other errors beside it add as squares.
    """
    sure = Held(*[0.0] * len(Held._fields))._replace(working_bytes=10e9, log_spread=0.5, less_spread=0.3, given=1.0)
    above = 10e9 * (np.e - 1)
    assert float(sure.below(2.0)) == pytest.approx(above)
    assert float(sure._replace(others_bytes=3e9).below(2.0)) == pytest.approx(np.hypot(6e9, above))
    assert float(sure._replace(usable_bytes=above).deviations(0.0)) == pytest.approx(2.0)
    assert float(sure._replace(usable_bytes=1e9).deviations(4e9)) == pytest.approx(-1.0)


def test_an_iteration_reads_what_it_attends_to_in_the_mean() -> None:
    """READING: 4 sequences of 500 cached tokens of 2 x 1,024 numbers of 2 bytes, 8 KV heads on two ranks."""
    found = passed(READING, IDEAL, Layout(tp=2.0))
    assert float(found.attention) == pytest.approx(4 * 500 * L * 2 * 1024 * 2 / 2 / HBM)
    assert float(passed(COMPUTING, IDEAL).attention) == pytest.approx(4 * 500 * 4 * D * L / PEAK)


def test_a_prompt_shorter_than_a_chunk_takes_a_pass_of_its_own() -> None:
    """Alone: an iteration, and what its 600 tokens add to it; twice 8,192 tokens take two."""
    for prompt, passes in ((600.0, 1.0), (16_384.0, 2.0)):
        load = Load(prompt, 20.0, 0.0, 4.0)
        found = loaded(operating_point, DENSE, MACHINE, ALONE, Precision(), load, IDEAL, 1e-9)
        alone = operating_point(DENSE, MACHINE, ALONE, Precision(), load._replace(batch=1.0), IDEAL)
        step = float(alone.tpot_seconds - alone.prefill_row)
        assert float(found.prompt_seconds) == pytest.approx(passes * step + float(alone.prefill_seconds))


def test_quantiles_count_where_in_an_iteration_a_request_comes() -> None:
    """1 s, and 0.25 or 0.75 of an iteration of 0.4: half are at 1.1 or below, all at 1.3; nobody waits."""
    found = Latency((Wait(0.0, 0.0),), np.array([1.0]), 0.4, np.array([0.25, 0.75]))
    assert float(found.mean_seconds) == pytest.approx(1.2)
    assert [float(found.quantile(q)) for q in (0.4, 0.8)] == pytest.approx([1.1, 1.3], rel=1e-9)
    one = Latency((Wait(0.5, 0.05),), np.array([0.1]))  # M/D/1 half busy: half wait, 0.1 s in the mean of those
    assert float(one.quantile(0.95)) == pytest.approx(0.1 + 0.1 * np.log(10.0))
    assert float(one.quantile(0.4)) == pytest.approx(0.1)
