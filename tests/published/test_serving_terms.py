"""Terms of serving, each by hand: what an iteration computes, reads and sends, and what memory holds.

One machine of round numbers, every fitted share 1 and every fixed cost 0. Model: 2 layers, width 1,024, 8 query and 2
KV heads of 128, plain FFN of 4,096, vocabulary 1,000, not tied, 16 bits.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.request import request_flops
from llmcost.engine.model.transformer import Shape, shape_of
from llmcost.engine.serving.arrivals import Served, open_loop
from llmcost.engine.serving.in_flight import loaded
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.iteration import Work, iteration
from llmcost.engine.serving.memory import Memory, max_batch, memory, weights_bytes
from llmcost.engine.serving.operating_point import operating_point, static_point
from llmcost.engine.serving.parts import exchange, experts, handing, prompt_attention, rates, reduction
from llmcost.engine.serving.pools import prefill_point
from llmcost.engine.serving.speculation import Draft, speculative_point
from llmcost.spec import Model

PEAK, HBM, LINK, NETWORK = 1e15, 2e12, 4e11, 5e10
MACHINE = Machine(PEAK, np.nan, np.nan, np.nan, 80e9, HBM, LINK, 8.0, NETWORK, 700.0)
IDEAL = Calibration(
    compute_efficiency_16=1.0, attention_efficiency=1.0, bandwidth_efficiency=1.0, kv_efficiency=1.0,
    link_efficiency=1.0, network_efficiency=1.0, exchange_hidden=0.0, activation_passes=0.0, width_passes=0.0,
    copy_passes=0.0, expert_tile=0.0, expert_skew=np.inf, expert_imbalance=0.0, layer_seconds=0.0,
    moe_layer_seconds=0.0, step_seconds=0.0, sequence_seconds=0.0, link_seconds=0.0, request_seconds=0.0,
    burst_share=0.0, memory_share=1.0, context_bytes=0.0, group_bytes=0.0, group_pcie_bytes=0.0, sampled=1.0,
    logit_bytes=4.0, profiled=600.0, shown_spread=1e-9, weights_spread=1e-9, workspace_spread=1e-9,
    workspace_less=1e-9, cache_spread=1e-9,
)  # fmt: skip
D, V, L = 1024.0, 1000.0, 2.0
DENSE = shape_of(
    Model(title="dense", n_layers=2, d_model=1024, n_heads=8, n_kv_heads=2, d_head=128, d_ff=4096, ffn_gated=False,
          vocab_size=1000)
)  # fmt: skip
EXPERT = 3 * D * 512
MOE = shape_of(
    Model(title="moe", n_layers=2, d_model=1024, n_heads=8, n_kv_heads=8, d_head=128, d_ff=4096, vocab_size=1000,
          moe_experts=8, moe_topk=2, moe_d_ff=512)
)  # fmt: skip
LAYERS = L * ((2 * D * D + 2 * D * 256) + 2 * D * 4096)  # q and output, k and v; FFN up and down
KV = L * 2 * 256  # cached elements a token
RATE = rates(MACHINE, Precision(), IDEAL)
ALONE = Layout()


def once(decoding: float, context: float, prompt: float = 0.0, shape: Shape = DENSE, layout: Layout = ALONE) -> Work:
    return iteration(shape, layout, Precision(), RATE, decoding, context, prompt, context, IDEAL)


def test_decoding_reads_weights_once_and_the_cache_of_every_sequence() -> None:
    """2 bytes a parameter, once; 2 bytes x 1,024 cached numbers x 500 tokens x 4 sequences (arXiv 2211.05102, 2.1)."""
    found = once(4.0, 500.0)
    assert float(DENSE.attention_params + DENSE.dense_ffn_params) == pytest.approx(LAYERS, rel=1e-3)  # biases, norms
    flops = 2 * 4 * LAYERS / PEAK
    assert float(found.linear) == pytest.approx(2 * LAYERS / HBM + flops, rel=1e-3)
    assert float(found.head) == pytest.approx(2 * V * D / HBM + 2 * 4 * V * D / PEAK)
    scores = 4 * 4 * D * L * 500 / PEAK  # beside reading, in one kernel: the longer, rounded
    assert float(found.attention) == pytest.approx(math.hypot(4 * 2 * KV * 500 / HBM, scores))
    two = once(4.0, 500.0, layout=Layout(tp=4.0))  # 2 KV heads split in two, not in four
    assert float(two.attention) == pytest.approx(math.hypot(4 * 2 * KV * 500 / HBM / 2, scores / 4))


def test_activations_pass_memory_both_ways() -> None:
    """One pass: 2 bytes of the hidden state a layer and token, and of what a layer hands on: parameters / width."""
    passing = IDEAL._replace(activation_passes=1.0, width_passes=1.0)
    found = (
        iteration(DENSE, Layout(), Precision(), RATE, 4.0, 500.0, 0.0, 0.0, passing).linear - once(4.0, 500.0).linear
    )
    inner = (DENSE.attention_params + DENSE.dense_ffn_params) / D
    assert float(found) == pytest.approx(2 * 4 * (D * L + inner) / HBM)


def test_answers_see_the_prompt_and_half_of_themselves_in_the_mean() -> None:
    """Position i of the answer sees isl + i: mean isl + osl/2. 600 + 400/2 = 800 cached tokens are read a token."""
    at = operating_point(DENSE, MACHINE, Layout(), Precision(), Load(600.0, 400.0), IDEAL)
    assert float(at.attention_row) == pytest.approx(math.hypot(2 * KV * 800 / HBM, 4 * D * L * 800 / PEAK))
    still = static_point(DENSE, MACHINE, Layout(), Precision(), Load(600.0, 400.0), IDEAL)
    assert float(still.attention_row) == pytest.approx(float(at.attention_row))


def test_two_all_reduces_a_layer() -> None:
    """Shoeybi et al. 2019, arXiv 1909.08053, section 3; a ring sends 2 (n - 1)/n of the message (Thakur et al. 2005).

    4 ranks, 10 tokens of 1,024 x 2 bytes: 2 layers x 2 x 2 x 3/4 x 20,480 bytes / 400 GB/s. 16 ranks on two machines: 7/8 inside
    and half of an eighth over the network. The hand-over between two stages: twice 20,480 bytes, the hidden state
    and the residual (vllm/sequence.py, IntermediateTensors).
    """
    message = 2 * 10 * D
    four = reduction(DENSE, Layout(tp=4.0), RATE, IDEAL).seconds(10.0)
    assert float(four) == pytest.approx(2 * 2 * 2 * 0.75 * message / LINK)
    wide = reduction(DENSE, Layout(tp=16.0), RATE, IDEAL).seconds(10.0)
    assert float(wide) == pytest.approx(2 * 2 * 2 * message * (7 / 8 / LINK + 1 / 2 / 8 / NETWORK))
    staged = reduction(DENSE, Layout(pp=2.0), RATE, IDEAL).seconds(10.0)
    assert float(staged) == pytest.approx(2 * message / LINK)
    late = IDEAL._replace(link_seconds=1e-6)
    assert float(reduction(DENSE, Layout(tp=4.0), RATE, late).seconds(0.0)) == pytest.approx(2 * 2 * 2e-6)


def test_cards_that_cannot_read_one_another_go_by_way_of_the_host() -> None:
    """nccl#1639: four RTX 5090 on PCIe 5.0 x16 (63 GB/s) all-reduce at 35 GB/s, eight at 28: about half of the bus.

    4 all-reduces of two layers over four cards, 10 tokens of 1,024 x 2 bytes: 4 x 2 x 3/4 x 20,480 bytes at half of 63 GB/s.
    """
    bus = MACHINE._replace(link_bytes_per_second=63e9, network_bytes_per_second=np.nan, scale_up_domain=1.0)
    known = IDEAL._replace(host_efficiency=0.5)
    for peer, rate in ((1.0, 63e9), (0.0, 31.5e9)):
        there = rates(bus._replace(peer=peer), Precision(), known)
        spent = reduction(DENSE, Layout(tp=4.0), there, known).seconds(10.0)
        assert float(spent) == pytest.approx(4 * 2 * 0.75 * 20_480 / rate)


def test_cards_on_a_bus_and_nodes_of_a_network_start_up_apart() -> None:
    """4 all-reduces of two layers: 30 us each between cards that a bus joins, 90 us between nodes, none inside one."""
    slow = IDEAL._replace(bus_seconds=3e-5, network_seconds=9e-5)
    for domain, ranks, seconds in ((1.0, 4.0, 4 * 3e-5), (8.0, 16.0, 4 * 9e-5), (8.0, 8.0, 0.0)):
        rate = rates(MACHINE._replace(scale_up_domain=domain), Precision(), slow)
        assert float(reduction(DENSE, Layout(tp=ranks), rate, slow).seconds(0.0)) == pytest.approx(seconds)


def test_a_message_between_machines_goes_there_and_back() -> None:
    """4 all-reduces of two layers over two machines: a message each way, 30 us each, beside 90 us to start up."""
    known = IDEAL._replace(network_seconds=9e-5, message_seconds=1e-6)
    told = MACHINE._replace(message_seconds=3e-5)
    for machine, message in ((MACHINE, 1e-6), (told, 3e-5)):
        rate = rates(machine, Precision(), known)
        spent = float(reduction(DENSE, Layout(tp=16.0), rate, known).seconds(0.0))
        assert spent == pytest.approx(4 * (9e-5 + 2 * message))
        assert float(reduction(DENSE, Layout(tp=8.0), rate, known).seconds(0.0)) == 0.0


def test_cards_beyond_a_server_are_on_the_network() -> None:
    """Sixteen cards are two servers of eight, or four of four. 4 x 2 x (n - 1)/n of 20,480 bytes over the bus of 30 GB/s;
    between servers a card has its share of their 8 GB/s.
    """
    cards = MACHINE._replace(link_bytes_per_second=30e9, network_bytes_per_second=np.nan, scale_up_domain=1.0)
    known = IDEAL._replace(network_bytes=8e9)
    for tp, box, gbytes in ((8.0, np.nan, 30.0), (16.0, np.nan, 1.0), (8.0, 4.0, 2.0)):
        rate = rates(cards._replace(box=box), Precision(), known)
        spent = float(reduction(DENSE, Layout(tp=tp), rate, known).seconds(10.0))
        assert spent == pytest.approx(4 * 2 * (tp - 1) / tp * 20_480 / (gbytes * 1e9))
    alone = rates(cards._replace(box=1.0), Precision(), known)  # a machine that is one card: its link is its network
    assert float(alone.links.network) == pytest.approx(30e9)


def test_stages_at_work_wait_for_the_hand_over_each_time() -> None:
    """8 stages on two machines of 4 hand on once a token: 4 x 1,024 bytes at 4 x 1 GB/s, 1.024 us, and 50 us to start.

    One request waits for it once. With every micro-batch full each of the 8 has its turn at the stage that hands on.
    """
    slow = IDEAL._replace(network_seconds=5e-5)
    machine = MACHINE._replace(network_bytes_per_second=1e9, box=4.0)
    rate, layout = rates(machine, Precision(), slow), Layout(pp=8.0)
    line = handing(DENSE, layout, rate, slow)
    assert line is not None
    assert float(line.seconds(1.0)) == pytest.approx(4 * D / 4e9 + 5e-5)
    quick = MACHINE._replace(box=8.0)
    assert handing(DENSE, layout, rates(quick, Precision(), slow), slow) is None
    for batch, turns in ((1.0, 1), (8.0, 1), (16.0, 8)):
        load = Load(1.0, 100.0, 1.0, batch)
        there, here = (
            float(operating_point(DENSE, m, layout, Precision(), load, slow).tpot_seconds) for m in (machine, quick)
        )
        tokens = max(batch / 8, 1.0)
        far = turns * (4 * D * tokens / 4e9 + 5e-5)
        assert there - here == pytest.approx(
            far - 4 * D * tokens / LINK, rel=3e-3
        )  # inside before; a prompt now and then


def test_one_token_meets_no_padding_where_experts_are_products_with_a_vector() -> None:
    """llama.cpp#18958: a token's 2 experts are 2 rows; two tokens' 2 + 6 (1 - exp(-2/8)) experts are padded by 16 each."""
    known = IDEAL._replace(expert_tile=16.0, vector_tokens=1.0)
    routed = experts(MOE, Layout(), Precision(), RATE, known)
    assert float(routed.compute(1.0)) == pytest.approx(2 * L * EXPERT * 2 / PEAK)
    visited = 2 + 6 * (1 - np.exp(-2 / 8))
    assert float(routed.compute(2.0)) == pytest.approx(2 * L * EXPERT * (4 + 16 * visited) / PEAK)
    assert float(routed.seconds(1.0)) == pytest.approx(2 * L * EXPERT * 2 * (1 / PEAK + 1 / HBM))


