"""Step time of a training configuration, from architecture, machine and layout; and the run made of such steps."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine.collectives import gather_seconds, group
from llmcost.engine.machine.roofline import Machine, join, peak_flops
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.calibration import Calibration, filled
from llmcost.engine.training.flops import training_flops_of
from llmcost.engine.training.memory import Layout, shard_ranks
from llmcost.engine.training.micro_batch import (
    Run,
    Work,
    bits_of,
    per_micro_batch,
    recomputed_share,
)
from llmcost.records import NamedTuple


class Step(NamedTuple):
    """Seconds of one optimizer step; `gemm_seconds` to `fixed_seconds` add up to `step_seconds`."""

    step_seconds: Num
    gemm_seconds: Num
    attention_seconds: Num
    elementwise_seconds: Num
    tensor_parallel_seconds: Num
    context_parallel_seconds: Num
    expert_parallel_seconds: Num
    launch_seconds: Num  # host time that the device waits for
    sharding_seconds: Num  # ZeRO-3 gathers and reductions that compute does not hide
    pipeline_seconds: Num  # bubble and uneven stages
    gradient_seconds: Num  # data-parallel reduction that is not hidden
    optimizer_seconds: Num
    straggler_seconds: Num
    fixed_seconds: Num
    model_flops: Num  # of the step, all accelerators [FLOP]
    hardware_flops: Num  # with recomputation [FLOP]
    mfu: Num  # model FLOPs over the dense peak of the compute precision [-]
    hfu: Num  # hardware FLOPs over the same peak [-]


ROWS = tuple(f for f in Step._fields if f.endswith("_seconds") and f != "step_seconds")


def _local_params(shape: Shape, lay: Layout) -> tuple[Num, Num]:
    """Dense and expert parameters that one accelerator computes with, averaged over stages."""
    experts = shape.expert_params * shape.n_experts * shape.moe_layers
    dense = (shape.params_total - experts) / lay.tp / lay.pp
    return dense, experts / (lay.ep * lay.etp * lay.pp)


def _gather_per_byte(shape: Shape, machine: Machine, lay: Layout, cal: Calibration) -> Num:
    """Gather of one byte per weight over the ranks that shard it [s per byte]."""
    dense, experts = _local_params(shape, lay)
    rates = (machine.link_bytes_per_second * cal.network, machine.network_bytes_per_second * cal.network)
    ranks, expert_ranks = shard_ranks(lay)
    near = group(ranks, lay.tp, machine.scale_up_domain)
    found = gather_seconds(dense, near, *rates)
    if not np.any(experts):
        return found
    far = group(expert_ranks, lay.ep * lay.etp, machine.scale_up_domain)
    return found + gather_seconds(experts, far, *rates)


def _near(machine: Machine) -> Machine:
    """The machine with its network as fast as the link inside a box."""
    return machine._replace(network_bytes_per_second=machine.link_bytes_per_second)


def _reductions(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> tuple[Num, Num, Num]:
    """Traffic of weights and gradients [s]: in every micro-batch (ZeRO-3), of it what no network adds, and per step.

    ZeRO-3 gathers 16-bit weights forward and backward and reduces gradients; with a pipeline it keeps the weights and
    gathers once per step. The others reduce 16-bit gradients and gather 16-bit weights once per step. Frozen weights
    travel forward and backward in the bits they are kept in, and have no gradients.
    """
    inner = _gather_per_byte(shape, machine, lay, cal)
    wide = _gather_per_byte(shape, machine, lay._replace(shard=0.0), cal) if np.any(lay.shard) else inner
    beside = _gather_per_byte(shape, _near(machine), lay, cal)
    flowing = (np.asarray(lay.zero) >= 3) & (np.asarray(lay.pp) == 1)
    frozen = np.asarray(run.adapters) > 0
    each = np.where(frozen, 4.0 * np.minimum(run.weight_bits, 16.0) / 16.0, 6.0)
    across = np.where((np.asarray(lay.shard) > 0) & ~frozen, 2.0 * (wide - inner), 0.0)
    once = np.where(flowing, across, 4.0 * wide * _share(shape, run))
    return np.where(flowing, each * inner, 0.0), np.where(flowing, each * beside, 0.0), once


def _share(shape: Shape, run: Run) -> Num:
    """Parameters that are trained over all: only those are reduced and updated [-]."""
    own = np.asarray(run.adapters)
    return np.where(own > 0, (own + run.ends) / shape.params_total, 1.0)


def _slowest_stage(average: Num, head: Num, lay: Layout, shape: Shape) -> Num:
    """Time per micro-batch of the slowest stage: whole layers per stage, the head on the last one [s].

    The best of giving the last stage up to seven layers fewer than an even share; others share the rest.
    """
    layer = (average - head) * lay.pp / shape.n_layers
    share = np.ceil(shape.n_layers / lay.pp)
    slowest: Num = np.inf
    for fewer in range(8):
        last = np.maximum(share - fewer, 0.0)
        others = np.ceil((shape.n_layers - last) / np.maximum(lay.pp - 1.0, 1.0))
        slowest = np.minimum(slowest, np.maximum(others * layer, last * layer + head * lay.pp))
    return np.where(np.asarray(lay.pp) > 1, np.maximum(slowest, average), average)


def _optimizer_seconds(shape: Shape, machine: Machine, lay: Layout, run: Run, cal: Calibration) -> Num:
    """Adam moves 30 bytes per parameter that this rank updates: fp32 weight, moments, gradient, 16-bit copy."""
    dense, experts = _local_params(shape, lay)
    ranks, expert_ranks = shard_ranks(lay)
    split = np.asarray(lay.zero) >= 1
    mine = dense / np.where(split, ranks, 1.0) + experts / np.where(split, expert_ranks, 1.0)
    kept = run.memory.of(lay.zero)
    # states are read and written, and so is a weight that is the 32-bit copy itself; one that computes is written
    weight = np.where(np.asarray(kept.weight) > 2.0, 2.0 * np.asarray(kept.weight), kept.weight)
    moved = 2.0 * np.asarray(kept.optimizer) + kept.gradient + weight
    return moved * cal.updates * mine * _share(shape, run) / (machine.memory_bytes_per_second * cal.memory)


def _handover(shape: Shape, machine: Machine, lay: Layout, seq_len: Num, cal: Calibration) -> Num:
    """Activations to the next stage and gradients back, per micro-batch and chunk, over the slowest boundary [s]."""
    size = 2.0 * lay.micro_batch * seq_len / lay.sequence_ranks / lay.tp * shape.d_model
    crosses = group(lay.pp, lay.tp * lay.sequence_ranks * lay.dp, machine.scale_up_domain).outside > 1
    rate = np.where(crosses, machine.network_bytes_per_second, machine.link_bytes_per_second) * cal.network
    return np.where(np.asarray(lay.pp) > 1, 2.0 * lay.vpp * size / rate, 0.0)


def _rows(work: Work, shape: Shape, machine: Machine, lay: Layout, micro: Num, run: Run, cal: Calibration) -> list[Num]:
    """The step by kind, up to and with the optimizer [s]."""
    busy = sum(work[1:6], start=work.gemm)
    paced = join(busy, work.launch, cal.launch_join) + work.waited
    # what nothing hides of a gather is its work on the device; the wait for the network is hidden or joined
    flow, beside, once = _reductions(shape, machine, lay, run, cal)
    sharded = join(paced, flow, cal.overlap) + cal.gather * beside
    hidden = (1.0 - cal.dp_exposed) * once
    gradient = cal.dp_exposed * once + join(hidden, paced, 2.0) - paced
    slowest = _slowest_stage(sharded, work.head, lay, shape)
    passed = _handover(shape, machine, lay, run.seq_len, cal)
    # interleaved schedules send while they compute, plain 1F1B waits
    waits = np.where(np.asarray(lay.vpp) > 1, join(slowest, passed, cal.overlap) - slowest, passed)
    pipeline = micro * (slowest - sharded + waits) + (lay.pp - 1.0) / lay.vpp * (slowest + passed)
    optimizer = _optimizer_seconds(shape, machine, lay, run, cal)
    parts = [*work[:6], paced - busy, sharded - paced]
    return [*(micro * part for part in parts), pipeline, gradient, optimizer]


def step(shape: Shape, machine: Machine, layout: Layout, run: Run, calibration: Calibration) -> Step:
    """Seconds of one optimizer step and where they go.

    Work per micro-batch on the average stage (products, attention, elementwise traffic, communication, launches), times
    micro-batches; plus bubble and uneven stages, exposed gradient reduction, optimizer pass, stragglers, fixed cost.

    Parameters
    ----------
    shape : Shape
        Architecture.
    machine : Machine
        Accelerator; the run uses tp x pp x dp x cp x sp of them.
    layout : Layout
        Degrees of parallelism.
    run : Run
        Sequence length, batch, precision.
    calibration : Calibration
        Constants of the machine's generation.

    Source: docs/method-training.md. Bubble: Narayanan et al. 2021, arXiv 2104.04473, section 2.2.

    Examples
    --------
    The rows add up to the step: see tests/properties/test_training.py.
    """
    lay, cal = layout, calibration
    known = filled(machine, cal)
    accelerators = lay.tp * lay.pp * lay.dp * lay.sequence_ranks
    micro = np.maximum(1.0, run.global_batch / (lay.dp * lay.micro_batch))
    work = per_micro_batch(shape, known, lay, run, cal)
    rows = [cal.practice * row for row in _rows(work, shape, known, lay, micro, run, cal)]
    body = sum(rows[1:], start=rows[0])
    straggler = cal.straggler * np.log2(accelerators) * body
    total = body + straggler + cal.step
    tokens = run.global_batch * run.seq_len * run.filled  # padding is computed like any token, and is no work
    flops = training_flops_of(shape, run.seq_len, recomputed_share(lay, cal.selective), run.adapters, run.ends)
    model, hardware = flops.model * tokens, flops.hardware * tokens
    peak = accelerators * peak_flops(known, bits_of(run.precision))[0]
    fixed = cal.step + 0.0 * total
    values = [total, *rows, straggler, fixed, model, hardware, model / total / peak, hardware / total / peak]
    return Step(**dict(zip(Step._fields, values, strict=True)))


def overhead_share(step: Step) -> Num:
    """Share of a step that is host time, gathers, fixed cost and the exchange between experts [-].

    Parameters
    ----------
    step : Step
        Of `step`.

    Source: what software changes most; widens the range of a step (`engine.training.calibration.half_width`).

    Examples
    --------
    >>> float(overhead_share(Step(*[0.0] * len(Step._fields))._replace(step_seconds=2.0, launch_seconds=0.5)))
    0.25
    """
    spent = step.launch_seconds + step.sharding_seconds + step.fixed_seconds + step.expert_parallel_seconds
    return spent / step.step_seconds
