"""Peak memory of a training step on the fullest accelerator: what a stack keeps of states, activations and logits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.memory import (
    FULL,
    NONE,
    SELECTIVE,
    Layout,
    States,
    activation_bytes,
    shard_ranks,
    zero_bytes,
)


class Keeping(NamedTuple):
    """What a training stack keeps in memory: floats or arrays, of presets/calibration/memory.toml."""

    weight: Num = 2.0  # per trained parameter: the copy that computes, or the shard it is gathered from [bytes]
    gradient: Num = 4.0  # per trained parameter [bytes]
    optimizer: Num = 12.0  # per trained parameter [bytes]
    copies: Num = 0.0  # per parameter in FP8 runs: casts and their transposes [bytes]
    frozen: Num = 2.0  # per frozen parameter of the blocks [bytes]
    adapters: Num = 0.0  # trained adapter parameters; 0: every weight is trained [-]
    adapter: Num = 16.0  # per adapter parameter, with its states [bytes]
    logit: Num = 10.0  # per token and entry of the vocabulary in the loss [bytes]
    checkpoint: Num = 2.0  # per element of a layer's input that full recomputation keeps [bytes]
    selective: Num = 1.0  # of the activations that selective recomputation keeps by the papers' count [-]
    narrow: Num = 0.0  # 1: FP8 runs keep the inputs of products in one byte [-]
    working: Num = 2.0  # activations of one layer while it is recomputed and differentiated [-]
    gathered: Num = 2.0  # blocks that ZeRO-3 holds whole, the next one fetched ahead [-]
    block_gradient: Num = 2.0  # per parameter of a block whose gradient is not reduced yet [bytes]
    whole_stage: Num = 0.0  # 1: with a pipeline, ZeRO-3 keeps weights and gradients of the stage whole [-]
    on_host: Num = 0.0  # 1: the optimizer is offloaded; 2: the weights and gradients too [-]
    activations_on_host: Num = 0.0  # 1: kept activations are offloaded [-]
    context_bytes: Num = 1.2e9  # context and communication buffers [bytes]
    reserve: Num = 1.06  # the allocator's pool over what is allocated at the peak [-]
    spread: Num = 0.1  # standard deviation of ln(measured / predicted) [-]


class Habits(NamedTuple):
    """What a run keeps where its weights are replicated and where ZeRO-3 shards them, and how sure a fit has to be."""

    replicated: Keeping = Keeping()
    sharded: Keeping = Keeping(
        weight=4.0, optimizer=8.0, logit=12.0, selective=0.72, block_gradient=4.0, whole_stage=1.0
    )
    margin: float = 0.0  # standard deviations that have to be left for a layout to be taken [-]
    fused: float = 1.0  # 0: attention scores stand in memory [-]

    def of(self, zero: Num) -> Keeping:
        """What layouts of these ZeRO stages keep."""
        shards = np.asarray(zero) >= 3
        return Keeping(*(np.where(shards, b, a) for a, b in zip(self.replicated, self.sharded, strict=True)))

    def room(self, shown_bytes: Num, zero: Num) -> Num:
        """Peak that is allowed [bytes]: what a process is shown, less the margin."""
        return shown_bytes * np.exp(-self.margin * np.asarray(self.of(zero).spread))


class Memory(NamedTuple):
    """Bytes on the fullest accelerator; the fields up to `margin_bytes` add up to `total_bytes`."""

    weights_bytes: Num
    gradients_bytes: Num
    optimizer_bytes: Num
    activations_bytes: Num
    logits_bytes: Num
    gathered_bytes: Num  # ZeRO-3: whole blocks while they compute
    margin_bytes: Num  # fragmentation, context, communication buffers
    total_bytes: Num
    params: Num  # parameters whose weights this accelerator computes with


class _Parts(NamedTuple):
    """Parameters that one accelerator computes with [-]."""

    dense: Num
    expert: Num
    block: Num  # of one block, all its experts that this accelerator holds
    ends: Num  # embedding and head, divided by tp


def _parts(shape: Shape, lay: Layout) -> _Parts:
    layers = shape.attention_params + shape.dense_ffn_params
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    ends = shape.params_total - layers - experts
    one_end = np.where(np.asarray(lay.pp) > 1, np.maximum(shape.embedding_params, 0.0), ends)
    expert = experts / (lay.ep * lay.etp * lay.pp)
    block = layers / shape.n_layers / lay.tp + expert * lay.pp / np.maximum(shape.moe_layers, 1.0)
    return _Parts((layers / lay.pp + one_end) / lay.tp, expert, block, ends / lay.tp)


def _states(shape: Shape, keeping: Keeping, fp8: Num) -> States:
    """Bytes per parameter of the model, adapters shared out over all of them [bytes]."""
    k, total = keeping, np.maximum(shape.params_total, 1.0)
    layers = shape.attention_params + shape.dense_ffn_params
    blocks = layers + shape.expert_params * shape.n_experts * shape.moe_layers
    frozen = 2.0 + (k.frozen - 2.0) * blocks / total
    tuned = np.asarray(k.adapters) > 0
    copies = k.copies * np.asarray(fp8)
    return States(
        np.where(tuned, frozen, k.weight + copies),
        np.where(tuned, 0.0, k.gradient),
        np.where(tuned, k.adapters * k.adapter / total, k.optimizer),
    )


def _held(parts: _Parts, lay: Layout, states: States, keeping: Keeping) -> list[Num]:
    """Weights, gradients and optimizer states [bytes]."""
    dense_ranks, expert_ranks = shard_ranks(lay)
    piped = np.asarray(lay.pp) > 1
    # with a pipeline, ZeRO-3 keeps the weights between micro-batches: what stage 2 holds
    zero: Num = np.where(piped, np.minimum(lay.zero, 2), lay.zero)
    found = [
        a + b
        for a, b in zip(
            zero_bytes(parts.dense, dense_ranks, zero, states),
            zero_bytes(parts.expert, expert_ranks, zero, states),
            strict=True,
        )
    ]
    whole = piped & (np.asarray(lay.zero) >= 3) & (np.asarray(keeping.whole_stage) > 0)
    if np.any(whole):  # a 16-bit copy to compute with beside the shards, gradients in 32 bits until the last one
        held, shards = parts.dense + parts.expert, parts.dense / dense_ranks + parts.expert / expert_ranks
        found[0] = np.where(whole, 2.0 * held + states.weight * shards, found[0])
        found[1] = np.where(whole, 4.0 * held, found[1])
    offloaded = np.asarray(keeping.on_host)
    return [np.where(offloaded >= least, 0.0, part) for part, least in zip(found, (2, 2, 1), strict=True)]


def _gathered(parts: _Parts, lay: Layout, keeping: Keeping) -> Num:
    """Whole blocks and ends while ZeRO-3 computes with them, and gradients that are not reduced yet [bytes]."""
    k = keeping
    tuned = np.asarray(k.adapters) > 0
    weights = k.gathered * np.where(tuned, np.minimum(k.frozen, 2.0), 2.0) * parts.block + 2.0 * parts.ends
    gradients = np.where(tuned, 0.0, k.block_gradient * (parts.block + parts.ends))
    used = ((np.asarray(lay.zero) >= 3) & (np.asarray(lay.pp) == 1)) | (np.asarray(k.on_host) >= 2)
    return np.where(used, weights + gradients, 0.0)


def _activations(
    shape: Shape, lay: Layout, seq_len: Num, in_flight: Num, keeping: Keeping, fused: Num, fp8: Num
) -> Num:
    """Activations of a stage at its peak [bytes]: what is kept, and the layer that is worked on."""
    k = keeping
    inputs = np.where((np.asarray(fp8) > 0) & (np.asarray(k.narrow) > 0), 1.0, 2.0)
    kept = activation_bytes(shape, lay, seq_len, in_flight, fused, 0.0, inputs)
    one = lay._replace(recompute=float(NONE), pp=1.0, vpp=1.0)
    layer = activation_bytes(shape, one, seq_len, 1.0, fused) / shape.n_layers
    share = np.clip(np.asarray(lay.recompute, dtype=float) - SELECTIVE, 0.0, 1.0)
    some = (np.asarray(lay.recompute) >= SELECTIVE) & (np.asarray(lay.recompute) < FULL)
    kept = kept - np.where(share > 0, layer, 0.0)
    kept = np.where(some, kept * (k.selective + (1.0 - k.selective) * share), kept)
    tokens = lay.micro_batch * seq_len / lay.cp
    kept = kept + (k.checkpoint - 2.0) * share * shape.d_model * shape.n_layers * tokens / lay.tp / lay.pp
    kept = np.where(np.asarray(k.activations_on_host) > 0, 0.0, kept)
    # sequence parallelism gathers the input of a block, and the gradient of its output, on every rank
    whole = np.where(np.asarray(lay.tp) > 1, 4.0 * shape.d_model * tokens, 0.0)
    return kept + np.where(share > 0, k.working * layer, 0.0) + whole


def training_memory(
    shape: Shape,
    layout: Layout,
    seq_len: Num,
    micro_batches: Num,
    keeping: Keeping,
    fused_attention: Num = 1.0,
    fp8: Num = 0.0,
) -> Memory:
    r"""Peak memory of the fullest accelerator (the first or the last pipeline stage) [bytes].

    .. math:: M = r\,(w + g + o + a + l\,V b S / (c t) + gathered) + context

    Parameters
    ----------
    shape, layout, seq_len, micro_batches, fused_attention
        As in `activation_bytes` and `zero_bytes`.
    keeping : Keeping
        What the stack keeps.
    fp8 : float or array
        1 for FP8 training: copies, and inputs of products in one byte.

    Source: the parts; Rajbhandari et al. 2020 (ZeRO), arXiv 1910.02054; fp32 logits V b S / t of Korthikanti et al.
    2022, section 4.3, and what loss kernels keep beside them.

    Examples
    --------
    The parts add up.

    >>> s = Shape(**{f: 0.0 for f in Shape._fields})._replace(n_layers=2.0, dense_layers=2.0, d_model=64.0,
    ...     attention_params=2 * 4 * 64.0**2, dense_ffn_params=2 * 8 * 64.0**2, params_total=2 * 12 * 64.0**2)
    >>> m = training_memory(s, Layout(1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0), 128, 1, Keeping())
    >>> float(m.total_bytes) == float(sum(m[:7]))
    True
    """
    lay, k = layout, keeping
    parts = _parts(shape, lay)
    held = _held(parts, lay, _states(shape, k, fp8), k)
    gathered = _gathered(parts, lay, k)
    args: tuple[Any, ...] = (k, fused_attention, fp8)
    first = _activations(shape, lay, seq_len, micro_batches, *args)
    last = _activations(shape, lay._replace(vpp=1.0), seq_len, np.minimum(micro_batches, 1.0), *args)
    logits = k.logit * shape.vocab_size * lay.micro_batch * seq_len / (lay.cp * lay.tp)
    at_end = np.where(np.asarray(lay.pp) > 1, last + logits > first, True)
    activations = np.where(at_end, last, first)
    logits = np.where(at_end, logits, 0.0)
    allocated = sum(held) + activations + logits + gathered
    margin = (k.reserve - 1.0) * allocated + k.context_bytes
    weights, gradients, optimizer = held
    return Memory(
        weights, gradients, optimizer, activations, logits, gathered, margin, allocated + margin,
        parts.dense + parts.expert,
    )  # fmt: skip
