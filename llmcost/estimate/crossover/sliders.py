"""Which inputs of a crossover move freely on its page: those whose closed forms say what the engine says.

The question is asked again at both ends of a slider, and there the forms have to give what the engine gives: the cost
of training in each sample, what each size of replica carries, and what an hour costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.demand import traffic as demand
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.crossover import forms as closed
from llmcost.estimate.crossover import reading
from llmcost.estimate.crossover.forms import SAME, Form, Forms, Parts
from llmcost.estimate.crossover.laws import typed
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.course import horizon_days
from llmcost.keys import KEYS, SERVE, SIDES, TRAIN, all_keys
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Estimate
from llmcost.scenario import Scenario, layer
from llmcost.units import DAY

TRIED = 64  # samples in which the forms are held against the engine
REACHES = (100.0, 10.0, 3.0)  # how far a slider goes on either side of what was said: the farthest that holds
# `serve_price` is for sides that pay different prices: a run that rents a cluster beside a fleet by the hour.
MOVED = (
    "requests", "growth", "price", "train_price", "serve_price", "utilization", "train_cost", "gpu_hours", "tokens",
    "mfu", "cost_per_request", "added_requests", "adoption_midpoint", "price_decline", "efficiency_gain", "discount",
    "retrain_cost", "horizon",
)  # fmt: skip
STOPPED = ("isl", "osl")
STEPS = (0.5, 2.0)  # of a length
BENT = ("gpu_hours", "tokens")  # a job of another size may go by another rate, or with another batch
STATED = ("train_cost", "gpu_hours")  # say what training costs in the place of the run
ENDS: tuple[Literal["low", "high"], ...] = ("low", "high")
RATES = {  # ends of what is said by the month or the year
    "growth": (-0.2, 0.5), "price_decline": (0.0, 0.6), "efficiency_gain": (0.0, 1.0), "discount": (0.0, 0.3),
}  # fmt: skip
BELOW = 0.98  # of a ceiling, that traffic at launch may be; half of that where adoption is half of it in the middle
LEAST, FULL = 0.01, 1.0  # of a share
DAYS = ("horizon", "adoption_midpoint")  # are days here, seconds elsewhere
SOONEST, LONGEST = 30.0, 14_610.0  # days of the horizon: 40 years


class Slider(TypedDict):
    """An input that moves freely; `scales`: a range that was said keeps its width over its middle."""

    key: str
    tags: list[str]
    value: float
    low: float
    high: float
    scales: bool
    training: Form | None  # the cost of training, where the input says it in the place of the run


class Patch(TypedDict):
    """What the forms say where an input stops: parts that are others at the medians, and the sizes of replica."""

    value: float
    parts: dict[str, float]
    choices: list[list[list[float]]]  # the values of a `Pool`


class Stopping(TypedDict):
    """An input that stops where the engine was asked, the other sliders moving on from there."""

    key: str
    value: float
    rows: list[Patch]


class Page(TypedDict):
    """What a page answers from."""

    forms: Forms
    sliders: list[Slider]
    stops: list[Stopping]


class _Asked(NamedTuple):
    """The question, as it was asked and with its forms."""

    scenario: Scenario
    catalog: Catalog
    case: Case
    horizon: float
    told: closed.Told


def page(scenario: Scenario, catalog: Catalog, answer: Estimate) -> Page | None:
    """The forms of a crossover with its sliders; None where they do not hold."""
    if answer.result.get("basis") != "usd" or not answer.arrays.get("curve"):
        return None
    case, serving = reading.read_both(scenario, catalog)
    horizon = horizon_days(serving)
    if not closed.supported(case, horizon):
        return None
    told = closed.forms(case, scenario, catalog, horizon)
    if told is None:
        return None
    asked = _Asked(scenario, catalog, case, horizon, told)
    found = {key: slider for key in MOVED for slider in [_plain(asked, key)] if slider is not None}
    even = [slider for key, slider in found.items() if key not in BENT]
    kept = even if _holds(asked, even) else [slider for slider in even if _holds(asked, [slider])]
    for key in BENT:
        near = (_nearer(found[key], reach) for reach in REACHES) if key in found else ()
        kept += next(([slider] for slider in near if _holds(asked, [slider])), [])
    kept += [one for key in STATED if key not in found for one in [_replacing(asked, answer, key)] if one is not None]
    kept.append(_made("horizon", [], horizon, SOONEST, LONGEST))
    return Page(
        forms=told.forms, sliders=sorted(kept, key=lambda one: MOVED.index(one["key"])), stops=_stopping(asked)
    )  # fmt: skip


def _stopping(asked: _Asked) -> list[Stopping]:
    """Sliders over lengths: at others the engine chooses other batches and sizes of replica, or buys other tokens."""
    now, found = _told(asked.case, asked), []
    for key in STOPPED:
        value = asked.case.parts.get(f"{SERVE}.{key}")
        if isinstance(value, int | float):
            rows = [one for by in STEPS for one in [_patch(asked, now, key, round(value * by))] if one is not None]
            found += [Stopping(key=key, value=float(value), rows=rows)] if rows else []
    return found


def _patch(asked: _Asked, now: Mapping[str, Array], key: str, value: float) -> Patch | None:
    """The forms at another value, where nothing else changes: not what is uncertain, nor what training costs."""
    there = _read(asked, {key: value})
    if there is None or (there.hosted is None) != (asked.case.hosted is None):
        return None
    then = _told(there, asked)
    named = now.keys() - ({"hour"} if _by_size(asked.case) else set())
    if then.keys() != now.keys() or not all(_alike(now[n] * then[n][-1], then[n] * now[n][-1]) for n in named):
        return None
    sizes = there.hosted and closed.choices(there, sampling.central(there.parts), float(then["capacity"][-1]))
    if (sizes is None and there.hosted is not None) or not _alike(now["training"], then["training"]):
        return None
    moved = {n: float(then[n][-1]) for n in named if not _alike(then[n][-1], now[n][-1])}
    choices = [[[pool["size"], pool["capacity"], pool["seconds"]] for pool in one] for one in sizes or []]
    return Patch(value=value, parts=moved, choices=choices) if moved else None


def _told(case: Case, asked: _Asked) -> dict[str, Array]:
    """The parts of a case in some samples, and after them with all numbers at their medians."""
    _, seed = sampling.settings(case.questions[-1])
    middle, drawn = sampling.central(case.parts), sampling.draws(case.parts, TRIED, seed)
    numbers: dict[str, Num] = {name: np.append(x, middle[name]) if np.ndim(x) else x for name, x in drawn.items()}
    return {n: np.broadcast_to(x, TRIED + 1) for n, x in closed.parts(case, numbers, asked.horizon).items()}


def _plain(asked: _Asked, key: str) -> Slider | None:
    """The slider of a number that the forms hold; None where they do not, or where its sides have two values."""
    told, tags = asked.told, _tags(key)
    numbers = [told.forms["numbers"][tag] for tag in tags if tag in told.forms["numbers"]]
    if key in RATES:
        stated = bool(numbers) and not numbers[0]["family"]
        return _made(key, tags, numbers[0]["quantiles"][1], *_rates(asked, key)) if stated else None
    tags = [tag for tag in tags if tag in told.forms["numbers"]]
    mixed = any(tag in names for tag in tags for names in told.mixed.values())
    if not tags or mixed or len({number["quantiles"][1] for number in numbers}) > 1:
        return None
    if key.endswith("_price") and _plain(asked, "price") is not None:
        return None  # the price of both sides is said
    value = numbers[0]["quantiles"][1]
    made = _nearer(_made(key, tags, value, LEAST, FULL), REACHES[0])
    if key == "requests":
        made["high"] = max(value, min(made["high"], _room(asked)))
    if made["low"] == made["high"]:
        return None  # zero: no share of it is another value
    made["scales"] = _ranged(asked, key) and all(number["family"] == "lognormal" for number in numbers)
    return made


def _rates(asked: _Asked, key: str) -> tuple[float, float]:
    """The ends of a rate; traffic that has a ceiling only grows."""
    low, high = RATES[key]
    return (SAME if math.isfinite(_room(asked)) and key == "growth" else low), high


def _room(asked: _Asked) -> float:
    """The most that traffic may be at launch where it has a ceiling [1/d]."""
    ceiling = asked.told.forms["numbers"].get(f"{SERVE}.ceiling")
    if ceiling is None:
        return math.inf
    return ceiling["quantiles"][0] * BELOW * (0.5 if asked.told.forms["kind"] == demand.LOGISTIC else 1.0)


def _nearer(slider: Slider, reach: float) -> Slider:
    """The slider with its ends so far from what was said; a share has its own."""
    if all_keys()[slider["key"]].kind == "share":
        return slider
    return {**slider, "low": slider["value"] / reach, "high": slider["value"] * reach}


def _tags(key: str) -> list[str]:
    """The numbers that a key says: of one side, or of both."""
    if key not in KEYS:
        side, _, name = key.partition("_")
        return [f"{side}.{name}"]
    return [f"{side}.{key}" for side in SIDES]


def _made(key: str, tags: list[str], value: float, low: float, high: float) -> Slider:
    return Slider(
        key=key, tags=tags, value=value, low=min(low, value), high=max(high, value), scales=False, training=None
    )


def _ranged(asked: _Asked, key: str) -> bool:
    """Whether the input was said to lie in a range."""
    said = asked.scenario.get(key)
    return said is not None and isinstance(said.value, units.Between | units.Triangle)


def _replacing(asked: _Asked, answer: Estimate, key: str) -> Slider | None:
    """A slider that says what training costs, or takes, in the place of the run."""
    now = answer.result.get("training_usd") if key == "train_cost" else _hours(asked)
    if not isinstance(now, float) or not now or asked.case.run is None:
        return None
    there = _read(asked, {key: now})
    if there is None:
        return None
    told, numbers, _ = closed.told(there, asked.horizon)
    if any(told[name] != form for name, form in asked.told.forms["parts"].items() if name != "training"):
        return None
    asked.told.forms["numbers"] |= {tag: numbers[tag] for tag in told["training"]["powers"]}
    made = _nearer(_made(key, [f"{TRAIN}.{key}"], now, now, now), REACHES[0])
    made["training"] = told["training"]
    return made if key == "train_cost" or all(_replaces(asked, made, end) for end in ENDS) else None


def _replaces(asked: _Asked, slider: Slider, end: Literal["low", "high"]) -> bool:
    """Whether training costs at an end of a slider what its form says: a job of another size may pay another rate."""
    there, form = _read(asked, {slider["key"]: slider[end]}), slider["training"]
    if there is None or form is None:
        return False
    paid = closed.parts(there, sampling.central(there.parts), asked.horizon)["training"]
    return _alike(paid, form["at"] * slider[end] / slider["value"])


def _hours(asked: _Asked) -> float | None:
    run = asked.case.run
    return None if run is None else float(run.figures(run.central())["gpu_hours"])


def _read(asked: _Asked, values: Mapping[str, float]) -> Case | None:
    """The question with inputs at other values; None where it has no answer of its kind."""
    said = layer({key: typed(key, value * (DAY if key in DAYS else 1.0)) for key, value in values.items()}, "flag")
    there, halves = asked.scenario.over(said), [cases.half(asked.case, all_keys()[key]) for key in values]
    half = next(iter(halves)) if len({known and known.side for known in halves}) == 1 else None
    try:
        case = (
            reading.read_both(there, asked.catalog)[0]
            if half is None
            else reading.with_programme(cases.read_half(half, there, asked.catalog))
        )
    except LlmcostError:
        return None
    return case if closed.supported(case, asked.horizon) else None


def _holds(asked: _Asked, sliders: Sequence[Slider]) -> bool:
    """Whether the engine says at both ends of some sliders, moved together, what the forms say there."""
    return all(_same(asked, sliders, end) for end in ENDS)


def _same(asked: _Asked, sliders: Sequence[Slider], end: Literal["low", "high"]) -> bool:
    there = _read(asked, {slider["key"]: slider[end] for slider in sliders})
    if there is None:
        return False
    moved = {tag: slider[end] for slider in sliders for tag in slider["tags"]}
    mine, theirs = (_parts(case, asked, moved) for case in (asked.case, there))
    free = {"capacity"} | ({"hour"} if _by_size(asked.case) else set())
    named = mine.keys() - free
    if theirs.keys() - free != named or not all(_alike(mine[name], theirs[name]) for name in named):
        return False
    middle = closed.parts(there, sampling.central(there.parts) | moved, asked.horizon)
    if not all(_alike(_where(asked, name, moved), middle[name]) for name in named):
        return False
    return asked.case.hosted is None or _carried(asked, there, moved)


def _where(asked: _Asked, name: str, moved: Mapping[str, float]) -> float:
    """What the form of a part says where some of its numbers are moved."""
    form, numbers = asked.told.forms["parts"][name], asked.told.forms["numbers"]
    over = (moved[tag] / numbers[tag]["quantiles"][1] for tag in form["powers"] if tag in moved)
    powers = (power for tag, power in form["powers"].items() if tag in moved)
    return form["at"] * math.prod(x**power for x, power in zip(over, powers, strict=True))


def _by_size(case: Case) -> bool:
    return case.hosted is not None and case.hosted.fleet.terms.by_size is not None


def _parts(case: Case, asked: _Asked, moved: Mapping[str, float]) -> Parts:
    """The parts of a case in some samples, with some of its numbers moved."""
    numbers = case.parts
    _, seed = sampling.settings(case.questions[-1])
    drawn = sampling.draws(numbers, TRIED, seed)
    over: dict[str, Num] = {tag: value for tag, value in moved.items() if tag in numbers}
    return closed.parts(case, drawn | over, asked.horizon)


def _alike(mine: Num, theirs: Num) -> bool:
    return bool(np.allclose(mine, theirs, rtol=SAME, atol=0.0))


def _carried(asked: _Asked, there: Case, moved: Mapping[str, float]) -> bool:
    """Whether the same sizes of replica are there to choose from, and carry as much at the same load."""
    tables = []
    for one in (asked.case, there):
        assert one.hosted is not None
        middle = {**sampling.central(one.parts), **{k: v for k, v in moved.items() if k in one.parts}}
        s = one.served(middle)
        kinds = one.hosted.replica.kinds(one.hosted.figures(s))
        now = [x for _, gpus, seconds in kinds for x in (float(gpus), float(seconds))]
        per_day = float(closed.parts(one, middle, asked.horizon)["capacity"]) * now[1] / now[0]
        sizes = one.hosted.replica.choices()
        tables.append([per_day, *(x for choice in sizes for kind in choice for x in kind), *([] if sizes else now)])
    return len(tables[0]) == len(tables[1]) and _alike(np.array(tables[0]), np.array(tables[1]))
