"""Parameter counts from the architecture: what each part of a model holds."""

from __future__ import annotations

from llmcost.records import NamedTuple
from llmcost.spec import AttentionGroup, Indexer, LinearMixer, Model


class Counts(NamedTuple):
    """Parameters of a model by part [-], summed over layers; the last two fields are per routed expert and layers."""

    embedding: float  # input embedding V d
    positions: float  # learned positions and embeddings of each layer: looked up, not multiplied
    head: float  # output projection V d, 0 when tied
    attention: float  # attention with its biases, query/key norms, sinks and indexers
    mixer: float  # linear mixers
    dense_ffn: float  # dense FFNs
    shared: float  # shared experts, latent projections, gates
    router: float
    other: float  # norms, output bias, counted extras
    expert: float  # one routed expert of one layer
    expert_copies: float  # routed experts over all layers: E x MoE layers
    expert_visits: float  # routed experts a token passes: k x MoE layers

    @property
    def total(self) -> float:
        """All parameters of the language model."""
        return sum(self[:9]) + self.expert * self.expert_copies

    @property
    def active(self) -> float:
        """All but the routed experts a token does not visit."""
        return sum(self[:9]) + self.expert * self.expert_visits


class Layers(NamedTuple):
    """How many layers are of each kind; a layer may hold attention and an FFN at once."""

    attention: int
    window: int  # of the attention layers
    linear: int
    moe: int
    dense: int


SIZES = ("d_model", "n_heads", "n_kv_heads", "d_head", "vocab_size")
LATENT = ("mla_kv_lora_rank", "mla_qk_nope_dim", "mla_qk_rope_dim", "mla_v_dim")
PARTS = ("moe_first_dense_layers", "full_attention_layers", "attention_layers", "ffn_layers", "moe_layers")


def faults(model: Model) -> list[str]:
    """Why nothing can be computed from an architecture: sizes that it lacks, more layers of a kind than there are.

    Parameters
    ----------
    model : Model
        Any model; one without `n_layers` is known by its counts, and has no faults.

    Source: definition.

    Examples
    --------
    >>> from llmcost.spec import Model
    >>> faults(Model(title="x", n_layers=2, d_model=64, n_heads=4, n_kv_heads=4, d_head=16, d_ff=256))
    ['missing vocab_size']
    >>> faults(Model(title="closed", params_total=1e12))
    []
    """
    if model.n_layers is None:
        return []
    needed = [*SIZES, *(LATENT if model.attention == "mla" else ()), *(("d_ff",) if not model.moe_experts else ())]
    needed += ["moe_topk", "moe_d_ff"] if model.moe_experts else []
    found = [f"missing {name}" for name in needed if getattr(model, name) is None]
    parts = {name: getattr(model, name) or 0 for name in PARTS} | {"linear.layers": getattr(model.linear, "layers", 0)}
    most = {"ffn_layers": 2 * model.n_layers}  # a layer may have experts beside its FFN (LongCat)
    found += [
        f"{name} {n:,} is above n_layers {model.n_layers:,}"
        for name, n in parts.items()
        if n > most.get(name, model.n_layers)
    ]
    if model.moe_experts and model.moe_topk and model.moe_topk > model.moe_experts:
        found.append(f"moe_topk {model.moe_topk:,} is above moe_experts {model.moe_experts:,}")
    return found


