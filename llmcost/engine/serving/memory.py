"""Memory of a serving replica: weights, workspace, what the engine gives to the cache, and the batch that fits."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.draft import block_draft_params
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Flags, Num
from llmcost.engine.serving.cache import cache_bytes, even_stages, kv_ranks, under_way_bytes
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.records import NamedTuple

__all__ = [
    "Memory",
    "expert_ranks",
    "kv_ranks",
    "max_batch",
    "memory",
    "under_way_bytes",
    "weights_bytes",
    "workspace_bytes",
]


WIDE = 128.0  # heads up to this size have fused attention everywhere
CONV_INPUTS = 3.0  # inputs that a convolution of four keeps of a channel
PAIR = 2.0  # accelerators that a bridge joins; more have links of their own
MOST_CAPTURED, FIRST_SIZES = 512.0, 3.0  # the largest batch that vLLM captures, and its sizes below 8: 1, 2, 4
MOST_RANKS = 9.0  # ranks after the first that SGLang left room for before it counted bytes
MANY = 64  # requests of which the largest is looked at first
NARROW = 0.75  # bytes of a parameter below which its weights have 4 bits [bytes]


class Memory(NamedTuple):
    """Bytes on the fullest accelerator of a replica."""

    weights_bytes: Num
    activation_bytes: Num  # workspace: context, communication buffers, the widest pass of the engine
    kv_bytes_per_request: Num
    usable_bytes: Num  # what the cache may take, median
    given: Num  # share of what weights leave that the cache may take [-]
    working_bytes: Num  # workspace in what is usable
    log_spread: Num  # standard deviation of ln of a workspace over its median [-]
    less_spread: Num  # the same under it, over its median [-]
    others_bytes: Num  # standard deviation of usable_bytes by all other parts

    @property
    def room(self) -> Num:
        """Standard deviations by which the cache of one request is below what there is [-]."""
        return self.deviations(self.kv_bytes_per_request)

    def deviations(self, needed: Num) -> Num:
        """Standard deviations by which a cache is below what there is [-]."""
        left = np.asarray(self.usable_bytes - needed, dtype=float)
        ample = np.maximum(left, 1.0)
        over = (
            ample * self.log_spread / np.log1p(ample / np.maximum(self.working_bytes, 1.0))
        )  # exact where it is alone
        return left / np.hypot(self.others_bytes, np.where(left > 0, over, self.working_bytes * self.less_spread))

    def missing_bytes(self, margin: Num) -> Num:
        """What one request lacks, so many deviations below the median [bytes]; 0 where it fits."""
        return np.maximum(self.kv_bytes_per_request + self.below(margin) - self.usable_bytes, 0.0) / self.given

    def holds(self, margin: Num) -> Flags:
        """Whether one request fits with so many deviations left.

        Where the largest of many fits beside least room, all do: they need not be looked at one by one.
        """
        if max(map(np.size, self)) < MANY or np.ndim(margin):
            return np.asarray(self.room >= margin)
        least = self._replace(
            kv_bytes_per_request=np.max(self.kv_bytes_per_request), others_bytes=np.max(self.others_bytes),
            usable_bytes=np.min(self.usable_bytes), working_bytes=np.max(self.working_bytes),
        )  # fmt: skip
        return True if np.all(least.room >= margin) else np.asarray(self.room >= margin)

    def below(self, deviations: Num) -> Num:
        """How far what is usable may be below its median [bytes]."""
        more = self.working_bytes * np.expm1(np.maximum(deviations, 0.0) * self.log_spread)
        return np.hypot(np.maximum(deviations, 0.0) * self.others_bytes, more)

    def above(self, deviations: Num) -> Num:
        """How far it may be above its median [bytes]."""
        return deviations * np.hypot(self.others_bytes, self.working_bytes * self.less_spread)


def expert_ranks(layout: Layout) -> Num:
    """Accelerators that hold one copy of the routed experts of a stage: tp, or tp * dp with attention_dp [-].

    Parameters
    ----------
    layout : Layout
        Layout of the replica.

    Source: DeepSeek-V3, arXiv 2412.19437, section 3.4.

    Examples
    --------
    Eight data-parallel attention groups share one set of experts.

    >>> float(expert_ranks(Layout(tp=1.0, dp=8.0, ep=8.0, attention_dp=1.0)))
    8.0
    """
    return layout.tp * np.where(np.asarray(layout.attention_dp) > 0, layout.dp, 1.0)


def weights_bytes(shape: Shape, layout: Layout, precision: Precision) -> Num:
    """Weights on one accelerator [bytes].

    Attention and dense FFNs are split by tp and stages, routed experts by every rank that holds experts and stages (the
    fullest stage counts), the embedding and the head by tp. They sit on the first and the last stage: of several stages
    the fullest has one of them.

    Parameters
    ----------
    shape, layout, precision
        Model, layout and bytes per parameter.

    Source: Shoeybi et al. 2019 (arXiv 1909.08053) for the split of each matrix; of the stages,
    `get_pp_indices` and `ParallelLMHead` of vLLM.
    """
    experts = shape.moe_layers * shape.n_experts * shape.expert_params
    ends = shape.params_total - shape.attention_params - shape.dense_ffn_params - experts  # a tied head counts once
    stages = even_stages(shape, layout)
    split = layout.tp * stages
    attention = shape.attention_params * precision.attention_bytes / split
    dense = shape.dense_ffn_params * precision.weight_bytes / split
    routed = experts * precision.weight_bytes / (expert_ranks(layout) * stages)
    embedding = np.minimum(shape.vocab_size * shape.d_model, ends)
    fullest = np.where(np.asarray(layout.pp) > 1.0, np.maximum(embedding, ends - embedding), ends)
    return attention + dense + routed + fullest * precision.head_bytes / layout.tp


def _beside_bytes(shape: Shape, layout: Layout, precision: Precision, calibration: Calibration) -> Num:
    """What engines hold beyond the language model: vision tower, draft of blocks, padding of 4-bit experts [bytes]."""
    unit = calibration.expert_padding
    inner: Num = np.round(np.maximum(shape.expert_params / np.maximum(3.0 * shape.d_model, 1.0), 1.0))
    inner_unit = np.maximum(unit / 2.0, 1.0)
    more = _padding(shape.d_model, unit) * _padding(inner, inner_unit) - 1.0
    split = expert_ranks(layout) * even_stages(shape, layout)
    experts = shape.moe_layers * shape.n_experts * shape.expert_params / split
    narrow = (np.asarray(precision.compute_bits) <= 4) & (np.asarray(precision.weight_bytes) < NARROW)
    draft = block_draft_params(shape.d_model, shape.ffn_width, calibration.block_draft)
    beside = 2.0 * (shape.vision_params * calibration.loads_vision + draft) / layout.tp
    return beside + np.where(narrow, experts * precision.weight_bytes * more, 0.0)


def _padding(width: Num, unit: Num) -> Num:
    """A width that is padded to a multiple of a unit, over it [-]."""
    return np.ceil(width / unit) * unit / np.maximum(width, 1.0)


def workspace_bytes(
    shape: Shape, machine: Machine, layout: Layout, load: Load, calibration: Calibration, weight_bytes: Num = 2.0
) -> Num:
    r"""Memory that is neither weights nor cache on one accelerator [bytes].

    .. math:: c + g [n > 1] + graphs + 4 T z +
        \max(2 T (3 d + e + p),\; gathered,\; l\, s\, V + 2 T (d + e),\; 4 u h S,\; pictures)

    .. math:: e = k (\max(2 f / t, d) + f / t) \text{ of experts}, \quad 3 f / t \text{ of one FFN, in the pass alone}

    .. math:: gathered = 2 \min(G T, C) (\max(2 f, k d) + f) + 4 G T d

    The engine measures its own peak before it sizes the cache: a pass of as many prompt tokens T as it lets into one
    iteration (gate, up and their product beside the hidden state; experts work on k copies of every token), or the
    sampler with all s sequences, l bytes a logit, whichever is larger. The hidden states of the pass and the buffers of
    its experts are still there when it samples. Where attention is not fused, the scores of u tokens with a context of
    S stand beside. A vision tower is measured on the most pictures that it takes. Of G attention groups that share
    experts each gathers the tokens of all, and works on C of them at a time. A compressed cache keeps z elements of the
    tokens under way in 32 bits. Early kernels for weights of 4 bits wrote p partial sums of the widest product.
    Stages of a pipeline have no buffers of their own before they run: n counts ranks that reduce. One release kept the
    input of every reduction.

    Parameters
    ----------
    shape, machine, layout, load, calibration
        The point.
    weight_bytes : float or array
        Of a parameter of FFN and experts [bytes].

    Source: `profile_run` of vLLM, its `fused_experts_impl` (inputs and outputs of both products, in chunks of
    `VLLM_FUSED_MOE_CHUNK_SIZE` tokens); parts that it logged for 35 models (llm-d-planner, accuracy_report.md); its
    constants are fitted to what engines reported, presets/calibration/memory.toml.
    """
    cal = calibration
    of_experts = np.asarray(shape.n_experts) > 0
    expert = _expert_width(shape, layout)
    copies = np.where(of_experts, shape.topk * (np.maximum(2.0 * expert, shape.d_model) + expert), 0.0)
    channels = shape.conv_elements / np.maximum(shape.state_layers, 1.0) / CONV_INPUTS / layout.tp
    inside = np.where(of_experts, copies, 3.0 * shape.ffn_width / layout.tp)
    outputs = np.where(of_experts, expert, 2.0 * shape.ffn_width / layout.tp)
    parts = np.where(np.asarray(weight_bytes) < NARROW, cal.partial_sums * outputs, 0.0)
    wide = 3.0 * shape.d_model + inside + parts + cal.mixer_passes * channels
    each = np.where(np.asarray(cal.sorts) > 0, cal.sorted_logit_bytes, cal.logit_bytes)
    sampler = each * cal.sampled * shape.vocab_size + 2.0 * cal.profiled * (shape.d_model + copies)
    unfused = np.maximum(cal.unfused_tokens, np.where(np.asarray(shape.d_head) > WIDE, cal.unfused_wide, 0.0))
    scores = 4.0 * unfused * shape.n_heads * (load.isl + load.osl) if np.any(unfused) else 0.0
    linked = np.asarray(machine.scale_up_domain, dtype=float) > PAIR
    buffers = np.where(linked, cal.group_bytes, np.minimum(cal.group_bytes, cal.group_pcie_bytes))
    group = np.where(layout.tp * layout.dp > 1, buffers, 0.0)
    seen = (np.asarray(shape.vision_params) > 0) & (np.asarray(cal.loads_vision) > 0)
    pictures = np.where(seen, cal.pictures_bytes / layout.tp, 0.0)
    forward = np.maximum(2.0 * cal.profiled * wide, _gathered_bytes(shape, layout, cal))
    widest = np.maximum(np.maximum(forward, sampler), np.maximum(scores, pictures))
    kept = np.where(layout.tp > 1, 2.0 * cal.kept_sums * shape.n_layers / layout.pp * cal.profiled * shape.d_model, 0.0)
    return cal.context_bytes + group + graphs_bytes(cal) + kept + widest + under_way_bytes(shape, layout, cal)


def graphs_bytes(calibration: Calibration) -> Num:
    """Decoding steps that are captured, as the engine takes them off the cache [bytes].

    Parameters
    ----------
    calibration : Calibration
        Sequences, whose multiples of 8 are captured up to twice as many, from 256 on those of 16; bytes of the first
        and of each.

    Source: vLLM 0.19, `profile_cudagraph_memory`, start-up logs of four models (llm-d-planner).

    Examples
    --------
    Gemma 3 27B: 172 + 8 MiB for the first, 12 + 6 MiB for each other of 51 sizes up to 512: 1.05 GiB.

    >>> known = Calibration(sampled=1024.0, graph_bytes=180.0 * 2**20, graph_size_bytes=18.0 * 2**20)
    >>> round(float(graphs_bytes(known)) / 2**30, 2)
    1.07
    """
    largest = np.minimum(2.0 * np.asarray(calibration.sampled), MOST_CAPTURED)
    sizes = FIRST_SIZES + np.minimum(largest, 256.0) / 8.0 + np.maximum(largest - 256.0, 0.0) / 16.0
    return calibration.graph_bytes + calibration.graph_size_bytes * sizes


def _expert_width(shape: Shape, layout: Layout) -> Num:
    """Width inside one expert on one rank [-]: whole where ranks hold whole experts."""
    width = shape.expert_params / (3.0 * np.maximum(shape.d_model, 1.0))
    return np.where(np.asarray(layout.ep) > 1, width, width / layout.tp)


def _gathered_bytes(shape: Shape, layout: Layout, calibration: Calibration) -> Num:
    """Experts that work on the tokens of every attention group [bytes]; 0 where tokens are sent, not gathered."""
    tokens = calibration.profiled * layout.dp
    inside = shape.ffn_width  # of all choices of a token
    each = np.maximum(2.0 * inside, shape.topk * shape.d_model) + inside
    held = 2.0 * np.minimum(tokens, calibration.gathered_most) * each + 4.0 * tokens * shape.d_model
    shared = (np.asarray(layout.attention_dp) > 0) & (np.asarray(shape.n_experts) > 0)
    return np.where(shared & (np.asarray(calibration.gathered_most) > 0), held, 0.0)


def share_taken(shape: Shape, machine: Machine, layout: Layout, calibration: Calibration) -> Num:
    """Share of the memory that an engine gives to weights and cache [-].

    Parameters
    ----------
    shape, machine, layout, calibration
        The point; where `left_bytes` of the card are left, the share follows from them.

    Source: SGLang, `_handle_gpu_memory_settings` and `adjust_mem_fraction_for_vlm` of python/sglang/srt/server_args.py.

    Examples
    --------
    A log of one MI355X of 288 GB says 0.911: 512 + 16,384 x 1.5 + 512 x 2 + 128 MiB of 294,912 are left.

    >>> from llmcost.engine.machine.roofline import Machine
    >>> card = Machine(*[1.0] * len(Machine._fields))._replace(memory_bytes=288.0 * 2**30, process_bytes=288.0 * 2**30)
    >>> known = Calibration(left_bytes=26112.0 * 2**20, left_rank_bytes=128.0 * 2**20)
    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> round(float(share_taken(zero, card, Layout(), known)), 3)
    0.911
    """
    cal = calibration
    plain = cal.memory_share - cal.rank_share * np.minimum(np.asarray(layout.tp) - 1.0, MOST_RANKS)
    if not np.any(np.asarray(cal.left_bytes) > 0):
        return plain * cal.left_long_share
    left = cal.left_bytes + cal.left_rank_bytes * np.asarray(layout.tp) * layout.pp
    pictures = np.where(np.asarray(shape.vision_params) > 0, cal.left_pictures_share, 1.0)
    share = (1.0 - left / np.asarray(machine.shown_bytes, dtype=float)) * pictures
    return np.where(np.asarray(cal.left_bytes) > 0, share, plain) * cal.left_long_share


def request_bytes(shape: Shape, layout: Layout, precision: Precision, load: Load, calibration: Calibration) -> Num:
    """Cache of one request on one accelerator, as much of its answer as the engine sets aside [bytes].

    Parameters
    ----------
    shape, layout, precision, load, calibration
        The point; on `Layout()` it is the cache of all accelerators together.

    Source: as `cache_bytes`.
    """
    return cache_bytes(shape, layout, precision, load.isl + calibration.kv_reserve * load.osl, calibration)


def memory(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Memory:
    r"""Memory of the fullest accelerator [bytes].

    .. math:: usable = shown \cdot share - weights - workspace

    An engine whose share is of what weights and workspace leave (`share_of_free`) gives the cache

    .. math:: usable = (shown - weights - workspace) \cdot share

    Every part is a quantity with a spread, and their variances add up to that of what is usable. A workspace is
    further from its median where it is larger, a lognormal, than where it is smaller.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.isl` and `load.osl` set the KV cache set aside for one request.

    Source: the accounting of vLLM (`gpu_memory_utilization`, of the device) and of TensorRT-LLM (KV share of the memory
    left free).
    """
    cal = calibration
    weights = cal.weights_factor * (
        weights_bytes(shape, layout, precision) + _beside_bytes(shape, layout, precision, cal)
    )
    workspace = workspace_bytes(shape, machine, layout, load, cal, precision.weight_bytes)
    share = share_taken(shape, machine, layout, cal)
    given = np.where(np.asarray(cal.share_of_free) > 0, share, 1.0)  # of what weights leave
    taken = share / given  # of the device, before weights
    usable = (machine.shown_bytes * taken - weights - workspace) * given
    request = request_bytes(shape, layout, precision, load, cal)
    others = (
        (machine.shown_bytes * taken * cal.shown_spread) ** 2
        + (machine.shown_bytes * cal.share_spread) ** 2
        + (weights * np.where(np.asarray(precision.weight_bytes) < 0.9, cal.narrow_spread, cal.weights_spread)) ** 2
        + (request * cache_spread(shape, cal)) ** 2
    )
    return Memory(
        weights, workspace, request, usable, given, given * workspace, cal.workspace_spread, cal.workspace_less,
        given * np.sqrt(others),
    )  # fmt: skip


def cache_spread(shape: Shape, calibration: Calibration) -> Num:
    """Standard deviation of ln of the cache of a request [-]: wider where layers of several kinds share pools.

    Parameters
    ----------
    shape, calibration
        The model, and the constants of the engine.

    Source: presets/calibration/memory.toml.
    """
    kinds = np.asarray(shape.local_layers) + np.asarray(shape.state_layers) + np.asarray(shape.mixed_cache)
    return np.where(kinds > 0, calibration.mixed_spread, calibration.cache_spread)


def max_batch(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Num:
    """Requests that fit in the memory of a replica at once, at most the engine's own limit [-]; 0 if not even one.

    One request has to fit with the confidence asked for (`fit_margin` standard deviations); how many more there are
    follows from the median of what is usable.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.batch` is ignored.

    Source: as `memory`.
    """
    return most_held(memory(shape, machine, layout, precision, load, calibration), layout, calibration)


def most_held(one: Memory, layout: Layout, calibration: Calibration) -> Num:
    """Requests that fit at once beside what one takes, as `max_batch` says [-].

    Parameters
    ----------
    one, layout, calibration
        Memory of the fullest accelerator with one request, and the point.

    Source: as `memory`.
    """
    fit = np.floor(np.maximum(one.usable_bytes, 0.0) / one.kv_bytes_per_request)
    held = one.holds(calibration.fit_margin)
    fit = np.minimum(fit, calibration.batch_limit)
    return layout.dp * (fit if held is True else np.where(held, fit, 0.0))
