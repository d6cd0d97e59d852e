"""How far to look, and how sure to be."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, Key

KEYS = (
    Key("horizon", "seconds", "Time", "how far ahead to look: 10y", (CROSSOVER,)),
    Key("start", "date", "Time", "launch day: 2027-01-01", (CROSSOVER,)),
    Key("samples", "whole", "Uncertainty", "number of samples behind the ranges: 10000", most=1_000_000),
    Key("seed", "whole", "Uncertainty", "seed of the samples: same seed, same bytes"),
)  # fmt: skip
