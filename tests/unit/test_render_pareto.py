"""Cost against speed: the same points in a terminal, in ASCII and in a file."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import api
from llmcost.render import Options
from llmcost.render.plot import plot
from llmcost.render.terminal import pareto
from llmcost.result import Estimate


def _estimate(rows: list[dict[str, Any]]) -> Estimate:
    return Estimate(command="compare", headline="x.", result={}, arrays={"front": rows})


def _row(name: str, speed: float, cost: float, efficient: bool) -> dict[str, Any]:
    return {"name": name, pareto.SPEED: speed, pareto.COST: cost, "efficient": efficient}


ROWS = [_row("a", 10.0, 1.0, True), _row("a", 100.0, 10.0, False), _row("b", 100.0, 5.0, True)]


def test_points_are_where_they_belong() -> None:
    """Axes from 10 to 100 tokens/s and from $1 to $10: cheap and slow at the lower left, dear and fast at the upper right."""
    lines = pareto.render(_estimate(ROWS), Options(width=80)).splitlines()
    body = [
        line.split("┤" if "┤" in line else "│", 1)[1] for line in lines[2 : 2 + pareto.HEIGHT]
    ]  # below two lines of title
    assert body[-1].startswith("A")
    assert body[0].endswith("a")
    row = next(i for i, line in enumerate(body) if line.endswith("B"))
    assert 0 < row < pareto.HEIGHT // 2  # 5 of 1..10 on a logarithmic axis: 70 % of the way up
    assert lines[-2:] == ["      A a", "      B b"]


@pytest.mark.parametrize("width", [30, 44, 60, 200])
def test_it_fits_or_is_left_out(width: int) -> None:
    text = pareto.render(_estimate(ROWS), Options(width=width, unicode=False))
    assert text.isascii()
    assert all(len(line) <= width for line in text.splitlines())
    assert bool(text) == (width >= pareto.NARROWEST)


def test_the_common_front_is_what_nothing_beats() -> None:
    answer = api.compare(
        model="llama-3.1-8b", isl=1000, osl=300, samples=100, vary={"hardware": ["h100-sxm", "a100-80gb-sxm", "mi300x"]}
    )
    rows = answer.arrays["front"]
    assert {row["name"] for row in rows} == {"h100-sxm", "a100-80gb-sxm", "mi300x"}
    for row in rows:
        beaten = any(
            o[pareto.COST] <= row[pareto.COST]
            and o[pareto.SPEED] >= row[pareto.SPEED]
            and (o[pareto.COST], o[pareto.SPEED]) != (row[pareto.COST], row[pareto.SPEED])
            for o in rows
        )
        assert row["efficient"] is not beaten
    drawn = plot(answer, ".svg")
    assert drawn == plot(answer, ".svg")
    assert drawn.startswith(b"<?xml")
