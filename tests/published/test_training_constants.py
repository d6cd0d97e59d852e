"""What each constant of a training step acts on, and on nothing else; and layouts that only some terms see.

The machine and models of `test_training_terms`, where every share is one: half the share takes twice the time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmcost.engine.machine.collectives import all_to_all_seconds, gather_seconds, group
from llmcost.engine.machine.roofline import Machine, join, peak_flops
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.layouts import PARTIAL, footprint, settle
from llmcost.engine.training.memory import activation_bytes
from llmcost.engine.training.micro_batch import BF16, FP8, MXFP8, NVFP4, Run, per_micro_batch
from llmcost.engine.training.peak import ALL, Habits, Keeping, Memory, Trained, training_memory
from llmcost.engine.training.step import overhead_share, step
from tests.published.test_training_terms import (
    BARE,
    DENSE,
    EXPERT,
    HBM,
    IDEAL,
    LAYERS,
    LINK,
    MACHINE,
    MOE,
    NETWORK,
    ONE,
    PEAK,
    D,
    L,
    S,
    V,
    stepped,
    work,
)

ROWS = (
    "gemm",
    "attention",
    "elementwise",
    "tensor_parallel",
    "context_parallel",
    "expert_parallel",
    "launch",
    "waited",
)
LAYOUT = {"tp": 2.0, "cp": 2.0, "ep": 4.0, "recompute": 2.0}
HOST: dict[str, Any] = {"launch_dense": 1e-3, "host": 1e-3, "launch_expert": 1e-3, "launch_held": 1e-3}


@pytest.mark.parametrize(
    ("constant", "value", "slower"),
    [
        ("gemm_16", 0.5, {"gemm": 2.0}),
        ("products", 0.5, {"gemm": 2.0}),
        ("attention", 0.5, {"attention": 2.0}),
        ("attention_kernel", 0.5, {"attention": 2.0}),
        ("attention_ramp", S, {"attention": 2.0}),  # half of the rate at its length
        ("memory", 0.5, {"elementwise": 2.0}),
        ("link", 0.5, {"tensor_parallel": 2.0, "context_parallel": 2.0}),
        ("expert_link", 0.5, {"expert_parallel": 2.0}),
        ("expert_network", 0.5, {}),  # all ranks share a domain
        ("network", 0.5, {}),
        ("launch_dense", 2e-3, {"launch": 2.0}),
        # 2 blocks of 1 ms; 2 expert layers of 1 ms and 2 held experts of 1 ms each: 8 ms, a third of it again
        ("host", 2e-3, {"waited": 10 / 8}),
        ("launch_expert", 2e-3, {"waited": 10 / 8}),
        ("launch_held", 2e-3, {"waited": 12 / 8}),
        ("expert_loop", 1e-3, {"waited": 12 / 8}),
        ("gemm_fp8", 0.5, {}),
        ("dequantise", 9.0, {}),
        ("host_adapters", 9.0, {}),
        ("mixer", 0.5, {}),
    ],
)
def test_a_constant_acts_on_its_rows_alone(constant: str, value: float, slower: dict[str, float]) -> None:
    before = IDEAL._replace(**HOST)
    was, now = work(MOE, before, **LAYOUT), work(MOE, before._replace(**{constant: value}), **LAYOUT)
    for row in ROWS:
        assert float(getattr(now, row) / getattr(was, row)) == pytest.approx(slower.get(row, 1.0)), row


def test_host_time_of_layers_and_experts() -> None:
    """As the table says: (2 x 1 + 2 x (1 + 8/4 x 1)) ms, a third of it again where layers are recomputed."""
    known = IDEAL._replace(**HOST)
    assert float(work(MOE, known, **LAYOUT).waited) == pytest.approx(8e-3 * 4 / 3)
    assert float(work(MOE, known, ep=4.0).waited) == pytest.approx(8e-3)
    # rank 4 on every linear layer of two: q and output 2 x 2,048, k and v 2 x 1,280, FFN 2 x 5,120 a rank; 1 ms a block
    tuned = Run(S, 64.0, BF16, adapters=4 * 2 * (2 * 2048 + 2 * 1280 + 2 * 5120.0), rank=4.0)
    found = per_micro_batch(DENSE, MACHINE, ONE, tuned, IDEAL._replace(host_adapters=1e-3))
    assert float(found.waited) == pytest.approx(2e-3)


def test_formats_run_at_their_own_peaks() -> None:
    """FP8 at 2e15: layers of 6 N at twice the rate, the head in 16 bits; block scales and FP4 have shares of their own."""
    fast = MACHINE._replace(fp8_flops=2e15, fp4_flops=4e15)
    shares = IDEAL._replace(gemm_fp8=0.5, gemm_mxfp8=0.25, gemm_fp4=0.125)
    for code, rate in ((BF16, 1e15), (FP8, 2e15 * 0.5), (MXFP8, 2e15 * 0.25), (NVFP4, 4e15 * 0.125)):
        found = per_micro_batch(DENSE, fast, ONE, Run(S, 64.0, code), shares)
        assert float(found.gemm) == pytest.approx(6 * S * (LAYERS / rate + V * D / PEAK))
    old = per_micro_batch(DENSE, MACHINE, ONE, Run(S, 64.0, FP8), shares)  # no FP8: at the 16-bit rate
    assert float(old.gemm) == pytest.approx(6 * S * (LAYERS + V * D) / PEAK)


def test_narrow_operands_move_fewer_bytes() -> None:
    """In FP8 the operands M x K and K x N take a byte a number, the product still two (as above, 12 d / 5 wide)."""
    fast = MACHINE._replace(fp8_flops=2e15)
    edged = IDEAL._replace(gemm_edge=1.0)
    found, bare = (per_micro_batch(DENSE, fast, ONE, Run(S, 64.0, FP8), cal).gemm for cal in (edged, IDEAL))
    wide = 12 * D / 5
    layers = L * 5 * (S * D + D * wide + 2 * S * wide)
    head = 2 * (S * D + D * V + S * V)
    assert float(found - bare) == pytest.approx(3 * (layers + head) / HBM)


def test_casts_add_traffic_by_their_format() -> None:
    """As much again as all elementwise traffic of the layers in FP8 (`cast` 1), half of that in FP4 (`cast_fp4` 0.5)."""
    fast = MACHINE._replace(fp8_flops=2e15, fp4_flops=4e15)
    layers = S * 2 * (16 * D * L + 6 * LAYERS / D) / HBM
    cal = IDEAL._replace(cast=1.0, cast_fp4=0.5)
    plain, eight, four = (
        float(per_micro_batch(DENSE, fast, ONE, Run(S, 64.0, c), cal).elementwise) for c in (BF16, FP8, NVFP4)
    )
    assert eight - plain == pytest.approx(layers)
    assert four - plain == pytest.approx(layers / 2)
    assert float(work(cal=IDEAL._replace(traffic=2.0)).elementwise) == pytest.approx(2 * plain)


def test_recomputation_passes_memory_again() -> None:
    """Selective a tenth of the traffic, full 0.33 of it; the loss of 24 bytes a logit is not a layer's."""
    loss = 24 * V * S / HBM
    plain = float(work().elementwise) - loss
    assert float(work(recompute=1.0).elementwise) - loss == pytest.approx(1.1 * plain)
    assert float(work(recompute=2.0).elementwise) - loss == pytest.approx(1.33 * plain)
    half = IDEAL._replace(repeat=0.5)  # XLA drops half of what is repeated
    assert float(work(cal=half, recompute=2.0).gemm) == pytest.approx((7 * LAYERS + 6 * V * D) * S / PEAK)