def test_micro_batches_wait_for_the_prompts_of_any() -> None:
    """4 stages, 4 micro-batches of 5 sequences: one in 0.16 carries a prompt, of four 1 - 0.84^4 = 0.50.

    4 others' prompts of 600 tokens in the 25 iterations of a request: 24 of its answer, and that of its own prompt.
    """
    cold = IDEAL._replace(first_steps=1.0, chunk_tokens=600.0)
    at = operating_point(DENSE, MACHINE, Layout(pp=4.0), Precision(), Load(600.0, 24.0, 0.0, 20.0), cold)
    args = DENSE, Layout(pp=4.0), Precision(), RATE, 5.0, 612.0
    plain, mixed = (float(iteration(*args, prompt, 300.0, cold).total) for prompt in (0.0, 600.0))
    assert float(at.tpot_seconds) == pytest.approx(plain + (1 - (1 - 4 / 25) ** 4) * (mixed - plain))


def test_a_message_on_a_ring_passes_every_neighbour() -> None:
    """Four chips at 1 us a hop: 3 hops to add up and 3 to hand out, twice a layer; 2 x 2: 1 along each side, twice."""
    slow = IDEAL._replace(hop_seconds=1e-6)
    for torus, hops in ((1.0, 3.0), (2.0, 2.0), (np.nan, 0.0)):
        rate = rates(MACHINE._replace(torus=torus), Precision(), slow)
        assert float(reduction(DENSE, Layout(tp=4.0), rate, slow).seconds(0.0)) == pytest.approx(4 * 2 * hops * 1e-6)


