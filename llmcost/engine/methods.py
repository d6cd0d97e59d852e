"""FLOPs and memory of training methods beyond pre-training: adapters, distillation, reinforcement learning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.memory import States, zero_bytes
from llmcost.engine.transformer import Shape

Num = Any  # float or numpy array; everything broadcasts


class TokenFlops(NamedTuple):
    """FLOPs per training token: what the method needs, and what the hardware computes with recomputation."""

    model: Num
    hardware: Num


def full_training_flops(params: Num, attention: Num = 0.0, recomputed: Num = 0.0) -> TokenFlops:
    r"""Pre-training, continued pre-training and full fine-tuning, per token [FLOP].

    .. math:: F = 6N + 3A,\quad H = F + r(2N + A)

    Parameters
    ----------
    params : float or array
        Parameters multiplied per token N [-].
    attention : float or array
        Forward attention FLOPs per token A [FLOP].
    recomputed : float or array
        Share r of layers whose forward pass runs twice [-].

    Source: Kaplan et al. 2020, arXiv 2001.08361, section 2.1; full recomputation: Narayanan et al. 2021,
    arXiv 2104.04473, section 5.1 (4/3).

    Examples
    --------
    70B: 420 GFLOP per token, 560 with full recomputation.

    >>> [float(x) / 1e9 for x in full_training_flops(70e9, recomputed=1.0)]
    [420.0, 560.0]
    """
    model = 6.0 * params + 3.0 * attention
    return TokenFlops(model, model + recomputed * (2.0 * params + attention))


def adapter_training_flops(params: Num, adapters: Num, attention: Num = 0.0, recomputed: Num = 0.0) -> TokenFlops:
    r"""LoRA and QLoRA, per token: frozen weights have no weight gradient [FLOP].

    .. math:: F = 4N + 6 N_a + 3A,\quad H = F + r(2N + 2N_a + A)

    Forward 2N, gradient of the activations 2N; only the adapters add the 2 N_a of their own gradients. QLoRA adds the
    conversion of 4-bit weights, elementwise work that is not counted in FLOPs.

    Parameters
    ----------
    params, adapters : float or array
        Frozen parameters N and adapter parameters N_a per token [-].
    attention, recomputed
        As in `full_training_flops`.

    Source: Hu et al. 2021, "LoRA", arXiv 2106.09685, section 4.2; Dettmers et al. 2023, "QLoRA", arXiv 2305.14314.

    Examples
    --------
    70B: 280 GFLOP per token against 420, and 420 against 560 with full recomputation.

    >>> [float(x) / 1e9 for x in adapter_training_flops(70e9, 0.0, recomputed=1.0)]
    [280.0, 420.0]
    """
    model = 4.0 * params + 6.0 * adapters + 3.0 * attention
    return TokenFlops(model, model + recomputed * (2.0 * params + 2.0 * adapters + attention))


def adapter_params(shape: Shape, rank: Num, attention_only: Num = 0.0) -> Num:
    r"""Parameters of LoRA adapters on the linear layers of a dense model [-].

    .. math:: r \sum (d_{in} + d_{out})

    Parameters
    ----------
    shape : Shape
        Architecture of a dense model with ordinary attention.
    rank : float or array
        r [-].
    attention_only : float or array
        1: queries and values only, the original choice; 0: every linear layer of the blocks.

    Source: Hu et al. 2021, arXiv 2106.09685, section 4.1.

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
    attention = shape.attention_layers * np.where(np.asarray(attention_only) > 0, some, every)
    matrices = shape.dense_ffn_params / np.maximum(shape.dense_layers * d * shape.ffn_width, 1.0)
    ffn = shape.dense_layers * np.rint(matrices) * (d + shape.ffn_width)
    return rank * (attention + np.where(np.asarray(attention_only) > 0, 0.0, ffn))