def test_dispatched_copies_pass_memory() -> None:
    """2 copies of 2,048 tokens of 2 x 1,024 bytes in 2 layers, `dispatch` times; routed products are projected too."""
    each = 2 * 2 * S * D * L / HBM
    more = [float(work(MOE, IDEAL._replace(dispatch=d)).elementwise) for d in (1.0, 3.0)]
    assert more[1] - more[0] == pytest.approx(2 * each)
    routed = L * 2 * EXPERT / D
    projected = float(MOE.attention_params + MOE.dense_ffn_params) / D + routed
    by_hand = S * (2 * (16 * D * L + 6 * projected) + 24 * V) / HBM + each
    assert more[0] == pytest.approx(by_hand)


def test_experts_of_few_rows_read_their_weights_for_each() -> None:
    """Products of M = 2,048 x 2 / 8 rows, K = 1,024 and N = 512, three a pass, of every copy: 2 (1/M + 1/N + 1/K) bytes a FLOP pair."""
    bare, edged = (float(work(MOE, IDEAL._replace(expert_edge=e)).gemm) for e in (0.0, 1.0))
    flops = 2 * S * 2 * EXPERT * L
    assert edged - bare == pytest.approx(3 * flops * (1 / 512 + 1 / 512 + 1 / D) / HBM)


