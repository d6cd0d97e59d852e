"""Architectures told in a few columns, made to agree with the parameter counts stated beside them."""

from __future__ import annotations

import math

from llmcost.engine.model.transformer import Shape, dense_shape

TOLERANCE = 0.05  # counts are rounded, with or without norms, biases and positions
WIDEST = 4.0  # FFNs that had to be more than this much wider or narrower: the count is of something else
VISITED, VISITED_FEW = 8.0, 2.0  # experts a token visits where only the counts are known; of few large experts
FEW = 6.0  # experts per visited expert: 4 in Mixtral and Grok-1, 8 and more in models of many small ones


def agree(shape: Shape, total: float | None, active: float | None) -> Shape:
    """The shape with the parameters it is said to have.

    A mixture of experts: total - active = (E - k) P m are the experts a token does not visit (P parameters each, m
    layers with experts), so m follows from the two counts; other layers have no experts. What is then active beyond
    attention, embeddings and visited experts is visited by every token: dense layers and shared experts. A dense model:
    the FFN takes what the count leaves. Counts within 5 % or two vocabularies of the formula change nothing.

    Parameters
    ----------
    shape : Shape
        From the architecture columns, scalars.
    total, active : float or None
        Stated parameters [-].

    Source: definition of the counts.

    Examples
    --------
    DeepSeek-V3, 671B of which 37B active, E = 256, k = 8, P = 3 x 7168 x 2048 (arXiv 2412.19437, section 4.2): m =
    634e9 / (248 x 44.04e6) = 58 of 61 layers.

    >>> from llmcost.engine.model.transformer import shape_of
    >>> from llmcost.spec import Model
    >>> v3 = Model(title="V3", n_layers=61, d_model=7168, n_heads=128, n_kv_heads=128, d_head=192, vocab_size=129280,
    ...     moe_experts=256, moe_topk=8, moe_d_ff=2048, attention="mla", mla_q_lora_rank=1536, mla_kv_lora_rank=512,
    ...     mla_qk_nope_dim=128, mla_qk_rope_dim=64, mla_v_dim=128)
    >>> agree(shape_of(v3), 671e9, 37e9).moe_layers
    58.0
    """
    if shape.n_experts:
        return _sparse(shape, total, active)
    return shape if total is None else _always(shape, total - float(shape.params_total), total)


def _sparse(shape: Shape, total: float | None, active: float | None) -> Shape:
    if total is None:
        return shape
    has = float(shape.params_total)
    unvisited = float((shape.n_experts - shape.topk) * shape.expert_params)
    if active is None or active > 0.9 * total or not unvisited:
        if abs(has / total - 1.0) <= TOLERANCE:
            return shape
        of_a_layer = float(shape.n_experts * shape.expert_params)
        always = has - of_a_layer * float(shape.moe_layers)
        return _experts_in(shape, (total - always) / of_a_layer)
    shape = _experts_in(shape, (total - active) / unvisited)
    return _always(shape, active - float(shape.params_active), active)


def _experts_in(shape: Shape, layers: float) -> Shape:
    """Experts in that many layers; in all of them, and wider or narrower, where there are not so many."""
    if not math.isfinite(layers) or layers <= 0:
        return shape
    whole = float(min(max(round(layers), 1), shape.n_layers))
    scale = layers / whole if layers > (1.0 + TOLERANCE) * shape.n_layers else 1.0
    if scale > WIDEST:
        return shape
    expert = shape.expert_params * scale
    visits, copies = shape.topk * whole, shape.n_experts * whole
    old_visits, old_copies = shape.topk * shape.moe_layers, shape.n_experts * shape.moe_layers
    more = expert * visits - shape.expert_params * old_visits
    return shape._replace(
        expert_params=expert,
        moe_layers=whole,
        dense_layers=shape.n_layers - whole,
        params_total=shape.params_total + expert * copies - shape.expert_params * old_copies,
        params_active=shape.params_active + more,
        params_matmul=shape.params_matmul + more,
        ffn_width=shape.ffn_width * whole * scale / max(shape.moe_layers, 1.0),
    )


def _always(shape: Shape, more: float, stated: float) -> Shape:
    """`more` parameters in FFNs that every token visits, unless rounding or the embeddings explain them."""
    if abs(more) <= max(TOLERANCE * stated, 2.0 * shape.embedding_params):
        return shape
    ffn = shape.dense_ffn_params + more
    dense = not shape.n_experts
    if ffn <= 0 or (dense and not 1.0 / WIDEST <= ffn / shape.dense_ffn_params <= WIDEST):
        return shape
    visited = shape.dense_ffn_params + shape.topk * shape.expert_params * shape.moe_layers
    return shape._replace(
        dense_ffn_params=ffn,
        params_total=shape.params_total + more,
        params_active=shape.params_active + more,
        params_matmul=shape.params_matmul + more,
        ffn_width=shape.ffn_width * (visited + more) / visited,
    )


def sparse_shape(total: float, active: float) -> Shape:
    """Shape assumed for a mixture of experts of which only the counts are known.

    Layers, width and attention of a dense model of the active size (`dense_shape`), whose FFNs F are the k experts that
    a token visits: E / k = 1 + (total - active) / F. E is the power of two for which k is nearest 8, or 2 where the
    ratio is below 6 (few large experts), so that experts can be dealt over accelerators; k need not be whole. An
    assumption.

    Parameters
    ----------
    total, active : float
        Parameters [-].

    Source: definition of the counts; k = 8 as in DeepSeek-V3 (arXiv 2412.19437) and Qwen3 (arXiv 2505.09388), 2 of 8
    as in Mixtral (arXiv 2401.04088).

    Examples
    --------
    >>> s = sparse_shape(671e9, 37e9)
    >>> round(float(s.params_total) / 1e9), round(float(s.params_active) / 1e9), 5.6 < s.topk < 11.4
    (671, 37, True)
    """
    base = dense_shape(active)
    layers, ffn = float(base.n_layers), float(base.dense_ffn_params)
    ratio = 1.0 + (total - active) / ffn
    experts = 2.0 ** round(math.log2((VISITED_FEW if ratio < FEW else VISITED) * ratio))
    return base._replace(
        params_total=float(total),
        dense_ffn_params=0.0,
        dense_layers=0.0,
        expert_params=ffn * ratio / (experts * layers),
        n_experts=experts,
        topk=experts / ratio,
        moe_layers=layers,
    )
