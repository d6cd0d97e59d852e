"""How a fleet follows its traffic, what owning it takes, and what serving costs beside accelerators."""

from __future__ import annotations

from llmcost.keys import charges
from llmcost.keys.key import BOTH, CROSSOVER, SERVE, Key

BILLING = ("second", "minute", "hour")
SCALING = ("fixed", "autoscale")
RESERVED = ("1-year", "3-year", "owned")
USAGES = ("lognormal", "pareto")
_SERVED = (SERVE, CROSSOVER)

KEYS = (
    Key("peak_to_average", "ratio", "Fleet", "busiest hour over the mean of the traffic: 2x; the fleet is sized for it",
        _SERVED, ranged=True, least=1.0, most=20.0),
    Key("weekend", "share", "Fleet", "traffic on a weekend day, as a share of a weekday's: 60%", _SERVED, ranged=True,
        least=0.001),
    Key("hourly", "file", "Fleet", "traffic within a day or a week: a CSV file with a column requests, a row an hour",
        _SERVED),
    Key("peak_load", "share", "Fleet", "share of the fleet's capacity that the busiest hour may use: 80%", _SERVED,
        ranged=True, least=0.001),
    Key("spares", "whole_or_zero", "Fleet", "spare replicas in each region: 1", _SERVED),
    Key("serve_regions", "whole", "Fleet", "regions served, each with its own fleet and an equal share of the traffic",
        _SERVED),
    Key("min_replicas", "whole_or_zero", "Fleet",
        "minimum number of replicas in a region; 0 lets it scale to zero while idle", _SERVED),
    Key("scaling", "choice", "Fleet", "whether the number of replicas is fixed or follows the traffic", _SERVED,
        choices=SCALING),
    Key("reaction_time", "seconds", "Fleet", "time from adding a replica to its first request: 10min", _SERVED,
        most=86_400.0),
    Key("cold_start", "seconds", "Fleet", "time from a request to a fleet that is off to its answer: 90s", _SERVED,
        ranged=True, most=86_400.0),
    Key("idle_timeout", "seconds", "Fleet", "time without requests after which the last replica is turned off: 5min",
        _SERVED, ranged=True, most=86_400.0),
    Key("billing", "choice", "Fleet", "unit in which started time is billed, where a fleet follows its traffic", _SERVED,
        choices=BILLING),
    Key("reserved", "choice", "Fleet", "term of the base of --commitment mix", _SERVED, choices=RESERVED),
    Key("reserve", "share", "Fleet", "share of the busiest hour's accelerators to commit to, in place of the cheapest",
        _SERVED),
    Key("reserved_price", "usd_per_hour", "Fleet", "per committed accelerator-hour, used or not: 1.80/h", _SERVED,
        ranged=True),
    Key("spot_share", "share", "Fleet", "share of the accelerators above the base that are spot instances: 30%", _SERVED,
        ranged=True),
    Key("spot_price", "usd_per_hour", "Fleet", "per spot accelerator-hour: 1.20/h", _SERVED, ranged=True),
    Key("hardware_life", "seconds", "Owning", "service life of owned machines: 5y", BOTH, ranged=True,
        least=86_400.0),
    Key("residual_value", "share", "Owning", "resale value at the end, as a share of the price: 10%", BOTH,
        ranged=True),
    Key("cost_of_capital", "share", "Owning", "cost of capital per year: 11%", BOTH, ranged=True),
    Key("facility_cost", "usd", "Owning", "building, power and cooling per MW of machines: 11.7M", BOTH, ranged=True,
        per="MW", free=True),
    Key("maintenance", "share", "Owning", "maintenance per year, as a share of the machines' price: 4%", BOTH, ranged=True),
    Key("operations_staff", "usd", "Owning", "staff cost per accelerator and year: 400", BOTH, ranged=True, per="GPU/y",
        free=True),
    Key("occupancy", "share", "Owning", "share of hours in which owned accelerators are busy; all hours are paid: 80%", BOTH,
        ranged=True, least=0.001),
    *charges.keys(charges.SERVICE),
    Key("users", "count", "Users", "users of the service, with --requests-per-user in place of --requests: 10M",
        (SERVE,), ranged=True, least=1.0),
    Key("usage", "choice", "Users", "how usage is distributed over users", (SERVE,), choices=USAGES),
    Key("usage_spread", "ratio", "Users", "standard deviation of the logarithm of a user's requests, lognormal: 1.2",
        (SERVE,), ranged=True, least=0.01, most=5.0),
    Key("usage_tail", "ratio", "Users", "exponent of the Pareto distribution of use: 1.5", (SERVE,), ranged=True,
        least=1.01, most=100.0),
    Key("plan", "file", "Users", "what users pay: a TOML file with a table [plan], or several", (SERVE,)),
)  # fmt: skip
