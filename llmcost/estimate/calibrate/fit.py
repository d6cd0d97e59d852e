"""Measured rows of a stack, its constants before and after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.update import Posterior, update
from llmcost.estimate.asking.own import SHARES, Kin, Near, Place, kin
from llmcost.estimate.calibrate import stack as known
from llmcost.estimate.calibrate.stack import Point
from llmcost.estimate.calibrate.used import Fitted
from llmcost.estimate.calibrate.used import used as chosen
from llmcost.estimate.validate.near import generations, place_of_row, software
from llmcost.estimate.validate.score import scores
from llmcost.estimate.validate.scored import Scored
from llmcost.estimate.validate.subjects import SUBJECTS

Row = Mapping[str, str]


def fit(side: str, rows: Sequence[Row], catalog: Catalog) -> Fitted[known.Stack]:
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
    every = rows
    before = scores(side, every, catalog)
    used = chosen(before)
    ids = {s.id for s in used}
    rows = [row for row in rows if row["id"] in ids]
    kinds = list(SUBJECTS[side].quantities)
    kind = np.array([kinds.index(s.quantity) for s in used])
    groups, scope = known.GROUPS[side], (generations(rows, catalog), software(rows, catalog, side))

    def learnt(theta: Array) -> dict[str, float]:
        pairs = zip(groups.values(), np.exp(theta), strict=True)
        return {name: float(factor) for names, factor in pairs for name in names}

    def predict(theta: Array) -> Array:
        moved = known.scaled(catalog, side, learnt(theta), *scope)
        found = {(s.id, s.quantity): s.predicted for s in scores(side, rows, moved)}
        return np.log([found[s.id, s.quantity] or np.nan for s in used])

    constants = {row["name"]: float(row["value"]) for row in catalog.factors("update")}
    scatter = np.array([constants[f"{k}_log_scatter"] for k in kinds])
    prior = np.full(len(groups), constants[f"{side}_prior_log_spread"])
    places = {row["id"]: place_of_row(side, row, catalog) for row in rows}
    at = [places[s.id] for s in used]
    shared = _shared(kin(catalog, side), at, [s.quantity for s in used])
    posterior = update(predict, np.log([float(s.measured or np.nan) for s in used]), kind, prior, scatter, shared)
    told = zip(posterior.scale.tolist(), posterior.constants.tolist(), posterior.scatter.tolist(), strict=True)
    near = {k: Near(*one) for k, one in zip(kinds, told, strict=True) if k in {s.quantity for s in used}}
    points = tuple(_points(used, places, posterior))
    stack = known.Stack(len(ids), *scope, learnt(posterior.log_factor), near, points)
    return Fitted(stack, posterior, before, scores(side, every, known.applied(catalog, {side: stack})))


def _shared(own: Kin, at: list[Place], quantities: list[str]) -> Array:
    """Covariance of what constants leave of each two figures: speeds have it in common, and first tokens."""
    found = np.zeros((len(at), len(at)))
    shares = [SHARES[q] for q in quantities]
    for share in {share for share, _ in shares}:
        signs = np.array([sign if of == share else 0.0 for of, sign in shares])
        found += own.common(at, at, share) * np.outer(signs, signs)
    return found


def _points(used: Sequence[Scored], places: Mapping[str, Place], posterior: Posterior) -> list[Point]:
    """Each place with its weight in what is shared, and the noise of what its figures tell of it together."""
    shares: dict[str, dict[str, float]] = {key: {} for key in places}
    sure: dict[str, dict[str, float]] = {key: {} for key in places}
    for one, weight, noise in zip(used, posterior.weights, posterior.noise, strict=True):
        share, sign = SHARES[one.quantity]
        shares[one.id][share] = shares[one.id].get(share, 0.0) + sign * float(weight)
        sure[one.id][share] = sure[one.id].get(share, 0.0) + 1.0 / float(noise)
    noises = {key: {f"{share}{known.NOISE}": v**-0.5 for share, v in told.items()} for key, told in sure.items()}
    return [
        {"model": p.model, "hardware": p.hardware, "way": p.way, **p.at, **shares[key], **noises[key]}
        for key, p in places.items()
    ]
