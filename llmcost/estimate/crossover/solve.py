"""The question turned round: the traffic, price or size at which inference overtakes training at a given time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.demand import traffic as demand
from llmcost.engine.numeric import roots
from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, SECONDS_PER_DAY, Num
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.solving import asked_seconds
from llmcost.estimate.crossover import reading
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.course import horizon_days
from llmcost.estimate.lifetime.curves import EXACT, EXACT_SAMPLED, USD, curves, streams
from llmcost.keys import SERVE
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Range
from llmcost.scenario import Scenario, Setting

TRAFFIC, PRICE, PARAMS = "traffic", "price", "params"
SOLVABLE = (TRAFFIC, PRICE, PARAMS)
SCALED = ("requests", "ceiling", "added_requests")  # what more traffic multiplies
FIRST_GUESS = 1e6  # requests per day where none were said
STEPS = 8  # of a fixed point over samples
REPLANS = 12  # times that the replicas may change on the way to a traffic
LEAST = 1e-9  # requests per day, over a first guess of them, that nobody asks for
SIZES = np.geomspace(1e8, 1e13, 13)  # parameters that are tried before the search is narrowed
CLOSE = 1e-3  # of the largest model, relative
DEARER = 1.25  # times the price that is found: the second point of a line
METHOD = "docs/method-crossover.md, backwards"

Answer = Callable[[Scenario], Estimate]


class Solved(NamedTuple):
    """What was found: the scenario that has it, its name in the result, its kind, its value, its ranges."""

    scenario: Scenario
    name: str
    kind: str
    value: float | None
    ranges: sampling.Spreads = sampling.Spreads({}, {})


def solve(scenario: Scenario, catalog: Catalog, what: str, at: object, answer: Answer) -> Estimate:
    """The answer at the traffic, price or size at which the crossing falls on a day.

    Raises
    ------
    LlmcostError
        Not something to solve for, no time, or a question that leaves nothing to vary.
    """
    days = asked_seconds(what, at, SOLVABLE, "when is the crossing to be?", "12mo") / SECONDS_PER_DAY
    if what == PARAMS:
        return _largest(scenario, catalog, days, answer)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = _traffic(scenario, catalog, days) if what == TRAFFIC else _price(scenario, catalog, days)
    return _told(answer(found.scenario), found, days)


def _told(estimate: Estimate, found: Solved, days: float) -> Estimate:
    """The answer at what was found, with what was found in front."""
    result = {found.name: found.value, "at_days": days, **estimate.result}
    month = f"{days / DAYS_PER_MONTH:.3g}"
    what = {"per_day": " requests at launch", "usd_per_hour": " of serving"}.get(found.kind, "")
    text = f"Inference overtakes training {month} months after launch at {units.format(found.kind, found.value)}{what}"
    ranges, at_price = found.ranges
    if found.name in ranges:
        of = (ranges | at_price)[found.name]
        text += f" ({units.format_range(found.kind, of.p5, of.p95)})"
    return structs.replace(
        estimate,
        headline=text + ".",
        result=result,
        ranges=estimate.ranges | ranges,
        ranges_at_price=estimate.ranges_at_price | at_price,
    )


class _Solvable(NamedTuple):
    """A question with its sides taken, evaluated at a scale of one of its numbers."""

    case: Case
    serving: Question
    numbers: dict[str, Number]
    days: float

    def ratio(self, p: Mapping[str, Num], exact: int) -> Num:
        """Training over inference on the day: what linear spend has to be multiplied by."""
        made = curves(self.case, p, self.days, exact)
        first = made.training(USD, self.case.scope)
        if USD not in made.spends or first is None:
            raise LlmcostError(
                "--solve works in dollars, and one side has none",
                "--train-cost 1M --cost-per-request 0.01",
            )
        if np.max(first) <= 0 or np.max(made.spends[USD].by(self.days)) <= 0:
            raise LlmcostError("--solve divides the cost of one side by the other's, and one is zero", "--price 2.50/h")
        level: Num = first * made.plans[USD].level(-1)
        return level / made.spends[USD].by(self.days)

    def settled(self) -> _Solvable:
        """The same with prices that nobody stated at their medians."""
        return self._replace(numbers=self.case.at_prices(self.numbers))

    def scaled(self, p: Mapping[str, Num], names: tuple[str, ...], scale: Num) -> dict[str, Num]:
        """Numbers of the serving side times a factor."""
        return {k: v * scale if k in {f"{SERVE}.{n}" for n in names} else v for k, v in p.items()}


def _ask(scenario: Scenario, catalog: Catalog, days: float) -> _Solvable:
    case, serving = reading.read_both(scenario, catalog)
    if case.reason:
        raise LlmcostError(case.reason[:1].upper() + case.reason[1:], "a smaller model, or more accelerators")
    if case.course.kind == demand.SERIES:
        reason = "--solve needs traffic that can be scaled, not the days of a file"
        raise LlmcostError(reason, "--requests 10M/day --growth 5%/mo")
    if "served" in serving.numbers:
        raise LlmcostError("--solve counts from launch, and something was served before", "leave --served out")
    if days > horizon_days(serving):
        raise LlmcostError("--at lies beyond --horizon", "--horizon 20y")
    return _Solvable(case, serving, case.parts, days)


def _traffic(scenario: Scenario, catalog: Catalog, days: float) -> Solved:
    """Requests per day at launch; growth keeps its shape, and a ceiling moves along.

    Replicas are those that the traffic asks for. What is found with those of a guess is too little where others carry
    it for less, so it is looked for again with them; traffic only rises by that, and sizes of replicas are few.
    """
    if scenario.get("requests", SERVE) is None:
        scenario = scenario.over({"requests": Setting(FIRST_GUESS, "computed")})
    before = 0.0
    for _ in range(REPLANS):
        found = _reached(scenario, catalog, days)
        value = float(found.value or 0.0)
        if abs(value - before) <= 1e-9 * value:
            break
        scenario, before = found.scenario, value
    if before < LEAST:
        raise LlmcostError(
            "inference overtakes training by then at any traffic: the smallest fleet alone costs as much",
            "an earlier --at, or tokens that are bought: --cost-per-request",
            Exit.NO,
        )
    return found


def _reached(scenario: Scenario, catalog: Catalog, days: float) -> Solved:
    """The traffic, with the replicas that the scenario's own traffic asks for."""
    asked = _ask(scenario, catalog, days)
    centre = sampling.central(asked.numbers)

    def reached(scale: float) -> bool:
        return float(asked.ratio(asked.scaled(centre, SCALED, scale), EXACT)) <= 1

    high = float(asked.ratio(centre, EXACT))
    while not reached(high):
        high *= 2.0
    low = high / 2.0
    while reached(low) and low > LEAST:
        high, low = low, low / 2.0
    high = float(roots.bisected(reached, low, high, by_ratio=True, narrow=roots.CLOSE)[1])
    per_day = centre[f"{SERVE}.requests"] * high
    said = {n: Setting(centre[f"{SERVE}.{n}"] * high, "computed") for n in SCALED if f"{SERVE}.{n}" in centre}
    name = "solved_requests_per_day"
    spans = (_range(one, SCALED, "requests", per_day) for one in (asked.settled(), asked))
    return Solved(scenario.over(said), name, "per_day", per_day, _spreads(name, *spans))


