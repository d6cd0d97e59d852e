"""What fits: the share of the memory, the confidence, and what a training stack keeps."""

from __future__ import annotations

from llmcost.keys.key import BOTH, CROSSOVER, SERVE, TRAIN, Key

OPTIMIZERS = ("adamw", "adamw-bf16", "adamw-8bit", "paged-8bit", "adafactor", "muon", "sgd", "in-backward")
LOSS_KERNELS = ("plain", "chunked", "fused")
OFFLOADS = ("none", "optimizer", "weights", "activations")
ATTENTION = ("fused", "unfused")
_RUN = (TRAIN, CROSSOVER)

KEYS = (
    Key("memory_fraction", "share", "Memory", "share of the memory that the serving engine takes: 95%",
        (SERVE, CROSSOVER), least=0.01, most=1.0),
    Key("fit_confidence", "share", "Memory", "chance with which a layout has to fit: 90%", BOTH, least=0.5, most=0.999),
    Key("optimizer", "choice", "Memory", "optimizer and the bits of its states", _RUN, choices=OPTIMIZERS),
    Key("loss_kernel", "choice", "Memory", "how the loss is computed: logits held whole, in chunks, or never", _RUN,
        choices=LOSS_KERNELS),
    Key("offload", "choice", "Memory", "what is kept in the memory of the host", _RUN, choices=OFFLOADS),
    Key("attention", "choice", "Memory", "whether attention scores stand in memory", _RUN, choices=ATTENTION),
)  # fmt: skip
FITTING = (  # keys of `llmcost fit`: they change what has to fit, or how fast it is
    "model", "params", "params_active", "hardware", "gpus", "dtype", "kv_dtype", "framework", "isl", "osl", "batch",
    "tp", "pp", "dp", "ep", "memory_fraction", "fit_confidence", "memory_scale", "method", "lora_rank", "seq_len",
    "global_batch_tokens", "micro_batch", "vpp", "cp", "zero", "recompute", "optimizer", "loss_kernel", "offload",
    "attention",
)  # fmt: skip
