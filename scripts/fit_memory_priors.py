"""Where the fit of training memory starts: what documentation and arithmetic say, before any measured row is read.

A fit begins at these values whatever the file holds, so it ends at the same ones however often it runs.
"""

from __future__ import annotations

from typing import NamedTuple


class Prior(NamedTuple):
    """A median and how far from it a fit may go: standard deviation of the logarithm."""

    value: float
    width: float


MORE = "_more"  # a field that is fitted as what is above one
FAMILIES = {  # whose constants are fitted together
    "tuned": ("megatron", "nemo"), "sharded": ("fsdp", "torchtitan"), "trainer": ("hf-trainer", "deepspeed"),
    "torchtune": ("torchtune",), "litgpt": ("litgpt",),
}  # fmt: skip
# What a stack of a family does not do: gradients that DeepSpeed has split are reduced at every micro-batch
# (deepspeed/runtime/engine.py: `no_sync` is refused with ZeRO-2 and 3), and its hooks keep no inputs.
LACKS = {"deepspeed": ("sharded_accumulated", "sharded_tuned_checkpoint")}
COMMON = {
    # 16 bits, a copy in 32, the gradient in 32 and in 16: 2 + 4 + 4 + 2 bytes
    "logit": Prior(12.0, 0.2),
    # of what is freed, between nothing (0) and all of it (1)
    "cached": Prior(0.5, 0.7),
    # the papers count fused kernels; eager ones keep norms in 32 bits, rotated copies and products of gates
    "kept": Prior(1.5, 0.3), "selective": Prior(1.0, 0.3),
    # activations of a layer, and gradients that pass through it
    "working": Prior(2.0, 0.4),
    # copies of tokens to experts and back, with their gradients
    "dispatched": Prior(4.0, 0.5),
    # the busiest rank serves 0.34 to 0.80 more than the mean (`expert_imbalance` of serving.toml); ranks that ran out
    # of memory at 72.9 GiB where rank 0 took 66.3, of which 13.5 are of experts' tokens, had 0.56 more
    # (NVIDIA-NeMo/Megatron-Bridge, Nemotron 3 Nano on 16 H100)
    "hottest": Prior(0.6, 0.3),
    # blocks of 2 MiB and more, split; PyTorch's caching allocator
    "reserve_more": Prior(0.06, 0.5),
    # CUDA context 0.4 to 0.6 GB, cuBLAS and cuDNN workspaces
    "context_bytes": Prior(0.8e9, 0.4),
    # NCCL channels and the buckets of one process group
    "group_bytes": Prior(0.8e9, 0.4),
    # temporaries of a step over all tensors at once
    "update": Prior(4.0, 0.4),
    # frozen weights need no inputs, adapters those of the products they are beside; those of 4 bits in bitsandbytes
    # (`MatMul4Bit`) keep theirs, those of GPTQ do not
    "tuned_input": Prior(1.0, 0.4), "narrow_input": Prior(2.0, 0.4),
    # adapters in 32 bits with gradients and two moments; trainers keep some in 16
    "adapter": Prior(12.0, 0.3),
}  # fmt: skip
OWN = {
    "sharded": {
        # logits in 16 bits are kept; log-softmax keeps its output in 32, its gradient comes in and goes out in 32
        "logit": Prior(14.0, 0.2),
        # of seven products of a block torchtitan keeps every second, beside the output of attention and the input:
        # 31.7k of the papers' 47.1k numbers a token of Llama 3 8B (torchtitan, activation_checkpoint.py)
        "selective": Prior(0.67, 0.2),
    },
    "tuned": {
        # the loss works on its own 32-bit logits, in place
        "logit": Prior(8.0, 0.25),
        # pools of parameters and gradients are contiguous and padded
        "padding_more": Prior(0.04, 0.5), "reserve_more": Prior(0.15, 0.5),
        # a group for every kind of parallelism, with buckets of gradients
        "context_bytes": Prior(1.0e9, 0.3), "group_bytes": Prior(2.0e9, 0.4),
        # an 8-bit cast of each weight and its transpose, not both kept at once
        "copies": Prior(1.0, 0.3),
        # blocks of many sizes come and go where stages are interleaved: one model says so
        "interleaved": Prior(0.3, 0.4),
        "adapter": Prior(18.0, 0.2),
    },
    "trainer": {
        "padding_more": Prior(0.03, 0.5),
        # gradients of the whole model that wait for the last micro-batch, in 16 bits
        "sharded_accumulated": Prior(2.0, 0.2),
        # inputs of layers and gradients that hooks of FSDP keep of frozen blocks, in 16 bits each
        "sharded_tuned_checkpoint": Prior(4.0, 0.2),
        # PEFT casts them to the 32 bits of its adapters, for each product of its own, and drops some of a copy
        "tuned_input": Prior(2.0, 0.4),
        # rows of either kind: 2 of bitsandbytes', 0 of GPTQ's
        "narrow_input": Prior(1.0, 0.2),
    },
    # compiled: elementwise operations are fused
    "torchtune": {
        "kept": Prior(1.0, 0.3), "logit": Prior(2.5, 0.4), "adapter": Prior(8.0, 0.2),
    },
    "litgpt": {"update": Prior(2.0, 0.3), "adapter": Prior(8.0, 0.2)},
}  # fmt: skip
EVERYWHERE = ("logit", "cached", "working", "reserve_more", "context_bytes", "group_bytes", "adapter")
HAS = {  # fields of COMMON that a family has beside those that all have
    "tuned": ("dispatched", "hottest"), "sharded": ("selective", "dispatched", "hottest"),
    "trainer": ("kept", "dispatched", "hottest", "update", "tuned_input", "narrow_input"),
    "torchtune": ("kept",), "litgpt": ("kept", "update", "tuned_input", "narrow_input"),
}  # fmt: skip


def priors(family: str) -> dict[str, Prior]:
    """What is fitted of a family, and where it starts."""
    return {field: COMMON[field] for field in (*EVERYWHERE, *HAS[family])} | OWN.get(family, {})
