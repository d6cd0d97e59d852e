"""Bytes of a checkpoint: what each class of tensors weighs in the format it is published in."""

from __future__ import annotations

from llmcost.dtypes import DTYPES
from llmcost.engine.model.parameters import Counts, count
from llmcost.records import NamedTuple
from llmcost.spec import Checkpoint, Dtype, Model, Stored

UNSTATED: Dtype = "bf16"  # how weights are published where nobody says otherwise


class StoredBytes(NamedTuple):
    """Weights of a checkpoint by class of tensors [bytes]; attention holds linear mixers, ffn the shared experts."""

    attention: float
    ffn: float
    experts: float
    embedding: float
    head: float
    rest: float

    @property
    def total(self) -> float:
        """The whole checkpoint [bytes]."""
        return sum(self)


def checkpoint_of(model: Model) -> Checkpoint:
    """How the weights of a model are stored: as its checkpoint says, else all of them in its native format."""
    if model.checkpoint is not None:
        return model.checkpoint
    name = model.native_dtype or UNSTATED
    return Checkpoint(method=name, rest=Stored(name, DTYPES[name].bits))


def stored_bytes(model: Model) -> StoredBytes:
    r"""Weights of the published checkpoint by class of tensors [bytes].

    .. math:: \sum_{class} N_{class} \cdot bits_{class} / 8

    Parameters
    ----------
    model : Model
        A complete architecture; without a `checkpoint` every class is stored in its `native_dtype`.

    Source: definition.

    Examples
    --------
    gpt-oss-120b keeps its experts' matrices in MXFP4, their biases (one number in 2,881) and the rest in 16 bits: the
    published checkpoint has 60.8 GiB (model card, arXiv 2508.10925, table 1).

    >>> wide, narrow = Stored("bf16", 16.0), Stored("mxfp4", 4.25 + 11.75 / 2881)
    >>> stored = Checkpoint(method="mxfp4", rest=wide, experts=narrow)
    >>> oss = Model(title="gpt-oss-120b", n_layers=36, d_model=2880, n_heads=64, n_kv_heads=8, d_head=64,
    ...     vocab_size=201088, moe_experts=128, moe_topk=4, moe_d_ff=2880, moe_bias=True, checkpoint=stored)
    >>> round(stored_bytes(oss).total / 2**30, 1)
    60.8
    """
    parts, stored = count(model), checkpoint_of(model)
    numbers = class_counts(parts)
    kinds = [getattr(stored, name, None) or stored.rest for name in StoredBytes._fields]
    return StoredBytes(*(n * kind.bits / 8.0 for n, kind in zip(numbers, kinds, strict=True)))


def class_counts(parts: Counts) -> StoredBytes:
    """Parameters by class of tensors [-]; the fields are those of `StoredBytes`."""
    return StoredBytes(
        attention=parts.attention + parts.mixer,
        ffn=parts.dense_ffn + parts.shared,
        experts=parts.expert * parts.expert_copies,
        embedding=parts.embedding,
        head=parts.head,
        rest=parts.positions + parts.router + parts.other,
    )
