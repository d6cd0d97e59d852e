"""Where the answers come from: a cost that is given, tokens that are bought, or machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmcost.errors import one_of
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.serving.service import Priced, read_given
from llmcost.keys import KEYS
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario

if TYPE_CHECKING:
    from llmcost.estimate.serving.hosted import Hosted


class Supply(NamedTuple):
    """A way to get answers that somebody else runs, and the key that asks for it."""

    key: str
    read: Callable[[Question], Priced | None]


def _read_bought(question: Question) -> Priced:
    from llmcost.estimate.serving.bought import read_bought

    return read_bought(question)


# Adding one: a module that reads it, its keys in `keys/buying.py`, and a row here.
SUPPLIES = (Supply("cost_per_request", read_given), Supply("api", _read_bought))


def read_supply(question: Question, days: Any = None) -> Priced | Hosted | NoFit:
    """What answers the requests: given, bought, or hosted for the traffic of `days` over that at launch.

    Raises
    ------
    LlmcostError
        Two supplies said in one place, or whatever either refuses.
    """
    asked = supply(question.scenario)
    found = read_given(question) if asked is None else asked.read(question)
    if found:
        return found
    from llmcost.estimate.serving.plan import read_service

    return read_service(question, days)


def supply(scenario: Scenario) -> Supply | None:
    """The supply that was asked for last; None where machines, or the energy of a request, are all that was said.

    Raises
    ------
    LlmcostError
        Two supplies said in one place.
    """
    for layer in scenario.layers:
        found = [one for one in SUPPLIES if one.key in layer]
        if len(found) > 1:
            raise one_of(*(KEYS[one.key].option for one in reversed(found)))
        if found:
            return found[0]
    return None
