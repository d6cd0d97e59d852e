"""Import a model from a Hugging Face `config.json`, and write it as a preset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from llmcost import spec
from llmcost.errors import LlmcostError, raise_all
from llmcost.hf_config.families import CLASS_DEFAULTS, FAMILIES, TEXT_TYPES
from llmcost.hf_config.quantization import quantised
from llmcost.hf_config.reader import Reader
from llmcost.hf_config.refusals import WHOLE, experts_left, refuse_other_files, unknown
from llmcost.names.others import MEASURE
from llmcost.records import NamedTuple
from llmcost.result import Warning
from llmcost.units import shown

DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}
OUTER = (  # what a nested file may keep outside
    "torch_dtype", "dtype", "quantization_config", "quantization", "tie_word_embeddings", "expert_dtype",
)  # fmt: skip
TEXT_PARTS = ("text_config", "language_config", "llm_config", "thinker_config")


class Imported(NamedTuple):
    """A model read from its files, and what is not understood of them."""

    model: spec.Model
    warnings: tuple[Warning, ...] = ()


def read_config(
    config: dict[str, Any], name: str, separate: Mapping[str, Any] | None = None, read: dt.date | None = None
) -> Imported:
    """The architecture that a configuration describes, with a warning for all that is not understood.

    Sizes come from the file, never from a guess.

    Parameters
    ----------
    config : dict
        Parsed `config.json`; a multimodal one is read by its language model.
    name : str
        Title of the model, and what messages call the file.
    separate : mapping
        `hf_quant_config.json` beside it, where there is one.
    read : date
        Day the file was read, for the source note; today when not given.

    Raises
    ------
    LlmcostError
        Unknown `model_type` (with the nearest ones), missing keys, wrong types, implausible sizes: all at once.

    Source: key names and meanings as published with each family, see `llmcost.hf_config.families`.

    Examples
    --------
    >>> read_config({"model_type": "lama"}, "mine")
    Traceback (most recent call last):
    llmcost.errors.LlmcostError: mine: model_type: 'lama' is not known
    """
    where = shown(name).strip("'")
    if not isinstance(config, dict):
        raise LlmcostError(f"{where}: expected a JSON object, got {shown(config)}", WHOLE)
    refuse_other_files(config, where)
    text, kind = _text_part(config, where)
    fields, notes = _fields(text, kind, where)
    if text is not config:
        notes.insert(0, "the language model of a multimodal file: towers of other senses are not counted")
    source = {
        "address": f"config.json ({kind}) of {name}"[:500],
        "date": read or dt.date.today(),
        "confidence": "vendor",
        "note": "; ".join(notes),
    }
    model = _checked(fields | {"title": (name or where)[:500], "sources": [source]}, where)
    stored, scheme = quantised(model, text, separate)
    return Imported(stored, tuple(_not_understood(scheme.method, each, where) for each in scheme.unread))


def _fields(text: dict[str, Any], kind: str, where: str) -> tuple[dict[str, Any], list[str]]:
    """What the family makes of the configuration, and notes on it."""
    reader = Reader(text, where, CLASS_DEFAULTS.get(kind))
    fields = FAMILIES[kind](reader)
    context = reader.optional("max_position_embeddings", "n_positions", "max_seq_len", "model_max_length")
    if context:
        fields["max_context"] = context
    known = DTYPES.get(str(text.get("dtype") or text.get("torch_dtype")))
    if known:
        fields["native_dtype"] = known
    left = experts_left(text) if not fields.get("moe_experts") else ""
    if left:
        reader.find(f"{left}: {shown(text[left])}: experts in a family that has none ({kind})", MEASURE)
    raise_all(reader.findings)
    if not reader.defaulted:
        return fields, []
    used = ", ".join(f"{k} {v}" for k, v in reader.defaulted.items())
    return fields, [f"not in the file, taken from the published class defaults: {used}"]


def _not_understood(method: str, what: str, where: str) -> Warning:
    return Warning(
        "W024", f"{where}: {what} of its quantisation ({method}) is not understood: counted in 16 bits", "--dtype int4"
    )


def _text_part(config: dict[str, Any], where: str) -> tuple[dict[str, Any], str]:
    """The language model's part of the configuration and its type."""
    text, outer = config, config.get("model_type")
    kind = outer
    for _ in range(3):  # a thinker holds a text_config of its own
        nested = next((text[key] for key in TEXT_PARTS if isinstance(text.get(key), dict)), None)
        if nested is None:
            break
        untied = text.get("tie_word_embeddings") is False  # what either of them says holds: the class ties by both
        text = {k: text[k] for k in OUTER if text.get(k) is not None} | {
            k: v for k, v in nested.items() if v is not None or k not in OUTER
        }
        if untied:
            text["tie_word_embeddings"] = False
        kind = text.get("model_type") or outer
    if kind is None:
        raise LlmcostError(f"{where}: missing key 'model_type'", "expected the config.json of a Hugging Face model")
    kind = TEXT_TYPES.get(kind, kind) if isinstance(kind, str) else kind
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise unknown(kind, where, list(FAMILIES))
    return text, kind


def _checked(fields: dict[str, Any], where: str) -> spec.Model:
    try:
        return msgspec.convert({k: v for k, v in fields.items() if v is not None}, spec.Model)
    except msgspec.ValidationError as error:
        raise LlmcostError(f"{where}: {str(error).replace('`', chr(39))}", WHOLE) from None


def model_to_toml(model: spec.Model) -> str:
    """A model as the text of a preset file: the values that differ from the defaults.

    Parameters
    ----------
    model : Model
        Any model.

    Examples
    --------
    >>> print(model_to_toml(spec.Model(title="mine", params_total=7e9)), end="")
    title = "mine"
    params_total = 7000000000
    """
    import tomli_w  # only when a preset is written

    return tomli_w.dumps(_differing(model))


def _differing(struct: msgspec.Struct) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for info in msgspec.structs.fields(struct):
        value = getattr(struct, info.name)
        if value is None or value == [] or (not info.required and value == info.default):
            continue
        out[info.name] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _differing(value)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
