"""ServeGen client traces: a window a row without a heading: start [s], requests/s, CV, distribution, two parameters.

Source: https://github.com/alibaba/ServeGen data/*/chunk-*-trace.csv.
"""

from __future__ import annotations

import math

from llmcost.errors import LlmcostError
from llmcost.readers.content import Content
from llmcost.readers.record import number_of
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import Rates, Trace

KINDS = {"weibull", "gamma", "exponential", "lognormal", "pareto", ""}
CELLS = 6


def recognises(content: Content) -> bool:
    """Whether the first row is such a window."""
    first = content.headings
    return len(first) == CELLS and first[3] in KINDS and all(number_of(c) is not None for c in (*first[:3], *first[4:]))


def read(content: Content) -> Reading:
    """The traffic; the file tells no lengths.

    Raises
    ------
    LlmcostError
        A row that is no window, or no request at all.
    """
    import numpy as np

    rows = []
    for n, cells in content.cells:
        values = [number_of(cell) for i, cell in enumerate(cells) if i != 3]
        if len(cells) != CELLS or any(v is None for v in values):
            raise LlmcostError(f"{content.name}: line {n} is not a window of {CELLS} cells: cut off?")
        if not all(math.isfinite(v or 0.0) for v in values[:2]):
            raise LlmcostError(f"{content.name}: line {n}: a time or a rate that is no number")
        rows.append([v if v is not None and math.isfinite(v) else 0.0 for v in values[:3]])
    found = np.array(rows)
    width = float(np.median(np.diff(found[:, 0]))) if len(found) > 1 else 0.0
    if not found[:, 1].any() or width <= 0:
        raise LlmcostError(f"{content.name}: no request in any window")
    rates = Rates(found[:, 0] - found[0, 0], found[:, 1], found[:, 2], width)
    return Reading(TRACE, READER.name, [Trace(total=len(found), rates=rates)])


READER = Reader("ServeGen client rates", TRACE, recognises, read)
