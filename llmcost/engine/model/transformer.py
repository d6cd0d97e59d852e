"""Parameters, FLOPs and KV bytes from the architecture."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.attention import attention_of, kept_of, mixer_elements, mixer_flops
from llmcost.engine.model.parameters import count, layers_of
from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple
from llmcost.spec import Model

# The Llama 3 family: parameters, layers, width (Llama 3.2 1B and 3B, Llama 3.1 8B, 70B and 405B: the published
# configurations, also in presets/models). `dense_shape` reads between them.
_LLAMA_PARAMS = (1235814400.0, 3212749824.0, 8030261248.0, 70553706496.0, 405853388800.0)
_LLAMA_LAYERS = (16.0, 28.0, 32.0, 80.0, 126.0)
_LLAMA_WIDTH = (2048.0, 3072.0, 4096.0, 8192.0, 16384.0)
_LLAMA_VOCABULARY = 128256.0
_LLAMA_KV_HEADS = 8.0


class Shape(NamedTuple):
    """What the engines need to know of a model, summed over its layers; each field a float or an array.

    Parameters [-] are counts of weights, flops [FLOP], elements [-] are cached numbers (times bytes per element).
    """

    n_layers: Num  # blocks, for fixed per-layer costs
    d_model: Num
    n_heads: Num
    n_kv_heads: Num  # 1 for MLA (the latent is not split by heads): the largest useful TP split of the KV cache
    d_head: Num
    vocab_size: Num
    params_total: Num
    params_active: Num  # all but unselected routed experts
    params_matmul: Num  # active less the input embedding (a tied head still counts): 2 x this = FLOPs per token
    embedding_params: Num  # input embedding V d
    head_params: Num  # output projection V d, computed with every token whether or not tied
    attention_params: Num  # attention and linear-mixer projections, all layers
    dense_ffn_params: Num  # FFNs that every token visits: dense layers, shared experts, routers
    expert_params: Num  # one routed expert of one layer (0 if dense)
    n_experts: Num  # routed experts per MoE layer (0 if dense)
    topk: Num
    moe_layers: Num
    dense_layers: Num  # layers with a dense FFN
    ffn_width: Num  # FFN width a token passes per layer, averaged: d_ff or topk * moe_d_ff + shared
    attention_layers: Num  # layers with a KV cache (full or windowed)
    attention_flops: Num  # full layers: FLOPs per token and cached position, expanded form: sum of 2 h (d_qk + d_v)
    attention_flops_absorbed: Num  # the same as decode runs it: MLA 2 h (2 kv_lora + rope); otherwise equal
    window_flops: Num  # sliding-window layers: FLOPs per token and visible position
    window: Num  # sliding-window length (0 if none)
    linear_flops: Num  # linear mixers: state FLOPs per token
    kv_elements: Num  # full layers: cached elements per token
    window_kv_elements: Num  # window layers: cached elements per token inside the window
    state_elements: Num  # linear layers: fixed state elements per sequence
    is_mla: Num  # 1.0 or 0.0
    window_flops_absorbed: Num = 0.0  # window_flops as decode runs them: differs under MLA with sparse attention
    sparse_kv_elements: Num = 0.0  # of kv_elements: stored for every position, read only for `window` of them
    local_window: Num = 0.0  # longest sliding window whose keys are cached (0 if none)
    local_kv_elements: Num = 0.0  # sliding layers: cached elements per token inside that window
    local_layers: Num = 0.0  # sliding layers: `attention_layers` counts them too
    mixed_cache: Num = 0.0  # 1: layers keep a window beside a compressed cache (DeepSeek-V4)
    compressor_elements: Num = 0.0  # of a token under way, kept in 32 bits until its block is compressed
    state_layers: Num = 0.0  # linear layers
    vision_params: Num = 0.0  # beside the language model, in 16 bits; not in params_total
    conv_elements: Num = 0.0  # of state_elements: tails of convolutions, which stay in 16 bits
    indexer_layers: Num = 0.0  # that choose the positions of sparse attention; others may use their choice
    chunk_elements: Num = 0.0  # one linear layer while it is differentiated: 16-bit numbers a token, beside projections


def shape_of(model: Model) -> Shape:
    """Shape of a model: every part counted and summed over its layers.

    Parameters
    ----------
    model : Model
        A complete architecture (`parameters.faults` finds none).

    Source: `parameters.count` and `attention.attention_of`.

    Examples
    --------
    >>> s = shape_of(Model(title="Llama 3 8B", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128,
    ...     d_ff=14336, vocab_size=128256))
    >>> s.params_total, s.kv_elements, s.attention_flops == 4 * 32 * 128 * 32
    (8030261248.0, 65536.0, True)
    """
    parts, layers, seen = count(model), layers_of(model), attention_of(model)
    embedding = float((model.vocab_size or 0) * (model.d_model or 0))
    looked_up = parts.positions + (0.0 if model.tied_embeddings else parts.embedding)
    routed = float((model.moe_topk or 0) * (model.moe_d_ff or 0)) + model.moe_shared_d_ff_total
    mla = model.attention == "mla"
    return Shape(
        n_layers=float(model.n_layers or 0),
        d_model=float(model.d_model or 0),
        n_heads=float(model.n_heads or 0),
        n_kv_heads=1.0 if mla else float(model.n_kv_heads or model.n_heads or 0),
        d_head=float(model.d_head or 0),
        vocab_size=float(model.vocab_size or 0),
        params_total=parts.total,
        params_active=parts.active,
        params_matmul=parts.active - looked_up,
        embedding_params=embedding,
        head_params=embedding,
        attention_params=parts.attention + parts.mixer,
        dense_ffn_params=parts.dense_ffn + parts.shared + parts.router,
        expert_params=parts.expert,
        n_experts=float(model.moe_experts or 0),
        topk=float(model.moe_topk or 0),
        moe_layers=float(layers.moe),
        dense_layers=float(layers.dense),
        ffn_width=(layers.dense * float(model.d_ff or 0) + layers.moe * routed) / float(model.n_layers or 1),
        attention_layers=float(layers.attention),
        attention_flops=seen.flops,
        attention_flops_absorbed=seen.absorbed,
        window_flops=seen.window_flops,
        window=seen.window,
        linear_flops=mixer_flops(model.linear) if model.linear else 0.0,
        kv_elements=seen.elements,
        window_kv_elements=seen.window_elements,
        state_elements=mixer_elements(model.linear) if model.linear else 0.0,
        is_mla=float(mla),
        window_flops_absorbed=seen.window_absorbed,
        sparse_kv_elements=seen.sparse_elements,
        **kept_of(model, seen),
    )


def shape_from_counts(params_total: Num, params_active: Num | None = None) -> Shape:
    """Shape that knows parameter counts alone: FLOPs follow the 2 N and 6 N rules, everything else is nan.

    Every active parameter counts as multiplied and attention over the context as nothing, because neither the
    vocabulary nor the layers are known.

    Parameters
    ----------
    params_total : float or array
        All parameters [-].
    params_active : float or array
        Parameters active per token [-]; all of them when not given.

    Source: Kaplan et al. 2020, arXiv 2001.08361, section 2.1 (C = 6 N per token).

    Examples
    --------
    GPT-3 175B, 300B tokens: 3.14e23 FLOPs (Brown et al. 2020, arXiv 2005.14165, table D.1).

    >>> round(float(6 * shape_from_counts(174.6e9).params_matmul) * 300e9 / 1e23, 2)
    3.14
    """
    active = params_total if params_active is None else params_active
    zero = np.zeros_like(np.add(params_total, active), dtype=float)[()]
    unknown = dict.fromkeys(Shape._fields, zero + np.nan)
    left_out = ("attention_flops", "attention_flops_absorbed", "window_flops", "window", "linear_flops", "is_mla")
    known = dict.fromkeys((*left_out, "window_flops_absorbed"), zero)
    known |= {"params_total": params_total + zero, "params_active": active + zero, "params_matmul": active + zero}
    return Shape(**(unknown | known))


def dense_shape(params: Num) -> Shape:
    """Shape assumed for a dense model of which only the parameter count is known: the Llama 3 family, interpolated.

    Layers and width are read between Llama 3 1B, 3B, 8B, 70B and 405B in log space (extended beyond both ends), with
    their 8 KV heads, vocabulary of 128,256 and heads of 128 (64 below 2B); embeddings are tied below 5B. The FFN takes
    what is left, so that the total is the count given. An assumption: announce it wherever it enters an answer.

    Parameters
    ----------
    params : float or array
        Parameters [-]; from 2e8 (below, the vocabulary alone outgrows them).

    Source: Grattafiori et al. 2024, "The Llama 3 Herd of Models", arXiv 2407.21783, table 3; Llama 3.2 model card.

    Examples
    --------
    Llama 3 70B: 80 layers, width 8192, 64 heads, 327,680 bytes of 16-bit KV cache per token.

    >>> s = dense_shape(70553706496)
    >>> float(s.n_layers), float(s.d_model), float(s.n_heads), float(s.kv_elements) * 2
    (80.0, 8192.0, 64.0, 327680.0)
    """
    total = np.asarray(params, dtype=float)[()]
    layers = np.maximum(np.rint(_between(total, _LLAMA_LAYERS)), 1.0)
    width = np.maximum(128.0 * np.rint(_between(total, _LLAMA_WIDTH) / 128.0), 128.0)
    head = np.where(total < 2e9, 64.0, 128.0)[()]  # between 1B (64) and 3B (128)
    tied = np.where(total < 5e9, 1.0, 0.0)[()]  # between 3B (tied) and 8B (not)
    embedding, zero = _LLAMA_VOCABULARY * width, np.zeros_like(total)[()]
    attention = layers * (2.0 * width * width + 2.0 * width * _LLAMA_KV_HEADS * head)
    ffn = np.maximum(total - embedding * (2.0 - tied) - attention, 0.0)
    matmul = total - embedding * (1.0 - tied)
    flops, elements = 4.0 * layers * width, 2.0 * layers * _LLAMA_KV_HEADS * head
    known = {
        "n_layers": layers, "d_model": width, "n_heads": width / head, "n_kv_heads": zero + _LLAMA_KV_HEADS,
        "d_head": head, "vocab_size": zero + _LLAMA_VOCABULARY, "params_total": total, "params_active": total,
        "params_matmul": matmul, "embedding_params": embedding, "head_params": embedding,
        "attention_params": attention, "dense_ffn_params": ffn, "dense_layers": layers,
        "ffn_width": ffn / (3.0 * width * layers), "attention_layers": layers, "attention_flops": flops,
        "attention_flops_absorbed": flops, "kv_elements": elements,
    }  # fmt: skip
    return Shape(**(dict.fromkeys(Shape._fields, zero) | known))


def _between(params: Num, values: tuple[float, ...]) -> Num:
    """Log-log interpolation over the Llama 3 family; the end segments go on beyond it."""
    x, xs, ys = np.log(params), np.log(_LLAMA_PARAMS), np.log(values)
    low = np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2)
    slope = (ys[low + 1] - ys[low]) / (xs[low + 1] - xs[low])
    found: Num = np.exp(ys[low] + slope * (x - xs[low]))
    return found


def attention_flops_per_token(shape: Shape, context: Num, absorbed: bool = False) -> Num:
    """Attention over the context for one token [FLOP]: full layers see all of it, windows their length.

    Parameters
    ----------
    shape : Shape
        Architecture.
    context : float or array
        Positions the token sees, itself included [-].
    absorbed : bool
        MLA as decode runs it, on the latent; otherwise expanded, as prefill and training do (what MFU counts).

    Source: Kaplan et al. 2020, arXiv 2001.08361, table 1; MLA: DeepSeek-V2, arXiv 2405.04434, section 2.1.

    Examples
    --------
    >>> s = dense_shape(70553706496)
    >>> float(attention_flops_per_token(s, 1000)) == 1000 * 4 * 64 * 128 * 80
    True
    """
    full = shape.attention_flops_absorbed if absorbed else shape.attention_flops
    windowed = shape.window_flops_absorbed if absorbed else shape.window_flops
    return full * np.asarray(context) + windowed * np.minimum(context, shape.window) + shape.linear_flops


def causal_attention_flops_per_token(shape: Shape, seq_len: Num) -> Num:
    """Attention per token averaged over a causal sequence [FLOP]: S/2 positions, W - W^2 / 2S in a window W < S.

    Parameters
    ----------
    shape : Shape
        Architecture.
    seq_len : float or array
        Sequence length S [-].

    Source: mean of min(i, W) over positions i of the sequence.

    Examples
    --------
    >>> s = dense_shape(70553706496)
    >>> float(causal_attention_flops_per_token(s, 2000)) == 1000 * 4 * 64 * 128 * 80
    True
    """
    length = np.asarray(seq_len, dtype=float)
    window = np.minimum(shape.window, length)
    seen = window - window * window / (2.0 * np.maximum(length, 1e-30))
    found: Num = shape.attention_flops * length / 2.0 + shape.window_flops * seen + shape.linear_flops
    return found


def full_attention_flops_per_token(shape: Shape, seq_len: Num) -> Num:
    """Attention per token over every position of the sequence, those that a causal mask hides included [FLOP].

    Parameters
    ----------
    shape : Shape
        Architecture.
    seq_len : float or array
        Sequence length S [-].

    Source: Chowdhery et al. 2022, "PaLM", arXiv 2204.02311, appendix B: 12 L H Q T of 6N + 12 L H Q T forward and
    backward.

    Examples
    --------
    Twice the causal mean where no layer has a window.

    >>> s = dense_shape(70553706496)
    >>> float(full_attention_flops_per_token(s, 2000) / causal_attention_flops_per_token(s, 2000))
    2.0
    """
    length = np.asarray(seq_len, dtype=float)
    found: Num = (shape.attention_flops + shape.window_flops) * length + shape.linear_flops
    return found


def kv_elements(shape: Shape, context: Num) -> Num:
    """Numbers cached for one sequence, all layers [-]: full layers grow, windows stop at theirs, mixers keep a state.

    Parameters
    ----------
    shape : Shape
        Architecture.
    context : float or array
        Cached positions [-].

    Source: definition; 2 g e per layer (Ainslie et al. 2023, GQA, arXiv 2305.13245), or kv_lora + rope for MLA
    (DeepSeek-V2, arXiv 2405.04434, table 1).

    Examples
    --------
    Llama 3 70B: 80 layers x 2 x 8 heads x 128.

    >>> float(kv_elements(dense_shape(70553706496), 1))
    163840.0
    """
    windowed = shape.window_kv_elements * np.minimum(context, shape.window)
    return shape.kv_elements * np.asarray(context) + windowed + shape.state_elements


def kv_elements_read(shape: Shape, context: Num) -> Num:
    """Cached numbers that one decoded token reads [-]: what is stored, less what sparse attention leaves unread.

    Parameters
    ----------
    shape : Shape
        Architecture.
    context : float or array
        Cached positions [-].

    Source: DeepSeek-V3.2, arXiv 2512.02556, section 2.1: the indexer reads every key, attention the best 2,048 tokens.

    Examples
    --------
    >>> s = dense_shape(70553706496)
    >>> float(kv_elements_read(s, 8192)) == float(kv_elements(s, 8192))
    True
    """
    unread = shape.sparse_kv_elements * (np.asarray(context) - np.minimum(context, shape.window))
    return kv_elements(shape, context) - unread


def blocks_of(shape: Shape) -> Num:
    """Attention-plus-FFN blocks; models that count mixers and FFNs as layers of their own have two per block [-].

    Parameters
    ----------
    shape : Shape
        Architecture.

    Source: definition.

    Examples
    --------
    Nemotron 3 Nano: 52 layers, of which 23 are FFNs.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> float(blocks_of(zero._replace(n_layers=52.0, moe_layers=23.0)))
    26.0
    """
    return np.maximum(np.add(shape.dense_layers, shape.moe_layers), np.divide(shape.n_layers, 2.0))
