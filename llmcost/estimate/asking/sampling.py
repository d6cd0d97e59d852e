"""One model of a question, evaluated at its centre and over samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar, cast

import numpy as np

from llmcost.engine.numeric import spread as sp
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.asking import market
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.question import Question
from llmcost.records import NamedTuple
from llmcost.result import Range

SAMPLES, SEED = 10_000, 1
Numbers = TypeVar("Numbers")
Figures = TypeVar("Figures")


def settings(question: Question) -> tuple[int, int]:
    """How many samples, and their seed: said, or the defaults."""
    return int(question.stated("samples") or SAMPLES), int(question.stated("seed") or SEED)


@lru_cache(maxsize=128)
def _kept_draw(spread: Spread, name: str, samples: int, seed: int) -> Array:
    """Draws that many questions of one process share: defaults, prices, errors of the engines."""
    found = sp.draw(spread, name, samples, seed)
    found.setflags(write=False)
    return found


def central(numbers: Mapping[str, float | Spread]) -> dict[str, float]:
    """Every number at its median."""
    return {name: sp.median(value) for name, value in numbers.items()}


def draws(
    numbers: Mapping[str, float | Spread], samples: int, seed: int, streams: Mapping[str, str] | None = None
) -> dict[str, Num]:
    """Every number as samples where it is uncertain, as itself where it is not.

    `streams` renames the random stream of a number: two sides that share a price share its draws.
    """
    names = streams or {}
    draw = _kept_draw if samples <= SAMPLES else sp.draw
    return {
        name: draw(value, names.get(name, name), samples, seed) if isinstance(value, Spread) else float(value)
        for name, value in numbers.items()
    }


def uncertain(numbers: Mapping[str, float | Spread]) -> bool:
    """Whether anything in it is a spread."""
    return any(isinstance(value, Spread) for value in numbers.values())


def ranges(centre: Mapping[str, object], sampled: Mapping[str, object]) -> dict[str, Range]:
    """The 90 % interval of each figure that varies: the quantiles of its samples, around the answer at the centre.

    The centre is the answer with every input at its median, which is the median of any figure monotone in one
    combination of its inputs. Where the figure moves in steps, as whole replicas do, or is a sum, the median of the
    samples may be another; the interval then still holds what can happen, and the centre too.
    """
    found: dict[str, Range] = {}
    for name, values in sampled.items():
        at = centre.get(name)
        if not isinstance(values, np.ndarray) or values.ndim == 0 or not isinstance(at, float | int) or at == 0:
            continue
        p5, p95 = sp.quantiles(values, (0.05, 0.95))
        if p5 == p95 or not np.isfinite([p5, p95]).all():
            continue
        found[name] = Range(min(float(p5), float(at)), float(at), max(float(p95), float(at)))
    return found


class Spreads(NamedTuple):
    """Ranges by name, and those of what prices widen with the prices of the market at their medians."""

    whole: dict[str, Range]
    at_price: dict[str, Range]


def evaluate(model: Callable[[Numbers], Figures], question: Question) -> tuple[Figures, Spreads]:
    """A model at its centre, and the ranges its spreads give: the same code for a point and for samples."""
    numbers = question.numbers
    centre = model(cast(Numbers, central(numbers)))
    known = cast(Mapping[str, object], centre)
    samples, seed = settings(question)

    def drawn(some: Mapping[str, Number]) -> dict[str, Range]:
        if not uncertain(some):
            return {}
        return ranges(known, cast(Mapping[str, object], model(cast(Numbers, draws(some, samples, seed)))))

    return centre, apart(numbers, market.of(question), drawn)


def apart(
    numbers: Mapping[str, Number], prices: frozenset[str], drawn: Callable[[Mapping[str, Number]], dict[str, Range]]
) -> Spreads:
    """Ranges at the medians of these prices, and with them where that is another range."""
    held = market.held(numbers, prices)
    whole = drawn(numbers)
    if held == dict(numbers):
        return Spreads(whole, {})
    return spreads(drawn(held), whole)


def spreads(at_price: Mapping[str, Range], whole: dict[str, Range]) -> Spreads:
    """Two sets of ranges as one; a figure that nothing but prices moves has the range that they give alone."""
    return Spreads(whole, {name: of for name, of in at_price.items() if name in whole and _another(of, whole[name])})


def _another(a: Range, b: Range) -> bool:
    return any(
        x != y and (x is None or y is None or abs(x - y) > 1e-9 * abs(y)) for x, y in ((a.p5, b.p5), (a.p95, b.p95))
    )
