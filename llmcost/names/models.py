"""Names of models as people type them: hub ids, `:size` tags, any case, with the words that change no shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from llmcost.records import NamedTuple, SameRow

# Words that publishers add to a model of the same shape: who it was tuned for, not what it is.
_SAME_SHAPE = """
instruct instruction it chat base hf thinking think reasoning reasoner pt sft dpo grpo rl rlhf latest text preview
release official exp experimental gguf mlx onnx pytorch bnb unsloth abliterated uncensored heretic
deduped qat imatrix i1 ud dynamic quantized static cloud free nitro versatile instant
mtp huihui obliterated josiefied derestricted derisked abliterix hauhaucs aggressive crack
quark llmcompressor modelopt
"""
SAME_SHAPE = frozenset(_SAME_SHAPE.split())
_BRANDS = """
meta google nvidia openai mistralai microsoft ibm c4ai cohere alibaba tencent baidu xiaomi ai21 allenai lgai zai
deepmind facebook moonshotai minimaxai stepfun nous hf nousresearch models library ollama
"""
BRANDS = frozenset(_BRANDS.split())
# Those who publish, before the name of a model packed again by another: bartowski/Qwen_Qwen3-32B-GGUF.
_PACKED = re.compile(
    r"^(?:[a-z0-9]+-)*(?:qwen|google|ai|org|openai|nvidia|mistralai|microsoft|llama|moonshotai|granite|allenai|tiiuae"
    r"|liquidai|coherelabs|cohereforai|huggingfacetb|nousresearch|internlm|tencent|baidu|thudm|exaone|seed|primeintellect"
    r"|agentica|skywork|upstage|inclusionai|minimaxai|apple|xiaomimimo|openbmb)_(?=[a-z])"
)
# A brand that is also the family's own name (`mistral`, `deepseek`, `qwen`, `nemotron`) is never dropped.
# `4bit`, `int4`, `4bit-128g`, and `4b-128g`, in which a size cannot be meant
_BITS = r"-?(?:int)?{}(?:-?bit|b(?=-(?:g\d+|\d+g)))?"
_GROUP = r"(?:-(?:g\d+|\d+g))?"
_MLX_BITS = "[2-68]"  # the widths that MLX packs
SCHEMES: tuple[tuple[str, str], ...] = (  # what a name says of its format; the first that is found
    (r"(?:qat-)?(?:q4_0-|int4-)?unquantized", "16bit"),
    (r"(?:ud[-_])?(iq1_[sm]|iq[23]_(?:xxs|xs|s|m)|iq4_(?:xs|nl)|q[2-5]_k_s|q[3-5]_k_m|q3_k_l|q8_0|q[45]_[01])", ""),
    (r"(?:ud[-_])?(q[26]_k)(?!_)", ""),
    (r"(?:ud[-_])?(q[345]_k)(?!_)", "gguf"),  # llama.cpp: another name of the medium one
    (r"(?:ud[-_])?i?q[1-8]_[a-z]+(?:_[a-z]+)?", "bits"),
    (r"(?:mlx-)?mxfp4(?:-q8)?(?:-mlx)?", "mxfp4"),
    (r"mxfp8(?:-mlx)?", "mxfp8"),
    (r"nvfp4a16|nvfp4-?w4a16|w4a16-nvfp4", "nvfp4a16"),
    (r"nvfp4|fp4", "nvfp4"),
    (rf"(?:mlx-(?:community-)?)({_MLX_BITS})-?bit", "mlx"),
    (rf"({_MLX_BITS})-?bit(?:-mlx|-dwq(?:-.*)?)", "mlx"),
    (r"(?:bnb|nf)-?4(?:-?bit)?(?:-bnb)?|4bit-bnb", "bnb-4bit"),
    (r"bnb-8-?bit|8bit-bnb|llm-int8", "bnb-8bit"),
    (rf"awq(?:{_BITS.format(4)})?{_GROUP}|(?:int4-|4bit-|w4a16-)awq", "awq"),
    (rf"(?:gptq|autoround){_BITS.format(8)}{_GROUP}|int8-(?:gptq|autoround)", "gptq-8bit"),
    (rf"(?:gptq|autoround)(?:{_BITS.format(4)})?{_GROUP}|(?:int4-|4bit-)(?:gptq|autoround)", "gptq-4bit"),
    (r"(?:quantized-)?w4a16(?:-g?\d+)?(?:-ct)?|int4", "w4a16"),
    (r"(?:quantized-)?w8a16", "w8a16"),
    (r"(?:quantized-)?w8a8|int8", "w8a8"),
    (r"fp8-kv", "fp8-kv"),
    (r"fp8-dynamic", "fp8-dynamic"),
    (r"(?:fbgemm-)?fp8(?:-(?:block|static|tensorwise|w8a8|e4m3))?", "fp8"),
    (r"bf16|fp16|f16|16-?bit", "16bit"),
    (r"([2-8])-?bit", "bits"),
)
# Marks that say the same of a checkpoint twice: `AWQ-W4A16`, `INT8-W8A8`.
_TWICE = (("awq", "gptq-4bit", "w4a16"), ("gptq-8bit", "w8a16", "w8a8"), ("fp8", "fp8-dynamic"))
EVERY_MATRIX = (
    "redhatai",
    "neuralmagic",
)  # what their FP8 checkpoints quantise, whatever the developer's own leave out
_SCHEMES = tuple((re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])"), scheme) for pattern, scheme in SCHEMES)
# Spellings of clouds: `us.meta.llama3-1-70b-instruct-v1:0` on Bedrock, `llama-v3p1-70b` on Fireworks.
_HOSTED = re.compile(
    r"^(?:(?:us|eu|apac|global)\.)?(?:meta|mistral|anthropic|amazon|deepseek|qwen|openai|cohere|ai21|google|nvidia)\."
    r"(.+?)(?:-v[1-9]\d*)?(?::\d+)?$"
)
_POINT = re.compile(r"(?<!\d)v?(\d)p(\d)(?![a-z0-9])")
_SIZE = re.compile(r"^(?:\d+x)?\d+(?:\.\d+)?[bmt]$")
DATE = re.compile(r"^(?:2[3-6](?:0[1-9]|1[0-2])|20\d{6}|0[1-9][0-3]\d|1[0-2][0-3]\d)$")
_WHOLE_DATE = re.compile(r"^20\d{6}$")
_DAY = re.compile(r"\b(20\d\d)-([01]\d)-([0-3]\d)\b")  # a snapshot: gpt-4o-2024-08-06
_JOINED = re.compile(r"^([a-z]{2,})(\d.*?)(vl|omni)?$")  # qwen3, hermes3, phi4, qwen2.5vl; not v3, r1, k2, a3b, vl2


class Name(NamedTuple):
    """A typed name taken apart: the words that say which model, and the format it names."""

    words: tuple[str, ...]
    scheme: str  # a row of calibration/checkpoints.toml, or nothing
    unclear: str  # a word of a format that does not say which one
    full: tuple[str, ...]  # with the words that change no shape
    owner: str  # who publishes it, where a hub's id says so

    @property
    def size(self) -> str:
        """`70b` in `llama-3.3-70b`."""
        return next((word for word in self.words if _SIZE.match(word)), "")

    @property
    def version(self) -> str:
        """`3.3` in `llama-3.3-70b`."""
        return next((word for word in self.words[1:] if re.match(r"v?\d", word) and not _SIZE.match(word)), "")


def read(typed: str) -> Name:
    """Take a typed name apart.

    Parameters
    ----------
    typed : str
        `meta-llama/Llama-3.3-70B-Instruct`, `qwen3:30b`, `phi4:14b-q4_K_M`, `Qwen/Qwen3-32B-AWQ`.

    Examples
    --------
    >>> read("meta-llama/Llama-3.3-70B-Instruct").words
    ('llama', '3.3', '70b')
    >>> read("qwen3:30b-a3b-q4_K_M")
    Name(words=('qwen', '3', '30b', 'a3b'), scheme='q4_k_m', unclear='', full=('qwen', '3', '30b', 'a3b'), owner='')
    """
    text = re.sub(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co|ollama\.com)/", "", typed.strip().lower())
    text = text.removeprefix("models--").replace("--", "/").rstrip("/")
    owner, _, name = text.rpartition("/")
    name = _HOSTED.sub(r"\1", re.sub(r"-v0:(\d)$", r"-v0.\1", name.removesuffix(".gguf")))
    name = _DAY.sub(r"\1\2\3", _POINT.sub(r"\1.\2", _PACKED.sub("", name)))
    tagged = ":" in name
    name = re.sub(r"(?<=r)\+(?![a-z])", "-plus", name.replace(":", "-").replace(" ", "-"))  # Command R+
    name, scheme, unclear = _scheme(name, owner)
    if not scheme and name.endswith("-qat"):  # trained for Q4_0, and stored so where a tag of a runtime says it
        scheme, unclear = ("q4_0", "") if tagged else ("", "qat")
    name = re.sub(r"(?<=\d)_(?=\d-)", ".", name)  # llama-3_1-nemotron, internvl3_5-8b
    parts = [part for part in re.split(r"[-_/]+", name) if part]
    words = [word for part in parts for word in _split(part)]
    while len(words) > 1 and words[0] in BRANDS:
        words = words[1:]
    return Name(tuple(w for w in words if w not in SAME_SHAPE), scheme, unclear, tuple(words), owner)


def _scheme(name: str, owner: str) -> tuple[str, str, str]:
    """The name without the words of its format, the format, and what is not clear of it."""
    for pattern, scheme in _SCHEMES:
        found = pattern.search(name, 1)
        if not found:
            continue
        rest = (name[: found.start()] + "-" + name[found.end() :]).strip("-_.")
        if not scheme:
            return rest, found.group(1), ""
        if scheme == "gguf":
            return rest, f"{found.group(1)}_m", ""
        if scheme == "fp8" and owner in EVERY_MATRIX:
            scheme = "fp8-dynamic"
        width = found.group(1) if found.lastindex else ""  # none of a mix of llama.cpp's
        if scheme == "bits" and "mlx" in owner + name and re.fullmatch(_MLX_BITS, width):
            scheme = "mlx"
        if scheme == "bits":
            return rest, "", found.group(0)
        if scheme == "mlx":
            return rest, f"mlx-{found.group(1) or found.group(2)}bit", ""
        return _said_twice(rest, scheme, owner), scheme, ""
    unclear = next((word for word in ("gguf", "mlx") if word in re.split(r"[-_.]", name)), "")
    return name, "", unclear


def _said_twice(rest: str, scheme: str, owner: str) -> str:
    """A name without a second mark of the same format."""
    if not any(scheme in alike for alike in _TWICE):
        return rest
    other, second, _ = _scheme(rest, owner)
    return other if any(scheme in alike and second in alike for alike in _TWICE) else rest


def _split(part: str) -> list[str]:
    joined = _JOINED.match(part)
    if joined and (len(joined.group(1)) > 2 or joined.group(1) in FAMILIES):
        return [word for word in joined.groups() if word]
    return [part]


# Families that other words of a name may stand before (`nvidia-llama`); those of two letters part from a version too.
_FAMILIES = """
llama qwen gemma phi glm deepseek mistral mixtral granite olmo falcon nemotron gpt grok kimi minimax ernie exaone
smollm jamba yi internlm baichuan starcoder codellama command solar opt pythia mpt step seed hunyuan stablelm
ministral devstral magistral minicpm llada small medium large
"""
FAMILIES = frozenset(_FAMILIES.split())


def keys(words: Iterable[str]) -> list[tuple[str, ...]]:
    """Ways to look a name up, the exact one first.

    Whole numbers side by side may be a version (`llama3-1-8b`). A day changes no shape, nor a month beside a size.

    Examples
    --------
    >>> keys(("mistral", "small", "24b", "2501"))
    [('24b', '2501', 'mistral', 'small'), ('24b', 'mistral', 'small')]
    """
    exact = list(words)
    found = [tuple(sorted(exact))]
    dotted = _dotted(exact)
    if dotted != exact:
        found.append(tuple(sorted(dotted)))
    date = DATE if any(_SIZE.match(word) for word in exact) else _WHOLE_DATE
    for form in (exact, dotted):
        undated = [w for w in form if not date.match(w)]
        if undated and len(undated) < len(form):
            found.append(tuple(sorted(undated)))
    return list(dict.fromkeys(found))


def _dotted(words: list[str]) -> list[str]:
    out: list[str] = []
    for word in words:
        if out and re.fullmatch(r"v?\d", out[-1]) and re.fullmatch(r"\d", word):
            out[-1] = f"{out[-1]}.{word}"
        else:
            out.append(word)
    return out


def index(known: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Presets by the words of their names and aliases; words that mean two presets mean none.

    A name with a word that changes no shape has its own preset where there is one (`kimi-k2-thinking`).

    Parameters
    ----------
    known : mapping
        Name or alias to preset name.
    """
    table: dict[tuple[str, ...], str] = {}
    for plain in (True, False):
        for alias, preset in known.items():
            read_ = read(alias)
            if (read_.full == read_.words) is plain:
                key = keys(read_.full)[0]
                table[key] = preset if table.get(key, preset) == preset else ""
    for alias, preset in known.items():
        table.setdefault(keys(read(alias).words)[0], preset)
    return table


