"""The training run."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, TRAIN, Key
from llmcost.keys.methods import METHODS

TOKENS = ("tokens", "rollout_tokens")
GIVEN_WORK = ("gpu_hours", "training_flops", *TOKENS, "model", "params", "params_active")  # any of them: a run is asked
ATTENTION = ("fused", "unfused")
COMPILED = ("no", "yes")
GROUPED = "grouped"
EXPERT_KERNELS = ("looped", GROUPED)
TRANSFORMER_ENGINE = "transformer-engine"
LAYER_KERNELS = ("framework", TRANSFORMER_ENGINE)
CONVENTIONS = ("causal", "full")
OPTIMIZERS = (
    "adamw", "adamw-bf16", "adamw-8bit", "paged-8bit", "adafactor", "muon", "sgd", "in-backward",
)  # fmt: skip
LOSSES = ("plain", "chunked", "fused")
SEGMENTS = ("no", "yes")
OFFLOADS = ("none", "activations", "optimizer", "weights")
ADAPTED = ("q,v", "attention", "all-linear", "+embeddings")
FP8_RECIPES = ("tensorwise", "rowwise")

KEYS = (
    Key("tokens", "count", "Training", "training tokens: 15T", (TRAIN, CROSSOVER), ranged=True),
    Key("method", "choice", "Training", "how it is trained", (TRAIN, CROSSOVER), choices=tuple(METHODS)),
    Key("epochs", "ratio", "Training", "passes over the tokens: 3", (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("seq_len", "whole", "Training", "training sequence length: 8192", (TRAIN, CROSSOVER)),
    Key("long_tokens", "count", "Training", "tokens of a long-context phase: 800B", (TRAIN, CROSSOVER), ranged=True),
    Key("long_seq_len", "whole", "Training", "sequence length of that phase: 131072", (TRAIN, CROSSOVER)),
    Key("lora_rank", "whole", "Training", "rank of the adapters (lora, qlora): 16", (TRAIN, CROSSOVER)),
    Key("adapted", "choice", "Training", "layers with adapters (lora, qlora)", (TRAIN, CROSSOVER), choices=ADAPTED),
    Key("optimizer", "choice", "Training", "whose states are held", (TRAIN, CROSSOVER), choices=OPTIMIZERS),
    Key("loss_kernel", "choice", "Training", "how the loss holds its logits", (TRAIN, CROSSOVER), choices=LOSSES),
    Key("offload", "choice", "Training", "what the host holds", (TRAIN, CROSSOVER), choices=OFFLOADS),
    Key("expandable_segments", "choice", "Training", "whether PyTorch's allocator keeps expandable segments "
        "(PYTORCH_CUDA_ALLOC_CONF)", (TRAIN, CROSSOVER), choices=SEGMENTS),
    Key("teacher", "models", "Training", "model that is distilled (distill)", (TRAIN, CROSSOVER)),
    Key("rollout_tokens", "count", "Training", "tokens generated (rl): 2B", (TRAIN, CROSSOVER), ranged=True),
    Key("reward_model", "models", "Training", "model that scores rollouts (rl)", (TRAIN, CROSSOVER)),
    Key("global_batch_tokens", "count", "Training", "tokens per optimizer step: 16M", (TRAIN, CROSSOVER)),
    Key("mfu", "share", "Training", "model FLOPs utilisation, in place of the predicted one: 40%",
        (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("mfu_convention", "choice", "Training", "how that MFU counts attention: over what a causal mask leaves, or "
        "over every pair of tokens, as many trainers log it", (TRAIN, CROSSOVER), choices=CONVENTIONS),
    Key("attention", "choice", "Training", "attention kernel; unfused ones write every score to memory",
        (TRAIN, CROSSOVER), choices=ATTENTION),
    Key("compiled", "choice", "Training", "whether the model is compiled, which takes host time and traffic away",
        (TRAIN, CROSSOVER), choices=COMPILED),
    Key("expert_kernels", "choice", "Training", "products of experts: one after the other, or together",
        (TRAIN, CROSSOVER), choices=EXPERT_KERNELS),
    Key("layer_kernels", "choice", "Training", "layers of the framework, or those of NVIDIA's Transformer Engine in their "
        "place", (TRAIN, CROSSOVER), choices=LAYER_KERNELS),
    Key("practice", "ratio", "Training", "step time in practice over that of the ideal layout: 1.06",
        (TRAIN, CROSSOVER), least=0.1, most=10.0),
    Key("packing", "share", "Training", "share of the computed tokens that are not padding: 80%", (TRAIN, CROSSOVER),
        least=0.01, most=1.0),
    Key("fp8_recipe", "choice", "Training", "how FP8 training scales: a factor a tensor, or a row",
        (TRAIN, CROSSOVER), choices=FP8_RECIPES),
    Key("sites", "whole", "Training", "places that the accelerators stand in, the same number in each: 4",
        (TRAIN, CROSSOVER), least=2.0),
    Key("sync_every", "whole", "Training", "local steps between two exchanges of the places: 500", (TRAIN, CROSSOVER)),
    Key("goodput", "share", "Training", "useful share of billed time, in place of the predicted one: 90%",
        (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("mtbf", "seconds", "Training", "mean time between failures of one accelerator with its part of the "
        "machine, in place of the published one: 50000h", (TRAIN, CROSSOVER), ranged=True),
    Key("checkpoint_time", "seconds", "Training", "time that a checkpoint stops training: 30s", (TRAIN, CROSSOVER),
        ranged=True),
    Key("restart_time", "seconds", "Training", "time from a failure to the first new step: 10min", (TRAIN, CROSSOVER),
        ranged=True),
    Key("preemption", "seconds", "Training", "mean time that a spot machine is held before it is taken away: 24h",
        (TRAIN, CROSSOVER), ranged=True),
    Key("overhead", "ratio", "Training", "billed time over the time for training and failures (evaluation, ramp-up): 1.1",
        (TRAIN, CROSSOVER), ranged=True, least=1.0),
    Key("gpu_hours", "count", "Training", "billed accelerator-hours, given: 2.788M", (TRAIN, CROSSOVER), ranged=True),
    Key("training_flops", "count", "Training", "model FLOPs of the run, given: 3.8e25", (TRAIN, CROSSOVER),
        ranged=True),
    Key("train_cost", "usd", "Training", "training spend, given: 150M", (CROSSOVER,), ranged=True),
    Key("train_energy", "kwh", "Training", "training energy, given: 59257kWh", (CROSSOVER,), ranged=True),
)  # fmt: skip
