"""Peak memory of a training step on the fullest accelerator: what a stack keeps of states, activations and logits."""

from __future__ import annotations

import numpy as np

from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.memory import (
    FULL,
    NONE,
    SELECTIVE,
    Layout,
    States,
    bytes_in_flight,
    expert_input_width,
    per_token,
    shard_ranks,
    zero_bytes,
)
from llmcost.records import NamedTuple

RETURNED = 0.9  # of what the allocator holds, given back before it fails: segments that are free as a whole [-]
# Attention scores of eager kernels while a layer is differentiated: the softmax in 32 bits and a copy in 16 are kept,
# gradients of both pass (transformers, models/llama/modeling_llama.py, `eager_attention_forward`) [bytes]
SCORE = 4.0 + 2.0 + 2.0 + 4.0 + 4.0
KEPT_SCORE = 5.0  # of them what the papers count as kept: `per_token` [bytes]


class Keeping(NamedTuple):
    """What a training stack keeps in memory: floats or arrays, of presets/calibration/memory.toml."""

    weight: Num = 2.0  # per trained parameter: the copy that computes, or the shard it is gathered from [bytes]
    gradient: Num = 4.0  # per trained parameter [bytes]
    optimizer: Num = 12.0  # per trained parameter [bytes]
    update: Num = 0.0  # per trained parameter, while the optimizer steps: activations are gone by then [bytes]
    copies: Num = 0.0  # per parameter in FP8 runs: casts and their transposes [bytes]
    adapter: Num = 16.0  # per adapter parameter, with its states [bytes]
    logit: Num = 10.0  # per token and entry of the vocabulary in the loss [bytes]
    plain: Num = 1.0  # 0: that loss is no plain one, it works on a part of the logits at a time [-]
    tuned_checkpoint: Num = 2.0  # per element of a layer's input, when its gradient has passed adapters [bytes]
    kept: Num = 1.0  # activations kept without recomputation, over the papers' count with fused kernels [-]
    selective: Num = 1.0  # those kept with selective recomputation, over the papers' count [-]
    tuned_input: Num = (
        2.0  # per element that feeds products of frozen weights, kept by the adapters beside them [bytes]
    )
    narrow_input: Num = 0.0  # more of it where those weights have fewer than 16 bits, kept by their products [bytes]
    narrow: Num = 0.0  # 1: FP8 runs keep the inputs of products in one byte [-]
    working: Num = 2.0  # activations of one layer while it is recomputed and differentiated [-]
    cached: Num = 0.0  # of what is freed before the peak, the part that the allocator still holds at it [-]
    dispatched: Num = 0.0  # copies of the tokens that reach experts, while a layer is worked on [-]
    hottest: Num = 0.0  # tokens of the busiest expert-parallel rank over the mean, less 1, where routers are frozen [-]
    gathered: Num = 2.0  # blocks that ZeRO-3 holds whole, the next one fetched ahead [-]
    block_gradient: Num = 2.0  # per parameter of a block whose gradient is not reduced yet [bytes]
    accumulated: Num = 0.0  # per parameter whose gradient ZeRO-3 reduces at the last micro-batch alone [bytes]
    transient: Num = 0.0  # 1: gradients are made in the backward pass and freed after the step [-]
    untied: Num = 0.0  # 1: a head that shares the embedding's weights has a copy of its own [-]
    loading: Num = 0.0  # 1: every rank builds the whole model before it keeps its shard [-]
    whole_stage: Num = 0.0  # 1: with a pipeline, ZeRO-3 keeps weights and gradients of the stage whole [-]
    on_host: Num = 0.0  # 1: the optimizer is offloaded; 2: the weights and gradients too [-]
    activations_on_host: Num = 0.0  # 1: kept activations are offloaded [-]
    context_bytes: Num = 0.8e9  # of the process [bytes]
    group_bytes: Num = 0.8e9  # communication buffers where there are several ranks [bytes]
    padding: Num = 1.0  # what states take of the process, buckets and pools rounded up, over their bytes [-]
    reserve: Num = 1.06  # the allocator's pool over what is allocated at the peak, beside states [-]
    interleaved: Num = 0.0  # more of it where stages are interleaved: blocks of many sizes come and go [-]
    expandable: Num = 0.0  # 1: these three are of PyTorch's expandable segments [-]
    held_spread: Num = 0.05  # standard deviation of ln(measured / predicted) of states [-]
    spread: Num = 0.3  # of the rest [-]