def _price(scenario: Scenario, catalog: Catalog, days: float) -> Solved:
    """What an accelerator-hour of serving, or a request, has to cost.

    The question is asked again at each price that is tried: a committed base keeps its own rate, the best base moves
    with the rate of the peaks, and what is paid beside accelerators has no part in it.
    """
    asked = _ask(_rented(scenario), catalog, days)
    if asked.case.course.kind is None:
        raise LlmcostError("--solve price needs traffic", "--requests 10M/day")
    key = "cost_per_request" if "cost_per_request" in asked.serving.numbers else "price"
    if key not in asked.serving.numbers:
        raise LlmcostError(
            "--solve price works in dollars, and serving has none here: its energy alone is given",
            "leave --energy-per-request out, or --solve traffic",
        )
    name, kind = (key, "usd_per_request") if key == "cost_per_request" else (f"{SERVE}_{key}", "usd_per_hour")

    def priced(value: float) -> Scenario:
        return scenario.over({name: Setting(value, "computed")})

    def spent(value: float) -> float:
        """Inference over training on the day, less 1."""
        tried = _ask(priced(value), catalog, days)
        return 1.0 / float(tried.ratio(sampling.central(tried.numbers), EXACT)) - 1.0

    centre = sampling.central(asked.numbers)
    value = _root(spent, centre[f"{SERVE}.{key}"] * float(asked.ratio(centre, EXACT)))
    dearer = _ask(priced(value * DEARER), catalog, days)
    found, said = _ask(priced(value), catalog, days), f"solved_{kind}"
    spans = (_price_range(*some, value) for some in ((found.settled(), dearer.settled()), (found, dearer)))
    return Solved(priced(value), said, kind, value, _spreads(said, *spans))


def _spreads(name: str, settled: Range | None, whole: Range | None) -> sampling.Spreads:
    """The range of what was found at the medians of the other prices, and with them."""
    return sampling.spreads(*({} if of is None else {name: of} for of in (settled, whole)))


def _root(spent: Callable[[float], float], guess: float) -> float:
    """Where a function that rises with the price is zero: what is linear in it is found at once.

    Raises
    ------
    LlmcostError
        It is above zero, or below, at any price.
    """
    low, high = guess, guess
    below = above = spent(guess)
    while above < 0.0 and high < guess / CLOSE:
        high *= 2.0
        above = spent(high)
    while below > 0.0 and low > CLOSE * CLOSE * guess:
        low /= 2.0
        below = spent(low)
    if above < 0.0:
        raise LlmcostError(
            "inference does not overtake training by then at any price on demand: what is committed keeps its own rate",
            "a later --at, or all of it on one term: --serve-commitment on-demand",
            Exit.NO,
        )
    if below > 0.0:
        raise LlmcostError(
            "inference overtakes training by then at any price: what is paid beside it costs as much",
            "an earlier --at",
            Exit.NO,
        )
    return roots.costly(spent, low, high, below, above)


