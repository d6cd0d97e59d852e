"""What is quoted for an accelerator-hour: the median of provider medians, and the spread between providers.

The rule is in docs/method.md, prices. Quotes are dated; `--as-of` picks the newest up to a day.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.money.renting import range_of_quotes
from llmcost.engine.numeric.spread import Spread, product
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Number, Origin
from llmcost.records import NamedTuple

ON_DEMAND, HYPERSCALER = "on-demand", "hyperscaler"
MIN_PROVIDERS = 3  # fewer quotes than this do not make a market
SUCCEEDED = 180  # days: a provider's older quotes of a term have a successor in its newer ones
PRICES, DISCOUNTS = "price_log_spread", "discount_log_spread"  # of defaults.toml: what is usual among quotes
STALE = 365  # days: who quotes nothing newer is not of the market of the others


class NoQuote(LlmcostError):
    """Nobody quotes an accelerator on these terms."""


class Quote(NamedTuple):
    """A rate [USD per accelerator-hour], where it came from, and what to say about it."""

    rate: Number
    origin: Origin
    caveats: tuple[tuple[str, str, str], ...]


Table = dict[tuple[str, str], dict[str, list[spec.RentalPrice]]]  # (hardware, commitment) -> provider -> quotes


@lru_cache(maxsize=64)  # every alternative of a comparison asks again
def price_table(
    catalog: Catalog, as_of: dt.date | None, hardware: str | None = None, region: str | None = None, term: str = ""
) -> Table:
    """Usable quotes by accelerator, commitment and provider: the newest of each product and region up to a day.

    Of one accelerator, or of all when the rule has to look at the whole market; with a term, of those who quote it, on
    demand and on that term. A provider that quotes the region counts with its quotes there; the others with those they
    have.
    """
    table: Table = defaultdict(dict)
    terms = (ON_DEMAND, term) if term else ()
    for name in catalog.names("prices"):
        if term and not catalog.quotes(name, hardware, (term,)):
            continue
        newest: dict[tuple[str, str, str, str], spec.RentalPrice] = {}
        for price in catalog.quotes(name, hardware, terms):
            key = (price.hardware, price.commitment, price.product, price.region)
            stood = _standing(price, as_of)
            if stood is not None and (key not in newest or newest[key].date < stood.date):
                newest[key] = stood
        for price in newest.values():
            table[price.hardware, price.commitment].setdefault(name, []).append(price)
    for by in table.values():
        for name, quotes in by.items():
            here = [q for q in quotes if f"{name}-{q.region}" == region] or quotes
            newest_day = max(q.date for q in here)
            by[name] = [q for q in here if (newest_day - q.date).days <= SUCCEEDED]
    return table


def _standing(price: spec.RentalPrice, as_of: dt.date | None) -> spec.RentalPrice | None:
    """A quote as it stood on a day, dated the last time until then that it was seen; None where it counts no more.

    What ended counts in questions of its time, and for as long after it as a provider's last quotes count in a market.
    """
    if price.excluded or (as_of is not None and price.date > as_of):
        return None
    if price.until is None:
        return price
    if as_of is None or (as_of - price.until).days > STALE:
        return None
    return msgspec.structs.replace(price, date=min(price.until, as_of))


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


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
    return {name: _median(q.usd_per_hour for q in quotes) for name, quotes in kept.items()}


@lru_cache(maxsize=512)  # questions that differ in something else ask for the same rate again and again
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
    if len(medians) >= MIN_PROVIDERS or (commitment == ON_DEMAND and medians):
        return _of_market(catalog, table, hardware, commitment, medians)
    base = _market(catalog, table, hardware, ON_DEMAND, region)
    if base and base.keys() <= medians.keys():
        return _of_market(catalog, table, hardware, commitment, {name: medians[name] for name in base})
    discounts = _discounts(price_table(catalog, as_of, None, region, commitment), commitment)
    if base and discounts:
        market = _of_market(catalog, table, hardware, ON_DEMAND, base)
        return _discounted(catalog, hardware, market, base, medians, discounts)
    every = (price for name in catalog.names("prices") for price in catalog.quotes(name, hardware))
    first = min((price.date for price in every if not price.excluded), default=None)
    early = as_of is not None and first is not None and as_of < first
    raise NoQuote(
        f"no price is known for {hardware} ({commitment}){f' up to {as_of}' if as_of else ''}",
        f"the first quote known is of {first}: --as-of {first}" if early else "--price 2.50/h",
    )


def _discounted(
    catalog: Catalog, hardware: str, market: Quote, base: dict[str, float], quoted: dict[str, float],
    discounts: list[float],
) -> Quote:  # fmt: skip
    """The rate of a term that not all of a market quote: the others at what they ask on demand, less the discount."""
    discount, some = _median(discounts), len(base.keys() & quoted.keys())
    rates = sorted(quoted.get(name, rate * discount) for name, rate in base.items())
    rate = product(_range(catalog, rates, _median(rates), PRICES), _range(catalog, discounts, 1.0, DISCOUNTS))
    times = f"x {discount:.3g}, median over on-demand in {len(discounts)} price lists of the term"
    who = f"{some} of {len(base)} providers of {hardware} quote" if some else f"no provider of {hardware} quotes"
    note = f"{who} that term: on-demand x {discount:.2f} {'for the others' if some else 'instead'}"
    origin = market.origin._replace(source=f"{market.origin.source}; {times}", confidence="assumed")
    return Quote(rate, origin, (*market.caveats, ("W021", note, "--price 2.50/h")))


def _of_provider(table: Table, hardware: str, commitment: str, provider: str) -> Quote:
    quotes = table.get((hardware, commitment), {}).get(provider)
    if not quotes:
        has = sorted(
            f"{h} {c}" for (h, c), by in table.items() if provider in by and (h == hardware or c == commitment)
        )
        offers = f"it has {', '.join(has[:6])}" if has else "it has neither"
        raise NoQuote(
            f"provider {provider} quotes no {hardware} {commitment}: {offers}",
            f"{_who_else(table, hardware, commitment)}, or give --price 2.50/h",
        )
    rates = [q.usd_per_hour for q in quotes]
    mid = _median(rates)
    rate: Number = Spread(min(rates), mid, max(rates)) if min(rates) < max(rates) else mid
    caveats = _dearer(table, hardware, commitment, mid, {provider})
    return Quote(
        rate, _origin(quotes, f"preset:prices/{provider}", f"{len(quotes)} quotes of {provider}"), tuple(caveats)
    )


def _who_else(table: Table, hardware: str, commitment: str) -> str:
    others = sorted(table.get((hardware, commitment), {}))
    if not others:
        return "no provider has it: leave the provider out for a price estimated from other terms"
    return f"{', '.join(others[:6])}{' and others have' if others[6:] else ' has' if len(others) == 1 else ' have'} it"


def _of_market(catalog: Catalog, table: Table, hardware: str, commitment: str, medians: dict[str, float]) -> Quote:
    rates = sorted(medians.values())
    mid = _median(rates)
    quotes = [q for name in medians for q in table[hardware, commitment][name]]
    caveats = _dearer(table, hardware, commitment, mid, set(medians))
    if len(rates) < MIN_PROVIDERS:
        few = "1 provider quotes" if len(rates) == 1 else f"{len(rates)} providers quote"
        caveats.append(
            ("W020", f"only {few} {hardware} {commitment}: its range is that of other accelerators", "--price 2.50/h")
        )
    origin = _origin(quotes, "preset:prices", f"median of {len(rates)} provider medians ({', '.join(sorted(medians))})")
    return Quote(_range(catalog, rates, mid, PRICES), origin, tuple(caveats))


def _range(catalog: Catalog, rates: list[float], middle: float, usual: str) -> Spread:
    """What one more provider would ask, or give off, from what some do and from how far apart they usually are."""
    known = {row["name"]: float(row["value"]) for row in catalog.factors("defaults")}
    low, high = range_of_quotes(rates, middle, known[usual], known["quote_weight"])
    return Spread(low, middle, high)


def _medians(table: Table, hardware: str, commitment: str) -> dict[str, float]:
    return {p: _median(q.usd_per_hour for q in quotes) for p, quotes in table.get((hardware, commitment), {}).items()}


def _discounts(table: Table, commitment: str) -> list[float]:
    """Price of a term over on-demand, within one provider and accelerator."""
    found = []
    for hardware, term in sorted(table):
        if term == commitment:
            base = _medians(table, hardware, ON_DEMAND)
            found += [m / base[p] for p, m in _medians(table, hardware, commitment).items() if p in base]
    return found


def _dearer(
    table: Table, hardware: str, commitment: str, rate: float, providers: set[str]
) -> list[tuple[str, str, str]]:
    """A commitment that costs more than on-demand is said."""
    base = [m for p, m in _medians(table, hardware, ON_DEMAND).items() if p in providers]
    if commitment == ON_DEMAND or not base or rate <= _median(base):
        return []
    return [
        (
            "W022",
            f"{commitment} costs more than on-demand here (${rate:.2f}/h against ${_median(base):.2f}/h)",
            "--commitment on-demand",
        )
    ]


def _origin(quotes: list[spec.RentalPrice], origin: str, text: str) -> Origin:
    dates = sorted(q.date for q in quotes)
    return Origin(origin, f"{text}, dated {dates[0]} to {dates[-1]}", dates[-1].isoformat(), "vendor")
