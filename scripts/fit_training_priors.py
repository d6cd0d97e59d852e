"""What the fit of the training engine starts from: each constant with its prior, alone, by generation and by stack.

Priors are in logs: a start and a standard deviation. A generation or a stack may differ from what it is drawn toward by
its own standard deviation, so that few rows move it little.
"""

from __future__ import annotations

from typing import NamedTuple

from scripts import fit_training_output as out


class Prior(NamedTuple):
    """Where the fit starts, how far it may go (standard deviation in log), what the number means."""

    start: float
    width: float
    unit: str
    note: str


PRIORS = {
    "gemm_16": Prior(0.72, 0.15, "share", "of the dense 16-bit peak that a large matrix product sustains"),
    "gemm_fp8": Prior(0.85, 0.2, "ratio", "share of the FP8 peak over the share of the 16-bit peak, tensor scales"),
    "gemm_mxfp8": Prior(0.8, 0.2, "ratio", "the same with block scales (MXFP8)"),
    "gemm_fp4": Prior(0.6, 0.4, "ratio", "the same at FP4; some products of an NVFP4 recipe stay wider"),
    "gemm_edge": Prior(1.0, 0.7, "ratio", "operand traffic of products: 1 = every operand passes memory once"),
    "expert_edge": Prior(1.5, 0.7, "ratio", "the same for grouped expert products"),
    "attention": Prior(0.55, 0.15, "share", "of the 16-bit peak in fused attention at long sequences"),
    "attention_ramp": Prior(700.0, 0.5, "tokens", "sequence length at which attention reaches half of that"),
    "mixer": Prior(0.05, 0.7, "share", "of the 16-bit peak in state kernels of Mamba-2 layers"),
    "memory": Prior(0.75, 0.2, "share", "of the memory bandwidth in norms, activations, casts, losses, optimizer"),
    "cast": Prior(0.3, 0.8, "ratio", "traffic of low-precision casts over the other elementwise traffic"),
    "cast_fp4": Prior(2.0, 0.5, "ratio", "casts of NVFP4 recipes (transforms, two scales, random rounding) over those"),
    "dispatch": Prior(6.0, 0.7, "passes", "memory passes over each token copy routed to an expert"),
    "link": Prior(0.75, 0.5, "ratio", "of the scale-up link in tensor and context parallelism; above 1 where hidden"),
    "expert_link": Prior(0.5, 0.7, "ratio", "of the scale-up link in the expert all-to-all"),
    "expert_network": Prior(0.5, 0.7, "ratio", "of the network in the expert all-to-all"),
    "expert_join": Prior(1.4, 0.2, "exponent", "joins the expert all-to-all and compute: 1 = nothing hidden"),
    "network": Prior(0.7, 0.4, "share", "of link and network in gathers and reductions of weights and gradients"),
    "overlap": Prior(4.0, 0.4, "exponent", "joins ZeRO-3 gathers, context rings and compute"),
    "dp_exposed": Prior(0.25, 0.5, "share", "of the gradient reduction that cannot hide behind the last micro-batch"),
    "launch_dense": Prior(1e-3, 0.5, "s", "host time per block and micro-batch that runs beside the device"),
    "launch_expert": Prior(2e-3, 0.8, "s", "host time per expert layer and micro-batch, waited for: token counts"),
    "launch_held": Prior(1e-4, 0.7, "s", "the same per expert held: products of each are launched apart"),
    "launch_join": Prior(3.0, 0.4, "exponent", "joins launch_dense and device time: 1 = additive"),
    "straggler": Prior(0.006, 0.5, "ratio", "growth of the step per doubling of accelerators"),
    "step": Prior(0.01, 0.8, "s", "fixed per step: data, logging, scheduler"),
    "power": Prior(0.5, 0.3, "exponent", "of the sustained rate in W per peak FLOP/s, within a generation"),
    "peer_link": Prior(0.4, 0.4, "share", "of the bus rate between accelerators in a box without a scale-up link"),
    "dequantise": Prior(3.5, 0.4, "bytes", "moved per 4-bit weight and pass to write it out in 16 bits"),
    "adapter_passes": Prior(4.0, 0.5, "passes", "over what an adapter reads and adds to"),
    "host_adapters": Prior(1e-3, 0.6, "s", "host time of adapters per block and micro-batch, waited for"),
    "tuned_adapters": Prior(0.3, 0.6, "ratio", "host time and passes of adapters in tuned stacks over the others"),
    "compiled_host": Prior(0.5, 0.4, "ratio", "host time of compiled code over that of eager code"),
    "compiled_traffic": Prior(0.7, 0.2, "ratio", "elementwise traffic of compiled code over that of eager code"),
    "early_dequantise": Prior(4.0, 0.5, "ratio", "4-bit kernels up to 2023 over later ones"),
    "recent_experts": Prior(0.7, 0.3, "ratio", "host time of expert layers from 2025 on over earlier software"),
    "recent_attention": Prior(1.15, 0.12, "ratio", "attention kernels of tuned stacks from 2025 on over earlier ones"),
}
CAPS = {"gemm_16": 0.95, "dp_exposed": 0.95}
LEAST_ONE = ("expert_join", "overlap", "launch_join")
TPU = ("tpu-v3", "tpu-v4", "tpu-v5", "tpu-v6", "tpu-v7")
FAMILY = {
    "volta": ("volta",), "turing": ("turing",), "ampere": ("ampere",), "ada": ("ada",), "hopper": ("hopper",),
    "blackwell": ("blackwell",), "cdna2": ("cdna2",), "cdna3": ("cdna3",), "cdna4": ("cdna4",), "gaudi": ("gaudi",),
    "trainium": ("trainium",), "tpu": TPU,
}  # fmt: skip
# Ratios of a generation to the shared value. Products: largest measured ones over their mean, 0.8 (turing, trainium:
# assumed). Attention: FlashAttention-2 forward and backward reaches 0.6 of the A100's peak (arXiv 2307.08691, section
# 4.1), kernels made for the H100 0.45 to 0.55 with backward (arXiv 2407.08608, section 4.1); AMD, Gaudi, Trainium, TPU
# below that (assumed).
GEMM = {"turing": 0.75, "ada": 1.0, "trainium": 0.6, "volta": 1.0, "hopper": 1.0}
ATTENTION = {
    "volta": 1.0, "turing": 1.0, "ampere": 1.15, "ada": 1.1, "hopper": 0.8, "blackwell": 0.85, "cdna2": 0.6,
    "cdna3": 0.6, "cdna4": 0.65, "gaudi": 0.7, "trainium": 0.6, "tpu": 0.8,
}  # fmt: skip
DEVIATIONS = [
    *[("gemm_16", family, GEMM.get(family, out.MATMUL.get(family, 0.85) / 0.8), 0.1) for family in FAMILY],
    *[("attention", family, ratio, 0.12) for family, ratio in ATTENTION.items()],
    *[("memory", family, 1.0, 0.2) for family in FAMILY],
]
# FlashAttention-2 on the H100 over kernels made for it (arXiv 2407.08608, abstract); Blackwell: assumed alike.
PLAIN_ATTENTION = {"hopper": 0.63, "blackwell": 0.6}
# W per 16-bit FLOP/s of the accelerator of each generation that most rows are of.
WATTS = {
    "volta": 300 / 125e12, "turing": 70 / 65e12, "ampere": 400 / 312e12, "ada": 450 / 165.2e12, "hopper": 700 / 989e12,
    "blackwell": 0.49e-12,
}  # fmt: skip
XLA_REPEAT = 0.75  # dead code: the last product of a block, about a quarter of its forward FLOPs (1/3 of the FFN)
ASSUMED = {
    "repeat": (1.0, "share", "of a recomputed forward pass that runs again"),
    "latency": (1e-5, "s", "per doubling of ranks and collective; small beside the other terms"),
    "link_per_memory": (0.125, "ratio", "median of link over memory bandwidth where both are known"),
    "network_per_link": (0.11, "ratio", "median of network over link bandwidth where both are known"),
    # torchtitan repeats every second product (torchtitan/distributed/activation_checkpoint.py), torchtune every second
    # layer; Megatron the attention core alone
    "plain_selective": (0.5, "share", "of a forward pass that selective recomputation repeats outside tuned stacks"),
    "plain_attention": (1.0, "ratio", "kernels not made for the chip over those that are"),
    # half, in log, of 1.12: the median of measured steps over the fastest layout that a search finds for the same work;
    # stated layouts are predicted without bias
    "practice": (1.06, "ratio", "step of a run over the step of its layout on paper, stated or searched alike"),
    "unnamed_pretraining": (1.0, "ratio", "step of what people run over that of the usual stack, none named"),
    "unnamed_tuning": (1.0, "ratio", "the same of fine-tuning"),
    "power_reference": (0.0, "W s/FLOP", "0: not used"),
}  # fmt: skip


