"""What a crossover says first agrees with its day and its chance."""

from __future__ import annotations

from typing import cast

import pytest

from llmcost.estimate.crossover.result import CrossoverResult
from llmcost.estimate.crossover.samples import Swing
from llmcost.estimate.crossover.sentence import ALREADY, BACK, CROSSES, NEVER, Facts, headline, most_sensitive
from llmcost.result import Range

OPEN = "It is open whether inference overtakes training in dollars within 10.0 y of launch"


def said(status: str, chance: float, days: float | None, at_launch: float | None = None) -> str:
    result = {
        "status": status, "probability_crossed": chance, "crossover_days": days, "crossover_date": None,
        "crossover_usd": None if days is None else 1e8,
    }  # fmt: skip
    late = None if chance < 0.95 else 900.0
    return headline(
        Facts(cast(CrossoverResult, result), Range(100.0, days, late), 3652.5, "dollars", False, "repeated", at_launch)
    )


@pytest.mark.parametrize(
    ("status", "chance", "days", "text"),
    [
        (CROSSES, 1.0, 300.0, "Inference overtakes training on day 300 (month 10) after launch, range 100 to 900, at $100M."),
        (CROSSES, 0.8, 300.0, "range 100 to beyond 3,652, at $100M; 80 % of samples do within 10.0 y."),
        (CROSSES, 0.52, 3500.0, f"{OPEN}: 52 % of samples do; with every input at its median it does on day 3,500"),
        (CROSSES, 0.3, 3500.0, "in only 30 % of samples; with every input at its median it does on day 3,500"),
        (BACK, 0.8, 300.0, "it falls behind again because training is repeated; 80 % of samples do"),
        (NEVER, 0.0, None, "Inference does not overtake training in dollars within 10.0 y of launch."),
        (NEVER, 0.002, None, "with every input at its median; under 1 % of samples do."),
        (NEVER, 0.48, None, f"{OPEN}: 48 % of samples do; with every input at its median it does not."),
        (NEVER, 0.52, None, f"{OPEN}: 52 % of samples do; with every input at its median it does not."),
        (NEVER, 0.7, None, "Inference overtakes training in dollars within 10.0 y of launch in 70 % of samples, but not"),
    ],
)  # fmt: skip
def test_the_sentence_agrees_with_the_chance(status: str, chance: float, days: float | None, text: str) -> None:
    assert text in said(status, chance, days)


def test_already_crossed_in_part_of_the_samples() -> None:
    assert said(ALREADY, 1.0, 0.0, 1.0) == "Inference has already overtaken training in dollars at launch."
    assert "68 % of samples have, 90 % do within 10.0 y." in said(ALREADY, 0.9, 0.0, 0.68)


def test_a_crossing_within_days_is_told_in_hours() -> None:
    assert said(CROSSES, 1.0, 0.5).startswith("Inference overtakes training 12.0 h after launch")


def test_what_hardly_moves_it_is_not_named() -> None:
    ends = {"a": (100.0, 200.0), "b": (None, 150.0), "c": (150.0, 151.0)}
    text = most_sensitive([Swing(name, 1e6, 2e6, "USD", "days", *days, 0.5) for name, days in ends.items()])
    assert text is not None
    assert "a $1.00M to $2.00M (day 100 to 200), b $1.00M to $2.00M (never to day 150)" in text
    assert "c $1.00M" not in text
