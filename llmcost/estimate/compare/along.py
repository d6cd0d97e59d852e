"""What an alternative costs along a key: as an array where its plan stands, else planned anew at every value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.demand import traffic as demand
from llmcost.engine.numeric import meetings
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.estimate.asking import sampling
from llmcost.estimate.compare import blocks, replicas
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime import course as courses
from llmcost.estimate.lifetime.case import Case
from llmcost.estimate.lifetime.figures import figures
from llmcost.estimate.serving import many
from llmcost.keys import Key
from llmcost.keys.demand import KEYS as OVER_TIME
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario, Setting

PLAIN_POINTS, PLANNED_POINTS = 2_001, 65
JUMP, PLANS = 1e-4, 250  # relative width of where a jump of plans is; plans of each curve: some ms each
PARTS, HALVES = 16, 2  # of an interval, where its points are figured at once, and where each is a plan
NO_REPLICA = (0.0, 1.0, *(0.0,) * 5)  # the state of what has no answer
AT_ONCE = demand.FEW_CURVES  # points whose fleets are followed over time in one go: each is thousands of steps
# Traffic whose fleets are the same, digit for digit, whether points are figured one by one or at once.
ANALYTIC = (demand.CONSTANT, demand.LINEAR, demand.COMPOUND, demand.LOGISTIC)
GROWTH = tuple(key.name for key in OVER_TIME if key.ranged)  # numbers of a course, that no layout depends on


class Axis(NamedTuple):
    """A key and the range in which it is varied."""

    key: Key
    low: float
    high: float

    @property
    def straight(self) -> bool:
        """Shares are looked at in equal steps, anything else in equal ratios."""
        return self.key.kind == "share" or self.low <= 0

    @property
    def step(self) -> float:
        """Within which two values are one: tokens are whole."""
        return 0.5 if self.key.name in ("isl", "osl") else 0.0

    @property
    def middle(self) -> float:
        """A value inside the range, for a plan that stands for all of it."""
        return (self.low + self.high) / 2 if self.straight else math.sqrt(self.low * self.high)

    def setting(self, value: float) -> Setting:
        """A value of the key."""
        return Setting(float(value), "flag")


At = Callable[[Array], tuple[Array, Array]]  # from values of the key to costs, and the states between which they jump


class Curve(NamedTuple):
    """What an alternative costs along an axis."""

    name: str
    at: At
    case: Case
    points: int  # looked at before anything is refined
    parts: int = PARTS  # into which an interval is divided at a time

    @property
    def apart(self) -> float:
        """Relative width within which a jump is one place: no finer than what is shown, where points are plans."""
        return JUMP if self.parts == HALVES else meetings.APART

    @property
    def most(self) -> int:
        """Points that may be looked at."""
        return PLANS if self.parts == HALVES else meetings.MOST_POINTS


def curve(alternative: Alternative, line: Axis, figure: str, catalog: Catalog) -> Curve:
    """The cost of an alternative along an axis.

    An alternative whose own table sets the key keeps it: its cost is the same everywhere.
    """
    key = line.key.name
    if key in alternative.fixed:
        case = cases.read_case(alternative.scenario, catalog)
        return Curve(alternative.name, _figured(case, "", figure), case, PLAIN_POINTS)
    asked = _asked(alternative, line, line.middle)._replace(read=set())
    case = cases.read_case(asked, catalog)
    alternative.scenario.read.update(asked.read)
    bought = alternative.scenario.get("api") is not None and key in many.LENGTHS
    if bought or blocks.plain(key, alternative):
        return Curve(alternative.name, _figured(case, key, figure), case, PLAIN_POINTS)
    planned = _planned(alternative, line, figure, catalog, case)
    if _grows(case, key, alternative):
        for end in (line.low, line.high):
            cases.read_case(_asked(alternative, line, end), catalog)  # a range that leaves what can be asked is refused
        return Curve(alternative.name, _growing(case, key, figure), case, PLANNED_POINTS)
    if key in many.LENGTHS and not case.moving and replicas.together(alternative):
        shortest = cases.read_case(_asked(alternative, line, line.low), catalog)
        return Curve(alternative.name, _of_lengths(shortest, key, figure, planned), case, PLANNED_POINTS)
    if key not in asked.read and len(set(planned(np.array([line.low, line.high]))[0].tolist())) == 1:
        return Curve(alternative.name, _figured(case, "", figure), case, PLAIN_POINTS)  # nothing reads it
    return Curve(alternative.name, planned, case, PLANNED_POINTS, HALVES)


def _asked(alternative: Alternative, line: Axis, value: float) -> Scenario:
    return alternative.scenario.over({line.key.name: line.setting(value)})


def _grows(case: Case, key: str, alternative: Alternative) -> bool:
    """Whether the plan stands along a key while fleets follow their traffic: replicas alone may be of another size."""
    if not case.moving or case.course.kind not in ANALYTIC or case.past is not None:
        return False
    if key in courses.GROWING and case.course.kind == demand.CONSTANT:
        return False  # planned in the middle of growth and decline, where there is neither
    return blocks.alone(key, alternative) or (key in GROWTH and blocks.alone("requests", alternative))


def _figured(case: Case, key: str, figure: str) -> At:
    p = sampling.central(case.numbers)

    def at(x: Array) -> tuple[Array, Array]:
        if case.reason:
            return _no_answer(x)
        changed, _ = replicas.sized(case, {key: x})
        out = figures(changed, blocks.laid(p, {key: x}))
        gpus = np.broadcast_to(out.get("gpus", 0.0), x.shape)
        return _within(case, out, figure, x), gpus[:, None]

    return at


def _growing(case: Case, key: str, figure: str) -> At:
    """The same where fleets follow traffic: for some points at a time."""
    p = sampling.central(case.numbers)

    def part(x: Array) -> tuple[Array, Array]:
        numbers = blocks.laid(p, {key: x})
        days = None if case.horizon_days is None else case.course.shape(case.served(numbers), case.horizon_days)
        changed, _ = replicas.sized(case, {key: x}, days)
        out = figures(changed, numbers)
        return _within(case, out, figure, x), _states(changed, out, x)

    def at(x: Array) -> tuple[Array, Array]:
        if case.reason:
            return _no_answer(x)
        parts = [part(x[i : i + AT_ONCE]) for i in range(0, len(x), AT_ONCE)]
        return np.concatenate([cost for cost, _ in parts]), np.concatenate([state for _, state in parts])

    return at


def _of_lengths(case: Case, key: str, figure: str, planned: At) -> At:
    """The cost over lengths: layouts and batches chosen for all of them at once, where the plan knows no more."""
    p = sampling.central(case.numbers)
    choose = None if case.hosted is None or case.reason else many.chooser(case.hosted)
    if choose is None:
        return planned

    def at(x: Array) -> tuple[Array, Array]:
        found = choose({key: x})
        changed = case._replace(service=found.plan)
        with np.errstate(all="ignore"):  # lengths without a replica
            out = figures(changed, blocks.laid(p, {key: x}))
        held = np.asarray(found.held)
        states = np.where(held[:, None], _states(changed, out, x), NO_REPLICA)
        return np.where(held, _within(case, out, figure, x), np.inf), states

    return at


def _planned(alternative: Alternative, line: Axis, figure: str, catalog: Catalog, case: Case) -> At:
    """The cost of a question that is planned at every value; a side that the key says nothing of stays as it is."""
    known: dict[float, tuple[float, Array]] = {}
    half = cases.half(case, line.key)

    def point(x: float) -> tuple[float, Array]:
        if x not in known:
            asked = _asked(alternative, line, x)
            found = cases.read_case(asked, catalog) if half is None else cases.read_half(half, asked, catalog)
            out = {} if found.reason else figures(found, sampling.central(found.numbers))
            one = np.array([x])
            cost = math.inf if found.reason else float(_within(found, out, figure, one)[0])
            known[x] = cost, _states(found, out, one)[0]
        return known[x]

    def at(x: Array) -> tuple[Array, Array]:
        found = [point(v) for v in x.tolist()]
        return np.array([cost for cost, _ in found]), np.array([state for _, state in found])

    return at


def _no_answer(x: Array) -> tuple[Array, Array]:
    return np.full(x.shape, np.inf), np.zeros((len(x), 1))


def _within(case: Case, out: Mapping[str, Num], figure: str, x: Array) -> Array:
    """The cost; infinite where more accelerators are needed than there are."""
    gpus = np.broadcast_to(out.get("gpus", 0.0), x.shape)
    most = None if case.service is None else case.service.fleet_gpus
    cost = np.broadcast_to(out[figure], x.shape)
    return np.where(gpus > (np.inf if most is None else most), np.inf, cost)


def _states(case: Case, out: Mapping[str, Num], x: Array) -> Array:
    """The fleet, and what was chosen for a question: at other choices its cost is another curve."""
    chosen: tuple[Num, ...] = (0.0,) * 5 if case.hosted is None or case.reason else replicas.choice(case.hosted)
    state = (out.get("gpus", 0.0), NO_REPLICA[1] if case.reason else 0.0, *chosen)
    return np.stack([np.ravel(np.broadcast_to(np.ravel(v), x.shape)).astype(float) for v in state], axis=1)