def test_watts_a_flop_tell_what_products_sustain() -> None:
    """0.8 of the watts a FLOP of the generation sustain 0.8^0.5 of its share, below 0.6 no less; 95 % at most."""
    for gemm, watts, reached in ((0.6, 0.8, 0.6 * 0.8**0.5), (0.9, 1.5, 0.95), (0.6, 0.3, 0.6 * 0.6**0.5)):
        lean = IDEAL._replace(gemm_16=gemm, power=0.5, power_reference=700 / PEAK / watts)
        assert float(work(cal=lean).gemm) == pytest.approx(6 * (LAYERS + V * D) * S / PEAK / reached)
        unknown = per_micro_batch(DENSE, MACHINE._replace(tdp_watts=np.nan), ONE, Run(S, 64.0, BF16), lean)
        assert float(unknown.gemm) == pytest.approx(6 * (LAYERS + V * D) * S / PEAK / gemm)


def test_frozen_four_bit_weights_are_written_out_for_every_pass() -> None:
    """Forward and backward, and again where layers are recomputed: 5 bytes a parameter of a rank of two (arXiv 2305.14314)."""
    cal = IDEAL._replace(dequantise=5.0, host_adapters=0.0)
    for recompute, passes in ((0.0, 2.0), (2.0, 3.0)):
        run = Run(S, 64.0, BF16, adapters=1e5, rank=4.0, weight_bits=4.0)
        found = per_micro_batch(DENSE, MACHINE, ONE._replace(tp=2.0, recompute=recompute), run, cal)
        assert float(found.waited) == pytest.approx(passes * 5 * LAYERS / 2 / HBM)
    for bits in (8.0, 16.0):  # products take eight bits as they are
        run = Run(S, 64.0, BF16, adapters=1e5, rank=4.0, weight_bits=bits)
        assert float(per_micro_batch(DENSE, MACHINE, ONE, run, cal).waited) == 0.0


def test_adapters_compute_and_pass_memory_beside_frozen_weights() -> None:
    """4 N forward and backward of frozen weights (arXiv 2106.09685, 4.2), 6 x 2 FLOPs a parameter of 1e5; head 6 N.

    2 bytes x `adapter_passes` of the adapters' parameters over their rank: inputs read and outputs added to.
    """
    run = Run(S, 64.0, BF16, adapters=1e5, rank=4.0)
    found = per_micro_batch(DENSE, MACHINE, ONE, run, IDEAL)
    assert float(found.gemm) == pytest.approx((4 * LAYERS + 6 * V * D + 12 * 1e5) * S / PEAK)
    bare = per_micro_batch(DENSE, MACHINE, ONE, run, IDEAL._replace(adapter_passes=0.0))
    assert float(found.elementwise - bare.elementwise) == pytest.approx(2 * S * 1e5 / 4 / HBM)


def test_experts_across_machines_send_a_token_once_to_each() -> None:
    """16 ranks on two machines: 7/16 of the copies stay on the link, half cross (arXiv 2412.19437, section 3.2).

    Two experts a token of two domains: it meets 2 (1 - 1/4) = 1.5 of them, for 2 copies: the network carries 3/4.
    """
    sent = 2 * S * 2 * D
    near, far = 7 / 16 * sent / LINK, 1 / 2 * sent * 0.75 / NETWORK
    assert float(work(MOE, ep=16.0).expert_parallel) == pytest.approx(4 * L * (near + far))


def test_experts_split_over_ranks_gather_what_reaches_them() -> None:
    """Expert tensor parallelism of two: 2 copies of half the tokens, gathered over both, 4 times a layer, over half the link."""
    both, alone = (float(work(MOE, tp=2.0, etp=etp).tensor_parallel) for etp in (2.0, 1.0))
    routed = 2 * S / 2 * 2 * D * 2
    assert both - alone == pytest.approx(4 * L * routed / 2 / LINK)


def test_collectives_start_up_for_every_doubling() -> None:
    """1 us a doubling. Blocks: 8 collectives x 2 layers x 2 doublings; experts 4 x 2 x 2; a ring once a layer and pass: 3 x 2."""
    late = IDEAL._replace(latency=1e-6)
    for row, lay, count in (
        ("tensor_parallel", {"tp": 4.0}, 8 * 2 * 2),
        ("expert_parallel", {"ep": 4.0}, 4 * 2 * 2),
        ("context_parallel", {"cp": 2.0}, 3 * 2),
        ("context_parallel", {"sp": 2.0}, 2 * 2 * 2),  # before attention and after it, forward and backward
    ):
        was, now = (float(getattr(work(MOE, cal, **lay), row)) for cal in (IDEAL, late))
        assert now - was == pytest.approx(count * 1e-6)


