"""Traffic over time, training over time, and how prices move."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, Key

_HERE = (CROSSOVER,)

KEYS = (
    Key("growth", "growth", "Traffic over time", "compound growth of traffic: 10%/mo, 2x/y", _HERE, ranged=True),
    Key("added_requests", "per_day", "Traffic over time", "requests per day added every month (linear growth): 500k/day",
        _HERE, ranged=True),
    Key("ceiling", "per_day", "Traffic over time", "requests per day at which growth or adoption levels off: 100M/day",
        _HERE, ranged=True),
    Key("adoption_midpoint", "seconds", "Traffic over time",
        "launch to half of the ceiling, on a logistic curve from --requests to --ceiling: 12mo", _HERE, ranged=True),
    Key("traffic", "file", "Traffic over time",
        "traffic: a CSV file with columns date (or day) and requests (per day)", _HERE),
    Key("served", "count", "Traffic over time", "requests served before day 0: 2B", _HERE, ranged=True),
    Key("price_decline", "decline", "Time", "yearly fall of serving and re-training prices: 30%/y", _HERE, ranged=True),
    Key("efficiency_gain", "growth_per_year", "Time", "yearly rise in requests that the same machines serve: 40%/y",
        _HERE, ranged=True),
    Key("discount", "growth_per_year", "Time", "discount rate for future spend: 8%/y", _HERE, ranged=True),
    Key("payments", "payments", "Training over time",
        "when training is paid, shares at times from launch: 40%@-6mo,40%@0mo,20%@6mo", _HERE),
    Key("retrain_every", "seconds", "Training over time", "how often to train again: 12mo", _HERE, least=86_400.0),
    Key("retrain_cost", "ratio", "Training over time", "cost of each re-training, as a multiple of the first: 1x", _HERE,
        ranged=True),
    Key("refresh_every", "seconds", "Training over time", "how often to fine-tune again: 3mo", _HERE, least=86_400.0),
    Key("refresh_cost", "share", "Training over time", "cost of each fine-tuning, as a share of training: 1%", _HERE,
        ranged=True),
)  # fmt: skip
