"""Adapters: their parameters, memory and step."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.flops import TokenFlops
from llmcost.engine.training.memory import States
from llmcost.engine.training.step import Step


def adapter_params(shape: Shape, rank: Num, attention_only: Num = 0.0) -> Num:
    r"""Parameters of LoRA adapters on the linear layers of the blocks [-].

    .. math:: r \sum (d_{in} + d_{out})

    Routed experts carry none. Projections whose sizes the shape does not keep (MLA) count as square matrices of the
    model's width: 2 P / d.

    Parameters
    ----------
    shape : Shape
        Architecture.
    rank : float or array
        r [-].
    attention_only : float or array
        1: queries and values only, the original choice; 0: attention, and the FFNs of dense models.

    Source: Hu et al. 2021, arXiv 2106.09685, section 4.1; every layer: Dettmers et al. 2023, arXiv 2305.14314,
    section 4.

    Examples
    --------
    Llama 2 7B: 4,194,304 at r = 8 on queries and values (peft documentation), 39,976,960 at r = 16 everywhere.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> s = zero._replace(d_model=4096.0, n_heads=32.0, n_kv_heads=32.0, d_head=128.0, attention_layers=32.0,
    ...     dense_layers=32.0, ffn_width=11008.0, n_layers=32.0, dense_ffn_params=32 * 3 * 4096 * 11008.0)
    >>> float(adapter_params(s, 8, 1.0)), float(adapter_params(s, 16))
    (4194304.0, 39976960.0)
    """
    d, query, cached = shape.d_model, shape.n_heads * shape.d_head, shape.n_kv_heads * shape.d_head
    some = (d + query) + (d + cached)
    every = 2.0 * (d + query) + 2.0 * (d + cached)
    few = np.asarray(attention_only) > 0
    mla = np.asarray(shape.is_mla) > 0
    attention = np.where(mla, 2.0 * shape.attention_params / d, shape.attention_layers * np.where(few, some, every))
    matrices = shape.dense_ffn_params / np.maximum(shape.dense_layers * d * shape.ffn_width, 1.0)
    ffn = shape.dense_layers * np.rint(matrices) * (d + shape.ffn_width)
    return rank * (attention + np.where(few | (np.asarray(shape.n_experts) > 0), 0.0, ffn))


def frozen_bytes(shape: Shape, layer_bytes: Num) -> Num:
    """Bytes per frozen parameter, averaged: the linear layers of the blocks quantised, the rest in 16 bits [bytes].

    Parameters
    ----------
    shape : Shape
        Architecture.
    layer_bytes : float or array
        Bytes per parameter of the linear layers: 2 (LoRA), 4.127 / 8 (QLoRA) [bytes].

    Source: Dettmers et al. 2023, arXiv 2305.14314, sections 2 and 3.

    Examples
    --------
    Half of the parameters in the blocks: (0.5 + 2) / 2.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> float(frozen_bytes(zero._replace(params_total=8.0, dense_ffn_params=4.0), 0.5))
    1.25
    """
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    layers = (shape.attention_params + shape.dense_ffn_params + experts) / shape.params_total
    return layers * layer_bytes + (1.0 - layers) * 2.0


def adapter_states(params: Num, adapters: Num, frozen: Num, states: States) -> States:
    r"""Bytes per parameter of the frozen model when adapters are trained [bytes].

    .. math:: w = w_f + w \frac{N_a}{N},\quad g \frac{N_a}{N},\quad o \frac{N_a}{N}

    Frozen weights need no gradient and no optimizer state; adapters need both.

    Parameters
    ----------
    params, adapters : float or array
        Frozen and adapter parameters [-].
    frozen : float or array
        Bytes per frozen parameter [bytes].
    states : States
        Bytes per adapter parameter.

    Source: Dettmers et al. 2023, arXiv 2305.14314, sections 1 and 3.

    Examples
    --------
    65B: 780 GB of 16-bit fine-tuning (2 + 2 + 8 bytes) against less than 48 GB (section 1).

    >>> from llmcost.engine.training.memory import zero_bytes
    >>> float(sum(zero_bytes(65e9, 1, 0, States(2, 2, 8)))) / 1e9
    780.0
    >>> round(float(sum(zero_bytes(65e9, 1, 0, adapter_states(65e9, 0.2e9, 0.516, States(2, 2, 8))))) / 1e9, 1)
    35.9
    """
    share = adapters / np.asarray(params, dtype=float)
    return States(frozen + states.weight * share, states.gradient * share, states.optimizer * share)


def adapter_step(full: Step, recomputed: Num, share: Num, flops: TokenFlops, tokens: Num) -> Step:
    r"""Step of adapter training, from that of full training with the same layout [s].

    .. math:: t_{gemm} \frac{2 + r}{3 + r},\quad \tfrac{2}{3} t_{sharding},\quad
        \frac{N_a}{N} (t_{gradient} + t_{optimizer})

    Products of weight gradients go, and so do reductions and updates of frozen weights; attention, memory traffic and
    the communication of activations stay. The bubble shrinks with the work of a stage, stragglers with the step.

    Parameters
    ----------
    full : Step
        Full training.
    recomputed : float or array
        Share r of layers whose forward pass runs twice [-].
    share : float or array
        Adapter over frozen parameters [-].
    flops : TokenFlops
        Of a token with the method [FLOP].
    tokens : float or array
        Tokens of a step [tokens].

    Source: Hu et al. 2021, arXiv 2106.09685, section 4.2 (gradients and states of adapters alone).

    Examples
    --------
    Nothing but products: 3 s become 2 s, and the utilisation stays when the FLOPs fall by the same third.

    >>> one = Step(*[3.0, 3.0, *[0.0] * 12, 6.0, 6.0, 0.5, 0.5])
    >>> step = adapter_step(one, 0.0, 0.0, TokenFlops(4.0, 4.0), 1.0)
    >>> float(step.step_seconds), float(step.gemm_seconds), float(step.mfu)
    (2.0, 2.0, 0.5)
    """
    busy = full.step_seconds - full.pipeline_seconds - full.gradient_seconds - full.optimizer_seconds
    busy = busy - full.straggler_seconds - full.fixed_seconds
    gemm = full.gemm_seconds * (2.0 + recomputed) / (3.0 + recomputed)
    sharding = full.sharding_seconds * 2.0 / 3.0
    left = busy - full.gemm_seconds - full.sharding_seconds + gemm + sharding
    pipeline = full.pipeline_seconds * left / busy
    states = share * (full.gradient_seconds + full.optimizer_seconds)
    before = full.step_seconds - full.straggler_seconds - full.fixed_seconds
    straggler = full.straggler_seconds * (left + pipeline + states) / before
    seconds = left + pipeline + states + straggler + full.fixed_seconds
    pace = full.step_seconds / seconds
    return full._replace(
        step_seconds=seconds,
        gemm_seconds=gemm,
        sharding_seconds=sharding,
        pipeline_seconds=pipeline,
        gradient_seconds=full.gradient_seconds * share,
        optimizer_seconds=full.optimizer_seconds * share,
        straggler_seconds=straggler,
        model_flops=flops.model * tokens,
        hardware_flops=flops.hardware * tokens,
        mfu=full.mfu * pace * flops.model * tokens / full.model_flops,
        hfu=full.hfu * pace * flops.hardware * tokens / full.hardware_flops,
    )
