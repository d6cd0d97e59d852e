"""CSV: rectangular, exact, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from llmcost.render import Options
from llmcost.render.csv import cell, render
from llmcost.result import Estimate
from tests.unit import render_sample as sample


def _rows(estimate: Estimate, options: Options | None = None) -> list[list[str]]:
    return list(csv.reader(io.StringIO(render(estimate, options or Options()))))


@pytest.mark.parametrize("name", ["train", "crossover", "compare", "hostile"])
def test_rectangular(name: str) -> None:
    rows = _rows(getattr(sample, name)(), Options(explain=True))
    assert len({len(row) for row in rows}) == 1


def test_values_with_their_ranges_and_origins() -> None:
    rows = _rows(sample.train(), Options(explain=True))
    assert rows[0] == ["section", "name", "value", "unit", "p5", "p50", "p95", "origin", "source"]
    assert ["result", "total_usd", "84200000", "USD", "68000000", "84200000", "104000000", "", ""] in rows
    assert ["result", "hfu", "", "share", "", "", "", "", ""] in rows
    assert ["input", "price", "2.5", "USD/h", "2", "2.5", "3.1", "default", "https://example.org/p"] in rows
    assert ["cost", "storage", "24000", "USD", "", "", "", "", ""] in rows
    assert ["rate", "storage", "0.02", "USD/GB-month", "", "", "", "", ""] in rows
    assert [row[1] for row in rows if row[0] == "step"] == ["training FLOPs"]


def test_the_main_array_is_the_table() -> None:
    rows = _rows(sample.compare())
    assert rows[0][:4] == ["name", "feasible", "ratio", "usd_per_month"]
    assert rows[1][:4] == ["h200-sxm", "true", "1", "410000"]
    assert len(rows) == 4
    curve = _rows(sample.crossover())
    assert curve[0] == [
        "day", "training_usd", "inference_usd", "training_p5_usd", "training_p95_usd", "inference_p5_usd",
        "inference_p95_usd",
    ]  # fmt: skip
    assert curve[1] == ["0", "150000000", "0", "120000000", "190000000", "0", "0"]
    assert len(curve) == 62


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "－1"])
def test_formulas_are_text(text: str) -> None:
    assert cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "text"), [(-2.5, "-2.5"), (-3, "-3"), (1e-7, "1e-07"), (3.8e25, "3.8e+25"), (0.0, "0")]
)
def test_negative_numbers_stay_numbers(value: float, text: str) -> None:
    assert cell(value) == text
    assert float(text) == value


def test_nested_values_fit_one_cell() -> None:
    assert cell([1, "=x"]) == "1; '=x"
    assert cell({"a": 1}) == "a: 1"
