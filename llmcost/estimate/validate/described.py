"""The model of a measured row: its preset, else what its architecture and parameter columns say."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.agreement import agree, sparse_shape
from llmcost.engine.model.transformer import Shape
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import flag, number, positive

VOCABULARIES = (128256, 32000, 50257)  # where not stated: as Llama 3, Llama 2 or GPT-2, whichever fits the count
HEAD = 128  # width of a head where the number of heads is not stated
SIZES_NEEDED = ("n_layers", "d_model")
# Multi-head latent attention as all but few models have it: DeepSeek-V2, V3 and R1, Kimi K2, Mistral Large 3.
# Source: arXiv 2405.04434, section 3.1.2; small models (V2-Lite, Moonlight) do not compress the query.
LATENT = {"mla_kv_lora_rank": 512, "mla_qk_nope_dim": 128, "mla_qk_rope_dim": 64, "mla_v_dim": 128}
QUERY_RANK, QUERY_RANK_FROM = 1536, 4096
# Mixtures of experts with this many heads and a key and value of each are latent: heads alone would fill the memory.
LATENT_HEADS = 64
BILLIONS_BELOW = 1e6  # a count below this is in billions


def shape_of_row(row: Mapping[str, str], catalog: Catalog) -> Shape:
    """Shape of the row's model: its preset, its architecture columns, or its parameter counts alone.

    Raises
    ------
    LlmcostError
        The row names no known model and describes none.
    """
    name, unknown = cells.text(row, "model_id"), None
    if name:
        try:
            preset = cells.model(catalog, name)
        except LlmcostError as error:
            unknown = error
        else:
            if preset.n_layers is not None:
                return cells.once(catalog, _shape, name)
    total, active = stated_counts(row)
    if name and unknown is None and total is None:
        total = preset.params_total
        active = preset.params_active
    if all(positive(row, c) for c in SIZES_NEEDED) and (positive(row, "d_ff") or total):
        return described_shape(row, total, active)
    if total is None or total < 1e7:
        raise unknown or LlmcostError("the row names no model and describes none")
    if active is not None and active < 0.9 * total:
        return sparse_shape(total, active)
    if (positive(row, "ep") or 1.0) > 1.0 or positive(row, "moe_experts"):
        raise LlmcostError("a mixture of experts without its architecture and active parameters")
    return tf.dense_shape(total)


def _shape(catalog: Catalog, name: str) -> Shape:
    return tf.shape_of(cells.model(catalog, name))


def stated_counts(row: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Total and active parameters that a row states [-]; serving rows give them in billions."""
    found = []
    for what in ("total", "active"):
        value = positive(row, f"n_params_{what}") or positive(row, f"params_{what}")
        found.append(value * 1e9 if value is not None and value < BILLIONS_BELOW else value)
    return found[0], found[1]


def described_shape(row: Mapping[str, str], total: float | None, active: float | None) -> Shape:
    """Shape by the architecture columns; what they leave open is chosen nearest the stated counts."""
    gated, experts = flag(row, "ffn_gated"), positive(row, "moe_experts")
    gates = (True, False) if gated is None else (gated,)
    ties = (False,) if experts or total is None else (False, True)
    known = positive(row, "vocab")
    vocabularies = VOCABULARIES if known is None else (max(round(known), 1),)
    choices = itertools.product(vocabularies, ties, gates)
    shapes = [tf.shape_of(_model(row, *choice, total)) for choice in choices]
    if total is None:
        return shapes[0]
    wanted = total
    return agree(min(shapes, key=lambda s: abs(math.log(s.params_total / wanted))), total, active)


def _model(row: Mapping[str, str], vocabulary: int, tied: bool, gated: bool, total: float | None) -> spec.Model:
    def whole(name: str, otherwise: float) -> int:
        return max(round(positive(row, name) or otherwise), 1)

    layers, d = whole("n_layers", 1), whole("d_model", 1)
    heads = whole("n_heads", max(d / HEAD, 1))
    kv, head = whole("n_kv_heads", heads), whole("d_head", d / heads)
    experts = round(positive(row, "moe_experts") or 0)
    if experts == 1:
        experts = 0
    matrices, copies = 3.0 if gated else 2.0, max(experts, 1)
    rest = (total or 0.0) - layers * 2.0 * d * head * (heads + kv) - (1.0 if tied else 2.0) * vocabulary * d
    width = whole("d_ff", max(rest / (layers * matrices * d * copies), d / 4))
    kind = cells.text(row, "attention_kind").upper()
    window = None if "MLA" in kind else _window(kind)
    latent: dict[str, int] = {}
    if "MLA" in kind or (not kind and experts and kv == heads >= LATENT_HEADS and number(row, "d_head") in (None, 192)):
        latent = LATENT | ({"mla_q_lora_rank": QUERY_RANK} if d >= QUERY_RANK_FROM else {})
    elif "MQA" in kind and not positive(row, "n_kv_heads"):
        kv = 1
    return spec.Model(
        title="row",
        n_layers=layers,
        d_model=d,
        n_heads=heads,
        n_kv_heads=kv,
        d_head=head,
        d_ff=0 if experts else width,
        ffn_gated=gated,
        vocab_size=vocabulary,
        tied_embeddings=tied,
        attention="mla" if latent else "full",
        mla_q_lora_rank=latent.get("mla_q_lora_rank"),
        mla_kv_lora_rank=latent.get("mla_kv_lora_rank"),
        mla_qk_nope_dim=latent.get("mla_qk_nope_dim"),
        mla_qk_rope_dim=latent.get("mla_qk_rope_dim"),
        mla_v_dim=latent.get("mla_v_dim"),
        moe_experts=experts or None,
        moe_topk=min(round(positive(row, "moe_topk") or 1), experts) if experts else None,
        moe_d_ff=width if experts else None,
        sliding_window=window,
        full_attention_layers=layers // 2 if window and "ALTERNATE" in kind else None,
    )


def _window(kind: str) -> int | None:
    """Length of the sliding window that `attention_kind` tells, as `GQA (SWA128 alternate)` does."""
    found = re.search(r"SWA[\s-]*(\d+)", kind)
    return int(found[1]) or None if found else None