def test_joined_work_takes_the_longer_of_both() -> None:
    """(3^2 + 4^2)^(1/2); the exchange of experts beside compute, and rings beside attention, with an exponent of two."""
    assert float(join(3.0, 4.0, 2.0)) == 5.0
    alone = work(MOE, ep=4.0)
    both = work(MOE, IDEAL._replace(expert_join=2.0), ep=4.0)
    busy, sent = float(sum(alone[:3]) - alone.head), float(alone.expert_parallel)
    assert float(both.expert_parallel) == pytest.approx(math.hypot(busy, sent) - busy)
    ring = work(cal=IDEAL._replace(overlap=2.0), cp=4.0)
    plain = work(cp=4.0)
    hidden = math.hypot(float(plain.attention), float(plain.context_parallel)) - float(plain.attention)
    assert float(ring.context_parallel) == pytest.approx(hidden)


def test_host_and_device_wait_for_one_another() -> None:
    """Launches of 2 blocks x 1 ms join the device's time as squares; what is waited for is added."""
    cal = IDEAL._replace(launch_dense=1e-3, launch_join=2.0, host=1e-3)
    busy = float(sum(work()[:6]))
    found = stepped(8.0, cal)
    assert float(found.launch_seconds) == pytest.approx(8 * (math.hypot(busy, 2e-3) - busy + 2e-3))


def test_gradients_hide_behind_the_last_micro_batch_but_for_a_share() -> None:
    """A quarter of the reduction shows; the rest joins one micro-batch as squares."""
    psi = LAYERS + 2 * V * D
    once = 4 * psi * 7 / 8 / LINK
    busy = float(sum(work()[:6]))
    shown = 0.25 * once + math.hypot(0.75 * once, busy) - busy
    found = stepped(16.0, IDEAL._replace(dp_exposed=0.25), dp=8.0, zero=1.0)
    assert float(found.gradient_seconds) == pytest.approx(shown)


def test_the_constants_of_a_step() -> None:
    """Optimizer traffic at half the bandwidth, twice as many bytes; gathers at half the link; all of it in practice."""
    psi = LAYERS + 2 * V * D
    assert float(stepped(8.0, IDEAL._replace(memory=0.5)).optimizer_seconds) == pytest.approx(60 * psi / HBM)
    assert float(stepped(8.0, IDEAL._replace(updates=2.0)).optimizer_seconds) == pytest.approx(60 * psi / HBM)
    slow = stepped(16.0, IDEAL._replace(network=0.5), dp=8.0, zero=3.0)
    assert float(slow.sharding_seconds) == pytest.approx(2 * 2 * 6 * psi * 7 / 8 / LINK)
    shown = stepped(16.0, IDEAL._replace(gather=0.5), dp=8.0, zero=3.0)  # half of the traffic again, hidden by nothing
    assert float(shown.sharding_seconds) == pytest.approx(1.5 * 2 * 6 * psi * 7 / 8 / LINK)
    once, twice = stepped(8.0), stepped(8.0, IDEAL._replace(practice=2.0, step=1.0))
    assert float(twice.step_seconds) == pytest.approx(2 * float(once.step_seconds) + 1.0)
    assert float(overhead_share(twice)) == pytest.approx(1.0 / float(twice.step_seconds))
    host = once._replace(step_seconds=10.0, launch_seconds=1.0, sharding_seconds=2.0, expert_parallel_seconds=0.5)
    assert float(overhead_share(host)) == pytest.approx(0.35)


def test_experts_have_optimizers_and_gathers_of_their_own() -> None:
    """4 expert ranks of 8: each holds 2 of 8 experts, on 2 ranks that share them; the dense part is on all 8 (ZeRO-1).

    Two stages hold half each: 30 bytes x (dense / 2 / 8 + experts / 4 / 2 / 2), the embedding and head among the dense.
    """
    experts = 8 * EXPERT * L
    dense = float(MOE.params_total) - experts
    for stages in (1.0, 2.0):
        lay = ONE._replace(dp=8.0, ep=4.0, pp=stages, zero=1.0)
        found = step(MOE, MACHINE, lay, Run(S, 16.0, BF16), IDEAL)
        mine = dense / stages / 8 + experts / 4 / stages / 2
        assert float(found.optimizer_seconds) == pytest.approx(30 * mine / HBM)
    shown = IDEAL._replace(dp_exposed=1.0)
    found = step(MOE, MACHINE, ONE._replace(dp=8.0, ep=4.0, zero=1.0), Run(S, 16.0, BF16), shown)
    reduced = 4 * (dense * 7 / 8 + experts / 4 * 1 / 2) / LINK
    assert float(found.gradient_seconds) == pytest.approx(reduced)


