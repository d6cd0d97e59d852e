"""What the parts of one iteration of a serving engine cost: computing, reading, sending."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.machine.collectives import Links, gather_seconds, group, hops, joined, machine_network
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, blocks_of
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Precision
from llmcost.engine.serving.memory import expert_ranks
from llmcost.records import NamedTuple

MOST = 1.0  # of a datasheet peak: ratios of software and machines multiply, and no product of them passes it [-]


class Rates(NamedTuple):
    """Attainable rates of one accelerator at a point."""

    matrix_flops: Num  # FFNs and experts [FLOP/s]
    attention_flops: Num  # prefill attention, 16-bit [FLOP/s]
    memory: Num  # reading weights [bytes/s]
    kv: Num  # reading KV [bytes/s]
    links: Links
    operand_bytes: Num  # a number that a matrix product takes in [bytes]
    peak_flops: Num  # dense peak of the format in use, before efficiency [FLOP/s]


SLOT = 31.5e9  # PCIe 4.0 x16 (PCI-SIG) [bytes/s]


def links(machine: Machine, calibration: Calibration) -> Links:
    """Attainable rates of what joins accelerators, and how many it joins.

    A link that is not known is taken as a slot of PCIe 4.0, the bus beside bridges between a few cards as well. Cards
    that cannot read one another's memory copy into the host's and out of it again.

    Parameters
    ----------
    machine, calibration
        Links and network of the machine (nan: not known), the shares of them that messages reach, and the network of a
        machine of which none is known.

    Source: definition.
    """
    link = machine.link_bytes_per_second
    domain, box = joined(machine)
    near = np.where(np.isnan(link), SLOT, link)
    bus = np.where(domain > 1.0, np.minimum(near, SLOT), near)
    reached = np.where(np.asarray(machine.peer) > 0, calibration.network_efficiency, calibration.host_efficiency)
    whole = machine_network(machine, calibration.network_bytes, calibration.lone_network_bytes)
    own = calibration.network_efficiency * whole / box
    message = np.where(np.isnan(machine.message_seconds), calibration.message_seconds, machine.message_seconds)
    return Links(calibration.link_efficiency * near, reached * bus, own, domain, box, message, machine.torus)


def rates(machine: Machine, precision: Precision, calibration: Calibration) -> Rates:
    """Attainable rates of a point: datasheet peaks times calibrated efficiencies.

    Weights stored in a format the chip does not compute in are widened in every step, and cost efficiency. A format it
    does compute in attains at least what the chip attains in 16 bits: shares fitted to different rows may not cross.
    With `half_sums` the 16-bit peak is half the INT8 rate where that is more: a GeForce sums in 32 bits half as fast.

    Parameters
    ----------
    machine, precision, calibration
        Peaks, formats, and the shares of the peaks that are reached.

    Source: definition; the shares are fitted; NVIDIA GA102 white paper, table 3 (142 and 71 TFLOP/s on an RTX 3090).
    """
    if np.any(calibration.half_sums):
        full = np.fmax(machine.int8_flops / 2.0, machine.bf16_flops)
        machine = machine._replace(bf16_flops=np.where(calibration.half_sums, full, machine.bf16_flops))
    peak, bits = roofline.peak_flops(machine, precision.compute_bits, precision.integer)
    narrow = np.where(bits <= 4, calibration.compute_efficiency_4, calibration.compute_efficiency_8)
    widened = (np.asarray(precision.weight_only) > 0) | (bits > np.asarray(precision.compute_bits))
    sixteen = machine.bf16_flops * calibration.compute_efficiency_16
    native = np.where(bits >= 16, sixteen, np.maximum(peak * narrow, sixteen))
    reached = np.where(widened, peak * calibration.weight_only_efficiency, native) * calibration.compute_factor
    attended = np.minimum(calibration.attention_efficiency * calibration.compute_factor, MOST)
    streamed = np.minimum(calibration.bandwidth_efficiency * calibration.memory_factor, MOST)
    read = np.minimum(calibration.kv_efficiency * calibration.memory_factor, MOST)
    return Rates(
        matrix_flops=np.minimum(reached, MOST * peak),
        attention_flops=machine.bf16_flops * attended,
        memory=machine.memory_bytes_per_second * streamed,
        kv=machine.memory_bytes_per_second * read,
        links=links(machine, calibration),
        operand_bytes=np.where(widened, 2.0, bits / 8.0),
        peak_flops=peak,
    )


def distinct_experts(n_experts: Num, topk: Num, tokens: Num, skew: Num = np.inf) -> Num:
    r"""Expected number of routed experts that at least one of `tokens` tokens visits [-].

    .. math:: k + (E - k) (1 - (1 + (T - 1) k / (a E))^{-a})

    The popularity of experts follows a gamma distribution of shape a; a to infinity is uniform routing. The first
    token visits exactly k.

    Parameters
    ----------
    n_experts, topk, tokens : float or array
        Experts E, experts per token k, tokens T; 0 experts give 0.
    skew : float or array
        Shape a [-].

    Source: occupancy under gamma-mixed (negative binomial) visits, Greenwood and Yule 1920, doi:10.2307/2341080.

    Examples
    --------
    One token of Mixtral visits exactly its two experts.

    >>> print(float(round(distinct_experts(8.0, 2.0, 1.0, 1.0), 6)))
    2.0
    """
    mean = np.maximum(np.asarray(tokens) - 1.0, 0.0) * topk / np.maximum(n_experts, 1.0)
    idle = np.exp(-mean) if np.all(np.isinf(skew)) else (1.0 + mean / skew) ** np.negative(skew)
    return topk + (n_experts - topk) * (1.0 - idle)


class Part(NamedTuple):
    """A part of a pass by what it carries: arithmetic of each, and memory traffic of all together and of each [s]."""

    compute: Num
    start: Num
    read: Num

    def seconds(self, count: Num) -> Num:
        """Of so many, computing and memory traffic one after the other [s]."""
        return self.start + count * (self.compute + self.read)


class Line(NamedTuple):
    """What is paid once, and for each of what a pass carries [s]."""

    start: Num
    each: Num

    def seconds(self, count: Num) -> Num:
        """Of so many [s]."""
        return self.start + count * self.each


class Experts(NamedTuple):
    """Routed experts of all layers, by the tokens of an attention group."""

    gathered: Num  # tokens that meet the same experts, for each of a group [-]
    n_experts: Num
    topk: Num
    skew: Num
    vector: Num  # tokens whose products are of a matrix and a vector, which are not padded [-]
    visit: Part  # of an expert that is visited: its padding, and its weights
    copies: Part  # of the copies of a gathered token

    def seconds(self, tokens: Num) -> Num:
        """Of so many tokens [s]."""
        gathered = tokens * self.gathered
        visited = distinct_experts(self.n_experts, self.topk, gathered, self.skew)
        copies = self.copies.compute + self.copies.read
        return visited * (self._padding(gathered) + self.visit.read) + gathered * copies

    def compute(self, tokens: Num) -> Num:
        """The arithmetic part of it [s]."""
        gathered = tokens * self.gathered
        visited = distinct_experts(self.n_experts, self.topk, gathered, self.skew)
        return visited * self._padding(gathered) + gathered * self.copies.compute

    def _padding(self, gathered: Num) -> Num:
        """Arithmetic on the padding of an expert that so many tokens visit [s]."""
        if not np.any(self.vector):
            return self.visit.compute
        return np.where(np.greater(gathered, self.vector), self.visit.compute, 0.0)


def linear(shape: Shape, layout: Layout, precision: Precision, rate: Rates, calibration: Calibration) -> Part:
    """Attention projections and dense FFNs of all layers, by tokens per attention group and micro-batch.

    Weights are read once per iteration. Activations pass memory a calibrated number of times: the hidden state on
    every rank in each block (attention or a mixer, and an FFN), what the products hand on inside a layer (parameters
    over model width) split by tp.

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.

    Source: Pope et al. 2022, arXiv 2211.05102, section 2; 2 FLOPs per parameter and token.
    """
    params = shape.attention_params + shape.dense_ffn_params
    stored = shape.attention_params * precision.attention_bytes + shape.dense_ffn_params * precision.weight_bytes
    outer = shape.d_model * blocks_of(shape)
    passed = 2.0 * (calibration.activation_passes * outer)
    passed = passed + 2.0 * (calibration.width_passes * (params / shape.d_model / layout.tp))
    return Part(2.0 * params / layout.tp / rate.matrix_flops, stored / layout.tp / rate.memory, passed / rate.memory)


def experts(shape: Shape, layout: Layout, precision: Precision, rate: Rates, calibration: Calibration) -> Experts:
    """Routed experts of all layers, by tokens per attention group and micro-batch.

    Each visited expert is read once and its matrix product padded by a tile, but for as few tokens as go through
    products with a vector; every routed copy of a token passes
    memory, half the times in the format that products take in and half in the 16 bits they hand on; the busiest rank
    sets the pace.

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.

    Source: `distinct_experts`; padding as in the grouped matrix products of MegaBlocks, arXiv 2211.15841.
    """
    ranks = expert_ranks(layout)
    dealt = np.maximum(layout.ep, 1.0)
    busiest = 1.0 + calibration.expert_imbalance * (1.0 - 1.0 / dealt)
    scale = shape.moe_layers * shape.expert_params * busiest / ranks * calibration.expert_factor
    copies = shape.moe_layers * shape.topk / dealt * busiest  # on a rank, each of full width
    inner = shape.expert_params / np.maximum(shape.d_model, 1.0) * dealt / ranks
    routed = calibration.copy_passes * shape.d_model * (1.0 + rate.operand_bytes / 2.0)
    passed = copies * (routed + 2.0 * calibration.width_passes * inner)
    product = 2.0 * scale / rate.matrix_flops  # of one row
    visit = Part(product * calibration.expert_tile, 0.0, scale * precision.weight_bytes / rate.memory)
    copied = Part(product * shape.topk, 0.0, passed / rate.memory)
    gathered, skew = ranks / layout.tp, calibration.expert_skew
    return Experts(gathered, shape.n_experts, shape.topk, skew, calibration.vector_tokens, visit, copied)


def reduction(shape: Shape, layout: Layout, rate: Rates, calibration: Calibration) -> Line:
    r"""Two all-reduces per block over the tensor-parallel group, and the hand-over between stages of one machine.

    .. math:: 2 L (2 (n-1)/n \cdot 2 T d / link + \alpha \log_2 n) + (pp - 1)(4 T d / link + \alpha)

    Beyond a scale-up domain the ring runs inside first, and every rank carries its share across: over the bus of a
    machine, where it starts up in `bus_seconds` more, or between machines, in `network_seconds` and two messages for
    each doubling of them. A stage hands on two tensors, as sums are fused with the norms that follow: the hidden state
    and the residual.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point; by tokens T per attention group and micro-batch [-].

    Source: Shoeybi et al. 2019, arXiv 1909.08053, section 3; Thakur et al. 2005, doi:10.1177/1094342005051521;
    github.com/vllm-project/vllm, vllm/sequence.py (IntermediateTensors: hidden states and residuals).
    """
    if np.all(np.multiply(layout.tp, layout.pp) == 1.0):
        return Line(0.0, 0.0)
    hidden, by = 2.0 * shape.d_model, rate.links  # 16-bit activations
    # an all-reduce is a reduce-scatter and a gather, which start up once
    each, start = group(layout.tp, 1.0, by.domain), calibration.fixed_factor * calibration.link_seconds / 2.0
    machines = np.maximum(layout.tp / by.box, 1.0)
    far = np.where(machines > 1.0, by.network, by.bus)
    between = calibration.network_seconds + 2.0 * np.log2(machines) * by.message_seconds
    across = np.where(machines > 1.0, between, calibration.bus_seconds) * (each.outside > 1.0)
    passing = calibration.hop_seconds * hops(each.inside, by.torus)
    reduces = 2.0 * blocks_of(shape)
    once = reduces * (2.0 * (gather_seconds(0.0, each, by.link, far, start) + passing) + across)
    inside = layout.pp - 1.0 - crossings(layout, by)
    handed = 2.0 * hidden * inside / by.link
    once = once + (layout.pp - 1.0) * calibration.link_seconds
    return Line(once, reduces * 2.0 * gather_seconds(hidden, each, by.link, far) + handed)


def crossings(layout: Layout, by: Links) -> Num:
    """Hand-overs between pipeline stages that leave a machine [-]: as few as its accelerators allow."""
    found: Num = np.ceil(layout.pp / np.maximum(np.floor(by.box / layout.tp), 1.0)) - 1.0
    return found


def handing(shape: Shape, layout: Layout, rate: Rates, calibration: Calibration) -> Line | None:
    r"""What a stage hands to one on another machine, over all of its network: a slice from each tensor-parallel rank.

    .. math:: 4 T d / network + start + message

    Parameters
    ----------
    shape, layout, rate, calibration
        The point; by tokens T per attention group and micro-batch [-]. None where no layout spans machines in stages.

    Source: as `reduction`; vllm/distributed/parallel_state.py (send_tensor_dict sends a slice from each rank).
    """
    if not np.any(crossings(layout, rate.links) > 0):
        return None
    by = rate.links
    apart = crossings(layout, by) > 0
    start = np.where(apart, calibration.network_seconds + by.message_seconds, 0.0)
    return Line(start, np.where(apart, 4.0 * shape.d_model / (by.network * by.box), 0.0))


def exchange(shape: Shape, layout: Layout, rate: Rates, calibration: Calibration) -> Line | None:
    r"""Exchange of tokens between data-parallel attention and shared experts: dispatch in 8 bits, combine in 16.

    A token crosses the network once per remote domain that holds one of its k experts and is forwarded inside;
    of n_d domains it meets :math:`n_d (1 - (1 - 1/n_d)^k)`. Gathering every token everywhere is the alternative of
    small groups; the cheaper is taken.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point; by tokens per attention group and micro-batch [-]. None where no layout exchanges any.

    Source: DeepEP (github.com/deepseek-ai/DeepEP) for the two kernels and formats; DeepSeek-V3, arXiv 2412.19437, 3.2.
    """
    ranks = expert_ranks(layout)
    apart = (np.asarray(layout.attention_dp) > 0) & (ranks > 1)
    if not np.any(apart) or not np.any(shape.moe_layers):
        return None
    by = rate.links
    inside = np.minimum(ranks, by.domain)
    domains, wide = ranks / inside, ranks > by.box
    copies = np.minimum(1.5 * np.minimum(shape.topk, ranks), 2.0 * layout.dp) * 2.0 * shape.d_model
    met = domains * -np.expm1(shape.topk * np.log1p(-np.minimum(1.0 / domains, 1.0 - 1e-12)))
    crossing = 1.5 * 2.0 * shape.d_model * met * (domains - 1.0) / domains
    near, far = copies * (inside - 1.0) / inside / by.link, crossing / np.where(wide, by.network, by.bus)
    sent = shape.moe_layers * np.where(apart, np.maximum(near, far), 0.0)
    start = calibration.link_seconds * np.log2(ranks) + wide * by.message_seconds
    return Line(shape.moe_layers * np.where(apart, 2.0 * start, 0.0), sent)


def prompt_attention(shape: Shape, layout: Layout, rate: Rates, context: Num, calibration: Calibration) -> Num:
    """Attention of a prompt token to the tokens before it [s].

    Fused attention keeps its scores on the chip; an engine that stores them moves `score_bytes` for each, a score for
    every 4 d_head FLOPs.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point.
    context : float or array
        The earlier tokens that each sees on average [tokens].

    Source: Dao et al. 2022 (FlashAttention), arXiv 2205.14135, section 3.
    """
    seen = shape.attention_flops * context + windowed(shape.window_flops, context, shape)
    time = (seen + shape.linear_flops) / (layout.tp * rate.attention_flops)
    if not np.any(calibration.score_bytes):
        return time
    return time + seen * (calibration.score_bytes / (4.0 * shape.d_head) / layout.tp / rate.memory)


def windowed(each: Num, context: Num, shape: Shape) -> Num:
    """What is paid for each position that a window shows."""
    return each * np.minimum(context, shape.window) if np.any(each) else 0.0
