"""`--cross KEY`: where along an axis two alternatives cost the same, and who wins where they never do."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from llmcost import scenario as sc
from llmcost import units
from llmcost.engine.numeric import meetings, roots
from llmcost.engine.numeric.kinds import Array, distinct, finite
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError
from llmcost.estimate.compare.along import PLANNED_POINTS, Axis, Curve
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.compare.sentence import money
from llmcost.estimate.lifetime.case import Case
from llmcost.keys import Key, all_keys
from llmcost.records import NamedTuple
from llmcost.result import Scalar

REACH = 1_000.0  # the range around the present value where none was said
BELOW = 0.999  # of the ceiling
DRAWN = 32  # parts of the axis whose ends are in the answer
MOST_ALTERNATIVES = 8  # of which every pair is looked at


class Crossing(NamedTuple):
    """Two alternatives, and a place where the cheaper of them changes."""

    first: str
    second: str
    meeting: meetings.Meeting

    def row(self, key: str, figure: str) -> dict[str, Scalar]:
        """Its row in the answer."""
        below, above = (self.first, self.second) if self.meeting.first_below else (self.second, self.first)
        return {
            "key": key, "value": self.meeting.x, "name": self.first, "other": self.second, figure: self.meeting.value,
            "cheaper_below": below, "cheaper_above": above,
        }  # fmt: skip


def asked(text: str) -> tuple[Key, tuple[float, float] | None]:
    """`KEY` or `KEY=LOW..HIGH`.

    Raises
    ------
    LlmcostError
        Unknown key, one that has no numbers between its values, or a range that is none.
    """
    name, equals, span = text.partition("=")
    name = name.strip().replace("-", "_")
    keys = all_keys()
    if name not in keys:
        raise units.at("--cross", sc.unknown_key(name, "", keys))
    key = keys[name]
    if key.kind not in units.KINDS or units.KINDS[key.kind].whole:
        raise LlmcostError(f"--cross {name}: has no values in between", f"--vary {name}=A,B,C")
    if not equals:
        return key, None
    ends = [end.strip() for end in span.split("..")]
    if len(ends) != 2 or not all(ends):
        raise LlmcostError(f"--cross {units.shown(text)}: expected KEY or KEY=LOW..HIGH", f"--cross {name}=1..100")
    try:
        low, high = (float(sc.parse_value(key, end)) for end in ends)
    except LlmcostError as error:
        raise units.at("--cross", error) from None
    if low >= high:
        raise LlmcostError(f"--cross {units.shown(text)}: the range is empty", f"--cross {name}={ends[1]}..{ends[0]}")
    return key, (low, high)


ALL_OF_IT = 0.999  # of a price, that it may fall


def axis(text: str, alternatives: list[Alternative], cases: list[Case]) -> Axis:
    """The axis asked for, its range around the present value where none was said.

    Raises
    ------
    LlmcostError
        Nothing says where to look.
    """
    key, span = asked(text)
    if span is not None:
        return Axis(key, *span)
    least, most = key.least or 0.0, key.most or (ALL_OF_IT if key.kind == "decline" else np.inf)
    if key.kind == "share":
        return Axis(key, max(least, 0.001), min(most, 0.999))
    said = [a.scenario.get(key.name, "serve") for a in alternatives]
    values = [v.value for v in said if v is not None and isinstance(v.value, float)]
    names = (f"serve.{key.name}", f"train.{key.name}")
    values += [v for v in (1.0,) if key.name.endswith("_scale") and not values]
    values += [median(case.numbers[n]) for case in cases for n in names if n in case.numbers]
    if not values or min(values) <= 0:
        raise LlmcostError(f"--cross {key.name}: nothing says where to look", f"--cross {key.name}=LOW..HIGH")
    return Axis(key, max(min(values) / REACH, least), min(max(values) * REACH, most, _room(key, alternatives)))


def _room(key: Key, alternatives: list[Alternative]) -> float:
    """The most that traffic at launch may be where it grows to a ceiling: an axis that nobody gave stays below it."""
    if key.name != "requests":
        return math.inf
    most = math.inf
    for alternative in alternatives:
        said = alternative.scenario.peek("ceiling")
        if said is not None:
            half = 0.5 if alternative.scenario.peek("adoption_midpoint") is not None else 1.0
            most = min(most, half * (said.value if isinstance(said.value, float) else said.value.low))
    return most * BELOW


def crossings(curves: list[Curve], line: Axis) -> tuple[list[Crossing], bool]:
    """Every place where the cheaper of two alternatives changes, for every pair, and whether all was looked at."""
    found: list[Crossing] = []
    whole = True
    for a, b in combinations(curves, 2):

        def both(x: Array, a: Curve = a, b: Curve = b) -> meetings.Sampled:
            (first, one_state), (second, other_state) = a.at(x), b.at(x)
            return meetings.Sampled(x, first, second, np.concatenate([one_state, other_state], axis=1))

        start = roots.spaced(line.low, line.high, min(a.points, b.points), line.straight)
        met, all_of_it = meetings.meetings(
            both, start, min(a.parts, b.parts), line.step, max(a.apart, b.apart), min(a.most, b.most)
        )
        found += [Crossing(a.name, b.name, meeting) for meeting in met]
        whole &= all_of_it
    return found, whole


def places(curves: list[Curve], line: Axis, found: list[Crossing], figure: str) -> list[dict[str, Scalar]]:
    """What each alternative costs at places along the axis, those where two change places among them."""
    even = roots.spaced(line.low, line.high, PLANNED_POINTS, line.straight)[:: PLANNED_POINTS // DRAWN]
    at = distinct(np.sort(np.concatenate([even, [crossing.meeting.x for crossing in found]])))
    return [
        {"name": curve.name, "key": line.key.name, "value": x, figure: finite(cost)}
        for curve in curves
        for x, cost in zip(at.tolist(), curve.at(at)[0].tolist(), strict=True)
    ]


def figure_of(line: Axis, deciding: str | None) -> str:
    """The cost that is looked at: what decides, or the total where the horizon itself is varied.

    Raises
    ------
    LlmcostError
        The alternatives have no cost in common.
    """
    if deciding is None:
        raise LlmcostError(
            "these alternatives have no cost in common that could cross",
            "ask the same of all: --requests 1M/day --isl 1000 --osl 500",
        )
    return "total_usd_horizon" if line.key.name == "horizon" else deciding


def headline(found: list[Crossing], curves: list[Curve], line: Axis, figure: str, whole: bool) -> str:
    """Where two alternatives cost the same, or that they never do and who wins."""
    texts = [_pair_text(found, a, b, line, figure) for a, b in combinations(curves, 2)]
    text = " ".join(texts[:3]) + (f" {len(texts) - 3} more pairs are in the tables." if len(texts) > 3 else "")
    if not whole:
        text += " There are more crossings than could be looked at: narrow the range."
    return text


def _pair_text(found: list[Crossing], a: Curve, b: Curve, line: Axis, figure: str) -> str:
    mine = [c for c in found if (c.first, c.second) == (a.name, b.name)]
    name = line.key.name.replace("_", " ")
    span = f"{_said(line, line.low)} to {_said(line, line.high)}"
    if not mine and _steady(a, line) and _steady(b, line):
        return f"{name} changes the cost of neither {a.name} nor {b.name}: {_always(a, b, line)}."
    if not mine:
        return f"{a.name} and {b.name} never cost the same for {name} of {span}: {_always(a, b, line)}."
    exact = [c for c in mine if c.meeting.exact]
    at, last = (exact or mine)[0].meeting, mine[-1].meeting
    above = b.name if last.first_below else a.name
    if len(mine) == 1:
        how = f"cost the same at {name} {_said(line, at.x)} ({money(figure, at.value)})"
        if not exact:
            how = f"change places at {name} {_said(line, at.x)}, where a step of the fleet jumps over the other's cost"
        return f"{a.name} and {b.name} {how}: above it {above} is cheaper."
    stepped = len(mine) - len(exact)
    some = [f"cost the same at {len(exact)} value{'s' * (len(exact) > 1)} of {name}"] if exact else []
    times = f"{stepped} time{'s' * (stepped > 1)}"
    some += [f"change places {times} where a step of the fleet jumps over the other's cost"] if stepped else []
    first, final = (_said(line, one.x) for one in (mine[0].meeting, last))
    where = f"near {name} {final}" if first == final else f"between {name} {first} and {final}"
    return f"{a.name} and {b.name} {' and '.join(some)}, {where}: above the last {above} is cheaper."


def _steady(curve: Curve, line: Axis) -> bool:
    """Whether an alternative costs the same along the whole axis."""
    cost, _ = curve.at(roots.spaced(line.low, line.high, 9, line.straight))
    return bool(np.all(cost == cost[0]))


def _always(a: Curve, b: Curve, line: Axis) -> str:
    ends = np.array([line.low, line.high])
    (first, _), (second, _) = a.at(ends), b.at(ends)
    if not np.isfinite(first).any() and not np.isfinite(second).any():
        return "neither is feasible"
    return f"{a.name if (first <= second).all() else b.name} is always cheaper"


def _said(line: Axis, value: float) -> str:
    return units.format(line.key.kind, value)