def test_weights_shared_inside_a_machine_are_reduced_between_machines() -> None:
    """Hybrid sharding of 8 on 16 ranks (arXiv 2304.11277, section 3.2.2): 6 bytes in the group, and across twice the rest.

    Inside 7/8 over the link; 16 ranks take half of an eighth over the network more, paid once a step for 2 bytes.
    """
    psi = LAYERS + 2 * V * D
    shown = IDEAL._replace(dp_exposed=1.0)
    found = stepped(16.0, shown, dp=16.0, zero=3.0, shard=8.0)
    assert float(found.sharding_seconds) == pytest.approx(6 * psi * 7 / 8 / LINK)
    assert float(found.gradient_seconds) == pytest.approx(2 * psi / 2 / 8 / NETWORK)


def test_stages_hand_over_across_machines() -> None:
    """Eight tensor ranks fill a machine: two stages of it hand 2 x 2 x 2,048 x 1,024 / 8 bytes over the network."""
    one = stepped(8.0, tp=8.0, pp=2.0)
    passed = 2 * 2 * S * D / 8 / NETWORK
    work_ = work(tp=8.0)
    layer = float(sum(work_[:6]) - work_.head) / 2
    slowest = layer + float(work_.head)
    mean = float(sum(work_[:6])) / 2
    assert float(one.pipeline_seconds) == pytest.approx(8 * (slowest - mean + passed) + slowest + passed)


def test_interleaved_stages_send_while_they_compute() -> None:
    """Two virtual stages: half of the bubble, twice the hand-overs (arXiv 2104.04473, 2.2.2), joined with the stage's work."""
    cal = IDEAL._replace(overlap=2.0)
    found = stepped(8.0, cal, pp=2.0, vpp=2.0)
    alone = work(cal=cal)
    slowest = float(sum(alone[:3]) - alone.head) / 2 + float(alone.head)
    mean, passed = float(sum(alone[:3])) / 2, 2 * 2 * 2 * S * D / LINK
    waits = math.hypot(slowest, passed) - slowest
    by_hand = 8 * (slowest - mean + waits) + (slowest + passed) / 2
    assert float(found.pipeline_seconds) == pytest.approx(by_hand)


def test_collectives_on_two_levels() -> None:
    """16 ranks, 8 to a machine, 1 GB: 7/8 over the link and half of an eighth over the network, or 7/16 and 1/2."""
    where = group(16.0, 1.0, 8.0)
    assert float(gather_seconds(1e9, where, 4e11, 5e10, 1e-6)) == pytest.approx(
        7 / 8 * 1e9 / 4e11 + 1 / 2 * 1e9 / 8 / 5e10 + 4e-6
    )
    assert float(all_to_all_seconds(1e9, where, 4e11, 5e10, 1e-6)) == pytest.approx(
        7 / 16 * 1e9 / 4e11 + 1 / 2 * 1e9 / 5e10 + 4e-6
    )
    assert tuple(map(float, group(16.0, 4.0, 8.0))) == (2.0, 8.0)
    assert tuple(map(float, group(16.0, 16.0, 8.0))) == (1.0, 16.0)


def test_a_narrow_unit_that_is_slower_is_not_used() -> None:
    """INT8 of a B300 at 0.33e15 beside 2.5e15 in 16 bits (NVIDIA data sheet): its products run in 16 bits."""
    chip = Machine(2.5e15, 5e15, 1.5e16, 0.33e15, 288e9, 8e12, 9e11, 8.0, 5e10, 1400.0)
    for bits, integer, peak in ((16.0, 0.0, 2.5e15), (8.0, 0.0, 5e15), (8.0, 1.0, 2.5e15), (4.0, 0.0, 1.5e16)):
        assert float(peak_flops(chip, bits, integer)[0]) == peak


def test_as_few_layers_are_recomputed_as_fit() -> None:
    """Memory half way between selective and full recomputation of 2 layers: one of them is recomputed in full."""
    run = Run(S, 8.0, BF16, memory=Habits(BARE, BARE))
    lay = ONE._replace(recompute=np.array([PARTIAL]), micro_batch=8.0)
    held = [
        float(footprint(DENSE, MACHINE, lay._replace(recompute=level), run).total_bytes) for level in (1.0 + 1e-9, 2.0)
    ]
    machine = MACHINE._replace(memory_bytes=0.5 * (held[0] + held[1]) + 1e3)
    assert np.asarray(settle(DENSE, machine, lay, run).recompute).tolist() == [1.5]
    tight = MACHINE._replace(memory_bytes=0.25 * held[0] + 0.75 * held[1])
    assert np.asarray(settle(DENSE, tight, lay, run).recompute).tolist() == [2.0]
    roomy = MACHINE._replace(memory_bytes=2 * held[0])
    assert np.asarray(settle(DENSE, roomy, lay, run).recompute).tolist() == [1.0]


