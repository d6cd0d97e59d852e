"""Files that are no language model of this tool: what they are, and the way to go on."""

from __future__ import annotations

from typing import Any

from llmcost.errors import LlmcostError, did_you_mean, shown
from llmcost.names.others import MEASURE, what, writes_text

WHOLE = "fetch it again, whole, or give the folder with its config.json"
NO_MODEL = "llmcost presets list models names those known; llmcost presets new models NAME describes another"


def refuse_other_files(config: dict[str, Any], where: str) -> None:
    """Raise for a file that is not the `config.json` of a model.

    Raises
    ------
    LlmcostError
        An adapter (with its base and rank), a generation, tokenizer or processor file, a diffusion pipeline.
    """
    if "peft_type" in config:
        base, rank = config.get("base_model_name_or_path"), config.get("r")
        method = shown(str(config["peft_type"]), 20).strip("'")
        of = f" of {shown(base)}" if isinstance(base, str) and base else ""
        size = f", rank {rank}" if isinstance(rank, int) else ""
        asked = base if isinstance(base, str) and base else "BASE"
        more = f" --lora-rank {rank}" if isinstance(rank, int) else ""
        raise LlmcostError(
            f"{where}: an adapter ({method}{size}){of}, not a model",
            f"llmcost train --model {asked} --method lora{more}",
        )
    if "model_type" in config:
        return
    if "_class_name" in config or "_diffusers_version" in config:
        raise LlmcostError(f"{where}: part of a diffusion pipeline, not a language model", NO_MODEL)
    if "tokenizer_class" in config or "added_tokens_decoder" in config:
        raise LlmcostError(f"{where}: the configuration of a tokenizer", "give the config.json beside it")
    if "image_processor_type" in config or "feature_extractor_type" in config or "processor_class" in config:
        raise LlmcostError(f"{where}: the configuration of a processor", "give the config.json beside it")
    if "quantization" in config and "producer" in config:
        raise LlmcostError(f"{where}: only how a checkpoint is quantised", "give its folder, with config.json")
    if "weight_map" in config:
        raise LlmcostError(f"{where}: an index of weight files", "give its folder, with config.json")
    if {"eos_token_id", "temperature", "do_sample", "top_p", "max_new_tokens"} & set(config) and "hidden_size" not in (
        config
    ):
        raise LlmcostError(f"{where}: settings of generation, not a model", "give the config.json beside it")


def refuse_no_decoder(config: dict[str, Any], where: str) -> None:
    """Raise for a type that no count makes a language model: encoders, models of other senses.

    Raises
    ------
    LlmcostError
        What it is.
    """
    refuse_other_files(config, where)
    kind = config.get("model_type")
    if isinstance(kind, str) and not writes_text(kind):
        raise unknown(kind, where, [])


def unknown(kind: object, where: str, known: list[str]) -> LlmcostError:
    """The finding for a `model_type` that is not read: what it is, where that is known."""
    name = kind if isinstance(kind, str) else ""
    said, hint = what(name)
    if said:
        return LlmcostError(f"{where}: model_type: {shown(kind)} {said}", hint)
    near = did_you_mean(name, known) if name else ""
    return LlmcostError(f"{where}: model_type: {shown(kind)} is not known", f"{near} " * bool(near) + MEASURE)


EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_layer")


def experts_left(config: dict[str, Any]) -> str:
    """A key that says the model has experts, for a family that has none: it must not be read past."""
    if config.get("is_moe") is False or config.get("enable_moe_block") is False:
        return ""
    for key in EXPERT_KEYS:
        value = config.get(key)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            return key
    return ""
