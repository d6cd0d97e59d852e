"""Accelerators in several places that train apart for some steps, and then exchange what they learnt."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num

EXCHANGED_BYTES = 4.0  # per parameter: what the outer step reduces is kept in 32 bits [bytes]


def exchange_seconds(params: Num, sites: Num, bytes_per_second: Num, every: Num = 1.0) -> Num:
    r"""Exchange of parameters between places, spread over the local steps between two of them [s per step].

    .. math:: t = \frac{1}{N} \frac{2 (M - 1)}{M} \frac{4 P}{B}

    A ring all-reduce over the slowest place; nothing of it is hidden.

    Parameters
    ----------
    params : float or array
        Parameters that are trained P [-].
    sites : float or array
        Places M [-].
    bytes_per_second : float or array
        Network of each place to the others and direction B [bytes/s].
    every : float or array
        Local steps between two exchanges N [-].

    Source: Douillard et al. 2023, "DiLoCo", arXiv 2311.08105, algorithm 1; ring: Thakur et al. 2005,
    doi:10.1177/1094342005051521, section 4.5.

    Examples
    --------
    1B parameters between 2 places at 1 Gbit/s: 4 GB at 125 MB/s are 32 s, every 500 steps 64 ms a step.

    >>> float(exchange_seconds(1e9, 2, 125e6)), float(exchange_seconds(1e9, 2, 125e6, 500))
    (32.0, 0.064)
    """
    moved = 2.0 * (np.asarray(sites) - 1.0) / sites * EXCHANGED_BYTES * params
    found: Num = moved / bytes_per_second / every
    return found