def test_two_stages_halve_the_work_of_the_mean_stage() -> None:
    whole, half = work(MOE, ep=4.0, tp=2.0), work(MOE, ep=4.0, tp=2.0, pp=2.0)
    assert [float(part) for part in half] == pytest.approx([float(part) / 2 for part in whole])


def test_states_of_linear_mixers_take_three_passes_at_their_own_rate() -> None:
    """3 x the forward FLOPs of the states over half of the peak; the context does not matter to them."""
    mixed: Shape = DENSE._replace(linear_flops=1e6)
    more = [float(work(shape, IDEAL._replace(mixer=0.5)).attention - work(DENSE).attention) for shape in (mixed, DENSE)]
    assert more == pytest.approx([3 * 1e6 * S / PEAK / 0.5, 0.0])


PSI = LAYERS + 2 * V * D


def kept(
    shape: Shape = DENSE, trained: Trained = ALL, micro: float = 1.0, keeping: Keeping = BARE, **layout: float
) -> Memory:
    return training_memory(shape, ONE._replace(**layout), S, micro, keeping, trained)


def test_copies_of_weights_in_narrow_runs() -> None:
    """3 bytes a parameter of casts and their transposes beside 2 of the weight, in FP8 runs alone."""
    cast = BARE._replace(copies=3.0)
    assert float(kept(keeping=cast, trained=Trained(fp8=1.0)).weights_bytes) == pytest.approx(5 * PSI)
    assert float(kept(keeping=cast).weights_bytes) == pytest.approx(2 * PSI)


def test_inputs_of_products_in_one_byte() -> None:
    """FP8 runs keep a byte of what feeds products: 2 d of norms, d of attention, a third of 8 d of the FFN in each of 2 layers."""
    inputs = L * (2 + 1 + 8 / 3) * D * S
    wide, narrow = (
        float(kept(keeping=BARE._replace(narrow=one), trained=Trained(fp8=1.0)).activations_bytes) for one in (0.0, 1.0)
    )
    assert wide - narrow == pytest.approx(inputs)


def test_an_optimizer_steps_on_what_a_rank_holds() -> None:
    """64 bytes a parameter while it steps, more than activations: of a rank's eighth, its experts on two ranks of eight."""
    stepping = BARE._replace(update=640.0)
    experts = 8 * EXPERT * L
    dense = float(MOE.params_total) - experts
    for zero, mine in ((0.0, dense + experts / 4), (1.0, dense / 8 + experts / 4 / 2)):
        found = kept(MOE, keeping=stepping, dp=8.0, ep=4.0, zero=zero)
        passing = float(found.activations_bytes + found.logits_bytes)
        assert float(found.update_bytes) == pytest.approx(640 * mine - passing)
    adapted = kept(keeping=stepping, trained=Trained(adapters=1e5))
    assert float(adapted.update_bytes) == 0.0


def test_zero_3_with_a_pipeline_keeps_the_stage() -> None:
    """As ZeRO-2 does, or with a whole copy in 16 bits beside the shards and gradients in 32 (DeepSpeed's pipeline)."""
    half = LAYERS / 2 + V * D
    plain = kept(dp=8.0, pp=2.0, zero=3.0)
    assert float(plain.weights_bytes) == pytest.approx(2 * half)
    assert float(plain.gradients_bytes) == pytest.approx(4 * half / 8)
    assert float(plain.optimizer_bytes) == pytest.approx(12 * half / 8)
    whole = kept(keeping=BARE._replace(whole_stage=1.0, weight=4.0), dp=8.0, pp=2.0, zero=3.0)
    assert float(whole.weights_bytes) == pytest.approx(2 * half + 4 * half / 8)
    assert float(whole.gradients_bytes) == pytest.approx(4 * half)
    assert float(kept(dp=8.0, zero=3.0).weights_bytes) == pytest.approx(2 * PSI / 8)


def test_what_is_on_the_host() -> None:
    """1: the optimizer (ZeRO-Offload, arXiv 2101.06840); 2: weights and gradients too, and blocks are fetched whole."""
    for level, parts in ((0.0, (2 * PSI, 4 * PSI, 12 * PSI)), (1.0, (2 * PSI, 4 * PSI, 0.0)), (2.0, (0.0, 0.0, 0.0))):
        found = kept(keeping=BARE._replace(on_host=level))
        assert (
            float(found.weights_bytes),
            float(found.gradients_bytes),
            float(found.optimizer_bytes),
        ) == pytest.approx(parts)
    fetched = 2 * 2 * 12 * D * D + 2 * 2 * V * D
    assert float(kept(keeping=BARE._replace(on_host=2.0)).gathered_bytes) == pytest.approx(fetched)