class StackPrior(NamedTuple):
    """A constant of stacks: where each family starts and how far it may go; how far a stack may be from its family."""

    families: dict[str, tuple[float, float]]
    width: float
    unit: str


HELD = 1e-3  # tuned stacks are what the shared constants describe
STACK_PRIORS = {
    "host": StackPrior({"tuned": (1.5e-4, 0.6), "sharded": (2e-3, 0.6), "trainer": (3e-3, 0.5)}, 0.6, "s"),
    "products": StackPrior({"tuned": (1.0, HELD), "sharded": (0.92, 0.08), "trainer": (0.9, 0.08)}, 0.08, "ratio"),
    "attention_kernel": StackPrior({"tuned": (1.0, HELD), "sharded": (1.0, 0.1), "trainer": (0.95, 0.1)}, 0.1, "ratio"),
    "traffic": StackPrior({"tuned": (1.0, HELD), "sharded": (1.4, 0.2), "trainer": (1.8, 0.2)}, 0.2, "ratio"),
    "gather": StackPrior({"tuned": (0.1, 0.6), "sharded": (1.0, 0.6), "trainer": (1.3, 0.5)}, 0.5, "ratio"),
    "updates": StackPrior({"tuned": (1.0, HELD), "sharded": (1.3, 0.3), "trainer": (1.5, 0.3)}, 0.3, "ratio"),
    "expert_loop": StackPrior({"tuned": (1e-6, 0.1), "sharded": (1.5e-4, 0.8), "trainer": (5e-4, 0.6)}, 0.6, "s"),
}
