"""`train --at 30d`: the chance that a run ends in time, and with `--solve gpus` the accelerators that it needs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, SECONDS_PER_HOUR, Array
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.solving import asked_seconds
from llmcost.estimate.asking.values import training_numbers
from llmcost.estimate.training.plan import read_run
from llmcost.instances import counted
from llmcost.keys import TRAIN
from llmcost.records import NamedTuple
from llmcost.result import Estimate
from llmcost.scenario import Scenario, Setting

SOLVABLE = ("gpus",)
MACHINE = 8  # accelerators: beyond one machine they come by machines
MOST = 2**20
LEAST_SURE, MOST_SURE = 0.5, 0.999
WASTE = 1.01  # accelerator-hours over those of more accelerators, at most: rounding of batches

Answer = Callable[[Scenario], Estimate]


class Count(NamedTuple):
    """A number of accelerators, and how long the run takes on them [s]."""

    gpus: int
    seconds: float

    @property
    def hours(self) -> float:
        """Accelerator-hours."""
        return self.gpus * self.seconds / SECONDS_PER_HOUR


class Deadline(NamedTuple):
    """What `--solve`, `--at` and `--confidence` say."""

    solve: str | None = None
    at: object = None
    confidence: object = None


def chance(scenario: Scenario, catalog: Catalog, said: Deadline, answer: Answer) -> Estimate:
    """The answer on the accelerators that are given, and the chance that the run ends in time.

    With a confidence, the answer is no where that chance is less, and the time that is kept with it is named.

    Raises
    ------
    LlmcostError
        No number of accelerators, or no time.
    """
    if said.at is None:
        raise LlmcostError("--confidence: when is the run to end?", "--at 30d")
    limit, sure = _seconds_of(said.at), _confidence(said.confidence)
    told = answer(scenario)
    if told.result.get("duration_seconds") is None:
        if not told.exit_code and not scenario.has("gpus", "gpu_hours"):
            raise LlmcostError("--at without --solve: on how many accelerators?", "--gpus 64, or --solve gpus")
        return told  # it does not fit, or has no length: it says why
    ends = _durations(scenario, catalog)
    share = float(np.mean(ends <= limit))
    within = f"{units.format('share', share)} chance to end within {units.format('seconds', limit)}"
    result = {"at_days": limit / SECONDS_PER_DAY, "at_probability": share, **told.result}
    code = told.exit_code
    if sure is not None:
        kept = _at_most(ends, sure)
        by = units.format("seconds", kept) if math.isfinite(kept) else "never"
        late = "" if kept <= limit else ", which is too late"
        within += f"; with a chance of {units.format('share', sure)} it ends within {by}{late}"
        result["confidence"] = sure
        code = code if kept <= limit else int(Exit.NO)
    return structs.replace(told, headline=f"{within}. {told.headline}", result=result, exit_code=code)


def _seconds_of(at: object) -> float:
    try:
        return units.parse("seconds", at)
    except LlmcostError as error:
        raise units.at("--at", error) from None


def _confidence(said: object) -> float | None:
    """The chance that is asked for, between even odds and certainty."""
    if said is None:
        return None
    try:
        value = units.parse("share", said)
    except LlmcostError as error:
        raise units.at("--confidence", error) from None
    if not LEAST_SURE <= value <= MOST_SURE:
        raise LlmcostError(
            f"--confidence: {units.format('share', value)} is not between 50% and 99.9%", "--confidence 90%"
        )
    return value


def _durations(scenario: Scenario, catalog: Catalog) -> Array:
    """How long the run may take, in rising order: samples, or one number; infinite where it does not fit [s]."""
    question = Question(scenario, catalog, "train")
    todo = read_run(question)
    if isinstance(todo, NoFit):
        return np.array([math.inf])
    samples, seed = sampling.settings(question)
    numbers = training_numbers(sampling.draws(question.numbers, samples, seed))
    return np.sort(np.atleast_1d(np.asarray(todo.figures(numbers)["duration_seconds"], dtype=float)))


def _at_most(ends: Array, sure: float) -> float:
    """The time that is kept with a chance: a sample, as one that does not end has no neighbour to interpolate with [s].

    >>> _at_most(np.arange(1.0, 11.0), 0.9), _at_most(np.array([math.inf]), 0.9)
    (9.0, inf)
    """
    return float(ends[math.ceil(sure * len(ends) - 1e-9) - 1])


def solve(scenario: Scenario, catalog: Catalog, said: Deadline, answer: Answer) -> Estimate:
    """The answer on as many accelerators as the run needs to end in time: one to eight, then whole machines.

    With a confidence, in time with that chance; without, at the centre of every range.

    Raises
    ------
    LlmcostError
        Not something to solve for, no time, or a number of accelerators that is given.
    """
    limit = asked_seconds(str(said.solve), said.at, SOLVABLE, "when is the run to end?", "30d")
    sure = _confidence(said.confidence)
    if scenario.has("gpus"):
        raise LlmcostError("--solve gpus finds the number of accelerators, and --gpus fixes it", "leave --gpus out")
    hardware = scenario.peek("hardware", TRAIN)
    if hardware is not None and counted(catalog, str(hardware.value)):
        said_so = f"--hardware {hardware.value} fixes it"
        raise LlmcostError(f"--solve gpus finds the number of accelerators, and {said_so}", "name one without a number")
    refused: list[LlmcostError] = []
    laid_out: list[int] = []
    least = [0]  # accelerators that hold the run: what is too few for one count is for those below

    def seconds(gpus: int) -> float:
        if gpus < least[-1]:
            return math.inf
        try:
            one = _on(scenario, gpus)
            taken = _seconds(one, catalog, least) if sure is None else _at_most(_durations(one, catalog), sure)
        except LlmcostError as error:  # a count that cannot be laid out is no answer; others may be
            refused.append(error)
            return math.inf
        laid_out.append(gpus)
        return taken

    found = fewest(seconds, limit)
    if not laid_out:
        raise refused[0]
    if not math.isfinite(found.seconds):
        return answer(_on(scenario, laid_out[-1]))  # nothing fits: it says what is missing
    told = answer(_on(scenario, found.gpus))
    if found.seconds > limit:
        return _too_late(told, found, limit)
    return _in_time(told, found, limit, sure)


def fewest(seconds: Callable[[int], float], limit: float) -> Count:
    """The fewest accelerators that take at most `limit`; if none do, those that take least.

    Doubles until the limit is met, then halves the bracket between whole machines. Some counts lay out badly (a batch
    that does not divide, stages that do not fill): time is not monotone, and a count that would end in time with more
    accelerator-hours than a larger one is passed over.

    Examples
    --------
    1,000 accelerator-seconds in 10 s: 100 accelerators, 13 machines. What takes 5 s on any number is too late for 4.

    >>> fewest(lambda n: 1000 / n, 10.0).gpus, fewest(lambda n: 14 / n, 2.0).gpus
    (104, 7)
    >>> fewest(lambda n: 5.0, 4.0)
    Count(gpus=1, seconds=5.0)
    """
    tried = [Count(1, seconds(1))]
    while tried[-1].seconds > limit:
        if tried[-1].gpus == MOST:
            return min(tried, key=lambda found: (found.seconds, found.gpus))
        gpus = 2 * tried[-1].gpus
        tried.append(Count(gpus, seconds(gpus)))
    high = tried[-1]
    low, unit = high.gpus // 2, MACHINE if high.gpus > MACHINE else 1
    while high.gpus - low > unit:
        middle = (low + high.gpus) // 2 // unit * unit
        found = Count(middle, seconds(middle))
        good = found.seconds <= limit and found.hours <= WASTE * high.hours
        low, high = (low, found) if good else (middle, high)
    return high


def _on(scenario: Scenario, gpus: int) -> Scenario:
    return scenario.over({"gpus": Setting(gpus, "computed")})


def _seconds(scenario: Scenario, catalog: Catalog, least: list[int]) -> float:
    """Duration of the run at the centre of every range; infinite where it does not fit, which adds how many hold it."""
    todo = read_run(Question(scenario, catalog, "train"))
    if isinstance(todo, NoFit):
        least.append(todo.smallest_gpus or 0)
        return math.inf
    return float(todo.figures(todo.central())["duration_seconds"])


def _in_time(told: Estimate, found: Count, limit: float, sure: float | None) -> Estimate:
    """The answer with what was asked for in front."""
    many = f"{found.gpus:,} accelerators are" if found.gpus > 1 else "1 accelerator is"
    within = f"{many} enough for {units.format('seconds', limit)}"
    result = {"at_days": limit / SECONDS_PER_DAY, **told.result}
    if sure is not None:
        within += f", with a chance of {units.format('share', sure)}"
        result["confidence"] = sure
    return structs.replace(told, headline=f"{within}. {told.headline}", result=result)


def _too_late(told: Estimate, found: Count, limit: float) -> Estimate:
    """None of the numbers tried, each twice the one before, is enough: what the best does."""
    asked, takes = units.format("seconds", limit), units.format("seconds", found.seconds)
    reason = f"none of 1, 2, 4 to {MOST:,} accelerators ends in {asked}: {found.gpus:,} take least, {takes}"
    result = {"feasible": False, "reason": reason, "at_days": limit / SECONDS_PER_DAY, **told.result}
    headline = f"{reason[:1].upper()}{reason[1:]}."
    return structs.replace(told, headline=headline, result=result, exit_code=int(Exit.NO))