def test_gradients_of_a_block_wait_for_their_reduction() -> None:
    """ZeRO-3: 4 bytes a parameter of the block worked on and of the ends, beside the 2 blocks that are gathered."""
    more = [float(kept(keeping=BARE._replace(block_gradient=g), dp=8.0, zero=3.0).gathered_bytes) for g in (0.0, 4.0)]
    assert more[1] - more[0] == pytest.approx(4 * (12 * D * D + 2 * V * D))
    frozen = kept(
        keeping=BARE._replace(block_gradient=4.0), trained=Trained(adapters=1e5, frozen=0.5), dp=8.0, zero=3.0
    )
    assert float(frozen.gathered_bytes) == pytest.approx(2 * 0.5 * 12 * D * D + 2 * 2 * V * D)


def test_a_layer_that_is_recomputed_is_worked_on_beside_its_input() -> None:
    """Full: 2 x 1,024 bytes a token and layer kept, and 2 layers' worth (`working`) of 32 d bytes, 16 d numbers each.

    Gradients of inputs that stay where adapters are trained (`tuned_checkpoint` 4, of them 2 of the inputs): as much
    again. With a tenth of the activations (`kept` 0.1) without.
    """
    layer, inputs = 32 * D * S, 2 * D * L * S
    full = BARE._replace(logit=0.0, working=2.0)
    assert float(kept(keeping=full, recompute=2.0).activations_bytes) == pytest.approx(inputs + 2 * layer)
    tuned = kept(keeping=full._replace(tuned_checkpoint=4.0), trained=Trained(adapters=1e5), recompute=2.0)
    assert float(tuned.activations_bytes) == pytest.approx(2 * inputs + 2 * layer)
    assert float(kept(keeping=full._replace(kept=0.1)).activations_bytes) == pytest.approx(0.1 * L * layer)
    few = kept(keeping=full._replace(selective=0.5), recompute=1.0)
    # selective with fused kernels: residuals 4 d, attention 6 d, gates of 8 d / 3 x 2 x 2 and context 2 d bytes a layer
    assert float(few.activations_bytes) == pytest.approx(0.5 * L * S * 2 * (2 + 3 + 16 / 3 + 1) * D)


def test_copies_of_tokens_that_reach_experts() -> None:
    """2 bytes x 3 copies held x 2 experts a token x 1,024 of 2,048 tokens, half of them on each of two ranks."""
    for tp in (1.0, 2.0):
        held = [
            float(kept(MOE, keeping=BARE._replace(logit=0.0, dispatched=d), tp=tp).activations_bytes)
            for d in (0.0, 3.0)
        ]
        assert held[1] - held[0] == pytest.approx(2 * 3 * 2 * D * S / tp)


def test_what_an_allocator_holds_beyond_what_is_in_use() -> None:
    """1.1 x what moves, 0.2 more where stages interleave, 1.05 x the states, 1 GB of the process and 0.5 of its ranks."""
    pool = BARE._replace(reserve=1.1, interleaved=0.2, padding=1.05, context_bytes=1e9, group_bytes=5e8)
    one = kept(keeping=pool)
    moving = float(one.activations_bytes + one.logits_bytes)
    assert float(one.margin_bytes) == pytest.approx(0.1 * moving + 0.05 * 18 * PSI + 1e9)
    several = kept(keeping=pool, dp=2.0)
    assert float(several.margin_bytes - one.margin_bytes) == pytest.approx(5e8)
    turned = kept(keeping=pool, pp=2.0, vpp=2.0, micro=8.0)
    moved = float(turned.activations_bytes + turned.logits_bytes)
    states = 18 * (LAYERS / 2 + V * D)
    assert float(turned.margin_bytes) == pytest.approx(0.3 * moved + 0.05 * states + 1.5e9)


