"""What the engine says of measured serving rows: the fastest layout that may be meant, the point, the prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.serving.arrivals import BURST, OPEN
from llmcost.engine.serving.memory import max_batch, memory, share_taken
from llmcost.engine.serving.operating_point import Calibration, Load, Point, operating_point, static_point
from llmcost.engine.serving.ranges import MANY, NVIDIA, Classes, fitted, half_widths, recent
from llmcost.engine.serving.ranges import QUANTITIES as RANGED
from llmcost.engine.serving.speculation import Draft, acceptance_of, speculative_point
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.software import of_software
from llmcost.estimate.validate.serving_rows import Case, Cases, Lookup, cases_of_row, gather
from llmcost.records import FactorRow, NamedTuple

QUANTITIES = ("tpot", "ttft", "output_tokens_per_s")
# Measured rows did fit: our count of what an engine holds may be this much too high.
MEASURED_SLACK = 1.15
# A row that held fewer requests at the engine's default share of the memory was told to take more: reports of tight
# fits say 0.95 to 0.99 (validation/memory_serving.csv).
FEW, TOLD_SHARE = 4.0, 0.96
AT_ONCE = 16_384  # rows: temporaries stay in the cache
DRAFTED, DRAFT_COST = 3.0, 0.06  # tokens a step, and a step of the draft over one of the model, where not told


class Prediction(NamedTuple):
    """Median and 90 % interval of the three quantities in seconds and tokens per second, or why there is none."""

    values: dict[str, tuple[float, float, float]]  # quantity -> p5, p50, p95
    reason: str


def fastest(options: list[list[Case]], catalog: Catalog) -> list[Case]:
    """Of the layouts each row may mean, the one with most tokens/s; for one user at a time the first to answer.

    A layout whose weights do not fit is taken only where none does.
    """
    several = [i for i, cases in enumerate(options) if len(cases) > 1]
    chosen = [cases[0] for cases in options]
    if not several:
        return chosen
    cases = gather([case for i in several for case in options[i]])
    calibration = calibrations(cases, catalog)
    with np.errstate(invalid="ignore", divide="ignore"):
        at, fits = points(cases, calibration), weights_fit(cases, calibration)
        speed = np.where(cases.prefill_only, 1.0 / at.ttft_seconds, at.output_tokens_per_second)
        speed = np.where(cases.alone & ~cases.prefill_only, 1.0 / at.tpot_seconds, speed)
    rank = np.where(fits & np.isfinite(speed), speed, -1.0)
    ends = np.cumsum([len(options[i]) for i in several])
    for i, scores in zip(several, np.split(rank, ends[:-1]), strict=True):
        chosen[i] = options[i][int(np.argmax(scores))]
    return chosen


def calibrations(cases: Cases, catalog: Catalog) -> Calibration:
    """Constants of every row as arrays, by serving framework, hardware generation, its memory and year."""
    shown = np.broadcast_to(cases.machine.shown_bytes, len(cases.year)).tolist()
    keys = list(zip(cases.framework, cases.generation, shown, cases.year, strict=True))
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    columns = np.array([tuple(of_software(catalog, *key)) for key in place], dtype=float).T[:, [place[k] for k in keys]]
    # a constant that is the same everywhere stays a scalar: the engine takes shorter paths
    # measured rows did run: what is left for the cache may be little, not too little
    return Calibration(*[float(c[0]) if np.all(c == c[0]) else c for c in columns])._replace(fit_margin=-np.inf)


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
    still, moving = static_point(*args, load, calibration), operating_point(*args, load, calibration)
    if np.any(cases.apart):
        moving = _apart(cases, moving, args, load, calibration)
    at = Point(*[np.where(cases.static, a, b) for a, b in zip(still, moving, strict=True)])
    return _drafted(cases, at, load, calibration) if np.any(cases.drafted) else at


def _some(values: Any, here: np.ndarray[Any, Any]) -> Any:
    """The rows `here` of a record of arrays, or of scalars, which count for every row."""
    return type(values)(*[np.asarray(v)[here] if np.ndim(v) else v for v in values])


def _apart(cases: Cases, at: Point, args: Any, load: Load, calibration: Calibration) -> Point:
    """Points of rows whose prompts run on accelerators of their own: half of the groups, where a row tells no more."""
    here = np.flatnonzero(cases.apart)
    (shape, machine, layout, precision), load, known = (
        [_some(a, here) for a in args],
        _some(load, here),
        _some(calibration, here),
    )
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
    known, shape, machine, layout, precision, load, at = (
        _some(v, here) for v in (calibration, cases.shape, cases.machine, cases.layout, cases.precision, load, at)
    )
    fitted_share = np.where(shape.n_experts > 0, known.acceptance_native, known.acceptance)
    stated = cases.tokens_per_step[here]
    accepted = np.where(np.isfinite(stated), acceptance_of(stated, length), fitted_share)
    draft = Draft(shape, accepted, (length,), None, DRAFT_COST)
    return speculative_point(lambda *_: at, draft, machine, layout, precision, load, known)


def classes(cases: Cases, factors: list[FactorRow]) -> Classes:
    """What each row is, as far as ranges are told apart; a batch that is not stated fills memory."""
    shape, generation = cases.shape, np.array(cases.generation)
    engines, generations = fitted(factors)
    amd = np.char.startswith(generation, ("cdna",)) | np.char.startswith(generation, "rdna")
    domain = np.asarray(cases.machine.scale_up_domain)
    return Classes(
        static=cases.static,
        random=(cases.arrivals == OPEN) & ~cases.static,
        burst=(cases.arrivals == BURST) & ~cases.static,
        many=~(cases.batch <= MANY) & ~cases.static,
        experts=np.asarray(shape.n_experts) > 0,
        recent=recent(shape),
        shared=np.asarray(cases.layout.attention_dp) > 0,
        drafted=cases.drafted,
        apart=cases.apart,
        amd=amd,
        other=~amd & ~np.isin(generation, NVIDIA),
        card=~(domain > 1),
        staged=(np.asarray(cases.layout.pp) > 1) & ~cases.static,
        rare=~np.isin(cases.framework, sorted(engines)) | ~np.isin(generation, sorted(generations)),
    )


def weights_fit(cases: Cases, calibration: Calibration, slack: float = 1.0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the weights alone fit the accelerators of each row, or exceed them by no more than the slack."""
    load = Load(cases.isl, cases.osl)
    held = memory(cases.shape, cases.machine, cases.layout, cases.precision, load, calibration)
    fit = held.weights_bytes <= cases.machine.shown_bytes * slack
    return np.asarray(fit, dtype=bool)


