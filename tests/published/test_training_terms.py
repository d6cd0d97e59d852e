"""Terms of the training step and its memory, each by hand from the paper that it is taken from.

One machine of round numbers, every fitted share 1: what is left is the formula. Model: 2 layers, width 1,024, 8 heads
of 128, plain FFN of 4,096, vocabulary 1,000, not tied. Per layer 4 x 1,024^2 attention and 8 x 1,024^2 FFN parameters.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, shape_of
from llmcost.engine.training.calibration import SHARED, Calibration
from llmcost.engine.training.campaign import Campaign, exponents, overhead
from llmcost.engine.training.flops import training_flops_of
from llmcost.engine.training.goodput import goodput
from llmcost.engine.training.layouts import footprint
from llmcost.engine.training.memory import Layout, activation_bytes
from llmcost.engine.training.methods import trained_ends
from llmcost.engine.training.micro_batch import BF16, Run, Work, per_micro_batch
from llmcost.engine.training.peak import Habits, Keeping, Memory, Trained, training_memory
from llmcost.engine.training.step import Step, step
from llmcost.spec import Model

PEAK, HBM, LINK, NETWORK = 1e15, 2e12, 4e11, 5e10
MACHINE = Machine(PEAK, np.nan, np.nan, np.nan, 80e9, HBM, LINK, 8.0, NETWORK, 700.0)
IDEAL = Calibration(*[1.0] * len(SHARED))._replace(
    gemm_edge=0.0, expert_edge=0.0, attention_ramp=0.0, latency=0.0, straggler=0.0, step=0.0, launch_dense=0.0,
    launch_expert=0.0, launch_held=0.0, dp_exposed=0.0, power_reference=0.0,
)  # fmt: skip
ONE = Layout(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0)
S, D, V, L = 2048.0, 1024.0, 1000.0, 2.0
LAYERS = L * 12 * D * D  # parameters of both layers
EVERY = Trained()
BARE = Keeping(context_bytes=0.0, group_bytes=0.0, reserve=1.0, block_gradient=0.0, logit=5.0)
DENSE = shape_of(
    Model(title="dense", n_layers=2, d_model=1024, n_heads=8, n_kv_heads=2, d_head=128, d_ff=4096, ffn_gated=False,
          vocab_size=1000)
)._replace(attention_params=L * 4 * D * D, dense_ffn_params=L * 8 * D * D, params_total=LAYERS + 2 * V * D,
           params_matmul=LAYERS + V * D)  # fmt: skip
EXPERT = 3 * D * 512  # a gated expert of width 512
MOE = shape_of(
    Model(title="moe", n_layers=2, d_model=1024, n_heads=8, n_kv_heads=8, d_head=128, d_ff=4096, vocab_size=1000,
          moe_experts=8, moe_topk=2, moe_d_ff=512)
)  # fmt: skip


def work(shape: Shape = DENSE, cal: Calibration = IDEAL, seq_len: float = S, **layout: float) -> Work:
    return per_micro_batch(shape, MACHINE, ONE._replace(**layout), Run(seq_len, 64.0, BF16), cal)


def stepped(batch: float, cal: Calibration = IDEAL, **layout: float) -> Step:
    return step(DENSE, MACHINE, ONE._replace(**layout), Run(S, batch, BF16), cal)


def held(shape: Shape = DENSE, **layout: float) -> Memory:
    return footprint(shape, MACHINE, ONE._replace(**layout), Run(S, 8.0, BF16, memory=Habits(BARE, BARE)))


def test_products_take_six_flops_a_parameter_and_token() -> None:
    """Kaplan et al. 2020, arXiv 2001.08361, section 2.1: 2 N forward and 4 N backward, of layers and of the head."""
    assert float(work().gemm) == pytest.approx(6 * (LAYERS + V * D) * S / PEAK)
    assert float(work(recompute=2.0).gemm) == pytest.approx((8 * LAYERS + 6 * V * D) * S / PEAK)  # layers run again
    assert float(work(tp=4.0).gemm) == pytest.approx(6 * (LAYERS + V * D) * S / PEAK / 4)


def test_products_read_and_write_their_operands() -> None:
    """M x K times K x N in 16 bits moves 2 (MK + KN + MN) bytes, once each of three passes (Korthikanti section 4).

    The head: M = 2,048 tokens, K = 1,024, N = 1,000. The layers: five products of the mean width 12 d / 5.
    """
    edged = IDEAL._replace(gemm_edge=1.0)
    head = S * D + D * V + S * V
    wide = 12 * D / 5
    layers = L * 5 * (S * D + D * wide + S * wide)
    assert float(work(cal=edged).gemm - work().gemm) == pytest.approx(3 * 2 * (head + layers) / HBM)


def test_tensor_parallelism_gathers_and_scatters_four_times_a_block() -> None:
    """Four all-gathers and four reduce-scatters a layer, forward and backward (arXiv 2205.05198, section 4.2.2).

    Each leaves 3/4 of 2 s b h bytes on the link of 4 ranks: 2 layers x 8 x 3/4 x 2 x 2,048 x 1,024 / 400 GB/s.
    Recomputed layers repeat the forward half: 12 in place of 8.
    """
    by_hand = 2 * 8 * 0.75 * 2 * S * D / LINK
    assert by_hand == pytest.approx(1.258e-4, rel=1e-3)
    assert float(work(tp=4.0).tensor_parallel) == pytest.approx(by_hand)
    assert float(work(tp=4.0, recompute=2.0).tensor_parallel) == pytest.approx(by_hand * 12 / 8)


def test_experts_exchange_tokens_four_times_a_layer() -> None:
    """Dispatch and combine, forward and backward (Lepikhin et al. 2020, arXiv 2006.16668, section 3.3).

    Of k = 2 copies of 2,048 tokens of 2 x 1,024 bytes, 3/4 leave a rank of 4: 2 layers x 4 x 3/4 x 8.4 MB / 400 GB/s.
    """
    found = work(MOE, ep=4.0)
    assert float(found.expert_parallel) == pytest.approx(2 * 4 * 0.75 * 2 * S * 2 * D / LINK)
    assert float(work(MOE, ep=4.0, recompute=2.0).expert_parallel) == pytest.approx(1.5 * float(found.expert_parallel))


def test_expert_products_count_the_chosen_experts() -> None:
    """Each token passes k = 2 experts of 3 x 1,024 x 512: 6 FLOPs a parameter passed."""
    dense = MOE.attention_params + MOE.dense_ffn_params + V * D
    assert float(work(MOE).gemm) == pytest.approx(6 * S * (dense + L * 2 * EXPERT) / PEAK)


def test_context_parallel_rings_pass_keys_and_values_three_times() -> None:
    """Keys and values forward, and again with their gradients backward: 3 passes (arXiv 2310.01889, section 3).

    Two KV heads of 128, keys and values, 2 layers, 2 bytes: 2 x 2 x 256 x 2 x 8,192 bytes; 3/4 pass the link. The ring
    is paid for beyond what attention hides: nothing here, exponent 1 adds up.
    """
    passed = 3 * 0.75 * 2 * (2 * 256 * 2) * 8192 / LINK
    assert float(work(seq_len=8192.0, cp=4.0).context_parallel) == pytest.approx(passed)
    # beside Ulysses on two ranks each ring passes half of the heads; a rank of eight swaps 1,024 tokens, half of them
    swapped = 2 * 0.5 * 2 * 1024 * 2 * (2 * 1024 + 2 * 256) / LINK
    assert float(work(seq_len=8192.0, cp=4.0, sp=2.0).context_parallel) == pytest.approx(passed / 2 + swapped)


def test_ulysses_swaps_queries_keys_values_and_outputs_forward_and_backward() -> None:
    """Arxiv 2309.14509, section 3.2: all-to-alls of queries, keys, values before attention and of outputs after it.

    A rank of four has 2,048 of 8,192 tokens. Of a token 1,024 each of queries and outputs, and 2 x 256 of keys and values
    to two ranks that share each of two heads (arXiv 2506.13996, section 3.2.1); 2 bytes, 2 layers, 3/4 pass the link.
    """
    passed = 2 * 0.75 * 2 * 2048 * 2 * (2 * 1024 + 2 * (2 * 256)) / LINK
    assert float(work(seq_len=8192.0, sp=4.0).context_parallel) == pytest.approx(passed)
    # of two ranks each keeps a head of its own: 4,096 tokens, half of them pass
    alone = 2 * 0.5 * 2 * 4096 * 2 * (2 * 1024 + 2 * 256) / LINK
    assert float(work(seq_len=8192.0, sp=2.0).context_parallel) == pytest.approx(alone)
    # of two tensor-parallel ranks each has half of the queries and one of the heads, which two ranks share; a layer that
    # is recomputed swaps three times
    both = 3 * 0.5 * 2 * 4096 * 2 * (2 * 1024 / 2 + 2 * (2 * 256 / 2)) / LINK
    assert float(work(seq_len=8192.0, sp=2.0, tp=2.0, recompute=2.0).context_parallel) == pytest.approx(both)


def test_ulysses_shares_out_activations_logits_and_states() -> None:
    """Four ranks hold a quarter of the tokens, and as ZeRO-3 a quarter of the weights."""
    whole, split = held(), held(sp=4.0, zero=3.0)
    for part in ("activations_bytes", "logits_bytes", "weights_bytes", "optimizer_bytes"):
        assert float(getattr(split, part)) == pytest.approx(float(getattr(whole, part)) / 4)


def test_trained_ends_have_states_and_the_gradient_of_a_head() -> None:
    """A copy of embedding and of head, 2 x 1,000 x 1,024, at 16 bytes beside 5,000 adapter parameters; 2 FLOPs a weight.

    PEFT copies both, also where they are tied (huggingface/peft#1750): `modules_to_save`.
    """
    ends = 2 * V * D
    assert float(trained_ends(DENSE)) == float(trained_ends(DENSE._replace(params_total=LAYERS + V * D))) == ends
    run = Run(S, 8.0, BF16, adapters=5000.0, ends=ends, memory=Habits(BARE, BARE))
    assert float(footprint(DENSE, MACHINE, ONE, run).optimizer_bytes) == pytest.approx(16 * (5000 + ends))
    more = training_flops_of(DENSE, S, 0.0, 5000.0, ends).model - training_flops_of(DENSE, S, 0.0, 5000.0).model
    assert float(more) == pytest.approx(2 * V * D)
    reduced = [step(DENSE, MACHINE, ONE._replace(dp=8.0), run._replace(ends=e), IDEAL) for e in (0.0, ends)]
    shares = [float(s.optimizer_seconds) for s in reduced]
    assert shares[1] / shares[0] == pytest.approx((5000 + ends) / 5000)


def test_elementwise_traffic_by_hand() -> None:
    """16 passes over the residual and 6 over what is projected, 2 bytes each; loss 24 bytes per logit.

    Projected: all parameters of the layers over the width they read: 2 x 12 x 1,024.
    """
    moved = 2 * (16 * D * L + 6 * LAYERS / D) + 24 * V
    assert float(work().elementwise) == pytest.approx(S * moved / HBM)


def test_launches_are_paid_per_block_and_repeated_with_it() -> None:
    """2 blocks x 1 ms; recomputation launches the forward third again."""
    slow = IDEAL._replace(launch_dense=1e-3, launch_join=1.0)
    assert float(work(cal=slow).launch) == pytest.approx(2e-3)
    assert float(work(cal=slow, recompute=2.0).launch) == pytest.approx(2e-3 * 4 / 3)
    routed = IDEAL._replace(launch_expert=1e-3, launch_held=1e-4)
    assert float(work(MOE, routed, ep=4.0).waited) == pytest.approx(2 * (1e-3 + 1e-4 * 8 / 4))


def test_fully_sharded_weights_pass_three_times_a_micro_batch() -> None:
    """3 Psi: gathered forward and backward, gradients reduced, 2 bytes each (arXiv 1910.02054, section 7.2.2).

    8 ranks, two micro-batches each: 2 x 6 x Psi x 7/8 / 400 GB/s.
    """
    psi = LAYERS + 2 * V * D
    assert float(stepped(16.0, dp=8.0, zero=3.0).sharding_seconds) == pytest.approx(2 * 6 * psi * 7 / 8 / LINK)


def test_data_parallel_ranks_reduce_and_gather_once_a_step() -> None:
    """2 Psi: gradients reduced, weights gathered, 2 bytes each (arXiv 1910.02054, section 7.2.1).

    16 ranks on two machines: 7/8 over the link, half of an eighth share over the network.
    """
    psi, exposed = LAYERS + 2 * V * D, IDEAL._replace(dp_exposed=1.0)
    near, far = 7 / 8 / LINK, 1 / 2 / (8 * NETWORK)
    assert float(stepped(16.0, exposed, dp=8.0, zero=1.0).gradient_seconds) == pytest.approx(4 * psi * near)
    assert float(stepped(16.0, exposed, dp=16.0, zero=1.0).gradient_seconds) == pytest.approx(4 * psi * (near + far))


def test_adam_moves_thirty_bytes_a_parameter() -> None:
    """fp32 weight and two moments read and written, 24; fp32 gradient read, 4; 16-bit weight written, 2.

    The states are those of arXiv 1910.02054, section 3.1; ZeRO-1 deals them over the ranks.
    """
    psi = LAYERS + 2 * V * D
    assert float(stepped(8.0).optimizer_seconds) == pytest.approx(30 * psi / HBM)
    assert float(stepped(8.0, dp=8.0, zero=1.0).optimizer_seconds) == pytest.approx(30 * psi / 8 / HBM)


def test_the_bubble_is_that_of_narayanan() -> None:
    """(p - 1) (t_f + t_b) (arXiv 2104.04473, section 2.2.1), over v when interleaved.

    Two stages of one layer each on one machine, and the head on the last: the slower stage sets the pace. 8
    micro-batches, 8.4 MB there and back at each boundary: 2 x 4.2 MB / 400 GB/s, waited for in all 8 and the bubble.
    """
    alone = work()
    layer = float(sum(alone[:3]) - alone.head) / 2
    slowest = layer + float(alone.head)
    found = stepped(8.0, pp=2.0)
    mean = float(sum(alone[:3])) / 2
    passed = 2 * 2 * S * D / LINK
    assert float(found.pipeline_seconds) == pytest.approx(8 * (slowest - mean + passed) + slowest + passed)


def test_stragglers_and_fixed_time() -> None:
    """1 % for each of three doublings on 8, and 0.1 s a step."""
    found = stepped(8.0, IDEAL._replace(straggler=0.01, step=0.1), dp=8.0)
    body = float(found.step_seconds) - 0.1 - float(found.straggler_seconds)
    assert float(found.straggler_seconds) == pytest.approx(0.03 * body)
    assert float(found.fixed_seconds) == pytest.approx(0.1)


def test_model_flops_and_utilisation_of_the_step() -> None:
    """6 N per token and 3 x 2 L h e S causal attention, over the peak of all 8 accelerators and the time taken."""
    found = stepped(8.0, dp=8.0)
    flops = 8 * S * (6 * (LAYERS + V * D) + 3 * 4 * D * L * S / 2)
    assert float(found.model_flops) == pytest.approx(flops)
    assert float(found.mfu) == pytest.approx(flops / (8 * PEAK * float(found.step_seconds)))
    full = stepped(8.0, dp=8.0, recompute=2.0)
    assert float(full.hardware_flops - full.model_flops) == pytest.approx(8 * S * (2 * LAYERS + 4 * D * L * S / 2))


def test_sharded_weights_are_gathered_for_two_layers_at_a_time() -> None:
    """One that computes and the next under way: at most two gathers in flight (arXiv 2304.11277, section 3.4).

    2 x 2 bytes x 12 x 1,024^2 parameters of a layer = 50.3 MB, and embedding and head, which are one unit, in 2 bytes.
    """
    assert float(held(dp=8.0, zero=3.0).gathered_bytes) == pytest.approx(2 * 2 * 12 * D * D + 2 * 2 * V * D)
    assert float(held(dp=8.0, zero=1.0).gathered_bytes) == 0.0
    layer = (MOE.attention_params + MOE.dense_ffn_params) / L + EXPERT * 8 / 4
    assert float(held(MOE, dp=8.0, ep=4.0, zero=3.0).gathered_bytes) == pytest.approx(
        2 * 2 * layer + 2 * (MOE.params_total - MOE.attention_params - MOE.dense_ffn_params - L * 8 * EXPERT)
    )


def test_logits_are_kept_in_fp32() -> None:
    """4 s b v bytes (arXiv 2205.05198, section 4.3) and one of mask: 5 x 2,048 x 3 x 1,000; split by tp and cp.

    With tp 2 and cp 2 the head gathers its input and has its gradient, 4 x 1,024 x 3 x 2,048 / 2 = 12.6 MB beside them.
    """
    assert float(held(micro_batch=3.0).logits_bytes) == pytest.approx(5 * S * 3 * V)
    split = held(micro_batch=3.0, tp=2.0, cp=2.0)
    assert float(split.logits_bytes) == pytest.approx(5 * S * 3 * V / 4 + 4 * D * S * 3 / 2)


def test_states_take_eighteen_bytes_a_parameter() -> None:
    """2 weights, 4 fp32 gradients, 12 optimizer (arXiv 1910.02054, section 3.1; fp32 gradients: Megatron-LM)."""
    psi = LAYERS + 2 * V * D
    found = held()
    assert float(found.weights_bytes + found.gradients_bytes + found.optimizer_bytes) == pytest.approx(18 * psi)
    first = held(pp=2.0)  # one layer, and the embedding or the head
    assert float(first.weights_bytes) == pytest.approx(2 * (LAYERS / 2 + V * D))


def peak(keeping: Keeping, trained: Trained = EVERY, micro_batches: float = 1.0, **layout: float) -> Memory:
    return training_memory(DENSE, ONE._replace(**layout), S, micro_batches, keeping, trained)


def test_an_optimizer_step_takes_what_activations_leave() -> None:
    """Adam on all tensors at once: 8 bytes a parameter of temporaries where activations and logits are less."""
    psi = LAYERS + 2 * V * D
    kept = BARE._replace(update=8.0)
    passing = peak(BARE)
    moving = float(passing.activations_bytes + passing.logits_bytes)
    assert 8 * psi > moving
    assert float(peak(kept).total_bytes - passing.total_bytes) == pytest.approx(8 * psi - moving)
    assert float(peak(kept, micro_batch=64.0).update_bytes) == 0.0


def test_gradients_wait_whole_where_sharded_ranks_reduce_once() -> None:
    """FSDP without a reduction between micro-batches: 2 bytes a parameter of the model on every rank."""
    psi = LAYERS + 2 * V * D
    kept = BARE._replace(accumulated=2.0)
    one, two = (float(peak(kept, micro_batches=m, dp=8.0, zero=3.0).gathered_bytes) for m in (1.0, 2.0))
    assert two - one == pytest.approx(2 * psi)


def test_the_host_takes_states_and_activations() -> None:
    """ZeRO-Offload (arXiv 2101.06840): the optimizer's 12 bytes a parameter leave the accelerator."""
    psi = LAYERS + 2 * V * D
    here = peak(BARE)
    assert float(here.total_bytes - peak(BARE._replace(on_host=1.0)).total_bytes) == pytest.approx(12 * psi)
    gone = peak(BARE._replace(activations_on_host=1.0))
    assert float(gone.activations_bytes) == 0.0
    assert float(gone.optimizer_bytes) == float(here.optimizer_bytes)


def test_scores_stand_where_attention_is_not_fused() -> None:
    """5 a S^2 bytes a layer and sequence: 2 of scores, 2 of their softmax, 1 of mask (arXiv 2205.05198, section 4.1)."""
    scores = float(peak(BARE, Trained(fused=0.0)).activations_bytes - peak(BARE).activations_bytes)
    assert scores == pytest.approx(5 * 8 * S * S * L)


def test_frozen_weights_of_few_bits_and_adapters() -> None:
    """QLoRA: blocks in half a byte, embedding and head in two, 16 bytes a parameter of the adapters (arXiv 2305.14314)."""
    found = peak(BARE._replace(adapter=16.0), Trained(adapters=1e5, frozen=0.5))
    assert float(found.weights_bytes) == pytest.approx(0.5 * LAYERS + 2 * 2 * V * D)
    assert float(found.optimizer_bytes) == pytest.approx(16 * 1e5)
    assert float(found.gradients_bytes) == 0.0


def test_products_of_few_bits_keep_what_they_read() -> None:
    """Inputs of products beside adapters: as many bytes as adapters keep, more where the products keep theirs too.

    bitsandbytes, `MatMul4Bit`: `ctx.tensors = (A, B)`. A block reads 2 d of norms, d of attention, and of the 8 d that
    its FFN's weights stand for the third that a gated one reads.
    """
    inputs = L * (2 + 1 + 8 / 3) * D * S
    keeping = BARE._replace(tuned_input=1.0, narrow_input=2.0)
    wide, narrow = (float(peak(keeping, Trained(adapters=1e5, frozen=b)).activations_bytes) for b in (2.0, 0.5))
    assert narrow - wide == pytest.approx(2.0 * inputs)
    more = float(peak(keeping._replace(tuned_input=3.0), Trained(adapters=1e5)).activations_bytes)
    assert more - wide == pytest.approx(2.0 * inputs)
    every = float(peak(keeping).activations_bytes)  # weights that are trained need them in 16 bits
    assert every - wide == pytest.approx(inputs)


def test_a_head_of_its_own_where_the_stack_unties_it() -> None:
    """LitGPT, convert_hf_checkpoint.py: a checkpoint without `lm_head.weight` gets a copy of the embedding."""
    tied = DENSE._replace(params_total=LAYERS + V * D)
    lay, own = ONE._replace(recompute=0.0), BARE._replace(untied=1.0)
    for shape, more in ((tied, V * D), (DENSE, 0.0)):
        held = [float(training_memory(shape, lay, S, 1.0, k, Trained(adapters=1e5)).weights_bytes) for k in (BARE, own)]
        assert held[1] - held[0] == pytest.approx(2.0 * more)


def test_a_fit_is_a_chance() -> None:
    """States 5 % uncertain, the rest 30 %: a total one standard deviation below the memory fits with 84 %."""
    found = peak(BARE)
    states = float(found.weights_bytes + found.gradients_bytes + found.optimizer_bytes)
    spread = math.hypot(0.05 * states, 0.3 * (float(found.total_bytes) - states))
    assert float(found.spread_bytes) == pytest.approx(spread)
    assert float(found.deviations(float(found.total_bytes) + spread)) == pytest.approx(1.0)
    assert float(found.needed(1.0)) == pytest.approx(float(found.total_bytes) + spread)


def test_activations_in_flight_interleave() -> None:
    """The first of p stages holds p micro-batches of L / p layers; 1 + (p - 1) / (p v) as much when interleaved.

    (arXiv 2205.05198, section 4.2.3, equation 5.)
    """
    few, all_in = (float(activation_bytes(DENSE, ONE._replace(pp=2.0), S, m)) for m in (1.0, 8.0))
    assert all_in == pytest.approx(2 * few)
    turned = float(activation_bytes(DENSE, ONE._replace(pp=2.0, vpp=2.0), S, 8.0))
    assert turned == pytest.approx(all_in * (1 + 1 / 4))


def test_failures_cost_restarts_and_checkpoints() -> None:
    """Daly 2006, doi:10.1016/j.future.2004.11.016, equations 37 and 20: M = 10,000 s, delta = 50 s, R = 1,000 s.

    tau = 1,000 (1 + 0.05/3 + 0.0025/9) - 50 = 966.94; (10,000/966.94) e^0.1 (e^0.101694 - 1) = 1.2235.
    """
    tau = 1000 * (1 + 0.05 / 3 + 0.0025 / 9) - 50
    by_hand = 10_000 / tau * math.exp(0.1) * (math.exp((tau + 50) / 10_000) - 1)
    assert by_hand == pytest.approx(1.2235, abs=1e-4)
    assert float(goodput(10_000.0, 50.0, 1_000.0)) == pytest.approx(1 / by_hand)


def test_a_short_run_of_a_small_model_on_a_fast_machine() -> None:
    """1,000 hours of 7B on H100: one decade below 70B, x 1.1; one below 10,000 hours, / 1.3; of any run, x 1.2."""
    known = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)
    assert float(overhead(known, exponents(1e3, 80e9, 989e12, 7e9, False))) == pytest.approx(1.2 * 1.1 / 1.3)


def test_frozen_weights_are_gathered_and_never_reduced() -> None:
    """LoRA under ZeRO-3: forward and backward gathers of 2 bytes each, no gradient of frozen weights (arXiv 2106.09685, 4.2)."""
    psi = LAYERS + 2 * V * D
    run = Run(S, 16.0, BF16)._replace(adapters=1.0)
    found = step(DENSE, MACHINE, ONE._replace(dp=8.0, zero=3.0), run, IDEAL)
    assert float(found.sharding_seconds) == pytest.approx(2 * 4 * psi * 7 / 8 / LINK)
