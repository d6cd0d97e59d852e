"""The cache of a request as engines lay it out: blocks, sliding windows, recurrent states."""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.model.transformer import Shape, kv_elements
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Precision

BLOCK = 16.0  # tokens of a block of the cache; pages of mixed caches are multiples of it
STATE_BYTES, CONV_BYTES = 4.0, 2.0  # recurrent states are kept in 32 bits, tails of convolutions in 16
NEAR = 1.25  # kinds of layers whose counts differ by less are one group


def even_stages(shape: Shape, layout: Layout) -> Num:
    r"""Pipeline stages of equal size that the fullest stage is one of [-].

    .. math:: L / \lceil L / pp \rceil

    Parameters
    ----------
    shape : Shape
        `n_layers` L; where they are not known, stages are taken to be equal.
    layout : Layout
        `pp`.

    Source: vLLM, `distributed/utils.py`, `get_pp_indices`: layers that do not divide go one each to some stages.

    Examples
    --------
    Llama 3.1 405B has 126 layers: of four stages two hold 32.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> float(even_stages(zero._replace(n_layers=126.0), Layout(pp=4.0)))
    3.9375
    """
    layers = np.asarray(shape.n_layers, dtype=float)  # not a number where unknown, which is above nothing
    return np.where(layers > 0, layers / np.maximum(np.ceil(layers / layout.pp), 1.0), layout.pp)


def kv_ranks(shape: Shape, layout: Layout, by_batch: Num = 0.0, sequences: Num = np.inf) -> Num:
    """Ways tensor parallelism splits the KV cache: no further than there are KV heads [-], or sequences of each.

    Parameters
    ----------
    shape, layout
        KV heads (1 for MLA, whose latent every rank holds) and tensor-parallel ranks.
    by_batch : float or array
        1: ranks beyond the KV heads take sequences of their own; 0: they hold what others hold.
    sequences : float or array
        In flight [-].

    Source: Shoeybi et al. 2019, arXiv 1909.08053; Ainslie et al. 2023, arXiv 2305.13245, section 3; by batch: Pope et
    al. 2022, arXiv 2211.05102, section 3.3.

    Examples
    --------
    One KV head on 64 ranks: every rank reads all of it, or its own of 16 sequences.

    >>> shape = Shape(**(dict.fromkeys(Shape._fields, 0.0) | {"n_kv_heads": 1.0}))
    >>> [float(kv_ranks(shape, Layout(tp=64.0), b, 16.0)) for b in (0.0, 1.0)]
    [1.0, 16.0]
    """
    return split_ranks(layout.tp, shape.n_kv_heads, by_batch, sequences)


def split_ranks(ranks: Num, heads: Num, by_batch: Num = 0.0, sequences: Num = np.inf) -> Num:
    """Ways that so many ranks split the cache of so many KV heads, as `kv_ranks` says [-].

    Parameters
    ----------
    ranks, heads, by_batch, sequences
        Ranks and heads [-], and as in `kv_ranks`.

    Source: as `kv_ranks`.
    """
    heads = np.maximum(heads, 1.0)
    if not np.any(by_batch):
        return np.minimum(ranks, heads)
    return np.minimum(ranks, np.where(by_batch, heads * np.maximum(sequences, 1.0), heads))


def state_bytes(shape: Shape) -> Num:
    """Recurrent state of one sequence, all layers [bytes]: 4 an element whatever the cache type, convolutions 2.

    Parameters
    ----------
    shape : Shape
        Model.

    Source: `mamba_ssm_cache_dtype` of vLLM and SGLang; lmstudio-bug-tracker#1862 (149.6 MiB a sequence in 32 bits for
    Qwen3.6 27B).

    Examples
    --------
    48 layers of 48 x 128 x 128, and 10,240 channels of 3 inputs: 146.8 MiB.

    >>> from llmcost.engine.model.transformer import Shape
    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> s = zero._replace(state_elements=48 * (48 * 128 * 128 + 30720.0), conv_elements=48 * 30720.0)
    >>> round(float(state_bytes(s)) / 2**20, 1)
    146.8
    """
    recurrent = shape.state_elements - shape.conv_elements
    return STATE_BYTES * recurrent + CONV_BYTES * shape.conv_elements


