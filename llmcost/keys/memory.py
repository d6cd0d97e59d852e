"""What fits: the share of the memory that an engine takes, and how sure a layout has to be."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, SERVE, TRAIN, Key

KEYS = (
    Key("memory_fraction", "share", "Memory", "share of memory that the serving engine may use: 95%",
        (SERVE, CROSSOVER), least=0.01, most=1.0),
    Key("fit_confidence", "share", "Memory", "probability with which a layout must fit in memory: 90%",
        (TRAIN, SERVE, CROSSOVER), least=0.5, most=0.999),
)  # fmt: skip
FITTING = (  # keys of `llmcost fit`: they change what has to fit, or how fast it is
    "model", "params", "params_active", "hardware", "gpus", "dtype", "kv_dtype", "framework", "isl", "osl", "batch",
    "tp", "pp", "dp", "ep", "memory_fraction", "fit_confidence", "memory_scale", "calibration",
    "peer_access", "machine_gpus", "network_bandwidth", "network_latency",
    # of training, with a method
    "method", "lora_rank", "adapted", "teacher", "reward_model", "seq_len", "global_batch_tokens", "micro_batch", "vpp",
    "cp", "sp", "zero", "recompute", "recompute_layers", "optimizer", "loss_kernel", "offload", "expandable_segments",
    "attention",
)  # fmt: skip
