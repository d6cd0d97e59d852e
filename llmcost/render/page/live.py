"""What a page needs to answer again by itself: closed forms of a crossover whose costs were given.

Training T is reached on the day t where c r (e^(k t) - 1) / k = T, with a cost c of a request, r requests a day at
launch and growth k a day (t = T / (c r) where nothing grows). The engine's own days, centre and 5 % and 95 % quantiles,
give T / (c r) of each, which scales with training, cost and traffic; so the page and the command line agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from llmcost import units
from llmcost.keys import KEYS, Key, all_keys
from llmcost.records import NamedTuple
from llmcost.render import text as words
from llmcost.render.charts import Lines, charts
from llmcost.render.page import svg
from llmcost.result import Estimate, Input

MONTH = 365.25 / 12
GIVEN = ("train_cost", "cost_per_request", "requests")
# with one of these the curves are other ones
OTHERS = (
    *("added_requests", "ceiling", "adoption_midpoint", "traffic", "served", "price_decline", "efficiency_gain"),
    *("discount", "payments", "retrain_every", "refresh_every", "actuals"),
)
SLIDERS = {
    "train_cost": ("training spend", "usd"),
    "cost_per_request": ("cost of a request", "usd"),
    "requests": ("requests a day", "per_day"),
}
REACH = 100.0  # how far a slider goes on either side of what was said
LONGEST = 14_610.0  # days of the horizon's slider: 40 years
FIXED = "Fixed here: everything that is not a slider, since it needs the engine again"
AROUND = "around"  # the array of answers with one input moved
PLACES = "The slider stops at the values that were compared; for others, ask the command"
ALONE = "Each slider moves one input and puts the others back"
REST = "for all else, ask the command"
SMALLEST = 0.01  # share on a slider


class Live(NamedTuple):
    """The data of the sliders as JSON text, what stays as it is, and the scripts that move them."""

    data: Markup
    fixed: str
    scripts: tuple[str, ...]


def data(estimate: Estimate) -> Live | None:
    """Sliders of an answer, or None where the engine would have to be asked again."""
    inputs = estimate.inputs
    if estimate.command != "crossover" or not all(_given(inputs.get(key)) for key in GIVEN):
        return None
    if (
        any(key in inputs for key in OTHERS)
        or estimate.result.get("basis") != "usd"
        or estimate.result.get("scope") != "run"
    ):
        return None
    growth = inputs.get("growth")
    if growth is not None and growth.p5 is not None:
        return None
    rate = 0.0 if growth is None else float(growth.value)
    found = {
        "box": [svg.WIDTH, svg.HEIGHT, svg.LEFT, svg.RIGHT, svg.TOP, svg.BOTTOM],
        "training": estimate.result["training_usd"],
        "per_day": estimate.result["inference_usd_per_day"],
        "band": _band(estimate),
        "level": _levels(estimate, rate),
        "sliders": _sliders(inputs, rate, float(estimate.result["horizon_days"] or 0.0)),
    }
    return Live(_json(found), FIXED, ("curves.js", "page.js"))


def tables(estimate: Estimate) -> Live | None:
    """Sliders over answers that the engine gave; None where it gave none.

    Inputs that keep a law (`estimate.crossover.laws`) move freely and together; of the others one at a time.
    """
    rows = estimate.arrays.get(AROUND) or []
    if not rows:
        return None
    stops = [row for row in rows if "training_power" not in row]
    free = [_freely(row) for row in rows if "training_power" in row]
    sliders = [
        _stops(key, [row for row in stops if row["input"] == key]) for key in dict.fromkeys(r["input"] for r in stops)
    ]
    found = {
        "box": [svg.WIDTH, svg.HEIGHT, svg.LEFT, svg.RIGHT, svg.TOP, svg.BOTTOM],
        "horizon": estimate.result["horizon_days"],
        "base": _answered(next(row for row in rows if not row["typed"])),
        "free": free,
        "sliders": sliders,
    }
    names = ", ".join(slider["label"] for slider in free)
    several = "move together" if len(free) > 1 else "moves"
    told = (
        ALONE
        if not free
        else f"{names[:1].upper()}{names[1:]} {several}" + (", with any one of the others" if stops else "")
    )
    return Live(_json(found), f"{told}; {REST}", ("curves.js", "around.js"))


def _answered(row: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of the engine as a page keeps it."""
    kept = {name: row[name] for name in ("p5", "p95", "level", "curve", "levels", "growth")}
    return {"headline": words.clean(row["headline"]), "centre": row["crossover_days"], **kept}


