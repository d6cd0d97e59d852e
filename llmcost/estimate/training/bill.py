"""The bill of a training run: what the run costs by a definition, and the programme around it."""

from __future__ import annotations

from llmcost import units
from llmcost.engine.money import energy
from llmcost.engine.money import hardware as money
from llmcost.engine.numeric.kinds import SECONDS_PER_YEAR, Num
from llmcost.engine.numeric.spread import product
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip
from llmcost.estimate.asking.values import TrainingFigures, TrainingNumbers, named
from llmcost.estimate.money import rent as prices
from llmcost.estimate.money.charge import Charge, total_usd
from llmcost.estimate.money.owning import ELECTRICITY
from llmcost.estimate.money.place import Place
from llmcost.estimate.money.purchase import read_purchase
from llmcost.keys.charges import PROGRAMME
from llmcost.records import NamedTuple

RENTAL, AMORTISED, ACQUISITION = "rental", "amortised", "acquisition"
RUN, PROGRAM = "run", "program"
GIVEN = {cost.name: cost.key.name for cost in PROGRAMME}
PROGRAMME_KEYS = ("experiments", "staff", *GIVEN.values())
COTTIER = "Cottier et al. 2024, arXiv:2405.21015"


class Bill(NamedTuple):
    """How a training question is billed; the numbers themselves are in the question."""

    definition: str
    scope: str
    place: Place | None
    gpus: float | None
    terms: prices.Terms = prices.Terms()  # of a rental

    def rows(self, p: TrainingNumbers, figures: TrainingFigures) -> list[Charge]:
        """The rows of `total_usd`, from numbers and the hours and energy of the run."""
        run = self.run_rows(p, figures)
        return run if self.scope == RUN else [*run, *around(p, total_usd(run))]

    def run_rows(self, p: TrainingNumbers, figures: TrainingFigures) -> list[Charge]:
        """The final run alone."""
        if self.definition == RENTAL:
            price = self.terms.price_of(self.job(figures), p["price"])
            return [Charge(self._hour(), figures["gpu_hours"], "GPU-hour", price)]
        if self.definition == ACQUISITION:
            assert self.gpus is not None  # asked for, where a cluster is bought
            return _hardware(p, p["purchase_price"], self.gpus, "GPU")
        years = p["hardware_age"] / SECONDS_PER_YEAR
        value = money.value_at_start(p["purchase_price"], p["hardware_price_decline"], years)
        rate = money.consumed_usd_per_hour(value, p["hardware_price_decline"])
        electricity = Charge("electricity", figures["energy_kwh"], "kWh", p["electricity_price"])
        return [*_hardware(p, rate, figures["gpu_hours"], "GPU-hour"), electricity]

    def job(self, figures: TrainingFigures) -> prices.Job:
        """What is rented for the run: its accelerators where they are counted, else its hours."""
        return prices.Job(self.gpus, figures["gpu_hours"])

    def _hour(self) -> str:
        """What an accelerator-hour is: rented, owned, or the electricity of machines that are there."""
        if self.terms.owned is None:
            return "accelerator rental"
        return ELECTRICITY if set(self.terms.owned.parts) == {ELECTRICITY} else "owned accelerators"

    def totals(self, p: TrainingNumbers, figures: TrainingFigures) -> TrainingFigures:
        """`total_usd` by scope, the final run, and the programme where it can be told."""
        run = self.run_rows(p, figures)
        spent = total_usd(run)
        found: TrainingFigures = {"total_usd": spent, "run_usd": spent}
        if self.definition != ACQUISITION:
            found["program_usd"] = total_usd([*run, *around(p, spent)])
        return found | {"total_usd": found["program_usd"]} if self.scope == PROGRAM else found

    def surroundings(self, p: TrainingNumbers, figures: TrainingFigures) -> TrainingFigures:
        """Embodied carbon, power, water and what people know the size of."""
        if self.place is None:
            return {}
        kwh, hours = figures["energy_kwh"], figures["gpu_hours"]
        found: TrainingFigures = {
            "embodied_co2e_kg": energy.embodied_kg(hours, p["embodied_kg_per_gpu"], p["server_life_years"]),
            "homes_year": kwh / p["home_kwh_per_year"],
            "cars_year": figures["co2e_kg"] / p["car_kg_per_year"],
        }
        if "duration_seconds" in figures:
            found["power_watts"] = kwh * 3.6e6 / figures["duration_seconds"]
        litres = self.place.water_litres(kwh, p)
        if litres is not None:
            found["water_litres"] = litres
        return found

    def explain(self, question: Question, p: TrainingNumbers, figures: TrainingFigures) -> None:
        """The steps from hours to dollars, and from the run to its programme."""
        question.step("cost", self._formula(p), figures["run_usd"], "USD", _SOURCES[self.definition])
        if figures.get("program_usd") is None:
            return
        other = f" + {' and '.join(GIVEN)}" if any(key in p for key in GIVEN.values()) else ""
        text = f"run x (1 + experiments {p['experiments']:.3g}) x (1 + staff {p['staff']:.3g}){other}"
        question.step("programme cost", text, figures["program_usd"], "USD", f"{COTTIER}, section 2.5")

    def _formula(self, p: TrainingNumbers) -> str:
        if self.definition == RENTAL:
            return f"billed GPU-hours x {units.worded_money(p['price'])}/h"
        server = f" x server {p['server_over_chip']:.3g}" if "server_over_chip" in p else ""
        cluster = (
            f"{units.worded_money(p['purchase_price'], ',.0f')}{server} / (1 - network {p['interconnect_share']:.3g})"
        )
        if self.definition == ACQUISITION:
            return f"{self.gpus:,.0f} accelerators x {cluster}"
        years = p["hardware_age"] / SECONDS_PER_YEAR
        r = p["hardware_price_decline"]
        return f"billed GPU-hours x {cluster} x 10^(-{r:g} x {years:.3g} y) x {r:g} ln 10 / 8766 + electricity"

    def explain_surroundings(self, question: Question, p: TrainingNumbers, figures: TrainingFigures) -> None:
        """The steps of embodied carbon and of the equivalents."""
        if self.place is None:
            return
        life = f"billed GPU-hours / {p['server_life_years']:g} years x {p['embodied_kg_per_gpu']:g} kg"
        question.step(
            "embodied carbon", life, figures["embodied_co2e_kg"], "kg CO2e", "Luccioni et al. 2022, arXiv:2211.02001"
        )
        homes = f"energy / {p['home_kwh_per_year']:,.0f} kWh"
        question.step("homes for a year", homes, figures["homes_year"], "household-years", "docs/method.md, energy")
        cars = f"carbon / {p['car_kg_per_year']:,.0f} kg"
        question.step("cars for a year", cars, figures["cars_year"], "car-years", "docs/method.md, energy")


