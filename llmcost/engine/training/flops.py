"""FLOPs per token of a forward pass and of training, in full or of adapters alone."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.transformer import Shape, causal_attention_flops_per_token
from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple


class TokenFlops(NamedTuple):
    """FLOPs per training token: what the method needs, and what the hardware computes with recomputation."""

    model: Num
    hardware: Num


def forward_flops(params: Num, attention: Num = 0.0) -> Num:
    """Forward pass, per token [FLOP]: 2 N + A.

    Parameters
    ----------
    params : float or array
        Parameters multiplied per token N [-].
    attention : float or array
        Attention over the context A [FLOP].

    Source: Kaplan et al. 2020, arXiv 2001.08361, equation 2.2.

    Examples
    --------
    >>> forward_flops(70e9) / 1e9
    140.0
    """
    return 2.0 * params + attention


def training_flops(params: Num, attention: Num = 0.0, recomputed: Num = 0.0, head: Num = 0.0) -> TokenFlops:
    r"""Pre-training, continued pre-training and full fine-tuning, per token [FLOP].

    .. math:: F = 6N + 3A,\quad H = F + r(2(N - N_{head}) + A)

    Parameters
    ----------
    params : float or array
        Parameters multiplied per token N [-].
    attention : float or array
        Forward attention FLOPs per token A [FLOP].
    recomputed : float or array
        Share r of layers whose forward pass runs twice [-].
    head : float or array
        Output projection, which is not part of a layer and never runs twice [-].

    Source: Kaplan et al. 2020, arXiv 2001.08361, section 2.1; full recomputation: Narayanan et al. 2021,
    arXiv 2104.04473, section 5.1 (4/3).

    Examples
    --------
    70B: 420 GFLOP per token, 560 with full recomputation.

    >>> [float(x) / 1e9 for x in training_flops(70e9, recomputed=1.0)]
    [420.0, 560.0]
    """
    model = 6.0 * params + 3.0 * attention
    return TokenFlops(model, model + recomputed * forward_flops(params - head, attention))


def training_flops_of(
    shape: Shape, seq_len: Num, recomputed: Num = 0.0, adapters: Num = 0.0, ends: Num = 0.0
) -> TokenFlops:
    """`training_flops` of an architecture, with attention over causal sequences [FLOP].

    Parameters
    ----------
    shape : Shape
        Architecture.
    seq_len : float or array
        Sequence length S [tokens].
    recomputed : float or array
        As in `training_flops`.
    adapters : float or array
        Adapter parameters beside frozen weights; 0: every weight is trained [-].
    ends : float or array
        Parameters of embedding and head that are trained whole beside the adapters, half of them in the head [-].

    Source: as `training_flops` and `adapter_training_flops`.

    Examples
    --------
    A 405B model at 8,192: 6 x 403.8e9 + 3 x 33.8e9 = 2.52 TFLOP (Llama 3 paper: 3.8e25 FLOP for 15.6T tokens).

    >>> s = Shape(**{f: 0.0 for f in Shape._fields})._replace(params_matmul=403.75e9,
    ...     attention_flops=4 * 128 * 128 * 126.0)
    >>> print(round(float(training_flops_of(s, 8192).model) * 15.6e12 / 1e25, 1))
    3.9
    """
    attention = causal_attention_flops_per_token(shape, seq_len)
    given = (attention, recomputed, np.nan_to_num(shape.head_params))
    full, beside = (
        training_flops(shape.params_matmul, *given),
        adapter_training_flops(shape.params_matmul, adapters, *given, ends / 2.0),
    )
    frozen = np.asarray(adapters) > 0
    return TokenFlops(*[np.where(frozen, b, f) for b, f in zip(beside, full, strict=True)])


def adapter_training_flops(
    params: Num, adapters: Num, attention: Num = 0.0, recomputed: Num = 0.0, head: Num = 0.0, trained_head: Num = 0.0
) -> TokenFlops:
    r"""LoRA and QLoRA, per token: frozen weights have no weight gradient [FLOP].

    .. math:: F = 4N + 6 N_a + 2 N_h + 3A,\quad H = F + r(2(N - N_{head}) + 2N_a + A)

    Forward 2N, gradient of the activations 2N; only the adapters add the 2 N_a of their own gradients. QLoRA adds the
    conversion of 4-bit weights, elementwise work that is not counted in FLOPs. A head that is trained whole adds the
    gradient of its weights, an embedding only writes rows.

    Parameters
    ----------
    params, adapters : float or array
        Frozen parameters N and adapter parameters N_a per token [-].
    attention, recomputed, head
        As in `training_flops`.
    trained_head : float or array
        Parameters N_h of a head that is trained whole [-].

    Source: Hu et al. 2021, "LoRA", arXiv 2106.09685, section 4.2; Dettmers et al. 2023, "QLoRA", arXiv 2305.14314.

    Examples
    --------
    70B: 280 GFLOP per token against 420, and 420 against 560 with full recomputation.

    >>> [float(x) / 1e9 for x in adapter_training_flops(70e9, 0.0, recomputed=1.0)]
    [280.0, 420.0]
    """
    model = 4.0 * params + 6.0 * adapters + 2.0 * trained_head + 3.0 * attention
    return TokenFlops(model, model + recomputed * (2.0 * (params - head) + 2.0 * adapters + attention))