def test_kernels_of_before_read_the_keys_of_a_group_again() -> None:
    """8 query and 2 KV heads: a group of 4; half of its other heads read its keys again, 2.5 times in all."""
    again = IDEAL._replace(kv_again=0.5)
    rate = rates(MACHINE, Precision(), again)._replace(attention_flops=np.inf)
    found = iteration(DENSE, ALONE, Precision(), rate, 4.0, 500.0, 0.0, 500.0, again)
    assert float(found.attention) == pytest.approx(2.5 * 4 * 2 * KV * 500 / HBM)


def test_a_step_of_static_shapes_reads_the_whole_answer() -> None:
    """Prompt 400, answer 200: a step reads 500 tokens in the mean, and 600 where it was compiled for them."""
    args = DENSE, MACHINE, ALONE, Precision(), Load(400.0, 200.0, batch=4.0)
    for share, seen in ((0.5, 500.0), (1.0, 600.0)):
        found = static_point(*args, IDEAL._replace(context_share=share))
        assert float(found.attention_row) == pytest.approx(float(once(4.0, seen).attention))


def test_experts_are_read_once_each_and_padded_to_tiles() -> None:
    """10 tokens x 2 copies on 8 experts: 2 + 6 (1 - exp(-9 x 2/8)) visited; each product padded by 16 rows (arXiv 2211.15841)."""
    visited = 2 + 6 * (1 - np.exp(-9 * 2 / 8))
    tiled = IDEAL._replace(expert_tile=16.0)
    routed = experts(MOE, Layout(), Precision(), RATE, tiled)
    time, compute = routed.seconds(10.0), routed.compute(10.0)
    rows = 10 * 2 + 16 * visited
    assert float(compute) == pytest.approx(2 * L * EXPERT * rows / PEAK)
    assert float(time - compute) == pytest.approx(2 * L * EXPERT * visited / HBM)
    uneven = IDEAL._replace(expert_imbalance=0.25)
    busiest = experts(MOE, Layout(tp=4.0, ep=4.0), Precision(), RATE, uneven).compute(10.0)
    assert float(busiest) == pytest.approx(2 * L * EXPERT * 20 / PEAK / 4 * (1 + 0.25 * 3 / 4))