def adapter_state_bytes(params: Num, adapters: Num, frozen_bytes: Num, ranks: Num, zero: Num, states: States) -> Num:
    """Weights, gradients and optimizer states of adapter training per rank [bytes].

    Frozen weights need no gradient and no optimizer state; adapters need both. ZeRO-3 shares the frozen weights too.

    Parameters
    ----------
    params, adapters : float or array
        Frozen and adapter parameters of the replica's part [-].
    frozen_bytes : float or array
        Bytes per frozen parameter: 2 (LoRA), 0.516 (QLoRA: 4 bits and 0.127 bits of doubly quantised scales) [bytes].
    ranks, zero : float or array
        Data-parallel degree and ZeRO stage [-].
    states : States
        Bytes per adapter parameter.

    Source: Dettmers et al. 2023, arXiv 2305.14314, sections 1 and 3.

    Examples
    --------
    65B: 780 GB of 16-bit fine-tuning (2 + 2 + 8 bytes) against less than 48 GB (section 1).

    >>> float(sum(zero_bytes(65e9, 1, 0, States(2, 2, 8)))) / 1e9
    780.0
    >>> round(float(adapter_state_bytes(65e9, 0.2e9, 0.516, 1, 0, States(2, 2, 8))) / 1e9, 1)
    35.9
    """
    shared = np.where(np.asarray(zero) >= 3, 1.0 / np.asarray(ranks, dtype=float), 1.0)
    return params * frozen_bytes * shared + sum(zero_bytes(adapters, ranks, zero, states))


def distillation_flops(student: Num, teacher: Num, attention: Num = 0.0, teacher_attention: Num = 0.0) -> Num:
    r"""Distillation with the teacher's logits computed alongside, per token [FLOP].

    .. math:: F = 6 N_s + 3 A_s + 2 N_t + A_t

    Parameters
    ----------
    student, teacher : float or array
        Parameters multiplied per token [-].
    attention, teacher_attention : float or array
        Forward attention FLOPs per token [FLOP].

    Source: Hinton et al. 2015, arXiv 1503.02531 (both forward passes, the student's backward pass).

    Examples
    --------
    8B from 405B: the teacher's forward pass is 17 times the student's step.

    >>> float(distillation_flops(8e9, 405e9)) / 1e9
    858.0
    """
    return 6.0 * student + 3.0 * attention + 2.0 * teacher + teacher_attention


class ReinforcementFlops(NamedTuple):
    """FLOPs per generated token of a policy-gradient step, by phase."""

    rollout: Num  # generation: priced by the serving engine where there is one, counted here at 2N
    scoring: Num  # reference policy, reward and value models, forward
    update: Num  # policy and value training, per pass over the rollouts


def reinforcement_flops(
    policy: Num, reward: Num = 0.0, value: Num = 0.0, reference: Num = 1.0, epochs: Num = 1.0
) -> ReinforcementFlops:
    r"""Reinforcement learning from rollouts, per generated token [FLOP].

    .. math:: 2N \;+\; 2N r + 2 N_r + 2 N_v \;+\; e (6N + 6N_v)

    Parameters
    ----------
    policy, reward, value : float or array
        Parameters of the policy N, reward model N_r (0: a rule) and value model N_v (0: group-relative, GRPO) [-].
    reference : float or array
        1 where a frozen reference policy is evaluated, else 0 [-].
    epochs : float or array
        Passes e over the rollouts [-].

    Source: Ouyang et al. 2022, arXiv 2203.02155 (PPO: four models); Shao et al. 2024, arXiv 2402.03300, section 4.1
    (GRPO: no value model).

    Examples
    --------
    7B GRPO with a rule as reward: 14 + 14 + 42 GFLOP per token.

    >>> [float(x) / 1e9 for x in reinforcement_flops(7e9)]
    [14.0, 14.0, 42.0]
    """
    scoring = 2.0 * (reference * policy + reward + value)
    return ReinforcementFlops(2.0 * policy, scoring, epochs * 6.0 * (policy + np.asarray(value)))
