"""`compare`: alternatives on the same work, with a ratio to the cheapest, and where they cost the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
from msgspec import structs

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.compare import along, alternatives, answer, crossing, fronts, overtime, pairs, sentence
from llmcost.estimate.compare.alternatives import Alternative, Axis
from llmcost.estimate.compare.answer import Table
from llmcost.estimate.compare.blocks import Block, planned, singles
from llmcost.estimate.compare.ranked import Beside
from llmcost.estimate.compare.sentence import Told
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Scalar
from llmcost.scenario import refuse_unread

__all__ = ["Alternative", "compare"]


def compare(
    bases: list[Alternative],
    catalog: Catalog,
    vary: list[str] | None = None,
    against: list[str] | None = None,
    cross: str | None = None,
    sort: str | None = None,
    columns: str | None = None,
    workers: str = "",
    by: str | None = None,
) -> Estimate:
    """Alternatives side by side.

    Parameters
    ----------
    bases : list of Alternative
        Scenarios as given; each is varied.
    catalog : Catalog
        Where presets are found.
    vary : list of str
        `KEY=A,B,C`; several make a grid.
    against : list of str
        `api:PROVIDER/MODEL`, `own:` or `rent:PROVIDER[:commitment]`: other ways to do the same work.
    cross : str, optional
        `KEY` or `KEY=LOW..HIGH`: where along it two alternatives cost the same.
    sort, columns : str, optional
        The column to sort by (cheapest first without one), and the columns to keep: `a,b,c`.
    by : str, optional
        `month` or `quarter`: a table of what each takes in every period.
    workers : str
        How many processes plan them, or the address of a dask scheduler; empty: this process.

    Raises
    ------
    LlmcostError
        Unknown keys or values (all at once), fewer than two alternatives, or a question none can answer.
    """
    asked = alternatives.every(bases, vary or [], against or [])
    found = planned(asked, catalog, workers)
    alternatives.refuse_unread(asked)
    table = answer.tabulated(found)
    estimate = answer.estimate(table, catalog, sentence.headline(table), sort, columns)
    arrays = {**estimate.arrays}
    if cross is not None:
        if by is not None:
            raise one_of("--by", "--cross")
        return _crossed(estimate, table, asked, cross, catalog)
    beside = pairs.pairs(table, _start(found)) if 1 < len(table.rows) <= pairs.MOST_BESIDE else []
    over = _over_time(table, beside, by)
    beside, told = over.pairs, over.told
    arrays |= {**({"pairs": beside} if beside else {}), **over.arrays}
    points = fronts.fronts(found)
    arrays |= {"front": points} if points else {}
    pays = sentence.pays(table, beside)
    return structs.replace(
        estimate,
        arrays=arrays,
        headline=" ".join(x for x in (told.text, estimate.headline + pays.text) if x),
        result={**estimate.result, **pays.result, **told.result},
        ranges={**estimate.ranges, **pays.ranges, **told.ranges},
    )


class _Over(NamedTuple):
    """What days that are unlike one another add to an answer."""

    pairs: list[Beside]
    arrays: Mapping[str, list[dict[str, Scalar]]] = {}
    told: Told = Told()


def _over_time(table: Table, beside: list[Beside], by: str | None) -> _Over:
    """The months of a comparison whose traffic, prices or training change, or that asks for them."""
    moving = any(block.case.moving for block in table.blocks)
    start = _start(table.blocks) if moving or by is not None else None
    found = overtime.paths(table, start) if moving or by is not None else []
    if by is not None and not found:
        raise LlmcostError(
            "--by needs traffic that all alternatives share, in dollars, of at most 8 alternatives", "--requests 1M/day"
        )
    if not found:
        return _Over(beside)
    arrays = {"spend": overtime.rows(found, "month", start)}
    arrays |= {"periods": overtime.rows(found, by, start)} if by is not None else {}
    if not moving or len(found) < 2:
        return _Over(beside, arrays)
    named = {path.name: path for path in found}
    rows = [overtime.beside(row, named[row["name"]], named[row["other"]], start) for row in beside]
    return _Over(rows, arrays, overtime.told(found))


def _start(found: list[Block]) -> dt.date | None:
    """The day of launch, where it was said."""
    said = (block.case.serving.stated("start") for block in found if block.case.serving is not None)
    return next((day for day in said if day is not None), None)


def _crossed(
    estimate: Estimate, table: Table, asked: list[tuple[Alternative, list[Axis]]], cross: str, catalog: Catalog
) -> Estimate:
    """The same answer with the places where two alternatives cost the same in front."""
    every = singles(asked)
    if len(every) > crossing.MOST_ALTERNATIVES:
        most = f"every pair of at most {crossing.MOST_ALTERNATIVES} alternatives"
        raise LlmcostError(f"--cross looks at {most}, here are {len(every):,}", "compare fewer, or without --cross")
    line = crossing.axis(cross, every, [block.case for block in table.blocks])
    figure = crossing.figure_of(line, table.deciding)
    curves = [along.curve(alternative, line, figure, catalog) for alternative in every]
    for curve in curves:
        curve.at(np.array([line.low, line.high]))
    refuse_unread(alternative.scenario for alternative in every)  # before hundreds of plans more
    met, whole = crossing.crossings(curves, line)
    rows = {
        name: [c.row(line.key.name, figure) for c in met if c.meeting.exact is exact]
        for name, exact in (("crossings", True), ("jumps", False))
    }
    text = crossing.headline(met, curves, line, figure, whole)
    jumps = {"jumps": rows["jumps"]} if rows["jumps"] else {}
    costs = crossing.places(curves, line, met, figure)
    arrays = {"crossings": rows["crossings"], **jumps, **estimate.arrays, "along": costs}
    first = rows["crossings"][0]["value"] if rows["crossings"] else None
    result = {**estimate.result, "crossed": line.key.name, "cross_value": first}
    return structs.replace(estimate, headline=text, arrays=arrays, result=result)
