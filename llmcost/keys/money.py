"""Prices, and the place that sets some of them."""

from __future__ import annotations

from llmcost.keys import charges
from llmcost.keys.key import CROSSOVER, TRAIN, Key

RENTALS = ("on-demand", "1-year", "3-year", "spot")
COMMITMENTS = (*RENTALS, "mix", "owned", "electricity")  # the last: machines that are there, for what they draw
COST_DEFINITIONS = ("rental", "amortised", "acquisition")
SCOPES = ("run", "program")

KEYS = (
    Key("price", "usd_per_hour", "Money", "per accelerator-hour: 2.50/h (no dollar sign: the shell eats it)",
        sided=True, ranged=True, free=True),
    Key("provider", "prices", "Money", "use this provider's price list", sided=True),
    Key("commitment", "choice", "Money", "rental term; mix: base and peaks of a fleet; owned: what owning costs",
        sided=True, choices=COMMITMENTS),
    Key("cost_definition", "choice", "Money", "definition of training cost", (TRAIN, CROSSOVER), choices=COST_DEFINITIONS),
    Key("scope", "choice", "Money", "the final run, or the programme around it", (TRAIN, CROSSOVER), choices=SCOPES),
    Key("purchase_price", "usd", "Money", "purchase price per accelerator, with its share of the server: 30k",
        ranged=True),
    Key("hardware_age", "seconds", "Money", "age of the hardware when the run starts: 1y",
        (TRAIN, CROSSOVER), ranged=True),
    Key("interconnect_share", "share", "Money", "share of the network in the price of the cluster: 19%",
        ranged=True),
    Key("experiments", "ratio", "Money", "compute of experiments and failed runs, as a multiple of the final run: 2x",
        (TRAIN, CROSSOVER), ranged=True),
    Key("staff", "ratio", "Money", "staff cost over all compute cost of the programme: 0.64", (TRAIN, CROSSOVER), ranged=True),
    *charges.keys(charges.PROGRAMME),
    Key("currency", "currency", "Money",
        "show amounts in another currency, at the dollars for one unit of it, stated for a day: EUR=1.08@2026-11-28"),
    Key("as_of", "date", "Money", "use prices up to this date: 2026-11-23"),
    Key("region", "regions", "Place", "grid carbon and electricity price of this place", sided=True),
    Key("pue", "ratio", "Place", "facility energy over IT energy: 1.2", sided=True, ranged=True, least=1.0, most=5.0),
    Key("electricity_price", "usd_per_kwh", "Place", "electricity price: 0.08/kWh", sided=True, ranged=True),
    Key("carbon_intensity", "kg_per_kwh", "Place", "grid carbon: 370g/kWh", sided=True, ranged=True),
)  # fmt: skip
