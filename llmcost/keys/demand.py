"""Traffic over time, training over time, and how prices move."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, Key

_HERE = (CROSSOVER,)

KEYS = (
    Key("growth", "growth", "Traffic over time", "compound growth of traffic: 10%/mo, 2x/y", _HERE, ranged=True),
    Key("added_requests", "per_day", "Traffic over time", "requests per day that every month adds (linear): 500k/day",
        _HERE, ranged=True),
    Key("ceiling", "per_day", "Traffic over time", "most requests per day, where growth or adoption ends: 100M/day",
        _HERE, ranged=True),
    Key("adoption_midpoint", "seconds", "Traffic over time",
        "launch to half of the ceiling, on a logistic curve from --requests to --ceiling: 12mo", _HERE, ranged=True),
    Key("traffic", "file", "Traffic over time",
        "traffic: a CSV file with columns date (or day) and requests (per day)", _HERE),
    Key("served", "count", "Traffic over time", "requests served before day 0: 2B", _HERE, ranged=True),
    Key("price_decline", "decline", "Time", "fall of serving and re-training prices: 30%/y", _HERE, ranged=True),
    Key("efficiency_gain", "growth_per_year", "Time", "requests served by the same machines, more each year: 40%/y",
        _HERE, ranged=True),
    Key("discount", "growth_per_year", "Time", "discount rate of later spend: 8%/y", _HERE, ranged=True),
    Key("payments", "payments", "Training over time",
        "when training is paid, shares at times from launch: 40%@-6mo,40%@0mo,20%@6mo", _HERE),
    Key("retrain_every", "seconds", "Training over time", "train again every so often: 12mo", _HERE, least=86_400.0),
    Key("retrain_cost", "ratio", "Training over time", "cost of training again over the first time: 1x", _HERE,
        ranged=True),
    Key("refresh_every", "seconds", "Training over time", "fine-tune again every so often: 3mo", _HERE, least=86_400.0),
    Key("refresh_cost", "share", "Training over time", "cost of a fine-tuning over that of training: 1%", _HERE,
        ranged=True),
)  # fmt: skip
