"""Sliders where something was served before launch, however little: put together here as the script does, they answer alike."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from tests.conftest import Cli

MONTH = 365.25 / 12
QUANTILES = ("centre", "p5", "p95")
# a trace of requests before launch, which no page has forms for; training and serving that are given or rented by the hour: nothing is a staircase
LINEAR = (
    "crossover", "-m", "llama-3.1-8b", "--tokens", "1T", "--train-hardware", "h100-sxm", "--train-gpus", "64",
    "--mfu", "40%", "--price", "2/h", "--cost-per-request", "0.003", "--requests", "1M/day", "--samples", "300",
    "--served", "1e-6",
)  # fmt: skip
# a fleet of whole accelerators: its cost over traffic is a staircase
WHOLE = (
    "crossover", "--train-cost", "5M", "-m", "llama-3.1-70b", "-H", "h100-sxm", "--isl", "1000", "--osl", "200",
    "--requests", "10M/day", "--price", "2/h", "--samples", "300", "--served", "1e-6",
)  # fmt: skip
UNKNOWN = "unknown"


def page(cli: Cli, asked: tuple[str, ...]) -> dict[str, Any]:
    run = cli(*asked, "--format", "html")
    assert run.code == 0, run.err
    found: dict[str, Any] = json.loads(re.findall(r'id="live-data">(.*?)</script>', run.out, re.DOTALL)[0])
    return found


def served(day: float, growth: float) -> float:
    k = math.log1p(growth) / MONTH
    return day if k == 0.0 else math.expm1(k * day) / k


def day_of(level: float, growth: float) -> float:
    k = math.log1p(growth) / MONTH
    if k == 0.0:
        return level
    return math.log1p(k * level) / k if 1.0 + k * level > 0 else math.inf


def moved(data: dict[str, Any], free: dict[str, float], stop: tuple[str, float] | None = None) -> dict[str, Any]:
    """What the script says where its sliders stand: a day, None beyond the horizon, or that it does not know."""
    row, horizon, factor = data["base"], free.get("horizon", data["horizon"]), 1.0
    if stop is not None:
        slider = next(one for one in data["sliders"] if one["key"] == stop[0])
        assert not slider["alone"]
        row = next(one for one in slider["rows"] if one["value"] == pytest.approx(stop[1]))
    for slider in data["free"]:
        training, inference = slider["powers"]
        if slider["key"] in free and training != inference:
            factor *= (free[slider["key"]] / slider["value"]) ** (training - inference)
    growth = free.get("growth", row["growth"])
    found: dict[str, Any] = {}
    for q in QUANTILES:
        level = row["levels"][q]
        day = day_of((served(data["horizon"], row["growth"]) if level is None else level) * factor, growth)
        within = day <= horizon
        found[q] = (UNKNOWN if within else None) if level is None else day if within else None
    return found


def told(cli: Cli, asked: tuple[str, ...], *more: str) -> dict[str, Any]:
    answer = cli(*asked, *more, "--json").json
    of = answer["ranges"].get("crossover_days", {})
    return {"centre": answer["result"]["crossover_days"], "p5": of.get("p5"), "p95": of.get("p95")}


def replaced(asked: tuple[str, ...], **options: str) -> tuple[str, ...]:
    words = list(asked)
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    return tuple(words)


def agree(mine: dict[str, Any], command: dict[str, Any]) -> None:
    for q in QUANTILES:
        if mine[q] != UNKNOWN:
            assert mine[q] == (None if command[q] is None else pytest.approx(command[q], rel=1e-6)), (q, mine, command)


def test_sliders_that_keep_a_law_move_together(cli: Cli) -> None:
    data = page(cli, LINEAR)
    laws = {slider["key"]: tuple(slider["powers"]) for slider in data["free"]}
    # T = 6 N D price / (peak x MFU): the cost of training rises with tokens and price and falls with MFU
    assert laws == {
        "requests": (0, 1), "growth": (0, 0), "price": (1, 0), "mfu": (-1, 0), "tokens": (1, 0),
        "cost_per_request": (0, 1), "horizon": (0, 0),
    }  # fmt: skip
    at = {"requests": 2.5e6, "growth": 0.07, "price": 3.1, "mfu": 0.31, "tokens": 2.7e12}
    mine = moved(data, at)
    options = {"requests": "2.5M/day", "growth": "7%/mo", "price": "3.1/h", "mfu": "31%", "tokens": "2.7T"}
    agree(mine, told(cli, replaced(LINEAR, **options)))
    assert None not in mine.values()
    soon = moved(data, {"requests": 5e5, "horizon": 40.0})
    agree(soon, told(cli, replaced(LINEAR, requests="500k/day", horizon="40d")))
    assert soon["centre"] is None


def test_what_is_a_staircase_stops_where_the_engine_answered_and_laws_hold_there(cli: Cli) -> None:
    data = page(cli, WHOLE)
    assert [slider["key"] for slider in data["free"]] == ["price", "train_cost", "horizon"]
    stops = {slider["key"]: slider for slider in data["sliders"]}
    assert {"requests", "growth", "utilization"} <= set(stops)
    mine = moved(data, {"price": 1.7, "train_cost": 3.3e6}, ("requests", 4e7))
    agree(mine, told(cli, replaced(WHOLE, price="1.7/h", train_cost="3.3M", requests="40M/day")))
    assert UNKNOWN not in mine.values()
    if not stops["growth"]["alone"]:
        agree(moved(data, {"price": 1.7}, ("growth", 0.02)), told(cli, replaced(WHOLE, price="1.7/h", growth="2%/mo")))
    later = moved(data, {"train_cost": 5e7}, ("requests", 2.5e6))  # beyond the horizon
    agree(later, told(cli, replaced(WHOLE, train_cost="50M", requests="2500k/day")))
    assert later["centre"] is None


def test_the_end_of_a_range_beyond_the_horizon_is_not_guessed(cli: Cli) -> None:
    asked = replaced(LINEAR, cost_per_request="0.002..0.004", horizon="30d")
    data = page(cli, asked)
    assert data["base"]["levels"]["p95"] is None
    assert moved(data, {"tokens": 5e11})["p95"] == UNKNOWN  # half the training: sooner, and the page cannot know when
    assert moved(data, {"tokens": 2e12})["p95"] is None
