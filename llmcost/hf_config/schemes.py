"""A model in a format that its name says: which classes of tensors are stored in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from msgspec import structs

from llmcost.engine.model.published import published_in
from llmcost.spec import Checkpoint, Dtype, Model, Stored

WIDE = Stored("bf16", 16.0)


def stored_as(model: Model, scheme: Mapping[str, Any]) -> Model:
    """The same architecture stored in another format.

    Parameters
    ----------
    model : Model
        A complete architecture.
    scheme : mapping
        A row of `calibration/checkpoints.toml`: method, format, bits and the classes that are stored so.

    Examples
    --------
    >>> row = {"method": "awq", "format": "int4", "bits": 4.15625, "classes": ["attention", "ffn", "experts"]}
    >>> stored_as(Model(title="m", native_dtype="bf16"), row).checkpoint.attention
    Stored(format='int4', bits=4.15625)
    """
    if scheme["format"] == "bf16":
        return structs.replace(model, native_dtype="bf16", checkpoint=None)
    if model.native_dtype == scheme["format"]:
        return model  # published so: its own classes are known better
    computed: Any = nearest_dtype(scheme["format"])  # named as it is computed; the bits are its own
    own = published_in(model, computed)
    if own is not None and scheme["method"] in own.method:
        return structs.replace(model, native_dtype=computed, checkpoint=own)
    stored = Stored(computed, float(scheme["bits"]))
    classes: dict[str, Any] = {name: stored for name in scheme["classes"]}
    checkpoint = Checkpoint(
        method=scheme["method"],
        activation_dtype=scheme.get("activation_dtype"),
        kv_dtype=scheme.get("kv_dtype"),
        **{"rest": WIDE, **classes},
    )
    return structs.replace(model, native_dtype=computed, checkpoint=checkpoint)


def nearest_dtype(stored: str) -> str:
    """The format of `native_dtype` that a stored one is computed like: integers of 5 bits and fewer as int4.

    Examples
    --------
    >>> nearest_dtype("int5"), nearest_dtype("int6"), nearest_dtype("mxfp4")
    ('int4', 'int8', 'mxfp4')
    """
    if stored in get_args(Dtype):
        return stored
    return "int4" if stored in ("int1", "int2", "int3", "int5") else "int8"
