"""Arrays inside tuples of tuples: layouts, costs and loads that stand for several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def mapped(of_array: Callable[[Any], Any], of: Any) -> Any:
    """Every array in a tuple of them, through a function; plain numbers stand for all."""
    if isinstance(of, tuple):
        make = getattr(type(of), "_make", tuple)
        return make([mapped(of_array, v) for v in of])
    return of_array(of) if isinstance(of, np.ndarray) and of.ndim else of


def picked(of: Any, index: Any) -> Any:
    """Some elements of every array in a tuple of them."""
    return mapped(lambda values: values[index], of)