def _price_range(asked: _Solvable, dearer: _Solvable, value: float) -> Range | None:
    """The 90 % interval of the price: each world needs its own, on the line through its spend at two prices."""
    if not sampling.uncertain(asked.numbers):
        return None
    spent = []
    for one in (asked, dearer):
        samples, seed = sampling.settings(one.serving)
        spent.append(1.0 / one.ratio(sampling.draws(one.numbers, samples, seed, streams(one.numbers)), EXACT_SAMPLED))
    found = value * np.maximum(1.0 + (1.0 - spent[0]) * (DEARER - 1.0) / (spent[1] - spent[0]), 0.0)
    if np.ndim(found) == 0:
        return None
    p5, p50, p95 = (sp.quantile(found, q) for q in (0.05, 0.5, 0.95))
    return Range(value * p5 / p50, value, value * p95 / p50) if p50 > 0 else None


def _rented(scenario: Scenario) -> Scenario:
    """The question, unless its machines are owned and have no price.

    Raises
    ------
    LlmcostError
        Serving is on owned machines.
    """
    said = scenario.peek("commitment", SERVE)
    if said is not None and said.value in ("owned", "electricity"):
        raise LlmcostError(
            "--solve price is about machines that are rented, and these are owned",
            "--solve traffic, or rent: --commitment on-demand",
        )
    return scenario


def _range(asked: _Solvable, names: tuple[str, ...], key: str, centre: float) -> Range | None:
    """The 90 % interval of a traffic: its own samples are replaced by the one each world needs."""
    fixed = {f"{SERVE}.{n}" for n in names}
    numbers = {k: sp.median(v) if k in fixed else v for k, v in asked.numbers.items()}
    if not sampling.uncertain(numbers):
        return None
    samples, seed = sampling.settings(asked.serving)
    drawn = sampling.draws(numbers, samples, seed, streams(numbers))
    scale: Any = 1.0
    for _ in range(STEPS):
        scale = scale * asked.ratio(asked.scaled(drawn, names, scale), EXACT_SAMPLED)
    found = np.asarray(scale) * drawn[f"{SERVE}.{key}"]
    if found.ndim == 0:
        return None
    p5, p50, p95 = (sp.quantile(found, q) for q in (0.05, 0.5, 0.95))
    return Range(centre * p5 / p50, centre, centre * p95 / p50)


def _largest(scenario: Scenario, catalog: Catalog, days: float, answer: Answer) -> Estimate:
    """The largest model whose serving stays below its training cost until a day."""
    if scenario.has("model"):
        raise LlmcostError("--solve params varies the size, and --model fixes it", "--params 70B in place of --model")

    refused: list[LlmcostError] = []

    def later(params: float) -> bool:
        try:
            case, _ = reading.read_both(_sized(scenario, params), catalog)
        except LlmcostError as error:  # a size that these accelerators cannot lay out is no answer; others may be
            refused.append(error)
            return False
        if case.reason:
            return False
        reached = curves(case, sampling.central(case.parts), days).days(USD, days, case.scope)
        if reached is None:
            hint = "--tokens 1T --hardware h100-sxm --isl 1000 --osl 300 --requests 10M/day"
            raise LlmcostError("--solve params needs both costs and the traffic", hint)
        return not np.isfinite(reached)

    fine = [later(float(n)) for n in SIZES]
    if len(refused) == len(SIZES):
        raise refused[-1]
    if not any(fine):
        smallest = units.format("count", SIZES[0])
        reason = f"no model of {smallest} parameters or more stays below its training cost for so long"
        raise LlmcostError(reason, "less traffic, or an earlier --at")
    top = max(i for i, ok in enumerate(fine) if ok)
    low, high = float(SIZES[top]), float(SIZES[min(top + 1, len(SIZES) - 1)])
    low = float(roots.bisected(lambda size: not later(float(size)), low, high, by_ratio=True, narrow=CLOSE)[0])
    return _sizing(answer(_sized(scenario, low)), low, days, top == len(SIZES) - 1)


def _sized(scenario: Scenario, params: float) -> Scenario:
    """The question for another size; a mixture of experts keeps its share of active parameters."""
    said, active = scenario.get("params"), scenario.get("params_active")
    layer = {"params": Setting(params, "computed")}
    if said is not None and active is not None:
        layer["params_active"] = Setting(params * float(active.value) / float(said.value), "computed")
    return scenario.over(layer)


def _sizing(estimate: Estimate, params: float, days: float, open_end: bool) -> Estimate:
    size = units.format("count", params)
    months = f"{days / DAYS_PER_MONTH:.3g} months"
    text = f"Serving stays below training cost for {months} up to {size} parameters"
    text = f"Serving stays below training cost for {months} at any size up to {size} parameters" if open_end else text
    result = {"solved_params": params, "at_days": days, **estimate.result}
    return structs.replace(estimate, headline=text + ".", result=result)