def layers_of(model: Model) -> Layers:
    """Layers by kind.

    MoE layers start after the first dense ones and then come every `moe_layer_interval`-th layer; with a window or a
    linear mixer `full_attention_layers` says how many are full.

    Parameters
    ----------
    model : Model
        A complete architecture.

    Source: Hugging Face configuration keys `first_k_dense_replace`, `moe_layer_freq`, `layer_types`; DeepSeek-V3
    (arXiv 2412.19437, section 4.2): 61 layers, the first 3 dense.

    Examples
    --------
    >>> from llmcost.spec import Model
    >>> layers_of(Model(title="V3", n_layers=61, d_model=7168, moe_experts=256, moe_first_dense_layers=3))
    Layers(attention=61, window=0, linear=0, moe=58, dense=3)
    """
    n = int(model.n_layers or 0)
    linear = model.linear.layers if model.linear else 0
    attention = model.attention_layers if model.attention_layers is not None else n - linear
    full = attention if model.full_attention_layers is None else model.full_attention_layers
    window = max(attention - full, 0) if model.sliding_window and not model.attention_groups else 0
    if model.sliding_window and model.full_attention_layers is None:
        window = attention
    moe = 0
    if model.moe_experts:
        after_first = n - model.moe_first_dense_layers
        moe = model.moe_layers if model.moe_layers is not None else after_first // model.moe_layer_interval
    ffn = model.ffn_layers if model.ffn_layers is not None else n
    return Layers(attention, window, linear, moe, ffn - moe)


def count(model: Model) -> Counts:
    """Parameters by part.

    Embedding V d, output V d unless tied; attention and mixers per layer; FFN 2 d f or 3 d f (gated); experts, routers
    d E, shared experts; norms, biases and learned positions.

    Parameters
    ----------
    model : Model
        A complete architecture.

    Source: the published definition of each block; the totals are checked against every published count in
    tests/published/test_transformer.py.

    Examples
    --------
    Llama 3 8B holds 8,030,261,248 parameters (the published checkpoint).

    >>> from llmcost.spec import Model
    >>> count(Model(title="Llama 3 8B", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128, d_ff=14336,
    ...     vocab_size=128256)).total
    8030261248.0
    """
    d, vocab = float(model.d_model or 0), float(model.vocab_size or 0)
    layers = layers_of(model)
    norm = {"rms": d, "ln": 2.0 * d, "ln_nobias": d, "none": 0.0}[model.norm]
    experts, topk = float(model.moe_experts or 0), float(model.moe_topk or 0)
    router = layers.moe * experts * (d + (1.0 if model.router_bias else 0.0))
    small = norm * (model.norms_per_layer * float(model.n_layers or 0) + 1.0)
    return Counts(
        embedding=vocab * d,
        positions=d * model.learned_positions + model.lookup_params,
        head=0.0 if model.tied_embeddings else vocab * d,
        attention=attention_params(model),
        mixer=mixer_params(model.linear, d) if model.linear else 0.0,
        dense_ffn=layers.dense * ffn_params(model, d, float(model.d_ff or 0), model.mlp_bias),
        shared=layers.moe * _shared_params(model),
        router=router,
        other=small + (vocab if model.lm_bias else 0.0) + model.other_params,
        expert=_expert_params(model),
        expert_copies=experts * layers.moe,
        expert_visits=topk * layers.moe,
    )


def ffn_params(model: Model, d: float, width: float, bias: bool) -> float:
    """One FFN [-]: 3 d f gated, 2 d f otherwise; with biases f per input matrix and d for the output.

    Parameters
    ----------
    model : Model
        Says whether the FFN is gated.
    d : float
        Input and output width [-].
    width : float
        FFN width f [-].
    bias : bool
        Whether the matrices have biases.

    Source: Shazeer 2020, "GLU variants improve Transformer", arXiv 2002.05202, section 3.

    Examples
    --------
    >>> from llmcost.spec import Model
    >>> ffn_params(Model(title="Llama 3 8B"), 4096.0, 14336.0, False)
    176160768.0
    """
    inputs = 2.0 if model.ffn_gated else 1.0
    return (inputs + 1.0) * d * width + (inputs * width + d if bias and width else 0.0)


def _expert_params(model: Model) -> float:
    if not model.moe_experts:
        return 0.0
    d = float(model.moe_latent_dim or model.d_model or 0)
    return ffn_params(model, d, float(model.moe_d_ff or 0), model.moe_bias)


