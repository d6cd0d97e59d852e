"""`presets` of bought tokens: who sells them, what each model costs, and when that is from."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llmcost import units
from llmcost.estimate.money import api_prices

KIND = "apis"
Rows = list[dict[str, Any]]


def listing(day: dt.date, provider: str | None) -> tuple[str, Rows]:
    """Every provider, or every model of one with its price [USD/Mtok]: a sentence and its rows.

    Raises
    ------
    LlmcostError
        No such provider.
    """
    newest, age = api_prices.snapshot_dates(day)
    held = f"{api_prices.snapshot_name()}, newest price {newest}, {age} days old"
    if provider is None:
        found: Rows = [
            {"name": name, "title": one.name, "models": len(one.models), "source": (one.pricing_urls or [""])[0]}
            for name, one in sorted(api_prices.providers().items())
        ]
        total = sum(row["models"] for row in found)
        return f"{len(found)} providers of tokens with {total} models ({held}); llmcost presets list apis NAME.", found
    seller = api_prices.provider(provider)
    models = [api_prices.Model(seller, model) for model in seller.models]
    rows = [row for model in models for row in _rows(model, day, ("standard",))[:1]]
    return f"{units.several(len(rows), 'model')} of {seller.id} ({held}); standard tier.", rows


def show(day: dt.date, name: str) -> tuple[str, Rows]:
    """Every price of a model: by tier, by length of the prompt, by hour.

    Raises
    ------
    LlmcostError
        No such provider or model.
    """
    model = api_prices.find(name)
    comment = str(model.model.price_comments or "").strip()
    head = f"{model.name}: {model.model.name} ({api_prices.snapshot_name()})."
    return f"{head} {comment}".strip(), _rows(model, day, tuple(api_prices.TIERS))


def _rows(model: api_prices.Model, day: dt.date, tiers: tuple[str, ...]) -> Rows:
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    return [
        row
        for tier in model.tiers(noon)
        if tier in tiers
        for hours, prices in _by_hours(model.hourly(tier, day))
        for row in _by_length(model, tier, hours, prices)
    ]


def _by_hours(every: list[api_prices.Prices | None]) -> list[tuple[str, api_prices.Prices]]:
    """Prices with the hours (UTC) in which they hold; no hours where all are alike."""
    first = every[0]
    if len(every) == 1:
        return [] if first is None else [("", first)]
    kinds = [one for i, one in enumerate(every) if one is not None and one not in every[:i]]
    return [(_spans([i for i, one in enumerate(every) if one == kind]), kind) for kind in kinds]


def _spans(steps: list[int]) -> str:
    """Half hours as spans of a day.

    >>> _spans([1, 2, 3, 8])
    '00:30-02:00, 04:00-04:30'
    """
    starts = [i for i in steps if i - 1 not in steps]
    ends = [i + 1 for i in steps if i + 1 not in steps]
    return ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in zip(starts, ends, strict=True))


def _clock(step: int) -> str:
    minutes = step * 24 * 60 // api_prices.STEPS
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _by_length(model: api_prices.Model, tier: str, hours: str, prices: api_prices.Prices) -> Rows:
    """A row for every length of a prompt from which prices step."""
    tiered = [p for p in (prices.prompt, prices.output, prices.cached, *prices.written) if hasattr(p, "tiers")]
    starts = sorted({float(t.start) for p in tiered for t in p.tiers})
    return [
        {
            "name": model.name, "tier": tier, "prompt_over": start or None, "hours": hours or None,
            "usd_per_mtok_input": _at(prices.prompt, start), "usd_per_mtok_cached_input": _at(prices.cached, start),
            "usd_per_mtok_cache_write": _at(prices.written[0], start),
            "usd_per_mtok_cache_write_1h": _at(prices.written[1], start),
            "usd_per_mtok_output": _at(prices.output, start), "usd_per_request": prices.per_request or None,
            "context": model.model.context_window, "source": model.page,
        }
        for start in (0.0, *starts)
    ]  # fmt: skip


def _at(price: Any, start: float) -> float | None:
    """The price of a prompt that is longer than a start."""
    if price is None:
        return None
    if not hasattr(price, "tiers"):
        return float(price)
    return float(next((t.price for t in reversed(price.tiers) if start >= float(t.start)), price.base))
