"""What the user says: frozen structs in base units (bytes, FLOP/s, seconds, watts, USD).

Field names are the keys of preset files; the unit is in the name. In a file a value is a plain number in that
unit or a quantity with its unit (`memory_bytes = "80 GB"`). `None` means not known, never zero.
"""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from llmcost.dtypes import DTYPES

Count = Annotated[float, Meta(gt=0, extra={"kind": "count"})]
NonNegative = Annotated[float, Meta(ge=0, extra={"kind": "count"})]
Whole = Annotated[int, Meta(ge=1, le=10**9, extra={"kind": "whole"})]
WholeOrZero = Annotated[int, Meta(ge=0, le=10**9, extra={"kind": "whole"})]
Bytes = Annotated[float, Meta(gt=0, extra={"kind": "bytes"})]
BytesPerSecond = Annotated[float, Meta(gt=0, extra={"kind": "bytes_per_second"})]
Flops = Annotated[float, Meta(gt=0, extra={"kind": "flops"})]
Watts = Annotated[float, Meta(gt=0, extra={"kind": "watts"})]
Usd = Annotated[float, Meta(gt=0, extra={"kind": "usd"})]
Bits = Annotated[float, Meta(gt=0, le=64)]
UsdPerHour = Annotated[float, Meta(gt=0, extra={"kind": "usd_per_hour"})]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]

