"""What the engine says of measured serving rows: the fastest layout that may be meant, the point, the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.serving.arrivals import BURST, OPEN
from llmcost.engine.serving.memory import max_batch, memory, share_taken
from llmcost.engine.serving.operating_point import Calibration, Load, Point, operating_point, static_point
from llmcost.engine.serving.ranges import MANY, NVIDIA, Classes, fitted, half_widths, recent
from llmcost.engine.serving.ranges import QUANTITIES as RANGED
from llmcost.engine.serving.speculation import Draft, acceptance_of, speculative_point
from llmcost.estimate.asking.software import of_software
from llmcost.estimate.validate.scored import Predicted
from llmcost.estimate.validate.serving_rows import Asked, Cases, Lookup, asked, shared, some
from llmcost.estimate.validate.table import Index
from llmcost.records import FactorRow

FIELDS = {"tpot": "tpot_seconds", "ttft": "ttft_seconds", "output_tokens_per_s": "output_tokens_per_second"}
# Measured rows did fit: our count of what an engine holds may be this much too high.
MEASURED_SLACK = 1.15
# A row that held fewer requests at the engine's default share of the memory was told to take more: reports of tight
# fits say 0.95 to 0.99 (validation/memory_serving.csv).
FEW, TOLD_SHARE = 4.0, 0.96
AT_ONCE = 16_384  # rows: temporaries stay in the cache
NOTHING = (
    "the weights do not fit the memory of the stated accelerators",
    "the machine's peak or bandwidth is not known",
    "not predicted for this kind of load",
)
DRAFTED, DRAFT_COST = 3.0, 0.06  # tokens a step, and a step of the draft over one of the model, where not told


def fastest(rows: Asked, here: Index, known: Calibration) -> Index:
    """Of the layouts each row may mean, the one with most tokens/s; for one user at a time the first to answer.

    A layout whose weights do not fit is taken only where none does.

    Parameters
    ----------
    rows : Asked
        The rows.
    here : array
        Those that are asked for; none of them with a fault.
    known : Calibration
        Constants of the cases of their kinds.

    Returns
    -------
    array
        Of each the case of its kind.
    """
    count, chosen = rows.kinds.layouts[rows.kind[here]], rows.kinds.first[rows.kind[here]]
    several = np.flatnonzero(count > 1)
    if not several.size:
        return chosen
    of = np.repeat(several, count[several])
    begin = np.cumsum(count[several]) - count[several]
    options = chosen[of] + np.arange(len(of)) - np.repeat(begin, count[several])
    cases = rows.cases(here[of], options).lean()
    calibration = shared(some(known, options))
    with np.errstate(invalid="ignore", divide="ignore"):
        at, fits = points(cases, calibration), weights_fit(cases, calibration)
        speed = np.where(cases.prefill_only, 1.0 / at.ttft_seconds, at.output_tokens_per_second)
        speed = np.where(cases.alone & ~cases.prefill_only, 1.0 / at.tpot_seconds, speed)
    rank = np.where(fits & np.isfinite(speed), speed, -1.0)
    best = np.maximum.reduceat(rank, begin)
    places = np.flatnonzero(rank == np.repeat(best, count[several]))  # the first of those that are alike counts
    _, first = np.unique(of[places], return_index=True)
    chosen[several] = options[places[first]]
    return chosen


def calibrations(cases: Cases, catalog: Catalog) -> Calibration:
    """Constants of every row as arrays, by serving framework, hardware generation, its memory and year."""
    shown = np.broadcast_to(cases.machine.shown_bytes, len(cases.year)).tolist()
    years = [None if math.isnan(year) else int(year) for year in cases.year.tolist()]
    keys = list(zip(cases.framework.tolist(), cases.generation.tolist(), shown, years, strict=True))
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    columns = np.array([tuple(of_software(catalog, *key)) for key in place], dtype=float).T[:, [place[k] for k in keys]]
    # measured rows did run: what is left for the cache may be little, not too little
    return shared(Calibration(*columns))._replace(fit_margin=-np.inf)


def points(cases: Cases, calibration: Calibration) -> Point:
    """Every row in operation: static batches as such, everything else as continuous batching."""
    args = (cases.shape, cases.machine, cases.layout, cases.precision)
    limit = max_batch(*args, Load(cases.isl, cases.osl), calibration)
    if np.any(limit < FEW):  # the engine was told to take more of the memory than its default
        share = share_taken(cases.shape, cases.machine, cases.layout, calibration)
        more = np.where(limit < FEW, np.maximum(share, TOLD_SHARE), share)
        calibration = calibration._replace(memory_share=more, left_bytes=0.0, rank_share=0.0)
        limit = max_batch(*args, Load(cases.isl, cases.osl), calibration)
    limit = np.maximum(limit, 1.0)
    batch = np.where(np.isnan(cases.batch), limit, cases.batch)
    load = Load(cases.isl, cases.osl, cases.cached_isl, batch, cases.arrivals, cases.spread)
    if np.all(cases.static):
        at = static_point(*args, load, calibration)
    else:
        at = operating_point(*args, load, calibration)
        if np.any(cases.apart):
            at = _apart(cases, at, args, load, calibration)
        if np.any(cases.static):
            still = static_point(*args, load, calibration)
            at = Point(*[np.where(cases.static, a, b) for a, b in zip(still, at, strict=True)])
    return _drafted(cases, at, load, calibration) if np.any(cases.drafted) else at


def _apart(cases: Cases, at: Point, args: Any, load: Load, calibration: Calibration) -> Point:
    """Points of rows whose prompts run on accelerators of their own: half of the groups, where a row tells no more."""
    here = np.flatnonzero(cases.apart)
    shape, machine, layout, precision = (some(a, here) for a in args)
    load, known = some(load, here), some(calibration, here)
    dp, groups = np.asarray(layout.dp), cases.prefill_groups[here]
    stated = np.isfinite(groups)
    taken = np.where(stated, np.clip(groups, 1.0, np.maximum(dp - 1.0, 1.0)), np.maximum(dp / 2.0, 1.0))
    first = layout._replace(dp=taken)
    then = layout._replace(dp=np.where(stated, np.maximum(dp - taken, 1.0), taken))
    answers = operating_point(shape, machine, then, precision, load._replace(cached_isl=load.isl), known)
    prompts = operating_point(shape, machine, first, precision, load._replace(arrivals=OPEN), known)
    answering = (np.maximum(load.osl, 1.0) - 1.0) * answers.tpot_seconds
    # users beyond what prompts and answers in progress hold wait for a prompt's turn
    turns = load.batch * prompts.prefill_seconds / first.dp
    ttft = np.maximum(prompts.ttft_seconds, turns - answering)
    speed = load.batch * load.osl / (ttft + answering)
    figures = {"tpot_seconds": answers.tpot_seconds, "ttft_seconds": ttft, "output_tokens_per_second": speed}
    return at._replace(**{name: _put(getattr(at, name), here, value) for name, value in figures.items()})


def _put(values: Any, here: np.ndarray[Any, Any], of: Any) -> np.ndarray[Any, Any]:
    found = np.array(values)
    found[here] = of
    return found


def _drafted(cases: Cases, at: Point, load: Load, calibration: Calibration) -> Point:
    """Points of rows with speculation: by the draft that is most used, where a row tells none."""
    lengths = np.where(np.isfinite(cases.draft_tokens), cases.draft_tokens, DRAFTED)
    whole = [np.array(np.broadcast_to(v, len(cases.batch))) for v in at]
    for length in sorted(set(lengths[cases.drafted])):
        here = np.flatnonzero(cases.drafted & (lengths == length))
        for field, values in zip(whole, _proposing(cases, at, load, calibration, here, float(length)), strict=True):
            field[here] = values
    return Point(*whole)


def _proposing(
    cases: Cases, at: Point, load: Load, calibration: Calibration, here: np.ndarray[Any, Any], length: float
) -> Point:
    """Points of the rows `here`, whose drafts propose `length` tokens a step."""
    known, shape, load, at = some(calibration, here), some(cases.shape, here), some(load, here), some(at, here)
    machine, layout, precision = some(cases.machine, here), some(cases.layout, here), some(cases.precision, here)
    fitted_share = np.where(shape.n_experts > 0, known.acceptance_native, known.acceptance)
    stated = cases.tokens_per_step[here]
    accepted = np.where(np.isfinite(stated), acceptance_of(stated, length), fitted_share)
    draft = Draft(shape, accepted, (length,), None, DRAFT_COST)
    return speculative_point(lambda *_: at, draft, machine, layout, precision, load, known)


def classes(cases: Cases, factors: list[FactorRow]) -> Classes:
    """What each row is, as far as ranges are told apart; a batch that is not stated fills memory."""
    return _loaded(cases, _standing(cases, factors))


def _loaded(cases: Cases, found: Classes) -> Classes:
    """The classes of rows by their lengths and requests."""
    moving = ~cases.static
    return found._replace(
        random=(cases.arrivals == OPEN) & moving,
        burst=(cases.arrivals == BURST) & moving,
        many=~(cases.batch <= MANY) & moving,
    )


def _standing(cases: Cases, factors: list[FactorRow]) -> Classes:
    """The classes of rows by what they say beside."""
    engines, generations = fitted(factors)
    amd = np.char.startswith(cases.generation, "cdna") | np.char.startswith(cases.generation, "rdna")
    return Classes(
        static=cases.static,
        experts=np.asarray(cases.shape.n_experts) > 0,
        recent=recent(cases.shape),
        shared=np.asarray(cases.layout.attention_dp) > 0,
        drafted=cases.drafted,
        apart=cases.apart,
        amd=amd,
        other=~amd & ~np.isin(cases.generation, NVIDIA),
        card=~(np.asarray(cases.machine.scale_up_domain) > 1),
        staged=(np.asarray(cases.layout.pp) > 1) & ~cases.static,
        rare=~np.isin(cases.framework, sorted(engines)) | ~np.isin(cases.generation, sorted(generations)),
    )


def weights_fit(cases: Cases, calibration: Calibration, slack: float = 1.0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the weights alone fit the accelerators of each row, or exceed them by no more than the slack."""
    load = Load(cases.isl, cases.osl)
    held = memory(cases.shape, cases.machine, cases.layout, cases.precision, load, calibration)
    fit = held.weights_bytes <= cases.machine.shown_bytes * slack
    return np.asarray(fit, dtype=bool)


