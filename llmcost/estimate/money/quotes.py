"""What is quoted for an accelerator-hour: the median of provider medians, and the spread between providers.

The rule is in docs/method.md, prices. Quotes are dated; `--as-of` picks the newest up to a day.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import Spread, quantiles
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Number, Origin
from llmcost.records import NamedTuple

ON_DEMAND, HYPERSCALER = "on-demand", "hyperscaler"
MIN_PROVIDERS = 3  # fewer quotes than this do not make a market
SUCCEEDED = 180  # days: a provider's older quotes of a term have a successor in its newer ones
STALE = 365  # days: who quotes nothing newer is not of the market of the others
TAILS = (0.05, 0.95)


class NoQuote(LlmcostError):
    """Nobody quotes an accelerator on these terms."""


class Quote(NamedTuple):
    """A rate [USD per accelerator-hour], where it came from, and what to say about it."""

    rate: Number
    origin: Origin
    caveats: list[tuple[str, str, str]]


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
    if commitment == ON_DEMAND and medians:
        return _of_market(price_table(catalog, as_of, None, region), hardware, commitment, medians)
    base = _market(catalog, table, hardware, ON_DEMAND, region)
    discounts = _discounts(price_table(catalog, as_of, None, region, commitment), commitment)
    if not base or not discounts:
        raise NoQuote(
            f"no price is known for {hardware} ({commitment}){f' up to {as_of}' if as_of else ''}",
            "--price 2.50/h",
        )
    wide = table if len(base) >= MIN_PROVIDERS else price_table(catalog, as_of, None, region)
    market = _of_market(wide, hardware, ON_DEMAND, base)
    discount = _median(discounts)
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
        raise NoQuote(
            f"provider {provider} quotes no {hardware} {commitment}: {offers}",
            f"{_who_else(table, hardware, commitment)}, or give --price 2.50/h",
        )
    rates = [q.usd_per_hour for q in quotes]
    mid = _median(rates)
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
    mid = _median(rates)
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
    return {p: _median(q.usd_per_hour for q in quotes) for p, quotes in table.get((hardware, commitment), {}).items()}


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
            mid = _median(medians.values())
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
