"""What attention and linear mixers compute and remember: FLOPs and cached elements of a model's layers."""

from __future__ import annotations

from llmcost.engine.model.parameters import layers_of, uniform_group
from llmcost.records import NamedTuple
from llmcost.spec import AttentionGroup, Indexer, LinearMixer, Model

OVERLAPPING = 4  # positions an entry of DeepSeek-V4's finer compression stands for: its blocks overlap


class Attention(NamedTuple):
    """Attention summed over layers: per token and cached position, and per token and position inside the window."""

    flops: float = 0.0  # expanded form
    absorbed: float = 0.0  # as decode runs it
    window_flops: float = 0.0
    window_absorbed: float = 0.0
    elements: float = 0.0  # cached per position
    window_elements: float = 0.0  # cached per position inside the window
    sparse_elements: float = 0.0  # of `elements`: read only for the positions an indexer picks
    window: float = 0.0
    local_elements: float = 0.0  # cached per position inside sliding windows
    local_window: float = 0.0  # the longest of those


def attention_of(model: Model) -> Attention:
    r"""FLOPs and cached elements of all attention layers.

    .. math:: 2 h (d_{qk} + d_v) \text{ per token, layer and cached position};\; g (d_{qk} + d_v) \text{ elements}

    MLA: expanded 2 h (nope + rope + v), absorbed 2 h (2 kv_lora + rope), kv_lora + rope elements. A shape has one
    window: layers with a narrower one are scaled to the widest, exact once the context exceeds it. Sparse attention
    (an indexer picks positions) counts as a window of that many positions, plus the indexer over all of them.

    Parameters
    ----------
    model : Model
        A complete architecture.

    Source: Kaplan et al. 2020, arXiv 2001.08361, table 1; DeepSeek-V2, arXiv 2405.04434, section 2.1 and appendix C.

    Examples
    --------
    DeepSeek-V3 per layer: 81,920 FLOPs expanded, 278,528 absorbed, 576 elements.

    >>> v3 = Model(title="m", n_layers=61, d_model=7168, n_heads=128, attention="mla", mla_kv_lora_rank=512,
    ...     mla_qk_nope_dim=128, mla_qk_rope_dim=64, mla_v_dim=128)
    >>> a = attention_of(v3)
    >>> a.flops / 61, a.absorbed / 61, a.elements / 61
    (81920.0, 278528.0, 576.0)
    """
    kinds = _kinds(model)
    window = max((k.window for k in kinds), default=0.0)
    local = max((k.local_window for k in kinds), default=0.0)
    scaled = [_to_window(k, k.window / window if window else 0.0) for k in kinds]
    kept = sum(k.local_elements * k.local_window / local for k in kinds) if local else 0.0
    total = Attention(*[sum(column) for column in zip(*scaled, strict=True)])
    return total._replace(window=window, local_window=local, local_elements=kept)


def kept_of(model: Model, seen: Attention) -> dict[str, float]:
    """What engines lay a cache out by, as fields of `Shape`: sliding layers, their window, layers with a state.

    Parameters
    ----------
    model : Model
        A complete architecture.
    seen : Attention
        Its attention, see `attention_of`.

    Source: definition.
    """
    sliding = sum(g.layers for g in model.attention_groups if g.sliding_window) or layers_of(model).window
    indexers = [model.indexer, *(group.indexer for group in model.attention_groups)]
    return {
        "local_window": seen.local_window,
        "local_kv_elements": seen.local_elements,
        "local_layers": float(sliding),
        "mixed_cache": float(any(g.kv_compression > 1 for g in model.attention_groups)),
        "compressor_elements": compressor_elements(model),
        "state_layers": float(model.linear.layers) if model.linear else 0.0,
        "vision_params": float(model.vision_params or 0.0),
        "conv_elements": conv_elements(model.linear) if model.linear else 0.0,
        "chunk_elements": chunk_elements(model.linear) if model.linear else 0.0,
        "indexer_layers": sum(float(one.layers) for one in indexers if one),
    }


