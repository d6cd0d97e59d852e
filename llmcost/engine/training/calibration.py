"""Fitted constants of the training engine, by chip generation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llmcost.engine.machine.factors import values_of
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.records import FactorRow, NamedTuple

FASTEST_BUS = 1.3e11  # bytes/s and direction: PCIe 6 x16 carries 121 GB/s; faster links are scale-up links
BOX = 8.0  # accelerators in a box, where a preset does not say
EARLY, RECENT = 2023, 2025  # years of software up to and from which `stacked` reckons otherwise


class Calibration(NamedTuple):
    """Constants of one generation (or arrays, one per point); sources in presets/calibration/training.toml."""

    gemm_16: Num  # share of the dense 16-bit peak that a large matrix product reaches [-]
    gemm_fp8: Num  # share of the FP8 peak relative to gemm_16 [-]
    gemm_mxfp8: Num  # share of the FP8 peak with block scales relative to gemm_16 [-]
    gemm_fp4: Num  # share of the FP4 peak relative to gemm_16 [-]
    gemm_edge: Num  # weight of the operand traffic of a matrix product [-]
    expert_edge: Num  # the same for grouped expert products [-]
    attention: Num  # share of the 16-bit peak in the fused attention kernel at long sequences [-]
    attention_ramp: Num  # sequence length at which the kernel reaches half of it [tokens]
    mixer: Num  # share of the 16-bit peak in state kernels of linear mixers [-]
    memory: Num  # share of the memory bandwidth in elementwise kernels [-]
    cast: Num  # elementwise traffic added by low-precision casts, relative to 16-bit training [-]
    cast_fp4: Num  # casts of NVFP4 recipes relative to that [-]
    dispatch: Num  # memory passes over each routed token copy [-]
    link: Num  # share of the scale-up link paid for tensor and context parallelism: bandwidth / exposed part [-]
    expert_link: Num  # share of the scale-up link in the expert all-to-all [-]
    expert_network: Num  # share of the network in the expert all-to-all [-]
    expert_join: Num  # exponent that joins the expert all-to-all and compute: 1 nothing hidden [-]
    network: Num  # share of link and network in gathers and reductions of weights, gradients and stage hand-overs [-]
    overlap: Num  # exponent that joins gathers (ZeRO-3), context-parallel rings and compute [-]
    dp_exposed: Num  # share of the gradient reduction that cannot hide [-]
    launch_dense: Num  # host time per block and micro-batch, forward and backward [s]
    launch_expert: Num  # per expert layer and micro-batch, waited for [s]
    launch_held: Num  # per expert held, expert layer and micro-batch [s]
    launch_join: Num  # exponent that joins launch_dense and device time: 1 additive, large the longer of the two [-]
    repeat: Num  # share of a recomputed forward pass that does run again [-]
    latency: Num  # per doubling of ranks and collective [s]
    straggler: Num  # growth of the step per doubling of accelerators [-]
    step: Num  # fixed time per step [s]
    power: Num  # exponent of W per peak FLOP/s relative to the generation [-]
    power_reference: Num  # W per 16-bit peak FLOP/s of the generation; 0: not used [W s/FLOP]
    link_per_memory: Num  # link bandwidth per memory bandwidth, where the link is not known [-]
    network_per_link: Num  # network bandwidth per link bandwidth, where the network is not known [-]
    peer_link: Num  # share of the bus rate between accelerators in one box without a scale-up link [-]
    dequantise: Num  # bytes moved per 4-bit weight and pass to write it out in 16 bits [bytes]
    adapter_passes: Num  # passes over what an adapter reads and adds to [-]
    host_adapters: Num  # host time of adapters per block and micro-batch, waited for [s]
    tuned_adapters: Num  # both of them in tuned stacks over others [-]
    compiled_host: Num  # host time of compiled code over that of eager code [-]
    compiled_traffic: Num  # elementwise traffic of compiled code over that of eager code [-]
    early_dequantise: Num  # `dequantise` up to 2023 over that of later software [-]
    recent_experts: Num  # host time of expert layers from 2025 on over that of earlier software [-]
    recent_attention: Num  # attention kernels of tuned stacks from 2025 on over earlier ones [-]
    plain_attention: Num  # kernels that are not made for the chip over those that are [-]
    plain_selective: Num  # share of a forward pass that selective recomputation repeats outside tuned stacks [-]
    practice: Num  # step of a run over the step that its layout gives on paper [-]
    unnamed_pretraining: Num  # step of what people run over that of the usual stack, where none is named [-]
    unnamed_tuning: Num  # the same of fine-tuning [-]
    # what the software decides, see `Stack`; these are a stack that adds nothing
    host: Num = 0.0
    products: Num = 1.0
    attention_kernel: Num = 1.0
    traffic: Num = 1.0
    gather: Num = 0.0
    updates: Num = 1.0
    expert_loop: Num = 0.0
    selective: Num = 0.0


SHARED = tuple(name for name in Calibration._fields if name not in Calibration._field_defaults)


class Stack(NamedTuple):
    """What a training stack adds; sources in presets/calibration/training.toml."""

    host: Num  # host time per block and micro-batch that the device waits for [s]
    products: Num  # rate of matrix products over that of tuned stacks [-]
    attention_kernel: Num  # rate of attention over that of the stack's kind [-]
    traffic: Num  # elementwise traffic over that of fused kernels [-]
    gather: Num  # ZeRO-3 traffic that nothing hides, over its time alone [-]
    updates: Num  # optimizer traffic over that of a fused optimizer [-]
    expert_loop: Num  # host time per expert held, expert layer and micro-batch, waited for [s]
    plain: Num  # 1: kernels are not made for each chip (`Calibration.plain_attention`) [-]


def stacked(cal: Calibration, stack: Stack, year: Num = np.nan, compiled: Num = 0.0) -> Calibration:
    """The constants of a generation under a training stack.

    Parameters
    ----------
    cal : Calibration
        Constants of the generation.
    stack : Stack
        What the software adds.
    year : float or array
        Of the software; nan where it is not known.
    compiled : float or array
        1: the model is compiled, which takes host time and memory traffic away.

    Source: docs/method-training.md, software; presets/calibration/training.toml.

    Examples
    --------
    3 ms per block, half of it where the model is compiled.

    >>> cal = Calibration(*[1.0] * len(SHARED))._replace(compiled_host=0.5)
    >>> eager = Stack(3e-3, 1.0, 1.0, 1.4, 1.0, 1.3, 0.0, 1.0)
    >>> float(stacked(cal, eager).host), float(stacked(cal, eager, compiled=1.0).host)
    (0.003, 0.0015)
    """
    made, early, recent = np.asarray(compiled) > 0, np.asarray(year) <= EARLY, np.asarray(year) >= RECENT
    plain = np.asarray(stack.plain) > 0
    adapters = np.where(plain, 1.0, cal.tuned_adapters)
    experts = np.where(recent, cal.recent_experts, 1.0)
    kernels = np.where(plain, cal.plain_attention, np.where(recent, cal.recent_attention, 1.0))
    return cal._replace(
        host=stack.host * np.where(made, cal.compiled_host, 1.0),
        products=stack.products,
        attention_kernel=stack.attention_kernel * kernels,
        traffic=stack.traffic * np.where(made, cal.compiled_traffic, 1.0),
        gather=stack.gather,
        updates=stack.updates,
        expert_loop=stack.expert_loop,
        selective=np.where(plain, cal.plain_selective, 0.0),
        adapter_passes=cal.adapter_passes * adapters,
        host_adapters=cal.host_adapters * adapters,
        dequantise=cal.dequantise * np.where(early, cal.early_dequantise, 1.0),
        launch_expert=cal.launch_expert * experts,
        launch_held=cal.launch_held * experts,
    )


class Ranges(NamedTuple):
    """Log of the half-width of the 90 % interval in log time: of a class that was measured, and what widens it."""

    base: float  # dense, pre-training, a tuned stack and a generation with rows
    plain: float  # other stacks than tuned ones
    experts: float  # mixtures of experts
    loops: float  # experts that run one after the other, or may
    stack: float  # a stack without rows
    generation: float  # a generation without rows; 0 for one with
    tuning: float  # fine-tuning
    overhead: float  # per share of the step that is host time, gathers and the exchange between experts
    unstated: float  # the software is not said


class Kind(NamedTuple):
    """The class of a question, for `half_width`; each field a float or an array of 0 and 1, or a share."""

    plain: Num
    experts: Num
    loops: Num
    new_stack: Num
    tuning: Num
    overhead: Num
    unstated: Num


def half_width(ranges: Ranges, kind: Kind) -> Num:
    r"""Half-width of the 90 % interval in log time: the interval is prediction x exp(-+ width) [log].

    .. math:: \ln w = b + \sum_i b_i x_i

    Parameters
    ----------
    ranges : Ranges
        Coefficients.
    kind : Kind
        What holds of the question.

    Source: docs/method-training.md, fit; fitted to errors of sources left out (scripts/fit_training.py).

    Examples
    --------
    >>> ranges = Ranges(np.log(0.2), np.log(1.5), 0.3, 0.3, np.log(1.2), 0.0, 0.1, 0.5, 0.2)
    >>> round(float(half_width(ranges, Kind(1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0))), 3)
    0.36
    """
    x = kind
    log = ranges.base + ranges.plain * x.plain + ranges.experts * x.experts + ranges.loops * x.loops
    log = log + ranges.stack * x.new_stack + ranges.generation + ranges.tuning * x.tuning
    return np.exp(log + ranges.overhead * x.overhead + ranges.unstated * x.unstated)


def calibration_from_factors(rows: Iterable[FactorRow], generation: str) -> tuple[Calibration, Ranges]:
    """Constants of a generation and ranges from the factors of `presets/calibration/training.toml`.

    A generation without rows of its own takes the values for any generation.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[factors]]`: name, value, generation (a name, a list of names, or "any").
    generation : str
        Chip generation of the accelerator preset.

    Source: presets/calibration/training.toml, written by scripts/fit_training.py.

    Raises
    ------
    LlmcostError
        A factor is missing.

    Examples
    --------
    >>> rows = [{"name": f, "value": 1.0, "generation": "any"} for f in SHARED]
    >>> rows += [{"name": f"log_range_{f}", "value": 0.3, "generation": "any"} for f in Ranges._fields]
    >>> rows += [{"name": "gemm_16", "value": 0.75, "generation": ["hopper"]}]
    >>> calibration_from_factors(rows, "hopper")[0].gemm_16, calibration_from_factors(rows, "cdna3")[0].gemm_16
    (0.75, 1.0)
    """
    known = list(rows)
    constants = Calibration(*values_of(known, SHARED, generation))
    return constants, Ranges(*values_of(known, [f"log_range_{name}" for name in Ranges._fields], generation))


def filled(machine: Machine, cal: Calibration) -> Machine:
    """The machine with unknown links replaced by ratios to what is known.

    Parameters
    ----------
    machine : Machine
        Accelerator; nan where not known.
    cal : Calibration
        `link_per_memory`, `network_per_link`.

    Source: presets/calibration/training.toml (medians over the accelerators whose links are known).

    Examples
    --------
    >>> m = Machine(1e15, np.nan, np.nan, np.nan, 8e10, 4e12, np.nan, np.nan, np.nan, np.nan)
    >>> c = Calibration(*[1.0] * len(SHARED))._replace(link_per_memory=0.125, network_per_link=0.1)
    >>> [float(x) for x in filled(m, c)[6:9]]
    [500000000000.0, 8.0, 50000000000.0]
    """

    def known(value: Num, instead: Num) -> Num:
        return np.where(np.isnan(value), instead, value)

    link = known(machine.link_bytes_per_second, cal.link_per_memory * machine.memory_bytes_per_second)
    # without a scale-up link, neighbours in a box talk over its bus
    bus = (np.asarray(machine.scale_up_domain) <= 1) & (link < FASTEST_BUS)
    link = np.where(bus, cal.peer_link * link, link)
    return machine._replace(
        link_bytes_per_second=link,
        scale_up_domain=np.where(bus, BOX, known(machine.scale_up_domain, BOX)),
        network_bytes_per_second=known(machine.network_bytes_per_second, cal.network_per_link * link),
    )
