"""The matrices of a model by the names that checkpoints give them, and which of them a list of patterns means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import cache

from llmcost.engine.model import parameters
from llmcost.records import NamedTuple
from llmcost.spec import Model


class Part(NamedTuple):
    """Matrices of one kind: their class, the names they go by inside a layer, where they are and what they hold."""

    kind: str  # attention, ffn, experts, embedding, head, rest
    names: tuple[str, ...]  # inside a layer; whole names where `layers` is nothing
    layers: int  # layers that have them
    first: int | None  # the first of those layers, where they follow one another
    params: float  # of all layers [-]


ATTENTION = ("self_attn", "attn", "mixer", "attention", "self_attention")
FFN = ("mlp", "feed_forward", "ffn", "mixer", "block_sparse_moe")
GEMMA4_NORMS = 7  # its experts stand beside the FFN, not in it
PREFIX = re.compile(r"^(?:model\.|language_model\.|backbone\.|transformer\.|text_model\.)+")
_LAYER = re.compile(r"^(?:layers|h|blocks)\.(\d+)\.?(.*)$")
_EXPERT = re.compile(r"\bexperts\.\d+\b")


def _names(owners: Iterable[str], *ends: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{end}".removeprefix(".") for owner in owners for end in ends)


def parts_of(model: Model) -> list[Part]:
    """The matrices of a model; what is no matrix (norms, biases, convolutions) is `rest`.

    Parameters
    ----------
    model : Model
        A complete architecture.
    """
    counts, layers = parameters.count(model), parameters.layers_of(model)
    dense_first = 0 if layers.dense and not layers.moe else None
    moe_first = model.moe_first_dense_layers if model.moe_layer_interval == 1 and model.moe_layers is None else None
    if moe_first is not None and layers.dense:
        dense_first = 0
    beside = ("",) if model.norms_per_layer == GEMMA4_NORMS else FFN
    found = [*_attention(model, counts.attention, layers.attention), *_mixer(model, counts.mixer)]
    found += [
        *_thirds(FFN, "ffn", counts.dense_ffn, layers.dense, dense_first, model.ffn_gated, ""),
        *_thirds(FFN, "ffn", counts.shared, layers.moe, moe_first, model.ffn_gated, "shared_experts."),
        *_thirds(beside, "experts", counts.expert * counts.expert_copies, layers.moe, moe_first, model.ffn_gated,
                 "experts.0."),
        Part("embedding", ("embed_tokens", "embeddings", "wte", "word_embeddings", "embed"), 0, None, counts.embedding),
        Part("head", ("lm_head", "head", "output"), 0, None, counts.head),
        Part("rest", _names(FFN, "gate", "router"), layers.moe, moe_first, counts.router),
        Part("rest", (), 0, None, counts.positions + counts.other),
    ]  # fmt: skip
    return [part for part in found if part.params]


def _thirds(
    owners: tuple[str, ...], kind: str, params: float, layers: int, first: int | None, gated: bool, inside: str
) -> list[Part]:
    """An FFN as its matrices of equal size."""
    ends = [("gate_proj", "w1", "gate_up_proj"), ("up_proj", "w3", "gate_up_proj", "input_linear"),
            ("down_proj", "w2", "output_linear")]  # fmt: skip
    ends = ends if gated else ends[1:]
    spelled = {"shared_experts.": ("shared_experts.", "shared_expert.", "shared_mlp."),
               "experts.0.": ("experts.0.", "experts.")}.get(inside, (inside,))  # fmt: skip
    return [
        Part(kind, _names(owners, *(f"{each}{end}" for each in spelled for end in names)),
             layers, first, params / len(ends))
        for names in ends
    ]  # fmt: skip


def _attention(model: Model, total: float, layers: int) -> list[Part]:
    """Projections of attention, in proportion to their sizes where they are known."""
    if not layers:
        return []
    d, h, e = float(model.d_model or 0), float(model.n_heads or 0), float(model.d_head or 0)
    sizes: dict[tuple[str, ...], float]
    if model.attention_params is not None:
        sizes = {("q_a_proj", "q_b_proj", "wq_a", "wq_b", "wkv", "wo_a", "wo_b", "o_a_proj"): 1.0}
    elif model.attention == "mla":
        sizes = _latent(model, d, h)
    else:
        kv = float(model.n_kv_heads or h) * e
        sizes = {("q_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv"): d * h * e,
                 ("k_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv"): d * kv,
                 ("v_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv"): d * kv,
                 ("o_proj", "out_proj", "dense", "c_proj"): d * h * e}  # fmt: skip
    whole = sum(sizes.values())
    return [Part("attention", _names(ATTENTION, *ends), layers, None, total * n / whole) for ends, n in sizes.items()]


def _latent(model: Model, d: float, h: float) -> dict[tuple[str, ...], float]:
    rank, query = float(model.mla_kv_lora_rank or 0), float(model.mla_q_lora_rank or 0)
    nope, rope, value = (float(x or 0) for x in (model.mla_qk_nope_dim, model.mla_qk_rope_dim, model.mla_v_dim))
    sizes: dict[tuple[str, ...], float] = {
        ("kv_a_proj_with_mqa", "fused_qkv_a_proj_with_mqa"): d * (rank + rope),
        ("kv_b_proj",): rank * h * (nope + value),
        ("o_proj",): h * value * d,
    }
    if query:
        sizes |= {("q_a_proj", "fused_qkv_a_proj_with_mqa"): d * query, ("q_b_proj",): query * h * (nope + rope)}
    else:
        sizes[("q_proj",)] = d * h * (nope + rope)
    if model.indexer:
        size = parameters.attention_params(model) / (model.n_layers or 1) - sum(sizes.values())
        sizes[("indexer.wq_b", "indexer.wk", "indexers_proj")] = max(size, 0.0)
    return sizes


def _mixer(model: Model, total: float) -> list[Part]:
    """Projections of a linear mixer: in, gate and out."""
    if model.linear is None:
        return []
    owners = ("linear_attn", "mixer", "mamba", "self_attn", "conv", "linear_attention")
    m = model.linear
    sizes: dict[tuple[str, ...], float]
    if m.kind == "gdn":
        key, value = float((m.k_heads or 0) * (m.k_dim or 0)), float((m.v_heads or 0) * (m.v_dim or 0))
        sizes = {("in_proj_qkv", "in_proj_qkvz"): 2 * key + value, ("in_proj_z", "in_proj_qkvz"): value,
                 ("out_proj", "o_proj"): value}  # fmt: skip
    else:
        sizes = {("in_proj", "q_proj", "k_proj", "v_proj", "qkv_proj", "x_proj"): 2.0, ("out_proj", "o_proj"): 1.0}
    whole = sum(sizes.values())
    return [Part("attention", _names(owners, *ends), m.layers, None, total * n / whole) for ends, n in sizes.items()]


class Patterns(NamedTuple):
    """A list of module names, globs and `re:` expressions, sorted so that thousands of them are looked up at once."""

    whole: frozenset[str]  # names outside layers, and names that hold in every layer
    by_name: dict[str, frozenset[int]]  # inside a layer: in which layers
    globs: tuple[re.Pattern[str], ...]
    expressions: tuple[re.Pattern[str], ...]


def patterns(names: Iterable[object]) -> tuple[Patterns, list[str]]:
    """Sort names; what is no name and no pattern comes back."""
    whole: set[str] = set()
    inside: dict[str, set[int]] = {}
    globs: list[re.Pattern[str]] = []
    expressions: list[re.Pattern[str]] = []
    strange: list[str] = []
    for name in names:
        if not isinstance(name, str):
            strange.append(repr(name)[:40])
            continue
        if name.startswith("re:") or any(c in name for c in "^$()\\+|"):
            try:
                expressions.append(re.compile(name.removeprefix("re:")))
            except re.error:
                strange.append(name[:40])
            continue
        plain = _EXPERT.sub("experts.0", PREFIX.sub("", name))
        layer = _LAYER.match(plain)
        if layer and layer.group(2) and not any(c in plain for c in "*?["):
            inside.setdefault(layer.group(2), set()).add(int(layer.group(1)))
        elif any(c in plain for c in "*?["):
            globs.append(re.compile(translate(plain)))
        elif layer:
            globs.append(re.compile(translate(plain + ".*")))
        else:
            whole.add(plain)
    table = {name: frozenset(layers) for name, layers in inside.items()}
    return Patterns(frozenset(whole), table, tuple(globs), tuple(expressions)), strange


def share(part: Part, said: Patterns, n_layers: int) -> float:
    """The share of a part's layers that the patterns mean."""
    if not part.layers:
        return 1.0 if any(_outside(name, said) for name in part.names) else 0.0
    where = range(part.first, part.first + part.layers) if part.first is not None else range(n_layers)
    hits = sum(any(_in_layer(name, layer, said) for name in part.names) for layer in where)
    if part.first is not None or hits == n_layers:
        return hits / len(where)
    return min(hits / part.layers, 1.0)


def _outside(name: str, said: Patterns) -> bool:
    full = f"model.{name}"
    return (
        name in said.whole
        or any(p.match(name) or p.match(full) for p in said.globs)
        or any(p.match(name) or p.match(full) for p in said.expressions)
    )


def _in_layer(name: str, layer: int, said: Patterns) -> bool:
    pieces = name.split(".")
    if any(layer in said.by_name.get(".".join(pieces[:n]), ()) for n in range(1, len(pieces) + 1)):
        return True
    if said.whole and _component(name, said.whole):
        return True
    if not said.globs and not said.expressions:
        return False
    short = f"layers.{layer}.{name}"
    if any(p.match(".".join(short.split(".")[: n + 2])) for p in said.globs for n in range(1, len(pieces) + 1)):
        return True
    spelled = [f"{front}{short}" for front in ("model.", "model.language_model.", "language_model.model.", "backbone.")]
    return any(p.match(full) for p in said.expressions for full in (short, *spelled))


@cache
def _component(name: str, whole: frozenset[str]) -> bool:
    """Whether a name outside layers is a run of the pieces of this one: `self_attn` in `self_attn.q_proj`."""
    dotted = f".{name}."
    return any(f".{each}." in dotted for each in whole)
