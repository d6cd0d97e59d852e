"""What one request computes."""

from __future__ import annotations

from llmcost.engine.model.transformer import (
    Shape,
    attention_flops_per_token,
    causal_attention_flops_per_token,
)
from llmcost.engine.numeric.kinds import Num


def request_flops(shape: Shape, isl: Num, osl: Num, cached: Num = 0.0) -> Num:
    """Model FLOPs of a request: 2 N per token passed, and attention over what each of them sees [FLOP].

    Prompt tokens see the prompt up to themselves; output tokens the prompt and half of the answer, MLA absorbed as
    decode runs it. Cached prompt tokens are not passed.

    Parameters
    ----------
    shape : Shape
        Architecture.
    isl, osl : float or array
        Input and output tokens [-].
    cached : float or array
        Input tokens found in the prefix cache [-].

    Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1 (forward: 2 N per token).

    Examples
    --------
    With a count of parameters alone, 1,000 tokens in and 500 out of 70B: 2 x 70e9 x 1500 = 2.1e14.

    >>> from llmcost.engine.model.transformer import shape_from_counts
    >>> float(request_flops(shape_from_counts(70e9), 1000, 500))
    210000000000000.0
    """
    passed = 2.0 * shape.params_matmul * (isl - cached + osl)
    seen = isl * causal_attention_flops_per_token(shape, isl)
    seen = seen - cached * causal_attention_flops_per_token(shape, cached)
    answer = osl * attention_flops_per_token(shape, isl + osl / 2.0, absorbed=True)
    return passed + seen + answer
