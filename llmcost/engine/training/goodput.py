"""Useful share of billed time: failures, checkpoints, restarts and lost work."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num


def checkpoint_interval(mtbf_seconds: Num, checkpoint_seconds: Num) -> Num:
    r"""Compute time between checkpoints that wastes least [s].

    .. math:: \tau = \sqrt{2 \delta M} (1 + \tfrac13 \sqrt{\delta / 2M} + \tfrac19 \delta / 2M) - \delta

    and M where the checkpoint takes 2M or more.

    Parameters
    ----------
    mtbf_seconds : float or array
        Mean time between failures of the whole job, M [s].
    checkpoint_seconds : float or array
        Time training stands still for a checkpoint, delta [s].

    Source: Daly 2006, doi:10.1016/j.future.2004.11.016, equation 37.

    Examples
    --------
    M 24 h, delta 5 min, by hand: sqrt(2 x 300 x 86400) = 7200; the bracket is 1 + 0.013889 + 0.000193; less 300.

    >>> round(float(checkpoint_interval(86400.0, 300.0)))
    7001
    """
    ratio = np.divide(checkpoint_seconds, 2.0 * np.asarray(mtbf_seconds, dtype=float))
    series = np.sqrt(2.0 * checkpoint_seconds * np.asarray(mtbf_seconds)) * (1.0 + np.sqrt(ratio) / 3.0 + ratio / 9.0)
    return np.where(ratio < 1.0, series - checkpoint_seconds, mtbf_seconds)


def goodput(mtbf_seconds: Num, checkpoint_seconds: Num, restart_seconds: Num) -> Num:
    r"""Useful over billed time, at the best checkpoint interval [-].

    .. math:: 1 / [(M / \tau) e^{R/M} (e^{(\tau + \delta)/M} - 1)]

    Exponential failures that may also strike during checkpoints and restarts; the first-order form breaks at large
    clusters.

    Parameters
    ----------
    mtbf_seconds, checkpoint_seconds : float or array
        M and delta [s].
    restart_seconds : float or array
        From failure to the first new step, R [s].

    Source: Daly 2006, equation 20 for the expected time, equation 37 for the interval.

    Examples
    --------
    Llama 3 405B fails every 54 d x 86,400 / 419 = 11,135 s on 16,384 GPUs (arXiv:2407.21783, section 3.3.4); with a
    30 s stop per checkpoint and 5 min per restart, by hand: tau 798, 1 / (13.96 x 1.0273 x 0.07715) = 0.904, the
    "higher than 90 %" of the paper.

    >>> round(float(goodput(54 * 86400 / 419, 30.0, 300.0)), 3)
    0.904
    """
    m = np.asarray(mtbf_seconds, dtype=float)
    tau = checkpoint_interval(m, checkpoint_seconds)
    expected = (m / tau) * np.exp(restart_seconds / m) * np.expm1((tau + checkpoint_seconds) / m)
    return 1.0 / expected
