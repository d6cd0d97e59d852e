"""What a question says of time: how traffic grows, when training is paid and repeated, how prices move."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import numpy as np

from llmcost import units
from llmcost.engine.demand import crossover as engine
from llmcost.engine.demand import traffic as demand
from llmcost.engine.demand.crossover import Schedule
from llmcost.engine.demand.traffic import Traffic
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, DAYS_PER_YEAR, SECONDS_PER_DAY, Array, Num
from llmcost.engine.numeric.spread import Spread, interval, median
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.asking import csv_file
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import TimeNumbers
from llmcost.records import NamedTuple

GROWING = {"growth": demand.COMPOUND, "added_requests": demand.LINEAR, "adoption_midpoint": demand.LOGISTIC}
OUTGROWN = 100.0  # times the traffic at launch
LARGEST = 60.0  # logarithm of the most growth that is told
SHAPE_DAYS = 24  # behind the size of a replica
AS_FIRST = 1.0  # training again costs what it cost first
MOST_DAYS = 1e7
REQUESTS = ("a number of requests", "requests per day: 1000000", 1e20)  # a cell of traffic


class Course(NamedTuple):
    """The course of traffic, training and prices; the numbers themselves are in the question."""

    kind: str | None  # of the traffic; None where there is none
    start: dt.date | None
    days: Array = demand.NOTHING  # of a series
    values: Array = demand.NOTHING
    payments: tuple[tuple[float, float], ...] = ((0.0, 1.0),)  # (day, share)
    retrain_days: float = math.inf
    refresh_days: float = math.inf

    def traffic(self, s: TimeNumbers) -> Traffic:
        """Requests per day over time, at the numbers `s`."""
        if self.kind == demand.SERIES:
            return demand.series(self.days, self.values)
        launch, ceiling = s["requests"], s.get("ceiling", math.inf)
        if self.kind == demand.COMPOUND:
            return demand.compound(launch, s["growth"], ceiling)
        if self.kind == demand.LINEAR:
            return demand.linear(launch, s["added_requests"], ceiling)
        if self.kind == demand.LOGISTIC:
            return demand.logistic(launch, ceiling, s["adoption_midpoint"] / SECONDS_PER_DAY)
        return demand.constant(launch)

    def shape(self, s: TimeNumbers, horizon: float) -> Array | None:
        """Work for machines of launch on days evenly spread to the horizon, over that of launch [-].

        None where every day is alike, or where a file gives the days. A later dollar counts like an early one. Days are
        along the first axis, points of `s` along those behind it.
        """
        if self.kind in (None, demand.CONSTANT, demand.SERIES):
            return None
        traffic, pace = self.traffic(s), self.efficiency(s)
        points = max(np.ndim(x) for x in (traffic.launch, traffic.pace, traffic.ceiling, traffic.midpoint, pace))
        days = ((np.arange(SHAPE_DAYS) + 0.5) / SHAPE_DAYS * horizon).reshape(-1, *[1] * points)
        with np.errstate(over="ignore"):  # unbounded growth leaves the range of floats
            return demand.rate(traffic, days) / s["requests"] * np.exp(-pace * days)

    def efficiency(self, s: TimeNumbers) -> Num:
        """Pace at which the same machines serve more [1/d]."""
        return np.log1p(s.get("efficiency_gain", 0.0)) / DAYS_PER_YEAR

    def decline(self, s: TimeNumbers) -> Num:
        """Pace at which a later dollar of the same work counts less: prices and the discount [1/d]."""
        decline, discount = s.get("price_decline", 0.0), s.get("discount", 0.0)
        return (np.log1p(discount) - np.log1p(np.negative(decline))) / DAYS_PER_YEAR

    def plan(self, s: TimeNumbers, horizon: float, dollars: bool) -> Schedule:
        """Training over time in multiples of the first run: in dollars, or in energy, carbon and FLOPs."""
        discount = np.log1p(s.get("discount", 0.0)) / DAYS_PER_YEAR if dollars else 0.0
        pace = self.decline(s) if dollars else 0.0
        parts = [(day, share * np.exp(-discount * day)) for day, share in self.payments] if dollars else [(0.0, 1.0)]
        said = ((self.retrain_days, s.get("retrain_cost")), (self.refresh_days, s.get("refresh_cost")))
        again = [(every, cost, pace) for every, cost in said if cost is not None and math.isfinite(every)]
        return engine.schedule(parts, again, horizon)


def read_course(question: Question) -> Course:
    """Read what is said of time.

    Raises
    ------
    LlmcostError
        Two answers to one question, or half of one.
    """
    days, values, first = _series(question)
    kind = demand.SERIES if len(days) else _kind(question)
    start = question.stated("start")
    if start is not None and first is not None:
        days = days - (start - first).days
    if start is None and first is not None:
        start = first
        question.record("start", first, Origin("computed", "the first day of --traffic"))
    if kind is None:
        return Course(None, None)  # nothing is over time: what is said of it is left unread, and refused
    for key in ("served", "price_decline", "efficiency_gain", "discount"):
        question.number(key)
    said = question.stated("payments")
    payments = units.parse_payments(said) if said is not None else ((0.0, 1.0),)
    return Course(
        kind, start, days, values, tuple((seconds / SECONDS_PER_DAY, share) for seconds, share in payments),
        _every(question, "retrain", AS_FIRST), _every(question, "refresh", None),
    )  # fmt: skip


def horizon_days(question: Question) -> float:
    """How far to look [d]."""
    factor = question.factor("defaults", "horizon")
    return median(question.quantity("horizon", factor) or factor.value) / SECONDS_PER_DAY


def warn_of_growth(question: Question, course: Course, horizon: float) -> None:
    """Say when compound growth without a ceiling outgrows what anybody has seen."""
    if course.kind != demand.COMPOUND or "ceiling" in question.numbers:
        return
    growth = math.log1p(median(question.numbers["growth"])) * horizon / DAYS_PER_MONTH
    if growth > math.log(OUTGROWN):
        grown = units.format("count", math.exp(min(growth, LARGEST)))
        years = units.format("seconds", horizon * SECONDS_PER_DAY)
        question.warn("W050", f"traffic grows {grown}-fold in {years}", "--ceiling 1B/day, or a shorter --horizon")


def _kind(question: Question) -> str | None:
    """How traffic grows, with its numbers taken."""
    said = [key for key in GROWING if question.scenario.get(key, question.side) is not None]
    options = ["--" + key.replace("_", "-") for key in said]
    if len(said) > 1:
        raise one_of(*options)
    traffic = question.number("requests")
    ceiling = question.number("ceiling")
    if traffic is None:
        missing = [*options, *(["--ceiling"] if ceiling is not None else [])]
        if missing:
            reason = f"{missing[0]} without --requests: growth starts from the traffic at launch"
            raise LlmcostError(reason, "--requests 1M/day")
        return None
    if not said:
        if ceiling is not None:
            hint = "--growth 10%/mo, --added-requests 500k/day or --adoption-midpoint 12mo"
            raise LlmcostError("--ceiling without growth", hint)
        return demand.CONSTANT
    question.number(said[0])
    if said[0] == "adoption_midpoint" and ceiling is None:
        raise LlmcostError("--adoption-midpoint without --ceiling: half of what?", "--ceiling 100M/day")
    if ceiling is not None:
        _below(_highest(traffic), _lowest(ceiling) / (2.0 if said[0] == "adoption_midpoint" else 1.0), said[0])
    still = question.numbers[said[0]] == 0.0 and ceiling is None
    return demand.CONSTANT if still else GROWING[said[0]]


def _below(launch: float, limit: float, how: str) -> None:
    if launch < limit:
        return
    half = "half of --ceiling" if how == "adoption_midpoint" else "--ceiling"
    raise LlmcostError(
        f"--requests reaches {units.format('per_day', launch)}, not below {half} ({units.format('per_day', limit)})",
        "traffic at launch lies below where it ends: a lower --requests, or a higher --ceiling",
    )


def _highest(value: float | Spread) -> float:
    return interval(value)[1] if isinstance(value, Spread) else value


def _lowest(value: float | Spread) -> float:
    return interval(value)[0] if isinstance(value, Spread) else value


def _every(question: Question, what: str, default: float | None) -> float:
    """Days between two repetitions, with their cost taken; infinite where nothing is repeated."""
    seconds = question.stated(f"{what}_every")
    cost = question.scenario.get(f"{what}_cost", question.side)
    if seconds is None:
        if cost is not None:
            raise LlmcostError(f"--{what}-cost without --{what}-every: how often?", f"--{what}-every 12mo")
        return math.inf
    if cost is None and default is None:
        raise question.need(f"{what}_cost", "what a fine-tuning costs, over the training")
    if question.number(f"{what}_cost") is None:
        origin = Origin("default", "docs/method-crossover.md: as the first time")
        question.sample(f"{what}_cost", float(default or 0.0), origin)
    return float(seconds) / SECONDS_PER_DAY


def _series(question: Question) -> tuple[Array, Array, dt.date | None]:
    """Days, requests per day, and the date of the first row, from the file of traffic; empty without one."""
    name = question.stated("traffic")
    if name is None:
        return demand.NOTHING, demand.NOTHING, None
    for key in ("requests", "ceiling", *GROWING):
        said = question.scenario.get(key, question.side)
        if said is not None and said.origin == "flag":
            raise one_of(f"--{key.replace('_', '-')}", "--traffic")
    dated = "date" in csv_file.headings("--traffic", name)
    column = "date" if dated else "day"
    hint = "the first line names the columns: date,requests or day,requests"
    days, values = _plain(name) or _one_by_one(csv_file.rows("--traffic", name, (column, "requests"), hint), dated)
    if not values.any():
        raise LlmcostError(f"--traffic {units.shown(name)}: no requests in any row", "say --requests in its place")
    mean = float(values[0])
    if len(days) > 1:  # straight lines between the rows
        mean = float((np.diff(days) * (values[1:] + values[:-1]) / 2.0).sum() / (days[-1] - days[0]))
    question.sample("requests", mean, Origin("computed", f"mean of {len(days):,} rows of {name}"))
    first = dt.date.fromordinal(int(days[0])) if dated else None
    return days - days[0] if dated else days, values, first


def _plain(name: str) -> tuple[Array, Array] | None:
    """Days and requests of a table of plain numbers in order; None where a row needs a closer look."""
    found = csv_file.plain("--traffic", name, ("day", "requests"))
    if found is None:
        return None
    days, values = found.T
    fine = (np.abs(days) <= MOST_DAYS) & (values >= 0) & (values <= REQUESTS[2])
    return (days, values) if bool(np.all(fine)) and bool(np.all(np.diff(days) > 0)) else None


def _one_by_one(rows: Iterable[tuple[str, list[str]]], dated: bool) -> tuple[Array, Array]:
    """Days and requests of every row; the first that is wrong is refused."""
    days: list[float] = []
    values: list[float] = []
    for where, (day, requests) in rows:
        days.append(_day(day, where, dated))
        values.append(csv_file.number(requests, where, *REQUESTS))
        if len(days) > 1 and days[-1] <= days[-2]:
            column = "date" if dated else "day"
            raise LlmcostError(
                f"{where}: {column} is not after the row above", "sort the rows by time, one row a day or month"
            )
    return np.array(days), np.array(values)


def _day(text: str, where: str, dated: bool) -> float:
    try:
        value = float(units.parse_date(text).toordinal()) if dated else float(text)
    except LlmcostError as error:
        raise units.at(where, error) from None
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST_DAYS:
        raise LlmcostError(f"{where}: {units.shown(text)} is not a day", "days since launch: 0, 30.5, 61")
    return value
