"""The columns of a sweep: a key for each axis, then figures; and their values at the rows of a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import Exit, LlmcostError, did_you_mean, raise_all, shown
from llmcost.estimate.sweep import engines
from llmcost.estimate.sweep.engines import Box, Engine, Plan
from llmcost.estimate.sweep.grid import Axis, Grid, Part
from llmcost.estimate.sweep.points import Answers
from llmcost.keys.key import CROSSOVER, FIT, SERVE, TRAIN
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario
from llmcost.terms import TERMS

TILE = 16_384  # points at a time: arrays stay in the cache
Words = npt.NDArray[np.int32]
NUMBER, WHOLE, TEXT, BOOL = "number", "whole", "text", "bool"
ALWAYS = ("feasible", "reason")
CHOSEN = ("dtype", "gpus_per_replica", "tp", "pp", "dp", "ep", "batch")
OF_TRAFFIC = ("usd_per_month", "replicas", "gpus", "energy_kwh_per_month", "co2e_kg_per_month")
# Figures of each engine, in the order of the columns.
FIGURES = {
    SERVE: (
        "usd_per_mtok_output", "usd_per_mtok_input", "usd_per_mtok_cached_input", "usd_per_mtok_blended",
        "usd_per_request", *OF_TRAFFIC, "utilization", "tpot_seconds", "ttft_seconds", "tokens_per_second_per_user",
        "requests_in_flight", "tpot_full_seconds", "ttft_full_seconds", "output_tokens_per_second",
        "requests_per_second_per_replica", "prefill_share", "wh_per_request", "server_wh_per_request",
        "accelerator_wh_per_request", "electricity_usd_per_request", "co2e_kg_per_request", *CHOSEN,
    ),
    TRAIN: (
        "total_usd", "run_usd", "program_usd", "gpu_hours", "compute_gpu_hours", "duration_seconds", "training_flops",
        "hardware_flops", "tokens", "mfu", "goodput", "energy_kwh", "server_kwh", "accelerator_kwh",
        "electricity_usd", "co2e_kg", "gpus", "tp", "pp", "dp", "cp", "sp", "ep",
    ),
    CROSSOVER: (
        "crossover_days", "upfront_usd", "total_usd_horizon", "usd_per_month", "usd_per_request",
        "usd_per_mtok_output", "usd_per_mtok_input", "gpus", "gpu_hours", "duration_seconds", "training_kwh",
        "training_co2e_kg", "kwh_per_request", "energy_kwh_per_month", "co2e_kg_per_month",
    ),
    FIT: (
        "fits_probability", "peak_bytes", "usable_bytes", "kv_tokens", "concurrency", "longest_context_tokens",
        "output_tokens_per_second_per_user", "output_tokens_per_second", "kv_bytes_per_token", "missing_bytes", "gpus",
        "tp", "pp", "dp", "ep", "dtype",
    ),
}  # fmt: skip


class Column(NamedTuple):
    """A column: its name, what it holds, and whether it is a key of the grid."""

    name: str
    kind: str
    key: bool = False

    @property
    def source(self) -> str:
        """The figure it shows: an axis of the same name keeps the name for itself."""
        return self.name.removeprefix("answer_")


def columns(engine: Engine, scenario: Scenario, grid: Grid, wanted: str | None) -> tuple[Column, ...]:
    """The columns of a sweep: every key, `feasible` and `reason`, then all figures of the engine or those `wanted`.

    Raises
    ------
    LlmcostError
        A column that there is not.
    """
    keys = [Column(axis.name, _kind_of(axis), True) for axis in grid.axes]
    names = [column.name for column in keys]
    every = [name for name in FIGURES[engine.name] if name not in CHOSEN or name not in names]
    traffic = scenario.has("requests", "requests_per_user", "users") or "requests" in names
    if engine.name == SERVE and not traffic:
        every = [name for name in every if name not in OF_TRAFFIC]
    if wanted is not None:
        asked = [name.strip() for name in wanted.split(",") if name.strip()]
        known = [*ALWAYS, *every, *names]
        raise_all(
            [
                LlmcostError(
                    f"--columns: {shown(n)} is no column of this sweep", did_you_mean(n, known) or ", ".join(every)
                )
                for n in asked
                if n not in known
            ]
        )
        every = [name for name in every if name in asked]
    figures = [Column(f"answer_{n}" if n in names else n, _kind(n)) for n in every]
    return (*keys, Column("feasible", BOOL), Column("reason", TEXT), *figures)


def _kind_of(axis: Axis) -> str:
    if not axis.numbers:
        return TEXT
    return WHOLE if axis.key.kind.startswith("whole") else NUMBER


def _kind(name: str) -> str:
    kind = TERMS[name].kind if name in TERMS else WHOLE
    return {"text": TEXT, "bool": BOOL, "whole": WHOLE}.get(kind, WHOLE if name == "batch" else NUMBER)


class Table(NamedTuple):
    """The rows of a part: numbers as arrays with nan where there is none, texts as indices into their words."""

    columns: tuple[Column, ...]
    numbers: dict[str, Array]
    texts: dict[str, tuple[Words, list[str]]]  # index -1: no text
    rows: int


def table(
    engine: Engine, scenario: Scenario, catalog: Catalog, grid: Grid, shown_columns: Sequence[Column], part: Part,
    plans: dict[int, Plan],
) -> Table:  # fmt: skip
    """Every row of a part; `plans` has the one that the part before ended with, and then that of this one.

    Raises
    ------
    LlmcostError
        What the question refuses, where there is one plan; where there are several, it is the `reason` of its rows.
    """
    box = Box(grid.arrays, grid.values(part))
    each = part.rows // len(part.cells)
    numbers = {c.name: np.full(part.rows, np.nan) for c in shown_columns if c.kind != TEXT}
    words: dict[str, dict[str, int]] = {c.name: {} for c in shown_columns if c.kind == TEXT}
    texts = {c.name: np.full(part.rows, -1, dtype=np.int32) for c in shown_columns if c.kind == TEXT}
    for number, index in enumerate(part.cells):
        cell = grid.cell(index)
        if index not in plans:
            plans.clear()
            plans[index] = _plan(engine, scenario.over(cell), catalog, grid.arrays, alone=grid.cells == 1)
        plan = plans[index]
        for rows, tile in box.tiles(TILE):
            at = slice(number * each + rows.start, number * each + rows.stop)
            answers = plan(tile)
            reason = np.ravel(np.broadcast_to(np.asarray(answers.reason, dtype=int), tile.shape))
            numbers["feasible"][at] = reason == 0
            _put(texts["reason"], at, words["reason"], answers.reasons, reason, blank=0)
            for column in shown_columns:
                if column.key and column.name in cell:
                    value = cell[column.name].value
                    if column.kind == TEXT:
                        texts[column.name][at] = words[column.name].setdefault(_text(value), len(words[column.name]))
                    else:
                        numbers[column.name][at] = value
                elif column.name not in ALWAYS:
                    values = tile.values[column.name] if column.key else answers.columns.get(column.source)
                    if column.kind == TEXT:
                        _text_column(texts[column.name], at, words[column.name], values, tile.shape)
                    elif values is not None:
                        _number_column(numbers[column.name][at], values, tile.shape)
            bad = (reason != 0) & (reason != _TRAFFIC)
            if np.any(bad):
                for column in shown_columns:
                    if not column.key and column.name not in ALWAYS:
                        if column.kind == TEXT:
                            texts[column.name][at][bad] = -1
                        else:
                            numbers[column.name][at][bad] = np.nan
    for values in numbers.values():
        values[~np.isfinite(values)] = np.nan
    return Table(tuple(shown_columns), numbers, {n: (v, list(words[n])) for n, v in texts.items()}, part.rows)


_TRAFFIC = 3  # of REASONS: a fleet larger than what is there has figures still


def _plan(engine: Engine, scenario: Scenario, catalog: Catalog, axes: tuple[Axis, ...], alone: bool) -> Plan:
    """What answers in a cell of the grid; where there are others, what it refuses is the reason of its rows."""
    if alone:
        try:
            return engine.plan(scenario, catalog, axes)
        except LlmcostError as error:
            if error.code != Exit.NO:
                raise
            return engines.refused(error.message)
    found: list[Plan] = []

    def answer(box: Box) -> Answers:
        try:
            if not found:
                found.append(engine.plan(scenario, catalog, axes))
            return found[0](box)
        except LlmcostError as error:
            found[:] = [engines.refused(error.message)]
            return found[0](box)

    return answer


def _number_column(into: Array, values: Any, shape: tuple[int, ...]) -> None:
    into.reshape(shape)[...] = np.asarray(values, dtype=float)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _put(
    into: Words, at: slice, words: dict[str, int], said: Sequence[str], index: Any, blank: int | None = None
) -> None:
    """Indices of a cell's words, as indices of the part's."""
    for i in sorted(set(index.tolist())):
        if i != blank:
            into[at][index == i] = words.setdefault(said[i], len(words))


def _text_column(into: Words, at: slice, words: dict[str, int], values: Any, shape: tuple[int, ...]) -> None:
    if np.ndim(values) == 0:
        if values is not None:
            into[at] = words.setdefault(str(values), len(words))
        return
    whole = np.asarray(values)
    if whole.size and np.all(whole == whole.flat[0]):
        into[at] = words.setdefault(str(whole.flat[0]), len(words))
        return
    said, index = np.unique(whole.astype(str), return_inverse=True)
    spread = np.broadcast_to(index.reshape(whole.shape), shape).ravel()
    _put(into, at, words, [str(s) for s in said], spread)