def _shared_params(model: Model) -> float:
    d = float(model.d_model or 0)
    shared = ffn_params(model, d, float(model.moe_shared_d_ff_total), False)
    latent = 2.0 * d * float(model.moe_latent_dim or 0)
    return shared + latent + (d if model.moe_shared_gate else 0.0)


def attention_params(model: Model) -> float:
    """Attention parameters of all layers [-]: projections, biases, query and key norms, sinks, indexers.

    d h e + 2 d g e + h e d per layer; MLA by its ranks; an output gate doubles the query projection.

    Parameters
    ----------
    model : Model
        A complete architecture.

    Source: Ainslie et al. 2023 (GQA), arXiv 2305.13245; DeepSeek-V2 (MLA), arXiv 2405.04434, section 2.1.

    Examples
    --------
    Llama 3 8B, 32 layers: 4096 x (4096 + 2 x 1024 + 4096) x 32.

    >>> from llmcost.spec import Model
    >>> attention_params(Model(title="m", n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_head=128))
    1342177280.0
    """
    if model.attention_params is not None:
        return model.attention_params
    d, n = float(model.d_model or 0), float(layers_of(model).attention)
    indexers = _indexer_params(model.indexer, model) if model.indexer else 0.0
    # Transformer-XL: one projection of positions, and a content and a position bias as wide as the query
    relative = n * (d * d + 2.0 * (model.n_heads or 0) * (model.d_head or 0)) if model.relative_positions else 0.0
    if model.attention_groups:
        return indexers + relative + sum(g.layers * _layer_params(model, g) for g in model.attention_groups)
    if model.attention == "mla":
        return indexers + relative + n * _mla_params(model)
    return indexers + relative + n * _layer_params(model, uniform_group(model))


def uniform_group(model: Model) -> AttentionGroup:
    """All attention layers as one group with the top-level sizes."""
    h, e = int(model.n_heads or 1), int(model.d_head or 1)
    return AttentionGroup(
        layers=max(layers_of(model).attention, 1),
        n_heads=h,
        n_kv_heads=int(model.n_kv_heads or h),
        d_head=e,
        d_head_v=e,
        sinks=model.attention_sinks,
    )


def _layer_params(model: Model, group: AttentionGroup) -> float:
    d = float(model.d_model or 0)
    query, key = float(group.n_heads * group.d_head), float(group.n_kv_heads * group.d_head)
    if group.borrowed_kv:
        key = 0.0
    value = 0.0 if group.k_eq_v or group.borrowed_kv else float(group.n_kv_heads * group.d_head_v)
    key_value = (key + value) * (d + (1.0 if model.qkv_bias else 0.0)) / model.kv_shared_layers
    out = float(group.n_heads * group.d_head_v) * d + (d if model.o_bias else 0.0)
    norms = _query_key_norms(model, group)
    gate = 2.0 if model.attention_gate else 1.0
    sinks = float(group.n_heads) if group.sinks else 0.0
    return gate * query * d + (query if model.qkv_bias else 0.0) + key_value + out + norms + sinks


def _query_key_norms(model: Model, group: AttentionGroup) -> float:
    if model.qk_norm == "none":
        return 0.0
    heads = (1.0, 1.0) if model.qk_norm == "head" else (float(group.n_heads), float(group.n_kv_heads))
    key = 0.0 if group.borrowed_kv else heads[1] / model.kv_shared_layers
    return (heads[0] + key) * group.d_head


def _mla_params(model: Model) -> float:
    d, h = float(model.d_model or 0), float(model.n_heads or 0)
    nope, rope, value = (
        float(model.mla_qk_nope_dim or 0),
        float(model.mla_qk_rope_dim or 0),
        float(model.mla_v_dim or 0),
    )
    query_rank, rank = float(model.mla_q_lora_rank or 0), float(model.mla_kv_lora_rank or 0)
    query = (d + 1.0) * query_rank + query_rank * h * (nope + rope) if query_rank else d * h * (nope + rope)
    key_value = d * (rank + rope) + rank + rank * h * (nope + value)
    gate = d * h * value if model.attention_gate else 0.0
    return query + key_value + h * value * d + gate