def test_routed_copies_pass_memory() -> None:
    """One pass of each copy in the 16 bits it comes in and the 16 it leaves in: 2 x 1,024 bytes x 20 copies x 2 layers."""
    copied = IDEAL._replace(copy_passes=1.0)
    more = [float(experts(MOE, Layout(), Precision(), RATE, c).seconds(10.0)) for c in (copied, IDEAL)]
    assert more[0] - more[1] == pytest.approx(2 * D * 20 * L / HBM)


def test_exchange_dispatches_in_eight_bits_and_combines_in_sixteen() -> None:
    """DeepSeek-V3, arXiv 2412.19437, section 3.2: 1 + 2 bytes a number and copy.

    8 groups on one machine, 10 tokens each, 2 copies: 2 layers x 3 x 2 x 10 x 1,024 bytes x 7/8 / 400 GB/s.
    """
    apart = Layout(dp=8.0, ep=8.0, attention_dp=1.0)

    def seconds(model: Shape, layout: Layout) -> float:
        line = exchange(model, layout, RATE, IDEAL)
        return 0.0 if line is None else float(line.seconds(10.0))

    assert seconds(MOE, apart) == pytest.approx(2 * 3 * 2 * 10 * D * 7 / 8 / LINK)
    assert seconds(MOE, apart._replace(attention_dp=0.0)) == 0.0
    # 6 experts a token on 4 ranks: a copy for each rank, 1.5 x 4, three quarters of them to others
    few = Layout(1.0, 1.0, 4.0, 4.0, 1.0)
    sent = 2 * 6 * 2 * 10 * D * 3 / 4
    assert seconds(MOE._replace(topk=6.0), few) == pytest.approx(sent / LINK)


