"""The day of the crossover over a grid of training costs and traffic, as CSV."""

from __future__ import annotations

import csv
import sys

import llmcost

writer = csv.writer(sys.stdout)
writer.writerow(["train_cost", "requests_per_day", "crossover_days"])
for train_cost in ("50M", "150M", "450M"):
    for requests in ("1M/day", "10M/day"):
        answer = llmcost.crossover(train_cost=train_cost, cost_per_request=0.05, requests=requests, horizon="20y")
        writer.writerow([train_cost, requests, answer["crossover_days"]])
