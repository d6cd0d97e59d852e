"""llmcost: what a language model costs to train, to serve, and when serving overtakes training.

>>> import llmcost
>>> answer = llmcost.crossover(train_cost="150M", cost_per_request=0.05, requests="10M/day")
>>> answer["crossover_days"]
300.0

An answer is a table in a notebook; `to_dict`, `to_json`, `to_frame` and `save` give the rest.

Keys are the options of the command line with `_` for `-`; values are numbers in base units or text such as "15T".
Importing this package loads neither numpy nor the parser; the first question does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmcost.version import __version__

if TYPE_CHECKING:
    from llmcost.answer import Answer, Columns
    from llmcost.api import check, compare, crossover, fit, serve, sweep, train
    from llmcost.errors import LlmcostError
    from llmcost.result import Estimate

__all__ = [
    "Answer",
    "Columns",
    "Estimate",
    "LlmcostError",
    "__version__",
    "check",
    "compare",
    "crossover",
    "fit",
    "serve",
    "sweep",
    "train",
]

_HOMES = {
    "Answer": "llmcost.answer",
    "Columns": "llmcost.answer",
    "LlmcostError": "llmcost.errors",
    "Estimate": "llmcost.result",
}


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'llmcost' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "llmcost.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
