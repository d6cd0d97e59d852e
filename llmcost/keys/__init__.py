"""Every key a user may say, by topic.

One table serves the options of every command, scenario files, `--vary`, `--solve`, the Python API and the glossary:
the option `--cache-hit` is the TOML key `cache_hit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from llmcost.dtypes import SPELLINGS
from llmcost.keys import (
    actuals,
    buying,
    demand,
    fleet,
    memory,
    methods,
    money,
    serving,
    subject,
    techniques,
    time,
    training,
    what_if,
)
from llmcost.keys.key import BOTH, COMPARE, CROSSOVER, FIT, SERVE, SWEEP, TRAIN, Key

__all__ = [
    "BOTH",
    "COMPARE",
    "CROSSOVER",
    "ELSEWHERE",
    "FIT",
    "KEYS",
    "NOTES",
    "SERVE",
    "SIDES",
    "SWEEP",
    "TABLES",
    "TRAIN",
    "Key",
    "all_keys",
]

TOPICS = (subject, what_if, training, serving, memory, techniques, fleet, demand, buying, money, time, actuals)
KEYS: dict[str, Key] = {k.name: k for topic in TOPICS for k in topic.KEYS}
SIDES = (TRAIN, SERVE)
NOTES = ("title", "description", "sources", "aliases")  # what a file may say about itself
ELSEWHERE = {  # choices by what others call them
    **methods.SPELLINGS,
    "reserved": "1-year", "committed": "1-year", "ondemand": "on-demand", "on_demand": "on-demand",
    "preemptible": "spot", "own": "owned", "buy": "owned",
    **SPELLINGS,
}  # fmt: skip
TABLES = ("alternative", "budget", "plan")  # read by other parts of the tool


@cache
def all_keys() -> Mapping[str, Key]:
    """Every key, with the `train_` and `serve_` forms of the sided ones."""
    keys = dict(KEYS)
    for key in KEYS.values():
        if key.sided:
            for side in SIDES:
                keys[f"{side}_{key.name}"] = key._replace(
                    name=f"{side}_{key.name}",
                    help=f"{key.help} (the {side} side only)",
                    commands=(CROSSOVER,),
                    short="",
                )
    return MappingProxyType(keys)
