"""`llmcost calibrate`: predicted against measured before and after, what moved, what the data cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import Z95, Array
from llmcost.engine.numeric.update import Posterior
from llmcost.errors import LlmcostError
from llmcost.estimate.calibrate import memory
from llmcost.estimate.calibrate import stack as known
from llmcost.estimate.calibrate.fit import fit
from llmcost.estimate.calibrate.used import Fitted
from llmcost.estimate.validate.measured import Measured, measured
from llmcost.estimate.validate.scored import Errors, Scored, statistics
from llmcost.estimate.validate.subjects import UNITS
from llmcost.result import Estimate, Scalar, Warning

UNTOLD = 0.8  # of the spread beforehand: a constant still so uncertain was not told by the data
Either: TypeAlias = Fitted[known.Stack] | Fitted[memory.Learnt]


def calibrate(catalog: Catalog, files: Sequence[str], given: Mapping[str, Any]) -> tuple[Estimate, str]:
    """Learn a stack from files of measurements.

    Parameters
    ----------
    catalog : Catalog
        The presets.
    files : sequence of str
        Tables, or files as benchmarks and trainers wrote them.
    given : mapping
        What fills the gaps of the files, in base units.

    Returns
    -------
    Estimate, str
        The answer, and the file that `--calibration` takes.

    Raises
    ------
    LlmcostError
        A file that cannot be read, or nothing to learn from.
    """
    read = [measured(Path(file), None, given) for file in files]
    sides = {side: _rows(read, side) for side in known.SIDES if any(m.subject == side for m in read)}
    held = _rows(read, "memory")
    memories = {side: [row for row in held if memory.side_of(row) == side] for side in memory.GROUPS}
    if not sides and not held:
        raise LlmcostError("nothing to learn from: whole runs say too little of constants", "serving or training rows")
    speeds = {side: fit(side, rows, catalog) for side, rows in sides.items()}
    amounts = {side: memory.fit(side, rows, catalog) for side, rows in memories.items() if rows}
    found: dict[str, Either] = {**speeds, **amounts}
    constants = [row for side, one in speeds.items() for row in _constants(side, one, catalog)]
    constants += [row for side, amount in amounts.items() for row in _amounts(side, amount, catalog)]
    estimate = Estimate(
        command="calibrate",
        headline=_headline(found),
        result=_result(found),
        arrays={"rows": [row for one in found.values() for row in _compared(one)], "constants": constants},
        warnings=[Warning("W100", note) for one in read for note in one.notes],
        presets=presets_date(catalog),
    )
    names = ", ".join(Path(file).name for file in files)
    return estimate, known.written(f"Calibrated on {names}", {side: one.stack for side, one in found.items()})


def _rows(read: Sequence[Measured], side: str) -> list[dict[str, str]]:
    """Rows of all files of a side, each with a name of its own."""
    several = len(read) > 1
    rows = [(n, i, row) for n, one in enumerate(read, 1) if one.subject == side for i, row in enumerate(one.rows, 1)]
    return [{**row, "id": f"{n}.{i}" if several else str(i)} for n, i, row in rows]


def _compared(one: Either) -> list[dict[str, Scalar]]:
    rows: list[dict[str, Scalar]] = []
    for a, b in zip(one.before, one.after, strict=True):
        first: dict[str, Scalar] = {
            "id": a.id,
            "quantity": a.quantity,
            "unit": UNITS.get(a.quantity, ""),
            "measured": a.measured,
            "predicted": a.predicted,
        }
        then = {"predicted_after": b.predicted, "error_after_pct": b.error_pct, "p5": b.p5, "p95": b.p95}
        rows.append({**first, "error_pct": a.error_pct, **then, "reason": a.reason})
    return rows


def _constants(side: str, one: Fitted[known.Stack], catalog: Catalog) -> list[dict[str, Scalar]]:
    """What each group of constants is multiplied by, its 90 % range, and whether the data tell it."""
    prior = next(float(r["value"]) for r in catalog.factors("update") if r["name"] == f"{side}_prior_log_spread")
    names = tuple(known.GROUPS[side])
    rows = _moved(side, names, one.posterior, np.full(len(names), prior))
    own = known.own_of(catalog, side, one.stack)
    for quantity in one.stack.near:
        shifts = [own.shift(quantity, place) for place in own.places]
        middle, low, high = (float(np.exp(np.quantile(shifts, q))) for q in (0.5, 0.05, 0.95))
        rows.append({
            "side": side, "constant": f"{quantity}, beyond constants", "multiplier": middle, "multiplier_p5": low,
            "multiplier_p95": high, "told": len(shifts) > 1,
        })  # fmt: skip
    return rows


def _amounts(side: str, one: Fitted[memory.Learnt], catalog: Catalog) -> list[dict[str, Scalar]]:
    """The same of memory."""
    names = tuple(group.name for group in memory.GROUPS[side])
    return _moved(side, names, one.posterior, memory.priors(side, catalog))


def _moved(side: str, names: Sequence[str], posterior: Posterior, prior: Array) -> list[dict[str, Scalar]]:
    """What each group is multiplied by, its 90 % range, and whether it is surer than it was."""
    rows: list[dict[str, Scalar]] = []
    for name, log_factor, spread, first in zip(names, posterior.log_factor, posterior.spread, prior, strict=True):
        half = Z95 * float(spread)
        rows.append({
            "side": side, "constant": name, "multiplier": math.exp(log_factor),
            "multiplier_p5": math.exp(log_factor - half),
            "multiplier_p95": math.exp(log_factor + half), "told": bool(spread < UNTOLD * first),
        })  # fmt: skip
    return rows


def _result(found: Mapping[str, Either]) -> dict[str, Scalar]:
    before = statistics([s for one in found.values() for s in one.before])
    after = statistics([s for one in found.values() for s in one.after])
    return {
        "n": before["n"],
        "skipped": before["skipped"],
        "median_ape_pct": before["median_ape_pct"],
        "median_range_ratio": before["median_range_ratio"],
        "median_ape_after_pct": after["median_ape_pct"],
        "median_range_ratio_after": after["median_range_ratio"],
    }


def _width(side: str, scored: Sequence[Scored], of: Errors) -> float:
    """How wide ranges are: of amounts over their medians, else the logarithm of their ends' ratio [-]."""
    if side in memory.GROUPS:
        return float(np.median([memory.wide(s) for s in scored if s.predicted is not None]))  # 0: of what is asked for
    return float(np.log(of["median_range_ratio"] or np.nan))


def _headline(found: Mapping[str, Either]) -> str:
    parts = []
    for side, one in found.items():
        a, b = statistics(one.before), statistics(one.after)
        widths = [_width(side, of, s) for of, s in ((one.before, a), (one.after, b))]
        name = side.replace("_", " of ")
        parts.append(
            f"{name}: median error {a['median_ape_pct']:.1f}% before, {b['median_ape_pct']:.1f}% after "
            f"{one.stack.rows} row{'s' if one.stack.rows > 1 else ''}; "
            + (f"the range is {widths[1] / widths[0]:.0%} as wide" if widths[0] else "such figures have no range")
        )
    return "; ".join(parts) + "."
