"""A crossover as closed forms over its samples: what a page needs to answer again, for any place of its sliders.

The cost of training, the rate of an accelerator-hour and what a request takes are each a constant, times numbers of the
question to whole powers, times what is left of each sample: (MFU / 34 %)^-1 of a cost, say. Powers are found by moving
one number at a time, and what is left is measured over the samples; so no formula of the engine is written twice. The
fleet is a table: sizes of replica with the requests a day that one carries, of which the page takes those that the
engine would take for the traffic.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.demand import traffic as demand
from llmcost.engine.numeric import normal
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, Array, Num
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.asking import market, sampling
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.crossover import reading, samples
from llmcost.estimate.lifetime import growth
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.course import SHAPE_DAYS
from llmcost.estimate.lifetime.curves import EXACT, EXACT_SAMPLED, USD, curves, streams, total, trained
from llmcost.keys import SERVE
from llmcost.records import NamedTuple, TypedDict
from llmcost.scenario import Scenario, Setting

MOVES = (1.371, 0.731)  # of a number: no round ratio, at which rounding might agree by chance
SAME = 1e-9  # relative difference of two numbers that are the same
PRICE, MIDPOINT = f"{SERVE}.price", f"{SERVE}.adoption_midpoint"
KINDS = (demand.CONSTANT, demand.COMPOUND, demand.LINEAR, demand.LOGISTIC)
# What is said of time: the page has it from the samples themselves, as the engine has.
TIME = (
    "requests", "growth", "added_requests", "ceiling", "adoption_midpoint", "price_decline", "efficiency_gain",
    "discount", "retrain_cost", "refresh_cost",
)  # fmt: skip
MOST_STEPS = 200  # of the cost of training, that a page passes for every sample
Parts: TypeAlias = dict[str, Num]  # what both curves are made of, by name


class Drawn(TypedDict):
    """A number of the question as it is drawn."""

    quantiles: list[float]
    family: str  # empty: one value
    streams: list[str]  # 64 bits at which its samples start: alone, and where the other side has the same number
    market: bool  # a price that nobody stated


class Form(TypedDict):
    """A constant, times numbers over their medians to whole powers, times a factor of each sample."""

    at: float
    powers: dict[str, int]
    rest: str  # base64 of 32-bit floats, one a sample; empty: 1


class Pool(TypedDict):
    """A kind of replica: its accelerators, and the requests a day that it takes with all numbers at their medians."""

    size: float
    capacity: float
    seconds: float  # accelerator time of a request


class Tariff(TypedDict):
    """Rates that the size of the fleet decides between [USD/h]; `least` accelerators are a cluster."""

    by_the_hour: float
    of_a_cluster: float
    least: float
    hour: Drawn  # the rate as it is drawn for a fleet by the hour
    cluster: Drawn


class Fleet(TypedDict):
    """Whole replicas: the sizes to choose from, and what is held in any case."""

    choices: list[list[Pool]]
    spares: float
    least: float
    most: float | None  # accelerators that there are
    tariff: Tariff | None


class Schedule(TypedDict):
    """When training is paid: days with shares of it; every how many days again, and the number that is its cost."""

    payments: list[tuple[float, float]]
    again: list[tuple[float, str]]


class Forms(TypedDict):
    """Both curves of a crossover in dollars."""

    samples: int
    exact: list[int]  # replicas counted one by one at the centre, and in samples
    shape_days: int
    horizon: float
    kind: str  # of the traffic
    schedule: Schedule
    numbers: dict[str, Drawn]
    parts: dict[str, Form]  # by name: see `parts`
    fleet: Fleet | None
    normal: Sequence[object]  # coefficients of the inverse of the normal distribution


def supported(case: Case, horizon: float) -> bool:
    """Whether the forms hold: traffic from no file, and a fleet that is held day and night."""
    course = case.course
    if course.kind not in KINDS or case.past is not None or case.student is not None:
        return False
    s = case.served(sampling.central(case.parts))
    if "served" in s or len(course.plan(s, horizon, True).days) > MOST_STEPS or case.refused is not None:
        return False
    service = case.hosted
    if service is None:
        return case.service is not None
    fleet = service.fleet
    plain = not (fleet.follows or fleet.mixed or fleet.idle) and service.sizing is None
    return plain and not service.applied.said and service.small is None


def parts(case: Case, p: Mapping[str, Num], horizon: float) -> Parts:
    """What both curves are made of at the numbers `p`.

    Dollars of training; of an accelerator-hour, of a day whatever the traffic, and of a request beside accelerators;
    requests a day that a replica of the first kind carries; and what an owned hour that is not used costs beside its
    price, which is below zero.
    """
    t, s = case.trained(p), case.served(p)
    spent = trained(case, t, {} if case.run is None else case.run.figures(t))
    found: Parts = {"training": spent[total(USD, case.scope)]}
    service = case.hosted
    if service is None:
        both = curves(case._replace(course=case.course._replace(kind=None)), p, horizon)
        return found | {"each": both.figures["usd_per_request"]}
    served = service.figures(s)
    standing, each = growth.beside_usd(s)
    found |= {"hour": s["price"], "standing": standing, "each": each}
    pools = growth.held(service, s, served)
    found["capacity"] = pools[0].capacity
    if service.fleet.terms.owned is not None:
        found["more"] = service.less_used(s, {"utilization": 0.0})
    return found


class Told(NamedTuple):
    """The forms, and for each part the numbers that move it otherwise than by a power."""

    forms: Forms
    mixed: dict[str, set[str]]


def forms(case: Case, scenarios: Scenario, catalog: Catalog, horizon: float) -> Told | None:
    """The forms of a case; None where the fleet is not what its sizes say."""
    serving = case.serving
    assert serving is not None
    count, seed = sampling.settings(serving)
    if count > samples.FIRST:
        return None
    told_parts, kept, mixed = told(case, horizon)
    fleet = None
    if case.hosted is not None:
        found_choices = choices(case, sampling.central(case.parts), told_parts["capacity"]["at"])
        tariff = None if case.hosted.fleet.terms.by_size is None else _tariff(case, scenarios, catalog, seed)
        if found_choices is None or (case.hosted.fleet.terms.by_size is not None and tariff is None):
            return None
        fleet = Fleet(
            choices=found_choices, spares=float(case.hosted.fleet.spares * case.hosted.fleet.regions),
            least=float(case.hosted.fleet.least), most=case.hosted.fleet_gpus, tariff=tariff,
        )  # fmt: skip
    found = Forms(
        samples=count, exact=[EXACT, EXACT_SAMPLED], shape_days=SHAPE_DAYS, horizon=horizon,
        kind=str(case.course.kind), schedule=_schedule(case), numbers=kept, parts=told_parts, fleet=fleet,
        normal=normal.RATIOS,
    )  # fmt: skip
    return Told(found, mixed)


def _schedule(case: Case) -> Schedule:
    """When training is paid."""
    course = case.course
    said = ((course.retrain_days, "retrain_cost"), (course.refresh_days, "refresh_cost"))
    again = [(every, cost) for every, cost in said if math.isfinite(every) and f"{SERVE}.{cost}" in case.parts]
    return Schedule(payments=list(course.payments), again=again)


def told(case: Case, horizon: float) -> tuple[dict[str, Form], dict[str, Drawn], dict[str, set[str]]]:
    """The parts of a case as forms, the numbers in them, and those that move a part otherwise than by a power."""
    serving, numbers = case.serving, case.parts
    assert serving is not None
    count, seed = sampling.settings(serving)
    middle, drawn = sampling.central(numbers), sampling.draws(numbers, count, seed, streams(numbers))
    powers, mixed = _powers(case, middle, horizon)
    centre, over = (parts(case, p, horizon) for p in (middle, drawn))
    found = {name: _form(centre[name], over[name], powers[name], drawn, middle) for name in centre}
    named = {tag for form in found.values() for tag in form["powers"]} | {f"{SERVE}.{name}" for name in TIME}
    kept = {tag: _drawn(case, tag, numbers[tag], seed) for tag in sorted(named) if tag in numbers}
    if case.course.kind == demand.CONSTANT:
        kept[f"{SERVE}.growth"] = _drawn(case, f"{SERVE}.growth", 0.0, seed)
    return found, kept, mixed


def _powers(
    case: Case, middle: Mapping[str, float], horizon: float
) -> tuple[dict[str, dict[str, int]], dict[str, set[str]]]:
    """For each part the numbers that it follows by a whole power, and those that move it in another way."""
    tags = [tag for tag, value in middle.items() if value and tag != "horizon_days"]
    centre = parts(case, middle, horizon)
    found: dict[str, dict[str, int]] = {name: {} for name in centre}
    mixed: dict[str, set[str]] = {name: set() for name in centre}
    slopes = []
    for by in MOVES:
        moved: dict[str, Num] = {
            tag: value * np.where(np.arange(len(tags)) == (tags.index(tag) if tag in tags else -1), by, 1.0)
            for tag, value in middle.items()
        }
        slopes.append(
            {name: _slopes(value, centre[name], len(tags), by) for name, value in parts(case, moved, horizon).items()}
        )
    for name in centre:
        for i, tag in enumerate(tags):
            steep = [float(each[name][i]) for each in slopes]
            whole = round(steep[0]) if np.isfinite(steep).all() else 0
            if all(abs(one - whole) < SAME for one in steep):
                if whole:
                    found[name][tag] = whole
            else:
                mixed[name].add(tag)
    return found, mixed


def _slopes(moved: Num, centre: Num, count: int, by: float) -> Array:
    """Logarithm of what a move does over that of the move."""
    if not float(centre):
        return np.zeros(count)
    return np.asarray(np.log(np.broadcast_to(moved, (count,)) / centre) / np.log(by))


def _form(
    centre: Num, over: Num, powers: dict[str, int], drawn: Mapping[str, Num], middle: Mapping[str, float]
) -> Form:
    """A part as a form; what its powers leave of each sample is told where there is any."""
    left = np.asarray(over, dtype=float) / (float(centre) or 1.0)
    for tag, power in powers.items():
        left = left / (np.asarray(drawn[tag]) / middle[tag]) ** power
    told = bool(float(centre)) and not np.allclose(left, 1.0, rtol=SAME, atol=0.0)
    rest = base64.b64encode(left.astype("<f4").tobytes()).decode() if told else ""
    return Form(at=float(centre), powers=powers, rest=rest)


def _drawn(case: Case, tag: str, value: Number, seed: int) -> Drawn:
    """A number with the streams of its samples: its own, and the one that it shares with the other side."""
    side, name = tag.split(".", 1)
    question = next(q for q in case.questions if q.side == side)
    starts = [str(sp.stream(each, seed)) for each in (tag, name)]
    unit = SECONDS_PER_DAY if tag == MIDPOINT else 1.0  # the page counts days
    if not isinstance(value, Spread):
        return Drawn(quantiles=[value / unit] * 3, family="", streams=starts, market=False)
    return Drawn(
        quantiles=[end / unit for end in (value.p5, value.p50, value.p95)], family=value.family, streams=starts,
        market=name in market.of(question),
    )  # fmt: skip


def choices(case: Case, middle: Mapping[str, float], capacity: float) -> list[list[Pool]] | None:
    """Sizes of replica to choose from at the medians; None where the one that was chosen is none of them."""
    service = case.hosted
    assert service is not None
    s = case.served(middle)
    now = tuple((float(gpus), float(seconds)) for _, gpus, seconds in service.replica.kinds(service.figures(s)))
    tried = service.replica.choices() or [now]
    per_day = capacity * now[0][1] / now[0][0]  # of an accelerator that takes a second for a request
    if not any(np.allclose(one, now, rtol=SAME, atol=0.0) for one in tried if len(one) == len(now)):
        return None
    regions = service.fleet.regions
    return [
        [Pool(size=regions * gpus, capacity=per_day * gpus / seconds, seconds=seconds) for gpus, seconds in one]
        for one in tried
    ]


def _tariff(case: Case, scenario: Scenario, catalog: Catalog, seed: int) -> Tariff | None:
    """Both rates with their spreads: the question is read again for a fleet far below a cluster, and far above."""
    service = case.hosted
    assert service is not None
    by_size = service.fleet.terms.by_size
    assert by_size is not None
    rates, found = (by_size.by_the_hour, by_size.of_a_cluster), []
    alike = scenario._replace(layers=tuple({k: v for k, v in of.items() if k not in TIME} for of in scenario.layers))
    for rate, gpus in zip(
        rates, (by_size.least * by_size.of_a_cluster / by_size.by_the_hour / 4.0, 4.0 * by_size.least), strict=True
    ):
        now = case.parts[f"{SERVE}.requests"]
        per_day = sp.median(now) * gpus / service.size
        there, _ = reading.read_both(alike.over({"requests": Setting(per_day, "flag")}), catalog)
        if there.hosted is None or there.hosted.fleet.terms.planned != rate:
            return None
        found.append(_drawn(there, PRICE, there.parts[PRICE], seed))
    return Tariff(by_the_hour=rates[0], of_a_cluster=rates[1], least=by_size.least, hour=found[0], cluster=found[1])