class Habits(NamedTuple):
    """What a run keeps where its weights are replicated and where ZeRO-3 shards them, and how sure a fit has to be."""

    replicated: Keeping = Keeping()
    sharded: Keeping = Keeping(weight=4.0, optimizer=8.0, logit=12.0, block_gradient=4.0, whole_stage=1.0)
    margin: float = 0.0  # standard deviations that have to be left for a layout to be taken [-]

    def of(self, zero: Num) -> Keeping:
        """What layouts of these ZeRO stages keep."""
        shards = np.asarray(zero) >= 3
        pairs = zip(self.replicated, self.sharded, strict=True)
        return Keeping(*(a if _same(a, b) else np.where(shards, b, a) for a, b in pairs))


def _same(a: Num, b: Num) -> bool:
    """Whether two values are the same everywhere; floats, as most are, are not sent through numpy."""
    same = a == b
    return same if isinstance(same, bool) else bool(np.all(same))


class Trained(NamedTuple):
    """What of a model is trained, and how."""

    adapters: Num = 0.0  # adapter parameters beside frozen weights; 0: every weight is trained [-]
    frozen: Num = 2.0  # per frozen parameter of the blocks [bytes]
    fused: Num = 1.0  # 0: attention scores stand in memory [-]
    fp8: Num = 0.0  # 1: matrix products in FP8 or narrower [-]


ALL = Trained()


class Memory(NamedTuple):
    """Bytes on the fullest accelerator; the fields up to `margin_bytes` add up to `total_bytes`."""

    weights_bytes: Num
    gradients_bytes: Num
    optimizer_bytes: Num
    activations_bytes: Num
    logits_bytes: Num
    gathered_bytes: Num  # ZeRO-3: whole blocks while they compute
    update_bytes: Num  # what the optimizer's step takes beyond activations
    margin_bytes: Num  # fragmentation, context, communication buffers
    total_bytes: Num
    allocated_bytes: Num  # of the total, what tensors take at the peak
    cached_bytes: Num  # of the margin, what the allocator gives back before it fails
    spread_bytes: Num  # standard deviation of the total
    params: Num  # parameters whose weights this accelerator computes with

    def needed(self, margin: float) -> Num:
        """Memory with which it fits, so many standard deviations above what is needed [bytes]."""
        return self.total_bytes - RETURNED * self.cached_bytes + margin * self.spread_bytes

    def deviations(self, shown_bytes: Num) -> Num:
        """Standard deviations by which what is needed is below what a process is shown [-]."""
        return (shown_bytes - self.needed(0.0)) / self.spread_bytes

    def within(self, shown_bytes: Num) -> Memory:
        """The same on an accelerator of some size, if known: what is cached beyond it has been given back."""
        over = self.total_bytes - np.nan_to_num(shown_bytes, nan=np.inf)
        back = np.clip(over, 0.0, self.cached_bytes)
        return self._replace(
            margin_bytes=self.margin_bytes - back, total_bytes=self.total_bytes - back,
            cached_bytes=self.cached_bytes - back,
        )  # fmt: skip


class _Parts(NamedTuple):
    """Parameters that one accelerator computes with [-]."""

    dense: Num
    expert: Num
    block: Num  # of one block, all its experts that this accelerator holds
    ends: Num  # embedding and head, divided by tp


