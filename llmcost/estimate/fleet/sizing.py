"""A fleet for the traffic: sized for its mean or its busiest hour, following it or not, on one term or on several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from llmcost import units
from llmcost.engine.demand import fleet as engine
from llmcost.engine.demand import idle as idle_engine
from llmcost.engine.demand import week
from llmcost.engine.numeric.kinds import DAYS_PER_WEEK, HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR, Array, Num
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.asking import csv_file, sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet import idle as idles
from llmcost.estimate.money import rent as prices
from llmcost.records import NamedTuple
from llmcost.scenario import AGAINST

SOURCE = "docs/method-fleet.md, fleet"
DAY_OR_WEEK = (HOURS_PER_DAY, HOURS_PER_DAY * DAYS_PER_WEEK)
SHAPING = ("peak_to_average", "weekend", "hourly", "peak_load")
REQUESTS = ("a number of requests", "zero or a positive number", 1e18)  # a cell of traffic
FOLLOWING = ("scaling", "reaction_time", "billing")
COUNTED = ("spares", "serve_regions", "min_replicas")
# Kinds of replica: name, accelerators, accelerator time of one request at full load [s].
Kinds = Sequence[tuple[str, Num, Num]]


class Fleet(NamedTuple):
    """How a fleet is sized; the numbers themselves are in the question."""

    peaked: bool = False  # for the busiest hour, the mean load being an outcome; otherwise at a stated mean load
    hourly: Array | None = None  # traffic of each hour over its mean, where a file gave it
    spares: int = 0
    regions: int = 1
    least: int = 1
    follows: bool = False
    mixed: bool = False
    reaction_hours: float = 0.0
    reserved: str = ""
    reserve: float | None = None
    terms: prices.Terms = prices.Terms()
    idle: idles.Idle | None = None  # where it scales to zero
    days: Array | None = None  # traffic of days to come over that at launch, where they differ
    day: tuple[Array, Array] | None = None  # traffic that is held over its mean, and its share of the time, once known

    def added(self) -> str:
        """What is added to the replicas that the traffic needs, as a formula."""
        least = f", at least {self.least}" if self.least > 1 else ""
        spares = f" + {self.spares} spare" if self.spares else ""
        return f"{least}{spares}{f', in each of {self.regions} regions' if self.regions > 1 else ''}"

    def rates(self, p: ServingNumbers) -> Num:
        """Traffic of each hour over its mean, hours along the last axis [-]."""
        return self.hourly if self.hourly is not None else week.wave(p["peak_to_average"], p.get("weekend", 1.0))

    def held(self, p: ServingNumbers) -> tuple[Array, Array]:
        """Traffic that a fleet which follows it is ready for, over the mean, and the share of the time of each [-]."""
        return self.day or week.alike(*week.held(np.asarray(self.rates(p)), self.reaction_hours))

    def load(self, p: ServingNumbers, bound: Num = math.inf) -> Num:
        """Share of the capacity that the traffic it is sized for may use [-]."""
        return np.minimum(p["peak_load"] if self.peaked else p["utilization"], bound)

    def peak(self, p: ServingNumbers) -> Num:
        """The traffic it is sized for over the mean [-]."""
        return p["peak_to_average"] if self.peaked else 1.0

    def planned(self, p: ServingNumbers, bound: Num = math.inf) -> Num:
        """Mean load that the sizing aims at, before replicas are whole [-]."""
        if not (self.follows or self.mixed):
            return self.load(p, bound) / self.peak(p)
        return self.load(p, bound) / week.over_time(*week.held(np.asarray(self.rates(p)), self.reaction_hours))


def read_fleet(question: Question, requests: bool, waits: bool) -> Fleet:
    """Read what is said of the fleet, and the mean load where no peak is; part of the work `waits` for a quiet hour.

    Raises
    ------
    LlmcostError
        A peak below the average, two shapes, a mean load beside a peak, or a mix without traffic.
    """
    mixed = _commitment(question) == "mix"
    if not requests and question.alone:
        for key in (*COUNTED, *FOLLOWING):
            if question.scenario.peek(key, question.side) is not None:
                raise question.need("requests", f"--{key.replace('_', '-')} is about the fleet that serves the traffic")
    follows = question.stated("scaling") == "autoscale" if requests else False
    stays = follows and question.owns and _laid(question)  # the same work by machines of one's own: those of its peak
    follows = follows and not stays
    if follows and question.owns:
        raise LlmcostError(
            "owned accelerators are paid for day and night: --scaling autoscale saves nothing",
            "own the base alone: --commitment mix --reserved owned",
        )
    peaked = mixed or follows or stays or question.scenario.has(*SHAPING)
    if not peaked:
        question.number("utilization", question.factor("defaults", "utilization"))
        idles.refuse(question, False)
        return _counted(question, requests)
    if mixed and not requests:
        raise question.need("requests", "a mix of commitments follows from the traffic through the day")
    if waits:
        raise LlmcostError(
            "work that may wait is told by the mean load, and a peak tells the load hour by hour",
            "leave the peak out, or give the shape that is left: --hourly FILE without --technique batch-tier",
        )
    said = question.scenario.peek("utilization", question.side)
    if said is not None and said.origin == "flag":
        raise LlmcostError(
            "--utilization and a peak are two answers to one question: the mean load follows from the peak",
            "how full the busiest hour may be: --peak-load 80%",
        )
    hourly = _shape(question)
    question.number("peak_load", question.factor("fleet", "peak_load"))
    counted = _counted(question, requests, follows or mixed or stays)
    fleet = counted._replace(peaked=True, hourly=hourly, follows=follows, mixed=mixed)
    if follows or mixed:
        seconds = question.quantity("reaction_time", question.factor("fleet", "reaction_time"))
        unit = idles.unit_seconds(question)
        ahead = math.ceil(median(seconds or 0.0) / unit - engine.ROUNDING) * unit
        fleet = fleet._replace(reaction_hours=ahead / SECONDS_PER_HOUR)
        if fleet.least == 0:
            fleet = fleet._replace(idle=idles.read(question, unit))
    if stays:
        fleet = fleet._replace(least=max(fleet.least, 1))
    else:
        idles.refuse(question, fleet.idle is not None)
    planned = float(fleet.planned(serving_numbers(sampling.central(question.numbers))))
    question.sample("utilization", planned, Origin("computed", SOURCE))
    return fleet


def _laid(question: Question) -> bool:
    """Whether an alternative is owned, and not what was asked."""
    setting = question.scenario.peek("commitment", question.side)
    return setting is not None and setting.origin == AGAINST


def _commitment(question: Question) -> str:
    setting = question.scenario.peek("commitment", question.side)
    return "" if setting is None else str(setting.value)


def _counted(question: Question, requests: bool, varies: bool = False) -> Fleet:
    """A fleet with what is said of its replicas; without traffic there is none, and one that is fixed is never off."""
    if not requests:
        return Fleet()
    spares, regions, least = (question.stated(key) for key in COUNTED)
    if least == 0 and not varies:
        raise LlmcostError(
            "--min-replicas 0: a fixed fleet never scales to zero",
            "--scaling autoscale",
        )
    return Fleet(spares=int(spares or 0), regions=int(regions or 1), least=1 if least is None else int(least))


def _shape(question: Question) -> Array | None:
    """The traffic of each hour over its mean where a file gives it; otherwise its peak is taken as a number."""
    file = question.given("hourly")
    if file is not None:
        for key in ("peak_to_average", "weekend"):
            other = question.scenario.peek(key, question.side)
            if other is not None and other.origin == "flag":
                raise one_of("--hourly", f"--{key.replace('_', '-')}")
        rates = read_hours(str(file.value))
        question.sample("peak_to_average", float(rates.max()), Origin("computed", f"busiest hour of {file.value}"))
        return rates
    weekend = question.number("weekend")
    peak = question.number("peak_to_average", question.factor("fleet", "peak_to_average"))
    least = week.least_peak(median(weekend)) if weekend is not None else 1.0
    if question.scenario.has("peak_to_average") and median(peak or 1.0) < least - 1e-9:
        raise LlmcostError(
            f"--peak-to-average {median(peak or 1.0):g} is too small: weekends of {median(weekend or 1.0):.0%}"
            f" alone make a peak of {least:.3g} x the average",
            f"--peak-to-average {least:.3g} or more",
        )
    return None


def read_hours(name: str) -> Array:
    """Traffic of each hour over its mean, from a CSV file with a column `requests` and a row for each hour [-].

    Raises
    ------
    LlmcostError
        Not 24 or 168 rows, or an hour that is not a number of requests.
    """
    values = csv_file.numbers("--hourly", name, ("requests",), *REQUESTS)[:, 0]
    if len(values) not in DAY_OR_WEEK:
        raise LlmcostError(
            f"--hourly {units.shown(name)}: {len(values)} rows: a day has 24, a week 168", "one row for each hour"
        )
    if values.max() <= 0:
        raise LlmcostError(f"--hourly {units.shown(name)}: no requests in any hour", REQUESTS[1])
    return np.asarray(values / values.mean())


def read_mix(question: Question, fleet: Fleet, hardware: str | None, terms: prices.Terms) -> Fleet:
    """The fleet on its terms; of a mix take those of the base, and of spot among the peaks.

    Raises
    ------
    LlmcostError
        Nobody quotes a term and no price was given.
    """
    if not fleet.mixed:
        return fleet._replace(terms=terms)
    term = str(question.stated("reserved") or "")
    if not term and question.scenario.peek("reserved_price", question.side) is None:
        term = "1-year"
        question.record("reserved", term, Origin("default", "docs/method.md, defaults"))
    if question.number("reserved_price") is None:
        if term == "owned":
            from llmcost.estimate.money import owning as ownership

            rate, owned = ownership.hour(question, "reserved_price")
            question.sample("reserved_price", rate, Origin("computed", ownership.SOURCE))
            terms = terms._replace(owned=owned)
        else:
            terms = terms._replace(reserved=_over_demand(question, hardware, term, "reserved_price", terms))
    if question.number("spot_share") is not None and question.number("spot_price") is None:
        terms = terms._replace(spot=_over_demand(question, hardware, "spot", "spot_price", terms))
    return fleet._replace(reserved=term or "reserved", reserve=question.stated("reserve"), terms=terms)


def _over_demand(question: Question, hardware: str | None, term: str, name: str, terms: prices.Terms) -> float:
    """The rate of a term over that on demand: providers that are dear are dear on every term [-]."""
    if hardware is None:
        raise LlmcostError(
            f"missing --{name.replace('_', '-')} or --hardware: the {term} rate is not known", "--hardware h100-sxm"
        )
    return median(prices.quoted(question, hardware, term, name)) / terms.usd_per_hour


def size(fleet: Fleet, kinds: Kinds, p: ServingNumbers, bound: Num = math.inf, served: Num = 0.0) -> ServingFigures:
    """Replicas, accelerators, and what they cost an hour, for the traffic `requests` of the numbers `p`.

    `served` is how long a request is [s].
    """
    demand = p["requests"] / SECONDS_PER_DAY
    each, load = demand / fleet.regions, fleet.load(p, bound)
    whole = {}
    for name, gpus, seconds in kinds:
        needed = engine.whole_replicas(each * fleet.peak(p), gpus / seconds, load, fleet.least)
        whole[name] = (needed + fleet.spares) * fleet.regions
    held = {name: whole[name] * gpus for name, gpus, _ in kinds}
    found: ServingFigures = {"replicas": whole[kinds[0][0]], "gpus": sum(held.values())}
    if len(kinds) > 1:
        found |= serving_figures({f"{name}_gpus": held[name] for name in held})
    found["requests_per_second_peak"] = demand * fleet.peak(p)
    if fleet.follows or fleet.mixed:
        found |= _through_the_day(fleet, kinds, each, load, p, served)
    else:
        found |= {"gpus_mean": found["gpus"], "usd_per_hour_fleet": found["gpus"] * p["price"]}
    busy = demand * sum(seconds for _, _, seconds in kinds)
    found["utilization"] = busy / found["gpus_mean"]
    found["planned_utilization"] = fleet.planned(p, bound)
    return found


def gpu_seconds(kinds: Kinds) -> Num:
    """Accelerator time of one request at full load, by every kind of replica [s]."""
    return sum(seconds for _, _, seconds in kinds)


def _through_the_day(
    fleet: Fleet, kinds: Kinds, each: Num, load: Num, p: ServingNumbers, served: Num
) -> ServingFigures:
    """Accelerators paid for in the mean, and by which terms; and who meets a cold start."""
    counts, share = curve(fleet, kinds, each, load, p, served)
    cycle, found = starts(fleet, p, served), ServingFigures()
    if not fleet.mixed:
        mean = week.over_time(counts, share)
        found = {"gpus_mean": mean, "usd_per_hour_fleet": mean * p["price"]}
        return found if cycle is None else found | {"cold_start_share": cycle.cold}
    spot = p.get("spot_share", 0.0)
    committed = fleet.terms.reserved_price(p)
    peak_price = (1.0 - spot) * p["price"] + spot * fleet.terms.spot_price(p)
    if fleet.reserve is None:
        base = engine.best_commitment(counts, share, committed, peak_price)
    else:
        base = np.ceil(fleet.reserve * counts.max(axis=-1) - engine.ROUNDING)
    beyond = engine.beyond(counts, share, base)
    found = {
        "gpus_mean": base + beyond,
        "gpus_reserved": base,
        "gpus_on_demand_mean": beyond * (1.0 - spot),
        "gpus_spot_mean": beyond * spot,
        "reserve_share": base / counts.max(axis=-1),
        "breakeven_utilization_reserved": committed / peak_price,
        "usd_per_hour_fleet": base * committed + beyond * peak_price,
    }
    if cycle is not None:  # what is committed to is paid for, and stays on
        kept = base >= np.min(counts, axis=-1, initial=np.inf, where=counts > 0.0)
        found["cold_start_share"] = np.where(kept, 0.0, cycle.cold)
    return found


def starts(fleet: Fleet, p: ServingNumbers, served: Num) -> idle_engine.Cycle | None:
    """Who waits for a machine that is off: over the requests of the day; None where none ever is, or nobody asks."""
    if fleet.idle is None or fleet.day is not None or "cold_start" not in p:
        return None
    rates = np.asarray(fleet.rates(p))
    cycle = _cycle(fleet, p, np.asarray(p["requests"] / SECONDS_PER_DAY / fleet.regions)[..., None] * rates, served)
    weight = rates / rates.sum(axis=-1, keepdims=True)
    return idle_engine.Cycle(*((weight * of).sum(axis=-1) for of in cycle))


def _cycle(fleet: Fleet, p: ServingNumbers, hourly: Num, served: Num) -> idle_engine.Cycle:
    """The cycle of every hour, along the last axis."""
    assert fleet.idle is not None
    times = {key: np.asarray(named(p, key))[..., None] for key in idles.KEYS}
    return fleet.idle.cycle(hourly, serving_numbers(times), np.asarray(served)[..., None])


def curve(
    fleet: Fleet, kinds: Kinds, each: Num, load: Num, p: ServingNumbers, served: Num = 0.0
) -> tuple[Array, Array]:
    """Accelerators held through the day, and the share of the time of each count [-].

    An hour for which one replica is enough has two, where it may be off: with it and its spares, and without.
    """
    rates, share = fleet.held(p)
    hourly, up, off = np.asarray(each)[..., None] * rates, np.asarray(0.0), np.asarray(0.0)
    for _, gpus, seconds in kinds:
        capacity, size = np.asarray(gpus / seconds)[..., None], fleet.regions * np.asarray(gpus)[..., None]
        needed = engine.whole_replicas(hourly, capacity, np.asarray(load)[..., None], fleet.least)
        ready = np.where(needed > 0.0, needed + fleet.spares, 0.0)
        up, off = up + ready * size, off + np.where(needed > 1.0, ready, 0.0) * size
    if fleet.idle is None or "cold_start" not in p:
        return up, share
    paid = _cycle(fleet, p, hourly, served).paid
    return np.concatenate([up, off], axis=-1), np.concatenate([share * paid, share * (1.0 - paid)], axis=-1)


def hours(
    fleet: Fleet, kinds: Kinds, out: ServingFigures, p: ServingNumbers, bound: float, served: float
) -> list[dict[str, float]]:
    """The day, or the week, hour by hour: traffic, accelerators, load; empty where no shape was asked for."""
    if not fleet.peaked:
        return []
    demand, rates = p["requests"] / SECONDS_PER_DAY, np.asarray(fleet.rates(p))
    if fleet.follows or fleet.mixed:
        whole = fleet._replace(day=week.held(rates, float(math.ceil(fleet.reaction_hours))))
        counts, share = curve(whole, kinds, demand / fleet.regions, fleet.load(p, bound), p, served)
        counts = np.maximum(counts, out.get("gpus_reserved", 0.0))
        gpus = (counts * share * rates.size).reshape(-1, rates.size).sum(axis=0)
    else:
        gpus = np.full(rates.shape, float(out["gpus"]))
    busy = demand * rates * sum(float(seconds) for _, _, seconds in kinds)
    used = np.divide(busy, gpus, out=np.zeros(np.shape(gpus)), where=np.greater(gpus, 0.0))
    rows = zip(np.asarray(demand * rates), gpus, used, strict=True)
    return [
        {"hour": i, "requests_per_second": float(r), "gpus": float(g), "utilization": float(u)}
        for i, (r, g, u) in enumerate(rows)
    ]


def explain(question: Question, fleet: Fleet, c: ServingFigures, p: ServingNumbers) -> None:
    """The steps from the busiest hour to the fleet and its mean load."""
    if not fleet.peaked:
        return
    text = f"{p['requests']:,.0f} per day / 86,400 x peak {p['peak_to_average']:.3g}"
    question.step("busiest hour", text, float(c["requests_per_second_peak"]), "1/s", SOURCE)
    question.step("mean load", "busy time over time paid for", float(c["utilization"]), "share", SOURCE)
    if fleet.mixed:
        formula = f"{units.worded_money(fleet.terms.reserved_price(p))}/h committed over the hour by demand"
        question.step(
            "break-even utilisation of the base", formula, float(c["breakeven_utilization_reserved"]), "share", SOURCE
        )