CONFIDENCE = ("vendor", "measured", "third-party", "assumed")


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where values of a preset come from.

    `keys` lists the values it covers (empty: every value that no other source names); `date` is the day it was read;
    `conflict` says how sources disagree, when they do.
    """

    address: Text
    date: dt.date
    confidence: Literal["vendor", "measured", "third-party", "assumed"]
    keys: list[str] = field(default_factory=list)
    note: str = ""
    conflict: str = ""


class LinearMixer(Struct, frozen=True, forbid_unknown_fields=True):
    """A layer that keeps a fixed state: lightning, gdn, kda, mamba1, mamba2, or the tail of a short convolution."""

    kind: Literal["lightning", "gdn", "kda", "mamba1", "mamba2", "shortconv"]
    layers: Whole
    heads: Whole | None = None
    k_heads: Whole | None = None
    v_heads: Whole | None = None
    k_dim: Whole | None = None
    v_dim: Whole | None = None
    d_inner: Whole | None = None
    d_state: Whole | None = None
    groups: Whole | None = None
    dt_rank: Whole | None = None
    conv: WholeOrZero = 0
    full_rank_gate: bool = False
    norm: bool = True  # a learned norm of the mixer's output (mamba2)
    conv_bias: bool = True  # the convolution has biases (mamba1, mamba2)


class Indexer(Struct, frozen=True, forbid_unknown_fields=True):
    """Sparse attention: a small indexer scores every cached position and attention reads the best `tokens` of them."""

    layers: Whole  # layers that own an indexer
    sparse_layers: Whole  # layers whose attention is limited to `tokens` positions
    heads: Whole
    dim: Whole
    tokens: Whole
    head_weights: bool = True  # a projection that weighs the indexer's heads (DeepSeek yes, MiniMax no)


class AttentionGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """Layers whose attention has its own sizes (Gemma 4, MiMo-V2, DeepSeek-V4): they replace the top-level sizes.

    With `kv_compression` over 1 a window is kept beside the compressed cache.
    """

    layers: Whole
    n_heads: Whole
    n_kv_heads: Whole
    d_head: Whole
    d_head_v: Whole
    sliding_window: Whole | None = None
    sinks: bool = False
    k_eq_v: bool = False  # no value projection: values are the projected keys
    shared_kv: bool = False  # keys and values are one cached vector
    borrowed_kv: bool = False  # no keys, values nor cache of their own: they read those of an earlier layer
    kv_compression: Whole = 1  # positions that share one cached entry
    indexer: Indexer | None = None


if TYPE_CHECKING:
    Dtype: TypeAlias = str
    StoredFormat: TypeAlias = str
else:  # names are checked when a file is decoded
    Dtype = Literal[tuple(DTYPES)]
    StoredFormat = Literal[Dtype, "int6", "int5", "int3", "int2", "int1"]


class Stored(Struct, frozen=True, forbid_unknown_fields=True):
    """How one class of tensors is stored.

    `bits` [bits per parameter] holds scales, zero points and the modules of the class that were left in 16 bits. The
    names are those of `native_dtype` and the integers of GGUF files; formats of one width differ in their scales only
    (NVFP4 and FP4 are both `fp4`).
    """

    format: StoredFormat
    bits: Bits


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the published files store the weights, by class of tensors; a class that is not named is stored as `rest`."""

    method: Text  # awq, gptq, bitsandbytes, compressed-tensors, fbgemm_fp8, modelopt, fp8, mxfp4, mlx, gguf ...
    rest: Stored  # norms, biases, positions, routers
    attention: Stored | None = None  # projections of attention and of linear mixers
    ffn: Stored | None = None  # dense FFNs and shared experts
    experts: Stored | None = None  # routed experts
    embedding: Stored | None = None
    head: Stored | None = None  # a tied head is the embedding
    activation_dtype: Literal["fp8", "int8", "fp4", "mxfp4"] | None = None  # None: only the weights are quantised
    kv_dtype: Literal["fp8", "int8", "int4", "fp4"] | None = None  # None: the file names no scheme


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A language model: its architecture, or only published or estimated counts when that is all there is.

    Notation follows docs/method.md: d_model, n_heads, d_ff and so on. Architecture fields are all present or all
    absent (`n_layers is None`: closed model, `params_total` alone). `params_total` and `params_active` are the
    published counts; the computed ones come from `engine.transformer`.
    """

    title: Text
    aliases: list[Name] = field(default_factory=list)
    developer: Text | None = None
    release_date: dt.date | None = None
    licence: Literal["open-weights", "closed"] = "open-weights"
    estimate_by: Text | None = None  # set on closed models: whose estimate this is
    params_total: Count | None = None
    params_active: Count | None = None
    vision_params: Count | None = None  # of a vision tower that engines load beside the language model, in 16 bits
    params_exception: str = ""  # why the published total differs from the architecture by over 1 %
    # architecture
    n_layers: Whole | None = None
    d_model: Whole | None = None
    n_heads: Whole | None = None
    n_kv_heads: Whole | None = None
    d_head: Whole | None = None
    d_ff: WholeOrZero | None = None
    ffn_gated: bool = True
    vocab_size: Whole | None = None
    tied_embeddings: bool = False
    attention: Literal["full", "mla"] = "full"
    sliding_window: Whole | None = None
    full_attention_layers: WholeOrZero | None = None  # None: all; with a window or a mixer: how many are full
    attention_layers: Whole | None = None  # only where not every layer has attention or a mixer (Nemotron-H blocks)
    ffn_layers: Whole | None = None  # only where not every layer has an FFN (Nemotron-H blocks)
    moe_layers: WholeOrZero | None = None  # only where interval and first-dense do not say it
    mla_q_lora_rank: WholeOrZero | None = None
    mla_kv_lora_rank: Whole | None = None
    mla_qk_nope_dim: Whole | None = None
    mla_qk_rope_dim: WholeOrZero | None = None
    mla_v_dim: Whole | None = None
    moe_experts: Whole | None = None
    moe_topk: Whole | None = None
    moe_d_ff: Whole | None = None
    moe_shared_d_ff_total: WholeOrZero = 0  # summed width of the shared experts
    moe_first_dense_layers: WholeOrZero = 0
    moe_layer_interval: Whole = 1
    moe_latent_dim: Whole | None = None  # routed experts work on a projection this wide
    moe_shared_gate: bool = False  # the shared expert has a one-column gate
    linear: LinearMixer | None = None
    attention_groups: list[AttentionGroup] = field(default_factory=list)
    attention_params: Count | None = None  # all attention projections, counted, where no formula here covers them
    indexer: Indexer | None = None
    kv_shared_layers: Whole = 1  # cross-layer attention: this many layers share one K and V
    # small parameters
    norm: Literal["rms", "ln", "ln_nobias", "none"] = "rms"
    norms_per_layer: WholeOrZero = 2
    qk_norm: Literal["none", "head", "full", "perhead_full"] = "none"
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    moe_bias: bool = False
    router_bias: bool = False
    lm_bias: bool = False
    attention_sinks: bool = False
    attention_gate: bool = False  # output gate that doubles the query projection
    learned_positions: WholeOrZero = 0
    relative_positions: bool = False
    lookup_params: NonNegative = 0.0  # tables that are looked up, not multiplied: embeddings of each layer
    other_params: NonNegative = 0.0  # counted from the checkpoint and named in the source note
    # facts
    max_context: Whole | None = None
    native_dtype: Dtype | None = None  # of most weights
    checkpoint: Checkpoint | None = None  # not given: every weight in `native_dtype`
    other_checkpoints: list[Checkpoint] = field(default_factory=list)  # in other formats, by the developer
    training_tokens: Count | None = None
    training_flops: Count | None = None
    training_gpu_hours: Count | None = None
    training_hardware: Text | None = None
    training_batch_tokens: Count | None = None  # tokens per step for most of the run
    training_seq_len: Whole | None = None  # of the main phase
    sources: list[Source] = field(default_factory=list)


class Accelerator(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One accelerator as it is rented: dense peaks [FLOP/s], memory, links per direction, power."""

    title: Text
    aliases: list[Name] = field(default_factory=list)
    vendor: Text
    generation: Name  # calibration group: volta turing ampere hopper blackwell rubin ada cdna2 cdna3 cdna4 tpu ...
    setting: Literal["desktop", "server"] = "server"  # where it stands: a desktop is one's own and has one accelerator
    release_date: dt.date | None = None
    fp32_flops: Flops | None = None
    tf32_flops: Flops | None = None
    bf16_flops: Flops | None = None
    fp16_flops: Flops | None = None
    fp8_flops: Flops | None = None
    int8_flops: Flops | None = None
    fp4_flops: Flops | None = None
    memory_bytes: Bytes
    driver_memory_bytes: Bytes | None = None  # as the driver's tool shows it: nvidia-smi, rocm-smi, hl-smi
    process_memory_bytes: Bytes | None = None  # that a process may take: CUDA's total, Metal's working set
    memory_bytes_per_second: BytesPerSecond | None = None
    link: Text | None = None  # scale-up interconnect, by name
    link_bytes_per_second: BytesPerSecond | None = None  # per direction, inside the scale-up domain
    scale_up_domain: Whole | None = None
    link_torus: Whole | None = None  # dimensions of the torus that links form, 1 a ring; none: they go through switches
    machine_gpus: Whole | None = None  # accelerators of a machine; none: one that is sold as one, a domain, eight cards
    network_bytes_per_second: BytesPerSecond | None = None  # per accelerator, between machines
    peer_access: bool = True  # cards on one bus read one another's memory; else all goes through the host's
    tdp_watts: Watts | None = None
    server_watts: Watts | None = None  # whole server at full load, divided by its accelerators
    server_busy_watts: Watts | None = None  # measured of servers that train or serve, divided by their accelerators
    server_idle_watts: Watts | None = None
    system_watts: Watts | None = None  # of the whole machine at the wall, generating
    system_idle_watts: Watts | None = None
    purchase_usd: Usd | None = None
    purchase_low_usd: Usd | None = None  # 5 % and 95 % quantile of quotes; without them, those of other accelerators
    purchase_high_usd: Usd | None = None
    purchase_with_server: bool = False  # the price holds the accelerator's part of the server
    availability_note: str = ""
    sources: list[Source] = field(default_factory=list)


