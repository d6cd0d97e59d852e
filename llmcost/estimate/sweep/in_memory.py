"""The points of a sweep as arrays, in place of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import LlmcostError
from llmcost.estimate.sweep import columns as tables
from llmcost.estimate.sweep import engines
from llmcost.estimate.sweep.answer import refuse_idle
from llmcost.estimate.sweep.columns import BOOL, TEXT, WHOLE, Column, Table
from llmcost.estimate.sweep.grid import Axis
from llmcost.scenario import Scenario

MOST_VALUES = 200_000_000  # points x columns: 1.6 GB


def points(
    scenario: Scenario, catalog: Catalog, varied: Sequence[Axis], engine: str | None, columns: str | None
) -> dict[str, Any]:
    """Every column of a sweep: an array each, in the order of the rows.

    Raises
    ------
    LlmcostError
        Unknown names, a key that changes nothing, more points than memory should hold; whatever the question refuses.
    """
    chosen = engines.named(engine, scenario, list(varied))
    grid = engines.grid(chosen, scenario, list(varied))
    shown = tables.columns(chosen, scenario, grid, columns)
    if grid.rows * len(shown) > MOST_VALUES:
        raise LlmcostError(
            f"{grid.rows:,} points of {len(shown)} columns do not belong in memory",
            "name fewer columns, or write a file: llmcost sweep ... -o grid.parquet",
        )
    plans: dict[int, engines.Plan] = {}
    parts = [tables.table(chosen, scenario, catalog, grid, shown, part, plans) for part in grid.every()]
    refuse_idle(scenario, grid)
    return {column.name: _joined(column, parts) for column in shown}


def _joined(column: Column, parts: Sequence[Table]) -> Any:
    """A column of all parts: texts with None, whole numbers as such where every point has one, else floats with nan."""
    if column.kind == TEXT:
        return np.concatenate([_said(part, column.name) for part in parts])
    values: Array = np.concatenate([part.numbers[column.name] for part in parts])
    if column.kind == BOOL:
        return values == 1.0
    return values.astype(np.int64) if column.kind == WHOLE and np.all(np.isfinite(values)) else values


def _said(part: Table, name: str) -> Any:
    index, words = part.texts[name]
    return np.array([*words, None], dtype=object)[index]  # the index of no text is that of the last
