"""The constants of the serving engine: where the fit starts, how far it may go, and what is taken from a source."""

from __future__ import annotations

from typing import NamedTuple

from llmcost.engine.machine.factors import NAMED


class Constant(NamedTuple):
    """A constant of the engine for a hardware generation and a serving framework."""

    name: str
    generation: str
    framework: str
    start: float
    low: float
    high: float
    unit: str
    note: str
    address: str = ""
    confidence: str = ""
    ratio: bool = False  # multiplies the constant of its kin
    until: int = 0  # of software up to this year
    pull: float = 0.5  # e-folds from the start that count as one standard deviation


# name: start, low, high, pull, unit, note
BASE: dict[str, tuple[float, float, float, float, str, str]] = {
    "compute_efficiency_16": (0.73, 0.2, 1.0, 0.48, "share", "16-bit matrix products, of the dense peak"),
    "compute_efficiency_8": (0.69, 0.2, 1.0, 0.48, "share", "8-bit matrix products"),
    "compute_efficiency_4": (0.41, 0.1, 1.0, 0.48, "share", "4-bit matrix products"),
    "weight_only_efficiency": (0.57, 0.1, 1.0, 0.48, "share", "weights widened to the compute format in every step"),
    "attention_efficiency": (0.45, 0.05, 1.0, 0.48, "share", "prefill attention, of the 16-bit peak"),
    "bandwidth_efficiency": (0.75, 0.3, 0.98, 0.48, "share", "reading weights"),
    "kv_efficiency": (0.85, 0.1, 0.98, 0.48, "share", "reading the KV cache"),
    # beyond 1 where switches add up on the way (NVLink SHARP), which halves what an all-reduce sends
    "link_efficiency": (0.66, 0.1, 2.0, 0.48, "share", "collectives, of the link's rate per direction"),
    # counted kernel by kernel, in 8 bits: two norms with their sums 8, casts 3, products and all-reduces 9
    "activation_passes": (15.0, 0.5, 20.0, 0.48, "ratio", "passes over the hidden state per layer outside products"),
    "width_passes": (0.93, 0.01, 20.0, 0.48, "ratio", "passes over what matrix products hand on inside a layer"),
    "copy_passes": (19.0, 0.1, 40.0, 0.48, "ratio", "passes over the hidden state of each copy routed to an expert"),
    "expert_tile": (28.0, 1.0, 128.0, 0.48, "tokens", "padding of each visited expert's matrix product"),
    "expert_skew": (1.0, 0.05, 50.0, 0.48, "ratio", "gamma shape of expert popularity"),
    "expert_imbalance": (0.25, 0.02, 2.0, 0.48, "share", "extra load of the busiest expert rank"),
    "layer_seconds": (1e-5, 1e-6, 1e-4, 0.48, "s", "launches and tails per layer and iteration"),
    "moe_layer_seconds": (4e-5, 1e-6, 2e-4, 0.48, "s", "routing and permutation per MoE layer and eight choices"),
    "sparse_seconds": (3e-5, 1e-6, 1e-3, 1.6, "s", "choosing positions, per layer with an indexer"),
    "narrow_seconds": (1e-5, 1e-7, 1e-3, 1.6, "s", "casting activations to 8 bits or less, per layer"),
    "link_seconds": (8e-6, 5e-7, 5e-5, 0.48, "s", "start-up of a collective per doubling of ranks"),
    "network_seconds": (
        1e-4,
        1e-5,
        5e-4,
        0.6,
        "s",
        "start-up of a collective or a hand-over between machines, besides its messages",
    ),
    "bus_seconds": (5e-5, 2e-6, 5e-4, 0.6, "s", "more of a collective between cards that share no more than a bus"),
    "step_seconds": (6e-4, 1e-5, 5e-2, 0.48, "s", "scheduling and sampling per iteration"),
    "sequence_seconds": (5e-6, 1e-8, 2e-4, 0.48, "s", "per sequence and iteration"),
    "prompt_layer_seconds": (5e-4, 1e-6, 5e-3, 1.6, "s", "a prompt's pass outside CUDA graphs: launches per layer"),
    "prompt_moe_seconds": (1e-4, 1e-6, 8e-4, 1.6, "s", "of it, per MoE layer and eight choices besides"),
    "prompt_mixer_seconds": (1e-3, 1e-5, 1e-2, 1.6, "s", "of it, per layer with a linear mixer besides"),
    "request_seconds": (2e-2, 1e-4, 1.0, 0.3, "s", "front end per request before its first token"),
    "first_steps": (2.5, 0.3, 10.0, 0.3, "ratio", "iterations before the client has a token, of users who wait"),
    "burst_share": (0.06, 0.005, 0.9, 0.3, "share", "of other requests' prefill met before the first token"),
    "open_steps": (1.5, 0.5, 6.0, 0.3, "ratio", "iterations before the first token of random arrivals"),
    "burst_fill": (0.8, 0.3, 1.0, 0.48, "share", "of a burst that decodes on average, over its most"),
    "burst_tail": (1.0, 0.2, 5.0, 0.5, "ratio", "steps of a burst's last answers alone, over those of one request"),
    "burst_between": (0.7, 0.05, 1.5, 0.8, "share", "of the prompts behind it that a burst's request meets"),
    "turn_seconds": (3e-3, 1e-5, 0.1, 1.0, "s", "of a burst's request in the front end, one after another"),
    "token_seconds": (2e-5, 1e-6, 3e-5, 0.8, "s", "of a burst's token in the front end, one after another"),
    "uneven": (0.7, 0.05, 1.0, 0.8, "ratio", "attention groups that share experts wait for a prompt of any"),
    "acceptance": (0.6, 0.1, 0.95, 0.48, "share", "of a draft's tokens, where no more is told"),
    "acceptance_native": (0.7, 0.1, 0.95, 0.48, "share", "of a model's own prediction layer, where no more is told"),
}
SOFTWARE = ("compute_factor", "memory_factor", "fixed_factor", "expert_factor")
NOTES = {
    "compute_factor": "arithmetic that software reaches, over its kin",
    "memory_factor": "memory rate that software reaches, over its kin",
    "fixed_factor": "launches, scheduling and collective start-ups of software, over its kin",
    "expert_factor": "time in routed experts, over its kin",
}
# of an engine: name and pull toward kin
ENGINE = {
    "compute_factor": 0.4, "memory_factor": 0.24, "fixed_factor": 0.64, "request_seconds": 0.25, "first_steps": 0.25,
}  # fmt: skip
SERVER = {  # of an engine with many rows besides
    "sequence_seconds": 1.1, "burst_share": 0.2, "expert_factor": 0.32, "weight_only_efficiency": 0.4,
    "prompt_layer_seconds": 0.4, "prompt_moe_seconds": 0.4, "narrow_seconds": 0.8, "activation_passes": 0.4,
    "kv_efficiency": 0.3,
}  # fmt: skip
BURSTS = {"turn_seconds": 0.6, "burst_between": 1.0}
HTTP = {"token_seconds": 1.6}  # rows of these engines are of servers; TensorRT-LLM's bursts are of its own benchmark
GENERATION = {
    "compute_factor": 0.32, "memory_factor": 0.24, "fixed_factor": 0.48, "compute_efficiency_8": 0.4,
    "compute_efficiency_4": 0.4, "weight_only_efficiency": 0.4, "expert_factor": 0.32, "link_seconds": 0.48,
    "narrow_seconds": 0.8, "prompt_layer_seconds": 0.48, "link_efficiency": 0.4, "attention_efficiency": 0.3,
    "activation_passes": 0.4, "kv_efficiency": 0.24, "sparse_seconds": 0.8,
}  # fmt: skip
PAIR = {
    "compute_factor": 0.32, "memory_factor": 0.19, "fixed_factor": 0.48, "expert_factor": 0.32, "narrow_seconds": 0.8,
}  # fmt: skip
OWN = [  # what one engine alone has
    Constant(
        "score_bytes", "any", "llama.cpp", 30.0, 1.0, 200.0, "bytes",
        "without fused attention a score in 32 bits is written, scaled, normalised, read", until=2024, pull=0.8,
    ),
    Constant(
        "kv_again", "any", "tensorrt-llm", 0.5, 0.01, 1.0, "share",
        "query heads that read the keys of their group again, before kernels for groups (XQA)", until=2023, pull=0.8,
    ),
    Constant(
        "rank_seconds", "any", "tensorrt-llm", 1e-2, 1e-4, 0.1, "s",
        "front end, per doubling of the tensor-parallel ranks that each request is broadcast to",
    ),
    Constant(
        "gather_steps", "any", "tensorrt-llm", 8.0, 0.5, 20.0, "ratio",
        "dense models: prompts gathered for up to 20 iterations where batch_wait_timeout_iters was set",
    ),
    Constant(
        "balance_steps", "any", "tensorrt-llm", 30.0, 1.0, 60.0, "ratio",
        "attention groups that share experts wait for prompts on every rank: timeout_iters 60 where it was set",
    ),
    *[
        Constant(n, "any", "llama.cpp", 1.0, 0.1, 10.0, "ratio", "llama.cpp of 2024", ratio=True, until=2024, pull=p)
        for n, p in (("compute_factor", 0.64), ("memory_factor", 0.4), ("fixed_factor", 0.8))
    ],
    Constant(
        "fixed_factor", "any", "vllm", 2.0, 0.1, 10.0, "ratio",
        "vLLM before its second engine (V1), whose host took longer: 0.6.0 alone made 1.8 to 2.7 times as many tokens",
        ratio=True, until=2024, pull=0.64,
    ),
]  # fmt: skip
SERVERS = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")
LAUNCHED = ("gaudi", "fastertransformer", "neuron")  # whose prompts' launches are told by rows


