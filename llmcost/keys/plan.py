"""What a `[plan]` table may say: what users pay, what that includes, and how they use it."""

from __future__ import annotations

from llmcost.keys.fleet import USAGES
from llmcost.keys.key import SERVE, Key

_HERE = (SERVE,)

KEYS = (
    Key("name", "text", "Plan", "name of the plan in answers", _HERE),
    Key("price", "usd", "Plan", "subscription a user pays a month: 20", _HERE),
    Key("price_per_request", "usd_per_request", "Plan", "paid per request: 0.01", _HERE),
    Key("price_per_mtok_input", "usd_per_mtok", "Plan", "paid per million input tokens: 3/Mtok", _HERE),
    Key("price_per_mtok_output", "usd_per_mtok", "Plan", "paid per million output tokens: 15/Mtok", _HERE),
    Key("included", "per_day", "Plan", "requests that the subscription includes: 100/day", _HERE),
    Key("overage_price", "usd_per_request", "Plan", "paid per request beyond the included ones: 0.02", _HERE),
    Key("cap", "per_day", "Plan", "most requests of a user: 200/day", _HERE),
    Key("requests_per_user", "per_day", "Plan", "mean requests of a user who is not capped: 15/day", _HERE),
    Key("users", "count", "Plan", "users on this plan: 10M", _HERE),
    Key("usage", "choice", "Plan", "how usage is distributed over users", _HERE, choices=USAGES),
    Key("usage_spread", "ratio", "Plan", "lognormal: standard deviation of the logarithm", _HERE, least=0.01,
        most=5.0),
    Key("usage_tail", "ratio", "Plan", "Pareto: exponent", _HERE, least=1.01, most=100.0),
)  # fmt: skip
