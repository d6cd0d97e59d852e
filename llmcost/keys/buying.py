"""Tokens bought from a provider, in place of machines."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, SERVE, Key

API_TIERS = ("standard", "batch", "flex", "priority", "fast")
CACHE_LIVES = ("5min", "1h")
_SERVED = (SERVE, CROSSOVER)

KEYS = (
    Key("api", "text", "Bought tokens", "buy tokens from PROVIDER/MODEL (presets list apis): openai/gpt-4o", _SERVED),
    Key("api_tier", "choice", "Bought tokens", "service tier of bought tokens", _SERVED, choices=API_TIERS),
    Key("api_discount", "share", "Bought tokens", "committed-use discount on bought tokens: 15%", _SERVED,
        ranged=True, most=0.99),
    Key("cache_write", "share", "Bought tokens", "share of the uncached input tokens that the provider "
        "is to cache, at its price for that: 50%", _SERVED, ranged=True),
    Key("cache_life", "choice", "Bought tokens", "how long the provider keeps what it caches", _SERVED,
        choices=CACHE_LIVES),
)  # fmt: skip
