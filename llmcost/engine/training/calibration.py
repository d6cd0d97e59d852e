"""Fitted constants of the training engine, by chip generation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.machine.factors import values_of
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.training.memory import States


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
    attention_sharded: Num  # kernel of fully sharded (ZeRO-3) stacks relative to the others [-]
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
    weight_bytes: Num  # per parameter [bytes]
    gradient_bytes: Num  # per parameter [bytes]
    optimizer_bytes: Num  # per parameter [bytes]
    practice: Num  # measured step over the fastest step a free search finds for the same work [-]
    margin_bytes: Num  # context, communication buffers, fragmentation [bytes]

    @property
    def states(self) -> States:
        """Bytes per parameter."""
        return States(self.weight_bytes, self.gradient_bytes, self.optimizer_bytes)


class LogSpread(NamedTuple):
    """Half-width of the 90 % interval in log time: the interval is prediction x exp(-+ width)."""

    step_dense: float
    step_moe: float


def calibration_from_factors(rows: Iterable[Mapping[str, Any]], generation: str) -> tuple[Calibration, LogSpread]:
    """Constants and spread of a generation from the factors of `presets/calibration/training.toml`.

    A generation without rows of its own takes the values for any generation, with their wider spread.

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
    >>> rows = [{"name": f, "value": 1.0, "generation": "any"} for f in Calibration._fields]
    >>> rows += [{"name": f"log_spread_{f}", "value": 0.3, "generation": "any"} for f in LogSpread._fields]
    >>> rows += [{"name": "gemm_16", "value": 0.75, "generation": ["hopper"]}]
    >>> calibration_from_factors(rows, "hopper")[0].gemm_16, calibration_from_factors(rows, "cdna3")[0].gemm_16
    (0.75, 1.0)
    """
    known = list(rows)
    constants = Calibration(*values_of(known, Calibration._fields, generation))
    spread = LogSpread(*values_of(known, [f"log_spread_{name}" for name in LogSpread._fields], generation))
    return constants, spread


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
    >>> c = Calibration(*[1.0] * len(Calibration._fields))._replace(link_per_memory=0.125, network_per_link=0.1)
    >>> [float(x) for x in filled(m, c)[6:9]]
    [500000000000.0, 8.0, 50000000000.0]
    """

    def known(value: Num, instead: Num) -> Num:
        return np.where(np.isnan(value), instead, value)

    link = known(machine.link_bytes_per_second, cal.link_per_memory * machine.memory_bytes_per_second)
    return machine._replace(
        link_bytes_per_second=link,
        scale_up_domain=known(machine.scale_up_domain, 8.0),
        network_bytes_per_second=known(machine.network_bytes_per_second, cal.network_per_link * link),
    )