_SOURCES = {
    RENTAL: f"{COTTIER}, section 2.4",
    AMORTISED: f"{COTTIER}, sections 2.2 and 2.3",
    ACQUISITION: f"{COTTIER}, appendix A.1",
}


def _hardware(p: TrainingNumbers, rate: Num, quantity: Num, unit: str) -> list[Charge]:
    """Accelerators, their servers and the network between them, at a price or a cost per hour of an accelerator."""
    network = money.interconnect_ratio(p["interconnect_share"])
    if "server_over_chip" not in p:
        return [
            Charge("accelerators with servers", quantity, unit, rate),
            Charge("cluster network", quantity, unit, rate * network),
        ]
    return [
        Charge("accelerators", quantity, unit, rate),
        Charge("servers", quantity, unit, rate * (p["server_over_chip"] - 1.0)),
        Charge("cluster network", quantity, unit, rate * p["server_over_chip"] * network),
    ]


def around(p: TrainingNumbers, run_usd: Num) -> list[Charge]:
    """The programme around a run that costs `run_usd`: experiments, staff, and data and storage where given."""
    found = [
        Charge("experiments and failed runs", p["experiments"], "run", run_usd),
        Charge("staff", p["staff"], "compute", money.all_compute_usd(run_usd, p["experiments"])),
    ]
    given = [cost for cost in PROGRAMME if cost.key.name in p]
    return found + [Charge(cost.name, 1.0, cost.unit, named(p, cost.key.name)) for cost in given]