def predict(rows: Sequence[Mapping[str, str]], catalog: Catalog) -> Predicted:
    """Predictions for measured rows, in order; a row that cannot be predicted says why.

    Reads only the input columns of a row: model, architecture, hardware, layout, precisions, lengths, batch, load,
    framework.
    """
    known = Lookup(catalog)
    every = asked(rows, known)
    answers = Predicted(list(FIELDS), every.why, NOTHING)
    here = np.flatnonzero(every.why.which == 0)
    if not here.size:
        return answers
    constants = calibrations(every.kinds.cases, catalog)
    standing = _standing(every.kinds.cases, known.factors)
    here = here[np.argsort(every.kinds.rank[every.kind[here]], kind="stable")]
    for part in np.split(here, range(AT_ONCE, len(here), AT_ONCE)):
        options = fastest(every, part, constants)
        cases, calibration = every.cases(part, options).lean(), shared(some(constants, options))
        with np.errstate(invalid="ignore", divide="ignore"):
            at, fits = points(cases, calibration), weights_fit(cases, calibration, MEASURED_SLACK)
        found = _loaded(cases, some(standing, options))
        told = np.zeros((len(FIELDS), len(part)), dtype=bool)
        for i, (name, field) in enumerate(FIELDS.items()):
            low, high = half_widths(known.ranges, RANGED[i], found)
            centre = np.asarray(getattr(at, field))
            told[i] = fits & np.isfinite(centre) & ~(cases.prefill_only & (name != "ttft"))
            answers.ends[i, :, part] = np.where(
                told[i], (centre * np.exp(-low), centre, centre * np.exp(high)), np.nan
            ).T
        answers.fail(part, np.where(~fits, 1, np.where(~told.any(axis=0), 2, np.where(told, 0, 3))))
    return answers
