"""What an accelerator-hour costs: the median of provider medians, and the spread between providers.

The rule is in docs/method.md, prices. Quotes are dated; `--as-of` picks the newest up to a day.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.spread import Spread, quantiles
from llmcost.engine.numeric.spread import median as median_of
from llmcost.errors import LlmcostError, Missing
from llmcost.estimate.asking.ledger import UNPRICED, Number, Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.money import unpriced
from llmcost.keys import TRAIN

if TYPE_CHECKING:
    from llmcost.estimate.money.owning import Owned

ON_DEMAND, HYPERSCALER = "on-demand", "hyperscaler"
MIN_PROVIDERS = 3  # fewer quotes than this do not make a market
SUCCEEDED = 180  # days: a provider's older quotes of a term have a successor in its newer ones
STALE = 365  # days: who quotes nothing newer is not of the market of the others
CLUSTER, CLUSTER_TERM = 256, "1-year"  # accelerators that nobody rents by the hour, and the term that they go by
TAILS = (0.05, 0.95)


class NoQuote(LlmcostError):
    """Nobody quotes an accelerator on these terms."""


class Terms(NamedTuple):
    """What an accelerator-hour costs: the rate of a question, and what makes it where machines are owned.

    Rates of other terms are told over that on demand where a market sets all of them, and are None where they are
    given.
    """

    rate: Number = 0.0  # [USD/h]
    owned: Owned | None = None
    reserved: float | None = None
    spot: float | None = None
    small: float | None = None  # rates on demand and of a cluster, where the size of the fleet is to tell the term
    large: float | None = None

    @property
    def usd_per_hour(self) -> float:
        """The rate at its median."""
        return median_of(self.rate)

    def of_size(self, gpus: Num) -> Num | None:
        """The rate that a fleet of so many accelerators goes by [USD/h]; None where its size does not tell."""
        return None if self.small is None or self.large is None else np.where(is_cluster(gpus), self.large, self.small)

    def reserved_price(self, p: ServingNumbers) -> Num:
        """A committed hour, used or not [USD/h]."""
        return p["reserved_price"] if self.reserved is None else p["price"] * self.reserved

    def spot_price(self, p: ServingNumbers) -> Num:
        """A spot hour [USD/h]."""
        return p.get("spot_price", 0.0) if self.spot is None else p["price"] * self.spot


class Quote(NamedTuple):
    """A rate [USD per accelerator-hour], where it came from, and what to say about it."""

    rate: Number
    origin: Origin
    caveats: list[tuple[str, str, str]]


Table = dict[tuple[str, str], dict[str, list[spec.RentalPrice]]]  # (hardware, commitment) -> provider -> quotes


@lru_cache(maxsize=64)  # every alternative of a comparison asks again
def price_table(
    catalog: Catalog, as_of: dt.date | None, hardware: str | None = None, region: str | None = None
) -> Table:
    """Usable quotes by accelerator, commitment and provider: the newest of each product and region up to a day.

    Of one accelerator, or of all when the rule has to look at the whole market. A provider that quotes the region
    counts with its quotes there; the others with those they have.
    """
    table: Table = defaultdict(dict)
    for name in catalog.files("prices"):
        newest: dict[tuple[str, str, str, str], spec.RentalPrice] = {}
        for price in catalog.quotes(name, hardware):
            key = (price.hardware, price.commitment, price.product, price.region)
            late = as_of is not None and price.date > as_of
            if price.excluded or late or (key in newest and newest[key].date >= price.date):
                continue
            newest[key] = price
        for price in newest.values():
            table[price.hardware, price.commitment].setdefault(name, []).append(price)
    for by in table.values():
        for name, quotes in by.items():
            here = [q for q in quotes if f"{name}-{q.region}" == region] or quotes
            newest_day = max(q.date for q in here)
            by[name] = [q for q in here if (newest_day - q.date).days <= SUCCEEDED]
    return table


def _market(catalog: Catalog, table: Table, hardware: str, commitment: str, region: str | None) -> dict[str, float]:
    """Provider medians that make the market of an accelerator: clouds that rent accelerators, with quotes of the year.

    Hyperscalers count where a region of theirs was named, or where nobody else quotes.
    """
    every = table.get((hardware, commitment), {})
    asked = {name for name in every if region is not None and region.startswith(f"{name}-")}
    clouds = {n: qs for n, qs in every.items() if n in asked or catalog.tier(n) != HYPERSCALER} or every
    last = max((q.date for quotes in clouds.values() for q in quotes), default=dt.date.min)
    fresh = {n: qs for n, qs in clouds.items() if (last - max(q.date for q in qs)).days <= STALE}
    kept = fresh if len(fresh) >= MIN_PROVIDERS else clouds
    return {name: median(q.usd_per_hour for q in quotes) for name, quotes in kept.items()}


def rental_quote(
    catalog: Catalog, hardware: str, commitment: str, provider: str | None, as_of: dt.date | None,
    region: str | None = None,
) -> Quote:  # fmt: skip
    """The rate of an accelerator under a commitment.

    Raises
    ------
    LlmcostError
        Nobody quotes it (up to that day); the hint says how to give one.
    """
    table = price_table(catalog, as_of, hardware, region)
    if provider is not None:
        return _of_provider(table, hardware, commitment, provider)
    medians = _market(catalog, table, hardware, commitment, region)
    if len(medians) >= MIN_PROVIDERS:
        return _of_market(table, hardware, commitment, medians)
    table = price_table(catalog, as_of, None, region)
    if commitment == ON_DEMAND and medians:
        return _of_market(table, hardware, commitment, medians)
    base = _market(catalog, table, hardware, ON_DEMAND, region)
    discounts = _discounts(table, commitment)
    if not base or not discounts:
        raise NoQuote(
            f"no price known for {hardware} ({commitment}){f' up to {as_of}' if as_of else ''}",
            "--price 2.50/h",
        )
    market = _of_market(table, hardware, ON_DEMAND, base)
    discount = median(discounts)
    rate = market.rate if isinstance(market.rate, Spread) else Spread(market.rate, market.rate, market.rate)
    scaled = rate._replace(p5=rate.p5 * discount, p50=rate.p50 * discount, p95=rate.p95 * discount)
    source = (
        f"{market.origin.source}; x {discount:.3g}, median {commitment} over on-demand in {len(discounts)} price lists"
    )
    note = (
        "W021",
        f"fewer than {MIN_PROVIDERS} providers quote {hardware} {commitment}: on-demand x {discount:.2f} instead",
        "--price 2.50/h",
    )
    return Quote(scaled, market.origin._replace(source=source, confidence="assumed"), [*market.caveats, note])


def _of_provider(table: Table, hardware: str, commitment: str, provider: str) -> Quote:
    quotes = table.get((hardware, commitment), {}).get(provider)
    if not quotes:
        has = sorted(
            f"{h} {c}" for (h, c), by in table.items() if provider in by and (h == hardware or c == commitment)
        )
        offers = f"it has {', '.join(has[:6])}" if has else "it has neither"
        raise LlmcostError(
            f"provider {provider} quotes no {hardware} {commitment}: {offers}",
            f"{_who_else(table, hardware, commitment)}, or give --price 2.50/h",
        )
    rates = [q.usd_per_hour for q in quotes]
    mid = median(rates)
    rate: Number = Spread(min(rates), mid, max(rates)) if min(rates) < max(rates) else mid
    caveats = _dearer(table, hardware, commitment, mid, {provider})
    return Quote(rate, _origin(quotes, f"preset:prices/{provider}", f"{len(quotes)} quotes of {provider}"), caveats)


def _who_else(table: Table, hardware: str, commitment: str) -> str:
    others = sorted(table.get((hardware, commitment), {}))
    if not others:
        return "no provider has it: leave the provider out for a price estimated from other terms"
    return f"{', '.join(others[:6])}{' and others have' if others[6:] else ' has' if len(others) == 1 else ' have'} it"


def _of_market(table: Table, hardware: str, commitment: str, medians: dict[str, float]) -> Quote:
    rates = sorted(medians.values())
    mid = median(rates)
    quotes = [q for name in medians for q in table[hardware, commitment][name]]
    caveats = _dearer(table, hardware, commitment, mid, set(medians))
    if len(rates) >= MIN_PROVIDERS:
        low, high = quantiles(rates, TAILS)
        rate: Number = Spread(low, mid, high)
    else:
        low, high = _market_spread(table)
        rate = Spread(mid * low, mid, mid * high)
        few = "1 provider quotes" if len(rates) == 1 else f"{len(rates)} providers quote"
        caveats.append(
            ("W020", f"only {few} {hardware} {commitment}: its range is that of other accelerators", "--price 2.50/h")
        )
    origin = _origin(quotes, "preset:prices", f"median of {len(rates)} provider medians ({', '.join(sorted(medians))})")
    return Quote(rate, origin, caveats)


def _medians(table: Table, hardware: str, commitment: str) -> dict[str, float]:
    return {p: median(q.usd_per_hour for q in quotes) for p, quotes in table.get((hardware, commitment), {}).items()}


def _discounts(table: Table, commitment: str) -> list[float]:
    """Price of a term over on-demand, within one provider and accelerator."""
    found = []
    for hardware, term in sorted(table):
        if term == commitment:
            base = _medians(table, hardware, ON_DEMAND)
            found += [m / base[p] for p, m in _medians(table, hardware, commitment).items() if p in base]
    return found


def _market_spread(table: Table) -> tuple[float, float]:
    """5 % and 95 % quantiles of provider median over market median, over accelerators with a market."""
    ratios = []
    for hardware, term in sorted(table):
        medians = _medians(table, hardware, term)
        if term == ON_DEMAND and len(medians) >= MIN_PROVIDERS:
            mid = median(medians.values())
            ratios += [m / mid for m in medians.values()]
    if not ratios:
        return 0.5, 2.0
    low, high = quantiles(ratios, TAILS)
    return low, high


def _dearer(
    table: Table, hardware: str, commitment: str, rate: float, providers: set[str]
) -> list[tuple[str, str, str]]:
    """A commitment that costs more than on-demand is said."""
    base = [m for p, m in _medians(table, hardware, ON_DEMAND).items() if p in providers]
    if commitment == ON_DEMAND or not base or rate <= median(base):
        return []
    return [
        (
            "W022",
            f"{commitment} costs more than on-demand here (${rate:.2f}/h against ${median(base):.2f}/h)",
            "--commitment on-demand",
        )
    ]


def _origin(quotes: list[spec.RentalPrice], origin: str, text: str) -> Origin:
    dates = sorted(q.date for q in quotes)
    return Origin(origin, f"{text}, dated {dates[0]} to {dates[-1]}", dates[-1].isoformat(), "vendor")


def is_cluster(gpus: Num) -> Num:
    """Whether so many accelerators are a cluster."""
    return np.greater_equal(gpus, CLUSTER)


def read_terms(question: Question, hardware: str | None, gpus: float | None = None) -> Terms:
    """The rate of a question: given, or the rule's, with its caveats recorded; what owning costs where it is owned.

    `gpus` is the size of a fleet once it is known.

    Raises
    ------
    LlmcostError
        Neither a price nor an accelerator with one, or a mix of commitments for a load that does not change.
    """
    if question.owns:
        return _owned(question)
    mixed = _mixed(question)
    given = question.number("price")
    if given is not None:
        return Terms(given)
    if hardware is None:
        raise Missing(
            "missing --price or --hardware: the rate per accelerator-hour is not known",
            "--price 2.50/h, or --hardware h100-sxm",
        )
    commitment = ON_DEMAND if mixed else question.stated("commitment") or _usual_term(question, gpus)
    if not mixed and question.scenario.get("commitment", question.side) is None:
        origin = Origin("default", f"docs/method.md, prices: {CLUSTER} accelerators and more are rented as a cluster")
        question.record("commitment", commitment, Origin("default") if commitment == ON_DEMAND else origin)
    try:
        rate = quoted(question, hardware, commitment, "price")
    except NoQuote as error:
        rate = _unpriced(question, error)
    question.keep("price", rate)
    return _by_size(question, hardware, Terms(rate))


def _usual_term(question: Question, size: float | None) -> str:
    """The term that a job of this size goes by: clusters are reserved, anything less is rented by the hour."""
    said = question.scenario.peek("gpus", question.side)
    gpus = float(said.value) if said is not None and question.side == TRAIN else size or 0.0
    provider = question.scenario.peek("provider", question.side)
    return CLUSTER_TERM if provider is None and is_cluster(gpus) else ON_DEMAND


def _by_size(question: Question, hardware: str, terms: Terms) -> Terms:
    """The terms with both rates of a fleet whose size tells its term; one that follows its day is not committed to."""
    said = any(question.scenario.peek(key, question.side) is not None for key in ("commitment", "provider"))
    scaling = question.scenario.peek("scaling", question.side)
    if question.side == TRAIN or said or (scaling is not None and scaling.value == "autoscale") or not question.priced:
        return terms
    try:
        small, large = (median_of(_quote(question, hardware, term).rate) for term in (ON_DEMAND, CLUSTER_TERM))
    except NoQuote:
        return terms
    return terms._replace(small=small, large=large)


def _unpriced(question: Question, error: NoQuote) -> Number:
    """A stand-in for a rate that nobody quotes: a question that stands alone is answered without dollars.

    Raises
    ------
    NoQuote
        There is another side to set it against, or the prices of a day were asked for that has none.
    """
    if not question.alone or question.scenario.peek("as_of", question.side) is not None:
        raise error
    question.warn(UNPRICED, f"{error.message}: dollars are not given", error.hint)
    return unpriced.UNIT_RATE


def _owned(question: Question) -> Terms:
    from llmcost.estimate.money import owning as ownership

    question.stated("commitment")
    if question.scenario.peek("price", question.side) is not None:
        raise LlmcostError(
            f"--price and --commitment {question.stated('commitment')} are two answers to one question: give one",
            "what it cost to buy: --commitment owned --purchase-price 30k",
        )
    rate, owned = ownership.hour(question, "price")
    question.sample("price", rate, Origin("computed", ownership.SOURCE))
    return Terms(rate, owned)


def _mixed(question: Question) -> bool:
    """Whether base and peaks are rented on different terms."""
    setting = question.scenario.peek("commitment", question.side)
    if setting is None or setting.value != "mix":
        return False
    question.stated("commitment")
    if question.side == TRAIN:
        raise LlmcostError(
            "--commitment mix is for a load that changes through the day, and a training run is even",
            "commit to all of it: --commitment 1-year",
        )
    return True


def quoted(question: Question, hardware: str, commitment: str, name: str) -> Number:
    """The rate of a term, shown under a name with its caveats [USD/h]."""
    quote = _quote(question, hardware, commitment)
    usual = commitment == CLUSTER_TERM and question.scenario.peek("commitment", question.side) is None
    for code, message, hint in quote.caveats:
        if not (usual and code == "W021"):  # nobody asked for the term: that its price is a discount is in its source
            question.warn(code, message, hint)
    question.record(name, quote.rate, quote.origin, "USD/h")
    return quote.rate


def rents(question: Question, hardware: str) -> dict[str, float | None]:
    """The rate of each term [USD/h]; None where nobody quotes it."""
    found: dict[str, float | None] = {}
    for term in (ON_DEMAND, "1-year", "3-year"):
        try:
            found[term] = median_of(_quote(question, hardware, term).rate)
        except LlmcostError:
            found[term] = None
    return found


def _quote(question: Question, hardware: str, commitment: str) -> Quote:
    provider = question.preset("provider", spec.Provider)
    name, as_of = provider[1].name if provider else None, question.stated("as_of")
    return rental_quote(question.catalog, hardware, commitment, name, as_of, _region(question))


def _region(question: Question) -> str | None:
    """The region, where it may have quotes of its own; taking it here alone would change nothing."""
    setting = question.scenario.peek("region", question.side)
    return None if setting is None else question.catalog.find("regions", setting.value).name
