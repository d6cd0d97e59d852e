"""Measured rows of a stack, its constants before and after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.update import Posterior, update
from llmcost.errors import LlmcostError
from llmcost.estimate.calibrate import stack as known
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.score import SUBJECTS, scores
from llmcost.estimate.validate.scored import Scored

Row = Mapping[str, str]
VARIED = {
    "serving": {"isl": "isl_eff", "osl": "osl_eff", "batch": "concurrency_or_batch", "gpus": "n_gpus"},
    "training": {"seq_len": "seq_len", "sequences": "global_batch_seqs", "gpus": "n_gpus"},
}
LEAST = 2  # figures from which anything is learnt


class Fitted(NamedTuple):
    """A side of a stack after its measurements."""

    stack: known.Stack
    posterior: Posterior
    before: list[Scored]
    after: list[Scored]


def fit(side: str, rows: Sequence[Row], catalog: Catalog) -> Fitted:
    """The constants of a stack by its measured rows.

    Parameters
    ----------
    side : str
        `serving` or `training`.
    rows : sequence of mapping
        Measured rows by the columns that predictions read.
    catalog : Catalog
        The presets: what is known beforehand.

    Raises
    ------
    LlmcostError
        Fewer than two figures that the engine predicts.
    """
    before = scores(side, rows, catalog)
    used = [s for s in before if s.predicted is not None and s.measured is not None]
    if len(used) < LEAST:
        reason = next((s.reason for s in before if s.reason), "")
        raise LlmcostError(f"nothing to learn from: {len(used)} of {len(before)} figures can be predicted", reason)
    kinds = list(SUBJECTS[side].quantities)
    kind = np.array([kinds.index(s.quantity) for s in used])
    groups = known.GROUPS[side]
    machines, software = _machines(rows, catalog), _software(rows)
    factors = catalog.factors(side)

    def learnt(theta: Array) -> dict[str, float]:
        pairs = zip(groups.values(), np.exp(theta), strict=True)
        return {name: float(factor) for names, factor in pairs for name in names}

    def predict(theta: Array) -> Array:
        extra = known.scaled(factors, side, learnt(theta), machines, software)
        found = {(s.id, s.quantity): s.predicted for s in scores(side, rows, catalog.with_factors({side: extra}))}
        return np.log([found[s.id, s.quantity] or np.nan for s in used])

    constants = {row["name"]: float(row["value"]) for row in catalog.factors("update")}
    scatter = np.array([constants[f"{k}_log_scatter"] for k in kinds])
    prior = np.full(len(groups), constants["prior_log_spread"])
    posterior = update(predict, np.log([float(s.measured or np.nan) for s in used]), kind, prior, scatter)
    near = dict(zip(kinds, map(float, posterior.near(kind)), strict=True))
    seen = {k: near[k] for k in kinds if k in {s.quantity for s in used}}
    stack = known.Stack(
        len({s.id for s in used}),
        machines,
        software,
        _models(rows),
        learnt(posterior.log_factor),
        seen,
        _varied(side, rows),
    )
    return Fitted(stack, posterior, before, scores(side, rows, known.applied(catalog, {side: stack}, {})))


def _machines(rows: Sequence[Row], catalog: Catalog) -> tuple[str, ...]:
    found = []
    for row in rows:
        try:
            found.append(cells.accelerator(catalog, cells.text(row, "hardware_id")).generation)
        except LlmcostError:
            continue
    return tuple(sorted(set(found)))


def _software(rows: Sequence[Row]) -> str:
    """The one framework of the rows; `any` where they are of several or do not say."""
    names = {cells.text(row, "framework_id").lower() for row in rows}
    return names.pop() if len(names) == 1 and "" not in names else "any"


def _models(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(sorted({name for row in rows if (name := cells.text(row, "model_id"))}))


def _varied(side: str, rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, column in VARIED[side].items():
        values = [v for row in rows if (v := cells.positive(row, column)) is not None]
        if values:
            found[name] = (min(values), max(values))
    return found
