"""What a page answers again from: closed forms, answers along one input, or who is cheapest along an axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from llmcost import units
from llmcost.keys import KEYS, Key, all_keys
from llmcost.records import NamedTuple
from llmcost.render import text as words
from llmcost.render.charts import Lines, charts
from llmcost.render.page import svg
from llmcost.result import AROUND, FORMS, Estimate

REACH = 100.0  # how far a slider goes on either side of what was said
PLACES = "The slider stops at the values that were compared; for others, ask the command"
ALONE = "Each slider moves one input and puts the others back"
REST = "for all else, ask the command"
SMALLEST = 0.01  # share on a slider
BOX = [svg.WIDTH, svg.HEIGHT, svg.LEFT, svg.RIGHT, svg.TOP, svg.BOTTOM]


class Live(NamedTuple):
    """The data of the sliders as JSON text, what stays as it is, and the scripts that move them."""

    data: Markup
    fixed: str
    scripts: tuple[str, ...]


def forms(estimate: Estimate) -> Live | None:
    """Sliders over the closed forms of a crossover; None where there are none."""
    rows = estimate.arrays.get(FORMS) or []
    if not rows:
        return None
    sliders = [_over_forms(row, estimate) for row in rows[0]["sliders"]]
    stops = [_places(row) for row in rows[0]["stops"]]
    found = {"box": BOX, "forms": rows[0]["forms"], "sliders": sliders, "stops": stops}
    names = ", ".join(slider["label"] for slider in sliders)
    lengths = f", with one of {' or '.join(one['label'] for one in stops)} at its stops" if stops else ""
    told = f"{names[:1].upper()}{names[1:]} move together{lengths}; {REST}"
    return Live(_json(found), told, ("curves.js", "controls.js", "time.js", "forms.js", "free.js"))


def _places(row: Mapping[str, Any]) -> dict[str, Any]:
    """A slider that stops, its own value among the stops."""
    key, own = str(row["key"]), {"value": row["value"]}
    rows = sorted([own, *row["rows"]], key=lambda one: float(one["value"]))
    told = all_keys()[key]
    shown = {
        "label": words.input_name(key),
        "option": told.option,
        "kind": told.kind,
        "asked": rows.index(own),
        "range": [],
    }
    return {"key": key, **shown, "rows": rows}


def _over_forms(row: Mapping[str, Any], estimate: Estimate) -> dict[str, Any]:
    """A slider as the page shows it."""
    key = str(row["key"])
    told = all_keys()[key]
    kind = "days" if told.kind == "seconds" else told.kind
    given = estimate.inputs.get(key)
    ends = [given.p5, given.p95] if row["scales"] and given is not None else []
    shown = {"label": words.input_name(key), "option": told.option, "kind": kind, "range": ends}
    return {**row, **shown}


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
        "box": BOX,
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
    return Live(_json(found), f"{told}; {REST}", ("curves.js", "controls.js", "around.js"))


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
    drawn = charts(estimate)
    chart = drawn.get("along") or drawn.get("varied")
    if not isinstance(chart, Lines) or len(chart.series) < 2:
        return None
    costs: dict[float, list[tuple[float, str]]] = {}
    for one in chart.series:
        for value, cost in one.points:
            costs.setdefault(value, []).append((cost, one.name))
    told = KEYS.get(chart.key)
    if told is None or len(costs) < 2:
        return None
    scale = svg.across(chart)
    stops = [
        {**_place(told, chart, value, sorted(found)), "at": round(scale.at(value), 1)}
        for value, found in sorted(costs.items())
    ]
    slider = {"key": told.name, "label": chart.across, "option": told.option, "asked": 0, "rows": stops}
    return Live(_json({"box": [], "sliders": [slider]}), PLACES, ("curves.js", "controls.js", "around.js"))


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


def _slider(key: str, label: str, kind: str, value: float, low: float, high: float) -> dict[str, Any]:
    option = all_keys()[key].option
    return {"key": key, "label": label, "kind": kind, "option": option, "value": value, "low": low, "high": high}