def resolve(typed: str, known: Mapping[tuple[str, ...], str]) -> str:
    """The preset a typed name means for certain, or nothing."""
    asked = read(typed)
    if not asked.words:
        return ""
    return next((known[key] for key in (*keys(asked.full), *keys(asked.words)) if known.get(key)), "")


def listed(typed: str, rows: Iterable[SameRow]) -> str:
    """The preset that a checkpoint with a name of its own has the shape of, or nothing.

    Parameters
    ----------
    typed : str
        Any name; one word alone (`lift`) is taken from its owner only.
    rows : iterable of SameRow
        `[[same]]` of presets/calibration/hub.toml: `preset` and its `names`.

    Examples
    --------
    >>> rows: list[SameRow] = [{"preset": "qwen3.5-9b", "names": ["ornith-ai/Ornith-1.5-9B", "datalab-to/lift"]}]
    >>> [listed(n, rows) for n in ("Ornith-1.5-9B-FP8", "datalab-to/lift", "lift", "ornith-1.5")]
    ['qwen3.5-9b', 'qwen3.5-9b', '', '']
    """
    asked = read(typed)
    start = asked.full[0] if asked.full else ""
    for row in rows:
        for name in (name for name in row["names"] if start in name.lower()):
            other = read(name)
            if other.full == asked.full and (len(asked.full) > 1 or other.owner == asked.owner):
                return row["preset"]
    return ""


