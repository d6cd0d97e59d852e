"""What techniques do beside the model: who answers in its place, and what is paid for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from llmcost.engine.numeric.kinds import Num
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.money.charge import Charge
from llmcost.estimate.serving.techniques.keys import factor
from llmcost.keys.techniques import TECHNIQUES, Beside
from llmcost.records import NamedTuple
from llmcost.technique import Said

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


def effects_of(question: Question, said: Iterable[Said]) -> tuple[Effect, ...]:
    """What some techniques do beside the model, in the order in which requests meet them: those of all come last."""
    values = {one.name: one.values for one in said}
    known = [t for t in TECHNIQUES.values() if t.name in values]
    found = [_effect(question, t.beside, values[t.name]) for t in known if t.beside is not None]
    return tuple(sorted(found, key=lambda effect: effect.of_all))


def _effect(question: Question, beside: Beside, given: Given) -> Effect:
    share, usd, per_token = given["share"], given.get("price", 0.0), 0.0
    if "price" not in given and beside.price:
        usual = factor(question, beside.price)
        usd, per_token = (0.0, usual / 1e6) if beside.first else (usual, 0.0)
    return Effect(
        beside.row, beside.unit, 0.0 if beside.of_all else share, 1.0 if beside.first else share, usd, per_token,
        by_input=beside.first, sent=beside.sent, of_all=beside.of_all,
    )  # fmt: skip
