"""Numbers that formulas take and give, and the constants that several of them share."""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Num: TypeAlias = float | Array  # one value, or samples or alternatives: everything broadcasts
Flags: TypeAlias = bool | npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.intp]
Kind = TypeVar("Kind", bound=np.generic)
Index: TypeAlias = int | Places

HOURS_PER_DAY = 24
SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = HOURS_PER_DAY * SECONDS_PER_HOUR
DAYS_PER_WEEK = 7
DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
HOURS_PER_MONTH = DAYS_PER_MONTH * HOURS_PER_DAY
HOURS_PER_YEAR = DAYS_PER_YEAR * HOURS_PER_DAY
SECONDS_PER_YEAR = HOURS_PER_YEAR * SECONDS_PER_HOUR

Z95 = 1.6448536269514722  # 95 % quantile of the standard normal distribution


def finite(value: Num | None) -> float | None:
    """A number of an answer: None for what is unknown, or never comes.

    >>> finite(float("inf")), finite(2)
    (None, 2.0)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def distinct(rising: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """Values that never fall, each once: `np.unique` imports numpy.ma, which takes a tenth of a command's start-up.

    >>> distinct(np.array([0, 0, 1, 3, 3])).tolist()
    [0, 1, 3]
    """
    kept: npt.NDArray[Kind] = rising[np.append(True, np.diff(rising) > 0)]
    return kept
