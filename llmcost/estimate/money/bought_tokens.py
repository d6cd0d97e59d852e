"""Tokens bought from a provider: prices of the package genai-prices, from its bundled snapshot, without a network."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, NamedTuple

from llmcost import units
from llmcost.catalog import presets_date
from llmcost.engine.money import tokens as engine
from llmcost.engine.money.tokens import Rate, Tariff
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers

STANDARD = "standard"
LATENCIES = ("ttft", "tpot", "ttft_p95")
# How the package names the tiers that a request may ask for.
CONTEXTS = {
    "batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}, "priority": {"service_tier": "priority"},
}  # fmt: skip
# What may follow the name of a model without making it another one: a date or a version of the same model.
_VERSION = re.compile(r"[-@:]?(v?\d[\d.:-]*|latest)?")


class Bought(NamedTuple):
    """A question whose tokens are bought, with its values read."""

    question: Question
    name: str
    tariff: Tariff
    requests: bool
    fleet_gpus: int | None = None  # nobody counts them

    def figures(self, p: ServingNumbers) -> ServingFigures:
        """Costs of bought tokens, by the names of `serve`."""
        less = 1.0 - p.get("api_discount", 0.0)
        tariff, isl = self.tariff, p["isl"]
        cost = engine.usd_per_request(tariff, isl, p["osl"], p["cache_hit"], p.get("api_discount", 0.0))
        out: ServingFigures = {
            "usd_per_request": cost,
            "usd_per_mtok_input": less * tariff.prompt.at(isl),
            "usd_per_mtok_cached_input": less * tariff.cached.at(isl),
            "usd_per_mtok_output": less * tariff.output.at(isl),
            "usd_per_mtok_blended": cost / (isl + p["osl"]) * 1e6,
        }
        if self.requests:
            out["usd_per_day"] = cost * p["requests"]
            out["usd_per_month"] = out["usd_per_day"] * DAYS_PER_MONTH
        return out

    def flops(self, p: ServingNumbers) -> None:
        """Not known: a provider tells no size."""


class Quote(NamedTuple):
    """A model's prices, and where they are from."""

    name: str
    tariff: Tariff
    origin: Origin


def read_bought(question: Question) -> Bought:
    """Read lengths, traffic and prices.

    Raises
    ------
    LlmcostError
        Unknown provider, model or tier (with the near ones), or lengths that are missing.
    """
    for key in ("isl", "osl"):
        if question.number(key) is None:
            raise question.need(key, "tokens are bought by number")
    if question.number("cache_hit") is None:
        question.sample("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    question.number("api_discount")
    tier = str(question.stated("api_tier") or STANDARD)
    as_of = question.stated("as_of") or dt.date.fromisoformat(presets_date(question.catalog))
    found = quote(str(question.stated("api")), tier, as_of)
    for name, rate in zip(("input", "cached_input", "output"), found.tariff[:3], strict=True):
        question.record(f"api_{name}_price", rate.base, found.origin, "USD/Mtok")
    newest, age = snapshot_dates(as_of)
    held = f"{snapshot_name()}, newest price {newest}, {age} days old"
    question.record("api_prices", held, found.origin)
    if question.scenario.has(*LATENCIES):
        question.warn("W080", f"latency of {found.name} is not known: the targets are not checked against it")
    return Bought(question, found.name, found.tariff, question.number("requests") is not None)


def quote(api: str, tier: str, as_of: dt.date) -> Quote:
    """Prices of `PROVIDER/MODEL` in a tier on a day.

    Raises
    ------
    LlmcostError
        No such provider, model or tier, or a model that is not priced by the token.
    """
    provider, model = _find(api)
    when = dt.datetime.combine(as_of, dt.time(12), dt.UTC)
    context = CONTEXTS.get(tier)
    if context is not None:
        _need_tier(provider, model, tier, when)
    found = model.get_prices(when, context)
    if found.input_mtok is None or found.output_mtok is None:
        raise LlmcostError(f"{api} is not priced by tokens in and out: {units.shown(str(found), 100)}")
    fee = float(found.requests_kcount or 0) / 1000.0
    cached = found.cache_read_mtok if found.cache_read_mtok is not None else found.input_mtok
    tariff = Tariff(_rate(found.input_mtok), _rate(cached), _rate(found.output_mtok), fee)
    page = (provider.pricing_urls or [""])[0]
    newest, _ = snapshot_dates(as_of)
    origin = Origin(
        "package:genai-prices", f"{snapshot_name()}: {page}".rstrip(": "), newest.isoformat(), "third-party"
    )
    return Quote(f"{provider.id}/{model.id}", tariff, origin)


def snapshot_name() -> str:
    """The package and its version."""
    from genai_prices import __version__

    return f"genai-prices {__version__}"


def snapshot_dates(as_of: dt.date) -> tuple[dt.date, int]:
    """The newest dated price of the snapshot up to a day, and its age on that day [d]."""
    every = (
        entry.constraint.start_date
        for provider in _providers()
        for model in provider.models
        for entry in [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or [])]
        if hasattr(entry.constraint, "start_date") and entry.constraint.start_date <= as_of
    )
    newest = max(every, default=as_of)
    return newest, (as_of - newest).days


def _providers() -> list[Any]:
    from genai_prices.data_snapshot import get_snapshot

    return list(get_snapshot().providers)


def _find(api: str) -> tuple[Any, Any]:
    """The provider and model of a name; the package's own guesses at names are not taken."""
    name, slash, wanted = api.partition("/")
    every = {p.id: p for p in _providers()}
    if not slash or not wanted:
        have = [f"{p.id}/{name}" for p in every.values() if p.find_model(name) is not None]
        near = f"did you mean {' or '.join(map(repr, have[:3]))}?" if have else "--against api:openai/gpt-4o"
        raise LlmcostError(f"{units.shown(api)} is not PROVIDER/MODEL", near)
    provider = every.get(name.lower())
    if provider is None:
        raise LlmcostError(
            f"unknown provider of tokens {units.shown(name)}", did_you_mean(name, every) or f"one of {', '.join(every)}"
        )
    model = provider.find_model(wanted, all_providers=list(every.values()))
    if model is None or not _is_name_of(wanted.lower(), model):
        ids = [m.id for m in provider.models]
        raise LlmcostError(
            f"{provider.id} has no model {units.shown(wanted)} in {snapshot_name()}",
            did_you_mean(wanted, ids) or f"it has {', '.join(ids[:8])}, ...",
        )
    return provider, model


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


def _need_tier(provider: Any, model: Any, tier: str, when: dt.datetime) -> None:
    """Refuse a tier that the snapshot has no price for on that day."""
    has = [
        name
        for name, asked in CONTEXTS.items()
        for variant in (model.price_variants or [])
        if variant.when == asked and (variant.constraint is None or variant.constraint.active(when))
    ]
    if tier in has and any(model is m for m in provider.models):
        return
    offers = f"it has {', '.join([STANDARD, *dict.fromkeys(has)])}"
    raise LlmcostError(
        f"{provider.id}/{model.id} has no {tier} price in {snapshot_name()} on {when.date()}: {offers}",
        "give the discount you were quoted: --api-discount 50%",
    )


def _rate(price: Any) -> Rate:
    if hasattr(price, "tiers"):
        starts = tuple(float(t.start) for t in price.tiers)
        return Rate(float(price.base), starts, tuple(float(t.price) for t in price.tiers))
    return Rate(float(price))
