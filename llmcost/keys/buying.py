"""Tokens bought from a provider, in place of machines."""

from __future__ import annotations

from llmcost.keys.key import COMPARE, Key

API_TIERS = ("standard", "batch", "flex", "priority")

KEYS = (
    Key("api", "text", "Bought tokens", "buy tokens from PROVIDER/MODEL: openai/gpt-4o", (COMPARE,)),
    Key("api_tier", "choice", "Bought tokens", "service tier of bought tokens", (COMPARE,), choices=API_TIERS),
    Key("api_discount", "share", "Bought tokens", "committed-use discount on bought tokens: 15%", (COMPARE,),
        ranged=True, most=0.99),
)  # fmt: skip