def _stops(key: str, mine: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A slider that stops where the engine has answered."""
    told = all_keys()[key]
    rows = [
        {"value": row["value"], "typed": row["typed"], "shown": units.format(told.kind, row["value"]), **_answered(row)}
        for row in mine
    ]
    asked = next(i for i, row in enumerate(mine) if not row["typed"])
    alone = bool(mine[0]["alone"])
    return {
        "key": key, "label": words.input_name(key), "option": told.option, "asked": asked, "alone": alone, "rows": rows,
    }  # fmt: skip


def _freely(row: Mapping[str, Any]) -> dict[str, Any]:
    """A slider that moves as it likes."""
    key, value = str(row["input"]), float(row["value"])
    kind = all_keys()[key].kind
    value, low, high = {
        "seconds": (value / units.DAY, min(30.0, value / units.DAY), value / units.DAY),
        "share": (value, SMALLEST, 1.0),
        "growth": (value, min(-0.2, value), max(0.5, value)),
    }.get(kind, (value, value / REACH, value * REACH))
    made = _slider(key, words.input_name(key), "days" if kind == "seconds" else kind, value, low, high)
    return made | {"powers": [row["training_power"], row["inference_power"]]}


def axis(estimate: Estimate) -> Live | None:
    """A slider over the numbers that alternatives were varied by: who is cheapest at each, and by how much."""
    chart = charts(estimate).get("varied")
    if not isinstance(chart, Lines) or len(chart.series) < 2:
        return None
    costs: dict[float, list[tuple[float, str]]] = {}
    for one in chart.series:
        for value, cost in one.points:
            costs.setdefault(value, []).append((cost, one.name))
    told = KEYS.get(chart.key)
    if told is None or len(costs) < 2:
        return None
    stops = [_place(told, chart, value, sorted(found)) for value, found in sorted(costs.items())]
    slider = {"key": told.name, "label": chart.across, "option": told.option, "asked": 0, "rows": stops}
    return Live(_json({"box": [], "sliders": [slider]}), PLACES, ("curves.js", "around.js"))


def _place(told: Key, chart: Lines, value: float, found: list[tuple[float, str]]) -> dict[str, Any]:
    """What the alternatives cost at one value."""
    shown = units.format(told.kind, value)
    (least, first), others = found[0], found[1:]
    ratios = ", ".join(f"{name} costs {cost / least:.3g} x as much" for cost, name in others) if least > 0 else ""
    headline = f"At {chart.across} {shown}: {first} is cheapest, {chart.up} {units.format(chart.y_kind, least)}"
    row = {"value": value, "typed": f"{value:.10g}", "shown": shown, "headline": f"{headline}; {ratios}".rstrip("; ")}
    return row | {"centre": least, "p5": None, "p95": None, "level": None, "curve": []}


def _json(found: Mapping[str, Any]) -> Markup:
    """Data for a script, with the currency that it shows; no text in it ends the element that holds it."""
    shown = units.current()
    return Markup(
        json.dumps(
            {**found, "money": {"sign": shown.sign, "usd": shown.usd}}, allow_nan=False, separators=(",", ":")
        ).replace("<", "\\u003c")
    )


def _given(value: Input | None) -> bool:
    return value is not None and isinstance(value.value, int | float) and value.value > 0


def _levels(estimate: Estimate, growth: float) -> dict[str, float | None]:
    """Training over the inference of a day at launch [days], by quantile; beyond the horizon it is not known."""
    of = estimate.ranges.get("crossover_days")
    training, per_day = estimate.result["training_usd"], estimate.result["inference_usd_per_day"]
    centre = float(training) / float(per_day) if training and per_day else None
    ends = (None, None) if of is None else (of.p5, of.p95)
    low, high = (None if day is None else served(day, growth) for day in ends)
    return {"centre": centre, "p5": low, "p95": high}


def served(day: float, growth: float) -> float:
    """Requests by a day at one request a day at launch, growing by `growth` a month.

    >>> served(300.0, 0.0), round(served(MONTH, 1.0) / MONTH, 4)  # doubling in a month: 1 / ln 2 = 1.4427
    (300.0, 1.4427)
    """
    k = math.log1p(growth) / MONTH
    return day if abs(k) < 1e-12 else math.expm1(k * day) / k


def _band(estimate: Estimate) -> Mapping[str, list[float]] | None:
    """The 90 % intervals of both curves over their centre; None where nothing is uncertain."""
    rows = [row for row in estimate.arrays.get("curve", []) if row.get("inference_usd")]
    if not rows:
        return None
    found = {name: _spread(rows[-1], name) for name in ("training", "inference")}
    return None if all(ends == [1.0, 1.0] for ends in found.values()) else found


def _spread(row: Mapping[str, Any], name: str) -> list[float]:
    low, high = (row.get(f"{name}_{q}_usd") for q in ("p5", "p95"))
    centre = float(row[f"{name}_usd"])
    return [1.0, 1.0] if low is None or high is None else [float(low) / centre, float(high) / centre]


def _sliders(inputs: Mapping[str, Input], growth: float, horizon: float) -> list[dict[str, Any]]:
    found = []
    for key, (label, kind) in SLIDERS.items():
        value = float(inputs[key].value)
        reach = {"low": value / REACH, "high": value * REACH}
        found.append(_slider(key, label, kind, value, ends=_range(inputs[key]), **reach))
    found.append(_slider("growth", "growth", "growth", growth, min(-0.2, growth), max(0.5, growth)))
    found.append(_slider("horizon", "horizon", "days", horizon, min(30.0, horizon), max(LONGEST, horizon)))
    return found


def _slider(
    key: str, label: str, kind: str, value: float, low: float, high: float, ends: Sequence[float] = ()
) -> dict[str, Any]:
    option = "--" + key.replace("_", "-")
    slider = {"key": key, "label": label, "kind": kind, "option": option, "value": value}
    return slider | {"low": low, "high": high, "range": list(ends)}


def _range(given: Input) -> list[float]:
    """The ends of a value's 90 % range, where it has one."""
    return [] if given.p5 is None or given.p95 is None else [given.p5, given.p95]