def _indexer_params(indexer: Indexer, model: Model) -> float:
    d, e = float(model.d_model or 0), float(indexer.dim)
    query_input = float(model.mla_q_lora_rank or d)
    weights = d * indexer.heads if indexer.head_weights else 0.0
    return indexer.layers * (query_input * indexer.heads * e + d * e + 2.0 * e + weights)


def mixer_params(mixer: LinearMixer, d: float) -> float:
    """Parameters of all linear-mixer layers [-]: projections, convolutions, gates, norms.

    Parameters
    ----------
    mixer : LinearMixer
        Kind and sizes.
    d : float
        Model width [-].

    Source: lightning: MiniMax-01, arXiv 2501.08313, section 2.2; gdn: Yang et al. 2024, arXiv 2412.06464; kda: Kimi
    Linear, arXiv 2510.26692, section 4; mamba1: Gu and Dao 2023, arXiv 2312.00752; mamba2: Dao and Gu 2024,
    arXiv 2405.21060; shortconv: LFM2, arXiv 2511.23404, section 2. Totals are checked to the last parameter in
    tests/published/test_transformer.py.

    Examples
    --------
    One lightning layer of MiniMax-01 (d 6144, 64 heads x 128): q, k, v, gate, output and a norm.

    >>> from llmcost.spec import LinearMixer
    >>> mixer_params(LinearMixer(kind="lightning", layers=1, heads=64, k_dim=128), 6144.0) == 5 * 6144 * 8192 + 8192
    True
    """
    parts = {"lightning": _lightning, "gdn": _gated_delta, "kda": _kimi_delta, "mamba1": _mamba1, "mamba2": _mamba2,
             "shortconv": _short_convolution}  # fmt: skip
    return mixer.layers * parts[mixer.kind](mixer, d)


def _lightning(m: LinearMixer, d: float) -> float:
    width = float((m.heads or 0) * (m.k_dim or 0))
    return 5.0 * d * width + width


def _gated_delta(m: LinearMixer, d: float) -> float:
    key, value = float((m.k_heads or 0) * (m.k_dim or 0)), float((m.v_heads or 0) * (m.v_dim or 0))
    heads = float(m.v_heads or 0)
    inputs = d * (2.0 * key + 2.0 * value + 2.0 * heads)
    return inputs + (2.0 * key + value) * m.conv + 2.0 * heads + float(m.v_dim or 0) + value * d


def _kimi_delta(m: LinearMixer, d: float) -> float:
    heads, dim = float(m.heads or 0), float(m.k_dim or 0)
    width = heads * dim
    low_rank = d * dim + dim * width
    gate = d * width if m.full_rank_gate else low_rank
    projections = 4.0 * d * width + 3.0 * width * m.conv + low_rank + gate + d * heads
    return projections + heads + width + dim


def _mamba1(m: LinearMixer, d: float) -> float:
    inner, state, rank = float(m.d_inner or 0), float(m.d_state or 0), float(m.dt_rank or 0)
    convolution = inner * (m.conv + m.conv_bias)
    step = inner * (rank + 2.0 * state) + rank * inner + inner + rank + 2.0 * state
    return 3.0 * d * inner + convolution + step + inner * state + inner


def _mamba2(m: LinearMixer, d: float) -> float:
    inner, heads = float(m.d_inner or 0), float(m.heads or 0)
    groups = 2.0 * float((m.groups or 0) * (m.d_state or 0))
    convolution = (inner + groups) * (m.conv + m.conv_bias)
    norm = inner if m.norm else 0.0
    return d * (2.0 * inner + groups + heads) + convolution + 3.0 * heads + norm + inner * d


def _short_convolution(m: LinearMixer, d: float) -> float:
    inner = float(m.d_inner or 0)
    return 4.0 * d * inner + inner * m.conv
