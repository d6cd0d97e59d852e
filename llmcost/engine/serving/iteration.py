"""Time of one iteration of a serving engine: what it computes, reads, sends, and its fixed costs."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.machine.collectives import gather_seconds, group, hops
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, blocks_of, kv_elements_read
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Precision
from llmcost.engine.serving.memory import expert_ranks, kv_ranks
from llmcost.records import NamedTuple

MOST = 1.0  # of a datasheet peak: ratios of software and machines multiply, and no product of them passes it [-]


class Rates(NamedTuple):
    """Attainable rates of one accelerator at a point."""

    matrix_flops: Num  # FFNs and experts [FLOP/s]
    attention_flops: Num  # prefill attention, 16-bit [FLOP/s]
    memory: Num  # reading weights [bytes/s]
    kv: Num  # reading KV [bytes/s]
    link: Num  # collectives inside the scale-up domain [bytes/s]
    network: Num  # collectives across domains, per accelerator [bytes/s]
    domain: Num  # accelerators in a scale-up domain [-]
    torus: Num  # dimensions of the torus that links form [-]; nan: switches
    operand_bytes: Num  # a number that a matrix product takes in [bytes]
    peak_flops: Num  # dense peak of the format in use, before efficiency [FLOP/s]


class Work(NamedTuple):
    """Seconds of one iteration through all stages, by part; the parts add up."""

    linear: Num  # attention projections and dense FFNs
    experts: Num
    attention: Num  # decode attention: reading the KV cache
    prefill_attention: Num
    head: Num
    communication: Num
    fixed: Num
    compute: Num  # of the parts above: seconds at the attainable arithmetic rate (to name what binds)

    @property
    def total(self) -> Num:
        """Seconds of the iteration."""
        # those that depend on fewest axes first
        parts = self.head + self.fixed + self.linear + self.experts + self.communication
        return parts + self.attention + self.prefill_attention


def links(machine: Machine, calibration: Calibration) -> tuple[Num, Num, Num]:
    """Attainable bandwidth inside the scale-up domain and across [bytes/s], and the accelerators in a domain [-].

    What is not known is replaced by the other, and by PCIe 4.0 x16 (31.5e9 bytes/s, PCI-SIG) when neither is.

    Parameters
    ----------
    machine, calibration
        Links of the machine (nan: not known) and the share of them that messages reach.

    Source: definition.
    """
    link, network = np.asarray(machine.link_bytes_per_second), np.asarray(machine.network_bytes_per_second)
    near = np.where(np.isnan(link), np.where(np.isnan(network), 31.5e9, network), link)
    far = np.where(np.isnan(network), near, np.minimum(network, near))
    domain = np.where(np.isnan(machine.scale_up_domain), 1.0, machine.scale_up_domain)
    return calibration.link_efficiency * near, calibration.network_efficiency * far, domain


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
    link, network, domain = links(machine, calibration)
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
        link=link,
        network=network,
        domain=domain,
        torus=machine.torus,
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


def linear_seconds(
    shape: Shape, layout: Layout, precision: Precision, rate: Rates, tokens: Num, calibration: Calibration
) -> tuple[Num, Num]:
    """Attention projections and dense FFNs of all layers for `tokens` tokens [s], and the arithmetic part of it [s].

    Weights are read once per iteration. Activations pass memory a calibrated number of times: the hidden state on
    every rank in each block (attention or a mixer, and an FFN), what the products hand on inside a layer (parameters
    over model width) split by tp.

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.
    tokens : float or array
        Tokens per attention group and micro-batch [-].

    Source: Pope et al. 2022, arXiv 2211.05102, section 2; 2 FLOPs per parameter and token.
    """
    stored = shape.attention_params * precision.attention_bytes + shape.dense_ffn_params * precision.weight_bytes
    inner = (shape.attention_params + shape.dense_ffn_params) / shape.d_model / layout.tp
    outer = shape.d_model * blocks_of(shape)
    passed = tokens * (2.0 * (calibration.activation_passes * outer + calibration.width_passes * inner))
    flops = tokens * (2.0 * (shape.attention_params + shape.dense_ffn_params) / layout.tp)
    time = roofline.seconds(flops, stored / layout.tp + passed, rate.matrix_flops, rate.memory, calibration.overlap)
    return time, flops / rate.matrix_flops


def expert_seconds(
    shape: Shape, layout: Layout, precision: Precision, rate: Rates, tokens: Num, calibration: Calibration
) -> tuple[Num, Num]:
    """Routed experts of all layers for `tokens` tokens per attention group [s], and the arithmetic part of it [s].

    Each visited expert is read once and its matrix product padded by a tile; every routed copy of a token passes
    memory, half the times in the format that products take in and half in the 16 bits they hand on; the busiest rank
    sets the pace.

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.
    tokens : float or array
        Tokens per attention group and micro-batch [-].

    Source: `distinct_experts`; padding as in the grouped matrix products of MegaBlocks, arXiv 2211.15841.
    """
    if not np.any(shape.moe_layers):
        return 0.0, 0.0
    ranks = expert_ranks(layout)
    gathered = tokens * ranks / layout.tp
    visited = distinct_experts(shape.n_experts, shape.topk, gathered, calibration.expert_skew)
    dealt = np.maximum(layout.ep, 1.0)
    busiest = 1.0 + calibration.expert_imbalance * (1.0 - 1.0 / dealt)
    rows = gathered * shape.topk + visited * calibration.expert_tile
    scale = shape.moe_layers * shape.expert_params * busiest / ranks * calibration.expert_factor
    copies = shape.moe_layers * gathered * shape.topk / dealt * busiest  # on a rank, each of full width
    inner = shape.expert_params / np.maximum(shape.d_model, 1.0) * dealt / ranks
    routed = calibration.copy_passes * shape.d_model * (1.0 + rate.operand_bytes / 2.0)
    passed = copies * (routed + 2.0 * calibration.width_passes * inner)
    flops, read = 2.0 * scale * rows, scale * visited * precision.weight_bytes + passed
    time = roofline.seconds(flops, read, rate.matrix_flops, rate.memory, calibration.overlap)
    return time, flops / rate.matrix_flops


def reduction_seconds(shape: Shape, layout: Layout, rate: Rates, tokens: Num, calibration: Calibration) -> Num:
    r"""Two all-reduces per block over the tensor-parallel group, and the hand-over between pipeline stages [s].

    .. math:: 2 L (2 (n-1)/n \cdot 2 T d / link + \alpha \log_2 n) + (pp - 1)(2 T d / link + \alpha)

    Beyond a scale-up domain the ring runs inside first, and every rank carries its share across; what goes across, an
    all-reduce or a hand-over, starts up in `network_seconds` more, however many domains there are.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point.
    tokens : float or array
        Tokens per attention group and micro-batch [-].

    Source: Shoeybi et al. 2019, arXiv 1909.08053, section 3; Thakur et al. 2005, doi:10.1177/1094342005051521.
    """
    if np.all(np.multiply(layout.tp, layout.pp) == 1.0):
        return 0.0
    hidden = tokens * (2.0 * shape.d_model)  # 16-bit activations
    # an all-reduce is a reduce-scatter and a gather, which start up once
    each, start = group(layout.tp, 1.0, rate.domain), calibration.fixed_factor * calibration.link_seconds / 2.0
    across = calibration.network_seconds * (each.outside > 1.0)
    passing = calibration.hop_seconds * hops(each.inside, rate.torus)
    half = gather_seconds(hidden, each, rate.link, rate.network, start) + passing
    reduce = 2.0 * blocks_of(shape) * (2.0 * half + across)
    apart = np.ceil(layout.pp / np.maximum(np.floor(rate.domain / layout.tp), 1.0)) - 1.0  # hand-overs across domains
    apart = np.where(np.asarray(rate.domain) > 1.0, apart, 0.0)
    handed = hidden * ((layout.pp - 1.0 - apart) / rate.link + apart / rate.network)
    return reduce + handed + (apart * calibration.network_seconds + (layout.pp - 1.0) * calibration.link_seconds)


def exchange_seconds(shape: Shape, layout: Layout, rate: Rates, tokens: Num, calibration: Calibration) -> Num:
    r"""Exchange of tokens between data-parallel attention and shared experts: dispatch in 8 bits, combine in 16 [s].

    A token crosses the network once per remote domain that holds one of its k experts and is forwarded inside;
    of n_d domains it meets :math:`n_d (1 - (1 - 1/n_d)^k)`. Gathering every token everywhere is the alternative of
    small groups; the cheaper is taken.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point.
    tokens : float or array
        Tokens per attention group and micro-batch [-].

    Source: DeepEP (github.com/deepseek-ai/DeepEP) for the two kernels and formats; DeepSeek-V3, arXiv 2412.19437, 3.2.
    """
    ranks = expert_ranks(layout)
    apart = (np.asarray(layout.attention_dp) > 0) & (ranks > 1)
    if not np.any(apart):
        return 0.0
    inside = np.minimum(ranks, rate.domain)
    domains = ranks / inside
    copies = np.minimum(1.5 * np.minimum(shape.topk, ranks), 2.0 * layout.dp) * 2.0 * tokens * shape.d_model
    met = domains * -np.expm1(shape.topk * np.log1p(-np.minimum(1.0 / domains, 1.0 - 1e-12)))
    crossing = 1.5 * 2.0 * tokens * shape.d_model * met * (domains - 1.0) / domains
    near, far = copies * (inside - 1.0) / inside / rate.link, crossing / rate.network
    latency = 2.0 * calibration.link_seconds * np.log2(ranks)
    return shape.moe_layers * np.where(apart, np.maximum(near, far) + latency, 0.0)


def prompt_attention_seconds(
    shape: Shape, layout: Layout, rate: Rates, tokens: Num, context: Num, calibration: Calibration
) -> Num:
    """Attention of prompt tokens to the tokens before them [s].

    Fused attention keeps its scores on the chip; an engine that stores them moves `score_bytes` for each, a score for
    every 4 d_head FLOPs.

    Parameters
    ----------
    shape, layout, rate, calibration
        The point.
    tokens, context : float or array
        Prompt tokens [tokens], and the earlier tokens each sees on average [tokens].

    Source: Dao et al. 2022 (FlashAttention), arXiv 2205.14135, section 3.
    """
    seen = shape.attention_flops * context + shape.window_flops * np.minimum(context, shape.window)
    time = tokens * ((seen + shape.linear_flops) / layout.tp / rate.attention_flops)
    if not np.any(calibration.score_bytes):
        return time
    scores = seen / (4.0 * shape.d_head) / layout.tp
    return time + tokens * (calibration.score_bytes * scores / rate.memory)


def iteration(
    shape: Shape,
    layout: Layout,
    precision: Precision,
    rate: Rates,
    decoding: Num,
    context: Num,
    prompt_tokens: Num,
    prompt_context: Num,
    calibration: Calibration,
    without: Work | None = None,
) -> Work:
    """One pass through all layers that decodes one token per sequence and carries prompt tokens [s].

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.
    decoding, context : float or array
        Sequences per attention group and micro-batch [-], and their mean length so far [tokens].
    prompt_tokens, prompt_context : float or array
        Prompt tokens carried [tokens], and the earlier tokens each sees on average [tokens].
    without : Work, optional
        The same pass without prompts, where it is known: what they do not change is taken from it.

    Source: docs/method.md, "serving"; Pope et al. 2022, arXiv 2211.05102; Agrawal et al. 2024 (Sarathi), 2403.02310.
    """
    tokens = decoding + prompt_tokens
    linear, linear_compute = linear_seconds(shape, layout, precision, rate, tokens, calibration)
    experts, expert_compute = expert_seconds(shape, layout, precision, rate, tokens, calibration)
    prefill = prompt_attention_seconds(shape, layout, rate, prompt_tokens, prompt_context, calibration)
    if without is None:
        attention, head, fixed = _decoded(shape, layout, precision, rate, decoding, context, calibration)
    else:
        attention, head, fixed = without.attention, without.head, without.fixed
    exchange = exchange_seconds(shape, layout, rate, tokens, calibration)
    sent = reduction_seconds(shape, layout, rate, tokens, calibration)
    if np.any(exchange):
        hidden = calibration.exchange_hidden * np.minimum(exchange, linear + experts + attention + prefill)
        sent = sent + (exchange - hidden)
    compute = linear_compute + expert_compute + prefill
    return Work(linear, experts, attention, prefill, head, sent, fixed, compute)


def _decoded(
    shape: Shape, layout: Layout, precision: Precision, rate: Rates, decoding: Num, context: Num,
    calibration: Calibration,
) -> tuple[Num, Num, Num]:  # fmt: skip
    """What prompts do not change: attention to the cache, the head, and what a pass costs whatever it carries [s]."""
    cached = kv_elements_read(shape, context) * precision.kv_bytes
    read = cached / rate.kv / kv_ranks(shape, layout, calibration.kv_by_batch, decoding)
    if np.any(calibration.kv_again):
        read = read * (1.0 + calibration.kv_again * (shape.n_heads / np.maximum(shape.n_kv_heads, 1.0) - 1.0))
    scores = shape.attention_flops_absorbed * context + shape.window_flops_absorbed * np.minimum(context, shape.window)
    attend = (scores + shape.linear_flops) / layout.tp / rate.attention_flops
    # one kernel computes on what it reads: the longer counts, rounded where both are alike (FlashMLA on an H800 reads
    # at 3,000 of 3,350 GB/s or computes at 660 TFLOP/s: github.com/deepseek-ai/FlashMLA)
    attention = decoding * roofline.rounded(attend, read)
    head_params = shape.head_params / layout.tp
    head_bytes = head_params * precision.head_bytes
    head = roofline.seconds(
        2.0 * head_params * decoding, head_bytes, rate.matrix_flops, rate.memory, calibration.overlap
    )
    blocks = blocks_of(shape)
    sparse = np.where(np.asarray(shape.sparse_kv_elements) > 0, shape.attention_layers, 0.0)
    fixed = calibration.fixed_factor * (
        calibration.step_seconds * layout.pp  # each stage takes its turn
        + calibration.layer_seconds * blocks
        + calibration.moe_layer_seconds * shape.moe_layers * shape.topk / 8.0
        + calibration.sparse_seconds * sparse
        + calibration.narrow_seconds * np.where(np.asarray(precision.compute_bits) <= 8, blocks, 0.0)
        + calibration.sequence_seconds * decoding
    )
    fixed = fixed + calibration.stage_seconds * np.where(np.asarray(layout.pp) > 1, layout.pp, 0.0)
    return attention, head, fixed
