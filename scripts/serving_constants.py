"""The constants of the serving engine: where the fit starts, what it may reach, and what is taken from a source."""

from __future__ import annotations

from typing import NamedTuple


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


def _any(name: str, start: float, low: float, high: float, unit: str, note: str) -> Constant:
    return Constant(name, "any", "any", start, low, high, unit, note)


FITTED = [
    _any("compute_efficiency_16", 0.7, 0.2, 1.0, "share", "16-bit matrix products, of the dense peak"),
    _any("compute_efficiency_8", 0.6, 0.2, 1.0, "share", "8-bit matrix products"),
    Constant("compute_efficiency_8", "blackwell", "any", 0.5, 0.1, 1.0, "share", "8-bit matrix products"),
    Constant("compute_efficiency_8", "cdna3", "any", 0.38, 0.1, 1.0, "share", "8-bit matrix products, one source"),
    _any("compute_efficiency_4", 0.4, 0.1, 1.0, "share", "4-bit matrix products"),
    _any("weight_only_efficiency", 0.5, 0.1, 1.0, "share", "weights widened to the compute format in every step"),
    Constant(
        "weight_only_efficiency",
        "any",
        "llama.cpp",
        0.4,
        0.1,
        1.0,
        "share",
        "weights widened in memory, then multiplied",
    ),
    _any("attention_efficiency", 0.4, 0.05, 1.0, "share", "prefill attention, of the 16-bit peak"),
    Constant(
        "score_bytes",
        "any",
        "llama.cpp",
        16.0,
        4.0,
        64.0,
        "bytes",
        "llama.cpp of May 2024 without fused attention: a score in 32 bits is written, scaled, normalised, read",
    ),
    _any("bandwidth_efficiency", 0.75, 0.3, 0.98, "share", "reading weights"),
    Constant("bandwidth_efficiency", "ada", "any", 0.85, 0.3, 0.98, "share", "GDDR6 cards"),
    Constant("bandwidth_efficiency", "any", "tensorrt-llm", 0.75, 0.3, 0.98, "share", "reading weights"),
    _any("kv_efficiency", 0.7, 0.1, 0.98, "share", "reading the KV cache"),
    _any("link_efficiency", 0.6, 0.1, 1.0, "share", "collectives, of the link's rate per direction"),
    _any(
        "activation_passes", 12.0, 0.5, 60.0, "ratio", "passes over the hidden state per layer outside matrix products"
    ),
    _any("width_passes", 1.0, 0.01, 20.0, "ratio", "passes over what matrix products hand on inside a layer"),
    _any("copy_passes", 10.0, 0.1, 40.0, "ratio", "passes over the hidden state of each copy routed to an expert"),
    _any("expert_tile", 16.0, 1.0, 128.0, "tokens", "padding of each visited expert's matrix product"),
    _any("expert_skew", 1.0, 0.05, 50.0, "ratio", "gamma shape of expert popularity"),
    _any(
        "expert_imbalance",
        0.25,
        0.02,
        2.0,
        "share",
        "extra load of the busiest expert rank; few rows use expert parallelism",
    ),
    _any("layer_seconds", 1e-5, 1e-6, 1e-4, "s", "launches and tails per layer and iteration"),
    Constant("layer_seconds", "any", "neuron", 1e-4, 1e-6, 1e-3, "s", "launches and tails per layer and iteration"),
    _any("moe_layer_seconds", 4e-5, 1e-6, 2e-4, "s", "routing and permutation per MoE layer and eight choices"),
    _any("link_seconds", 8e-6, 5e-7, 5e-5, "s", "start-up of a collective per doubling of ranks"),
    Constant("link_seconds", "ampere", "any", 1e-5, 5e-7, 1e-4, "s", "start-up of a collective per doubling of ranks"),
    _any("step_seconds", 6e-4, 1e-5, 5e-2, "s", "scheduling and sampling per iteration"),
    Constant("step_seconds", "any", "llama.cpp", 3e-3, 1e-5, 5e-2, "s", "scheduling and sampling per iteration"),
    Constant(
        "step_seconds", "any", "fastertransformer", 2e-3, 1e-5, 5e-2, "s", "scheduling and sampling per iteration"
    ),
    _any("sequence_seconds", 5e-6, 1e-8, 2e-4, "s", "per sequence and iteration"),
    Constant("sequence_seconds", "any", "sglang", 2e-5, 1e-8, 2e-4, "s", "per sequence and iteration"),
    _any("request_seconds", 2e-2, 1e-4, 1.0, "s", "front end per request before its first token"),
    Constant(
        "request_seconds", "any", "tensorrt-llm", 5e-3, 1e-4, 1.0, "s", "front end per request before its first token"
    ),
    Constant(
        "rank_seconds",
        "any",
        "tensorrt-llm",
        1e-2,
        1e-4,
        0.1,
        "s",
        "front end, per doubling of the tensor-parallel ranks that each request is broadcast to",
    ),
    Constant(
        "prompt_moe_seconds",
        "any",
        "tensorrt-llm",
        8e-4,
        1e-5,
        5e-3,
        "s",
        "prompts run outside CUDA graphs: launches per MoE layer and eight choices",
    ),
    Constant(
        "gather_steps",
        "any",
        "tensorrt-llm",
        8.0,
        0.5,
        20.0,
        "ratio",
        "dense models: prompts gathered for up to 20 iterations where batch_wait_timeout_iters was set",
    ),
    Constant(
        "balance_steps",
        "any",
        "tensorrt-llm",
        30.0,
        1.0,
        60.0,
        "ratio",
        "attention groups that share experts wait for prompts on every rank: timeout_iters 60 where it was set",
    ),
    _any(
        "first_steps",
        2.5,
        0.3,
        10.0,
        "ratio",
        "iterations before the client has a token: the running one, its own, the stream",
    ),
    Constant(
        "first_steps",
        "any",
        "sglang",
        15.0,
        0.5,
        40.0,
        "ratio",
        "arrivals are looked for once in scheduler-recv-interval iterations: 10 or 30 on the servers measured",
    ),
    _any(
        "burst_share",
        0.06,
        0.005,
        0.9,
        "share",
        "of other requests' prefill met before the first token: a first wave of one in ten requests makes 0.05",
    ),
]

VLLM = "https://docs.vllm.ai/en/stable/configuration/optimization/"
TRTLLM = "https://nvidia.github.io/TensorRT-LLM/performance/performance-tuning-guide/useful-runtime-flags.html"
LLAMACPP = "https://github.com/ggml-org/llama.cpp/tree/master/tools/llama-bench"


def _known(name: str, framework: str, value: float, unit: str, address: str, confidence: str, note: str) -> Constant:
    return Constant(name, "any", framework, value, value, value, unit, note, address, confidence)


SOURCED = [
    _known(
        "overlap",
        "any",
        1.0,
        "ratio",
        "validation/serving_measured.csv",
        "measured",
        "free fits end at 1.05: computing and reading add up",
    ),
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
        "network_efficiency",
        "any",
        0.85,
        "share",
        "https://github.com/deepseek-ai/DeepEP",
        "measured",
        "43 of 50 GB/s across servers with 16 to 64 expert ranks",
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
    _known("batch_limit", "tensorrt-llm", 2048.0, "ratio", TRTLLM, "vendor", "default max_batch_size"),
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
    _format("q8_0", 1.0625, 1.0625, 1.0625, 16.0, True, GGUF, "8 bits and a 16-bit scale per 32 weights"),
    _format("q4_k_m", 0.606, 0.606, 0.606, 16.0, True, GGUF, "4.85 bits per weight on Llama 3: 4.92 GB for 8.03B"),
]