def _parts(shape: Shape, lay: Layout, keeping: Keeping) -> _Parts:
    layers = shape.attention_params + shape.dense_ffn_params
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    ends = shape.params_total - layers - experts
    shared = (np.asarray(keeping.untied) > 0) & (ends < 1.5 * np.asarray(shape.embedding_params))
    ends = ends + np.where(shared, shape.embedding_params, 0.0)
    one_end = np.where(np.asarray(lay.pp) > 1, np.maximum(shape.embedding_params, 0.0), ends)
    expert = experts / (lay.ep * lay.etp * lay.pp)
    block = layers / shape.n_layers / lay.tp + expert * lay.pp / np.maximum(shape.moe_layers, 1.0)
    return _Parts((layers / lay.pp + one_end) / lay.tp, expert, block, ends / lay.tp)


def _states(shape: Shape, keeping: Keeping, trained: Trained) -> States:
    """Bytes per parameter of the model, adapters shared out over all of them [bytes]."""
    k, total = keeping, np.maximum(shape.params_total, 1.0)
    layers = shape.attention_params + shape.dense_ffn_params
    blocks = layers + shape.expert_params * shape.n_experts * shape.moe_layers
    frozen = 2.0 + (trained.frozen - 2.0) * blocks / total
    tuned = np.asarray(trained.adapters) > 0
    copies = k.copies * np.asarray(trained.fp8)
    return States(
        np.where(tuned, frozen, k.weight + copies),
        np.where(tuned, 0.0, k.gradient),
        np.where(tuned, trained.adapters * k.adapter / total, k.optimizer),
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


def _gathered(parts: _Parts, lay: Layout, micro_batches: Num, keeping: Keeping, trained: Trained) -> Num:
    """Whole blocks and ends while ZeRO-3 computes with them, and gradients that are not reduced yet [bytes]."""
    k = keeping
    tuned = np.asarray(trained.adapters) > 0
    weights = k.gathered * np.where(tuned, np.minimum(trained.frozen, 2.0), 2.0) * parts.block + 2.0 * parts.ends
    waits = (np.asarray(micro_batches) > 1) & (np.asarray(k.on_host) < 2)  # offloaded ones go to the host each time
    waiting = np.where(waits, k.accumulated * (parts.dense + parts.expert), 0.0)
    gradients = np.where(tuned, 0.0, np.maximum(k.block_gradient * (parts.block + parts.ends), waiting))
    several = np.multiply(lay.dp, lay.sequence_ranks) > 1
    used = ((np.asarray(lay.zero) >= 3) & (np.asarray(lay.pp) == 1) & several) | (np.asarray(k.on_host) >= 2)
    return np.where(used, weights + gradients, 0.0)


def _around(shape: Shape, lay: Layout, seq_len: Num) -> Num:
    """Sequence parallelism gathers the input of a block or of the head, and the gradient of its output [bytes]."""
    tokens = lay.micro_batch * seq_len / lay.sequence_ranks
    return np.where(np.asarray(lay.tp) > 1, 4.0 * shape.d_model * tokens, 0.0)


def _activations(
    shape: Shape, lay: Layout, seq_len: Num, micro_batches: Num, keeping: Keeping, trained: Trained
) -> tuple[Num, Num, Num, Num, Num]:
    """Activations of a stage at its peak [bytes].

    Kept with all in flight, with one, of the layer that is differentiated, of one that is passed forward, and what the
    backward pass leaves beside inputs of layers.

    Hooks by which FSDP waits for gradients of what a frozen block reads refer to its inputs. Where layers are
    recomputed those are leaves, which hold their gradients: both stay until the pass is over (PyTorch,
    torch/distributed/fsdp/_runtime_utils.py, `_register_post_backward_reshard_only_hook`).
    """
    k, fused = keeping, trained.fused
    inputs = np.where((np.asarray(trained.fp8) > 0) & (np.asarray(k.narrow) > 0), 1.0, 2.0)
    level = np.asarray(lay.recompute, dtype=float)
    share = np.clip(level - SELECTIVE, 0.0, 1.0)
    beside = k.tuned_input + np.where(np.asarray(trained.frozen) < 2.0, k.narrow_input, 0.0)
    tuned = np.asarray(trained.adapters) > 0
    inputs = np.where(tuned, beside, inputs)
    # a loss balances routers that are trained; adapters leave them as they are
    busiest = 1.0 + np.where(tuned, k.hottest * (1.0 - 1.0 / np.asarray(lay.ep)), 0.0)
    each = per_token(shape, lay.recompute, seq_len, fused, 0.0, inputs, busiest)
    in_full = per_token(shape, float(FULL), seq_len, fused)
    one = lay._replace(pp=1.0, vpp=1.0)
    whole = per_token(shape, float(NONE), seq_len, fused, 0.0, np.where(tuned, beside, 2.0), busiest)
    layer = bytes_in_flight(whole, one, seq_len, 1.0) / shape.n_layers
    worked_on, part = np.where(share > 0, layer, 0.0), np.where(level < SELECTIVE, k.kept, k.selective)
    tokens = lay.micro_batch * seq_len / lay.sequence_ranks
    stays = tuned & (np.asarray(k.activations_on_host) == 0)
    gradient = np.where(stays, k.tuned_checkpoint - 2.0, 0.0)
    left = gradient * shape.d_model * shape.n_layers * share * tokens / (lay.tp * lay.pp)

    def kept(at: Layout, begun: Num) -> Num:
        recomputed = share * (bytes_in_flight(in_full, at, seq_len, begun) - layer)  # inputs of layers in full
        held = (bytes_in_flight(each, at, seq_len, begun) - worked_on - recomputed) * part + recomputed
        return np.where(np.asarray(k.activations_on_host) > 0, 0.0, held)

    visits = np.where(np.asarray(shape.moe_layers) > 0, shape.topk * expert_input_width(shape), 0.0)
    routed = 2.0 * (k.dispatched * visits * busiest + shape.chunk_elements) * tokens / lay.tp
    eager = (
        shape.n_heads * seq_len * shape.attention_layers / shape.n_layers * (1.0 - np.asarray(fused)) * tokens / lay.tp
    )
    worked = k.working * (layer - KEPT_SCORE * eager) + SCORE * eager + _widened(shape, lay, trained)
    beside_it = routed + _around(shape, lay, seq_len)
    working, passed = (np.where(share > 0, part, 0.0) + beside_it for part in (worked, layer))
    last = kept(lay._replace(vpp=1.0), np.minimum(micro_batches, 1.0))
    return kept(lay, micro_batches), last, working, passed, left


def _widened(shape: Shape, lay: Layout, trained: Trained) -> Num:
    """A matrix of narrow frozen weights, widened to 16 bits for its product: one at a time, the largest [bytes]."""
    matrix = np.where(np.asarray(shape.moe_layers) > 0, shape.expert_params / 3.0, shape.d_model * shape.ffn_width)
    narrow = (np.asarray(trained.adapters) > 0) & (np.asarray(trained.frozen) < 2.0)
    return np.where(narrow, 2.0 * matrix / lay.tp, 0.0)


def _update(parts: _Parts, lay: Layout, keeping: Keeping, trained: Trained) -> Num:
    """What an optimizer that works on all tensors at once takes while it steps [bytes]."""
    dense_ranks, expert_ranks = shard_ranks(lay)
    shared = np.asarray(lay.zero) >= 1
    share = np.where(shared, parts.dense / dense_ranks + parts.expert / expert_ranks, parts.dense + parts.expert)
    stepping = (np.asarray(trained.adapters) > 0) | (np.asarray(keeping.on_host) >= 1)
    return np.where(stepping, 0.0, keeping.update * share)


def _loaded(parts: _Parts, lay: Layout, keeping: Keeping) -> Num:
    """The whole model in 16 bits, which a rank builds before it keeps its shard [bytes]."""
    sharded = (np.asarray(lay.zero) >= 3) & (np.asarray(keeping.loading) > 0)
    return np.where(sharded, 2.0 * (parts.dense + parts.expert), 0.0)


def training_memory(
    shape: Shape,
    layout: Layout,
    seq_len: Num,
    micro_batches: Num,
    keeping: Keeping,
    trained: Trained = ALL,
) -> Memory:
    r"""Peak memory of the fullest accelerator (the first or the last pipeline stage) [bytes].

    .. math:: M = w + g + o + r\,(\max(a + \max(layer,\ l\,V b S / (c t)) + gathered,\ update) + cached) + context

    Logits are gone when the backward pass reaches a layer, activations when the optimizer steps; gradients that are
    made for one micro-batch (`transient`) are not there yet while logits are. Of what is freed the allocator holds a
    part (`cached`), most of which it gives back before it fails: a run needs the total without that.

    Parameters
    ----------
    shape, layout, seq_len, micro_batches
        As in `activation_bytes` and `zero_bytes`.
    keeping : Keeping
        What the stack keeps.
    trained : Trained
        Adapters or all weights, the bytes of frozen ones, fused attention, FP8.

    Source: the parts; Rajbhandari et al. 2020 (ZeRO), arXiv 1910.02054; fp32 logits V b S / t of Korthikanti et al.
    2022, section 4.3, and what loss kernels keep beside them.

    Examples
    --------
    The parts add up.

    >>> s = Shape(**{f: 0.0 for f in Shape._fields})._replace(n_layers=2.0, dense_layers=2.0, d_model=64.0,
    ...     attention_params=2 * 4 * 64.0**2, dense_ffn_params=2 * 8 * 64.0**2, params_total=2 * 12 * 64.0**2)
    >>> m = training_memory(s, Layout(1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0), 128, 1, Keeping())
    >>> float(m.total_bytes) == float(sum(m[:8]))
    True
    """
    lay, k = layout, keeping
    parts = _parts(shape, lay, k)
    weights, gradients, optimizer = _held(parts, lay, _states(shape, k, trained), k)
    gathered = _gathered(parts, lay, micro_batches, k, trained)
    every, kept, layer, passed, left = _activations(shape, lay, seq_len, micro_batches, k, trained)
    back = layer + left  # the layer that is differentiated last stands beside what the others left
    first = every + back
    loss = k.logit * shape.vocab_size * lay.micro_batch * seq_len / (lay.sequence_ranks * lay.tp)
    loss = loss + _around(shape, lay, seq_len)
    at_end = np.where(np.asarray(lay.pp) > 1, kept + np.maximum(back, loss) > first, True)
    # logits are gone when the backward pass reaches a layer, and activations when the optimizer steps
    in_loss = at_end & (loss > back)
    activations = np.where(in_loss, kept, np.where(at_end, kept + back, first))
    logits = np.where(in_loss, loss, 0.0)
    # before the logits come layers were passed forward; blocks of logits are large enough for a layer's after them
    freed = np.where(in_loss, passed, 0.0)
    stepping = np.maximum(_update(parts, lay, k, trained), _loaded(parts, lay, k))
    # gradients of a single micro-batch grow while activations go: either moment may be the peak
    late = (np.asarray(k.transient) > 0) & (np.asarray(micro_batches) <= 1)
    after = late & (gradients + np.maximum(layer + gathered, stepping) > activations + logits + gathered)
    gradients = np.where(late & ~after, 0.0, gradients)
    activations, logits = np.where(after, layer, activations), np.where(after, 0.0, logits)
    passing = activations + logits + gathered
    update = np.maximum(stepping - passing, 0.0)
    freed = np.where(update > 0, passing, np.maximum(np.where(after, 0.0, freed), stepping))
    pool = k.reserve - 1.0 + np.where(np.asarray(lay.vpp) > 1, k.interleaved, 0.0)
    several = np.multiply(lay.tp * lay.pp, np.multiply(lay.dp, lay.sequence_ranks)) > 1
    context = k.context_bytes + np.where(several, k.group_bytes, 0.0)
    moving, states, cached = passing + update, weights + gradients + optimizer, (1.0 + pool) * k.cached * freed
    margin = pool * moving + (k.padding - 1.0) * states + context + cached
    spread = np.hypot(k.held_spread * states, k.spread * ((1.0 + pool) * moving + context))
    return Memory(
        weights, gradients, optimizer, activations, logits, gathered, update, margin, states + moving + margin,
        states + moving, cached, spread, parts.dense + parts.expert,
    )  # fmt: skip