def test_errors_that_know_nothing_of_each_other_add_as_squares() -> None:
    """3 GB of one, and a tenth of 40 GB of another: 5 GB, twice that at two deviations."""
    held = Memory(*[0.0] * len(Memory._fields))._replace(others_bytes=3e9, working_bytes=40e9, less_spread=0.1)
    assert float(held.above(2.0)) == pytest.approx(10e9)


def test_of_many_requests_each_that_fits_is_told_apart() -> None:
    """50 GB, known to 1 GB: two deviations are left beside 1 to 48 of 100 requests of 1 to 100 GB, and beside all to 40."""
    held = Memory(*[0.0] * len(Memory._fields))._replace(usable_bytes=50e9, given=1.0, others_bytes=1e9)
    for most, fit in ((100, 48), (40, 40)):
        each = held._replace(kv_bytes_per_request=np.tile(np.arange(1.0, most + 1) * 1e9, 2))
        assert np.sum(np.broadcast_to(each.holds(2.0), 2 * most)) == 2 * fit


def test_stages_share_out_the_experts() -> None:
    """Two stages hold a layer each: half of attention and of 2 x 8 experts, 2 bytes a parameter; and one of the ends."""
    one, two = (float(weights_bytes(MOE, Layout(pp=stages), Precision())) for stages in (1.0, 2.0))
    inside = float(MOE.attention_params + MOE.dense_ffn_params) + 2 * 8 * EXPERT
    assert one - two == pytest.approx(2 * (inside / 2 + V * D))


def test_a_prompt_waits_for_those_in_front_as_at_a_server_of_fixed_times() -> None:
    """Half of the time is prompts': rho = 0.5 x 20 / 20 ms, so M/D/1 waits 0.5 / (2 x 0.5) of the 30 ms a prompt takes."""
    met = open_loop(Served(0.010, 0.030, 0.5, 0.020, 1.0, 0.0), 1.0, 1.0, 1.5)
    assert float(met.tpot_seconds) == pytest.approx(0.020)
    assert float(met.ttft_seconds) == pytest.approx(1.5 * 0.020 + 0.030 + 0.015)


def test_of_others_prompts_the_one_in_the_own_pass_is_not_waited_for() -> None:
    """Eight in flight, each alive for OSL + 20 passes, one of which carries its own prompt and 20 of which it waits.

    Others' prompts of W met before the first token: all but those of that pass, 7 W (1 - 1 / (OSL + 20)), and nothing
    between tokens. Met evenly: those of the 20 passes, 7 W x 20 / (OSL + 20). Apart they are 7 W (OSL - 1) / (OSL + 20).
    """
    load = Load(100.0, np.array([20.0, 200.0]), batch=8.0)
    even, met = (
        operating_point(DENSE, MACHINE, ALONE, Precision(), load, IDEAL._replace(first_steps=20.0, burst_share=share))
        for share in (0.0, 1.0)
    )
    few, many = np.asarray(met.ttft_seconds - even.ttft_seconds)
    assert float(few / many) == pytest.approx((19 / 40) / (199 / 220), rel=1e-3)


def test_prompts_attend_to_what_stands_before_them() -> None:
    """4 h e FLOPs a layer and earlier token (arXiv 2205.14135): 100 tokens, 50 before each in the mean."""
    found = prompt_attention(DENSE, Layout(tp=2.0), RATE, 50.0, IDEAL)
    assert 100 * float(found) == pytest.approx(100 * 4 * D * L * 50 / PEAK / 2)
    stored = IDEAL._replace(score_bytes=4.0)
    more = prompt_attention(DENSE, Layout(tp=2.0), RATE, 50.0, stored) - found
    assert 100 * float(more) == pytest.approx(4 * 100 * 50 * 8 * L / HBM / 2)  # 8 heads


