"""What techniques do beside the model: who answers in its place, and what is paid for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from llmcost.engine.numeric.kinds import Num
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.money.charge import Charge
from llmcost.estimate.serving.techniques.keys import factor

Given = Mapping[str, Any]


class Effect(NamedTuple):
    """One of them, as shares of the requests that reach it: those that the effects before it did not answer.

    It `answers` a share, which goes no further, and is paid for a share `used`, by the request and by the input token.
    What it answers is `sent` from the data centre, unless a device has it already. One that is `of_all` counts every
    request, whoever answers it.
    """

    row: str  # of the bill of a month
    unit: str
    answers: float = 0.0
    used: float = 1.0
    usd: float = 0.0
    usd_per_token: float = 0.0  # of input
    by_input: bool = False  # part of the price of tokens
    sent: bool = True
    of_all: bool = False

    def price(self, p: ServingNumbers) -> Num:
        """What one use costs [USD]."""
        return self.usd + self.usd_per_token * p["isl"] if self.usd_per_token else self.usd


def reach(effects: Iterable[Effect]) -> float:
    """Share of requests that none of them answers."""
    return math.prod(1.0 - effect.answers for effect in effects)


def reached(effects: tuple[Effect, ...]) -> list[tuple[float, Effect]]:
    """Each with the share of all requests that reach it."""
    return [(1.0 if one.of_all else reach(effects[:i]), one) for i, one in enumerate(effects)]


def sent(effects: tuple[Effect, ...]) -> float:
    """Share of requests whose answer leaves the data centre."""
    return 1.0 - sum(share * one.answers for share, one in reached(effects) if not one.sent)


def usd_per_request(effects: tuple[Effect, ...], p: ServingNumbers, by_input: bool = False) -> Num:
    """What a mean request pays beside the model [USD]; `by_input` alone what is part of the price of tokens."""
    return sum(share * one.used * one.price(p) for share, one in reached(effects) if one.by_input or not by_input)


def charges(effects: tuple[Effect, ...], p: ServingNumbers, requests: Num) -> list[Charge]:
    """The rows of a month with so many requests."""
    return [Charge(one.row, requests * share * one.used, one.unit, one.price(p)) for share, one in reached(effects)]


def _store(question: Question, given: Given) -> Effect:
    store = Effect("response cache, a month", "lookup", answers=given["share"], by_input=True)
    if "price" in given:
        return store._replace(usd=given["price"])
    return store._replace(usd_per_token=factor(question, "lookup_usd_per_mtok") / 1e6)


def _device(question: Question, given: Given) -> Effect:
    del question
    share = given["share"]
    return Effect("users' devices, a month", "request", share, share, given.get("price", 0.0), sent=False)


def _person(question: Question, given: Given) -> Effect:
    price = given["price"] if "price" in given else factor(question, "human_usd_per_case")
    return Effect("people, a month", "case", used=given["share"], usd=price, of_all=True)


# By the lever of the technique, in the order in which requests meet them.
BESIDE: dict[str, Callable[[Question, Given], Effect]] = {"response": _store, "edge": _device, "human": _person}
