"""What an accelerator-hour costs a job by its size: by the hour, or as a part of a cluster."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num


def rate_of_size(by_the_hour: Num, of_a_cluster: Num, size: Num, least: Num) -> Num:
    r"""What an accelerator-hour costs a job of a size [USD/h].

    .. math:: \min(h, c \max(1, L / n))

    A job smaller than the smallest cluster may rent all of that cluster: it does where that costs less than by the
    hour. What the job costs, n times this, therefore never falls as n rises.

    Parameters
    ----------
    by_the_hour, of_a_cluster : float or array
        Rate of an accelerator by the hour h, and as a part of a cluster c [USD/h].
    size : float or array
        Accelerators of the job n [-].
    least : float or array
        Accelerators of the smallest cluster L [-].

    Examples
    --------
    $4 by the hour, $2.50 in a cluster of 256, by hand: 100 cost $4 each, as 256 x 2.5 = $640 is more than $400. 200
    would cost $800 by the hour, and pay 640 / 200 = $3.20. 1,000 are a cluster.

    >>> rate_of_size(4.0, 2.5, np.array([100.0, 200.0, 1000.0]), 256.0).tolist()
    [4.0, 3.2, 2.5]
    """
    held = np.maximum(1.0, np.divide(least, np.maximum(size, 1e-300)))
    found: Num = np.minimum(by_the_hour, of_a_cluster * held)
    return found


def floors_of_size(by_the_hour: float, of_a_cluster: float, least: float) -> list[tuple[float, float]]:
    r"""The cost of a job by its size, as above, as a sum of sizes with a floor: weights w [USD/h], floors f.

    .. math:: n \min(h, c \max(1, L / n)) = \sum_i w_i \max(n, f_i)

    Examples
    --------
    As above: 4 n until 160 accelerators, $640 until 256, then 2.5 n.

    >>> parts = floors_of_size(4.0, 2.5, 256.0)
    >>> [sum(w * max(n, f) for w, f in parts) for n in (100.0, 200.0, 1000.0)]
    [400.0, 640.0, 2500.0]
    """
    if of_a_cluster >= by_the_hour:
        return [(by_the_hour, 0.0)]
    return [(by_the_hour, 0.0), (-by_the_hour, least * of_a_cluster / by_the_hour), (of_a_cluster, least)]
