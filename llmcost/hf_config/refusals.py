"""Files that are no language model of this tool: what they are, and the way to go on."""

from __future__ import annotations

from typing import Any

from llmcost.errors import LlmcostError, did_you_mean, shown

MEASURE = "llmcost presets import FOLDER --measure counts it with its own class (pip install 'llmcost-cli[hf]')"
_ENCODERS = """
bert roberta xlm-roberta xlm-roberta-xl distilbert albert electra deberta deberta-v2 camembert ernie mpnet
modernbert big_bird roformer rembert longformer nomic_bert data2vec-text megatron-bert roc_bert xmod xlm xlnet
roberta-prelayernorm bert-generation luke funnel squeezebert mobilebert convbert fnet nystromformer yoso mra esm
canine tapas lilt layoutlm layoutlmv3 neobert eurobert jina_bert new gte flaubert ibert
"""
ENCODERS = frozenset(_ENCODERS.split())
_BOTH = """
t5 mt5 umt5 longt5 bart mbart pegasus pegasus_x marian m2m_100 nllb-moe blenderbot blenderbot-small bigbird_pegasus
prophetnet led switch_transformers t5gemma t5gemma2 plbart mvp fsmt encoder-decoder trocr udop
"""
BOTH = frozenset(_BOTH.split())
_STATES = """
mamba mamba2 falcon_mamba rwkv rwkv5 rwkv6 rwkv7 xlstm recurrent_gemma mega s4 retnet
"""
STATES = frozenset(_STATES.split())
_LOOPED = """
zamba zamba2 dory hrm_text inkling2_loop inkling2_loop_text
"""
LOOPED = frozenset(_LOOPED.split())
SENSES = {
    "vision": "vit deit beit swin dinov2 dinov3_vit clip clip_vision_model siglip siglip_vision_model siglip2 resnet"
    " convnext sam sam2 detr yolos segformer dpt mask2former timm_wrapper git pix2struct vision-encoder-decoder",
    "audio": "whisper wav2vec2 wav2vec2-bert hubert wavlm vits speecht5 encodec musicgen musicgen_melody bark clap"
    " seamless_m4t seamless_m4t_v2 parakeet moonshine audio-spectrogram-transformer univnet mimi dac moshi",
    "time series": "time_series_transformer informer autoformer patchtst timesfm",
}
SENSE = {kind: sense for sense, kinds in SENSES.items() for kind in kinds.split()}


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
        raise LlmcostError(f"{where}: part of a diffusion pipeline, not a language model")
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
    if kind in ENCODERS or kind in SENSE:
        raise unknown(kind, where, [])


def unknown(kind: object, where: str, known: list[str]) -> LlmcostError:
    """The finding for a `model_type` that is not read: what it is, where that is known."""
    name = kind if isinstance(kind, str) else ""
    if name in ENCODERS:
        return LlmcostError(f"{where}: model_type: {shown(kind)} is an encoder: it reads text and writes none")
    if name in BOTH:
        return LlmcostError(
            f"{where}: model_type: {shown(kind)} is an encoder with a decoder, which is not covered", MEASURE
        )
    if name in STATES:
        return LlmcostError(
            f"{where}: model_type: {shown(kind)} is a state-space or recurrent model without attention, "
            "which is not covered", "its cost by size alone: --params"
        )  # fmt: skip
    if name in LOOPED:
        return LlmcostError(
            f"{where}: model_type: {shown(kind)} runs the same layers several times for a token, which is not covered",
            MEASURE,
        )
    if name in SENSE:
        return LlmcostError(f"{where}: model_type: {shown(kind)} is a model of {SENSE[name]}, not of text")
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
