"""Import a model from a Hugging Face `config.json`, and write it as a preset."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from llmcost import spec
from llmcost.errors import LlmcostError, did_you_mean, raise_all
from llmcost.hf_config.families import CLASS_DEFAULTS, FAMILIES, TEXT_TYPES
from llmcost.hf_config.reader import Reader
from llmcost.units import shown

DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
QUANTIZED = {"fp8": "fp8", "mxfp4": "mxfp4"}  # other methods do not name one format
OUTER = ("torch_dtype", "dtype", "quantization_config", "tie_word_embeddings")  # a nested file may keep these outside


def model_from_config(config: dict[str, Any], name: str, read: dt.date | None = None) -> spec.Model:
    """The architecture that a configuration describes; sizes come from the file, never from a guess.

    Parameters
    ----------
    config : dict
        Parsed `config.json`; a multimodal one is read by its `text_config`.
    name : str
        Title of the model, and what messages call the file.
    read : date
        Day the file was read, for the source note; today when not given.

    Raises
    ------
    LlmcostError
        Unknown `model_type` (with the nearest ones), missing keys, wrong types, implausible sizes: all at once.

    Source: key names and meanings as published with each family, see `llmcost.hf_config.families`.

    Examples
    --------
    >>> model_from_config({"model_type": "lama"}, "mine")
    Traceback (most recent call last):
    llmcost.errors.LlmcostError: mine: model_type: 'lama' is not known
    """
    where = shown(name).strip("'")
    if not isinstance(config, dict):
        raise LlmcostError(f"{where}: expected a JSON object, got {shown(config)}")
    text, kind = _text_part(config, where)
    reader = Reader(text, where, CLASS_DEFAULTS.get(kind))
    fields = FAMILIES[kind](reader)
    context = reader.optional("max_position_embeddings")
    if context:
        fields["max_context"] = context
    fields |= _dtype(text)
    raise_all(reader.findings)
    notes = ["the language model of a multimodal file"] if text is not config else []
    if reader.defaulted:
        used = ", ".join(f"{k} {v}" for k, v in reader.defaulted.items())
        notes.append(f"not in the file, taken from the published class defaults: {used}")
    source = {
        "address": f"config.json ({kind}) of {name}"[:500],
        "date": read or dt.date.today(),
        "confidence": "vendor",
        "note": "; ".join(notes),
    }
    return _checked(fields | {"title": (name or where)[:500], "sources": [source]}, where)


def _text_part(config: dict[str, Any], where: str) -> tuple[dict[str, Any], str]:
    """The language model's part of the configuration and its type."""
    nested = config.get("text_config")
    outer = config.get("model_type")
    text = {k: config[k] for k in OUTER if k in config} | nested if isinstance(nested, dict) else config
    kind = text.get("model_type") or (outer if nested is not None else None)
    if kind is None:
        raise LlmcostError(f"{where}: missing key 'model_type'", "expected the config.json of a Hugging Face model")
    kind = TEXT_TYPES.get(kind, kind) if isinstance(kind, str) else kind
    if not isinstance(kind, str) or kind not in FAMILIES:
        guess = did_you_mean(str(kind), FAMILIES) if isinstance(kind, str) else ""
        raise LlmcostError(f"{where}: model_type: {shown(kind)} is not known", guess or f"known: {', '.join(FAMILIES)}")
    return text, kind


def _dtype(text: dict[str, Any]) -> dict[str, Any]:
    quantization = text.get("quantization_config")
    if isinstance(quantization, dict):
        method = str(quantization.get("quant_method"))
        if method in QUANTIZED:
            return {"native_dtype": QUANTIZED[method]}
        return {}
    known = DTYPES.get(str(text.get("dtype") or text.get("torch_dtype")))
    return {"native_dtype": known} if known else {}


def _checked(fields: dict[str, Any], where: str) -> spec.Model:
    try:
        return msgspec.convert({k: v for k, v in fields.items() if v is not None}, spec.Model)
    except msgspec.ValidationError as error:
        raise LlmcostError(f"{where}: {str(error).replace('`', chr(39))}") from None


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
