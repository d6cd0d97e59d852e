"""The main block of an answer: a line for each figure that makes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmcost import units
from llmcost.records import NamedTuple
from llmcost.render.text import (
    REMARKS,
    amount,
    clean,
    figure,
    input_name,
    input_text,
    interval,
    term_of,
)
from llmcost.result import Estimate
from llmcost.terms import short

# Of two crossings in dollars one is the answer, by what training holds.
ANSWERED = {"run": "run_crossover_days", "program": "program_crossover_days"}
THERE = "electricity"
WHOLE = {"server_wh_per_request": "wh_per_request", "server_kwh": "energy_kwh"}  # what a row is a part of
PRICED = ("purchase_price", "price", "train_price", "serve_price", "reserved_price")
DRAWN = ("electricity_price", "train_electricity_price", "serve_electricity_price")
NOT_RENTED = ("owned", THERE)  # commitments under which nothing is rented
RANKS = ("tp", "pp", "vpp", "dp", "cp", "sp", "ep")


class Figure(NamedTuple):
    """A line of the answer's main block."""

    label: str
    value: str
    interval: str


def main_block(estimate: Estimate, everything: bool = False) -> list[Figure]:
    """The main block: what is known of the figures that make the answer; with `everything`, all that JSON has."""
    above = REMARKS if estimate.command == "crossover" else ("bias_means",)  # said under the headline
    result = {k: v for k, v in estimate.result.items() if k not in above}
    known = tuple(result) if estimate.command == "validate" else short(estimate.command)
    keys = [k for k in known if k in result]
    if everything:
        keys += [k for k in result if k not in keys]
    else:
        told = str(result.get("reason") or "").lower() in estimate.headline.lower()
        same = ANSWERED.get(str(result.get("scope")))
        late = ANSWERED.values() if result.get("crossover_days") and result.get("training_usd_program") else ()
        keys = [k for k in keys if result[k] is not None or k in late]
        keys = [k for k in keys if not (k == "reason" and told) and k != same]
        keys = [k for k in keys if result[k] != result.get(WHOLE.get(k, ""), math.nan)]  # at home it is all of it
    found = [_line(estimate, key) for key in keys]
    found[1:1] = _price_row(estimate, keys)
    ranks = [f"{k} {amount('whole', result[k])}" for k in RANKS if result.get(k) not in (None, 1)]
    if ranks and not everything and "layout" not in result and estimate.command in ("train", "serve", "fit"):
        found.append(Figure("layout", ", ".join(ranks), ""))
    return found


def _price_row(estimate: Estimate, keys: Sequence[str]) -> list[Figure]:
    """What the prices are that nobody stated, and the range of the first figure that they widen, with them."""
    widened = next((key for key in keys if key in estimate.ranges_at_price), None)
    if widened is None:
        return []
    named = [name for name in _prices(estimate) if name in estimate.inputs and estimate.inputs[name].p5 is not None]
    if not named:
        return []
    term = term_of(widened)
    label = input_name(named[0]).removeprefix("train ").removeprefix("serve ")
    with_them = f"{term.label} {interval(term, estimate.ranges[widened])}"
    return [Figure(label, input_text(estimate.inputs[named[0]]), with_them)]


def _prices(estimate: Estimate) -> tuple[str, ...]:
    """Prices that nobody stated: the first that moves is shown. Who pays for electricity alone is shown its price."""
    chosen = estimate.inputs.get("commitment")
    return DRAWN if chosen is not None and chosen.value == THERE else (*PRICED, *DRAWN)


def _line(estimate: Estimate, key: str) -> Figure:
    term = term_of(key)
    label = term.label
    if key == "total_usd" and estimate.result.get("cost_definition"):
        label += f" ({_definition(estimate)})"
    value = estimate.result[key]
    if value is None and key in ANSWERED.values():
        horizon = units.format("seconds", units.DAY * float(estimate.result["horizon_days"] or 0.0))
        return Figure(label, f"beyond {horizon}", interval(term, estimate.engineering.get(key)))
    return Figure(label, figure(term, value), interval(term, estimate.engineering.get(key)))


def _definition(estimate: Estimate) -> str:
    """What a cost is; a rental of machines that are not rented is named by what was chosen."""
    chosen = estimate.inputs.get("commitment")
    if estimate.result["cost_definition"] == "rental" and chosen is not None and chosen.value in NOT_RENTED:
        return clean(chosen.value)
    return clean(estimate.result["cost_definition"])