def fitted(engines: list[str], generations: list[str], pairs: list[tuple[str, str]]) -> list[Constant]:
    """Every constant that is fitted to rows of these engines and generations: general ones, and ratios to kin."""
    found = [Constant(n, "any", "any", a, lo, hi, unit, note, pull=p) for n, (a, lo, hi, p, unit, note) in BASE.items()]
    for engine in engines:
        found += [_ratio(n, pull, framework=engine) for n, pull in ENGINE.items()]
        if engine in SERVERS:
            found += [_ratio(n, pull, framework=engine) for n, pull in SERVER.items()]
        elif engine in LAUNCHED:
            found += [_ratio(n, SERVER[n], framework=engine) for n in ("prompt_layer_seconds", "narrow_seconds")]
        if engine in SERVERS[:3]:
            found += [_ratio(n, pull, framework=engine) for n, pull in BURSTS.items()]
        if engine in SERVERS[:2]:
            found += [_ratio(n, pull, framework=engine) for n, pull in HTTP.items()]
    for generation in generations:
        found += [_ratio(n, pull, generation=generation) for n, pull in GENERATION.items()]
    for engine, generation in pairs:
        found += [_ratio(n, pull, generation, engine) for n, pull in PAIR.items()]
    return found + OWN


def _ratio(name: str, pull: float, generation: str = "any", framework: str = "any") -> Constant:
    note = NOTES.get(name) or BASE[name][5] + ": over its kin"
    return Constant(name, generation, framework, 1.0, 0.02, 50.0, "ratio", note, ratio=True, pull=pull)