class RentalPrice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One quoted rate for one accelerator-hour."""

    hardware: Name
    commitment: Literal["on-demand", "1-year", "3-year", "spot"]
    usd_per_hour: UsdPerHour
    region: str = ""
    product: str = ""
    date: dt.date
    date_note: str = ""
    address: Text
    confidence: Literal["vendor", "measured", "third-party", "assumed"]
    note: str = ""
    until: dt.date | None = None  # the last day on which it stood or was seen: for questions of that time alone
    excluded: str = ""  # why the quote is kept but not used

    @property
    def past(self) -> str:
        """Why it counts no more; empty where it does."""
        if self.excluded:
            return f"not used: {self.excluded}"
        return f"until {self.until}, for --as-of alone" if self.until else ""


class Provider(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider's price list."""

    title: Text
    aliases: list[Name] = field(default_factory=list)
    # A hyperscaler's list price is two to three times that of clouds that rent accelerators alone: asked for by name.
    tier: Literal["cloud", "hyperscaler"] = "cloud"
    billing: Literal["second", "minute", "hour"] | None = None  # the time that is billed at least, and in multiples
    sources: list[Source] = field(default_factory=list)
    prices: list[RentalPrice] = field(default_factory=list)


class Instance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An instance type of a cloud: so many of one accelerator, and what an hour of the whole of it is quoted at."""

    name: Text
    hardware: Name
    accelerators: Whole
    usd_per_hour: Usd | None = None  # on demand; None where no quote of this year is known
    date: dt.date
    address: Text
    confidence: Literal["vendor", "measured", "third-party", "assumed"]
    note: str = ""


class Instances(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The instance types of a provider."""

    title: Text
    aliases: list[Name] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)


