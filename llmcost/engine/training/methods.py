"""Adapters: their parameters."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num

ALL_LINEAR, QUERY_VALUE, ATTENTION = 0, 1, 2  # where adapters sit: every linear layer, two projections, all four
ADAPTED = {"all-linear": ALL_LINEAR, "q,v": QUERY_VALUE, "attention": ATTENTION, "+embeddings": ALL_LINEAR}
WITH_ENDS = "+embeddings"  # of ADAPTED: embedding and head are trained too, whole


def trained_ends(shape: Shape) -> Num:
    """Parameters of embedding and head that are trained whole beside adapters [-].

    Each is a copy of its own, also where the head shares the weights of the embedding.

    Parameters
    ----------
    shape : Shape
        Architecture.

    Source: PEFT, `modules_to_save` copies every module that it names (huggingface/peft#1750, #2777).

    Examples
    --------
    Qwen 1.8B: 151,936 entries of 2,048, twice.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> float(trained_ends(zero._replace(embedding_params=151936 * 2048.0, head_params=151936 * 2048.0)))
    622329856.0
    """
    return shape.embedding_params + shape.head_params


def adapter_params(shape: Shape, rank: Num, where: Num = ALL_LINEAR) -> Num:
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
    where : int or array
        ALL_LINEAR: attention, and the FFNs of dense models; QUERY_VALUE: the original choice; ATTENTION: all of it.

    Source: Hu et al. 2021, arXiv 2106.09685, section 4.1; every layer: Dettmers et al. 2023, arXiv 2305.14314,
    section 4.

    Examples
    --------
    Llama 2 7B: 4,194,304 at r = 8 on queries and values (peft documentation), 39,976,960 at r = 16 everywhere.

    >>> zero = Shape(**{f: 0.0 for f in Shape._fields})
    >>> s = zero._replace(d_model=4096.0, n_heads=32.0, n_kv_heads=32.0, d_head=128.0, attention_layers=32.0,
    ...     dense_layers=32.0, ffn_width=11008.0, n_layers=32.0, dense_ffn_params=32 * 3 * 4096 * 11008.0)
    >>> float(adapter_params(s, 8, QUERY_VALUE)), float(adapter_params(s, 16))
    (4194304.0, 39976960.0)
    """
    d, query, cached = shape.d_model, shape.n_heads * shape.d_head, shape.n_kv_heads * shape.d_head
    some = (d + query) + (d + cached)
    every = 2.0 * (d + query) + 2.0 * (d + cached)
    few = np.asarray(where) == QUERY_VALUE
    mla = np.asarray(shape.is_mla) > 0
    attention = np.where(mla, 2.0 * shape.attention_params / d, shape.attention_layers * np.where(few, some, every))
    matrices = shape.dense_ffn_params / np.maximum(shape.dense_layers * d * shape.ffn_width, 1.0)
    ffn = shape.dense_layers * np.rint(matrices) * (d + shape.ffn_width)
    ffn = np.where((np.asarray(where) != ALL_LINEAR) | (np.asarray(shape.n_experts) > 0), 0.0, ffn)
    return rank * (attention + ffn)