VLLM = "https://docs.vllm.ai/en/stable/configuration/optimization/"
TRTLLM = "https://nvidia.github.io/TensorRT-LLM/performance/performance-tuning-guide/useful-runtime-flags.html"
LLAMACPP = "https://github.com/ggml-org/llama.cpp/tree/master/tools/llama-bench"


def _known(name: str, framework: str, value: float, unit: str, address: str, confidence: str, note: str) -> Constant:
    return Constant(name, "any", framework, value, value, value, unit, note, address, confidence)


TPUS = ("tpu-v4", "tpu-v5", "tpu-v6", "tpu-v7")
SOURCED = [
    *[_known(n, "any", 1.0, "ratio", "scripts/serving_constants.py", "assumed", NOTES[n]) for n in SOFTWARE],
    _known(
        "half_sums",
        "llama.cpp",
        1.0,
        "ratio",
        "https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-cuda/ggml-cuda.cu",
        "vendor",
        "16-bit products are summed in 16 bits (CUBLAS_COMPUTE_16F); GeForce chips halve the rate of 32-bit sums",
    ),
    Constant(
        "compute_efficiency_16",
        "cdna3",
        "any",
        0.47,
        0.47,
        0.47,
        "share",
        "no 16-bit serving rows: matrix products of about 620 of 1,307 TFLOP/s (an H100: 720 of 989, 0.73)",
        "https://semianalysis.com/2024/12/22/mi300x-vs-h100-vs-h200-benchmark-part-1-training/",
        "third-party",
    ),
    _known(
        "vector_tokens",
        "llama.cpp",
        1.0,
        "tokens",
        "https://github.com/ggml-org/llama.cpp/pull/18958",
        "vendor",
        "experts of one token are products with a vector, of more products of matrices (until January 2026)",
    ),
    *[
        Constant(
            "kv_by_batch",
            generation,
            "any",
            1.0,
            1.0,
            1.0,
            "ratio",
            "attention with fewer KV heads than ranks is split over the sequences",
            "https://arxiv.org/abs/2211.05102",
            "vendor",
        )
        for generation in TPUS
    ],
    _known(
        "network_efficiency",
        "any",
        0.85,
        "share",
        "https://github.com/deepseek-ai/DeepEP",
        "measured",
        "43 of 50 GB/s across servers with 16 to 64 expert ranks",
    ),
    _known(
        "message_seconds",
        "any",
        1e-6,
        "s",
        "https://kentino.com/cs/pages/latency-dissection-where-every-microsecond-goes-in-an-ai-cluster-network",
        "third-party",
        "RDMA of 100 GbE or NDR InfiniBand through one switch: a round trip of 2 us for small messages",
    ),
    Constant(
        "network_bytes",
        "any",
        "any",
        12.5e9,
        1.25e9,
        50e9,
        "bytes/s",
        "servers of cards: up to 100 Gbit/s (AWS G5); from the 10 Gbit/s that boards have and one stream reaches there "
        "(ec2-instance-network-bandwidth.html) to a card of 400 Gbit/s",
        "https://docs.aws.amazon.com/AWSEC2/latest/WindowsGuide/accelerated-computing-instances.html",
        "vendor",
    ),
    _known(
        "lone_network_bytes",
        "any",
        1.25e9,
        "bytes/s",
        "https://support.apple.com/en-us/122211",
        "vendor",
        "Mac Studio: 10 Gbit/s Ethernet; Thunderbolt between two of them is faster",
    ),
    _known(
        "host_efficiency",
        "any",
        0.5,
        "share",
        "https://github.com/NVIDIA/nccl/issues/1639",
        "measured",
        "all-reduce among four RTX 5090 over PCIe 5.0 x16 at 35 of 63 GB/s, among eight at 28 (0.56 and 0.44)",
    ),
    _known(
        "exchange_hidden",
        "any",
        0.5,
        "share",
        "https://lmsys.org/blog/2025-05-05-large-scale-ep/",
        "third-party",
        "two-batch overlap raises prefill by 27 to 35 % where exchange and work take about the same time",
    ),
    _known(
        "hop_seconds",
        "any",
        1e-6,
        "s",
        "https://jax-ml.github.io/scaling-book/sharding/",
        "third-party",
        "about a microsecond a hop between neighbours of a torus",
    ),
    *[
        Constant(
            "link_seconds",
            generation,
            framework,
            1e-6,
            1e-6,
            1e-6,
            "s",
            "collectives are part of the compiled program: what they wait for is the hops",
            "https://jax-ml.github.io/scaling-book/sharding/",
            "third-party",
        )
        for generation in TPUS
        for framework in ("any", NAMED)
    ],
    _known(
        "context_share",
        "neuron",
        1.0,
        "share",
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/vllm-neuron/docs/design/vllm/decode-context-length-bucketing.html",
        "vendor",
        "a compiled step reads the cache up to the longest request it was compiled for",
    ),
    *[
        _known(
            "stage_seconds",
            framework,
            seconds,
            "s",
            "https://github.com/vllm-project/vllm/pull/32618",
            "third-party",
            "asynchronous scheduling of 4 stages takes 1.32 times less a token (vLLM, 128 requests; 14 ms computed: "
            "1.1 ms a stage, 0.9 to 1.3 by accelerator); over Ray and in SGLang stages have none; C++ hosts need none",
        )
        for framework, seconds in (("any", 1.1e-3), (NAMED, 0.0), ("vllm", 1.1e-3), ("sglang", 1.1e-3))
    ],
    _known(
        "chunk_tokens",
        "any",
        8192.0,
        "tokens",
        VLLM,
        "vendor",
        "max_num_batched_tokens of a throughput-oriented server; TensorRT-LLM's max_num_tokens is the same",
    ),
    _known(
        "pipeline_tokens",
        "any",
        2048.0,
        "tokens",
        VLLM,
        "assumed",
        "prompt tokens per micro-batch under pipeline parallelism",
    ),
    _known(
        "pipeline_tokens",
        "llama.cpp",
        512.0,
        "tokens",
        LLAMACPP,
        "vendor",
        "default n_ubatch: prompts pass split layers in pieces of 512",
    ),
    _known(
        "static_tokens",
        "llama.cpp",
        512.0,
        "tokens",
        LLAMACPP,
        "vendor",
        "default n_ubatch: prompts pass in pieces of 512, and each reads the weights",
    ),
    _known("batch_limit", "any", 1024.0, "ratio", VLLM, "assumed", "max_num_seqs of a throughput-oriented server"),
    _known(
        "kv_reserve", "any", 0.5, "share", VLLM, "assumed", "pages are taken as the answer grows: half of it on average"
    ),
    _known(
        "kv_reserve",
        "tensorrt-llm",
        1.0,
        "share",
        TRTLLM,
        "vendor",
        "GUARANTEED_NO_EVICT sets the whole answer aside on admission",
    ),
]

