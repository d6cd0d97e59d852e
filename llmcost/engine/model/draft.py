"""The size of a draft that proposes tokens to a model."""

from __future__ import annotations

from llmcost.engine.numeric.kinds import Num

CHANNELS = 128.0 * (2 * 32 + 2 * 8)  # of queries, keys, values and outputs of a draft's layer


def block_draft_params(d_model: Num, ffn_width: Num, layers: Num) -> Num:
    r"""Parameters of a draft that writes blocks [-], without the embedding and the head, which are the model's.

    .. math:: n (128 d (2 \cdot 32 + 2 \cdot 8) + 3 d f) + n d^2

    Parameters
    ----------
    d_model, ffn_width : float or array
        Hidden width d and FFN width f of the model.
    layers : float or array
        Layers n of the draft, which reads as many of the model's hidden states.

    Source: DFlash, `config.json` of z-lab's drafts: 32 heads of 128 with 8 of the cache, an FFN as wide as the model's,
    one projection of the hidden states that it reads.

    Examples
    --------
    z-lab/Qwen3.6-27B-DFlash has 1,730,213,120 parameters, 62,720 of them in norms.

    >>> float(block_draft_params(5120.0, 17408.0, 5.0)) + 5 * (2 * 5120 + 256) + 2 * 5120
    1730213120.0
    """
    return layers * (CHANNELS * d_model + 3.0 * d_model * ffn_width + d_model**2)