def test_memory_that_is_freed_before_the_peak_is_given_back_but_for_a_tenth() -> None:
    """Half of what is freed is still held (`cached`): a layer, of 32 d bytes a token forward, before logits of four.

    Smaller logits leave blocks that serve the layer after them: nothing of them is held.

    A run fits without nine tenths of that; on a smaller accelerator what is beyond it has been given back.
    """
    known = BARE._replace(cached=0.5, logit=2 * 2 * 32 * D / V, working=2.0)
    found = kept(keeping=known, recompute=2.0, micro_batch=64.0)
    few = kept(keeping=known._replace(logit=0.5 * 2 * 32 * D / V), recompute=2.0, micro_batch=64.0)
    assert float(few.cached_bytes) == 0.0
    freed = 0.5 * 32 * D * S * 64
    assert float(found.cached_bytes) == pytest.approx(freed)
    assert float(found.needed(0.0)) == pytest.approx(float(found.total_bytes) - 0.9 * freed)
    smaller = found.within(float(found.total_bytes) - 0.25 * freed)
    assert float(found.total_bytes - smaller.total_bytes) == pytest.approx(0.25 * freed)
    assert float(smaller.cached_bytes) == pytest.approx(0.75 * freed)
    assert float(found.within(1.0).cached_bytes) == 0.0


def test_gradients_that_are_made_backward_are_not_there_while_logits_are() -> None:
    """One micro-batch (`transient`): the peak is 4 bytes a parameter late, or logits and activations before: the larger."""
    known = BARE._replace(transient=1.0)
    large, small = kept(keeping=known, micro_batch=64.0), kept(keeping=known, micro_batch=0.1)
    assert float(large.gradients_bytes) == 0.0
    assert float(small.gradients_bytes) == pytest.approx(4 * PSI)
    assert float(small.logits_bytes) == 0.0
    assert float(kept(keeping=known, micro=2.0, micro_batch=64.0).gradients_bytes) == pytest.approx(4 * PSI)


def test_every_rank_builds_the_model_before_it_keeps_its_shard() -> None:
    """ZeRO-3 (`loading`): 2 bytes a parameter of all of it, beyond what passes later; other stages hold it anyway."""
    known = BARE._replace(loading=1.0, logit=0.0)
    found = kept(keeping=known, dp=8.0, zero=3.0, recompute=2.0, micro_batch=0.01)
    passing = float(found.activations_bytes + found.logits_bytes + found.gathered_bytes)
    assert float(found.update_bytes) == pytest.approx(max(2 * PSI - passing, 0.0))
    assert [float(kept(keeping=known, dp=8.0, zero=z).update_bytes) for z in (1.0, 2.0)] == [0.0, 0.0]


def test_stages_of_experts_hold_their_own() -> None:
    """Two stages, four expert ranks of two tensor ranks each: 1/16 of the experts, and the block of one layer is whole."""
    experts = 8 * EXPERT * L
    layers = float(MOE.attention_params + MOE.dense_ffn_params)
    found = kept(MOE, tp=2.0, ep=4.0, etp=2.0, pp=2.0, dp=4.0)
    assert float(found.params) == pytest.approx((layers / 2 + V * D) / 2 + experts / 16)
    assert float(found.weights_bytes) == pytest.approx(2 * float(found.params))


def test_scores_of_activations_by_kind_of_attention() -> None:
    """A mixer of latent attention keeps what it expands; selective recomputation drops it (arXiv 2405.04434, 2.1)."""
    mla = DENSE._replace(is_mla=1.0, attention_flops=8 * D * L)
    full, some = (float(activation_bytes(mla, ONE._replace(recompute=r), S, 1.0)) for r in (0.0, 1.0))
    expanded = 8 * D * L
    lost = 2 * 0.75 * expanded + 2 * (2 * D * L + 8 * D * L / 3)
    assert full - some == pytest.approx(S * lost)
    dropped = float(activation_bytes(DENSE, ONE, S, 1.0, 1.0, 1.0) - activation_bytes(DENSE, ONE, S, 1.0))
    assert dropped == pytest.approx(2 * D * L * S)
    unfused = [float(activation_bytes(DENSE, ONE._replace(recompute=r), S, 1.0, 0.0)) for r in (0.0, 1.0)]
    assert unfused[0] - unfused[1] == pytest.approx(5 * 8 * S * S * L)


def test_frozen_experts_are_written_out_where_they_are_held() -> None:
    """Eight experts on two ranks of two tensor ranks each: a quarter of them on each, beside half of the dense weights."""
    cal = IDEAL._replace(dequantise=5.0, host_adapters=0.0, launch_expert=0.0)
    run = Run(S, 64.0, BF16, adapters=1e5, rank=4.0, weight_bits=4.0)
    found = per_micro_batch(MOE, MACHINE, ONE._replace(tp=2.0, ep=2.0, etp=2.0, dp=2.0), run, cal)
    held = float(MOE.attention_params + MOE.dense_ffn_params) / 2 + 8 * EXPERT * L / 4
    assert float(found.waited) == pytest.approx(2 * 5 * held / HBM)
