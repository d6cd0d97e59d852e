"""Models that are not covered, by their type or name: what they are, and the way to go on."""

from __future__ import annotations

from collections.abc import Sequence

MEASURE = "llmcost presets import FOLDER --measure counts it with its own class (pip install 'llmcost-cli[hf]')"
BY_SIZE = "its cost by size alone: --params"
RECURRENT = "is a state-space or recurrent model without attention, which is not covered"
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
DIFFUSION = frozenset(["diffusion_gemma", "diffusion_gemma_text", "llada", "llada2_moe", "dream"])
BY_DIFFUSION = "writes several tokens at a step by diffusion, which is not covered"
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
        return RECURRENT, BY_SIZE
    if kind in DIFFUSION:
        return BY_DIFFUSION, BY_SIZE
    if kind in LOOPED:
        return "runs the same layers several times for a token, which is not covered", MEASURE
    return (f"is a model of {SENSE[kind]}, not of text", "") if kind in SENSE else ("", "")


# Words that say so wherever they stand in a name. A type that is also the first word of decoders is none of them.
_DECODERS_TOO = {"ernie", "new", "git", "mega", "s4"}
_ANYWHERE = {
    "is an embedding model: it reads text and writes none": "embed embedding embeddings rerank reranker minilm bge gte"
    " e5 mxbai colbert sentence",
    "is a model of pictures, not of text": "sdxl dalle imagen flux flux.1 flux.2",
    "is a model of audio, not of text": "whisper tts asr kokoro vibevoice parakeet wavlm hubert",
    "is an encoder with a decoder, which is not covered": "t5 mt5 byt5 codet5 flan ul2 bart mbart nllb madlad400",
    RECURRENT: "mamba rwkv recurrentgemma xlstm",
    "is a drafter: it guesses tokens for another model": "eagle eagle3 dflash dspark medusa speculator speculators",
    BY_DIFFUSION: "llada diffusiongemma diffucoder",
}
_NAMED = {word: said for said, words in _ANYWHERE.items() for word in words.split()}
_HINTS = {
    _NAMED["mamba"]: BY_SIZE, _NAMED["t5"]: MEASURE, _NAMED["llada"]: BY_SIZE,
    _NAMED["eagle"]: "the model that it drafts for, with --technique speculation",
}  # fmt: skip


def what_name(words: Sequence[str]) -> tuple[str, str]:
    """What a model is by the words of its name, where they say that it is no decoder, and the way to go on.

    Examples
    --------
    >>> what_name(("bge", "m3"))[0], what_name(("qwen", "3", "tts"))[0], what_name(("qwen", "3", "8b"))
    ('is an embedding model: it reads text and writes none', 'is a model of audio, not of text', ('', ''))
    >>> what_name(("falcon", "mamba", "7b"))[0], what_name(("ernie", "4.5", "vl", "28b"))
    ('is a state-space or recurrent model without attention, which is not covered', ('', ''))
    """
    if "diffusion" in words:
        kind = "sdxl" if "stable" in words else "llada"
        return _NAMED[kind], _HINTS.get(_NAMED[kind], "")
    named = next((_NAMED[word] for word in words if word in _NAMED), "")
    if named:
        return named, _HINTS.get(named, "")
    return what(words[0]) if words and words[0] not in _DECODERS_TOO else ("", "")