def read_bill(question: Question, device: Chip | None, where: Place | None, job: prices.Job) -> Bill:
    """Read what a bill needs: the definition, the scope, prices at the size of the job, and the programme's shares.

    Raises
    ------
    LlmcostError
        A price, a power or a count that the definition needs is not known; a programme of a purchase.
    """
    definition = _choice(question, "cost_definition", RENTAL)
    scope = _choice(question, "scope", RUN)
    terms = prices.Terms()
    if definition == RENTAL:
        terms = prices.read_terms(question, device.found.name if device else None, job)
    else:
        _read_hardware(question, device, definition)
    if definition == AMORTISED:
        _read_decline(question, where)
    if definition == ACQUISITION and job.gpus is None:
        raise question.need("gpus", "the cost of a cluster follows from the number of accelerators")
    if definition == ACQUISITION and scope == PROGRAM:
        raise LlmcostError(
            "a programme is made of runs, and an acquisition is the purchase of a cluster",
            "--scope program --cost-definition amortised",
        )
    if definition != ACQUISITION:
        read_programme(question, scope)
    if where is not None:
        _read_surroundings(question)
    return Bill(definition, scope, where, None if job.gpus is None else float(job.gpus), terms)


def _choice(question: Question, key: str, default: str) -> str:
    said = question.stated(key)
    if said is None:
        question.record(key, default, Origin("default", "docs/method.md, defaults"))
    return str(said or default)


def _read_hardware(question: Question, device: Chip | None, definition: str) -> None:
    """What an accelerator cost, with its server and its part of the cluster's network."""
    shared = question.scenario.get("price") if question.alone else None  # beside serving it may be meant for that
    if shared is not None or question.scenario.get("train_price") is not None:
        question.warn("W042", f"the {definition} cost does not use a price per hour", "--cost-definition rental")
    read_purchase(question, device)


def _read_decline(question: Question, where: Place | None) -> None:
    """How fast hardware loses its value, and how old it is; electricity has to be known too."""
    if where is None:
        raise LlmcostError(
            "an amortised cost holds electricity, and the power of the accelerator is not known",
            "name another --hardware, or --cost-definition rental",
        )
    decline = question.factor("programme", "hardware_price_decline")
    question.sample("hardware_price_decline", decline.value, decline.origin, "orders of magnitude/year")
    if question.number("hardware_age") is None:
        age = question.factor("programme", "hardware_age_years")
        question.sample("hardware_age", product(age.value, SECONDS_PER_YEAR), age.origin)


def read_programme(question: Question, scope: str) -> None:
    """The shares of a programme, said or as published."""
    question.number("experiments", question.factor("programme", "experiments_multiple"))
    question.number("staff", question.factor("programme", "staff_over_compute"))
    missing = [key for key in GIVEN.values() if question.number(key) is None]
    if missing and scope == PROGRAM:
        names = " or ".join(key.removesuffix("_cost") for key in missing)
        hint = " ".join(f"--{key.replace('_', '-')} 1M" for key in missing)
        question.warn("W041", f"the programme holds no {names}: no share of them is published", hint)


def _read_surroundings(question: Question) -> None:
    """What turns hours, energy and carbon into embodied carbon, water and equivalents."""
    for name, file, factor, unit in (
        ("embodied_kg_per_gpu", "power", "embodied_gpu_with_server_kg", "kg CO2e"),
        ("server_life_years", "programme", "server_life_years", "years"),
        ("home_kwh_per_year", "equivalents", "home_electricity_kwh_per_year", "kWh"),
        ("car_kg_per_year", "equivalents", "car_kg_per_year", "kg CO2e"),
    ):
        found = question.factor(file, factor)
        question.sample(name, found.value, found.origin, unit)
