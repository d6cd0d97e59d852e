"""Tokens per step of a training run, where it does not state them."""

from __future__ import annotations

MOE_BATCH = 8.0  # tokens per step of mixtures of experts over those of dense runs of the same compute
LEAST_BATCH = 5e5  # tokens per step of the smallest models of arXiv 2005.14165, table 2.1
TOKENS_PER_GPU = 1024.0  # at least, per step: Llama 3.1 405B, 16M tokens on 16,384


def batch_tokens(flops: float, moe: bool = False) -> float:
    """Tokens per step where a run does not state them [-].

    4M tokens at 1e24 FLOP, growing with the cube root of compute: GPT-3 175B 3.1e23 FLOP, 3.2M tokens; Llama 2 70B
    8.3e23, 4M; Llama 3.1 405B 3.8e25, 16M; at least the 0.5M of the smallest GPT-3 models. Mixtures of experts train
    with 8 x that, the geometric mean of OLMoE (3 x), DeepSeek-V2 (9 x), DeepSeek-V3 (10 x), GLM-4.5 (10 x) and Kimi K2
    (12 x).

    Source: arXiv 2005.14165 table 2.1, 2307.09288 section 2.2, 2407.21783 section 3.4.1; 2409.02060, 2405.04434 section
    3.1.2, 2412.19437 section 4.2, 2508.06471, 2507.20534.

    >>> [round(batch_tokens(f) / 1e6, 1) for f in (2.3e20, 3.1e23, 8.3e23, 3.8e25)]
    [0.5, 2.7, 3.8, 13.4]
    """
    return (MOE_BATCH if moe else 1.0) * max(LEAST_BATCH, 4e6 * float((flops / 1e24) ** (1 / 3)))


def usual_batch(flops: float, moe: bool, tokens: float, of_model: float | None, for_tokens: float | None) -> float:
    """Tokens per step where a run does not state them: the model's own, or by its size [-].

    A batch belongs to a length of run: it grows with the cube root of compute.

    Parameters
    ----------
    flops : float
        6 x active parameters x tokens [FLOP].
    moe : bool
        A mixture of experts.
    tokens : float
        Of the run; 0 where they are not known [-].
    of_model, for_tokens : float or None
        Tokens per step that the model was trained with, and the tokens of that training [-].

    Source: as `batch_tokens`.

    >>> usual_batch(3.8e25, False, 2e12, 16e6, 16e12), round(usual_batch(3.1e23, False, 3e11, None, None) / 1e6, 1)
    (8000000.0, 2.7)
    """
    if of_model is None:
        return batch_tokens(flops, moe)
    longer = tokens / (for_tokens or tokens) if tokens else 1.0
    return float(of_model * longer ** (1 / 3))