def test_fixed_costs_of_an_iteration() -> None:
    """1 ms a step, 2 layers x 0.1 ms, 3 sequences x 10 us; 2 expert layers x 0.8 ms x 2/8 choices."""
    slow = IDEAL._replace(step_seconds=1e-3, layer_seconds=1e-4, sequence_seconds=1e-5, moe_layer_seconds=8e-4)
    dense = iteration(DENSE, Layout(), Precision(), RATE, 3.0, 1.0, 0.0, 0.0, slow)
    assert float(dense.fixed) == pytest.approx(1e-3 + 2e-4 + 3e-5)
    sparse = iteration(MOE, Layout(), Precision(), RATE, 3.0, 1.0, 0.0, 0.0, slow)
    assert float(sparse.fixed - dense.fixed) == pytest.approx(4e-4)


def test_a_stage_among_several_schedules_for_itself() -> None:
    """Two stages at 1 ms each; one stage hides its scheduling."""
    for stages, seconds in ((1.0, 0.0), (2.0, 2e-3), (4.0, 4e-3)):
        args = DENSE, Layout(pp=stages), Precision(), RATE, 4.0, 500.0, 0.0, 500.0
        found = iteration(*args, IDEAL._replace(stage_seconds=1e-3))
        assert float(found.fixed) == pytest.approx(seconds)


def test_a_static_batch_by_hand() -> None:
    """Prompts together, then 3 further tokens; 4 requests, prompts of 100, answers of 4."""
    at = static_point(DENSE, MACHINE, Layout(), Precision(), Load(100.0, 4.0, 0.0, 4.0), IDEAL)
    first = float(iteration(DENSE, Layout(), Precision(), RATE, 0.0, 0.0, 400.0, 50.0, IDEAL).total)
    then = float(once(4.0, 102.0).total)
    assert float(at.ttft_seconds) == pytest.approx(first)
    assert float(at.output_tokens_per_second) == pytest.approx(16 / (first + 3 * then))


def test_embedding_and_head_are_split_over_the_ranks() -> None:
    """arXiv 1909.08053, section 3: the vocabulary is split as well. 2 x (layers + 2 V d) / 4.

    The embedding is on the first of two stages, the head on the last: (layers / 2 + V d) / 4 x 2. One matrix that is
    both is on either.
    """
    layers = DENSE.attention_params + DENSE.dense_ffn_params
    assert DENSE.params_total - layers == pytest.approx(2 * V * D, rel=0.01)  # and a few norms
    tied = DENSE._replace(params_total=DENSE.params_total - V * D)
    for stages, shape, matrices in ((1.0, DENSE, 2), (2.0, DENSE, 1), (2.0, tied, 1), (1.0, tied, 1)):
        found = float(weights_bytes(shape, Layout(tp=4.0, pp=stages), Precision()))
        assert found == pytest.approx(2 * (layers / stages + matrices * V * D) / 4, rel=1e-3)


def test_experts_are_split_over_the_ranks_that_hold_them() -> None:
    """8 experts of 3 x 1,024 x 512 on 4 tensor ranks, or on 4 x 2 with data-parallel attention (arXiv 2412.19437, 3.4)."""
    routed = 2 * L * 8 * EXPERT
    rest = float(weights_bytes(MOE, Layout(tp=4.0), Precision())) - routed / 4
    shared = float(weights_bytes(MOE, Layout(tp=4.0, dp=2.0, attention_dp=1.0), Precision()))
    assert shared == pytest.approx(rest + routed / 8)


def test_a_batch_takes_its_cache_beside_the_sampler() -> None:
    """2 x 1,024 x 1,000 bytes of KV a request: memory for 100.5 of them beside weights and the sampler holds 100.

    The sampler: 4 x 100 x 128,000 bytes beside the 600 x 2 x 1,024 of the pass's hidden states, more than that pass of
    600 tokens x 2 x (3 x 1,024 + 3 x 4,096).
    """
    load, wide = Load(600.0, 400.0), DENSE._replace(vocab_size=128_000.0)
    ideal = IDEAL._replace(sampled=100.0, batch_limit=1e9)
    weights, sampler = float(weights_bytes(wide, Layout(), Precision())), 4 * 100 * 128_000 + 2 * 600 * 1024
    tight = MACHINE._replace(process_bytes=weights + sampler + 100.5 * 2 * KV * 1000)
    assert sampler > 2 * 600 * 3 * (D + 4096)
    assert float(max_batch(wide, tight, Layout(), Precision(), load, ideal)) == 100.0
    assert float(max_batch(wide, tight, Layout(dp=2.0), Precision(), load, ideal._replace(batch_limit=30.0))) == 60.0
    found = memory(wide, MACHINE, Layout(), Precision(), load, ideal)
    assert float(found.activation_bytes) == pytest.approx(sampler)
    lean = memory(wide, MACHINE, Layout(), Precision(), load, ideal._replace(kv_reserve=0.0))
    assert float(lean.kv_bytes_per_request) == pytest.approx(2 * KV * 600)


