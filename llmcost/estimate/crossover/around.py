"""The same question with inputs moved: the answers that a page shows under its sliders.

A slider whose input follows a law (`laws`) moves freely, with any other of its kind. The others stop only where the
engine has answered, one at a time. So what the page says is what the command says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.crossover.laws import GROWTHS, PROBES, SHARES, Law, Levels, Stop, level, read_law, scales, typed
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
HORIZON = "horizon"  # cuts off what lies beyond
STILL = ("growth", HORIZON)  # the level stays where it is
MOST = 7  # sliders, beside the horizon
POINTS = 41  # of a curve
LEAST, FULL = 0.01, 1.0  # of a share
DIGITS = 4  # of a point of a curve; the crossing keeps all of its own
COLUMNS = ("day", *(f"{side}{end}_usd" for side in ("training", "inference") for end in ("", "_p5", "_p95")))


class Asking(Protocol):
    """Who answers a question with its inputs moved; without ranges it is quick."""

    def __call__(self, one: Scenario, ranged: bool = True) -> Estimate:
        """The answer."""


def around(scenario: Scenario, catalog: Catalog, answer: Estimate) -> list[Stop]:
    """A row for each answer with one input moved, and one for the answer itself at each slider's own value.

    Only for a crossing in dollars over time: other curves are not drawn in a page.
    """
    from llmcost.estimate.crossover import briefly

    if answer.result.get("basis") != "usd" or not answer.arrays.get("curve") or answer.exit_code:
        return []

    def ask(one: Scenario, ranged: bool = True) -> Estimate:
        return briefly(one, catalog, ranged)

    keys = [key for key in MOVED if _said(answer, key) is not None]
    if "price" in keys and "serve_price" in keys:
        keys.remove("serve_price")  # the price of both sides is said
    free = _free(scenario, answer, keys, ask)
    stops: list[Stop] = []
    sliders = len(free)
    for key in keys:
        if sliders == MOST or any(row["input"] == key for row in free):
            continue
        here = _row(key, answer)
        value = here["value"]
        found = list(_moved(scenario, key, value, STEPS.get(key) or [value * f for f in FACTORS], ask))
        if all(row["curve"] == here["curve"] for row in found):
            continue
        sliders += 1
        rows = sorted([*found, here], key=lambda row: float(row["value"]))
        last = next(row for row in reversed(rows) if row["typed"])
        alone = not free or not _together(scenario, free, last, {key: last["typed"]}, ask)
        stops += [{**row, "alone": alone} for row in rows]
    return [*free, *stops]


def _free(scenario: Scenario, answer: Estimate, keys: list[str], ask: Asking) -> list[Stop]:
    """The answer for each input that keeps a law, with its powers; none where the laws do not hold together."""
    rows: list[Stop] = []
    for key in (*keys, HORIZON):
        if not _certain(answer, key) or (len(rows) == MOST and key != HORIZON):
            continue
        here = _row(key, answer)
        law = _law(scenario, key, here, ask)
        if law is not None:
            rows.append({**here, "training_power": law.training, "inference_power": law.inference})
    return rows if rows and _together(scenario, rows, rows[0], {}, ask) else []


def _law(scenario: Scenario, key: str, here: Stop, ask: Asking) -> Law | None:
    """The law that an input keeps at the centre, and then in its range."""
    law, values = None, _probes(key, here["value"])
    for ranged in (False, True):
        law = read_law(
            here, list(_moved(scenario, key, here["value"], values, partial(ask, ranged=ranged))), key in STILL
        )
        if law is None:
            break
    return law


def _certain(answer: Estimate, key: str) -> bool:
    """Whether an input has one value: one with a range has another spread once it is moved."""
    forms = [answer.inputs[name] for name in (key, *(f"{side}_{key}" for side in SIDES)) if name in answer.inputs]
    return all(given.p5 is None for given in forms)


def _probes(key: str, value: float) -> tuple[float, float]:
    """Values at which a law is tried; a share stays below one, a horizon below what was asked."""
    if key == "growth":
        return GROWTHS
    less, more = SHARES if key == HORIZON or all_keys()[key].kind == "share" else PROBES
    return less * value, more * value


def _together(scenario: Scenario, free: list[Stop], here: Stop, said: dict[str, str], ask: Asking) -> bool:
    """Whether the laws hold while all of their inputs move, and another one stands where it was put."""
    moved, factor = dict(said), 1.0
    for row in free:
        power = row.get("training_power", 0) - row.get("inference_power", 0)
        to = _probes(row["input"], row["value"])[power < 0 or row["input"] == HORIZON]  # where the crossing is sooner
        moved[row["input"]] = typed(row["input"], to)
        factor *= (to / row["value"]) ** power if power else 1.0

    def holds(ranged: bool) -> bool:
        there = _row(free[0]["input"], ask(scenario.over(layer(moved, "flag")), ranged))
        return there["levels"]["centre"] is not None and scales(here, there, factor)

    try:
        return holds(False) and holds(True)
    except LlmcostError:
        return False


def _said(answer: Estimate, key: str) -> float | None:
    """The value of an input, where both sides that have it agree."""
    if key == "growth" and key not in answer.inputs:
        return 0.0
    forms = [answer.inputs[name] for name in (key, *(f"{side}_{key}" for side in SIDES)) if name in answer.inputs]
    values = {given.value for given in forms}
    value = values.pop() if len(values) == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moved(scenario: Scenario, key: str, value: float, values: Iterable[float], ask: Asking) -> Iterator[Stop]:
    for to in values:
        kind = all_keys()[key].kind
        if abs(to - value) <= 1e-9 * max(abs(to), abs(value)) or (kind == "share" and not LEAST <= to <= FULL):
            continue
        text = typed(key, to)
        try:
            answer = ask(scenario.over(layer({key: text}, "flag")))
        except LlmcostError:  # a value that this question has no answer for has no place on the slider
            continue
        if not answer.exit_code and answer.arrays.get("curve"):
            yield {**_row(key, answer), "value": to, "typed": text}


def _row(key: str, answer: Estimate) -> Stop:
    of = answer.ranges.get("crossover_days")
    curve = answer.arrays["curve"]
    at = sorted({round(i * (len(curve) - 1) / (POINTS - 1)) for i in range(POINTS)})
    day, p5, p95 = _figure(answer, "crossover_days"), of.p5 if of else None, of.p95 if of else None
    growth = float(answer.inputs["growth"].value) if "growth" in answer.inputs else 0.0
    levels: Levels = {"centre": level(day, growth), "p5": level(p5, growth), "p95": level(p95, growth)}
    return {
        "input": key,
        "value": _said(answer, key) or 0.0,
        "training_usd": _figure(answer, "training_usd"),
        "inference_usd_per_day": _figure(answer, "inference_usd_per_day"),
        "growth": growth,
        "levels": levels,
        "typed": "",
        "headline": answer.headline,
        "crossover_days": day,
        "p5": p5,
        "p95": p95,
        "level": _figure(answer, "crossover_usd"),
        "curve": [[_short(curve[i].get(name)) for name in COLUMNS] for i in at],
    }


def _figure(answer: Estimate, name: str) -> float | None:
    value = answer.result.get(name)
    return float(value) if isinstance(value, int | float) else None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{float(value):.{DIGITS}g}")
