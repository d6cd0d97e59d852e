"""The same question with one input moved at a time: the answers that a page shows under its sliders.

A slider of a page stops only where the engine has answered, so what the page says is what the command says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.keys import SIDES, all_keys
from llmcost.result import Estimate
from llmcost.scenario import Scenario, layer

FACTORS = (0.25, 0.5, 0.75, 1.5, 2.0, 4.0)
STEPS = {"growth": (0.0, 0.02, 0.05, 0.1, 0.2), "utilization": (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)}
# `serve_price` is for sides that pay different prices: a run that rents a cluster beside a fleet by the hour.
MOVED = (
    "requests", "growth", "utilization", "price", "serve_price", "mfu", "tokens", "train_cost", "cost_per_request",
    "isl", "osl",
)  # fmt: skip
MOST = 7  # sliders
POINTS = 41  # of a curve
LEAST, FULL = 0.01, 1.0  # of a share
DIGITS = 4  # of a point of a curve; the crossing keeps all of its own
COLUMNS = ("day", *(f"{side}{end}_usd" for side in ("training", "inference") for end in ("", "_p5", "_p95")))

Asking = Callable[[Scenario], Estimate]


def around(scenario: Scenario, catalog: Catalog, answer: Estimate) -> list[dict[str, Any]]:
    """A row for each answer with one input moved, and one for the answer itself at each slider's own value.

    Only for a crossing in dollars over time: other curves are not drawn in a page.
    """
    from llmcost.estimate.crossover import crossover

    if answer.result.get("basis") != "usd" or not answer.arrays.get("curve") or answer.exit_code:
        return []
    rows: list[dict[str, Any]] = []
    sliders = 0
    for key in MOVED:
        value = _said(answer, key)
        if value is None or sliders == MOST:
            continue
        here = _row(key, value, "", answer)
        found = list(_moved(scenario, key, value, lambda one: crossover(one, catalog)))
        if any(row["curve"] != here["curve"] for row in found):
            sliders += 1
            rows += sorted([*found, here], key=lambda row: float(row["value"]))
    return rows


def _said(answer: Estimate, key: str) -> float | None:
    """The value of an input, where both sides that have it agree."""
    if key == "growth" and key not in answer.inputs:
        return 0.0
    forms = [answer.inputs[name] for name in (key, *(f"{side}_{key}" for side in SIDES)) if name in answer.inputs]
    values = {given.value for given in forms}
    value = values.pop() if len(values) == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moved(scenario: Scenario, key: str, value: float, ask: Asking) -> Iterator[dict[str, Any]]:
    for to in STEPS.get(key) or [value * factor for factor in FACTORS]:
        kind = all_keys()[key].kind
        if abs(to - value) <= 1e-9 * max(abs(to), abs(value)) or (kind == "share" and not LEAST <= to <= FULL):
            continue
        text = typed(key, to)
        try:
            answer = ask(scenario.over(layer({key: text}, "flag")))
        except LlmcostError:  # a value that this question has no answer for has no place on the slider
            continue
        if not answer.exit_code and answer.arrays.get("curve"):
            yield _row(key, to, text, answer)


def typed(key: str, value: float) -> str:
    """A value as it is typed on the command line.

    >>> typed("requests", 2e8), typed("growth", 0.05), typed("utilization", 0.35), typed("isl", 500.0)
    ('200000000/day', '5%/mo', '35%', '500')
    """
    kind = all_keys()[key].kind
    number = f"{round(value, 9):.10g}"
    if kind == "growth":
        return f"{100 * value:.10g}%/mo"
    if kind == "share":
        return f"{100 * value:.10g}%"
    return number + {"per_day": "/day", "usd_per_hour": "/h"}.get(kind, "")


def _row(key: str, value: float, text: str, answer: Estimate) -> dict[str, Any]:
    of = answer.ranges.get("crossover_days")
    curve = answer.arrays["curve"]
    at = sorted({round(i * (len(curve) - 1) / (POINTS - 1)) for i in range(POINTS)})
    return {
        "input": key,
        "value": value,
        "typed": text,
        "headline": answer.headline,
        "crossover_days": answer.result.get("crossover_days"),
        "p5": of.p5 if of else None,
        "p95": of.p95 if of else None,
        "level": answer.result.get("crossover_usd"),
        "curve": [[_short(curve[i].get(name)) for name in COLUMNS] for i in at],
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{float(value):.{DIGITS}g}")
