"""Where the machines stand: watts, PUE, electricity price and grid carbon of a question."""

from __future__ import annotations

from typing import NotRequired

from llmcost import spec
from llmcost.catalog import source_of
from llmcost.engine.money import energy
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.spread import product
from llmcost.estimate.asking.ledger import Origin, as_number
from llmcost.estimate.asking.question import Factor, Question, origin_of
from llmcost.estimate.asking.subject import Chip
from llmcost.estimate.asking.values import PlaceNumbers
from llmcost.keys import SERVE
from llmcost.records import NamedTuple, TypedDict


class Scopes(TypedDict):
    """Electricity by where it is measured [kWh]."""

    accelerator_kwh: NotRequired[Num]
    server_kwh: Num
    energy_kwh: Num


class EnergyRow(TypedDict):
    """Where a part of the energy goes."""

    name: str
    energy_kwh: float
    energy_share: float


class Place(NamedTuple):
    """What turns accelerator-hours into electricity; the numbers themselves are in the question."""

    whole: bool = False  # a machine that is measured as one: its accelerator is not told apart

    @staticmethod
    def load(p: PlaceNumbers, busy: Num = 1.0) -> Num:
        """Average draw over rated power where so much of the capacity is used [-]."""
        return p["average_load"] if "idle_load" not in p else energy.load(p["average_load"], p["idle_load"], busy)

    def energy_kwh(self, device_hours: Num, p: PlaceNumbers, busy: Num = 1.0) -> Num:
        """Electricity at the meter for accelerator-hours of which a share is busy [kWh]."""
        return energy.facility_kwh(device_hours, p["tdp_watts"], p["server_factor"], self.load(p, busy), p["pue"])

    def scopes(self, device_hours: Num, p: PlaceNumbers, busy: Num = 1.0) -> Scopes:
        """Electricity of the accelerators, of their servers, and at the meter of the building [kWh]."""
        server = energy.facility_kwh(device_hours, p["tdp_watts"], p["server_factor"], self.load(p, busy), 1.0)
        found: Scopes = {"server_kwh": server, "energy_kwh": server * p["pue"]}
        return found if self.whole else {"accelerator_kwh": self._accelerators(device_hours, p, busy), **found}

    def _accelerators(self, device_hours: Num, p: PlaceNumbers, busy: Num) -> Num:
        """What the accelerators alone draw [kWh]; at a desktop the load is that of the card."""
        if "accelerator_load" not in p:
            draw = self.load(p, busy)
        elif "accelerator_idle_load" not in p:
            draw = p["accelerator_load"]
        else:
            draw = energy.load(p["accelerator_load"], p["accelerator_idle_load"], busy)
        return energy.facility_kwh(device_hours, p["tdp_watts"], 1.0, draw, 1.0)

    def water_litres(self, kwh: Num, p: PlaceNumbers) -> Num | None:
        """Water used on site for electricity at the meter [L]; None where no source gives it."""
        rate = p.get("water_litres_per_kwh")
        return None if rate is None else energy.water_litres(kwh, p["pue"], rate)

    def rows(self, device_hours: float, p: PlaceNumbers) -> list[EnergyRow]:
        """Where the energy goes; the kWh add up to `energy_kwh`."""
        scopes = self.scopes(device_hours, p)
        machines, whole = float(scopes["server_kwh"]), float(scopes["energy_kwh"])
        parts = {"machines": machines}
        if not self.whole:
            chips = float(scopes["accelerator_kwh"])
            parts = {"accelerators": chips, "rest of the servers": machines - chips}
        parts["cooling and distribution"] = whole - machines
        return [{"name": k, "energy_kwh": v, "energy_share": v / whole} for k, v in parts.items()]

    def explain(self, question: Question, kwh: float, kg: float, p: PlaceNumbers, busy: float = 1.0) -> None:
        """The steps of energy and carbon."""
        load = f"load {self.load(p, busy):.2f}"
        if "idle_load" in p:
            load += f" (busy {busy:.0%} at {p['average_load']:.2f}, idle at {p['idle_load']:.2f})"
        server = f"{p['tdp_watts']:.0f} W x server {p['server_factor']:.2f} x {load}"
        formula = f"hours x {server} x PUE {p['pue']:.2f}"
        question.step("energy", formula, kwh, "kWh", "Cottier et al. 2024, arXiv:2405.21015, appendix A.4")
        question.step(
            "carbon",
            f"energy x {p['carbon_intensity']:.3f} kg/kWh",
            kg,
            "kg CO2e",
            "GHG Protocol Scope 2 Guidance 2015, location-based",
        )


