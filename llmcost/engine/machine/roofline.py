"""Time of a piece of work on a device, and of collectives between devices."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple


class Machine(NamedTuple):
    """What the engines need to know of an accelerator; each field a float or an array, nan where not known."""

    bf16_flops: Num  # dense peak [FLOP/s]; fp16 where a chip has no bf16
    fp8_flops: Num  # nan: the chip has no fp8
    fp4_flops: Num
    int8_flops: Num
    memory_bytes: Num  # HBM [bytes]
    memory_bytes_per_second: Num
    link_bytes_per_second: Num  # per direction, inside the scale-up domain
    scale_up_domain: Num  # accelerators joined by that link
    network_bytes_per_second: Num  # per accelerator and direction, across domains
    tdp_watts: Num
    process_bytes: Num = np.nan  # memory that a process may take [bytes]; nan: all of memory_bytes
    torus: Num = np.nan  # dimensions of the torus that the link forms [-], 1 a ring; nan: through switches
    peer: Num = 1.0  # 1: accelerators on a bus read one another's memory; 0: all goes through the host's
    box: Num = np.nan  # accelerators of one machine, beyond which the network is [-]; nan: not known
    message_seconds: Num = np.nan  # of a message between two machines [s]; nan: not known

    @property
    def shown_bytes(self) -> Num:
        """Memory that a process may take [bytes]."""
        return np.where(np.isnan(self.process_bytes), self.memory_bytes, self.process_bytes)


def peak_flops(machine: Machine, bits: Num, integer: Num = 0.0) -> tuple[Num, Num]:
    """Dense peak of a width, or of the next wider one the chip has [FLOP/s], and that width [bits].

    A narrow unit slower than the 16-bit one is not used (INT8 on a B300): its peak is that of 16 bits.

    Parameters
    ----------
    machine : Machine
        Peaks; nan where the chip lacks a format.
    bits : float or array
        Width asked for: 16, 8 or 4 [bits].
    integer : float or array
        1: 8 bits are INT8, not FP8 [-].

    Source: definition; a chip without FP8 runs FP8 weights at its 16-bit rate (vLLM FP8 Marlin kernels).

    Examples
    --------
    An A100 (312e12 FLOP/s in 16 bits) has neither FP8 nor FP4.

    >>> nan = float("nan")
    >>> a100 = Machine(312e12, nan, nan, 624e12, 80e9, 2.039e12, 300e9, 8, 25e9, 400)
    >>> [float(x) for x in peak_flops(a100, 8.0)], float(peak_flops(a100, 8.0, 1.0)[0])
    ([312000000000000.0, 16.0], 624000000000000.0)
    """
    eight = np.where(np.asarray(integer) > 0, machine.int8_flops, machine.fp8_flops)
    asked = np.asarray(bits)
    in_eight = (asked <= 8) & np.isfinite(eight)
    in_four = (asked <= 4) & np.isfinite(machine.fp4_flops)
    peak = np.where(in_four, machine.fp4_flops, np.where(in_eight, eight, machine.bf16_flops))
    return np.fmax(peak, machine.bf16_flops), np.where(in_four, 4.0, np.where(in_eight, 8.0, 16.0))


def join(a: Num, b: Num, exponent: Num) -> Num:
    r"""Time of two activities that overlap in part [s].

    .. math:: t = (a^p + b^p)^{1/p}

    Parameters
    ----------
    a, b : float or array
        Time of each alone [s].
    exponent : float or array
        p: 1 nothing overlaps, infinity the shorter one is free [-].

    Source: as `seconds`.

    Examples
    --------
    >>> float(join(3.0, 4.0, 2.0)), join(3.0, 4.0, 1.0), float(join(3.0, 4.0, np.inf))
    (5.0, 7.0, 4.0)
    """
    if np.ndim(exponent) == 0 and exponent == 1.0:  # two powers less, and a common fit
        return a + b
    high, low = np.maximum(a, b), np.minimum(a, b)
    if np.ndim(exponent) == 0 and np.isinf(exponent):
        return high
    return high * (1.0 + (low / np.maximum(high, 1e-30)) ** exponent) ** (1.0 / exponent)


def rounded(a: Num, b: Num) -> Num:
    r"""Time of two activities of which the longer counts, rounded where both are alike [s].

    .. math:: t = \sqrt{a^2 + b^2}

    Parameters
    ----------
    a, b : float or array
        Time of each alone [s]: far from the ends of the range of floats, so that no care for them is needed.

    Source: `join` with an exponent of 2.

    Examples
    --------
    >>> float(rounded(3.0, 4.0))
    5.0
    """
    found: Num = np.sqrt(np.multiply(a, a) + np.multiply(b, b))
    return found


def seconds(flops: Num, moved_bytes: Num, flops_per_second: Num, bytes_per_second: Num, p: Num = np.inf) -> Num:
    r"""Time of work that computes and moves bytes at the same time [s].

    .. math:: t = ((F / c)^p + (M / b)^p)^{1/p}

    Parameters
    ----------
    flops, moved_bytes : float or array
        Work F [FLOP] and traffic M [bytes].
    flops_per_second, bytes_per_second : float or array
        Attainable rates c [FLOP/s] and b [bytes/s].
    p : float
        Overlap exponent [-]: infinity is the textbook maximum, 1 the plain sum.

    Source: Williams, Waterman, Patterson 2009, "Roofline", doi:10.1145/1498765.1498785; the p-norm is an
    interpolation between full overlap and none, p is fitted.

    Examples
    --------
    A 30 GB model on four TPU v5e reads each weight once per step: 9 ms ("How to Scale Your Model", section 7).

    >>> print(round(float(seconds(2 * 15e9, 30e9, 4 * 1.97e14, 4 * 8.2e11)), 4))
    0.0091
    """
    return join(flops / flops_per_second, moved_bytes / bytes_per_second, p)
