"""Memory of a serving replica: weights, KV cache, activations, and the batch that fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, kv_elements
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision


class Memory(NamedTuple):
    """Bytes on the fullest accelerator of a replica."""

    weights_bytes: Num
    activation_bytes: Num
    kv_bytes_per_request: Num
    usable_bytes: Num  # what KV may take: capacity less weights and activations, times the engine's share
    missing_bytes: Num  # what one request lacks; 0 where it fits


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


def kv_ranks(shape: Shape, layout: Layout) -> Num:
    """Ways tensor parallelism splits the KV cache: no further than there are KV heads [-].

    Parameters
    ----------
    shape, layout
        KV heads (1 for MLA, whose latent every rank holds) and tensor-parallel ranks.

    Source: Shoeybi et al. 2019, arXiv 1909.08053; Ainslie et al. 2023, arXiv 2305.13245, section 3.
    """
    return np.minimum(layout.tp, np.maximum(shape.n_kv_heads, 1.0))


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


def memory(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Memory:
    r"""Memory of the fullest accelerator [bytes].

    .. math:: usable = (capacity \cdot c - weights - activations) \cdot share

    An engine whose share is of all memory (`share_of_all`) pays weights and activations from it:

    .. math:: usable = capacity \cdot c \cdot share - weights - activations

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.isl` and `load.osl` set the KV cache set aside for one request.

    Source: the accounting of TensorRT-LLM (KV share of the memory left free, 0.9 by default) and of vLLM
    (`gpu_memory_utilization`, 0.9 of the device); activations as the widest intermediate of a full prompt chunk.
    """
    weights = weights_bytes(shape, layout, precision)
    chunk = np.minimum(calibration.chunk_tokens, np.maximum(load.isl, 1.0) * np.maximum(load.batch, 1.0))
    width = 4.0 * shape.d_model + 3.0 * shape.ffn_width / layout.tp
    activations = 2.0 * chunk * width + 4.0 * load.batch * shape.vocab_size / layout.tp
    given = np.maximum(calibration.memory_share, calibration.share_of_all)  # of what weights leave
    taken = calibration.memory_share / given  # of the device, before weights
    usable = (machine.memory_bytes * calibration.memory_capacity * taken - weights - activations) * given
    held = load.isl + calibration.kv_reserve * load.osl
    request = kv_elements(shape, held) * precision.kv_bytes / (kv_ranks(shape, layout) * layout.pp)
    missing = np.maximum(request - usable, 0.0) / given
    return Memory(weights, activations, request, usable, missing)


def max_batch(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Num:
    """Requests that fit in the memory of a replica at once, at most the engine's own limit [-]; 0 if not even one.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.batch` is ignored.

    Source: as `memory`.
    """
    groups = layout.dp
    one = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    # Logits and activations of the batch are paid from the same memory: 4 bytes per logit and sequence.
    given = np.maximum(calibration.memory_share, calibration.share_of_all)
    per_request = one.kv_bytes_per_request + 4.0 * given * shape.vocab_size / layout.tp
    fit = np.floor(np.maximum(one.usable_bytes, 0.0) / per_request)
    return groups * np.minimum(fit, calibration.batch_limit)
