"""Bytes per parameter of a published checkpoint, by the classes of tensors that serving engines split alike."""

from __future__ import annotations

from msgspec import structs

from llmcost.engine.model.stored import stored_bytes
from llmcost.records import NamedTuple
from llmcost.spec import Checkpoint, Model, Stored

ALIKE = {"nvfp4": "fp4", "fp4": "fp4"}


class ClassBytes(NamedTuple):
    """Bytes per parameter."""

    weights: float  # FFNs and experts
    attention: float
    ends: float  # embedding, head and what is left


def published_in(model: Model, dtype: str) -> Checkpoint | None:
    """The checkpoint whose FFNs or experts the developer stored in a format, the native one first; None without one.

    Parameters
    ----------
    model : Model
        A preset.
    dtype : str
        Format of most weights, as `--dtype` names it.
    """
    if dtype == model.native_dtype and model.checkpoint is not None:
        return model.checkpoint
    wanted = ALIKE.get(dtype, dtype)
    every = [*([model.checkpoint] if model.checkpoint else []), *model.other_checkpoints]
    for one in every:
        named = [s for s in (one.experts, one.ffn) if s is not None] or [one.rest]
        if wanted in {s.format for s in named}:
            return one
    return None


def class_bytes(model: Model, checkpoint: Checkpoint) -> ClassBytes:
    """What a parameter of each class takes in a checkpoint [bytes].

    Parameters
    ----------
    model, checkpoint
        A complete architecture, and how its weights are stored.

    Source: `engine.model.stored`.

    Examples
    --------
    Attention in 16 bits beside FFNs in 8: Llama 3.1 405B FP8 as Meta publishes it.

    >>> wide, narrow = Stored("bf16", 16.0), Stored("fp8", 8.0)
    >>> llama = Model(title="8B", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128, d_ff=14336,
    ...     vocab_size=128256)
    >>> class_bytes(llama, Checkpoint(method="fbgemm_fp8", rest=wide, attention=wide, ffn=narrow))
    ClassBytes(weights=1.0, attention=2.0, ends=2.0)
    """
    one = Checkpoint(method="counts", rest=Stored("int8", 8.0))
    counts = stored_bytes(structs.replace(model, checkpoint=one))
    held = stored_bytes(structs.replace(model, checkpoint=checkpoint))
    ffn = counts.ffn + counts.experts
    ends = counts.embedding + counts.head + counts.rest
    return ClassBytes(
        (held.ffn + held.experts) / ffn if ffn else 1.0,
        held.attention / counts.attention if counts.attention else 1.0,
        (held.embedding + held.head + held.rest) / ends if ends else 2.0,
    )