def cache_bytes(shape: Shape, layout: Layout, precision: Precision, tokens: Num, calibration: Calibration) -> Num:
    r"""Cache of one request on one accelerator [bytes].

    Plain: every layer keeps what it needs. An engine with one pool of pages for all layers (`paged_groups`) pads:

    - sliding layers keep min(S, W - 1 + T) tokens, T the prompt tokens of an iteration, and a block;
    - layers of one kind are dealt into groups of equal size, the last one padded;
    - a page of attention is as long as a recurrent state needs, and a request holds two states.

    Parameters
    ----------
    shape, layout, precision
        Model, layout, bytes of an element.
    tokens : float or array
        Tokens S held [tokens].
    calibration : Calibration
        Whether the engine has one pool, and its T.

    Source: vLLM, `v1/core/kv_cache_utils.py` (groups of equal size, pages of one size); `mamba_cache_mode` "align".

    Examples
    --------
    Gemma 3 27B at 32,768 tokens in vLLM: 10 full layers, 52 sliding ones of 1,024 padded to 60, 16 heads of 128:
    10.47 GiB (engine's own count, MEMORY of a start-up log).

    >>> from llmcost.engine.model.transformer import Shape
    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> gemma = zero._replace(attention_layers=62.0, local_layers=52.0, n_kv_heads=16.0, kv_elements=10 * 4096.0,
    ...     window_kv_elements=52 * 4096.0, window=1024.0, local_kv_elements=52 * 4096.0, local_window=1024.0)
    >>> known = Calibration(paged_groups=1.0, profiled=16384.0)
    >>> round(float(cache_bytes(gemma, Layout(), Precision(), 32768.0, known)) / 2**30, 2)
    10.48
    """
    split = kv_ranks(shape, layout, calibration.kv_by_batch) * even_stages(shape, layout)
    share = precision.kv_bytes / split
    length = np.asarray(tokens, dtype=float)
    states = state_bytes(shape) / (layout.tp * even_stages(shape, layout))
    if np.any(np.asarray(calibration.window_share) > 0):
        return _with_shares(shape, share, states, length, calibration)
    found = (kv_elements(shape, length) - shape.state_elements) * share + states
    paged = np.asarray(calibration.paged_groups) > 0
    sliding, recurrent = np.asarray(shape.local_layers) > 0, np.asarray(shape.state_layers) > 0
    if np.any(paged & sliding):
        found = np.where(paged & sliding, _with_windows(shape, share, length, calibration), found)
    if np.any(paged & recurrent):
        found = np.where(paged & recurrent, _with_states(shape, share, states, length, calibration.block_draft), found)
    return found


def _with_shares(shape: Shape, share: Num, states: Num, length: Num, calibration: Calibration) -> Num:
    """Sliding layers in a pool of their own, a share of that of the full ones: SGLang's `swa_full_tokens_ratio`."""
    cut = shape.window_kv_elements * np.minimum(length, shape.window)
    ratio = calibration.window_share
    sliding = np.where(np.asarray(ratio) > 0, np.maximum(shape.local_kv_elements * length * ratio, 0.0), cut)
    alone = np.asarray(shape.local_layers) == 0  # no sliding layers: a window is of sparse attention
    return (shape.kv_elements * length + np.where(alone, cut, sliding)) * share + states


def _with_windows(shape: Shape, share: Num, length: Num, calibration: Calibration) -> Num:
    """Full and sliding layers in groups of equal size."""
    sliding = np.asarray(shape.local_layers, dtype=float)
    mixed = np.asarray(shape.mixed_cache) > 0  # a window beside each compressed cache: what grows is of every layer
    full = np.where(mixed, shape.attention_layers, np.maximum(shape.attention_layers - sliding, 0.0))
    fewer, more = np.minimum(full, sliding), np.maximum(full, sliding)
    group = np.where(fewer == 0, np.maximum(more, 1.0), np.where(more < NEAR * fewer, more, fewer))
    kept = np.minimum(length, shape.local_window - 1.0 + calibration.profiled) + BLOCK
    growing = shape.kv_elements * length * _padded(full, group)
    local = shape.local_kv_elements * kept * _padded(sliding, group)
    return (growing + local) * share * np.where(mixed, calibration.mixed_padding, 1.0)


def _padded(layers: Num, group: Num) -> Num:
    """Layers that groups of a size hold over the layers there are [-]."""
    return np.ceil(layers / group) * group / np.maximum(layers, 1.0)


