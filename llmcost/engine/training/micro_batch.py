"""Work of one micro-batch: FLOPs, traffic and messages, and how long each takes."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine.collectives import all_to_all_seconds, gather_seconds, group
from llmcost.engine.machine.roofline import Machine, join, peak_flops
from llmcost.engine.model.transformer import Shape, blocks_of, causal_attention_flops_per_token
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.calibration import Calibration
from llmcost.engine.training.memory import SELECTIVE, Layout, expert_input_width
from llmcost.engine.training.methods import adapter_params
from llmcost.engine.training.peak import Habits
from llmcost.records import NamedTuple

BF16, FP16, FP8, MXFP8, NVFP4 = 0, 1, 2, 3, 4  # precision codes
UNFUSED = ("volta", "turing", "pascal", "maxwell", "gcn5", "rdna2")  # FlashAttention has no kernel for them
POWER_RANGE = (0.6, 2.5)  # of W per peak FLOP/s relative to the generation: beyond, other limits bind
MOST_SUSTAINED = 0.95  # of the peak: the largest matrix products of chips that power does not bind
PRECISIONS = {"bf16": BF16, "fp16": FP16, "fp8": FP8, "mxfp8": MXFP8, "nvfp4": NVFP4}


class Run(NamedTuple):
    """What is trained per step; each field a float or an array."""

    seq_len: Num  # S, padding included [tokens]
    global_batch: Num  # sequences per step [-]
    precision: Num  # code of PRECISIONS: the format of the linear layers
    adapters: Num = 0.0  # adapter parameters beside frozen weights; 0: every weight is trained [-]
    rank: Num = 16.0  # of the adapters [-]
    ends: Num = 0.0  # parameters of embedding and head that are trained whole beside the adapters [-]
    weight_bits: Num = 16.0  # as frozen weights are kept and travel: 16, 8, 4 [bits]
    unfused: Num = 0.0  # 1: attention without a fused kernel, every score passes memory [-]
    filled: Num = 1.0  # share of the tokens computed that are not padding [-]
    memory: Habits = Habits()  # what the stack keeps in memory
    together: Num = 1.0  # sequences that stay in one micro-batch: 2 where answers are compared in pairs [-]


def trained(run: Run) -> Num:
    """Products per weight of a backward pass: 2, or 1 where the weights are frozen and have no gradient [-].

    Parameters
    ----------
    run : Run
        `adapters` above 0: the weights beside them are frozen.

    Source: Hu et al. 2021, arXiv 2106.09685, section 4.2.

    Examples
    --------
    >>> [float(trained(Run(2048.0, 8.0, BF16, adapters))) for adapters in (0.0, 4e6)]
    [2.0, 1.0]
    """
    return np.where(np.asarray(run.adapters) > 0, 1.0, 2.0)


def recomputed_share(layout: Layout, selective: Num = 0.0) -> Num:
    """Share of the layers' forward pass that runs twice [-].

    Parameters
    ----------
    layout : Layout
        `recompute` 0 none, 1 selective, 2 full; between 1 and 2 a share of the layers, the others selective.
    selective : float or array
        What selective recomputation repeats: next to nothing where it is the attention core (arXiv 2205.05198), half
        where it is every second layer or product.

    Source: definition (Megatron-LM `--recompute-num-layers`).

    Examples
    --------
    >>> lay = Layout(1, 1, 1, 1, 1, 1, 1, 0, 0, 1, np.array([0, 1, 1.25, 2]))
    >>> recomputed_share(lay).tolist()
    [0.0, 0.0, 0.25, 1.0]
    >>> recomputed_share(lay, 0.5).tolist()
    [0.0, 0.5, 0.625, 1.0]
    """
    level = np.asarray(layout.recompute, dtype=float)
    share: Num = np.clip(level - SELECTIVE, 0.0, 1.0)
    return share + np.where(level >= SELECTIVE, (1.0 - share) * selective, 0.0)


def bits_of(precision: Num) -> Num:
    """Width of the linear layers under a code of `PRECISIONS` [bits].

    >>> bits_of(np.array([BF16, MXFP8, NVFP4])).tolist()
    [16.0, 8.0, 4.0]
    """
    code = np.asarray(precision)
    return np.select([code >= NVFP4, code >= FP8], [4.0, 8.0], 16.0)


def _gemm_rate(machine: Machine, precision: Num, cal: Calibration) -> tuple[Num, Num]:
    """Attained FLOP/s of large products at `precision` and at 16 bits."""
    peak, bits = peak_flops(machine, bits_of(precision))
    eight = np.where(np.asarray(precision) == MXFP8, cal.gemm_mxfp8, cal.gemm_fp8)
    relative = np.select([bits >= 16, bits <= 4], [1.0, cal.gemm_fp4], eight)
    used = (np.asarray(cal.power_reference) > 0) & ~np.isnan(machine.tdp_watts)
    watts = np.where(used, machine.tdp_watts / machine.bf16_flops, 1.0)
    power = np.clip(watts / np.where(used, cal.power_reference, 1.0), *POWER_RANGE) ** cal.power
    share = np.where(used, np.minimum(cal.gemm_16 * power, MOST_SUSTAINED), cal.gemm_16)
    sustained = share * cal.products
    return peak * relative * sustained, machine.bf16_flops * sustained


class Work(NamedTuple):
    """Seconds per micro-batch on the average pipeline stage, by kind."""

    gemm: Num
    attention: Num
    elementwise: Num
    tensor_parallel: Num
    context_parallel: Num  # and the exchange of Ulysses
    expert_parallel: Num
    launch: Num  # host time of launches, beside the device
    waited: Num  # nothing hides it: host time of the stack and of expert layers, conversion of 4-bit weights
    head: Num  # output projection and loss, inside gemm and elementwise too


def _repeated(lay: Layout, cal: Calibration) -> Num:
    """Forward work done twice over forward work: XLA drops a repeated product whose result nothing reads."""
    return recomputed_share(lay, cal.selective) * cal.repeat


def _product(flops: Num, rows: Num, inner: Num, columns: Num, rate: Num, second_per_byte: Num, narrow: Num) -> Num:
    """Matrix products of one pass: compute, and operand traffic, 2 x narrow x (MK + KN) + 2 MN bytes."""
    traffic = narrow * (1.0 / rows + 1.0 / columns) + 1.0 / inner
    return flops / rate + flops * traffic * second_per_byte


def _gemm(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> tuple[Num, Num]:
    """Matrix products of the layers and of the head, forward and backward: seconds per micro-batch."""
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks
    rate, rate16 = _gemm_rate(machine, run.precision, cal)
    held_in = peak_flops(machine, bits_of(run.precision))[1] / 16.0
    edge = cal.gemm_edge / machine.memory_bytes_per_second
    dense = shape.attention_params + shape.dense_ffn_params
    # five products per block share the width: q, kv, output, up and gate, down
    width = dense / (shape.n_layers * shape.d_model) / 5.0 / lay.tp
    layers = _product(2.0 * tokens * dense / lay.tp, tokens, shape.d_model, width, rate, edge, held_in)
    copies = shape.topk * shape.expert_params * shape.moe_layers
    held = np.maximum(shape.n_experts, 1.0) / (lay.ep * lay.etp)
    arriving = np.maximum(1.0, tokens / lay.tp * shape.topk / held)
    reads = expert_input_width(shape)
    narrow = np.maximum(shape.expert_params / (3.0 * reads) / lay.etp, 1.0)
    grouped = cal.expert_edge / machine.memory_bytes_per_second
    experts = _product(2.0 * tokens * copies / lay.tp, arriving, reads, narrow, rate, grouped, held_in)
    head = _product(
        2.0 * tokens * shape.head_params / lay.tp, tokens, shape.d_model, shape.vocab_size / lay.tp, rate16, edge, 1.0
    )
    passes = 1.0 + trained(run) + _repeated(lay, cal)
    # the two narrow products of an adapter pass their operands and nothing else
    beside = 6.0 * 2.0 * tokens * np.asarray(run.adapters) / lay.tp / rate16
    return passes * (layers + experts) + beside, 3.0 * head


def _attention(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Attention and mixer states, forward and backward (fused kernels recompute scores): seconds per micro-batch."""
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks / lay.tp
    passes = 3.0 + _repeated(lay, cal)
    share = cal.attention * run.seq_len / (run.seq_len + cal.attention_ramp) * _head_size_factor(shape)
    share = share * cal.attention_kernel
    scores = causal_attention_flops_per_token(shape, run.seq_len) - shape.linear_flops
    fused = (passes + 0.5) * scores / share / machine.bf16_flops
    states = passes * shape.linear_flops / cal.mixer / machine.bf16_flops
    rate = machine.memory_bytes_per_second * cal.memory
    # without fusion all S x S scores pass memory: 11 bytes each forward and in recomputation, 19 backward
    again = np.minimum(lay.recompute, 1.0)
    moved = (30.0 + 11.0 * again) * shape.n_heads * run.seq_len * shape.attention_layers / rate
    products = passes * 2.0 * scores / (cal.gemm_16 * machine.bf16_flops)
    return tokens * (np.where(np.asarray(run.unfused) > 0, products + moved, fused) + states)