def compressor_elements(model: Model) -> float:
    """What compressing the cache keeps of a token whose block is not full yet, all layers [-].

    A value and a score of every channel; twice where blocks of four overlap. An indexer compresses its own keys too.

    Parameters
    ----------
    model : Model
        A complete architecture.

    Source: DeepSeek-V4, inference/model.py, `Compressor`: 32-bit `kv_state` and `score_state`, `coff = 1 + overlap`.

    Examples
    --------
    DeepSeek-V4-Flash: 21 x 2 x 2 x (512 + 128) + 20 x 2 x 512.

    >>> from llmcost.spec import AttentionGroup, Indexer
    >>> wide = {"n_heads": 64, "n_kv_heads": 1, "d_head": 512, "d_head_v": 512, "sliding_window": 128}
    >>> four = AttentionGroup(layers=21, kv_compression=4, **wide,
    ...     indexer=Indexer(layers=21, sparse_layers=21, heads=64, dim=128, tokens=2048))
    >>> many = AttentionGroup(layers=20, kv_compression=128, **wide)
    >>> compressor_elements(Model(title="m", attention_groups=[AttentionGroup(layers=2, **wide), four, many]))
    74240.0
    """
    found = 0.0
    for group in model.attention_groups:
        if group.kv_compression > 1:
            overlap = 2.0 if group.kv_compression == OVERLAPPING else 1.0
            width = group.layers * group.d_head + (group.indexer.layers * group.indexer.dim if group.indexer else 0)
            found += 2.0 * overlap * width
    return found


def _to_window(kind: Attention, share: float) -> Attention:
    return kind._replace(
        window_flops=kind.window_flops * share,
        window_absorbed=kind.window_absorbed * share,
        window_elements=kind.window_elements * share,
    )


def _kinds(model: Model) -> list[Attention]:
    layers = layers_of(model)
    if not layers.attention:
        return [Attention()]
    if model.attention_groups:
        return [kind for g in model.attention_groups for kind in _group(g, g.layers, g.sliding_window, g.indexer, 1)]
    if model.attention == "mla":
        return [_mla(model, float(layers.attention))]
    group, full = uniform_group(model), layers.attention - layers.window
    kinds = _group(group, full, None, model.indexer, model.kv_shared_layers) if full else []
    if layers.window:
        kinds += _group(group, layers.window, model.sliding_window, None, model.kv_shared_layers)
    return kinds


def _group(
    group: AttentionGroup, layers: int, sliding: int | None, indexer: Indexer | None, shared: int
) -> list[Attention]:
    """Layers of one size: their window, and what they see beyond it."""
    flops = layers * 2.0 * group.n_heads * (group.d_head + group.d_head_v)
    elements = layers * group.n_kv_heads * (group.d_head + (0.0 if group.shared_kv else float(group.d_head_v))) / shared
    if group.borrowed_kv:
        elements = 0.0
    beyond = _indexed(Attention(flops, flops, elements=elements), indexer, float(layers), float(group.kv_compression))
    if sliding is None:
        return [beyond]
    length = float(sliding)
    local = Attention(
        window_flops=flops, window_absorbed=flops, window_elements=elements, window=length,
        local_elements=elements, local_window=length,
    )  # fmt: skip
    return [local] if group.kv_compression == 1 else [local, beyond]


def _mla(model: Model, layers: float) -> Attention:
    h, rank = float(model.n_heads or 0), float(model.mla_kv_lora_rank or 0)
    nope, rope, value = (
        float(model.mla_qk_nope_dim or 0),
        float(model.mla_qk_rope_dim or 0),
        float(model.mla_v_dim or 0),
    )
    expanded, absorbed = 2.0 * h * (nope + rope + value), 2.0 * h * (2.0 * rank + rope)
    whole = Attention(layers * expanded, layers * absorbed, elements=layers * (rank + rope))
    return _indexed(whole, model.indexer, layers, 1.0)


def _indexed(whole: Attention, indexer: Indexer | None, layers: float, compression: float) -> Attention:
    """Attention over a cache with one entry per `compression` positions, limited to an indexer's best positions."""
    flops, absorbed, elements = (x / compression for x in (whole.flops, whole.absorbed, whole.elements))
    if indexer is None:
        return Attention(flops, absorbed, elements=elements)
    sparse = indexer.sparse_layers / layers
    scored = 2.0 * indexer.layers * indexer.heads * indexer.dim / compression
    return Attention(
        flops=flops * (1.0 - sparse) + scored,
        absorbed=absorbed * (1.0 - sparse) + scored,
        window_flops=flops * sparse,
        window_absorbed=absorbed * sparse,
        elements=elements + indexer.layers * indexer.dim / compression,
        sparse_elements=elements * sparse,
        window=float(indexer.tokens),
    )


def mixer_flops(mixer: LinearMixer) -> float:
    """State FLOPs of all linear-mixer layers per token [FLOP]: 4 per state element, 6 under a delta rule.

    Write (outer product) and read (product with the query) cost 2 each; a delta rule first reads with the key. This is
    the recurrent form; the chunked form of training and prefill spends more to use matrix units.

    Parameters
    ----------
    mixer : LinearMixer
        Kind and sizes.

    Source: recurrences of Dao and Gu 2024, arXiv 2405.21060, and Yang et al. 2024, arXiv 2412.06464, equation 10.

    Examples
    --------
    >>> mixer_flops(LinearMixer(kind="lightning", layers=70, heads=64, k_dim=128)) == 70 * 64 * 128 * 128 * 4
    True
    """
    return _state(mixer) * (6.0 if mixer.kind in ("gdn", "kda") else 4.0)