def _with_states(shape: Shape, share: Num, states: Num, length: Num, draft: Num) -> Num:
    """Attention whose pages are as long as a state, and two states of a request in pages of their own."""
    full = np.maximum(shape.attention_layers, 1.0)
    token = np.maximum(shape.kv_elements * share, 1e-9) / full  # of one layer
    layers = np.maximum(np.asarray(shape.state_layers, dtype=float), 1.0)
    page_tokens = np.maximum(np.ceil(states / layers / token / BLOCK), 1.0) * BLOCK
    group = np.where(np.asarray(draft) > 0, draft, full)  # the smallest kind: a draft's layers, where they are its own
    groups = np.ceil((full - draft) / group) + np.asarray(draft) / group
    pages = groups * np.ceil(length / page_tokens) + 2.0 * np.ceil(layers / group)
    held: Num = pages * page_tokens * token * group
    return held


def state_page_bytes(shape: Shape, layout: Layout, calibration: Calibration) -> Num:
    """Recurrent state that one sequence in flight holds on one accelerator, in pages where there are any [bytes].

    Parameters
    ----------
    shape, layout, calibration
        As in `cache_bytes`.

    Source: as `cache_bytes`.
    """
    states = state_bytes(shape) / (layout.tp * even_stages(shape, layout))
    if not np.any(np.asarray(shape.state_layers) > 0):
        return states
    full = np.maximum(shape.attention_layers, 1.0)
    padded = np.ceil(shape.state_layers / full) * full / np.maximum(shape.state_layers, 1.0)
    return states * np.where(np.asarray(calibration.paged_groups) > 0, padded, 1.0)


def printed_tokens(
    shape: Shape, layout: Layout, precision: Precision, usable: Num, length: Num, request: Num,
    calibration: Calibration, by_blocks: bool,
) -> Num:  # fmt: skip
    """Tokens of cache that an engine prints [tokens].

    Requests of the longest length times that length; releases of vLLM before 0.20 (`by_blocks`) printed the blocks of
    one group of layers, as if windows and states grew with the context.

    Parameters
    ----------
    shape, layout, precision, calibration
        As in `cache_bytes`.
    usable, length, request : float or array
        Memory of the cache [bytes], longest request [tokens], and its cache [bytes].
    by_blocks : bool
        The older convention.

    Source: vLLM, `v1/core/kv_cache_utils.py`.
    """
    mixed = (np.asarray(shape.local_layers) > 0) | (np.asarray(shape.state_layers) > 0)
    if not by_blocks or not np.any(mixed & (np.asarray(calibration.paged_groups) > 0)):
        return usable * length / request
    share = precision.kv_bytes / (kv_ranks(shape, layout, calibration.kv_by_batch) * even_stages(shape, layout))
    full = np.maximum(shape.attention_layers - shape.local_layers, 1.0)
    others = np.asarray(shape.local_layers + shape.state_layers, dtype=float)
    group = np.minimum(full, np.maximum(others, 1.0))
    token = np.maximum(shape.kv_elements, shape.local_kv_elements) / np.where(
        np.asarray(shape.kv_elements) >= shape.local_kv_elements, full, np.maximum(shape.local_layers, 1.0)
    )
    groups = np.ceil(full / group) + np.ceil(others / group)
    printed: Num = usable / (token * share * group * groups)
    return printed


def under_way_bytes(shape: Shape, layout: Layout, calibration: Calibration, most: float = math.inf) -> Num:
    """States of the tokens of an iteration that a compressed cache has not compressed yet, in pages [bytes].

    Parameters
    ----------
    shape, layout, calibration
        The point; an engine without one pool of pages keeps those of the last block alone.
    most : float
        Tokens that there are [tokens].

    Source: `attention.compressor_elements`; vllm-project/vllm#44376.

    Examples
    --------
    DeepSeek-V4-Flash: 74,240 elements a token, chunks of 16,384 tokens: 5.85 of the 6.66 GiB that one request takes.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> flash, known = zero._replace(compressor_elements=74240.0), Calibration(profiled=16384.0)
    >>> round(float(under_way_bytes(flash, Layout(), known)) / 2**30, 2)
    5.85
    """
    cal = calibration
    held = STATE_BYTES * cal.compressor_padding * np.minimum(cal.profiled, most) * shape.compressor_elements
    return np.where(np.asarray(cal.paged_groups) > 0, held / even_stages(shape, layout), 0.0)
