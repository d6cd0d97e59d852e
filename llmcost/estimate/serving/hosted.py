"""A service on accelerators, with its values read: a replica -> a fleet -> dollars per token, energy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from llmcost.engine.model.request import request_flops
from llmcost.engine.money import energy
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_DAY, HOURS_PER_MONTH, SECONDS_PER_HOUR, Num
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet import bill
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money.place import Place, at_home
from llmcost.estimate.money.rent import Job
from llmcost.estimate.serving.replicas import load as serving_load
from llmcost.estimate.serving.replicas.load import Sizing
from llmcost.estimate.serving.replicas.replica import Replica
from llmcost.estimate.serving.replicas.together import Together
from llmcost.estimate.serving.techniques.applied import NONE, Applied
from llmcost.records import NamedTuple

STANDING = {"tpot_seconds": "tpot_full_seconds", "ttft_seconds": "ttft_full_seconds"}


class Hosted(NamedTuple):
    """A service on accelerators: what its figures need besides the numbers."""

    question: Question
    model: Subject | None
    device: Chip | None
    replica: Replica
    place: Place | None
    requests: bool  # whether there is traffic
    fleet_gpus: int | None  # accelerators there are
    fleet: Fleet = Fleet()
    sizing: Sizing | None = None  # how far it may be loaded for the p95 of TTFT
    colocated: Together | None = None  # one pool for both phases, to compare separate ones with
    phase: str = ""  # the one that is asked about; empty: both
    applied: Applied = NONE
    small: Hosted | None = None  # what answers beside the model, in a router or cascade

    @property
    def bound(self) -> float:
        """The load that the p95 of TTFT allows."""
        return math.inf if self.sizing is None else self.sizing.bound

    @property
    def at_home(self) -> bool:
        """Whether it stands at home, on household electricity."""
        return self.device is not None and at_home(self.question, self.device)

    @property
    def size(self) -> float:
        """Accelerators at the medians; those that there are where no traffic tells [-]."""
        if not self.requests:
            return float(self.fleet_gpus or 0)
        return float(self.figures(serving_numbers(sampling.central(self.question.numbers)))["gpus"])

    def central(self, values: Mapping[str, Num] | None = None) -> ServingNumbers:
        """Every number at its median, some with other `values`, as the replicas of the model see it."""
        return self.applied.reaching(serving_numbers({**sampling.central(self.question.numbers), **(values or {})}))

    def figures(self, p: ServingNumbers) -> ServingFigures:
        """Every figure of the answer from the numbers `p`, floats or samples alike; each fleet at its own rate."""
        out = self._at_price(p)
        if not self.requests or self.fleet.terms.by_size is None:
            return out
        price = self.fleet.terms.price_of(Job(out["gpus"]), p["price"])
        return out if np.all(price == p["price"]) else self._at_price(serving_numbers({**p, "price": price}))

    def _at_price(self, p: ServingNumbers) -> ServingFigures:
        """Every figure at the price among the numbers, whatever the size of the fleet."""
        small = None
        if self.small is not None:
            small = self.small._replace(requests=self.requests, fleet=self.fleet).of_one_fleet
        out = self.applied.figures(p, self.of_one_fleet, small, self.requests)
        return out | bill.figures(p, out, self.requests)

    def of_one_fleet(self, p: ServingNumbers) -> ServingFigures:
        """Figures of a request that one fleet serves."""
        out = self.replica.speed(p)
        if self.requests:
            out |= fleets.size(self.fleet, self.replica.kinds(out), p, self.bound, self.seconds(p, out))
            out["usd_per_hour_fleet"] = out["usd_per_hour_fleet"] + out["gpus_mean"] * self.less_used(p, out)
            out["usd_per_month"] = out["usd_per_hour_fleet"] * HOURS_PER_MONTH
            out["usd_per_day"] = out["usd_per_hour_fleet"] * HOURS_PER_DAY
            out["usd_per_request"] = out["usd_per_day"] / p["requests"]
            machine_hours = out["gpus_mean"] * HOURS_PER_DAY / p["requests"]
        else:
            out["utilization"] = out["planned_utilization"] = self.fleet.planned(p, self.bound)
            machine_hours = fleets.gpu_seconds(self.replica.kinds(out)) / SECONDS_PER_HOUR / out["utilization"]
            out["usd_per_request"] = machine_hours * p["price"]
        if self.fleet.terms.owned is not None:
            own = self.fleet.terms.reserved_price(p) if self.fleet.mixed else p["price"]
            out["own_usd_per_hour"] = own + self.less_used(p, out)
        out |= _token_prices(p, out, self.phase)
        return out if self.place is None else out | self._energy(self.place, p, out, machine_hours)

    def less_used(self, p: ServingNumbers, out: ServingFigures) -> Num:
        """What an owned hour costs beside its price: whole replicas idle more than planned, and draw less [USD/h].

        Electricity is a part of the price, and a draw of the price is one of its electricity: the part follows it.
        """
        owned = self.fleet.terms.owned
        if owned is None or self.fleet.mixed or not self.requests or not owned.in_use:
            return 0.0
        used = np.minimum(out["utilization"], 1.0)
        drawn = Place.load(p, used) / Place.load(p, p["utilization"])
        usd: Num = p["price"] * owned.in_use / owned.usd_per_hour * (drawn - 1.0)
        return usd

    def load(self, p: ServingNumbers, out: ServingFigures) -> tuple[Num, Num]:
        """Arrivals at the peak over what the replicas that meet them can do [-], and how many those are [-].

        Without traffic: the stated load, of one replica. `p` and `out` are numbers and figures of the model alone.
        """
        if not self.requests:
            return self.fleet.load(p, self.bound), 1.0
        working = out["replicas"] / self.fleet.regions - self.fleet.spares
        each = out["requests_per_second_peak"] / self.fleet.regions / working
        return each / out["requests_per_second_per_replica"], working

    def latencies(self, p: ServingNumbers, out: ServingFigures, quantiles: bool = True) -> ServingFigures:
        """TPOT and TTFT at the load, from the numbers `p` and the figures they give: at the peak, of random arrivals.

        A batch that was said, or that ends together, is as full as it was said to be: its latencies stand.
        """
        server, out = self.replica.server(), out.get("own", out)
        if server is None:
            found = {name: named(out, full) for name, full in STANDING.items() if full in out}
            speed = {"tokens_per_second_per_user": 1.0 / found["tpot_seconds"]} if "tpot_seconds" in found else {}
            return serving_figures({**found, **speed})
        p = self.applied.reaching(p)
        warm = serving_load.latencies(server, p, *self.load(p, out), quantiles)
        cycle = fleets.starts(self.fleet, p, self.seconds(p, out)) if self.requests else None
        if cycle is None:
            return warm
        starts = np.greater(out["cold_start_share"], 0.0)  # none where what is committed to stays on
        cycle = cycle._replace(cold=cycle.cold * starts, slope=cycle.slope * starts)
        return serving_load.started(warm, cycle, p["cold_start"])

    def seconds(self, p: ServingNumbers, out: ServingFigures) -> Num:
        """How long a request holds a machine, its batch full [s]; 0 where only its rate is known."""
        return out.get("ttft_idle_seconds", 0.0) + p.get("osl", 0.0) * out.get("tpot_full_seconds", 0.0)

    def flops(self, s: ServingNumbers) -> Num | None:
        """Arithmetic of a mean request [FLOP]; None where the model is not known."""
        if self.model is None:
            return None
        work = (s["isl"], s["osl"], s["isl"] * s["cache_hit"])
        large = self.applied.shares[0] * request_flops(self.model.shape, *work)
        if self.small is None or self.small.model is None:
            return self.applied.reach * large
        return self.applied.reach * (large + self.applied.shares[1] * request_flops(self.small.model.shape, *work))

    def _energy(self, where: Place, p: ServingNumbers, out: ServingFigures, hours: Num) -> ServingFigures:
        """Electricity, carbon and water of the machine hours of a request, idle time included."""
        scopes = where.scopes(hours, p, np.minimum(out["utilization"], 1.0))
        kwh = scopes["energy_kwh"]
        found: ServingFigures = {
            "kwh_per_request": kwh,
            "wh_per_request": kwh * 1000.0,
            "wh_per_1000_tokens": kwh * 1e6 / self._tokens(p),
            "electricity_usd_per_request": kwh * p["electricity_price"],
            "co2e_kg_per_request": energy.co2e_kg(kwh, p["carbon_intensity"]),
        }
        if self.question.owns or not self.question.priced or self.at_home:
            found["electricity_usd_per_mtok"] = found["electricity_usd_per_request"] / self._tokens(p) * 1e6
        found["server_wh_per_request"] = scopes["server_kwh"] * 1000.0
        if "accelerator_kwh" in scopes:
            found["accelerator_wh_per_request"] = scopes["accelerator_kwh"] * 1000.0
        litres = where.water_litres(kwh, p)
        if litres is not None:
            found["water_litres_per_request"] = litres
        if self.requests:
            monthly = p["requests"] * DAYS_PER_MONTH
            found["energy_kwh_per_month"] = kwh * monthly
            found["co2e_kg_per_month"] = found["co2e_kg_per_request"] * monthly
        return found

    def _tokens(self, p: ServingNumbers) -> Num:
        """Tokens of a request that its phases handle [-]."""
        if self.phase:
            return p["isl"] if self.phase == "prefill" else p["osl"]
        return p["isl"] + p["osl"]


def _token_prices(p: ServingNumbers, out: ServingFigures, phase: str) -> ServingFigures:
    """Each phase pays for the machine time it takes; a cached input token pays for what it adds to decoding."""
    cost, share = out["usd_per_request"], out.get("prefill_share")
    prices: ServingFigures = {}
    if "requests_per_user" in p:
        prices["usd_per_user_month"] = cost * p["requests_per_user"] * DAYS_PER_MONTH
    if phase == "prefill":
        return prices | {"usd_per_mtok_input": cost / (p["isl"] * (1.0 - p["cache_hit"])) * 1e6}
    if phase == "decode":
        return prices | {"usd_per_mtok_output": cost / p["osl"] * 1e6}
    prices["usd_per_mtok_blended"] = cost / (p["isl"] + p["osl"]) * 1e6
    prices["blend_ratio"] = p["isl"] / p["osl"]
    if share is None:
        return prices
    cached = out.get("cached_share")
    if cached is not None:
        prices["usd_per_mtok_cached_input"] = cost * cached / (p["isl"] * p["cache_hit"]) * 1e6
    decoding = 1.0 - share - (0.0 if cached is None else cached)
    prices["usd_per_mtok_output"] = cost * decoding / p["osl"] * 1e6
    prices["usd_per_mtok_input"] = cost * share / (p["isl"] * (1.0 - p["cache_hit"])) * 1e6
    return prices
