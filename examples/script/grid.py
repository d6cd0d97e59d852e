"""The day of the crossover over a grid of training costs and traffic, as CSV."""

from __future__ import annotations

import csv
import sys

import llmcost

found = llmcost.sweep(
    engine="crossover",
    cost_per_request=0.05,
    horizon="20y",
    vary={"train_cost": ["50M", "150M", "450M"], "requests": ["1M/day", "10M/day"]},
    columns=["crossover_days"],
)
writer = csv.writer(sys.stdout)
shown = ["train_cost", "requests", "crossover_days"]
writer.writerow(shown)
writer.writerows(zip(*(found[name] for name in shown), strict=True))