def test_a_pass_of_a_prompt_is_the_workspace_of_a_small_vocabulary() -> None:
    """600 tokens x 2 x (3 x 1,024 + 3 x 4,096) bytes: 18.4 MB, beside 4 x 1,000 of one sequence's logits."""
    found = memory(DENSE, MACHINE, Layout(), Precision(), Load(600.0, 400.0), IDEAL)
    assert float(found.activation_bytes) == pytest.approx(2 * 600 * 3 * (D + 4096))


def test_vllm_counts_its_share_of_all_memory() -> None:
    """`gpu_memory_utilization` 0.9: 72 of 80 GB, less weights and activations; TensorRT-LLM: 0.9 of what they leave."""
    load, share = Load(600.0, 400.0), IDEAL._replace(memory_share=0.9)
    ours = memory(DENSE, MACHINE, Layout(), Precision(), load, share._replace(share_of_free=1.0))
    theirs = memory(DENSE, MACHINE, Layout(), Precision(), load, share)
    held = float(ours.weights_bytes + ours.activation_bytes)
    assert float(ours.usable_bytes) == pytest.approx(0.9 * (80e9 - held))
    assert float(theirs.usable_bytes) == pytest.approx(0.9 * 80e9 - held)


def test_the_cache_is_handed_over_at_the_rate_of_the_network() -> None:
    """DistServe, arXiv 2401.09670, section 3.3: the cache of 512 tokens of OPT-66B is 1.13 GB.

    64 layers x 2 x 9,216 x 2 bytes x 512 = 1.208e9 (1.125 GiB). At half of 50 GB/s: 48.3 ms; on 8 ranks an eighth each.
    """
    opt = shape_of(
        Model(title="OPT-66B", n_layers=64, d_model=9216, n_heads=72, n_kv_heads=72, d_head=128, d_ff=36864,
              ffn_gated=False, vocab_size=50272)
    )  # fmt: skip
    half = IDEAL._replace(network_efficiency=0.5)
    one = prefill_point(opt, MACHINE, Layout(), Precision(), Load(512.0, 1.0), half)
    assert float(one.transfer_seconds) == pytest.approx(1.125 * 2**30 / (0.5 * NETWORK), rel=1e-9)
    split = prefill_point(opt, MACHINE, Layout(tp=8.0), Precision(), Load(512.0, 1.0), half)
    assert float(split.transfer_seconds) == pytest.approx(1.125 * 2**30 / 8 / (0.5 * NETWORK), rel=1e-9)


def test_prompts_share_full_iterations() -> None:
    """A prompt of 2,048 takes a quarter of an iteration of 8,192; found idle, one of its own."""
    at = prefill_point(DENSE, MACHINE, Layout(dp=2.0), Precision(), Load(2048.0, 1.0), IDEAL)
    full = float(once(0.0, 1024.0, 8192.0).total)
    assert float(at.prompt_seconds) == pytest.approx(full / 4 / 2)
    assert float(at.tokens_per_second) == pytest.approx(8192 * 2 / full)
    assert float(at.alone_seconds) == pytest.approx(float(once(0.0, 1024.0, 2048.0).total))


def test_new_tokens_see_the_cached_ones_before_them() -> None:
    """1,024 tokens behind as many cached ones: each sees 1,024 more, 4 d FLOPs a pair in each of 2 layers."""
    bare, behind = (
        prefill_point(DENSE, MACHINE, ALONE, Precision(), Load(1024.0 + cached, 1.0, cached), IDEAL)
        for cached in (0.0, 1024.0)
    )
    more = 1024 * 1024 * 4 * D * L / PEAK
    assert float(behind.prompt_seconds - bare.prompt_seconds) == pytest.approx(more)