def place(question: Question, device: Chip) -> Place | None:
    """Read watts, PUE, carbon and electricity price; None when the accelerator's power is not known."""
    home = at_home(question, device)
    if device.preset.system_watts is None and device.preset.tdp_watts is None:
        question.warn(
            "W032",
            f"the power of {device.found.name} is not known, so neither energy nor carbon is",
            f"llmcost presets show {device.found.name}",
        )
        return None
    _read_power(question, device, home)
    loaded = question.preset("region", spec.Region)
    if loaded is not None and loaded[0].water_litres_per_kwh is not None:
        origin = origin_of(loaded[1], source_of(loaded[0], "water_litres_per_kwh"))
        question.sample("water_litres_per_kwh", float(loaded[0].water_litres_per_kwh), origin, "L/kWh")
    for key, field in (
        ("pue", "pue"),
        ("carbon_intensity", "co2e_kg_per_kwh"),
        ("electricity_price", "electricity_usd_per_kwh"),
    ):
        default = _default(question, key, home)
        if loaded is not None and getattr(loaded[0], field) is not None:
            region, found = loaded
            default = Factor(float(getattr(region, field)), origin_of(found, source_of(region, field)))
        elif loaded is not None and key != "pue" and question.scenario.get(key, question.side) is None:
            question.warn(
                "W033",
                f"{key.replace('_', ' ')} of {loaded[1].name} is not known: the default is used",
                question_option(key),
            )
        question.number(key, default)
    return Place(whole=device.preset.system_watts is not None)


def question_option(key: str) -> str:
    """The option that gives a key."""
    return "--" + key.replace("_", "-")


def at_home(question: Question, device: Chip) -> bool:
    """Whether it stands at home: a machine that is sold as one, or a card for a desktop that nothing says is rented."""
    if device.preset.system_watts is not None:
        return True
    return device.preset.setting == "desktop" and (question.owns or not question.rents)


def _default(question: Question, key: str, home: bool) -> Factor:
    """What a place is taken to be; at home nothing cools beside the machine, and households pay more."""
    if home and key == "pue":
        return Factor(1.0, Origin("default", "no cooling or distribution beside a machine at home"))
    return question.factor("power", f"{key}_home" if home and key == "electricity_price" else key)


def _read_power(question: Question, device: Chip, home: bool) -> None:
    """Read rated watts, what the machine around draws over them, and its load when busy and idle."""
    preset, found = device.preset, device.found
    serves = question.side == SERVE or question.owns
    if preset.system_watts is not None:
        origin = origin_of(found, source_of(preset, "system_watts"))
        question.keep("tdp_watts", float(preset.system_watts))
        question.record("system_watts", float(preset.system_watts), origin, "W")
        question.keep("server_factor", 1.0)
        load = question.factor("power", "system_load" if origin.confidence == "measured" else "system_load_assumed")
        question.sample("average_load", load.value, load.origin, "share")
        if serves and preset.system_idle_watts is not None:
            question.sample("idle_load", float(preset.system_idle_watts / preset.system_watts), origin, "share")
        return
    watts = float(preset.tdp_watts or 0.0)
    question.sample("tdp_watts", watts, origin_of(found, source_of(preset, "tdp_watts")), "W")
    if home:
        factor = question.factor("power", "desktop_factor")
        question.sample("server_factor", factor.value, factor.origin, "ratio")
        load = question.factor("power", "desktop_load")
    else:
        _server_factor(question, device, watts)
        load = _of_servers(question, device, "server_busy_watts")
        _accelerators(question, serves)
    question.sample("average_load", load.value, load.origin, "share")
    if serves:
        idle = (
            question.factor("power", "desktop_idle_load")
            if home
            else _of_servers(question, device, "server_idle_watts")
        )
        question.sample("idle_load", idle.value, idle.origin, "share")


def _of_servers(question: Question, device: Chip, field: str) -> Factor:
    """Draw of a server over what it is rated at, as measured for this accelerator, or as for others [-]."""
    preset = device.preset
    measured = getattr(preset, field)
    if measured is None or preset.server_watts is None:
        busy = "average_load_tpu" if preset.vendor == "Google" else "average_load_gpu"
        return question.factor("power", "idle_load" if field == "server_idle_watts" else busy)
    between = question.factor("power", "server_load_spread").value  # servers and work differ
    return Factor(product(between, measured / preset.server_watts), origin_of(device.found, source_of(preset, field)))


def _accelerators(question: Question, serves: bool) -> None:
    """Read what the accelerators alone draw over their TDP, which published tables count."""
    for key in ("accelerator_load", *(("accelerator_idle_load",) if serves else ())):
        factor = question.factor("power", key)
        question.sample(key, factor.value, factor.origin, "share")


def _server_factor(question: Question, device: Chip, watts: float) -> None:
    if device.preset.server_watts is not None:
        origin = origin_of(device.found, source_of(device.preset, "server_watts"))
        question.sample("server_factor", as_number(device.preset.server_watts / watts, "ratio"), origin, "ratio")
        return
    factor = question.factor("power", "server_factor")
    question.sample("server_factor", factor.value, factor.origin._replace(origin="default"), "ratio")
