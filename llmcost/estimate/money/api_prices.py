"""Tokens bought from a provider: prices of the package genai-prices, from its bundled snapshot, without a network."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from llmcost import units
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.ledger import Origin
from llmcost.keys.buying import CACHE_LIVES
from llmcost.records import NamedTuple

# How the package names the tiers that a request may ask for: any one of these words.
TIERS: dict[str, tuple[dict[str, str], ...]] = {
    "standard": (),
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}
STANDARD = next(iter(TIERS))
WRITES = dict(zip(CACHE_LIVES, ("cache_write_mtok", "cache_write_1h_mtok"), strict=True))
STEPS = 48  # of a day: prices change on the half hour
# What may follow the name of a model without making it another one: a date or a version of the same model.
_VERSION = re.compile(r"[-@:]?(v?\d[\d.:-]*|latest)?")


class Prices(NamedTuple):
    """Prices of one model in one tier at one time [USD/Mtok], by what they are for, as the package has them."""

    prompt: Any
    output: Any
    cached: Any  # None: read at the price of any prompt
    written: Any  # by `CACHE_LIVES`
    per_request: float


class Model(NamedTuple):
    """A model that a provider sells by the token."""

    provider: Any
    model: Any

    @property
    def name(self) -> str:
        """`PROVIDER/MODEL`."""
        return f"{self.provider.id}/{self.model.id}"

    @property
    def page(self) -> str:
        """The provider's page of prices."""
        return str((self.provider.pricing_urls or [""])[0])

    def tiers(self, when: dt.datetime) -> list[str]:
        """The tiers that it is sold in at a time; what one sells for another has no more than the standard one."""
        if not any(self.model is own for own in self.provider.models):
            return [STANDARD]
        return [tier for tier, contexts in TIERS.items() if not contexts or _variant(self.model, contexts, when)]

    def prices(self, tier: str, when: dt.datetime) -> Prices | None:
        """What it costs in a tier at a time; None where it is not sold by tokens in and out."""
        found = self.model.get_prices(when, _variant(self.model, TIERS[tier], when))
        if found.input_mtok is None or found.output_mtok is None:
            return None
        written = [getattr(found, key, None) for key in WRITES.values()]
        fee = float(found.requests_kcount or 0) / 1000.0
        return Prices(found.input_mtok, found.output_mtok, found.cache_read_mtok, written, fee)

    def hourly(self, tier: str, day: dt.date) -> list[Prices | None]:
        """The same for every half hour of a day, UTC; one where all hours are alike."""
        if not _changes(self.model):
            return [self.prices(tier, _at(day, STEPS // 2))]
        return [self.prices(tier, _at(day, step)) for step in range(STEPS)]


class Quote(NamedTuple):
    """A model's prices as a request pays them, and where they are from."""

    name: str
    tariff: Any  # of `engine.money.tokens`, which a listing does without
    origin: Origin
    moves: bool  # with the hour
    context: int | None  # most tokens of a request


def quote(api: str, tier: str, as_of: dt.date, life: str = CACHE_LIVES[0], traffic: Sequence[float] = ()) -> Quote:
    """Prices of `PROVIDER/MODEL` in a tier on a day; those that change with the hour weighed by the `traffic` of it.

    `traffic` is of parts of a day from midnight UTC on; without it every hour counts alike.

    Raises
    ------
    LlmcostError
        No such provider, model or tier, a model that is not priced by the token, or a cache that it does not keep.
    """
    from llmcost.engine.money.tokens import through_the_day

    found = find(api)
    _need_tier(found, tier, _at(as_of, STEPS // 2))
    every = found.hourly(tier, as_of)
    priced = [one for one in every if one is not None]
    if len(priced) < len(every):
        what = found.model.get_prices(_at(as_of, STEPS // 2), None)
        raise LlmcostError(
            f"{api} is not priced by tokens in and out: {units.shown(str(what), 100)}", "llmcost presets list apis"
        )
    tariffs = [_tariff(found, one, life) for one in priced]
    moves = any(one != tariffs[0] for one in tariffs)
    shares = [traffic[step * len(traffic) // STEPS] for step in range(STEPS)] if traffic else [1.0] * STEPS
    tariff = through_the_day(tariffs, shares) if moves else tariffs[0]
    newest, _ = snapshot_dates(as_of)
    source = f"{snapshot_name()}: {found.page}".rstrip(": ")
    origin = Origin("package:genai-prices", source, newest.isoformat(), "third-party")
    return Quote(found.name, tariff, origin, moves, found.model.context_window)


def _tariff(model: Model, prices: Prices, life: str) -> Any:
    from llmcost.engine.money.tokens import Rate, Tariff

    def rate(price: Any) -> Rate:
        if hasattr(price, "tiers"):
            starts = tuple(float(t.start) for t in price.tiers)
            return Rate(float(price.base), starts, tuple(float(t.price) for t in price.tiers))
        return Rate(float(price))

    written = prices.written[CACHE_LIVES.index(life)]
    if written is None and life != CACHE_LIVES[0]:
        raise LlmcostError(
            f"{model.name} states no price of a cache kept for {life}", f"leave --cache-life out: {CACHE_LIVES[0]}"
        )
    cached = prices.prompt if prices.cached is None else prices.cached
    return Tariff(
        rate(prices.prompt), rate(cached), rate(prices.output), prices.per_request,
        None if written is None else rate(written),
    )  # fmt: skip


def _at(day: dt.date, step: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=step / STEPS)


def _changes(model: Any) -> bool:
    """Whether its prices depend on the hour."""
    rows = [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or [])]
    return any(hasattr(row.constraint, "start_time") for row in rows)


def _variant(model: Any, contexts: Sequence[dict[str, str]], when: dt.datetime) -> dict[str, str] | None:
    """The word by which a model is asked for in a tier at a time; None for the standard one, or where it has none."""
    for context in contexts:
        for variant in model.price_variants or []:
            if variant.when == context and (variant.constraint is None or variant.constraint.active(when)):
                return context
    return None


def _need_tier(found: Model, tier: str, when: dt.datetime) -> None:
    """Refuse a tier that the snapshot has no price for on that day."""
    has = found.tiers(when)
    if tier in has:
        return
    raise LlmcostError(
        f"{found.name} has no {tier} price in {snapshot_name()} on {when.date()}: it has {', '.join(has)}",
        "give the discount you were quoted: --api-discount 50%",
    )


def providers() -> dict[str, Any]:
    """Every provider of tokens, by its name."""
    from genai_prices.data_snapshot import get_snapshot

    return {provider.id: provider for provider in get_snapshot().providers}


def provider(name: str) -> Any:
    """A provider by its name.

    Raises
    ------
    LlmcostError
        No such provider, with the near ones.
    """
    every = providers()
    found = every.get(name.lower())
    if found is None:
        raise LlmcostError(
            f"unknown provider of tokens {units.shown(name)}", did_you_mean(name, every) or "llmcost presets list apis"
        )
    return found


def snapshot_name() -> str:
    """The package and its version."""
    from genai_prices import __version__

    return f"genai-prices {__version__}"


def snapshot_dates(as_of: dt.date) -> tuple[dt.date, int]:
    """The newest dated price of the snapshot up to a day, and its age on that day [d]."""
    every = (
        entry.constraint.start_date
        for provider in providers().values()
        for model in provider.models
        for entry in [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or [])]
        if hasattr(entry.constraint, "start_date") and entry.constraint.start_date <= as_of
    )
    newest = max(every, default=as_of)
    return newest, (as_of - newest).days


def find(api: str) -> Model:
    """The provider and model of a name; the package's own guesses at names are not taken.

    Raises
    ------
    LlmcostError
        No such provider or model, with the near ones.
    """
    name, slash, wanted = api.partition("/")
    every = providers()
    if not slash or not wanted:
        have = [f"{p.id}/{name}" for p in every.values() if p.find_model(name) is not None]
        near = f"did you mean {' or '.join(map(repr, have[:3]))}?" if have else "llmcost presets list apis"
        raise LlmcostError(f"{units.shown(api)} is not PROVIDER/MODEL", near)
    seller = provider(name)
    model = seller.find_model(wanted, all_providers=list(every.values()))
    if model is None or not _is_name_of(wanted.lower(), model):
        ids = [m.id for m in seller.models]
        raise LlmcostError(
            f"{seller.id} has no model {units.shown(wanted)} in {snapshot_name()}",
            did_you_mean(wanted, ids) or f"llmcost presets list apis {seller.id}",
        )
    return Model(seller, model)


def _is_name_of(wanted: str, model: Any) -> bool:
    """Whether a name is a model's own, or one of a version of it: `claude-sonnet-4-5-20250929`, not `...-typo`."""
    if wanted == model.id.lower():
        return True
    return any(
        wanted == text if kind == "equals" else wanted.startswith(text) and _VERSION.fullmatch(wanted[len(text) :])
        for kind, text in _spellings(model.match)
    )


def _spellings(match: Any) -> list[tuple[str, str]]:
    found = [(k, str(v).lower()) for k, v in vars(match).items() if k in ("equals", "starts_with")]
    for several in ("or_", "and_"):
        found += [spelling for clause in getattr(match, several, ()) for spelling in _spellings(clause)]
    return found