def test_a_draft_reads_the_prompt_as_well() -> None:
    """Half the arithmetic of the model: half of its prompt pass before the first token (arXiv 2211.17192, section 3.4).

    One request: with 3 of 0.8 kept, 1 + 0.8 + 0.64 + 0.512 = 2.952 tokens a step of a verification and three proposals.
    """
    load = Load(600.0, 400.0)
    plain = operating_point(DENSE, MACHINE, Layout(), Precision(), load, IDEAL)
    drafted = Draft(DENSE, 0.8, (3.0,), None, 0.5)
    found = speculative_point(operating_point, drafted, MACHINE, Layout(), Precision(), load, IDEAL)
    assert float(found.ttft_seconds - plain.ttft_seconds) == pytest.approx(0.5 * float(plain.prefill_seconds))
    assert float(found.tokens_per_step) == pytest.approx(2.952)
    assert float(found.draft_row) == pytest.approx(3 * 0.5 * float(plain.tpot_seconds) / 2.952)
    busy = load._replace(batch=8.0)  # prompts of others take half as long again out of every token
    alone = operating_point(DENSE, MACHINE, Layout(), Precision(), busy, IDEAL)
    beside = speculative_point(operating_point, drafted, MACHINE, Layout(), Precision(), busy, IDEAL)
    assert float(alone.prefill_row) > 0.0
    assert sum(map(float, beside.rows().values())) == pytest.approx(float(beside.tpot_seconds))
    assert float(beside.prefill_row) == pytest.approx(1.5 * float(alone.prefill_row))


def test_a_request_computes_two_flops_a_parameter_and_its_attention() -> None:
    """arXiv 2001.08361, section 2.1. 600 in, 200 of them cached, 400 out: 2 N x 800.

    Attention 4 h e L a pair: prompt tokens see 600^2/2 - 200^2/2 pairs, answers 400 x (600 + 200).
    """
    pairs = (600**2 - 200**2) / 2 + 400 * (600 + 400 / 2)
    by_hand = 2 * float(DENSE.params_matmul) * 800 + 4 * D * L * pairs
    assert float(request_flops(DENSE, 600.0, 400.0, 200.0)) == pytest.approx(by_hand)


def test_a_load_between_one_and_a_full_batch_obeys_little() -> None:
    """Little 1961: b = lambda R(b). At half the throughput of 64 in flight, what is in flight is what arrives while one lives."""
    args = (DENSE, MACHINE, Layout(), Precision(), Load(600.0, 400.0, 0.0, 64.0), IDEAL)
    points = loaded(operating_point, *args, 0.5)
    rate = 0.5 * float(points.full.output_tokens_per_second) / 400
    life = float(points.at.ttft_seconds) + 399 * float(points.at.tpot_seconds)
    assert float(points.at.batch) == pytest.approx(rate * life, rel=1e-3)


def test_what_is_left_of_a_cached_prompt_sees_what_is_cached() -> None:
    """600 tokens, 200 of them cached: 400 are computed, 2 FLOPs a parameter, and see 200 + 400/2 before them (2001.08361)."""
    at = operating_point(DENSE, MACHINE, Layout(), Precision(), Load(600.0, 400.0, 200.0), IDEAL)
    layers = float(DENSE.attention_params + DENSE.dense_ffn_params)
    by_hand = 400 * (2 * layers + 4 * D * L * (200 + 400 / 2)) / PEAK
    assert float(at.prefill_seconds) == pytest.approx(by_hand)


def test_a_draft_computes_what_its_matrices_do() -> None:
    """Half the layers and the same vocabulary: the embedding is looked up, not multiplied (arXiv 2001.08361, table 1)."""
    half = DENSE._replace(params_matmul=DENSE.params_matmul - LAYERS / 2, params_total=DENSE.params_total - LAYERS / 2)
    found = Draft(DENSE, 0.8, (3.0,), half).work
    assert found == pytest.approx((LAYERS / 2 + V * D) / (LAYERS + V * D), rel=1e-2)
    assert found != pytest.approx((LAYERS / 2 + 2 * V * D) / (LAYERS + V * D), rel=1e-2)


def test_the_fullest_stage_holds_the_layers_that_do_not_divide() -> None:
    # vLLM's get_pp_indices: 80 layers on three stages are 27, 27 and 26; of 80e9 16-bit parameters 27e9 are on one
    zero = Shape(**dict.fromkeys(Shape._fields, 0.0))
    shape = zero._replace(n_layers=80.0, dense_ffn_params=80e9, params_total=80e9)
    assert float(weights_bytes(shape, Layout(pp=3.0), Precision())) == pytest.approx(2 * 27e9)
    assert float(weights_bytes(shape, Layout(pp=4.0), Precision())) == pytest.approx(2 * 20e9)
