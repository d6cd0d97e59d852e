"""Memory of a serving replica: weights, workspace, what the engine gives to the cache, and the batch that fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.cache import cache_bytes, kv_ranks
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision

__all__ = [
    "Memory",
    "expert_ranks",
    "kv_ranks",
    "max_batch",
    "memory",
    "weights_bytes",
    "workspace_bytes",
]


WIDE = 128.0  # heads up to this size have fused attention everywhere
CONV_INPUTS = 3.0  # inputs that a convolution of four keeps of a channel
MIB = 2.0**20
# SGLang leaves room for a chunk of a prompt, for graphs of its largest batch and for every rank; by memory [MiB].
CARDS = (20.0 * 1024, 35.0 * 1024, 60.0 * 1024, 90.0 * 1024, 160.0 * 1024)  # sizes below which defaults are others
CHUNKS = (2048.0, 2048.0, 4096.0, 8192.0, 8192.0, 16384.0)  # tokens of a chunk
GRAPHS = (8.0, 24.0, 32.0, 256.0, 256.0, 512.0)  # sequences of the largest graph
LEFT, LEFT_A_TOKEN, LEFT_A_SEQUENCE, LEFT_A_RANK = 512.0, 1.5, 2.0, 128.0  # [MiB]
LEFT_FOR_PICTURES = 0.95  # of the share, where a model has a vision tower [-]
PAIR = 2.0  # accelerators that a bridge joins; more have links of their own


class Memory(NamedTuple):
    """Bytes on the fullest accelerator of a replica."""

    weights_bytes: Num
    activation_bytes: Num  # workspace: context, communication buffers, the widest pass of the engine
    kv_bytes_per_request: Num
    usable_bytes: Num  # what the cache may take, median
    missing_bytes: Num  # what one request lacks; 0 where it fits
    spread_bytes: Num  # standard deviation of usable_bytes

    @property
    def room(self) -> Num:
        """Standard deviations by which the cache of one request is below what there is [-]."""
        return (self.usable_bytes - self.kv_bytes_per_request) / self.spread_bytes


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

    Attention and dense FFNs are split by tp and pp, routed experts by every rank that holds experts and pp, the
    embedding and the head by tp (they sit on the first and last stage).

    Parameters
    ----------
    shape, layout, precision
        Model, layout and bytes per parameter.

    Source: Shoeybi et al. 2019 (arXiv 1909.08053) for the split of each matrix.
    """
    experts = shape.moe_layers * shape.n_experts * shape.expert_params
    ends = shape.params_total - shape.attention_params - shape.dense_ffn_params - experts  # a tied head counts once
    split = layout.tp * layout.pp
    attention = shape.attention_params * precision.attention_bytes / split
    dense = shape.dense_ffn_params * precision.weight_bytes / split
    routed = experts * precision.weight_bytes / (expert_ranks(layout) * layout.pp)
    return attention + dense + routed + ends * precision.head_bytes / layout.tp


def _beside_bytes(shape: Shape, layout: Layout, precision: Precision, calibration: Calibration) -> Num:
    """What engines hold beyond the language model: its vision tower, and padding of 4-bit experts [bytes]."""
    unit = calibration.expert_padding
    more = np.ceil(shape.d_model / unit) * unit / np.maximum(shape.d_model, 1.0) - 1.0
    experts = shape.moe_layers * shape.n_experts * shape.expert_params / (expert_ranks(layout) * layout.pp)
    narrow = (np.asarray(precision.compute_bits) <= 4) & (np.asarray(precision.weight_bytes) < 0.75)
    vision = 2.0 * shape.vision_params * calibration.loads_vision / layout.tp
    return vision + np.where(narrow, experts * precision.weight_bytes * more, 0.0)