LATEST = ":latest"  # the tag of a runtime that says nothing of size


def pulled(typed: str, known: Mapping[str, str], sizes: Mapping[str, str]) -> str:
    """A name tagged `latest` with the size that a runtime pulls; nothing where that is not certain.

    Parameters
    ----------
    typed : str
        Any name; one without the tag comes back as it is.
    known : mapping
        Name or alias to preset name.
    sizes : mapping
        Name without a tag to the size that its library lists.

    Examples
    --------
    >>> known = {n: n for n in ("llama-3.2-1b", "llama-3.2-3b", "deepseek-r1", "phi-4")}
    >>> known["deepseek-r1-distill-llama-8b"] = "llama-3.1-8b"
    >>> [pulled(n, known, {"llama3.2": "3b"}) for n in ("llama3.2:latest", "deepseek-r1:latest", "phi4:latest")]
    ['llama3.2:3b', '', 'phi4']
    """
    if not typed.lower().endswith(LATEST):
        return typed
    name = typed[: -len(LATEST)]
    words = read(name).words
    size = next((size for label, size in sizes.items() if read(label).words == words), "")
    if size:
        return f"{name}:{size}"
    told = [(read(label), preset) for label, preset in known.items()]
    meant = {
        preset for other, preset in told if set(words) <= set(other.words) and (other.size or other.words == words)
    }
    return name if len(meant) == 1 else ""
