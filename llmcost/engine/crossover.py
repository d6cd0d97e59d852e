"""When cumulative inference overtakes training."""

from __future__ import annotations

from typing import Any

import numpy as np

Num = Any

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12


def constant_days(training: Num, per_request: Num, requests_per_day: Num) -> Num:
    """Days until cumulative inference equals training under constant traffic [d]; infinite if it never does.

    .. math:: t = C / (c r)

    Parameters
    ----------
    training : float or array
        What training took, in dollars, kWh or any unit.
    per_request : float or array
        What a request takes, in the same unit.
    requests_per_day : float or array
        Traffic [1/d].

    Source: the break-even of Luccioni, Jernite, Strubell 2024, arXiv:2311.16863, section 4.3.2, over time.

    Examples
    --------
    $150M of training against 10M requests a day at $0.05: 300 days.

    >>> float(constant_days(150e6, 0.05, 10e6))
    300.0
    """
    daily = np.multiply(per_request, requests_per_day, dtype=float)
    total = np.broadcast_to(np.asarray(training, dtype=float), np.broadcast(training, daily).shape)
    return np.divide(total, daily, out=np.full(total.shape, np.inf), where=daily > 0)


def parity_requests(training: Num, per_request: Num) -> Num:
    """Requests after which inference has taken as much as training [-].

    Source: Luccioni, Jernite, Strubell 2024, arXiv:2311.16863, table 5 (cost parity of BLOOMz).

    Examples
    --------
    BLOOMz-7B: 51,686 kWh of training plus 7,571 of fine-tuning, 1.0e-4 kWh a request: 592,570,000.

    >>> round(float(parity_requests(51_686 + 7_571, 1.0e-4)))
    592570000
    """
    return np.divide(training, per_request)