def workspace_bytes(shape: Shape, machine: Machine, layout: Layout, load: Load, calibration: Calibration) -> Num:
    r"""Memory that is neither weights nor cache on one accelerator [bytes].

    .. math:: c + g [n > 1] + \max(2 T (3 d + \max(3 f / t, k d)),\; l\, s\, V,\; 4 u h S,\; pictures)

    The engine measures its own peak before it sizes the cache: a pass of as many prompt tokens T as it lets into one
    iteration (gate, up and their product beside the hidden state; of a mixture of experts the k copies of every
    token), or the sampler with all s sequences, l bytes a logit, whichever is larger. Where attention is not fused, the
    scores of u tokens with a context of S stand beside. A vision tower is measured on the most pictures that it takes.

    Parameters
    ----------
    shape, machine, layout, load, calibration
        The point. How many tokens and sequences an engine allows depends on the memory of the machine.

    Source: `profile_run` of vLLM; constants fitted to what engines reported, presets/calibration/memory.toml.
    """
    cal = calibration
    large = machine.shown_bytes >= cal.large_bytes
    sequences: Num = np.where(large, cal.sampled_large, cal.sampled)
    tokens: Num = np.where(large, cal.profiled_large, cal.profiled)
    copies: Num = np.where(np.asarray(shape.n_experts) > 0, shape.topk * shape.d_model, 0.0)
    channels = shape.conv_elements / np.maximum(shape.state_layers, 1.0) / CONV_INPUTS / layout.tp
    wide = 3.0 * shape.d_model + np.maximum(3.0 * shape.ffn_width / layout.tp, copies) + cal.mixer_passes * channels
    sampler = cal.logit_bytes * sequences * shape.vocab_size
    unfused = np.maximum(cal.unfused_tokens, np.where(np.asarray(shape.d_head) > WIDE, cal.unfused_wide, 0.0))
    scores = 4.0 * unfused * shape.n_heads * (load.isl + load.osl)
    linked = np.nan_to_num(np.asarray(machine.scale_up_domain, dtype=float)) > PAIR
    buffers = np.where(linked, cal.group_bytes, np.minimum(cal.group_bytes, cal.group_pcie_bytes))
    group = np.where(layout.tp * layout.pp * layout.dp > 1, buffers, 0.0)
    seen = (np.asarray(shape.vision_params) > 0) & (np.asarray(cal.loads_vision) > 0)
    pictures = np.where(seen, cal.pictures_bytes / layout.tp, 0.0)
    widest = np.maximum(np.maximum(2.0 * tokens * wide, sampler), np.maximum(scores, pictures))
    return cal.context_bytes + group + widest


def share_taken(shape: Shape, machine: Machine, layout: Layout, calibration: Calibration) -> Num:
    """Share of the memory that an engine gives to weights and cache [-].

    Parameters
    ----------
    shape, machine, layout, calibration
        The point; `share_by_size` is SGLang's rule, by the memory of the card and its ranks.

    Source: SGLang, `_handle_gpu_memory_settings` and `adjust_mem_fraction_for_vlm` of python/sglang/srt/server_args.py.

    Examples
    --------
    A log of one MI355X of 288 GB says 0.911: 512 + 16,384 x 1.5 + 512 x 2 + 128 MiB of 294,912 are left.

    >>> from llmcost.engine.machine.roofline import Machine
    >>> card = Machine(*[1.0] * len(Machine._fields))._replace(memory_bytes=288.0 * 2**30, process_bytes=288.0 * 2**30)
    >>> known = Calibration(share_by_size=1.0)
    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> round(float(share_taken(zero, card, Layout(), known)), 3)
    0.911
    """
    if not np.any(np.asarray(calibration.share_by_size) > 0):
        return calibration.memory_share
    total = np.asarray(machine.shown_bytes, dtype=float) / MIB
    kind = np.searchsorted(np.array(CARDS), total, side="right")
    left = LEFT + LEFT_A_TOKEN * np.array(CHUNKS)[kind] + LEFT_A_SEQUENCE * np.array(GRAPHS)[kind]
    left = left + LEFT_A_RANK * np.asarray(layout.tp) * layout.pp
    share = (1.0 - left / total) * np.where(np.asarray(shape.vision_params) > 0, LEFT_FOR_PICTURES, 1.0)
    return np.where(np.asarray(calibration.share_by_size) > 0, share, calibration.memory_share)


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

    Every part is a quantity with a spread; the variances of the parts, each a lognormal, add up to that of what is
    usable.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.isl` and `load.osl` set the KV cache set aside for one request.

    Source: the accounting of vLLM (`gpu_memory_utilization`, of the device) and of TensorRT-LLM (KV share of the memory
    left free).
    """
    cal = calibration
    weights = weights_bytes(shape, layout, precision) + _beside_bytes(shape, layout, precision, cal)
    workspace = workspace_bytes(shape, machine, layout, load, cal)
    share = share_taken(shape, machine, layout, cal)
    given = np.where(np.asarray(cal.share_of_free) > 0, share, 1.0)  # of what weights leave
    taken = share / given  # of the device, before weights
    usable = (machine.shown_bytes * taken - weights - workspace) * given
    request = request_bytes(shape, layout, precision, load, cal)
    spread = given * np.sqrt(
        (machine.shown_bytes * taken * cal.shown_spread) ** 2
        + (weights * np.where(np.asarray(precision.weight_bytes) < 0.9, cal.narrow_spread, cal.weights_spread)) ** 2
        + (workspace * cal.workspace_spread) ** 2
        + (request * cal.cache_spread) ** 2
    )
    missing = np.maximum(request + cal.fit_margin * spread - usable, 0.0) / given
    return Memory(weights, workspace, request, usable, missing, spread)


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
    one = memory(shape, machine, layout, precision, load, calibration)
    fit = np.floor(np.maximum(one.usable_bytes, 0.0) / one.kv_bytes_per_request)
    return layout.dp * np.where(one.room >= calibration.fit_margin, np.minimum(fit, calibration.batch_limit), 0.0)