def predict(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """Predictions for measured rows, in order; a row that cannot be predicted says why.

    Reads only the input columns of a row: model, architecture, hardware, layout, precisions, lengths, batch, load,
    framework.
    """
    known, rest = Lookup(catalog), iter(rows)
    answers: list[Prediction] = []
    while part := list(islice(rest, AT_ONCE)):
        answers += _part(part, known)
    return answers


def _part(rows: list[Mapping[str, str]], known: Lookup) -> list[Prediction]:
    answers: list[Prediction | None] = []
    todo: list[list[Case]] = []
    for row in rows:
        try:
            todo.append(cases_of_row(row, known))
            answers.append(None)
        except LlmcostError as error:
            answers.append(Prediction({}, error.message))
    found = iter(_predict(gather(fastest(todo, known.catalog)), known) if todo else ())
    return [next(found) if answer is None else answer for answer in answers]


def _predict(cases: Cases, known: Lookup) -> list[Prediction]:
    calibration = calibrations(cases, known.catalog)
    with np.errstate(invalid="ignore", divide="ignore"):
        at, fits = points(cases, calibration), weights_fit(cases, calibration, MEASURED_SLACK)
    centres = [np.asarray(v) for v in (at.tpot_seconds, at.ttft_seconds, at.output_tokens_per_second)]
    found = classes(cases, known.factors)
    values: list[list[tuple[float, float, float] | None]] = []
    for quantity, name, centre in zip(RANGED, QUANTITIES, centres, strict=True):
        low, high = half_widths(known.ranges, quantity, found)
        told = np.isfinite(centre) & ~(cases.prefill_only & (name != "ttft"))
        ends = [np.broadcast_to(v, len(fits)) for v in (centre * np.exp(-low), centre, centre * np.exp(high))]
        each = zip(*(end.tolist() for end in ends), strict=True)
        values.append([one if said else None for one, said in zip(each, told.tolist(), strict=True)])
    answers = []
    for fitting, *three in zip(fits.tolist(), *values, strict=True):
        mine = {name: one for name, one in zip(QUANTITIES, three, strict=True) if one is not None}
        if not fitting:
            answers.append(Prediction({}, "the weights do not fit the memory of the stated accelerators"))
        else:
            answers.append(Prediction(mine, "" if mine else "the machine's peak or bandwidth is not known"))
    return answers
