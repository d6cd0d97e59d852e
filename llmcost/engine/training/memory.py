"""Memory of a training run on one accelerator: states under ZeRO, activations under recomputation."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.transformer import Shape, blocks_of
from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple

NONE, SELECTIVE, FULL = 0, 1, 2  # recomputation; 1.25: a quarter of the layers in full, the others selectively


class Layout(NamedTuple):
    """How a training run is spread over accelerators; each field a float or an array [-]."""

    tp: Num  # tensor parallel
    pp: Num  # pipeline stages
    vpp: Num  # virtual stages per device
    dp: Num  # data parallel replicas of the attention part
    cp: Num  # context parallel
    ep: Num  # expert parallel, inside tp x cp x sp x dp
    etp: Num  # tensor parallel inside one expert
    zero: Num  # 0..3: what the data-parallel ranks share
    shard: Num  # ranks that share it (0: all that hold the same weights)
    micro_batch: Num  # sequences
    recompute: Num  # NONE, SELECTIVE, FULL; in between, the share of layers fully recomputed is recompute - SELECTIVE
    sp: Num = 1.0  # Ulysses: sequences are split, and attention works on whole ones of some heads

    @property
    def sequence_ranks(self) -> Num:
        """Ranks that share a sequence [-]."""
        return self.cp * self.sp


class States(NamedTuple):
    """Bytes per parameter [bytes]: `weight` 2 (bf16), `gradient` 2 or 4, `optimizer` 12 (fp32 copy, Adam moments)."""

    weight: Num
    gradient: Num
    optimizer: Num


def zero_bytes(params: Num, ranks: Num, zero: Num, states: States) -> tuple[Num, Num, Num]:
    r"""Weights, gradients and optimizer states per rank under ZeRO stage 0-3 [bytes].

    .. math:: (w + g + o)\Psi \to w + g + o/N \to w + (g+o)/N \to (w+g+o)/N

    Parameters
    ----------
    params : float or array
        Parameters Psi of the replica's part [-].
    ranks : float or array
        Data-parallel degree N_d [-].
    zero : float or array
        Stage 0, 1 (optimizer), 2 (+ gradients), 3 (+ weights).
    states : States
        Bytes per parameter.

    Source: Rajbhandari et al. 2020, "ZeRO", arXiv 1910.02054, figure 1 and section 5.

    Examples
    --------
    7.5B parameters, K = 12, N_d = 64: 120, 31.4, 16.6 and 1.9 GB (figure 1).

    >>> s = States(2.0, 2.0, 12.0)
    >>> [round(float(sum(zero_bytes(7.5e9, 64, z, s))) / 1e9, 1) for z in range(4)]
    [120.0, 31.4, 16.6, 1.9]
    """
    shared = [np.where(np.asarray(zero) >= stage, 1.0 / np.asarray(ranks, dtype=float), 1.0) for stage in (3, 2, 1)]
    return (
        params * states.weight * shared[0],
        params * states.gradient * shared[1],
        params * states.optimizer * shared[2],
    )


def shard_ranks(layout: Layout) -> tuple[Num, Num]:
    """Ranks that share states under ZeRO: of the dense part, and of the experts [-].

    Dense weights repeat on dp x cp x sp ranks, those of an expert on tp x cp x sp x dp / (ep x etp). `shard`, where
    positive, caps both: hybrid sharding inside groups of that many ranks.

    Parameters
    ----------
    layout : Layout
        Degrees of parallelism.

    Source: Shoeybi et al., Megatron-Core parallel-state documentation ("parallel folding"); definition.

    Examples
    --------
    >>> lay = Layout(2, 4, 1, 32, 1, 64, 1, 1, 0, 1, 0)
    >>> [float(r) for r in shard_ranks(lay)]
    [32.0, 1.0]
    """
    cap = np.where(np.asarray(layout.shard) > 0, layout.shard, np.inf)
    dense = np.multiply(layout.dp, layout.sequence_ranks)
    expert = np.maximum(1.0, layout.tp * dense / (layout.ep * layout.etp))
    return np.minimum(dense, cap), np.minimum(expert, cap)


def expert_input_width(shape: Shape) -> Num:
    r"""Width of what a routed expert reads: d_model, or the latent of latent experts [-].

    .. math:: f = \frac{W L - A}{k L_{moe}},\quad w = \frac{P_{expert}}{n f},\quad
        A = \frac{P_{ffn} - d E L_{moe}}{n d}

    solved for gated (n = 3) and plain (n = 2) FFNs; d_model where one of them returns it within 10 %.

    Parameters
    ----------
    shape : Shape
        Architecture.

    Source: the counts of `engine.parameters`, solved for the width.

    Examples
    --------
    Nemotron 3 Super: d 4096, latent 1024, 512 experts of 2688, 22 per token, shared width 5376, 40 of 88 layers.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> s = zero._replace(n_layers=88.0, d_model=4096.0, n_experts=512.0, topk=22.0, moe_layers=40.0,
    ...     expert_params=2 * 1024 * 2688.0, ffn_width=(22 * 2688 + 5376) * 40 / 88,
    ...     dense_ffn_params=40.0 * (2 * 4096 * 5376 + 2 * 4096 * 1024 + 4096 * 512))
    >>> round(float(expert_input_width(s)), -1)
    1040.0
    """
    d = np.asarray(shape.d_model, dtype=float)
    visits = np.maximum(np.multiply(shape.topk, shape.moe_layers), 1e-9)

    def solved(matrices: float) -> Num:
        wide = (shape.dense_ffn_params - d * shape.n_experts * shape.moe_layers) / (matrices * d)
        width = np.maximum((np.multiply(shape.ffn_width, shape.n_layers) - wide) / visits, 1e-9)
        return shape.expert_params / (matrices * width)

    gated, plain = solved(3.0), solved(2.0)
    usual = (np.abs(gated / d - 1) < 0.1) | (np.abs(plain / d - 1) < 0.1) | np.asarray(plain > d)
    return np.where((np.asarray(shape.n_experts) == 0) | usual, d, plain)


class Kept(NamedTuple):
    """Elements kept for the backward pass per token, summed over layers [-]."""

    residuals: Num  # inputs of norms
    normed: Num  # outputs of norms: they feed products
    attention: Num  # queries, keys, values
    context: Num  # attention outputs: they feed products
    gates: Num  # gate and up projections
    products: Num  # what feeds the down projection
    routed: Num  # token copies that feed experts


def kept_elements(shape: Shape, busiest: Num = 1.0) -> Kept:
    """Elements kept per token and kind.

    Projection outputs equal their weights over the width they read: q, k, v and the attention output for attention,
    gate, up and product for a gated FFN (two thirds and one third); expanded q, k, v and output for MLA.

    Parameters
    ----------
    shape : Shape
        Architecture.
    busiest : float or array
        Tokens that reach the experts of this accelerator, over the mean [-].

    Source: the per-operation count of Korthikanti et al. 2022, arXiv 2205.05198, section 4.1, written in weights so
    that it holds for gated FFNs, grouped-query attention and experts.

    Examples
    --------
    A classical block keeps 4 + 4 + 8 = 16 d elements (32 of the paper's 34 bytes; the other 2 are dropout masks).

    >>> d = 1024.0
    >>> s = Shape(**{f: 0.0 for f in Shape._fields})._replace(n_layers=1.0, dense_layers=1.0, d_model=d,
    ...     attention_params=4 * d * d, dense_ffn_params=8 * d * d)
    >>> round(sum(float(x) for x in kept_elements(s)) / d, 9)
    16.0
    """
    wide = np.where(np.asarray(shape.is_mla) > 0, shape.attention_flops, shape.attention_params / shape.d_model)
    visits = np.multiply(shape.topk, shape.moe_layers) * busiest
    reads = expert_input_width(shape)
    ffn = shape.dense_ffn_params / shape.d_model + visits * shape.expert_params / reads
    norms = 2.0 * shape.d_model * blocks_of(shape)
    return Kept(norms, norms, 0.75 * wide, 0.25 * wide, 2.0 / 3.0 * ffn, ffn / 3.0, visits * reads)


def activation_bytes(
    shape: Shape,
    layout: Layout,
    seq_len: Num,
    micro_batches: Num,
    fused_attention: Num = 1.0,
    dropout: Num = 0.0,
    input_bytes: Num = 2.0,
) -> Num:
    r"""Activations kept on the first pipeline stage, the fullest one [bytes].

    .. math:: \frac{T}{t}\,\big(2E + 2 d_{drop} + 5 a S (1 - fused)\big)\,\frac{L}{p}\,r\big/L,\quad
        r = \min(m, p)\,(1 + \tfrac{p-1}{p v}[v > 1])

    Full recomputation keeps the 2 d input bytes of every layer and the working set of one layer; selective drops the
    attention core (unfused), or norm outputs, activation products and the MLA up-projection (fused).

    Parameters
    ----------
    shape : Shape
        Architecture.
    layout : Layout
        Degrees of parallelism, micro-batch b [sequences], recomputation; sequence parallelism where tp > 1.
    seq_len : float or array
        S [tokens].
    micro_batches : float or array
        m per step [-].
    fused_attention, dropout : float or array
        1 for FlashAttention-like kernels (no S x S matrix is kept); 1 where dropout masks are kept.
    input_bytes : float or array
        Bytes of a kept input of a matrix product: 2, or 1 in FP8 training [bytes].

    Source: Korthikanti et al. 2022, arXiv 2205.05198, equations 1-6 and table 2; in-flight micro-batches: Narayanan et
    al. 2021, arXiv 2104.04473, section 2.2.

    Examples
    --------
    175B, t = p = 8, one micro-batch of 2,048 tokens: 34 s b h / t per layer, 12 layers (table 2).

    >>> d = 12288.0
    >>> s = Shape(**{f: 0.0 for f in Shape._fields})._replace(n_layers=96.0, dense_layers=96.0, d_model=d,
    ...     attention_params=96 * 4 * d * d, dense_ffn_params=96 * 8 * d * d)
    >>> one = activation_bytes(s, Layout(8, 8, 1, 1, 1, 1, 1, 0, 0, 1, 0), 2048, 1, dropout=1.0)
    >>> round(float(one / (34 * 2048 * d / 8 * 12)), 6)
    1.0
    """
    lay = layout
    each = per_token(shape, lay.recompute, seq_len, fused_attention, dropout, input_bytes)
    return bytes_in_flight(each, lay, seq_len, micro_batches)


class PerToken(NamedTuple):
    """Activations of one token [bytes]."""

    kept: Num  # of all layers
    working: Num  # of the layer that is recomputed


def per_token(
    shape: Shape, recompute: Num, seq_len: Num, fused_attention: Num = 1.0, dropout: Num = 0.0, input_bytes: Num = 2.0,
    busiest: Num = 1.0,
) -> PerToken:  # fmt: skip
    """What a token leaves for the backward pass, before layouts share it out [bytes].

    Parameters
    ----------
    shape, seq_len, fused_attention, dropout, input_bytes
        As in `activation_bytes`.
    busiest : float or array
        As in `kept_elements`.
    recompute : float or array
        As in `Layout`.

    Source: as `activation_bytes`.

    Examples
    --------
    See `activation_bytes`.
    """
    kept = kept_elements(shape, busiest)
    scores = 5.0 * shape.n_heads * seq_len * shape.attention_layers * (1.0 - np.asarray(fused_attention))
    masks = 2.0 * dropout * shape.d_model * shape.n_layers
    wide = kept.residuals + kept.attention + kept.gates
    inputs = kept.normed + kept.context + kept.products + kept.routed
    keep_all = 2.0 * wide + input_bytes * inputs + masks + scores
    # fused kernels leave no scores to drop: selective then recomputes norms, activations and the MLA up-projection
    expanded = np.where(np.asarray(shape.is_mla) > 0, kept.attention, 0.0)
    lean = 2.0 * (wide - expanded) + input_bytes * (kept.context + kept.routed)
    keep_selective = np.where(np.asarray(fused_attention) > 0, lean, keep_all - scores)
    keep_full = 2.0 * shape.d_model * shape.n_layers
    share = np.clip(np.asarray(recompute, dtype=float) - SELECTIVE, 0.0, 1.0)
    keep = np.where(np.asarray(recompute) < SELECTIVE, keep_all, keep_selective * (1 - share) + keep_full * share)
    return PerToken(keep, np.where(share > 0, keep_all / shape.n_layers, 0.0))


def bytes_in_flight(each: PerToken, layout: Layout, seq_len: Num, micro_batches: Num) -> Num:
    """Activations of the micro-batches that the first pipeline stage has begun and not ended [bytes].

    Parameters
    ----------
    each : PerToken
        Of `per_token`.
    layout, seq_len, micro_batches
        As in `activation_bytes`.

    Source: Narayanan et al. 2021, arXiv 2104.04473, section 2.2.

    Examples
    --------
    Two tokens on each of four stages: the first one has begun four micro-batches and holds a quarter of the layers.

    >>> float(bytes_in_flight(PerToken(8.0, 0.0), Layout(1, 4, 1, 1, 1, 1, 1, 0, 0, 1, 0), 2, 6))
    16.0
    """
    lay = layout
    tokens = lay.micro_batch * seq_len / lay.sequence_ranks / lay.tp
    interleaved = np.where(np.asarray(lay.vpp) > 1, 1.0 + (lay.pp - 1.0) / (lay.pp * lay.vpp), 1.0)
    in_flight = np.minimum(micro_batches, lay.pp) * interleaved
    found: Num = tokens * (each.kept * in_flight / lay.pp + each.working)
    return found