class Region(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A place: grid carbon [kg CO2e/kWh], electricity price [USD/kWh], PUE, water [L/kWh] where known."""

    title: Text
    aliases: list[Name] = field(default_factory=list)
    kind: Literal["country", "state", "cloud-region", "operator", "world", "continent"]
    co2e_kg_per_kwh: Annotated[float, Meta(ge=0, le=5, extra={"kind": "kg_per_kwh"})] | None = None
    electricity_usd_per_kwh: Annotated[float, Meta(gt=0, le=10, extra={"kind": "usd_per_kwh"})] | None = None
    pue: Annotated[float, Meta(ge=1, le=5, extra={"kind": "ratio"})] | None = None
    water_litres_per_kwh: Annotated[float, Meta(ge=0, le=100, extra={"kind": "ratio"})] | None = None
    sources: list[Source] = field(default_factory=list)


class ServingStack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A serving engine as it comes: what it has, and the defaults it starts with (None: not known)."""

    kin: Name | None = None  # the framework whose constants it is drawn toward
    year: Whole | None = None  # of the release that these defaults describe
    tensor_parallel: bool = True
    pipeline_parallel: bool = True
    expert_parallel: bool = False
    attention_dp: bool = False  # data-parallel attention groups that share the experts
    max_num_seqs: Whole | None = None  # sequences it runs at once
    chunk_tokens: Whole | None = None  # prompt tokens of one iteration
    beside: Dtype | None = None  # format of its files for what one narrower than a byte leaves in 16 bits
    pulls: Name | None = None  # format of calibration/checkpoints.toml that it takes where no other is said


class TrainingStack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A training framework as it comes: the defaults it starts with (None: not known)."""

    # tuned: kernels made for the chip; sharded: PyTorch that shards weights; trainer: Hugging Face and what wraps it
    family: Literal["tuned", "sharded", "trainer"]
    recompute: Literal["none", "selective", "full"] | None = None  # of fine-tuning, unless told
    adapted: Literal["q,v", "attention", "all-linear"] | None = None  # layers with adapters, unless told
    kin: Name | None = None  # the framework whose constants it is drawn toward
    year: Whole | None = None  # of the release that these defaults describe
    tensor_parallel: bool = False
    pipeline_parallel: bool = False  # of models as they come, not of those written anew in stages
    context_parallel: bool = False
    # PyTorch's caching allocator, its expandable segments, or a compiler's or a vendor's own
    segments: Literal["fixed", "expandable", "none"] = "fixed"
    ulysses: bool = False  # sequence parallelism by all-to-alls: each rank attends to whole sequences of some heads
    expert_parallel: bool = False


class Framework(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Software that serves models, trains them, or both."""

    title: Text
    aliases: list[Name] = field(default_factory=list)
    serving: ServingStack | None = None
    training: TrainingStack | None = None
    sources: list[Source] = field(default_factory=list)