def _head_size_factor(shape: Shape) -> Num:
    """Rate of fused attention at the head size over that at 128.

    Exponentials take half as long as the products at 128 (Shah et al. 2024, arXiv 2407.08608, section 3.2): as long as
    64 more of head size, at any size.
    """
    layers = np.maximum(shape.attention_layers, 1.0) * np.maximum(shape.n_heads, 1.0)
    size = (shape.attention_flops + shape.window_flops) / (4.0 * layers)
    size = np.where(size > 0, size, 128.0)
    return 1.5 * size / (size + 64.0)


def _elementwise(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> tuple[Num, Num]:
    """Norms, activations, residuals, casts, token permutation; and the loss: seconds per micro-batch."""
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks / lay.tp
    rate = machine.memory_bytes_per_second * cal.memory
    passes = 1.0 + 0.1 * (np.asarray(lay.recompute) >= SELECTIVE) + 0.23 * _repeated(lay, cal)
    reads = expert_input_width(shape)
    projected = (shape.attention_params + shape.dense_ffn_params) / shape.d_model
    routed = shape.topk * shape.moe_layers * shape.expert_params / reads
    # bytes forward and backward: 16 passes over each residual element, 6 over each projected one, 2 bytes each
    moved = 2.0 * (16.0 * shape.d_model * shape.n_layers + 6.0 * (projected + routed))
    _, bits = peak_flops(machine, bits_of(run.precision))
    moved = moved * (1.0 + cal.cast * np.select([bits <= 4, bits <= 8], [cal.cast_fp4, 1.0], 0.0))
    copies = 2.0 * cal.dispatch * shape.topk * shape.moe_layers * reads
    loss = 24.0 * shape.vocab_size * tokens / rate  # fp32 logits: written, read, gradient
    # an adapter reads the input of its layer and adds to its output
    beside = 2.0 * cal.adapter_passes * run.adapters / run.rank
    return passes * tokens * (cal.traffic * moved + copies + beside) / rate, cal.traffic * loss


def _dequantised(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Frozen weights of few bits, written out in 16 for every pass over them: seconds per micro-batch."""
    narrow = np.asarray(run.weight_bits) < 8.0
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    held = (shape.attention_params + shape.dense_ffn_params) / lay.tp + experts / (lay.ep * lay.etp)
    passes = 2.0 + _repeated(lay, cal)
    return np.where(narrow, passes * held * cal.dequantise / machine.memory_bytes_per_second, 0.0)


def _tensor_parallel(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Gathers and scatters of activations, two of each per block forward and backward: seconds per micro-batch."""
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks
    again = 1.0 + 0.5 * _repeated(lay, cal)
    pace = (machine.link_bytes_per_second * cal.link, machine.network_bytes_per_second * cal.network, cal.latency)
    one = gather_seconds(2.0 * tokens * shape.d_model, group(lay.tp, 1.0, machine.scale_up_domain), *pace)
    blocks = np.where(np.asarray(lay.tp) > 1, 8.0 * again * one * blocks_of(shape), 0.0)
    routed = 2.0 * tokens / lay.tp * shape.topk * expert_input_width(shape) * lay.etp
    inner = gather_seconds(routed, group(lay.etp, 1.0, machine.scale_up_domain), *pace)
    return blocks + np.where(np.asarray(lay.etp) > 1, 4.0 * again * inner * shape.moe_layers, 0.0)


def _keys_and_values(shape: Shape, lay: Layout) -> Num:
    """Elements of keys and values of a token on one tensor-parallel rank, all layers together [-]."""
    mla = np.asarray(shape.is_mla) > 0
    expanded = shape.attention_flops / 2.0  # 2 h (d_qk + d_v) over 2: MLA sends expanded keys and values
    heads = np.minimum(lay.tp, np.where(mla, shape.n_heads, np.maximum(shape.n_kv_heads, 1.0)))
    return np.where(mla, expanded, shape.kv_elements + shape.window_kv_elements) / heads


def _sequence_parallel(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Ulysses: queries, keys, values to ranks by head, outputs back by token; forward and backward: seconds.

    A rank sends its tokens once, with every key and value head as often as ranks share it; nothing is hidden.
    """
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks
    queries = (shape.attention_flops + shape.window_flops) / 2.0  # queries and outputs: h (d_qk + d_v)
    own = np.maximum(np.where(np.asarray(shape.is_mla) > 0, shape.n_heads, shape.n_kv_heads) / lay.tp, 1.0)
    shared = _keys_and_values(shape, lay) * np.maximum(lay.sp / own, 1.0)
    swap = all_to_all_seconds(
        2.0 * tokens * (queries / lay.tp + shared),
        group(lay.sp, lay.tp, machine.scale_up_domain),
        machine.link_bytes_per_second * cal.link,
        machine.network_bytes_per_second * cal.network,
        2.0 * cal.latency * shape.attention_layers,
    )
    return np.where(np.asarray(lay.sp) > 1, (2.0 + _repeated(lay, cal)) * swap, 0.0)


def _context_parallel(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Rings that pass keys and values forward and their gradients back: seconds per micro-batch, nothing hidden."""
    sent = 2.0 * lay.micro_batch * run.seq_len / lay.sp * _keys_and_values(shape, lay)
    ring = gather_seconds(
        sent,
        group(lay.cp, lay.tp * lay.sp, machine.scale_up_domain),
        machine.link_bytes_per_second * cal.link,
        machine.network_bytes_per_second * cal.network,
        cal.latency * shape.attention_layers,
    )
    return np.where(np.asarray(lay.cp) > 1, 3.0 * (1.0 + 0.5 * _repeated(lay, cal)) * ring, 0.0)


def _expert_parallel(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Dispatch and combine, forward and backward: seconds per micro-batch, nothing hidden."""
    tokens = lay.micro_batch * run.seq_len / lay.sequence_ranks / lay.tp
    where = group(lay.ep, lay.etp, machine.scale_up_domain)
    # a token goes once to each domain that holds one of its experts
    k = np.maximum(shape.topk, 1.0)
    once = where.outside * (1.0 - (1.0 - 1.0 / where.outside) ** k) / k
    swap = all_to_all_seconds(
        2.0 * tokens * shape.topk * expert_input_width(shape),
        where,
        machine.link_bytes_per_second * cal.expert_link,
        machine.network_bytes_per_second * cal.expert_network / np.clip(once, 1e-3, 1.0),
        cal.latency,
    )
    again = 1.0 + 0.5 * _repeated(lay, cal)
    return np.where(np.asarray(lay.ep) > 1, 4.0 * again * swap * shape.moe_layers, 0.0)


def per_micro_batch(shape: Shape, machine: Machine, layout: Layout, run: Run, calibration: Calibration) -> Work:
    """Work of one micro-batch on the average pipeline stage [s].

    Parameters
    ----------
    shape, machine, layout, run, calibration
        As in `engine.training.step`; the machine without unknown links.

    Source: docs/method-training.md; collectives per layer: Korthikanti et al. 2022, arXiv 2205.05198, section 4.2.2.

    Examples
    --------
    The parts enter `engine.training.step`: see tests/properties/test_training.py.
    """
    args = (shape, machine, layout, run, calibration)
    gemm, head = _gemm(*args)
    attention = _attention(*args)
    elementwise, loss = _elementwise(*args)
    tensor = _tensor_parallel(*args)
    context = join(attention, _context_parallel(*args), calibration.overlap) - attention + _sequence_parallel(*args)
    compute = gemm + attention + elementwise
    expert = join(compute, _expert_parallel(*args), calibration.expert_join) - compute
    again = 1.0 + _repeated(layout, calibration) / 3.0
    adapted = calibration.host_adapters * np.divide(run.adapters, run.rank) / adapter_params(shape, 1.0)
    launch = again * calibration.launch_dense * blocks_of(shape)
    held = np.maximum(shape.n_experts, 1.0) / layout.ep
    experts = calibration.launch_expert + (calibration.launch_held + calibration.expert_loop) * held
    waited = again * ((calibration.host + adapted) * blocks_of(shape) + experts * shape.moe_layers)
    waited = waited + _dequantised(*args)
    parts = (gemm + head, attention, elementwise + loss, tensor, context, expert, launch, waited, head + loss)
    return Work(*[x / layout.pp for x in parts])
