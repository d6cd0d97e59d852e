"""`train --solve gpus --at 30d`: the accelerators that a run needs to end in time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from msgspec import structs

from llmcost import units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, SECONDS_PER_HOUR
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.solving import asked_seconds
from llmcost.estimate.training.plan import read_run
from llmcost.result import Estimate
from llmcost.scenario import Scenario, Setting

SOLVABLE = ("gpus",)
MACHINE = 8  # accelerators: beyond one machine they come by machines
MOST = 2**20
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


def solve(scenario: Scenario, catalog: Catalog, what: str, at: object, answer: Answer) -> Estimate:
    """The answer on as many accelerators as the run needs to end in time: one to eight, then whole machines.

    Raises
    ------
    LlmcostError
        Not something to solve for, no time, or a number of accelerators that is given.
    """
    limit = asked_seconds(what, at, SOLVABLE, "when is the run to end?", "30d")
    if scenario.has("gpus"):
        raise LlmcostError("--solve gpus finds the number of accelerators, and --gpus fixes it", "leave --gpus out")
    refused: list[LlmcostError] = []
    laid_out: list[int] = []

    def seconds(gpus: int) -> float:
        try:
            taken = _seconds(_on(scenario, gpus), catalog)
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
    return _in_time(told, found, limit) if found.seconds <= limit else _too_late(told, found, limit)


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


def _seconds(scenario: Scenario, catalog: Catalog) -> float:
    """Duration of the run at the centre of every range; infinite where it does not fit or cannot be laid out."""
    todo = read_run(Question(scenario, catalog, "train"))
    if isinstance(todo, NoFit):
        return math.inf
    return float(todo.figures(todo.central())["duration_seconds"])


def _in_time(told: Estimate, found: Count, limit: float) -> Estimate:
    """The answer with what was asked for in front."""
    many = f"{found.gpus:,} accelerators are" if found.gpus > 1 else "1 accelerator is"
    within = f"{many} enough for {units.format('seconds', limit)}"
    result = {"at_days": limit / SECONDS_PER_DAY, **told.result}
    return structs.replace(told, headline=f"{within}. {told.headline}", result=result)


def _too_late(told: Estimate, found: Count, limit: float) -> Estimate:
    """None of the numbers tried, each twice the one before, is enough: what the best does."""
    asked, takes = units.format("seconds", limit), units.format("seconds", found.seconds)
    reason = f"none of 1, 2, 4 to {MOST:,} accelerators ends in {asked}: {found.gpus:,} take least, {takes}"
    result = {"feasible": False, "reason": reason, "at_days": limit / SECONDS_PER_DAY, **told.result}
    headline = f"{reason[:1].upper()}{reason[1:]}."
    return structs.replace(told, headline=headline, result=result, exit_code=int(Exit.NO))