def mixer_elements(mixer: LinearMixer) -> float:
    """Elements of state per sequence of all linear-mixer layers [-]: the recurrent state and the convolution's tail.

    Parameters
    ----------
    mixer : LinearMixer
        Kind and sizes.

    Source: as `mixer_flops`; the convolution keeps its last inputs, one fewer than its length.

    Examples
    --------
    >>> mixer_elements(LinearMixer(kind="lightning", layers=70, heads=64, k_dim=128)) == 70 * 64 * 128 * 128
    True
    """
    return _state(mixer) + conv_elements(mixer)


def conv_elements(mixer: LinearMixer) -> float:
    """Elements that the convolutions of all linear-mixer layers keep of a sequence [-]: their last inputs.

    Parameters
    ----------
    mixer : LinearMixer
        Kind and sizes.

    Source: as `mixer_elements`.

    Examples
    --------
    Qwen3.5 27B: 48 layers of 2 x 16 x 128 + 48 x 128 channels, 3 inputs each.

    >>> gdn = LinearMixer(kind="gdn", layers=48, k_heads=16, v_heads=48, k_dim=128, v_dim=128, conv=4)
    >>> conv_elements(gdn) == 48 * (2 * 16 * 128 + 48 * 128) * 3
    True
    """
    m = mixer
    channels = {
        "gdn": 2 * (m.k_heads or 0) * (m.k_dim or 0) + (m.v_heads or 0) * (m.v_dim or 0),
        "kda": 3 * (m.heads or 0) * (m.k_dim or 0),
        "mamba1": m.d_inner or 0,
        "mamba2": (m.d_inner or 0) + 2 * (m.groups or 0) * (m.d_state or 0),
        "shortconv": m.d_inner or 0,
    }.get(m.kind, 0)
    return float(m.layers * channels * max(m.conv - 1, 0))


def chunk_elements(mixer: LinearMixer) -> float:
    """What chunked kernels hold of a token beside its projections while one layer is differentiated [16-bit numbers].

    Delta rules: the state at the start of every chunk of 64 tokens and its gradient; rows w and u of the WY form of a
    chunk, the corrected values, the gradient of w. Mamba-2: states and gradients of chunks of 256 tokens, in 32 bits,
    and copies of both in 16 for the products that follow.
    Lightning attention, Mamba-1 and short convolutions go through the sequence again and keep none.

    Parameters
    ----------
    mixer : LinearMixer
        Kind and sizes.

    Source: flash-linear-attention, fla/ops/gated_delta_rule/chunk.py, `chunk_gated_delta_rule_bwd` (`chunk_size=64`;
    h, dh, w, u, v_new, dw live at `chunk_bwd_dqkwg`); state-spaces/mamba, mamba_ssm/ops/triton/ssd_combined.py,
    `_mamba_chunk_scan_combined_bwd` (states and dstates live at `_state_passing_bwd`, which gives both as x).

    Examples
    --------
    Qwen3.5 35B-A3B: 32 heads of 128 x 128; 2 x 8,192 of states and 2 x 32 x (128 + 128) of rows.

    >>> chunk_elements(LinearMixer(kind="gdn", layers=30, k_heads=16, v_heads=32, k_dim=128, v_dim=128, conv=4))
    32768.0

    Mamba-2 2.7B: 5,120 x 128 numbers of state for 256 tokens, in 12 bytes: 2.5 kB x 12 a token.

    >>> chunk_elements(LinearMixer(kind="mamba2", layers=64, d_inner=5120, d_state=128, groups=1, heads=80, conv=4))
    15360.0
    """
    state = _state(mixer) / mixer.layers
    if mixer.kind in ("gdn", "kda"):
        heads = mixer.v_heads or mixer.heads or 0
        return 2.0 * state / 64.0 + 2.0 * heads * ((mixer.k_dim or 0) + (mixer.v_dim or mixer.k_dim or 0))
    return 6.0 * state / 256.0 if mixer.kind == "mamba2" else 0.0


def _state(m: LinearMixer) -> float:
    if m.kind == "shortconv":
        return 0.0
    if m.kind in ("mamba1", "mamba2"):
        return float(m.layers * (m.d_inner or 0) * (m.d_state or 0))
    heads = m.v_heads if m.kind == "gdn" else m.heads
    return float(m.layers * (heads or 0) * (m.k_dim or 0) * (m.v_dim or m.k_dim or 0))
