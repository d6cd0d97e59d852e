"""Models that are not covered, by their type or name: what they are, and the way to go on."""

from __future__ import annotations

from collections.abc import Sequence

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


def writes_text(kind: str) -> bool:
    """Whether a type is not known to be an encoder or a model of another sense."""
    return kind not in ENCODERS and kind not in SENSE


def what(kind: str) -> tuple[str, str]:
    """What a type is that is no decoder with attention, and the way to go on; nothing of others.

    Examples
    --------
    >>> what("whisper")[0], what("llama")
    ('is a model of audio, not of text', ('', ''))
    """
    if kind in ENCODERS:
        return "is an encoder: it reads text and writes none", ""
    if kind in BOTH:
        return "is an encoder with a decoder, which is not covered", MEASURE
    if kind in STATES:
        by_size = "its cost by size alone: --params"
        return "is a state-space or recurrent model without attention, which is not covered", by_size
    if kind in LOOPED:
        return "runs the same layers several times for a token, which is not covered", MEASURE
    return (f"is a model of {SENSE[kind]}, not of text", "") if kind in SENSE else ("", "")


# Words that say so wherever they stand in a name.
_EMBEDDERS = "embed embedding embeddings rerank reranker minilm bge gte e5 mxbai colbert sentence"
_PICTURES = "diffusion sdxl flux dalle imagen"
_NAMED = {
    **dict.fromkeys(_EMBEDDERS.split(), "is an embedding model: it reads text and writes none"),
    **dict.fromkeys(_PICTURES.split(), "is a model of pictures, not of text"),
}


def what_name(words: Sequence[str]) -> tuple[str, str]:
    """What a model is by the words of its name, where they say that it writes no text, and the way to go on.

    Examples
    --------
    >>> what_name(("bge", "m3"))[0], what_name(("whisper", "large", "v3"))[0], what_name(("qwen", "3", "8b"))
    ('is an embedding model: it reads text and writes none', 'is a model of audio, not of text', ('', ''))
    """
    named = next((_NAMED[word] for word in words if word in _NAMED), "")
    return (named, "") if named else what(words[0]) if words else ("", "")
