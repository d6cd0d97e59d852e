"""An owned accelerator-hour in the place of a rented one: what it is made of, and when it is the cheaper one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from llmcost.engine.money import hardware as money
from llmcost.engine.money import owning as engine
from llmcost.engine.numeric.kinds import HOURS_PER_YEAR, SECONDS_PER_YEAR, Num
from llmcost.engine.numeric.spread import Spread
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Ledger, Number, Origin
from llmcost.estimate.asking.question import Factor, Question
from llmcost.estimate.asking.subject import chip
from llmcost.estimate.asking.values import OwningNumbers, owning_numbers
from llmcost.estimate.money.place import Place, at_home, place
from llmcost.estimate.money.purchase import read_purchase
from llmcost.keys import SERVE
from llmcost.records import NamedTuple

SOURCE = "docs/method-fleet.md, owned accelerator"
SHARED = ("tdp_watts", "server_factor", "average_load", "idle_load", "pue", "electricity_price", "utilization")
DEFAULTS = {
    "residual_value": "residual_value", "cost_of_capital": "cost_of_capital", "facility_cost": "facility_usd_per_mw",
    "maintenance": "maintenance", "operations_staff": "operations_staff",
}  # fmt: skip

ELSEWHERE = ("facility_cost", "maintenance", "operations_staff")  # nobody pays for these at home
NOTHING = Factor(0.0, Origin("default", "a machine at home has no building, upkeep or staff of its own"))


ELECTRICITY = "electricity"  # the part of an owned hour that machines which are there still cost


class Owned(NamedTuple):
    """An hour in use of an owned accelerator at the medians of its inputs [USD/h], and what break-evens follow from."""

    parts: dict[str, float]  # by name; they add up to the price
    standing: float
    in_use: float
    idle: float
    occupancy: float
    serves: bool
    key: str  # the number it stands for: `price`, or `reserved_price` of a base
    numbers: Mapping[str, Number]  # what that alone is made of

    def price(self, p: OwningNumbers) -> Num:
        """The price at other numbers than the medians: `p` holds `numbers`, and those of power and load."""
        return _total(p, self.serves)

    @property
    def usd_per_hour(self) -> float:
        """The price."""
        return sum(self.parts.values())

    def breakeven(self, rent: float | None) -> float | None:
        """Share of hours in use from which owning beats this rent [-]; None where it never does."""
        if rent is None:
            return None
        found = float(engine.breakeven_occupancy(self.standing, self.in_use, self.idle, rent))
        return found if found <= 1.0 else None


def hour(question: Question, key: str) -> tuple[Number, Owned]:
    """What an owned accelerator costs per hour in use, for the number `key` [USD/h], and what it is made of.

    Raises
    ------
    LlmcostError
        No accelerator, no purchase price, or no power of it.
    """
    device = chip(question, predicted=False)
    if device is None:
        raise LlmcostError("missing --hardware: owning is priced by what is bought", "--hardware h100-sxm")
    parts = question.apart()  # they are in the price: a draw holds the one or the others
    if not question.there:
        read_purchase(parts, device, at_home(question, device))
    if place(question, device) is None:
        raise LlmcostError(
            f"the power of {device.found.name} is not known, and what is owned has to be powered",
            "name another --hardware, or rent: --commitment on-demand",
        )
    _read_occupancy(parts) if question.there else _read(parts, at_home(question, device))
    numbers = {**{k: v for k, v in question.numbers.items() if k in SHARED}, **parts.numbers}
    serves = question.side == SERVE
    owned = _owned(owning_numbers(sampling.central(numbers)), serves)._replace(key=key, numbers=parts.numbers)
    centre = owned.usd_per_hour
    found: Number = centre
    if sampling.uncertain(numbers):
        drawn = _total(owning_numbers(sampling.draws(numbers, sampling.SAMPLES, sampling.SEED)), serves)
        p5, p95 = np.quantile(drawn, (0.05, 0.95))
        found = Spread(min(float(p5), centre), centre, max(float(p95), centre))
    _explain(question, owned)
    return found, owned


def _read(question: Question, home: bool) -> None:
    for key, factor in DEFAULTS.items():
        question.number(key, NOTHING if home and key in ELSEWHERE else question.factor("ownership", factor))
    life = question.factor("programme", "server_life_years")
    if question.number("hardware_life") is None:
        assert isinstance(life.value, Spread)
        years = life.value
        seconds = years._replace(**{q: getattr(years, q) * SECONDS_PER_YEAR for q in ("p5", "p50", "p95")})
        question.sample("hardware_life", seconds, life.origin)
    building = question.factor("ownership", "facility_life_years")
    question.sample("facility_life_years", building.value, building.origin, "years")
    _read_occupancy(question)


def _read_occupancy(question: Question) -> None:
    if question.number("occupancy") is None:
        question.sample("occupancy", 1.0, Origin("default", "docs/method.md, defaults"))


def _owned(p: OwningNumbers, serves: bool) -> Owned:
    rates, in_use, idle = _rates(p, serves)
    parts = {k: float(v) for k, v in _spread_over_use(rates, in_use, idle, p).items()}
    return Owned(parts, float(sum(rates.values())), float(in_use), float(idle), float(p["occupancy"]), serves, "", {})


def _total(p: OwningNumbers, serves: bool) -> Num:
    rates, in_use, idle = _rates(p, serves)
    return engine.own_usd_per_used_hour(sum(rates.values()), in_use, idle, p["occupancy"])


def _rates(p: OwningNumbers, serves: bool) -> tuple[dict[str, Num], Num, Num]:
    """What is due every hour by name, and the electricity of an hour in use and of an idle one [USD/h]."""
    watts = p["tdp_watts"] * p["server_factor"]
    loads = Place.load(p, p["utilization"] if serves else 1.0), p["idle_load"]
    in_use, idle = (engine.electricity_usd_per_hour(watts, load, p["pue"], p["electricity_price"]) for load in loads)
    return _standing(p, watts), in_use, idle


def _standing(p: OwningNumbers, watts: Num) -> dict[str, Num]:
    """What is due whether a machine works or not, by name [USD/h]; nothing for one that is there already."""
    if "purchase_price" not in p:
        return {}
    chip_price = p["purchase_price"]
    machines = chip_price * p.get("server_over_chip", 1.0)
    network = machines * money.interconnect_ratio(p["interconnect_share"])
    r, years, left = p["cost_of_capital"], p["hardware_life"] / SECONDS_PER_YEAR, p["residual_value"]
    building = p["facility_cost"] * watts / 1e6
    bought = {"accelerators": chip_price, "servers": machines - chip_price, "cluster network": network}
    if "server_over_chip" not in p:
        bought = {"accelerators with servers": machines, "cluster network": network}
    rates = {name: engine.capital_usd_per_hour(cost, left, r, years) for name, cost in bought.items()}
    rates["building, power and cooling"] = engine.capital_usd_per_hour(building, 0.0, r, p["facility_life_years"])
    rates["maintenance"] = p["maintenance"] * (machines + network) / HOURS_PER_YEAR
    rates["staff"] = p["operations_staff"] / HOURS_PER_YEAR
    return rates


def _spread_over_use(rates: Mapping[str, Num], in_use: Num, idle: Num, p: OwningNumbers) -> dict[str, Num]:
    """The same per hour in use: idle hours are paid by the used ones."""
    u = p["occupancy"]
    return {name: rate / u for name, rate in rates.items()} | {ELECTRICITY: in_use + idle * (1.0 - u) / u}


def _explain(ledger: Ledger, owned: Owned) -> None:
    for name, rate in owned.parts.items():
        ledger.step(f"owned: {name}", "per accelerator-hour in use", rate, "USD/h", SOURCE)
    if not owned.standing:
        return  # nothing was bought for it: there is nothing to break even
    formula = (
        f"(standing {owned.standing:.4g} + idle {owned.idle:.3g}) / (rent - ({owned.in_use:.3g} - {owned.idle:.3g}))"
    )
    ledger.step("break-even utilisation", formula, None, "share", SOURCE)


def comparison(owned: Owned, rents: Mapping[str, float | None]) -> dict[str, float | None]:
    """What an owned hour costs, and the utilisation from which it beats each rental."""
    found: dict[str, float | None] = {"own_usd_per_hour": owned.usd_per_hour}
    for term, rent in rents.items():
        found[f"breakeven_utilization_{term.replace('-', '_')}"] = owned.breakeven(rent)
    return found