OCP = "https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf"
NVFP4 = "https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/"
GGUF = "https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md"
HOPPER = "https://arxiv.org/abs/2209.05433"


def _format(
    name: str, weight: float, attention: float, head: float, bits: float, only: bool, address: str, note: str
) -> dict[str, object]:
    return {
        "name": name,
        "weight_bytes": weight,
        "attention_bytes": attention,
        "head_bytes": head,
        "compute_bits": bits,
        "weight_only": only,
        "integer": name == "int8",
        "address": address,
        "confidence": "vendor",
        "note": note,
    }


FORMATS = [
    _format("fp32", 4.0, 4.0, 4.0, 16.0, False, HOPPER, "runs at the 16-bit rate"),
    _format("bf16", 2.0, 2.0, 2.0, 16.0, False, HOPPER, "2 bytes"),
    _format("fp16", 2.0, 2.0, 2.0, 16.0, False, HOPPER, "2 bytes"),
    _format("fp8", 1.0, 1.0, 2.0, 8.0, False, HOPPER, "1 byte; embedding and head stay in 16 bits"),
    _format(
        "mxfp8",
        1.03125,
        1.03125,
        2.0,
        8.0,
        False,
        OCP,
        "1 byte, 8 bits a block of 32 (OCP Microscaling Formats v1.0, section 5.2); embedding and head in 16 bits",
    ),
    _format(
        "int8",
        1.0,
        1.0,
        2.0,
        8.0,
        False,
        "https://arxiv.org/abs/2211.10438",
        "1 byte, 8-bit activations too (SmoothQuant)",
    ),
    _format(
        "int4",
        0.53125,
        0.53125,
        2.0,
        16.0,
        True,
        "https://arxiv.org/abs/2306.00978",
        "4 bits and a 16-bit scale per group of 64 (AWQ): weights only",
    ),
    _format(
        "mxfp4",
        0.53125,
        2.0,
        2.0,
        4.0,
        False,
        OCP,
        "4 bits and an 8-bit scale per 32 elements; experts only, attention in 16 bits (gpt-oss)",
    ),
    _format("nvfp4", 0.5625, 0.5625, 2.0, 4.0, False, NVFP4, "4 bits and an 8-bit scale per 16 elements"),
    _format("fp4", 0.5625, 0.5625, 2.0, 4.0, False, NVFP4, "as nvfp4"),
    _format("mxfp8", 1.03125, 1.03125, 2.0, 8.0, False, OCP, "8 bits and an 8-bit scale per 32 elements"),
    _format("q4_0", 0.5625, 0.5625, 0.5625, 16.0, True, GGUF, "4 bits and a 16-bit scale per 32 weights"),
    _format("q6_k", 0.8203, 0.8203, 0.8203, 16.0, True, GGUF, "6.5625 bits per weight"),
    _format("q5_k_m", 0.711, 0.711, 0.711, 16.0, True, GGUF, "5.69 bits per weight on Llama 3: 5.73 GB for 8.03B"),
    _format("q8_0", 1.0625, 1.0625, 1.0625, 16.0, True, GGUF, "8 bits and a 16-bit scale per 32 weights"),
    _format("q4_k_m", 0.606, 0.606, 0.606, 16.0, True, GGUF, "4.85 bits per weight on Llama 3: 4.92 GB for 8.03B"),
]
